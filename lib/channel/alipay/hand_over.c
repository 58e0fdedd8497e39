/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page, wap and app payments (dossier 4): nobody calls anybody. The merchant signs, and the buyer's
 * browser or phone takes the result to the platform. Every sending of the identical order differs
 * in its timestamp and signature only.
 *
 * The content stands last in an address, so that alipay_show finds it again.
 */
#include "lib/channel/alipay/wire.h"

/* The signed parameters as one urlencoded text. An order string ends with its signature. */
static bool write_parameters(struct till_arena *arena, struct till_form *query,
                             struct till_str content, bool sign_last, struct till_str *ret_text,
                             struct till_error *err) {
    struct till_str sign = till_form_get(query, "sign");
    if (sign_last)
        query->count--; /* it was added last */
    return till_form_add(query, TILL_STR("biz_content"), content, err) &&
           (!sign_last || till_form_add(query, TILL_STR("sign"), sign, err)) &&
           till_form_encode(arena, query, ret_text, err);
}

bool alipay_hand_over(const struct till_account *account, const struct till_ask *ask,
                      struct till_arena *arena, struct till_action *ret_action,
                      struct till_error *err) {
    struct till_form query;
    struct till_str content, text, parameters;
    struct till_action action = {.kind = TILL_STR("bridge")};
    const struct till_product *product;
    if (!till_product_find(account->channel, ask->product, &product, err) ||
        !alipay_sign_request(account, ask, arena, &query, &content, &text, err))
        return false;
    bool is_bridge = till_str_is(action.kind, product->action);
    if (!write_parameters(arena, &query, content, is_bridge, &parameters, err))
        return false;
    action.value = parameters;
    if (!is_bridge) {
        action.kind = alipay_way_of(ask->extra);
        if (!till_arena_format(arena, &action.value, err, "%.*s?%.*s",
                               TILL_STR_ARG(alipay_of(account)->gateway_url),
                               TILL_STR_ARG(parameters)))
            return false;
    }
    *ret_action = action;
    return true;
}
