/* SPDX-License-Identifier: Apache-2.0 */
/* The four files as tables, and a row by the header's names (dossier 5.10). */
#include "lib/channel/alipay/bill.h"

#include <stddef.h>

#include <till/time.h>

#define AT(field) offsetof(struct till_bill_line, field)
#define NEEDED(name, cell, field)                                                                  \
    { (name), CELL_##cell, true, AT(field) }
#define WANTED(name, cell, field)                                                                  \
    { (name), CELL_##cell, false, AT(field) }
#define KNOWN(name)                                                                                \
    { (name), CELL_IGNORED, false, 0 }
/* Spent money stands in a column of its own; it joins the amount with a minus. */
#define EXPENSE_PLACE SIZE_MAX

static const struct bill_column trade[] = {
    NEEDED("支付宝交易号", TEXT, trade_no),
    NEEDED("商户订单号", TEXT, upstream_no),
    NEEDED("业务类型", TEXT, business_type),
    WANTED("商品名称", TEXT, subject),
    WANTED("创建时间", TIME, created_us),
    NEEDED("完成时间", TIME, finished_us),
    WANTED("门店编号", TEXT, store_id),
    KNOWN("门店名称"),
    KNOWN("操作员"),
    KNOWN("终端号"),
    WANTED("对方账户", TEXT, counterparty),
    NEEDED("订单金额（元）", MONEY, amount),
    NEEDED("商家实收（元）", MONEY, received),
    KNOWN("支付宝红包（元）"),
    KNOWN("集分宝（元）"),
    KNOWN("支付宝优惠（元）"),
    WANTED("商家优惠（元）", MONEY, discount),
    KNOWN("券核销金额（元）"),
    KNOWN("券名称"),
    KNOWN("商家红包消费金额（元）"),
    KNOWN("卡消费金额（元）"),
    NEEDED("退款批次号/请求号", TEXT, refund_no),
    NEEDED("服务费（元）", MONEY, fee),
    KNOWN("分润（元）"),
    WANTED("备注", TEXT, remark),
    {.name = NULL},
};

static const struct bill_column trade_summary[] = {
    NEEDED("门店编号", TEXT, store_id),
    KNOWN("门店名称"),
    NEEDED("交易订单总笔数", COUNT, payments),
    NEEDED("退款订单总笔数", COUNT, refunds),
    NEEDED("订单金额（元）", MONEY, amount),
    NEEDED("商家实收（元）", MONEY, received),
    KNOWN("支付宝优惠（元）"),
    WANTED("商家优惠（元）", MONEY, discount),
    KNOWN("卡消费金额（元）"),
    NEEDED("服务费（元）", MONEY, fee),
    KNOWN("分润（元）"),
    KNOWN("实收净额（元）"),
    {.name = NULL},
};

static const struct bill_column account[] = {
    NEEDED("账务流水号", TEXT, flow_no),
    NEEDED("业务流水号", TEXT, trade_no),
    NEEDED("商户订单号", TEXT, upstream_no),
    WANTED("商品名称", TEXT, subject),
    NEEDED("发生时间", TIME, finished_us),
    WANTED("对方账号", TEXT, counterparty),
    NEEDED("收入金额（+元）", MONEY, amount),
    {"支出金额（-元）", CELL_MONEY, true, EXPENSE_PLACE},
    NEEDED("账户余额（元）", MONEY, balance),
    KNOWN("交易渠道"),
    NEEDED("业务类型", TEXT, business_type),
    WANTED("备注", TEXT, remark),
    KNOWN("业务描述"),
    KNOWN("业务账单来源"),
    KNOWN("业务基础订单号"),
    KNOWN("业务订单号"),
    {.name = NULL},
};

static const struct bill_column account_summary[] = {
    NEEDED("类型", TEXT, store_id),
    {.name = NULL},
};

static const struct bill_shape shapes[BILL_FILES] = {
    [BILL_TRADE] = {"支付宝业务明细查询", trade, false, false},
    [BILL_TRADE_SUMMARY] = {"支付宝业务汇总查询", trade_summary, true, false},
    [BILL_ACCOUNT] = {"支付宝账务明细查询", account, false, false},
    [BILL_ACCOUNT_SUMMARY] = {"支付宝账务汇总查询", account_summary, true, true},
};

const struct bill_shape *bill_shape_of(enum bill_file file) {
    return &shapes[file];
}

/* ---- cells ---- */

/* Up to the quote that ends the cell; "" within stands for one quote. */
static bool take_quoted(struct till_str *rest, struct till_arena *arena, struct till_str *ret_cell,
                        struct till_error *err) {
    struct till_buf buf;
    size_t at = 1;
    till_buf_init(&buf, arena);
    for (; at < rest->len; at++) {
        if (rest->ptr[at] != '"')
            till_buf_char(&buf, rest->ptr[at]);
        else if (at + 1 < rest->len && rest->ptr[at + 1] == '"')
            till_buf_char(&buf, rest->ptr[at++]);
        else
            break;
    }
    if (at == rest->len)
        return TILL_FAIL(err, BILL_INVALID, "A quoted cell does not end.");
    struct till_str tail = till_str_sub(*rest, at + 1, rest->len);
    size_t comma = till_str_find(tail, ',');
    if (till_str_trim(till_str_sub(tail, 0, comma)).len)
        return TILL_FAIL(err, BILL_INVALID, "Something stands behind a quoted cell.");
    *rest = comma == tail.len ? (struct till_str){NULL, 0} : till_str_sub(tail, comma, tail.len);
    return till_buf_finish(&buf, ret_cell, err);
}

/* `rest` is empty behind the last cell and begins with ',' behind any other. */
bool bill_cell_take(struct till_str *rest, struct till_arena *arena, struct till_str *ret_cell,
                    bool *ret_failed, struct till_error *err) {
    *ret_failed = false;
    if (!rest->ptr)
        return false;
    if (rest->len && rest->ptr[0] == '"') {
        *ret_failed = !take_quoted(rest, arena, ret_cell, err);
    } else {
        size_t comma = till_str_find(*rest, ',');
        *ret_cell = till_str_sub(*rest, 0, comma);
        *rest =
            comma == rest->len ? (struct till_str){NULL, 0} : till_str_sub(*rest, comma, rest->len);
    }
    if (rest->ptr)
        *rest = (struct till_str){rest->ptr + 1, rest->len - 1};
    if (!*ret_failed)
        *ret_cell = till_str_trim(*ret_cell);
    return !*ret_failed;
}

/* ---- header ---- */

static const struct bill_column *find_column(const struct bill_shape *shape, struct till_str name) {
    for (const struct bill_column *column = shape->columns; column->name; column++)
        if (till_str_is(name, column->name))
            return column;
    return NULL;
}

static bool has_column(const struct bill_header *header, const struct bill_column *column) {
    for (size_t i = 0; i < header->count; i++)
        if (header->columns[i] == column)
            return true;
    return false;
}

static bool check_needed(const struct bill_shape *shape, const struct bill_header *header,
                         struct till_error *err) {
    for (const struct bill_column *column = shape->columns; column->name; column++)
        if (column->is_needed && !has_column(header, column))
            return TILL_FAIL(err, BILL_INVALID, "The header has no column %s.", column->name);
    return true;
}

bool bill_header_read(const struct bill_shape *shape, struct till_str text,
                      struct till_arena *arena, struct bill_header *ret, struct till_error *err) {
    struct bill_header header = {.count = 0};
    struct till_str cell = TILL_STR_NONE;
    bool failed;
    while (bill_cell_take(&text, arena, &cell, &failed, err)) {
        const struct bill_column *column = find_column(shape, cell);
        if (header.count == TILL_BILL_COLUMNS_MAX)
            return TILL_FAIL(err, BILL_INVALID, "The header has more than %d columns.",
                             TILL_BILL_COLUMNS_MAX);
        if (column && has_column(&header, column))
            return TILL_FAIL(err, BILL_INVALID, "The column %s stands twice in the header.",
                             column->name);
        header.unknown += !column && !shape->takes_any_column;
        header.columns[header.count++] = column;
    }
    if (failed || !check_needed(shape, &header, err))
        return false;
    *ret = header;
    return true;
}

/* ---- rows ---- */

bool bill_money_read(struct till_str text, int64_t *ret_minor, struct till_error *err) {
    struct till_money money = {0};
    bool is_negative = text.len && text.ptr[0] == '-';
    bool is_signed = is_negative || (text.len && text.ptr[0] == '+');
    if (text.len &&
        !till_money_parse(till_str_sub(text, is_signed, text.len), TILL_STR("CNY"), &money, err))
        return false;
    *ret_minor = is_negative ? -money.minor : money.minor;
    return true;
}

/* The only column without a place of its own. */
static void spend(struct till_bill_line *line, int64_t minor) {
    if (minor)
        line->amount = minor > 0 ? -minor : minor;
}

static bool put_cell(const struct bill_column *column, struct till_str cell,
                     struct till_bill_line *line, struct till_error *err) {
    char *place = (char *)line + (column->place == EXPENSE_PLACE ? 0 : column->place);
    unsigned long long count = 0;
    int64_t number = 0;
    bool good = true;
    if (column->cell == CELL_TEXT)
        memcpy(place, &cell, sizeof cell);
    else if (column->cell == CELL_TIME)
        good = cell.len == 0 || till_time_parse_beijing(cell, &number, err);
    else if (column->cell == CELL_MONEY)
        good = bill_money_read(cell, &number, err);
    else if ((good = till_str_to_u64(cell, TILL_BILL_LINES_MAX, &count)))
        number = (int64_t)count;
    if (!good)
        return TILL_FAIL(err, BILL_INVALID, "The cell of %s cannot be read.", column->name);
    if (column->place == EXPENSE_PLACE)
        spend(line, number);
    else if (column->cell != CELL_TEXT)
        memcpy(place, &number, sizeof number);
    return true;
}

/* Income first, so that spent money can take the same place. */
static bool put_cells(const struct bill_header *header, struct till_str text,
                      struct till_arena *arena, struct till_bill_line *line,
                      struct till_error *err) {
    struct till_str cells[TILL_BILL_COLUMNS_MAX], cell = TILL_STR_NONE;
    size_t count = 0;
    bool failed;
    while (bill_cell_take(&text, arena, &cell, &failed, err)) {
        if (count == header->count)
            return TILL_FAIL(err, BILL_INVALID, "It has more cells than the header.");
        cells[count++] = cell;
    }
    if (failed)
        return false;
    if (count < header->count)
        return TILL_FAIL(err, BILL_INVALID, "It has %zu cells where the header has %zu.", count,
                         header->count);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            const struct bill_column *column = header->columns[i];
            if (column && column->cell != CELL_IGNORED &&
                (column->place == EXPENSE_PLACE) == (pass == 1) &&
                !put_cell(column, cells[i], line, err))
                return false;
        }
    }
    return true;
}

static bool name_trade(struct till_bill_line *line, struct till_error *err) {
    line->kind = TILL_BILL_OTHER;
    if (till_str_is(line->business_type, "交易"))
        line->kind = TILL_BILL_PAYMENT;
    if (till_str_is(line->business_type, "退款"))
        line->kind = TILL_BILL_REFUND;
    bool is_refund = line->kind == TILL_BILL_REFUND;
    if (line->kind == TILL_BILL_PAYMENT && line->amount < 0)
        return TILL_FAIL(err, BILL_INVALID, "A payment has a negative amount.");
    if (is_refund && line->amount > 0)
        return TILL_FAIL(err, BILL_INVALID, "A refund has a positive amount.");
    if (is_refund && line->refund_no.len == 0)
        return TILL_FAIL(err, BILL_INVALID, "A refund has no request number.");
    if (line->trade_no.len == 0 || line->finished_us == 0)
        return TILL_FAIL(err, BILL_INVALID, "The trade number or the time is empty.");
    return true;
}

static bool name_movement(struct till_bill_line *line, struct till_error *err) {
    line->kind = line->amount < 0 ? TILL_BILL_EXPENSE : TILL_BILL_INCOME;
    line->received = line->amount;
    if (line->flow_no.len == 0 || line->finished_us == 0)
        return TILL_FAIL(err, BILL_INVALID, "The flow number or the time is empty.");
    return true;
}

bool bill_row_read(enum bill_file file, const struct bill_header *header, struct till_str text,
                   struct till_arena *arena, struct till_bill_line *ret, struct till_error *err) {
    struct till_bill_line line = {.kind = TILL_BILL_OTHER};
    if (!put_cells(header, text, arena, &line, err))
        return false;
    if (file == BILL_TRADE && !name_trade(&line, err))
        return false;
    if (file == BILL_ACCOUNT && !name_movement(&line, err))
        return false;
    *ret = line;
    return true;
}
