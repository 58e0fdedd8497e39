/* SPDX-License-Identifier: Apache-2.0 */
/* The trading bill: 业务明细.csv, and 业务明细(汇总).csv by store. */
#include <sandbox/bill.h>

enum { STORES_MAX = 1000 };

#define HEADER                                                                                                                              \
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号," \
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"        \
    "商家优惠（元）,"                                                                                                                \
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/"                        \
    "请求号,服务费（元）,分润（元）,"                                                                                         \
    "备注"
#define SUMMARY_HEADER                                                                                                   \
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）," \
    "支付宝优惠（元）,"                                                                                          \
    "商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"

/* Business of another kind than payment and refund is in no total. */
static bool is_other(const struct bill_move *move) {
    return move->comes_back || (move->altered && move->altered->change == BILL_KIND);
}

/* A refund that failed later is such. */
static const char *word_of(const struct bill_move *move) {
    if (move->altered && move->altered->change == BILL_KIND)
        return move->altered->text;
    if (!move->refund)
        return "交易";
    return move->comes_back ? "退款冲退" : "退款";
}

/* The column's true text, unless this move is altered there. */
static struct till_str text_of(const struct bill_move *move, enum bill_change column,
                               struct till_str text) {
    bool is_altered = move->altered && move->altered->change == column;
    return is_altered ? till_str_of(move->altered->text) : text;
}

static void add_row(struct bill_table *table, const struct bill_move *move, int64_t amount) {
    const struct platform_trade *trade = move->trade;
    bill_cell_tab(table, text_of(move, BILL_TRADE_NO, till_str_of(trade->trade_no)));
    bill_cell_tab(table, text_of(move, BILL_ORDER_NO, trade->out_trade_no));
    bill_cell_tab(table, till_str_of(word_of(move)));
    bill_cell(table, trade->subject);
    bill_cell_time(table, trade->created_us);
    bill_cell_time(table, move->at_us);
    bill_cell_tab(table, trade->store_id);
    bill_cell_tab(table, trade->store_id);
    bill_cell_tab(table, TILL_STR_NONE); /* operator */
    bill_cell_tab(table, trade->terminal_id);
    bill_cell_tab(table, till_str_of(trade->buyer->logon_id));
    bill_cell_money(table, amount);
    bill_cell_money(table, amount);
    for (int i = 0; i < 5; i++)
        bill_cell_money(table, 0); /* discounts and coupons, which do not exist here */
    bill_cell(table, TILL_STR_NONE);
    bill_cell_tab(table, TILL_STR("0.00"));
    bill_cell_money(table, 0);
    bill_cell_tab(table, text_of(move, BILL_REFUND_NO,
                                 move->refund ? move->refund->request_no : TILL_STR_NONE));
    bill_cell_money(table, move->fee);
    bill_cell_money(table, 0);
    bill_cell(table, trade->body);
    bill_row_end(table);
}

/* Somebody else's payment among ours, well formed. */
static void add_foreign_row(struct bill_table *table, const struct bill_move *model) {
    struct platform_trade trade = *model->trade;
    memcpy(trade.trade_no, "2026010122009999999999999999", 29);
    trade.out_trade_no = TILL_STR("FOREIGN0000000000000000001");
    struct bill_move move = {.trade = &trade, .at_us = model->at_us};
    add_row(table, &move, 100);
}

struct sums {
    int64_t paid_count, paid, refunded_count, refunded;
};

static void count(struct sums *sums, const struct bill_move *move, int64_t amount) {
    if (is_other(move))
        return;
    sums->paid_count += !move->refund;
    sums->paid += move->refund ? 0 : amount;
    sums->refunded_count += move->refund != NULL;
    sums->refunded += move->refund ? amount : 0;
}

/* What the faults that lie consistently make of a move; false: it is left out. */
static bool alter(const struct bill *bill, size_t index, int64_t *ret_amount) {
    *ret_amount = bill->moves[index].amount;
    if (index != 0)
        return true;
    if (bill->on[FAULT_BILL_AMOUNT])
        *ret_amount += 1;
    return !bill->on[FAULT_BILL_MISSING_LINE];
}

bool bill_trade_text(const struct bill *bill, struct till_str *ret_text, struct till_error *err) {
    struct bill_table table;
    struct sums sums = {0};
    int64_t amount;
    bill_table_begin(&table, bill, "业务明细", "业务明细列表", HEADER);
    for (size_t i = 0; i < bill->count; i++) {
        if (!alter(bill, i, &amount))
            continue;
        add_row(&table, &bill->moves[i], amount);
        count(&sums, &bill->moves[i], amount);
    }
    if (bill->on[FAULT_BILL_FOREIGN_LINE] && bill->count) {
        add_foreign_row(&table, &bill->moves[0]);
        sums.paid_count++;
        sums.paid += 100;
    }
    bill_list_end(&table, "业务明细列表");
    bill_total(&table, "交易合计", sums.paid_count, "商家实收", sums.paid, "商家优惠", 0);
    bill_total(&table, "退款合计", sums.refunded_count, "商家实收退款", sums.refunded,
               "商家优惠退款", 0);
    return bill_table_end(&table, ret_text, err);
}

/* ---- by store ---- */

struct store_sums {
    struct till_str id;
    struct sums sums;
    int64_t fee;
};

static void add_store_row(struct bill_table *table, const struct store_sums *store) {
    const struct sums *sums = &store->sums;
    int64_t net = sums->paid + sums->refunded;
    struct till_str counts[2];
    struct till_error err;
    if (!till_arena_format(table->bill->arena, &counts[0], &err, "%lld",
                           (long long)sums->paid_count) ||
        !till_arena_format(table->bill->arena, &counts[1], &err, "%lld",
                           (long long)sums->refunded_count))
        return;
    bill_cell_tab(table, store->id);
    bill_cell_tab(table, till_str_is(store->id, "合计") ? TILL_STR_NONE : store->id);
    bill_cell(table, counts[0]);
    bill_cell(table, counts[1]);
    bill_cell_money(table, net);
    bill_cell_money(table, net);
    bill_cell_money(table, 0);
    bill_cell_money(table, 0);
    bill_cell_money(table, 0);
    bill_cell_money(table, store->fee);
    bill_cell_money(table, 0);
    bill_cell_money(table, net + store->fee);
    bill_row_end(table);
}

static struct store_sums *find_store(struct store_sums *stores, size_t *count, struct till_str id) {
    for (size_t i = 0; i < *count; i++)
        if (till_str_equal(stores[i].id, id))
            return &stores[i];
    if (*count == STORES_MAX)
        return &stores[STORES_MAX - 1];
    stores[*count].id = id;
    return &stores[(*count)++];
}

static void add_sums(struct store_sums *to, const struct bill_move *move, int64_t amount) {
    if (is_other(move))
        return;
    count(&to->sums, move, amount);
    to->fee += move->fee;
}

bool bill_trade_summary_text(const struct bill *bill, struct till_str *ret_text,
                             struct till_error *err) {
    struct bill_table table;
    struct store_sums all = {.id = TILL_STR("合计")};
    struct store_sums *stores = till_arena_array(bill->arena, STORES_MAX, sizeof *stores);
    size_t store_count = 0;
    int64_t amount;
    if (!stores)
        return till_arena_refuse(bill->arena, err);
    for (size_t i = 0; i < bill->count; i++) {
        if (!alter(bill, i, &amount))
            continue;
        add_sums(find_store(stores, &store_count, bill->moves[i].trade->store_id), &bill->moves[i],
                 amount);
        add_sums(&all, &bill->moves[i], amount);
    }
    if (bill->on[FAULT_BILL_FOREIGN_LINE] && bill->count) {
        struct bill_move foreign = {.amount = 100};
        add_sums(find_store(stores, &store_count, bill->moves[0].trade->store_id), &foreign, 100);
        add_sums(&all, &foreign, 100);
    }
    bill_table_begin(&table, bill, "业务汇总", "业务汇总列表", SUMMARY_HEADER);
    for (size_t i = 0; i < store_count; i++)
        add_store_row(&table, &stores[i]);
    add_store_row(&table, &all);
    bill_list_end(&table, "业务汇总列表");
    return bill_table_end(&table, ret_text, err);
}
