/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The business bytes of each operation: the request line's method and path, a line feed, the form.
 * They depend on the order alone, so that a repetition is identical byte by byte: the platform
 * refuses another content under the same idempotency key.
 *
 * Choices. Our number goes out three times: as client_reference_id, and as metadata of session and
 * payment intent, whose charge gets a copy; so every event about the order names it. A question
 * needs the handle that the creation's answer brought, since sessions cannot be looked for by our
 * number.
 */
#include "lib/channel/stripe/wire.h"

#include <stdio.h>

#include <till/encode.h>
#include <till/time.h>

#include "lib/channel/address.h"
#include "lib/channel/channels.h"
#include "lib/channel/common.h"

enum {
    NUMBER_MAX = 64,
    HANDLE_MAX = 255,
    NAME_BYTES_MAX = 250,
    DESCRIPTION_MAX = 500,
    METADATA_MAX = 500,
    RETURN_MAX = 2048
};

/* Letters, digits, '_' and '-' only: such a text stands in paths and keys as it is. */
static bool is_word(struct till_str text, size_t max) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-'))
            return false;
    }
    return text.len > 0 && text.len <= max;
}

static bool check_number(struct till_str number, const char *field, struct till_error *err) {
    if (is_word(number, NUMBER_MAX))
        return true;
    return TILL_FAIL_FIELD(err, FIELD_INVALID, field,
                           "A number is 1 to %d letters, digits, '_' and '-'.", NUMBER_MAX);
}

static bool check_handle(struct till_str handle, const char *field, const char *what,
                         struct till_error *err) {
    if (handle.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, field,
                               "Stripe's %s is not known yet; repeat the creation first, whose "
                               "answer brings it.",
                               what);
    if (is_word(handle, HANDLE_MAX))
        return true;
    return TILL_FAIL_FIELD(err, FIELD_INVALID, field, "This is no handle of Stripe's %s.", what);
}

/* Text for people: control bytes as blanks, trimmed, cut. Nothing is left of it: nothing is added.
 */
static bool add_text(struct till_buf *form, const char *name, struct till_str text, size_t max,
                     struct till_error *err) {
    struct till_buf buf;
    struct till_str clean;
    if (!till_str_is_utf8(text))
        return TILL_FAIL(err, TEXT_INVALID, NULL);
    till_buf_init(&buf, form->arena);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        till_buf_char(&buf, c < 0x20 || c == 0x7f ? ' ' : text.ptr[i]);
    }
    if (!till_buf_finish(&buf, &clean, err))
        return false;
    clean = till_str_trim(till_str_cut_utf8(till_str_trim(clean), max));
    if (clean.len)
        stripe_form_add(form, name, clean);
    return true;
}

static void add_number(struct till_buf *form, const char *name, int64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    stripe_form_add(form, name, till_str_of(text));
}

static void add_word(struct till_buf *form, const char *name, const char *word) {
    stripe_form_add(form, name, till_str_of(word));
}

/* "jpy", of a currency that was looked up before. */
static void add_currency(struct till_buf *form, const char *name, const struct till_money *money) {
    char text[4] = "";
    for (size_t i = 0; i < 3; i++)
        text[i] = (char)(money->currency[i] | 0x20);
    add_word(form, name, text);
}

/* One line: the order as it is, once. */
static bool add_line(struct till_buf *form, const struct till_ask *ask, struct till_error *err) {
    int64_t amount;
    if (!till_stripe_amount(ask->amount, &amount, err))
        return false;
    add_word(form, "line_items[0][quantity]", "1");
    add_currency(form, "line_items[0][price_data][currency]", &ask->amount);
    add_number(form, "line_items[0][price_data][unit_amount]", amount);
    size_t before = form->len;
    if (!add_text(form, "line_items[0][price_data][product_data][name]", ask->subject,
                  NAME_BYTES_MAX, err))
        return false;
    if (form->len == before && !form->failed)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/subject", "Say what is being paid for.");
    return true;
}

/* Both ways back lead to the same page: what the browser says proves nothing either way. */
static bool add_return(const struct stripe_account *a, struct till_buf *form,
                       const struct till_ask *ask, struct till_error *err) {
    struct address address;
    struct till_str url;
    char check[STRIPE_RETURN_CHECK + 1];
    if (ask->return_url.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/return_url",
                               "Stripe sends the buyer back; say where to.");
    if (!address_read(ask->return_url, RETURN_MAX, "/return_url", &address, err) ||
        !stripe_return_check(&a->webhook_secret, ask->upstream_no, check, err) ||
        !till_arena_format(form->arena, &url, err, "%.*s%cno=%.*s&check=%s",
                           TILL_STR_ARG(ask->return_url), address.has_query ? '&' : '?',
                           TILL_STR_ARG(ask->upstream_no), check))
        return false;
    stripe_form_add(form, "success_url", url);
    stripe_form_add(form, "cancel_url", url);
    return true;
}

/* Whole seconds, downwards: the platform never takes money after our own expiry. */
static bool add_expiry(struct till_buf *form, const struct till_ask *ask,
                       const struct till_product *product, struct till_error *err) {
    int64_t lifetime_us;
    if (!common_lifetime(ask, product, &lifetime_us, err))
        return false;
    add_number(form, "expires_at", ask->expires_us / TILL_US_PER_SECOND);
    return true;
}

/* Every endpoint of the platform's account hears of every order: whose this one is. */
static void add_addressee(struct till_buf *form, const char *name, const struct till_ask *ask) {
    if (ask->addressee.len)
        stripe_form_add(form, name, ask->addressee);
}

static bool add_metadata(struct till_buf *form, const struct till_ask *ask,
                         struct till_error *err) {
    stripe_form_add(form, "metadata[till_no]", ask->upstream_no);
    stripe_form_add(form, "payment_intent_data[metadata][till_no]", ask->upstream_no);
    add_addressee(form, "metadata[till_account]", ask);
    add_addressee(form, "payment_intent_data[metadata][till_account]", ask);
    return add_text(form, "metadata[out_trade_no]", ask->merchant_no, METADATA_MAX, err) &&
           add_text(form, "payment_intent_data[metadata][out_trade_no]", ask->merchant_no,
                    METADATA_MAX, err) &&
           add_text(form, "payment_intent_data[description]", ask->subject, DESCRIPTION_MAX, err);
}

static bool compose_create(const struct stripe_account *a, const struct till_ask *ask,
                           struct till_buf *form, struct till_error *err) {
    const struct till_product *product;
    if (!till_product_find(&stripe_channel, ask->product, &product, err) ||
        !check_number(ask->upstream_no, "/upstream_no", err))
        return false;
    add_word(form, "mode", "payment");
    stripe_form_add(form, "client_reference_id", ask->upstream_no);
    return add_line(form, ask, err) && add_return(a, form, ask, err) &&
           add_expiry(form, ask, product, err) && add_metadata(form, ask, err) &&
           stripe_add_extra(a, ask->extra, form, err);
}

/* Always with a number of its own in the metadata: it is how this refund is found again. */
static bool compose_refund(const struct till_ask *ask, struct till_buf *form,
                           struct till_error *err) {
    int64_t amount;
    if (!check_number(ask->upstream_no, "/upstream_no", err) ||
        !check_number(ask->refund_no, "/refund_no", err) ||
        !check_handle(ask->trade_no, "/trade_no", "payment", err) ||
        !till_stripe_amount(ask->refund_amount, &amount, err))
        return false;
    stripe_form_add(form, "payment_intent", ask->trade_no);
    add_number(form, "amount", amount);
    add_word(form, "reason", "requested_by_customer");
    stripe_form_add(form, "metadata[till_no]", ask->upstream_no);
    stripe_form_add(form, "metadata[till_refund_no]", ask->refund_no);
    add_addressee(form, "metadata[till_account]", ask);
    return add_text(form, "metadata[reason]", ask->refund_reason, METADATA_MAX, err);
}

/* "METHOD PATH", and the form on the line after it. */
static bool write(struct till_buf *form, const char *line, struct till_str *ret_business,
                  struct till_error *err) {
    struct till_str text;
    return till_buf_finish(form, &text, err) &&
           till_arena_format(form->arena, ret_business, err, "%s\n%.*s", line, TILL_STR_ARG(text));
}

static bool compose_session(const struct till_ask *ask, struct till_arena *arena,
                            struct till_str *ret_business, struct till_error *err) {
    if (!check_handle(ask->reference, "/reference", "session", err))
        return false;
    if (ask->operation == TILL_QUERY)
        return till_arena_format(
            arena, ret_business, err,
            "GET /v1/checkout/sessions/%.*s?expand[0]=payment_intent.latest_charge",
            TILL_STR_ARG(ask->reference));
    return till_arena_format(arena, ret_business, err, "POST /v1/checkout/sessions/%.*s/expire",
                             TILL_STR_ARG(ask->reference));
}

static bool compose_refund_query(const struct till_ask *ask, struct till_arena *arena,
                                 struct till_str *ret_business, struct till_error *err) {
    return check_number(ask->refund_no, "/refund_no", err) &&
           check_handle(ask->trade_no, "/trade_no", "payment", err) &&
           till_arena_format(arena, ret_business, err,
                             "GET /v1/refunds?payment_intent=%.*s&limit=100",
                             TILL_STR_ARG(ask->trade_no));
}

bool stripe_compose(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_str *ret_business,
                    struct till_error *err) {
    struct till_buf form;
    till_buf_init(&form, arena);
    switch (ask->operation) {
    case TILL_CREATE:
        return compose_create(stripe_of(account), ask, &form, err) &&
               write(&form, "POST /v1/checkout/sessions", ret_business, err);
    case TILL_REFUND:
        return compose_refund(ask, &form, err) &&
               write(&form, "POST /v1/refunds", ret_business, err);
    case TILL_REFUND_QUERY:
        return compose_refund_query(ask, arena, ret_business, err);
    default:
        return compose_session(ask, arena, ret_business, err);
    }
}
