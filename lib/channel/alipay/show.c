/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a merchant's page needs of an action beside its kind and value: the parts of a form (dossier
 * 4.2), the names under which a phone takes an order (4.3, 5.9).
 *
 * All but biz_content stays in the form's address, where the gateway looks for `charset` (1.4).
 */
#include "lib/channel/alipay/wire.h"

#include <till/encode.h>

#include "lib/channel/form_page.h"

static bool show_form(struct till_arena *arena, struct till_action *action,
                      struct till_error *err) {
    static const struct till_str mark = TILL_STR_INIT("&biz_content=");
    struct till_str value = action->value, content;
    size_t at = 0; /* inside of an encoded value there is no '&' */
    while (at < value.len && !till_str_starts_with(till_str_sub(value, at, mark.len), mark))
        at++;
    action->url = till_str_sub(value, 0, at);
    return till_percent_decode(arena, till_str_sub(value, at + mark.len, value.len), true, &content,
                               err) &&
           till_form_add(&action->fields, TILL_STR("biz_content"), content, err) &&
           form_page(arena, action->url, &action->fields, &action->document, err);
}

/* AlipayJSBridge and my.tradePay write the one name, SDKs the other. */
static bool show_bridge(struct till_str product, struct till_action *action,
                        struct till_error *err) {
    if (till_str_is(product, "app"))
        return till_form_add(&action->fields, TILL_STR("order_string"), action->value, err);
    return till_form_add(&action->fields, TILL_STR("trade_no"), action->value, err) &&
           till_form_add(&action->fields, TILL_STR("tradeNO"), action->value, err);
}

bool alipay_show(struct till_str product, struct till_arena *arena, struct till_action *action,
                 struct till_error *err) {
    if (!till_form_init(arena, &action->fields, err))
        return false;
    if (till_str_is(action->kind, "form"))
        return show_form(arena, action, err);
    return !till_str_is(action->kind, "bridge") || show_bridge(product, action, err);
}
