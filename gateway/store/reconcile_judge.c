/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a bill against what our books know of it. Pure. The first contradiction is the one
 * that is told: what stands further down often follows from it. A bill is not evidence of money, so
 * nothing here moves anything.
 */
#include "gateway/store/reconciling.h"

#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

static const struct judgement FITS = {DISCREPANCY_TYPES, true};

static struct judgement lone(enum discrepancy_type type) {
    return (struct judgement){type, false};
}

static struct judgement but(enum discrepancy_type type) {
    return (struct judgement){type, true};
}

bool reconcile_fits_day(int64_t from_us, int64_t until_us, int64_t day_start_us) {
    return from_us - RECONCILE_EDGE_US < day_start_us + DAY_US &&
           until_us + RECONCILE_EDGE_US >= day_start_us;
}

/* Taken off a payment, given back with a refund, and never more than the amount. */
static bool fee_contradicts(const struct till_bill_line *line) {
    if (line->kind == TILL_BILL_REFUND)
        return line->fee < 0 || line->fee > -line->amount;
    return line->fee > 0 || -line->fee > line->amount;
}

/* Was the record found in another line before? The first one keeps it, in every run. */
static bool is_anothers(const struct judged_bill *bill, const struct till_bill_line *line,
                        const struct settled *settled) {
    return settled->revision_pk != 0 &&
           (settled->revision_pk != bill->revision_pk || settled->line != line->number);
}

/* Of a settled record that fits otherwise. */
static struct judgement judge_settled(const struct judged_bill *bill,
                                      const struct till_bill_line *line,
                                      const struct settled *settled) {
    if (is_anothers(bill, line, settled))
        return lone(DISCREPANCY_BILL_LINE_DOUBLED);
    if (fee_contradicts(line))
        return but(DISCREPANCY_BILL_FEE_CONTRADICTS);
    if (!reconcile_fits_day(settled->from_us, settled->until_us, bill->start_us))
        return but(DISCREPANCY_BILL_DAY_DIFFERS);
    return FITS;
}

static struct judgement judge_payment(const struct judged_bill *bill,
                                      const struct till_bill_line *line,
                                      const struct known *known) {
    bool has_ended = known->attempt_state == TILL_ATTEMPT_CLOSED ||
                     known->attempt_state == TILL_ATTEMPT_DECLINED;
    if (strcmp(known->currency, bill->currency) != 0)
        return but(DISCREPANCY_BILL_CURRENCY_DIFFERS);
    if (known->amount != line->amount)
        return but(DISCREPANCY_BILL_AMOUNT_DIFFERS);
    if (known->trade_no[0] && !till_str_is(line->trade_no, known->trade_no))
        return but(DISCREPANCY_BILL_TRADE_DIFFERS);
    if (known->settled.pk == 0)
        return lone(has_ended ? DISCREPANCY_BILL_PAID_ENDED : DISCREPANCY_BILL_PAID_UNSETTLED);
    return judge_settled(bill, line, &known->settled);
}

static struct judgement judge_refund(const struct judged_bill *bill,
                                     const struct till_bill_line *line, const struct known *known) {
    if (known->went_back)
        return known->amount == -line->amount ? judge_settled(bill, line, &known->settled)
                                              : lone(DISCREPANCY_BILL_REFUND_UNKNOWN);
    if (!known->has_refund)
        return lone(DISCREPANCY_BILL_REFUND_UNKNOWN);
    if (strcmp(known->refund_attempt_id, known->attempt_id) != 0 ||
        known->refund_amount != -line->amount)
        return but(DISCREPANCY_BILL_REFUND_DIFFERS);
    if (known->settled.pk != 0)
        return judge_settled(bill, line, &known->settled);
    return lone(known->refund_state == TILL_REFUND_FAILED ? DISCREPANCY_BILL_REFUND_ENDED
                                                          : DISCREPANCY_BILL_REFUND_UNSETTLED);
}

/* Other business: known is only a refund that came back to the seller later. */
static struct judgement judge_other(const struct judged_bill *bill,
                                    const struct till_bill_line *line, const struct known *known) {
    bool came_back = known->has_attempt && known->has_refund && line->amount > 0 &&
                     known->refund_amount == line->amount &&
                     strcmp(known->account_id, bill->account_id) == 0 &&
                     strcmp(known->refund_attempt_id, known->attempt_id) == 0;
    if (!came_back)
        return lone(DISCREPANCY_BILL_UNKNOWN_KIND);
    return lone(known->refund_state == TILL_REFUND_REVERSED ? DISCREPANCY_TYPES
                                                            : DISCREPANCY_BILL_REFUND_CAME_BACK);
}

struct judgement reconcile_judge(const struct judged_bill *bill, const struct till_bill_line *line,
                                 const struct known *known) {
    struct judgement judgement;
    if (line->kind != TILL_BILL_PAYMENT && line->kind != TILL_BILL_REFUND)
        return judge_other(bill, line, known);
    if (!known->has_attempt)
        return lone(DISCREPANCY_BILL_UNKNOWN_ORDER);
    if (strcmp(known->account_id, bill->account_id) != 0)
        return lone(DISCREPANCY_BILL_FOREIGN_ORDER);
    judgement = line->kind == TILL_BILL_PAYMENT ? judge_payment(bill, line, known)
                                                : judge_refund(bill, line, known);
    judgement.matches =
        judgement.matches && known->settled.pk != 0 && !is_anothers(bill, line, &known->settled);
    return judgement;
}
