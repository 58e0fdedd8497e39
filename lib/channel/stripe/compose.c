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

#include <till/encode.h>
#include <till/time.h>

#include "lib/channel/address.h"
#include "lib/channel/channels.h"

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
    return is_word(number, NUMBER_MAX) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, field,
                           "A number is 1 to %d letters, digits, '_' and '-'.", NUMBER_MAX);
}

static bool check_handle(struct till_str handle, const char *field, const char *what,
                         struct till_error *err) {
    if (handle.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, field,
                               "Stripe's %s is not known yet; repeat the creation first, whose "
                               "answer brings it.",
                               what);
    return is_word(handle, HANDLE_MAX) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, field, "This is no handle of Stripe's %s.", what);
}

/* Text for people: control bytes as blanks, trimmed, cut. */
static bool set_text(struct till_json *into, const char *name, struct till_str text, size_t max,
                     struct till_arena *arena, struct till_error *err) {
    struct till_buf buf;
    struct till_str clean;
    if (!till_str_is_utf8(text))
        return TILL_FAIL(err, TEXT_INVALID, NULL);
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        till_buf_char(&buf, c < 0x20 || c == 0x7f ? ' ' : text.ptr[i]);
    }
    if (!till_buf_finish(&buf, &clean, err))
        return false;
    clean = till_str_trim(till_str_cut_utf8(till_str_trim(clean), max));
    if (clean.len)
        till_json_set_str(into, name, clean);
    return true;
}

/* Objects are filled before they are put into their parent: from then on they are its own, and gone
 * with it for want of memory. */
static bool set_numbers(struct till_json *into, const struct till_ask *ask,
                        struct till_arena *arena, struct till_error *err) {
    struct till_json *metadata = till_json_object();
    till_json_set_str(metadata, "till_no", ask->upstream_no);
    bool good = set_text(metadata, "out_trade_no", ask->merchant_no, METADATA_MAX, arena, err);
    till_json_set(into, "metadata", metadata);
    return good;
}

/* "jpy" */
static void set_currency(struct till_json *into, const struct till_money *money) {
    char text[4] = "";
    for (size_t i = 0; i < 3 && money->currency[i]; i++)
        text[i] = (char)(money->currency[i] | 0x20);
    till_json_set_text(into, "currency", text);
}

static bool set_product(struct till_json *price, const struct till_ask *ask,
                        struct till_arena *arena, struct till_error *err) {
    struct till_json *product = till_json_object();
    bool good = set_text(product, "name", ask->subject, NAME_BYTES_MAX, arena, err);
    bool is_named = till_json_size(product) > 0;
    till_json_set(price, "product_data", product);
    if (good && !is_named)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/subject", "Say what is being paid for.");
    return good;
}

/* One line: the order as it is, once. */
static bool set_line(struct till_json *params, const struct till_ask *ask, struct till_arena *arena,
                     struct till_error *err) {
    int64_t amount;
    if (!till_stripe_amount(ask->amount, &amount, err))
        return false;
    struct till_json *price = till_json_object(), *line = till_json_object();
    struct till_json *lines = till_json_array();
    set_currency(price, &ask->amount);
    till_json_set_int(price, "unit_amount", amount);
    bool good = set_product(price, ask, arena, err);
    till_json_set_int(line, "quantity", 1);
    till_json_set(line, "price_data", price);
    till_json_append(lines, line);
    till_json_set(params, "line_items", lines);
    return good;
}

/* Both ways back lead to the same page: what the browser says proves nothing either way. */
static bool set_return(const struct stripe_account *a, struct till_json *params,
                       const struct till_ask *ask, struct till_arena *arena,
                       struct till_error *err) {
    struct address address;
    struct till_str url;
    char check[STRIPE_RETURN_CHECK + 1];
    if (ask->return_url.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/return_url",
                               "Stripe sends the buyer back; say where to.");
    if (!address_read(ask->return_url, RETURN_MAX, "/return_url", &address, err) ||
        !stripe_return_check(&a->webhook_secret, ask->upstream_no, check, err) ||
        !till_arena_format(arena, &url, err, "%.*s%cno=%.*s&check=%s",
                           TILL_STR_ARG(ask->return_url), address.has_query ? '&' : '?',
                           TILL_STR_ARG(ask->upstream_no), check))
        return false;
    till_json_set_str(params, "success_url", url);
    till_json_set_str(params, "cancel_url", url);
    return true;
}

/* Whole seconds, downwards: the platform never takes money after our own expiry. */
static bool set_expiry(struct till_json *params, const struct till_ask *ask,
                       const struct till_product *product, struct till_error *err) {
    int64_t lifetime_us;
    if (__builtin_sub_overflow(ask->expires_us, ask->created_us, &lifetime_us) ||
        lifetime_us < product->expires_min_us || lifetime_us > product->expires_max_us)
        return TILL_FAIL_FIELD(err, TIME_INVALID, "/expires_in",
                               "An order of this product lives %lld to %lld seconds.",
                               (long long)(product->expires_min_us / TILL_US_PER_SECOND),
                               (long long)(product->expires_max_us / TILL_US_PER_SECOND));
    till_json_set_int(params, "expires_at", ask->expires_us / TILL_US_PER_SECOND);
    return true;
}

static bool set_intent(struct till_json *params, const struct till_ask *ask,
                       struct till_arena *arena, struct till_error *err) {
    struct till_json *data = till_json_object();
    bool good = set_numbers(data, ask, arena, err) &&
                set_text(data, "description", ask->subject, DESCRIPTION_MAX, arena, err);
    till_json_set(params, "payment_intent_data", data);
    return good;
}

/* The account's ways to pay where the merchant named none. */
static void set_account_methods(const struct stripe_account *a, struct till_json *params) {
    struct till_json *methods;
    if (a->payment_methods.len == 0 || till_json_member(params, "payment_method_types"))
        return;
    methods = till_json_array();
    for (struct till_str rest = a->payment_methods; rest.len;) {
        size_t end = till_str_find(rest, ',');
        till_json_append_str(methods, till_str_sub(rest, 0, end));
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    till_json_set(params, "payment_method_types", methods);
}

/* WeChat Pay wants to be told on what kind of screen its code is shown. */
static void set_method_options(struct till_json *params) {
    const struct till_json *methods = till_json_member(params, "payment_method_types");
    for (size_t i = 0; methods && i < till_json_size(methods); i++) {
        if (!till_str_is(till_json_str(till_json_element(methods, i)), "wechat_pay"))
            continue;
        struct till_json *options = till_json_object(), *wechat_pay = till_json_object();
        till_json_set_text(wechat_pay, "client", "web");
        till_json_set(options, "wechat_pay", wechat_pay);
        till_json_set(params, "payment_method_options", options);
    }
}

static bool compose_create(const struct stripe_account *a, const struct till_ask *ask,
                           struct till_arena *arena, struct till_json *params,
                           struct till_error *err) {
    const struct till_product *product;
    if (!till_product_find(&stripe_channel, ask->product, &product, err) ||
        !check_number(ask->upstream_no, "/upstream_no", err))
        return false;
    till_json_set_text(params, "mode", "payment");
    till_json_set_str(params, "client_reference_id", ask->upstream_no);
    if (!set_line(params, ask, arena, err) || !set_return(a, params, ask, arena, err) ||
        !set_expiry(params, ask, product, err) || !set_numbers(params, ask, arena, err) ||
        !set_intent(params, ask, arena, err) || !stripe_add_extra(ask->extra, params, err))
        return false;
    set_account_methods(a, params);
    set_method_options(params);
    return true;
}

/* Always with a number of its own in the metadata: it is how this refund is found again. */
static bool compose_refund(const struct till_ask *ask, struct till_arena *arena,
                           struct till_json *params, struct till_error *err) {
    int64_t amount;
    if (!check_number(ask->upstream_no, "/upstream_no", err) ||
        !check_number(ask->refund_no, "/refund_no", err) ||
        !check_handle(ask->trade_no, "/trade_no", "payment", err) ||
        !till_stripe_amount(ask->refund_amount, &amount, err))
        return false;
    till_json_set_str(params, "payment_intent", ask->trade_no);
    till_json_set_int(params, "amount", amount);
    till_json_set_text(params, "reason", "requested_by_customer");
    struct till_json *metadata = till_json_object();
    till_json_set_str(metadata, "till_no", ask->upstream_no);
    till_json_set_str(metadata, "till_refund_no", ask->refund_no);
    bool good = set_text(metadata, "reason", ask->refund_reason, METADATA_MAX, arena, err);
    till_json_set(params, "metadata", metadata);
    return good;
}

/* "METHOD PATH", and the form on the line after it (or nothing). */
static bool write(struct till_arena *arena, const char *line, const struct till_json *params,
                  struct till_str *ret_business, struct till_error *err) {
    struct till_str form;
    return till_stripe_form_encode(arena, params, &form, err) &&
           till_arena_format(arena, ret_business, err, "%s%s%.*s", line, form.len ? "\n" : "",
                             TILL_STR_ARG(form));
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
    TILL_JSON_SCOPED struct till_json *params = till_json_object();
    switch (ask->operation) {
    case TILL_CREATE:
        return compose_create(stripe_of(account), ask, arena, params, err) &&
               write(arena, "POST /v1/checkout/sessions", params, ret_business, err);
    case TILL_REFUND:
        return compose_refund(ask, arena, params, err) &&
               write(arena, "POST /v1/refunds", params, ret_business, err);
    case TILL_REFUND_QUERY:
        return compose_refund_query(ask, arena, ret_business, err);
    default:
        return compose_session(ask, arena, ret_business, err);
    }
}
