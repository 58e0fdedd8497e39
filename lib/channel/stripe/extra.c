/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel's own fields that a merchant may add to an order, as a table (dossier 13). A field
 * that is not here is refused: what we do not know we do not send.
 */
#include "lib/channel/stripe/wire.h"

#include <stdio.h>

#include "lib/channel/common.h"

enum { METHODS_MAX = 20 };

enum kind { EMAIL, CHOICE, METHODS };

/* Which products know a field. */
enum { CHECKOUT = 1 };

static const struct field {
    const char *name;
    unsigned products;
    enum kind kind;
    size_t max;          /* bytes of a text, or elements of a list */
    const char *choices; /* blank-separated */
} fields[] = {
    {"customer_email", CHECKOUT, EMAIL, 254, NULL},
    {"locale", CHECKOUT, CHOICE, 0,
     "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb "
     "nl "
     "pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW"},
    {"payment_method_types", CHECKOUT, METHODS, METHODS_MAX, NULL},
    {"submit_type", CHECKOUT, CHOICE, 0, "auto book donate pay"},
};

static const struct field *find(struct till_str name) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (till_str_is(name, fields[i].name))
            return &fields[i];
    }
    return NULL;
}

/* Something on both sides of the one '@'; the platform looks closer. */
static bool is_email(struct till_str text, size_t max) {
    size_t at = till_str_find(text, '@');
    struct till_str host = till_str_sub(text, at + 1, text.len);
    return text.len <= max && at > 0 && host.len > 0 && till_str_find(host, '@') == host.len &&
           till_str_is_printable_ascii(text) && till_str_find(text, ' ') == text.len;
}

static bool stands_before(const struct till_json *list, size_t end, struct till_str text) {
    for (size_t i = 0; i < end; i++) {
        if (till_str_equal(till_json_str(till_json_element(list, i)), text))
            return true;
    }
    return false;
}

/* Names of ways to pay, each once. */
static bool is_methods(const struct till_json *value, size_t max) {
    size_t count = till_json_size(value);
    if (!till_json_is_array(value) || count == 0 || count > max)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct till_str text = till_json_str(till_json_element(value, i));
        if (!stripe_is_method(text) || stands_before(value, i, text))
            return false;
    }
    return true;
}

static bool is_fitting(const struct field *field, const struct till_json *value) {
    struct till_str text = till_json_str(value);
    if (field->kind == EMAIL)
        return is_email(text, field->max);
    if (field->kind == CHOICE)
        return common_is_choice(text, field->choices);
    return is_methods(value, field->max);
}

/* What is wanted, never what was given. */
static bool refuse(const struct field *field, const char *pointer, struct till_error *err) {
    switch (field->kind) {
    case EMAIL:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               "Give an email address of at most %zu characters.", field->max);
    case CHOICE:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer, "Give one of these as a text: %s.",
                               field->choices);
    default:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               "Give a list of 1 to %zu ways to pay, each once, as [\"card\"].",
                               field->max);
    }
}

/* WeChat Pay wants to be told on what kind of screen its code is shown. */
static void add_method(struct till_buf *form, size_t index, struct till_str method) {
    char name[48];
    (void)snprintf(name, sizeof name, "payment_method_types[%zu]", index);
    stripe_form_add(form, name, method);
    if (till_str_is(method, "wechat_pay"))
        stripe_form_add(form, "payment_method_options[wechat_pay][client]", TILL_STR("web"));
}

static void add_value(struct till_buf *form, const struct field *field,
                      const struct till_json *value) {
    if (field->kind != METHODS) {
        stripe_form_add(form, field->name, till_json_str(value));
        return;
    }
    for (size_t i = 0; i < till_json_size(value); i++)
        add_method(form, i, till_json_str(till_json_element(value, i)));
}

static void add_account_methods(struct till_buf *form, const struct stripe_account *a) {
    size_t index = 0;
    for (struct till_str rest = a->payment_methods; rest.len; index++) {
        size_t end = till_str_find(rest, ',');
        add_method(form, index, till_str_sub(rest, 0, end));
        rest = till_str_sub(rest, end + 1, rest.len);
    }
}

static bool add(struct till_buf *form, struct till_str name, const struct till_json *value,
                struct till_error *err) {
    char pointer[64];
    const struct field *field = find(name);
    (void)snprintf(pointer, sizeof pointer, "/extra/%.*s", (int)(name.len < 40 ? name.len : 40),
                   name.ptr);
    if (!field)
        return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, pointer,
                               "Stripe orders have no such field here; remove it.");
    if (!is_fitting(field, value))
        return refuse(field, pointer, err);
    add_value(form, field, value);
    return true;
}

bool stripe_add_extra(const struct stripe_account *a, const struct till_json *extra,
                      struct till_buf *form, struct till_error *err) {
    struct till_str name;
    const struct till_json *value;
    if (extra && !till_json_is_object(extra))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra", "The extra fields are one object.");
    for (size_t i = 0; extra && till_json_member_at(extra, i, &name, &value); i++) {
        if (!add(form, name, value, err))
            return false;
    }
    if (!extra || !till_json_member(extra, "payment_method_types"))
        add_account_methods(form, a);
    return true;
}
