/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call for memory fails once, and then all from each one on: no crash, no leak (the
 * sanitizers look), and above all no answer or notification that says more than it did with memory.
 */
#include "fixture.h"

#include "tests/unit/shortage.h"

#include <stdlib.h>

static struct till_json *settings;
static struct till_str paid_answer, paid_notification;

/* Whoever is refused for want of memory hears nothing of a key, a signature or a text. */
static bool judged(struct fixture *f, bool is_good) {
    if (!is_good && f->err.code != TILL_E_OUT_OF_MEMORY)
        fail_msg("%s: %s", till_code_slug(f->err.code), f->err.text);
    return is_good;
}

static bool load(struct fixture *f, struct till_arena *arena) {
    struct till_account *account = NULL;
    (void)arena;
    bool is_loaded = till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err);
    assert_int_equal(account != NULL, is_loaded);
    till_account_free(account);
    return judged(f, is_loaded);
}

static bool request(struct fixture *f, struct till_arena *arena) {
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing = {0};
    bool is_built = till_request(f->account, &ask, arena, &outgoing, &f->err);
    assert_int_equal(outgoing.body.len > 0, is_built);
    return judged(f, is_built);
}

static bool hand_over(struct fixture *f, struct till_arena *arena) {
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_action action = {.kind = TILL_STR("form")};
    ask.product = TILL_STR("page");
    bool is_made = till_hand_over(f->account, &ask, arena, &action, &f->err);
    assert_int_equal(action.value.len > 0, is_made);
    action.kind = TILL_STR("form");
    return judged(f, is_made) &&
           judged(f, f->account->channel->show(ask.product, arena, &action, &f->err)) &&
           action.document.len > 0;
}

static bool answer(struct fixture *f, struct till_arena *arena) {
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, paid_answer};
    struct till_verdict v;
    till_answer(f->account, &ask, &incoming, arena, &v);
    assert_true(v.outcome == TILL_PAID || v.outcome == TILL_UNKNOWN);
    if (v.outcome == TILL_PAID)
        assert_true(v.verified && v.amount.minor == 10000 && v.trade_no.len == 1);
    return v.outcome == TILL_PAID;
}

static bool notified(struct fixture *f, struct till_arena *arena) {
    struct till_notification notification = fixture_notification(paid_notification);
    struct till_notice n = {.kind = TILL_NOTICE_UNKNOWN};
    bool is_taken = f->account->channel->notified(f->account, &notification, arena, &n, &f->err);
    assert_int_equal(n.kind == TILL_NOTICE_PAID && n.amount.minor == 10000, is_taken);
    return judged(f, is_taken);
}

static bool explain(struct fixture *f, struct till_arena *arena) {
    struct till_explanation e = {0};
    bool is_told = till_explain_alipay(arena, paid_notification, TILL_STR_NONE, f->platform_private,
                                       NULL, &e, &f->err);
    return is_told && e.verified;
}

typedef bool scenario(struct fixture *f, struct till_arena *arena);
static scenario *const scenarios[] = {load, request, hand_over, answer, notified, explain};

/* Fails the call n; false when there were fewer calls. */
static bool fail_call(struct fixture *f, scenario *run, long n) {
    struct till_arena arena;
    till_arena_init(&arena, 1 << 20);
    shortage.failed = false;
    shortage.calls_left = n;
    bool is_good = run(f, &arena);
    shortage.calls_left = -1;
    assert_true(is_good || shortage.failed);
    assert_false(is_good && shortage.failed && shortage.ever_since);
    till_arena_clean_up(&arena);
    return shortage.failed;
}

static void prepare(struct fixture *f) {
    struct till_form form = fixture_paid_form(f);
    paid_answer = fixture_answer(f, "alipay_trade_query_response",
                                 "{\"code\":\"10000\",\"out_trade_no\":\"" FIXTURE_ORDER_NO
                                 "\",\"total_amount\":\"100.00\",\"trade_no\":\"7\","
                                 "\"trade_status\":\"TRADE_SUCCESS\"}");
    paid_notification = fixture_notify_body(f, &form);
    settings = fixture_settings(f);
}

static void run_all(struct fixture *f, bool ever_since) {
    prepare(f);
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        long n = 0;
        assert_false(fail_call(f, scenarios[i], 1L << 40)); /* it works with memory */
        shortage.ever_since = ever_since;
        /* Checking a key's primes takes ten thousand equal calls: a part of them will do. */
        while (fail_call(f, scenarios[i], n))
            n += n < 400 ? 1 : 101;
        shortage.ever_since = false;
        assert_true(n > 0);
    }
    till_json_release(settings);
}

static void every_call_for_memory_may_fail(void **state) {
    run_all(fixture_of(state), false);
}

static void memory_may_be_gone_from_any_call_on(void **state) {
    run_all(fixture_of(state), true);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    if (!shortage_prepare())
        return 1;
    const struct CMUnitTest tests[] = {
        SENTENCE(every_call_for_memory_may_fail),
        SENTENCE(memory_may_be_gone_from_any_call_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
