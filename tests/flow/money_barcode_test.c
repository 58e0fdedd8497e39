/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merchant scans the buyer (dossier 5.3). The pay request goes once; what is not known after it
 * is asked for until the order's end, and then cancelled. In the end the platform's books and ours
 * agree, whatever was lost and whoever died.
 */
#include <stdio.h>

#include "money_world.h"

#define PAY "alipay.trade.pay"
#define QUERY "alipay.trade.query"
#define CANCEL "alipay.trade.cancel"
#define CLOSE "alipay.trade.close"
#define CODE "28763443825664394"
#define WITH_CODE ",\"extra\":{\"auth_code\":\"" CODE "\"}"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 83);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    money_close(*state);
    return 0;
}

static size_t calls(struct money *m, const char *method) {
    return platform_alipay_calls(&m->platform, method);
}

static struct money_answer scan(struct money *m, const char *no) {
    return money_try_order(m, "barcode", no, 10000, WITH_CODE);
}

/* The answer to the pay request never comes; the request may have arrived or not. */
static struct payment_row scan_lost(struct money *m, enum world_inline_fault fault) {
    world_inline_fault(m->world, MONEY_GATEWAY, fault, 1);
    struct money_answer answer = scan(m, "b-lost");
    assert_int_equal(answer.status, 202);
    struct payment_row payment = money_by_order(m, "b-lost");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_UNKNOWN);
    return payment;
}

static bool says(struct money_answer answer, const char *text) {
    struct till_str body = answer.body;
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= body.len; i++)
        if (memcmp(body.ptr + i, text, len) == 0)
            return true;
    return false;
}

static void check_paid_once(struct money *m, const struct payment_row *payment) {
    struct payment_row now = money_payment(m, payment->id);
    assert_int_equal(now.state, TILL_PAYMENT_PAID);
    assert_int_equal(now.received, 10000);
    assert_int_equal(money_events(m, payment, "payment.succeeded"), 1);
    assert_int_equal(money_trade(m, payment)->creates, 1);
    assert_int_equal(platform_alipay_held(money_trade(m, payment)), 10000);
    money_check_books(m);
}

static void check_closed(struct money *m, const struct payment_row *payment) {
    assert_int_equal(money_payment(m, payment->id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(money_events(m, payment, "payment.closed"), 1);
    assert_int_equal(money_events(m, payment, "payment.succeeded"), 0);
    assert_true(calls(m, PAY) <= 1);
    money_check_books(m);
}

/* ---- the first answer ---- */

/* I10, found by the simulator: each of his questions put the sweep's off. */
static void a_merchant_who_goes_on_repeating_keeps_no_order_open(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    /* The gateway was down for the order's time; its merchant asks every minute from then on. */
    for (int i = 0; i < 40; i++) {
        world_sleep_us(m->world, 60 * SECOND);
        scan(m, "b-lost");
        if (i > 20)
            money_sweep(m);
    }
    check_closed(m, &payment);
}

static void a_code_that_is_charged_at_once_is_paid_in_the_answer(void **state) {
    struct money *m = *state;
    struct money_answer answer = scan(m, "b-1");
    assert_int_equal(answer.status, 201);
    assert_true(says(answer, "\"state\":\"paid\""));
    assert_true(says(answer, "\"action\":{\"kind\":\"none\"}"));
    assert_false(says(answer, CODE));
    struct payment_row payment = money_by_order(m, "b-1");
    assert_true(payment.trade_no.len > 0);
    check_paid_once(m, &payment);
    assert_int_equal(scan(m, "b-1").status, 201); /* the same order, the same answer */
    assert_int_equal(calls(m, PAY), 1);
    assert_int_equal(calls(m, QUERY), 0);
}

static void a_password_is_waited_for_by_asking_every_three_seconds(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    struct money_answer answer = scan(m, "b-2");
    assert_int_equal(answer.status, 201);
    assert_true(says(answer, "\"state\":\"pending\""));
    assert_true(says(answer, "\"action\":{\"kind\":\"none\"}"));
    struct payment_row payment = money_by_order(m, "b-2");
    money_sweep_for(m, 30 * SECOND);
    assert_true(calls(m, QUERY) >= 8 && calls(m, QUERY) <= 10);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, 3 * SECOND);
    check_paid_once(m, &payment);
    assert_int_equal(calls(m, CANCEL), 0);
}

static void a_password_that_never_comes_ends_in_a_cancellation(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-3").status, 201);
    struct payment_row payment = money_by_order(m, "b-3");
    assert_int_equal(payment.expires_us - payment.created_us, 60 * SECOND);
    money_sweep_for(m, 59 * SECOND);
    assert_int_equal(calls(m, CANCEL), 0);
    money_sweep_for(m, 3 * SECOND);
    assert_int_equal(calls(m, CANCEL), 1);
    assert_int_equal(calls(m, CLOSE), 0);
    assert_int_equal(money_trade(m, &payment)->status, PLATFORM_CLOSED);
    check_closed(m, &payment);
}

static void a_refused_code_fails_the_order_and_a_new_order_takes_a_new_code(void **state) {
    struct money *m = *state;
    assert_int_equal(scan(m, "b-4").status, 201);
    struct money_answer answer = scan(m, "b-5"); /* the same code for another order */
    assert_false(answer.good);
    assert_int_equal(answer.code, TILL_E_CHANNEL_DECLINED);
    struct payment_row failed = money_by_order(m, "b-5");
    assert_int_equal(failed.state, TILL_PAYMENT_FAILED);
    assert_true(till_str_is(failed.peer_code, "ACQ.PAYMENT_AUTH_CODE_INVALID"));
    assert_int_equal(scan(m, "b-5").code, TILL_E_CHANNEL_DECLINED); /* it stays refused */
    assert_int_equal(calls(m, PAY), 2);
    answer = money_try_order(m, "barcode", "b-5", 10000,
                             ",\"extra\":{\"auth_code\":\"289999999999999999\"}");
    assert_int_equal(answer.code, TILL_E_ORDER_CONFLICT); /* another code is another order */
    answer = money_try_order(m, "barcode", "b-6", 10000,
                             ",\"extra\":{\"auth_code\":\"289999999999999999\"}");
    assert_int_equal(answer.status, 201);
    money_check_books(m);
}

static void a_code_that_is_none_never_leaves(void **state) {
    struct money *m = *state;
    struct money_answer answer = money_try_order(m, "barcode", "b-7", 10000, "");
    assert_int_equal(answer.code, TILL_E_FIELD_MISSING);
    assert_string_equal(answer.field, "/extra/auth_code");
    answer = money_try_order(m, "barcode", "b-7", 10000, ",\"extra\":{\"auth_code\":\"311\"}");
    assert_int_equal(answer.code, TILL_E_FIELD_INVALID);
    assert_int_equal(world_inline_attempts(m->world, MONEY_GATEWAY), 0);
}

/* ---- what is not known ---- */

static void an_unknown_pay_is_never_sent_again_but_asked_after(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_AFTER);
    struct money_answer answer = scan(m, "b-lost"); /* the merchant repeats the order */
    assert_int_equal(answer.status, 201);
    assert_true(says(answer, "\"state\":\"paid\""));
    assert_int_equal(calls(m, PAY), 1);
    check_paid_once(m, &payment);
}

static void s_084_does_not_exist_is_no_failure_of_a_code_that_was_sent(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(scan(m, "b-lost").status, 202);
    assert_int_equal(calls(m, PAY), 0);
    assert_int_equal(calls(m, QUERY), 3);
    assert_int_equal(money_payment(m, payment.id).attempt_state, TILL_ATTEMPT_UNKNOWN);
    money_sweep_for(m, 70 * SECOND);
    assert_int_equal(calls(m, CANCEL), 1);
    check_closed(m, &payment);
}

static void s_080_every_way_of_losing_the_answer_is_settled_by_asking(void **state) {
    struct money *m = *state;
    static const enum world_inline_fault faults[] = {
        WORLD_INLINE_LOST_AFTER, WORLD_INLINE_RESET_AFTER, WORLD_INLINE_GARBAGE, WORLD_INLINE_HALF};
    char no[16], extra[64];
    for (int i = 0; i < 4; i++) {
        snprintf(no, sizeof no, "b-f%d", i);
        snprintf(extra, sizeof extra, ",\"extra\":{\"auth_code\":\"2876344382566430%d\"}", i);
        world_inline_fault(m->world, MONEY_GATEWAY, faults[i], 1);
        assert_int_equal(money_try_order(m, "barcode", no, 10000, extra).status, 202);
        money_sweep_for(m, 4 * SECOND);
        struct payment_row payment = money_by_order(m, no);
        check_paid_once(m, &payment);
    }
    assert_int_equal(calls(m, PAY), 4);
}

static void an_error_that_says_nothing_is_asked_after(void **state) {
    static const char *const codes[] = {"20000", "ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR"};
    struct money *m = *state;
    char no[16], extra[64];
    for (int i = 0; i < 3; i++) {
        snprintf(no, sizeof no, "b-e%d", i);
        snprintf(extra, sizeof extra, ",\"extra\":{\"auth_code\":\"2876344382566431%d\"}", i);
        platform_alipay_whim(&m->platform, PAY, PLATFORM_ERROR_AFTER, codes[i], 1);
        assert_int_equal(money_try_order(m, "barcode", no, 10000, extra).status, 202);
        struct payment_row payment = money_by_order(m, no);
        assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
        money_sweep_for(m, 4 * SECOND);
        check_paid_once(m, &payment);
    }
    platform_alipay_whim(&m->platform, PAY, PLATFORM_ERROR_BEFORE, "ACQ.SYSTEM_ERROR", 1);
    assert_int_equal(scan(m, "b-lost").status, 202);
    struct payment_row payment = money_by_order(m, "b-lost");
    money_sweep_for(m, 70 * SECOND);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(calls(m, PAY), 4);
    money_check_books(m);
}

static void a_lost_pay_is_asked_after_then_cancelled_never_only_closed(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    money_sweep_for(m, payment.expires_us - SECOND - world_now_us(m->world));
    assert_int_equal(calls(m, CANCEL), 0);
    assert_true(calls(m, QUERY) >= 10);
    size_t asked = calls(m, QUERY);
    money_sweep_for(m, 6 * SECOND);
    assert_true(calls(m, QUERY) > asked); /* once more, then the cancellation */
    assert_int_equal(calls(m, CANCEL), 1);
    assert_int_equal(calls(m, CLOSE), 0);
    assert_int_equal(calls(m, PAY), 0);
    check_closed(m, &payment);
}

static void a_cancellation_is_repeated_until_the_platform_says_no_more(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-8").status, 201);
    struct payment_row payment = money_by_order(m, "b-8");
    platform_alipay_whim(&m->platform, CANCEL, PLATFORM_RETRY, NULL, 3);
    money_sweep_for(m, 62 * SECOND);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSING);
    money_sweep_for(m, 20 * SECOND);
    assert_int_equal(calls(m, CANCEL), 4);
    assert_int_equal(calls(m, CLOSE), 0);
    check_closed(m, &payment);
}

static void a_lost_cancellation_is_repeated(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    money_sweep_for(m, payment.expires_us - SECOND - world_now_us(m->world));
    static const enum world_inline_fault faults[] = {
        WORLD_INLINE_LOST_AFTER, WORLD_INLINE_LOST_AFTER, WORLD_INLINE_LOST_BEFORE};
    for (int i = 0; i < 3; i++) { /* each is asked for first */
        world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_GOOD, 1);
        world_inline_fault(m->world, MONEY_GATEWAY, faults[i], 1);
    }
    money_sweep_for(m, 90 * SECOND);
    assert_int_equal(calls(m, CANCEL), 3);
    check_closed(m, &payment);
}

/* The buyer types his password between the last question and the cancellation. */
static void pay_before_the_cancel(void *self, struct platform_alipay *platform,
                                  struct till_str method, struct platform_trade *trade) {
    (void)self;
    if (till_str_is(method, CANCEL) && trade && trade->status == PLATFORM_WAITING)
        platform_alipay_pay(platform, trade);
}

static void money_that_came_and_went_is_booked_as_both(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-9").status, 201);
    struct payment_row payment = money_by_order(m, "b-9");
    m->platform.before = pay_before_the_cancel;
    money_sweep_for(m, 70 * SECOND);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSED);
    assert_int_equal(payment.received, 10000);
    assert_int_equal(payment.refunded, 10000);
    assert_int_equal(money_trade(m, &payment)->status, PLATFORM_REFUNDED);
    assert_true(money_ledger_lines(m, &payment) >= 4);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 0); /* nobody ships */
    money_check_books(m);
}

/* The pay request dawdled on its way and arrives after the platform was told to cancel a number
 * that it did not know. */
static struct payment_row pay_after_the_cancel(struct money *m) {
    size_t sent = world_inline_attempts(m->world, "");
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    const struct world_inline_record *lost = world_inline_record_at(m->world, sent);
    money_sweep_for(m, 70 * SECOND);
    check_closed(m, &payment);
    struct till_str url = lost->url;
    struct platform_trade *trade = platform_alipay_visit(
        &m->platform, till_str_sub(url, till_str_find(url, '?') + 1, url.len), lost->body);
    assert_non_null(trade);
    assert_int_equal(trade->status, PLATFORM_PAID);
    return payment;
}

static void check_paid_late(struct money *m, const struct payment_row *payment) {
    struct payment_row now = money_payment(m, payment->id);
    assert_int_equal(now.state, TILL_PAYMENT_PAID);
    assert_true(now.late);
    assert_int_equal(money_events(m, payment, "payment.paid_late"), 1);
    money_check_books(m);
}

static void money_that_arrives_after_the_cancellation_is_late(void **state) {
    struct money *m = *state;
    struct payment_row payment = pay_after_the_cancel(m);
    struct till_str body =
        platform_alipay_notify(&m->platform, &m->arena, money_trade(m, &payment), NULL);
    assert_true(till_str_is(money_notify(m, body), "success"));
    check_paid_late(m, &payment);
}

static void
money_that_arrives_after_the_cancellation_is_found_without_its_notification(void **state) {
    struct money *m = *state;
    struct payment_row payment = pay_after_the_cancel(m);
    money_sweep_for(m, 70 * SECOND);
    check_paid_late(m, &payment);
    assert_int_equal(money_attempt(m, &payment).next_ask_us, 0);
}

static void a_code_that_never_arrived_is_asked_for_once_after_its_end(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    money_sweep_for(m, 70 * SECOND);
    size_t asked = calls(m, QUERY);
    money_sweep_for(m, HOUR);
    assert_int_equal(calls(m, QUERY), asked + 1);
    assert_int_equal(money_attempt(m, &payment).next_ask_us, 0);
    check_closed(m, &payment);
}

/* ---- the buyer meets our cancel ---- */

/* The buyer waits for his password; the cancel at the end does not act, and says this. */
static struct payment_row cancel_fails(struct money *m, enum platform_whim_kind kind,
                                       const char *code) {
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-met").status, 201);
    platform_alipay_whim(&m->platform, CANCEL, kind, code, 1000);
    m->platform.before = pay_before_the_cancel;
    return money_by_order(m, "b-met");
}

static void a_cancel_that_never_has_the_balance_leaves_the_payment_paid(void **state) {
    struct money *m = *state;
    struct payment_row payment =
        cancel_fails(m, PLATFORM_ERROR_BEFORE, "ACQ.SELLER_BALANCE_NOT_ENOUGH");
    money_sweep_for(m, 65 * SECOND);
    check_paid_once(m, &payment);
    money_sweep_for(m, HOUR);
    check_paid_once(m, &payment);
    assert_int_equal(calls(m, CANCEL), 1);
}

static void a_cancel_that_is_put_off_for_ever_is_asked_for_the_money_first(void **state) {
    static const struct {
        enum platform_whim_kind kind;
        const char *code;
    } rows[] = {{PLATFORM_RETRY, NULL}, {PLATFORM_ERROR_BEFORE, "40005"}};
    for (int i = 0; i < 2; i++) {
        struct money *m = *state;
        struct payment_row payment = cancel_fails(m, rows[i].kind, rows[i].code);
        money_sweep_for(m, 120 * SECOND);
        check_paid_once(m, &payment);
        assert_int_equal(calls(m, CANCEL), 1);
        (void)teardown(state);
        (void)setup(state);
    }
}

static void an_unpaid_order_whose_cancel_is_put_off_for_ever_stays_closing(void **state) {
    struct money *m = *state;
    struct payment_row payment = cancel_fails(m, PLATFORM_RETRY, NULL);
    m->platform.before = NULL;
    money_sweep_for(m, HOUR);
    size_t early = calls(m, CANCEL);
    money_sweep_for(m, HOUR);
    assert_true(early > 20 && early < 60);
    assert_true(calls(m, CANCEL) - early <= 13); /* every five minutes */
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSING);
    assert_int_equal(money_events(m, &payment, ""), 0);
    assert_int_equal(money_ledger_lines(m, &payment), 0);
}

static void a_lost_close_is_no_cancel_of_a_buyer_who_just_paid(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-lost-close").status, 201);
    struct payment_row payment = money_by_order(m, "b-lost-close");
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 202);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, HOUR);
    check_paid_once(m, &payment);
    assert_int_equal(calls(m, CANCEL), 0);
}

static void the_merchant_may_close_an_order_whose_pay_was_lost(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    assert_int_equal(calls(m, CLOSE), 1); /* "does not exist" */
    assert_int_equal(calls(m, CANCEL), 1);
    check_closed(m, &payment);
}

static void refused_questions_do_not_keep_the_buyer_at_the_till(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    platform_alipay_whim(&m->platform, QUERY, PLATFORM_ERROR_BEFORE, "ACQ.SYSTEM_ERROR", 1000);
    money_sweep_for(m, 70 * SECOND);
    assert_int_equal(calls(m, CANCEL), 1);
    check_closed(m, &payment);
}

static void s_081_a_forged_answer_to_the_question_neither_pays_nor_cancels(void **state) {
    struct money *m = *state;
    struct payment_row payment = scan_lost(m, WORLD_INLINE_LOST_BEFORE);
    platform_alipay_whim(&m->platform, QUERY, PLATFORM_FORGED_PAID, NULL, 1000);
    money_sweep_for(m, 120 * SECOND);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(calls(m, CANCEL), 0);
    assert_int_equal(money_events(m, &payment, ""), 0);
}

static void what_did_not_leave_may_go_again(void **state) {
    struct money *m = *state;
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 1);
    assert_int_equal(scan(m, "b-10").code, TILL_E_UPSTREAM_UNSENT);
    assert_int_equal(scan(m, "b-10").status, 201);
    struct payment_row payment = money_by_order(m, "b-10");
    check_paid_once(m, &payment);
}

/* ---- restarts and people ---- */

static void it_goes_on_after_a_restart_at_any_time(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-11").status, 201);
    struct payment_row payment = money_by_order(m, "b-11");
    for (int i = 0; i < 6; i++) {
        money_restart(m);
        money_sweep_for(m, 10 * SECOND);
    }
    money_restart(m);
    money_sweep_for(m, 5 * SECOND);
    check_closed(m, &payment);
    assert_int_equal(calls(m, PAY), 1);
}

static void break_store(void *self, struct platform_alipay *platform, struct till_str method,
                        struct platform_trade *trade) {
    (void)platform, (void)trade;
    if (till_str_is(method, PAY))
        money_break_store(self, true);
}

static void a_sender_that_died_after_sending_is_asked_after(void **state) {
    struct money *m = *state;
    m->platform.after = break_store;
    m->platform.self = m;
    assert_false(scan(m, "b-12").good);
    m->platform.after = NULL;
    money_break_store(m, false);
    struct payment_row payment = money_by_order(m, "b-12");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_SENT);
    money_restart(m);
    money_sweep_for(m, 30 * SECOND);
    check_paid_once(m, &payment);
}

static void there_is_no_code_to_renew(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-13").status, 201);
    struct payment_row payment = money_by_order(m, "b-13");
    struct money_answer answer = money_request(m, renew_payment, payment.id, NULL);
    assert_int_equal(answer.code, TILL_E_STATE_CONFLICT);
    assert_int_equal(calls(m, PAY), 1);
}

static void the_merchant_may_cancel_earlier(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-14").status, 201);
    struct payment_row payment = money_by_order(m, "b-14");
    assert_int_equal(money_request(m, cancel_payment, payment.id, NULL).status, 200);
    check_closed(m, &payment);
    money_sweep_for(m, 90 * SECOND);
    assert_int_equal(calls(m, CANCEL), 1);
}

static void a_notification_is_faster_than_the_next_question(void **state) {
    struct money *m = *state;
    m->platform.asks_password = true;
    assert_int_equal(scan(m, "b-15").status, 201);
    struct payment_row payment = money_by_order(m, "b-15");
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    struct till_str body =
        platform_alipay_notify(&m->platform, &m->arena, money_trade(m, &payment), NULL);
    assert_true(till_str_is(money_notify(m, body), "success"));
    check_paid_once(m, &payment);
    money_sweep_for(m, 90 * SECOND);
    assert_int_equal(calls(m, QUERY), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_merchant_who_goes_on_repeating_keeps_no_order_open),
        TEST(a_code_that_is_charged_at_once_is_paid_in_the_answer),
        TEST(a_password_is_waited_for_by_asking_every_three_seconds),
        TEST(a_password_that_never_comes_ends_in_a_cancellation),
        TEST(a_refused_code_fails_the_order_and_a_new_order_takes_a_new_code),
        TEST(a_code_that_is_none_never_leaves),
        TEST(an_unknown_pay_is_never_sent_again_but_asked_after),
        TEST(s_084_does_not_exist_is_no_failure_of_a_code_that_was_sent),
        TEST(s_080_every_way_of_losing_the_answer_is_settled_by_asking),
        TEST(an_error_that_says_nothing_is_asked_after),
        TEST(a_lost_pay_is_asked_after_then_cancelled_never_only_closed),
        TEST(a_cancellation_is_repeated_until_the_platform_says_no_more),
        TEST(a_lost_cancellation_is_repeated),
        TEST(money_that_came_and_went_is_booked_as_both),
        TEST(money_that_arrives_after_the_cancellation_is_late),
        TEST(money_that_arrives_after_the_cancellation_is_found_without_its_notification),
        TEST(a_code_that_never_arrived_is_asked_for_once_after_its_end),
        TEST(a_cancel_that_never_has_the_balance_leaves_the_payment_paid),
        TEST(a_cancel_that_is_put_off_for_ever_is_asked_for_the_money_first),
        TEST(an_unpaid_order_whose_cancel_is_put_off_for_ever_stays_closing),
        TEST(a_lost_close_is_no_cancel_of_a_buyer_who_just_paid),
        TEST(the_merchant_may_close_an_order_whose_pay_was_lost),
        TEST(refused_questions_do_not_keep_the_buyer_at_the_till),
        TEST(s_081_a_forged_answer_to_the_question_neither_pays_nor_cancels),
        TEST(what_did_not_leave_may_go_again),
        TEST(it_goes_on_after_a_restart_at_any_time),
        TEST(a_sender_that_died_after_sending_is_asked_after),
        TEST(there_is_no_code_to_renew),
        TEST(the_merchant_may_cancel_earlier),
        TEST(a_notification_is_faster_than_the_next_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
