/* SPDX-License-Identifier: Apache-2.0 */
/* See return.h. */
#include <sandbox/app.h>
#include <sandbox/return.h>

#include <stdio.h>

struct way {
    struct sandbox *sandbox;
    const struct platform_trade *trade;
    struct till_arena *arena;
    struct platform_way_back bent; /* a copy */
    struct till_form form;
};

unsigned return_bit(enum fault fault) {
    bool is_return = fault >= FAULT_RETURN_NEVER && fault <= FAULT_RETURN_OTHER_ORDER;
    return is_return ? 1U << (fault - FAULT_RETURN_NEVER) : 0;
}

static bool is_on(const struct way *way, enum fault fault) {
    return way->bent.faults & return_bit(fault);
}

static struct till_str amount_of(const struct way *way) {
    const char *wrong = way->bent.amount;
    if (is_on(way, FAULT_RETURN_AMOUNT))
        return wrong[0] ? till_str_of(wrong) : TILL_STR("0.01");
    return platform_money_text(way->arena, way->trade->total_minor);
}

static bool fill(struct way *way, struct till_error *err) {
    const struct platform_trade *trade = way->trade;
    const struct {
        const char *name;
        struct till_str value;
    } pairs[] = {
        {"charset", trade->is_gbk ? TILL_STR("GBK") : TILL_STR("utf-8")},
        {"out_trade_no", is_on(way, FAULT_RETURN_OTHER_ORDER)
                             ? TILL_STR("NOBODY0EVER0ORDERED0THIS0")
                             : trade->out_trade_no},
        {"method", trade->product == PRODUCT_WAP ? TILL_STR("alipay.trade.wap.pay.return")
                                                 : TILL_STR("alipay.trade.page.pay.return")},
        {"total_amount", amount_of(way)},
        {"trade_no", till_str_of(trade->trade_no)},
        {"auth_app_id", till_str_of(trade->app->id)},
        {"version", TILL_STR("1.0")},
        {"app_id", till_str_of(trade->app->id)},
        {"sign_type", trade->algorithm == TILL_RSA_SHA1 ? TILL_STR("RSA") : TILL_STR("RSA2")},
        {"seller_id", till_str_of(trade->app->seller->id)},
        {"timestamp", platform_time_text(way->arena, platform_now_us(way->sandbox))},
    };
    if (!till_form_init(way->arena, &way->form, err))
        return false;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!till_form_add(&way->form, till_str_of(pairs[i].name), pairs[i].value, err))
            return false;
    return true;
}

static bool sign(struct way *way, struct till_error *err) {
    static const char *const without[] = {"sign", "sign_type", NULL};
    struct till_str text, signature;
    if (is_on(way, FAULT_RETURN_UNSIGNED))
        return true;
    const struct till_key *key = way->trade->app->platform_key;
    if (is_on(way, FAULT_RETURN_WRONG_KEY))
        key = app_stranger(way->sandbox);
    if (!key)
        return TILL_FAIL(err, BUG, "No key to sign with.");
    return till_form_canonical(way->arena, &way->form, without, true, &text, err) &&
           till_key_sign(way->arena, key, way->trade->algorithm, text, &signature, err) &&
           till_form_add(&way->form, TILL_STR("sign"), signature, err);
}

/* Locked. */
static void draw(struct sandbox *sandbox, struct platform_way_back *bent) {
    struct fault_set faults;
    if (bent->is_drawn)
        return;
    fault_decide(sandbox, "return", FAULT_RETURN, &faults);
    bent->is_drawn = true;
    for (int i = FAULT_RETURN_NEVER; i <= FAULT_RETURN_OTHER_ORDER; i++)
        bent->faults |= faults.on[i] ? return_bit((enum fault)i) : 0;
    snprintf(bent->amount, sizeof bent->amount, "%s", faults.argument[FAULT_RETURN_AMOUNT]);
    platform_changed(sandbox);
}

bool return_compose(struct sandbox *sandbox, struct platform_trade *trade,
                    struct till_str return_url, struct till_arena *arena, struct till_str *ret_url,
                    struct till_error *err) {
    struct way way = {.sandbox = sandbox, .trade = trade, .arena = arena};
    struct till_str query;
    platform_lock(sandbox);
    draw(sandbox, &trade->way_back);
    way.bent = trade->way_back;
    platform_unlock(sandbox);
    *ret_url = TILL_STR_NONE;
    if (is_on(&way, FAULT_RETURN_NEVER))
        return true;
    if (!fill(&way, err) || !sign(&way, err) || !till_form_encode(arena, &way.form, &query, err))
        return false;
    /* A fragment stays behind the query. */
    struct till_str page = till_str_sub(return_url, 0, till_str_find(return_url, '#'));
    struct till_str fragment = till_str_sub(return_url, page.len, return_url.len);
    char mark = till_str_find(page, '?') < page.len ? '&' : '?';
    return till_arena_format(arena, ret_url, err, "%.*s%c%.*s%.*s", TILL_STR_ARG(page), mark,
                             TILL_STR_ARG(query), TILL_STR_ARG(fragment));
}
