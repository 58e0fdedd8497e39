/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that is signed does not say where a value ends: "a=x&b=y" is one parameter or two. Who
 * holds a good notification could hand it on with `refund_fee` tucked into the value before it, and
 * a refund would read as a payment. So a value that holds what reads as another parameter of the
 * platform's is ambiguous, and ambiguous input is refused (I35). A name with a '=' or '&' in it
 * plays the same trick from the other side.
 */
#include "lib/channel/alipay/wire.h"

/* All names of a notification and of a return page (dossier 7.2, 4.4). */
static const char *const known[] = {"app_id",
                                    "auth_app_id",
                                    "body",
                                    "buyer_id",
                                    "buyer_logon_id",
                                    "buyer_open_id",
                                    "buyer_pay_amount",
                                    "charset",
                                    "fund_bill_list",
                                    "gmt_close",
                                    "gmt_create",
                                    "gmt_payment",
                                    "gmt_refund",
                                    "invoice_amount",
                                    "method",
                                    "notify_id",
                                    "notify_time",
                                    "notify_type",
                                    "out_biz_no",
                                    "out_trade_no",
                                    "passback_params",
                                    "point_amount",
                                    "receipt_amount",
                                    "refund_fee",
                                    "seller_email",
                                    "seller_id",
                                    "send_back_fee",
                                    "subject",
                                    "timestamp",
                                    "total_amount",
                                    "trade_no",
                                    "trade_status",
                                    "trans_currency",
                                    "version",
                                    "voucher_detail_list"};

static bool is_known(struct till_str name) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (till_str_is(name, known[i]))
            return true;
    return false;
}

/* Does "&NAME=" stand in it, with a name of the platform's? */
static bool holds_parameter(struct till_str value) {
    size_t at = till_str_find(value, '&');
    while (at < value.len) {
        struct till_str rest = till_str_sub(value, at + 1, value.len);
        size_t sign = till_str_find(rest, '=');
        if (sign < rest.len && is_known(till_str_sub(rest, 0, sign)))
            return true;
        at += 1 + till_str_find(rest, '&');
    }
    return false;
}

/* What the platform's names are made of, and nothing that could end one. */
static bool is_name(struct till_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '_' && c != '-' && c != '.')
            return false;
    }
    return name.len > 0;
}

bool alipay_check_boundaries(const struct till_form *form, struct till_error *err) {
    for (size_t i = 0; i < form->count; i++)
        if (!is_name(form->pairs[i].name) || holds_parameter(form->pairs[i].value))
            return TILL_FAIL(err, NOTIFY_FORGED,
                             "A name or value holds what reads as another parameter, so what was "
                             "signed is not certain. Ask the platform about the order instead.");
    return true;
}
