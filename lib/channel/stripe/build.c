/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Business bytes plus transport: the address, the key, the version, and for a creation and a refund
 * the idempotency key, made of our own numbers: whatever happens to a sending, its repetition is
 * the same request to the platform. Nothing is signed; TLS proves who answers (ADR 040).
 */
#include "lib/channel/stripe/wire.h"

enum { HEADERS_MAX = 3 };

/* "POST /v1/refunds\nFORM" in its parts; the form may be absent. */
static bool split(struct till_str business, struct till_str *ret_method, struct till_str *ret_path,
                  struct till_str *ret_form, struct till_error *err) {
    size_t blank = till_str_find(business, ' '), line = till_str_find(business, '\n');
    if (blank >= line || business.ptr[blank + 1] != '/')
        return TILL_FAIL(err, BUG, "There are no composed bytes to send; compose comes first.");
    *ret_method = till_str_sub(business, 0, blank);
    *ret_path = till_str_sub(business, blank + 1, line - blank - 1);
    *ret_form = till_str_sub(business, line + 1, business.len);
    return true;
}

/* The number under which the platform knows a repetition; empty where none is needed. */
static struct till_str key_of(const struct till_ask *ask) {
    if (ask->operation == TILL_CREATE)
        return ask->upstream_no;
    return ask->operation == TILL_REFUND ? ask->refund_no : TILL_STR_NONE;
}

static bool add_headers(const struct stripe_account *a, const struct till_ask *ask,
                        struct till_arena *arena, struct till_outgoing *outgoing,
                        struct till_error *err) {
    struct till_str number = key_of(ask);
    struct till_pair *headers = till_arena_array(arena, HEADERS_MAX, sizeof *headers);
    if (!headers)
        return till_arena_refused(arena, err);
    headers[0].name = TILL_STR("Authorization");
    headers[1] = (struct till_pair){TILL_STR("Stripe-Version"), a->api_version};
    headers[2].name = TILL_STR("Idempotency-Key");
    outgoing->headers = headers;
    outgoing->header_count = number.len ? 3 : 2;
    return till_arena_format(arena, &headers[0].value, err, "Bearer %.*s",
                             TILL_STR_ARG(stripe_secret_text(&a->secret_key))) &&
           till_arena_format(arena, &headers[2].value, err, "till-%.*s", TILL_STR_ARG(number));
}

bool stripe_build(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err) {
    const struct stripe_account *a = stripe_of(account);
    struct till_outgoing outgoing = {.method = TILL_STR_NONE};
    struct till_str path;
    if (!split(ask->business, &outgoing.method, &path, &outgoing.body, err) ||
        !till_arena_format(arena, &outgoing.url, err, "%.*s%.*s", TILL_STR_ARG(a->api_url),
                           TILL_STR_ARG(path)) ||
        !add_headers(a, ask, arena, &outgoing, err))
        return false;
    if (till_str_is(outgoing.method, "POST"))
        outgoing.content_type = TILL_STR("application/x-www-form-urlencoded");
    *ret_outgoing = outgoing;
    return true;
}
