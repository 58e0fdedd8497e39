/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call for memory fails once, and then all from each one on: no crash, no leak (the
 * sanitizers look), and no answer or event that says more than it did with memory.
 */
#include "fixture.h"

#include "tests/unit/shortage.h"

static struct till_json *settings, *extra;
static struct till_str event, header, query;

static bool load(struct fixture *f, struct till_arena *arena) {
    struct till_account *account = NULL;
    (void)arena;
    bool is_loaded = till_account_load(TILL_STR("stripe"), TILL_TEST, settings, &account, &f->err);
    assert_int_equal(account != NULL, is_loaded);
    till_account_free(account);
    return is_loaded;
}

static bool request(struct fixture *f, struct till_arena *arena, enum till_operation operation) {
    struct till_ask ask = fixture_ask(operation);
    struct till_outgoing outgoing = {0};
    ask.extra = extra;
    bool is_built = till_request(f->account, &ask, arena, &outgoing, &f->err);
    assert_int_equal(outgoing.url.len > 0, is_built);
    return is_built;
}

static struct till_str sent; /* a creation's body, whole */

static bool create(struct fixture *f, struct till_arena *arena) {
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing = {0};
    ask.extra = extra;
    if (!till_request(f->account, &ask, arena, &outgoing, &f->err))
        return false;
    assert_true(sent.len == 0 || till_str_equal(outgoing.body, sent)); /* nothing is left out */
    return true;
}

static bool refund(struct fixture *f, struct till_arena *arena) {
    return request(f, arena, TILL_REFUND);
}

static bool question(struct fixture *f, struct till_arena *arena) {
    return request(f, arena, TILL_QUERY);
}

static struct till_verdict verdict(struct fixture *f, struct till_arena *arena,
                                   enum till_operation operation, int status,
                                   struct till_str body) {
    struct till_ask ask = fixture_ask(operation);
    struct till_incoming incoming = {TILL_FATE_ANSWERED, status, body};
    struct till_verdict v;
    till_answer(f->account, &ask, &incoming, arena, &v);
    return v;
}

static bool answer(struct fixture *f, struct till_arena *arena) {
    struct till_verdict v = verdict(f, arena, TILL_QUERY, 200, till_str_of(fixture_paid));
    assert_true(v.outcome == TILL_PAID || v.outcome == TILL_UNKNOWN);
    assert_false(v.suspicious);
    if (v.outcome == TILL_PAID)
        assert_true(v.verified && v.amount.minor == 1234 && till_str_is(v.trade_no, PI));
    return v.outcome == TILL_PAID;
}

static bool refusal(struct fixture *f, struct till_arena *arena) {
    struct till_verdict v =
        verdict(f, arena, TILL_CREATE, 400,
                TILL_STR("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\"}}"));
    assert_true(v.outcome == TILL_DECLINED || v.outcome == TILL_UNKNOWN);
    return v.outcome == TILL_DECLINED;
}

static bool refund_list(struct fixture *f, struct till_arena *arena) {
    struct till_verdict v = verdict(f, arena, TILL_REFUND_QUERY, 200,
                                    TILL_STR("{\"object\":\"list\",\"has_more\":false,"
                                             "\"data\":[]}"));
    assert_true(v.outcome == TILL_PENDING || v.outcome == TILL_UNKNOWN);
    return v.outcome == TILL_PENDING;
}

static bool notified(struct fixture *f, struct till_arena *arena) {
    const struct till_pair pair = {TILL_STR("Stripe-Signature"), header};
    struct till_notification notification = fixture_notification(&pair, event);
    struct till_notice n = {.kind = TILL_NOTICE_UNKNOWN};
    bool is_taken = f->account->channel->notified(f->account, &notification, arena, &n, &f->err);
    assert_int_equal(n.kind == TILL_NOTICE_REFUND && n.refunded.minor == 234, is_taken);
    if (!is_taken) /* our own trouble, never a forgery */
        assert_int_equal(f->err.code, TILL_E_OUT_OF_MEMORY);
    return is_taken;
}

static bool returned(struct fixture *f, struct till_arena *arena) {
    struct till_notification notification = {.query = query};
    struct till_str no = TILL_STR_NONE;
    bool is_ours = f->account->channel->returned(f->account, &notification, arena, &no, &f->err);
    assert_int_equal(no.len > 0, is_ours);
    return is_ours;
}

static bool explain(struct fixture *f, struct till_arena *arena) {
    struct till_explanation e = {0};
    return till_stripe_webhook_explain(arena, header, event, TILL_STR(SECRET), NOW_US, &e,
                                       &f->err) &&
           e.verified;
}

typedef bool scenario(struct fixture *f, struct till_arena *arena);
static scenario *const scenarios[] = {load,    create,      refund,   question, answer,
                                      refusal, refund_list, notified, returned, explain};

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
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing;
    struct till_form form;
    assert_true(till_json_parse(
        TILL_STR("{\"locale\":\"de\",\"payment_method_types\":[\"card\",\"wechat_pay\"]}"), &extra,
        &f->err));
    ask.extra = extra;
    assert_true(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
    sent = outgoing.body;
    assert_true(till_form_parse(&f->arena, sent, &form, &f->err));
    query = till_form_get(&form, "success_url");
    query = till_str_sub(query, till_str_find(query, '?') + 1, query.len);
    event = fixture_event(f, "refund.updated", till_str_of(fixture_refund));
    header = fixture_sign(f, event);
    settings = fixture_settings(TILL_TEST);
}

static void run_all(struct fixture *f, bool ever_since) {
    prepare(f);
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        long n = 0;
        assert_false(fail_call(f, scenarios[i], 1L << 40)); /* it works with memory */
        shortage.ever_since = ever_since;
        while (fail_call(f, scenarios[i], n))
            n++;
        shortage.ever_since = false;
        assert_true(n > 0);
    }
    till_json_release(settings);
    till_json_release(extra);
}

static void every_call_for_memory_may_fail(void **state) {
    run_all(fixture_of(state), false);
}

static void memory_may_be_gone_from_any_call_on(void **state) {
    run_all(fixture_of(state), true);
}

int main(void) {
    if (!shortage_prepare())
        return 1;
    const struct CMUnitTest tests[] = {
        SENTENCE(every_call_for_memory_may_fail),
        SENTENCE(memory_may_be_gone_from_any_call_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
