/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money that came twice for one order: where it stands in the books, how it goes back, who keeps
 * it, and that a policy acts in the commit that learns of it.
 */
#include <stdio.h>

#include "attempt_scene.h"

static int setup(void **state) {
    static struct scene scene;
    scene_open(&scene, "keep", "keep");
    *state = &scene;
    return 0;
}

static int teardown(void **state) {
    scene_close(*state);
    return 0;
}

/* ---- what becomes of a duplicate ---- */

/* What one account of the chart holds of a payment: debits less credits. */
static int64_t balance(struct scene *scene, const struct payment_row *payment,
                       const char *account) {
    struct till_error err;
    struct ledger_line *lines = NULL;
    size_t count = 0;
    int64_t sum = 0;
    assert_true(store_ledger_list(scene->money.store, &scene->money.arena, till_str_of(payment->id),
                                  &lines, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (till_str_is(lines[i].account, account))
            sum += lines[i].debit - lines[i].credit;
    return sum;
}

static void check_balances(struct scene *scene, const struct payment_row *payment,
                           int64_t receivable, int64_t payable, int64_t refunds, int64_t suspense) {
    assert_int_equal(balance(scene, payment, "channel_receivable"), receivable);
    assert_int_equal(balance(scene, payment, "app_payable"), -payable);
    assert_int_equal(balance(scene, payment, "refunds"), refunds);
    assert_int_equal(balance(scene, payment, "suspense"), -suspense);
}

static struct payment_row pay_twice(struct scene *scene, const char *no,
                                    struct attempt_row *ret_second) {
    struct payment_row payment = scene_order(scene, no);
    scene_add_way(scene, &payment);
    struct attempt_row first = scene_attempt(scene, &payment, 0, 2);
    *ret_second = scene_attempt(scene, &payment, 1, 2);
    assert_true(platform_alipay_pay(&scene->second, scene_trade(scene, ret_second)));
    scene_pay(scene, &first);
    scene_pay(scene, ret_second);
    *ret_second = scene_attempt(scene, &payment, 1, 2);
    return money_payment(&scene->money, payment.id);
}

static struct money_answer refund_of(struct scene *scene, const struct payment_row *payment,
                                     const struct attempt_row *attempt, const char *number,
                                     int64_t minor) {
    char body[192];
    snprintf(body, sizeof body, "{\"out_refund_no\":\"%s\",\"amount\":%lld,\"attempt\":\"%s\"}",
             number, (long long)minor, attempt->id);
    return money_request(&scene->money, create_refund, payment->id, body);
}

static void a_duplicate_is_given_back_out_of_suspense(void **state) {
    struct scene *scene = *state;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "d-1", &second);
    check_balances(scene, &payment, 20000, 10000, 0, 10000);
    assert_int_equal(refund_of(scene, &payment, &second, "back-1", 4000).status, 200);
    check_balances(scene, &payment, 16000, 10000, 0, 6000);
    assert_int_equal(money_discrepancies(&scene->money, ""), 1);
    assert_int_equal(refund_of(scene, &payment, &second, "back-2", 6001).code,
                     TILL_E_REFUND_EXCEEDS);
    assert_int_equal(refund_of(scene, &payment, &second, "back-3", 6000).status, 200);
    check_balances(scene, &payment, 10000, 10000, 0, 0);
    assert_int_equal(money_discrepancies(&scene->money, ""), 0);
    payment = money_payment(&scene->money, payment.id);
    assert_int_equal(payment.refunded, 0); /* the order's own money is untouched */
    assert_int_equal(scene_held(scene), 10000);
    assert_int_equal(money_refund(&scene->money, &payment, "own", 10000).status, 200);
    check_balances(scene, &payment, 0, 10000, 10000, 0);
    assert_int_equal(scene_held(scene), 0);
}

static struct money_answer keep(struct scene *scene, const struct payment_row *payment,
                                const struct attempt_row *attempt) {
    struct money *m = &scene->money;
    return money_request_two(m, keep_duplicate, payment->id, attempt->id);
}

static void a_duplicate_is_kept_by_decision(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "d-2", &second);
    struct attempt_row first = scene_attempt(scene, &payment, 0, 2);
    assert_int_equal(keep(scene, &payment, &first).code, TILL_E_STATE_CONFLICT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(keep(scene, &payment, &second).status, 200);
    check_balances(scene, &payment, 20000, 20000, 0, 0);
    assert_int_equal(money_discrepancies(m, ""), 0);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).duplicate, DUPLICATE_KEPT);
    /* What was kept is the app's, and goes back as any of its money. */
    assert_int_equal(refund_of(scene, &payment, &second, "later", 10000).status, 200);
    check_balances(scene, &payment, 10000, 20000, 10000, 0);
}

static void what_went_back_in_part_is_not_kept(void **state) {
    struct scene *scene = *state;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "d-3", &second);
    assert_int_equal(refund_of(scene, &payment, &second, "part", 1).status, 200);
    assert_int_equal(keep(scene, &payment, &second).code, TILL_E_STATE_CONFLICT);
    check_balances(scene, &payment, 19999, 10000, 0, 9999);
}

static void another_payments_attempt_is_not_found(void **state) {
    struct scene *scene = *state;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "d-4", &second);
    struct payment_row other = scene_order(scene, "d-5");
    struct money_answer answer = refund_of(scene, &other, &second, "x", 1);
    assert_int_equal(answer.code, TILL_E_NOT_FOUND);
    assert_string_equal(answer.field, "/attempt");
    assert_int_equal(keep(scene, &other, &second).code, TILL_E_NOT_FOUND);
    check_balances(scene, &payment, 20000, 10000, 0, 10000);
}

static void a_duplicate_that_the_platform_cancelled_leaves_no_trace_in_suspense(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "d-6");
    struct attempt_row second = scene_add_way(scene, &payment);
    struct platform_trade *trade = scene_trade(scene, &second);
    assert_true(platform_alipay_pay(&scene->second, trade));
    platform_alipay_give_back(&scene->second, trade, trade->out_trade_no, 10000);
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 0, 2)}[0]);
    money_sweep_for(m, HOUR);
    second = scene_attempt(scene, &payment, 1, 2);
    assert_int_equal(second.state, TILL_ATTEMPT_CLOSED);
    assert_int_equal(second.received, 10000);
    assert_int_equal(second.refunded, 10000);
    check_balances(scene, &payment, 10000, 10000, 0, 0);
    assert_int_equal(money_ledger_lines(m, &payment), 6);
    assert_int_equal(money_discrepancies(m, ""), 0);
}

/* ---- by policy, in the commit that learns of it ---- */

static int setup_refunding(void **state) {
    static struct scene scene;
    scene_open(&scene, "refund", "refund");
    *state = &scene;
    return 0;
}

static void a_duplicate_is_given_back_by_policy_once(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "p-1", &second);
    assert_int_equal(second.refund_held, 10000); /* with the very commit */
    money_restart(m);
    scene_pay(scene, &second);
    money_sweep_for(m, HOUR);
    assert_int_equal(scene_trade(scene, &second)->refund_count, 1);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).refunded, 10000);
    check_balances(scene, &payment, 10000, 10000, 0, 0);
    assert_int_equal(money_events(m, &payment, "payment.duplicate"), 1);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    assert_int_equal(money_discrepancies(m, ""), 0);
    assert_int_equal(money_payment(m, payment.id).refunded, 0);
}

static void i_008_a_refund_by_policy_that_is_lost_keeps_its_number(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "p-2", &second);
    world_inline_fault(m->world, SECOND_GATEWAY, WORLD_INLINE_LOST_AFTER, 1);
    money_sweep_for(m, HOUR);
    assert_int_equal(scene_trade(scene, &second)->refund_count, 1);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).refunded, 10000);
    check_balances(scene, &payment, 10000, 10000, 0, 0);
}

static void i_010_a_refund_that_never_leaves_is_tried_for_ever(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "p-3", &second);
    world_inline_fault(m->world, SECOND_GATEWAY, WORLD_INLINE_UNSENT, 5);
    world_inline_fault(m->world, SECOND_GATEWAY, WORLD_INLINE_LOST_BEFORE, 5);
    world_inline_fault(m->world, SECOND_GATEWAY, WORLD_INLINE_UNSENT, 5);
    money_sweep_for(m, 24 * HOUR);
    assert_int_equal(scene_trade(scene, &second)->refund_count, 1);
    check_balances(scene, &payment, 10000, 10000, 0, 0);
}

static void a_refund_by_policy_that_is_refused_leaves_the_duplicate_open(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct attempt_row second;
    struct payment_row payment = pay_twice(scene, "p-4", &second);
    platform_alipay_whim(&scene->second, "alipay.trade.refund", PLATFORM_ERROR_BEFORE,
                         "ACQ.TRADE_HAS_FINISHED", 1);
    money_sweep_for(m, HOUR);
    second = scene_attempt(scene, &payment, 1, 2);
    assert_int_equal(second.refund_held, 0);
    assert_int_equal(money_events(m, &payment, "refund.failed"), 1);
    assert_int_equal(money_discrepancies(m, "duplicate_payment"), 1);
    check_balances(scene, &payment, 20000, 10000, 0, 10000);
    assert_int_equal(keep(scene, &payment, &second).status, 200);
    assert_int_equal(money_discrepancies(m, ""), 0);
}

static void i_039_a_merchants_number_never_stands_in_the_way_of_policy(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct attempt_row second;
    char number[80];
    struct payment_row payment = scene_order(scene, "p-5");
    second = scene_add_way(scene, &payment);
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 0, 2)}[0]);
    snprintf(number, sizeof number, "duplicate/%s", second.id);
    assert_int_equal(money_refund(m, &payment, number, 1).code, TILL_E_FIELD_INVALID);
}

#define REFUNDING(name) cmocka_unit_test_setup_teardown(name, setup_refunding, teardown)
#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_duplicate_is_given_back_out_of_suspense),
        SCENE(a_duplicate_is_kept_by_decision),
        SCENE(what_went_back_in_part_is_not_kept),
        SCENE(another_payments_attempt_is_not_found),
        SCENE(a_duplicate_that_the_platform_cancelled_leaves_no_trace_in_suspense),
        REFUNDING(a_duplicate_is_given_back_by_policy_once),
        REFUNDING(i_008_a_refund_by_policy_that_is_lost_keeps_its_number),
        REFUNDING(i_010_a_refund_that_never_leaves_is_tried_for_ever),
        REFUNDING(a_refund_by_policy_that_is_refused_leaves_the_duplicate_open),
        REFUNDING(i_039_a_merchants_number_never_stands_in_the_way_of_policy),
    };
    return cmocka_run_group_tests_name("money_duplicate", tests, NULL, NULL);
}
