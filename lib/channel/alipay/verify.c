/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying what a platform says outside of answers, for the channel itself and for whoever uses
 * the library alone: notifications under both rules, return pages, and what a phone's SDK hands to
 * the app.
 */
#include "lib/channel/alipay/wire.h"

#include "lib/channel/alipay/answer.h"

/* The platform's own checkers disagree on empty values, so a form that has some gets a second look
 * with them; an empty value is never read as anything but absent. */
bool till_alipay_notify_verify(struct till_arena *arena, const struct till_form *form,
                               enum till_alipay_rule rule, const struct till_key *platform_key,
                               enum till_signature algorithm, struct till_error *err) {
    static const char *const without[][3] = {
        [TILL_ALIPAY_V1] = {"sign", "sign_type", NULL}, [TILL_ALIPAY_V2] = {"sign", NULL, NULL}};
    struct till_str sign = till_form_get(form, "sign"), text, whole;
    if (sign.len == 0)
        return TILL_FAIL(err, SIGNATURE_MISSING, "The message is not signed.");
    if (!till_alipay_notify_text(arena, form, rule, &text, err) ||
        !till_form_canonical(arena, form, without[rule], false, &whole, err))
        return false;
    return till_key_verify(platform_key, algorithm, text, sign, err) ||
           (!till_str_equal(whole, text) &&
            till_key_verify(platform_key, algorithm, whole, sign, err));
}

const char *const alipay_return_names[] = {
    "app_id",    "auth_app_id", "charset",      "method",   "out_trade_no", "seller_id", "sign",
    "sign_type", "timestamp",   "total_amount", "trade_no", "version",      NULL};

bool till_alipay_return_signed(struct till_arena *arena, const struct till_form *all,
                               struct till_form *ret_signed, struct till_error *err) {
    struct till_form form;
    if (!till_form_init(arena, &form, err))
        return false;
    for (const char *const *name = alipay_return_names; *name; name++) {
        const struct till_pair *pair = till_form_find(all, *name);
        if (pair && !till_form_add(&form, pair->name, pair->value, err))
            return false;
    }
    *ret_signed = form;
    return true;
}

bool till_alipay_app_result_verify(struct till_arena *arena, struct till_str result,
                                   const struct till_key *platform_key,
                                   enum till_signature algorithm, struct till_str *ret_node,
                                   struct till_error *err) {
    struct till_alipay_answer answer;
    struct till_str sign_type;
    if (!alipay_app_result_scan(result, &answer, &sign_type, err))
        return false;
    if (!till_str_is(answer.node_name, "alipay_trade_app_pay_response"))
        return TILL_FAIL(err, BODY_MALFORMED, "This is not the result of an app payment.");
    if (!till_str_is(sign_type, algorithm == TILL_RSA_SHA1 ? "RSA" : "RSA2"))
        return TILL_FAIL(err, SIGNATURE_WRONG,
                         "The result names another sign_type; the sender cannot choose.");
    if (!till_alipay_answer_verify(arena, &answer, platform_key, algorithm, err))
        return false;
    *ret_node = answer.node;
    return true;
}
