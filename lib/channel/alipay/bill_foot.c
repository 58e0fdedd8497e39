/* SPDX-License-Identifier: Apache-2.0 */
/* Totals: what the lines gave, and what the file says of itself. Exact, or the file is refused. */
#include "lib/channel/alipay/bill.h"

static bool add(int64_t *sum, int64_t value, struct till_error *err) {
    if (__builtin_add_overflow(*sum, value, sum))
        return TILL_FAIL(err, BILL_INVALID, "A sum is out of range.");
    return true;
}

static bool add_line(struct till_bill_sum *sum, int64_t amount, int64_t discount,
                     struct till_error *err) {
    sum->count++;
    return add(&sum->amount, amount, err) && add(&sum->discount, discount, err);
}

bool bill_totals_add(struct till_bill_totals *totals, const struct till_bill_line *line,
                     struct till_error *err) {
    totals->lines++;
    if (!add(&totals->fees, line->fee, err))
        return false;
    switch (line->kind) {
    case TILL_BILL_PAYMENT:
        return add_line(&totals->in, line->received, line->discount, err);
    case TILL_BILL_REFUND:
        return add_line(&totals->out, line->received, line->discount, err);
    case TILL_BILL_INCOME:
        return line->amount == 0 || add_line(&totals->in, line->amount, 0, err);
    case TILL_BILL_EXPENSE:
        return add_line(&totals->out, line->amount, 0, err);
    default: /* a store of a summary, or business that no total counts */
        totals->in.count += line->payments;
        totals->out.count += line->refunds;
        return line->payments + line->refunds == 0 || add(&totals->in.amount, line->received, err);
    }
}

/* The number that stands between two words; moves behind the second. */
static bool take_between(struct till_str *text, const char *before, const char *after,
                         struct till_str *ret_number) {
    struct till_str first = till_str_of(before), second = till_str_of(after);
    size_t from = 0, to;
    while (from + first.len <= text->len &&
           !till_str_equal(till_str_sub(*text, from, first.len), first))
        from++;
    from += first.len;
    for (to = from; to + second.len <= text->len; to++) {
        if (!till_str_equal(till_str_sub(*text, to, second.len), second))
            continue;
        *ret_number = till_str_sub(*text, from, to - from);
        *text = till_str_sub(*text, to + second.len, text->len);
        return true;
    }
    return false;
}

/* Some totals carry the sign and some do not; the word before them says which way it went. */
static bool is_sum(struct till_str *text, int64_t wanted) {
    struct till_str number;
    struct till_error ignored;
    int64_t minor;
    return take_between(text, "共", "元", &number) && bill_money_read(number, &minor, &ignored) &&
           (minor == wanted || -minor == wanted);
}

/* "#交易合计：6笔，商家实收共0.06元，商家优惠共0.00元"; the second sum is not everywhere. */
bool bill_foot_check(struct till_str text, const struct till_bill_sum *sum,
                     struct till_error *err) {
    struct till_str number;
    unsigned long long count;
    if (!take_between(&text, "：", "笔", &number) ||
        !till_str_to_u64(number, TILL_BILL_LINES_MAX, &count))
        return TILL_FAIL(err, BILL_INVALID, "A total cannot be read.");
    if ((int64_t)count != sum->count)
        return TILL_FAIL(err, BILL_INVALID, "A total counts %llu where there are %lld lines.",
                         count, (long long)sum->count);
    if (!is_sum(&text, sum->amount) || (text.len && !is_sum(&text, sum->discount)))
        return TILL_FAIL(err, BILL_INVALID, "A total is not the sum of its lines.");
    return true;
}

bool bill_summary_check(const struct till_bill_totals *totals, const struct till_bill_line *line,
                        struct till_error *err) {
    if (line->payments != totals->in.count || line->refunds != totals->out.count ||
        line->received != totals->in.amount || line->fee != totals->fees)
        return TILL_FAIL(err, BILL_INVALID, "The last row is not the sum of the others.");
    return true;
}
