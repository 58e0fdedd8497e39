/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The breaker and the bulkhead of an account around real flows: what counts as a failure, that
 * nothing leaves while the account rests, that other accounts take over, and that what is owed is
 * settled all the same.
 */
#include <stdio.h>

#include "attempt_scene.h"

#include <gateway/flow/parts.h>
#include <gateway/guard/breakers.h>

#define PRECREATE "alipay.trade.precreate"
#define APART_US (SECOND / 10)

static int orders;

static int setup(void **state) {
    static struct scene scene;
    scene_open(&scene, "keep", "keep");
    scene_rule(&scene, 1, scene.money.account.id);
    *state = &scene;
    return 0;
}

static int teardown(void **state) {
    scene_close(*state);
    return 0;
}

static struct breaker_view look(struct scene *scene, const struct account_row *account) {
    struct breaker_view view;
    breakers_look(&scene->money.gw, account->id, &view);
    return view;
}

static enum breaker_state state_of(struct scene *scene) {
    return look(scene, &scene->money.account).state;
}

/* A new order that names no account. */
static struct money_answer try_next(struct scene *scene, struct payment_row *ret_payment) {
    char no[32];
    snprintf(no, sizeof no, "b-%d", ++orders);
    struct money_answer answer = money_try_create(&scene->money, no, 10000, "");
    if (ret_payment)
        *ret_payment = money_by_order(&scene->money, no);
    return answer;
}

static struct money_answer try_at(struct scene *scene, const struct account_row *account) {
    char no[32], more[96];
    snprintf(no, sizeof no, "b-%d", ++orders);
    snprintf(more, sizeof more, ",\"account\":\"%s\"", account->id);
    return money_try_create(&scene->money, no, 10000, more);
}

/* Orders for so long, ten a second; of ten so many end by the fault. */
static void order_for(struct scene *scene, int64_t us, int failing, enum world_inline_fault fault) {
    struct world *world = scene->money.world;
    int64_t end_us = world_monotonic_us(world) + us;
    for (int i = 0; world_monotonic_us(world) < end_us; i++) {
        if ((i + 1) * failing / 10 > i * failing / 10)
            world_inline_fault(world, MONEY_GATEWAY, fault, 1);
        try_at(scene, &scene->money.account);
        world_inline_advance(world, APART_US);
    }
}

static void make_it_rest(struct scene *scene) {
    struct world *world = scene->money.world;
    for (int i = 0; i < 100 && state_of(scene) != BREAKER_OPEN; i++) {
        world_inline_fault(world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 1);
        try_at(scene, &scene->money.account);
        world_inline_advance(world, APART_US);
    }
    assert_int_equal(state_of(scene), BREAKER_OPEN);
}

static void wait_for_probe(struct scene *scene) {
    world_inline_advance(scene->money.world, look(scene, &scene->money.account).wait_us);
}

/* ---- opening ---- */

static void an_account_that_fails_rests_and_nothing_leaves(void **state) {
    struct scene *scene = *state;
    struct world *world = scene->money.world;
    struct payment_row payment;
    make_it_rest(scene);
    size_t attempts = world_inline_attempts(world, MONEY_GATEWAY);
    for (int i = 0; i < 20; i++) {
        struct money_answer answer = try_next(scene, &payment);
        assert_false(answer.good);
        assert_int_equal(answer.code, TILL_E_CHANNEL_UNAVAILABLE);
        assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
        assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PREPARED);
        assert_true(till_str_is(payment.peer_code, ASK_RESTING));
    }
    assert_int_equal(world_inline_attempts(world, MONEY_GATEWAY), attempts);
    assert_int_equal(look(scene, &scene->other).state, BREAKER_CLOSED);
    assert_int_equal(try_at(scene, &scene->other).status, 201); /* untouched */
    char line[128];
    snprintf(line, sizeof line, "till_breaker_state{account=\"%s\"}", scene->money.account.id);
    assert_int_equal(money_metric(&scene->money, line), BREAKER_OPEN);
    snprintf(line, sizeof line, "till_breaker_opened_total{account=\"%s\"}",
             scene->money.account.id);
    assert_int_equal(money_metric(&scene->money, line), 1);
    snprintf(line, sizeof line, "till_upstream_refused_total{account=\"%s\",reason=\"resting\"}",
             scene->money.account.id);
    assert_int_equal(money_metric(&scene->money, line), 20);
}

static void sixty_in_a_hundred_open_it_and_half_does_not(void **state) {
    struct scene *scene = *state;
    order_for(scene, 30 * SECOND, 5, WORLD_INLINE_UNSENT);
    assert_int_equal(state_of(scene), BREAKER_CLOSED);
    order_for(scene, 10 * SECOND, 6, WORLD_INLINE_UNSENT);
    assert_int_equal(state_of(scene), BREAKER_OPEN);
}

static void declines_never_open_it(void **state) {
    struct scene *scene = *state;
    platform_alipay_whim(&scene->money.platform, PRECREATE, PLATFORM_ERROR_BEFORE,
                         "ACQ.INVALID_PARAMETER", 200);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(try_next(scene, NULL).code, TILL_E_CHANNEL_DECLINED);
        world_inline_advance(scene->money.world, APART_US);
    }
    struct breaker_view view = look(scene, &scene->money.account);
    assert_int_equal(view.state, BREAKER_CLOSED);
    assert_true(view.calls > 0);
    assert_int_equal(view.failures, 0);
}

/* One call that fails in some way counts; the order itself goes again by itself, so more may. */
static void every_way_to_fail_counts(void **state) {
    struct scene *scene = *state;
    const enum world_inline_fault faults[] = {WORLD_INLINE_UNSENT,     WORLD_INLINE_RESET_AFTER,
                                              WORLD_INLINE_GARBAGE,    WORLD_INLINE_HALF,
                                              WORLD_INLINE_STATUS_502, WORLD_INLINE_LOST_AFTER,
                                              WORLD_INLINE_LOST_BEFORE};
    const enum platform_whim_kind whims[] = {PLATFORM_WRONG_SIGNATURE, PLATFORM_UNSIGNED,
                                             PLATFORM_OTHER_ORDER};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        world_inline_advance(scene->money.world, 60 * SECOND);
        world_inline_fault(scene->money.world, MONEY_GATEWAY, faults[i], 1);
        try_next(scene, NULL);
        assert_int_equal(look(scene, &scene->money.account).failures, 1);
    }
    for (size_t i = 0; i < sizeof whims / sizeof whims[0]; i++) {
        world_inline_advance(scene->money.world, 60 * SECOND);
        platform_alipay_whim(&scene->money.platform, PRECREATE, whims[i], NULL, 1);
        try_next(scene, NULL);
        assert_int_equal(look(scene, &scene->money.account).failures, 1);
    }
    world_inline_advance(scene->money.world, 60 * SECOND);
    platform_alipay_whim(&scene->money.platform, PRECREATE, PLATFORM_ERROR_BEFORE,
                         "ACQ.SYSTEM_ERROR", 1);
    assert_int_equal(try_next(scene, NULL).status, 201); /* the second sending */
    assert_int_equal(look(scene, &scene->money.account).failures, 1);
    assert_int_equal(look(scene, &scene->money.account).calls, 2);
}

/* ---- ending ---- */

static void probes_close_it(void **state) {
    struct scene *scene = *state;
    make_it_rest(scene);
    wait_for_probe(scene);
    for (int i = 0; i < 3; i++)
        assert_int_equal(try_next(scene, NULL).status, 201);
    assert_int_equal(state_of(scene), BREAKER_CLOSED);
    order_for(scene, 4 * SECOND, 10, WORLD_INLINE_UNSENT);
    assert_int_equal(state_of(scene), BREAKER_CLOSED); /* it begins anew */
}

static void a_probe_that_fails_opens_it_again_for_longer(void **state) {
    struct scene *scene = *state;
    make_it_rest(scene);
    wait_for_probe(scene);
    world_inline_fault(scene->money.world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 1);
    assert_int_equal(try_next(scene, NULL).code, TILL_E_UPSTREAM_UNSENT);
    assert_int_equal(state_of(scene), BREAKER_OPEN);
    assert_int_equal(look(scene, &scene->money.account).wait_us, 10 * SECOND);
    wait_for_probe(scene);
    assert_int_equal(try_next(scene, NULL).status, 201);
}

static void an_order_that_was_kept_back_is_the_same_one_later(void **state) {
    struct scene *scene = *state;
    struct payment_row first, second;
    make_it_rest(scene);
    try_next(scene, &first);
    wait_for_probe(scene);
    orders--;
    assert_int_equal(try_next(scene, &second).status, 201);
    assert_string_equal(first.id, second.id);
    assert_string_equal(first.attempt_id, second.attempt_id);
    assert_true(till_str_equal(first.upstream_no, second.upstream_no));
    assert_int_equal(scene->money.platform.trade_count, 1);
}

static void steps_of_the_wall_clock_mean_nothing_to_it(void **state) {
    struct scene *scene = *state;
    make_it_rest(scene);
    world_inline_jump_wall(scene->money.world, 24 * HOUR);
    assert_int_equal(try_next(scene, NULL).code, TILL_E_CHANNEL_UNAVAILABLE);
    world_inline_jump_wall(scene->money.world, -48 * HOUR);
    assert_int_equal(try_next(scene, NULL).code, TILL_E_CHANNEL_UNAVAILABLE);
    wait_for_probe(scene);
    assert_int_equal(try_next(scene, NULL).status, 201);
}

/* ---- other accounts ---- */

static void the_next_account_of_the_table_takes_over(void **state) {
    struct scene *scene = *state;
    struct payment_row payment;
    scene_rule(scene, 2, scene->other.id);
    make_it_rest(scene);
    size_t attempts = world_inline_attempts(scene->money.world, MONEY_GATEWAY);
    assert_int_equal(try_next(scene, &payment).status, 201);
    assert_string_equal(payment.account_id, scene->other.id);
    struct attempt_row first = scene_attempt(scene, &payment, 0, 2);
    assert_string_equal(first.account_id, scene->money.account.id);
    assert_int_equal(scene_attempt(scene, &payment, 1, 2).state, TILL_ATTEMPT_PENDING);
    assert_int_equal(world_inline_attempts(scene->money.world, MONEY_GATEWAY), attempts);
    assert_int_equal(scene->second.trade_count, 1);
    assert_int_equal(money_events(&scene->money, &payment, ""), 0);
    /* An order that names its account stays there. */
    assert_int_equal(try_at(scene, &scene->money.account).code, TILL_E_CHANNEL_UNAVAILABLE);
}

static void when_both_rest_nothing_is_left(void **state) {
    struct scene *scene = *state;
    struct till_error err;
    struct payment_row payment;
    scene_rule(scene, 2, scene->other.id);
    make_it_rest(scene);
    assert_true(breakers_hold(&scene->money.gw, scene->other.id, BREAKER_HELD_OPEN, &err));
    assert_int_equal(try_next(scene, &payment).code, TILL_E_CHANNEL_UNAVAILABLE);
    assert_int_equal(scene->second.trade_count, 0);
    assert_true(breakers_hold(&scene->money.gw, scene->other.id, BREAKER_AUTO, &err));
    orders--;
    assert_int_equal(try_next(scene, &payment).status, 201);
    assert_string_equal(payment.account_id, scene->other.id);
}

/* ---- what is owed ---- */

static void money_that_may_have_moved_is_settled_by_a_probe_of_the_sweep(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment;
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_RESET_AFTER, 4);
    try_next(scene, &payment);
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_UNKNOWN);
    make_it_rest(scene);
    struct attempt_row before = money_attempt(m, &payment);
    size_t attempts = world_inline_attempts(m->world, MONEY_GATEWAY);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 3);
    size_t asked = 0;
    for (int i = 0; asked < 3; i++) { /* each probe of the sweep fails, and it waits for the next */
        assert_true(i < 1000);
        money_sweep_for(m, SECOND);
        world_inline_advance(m->world, SECOND);
        asked = world_inline_attempts(m->world, MONEY_GATEWAY) - attempts;
    }
    struct attempt_row now = money_attempt(m, &payment);
    assert_int_equal(now.state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(now.asks, before.asks + 3); /* waiting is no question */
    assert_in_range(look(scene, &m->account).wait_us, 37 * SECOND,
                    40 * SECOND); /* the fourth pause */
    money_sweep_for(m, 10 * 60 * SECOND);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
    assert_int_equal(platform_alipay_calls(&m->platform, PRECREATE) >= 2, true);
    assert_int_equal(m->platform.trade_count, 1);
}

static void a_refund_waits_and_is_done_once(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct till_error err;
    struct payment_row payment;
    assert_int_equal(try_next(scene, &payment).status, 201);
    struct attempt_row attempt = money_attempt(m, &payment);
    scene_pay(scene, &attempt);
    assert_true(breakers_hold(&m->gw, m->account.id, BREAKER_HELD_OPEN, &err));
    payment = money_payment(m, payment.id);
    assert_int_equal(money_refund(m, &payment, "r-1", 4000).status, 202);
    struct refund_row refund = money_find_refund(m, &payment, "r-1");
    assert_int_equal(refund.state, TILL_REFUND_PREPARED);
    money_sweep_for(m, 600 * SECOND);
    assert_int_equal(platform_alipay_calls(&m->platform, "alipay.trade.refund"), 0);
    assert_true(breakers_hold(&m->gw, m->account.id, BREAKER_AUTO, &err));
    money_sweep_for(m, 120 * SECOND);
    refund = money_find_refund(m, &payment, "r-1");
    assert_int_equal(refund.state, TILL_REFUND_SUCCEEDED);
    assert_int_equal(platform_alipay_calls(&m->platform, "alipay.trade.refund"), 1);
    assert_int_equal(scene_held(scene), 6000);
}

static void a_close_stays_due_and_is_made(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct till_error err;
    struct payment_row payment;
    assert_int_equal(try_next(scene, &payment).status, 201);
    assert_true(breakers_hold(&m->gw, m->account.id, BREAKER_HELD_OPEN, &err));
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 202);
    money_sweep_for(m, 300 * SECOND);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSING);
    assert_true(breakers_hold(&m->gw, m->account.id, BREAKER_AUTO, &err));
    money_sweep_for(m, 120 * SECOND);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSED);
}

static void news_by_notification_needs_no_call(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    struct payment_row payment;
    assert_int_equal(try_next(scene, &payment).status, 201);
    make_it_rest(scene);
    struct attempt_row attempt = money_attempt(m, &payment);
    scene_pay(scene, &attempt);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(state_of(scene), BREAKER_OPEN);
}

/* ---- the bulkhead ---- */

struct nesting {
    struct scene *scene;
    struct money_answer inner;
    struct payment_row payment;
    bool done;
};

/* While one call is under way another order comes. */
static void order_within(void *self, struct platform_alipay *platform, struct till_str method,
                         struct platform_trade *trade) {
    struct nesting *nesting = self;
    (void)platform, (void)method, (void)trade;
    if (nesting->done)
        return;
    nesting->done = true;
    nesting->inner = try_next(nesting->scene, &nesting->payment);
}

static void an_account_with_all_its_places_taken_is_busy_and_the_next_takes_over(void **state) {
    struct scene *scene = *state;
    struct money *m = &scene->money;
    for (int fallback = 0; fallback < 2; fallback++) {
        struct nesting nesting = {.scene = scene};
        m->settings.upstream_in_flight_max = 1;
        m->platform.before = order_within;
        m->platform.self = &nesting;
        if (fallback)
            scene_rule(scene, 2, scene->other.id);
        assert_int_equal(try_next(scene, NULL).status, 201);
        m->platform.before = NULL;
        assert_true(nesting.done);
        if (fallback) {
            assert_int_equal(nesting.inner.status, 201);
            assert_string_equal(nesting.payment.account_id, scene->other.id);
        } else {
            assert_int_equal(nesting.inner.code, TILL_E_CHANNEL_UNAVAILABLE);
            assert_true(till_str_is(nesting.payment.peer_code, ASK_BUSY));
        }
    }
    m->settings.upstream_in_flight_max = 2; /* live */
    struct nesting nesting = {.scene = scene};
    m->platform.before = order_within;
    m->platform.self = &nesting;
    assert_int_equal(try_next(scene, NULL).status, 201);
    m->platform.before = NULL;
    assert_int_equal(nesting.inner.status, 201);
    assert_string_equal(nesting.payment.account_id, m->account.id);
    struct breaker_view view = look(scene, &m->account);
    assert_int_equal(view.in_flight, 0);
    assert_int_equal(view.state, BREAKER_CLOSED);
    assert_int_equal(view.failures, 0); /* being busy is no failure of the platform */
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_account_that_fails_rests_and_nothing_leaves),
        T(sixty_in_a_hundred_open_it_and_half_does_not),
        T(declines_never_open_it),
        T(every_way_to_fail_counts),
        T(probes_close_it),
        T(a_probe_that_fails_opens_it_again_for_longer),
        T(an_order_that_was_kept_back_is_the_same_one_later),
        T(steps_of_the_wall_clock_mean_nothing_to_it),
        T(the_next_account_of_the_table_takes_over),
        T(when_both_rest_nothing_is_left),
        T(money_that_may_have_moved_is_settled_by_a_probe_of_the_sweep),
        T(a_refund_waits_and_is_done_once),
        T(a_close_stays_due_and_is_made),
        T(news_by_notification_needs_no_call),
        T(an_account_with_all_its_places_taken_is_busy_and_the_next_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
