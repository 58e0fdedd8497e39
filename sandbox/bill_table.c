/* SPDX-License-Identifier: Apache-2.0 */
/* Cells into the platform's lines; what the faults of bills do to columns and sums. */
#include <sandbox/bill.h>

/* The platform's lines of dashes are not symmetric (dossier 5.10). */
#define DASHES "-----------------------------------------"
#define DASHES_BEGIN "----------------------------------------"
#define DASHES_END "------------------------------------"

/* "2026年11月22日 00:00:00" */
static struct till_str long_time(const struct bill *bill, int64_t us) {
    struct till_str time = platform_time_text(bill->arena, us), text = TILL_STR_NONE;
    struct till_error err;
    if (time.len != 19 || !till_arena_format(bill->arena, &text, &err, "%.4s年%.2s月%.2s日 %.8s",
                                             time.ptr, time.ptr + 5, time.ptr + 8, time.ptr + 11))
        return TILL_STR_NONE;
    return text;
}

struct till_str bill_money(const struct bill *bill, int64_t minor) {
    struct till_str text = TILL_STR_NONE,
                    size = platform_money_text(bill->arena, minor < 0 ? -minor : minor);
    struct till_error err;
    if (minor >= 0 || !till_arena_format(bill->arena, &text, &err, "-%.*s", TILL_STR_ARG(size)))
        return size;
    return text;
}

/* A name that no column has; its place is in the middle, where it hurts most. */
static void add_new_column(struct bill_table *table) {
    size_t at = table->count / 2;
    if (!table->bill->on[FAULT_BILL_NEW_COLUMN] || table->count == BILL_COLUMNS)
        return;
    for (size_t i = table->count++; i > at; i--)
        table->cells[i] = table->cells[i - 1];
    table->cells[at] = table->is_header ? TILL_STR("本月新增（元）") : TILL_STR("0.00");
}

void bill_row_end(struct bill_table *table) {
    add_new_column(table);
    for (size_t i = 0; i < table->count; i++) {
        bool is_backwards = table->bill->on[FAULT_BILL_REORDERED];
        if (i)
            till_buf_char(&table->buf, ',');
        till_buf_add(&table->buf, table->cells[is_backwards ? table->count - 1 - i : i]);
    }
    till_buf_text(&table->buf, "\r\n");
    table->count = 0;
    table->is_header = false;
}

/* Line ends become blanks, a comma or quote makes the cell a quoted one. */
void bill_cell(struct bill_table *table, struct till_str text) {
    struct till_buf buf;
    struct till_error err;
    bool is_quoted = till_str_find(text, ',') < text.len || till_str_find(text, '"') < text.len;
    if (table->count == BILL_COLUMNS)
        return;
    till_buf_init(&buf, table->bill->arena);
    if (is_quoted)
        till_buf_char(&buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            till_buf_char(&buf, '"');
        till_buf_char(&buf, (unsigned char)c < 0x20 ? ' ' : c);
    }
    if (is_quoted)
        till_buf_char(&buf, '"');
    if (!till_buf_finish(&buf, &table->cells[table->count++], &err))
        table->buf.failed = true;
}

void bill_cell_tab(struct bill_table *table, struct till_str text) {
    struct till_error err;
    size_t at = table->count;
    bill_cell(table, text);
    if (table->count > at && !till_arena_format(table->bill->arena, &table->cells[at], &err,
                                                "%.*s\t", TILL_STR_ARG(table->cells[at])))
        table->buf.failed = true;
}

void bill_cell_money(struct bill_table *table, int64_t minor) {
    bill_cell(table, bill_money(table->bill, minor));
}

void bill_cell_time(struct bill_table *table, int64_t us) {
    bill_cell(table, platform_time_text(table->bill->arena, us));
}

static void add_header(struct bill_table *table, const char *header) {
    struct till_str rest = till_str_of(header);
    table->is_header = true;
    while (rest.len) {
        size_t comma = till_str_find(rest, ',');
        bill_cell(table, till_str_sub(rest, 0, comma));
        rest = till_str_sub(rest, comma + 1, rest.len);
    }
    bill_row_end(table);
}

void bill_table_begin(struct bill_table *table, const struct bill *bill, const char *what,
                      const char *list, const char *header) {
    struct till_str from = long_time(bill, bill->from_us);
    struct till_str to = long_time(bill, bill->from_us + PLATFORM_DAY_US);
    const char *account =
        bill->on[FAULT_BILL_OTHER_ACCOUNT] ? "2088999999999999" : bill->seller->id;
    *table = (struct bill_table){.bill = bill};
    till_buf_init(&table->buf, bill->arena);
    till_buf_format(&table->buf, "#支付宝%s查询\r\n#账号：[%s0156]\r\n", what, account);
    till_buf_format(&table->buf,
                    "#起始日期：[%.*s]   终止日期：[%.*s]\r\n#" DASHES "%s" DASHES_BEGIN "\r\n",
                    TILL_STR_ARG(from), TILL_STR_ARG(to), list);
    add_header(table, header);
}

void bill_list_end(struct bill_table *table, const char *list) {
    till_buf_format(&table->buf, "#" DASHES "%s结束" DASHES_END "\r\n", list);
}

void bill_total(struct bill_table *table, const char *label, int64_t count, const char *first,
                int64_t amount, const char *second, int64_t discount) {
    int64_t wrong = table->bill->on[FAULT_BILL_SUMS] ? 1 : 0;
    struct till_str sum = bill_money(table->bill, amount + wrong);
    till_buf_format(&table->buf, "#%s：%lld笔，%s共%.*s元", label, (long long)count, first,
                    TILL_STR_ARG(sum));
    if (second) {
        sum = bill_money(table->bill, discount);
        till_buf_format(&table->buf, "，%s共%.*s元", second, TILL_STR_ARG(sum));
    }
    till_buf_text(&table->buf, "\r\n");
}

bool bill_table_end(struct bill_table *table, struct till_str *ret_text, struct till_error *err) {
    struct till_str now =
        long_time(table->bill, table->bill->from_us + PLATFORM_DAY_US + BILL_EXPORTED_US);
    till_buf_format(&table->buf, "#导出时间：[%.*s]\r\n", TILL_STR_ARG(now));
    return till_buf_finish(&table->buf, ret_text, err);
}
