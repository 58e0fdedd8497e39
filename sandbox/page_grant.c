/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page where a buyer allows an app to know him, as merchants link it: app_id, scope,
 * redirect_uri, state. Allowed, the browser goes to redirect_uri with the code. Only addresses
 * below the app's callback are followed where the app has one, and a person has to press the
 * button, so nobody is sent anywhere by a link alone.
 */
#include <sandbox/app.h>
#include <sandbox/grant.h>
#include <sandbox/page_pay.h>

#include <rt/html.h>

struct wish {
    const struct platform_app *app;
    struct till_str app_id, scope, redirect, state;
};

/* NULL: fine. */
static const char *read_wish(struct web *web, struct wish *wish) {
    *wish = (struct wish){.app_id = web_value(web, "app_id"),
                          .scope = web_value(web, "scope"),
                          .redirect = web_value(web, "redirect_uri"),
                          .state = web_value(web, "state")};
    platform_lock(web->sandbox);
    wish->app = app_find(web->sandbox, wish->app_id);
    struct till_str callback =
        wish->app ? platform_keep(web->arena, till_str_of(wish->app->callback)) : TILL_STR_NONE;
    platform_unlock(web->sandbox);
    struct till_str origin = page_origin(wish->redirect);
    if (!wish->app)
        return "app_id names no app of this sandbox.";
    if (!origin.len || wish->redirect.len > 512 || !till_str_is_printable_ascii(wish->redirect))
        return "redirect_uri must be an http or https address of at most 512 bytes.";
    if (callback.len && !till_str_equal(origin, page_origin(callback)))
        return "redirect_uri is not on the site of the app's callback.";
    return NULL;
}

static void add_hidden(struct page *page, const char *name, struct till_str value) {
    struct till_str text = till_str_of(name);
    html_format(&page->buf, "<input type=\"hidden\" name=\"%s\" value=\"%s\">", &text, &value);
}

static void show(struct web *web, const struct wish *wish) {
    struct page page;
    page_open_phone(&page, web, "", "");
    page.form_targets = page_origin(wish->redirect); /* the form's answer leads there */
    page_markup(&page, "<div class=\"top\">");
    page_text(&page, till_str_of(wish->app->name[0] ? wish->app->name : wish->app->id));
    page_markup(&page, "<p class=\"sum who\">");
    page_words(&page, "wants to know who you are", "申请获取您的用户信息");
    page_markup(&page, "</p></div><div class=\"sheet\"><dl>");
    page_fact(&page, "Goes back to", "返回地址", wish->redirect);
    page_markup(&page, "</dl>");
    page_form(&page, "/oauth2/publicAppAuthorize.htm", TILL_STR_NONE);
    add_hidden(&page, "app_id", wish->app_id);
    add_hidden(&page, "scope", wish->scope);
    add_hidden(&page, "redirect_uri", wish->redirect);
    add_hidden(&page, "state", wish->state);
    pay_add_buyers(&page, NULL);
    page_button(&page, "action", "allow", "", "Allow", "同意");
    page_markup(&page, "</form></div></div>");
    page_close(&page, 200);
}

void page_grant(struct web *web) {
    struct wish wish;
    const char *wrong = read_wish(web, &wish);
    if (wrong)
        page_message(web, 400, PAGE_WALLET, till_str_of(wrong));
    else
        show(web, &wish);
}

static bool write_place(struct web *web, const struct wish *wish, struct till_str code,
                        struct till_str *ret_place, struct till_error *err) {
    struct till_form form;
    struct till_str query;
    if (!till_form_init(web->arena, &form, err) ||
        !till_form_add(&form, TILL_STR("app_id"), wish->app_id, err) ||
        !till_form_add(&form, TILL_STR("source"), TILL_STR("alipay_wallet"), err) ||
        !till_form_add(&form, TILL_STR("scope"),
                       wish->scope.len ? wish->scope : TILL_STR("auth_base"), err) ||
        !till_form_add(&form, TILL_STR("auth_code"), code, err) ||
        (wish->state.len && !till_form_add(&form, TILL_STR("state"), wish->state, err)) ||
        !till_form_encode(web->arena, &form, &query, err))
        return false;
    char mark = till_str_find(wish->redirect, '?') < wish->redirect.len ? '&' : '?';
    return till_arena_format(web->arena, ret_place, err, "%.*s%c%.*s", TILL_STR_ARG(wish->redirect),
                             mark, TILL_STR_ARG(query));
}

void page_grant_act(struct web *web) {
    struct sandbox *sandbox = web->sandbox;
    struct wish wish;
    struct till_str code = TILL_STR_NONE, place;
    struct till_error err;
    const char *wrong = read_wish(web, &wish);
    if (wrong) {
        page_message(web, 400, PAGE_WALLET, till_str_of(wrong));
        return;
    }
    platform_lock(sandbox);
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web_value(web, "buyer"));
    const struct grant *grant = grant_make(sandbox, wish.app, buyer ? buyer : &sandbox->buyers[0],
                                           platform_now_us(sandbox));
    if (grant)
        code = platform_keep(web->arena, till_str_of(grant->code));
    platform_unlock(sandbox);
    if (code.len && write_place(web, &wish, code, &place, &err))
        web_redirect(web, place);
    else
        web_text(web, 500, "Memory is out.\n");
}
