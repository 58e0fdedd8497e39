/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a merchant orders, read strictly: one document, known members only, each by its rule, each
 * refusal naming the member. The fingerprint covers the content that makes two orders the same.
 */
#include <gateway/flow/parts.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <till/time.h>

enum {
    SUBJECT_MAX = 256,
    OUT_TRADE_NO_MAX = 64,
    METADATA_MAX = 2048,
    METADATA_MEMBERS = 20,
    EXTRA_MAX = 8192
};

static const char *const MEMBERS[] = {"channel",   "product",      "account",    "amount",
                                      "currency",  "out_trade_no", "subject",    "expires_in",
                                      "expire_at", "expires_at",   "return_url", "notify_url",
                                      "metadata",  "extra",        NULL};

void order_clean_up(struct order *order) {
    till_json_release(order->body);
    order->body = NULL;
}

/* An app speaks for itself only; whether another one exists is not told (S-009). */
bool order_read_identity(const struct call *c, const struct till_json *body,
                         struct till_error *err) {
    static const char *const NAMES[] = {"merchant_id", "app_id"};
    for (size_t i = 0; i < 2; i++) {
        const struct till_json *member = till_json_member(body, NAMES[i]);
        if (member && !till_str_equal(till_json_str(member), till_str_of(c->app.id)))
            return TILL_FAIL(err, FORBIDDEN, "An app can speak for itself only; leave %s out.",
                             NAMES[i]);
    }
    return true;
}

static bool check_members(const struct till_json *body, struct till_error *err) {
    struct till_str name;
    const struct till_json *value;
    for (size_t i = 0; till_json_member_at(body, i, &name, &value); i++) {
        bool known = till_str_is(name, "merchant_id") || till_str_is(name, "app_id");
        for (size_t k = 0; MEMBERS[k] && !known; k++)
            known = till_str_is(name, MEMBERS[k]);
        if (known)
            continue;
        char field[64];
        snprintf(field, sizeof field, "/%.*s", TILL_STR_ARG(till_str_cut_utf8(name, 48)));
        return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, field,
                               "An order has no such member; remove it.");
    }
    return true;
}

bool order_read_number(struct till_str no, struct till_error *err) {
    bool good = no.len >= 1 && no.len <= OUT_TRADE_NO_MAX;
    for (size_t i = 0; good && i < no.len; i++) {
        char c = no.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    }
    if (!good)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/out_trade_no",
                               "The out_trade_no has 1 to %d characters out of A-Z a-z 0-9 _ -.",
                               OUT_TRADE_NO_MAX);
    return true;
}

static bool read_subject(struct till_str subject, struct till_error *err) {
    size_t characters = 0;
    for (size_t i = 0; i < subject.len; i++) {
        unsigned char c = (unsigned char)subject.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/subject",
                                   "The subject has a control character at byte %zu.", i);
        characters += (c & 0xc0) != 0x80;
    }
    if (characters < 1 || characters > SUBJECT_MAX || !till_str_is_utf8(subject))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/subject",
                               "The subject has 1 to %d characters of valid UTF-8; this one has "
                               "%zu.",
                               SUBJECT_MAX, characters);
    return true;
}

/* Only a plain JSON integer is an amount: 100.0, 1e2 and "100" are refused (S-022). */
static bool read_amount(const struct till_json *body, const struct till_channel *channel,
                        struct till_money *ret, struct till_error *err) {
    const struct till_json *amount = till_json_member(body, "amount");
    struct till_money money = {.minor = 0};
    struct till_str currency;
    if (!amount)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/amount",
                               "Give the amount as an integer of minor units.");
    if (!till_json_is_integer(amount) || !till_json_get_int(body, "amount", &money.minor))
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "The amount is a plain integer of minor units: 990 for 9.90 yuan; "
                               "no point, no exponent, no quotes.");
    if (!till_json_need_str(body, "currency", &currency, err))
        return false;
    if (!till_currency_read(currency, money.currency, err) ||
        !till_channel_takes(channel, money.currency))
        return TILL_FAIL_FIELD(err, CURRENCY_UNKNOWN, "/currency",
                               "The currency is not one that %s takes.", channel->name);
    if (!till_money_check(money, err)) {
        snprintf(err->field, sizeof err->field, "/amount");
        return false;
    }
    *ret = money;
    return true;
}

static bool expiry_refused(const struct till_product *product, const char *field,
                           struct till_error *err) {
    return TILL_FAIL_FIELD(err, TIME_INVALID, field,
                           "The order must expire between %lld and %lld seconds from now.",
                           (long long)(product->expires_min_us / TILL_US_PER_SECOND),
                           (long long)(product->expires_max_us / TILL_US_PER_SECOND));
}

/* expires_in (seconds) or expires_at (RFC 3339; expire_at is the same), never both. */
static bool read_expiry(const struct call *c, const struct till_json *body,
                        const struct till_product *product, struct order *order,
                        struct till_str *ret_absolute, struct till_error *err) {
    int64_t seconds = 0, at_us;
    struct till_str at = TILL_STR_NONE;
    const char *field = till_json_member(body, "expire_at") ? "/expire_at" : "/expires_at";
    if (!call_want_text(body, field + 1, &at, err) ||
        !till_json_want_int(body, "expires_in", &seconds, err))
        return false;
    bool is_relative = till_json_member(body, "expires_in") != NULL;
    if ((is_relative && at.len > 0) ||
        (till_json_member(body, "expire_at") && till_json_member(body, "expires_at")))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, field, "Give one time of expiry, not two.");
    *ret_absolute = at;
    order->expires_in_us = product->expires_default_us;
    if (is_relative) {
        field = "/expires_in";
        if (seconds <= 0 || seconds > product->expires_max_us / TILL_US_PER_SECOND)
            return expiry_refused(product, field, err);
        order->expires_in_us = seconds * TILL_US_PER_SECOND;
    } else if (at.len > 0) {
        if (!till_time_parse(at, &at_us, err)) {
            snprintf(err->field, sizeof err->field, "%s", field);
            return false;
        }
        order->expires_in_us = at_us - c->now_us;
    }
    if (order->expires_in_us < product->expires_min_us ||
        order->expires_in_us > product->expires_max_us)
        return expiry_refused(product, field, err);
    return true;
}

static bool read_metadata(struct call *c, const struct till_json *body, struct order *order,
                          struct till_error *err) {
    const struct till_json *metadata = till_json_member(body, "metadata"), *value;
    struct till_str name;
    order->metadata = TILL_STR("{}");
    if (!metadata)
        return true;
    bool good = till_json_is_object(metadata) && till_json_size(metadata) <= METADATA_MEMBERS;
    for (size_t i = 0; good && till_json_member_at(metadata, i, &name, &value); i++)
        good = till_json_is_string(value);
    if (good && !till_json_write(c->arena, metadata, TILL_JSON_SORTED, &order->metadata, err))
        return false;
    if (!good || order->metadata.len > METADATA_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/metadata",
                               "The metadata is an object of at most %d members, all strings, "
                               "together at most %d bytes.",
                               METADATA_MEMBERS, METADATA_MAX);
    return true;
}

bool order_read_extra(struct call *c, const struct till_json *extra, struct till_str *ret_text,
                      struct till_error *err) {
    if (!till_json_is_object(extra))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra", "The extra fields are an object.");
    if (!till_json_write(c->arena, extra, TILL_JSON_SORTED, ret_text, err))
        return false;
    if (ret_text->len > EXTRA_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra",
                               "The extra fields have more than %d bytes.", EXTRA_MAX);
    return true;
}

static bool read_extra(struct call *c, const struct till_json *body, struct order *order,
                       struct till_error *err) {
    order->extra = TILL_STR("{}");
    order->extra_json = till_json_member(body, "extra");
    return !order->extra_json || order_read_extra(c, order->extra_json, &order->extra, err);
}

static bool read_addresses(struct call *c, const struct till_json *body, struct order *order,
                           struct till_error *err) {
    return call_want_text(body, "return_url", &order->return_url, err) &&
           call_want_text(body, "notify_url", &order->notify_url, err) &&
           (order->return_url.len == 0 || address_check_return(&c->app, order->return_url, err)) &&
           (order->notify_url.len == 0 || address_check_notify(c->gw, order->notify_url, err));
}

/* A second create with the same fingerprint is the same order; with another one it is refused. */
static bool take_fingerprint(struct call *c, struct till_str absolute, struct order *order,
                             struct till_error *err) {
    struct till_json *content TILL_JSON_SCOPED = till_json_object();
    struct till_str text;
    till_json_set_str(content, "channel", order->channel);
    till_json_set_str(content, "product", order->product);
    till_json_set_str(content, "account", order->account);
    till_json_set_int(content, "amount", order->amount.minor);
    till_json_set_text(content, "currency", order->amount.currency);
    till_json_set_str(content, "out_trade_no", order->out_trade_no);
    till_json_set_str(content, "subject", order->subject);
    till_json_set_str(content, "expires_at", absolute);
    till_json_set_int(content, "expires_in", absolute.len > 0 ? 0 : order->expires_in_us);
    till_json_set_str(content, "return_url", order->return_url);
    till_json_set_str(content, "notify_url", order->notify_url);
    till_json_set_str(content, "metadata", order->metadata);
    till_json_set_str(content, "extra", order->extra);
    if (!till_json_write(c->arena, content, TILL_JSON_SORTED, &text, err))
        return false;
    till_sha256(text, order->fingerprint);
    return true;
}

static bool read_product(const struct till_json *body, struct order *order,
                         const struct till_channel **ret_channel,
                         const struct till_product **ret_product, struct till_error *err) {
    if (!till_json_need_str(body, "channel", &order->channel, err) ||
        !till_json_need_str(body, "product", &order->product, err) ||
        !call_want_text(body, "account", &order->account, err))
        return false;
    *ret_channel = till_channel_find(order->channel);
    if (!*ret_channel)
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/channel", "This till has no such channel.");
    if (till_product_find(*ret_channel, order->product, ret_product, err))
        return true;
    snprintf(err->field, sizeof err->field, "/product");
    return false;
}

static bool read_all(struct call *c, struct order *order, struct till_error *err) {
    const struct till_channel *channel;
    const struct till_product *product;
    struct till_str absolute;
    const struct till_json *body = order->body;
    return order_read_identity(c, body, err) && check_members(body, err) &&
           read_product(body, order, &channel, &product, err) &&
           read_amount(body, channel, &order->amount, err) &&
           till_json_need_str(body, "out_trade_no", &order->out_trade_no, err) &&
           order_read_number(order->out_trade_no, err) &&
           till_json_need_str(body, "subject", &order->subject, err) &&
           read_subject(order->subject, err) &&
           read_expiry(c, body, product, order, &absolute, err) &&
           read_addresses(c, body, order, err) && read_metadata(c, body, order, err) &&
           read_extra(c, body, order, err) &&
           idempotency_key_read(c->request, c->arena, &order->idempotency_key, err) &&
           take_fingerprint(c, absolute, order, err);
}

bool order_read(struct call *c, struct order *ret, struct till_error *err) {
    struct order order = {.body = NULL};
    if (!call_read_body(c, &order.body, err))
        return false;
    if (!read_all(c, &order, err)) {
        order_clean_up(&order);
        return false;
    }
    *ret = order;
    return true;
}
