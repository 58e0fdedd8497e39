/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The business bytes (biz_content) of each operation. They depend on the order alone, never on the
 * time of sending, so that a repetition is identical byte by byte.
 *
 * Choices. Expiry travels as `time_expire`, an absolute time: it beats `timeout_express`, whose
 * start (the scan) we never learn; a merchant who asks for `timeout_express` in `extra` gets that
 * instead, and our own record still closes the order upstream at its absolute time. The subject has
 * "256" in the documents without a unit: we keep to 256 bytes, which is right under every reading.
 * The characters the platform asks to avoid there (/ = &) become their full-width twins.
 */
#include "lib/channel/alipay/wire.h"

#include <stdio.h>

#include <till/encode.h>
#include <till/time.h>

#include "lib/channel/channels.h"
#include "lib/channel/common.h"

enum { NUMBER_MAX = 64, TEXT_MAX = 256, BODY_MAX = 128, PASSBACK_MAX = 512, REDIRECT_MAX = 6000 };
#define AMOUNT_MAX INT64_C(10000000000) /* 100,000,000.00 yuan (dossier 5) */

static bool check_number(struct till_str number, const char *field, struct till_error *err) {
    for (size_t i = 0; i < number.len; i++) {
        char c = number.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '_' || c == '-'))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, field,
                                   "A number is letters, digits, '_' and '-' only.");
    }
    if (number.len == 0 || number.len > NUMBER_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, field, "A number has 1 to %d characters.",
                               NUMBER_MAX);
    return true;
}

static bool set_number(struct till_json *business, const char *name, struct till_str number,
                       const char *field, struct till_error *err) {
    if (!check_number(number, field, err))
        return false;
    till_json_set_str(business, name, number);
    return true;
}

static bool set_amount(struct till_json *business, const char *name, struct till_money amount,
                       const char *field, struct till_error *err) {
    char text[TILL_MONEY_TEXT];
    if (strcmp(amount.currency, "CNY") != 0)
        return TILL_FAIL_FIELD(err, CURRENCY_UNKNOWN, "/currency", "Alipay takes CNY here.");
    if (amount.minor <= 0 || amount.minor > AMOUNT_MAX)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, field,
                               "Alipay takes 0.01 to 100000000.00 yuan an order.");
    if (!till_money_format(amount, text, err))
        return false;
    till_json_set_text(business, name, text);
    return true;
}

/* Text for people: control bytes as blanks, what stands in `wide` full width, trimmed, cut. */
static bool clean_text(struct till_str text, const char *wide, size_t max, struct till_arena *arena,
                       struct till_str *ret_clean, struct till_error *err) {
    struct till_buf buf;
    struct till_str clean;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '\0' && strchr(wide, c))
            till_buf_text(&buf, c == '/' ? "\uff0f" : c == '=' ? "\uff1d" : "\uff06");
        else
            till_buf_char(&buf, (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
    }
    if (!till_buf_finish(&buf, &clean, err))
        return false;
    *ret_clean = till_str_trim(till_str_cut_utf8(till_str_trim(clean), max));
    return true;
}

static bool set_text(struct till_json *business, const char *name, struct till_str text,
                     const char *field, struct till_arena *arena, struct till_error *err) {
    struct till_str clean;
    if (!till_str_is_utf8(text))
        return TILL_FAIL_FIELD(err, TEXT_INVALID, field, NULL);
    if (!clean_text(text, "/=&", TEXT_MAX, arena, &clean, err))
        return false;
    if (clean.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, field, "Say what is being paid for.");
    till_json_set_str(business, name, clean);
    return true;
}

/* It comes back with each notification, where an '&' in it could read as the next parameter
 * (boundary.c). */
static bool clean_body(struct till_json *business, struct till_arena *arena,
                       struct till_error *err) {
    struct till_str text = till_json_get_str(business, "body"), clean;
    if (till_str_find(text, '&') == text.len)
        return true;
    if (!clean_text(text, "&", BODY_MAX, arena, &clean, err))
        return false;
    till_json_set_str(business, "body", clean);
    return true;
}

/* The merchant's own number comes back with each notification; encoded once, as 7.2 demands. */
static bool set_passback(struct till_json *business, struct till_str merchant_no,
                         struct till_arena *arena, struct till_error *err) {
    struct till_buf buf;
    struct till_str encoded;
    if (merchant_no.len == 0)
        return true;
    till_buf_init(&buf, arena);
    till_percent_encode(&buf, merchant_no, TILL_PERCENT_FORM);
    if (!till_buf_finish(&buf, &encoded, err))
        return false;
    if (encoded.len > PASSBACK_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/out_trade_no",
                               "The number is too long for the pass-through field; shorten it.");
    till_json_set_str(business, "passback_params", encoded);
    return true;
}

/* trade.pay takes the relative form only (5.3), in whole minutes. Upwards: it is our cancellation
 * that ends an order which nobody has paid, and the platform's own clock after it. */
static bool set_minutes(struct till_json *business, int64_t lifetime_us) {
    int64_t minute_us = 60 * TILL_US_PER_SECOND;
    char text[24];
    (void)snprintf(text, sizeof text, "%lldm",
                   (long long)((lifetime_us + minute_us - 1) / minute_us));
    till_json_set_text(business, "timeout_express", text);
    return true;
}

static bool set_expiry(struct till_json *business, const struct till_ask *ask,
                       const struct till_product *product, struct till_error *err) {
    char text[TILL_TIME_TEXT];
    int64_t lifetime_us;
    if (!common_lifetime(ask, product, &lifetime_us, err))
        return false;
    if (till_json_member(business, "timeout_express"))
        return true;
    if (product->poll_us)
        return set_minutes(business, lifetime_us);
    /* Whole seconds, downwards: the platform never takes money after our own expiry. */
    if (!till_time_format_beijing(ask->expires_us, text, err))
        return false;
    till_json_set_text(business, "time_expire", text);
    return true;
}

/* The provider's id beside the merchant's own extended parameters, whose word counts. */
static bool set_provider(struct till_str provider, struct till_json *business,
                         struct till_arena *arena, struct till_error *err) {
    struct till_json *params = till_json_object();
    const struct till_json *given = till_json_member(business, "extend_params"), *value;
    struct till_str name;
    const char *key;
    till_json_set_str(params, "sys_service_provider_id", provider);
    for (size_t i = 0; given && till_json_member_at(given, i, &name, &value); i++) {
        if (!till_arena_cstr(arena, name, &key, err)) {
            till_json_release(params);
            return false;
        }
        till_json_set_copy(params, key, value);
    }
    till_json_set(business, "extend_params", params);
    return true;
}

/* What the account adds where the merchant said nothing. */
static bool set_account_fields(const struct alipay_account *a, struct till_json *business,
                               struct till_arena *arena, struct till_error *err) {
    if (a->store_id.len && !till_json_member(business, "store_id"))
        till_json_set_str(business, "store_id", a->store_id);
    return a->sys_service_provider_id.len == 0 ||
           set_provider(a->sys_service_provider_id, business, arena, err);
}

/* Without an op_app_id it is the older form of the product, for which a face-to-face contract is
 * enough (5.9). */
static const char *code_of(const struct till_product *product, const struct till_json *business) {
    bool is_jsapi = strcmp(product->method, "alipay.trade.create") == 0;
    return is_jsapi && !till_json_member(business, "op_app_id") ? "FACE_TO_FACE_PAYMENT"
                                                                : product->code;
}

/* The account's own code is one of the codes of a QR code order; pages have one only. */
static void set_code(const struct alipay_account *a, const struct till_product *product,
                     struct till_json *business) {
    bool is_scanned = product->action && strcmp(product->action, "qr_code") == 0;
    if (is_scanned && a->product_code.len)
        till_json_set_str(business, "product_code", a->product_code);
    else
        till_json_set_text(business, "product_code", code_of(product, business));
}

static bool compose_create(const struct alipay_account *a, const struct till_ask *ask,
                           struct till_arena *arena, struct till_json *business,
                           struct till_error *err) {
    const struct till_product *product;
    if (!till_product_find(&alipay_channel, ask->product, &product, err) ||
        !set_number(business, "out_trade_no", ask->upstream_no, "/upstream_no", err) ||
        !set_amount(business, "total_amount", ask->amount, "/amount", err) ||
        !set_text(business, "subject", ask->subject, "/subject", arena, err) ||
        !alipay_add_extra(product, ask->extra, business, err) ||
        !clean_body(business, arena, err) || !alipay_check_buyer(product, business, err) ||
        !set_expiry(business, ask, product, err) ||
        (product->action && !set_passback(business, ask->merchant_no, arena, err)))
        return false;
    set_code(a, product, business);
    return set_account_fields(a, business, arena, err);
}

/* query, close, cancel */
static bool compose_order_no(const struct alipay_account *a, const struct till_ask *ask,
                             struct till_arena *arena, struct till_json *business,
                             struct till_error *err) {
    (void)a, (void)arena;
    return set_number(business, "out_trade_no", ask->upstream_no, "/upstream_no", err);
}

/* Always with a number of its own: without one, a repetition could not be told from a second
 * refund. */
static bool compose_refund(const struct alipay_account *a, const struct till_ask *ask,
                           struct till_arena *arena, struct till_json *business,
                           struct till_error *err) {
    (void)a;
    if (!set_number(business, "out_trade_no", ask->upstream_no, "/upstream_no", err) ||
        !set_number(business, "out_request_no", ask->refund_no, "/refund_no", err) ||
        !set_amount(business, "refund_amount", ask->refund_amount, "/amount", err))
        return false;
    return ask->refund_reason.len == 0 ||
           set_text(business, "refund_reason", ask->refund_reason, "/reason", arena, err);
}

static bool compose_refund_query(const struct alipay_account *a, const struct till_ask *ask,
                                 struct till_arena *arena, struct till_json *business,
                                 struct till_error *err) {
    (void)a, (void)arena;
    struct till_json *options = till_json_array();
    till_json_append_str(options, TILL_STR("gmt_refund_pay"));
    till_json_set(business, "query_options", options);
    return set_number(business, "out_trade_no", ask->upstream_no, "/upstream_no", err) &&
           set_number(business, "out_request_no", ask->refund_no, "/refund_no", err);
}

typedef bool composer(const struct alipay_account *a, const struct till_ask *ask,
                      struct till_arena *arena, struct till_json *business, struct till_error *err);

/* Browsers and servers on the way cut addresses; a form has no such bound. */
static bool check_address(const struct till_ask *ask, struct till_arena *arena,
                          struct till_str business, struct till_error *err) {
    const struct till_product *product = till_product_look(TILL_STR("alipay"), ask->product);
    struct till_buf buf;
    struct till_str encoded;
    bool is_page = ask->operation == TILL_CREATE && product && product->is_handed_over &&
                   strcmp(product->action, "redirect") == 0;
    if (!is_page || till_str_is(alipay_way_of(ask->extra), "form"))
        return true;
    till_buf_init(&buf, arena);
    till_percent_encode(&buf, business, TILL_PERCENT_FORM);
    if (!till_buf_finish(&buf, &encoded, err))
        return false;
    return encoded.len <= REDIRECT_MAX ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra",
                           "The order is too long for an address; send \"action\":\"form\" in "
                           "extra, or shorten it.");
}

bool alipay_compose(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_str *ret_business,
                    struct till_error *err) {
    static composer *const composers[TILL_OPERATIONS] = {
        [TILL_CREATE] = compose_create,  [TILL_QUERY] = compose_order_no,
        [TILL_CLOSE] = compose_order_no, [TILL_CANCEL] = compose_order_no,
        [TILL_REFUND] = compose_refund,  [TILL_REFUND_QUERY] = compose_refund_query,
    };
    TILL_JSON_SCOPED struct till_json *business = till_json_object();
    return composers[ask->operation](alipay_of(account), ask, arena, business, err) &&
           till_json_write(arena, business, TILL_JSON_COMPACT, ret_business, err) &&
           check_address(ask, arena, *ret_business, err);
}
