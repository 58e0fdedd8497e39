/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several attempts of one order (S-093): another way to pay while the first is open, another
 * account after `unsent`, a new payment code after a refusal. The first money settles the order,
 * the other attempts are closed at the platform, and money that comes on them is a duplicate.
 */
#include <stdio.h>

#include "attempt_scene.h"

#define PAY "alipay.trade.pay"
#define WITH_CODE(code) ",\"extra\":{\"auth_code\":\"" code "\"}"

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

/* ---- another way while the first is open ---- */

static void a_second_way_to_pay_stands_beside_the_first(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "w-1");
    struct attempt_row first = money_attempt(m, &payment);
    struct attempt_row second = scene_add_way(scene, &payment);
    assert_int_equal(second.number, 2);
    assert_int_equal(scene_attempt(scene, &payment, 0, 2).state, TILL_ATTEMPT_PENDING);
    assert_int_equal(second.state, TILL_ATTEMPT_PENDING);
    assert_false(till_str_equal(first.upstream_no, second.upstream_no));
    assert_int_equal(second.expires_us, payment.expires_us);
    assert_int_equal(money_events(m, &payment, ""), 0);
    assert_int_equal(m->platform.trade_count, 1);
    assert_int_equal(scene->second.trade_count, 1);
}

static void the_same_way_again_is_the_same_attempt(void **state) {
    struct scene *scene = *state;
    struct payment_row payment = scene_order(scene, "w-2");
    scene_add_way(scene, &payment);
    scene_add_way(scene, &payment);
    scene_attempt(scene, &payment, 1, 2);
    assert_int_equal(scene->second.trade_count, 1);
    assert_int_equal(scene_try_way(scene, &payment, "{}").status, 201); /* the first one's way */
    scene_attempt(scene, &payment, 1, 2);
}

static void the_first_money_settles_and_the_rest_is_closed_upstream(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    for (size_t paid = 0; paid < 2; paid++) {
        struct payment_row payment = scene_order(scene, paid ? "w-3" : "w-4");
        scene_add_way(scene, &payment);
        struct attempt_row chosen = scene_attempt(scene, &payment, paid, 2);
        scene_pay(scene, &chosen);
        money_sweep(m);
        payment = money_payment(m, payment.id);
        assert_int_equal(payment.state, TILL_PAYMENT_PAID);
        assert_string_equal(payment.attempt_id, chosen.id);
        assert_string_equal(payment.account_id, chosen.account_id);
        struct attempt_row rest = scene_attempt(scene, &payment, 1 - paid, 2);
        assert_int_equal(rest.state, TILL_ATTEMPT_CLOSED);
        assert_false(
            platform_alipay_pay(paid ? &m->platform : &scene->second, scene_trade(scene, &rest)));
        assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
        assert_int_equal(money_events(m, &payment, ""), 1);
        assert_int_equal(money_ledger_lines(m, &payment), 2);
    }
    assert_int_equal(money_discrepancies(m, ""), 0);
}

static void s_093_money_of_both_ways_is_a_payment_and_a_duplicate(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "w-5");
    scene_add_way(scene, &payment);
    struct attempt_row first = scene_attempt(scene, &payment, 0, 2);
    struct attempt_row second = scene_attempt(scene, &payment, 1, 2);
    assert_true(platform_alipay_pay(&scene->second, scene_trade(scene, &second)));
    scene_pay(scene, &first);
    for (int i = 0; i < 3; i++)
        scene_pay(scene, &second);
    payment = money_payment(m, payment.id);
    assert_string_equal(payment.attempt_id, first.id);
    assert_int_equal(payment.received, 10000);
    second = scene_attempt(scene, &payment, 1, 2);
    assert_int_equal(second.received, 10000);
    assert_int_equal(second.duplicate, DUPLICATE_IN_SUSPENSE);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_int_equal(money_events(m, &payment, "payment.duplicate"), 1);
    assert_int_equal(money_discrepancies(m, "duplicate_payment"), 1);
    assert_int_equal(money_discrepancies(m, ""), 1);
    assert_int_equal(money_ledger_lines(m, &payment), 4);
    assert_int_equal(scene_held(scene), 20000);
}

static void money_that_meets_the_close_of_an_unwanted_attempt_is_found(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "w-6");
    struct attempt_row second = scene_add_way(scene, &payment);
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 0, 2)}[0]);
    assert_true(
        platform_alipay_pay(&scene->second, scene_trade(scene, &second))); /* nobody tells */
    money_sweep_for(m, HOUR);
    second = scene_attempt(scene, &payment, 1, 2);
    assert_int_equal(second.state, TILL_ATTEMPT_PAID);
    assert_int_equal(second.duplicate, DUPLICATE_IN_SUSPENSE);
    assert_int_equal(money_discrepancies(m, "duplicate_payment"), 1);
}

/* ---- the end of all of them ---- */

static void closing_ends_every_way_before_the_payment_is_closed(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "e-1");
    scene_add_way(scene, &payment);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    for (size_t i = 0; i < 2; i++) {
        struct attempt_row attempt = scene_attempt(scene, &payment, i, 2);
        assert_int_equal(attempt.state, TILL_ATTEMPT_CLOSED);
        assert_false(
            platform_alipay_pay(i ? &scene->second : &m->platform, scene_trade(scene, &attempt)));
    }
    assert_int_equal(money_events(m, &payment, "payment.closed"), 1);
}

static void a_payment_is_not_closed_while_one_way_cannot_be(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "e-2");
    scene_add_way(scene, &payment);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1000);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 202);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSING);
    assert_int_equal(scene_attempt(scene, &payment, 0, 2).state, TILL_ATTEMPT_CLOSING);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_CLOSED);
    assert_int_equal(scene_try_way(scene, &payment, "{\"product\":\"wap\"}").code,
                     TILL_E_STATE_CONFLICT);
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 0, 2)}[0]);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(money_events(m, &payment, ""), 1);
}

static void expiry_closes_every_way_upstream(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "e-3");
    scene_add_way(scene, &payment);
    money_sweep_for(m, 4 * HOUR);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(scene_attempt(scene, &payment, 0, 2).state, TILL_ATTEMPT_CLOSED);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_CLOSED);
    assert_int_equal(money_events(m, &payment, "payment.closed"), 1);
    assert_int_equal(scene_held(scene), 0);
}

static void a_refused_way_leaves_the_one_that_stands(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "e-4");
    char body[96];
    snprintf(body, sizeof body, "{\"account\":\"%s\"}", scene->other.id);
    platform_alipay_whim(&scene->second, "alipay.trade.precreate", PLATFORM_ERROR_BEFORE,
                         "ACQ.INVALID_PARAMETER", 1);
    assert_int_equal(scene_try_way(scene, &payment, body).code, TILL_E_CHANNEL_DECLINED);
    struct payment_row now = money_payment(m, payment.id);
    assert_int_equal(now.state, TILL_PAYMENT_PENDING);
    assert_string_equal(now.attempt_id, payment.attempt_id);
    assert_true(till_str_equal(now.action_value, payment.action_value));
    assert_int_equal(money_events(m, &payment, ""), 0);
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 0, 2)}[0]);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
}

static void an_order_is_tried_only_so_often(void **state) {
    struct scene *scene = *state;
    struct payment_row payment = scene_order(scene, "e-5");
    char body[96];
    for (int i = 2; i <= STORE_ATTEMPTS_MAX; i++) {
        snprintf(body, sizeof body, "{\"extra\":{\"body\":\"%d\"}}", i);
        assert_int_equal(scene_try_way(scene, &payment, body).status, 201);
    }
    assert_int_equal(scene_try_way(scene, &payment, "{\"extra\":{\"body\":\"x\"}}").code,
                     TILL_E_STATE_CONFLICT);
    scene_attempt(scene, &payment, 0, STORE_ATTEMPTS_MAX);
    assert_int_equal(scene->money.platform.trade_count, STORE_ATTEMPTS_MAX);
}

static void a_way_that_is_wrong_is_refused_by_its_field(void **state) {
    struct scene *scene = *state;
    struct payment_row payment = scene_order(scene, "e-6");
    static const struct {
        const char *body, *field;
        enum till_code code;
    } wrong[] = {
        {"{\"product\":\"gold\"}", "/product", TILL_E_CHANNEL_UNKNOWN},
        {"{\"channel\":\"gold\"}", "/channel", TILL_E_CHANNEL_UNKNOWN},
        {"{\"account\":\"acc_none\"}", "/account", TILL_E_ACCOUNT_UNKNOWN},
        {"{\"amount\":1}", "/amount", TILL_E_FIELD_UNKNOWN},
        {"{\"extra\":[]}", "/extra", TILL_E_FIELD_INVALID},
        {"[]", "", TILL_E_BODY_MALFORMED},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct money_answer answer = scene_try_way(scene, &payment, wrong[i].body);
        assert_int_equal(answer.code, wrong[i].code);
        assert_string_equal(answer.field, wrong[i].field);
    }
    assert_int_equal(scene_try_way(scene, &(struct payment_row){.id = "pay_none"}, "{}").code,
                     TILL_E_NOT_FOUND);
    scene_attempt(scene, &payment, 0, 1);
}

/* ---- another account, after `unsent` only ---- */

static void an_order_that_did_not_leave_goes_to_the_next_account(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    scene_rule(scene, 1, m->account.id);
    scene_rule(scene, 2, scene->other.id);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 100);
    struct money_answer answer = money_try_create(m, "u-1", 10000, "");
    assert_int_equal(answer.status, 201);
    struct payment_row payment = money_by_order(m, "u-1");
    assert_string_equal(payment.account_id, scene->other.id);
    assert_int_equal(scene_attempt(scene, &payment, 0, 2).state, TILL_ATTEMPT_CLOSED);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_PENDING);
    assert_int_equal(m->platform.trade_count, 0);
    assert_int_equal(money_try_create(m, "u-1", 10000, "").status, 201); /* the same order */
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 1, 2)}[0]);
    money_sweep_for(m, HOUR);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(scene->second.trade_count, 1);
}

static void i_009_an_order_that_may_have_left_stays_at_its_account(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    scene_rule(scene, 1, m->account.id);
    scene_rule(scene, 2, scene->other.id);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 4);
    assert_int_equal(money_try_create(m, "u-2", 10000, "").status, 202);
    struct payment_row payment = money_by_order(m, "u-2");
    assert_int_equal(scene_attempt(scene, &payment, 0, 1).state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(scene->second.trade_count, 0);
}

static void an_order_that_names_its_account_stays_there(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    char more[96];
    scene_rule(scene, 1, m->account.id);
    scene_rule(scene, 2, scene->other.id);
    snprintf(more, sizeof more, ",\"account\":\"%s\"", m->account.id);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 100);
    assert_int_equal(money_try_create(m, "u-3", 10000, more).code, TILL_E_UPSTREAM_UNSENT);
    struct payment_row payment = money_by_order(m, "u-3");
    assert_int_equal(scene_attempt(scene, &payment, 0, 1).state, TILL_ATTEMPT_PREPARED);
    assert_int_equal(scene->second.trade_count, 0);
}

static void an_order_that_reaches_nobody_is_unsent(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    scene_rule(scene, 1, m->account.id);
    scene_rule(scene, 2, scene->other.id);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 100);
    world_inline_fault(m->world, SECOND_GATEWAY, WORLD_INLINE_UNSENT, 1);
    assert_int_equal(money_try_create(m, "u-4", 10000, "").code, TILL_E_UPSTREAM_UNSENT);
    assert_int_equal(money_try_create(m, "u-4", 10000, "").status, 201); /* repeated, it goes */
    struct payment_row payment = money_by_order(m, "u-4");
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_PENDING);
}

/* ---- tried again ---- */

static struct money_answer scan(struct scene *scene, const char *no, const char *more) {
    scene_rule(scene, 1, scene->money.account.id);
    return money_try_order(&scene->money, "barcode", no, 10000, more);
}

static void a_refused_code_is_followed_by_another_one(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    platform_alipay_whim(&m->platform, PAY, PLATFORM_ERROR_BEFORE, "ACQ.PAYMENT_AUTH_CODE_INVALID",
                         1);
    assert_int_equal(scan(scene, "t-1", WITH_CODE("28763443825664394")).code,
                     TILL_E_CHANNEL_DECLINED);
    struct payment_row payment = money_by_order(m, "t-1");
    assert_int_equal(payment.state, TILL_PAYMENT_FAILED);
    /* The same code again is the same refusal; another one is another attempt. */
    assert_int_equal(
        scene_try_way(scene, &payment, "{\"extra\":{\"auth_code\":\"28763443825664394\"}}").code,
        TILL_E_CHANNEL_DECLINED);
    scene_attempt(scene, &payment, 0, 1);
    struct money_answer answer =
        scene_try_way(scene, &payment, "{\"extra\":{\"auth_code\":\"28763443825664395\"}}");
    assert_int_equal(answer.status, 201);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_false(payment.late);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_PAID);
    assert_int_equal(money_events(m, &payment, "payment.failed"), 1);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    money_check_books(m);
}

static void i_009_no_second_code_while_the_first_may_be_charged(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_AFTER, 1);
    assert_int_equal(scan(scene, "t-2", WITH_CODE("28763443825664394")).status, 202);
    struct payment_row payment = money_by_order(m, "t-2");
    assert_int_equal(
        scene_try_way(scene, &payment, "{\"extra\":{\"auth_code\":\"28763443825664395\"}}").code,
        TILL_E_STATE_CONFLICT);
    assert_int_equal(scene_try_way(scene, &payment, "{\"product\":\"precreate\"}").code,
                     TILL_E_STATE_CONFLICT);
    scene_attempt(scene, &payment, 0, 1);
    money_sweep_for(m, HOUR);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(platform_alipay_calls(&m->platform, PAY), 1);
}

static void a_code_whose_time_is_over_ends_alone(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "t-3");
    m->platform.asks_password = true;
    struct money_answer answer =
        scene_try_way(scene, &payment,
                      "{\"product\":\"barcode\",\"extra\":{\"auth_code\":\"28763443825664394\"}}");
    assert_int_equal(answer.status, 201);
    assert_true(scene_attempt(scene, &payment, 1, 2).expires_us < payment.expires_us);
    money_sweep_for(m, HOUR);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_CLOSED);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
    assert_string_equal(payment.attempt_id, scene_attempt(scene, &payment, 0, 2).id);
    assert_true(payment.action_value.len > 0);
    money_sweep_for(m, 4 * HOUR);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    money_check_books(m);
}

static void no_way_is_added_to_what_is_over(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "t-4");
    char body[96];
    snprintf(body, sizeof body, "{\"account\":\"%s\"}", scene->other.id);
    scene_pay(scene, &(struct attempt_row[]){scene_attempt(scene, &payment, 0, 1)}[0]);
    assert_int_equal(scene_try_way(scene, &payment, body).code, TILL_E_STATE_CONFLICT);
    payment = scene_order(scene, "t-5");
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    assert_int_equal(scene_try_way(scene, &payment, body).code, TILL_E_STATE_CONFLICT);
    payment = scene_order(scene, "t-6");
    world_inline_advance(m->world, 3 * HOUR);
    assert_int_equal(scene_try_way(scene, &payment, body).code, TILL_E_STATE_CONFLICT);
    assert_int_equal(scene->second.trade_count, 0);
}

/* ---- older news ---- */

static void paid_that_was_overtaken_by_its_going_back_is_no_news(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment = scene_order(scene, "o-1");
    struct platform_trade *trade = money_trade(m, &payment);
    assert_true(platform_alipay_pay(&m->platform, trade));
    struct till_str told = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_int_equal(money_request(m, cancel_payment, payment.id, NULL).status, 200);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(money_payment(m, payment.id).refunded, 10000);
    size_t lines = money_ledger_lines(m, &payment);
    assert_true(till_str_is(money_notify(m, told), "success"));
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(money_ledger_lines(m, &payment), lines);
    assert_int_equal(money_events(m, &payment, "payment.paid_late"), 0);
    money_check_books(m);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_second_way_to_pay_stands_beside_the_first),
        SCENE(the_same_way_again_is_the_same_attempt),
        SCENE(the_first_money_settles_and_the_rest_is_closed_upstream),
        SCENE(s_093_money_of_both_ways_is_a_payment_and_a_duplicate),
        SCENE(money_that_meets_the_close_of_an_unwanted_attempt_is_found),
        SCENE(closing_ends_every_way_before_the_payment_is_closed),
        SCENE(a_payment_is_not_closed_while_one_way_cannot_be),
        SCENE(expiry_closes_every_way_upstream),
        SCENE(a_refused_way_leaves_the_one_that_stands),
        SCENE(an_order_is_tried_only_so_often),
        SCENE(a_way_that_is_wrong_is_refused_by_its_field),
        SCENE(an_order_that_did_not_leave_goes_to_the_next_account),
        SCENE(i_009_an_order_that_may_have_left_stays_at_its_account),
        SCENE(an_order_that_names_its_account_stays_there),
        SCENE(an_order_that_reaches_nobody_is_unsent),
        SCENE(a_refused_code_is_followed_by_another_one),
        SCENE(i_009_no_second_code_while_the_first_may_be_charged),
        SCENE(a_code_whose_time_is_over_ends_alone),
        SCENE(no_way_is_added_to_what_is_over),
        SCENE(paid_that_was_overtaken_by_its_going_back_is_no_news),
    };
    return cmocka_run_group_tests_name("money_attempts", tests, NULL, NULL);
}
