/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fixture_open =
    "{\"id\":\"" CS "\",\"object\":\"checkout.session\",\"amount_total\":1234,"
    "\"client_reference_id\":\"" NO "\",\"created\":1763800000,\"currency\":\"cny\","
    "\"customer_details\":null,\"expires_at\":1763886400,\"livemode\":false,"
    "\"metadata\":{\"till_no\":\"" NO "\",\"out_trade_no\":\"order 7/1\"},\"mode\":\"payment\","
    "\"payment_intent\":null,\"payment_status\":\"unpaid\",\"status\":\"open\","
    "\"url\":\"https://checkout.stripe.com/c/pay/" CS "#fidkdWxOYHwn%2Fz\"}";

const char *const fixture_paid =
    "{\"id\":\"" CS "\",\"object\":\"checkout.session\",\"amount_total\":1234,"
    "\"client_reference_id\":\"" NO "\",\"created\":1763800000,\"currency\":\"cny\","
    "\"customer_details\":{\"email\":\"xudong@example.com\"},\"livemode\":false,"
    "\"metadata\":{\"till_no\":\"" NO "\"},\"mode\":\"payment\",\"payment_intent\":{\"id\":\"" PI
    "\",\"object\":\"payment_intent\",\"amount\":1234,\"amount_received\":1234,"
    "\"currency\":\"cny\",\"last_payment_error\":null,\"latest_charge\":{\"id\":\"ch_1\","
    "\"object\":\"charge\",\"amount\":1234,\"amount_refunded\":0,\"created\":1763800060,"
    "\"currency\":\"cny\",\"refunded\":false},\"metadata\":{\"till_no\":\"" NO "\"},"
    "\"status\":\"succeeded\"},\"payment_status\":\"paid\",\"status\":\"complete\",\"url\":null}";

const char *const fixture_refund =
    "{\"id\":\"re_1SZx0003AbCdEfGh\",\"object\":\"refund\",\"amount\":234,\"created\":1763803600,"
    "\"currency\":\"cny\",\"metadata\":{\"till_no\":\"" NO "\",\"till_refund_no\":\"" REFUND_NO
    "\"},\"payment_intent\":\"" PI "\",\"status\":\"succeeded\"}";

struct till_str fixture_read(struct fixture *f, const char *path) {
    char name[512];
    const char *root = getenv("TILL_SOURCE_ROOT");
    assert_non_null(root);
    (void)snprintf(name, sizeof name, "%s/tests/vectors/data/stripe/%s", root, path);
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    char *bytes = till_arena_alloc(&f->arena, 65536);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, 65536, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 0 && len < 65536);
    return (struct till_str){bytes, len};
}

struct till_json *fixture_settings(enum till_mode mode) {
    struct till_json *settings = till_json_object();
    till_json_set_text(settings, "webhook_secret", SECRET);
    if (mode == TILL_LIVE) {
        till_json_set_text(settings, "secret_key", "rk_live_51SZx0001AbCdEfGh0aBcDeFgHiJk");
    } else {
        till_json_set_text(settings, "secret_key", KEY);
        till_json_set_text(settings, "webhook_secret_previous", OLD_SECRET);
        till_json_set_text(settings, "api_url", "http://127.0.0.1:8420");
    }
    return settings;
}

static struct till_account *load(struct fixture *f, enum till_mode mode) {
    struct till_account *account = NULL;
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(mode);
    if (!till_account_load(TILL_STR("stripe"), mode, settings, &account, &f->err))
        fail_msg("account: %s: %s", f->err.field, f->err.text);
    return account;
}

int fixture_begin(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    till_arena_init(&f->arena, 256u << 20);
    f->account = load(f, TILL_TEST);
    f->live = load(f, TILL_LIVE);
    *state = f;
    return 0;
}

int fixture_end(void **state) {
    struct fixture *f = *state;
    till_account_free(f->account);
    till_account_free(f->live);
    till_arena_clean_up(&f->arena);
    free(f);
    return 0;
}

struct till_ask fixture_ask(enum till_operation operation) {
    int64_t created_us = INT64_C(1763800000) * TILL_US_PER_SECOND;
    return (struct till_ask){.operation = operation,
                             .product = TILL_STR("checkout"),
                             .upstream_no = TILL_STR(NO),
                             .amount = {1234, "CNY"},
                             .subject = TILL_STR("Coffee & cake"),
                             .merchant_no = TILL_STR("order 7/1"),
                             .reference = TILL_STR(CS),
                             .trade_no = TILL_STR(PI),
                             .return_url = TILL_STR("https://till.example/return/stripe/acc_1"),
                             .created_us = created_us,
                             .expires_us = created_us + 7200 * TILL_US_PER_SECOND,
                             .now_us = created_us,
                             .refund_no = TILL_STR(REFUND_NO),
                             .refund_amount = {234, "CNY"},
                             .refund_reason = TILL_STR("cold")};
}

struct till_str fixture_list(struct fixture *f, const char *elements, bool has_more) {
    struct till_str list;
    assert_true(till_arena_format(&f->arena, &list, &f->err,
                                  "{\"object\":\"list\",\"url\":\"/v1/refunds\",\"has_more\":%s,"
                                  "\"data\":[%s]}",
                                  has_more ? "true" : "false", elements));
    return list;
}

/* Where `from` begins in the text; its end when it is not there. */
static size_t find(struct till_str text, const char *from) {
    size_t at = 0;
    while (at < text.len &&
           !till_str_starts_with(till_str_sub(text, at, text.len), till_str_of(from)))
        at++;
    return at;
}

struct till_str fixture_with(struct fixture *f, struct till_str text, const char *from,
                             const char *to) {
    struct till_str changed;
    size_t at = find(text, from), behind = at + strlen(from);
    struct till_str rest = till_str_sub(text, behind, text.len);
    if (at == text.len || find(rest, from) != rest.len)
        fail_msg("not exactly once: %s", from);
    assert_true(till_arena_format(&f->arena, &changed, &f->err, "%.*s%s%.*s",
                                  TILL_STR_ARG(till_str_sub(text, 0, at)), to, TILL_STR_ARG(rest)));
    return changed;
}

struct till_verdict fixture_parse(struct fixture *f, const struct till_ask *ask, int status,
                                  struct till_str body) {
    struct till_incoming incoming = {.fate = TILL_FATE_ANSWERED, .status = status, .body = body};
    struct till_verdict verdict;
    till_answer(f->account, ask, &incoming, &f->arena, &verdict);
    return verdict;
}

struct till_str fixture_event(struct fixture *f, const char *type, struct till_str object) {
    struct till_str event;
    assert_true(till_arena_format(&f->arena, &event, &f->err,
                                  "{\n  \"id\": \"evt_3SZx0001AbCdEfGh0EvT\",\n"
                                  "  \"object\": \"event\",\n  \"created\": 1763803601,\n"
                                  "  \"data\": {\n    \"object\": %.*s\n  },\n"
                                  "  \"livemode\": false,\n  \"type\": \"%s\"\n}",
                                  TILL_STR_ARG(object), type));
    return event;
}

struct till_str fixture_sign(struct fixture *f, struct till_str body) {
    struct till_secret secret;
    struct till_str header;
    assert_true(till_stripe_secret_parse(TILL_STR(SECRET), &secret, &f->err));
    assert_true(till_stripe_sign(&f->arena, &secret, 1, NOW_S, body, &header, &f->err));
    return header;
}

struct till_notification fixture_notification(const struct till_pair *header,
                                              struct till_str body) {
    return (struct till_notification){.method = TILL_STR("POST"),
                                      .content_type = TILL_STR("application/json; charset=utf-8"),
                                      .body = body,
                                      .headers = header,
                                      .header_count = 1,
                                      .now_us = NOW_US};
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

struct till_str fixture_mutate(struct fixture *f, struct till_str good, uint32_t *seed) {
    struct till_str bad;
    size_t at = next_random(seed) % good.len;
    char *bytes = till_arena_alloc(&f->arena, 2 * good.len + 2);
    assert_non_null(bytes);
    memcpy(bytes, good.ptr, good.len);
    bad = (struct till_str){bytes, good.len};
    switch (next_random(seed) % 4) {
    case 0: /* another byte */
        bytes[at] = (char)(bytes[at] ^ (1 << next_random(seed) % 8));
        break;
    case 1: /* one more */
        memmove(bytes + at + 1, bytes + at, good.len - at);
        bytes[at] = (char)(next_random(seed) & 0xff);
        bad.len++;
        break;
    case 2: /* one less */
        memmove(bytes + at, bytes + at + 1, good.len - at - 1);
        bad.len--;
        break;
    default: /* a piece again */
        memcpy(bytes + good.len, good.ptr + at, good.len - at);
        bad.len += good.len - at;
        break;
    }
    return bad;
}
