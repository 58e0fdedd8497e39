/* SPDX-License-Identifier: Apache-2.0 */
/* See return.h. */
#include <sandbox/return.h>

static bool fill(struct sandbox *sandbox, const struct platform_trade *trade,
                 struct till_arena *arena, struct till_form *form, struct till_error *err) {
    const struct {
        const char *name;
        struct till_str value;
    } pairs[] = {
        {"charset", trade->is_gbk ? TILL_STR("GBK") : TILL_STR("utf-8")},
        {"out_trade_no", trade->out_trade_no},
        {"method", trade->product == PRODUCT_WAP ? TILL_STR("alipay.trade.wap.pay.return")
                                                 : TILL_STR("alipay.trade.page.pay.return")},
        {"total_amount", platform_money_text(arena, trade->total_minor)},
        {"trade_no", till_str_of(trade->trade_no)},
        {"auth_app_id", till_str_of(trade->app->id)},
        {"version", TILL_STR("1.0")},
        {"app_id", till_str_of(trade->app->id)},
        {"sign_type", trade->algorithm == TILL_RSA_SHA1 ? TILL_STR("RSA") : TILL_STR("RSA2")},
        {"seller_id", till_str_of(trade->app->seller->id)},
        {"timestamp", platform_time_text(arena, platform_now_us(sandbox))},
    };
    if (!till_form_init(arena, form, err))
        return false;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!till_form_add(form, till_str_of(pairs[i].name), pairs[i].value, err))
            return false;
    return true;
}

static bool sign(const struct platform_trade *trade, struct till_arena *arena,
                 struct till_form *form, struct till_error *err) {
    static const char *const without[] = {"sign", "sign_type", NULL};
    struct till_str text, signature;
    return till_form_canonical(arena, form, without, true, &text, err) &&
           till_key_sign(arena, trade->app->platform_key, trade->algorithm, text, &signature,
                         err) &&
           till_form_add(form, TILL_STR("sign"), signature, err);
}

bool return_compose(struct sandbox *sandbox, const struct platform_trade *trade,
                    struct till_str return_url, struct till_arena *arena, struct till_str *ret_url,
                    struct till_error *err) {
    struct till_form form;
    struct till_str query;
    if (!fill(sandbox, trade, arena, &form, err) || !sign(trade, arena, &form, err) ||
        !till_form_encode(arena, &form, &query, err))
        return false;
    /* A fragment stays behind the query. */
    struct till_str page = till_str_sub(return_url, 0, till_str_find(return_url, '#'));
    struct till_str fragment = till_str_sub(return_url, page.len, return_url.len);
    char mark = till_str_find(page, '?') < page.len ? '&' : '?';
    return till_arena_format(arena, ret_url, err, "%.*s%c%.*s%.*s", TILL_STR_ARG(page), mark,
                             TILL_STR_ARG(query), TILL_STR_ARG(fragment));
}
