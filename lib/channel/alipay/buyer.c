/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products that begin with the buyer: the payment code that the merchant has scanned (dossier 5.3),
 * the buyer of a mini program (5.9). What was given is never repeated in an error.
 */
#include "lib/channel/alipay/wire.h"

enum { BAR_CODE_MIN = 16, BAR_CODE_MAX = 24, PREFIX_MIN = 25, PREFIX_MAX = 30 };

/* 16 to 24 digits that begin with 25 to 30. */
static bool is_bar_code(struct till_str code) {
    bool good = code.len >= BAR_CODE_MIN && code.len <= BAR_CODE_MAX;
    for (size_t i = 0; good && i < code.len; i++)
        good = code.ptr[i] >= '0' && code.ptr[i] <= '9';
    int prefix = good ? (code.ptr[0] - '0') * 10 + (code.ptr[1] - '0') : 0;
    return prefix >= PREFIX_MIN && prefix <= PREFIX_MAX;
}

static bool is_face_code(struct till_str code) {
    return till_str_starts_with(code, TILL_STR("fp")) && till_str_is_printable_ascii(code);
}

static bool check_code(struct till_json *business, struct till_error *err) {
    struct till_str code = till_json_get_str(business, "auth_code");
    struct till_str scene = till_json_get_str(business, "scene");
    if (code.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/extra/auth_code",
                               "Scan the buyer's payment code and send it as auth_code.");
    if (scene.len == 0)
        scene = is_face_code(code) ? TILL_STR("security_code") : TILL_STR("bar_code");
    if (till_str_is(scene, "bar_code") && !is_bar_code(code))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra/auth_code",
                               "A payment code has %d to %d digits and begins with %d to %d; "
                               "scan it again.",
                               BAR_CODE_MIN, BAR_CODE_MAX, PREFIX_MIN, PREFIX_MAX);
    if (till_str_is(scene, "security_code") && !is_face_code(code))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra/auth_code",
                               "The code of a face begins with fp; take it again.");
    if (!till_str_is_printable_ascii(code))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/extra/auth_code",
                               "A payment code is ASCII; scan it again.");
    till_json_set_str(business, "scene", scene);
    return true;
}

static bool check_named(const struct till_json *business, struct till_error *err) {
    static const char *const names[] = {"buyer_open_id", "buyer_id", "buyer_logon_id",
                                        "op_buyer_open_id"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (till_json_member(business, names[i]))
            return true;
    }
    return TILL_FAIL_FIELD(
        err, FIELD_MISSING, "/extra/buyer_open_id",
        "Say who pays: buyer_open_id or buyer_id, as the mini program knows it.");
}

bool alipay_check_buyer(const struct till_product *product, struct till_json *business,
                        struct till_error *err) {
    if (strcmp(product->method, "alipay.trade.pay") == 0)
        return check_code(business, err);
    return strcmp(product->method, "alipay.trade.create") != 0 || check_named(business, err);
}
