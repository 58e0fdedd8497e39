/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of Stripe: the signature header, a line feed, the body. Two messages say the same when
 * their bodies are the same bytes and the header has the one time and one of the signatures that
 * were made for them; how the header is otherwise written, and what else stands in it, says
 * nothing.
 */
#include "mutate.h"

#include <assert.h>
#include <string.h>

#define SECRET "whsec_9f2b7c1d8e4a6b3c5d0e7f1a2b4c6d8e"
#define NO "01JD8C3Q5T7V9X1Z3B5D7F9H1K"
#define NOW_S INT64_C(1763803700)
#define OURS "\"metadata\": {\"till_no\": \"" NO "\", \"till_refund_no\": \"R1\"}"

static struct till_arena keep;
static struct till_account *account;

static void split(struct till_str message, struct till_str *ret_header, struct till_str *ret_body) {
    size_t end = till_str_find(message, '\n');
    *ret_header = text_between(message, 0, end);
    *ret_body = text_between(message, end + 1, message.len);
}

static struct till_str joined(struct till_arena *arena, struct till_str header,
                              struct till_str body) {
    struct till_buf buf;
    struct till_str message;
    struct till_error err;
    till_buf_init(&buf, arena);
    till_buf_add(&buf, header);
    till_buf_char(&buf, '\n');
    till_buf_add(&buf, body);
    bool good = till_buf_finish(&buf, &message, &err);
    assert(good);
    return message;
}

/* ---- the reader ---- */

static struct till_str read_event(struct till_arena *arena, struct till_str message) {
    struct till_pair header = {.name = TILL_STR("Stripe-Signature")};
    struct till_notice n;
    struct till_error err;
    struct till_notification notification = {.method = TILL_STR("POST"),
                                             .content_type = TILL_STR("application/json"),
                                             .headers = &header,
                                             .header_count = 1,
                                             .now_us = NOW_S * TILL_US_PER_SECOND};
    split(message, &header.value, &notification.body);
    if (!account->channel->notified(account, &notification, arena, &n, &err))
        return TILL_STR_NONE;
    return text_format(arena, "%d %.*s %.*s %.*s %lld%s %lld %.*s %.*s %.*s %lld %s", (int)n.kind,
                       TILL_STR_ARG(n.upstream_no), TILL_STR_ARG(n.trade_no),
                       TILL_STR_ARG(n.reference), (long long)n.amount.minor, n.amount.currency,
                       (long long)n.refunded.minor, TILL_STR_ARG(n.refund_no),
                       TILL_STR_ARG(n.status_text), TILL_STR_ARG(n.notice_id), (long long)n.paid_us,
                       n.mismatch ? n.mismatch : "");
}

/* ---- the good messages ---- */

static struct till_str signature_of(struct till_str body, int64_t at_s) {
    struct till_secret secret;
    struct till_str header;
    struct till_error err;
    bool good = till_stripe_secret_parse(TILL_STR(SECRET), &secret, &err) &&
                till_stripe_sign(&keep, &secret, 1, at_s, body, &header, &err);
    assert(good);
    return header;
}

static void add_event(const char *type, const char *object) {
    struct till_str body = text_format(&keep,
                                       "{\n  \"id\": \"evt_%zu\",\n  \"object\": \"event\",\n"
                                       "  \"created\": 1763803601,\n  \"data\": {\n    \"object\": "
                                       "%s\n  },\n  \"livemode\": false,\n  \"type\": \"%s\"\n}",
                                       family_stripe.good_count, object, type);
    size_t at = family_stripe.good_count++;
    int64_t at_s = NOW_S - (int64_t)at;
    family_stripe.good[at] = joined(&keep, signature_of(body, at_s), body);
    family_stripe.reading[at] = read_event(&keep, family_stripe.good[at]);
    good_must_be_taken(&family_stripe, at, family_stripe.reading[at].len > 0);
}

static void begin(void) {
    TILL_JSON_SCOPED struct till_json *settings = till_json_object();
    struct till_error err;
    till_json_set_text(settings, "secret_key", "sk_test_51SZx0001AbCdEfGh0aBcDe");
    till_json_set_text(settings, "webhook_secret", SECRET);
    till_arena_init(&keep, 1 << 20);
    bool good = till_account_load(TILL_STR("stripe"), TILL_TEST, settings, &account, &err);
    assert(good);
    add_event("checkout.session.completed",
              "{\"object\": \"checkout.session\", \"id\": \"cs_1\", \"amount_total\": 1234, "
              "\"client_reference_id\": \"" NO "\", \"currency\": \"cny\", \"payment_intent\": "
              "\"pi_1\", \"payment_status\": \"paid\", " OURS "}");
    add_event("payment_intent.succeeded",
              "{\"object\": \"payment_intent\", \"id\": \"pi_1\", "
              "\"amount_received\": 100, \"currency\": \"jpy\", " OURS "}");
    add_event("charge.refunded",
              "{\"object\": \"charge\", \"amount\": 1234, \"amount_refunded\": 234, "
              "\"currency\": \"usd\", \"payment_intent\": \"pi_1\", " OURS "}");
    add_event("refund.failed", "{\"object\": \"refund\", \"amount\": 234, \"currency\": \"usd\", "
                               "\"payment_intent\": \"pi_1\", \"status\": \"failed\", " OURS "}");
    add_event("customer.created", "{\"object\": \"customer\"}");
}

static void end(void) {
    till_account_free(account);
    till_arena_clean_up(&keep);
}

/* ---- what is changed ---- */

static struct till_str with(struct till_arena *arena, struct till_str text, const char *from,
                            const char *to) {
    size_t at = 0, len = strlen(from);
    while (at < text.len &&
           !till_str_starts_with(text_between(text, at, text.len), till_str_of(from)))
        at++;
    if (at == text.len)
        return text;
    return text_format(arena, "%.*s%s%.*s", TILL_STR_ARG(text_between(text, 0, at)), to,
                       TILL_STR_ARG(text_between(text, at + len, text.len)));
}

static struct till_str capitals(struct till_arena *arena, struct till_str text) {
    struct till_buf buf;
    struct till_str upper;
    struct till_error err;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        till_buf_char(&buf, c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A') : c);
    }
    bool good = till_buf_finish(&buf, &upper, &err);
    assert(good);
    return upper;
}

/* "v1=...,t=..." */
static struct till_str turned(struct till_arena *arena, struct till_str header) {
    size_t comma = till_str_find(header, ',');
    return text_format(arena, "%.*s,%.*s",
                       TILL_STR_ARG(text_between(header, comma + 1, header.len)),
                       TILL_STR_ARG(text_between(header, 0, comma)));
}

enum { HEADER_KINDS = 11, BODY_KINDS = 5 };

static const char *change_header(struct dice *dice, size_t kind, struct till_arena *arena,
                                 const struct family *family, struct till_str *header) {
    static const struct {
        const char *name, *from, *to;
    } edits[] = {{"scheme v0", ",v1=", ",v0="},
                 {"a wrong v1 before it", ",v1=", ",v1=00,v1="},
                 {"a v0 before it", ",v1=", ",v0=00,v1="},
                 {"a blank before v1", ",v1=", ", v1="},
                 {"another time", "t=1", "t=2"},
                 {"a zero before the time", "t=", "t=0"},
                 {"two times", "t=", "t=1763803700,t="},
                 {"no time", "t=", "u="}};
    struct till_str other, ignored;
    if (kind < 8) {
        *header = with(arena, *header, edits[kind].from, edits[kind].to);
        return edits[kind].name;
    }
    switch (kind) {
    case 8:
        *header = capitals(arena, *header);
        return "capitals";
    case 9:
        *header = turned(arena, *header);
        return "order turned";
    default:
        split(family->good[dice_below(dice, family->good_count)], &other, &ignored);
        *header = other;
        return "another message's header";
    }
}

static const char *change_body(struct dice *dice, size_t kind, struct till_arena *arena,
                               struct till_str *body) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    unsigned style = dice_below(dice, 2) ? TILL_JSON_INDENT : TILL_JSON_COMPACT;
    switch (kind) {
    case 0:
        if (till_json_parse(*body, &json, &err)) {
            bool good = till_json_write(arena, json, style, body, &err);
            assert(good);
        }
        return "written anew";
    case 1:
        *body = text_format(arena, "%.*s\n", TILL_STR_ARG(*body));
        return "a line feed more";
    case 2:
        *body = with(arena, *body, "till_no\": \"01", "till_no\": \"02");
        return "another order";
    case 3:
        *body = with(arena, *body, ": 1", ": 9");
        return "another amount or time";
    default:
        *body = with(arena, *body, "\"livemode\": false", "\"livemode\": true");
        return "another mode";
    }
}

static const char *mutate(struct dice *dice, const struct family *family, size_t good,
                          struct till_arena *arena, struct till_str *ret_message) {
    struct till_str header, body;
    const char *name;
    size_t kind = dice_below(dice, HEADER_KINDS + BODY_KINDS + 2 * MUTATE_RAW_KINDS);
    split(family->good[good], &header, &body);
    if (kind < HEADER_KINDS)
        name = change_header(dice, kind, arena, family, &header);
    else if (kind < HEADER_KINDS + BODY_KINDS)
        name = change_body(dice, kind - HEADER_KINDS, arena, &body);
    else
        name = mutate_raw(dice, kind % MUTATE_RAW_KINDS, arena, kind % 2 ? &header : &body);
    *ret_message = joined(arena, header, body);
    return name;
}

/* ---- what says the same ---- */

/* Exactly one item is the time, and one at least is the signature. */
static bool carries(struct till_str header, struct till_str time, struct till_str signature) {
    size_t times = 0, right_times = 0, signatures = 0;
    while (header.len) {
        size_t end = till_str_find(header, ',');
        struct till_str item = text_between(header, 0, end);
        times += till_str_starts_with(item, TILL_STR("t="));
        right_times += till_str_equal(item, time);
        signatures += till_str_equal(item, signature);
        header = text_between(header, end + 1, header.len);
    }
    return times == 1 && right_times == 1 && signatures > 0;
}

static bool says_the_same(struct till_str message, struct till_str good) {
    struct till_str header, body, good_header, good_body;
    split(message, &header, &body);
    split(good, &good_header, &good_body);
    size_t comma = till_str_find(good_header, ',');
    return till_str_equal(body, good_body) &&
           carries(header, text_between(good_header, 0, comma),
                   text_between(good_header, comma + 1, good_header.len));
}

static enum judgement judge(struct till_arena *arena, size_t good, struct till_str message) {
    struct till_str reading = read_event(arena, message);
    (void)good;
    for (size_t i = 0; i < family_stripe.good_count; i++) {
        if (!says_the_same(message, family_stripe.good[i]))
            continue;
        if (reading.len == 0)
            return SAME_REFUSED;
        return till_str_equal(reading, family_stripe.reading[i]) ? SAME_TAKEN : OTHER_TAKEN;
    }
    return reading.len ? OTHER_TAKEN : REFUSED;
}

struct family family_stripe = {
    .name = "stripe", .mutate = mutate, .begin = begin, .end = end, .judge = judge};
