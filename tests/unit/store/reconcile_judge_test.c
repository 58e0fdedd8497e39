/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of one line of a bill beside what the books know of it. */
#include "bill_sheet.h"

#include <gateway/store/reconciling.h>

static const struct judged_bill BILL = {"acc_1", "CNY", 7, T0 - 8 * INT64_C(3600000000)};

static struct known known_paid(void) {
    return (struct known){.has_attempt = true,
                          .attempt_id = "att_1",
                          .payment_id = "pay_1",
                          .account_id = "acc_1",
                          .amount = 990,
                          .received = 990,
                          .currency = "CNY",
                          .trade_no = TRADE,
                          .attempt_state = TILL_ATTEMPT_PAID,
                          .settled = {.pk = 1, .from_us = T0, .until_us = T0}};
}

static struct known known_refunded(void) {
    struct known known = known_paid();
    known.has_refund = true;
    known.refund_amount = 190;
    known.refund_state = TILL_REFUND_SUCCEEDED;
    strcpy(known.refund_id, "ref_1");
    strcpy(known.refund_attempt_id, "att_1");
    return known;
}

static void expect(const struct till_bill_line *line, const struct known *known, int type,
                   bool matches) {
    struct judgement judgement = reconcile_judge(&BILL, line, known);
    assert_int_equal((int)judgement.type, type);
    assert_int_equal(judgement.matches, matches);
}

static void a_line_of_a_payment_is_told_by_its_first_contradiction(void **state) {
    struct sheet sheet = {.count = 0};
    struct till_bill_line *line = add(&sheet, TILL_STR("UP1"), 990);
    struct known none = {.has_attempt = false}, known = known_paid();
    (void)state;
    expect(line, &known, DISCREPANCY_TYPES, true);
    expect(line, &none, DISCREPANCY_BILL_UNKNOWN_ORDER, false);
    strcpy(known.account_id, "acc_2");
    expect(line, &known, DISCREPANCY_BILL_FOREIGN_ORDER, false);
    known = known_paid();
    strcpy(known.currency, "USD");
    expect(line, &known, DISCREPANCY_BILL_CURRENCY_DIFFERS, true);
    known = known_paid();
    known.amount = 991;
    expect(line, &known, DISCREPANCY_BILL_AMOUNT_DIFFERS, true);
    known = known_paid();
    strcpy(known.trade_no, "other");
    expect(line, &known, DISCREPANCY_BILL_TRADE_DIFFERS, true);
    known.trade_no[0] = '\0'; /* never told: nothing to contradict */
    expect(line, &known, DISCREPANCY_TYPES, true);
    known.settled.pk = 0;
    for (int s = 0; s < TILL_ATTEMPT_STATES; s++) {
        known.attempt_state = (enum till_attempt_state)s;
        bool over = s == TILL_ATTEMPT_CLOSED || s == TILL_ATTEMPT_DECLINED;
        expect(line, &known, over ? DISCREPANCY_BILL_PAID_ENDED : DISCREPANCY_BILL_PAID_UNSETTLED,
               false);
    }
    line->kind = TILL_BILL_OTHER;
    expect(line, &known, DISCREPANCY_BILL_UNKNOWN_KIND, false);
}

static void a_line_that_fits_may_still_be_doubled_dear_or_of_another_day(void **state) {
    struct sheet sheet = {.count = 0};
    struct till_bill_line *line = add(&sheet, TILL_STR("UP1"), 990);
    struct known known = known_paid();
    (void)state;
    known.settled.revision_pk = 7;
    known.settled.line = 1;
    expect(line, &known, DISCREPANCY_TYPES, true); /* the same line in a second run */
    known.settled.line = 9;
    expect(line, &known, DISCREPANCY_BILL_LINE_DOUBLED, false);
    known.settled.revision_pk = 6;
    known.settled.line = 1;
    expect(line, &known, DISCREPANCY_BILL_LINE_DOUBLED, false);
    known.amount = 991; /* told by its amount, and the first line keeps the record */
    expect(line, &known, DISCREPANCY_BILL_AMOUNT_DIFFERS, false);
    known = known_paid();
    const int64_t fees[] = {0, -990, -991, 1};
    const int types[] = {DISCREPANCY_TYPES, DISCREPANCY_TYPES, DISCREPANCY_BILL_FEE_CONTRADICTS,
                         DISCREPANCY_BILL_FEE_CONTRADICTS};
    for (int i = 0; i < 4; i++) {
        line->fee = fees[i];
        expect(line, &known, types[i], true);
    }
    line->fee = 0;
    int64_t start_us = BILL.start_us, edge_us = RECONCILE_EDGE_US;
    const int64_t times[] = {start_us - edge_us, start_us - edge_us - 1,
                             start_us + DAY + edge_us - 1, start_us + DAY + edge_us};
    const int days[] = {DISCREPANCY_TYPES, DISCREPANCY_BILL_DAY_DIFFERS, DISCREPANCY_TYPES,
                        DISCREPANCY_BILL_DAY_DIFFERS};
    for (int i = 0; i < 4; i++) {
        known.settled.from_us = known.settled.until_us = times[i];
        expect(line, &known, days[i], true);
    }
    known.settled.from_us = start_us - 5 * DAY; /* somewhere between */
    expect(line, &known, DISCREPANCY_TYPES, true);
}

static void a_line_of_a_refund_is_told_by_its_first_contradiction(void **state) {
    struct sheet sheet = {.count = 0};
    struct till_bill_line *line = add_refund(&sheet, TILL_STR("UP1"), TILL_STR("RF1"), 190);
    struct known known = known_refunded();
    (void)state;
    expect(line, &known, DISCREPANCY_TYPES, true);
    known.has_refund = false;
    known.settled.pk = 0;
    expect(line, &known, DISCREPANCY_BILL_REFUND_UNKNOWN, false);
    known = known_refunded();
    known.refund_amount = 191;
    expect(line, &known, DISCREPANCY_BILL_REFUND_DIFFERS, true);
    known = known_refunded();
    strcpy(known.refund_attempt_id, "att_2");
    expect(line, &known, DISCREPANCY_BILL_REFUND_DIFFERS, true);
    known = known_refunded();
    line->fee = -1;
    expect(line, &known, DISCREPANCY_BILL_FEE_CONTRADICTS, true);
    line->fee = 0;
    known.settled.pk = 0;
    for (int s = 0; s < TILL_REFUND_STATES; s++) {
        known.refund_state = (enum till_refund_state)s;
        expect(line, &known,
               s == TILL_REFUND_FAILED ? DISCREPANCY_BILL_REFUND_ENDED
                                       : DISCREPANCY_BILL_REFUND_UNSETTLED,
               false);
    }
    known = known_paid(); /* a cancellation that gave everything back */
    known.went_back = true;
    expect(line, &known, DISCREPANCY_BILL_REFUND_UNKNOWN, false);
    line->amount = -990;
    expect(line, &known, DISCREPANCY_TYPES, true);
    known = known_refunded(); /* a refund that came back to the seller */
    line->kind = TILL_BILL_OTHER;
    line->amount = 190;
    expect(line, &known, DISCREPANCY_BILL_REFUND_CAME_BACK, false);
    known.refund_state = TILL_REFUND_REVERSED;
    expect(line, &known, DISCREPANCY_TYPES, false);
    known.refund_state = TILL_REFUND_SUCCEEDED;
    strcpy(known.refund_attempt_id, "att_2"); /* another order's */
    expect(line, &known, DISCREPANCY_BILL_UNKNOWN_KIND, false);
    strcpy(known.refund_attempt_id, "att_1");
    strcpy(known.account_id, "acc_2"); /* another account's */
    expect(line, &known, DISCREPANCY_BILL_UNKNOWN_KIND, false);
    strcpy(known.account_id, "acc_1");
    line->amount = 191;
    expect(line, &known, DISCREPANCY_BILL_UNKNOWN_KIND, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_a_payment_is_told_by_its_first_contradiction),
        cmocka_unit_test(a_line_that_fits_may_still_be_doubled_dear_or_of_another_day),
        cmocka_unit_test(a_line_of_a_refund_is_told_by_its_first_contradiction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
