/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel's own fields that a merchant may add to an order, as a table (dossier 5.2). A field
 * that is not here is refused: what we do not know we do not sign.
 */
#include "lib/channel/alipay/wire.h"

#include <stdio.h>

enum kind { TEXT, DURATION, LIST, RECORD };

static const struct field {
    const char *name;
    enum kind kind;
    size_t max; /* bytes of a text */
} fields[] = {
    {"body", TEXT, 128},
    {"operator_id", TEXT, 28},
    {"store_id", TEXT, 32},
    {"terminal_id", TEXT, 32},
    {"alipay_store_id", TEXT, 32},
    {"merchant_order_no", TEXT, 32},
    {"timeout_express", DURATION, 6},
    {"qr_code_timeout_express", DURATION, 6},
    {"enable_pay_channels", TEXT, 128},
    {"disable_pay_channels", TEXT, 128},
    {"goods_detail", LIST, 0},
    {"extend_params", RECORD, 0},
    {"business_params", RECORD, 0},
    {"ext_user_info", RECORD, 0},
};

static const struct field *find(struct till_str name) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (till_str_is(name, fields[i].name))
            return &fields[i];
    }
    return NULL;
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
    switch (field->kind) {
    case TEXT:
        return text.len > 0 && text.len <= field->max;
    case DURATION:
        return is_duration(text);
    case LIST:
        return till_json_is_array(value) && till_json_size(value) > 0;
    case RECORD:
        break;
    }
    return till_json_is_object(value) && till_json_size(value) > 0;
}

static bool add(struct till_str name, const struct till_json *value, struct till_json *business,
                struct till_error *err) {
    char pointer[64];
    const struct field *field = find(name);
    (void)snprintf(pointer, sizeof pointer, "/extra/%.*s", (int)(name.len < 40 ? name.len : 40),
                   name.ptr);
    if (!field)
        return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, pointer,
                               "Alipay orders have no such field here; remove it.");
    if (!is_fitting(field, value))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer,
                               field->kind == DURATION
                                   ? "Give whole minutes, hours or days from 1m to 15d, or 1c."
                                   : "The value is empty, too long or of another type.");
    till_json_set_copy(business, field->name, value);
    return true;
}

bool alipay_add_extra(const struct till_json *extra, struct till_json *business,
                      struct till_error *err) {
    struct till_str name;
    const struct till_json *value;
    if (!extra)
        return true;
    if (!till_json_is_object(extra))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra", "The extra fields are one object.");
    for (size_t i = 0; till_json_member_at(extra, i, &name, &value); i++) {
        if (!add(name, value, business, err))
            return false;
    }
    if (till_json_member(extra, "enable_pay_channels") &&
        till_json_member(extra, "disable_pay_channels"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra/disable_pay_channels",
                               "Either enable or disable means of payment, not both.");
    return true;
}
