/* SPDX-License-Identifier: Apache-2.0 */
/* Events: who signed them, what they mean, and whose they are; the sentences carry the numbers of
 * the security cases. */
#include "fixture.h"

#include <string.h>

static bool take_as(struct fixture *f, const struct till_account *account, struct till_str value,
                    struct till_str body, struct till_notice *notice) {
    const struct till_pair header = {TILL_STR("Stripe-Signature"), value};
    struct till_notification notification = fixture_notification(&header, body);
    return account->channel->notified(account, &notification, &f->arena, notice, &f->err);
}

static struct till_notice taken(struct fixture *f, struct till_str body) {
    struct till_notice notice = {0};
    if (!take_as(f, f->account, fixture_sign(f, body), body, &notice))
        fail_msg("%s: %s", f->err.field, f->err.text);
    return notice;
}

static void refused_as(struct fixture *f, struct till_str value, struct till_str body,
                       enum till_code code) {
    struct till_notice notice = {.notice_id = TILL_STR("untouched")};
    assert_false(take_as(f, f->account, value, body, &notice));
    assert_int_equal(f->err.code, code);
    assert_true(till_str_is(notice.notice_id, "untouched"));
}

/* Well signed, and refused for what it says. */
static void refused(struct fixture *f, struct till_str body, enum till_code code) {
    refused_as(f, fixture_sign(f, body), body, code);
}

/* As events tell of it: nothing is expanded. */
static struct till_str session(struct fixture *f, const char *status, const char *payment) {
    struct till_str text;
    assert_true(till_arena_format(
        &f->arena, &text, &f->err,
        "{\"id\":\"" CS "\",\"object\":\"checkout.session\",\"amount_total\":1234,"
        "\"client_reference_id\":\"" NO "\",\"currency\":\"cny\",\"customer_details\":"
        "{\"email\":\"xudong@example.com\"},\"livemode\":false,\"metadata\":{\"till_no\":\"" NO
        "\"},\"payment_intent\":\"" PI "\",\"payment_status\":\"%s\",\"status\":\"%s\"}",
        payment, status));
    return text;
}

static struct till_str paid_event(struct fixture *f) {
    return fixture_event(f, "checkout.session.completed", session(f, "complete", "paid"));
}

/* ---- what is told ---- */

static void a_completed_session_is_a_payment(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_notice n = taken(f, paid_event(f));
    assert_int_equal(n.kind, TILL_NOTICE_PAID);
    assert_true(till_str_is(n.upstream_no, NO));
    assert_true(till_str_is(n.reference, CS));
    assert_true(till_str_is(n.trade_no, PI));
    assert_true(till_str_is(n.notice_id, "evt_3SZx0001AbCdEfGh0EvT"));
    assert_true(till_str_is(n.status_text, "checkout.session.completed"));
    assert_true(till_str_is(n.buyer, "xud***@example.com"));
    assert_int_equal(n.amount.minor, 1234);
    assert_string_equal(n.amount.currency, "CNY");
    assert_true(n.paid_us == INT64_C(1763803601) * TILL_US_PER_SECOND);
    assert_null(n.mismatch);
    assert_int_equal(n.refund_no.len, 0);
}

static void each_event_of_a_session_has_its_meaning(void **state) {
    static const struct {
        const char *type, *status, *payment;
        enum till_notice_kind kind;
    } rows[] = {
        {"checkout.session.completed", "complete", "paid", TILL_NOTICE_PAID},
        {"checkout.session.completed", "complete", "unpaid", TILL_NOTICE_WAITING},
        {"checkout.session.completed", "complete", "no_payment_required", TILL_NOTICE_UNKNOWN},
        {"checkout.session.async_payment_succeeded", "complete", "paid", TILL_NOTICE_PAID},
        {"checkout.session.async_payment_succeeded", "complete", "unpaid", TILL_NOTICE_UNKNOWN},
        {"checkout.session.async_payment_failed", "complete", "unpaid", TILL_NOTICE_CLOSED},
        {"checkout.session.expired", "expired", "unpaid", TILL_NOTICE_CLOSED},
        {"checkout.session.expired", "expired", "paid", TILL_NOTICE_UNKNOWN},
        {"checkout.session.of_tomorrow", "complete", "paid", TILL_NOTICE_NOTHING},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_notice n =
            taken(f, fixture_event(f, rows[i].type, session(f, rows[i].status, rows[i].payment)));
        if (n.kind != rows[i].kind)
            fail_msg("%s %s: %d", rows[i].type, rows[i].payment, n.kind);
        assert_true(till_str_is(n.status_text, rows[i].type));
    }
}

#define OF_TILL "\"metadata\":{\"till_no\":\"" NO "\",\"till_refund_no\":\"" REFUND_NO "\"}"

/* One text has the members of all kinds; `object` says which it is. */
static struct till_str object(struct fixture *f, const char *kind, const char *id,
                              const char *status, const char *metadata) {
    struct till_str text;
    assert_true(till_arena_format(
        &f->arena, &text, &f->err,
        "{\"id\":\"%s\",\"object\":\"%s\",\"amount\":1234,\"amount_received\":1234,"
        "\"amount_refunded\":1000,\"currency\":\"cny\",\"payment_intent\":\"" PI
        "\",\"status\":\"%s\",%s}",
        id, kind, status, metadata));
    return text;
}

static const struct about {
    const char *type, *object, *id, *status;
    enum till_notice_kind kind;
    int64_t amount, refunded;
} abouts[] = {
    {"payment_intent.succeeded", "payment_intent", PI, "succeeded", TILL_NOTICE_PAID, 1234, 0},
    {"payment_intent.canceled", "payment_intent", PI, "canceled", TILL_NOTICE_CLOSED, 1234, 0},
    {"charge.refunded", "charge", "ch_1", "succeeded", TILL_NOTICE_REFUND_SUM, 1234, 1000},
    {"refund.created", "refund", "re_1", "succeeded", TILL_NOTICE_REFUND, 0, 1234},
    {"refund.created", "refund", "re_1", "pending", TILL_NOTICE_NOTHING, 0, 0},
    {"refund.updated", "refund", "re_1", "requires_action", TILL_NOTICE_NOTHING, 0, 0},
    {"refund.updated", "refund", "re_1", "succeeded", TILL_NOTICE_REFUND, 0, 1234},
    {"charge.refund.updated", "refund", "re_1", "failed", TILL_NOTICE_REFUND_FAILED, 0, 1234},
    {"refund.failed", "refund", "re_1", "failed", TILL_NOTICE_REFUND_FAILED, 0, 1234},
    {"refund.updated", "refund", "re_1", "canceled", TILL_NOTICE_REFUND_FAILED, 0, 1234},
};

static void each_event_of_our_payment_has_its_meaning(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof abouts / sizeof abouts[0]; i++) {
        const struct about *a = &abouts[i];
        struct till_notice n =
            taken(f, fixture_event(f, a->type, object(f, a->object, a->id, a->status, OF_TILL)));
        bool is_refund = n.kind == TILL_NOTICE_REFUND || n.kind == TILL_NOTICE_REFUND_FAILED;
        if (n.kind != a->kind || n.amount.minor != a->amount || n.refunded.minor != a->refunded)
            fail_msg("%s %s: %d", a->type, a->status, n.kind);
        assert_int_equal(till_str_is(n.refund_no, REFUND_NO), is_refund);
        if (a->kind != TILL_NOTICE_NOTHING)
            assert_true(till_str_is(n.upstream_no, NO) && till_str_is(n.trade_no, PI));
    }
}

static void an_event_says_for_whom_the_order_was_made(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str mine = fixture_with(f, session(f, "complete", "paid"), "\"till_no\"",
                                        "\"till_account\":\"pub_1\",\"till_no\"");
    assert_true(till_str_is(
        taken(f, fixture_event(f, "checkout.session.completed", mine)).addressee, "pub_1"));
    assert_int_equal(taken(f, paid_event(f)).addressee.len, 0);
}

static void why_a_refund_failed_is_told_in_the_platform_s_word(void **state) {
    static const struct {
        const char *status, *more, *word;
    } rows[] = {{"failed", ",\"failure_reason\":\"lost_or_stolen_card\"", "lost_or_stolen_card"},
                {"failed", ",\"failure_reason\":\"unknown\"", "refund_failed"},
                {"failed", "", "refund_failed"},
                {"canceled", "", "refund_canceled"}};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str metadata;
        assert_true(
            till_arena_format(&f->arena, &metadata, &f->err, "%s%s", OF_TILL, rows[i].more));
        struct till_notice n =
            taken(f, fixture_event(f, "refund.updated",
                                   object(f, "refund", "re_1", rows[i].status, metadata.ptr)));
        assert_int_equal(n.kind, TILL_NOTICE_REFUND_FAILED);
        assert_true(till_str_is(n.status_text, rows[i].word));
    }
}

static void what_others_do_with_the_account_is_no_news(void **state) {
    static const char *const metadata[] = {"\"metadata\":{}", "\"metadata\":null", "\"x\":1",
                                           "\"metadata\":{\"till_no\":7}",
                                           "\"metadata\":{\"till_no\":\"\"}"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 5 * (sizeof abouts / sizeof abouts[0]); i++) {
        const struct about *a = &abouts[i / 5];
        if (strcmp(a->object, "refund") == 0)
            continue;
        struct till_notice n = taken(
            f, fixture_event(f, a->type, object(f, a->object, a->id, a->status, metadata[i % 5])));
        assert_int_equal(n.kind, TILL_NOTICE_NOTHING);
        assert_int_equal(n.upstream_no.len, 0);
    }
    struct till_str foreign = fixture_with(f, session(f, "complete", "paid"),
                                           "\"metadata\":{\"till_no\":\"" NO "\"}", "\"x\":1");
    assert_int_equal(taken(f, fixture_event(f, "checkout.session.completed", foreign)).kind,
                     TILL_NOTICE_NOTHING);
}

static void a_refund_of_the_dashboard_has_the_platform_s_number(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str refund = object(f, "refund", "re_1", "succeeded", "\"metadata\":{}");
    struct till_notice n = taken(f, fixture_event(f, "refund.created", refund));
    assert_int_equal(n.kind, TILL_NOTICE_REFUND);
    assert_int_equal(n.upstream_no.len, 0); /* the payment alone names the order */
    assert_true(till_str_is(n.trade_no, PI) && till_str_is(n.refund_no, "re_1"));
    assert_int_equal(n.refunded.minor, 1234);
    struct till_str half =
        object(f, "refund", "re_1", "succeeded", "\"metadata\":{\"till_no\":\"" NO "\"}");
    n = taken(f, fixture_event(f, "refund.created", half));
    assert_true(till_str_is(n.upstream_no, NO) && till_str_is(n.refund_no, "re_1"));
    struct till_str nowhere = fixture_with(f, refund, "\"" PI "\"", "null");
    assert_int_equal(taken(f, fixture_event(f, "refund.created", nowhere)).kind,
                     TILL_NOTICE_NOTHING);
    struct till_str strange = fixture_with(f, refund, "\"cny\"", "\"xyz\"");
    assert_int_equal(taken(f, fixture_event(f, "refund.created", strange)).kind,
                     TILL_NOTICE_NOTHING);
}

static void what_is_no_news_is_taken_whatever_it_is_about(void **state) {
    static const char *const types[] = {"customer.created",
                                        "payment_intent.created",
                                        "payment_intent.processing",
                                        "charge.succeeded",
                                        "payout.paid",
                                        "of.tomorrow"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct till_notice n = taken(
            f, fixture_event(f, types[i], object(f, "payment_intent", PI, "processing", OF_TILL)));
        assert_int_equal(n.kind, TILL_NOTICE_NOTHING);
        assert_true(till_str_is(n.notice_id, "evt_3SZx0001AbCdEfGh0EvT"));
    }
}

static void a_dispute_names_the_payment(void **state) {
    static const char *const types[] = {"charge.dispute.created", "charge.dispute.updated",
                                        "charge.dispute.closed", "charge.dispute.funds_withdrawn",
                                        "charge.dispute.funds_reinstated"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct till_str text;
        struct till_notice n = taken(
            f, fixture_event(f, types[i], object(f, "dispute", "dp_1", "lost", "\"metadata\":{}")));
        assert_int_equal(n.kind, TILL_NOTICE_DISPUTE);
        assert_int_equal(n.upstream_no.len, 0);
        assert_true(till_str_is(n.trade_no, PI));
        assert_true(till_str_is(n.notice_id, "dp_1")); /* one case, however many events */
        assert_true(till_arena_format(&f->arena, &text, &f->err, "%s lost", types[i]));
        assert_true(till_str_equal(n.status_text, text));
    }
    struct till_str nameless = fixture_with(
        f, object(f, "dispute", "dp_1", "lost", "\"metadata\":{}"), "\"" PI "\"", "null");
    assert_int_equal(taken(f, fixture_event(f, types[0], nameless)).kind, TILL_NOTICE_NOTHING);
}

static void money_that_arrived_is_what_counts(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str intent = fixture_with(f, object(f, "payment_intent", PI, "succeeded", OF_TILL),
                                          "\"amount_received\":1234", "\"amount_received\":1000");
    assert_int_equal(taken(f, fixture_event(f, "payment_intent.succeeded", intent)).amount.minor,
                     1000);
}

/* ---- who signed it ---- */

static void s_074_a_v0_signature_proves_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f), good = fixture_sign(f, body);
    refused_as(f, fixture_with(f, good, ",v1=", ",v0="), body, TILL_E_NOTIFY_FORGED);
}

static void s_075_a_signature_lives_300_seconds_in_both_directions(void **state) {
    static const struct {
        int64_t off_us;
        bool good;
    } rows[] = {
        {0, true},          {300000000, true},   {300000001, false},   {301000000, false},
        {-300000000, true}, {-300000001, false}, {-3600000000, false}, {INT64_MIN + NOW_US, false}};
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f);
    const struct till_pair header = {TILL_STR("stripe-signature"), fixture_sign(f, body)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_notification notification = fixture_notification(&header, body);
        struct till_notice n;
        notification.now_us = NOW_US + rows[i].off_us;
        bool good =
            f->account->channel->notified(f->account, &notification, &f->arena, &n, &f->err);
        assert_int_equal(good, rows[i].good);
        if (!good)
            assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    }
}

static struct till_str signed_by(struct fixture *f, const char *const *secrets, size_t count,
                                 struct till_str body) {
    struct till_secret parsed[2];
    struct till_str header;
    for (size_t i = 0; i < count; i++)
        assert_true(till_stripe_secret_parse(till_str_of(secrets[i]), &parsed[i], &f->err));
    assert_true(till_stripe_sign(&f->arena, parsed, count, NOW_S, body, &header, &f->err));
    return header;
}

static void s_076_one_of_two_signatures_is_enough(void **state) {
    static const char *const both[] = {"whsec_ffffffffffffffffffffffffffffffff", SECRET};
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f);
    struct till_notice n;
    assert_true(take_as(f, f->account, signed_by(f, both, 2, body), body, &n));
    assert_int_equal(n.kind, TILL_NOTICE_PAID);
    refused_as(f, signed_by(f, both, 1, body), body, TILL_E_NOTIFY_FORGED);
}

static void the_secret_before_counts_while_it_is_being_rolled(void **state) {
    static const char *const old[] = {OLD_SECRET};
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f), header = signed_by(f, old, 1, body);
    struct till_notice n;
    assert_true(take_as(f, f->account, header, body, &n));
    assert_false(take_as(f, f->live, header, body, &n)); /* which has none */
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
}

static void s_077_an_event_of_the_other_mode_is_told_as_such(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f);
    struct till_notice n;
    assert_true(take_as(f, f->live, fixture_sign(f, body), body, &n));
    assert_string_equal(n.mismatch, "mode");
    assert_int_equal(n.kind, TILL_NOTICE_PAID);
    body = fixture_with(f, body, "\"livemode\": false", "\"livemode\": true");
    assert_string_equal(taken(f, body).mismatch, "mode");
    assert_true(take_as(f, f->live, fixture_sign(f, body), body, &n));
    assert_null(n.mismatch);
    body = fixture_with(f, body, "\"livemode\": true", "\"livemode\": \"true\"");
    assert_true(take_as(f, f->live, fixture_sign(f, body), body, &n));
    assert_string_equal(n.mismatch, "mode");
    body = fixture_event(f, "customer.created", TILL_STR("{}"));
    assert_true(take_as(f, f->live, fixture_sign(f, body), body, &n));
    assert_null(n.mismatch); /* about nothing of ours */
}

static void there_is_exactly_one_signature_header(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f), good = fixture_sign(f, body);
    const struct till_pair two[] = {{TILL_STR("X"), good},
                                    {TILL_STR("STRIPE-SIGNATURE"), good},
                                    {TILL_STR("Stripe-Signature"), good}};
    struct till_notification notification = fixture_notification(two, body);
    struct till_notice n;
    for (size_t count = 0; count <= 3; count++) {
        notification.header_count = count;
        bool good_one =
            f->account->channel->notified(f->account, &notification, &f->arena, &n, &f->err);
        assert_int_equal(good_one, count == 2);
        if (!good_one)
            assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    }
}

static void a_notification_is_a_post_of_json(void **state) {
    static const struct {
        const char *method, *type;
        enum till_code code;
    } rows[] = {{"POST", "application/json", TILL_OK},
                {"POST", "Application/JSON ;charset=UTF-8", TILL_OK},
                {"GET", "application/json", TILL_E_METHOD_NOT_ALLOWED},
                {"POST", "application/x-www-form-urlencoded", TILL_E_MEDIA_TYPE},
                {"POST", "", TILL_E_MEDIA_TYPE}};
    struct fixture *f = fixture_of(state);
    struct till_str body = paid_event(f);
    const struct till_pair header = {TILL_STR("Stripe-Signature"), fixture_sign(f, body)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_notification notification = fixture_notification(&header, body);
        struct till_notice n;
        notification.method = till_str_of(rows[i].method);
        notification.content_type = till_str_of(rows[i].type);
        bool good =
            f->account->channel->notified(f->account, &notification, &f->arena, &n, &f->err);
        assert_int_equal(good, rows[i].code == TILL_OK);
        if (!good)
            assert_int_equal(f->err.code, rows[i].code);
    }
}

static void a_body_that_is_too_large_is_not_even_verified(void **state) {
    struct fixture *f = fixture_of(state);
    size_t max = 256 * 1024;
    char *bytes = till_arena_alloc(&f->arena, max + 1);
    assert_non_null(bytes);
    memset(bytes, ' ', max + 1);
    struct till_str event = paid_event(f);
    memcpy(bytes, event.ptr, event.len);
    struct till_str body = {bytes, max};
    assert_int_equal(taken(f, body).kind, TILL_NOTICE_PAID);
    body.len++;
    refused(f, body, TILL_E_BODY_TOO_LARGE);
}

/* ---- what is signed and cannot be read ---- */

static void what_is_signed_and_no_event_is_refused(void **state) {
    static const char *const bodies[] = {"",
                                         "[]",
                                         "{}",
                                         "{\"object\":\"event\"}",
                                         "{\"object\":\"event\",\"data\":{\"object\":[]}}",
                                         "{\"object\":\"events\",\"data\":{\"object\":{}}}"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        refused(f, till_str_of(bodies[i]), TILL_E_BODY_MALFORMED);
    struct till_str body = paid_event(f);
    refused(f, fixture_with(f, body, "  \"type\": \"checkout.session.completed\"", "\"x\":1"),
            TILL_E_FIELD_MISSING);
    refused(f, fixture_with(f, body, "\"evt_3SZx0001AbCdEfGh0EvT\"", "7"), TILL_E_FIELD_INVALID);
    refused(f, fixture_with(f, body, "\"status\":\"complete\"", "\"status\":1,\"status\":2"),
            TILL_E_BODY_MALFORMED);
}

static void an_event_of_ours_that_cannot_be_read_is_refused(void **state) {
    static const struct {
        const char *from, *to;
        enum till_code code;
    } edits[] = {
        {"\"client_reference_id\":\"" NO "\"", "\"client_reference_id\":\"x\"",
         TILL_E_FIELD_INVALID},
        {"\"client_reference_id\":\"" NO "\"", "\"client_reference_id\":null",
         TILL_E_FIELD_INVALID},
        {"\"amount_total\":1234", "\"amount_total\":1234.0", TILL_E_AMOUNT_INVALID},
        {"\"amount_total\":1234", "\"amount_total\":1e3", TILL_E_AMOUNT_INVALID},
        {"\"amount_total\":1234", "\"amount_total\":\"1234\"", TILL_E_AMOUNT_INVALID},
        {"\"currency\":\"cny\"", "\"currency\":\"CNY\"", TILL_E_AMOUNT_INVALID},
        {"\"object\":\"checkout.session\"", "\"object\":\"charge\"", TILL_E_FIELD_INVALID},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        refused(f, fixture_with(f, paid_event(f), edits[i].from, edits[i].to), edits[i].code);
    for (size_t i = 0; i < sizeof abouts / sizeof abouts[0]; i++) {
        const struct about *a = &abouts[i];
        struct till_str bad = fixture_with(f, object(f, a->object, a->id, a->status, OF_TILL),
                                           "\"currency\":\"cny\"", "\"currency\":\"xyz\"");
        if (a->kind != TILL_NOTICE_NOTHING)
            refused(f, fixture_event(f, a->type, bad), TILL_E_AMOUNT_INVALID);
    }
    struct till_str charge = fixture_with(f, object(f, "charge", "ch_1", "succeeded", OF_TILL),
                                          "\"amount_refunded\":1000", "\"amount_refunded\":-1");
    refused(f, fixture_event(f, "charge.refunded", charge), TILL_E_AMOUNT_INVALID);
}

static void an_event_without_a_time_has_none(void **state) {
    static const char *const times[] = {"\"created\": null", "\"created\": -5",
                                        "\"created\": 253402300800", "\"created\": \"1\""};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 4; i++) {
        struct till_str body = fixture_with(f, paid_event(f), "\"created\": 1763803601", times[i]);
        assert_int_equal(taken(f, body).paid_us, 0);
    }
}

/* With ever more memory: want of it, until it is taken. */
static void take_with_more_and_more(struct fixture *f, struct till_str body) {
    const struct till_pair header = {TILL_STR("Stripe-Signature"), fixture_sign(f, body)};
    struct till_notification notification = fixture_notification(&header, body);
    bool is_taken = false;
    for (size_t cap = 1; !is_taken; cap += 8) {
        struct till_arena arena;
        struct till_notice n;
        till_arena_init(&arena, cap);
        is_taken = f->account->channel->notified(f->account, &notification, &arena, &n, &f->err);
        if (!is_taken)
            assert_int_equal(f->err.code, TILL_E_ARENA_FULL);
        till_arena_clean_up(&arena);
        assert_true(cap < 8192);
    }
}

static void an_arena_that_is_full_is_our_own_trouble(void **state) {
    struct fixture *f = fixture_of(state);
    take_with_more_and_more(f, paid_event(f));
    for (size_t i = 0; i < sizeof abouts / sizeof abouts[0]; i++) {
        const struct about *a = &abouts[i];
        take_with_more_and_more(
            f, fixture_event(f, a->type, object(f, a->object, a->id, a->status, OF_TILL)));
    }
    take_with_more_and_more(f, fixture_event(f, "charge.dispute.created",
                                             object(f, "dispute", "dp_1", "lost", OF_TILL)));
}

static void ten_thousand_mutations_of_a_paid_event_are_not_believed(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str good = paid_event(f), header = fixture_sign(f, good);
    uint32_t seed = 20261129;
    struct till_notice n;
    for (int round = 0; round < 10000; round++) {
        bool is_header = round % 2;
        struct till_str bad = fixture_mutate(f, is_header ? header : good, &seed);
        if (till_str_equal(bad, is_header ? header : good))
            continue;
        /* More schemes behind a whole header change nothing. */
        bool is_more = is_header && till_str_starts_with(bad, header);
        if (take_as(f, f->account, is_header ? bad : header, is_header ? good : bad, &n) &&
            !is_more)
            fail_msg("round %d believed: %.*s", round, TILL_STR_ARG(bad));
    }
}

static void the_platform_hears_whether_to_send_again(void **state) {
    struct fixture *f = fixture_of(state);
    static const int statuses[] = {[TILL_ACK] = 200, [TILL_NACK] = 400, [TILL_NACK_OURS] = 503};
    for (int a = TILL_ACK; a <= TILL_NACK_OURS; a++) {
        struct till_reply reply;
        f->account->channel->acknowledge((enum till_acknowledgement)a, &reply);
        assert_int_equal(reply.status, statuses[a]);
        assert_true(till_str_is(reply.content_type, "application/json"));
        assert_true(till_str_starts_with(reply.body, TILL_STR("{\"received\":")));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_completed_session_is_a_payment),
        SENTENCE(each_event_of_a_session_has_its_meaning),
        SENTENCE(each_event_of_our_payment_has_its_meaning),
        SENTENCE(what_others_do_with_the_account_is_no_news),
        SENTENCE(a_refund_of_the_dashboard_has_the_platform_s_number),
        SENTENCE(what_is_no_news_is_taken_whatever_it_is_about),
        SENTENCE(a_dispute_names_the_payment),
        SENTENCE(an_event_says_for_whom_the_order_was_made),
        SENTENCE(why_a_refund_failed_is_told_in_the_platform_s_word),
        SENTENCE(money_that_arrived_is_what_counts),
        SENTENCE(s_074_a_v0_signature_proves_nothing),
        SENTENCE(s_075_a_signature_lives_300_seconds_in_both_directions),
        SENTENCE(s_076_one_of_two_signatures_is_enough),
        SENTENCE(the_secret_before_counts_while_it_is_being_rolled),
        SENTENCE(s_077_an_event_of_the_other_mode_is_told_as_such),
        SENTENCE(there_is_exactly_one_signature_header),
        SENTENCE(a_notification_is_a_post_of_json),
        SENTENCE(a_body_that_is_too_large_is_not_even_verified),
        SENTENCE(what_is_signed_and_no_event_is_refused),
        SENTENCE(an_event_of_ours_that_cannot_be_read_is_refused),
        SENTENCE(an_event_without_a_time_has_none),
        SENTENCE(an_arena_that_is_full_is_our_own_trouble),
        SENTENCE(ten_thousand_mutations_of_a_paid_event_are_not_believed),
        SENTENCE(the_platform_hears_whether_to_send_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
