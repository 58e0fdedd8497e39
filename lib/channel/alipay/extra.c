/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel's own fields that a merchant may add to an order, as a table (dossier
 * 4, 5.2, 5.3, 5.9). A field that is not here, or not of the product, is refused: what we do not
 * know we do not sign.
 */
#include "lib/channel/alipay/wire.h"

#include <stdio.h>

#include "lib/channel/address.h"
#include "lib/channel/common.h"

enum kind { TEXT, DURATION, NUMBER, CHOICE, ADDRESS, LIST, RECORD };

/* Which products know a field. */
enum {
    PRECREATE = 1,
    PAGE = 2,
    WAP = 4,
    APP = 8,
    JSAPI = 16,
    BARCODE = 32,
    WEB = PAGE | WAP,
    HANDED = WEB | APP,
    SCENES = PRECREATE | JSAPI | BARCODE,
    EXPIRING = PRECREATE | HANDED | JSAPI,
    ALL = EXPIRING | BARCODE
};

static const struct field {
    const char *name;
    unsigned products;
    enum kind kind;
    size_t max;          /* bytes of a text, or the greatest number */
    const char *choices; /* blank-separated */
} fields[] = {
    {"body", ALL, TEXT, 128, NULL},
    {"operator_id", SCENES, TEXT, 28, NULL},
    {"store_id", ALL, TEXT, 32, NULL},
    {"terminal_id", SCENES, TEXT, 32, NULL},
    {"terminal_params", BARCODE, TEXT, 2048, NULL},
    {"alipay_store_id", SCENES, TEXT, 32, NULL},
    {"merchant_order_no", EXPIRING, TEXT, 32, NULL},
    /* Not for what is handed over: from the log-in on, it gives an address no end. */
    {"timeout_express", PRECREATE | JSAPI, DURATION, 6, NULL},
    {"qr_code_timeout_express", PRECREATE, DURATION, 6, NULL},
    {"enable_pay_channels", EXPIRING, TEXT, 128, NULL},
    {"disable_pay_channels", EXPIRING, TEXT, 128, NULL},
    {"specified_channel", HANDED, TEXT, 128, NULL},
    {"goods_type", HANDED, CHOICE, 0, "0 1"},
    {"goods_detail", ALL, LIST, 0, NULL},
    {"extend_params", ALL, RECORD, 0, NULL},
    {"business_params", ALL, RECORD, 0, NULL},
    {"ext_user_info", EXPIRING, RECORD, 0, NULL},
    {"royalty_info", ALL, RECORD, 0, NULL},
    {"settle_info", ALL, RECORD, 0, NULL},
    {"sub_merchant", ALL, RECORD, 0, NULL},
    {"promo_params", ALL, TEXT, 512, NULL},
    {"agreement_sign_params", HANDED, RECORD, 0, NULL},
    {"query_options", PRECREATE | BARCODE, LIST, 0, NULL},
    {"qr_pay_mode", PAGE, CHOICE, 0, "0 1 2 3 4"},
    {"qrcode_width", PAGE, NUMBER, 2000, NULL},
    {"integration_type", PAGE, CHOICE, 0, "PCWEB ALIAPP"},
    {"request_from_url", PAGE, ADDRESS, 256, NULL},
    {"invoice_info", PAGE, RECORD, 0, NULL},
    {"quit_url", WAP, ADDRESS, 400, NULL},
    {"auth_token", WAP, TEXT, 40, NULL},
    {"buyer_id", JSAPI, TEXT, 28, NULL},
    {"buyer_open_id", JSAPI, TEXT, 128, NULL},
    {"buyer_logon_id", PRECREATE | JSAPI, TEXT, 100, NULL},
    {"op_app_id", JSAPI, TEXT, 32, NULL},
    {"op_buyer_open_id", JSAPI, TEXT, 128, NULL},
    {"scene", BARCODE, CHOICE, 0, "bar_code wave_code security_code"},
    {"auth_code", BARCODE, TEXT, 64, NULL},
};

/* How a page is handed over: a member of `extra` that is ours, not the platform's. */
static const struct field way = {ALIPAY_WAY, WEB, CHOICE, 0, "redirect form"};

static const struct field *find(struct till_str name) {
    if (till_str_is(name, way.name))
        return &way;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (till_str_is(name, fields[i].name))
            return &fields[i];
    }
    return NULL;
}

static unsigned bit_of(const struct till_product *product) {
    static const struct {
        const char *name;
        unsigned bit;
    } bits[] = {{"precreate", PRECREATE}, {"page", PAGE},      {"wap", WAP}, {"app", APP},
                {"jsapi", JSAPI},         {"barcode", BARCODE}};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if (strcmp(bits[i].name, product->name) == 0)
            return bits[i].bit;
    }
    return 0;
}

/* "1c" (until midnight), or 1m to 15d in whole minutes, hours or days (dossier 6). */
static bool is_duration(struct till_str text) {
    unsigned long long count;
    char unit = text.len ? text.ptr[text.len - 1] : '\0';
    struct till_str digits = till_str_sub(text, 0, text.len ? text.len - 1 : 0);
    unsigned long long most = unit == 'm' ? 15 * 24 * 60 : unit == 'h' ? 15 * 24 : 15;
    if (till_str_is(text, "1c"))
        return true;
    return (unit == 'm' || unit == 'h' || unit == 'd') && till_str_to_u64(digits, most, &count) &&
           count > 0;
}

static bool is_fitting(const struct field *field, const struct till_json *value) {
    struct till_str text = till_json_str(value);
    unsigned long long number;
    struct address address;
    struct till_error ignored;
    switch (field->kind) {
    case TEXT:
        return text.len > 0 && text.len <= field->max;
    case DURATION:
        return is_duration(text);
    case NUMBER:
        return till_str_to_u64(text, field->max, &number) && number > 0;
    case CHOICE:
        return common_is_choice(text, field->choices);
    case ADDRESS:
        return address_read(text, field->max, "/extra", &address, &ignored);
    case LIST:
        return till_json_is_array(value) && till_json_size(value) > 0;
    case RECORD:
        break;
    }
    return till_json_is_object(value) && till_json_size(value) > 0;
}

/* What is wanted, never what was given: a payment code is a secret until it is used. */
static bool refuse(const struct field *field, const char *pointer, struct till_error *err) {
    switch (field->kind) {
    case DURATION:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               "Give whole minutes, hours or days from 1m to 15d, or 1c.");
    case NUMBER:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               "Give a whole number from 1 to %zu as a text.", field->max);
    case CHOICE:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer, "Give one of these as a text: %s.",
                               field->choices);
    case ADDRESS:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               "Give an http or https address of at most %zu bytes.", field->max);
    default:
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               "The value is empty, too long or of another type.");
    }
}

static bool add(const struct till_product *product, struct till_str name,
                const struct till_json *value, struct till_json *business, struct till_error *err) {
    char pointer[64];
    const struct field *field = find(name);
    (void)snprintf(pointer, sizeof pointer, "/extra/%.*s", (int)(name.len < 40 ? name.len : 40),
                   name.ptr);
    if (!field)
        return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, pointer,
                               "Alipay orders have no such field here; remove it.");
    if (!(field->products & bit_of(product)))
        return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, pointer,
                               "The product %s has no such field; remove it.", product->name);
    if (!is_fitting(field, value))
        return refuse(field, pointer, err);
    if (field != &way)
        till_json_set_copy(business, field->name, value);
    return true;
}

bool alipay_add_extra(const struct till_product *product, const struct till_json *extra,
                      struct till_json *business, struct till_error *err) {
    struct till_str name;
    const struct till_json *value;
    if (!extra)
        return true;
    if (!till_json_is_object(extra))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra", "The extra fields are one object.");
    for (size_t i = 0; till_json_member_at(extra, i, &name, &value); i++) {
        if (!add(product, name, value, business, err))
            return false;
    }
    if (till_json_member(extra, "enable_pay_channels") &&
        till_json_member(extra, "disable_pay_channels"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra/disable_pay_channels",
                               "Either enable or disable means of payment, not both.");
    return true;
}

struct till_str alipay_way_of(const struct till_json *extra) {
    bool is_form = extra && till_str_is(till_json_get_str(extra, way.name), "form");
    return is_form ? TILL_STR("form") : TILL_STR("redirect");
}
