/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a delivery says: the event as it is kept, under the API version of its endpoint, laid out
 * with two blanks a level and no last line break as the platform's own are; or one lie of it. Then
 * the signature.
 */
#include <sandbox/stripe/mail.h>
#include <sandbox/stripe/signature.h>

#define NOBODYS_ORDER "NOBODY0EVER0ORDERED0THIS0"

enum { SHIFT_S = 600 };

static bool is_set(const struct till_json *json, const char *name) {
    const struct till_json *member = till_json_member(json, name);
    return member && !till_json_is_null(member);
}

static int64_t number_of(const struct stripe_delivery *delivery, int64_t otherwise) {
    unsigned long long value;
    if (!till_str_to_u64(till_str_of(delivery->argument), INT64_MAX, &value))
        return otherwise;
    return (int64_t)value;
}

static struct till_str text_of(const struct stripe_delivery *delivery, const char *otherwise) {
    return till_str_of(delivery->argument[0] ? delivery->argument : otherwise);
}

static void change_amounts(struct till_json *object, int64_t amount) {
    static const char *const names[] = {"amount",          "amount_total",    "amount_subtotal",
                                        "amount_received", "amount_captured", "amount_refunded"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t is;
        if (till_json_get_int(object, names[i], &is) && is > 0)
            till_json_set_int(object, names[i], is == amount ? amount + 1 : amount);
    }
}

/* The order is named by the reference and in whatever metadata the merchant chose. */
static void change_order(struct till_json *object) {
    const struct till_json *metadata = till_json_member(object, "metadata"), *value;
    struct till_json *changed = till_json_object();
    struct till_str name;
    for (size_t i = 0; till_json_member_at(metadata, i, &name, &value); i++) {
        char copy[64];
        struct till_str cut = till_str_cut_utf8(name, sizeof copy - 1);
        memcpy(copy, cut.ptr, cut.len);
        copy[cut.len] = '\0';
        till_json_set_text(changed, copy, NOBODYS_ORDER);
    }
    till_json_set(object, "metadata", changed);
    if (is_set(object, "client_reference_id"))
        till_json_set_text(object, "client_reference_id", NOBODYS_ORDER);
}

static void change_object(const struct stripe_delivery *delivery, struct till_json *object) {
    switch (delivery->variant) {
    case FAULT_EVENT_AMOUNT:
        change_amounts(object, number_of(delivery, 1));
        break;
    case FAULT_EVENT_CURRENCY:
        till_json_set_str(object, "currency", text_of(delivery, "eur"));
        break;
    case FAULT_EVENT_OTHER_ORDER:
        change_order(object);
        break;
    case FAULT_EVENT_LIVEMODE:
        till_json_set_bool(object, "livemode", !stripe_flag(object, "livemode"));
        break;
    default:
        break;
    }
}

/* The lies that are signed well. */
static void change(const struct stripe_delivery *delivery, struct till_json *event) {
    struct till_json *data = stripe_copy_member(event, "data");
    struct till_json *object = stripe_copy_member(data, "object");
    change_object(delivery, object);
    till_json_set(data, "object", object);
    till_json_set(event, "data", data);
    if (delivery->variant == FAULT_EVENT_LIVEMODE)
        till_json_set_bool(event, "livemode", !stripe_flag(event, "livemode"));
    if (delivery->variant == FAULT_EVENT_UNKNOWN_TYPE)
        till_json_set_str(event, "type", text_of(delivery, "checkout.session.pondered"));
}

/* One byte of it, after it was signed; it stays JSON. */
static void change_byte(struct till_arena *arena, struct till_str *body) {
    struct till_str copy;
    struct till_error err;
    size_t at = till_str_find(*body, '\n');
    if (at >= body->len || !till_arena_copy(arena, *body, &copy, &err))
        return;
    ((char *)(uintptr_t)copy.ptr)[at] = ' ';
    *body = copy;
}

/* A rolled secret signs as long as it lives. */
static void choose_secrets(const struct till_json *hidden, int64_t now_us,
                           struct stripe_signing *signing) {
    const struct till_json *list = till_json_member(hidden, "secrets");
    size_t count = 0;
    for (size_t i = 0; i < till_json_size(list) && count < STRIPE_SECRETS_MAX; i++) {
        const struct till_json *row = till_json_element(list, i);
        int64_t until_us = stripe_int(row, "until_us");
        if (until_us == 0 || until_us > now_us)
            signing->secrets[count++] = till_json_get_str(row, "secret");
    }
}

static bool sign(struct sandbox *sandbox, const struct stripe_delivery *delivery,
                 struct till_arena *arena, struct stripe_letter *letter,
                 struct till_str *ret_header, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *hidden = stripe_read_hidden(delivery->endpoint);
    struct stripe_signing signing = {.now_s = world_now_us(sandbox->world) / PLATFORM_SECOND_US,
                                     .variant = delivery->variant,
                                     .shift_s = number_of(delivery, SHIFT_S)};
    choose_secrets(hidden, platform_now_us(sandbox), &signing);
    return stripe_signature(arena, &signing, letter->body, ret_header, err);
}

/* As a traffic log shows the platform's (dossier 16.3). */
static void set_headers(struct stripe_letter *letter, struct till_str signature) {
    static const struct till_pair usual[] = {
        {TILL_STR_INIT("Content-Type"), TILL_STR_INIT("application/json; charset=utf-8")},
        {TILL_STR_INIT("Cache-Control"), TILL_STR_INIT("no-cache")},
        {TILL_STR_INIT("User-Agent"),
         TILL_STR_INIT("Stripe/1.0 (+https://stripe.com/docs/webhooks)")},
        {TILL_STR_INIT("Accept"), TILL_STR_INIT("*/*; q=0.5, application/xml")}};
    memcpy(letter->headers, usual, sizeof usual);
    letter->header_count = sizeof usual / sizeof *usual;
    if (signature.len)
        letter->headers[letter->header_count++] =
            (struct till_pair){TILL_STR("Stripe-Signature"), signature};
}

/* "1700000000.{...": t of the header, a point, the body before anything was done to it. */
static void keep_signed(struct till_arena *arena, struct stripe_letter *letter,
                        struct till_str signature) {
    struct till_str t = till_str_sub(signature, 2, till_str_find(signature, ',') - 2);
    struct till_buf buf;
    struct till_error err;
    if (signature.len == 0)
        return;
    till_buf_init(&buf, arena);
    till_buf_add(&buf, t);
    till_buf_char(&buf, '.');
    till_buf_add(&buf, letter->body);
    if (!till_buf_finish(&buf, &letter->signed_text, &err))
        letter->signed_text = TILL_STR_NONE;
}

/* Whose order it is about, where the object says so. */
static struct till_str order_of(const struct till_json *event) {
    const struct till_json *object = till_json_member(till_json_member(event, "data"), "object");
    struct till_str order = till_json_get_str(object, "client_reference_id");
    if (order.len)
        return order;
    return till_json_get_str(till_json_member(object, "metadata"), "till_no");
}

bool stripe_letter_compose(struct sandbox *sandbox, const struct stripe_delivery *delivery,
                           struct till_arena *arena, struct stripe_letter *ret_letter,
                           struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *event = stripe_read(delivery->event);
    TILL_JSON_SCOPED struct till_json *endpoint = stripe_read(delivery->endpoint);
    struct stripe_letter letter = {.header_count = 0};
    struct till_str signature;
    if (!event || !endpoint)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (is_set(endpoint, "api_version"))
        till_json_set_str(event, "api_version", till_json_get_str(endpoint, "api_version"));
    if (delivery->variant)
        change(delivery, event);
    letter.url = platform_keep(arena, till_json_get_str(endpoint, "url"));
    letter.type = platform_keep(arena, till_json_get_str(event, "type"));
    letter.order = platform_keep(arena, order_of(event));
    if (!till_json_write(arena, event, TILL_JSON_INDENT, &letter.body, err) ||
        !sign(sandbox, delivery, arena, &letter, &signature, err))
        return false;
    set_headers(&letter, signature);
    keep_signed(arena, &letter, signature);
    if (delivery->variant == FAULT_EVENT_CHANGED)
        change_byte(arena, &letter.body);
    *ret_letter = letter;
    return true;
}
