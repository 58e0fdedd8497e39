/* SPDX-License-Identifier: Apache-2.0 */
/* The account's ledger: 账务明细.csv with its running balance, fees as lines of their own. */
#include <sandbox/bill.h>

#define HEADER                                                                                                                              \
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）," \
    "账户余额（元）,"                                                                                                                \
    "交易渠道,业务类型,备注,业务描述,业务账单来源,业务基础订单号,业务订单号"
#define SUMMARY_HEADER "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）"

enum word { PAID, REFUNDED, TAKEN, GIVEN_BACK, CAME_BACK, WORDS };
static const char *const words[WORDS] = {[PAID] = "在线支付",
                                         [REFUNDED] = "交易退款",
                                         [TAKEN] = "收费",
                                         [GIVEN_BACK] = "退费",
                                         [CAME_BACK] = "退款冲退"};

struct sum {
    int64_t in_count, in, out_count, out;
};

static void count(struct sum *sum, int64_t minor) {
    sum->in_count += minor > 0;
    sum->in += minor > 0 ? minor : 0;
    sum->out_count += minor < 0;
    sum->out += minor < 0 ? minor : 0;
}

struct ledger {
    struct bill_table *table; /* NULL: sums only */
    int64_t balance, serial;
    struct sum all, of[WORDS];
};

static void write_line(struct ledger *ledger, const struct bill_move *move, enum word word,
                       int64_t minor) {
    struct bill_table *table = ledger->table;
    struct till_str flow_no = TILL_STR_NONE;
    struct till_error err;
    if (!till_arena_format(table->bill->arena, &flow_no, &err, "%.8s%04d%.12s%04lld",
                           move->trade->trade_no, (int)word, move->trade->trade_no + 16,
                           (long long)ledger->serial % 10000))
        table->buf.failed = true;
    bill_cell_tab(table, flow_no);
    bill_cell_tab(table, till_str_of(move->trade->trade_no));
    bill_cell_tab(table, move->trade->out_trade_no);
    bill_cell(table, move->trade->subject);
    bill_cell_time(table, move->at_us);
    bill_cell_tab(table, till_str_of(move->trade->buyer->logon_id));
    bill_cell_money(table, minor > 0 ? minor : 0);
    bill_cell_money(table, minor < 0 ? minor : 0);
    bill_cell_money(table, ledger->balance);
    bill_cell_tab(table, TILL_STR("支付宝"));
    bill_cell_tab(table, till_str_of(words[word]));
    bill_cell_tab(table, move->refund ? move->refund->reason : TILL_STR_NONE);
    for (int i = 0; i < 4; i++)
        bill_cell_tab(table, TILL_STR_NONE);
    bill_row_end(table);
}

static void post(struct ledger *ledger, const struct bill_move *move, enum word word,
                 int64_t minor) {
    if (minor == 0)
        return;
    ledger->serial++;
    ledger->balance += minor;
    count(&ledger->all, minor);
    count(&ledger->of[word], minor);
    if (ledger->table)
        write_line(ledger, move, word, minor);
}

static void post_all(struct ledger *ledger, const struct bill *bill) {
    ledger->balance = bill->opening_minor;
    for (size_t i = 0; i < bill->count; i++) {
        const struct bill_move *move = &bill->moves[i];
        enum word word = !move->refund ? PAID : move->comes_back ? CAME_BACK : REFUNDED;
        if (i == 0 && bill->on[FAULT_BILL_MISSING_LINE])
            continue;
        post(ledger, move, word, move->amount + (i == 0 && bill->on[FAULT_BILL_AMOUNT]));
        post(ledger, move, move->fee < 0 ? TAKEN : GIVEN_BACK, move->fee);
    }
}

bool bill_account_text(const struct bill *bill, struct till_str *ret_text, struct till_error *err) {
    struct bill_table table;
    struct ledger ledger = {.table = &table};
    bill_table_begin(&table, bill, "账务明细", "账务明细列表", HEADER);
    post_all(&ledger, bill);
    bill_list_end(&table, "账务明细列表");
    bill_total(&table, "支出合计", ledger.all.out_count, "", ledger.all.out, NULL, 0);
    bill_total(&table, "收入合计", ledger.all.in_count, "", ledger.all.in, NULL, 0);
    return bill_table_end(&table, ret_text, err);
}

static void add_row(struct bill_table *table, const char *word, const struct sum *sum) {
    struct till_str counts[2];
    struct till_error err;
    if (!till_arena_format(table->bill->arena, &counts[0], &err, "%lld",
                           (long long)sum->in_count) ||
        !till_arena_format(table->bill->arena, &counts[1], &err, "%lld", (long long)sum->out_count))
        return;
    bill_cell_tab(table, till_str_of(word));
    bill_cell(table, counts[0]);
    bill_cell_money(table, sum->in);
    bill_cell(table, counts[1]);
    bill_cell_money(table, sum->out);
    bill_row_end(table);
}

bool bill_account_summary_text(const struct bill *bill, struct till_str *ret_text,
                               struct till_error *err) {
    struct bill_table table;
    struct ledger ledger = {.table = NULL};
    post_all(&ledger, bill);
    bill_table_begin(&table, bill, "账务汇总", "账务汇总列表", SUMMARY_HEADER);
    for (int word = 0; word < WORDS; word++)
        if (ledger.of[word].in_count + ledger.of[word].out_count > 0)
            add_row(&table, words[word], &ledger.of[word]);
    add_row(&table, "合计", &ledger.all);
    bill_list_end(&table, "账务汇总列表");
    return bill_table_end(&table, ret_text, err);
}
