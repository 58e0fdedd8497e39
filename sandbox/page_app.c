/* SPDX-License-Identifier: Apache-2.0 */
/* /console: making apps, exchanging keys, the table of environments. */
#include <sandbox/app.h>
#include <sandbox/page.h>

#include <stdio.h>

static void add_make_form(struct page *page) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Make an app", "创建应用");
    page_markup(page, "</h2>");
    page_form(page, "/console/apps", TILL_STR_NONE);
    page_markup(page, "<label>");
    page_words(page, "Name", "名称");
    page_markup(page, "<input name=\"name\" maxlength=\"60\" required></label><label>");
    page_words(page, "The app's public key", "应用公钥");
    page_markup(page, "<small>");
    page_words(
        page,
        "In any form: PEM, one base64 line, with or without line breaks. It can follow later.",
        "任意格式：PEM、单行 Base64，有无换行均可；也可稍后填写。");
    page_markup(page, "</small><textarea class=\"key\" name=\"public_key\" spellcheck=\"false\">"
                      "</textarea></label><label>");
    page_words(page, "Callback address", "回调地址");
    page_markup(page,
                "<input name=\"callback\" type=\"url\" placeholder=\"http://localhost:8080/\">"
                "</label><label>");
    page_words(page, "Test buyer pays by himself after", "测试买家自动付款（秒）");
    page_markup(page, "<small>");
    page_words(page, "seconds; empty: never", "留空表示不自动付款");
    page_markup(page, "</small><input name=\"auto_pay_seconds\" inputmode=\"numeric\" "
                      "pattern=\"[0-9]*\"></label>");
    page_button(page, "do", "make", "", "Make the app", "创建应用");
    page_markup(page, "</form></section>");
}

/* R14. */
static void add_environments(struct page *page) {
    static const char *const heads[][2] = {
        {"", ""}, {"Production", "生产环境"}, {"This sandbox", "本沙箱"}};
    struct till_str gateway = page->web->sandbox->options.public_url;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Environments", "环境对照");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 3);
    page_markup(page, "<tbody><tr><th>");
    page_words(page, "Gateway", "网关地址");
    page_markup(page, "</th><td><code>https://openapi.alipay.com/gateway.do</code></td><td><code>");
    page_text(page, gateway);
    page_markup(page, "/alipay/gateway.do</code></td></tr><tr><th>");
    page_words(page, "App key", "应用密钥");
    page_markup(page, "</th><td>");
    page_words(page, "your production pair", "生产密钥对");
    page_markup(page, "</td><td>");
    page_words(page, "any other pair, pasted here", "另一对密钥，在此填写公钥");
    page_markup(page, "</td></tr><tr><th>");
    page_words(page, "Platform key", "支付宝公钥");
    page_markup(page, "</th><td>");
    page_words(page, "from the open platform's console", "取自开放平台控制台");
    page_markup(page, "</td><td>");
    page_words(page, "from the app's page here", "取自本页应用详情");
    page_markup(page, "</td></tr><tr><th>");
    page_words(page, "Callbacks", "异步通知");
    page_markup(page, "</th><td>");
    page_words(page, "public HTTPS address", "公网 HTTPS 地址");
    page_markup(page, "</td><td>");
    page_words(page, "localhost will do", "可使用 localhost");
    page_markup(page, "</td></tr></tbody></table></div></section>");
}

static void add_apps(struct page *page) {
    static const char *const heads[][2] = {
        {"Name", "名称"}, {"App id", "APPID"}, {"Seller", "商户号"}, {"Key", "公钥"}};
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Apps", "应用列表");
    page_markup(page, "</h2>");
    if (!sandbox->apps) {
        page_markup(page, "<p class=\"soft\">");
        page_words(page, "None yet.", "暂无应用。");
        page_markup(page, "</p></section>");
        return;
    }
    page_markup(page, "<div class=\"wide\"><table>");
    page_heads(page, heads, 4);
    page_markup(page, "<tbody>");
    int left = 200;
    for (const struct platform_app *app = sandbox->apps; app && left-- > 0; app = app->next) {
        page_markup(page, "<tr>");
        page_cell(page, till_str_of(app->name));
        page_markup(page, "<td>");
        page_link(page, "/console/apps/", till_str_of(app->id), till_str_of(app->id));
        page_markup(page, "</td>");
        page_cell(page, till_str_of(app->seller->id));
        page_markup(page, "<td>");
        page_tag(page, app->app_key ? "good" : "bad",
                 app->app_key ? TILL_STR("RSA") : TILL_STR("–"));
        page_markup(page, "</td></tr>");
    }
    page_markup(page, "</tbody></table></div></section>");
}

void page_console(struct web *web) {
    struct page page;
    page_open(&page, web, PAGE_APPS, "Apps", "应用");
    page_markup(&page, "<div class=\"pair\"><div>");
    platform_lock(web->sandbox);
    add_apps(&page);
    platform_unlock(web->sandbox);
    add_environments(&page);
    page_markup(&page, "</div>");
    add_make_form(&page);
    page_markup(&page, "</div>");
    page_close(&page, 200);
}

void page_app_make(struct web *web) {
    struct app_wish wish = {.name = web_value(web, "name"),
                            .callback = web_value(web, "callback"),
                            .public_key = web_value(web, "public_key"),
                            .auto_pay_s = web_number(web, "auto_pay_seconds", -1)};
    struct platform_app *app;
    struct till_error err;
    if (app_make(web->sandbox, &wish, &app, &err))
        page_go(web, "/console/apps/", till_str_of(app->id));
    else
        page_message(web, till_code_status(err.code), PAGE_APPS, till_str_of(err.text));
    platform_wake(web->sandbox);
}

struct platform_app *page_find_app(struct web *web) {
    platform_lock(web->sandbox);
    struct platform_app *app = app_find(web->sandbox, web->segments[0]);
    platform_unlock(web->sandbox);
    if (!app)
        page_message(web, 404, PAGE_APPS,
                     web->is_chinese ? TILL_STR("没有这个应用。")
                                     : TILL_STR("There is no such app."));
    return app;
}

static void add_identity(struct page *page, const struct platform_app *app) {
    char number[24] = "";
    if (app->auto_pay_s >= 0)
        snprintf(number, sizeof number, "%lld s", (long long)app->auto_pay_s);
    page_markup(page, "<section class=\"card\"><dl>");
    page_fact(page, "App id", "APPID", till_str_of(app->id));
    page_fact(page, "Seller", "商户号", till_str_of(app->seller->id));
    page_fact(page, "Secret", "应用密钥", till_str_of(app->secret));
    page_fact(page, "Callback", "回调地址", till_str_of(app->callback));
    page_fact(page, "Pays by himself", "自动付款", till_str_of(number));
    page_markup(page, "<dt>");
    page_words(page, "Gateway", "网关地址");
    page_markup(page, "</dt><dd><code>");
    page_text(page, page->web->sandbox->options.public_url);
    page_markup(page, "/alipay/gateway.do</code></dd></dl></section>");
}

static void add_platform_key(struct page *page, const struct platform_app *app) {
    struct till_str line, pem;
    struct till_error err;
    if (!app_platform_key(app, page->web->arena, TILL_KEY_SPKI_BASE64, &line, &err) ||
        !app_platform_key(app, page->web->arena, TILL_KEY_SPKI_PEM, &pem, &err))
        return;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "The platform's public key", "支付宝公钥");
    page_markup(page, "</h2><p class=\"soft\">");
    page_words(page,
               "Answers and notifications are verified with this one, never with the app's own.",
               "验证应答与异步通知时使用此公钥，切勿误填应用公钥。");
    page_markup(page, "</p><pre>");
    page_text(page, line);
    page_markup(page, "</pre><details><summary>PEM</summary><pre>");
    page_text(page, pem);
    page_markup(page, "</pre></details></section>");
}

static void open_form(struct page *page, const struct platform_app *app, const char *what) {
    char tail[PLATFORM_ID + 16];
    snprintf(tail, sizeof tail, "%s/%s", app->id, what);
    page_form(page, "/console/apps/", platform_keep(page->web->arena, till_str_of(tail)));
}

static void add_app_key(struct page *page, const struct platform_app *app) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "The app's public key", "应用公钥");
    page_markup(page, "</h2>");
    if (app->app_key) {
        char fingerprint[TILL_KEY_FINGERPRINT_SIZE];
        till_key_fingerprint(app->app_key->key, fingerprint);
        page_markup(page, "<p class=\"soft\">SHA-256 <code>");
        page_text(page, till_str_of(fingerprint));
        page_markup(page, "</code></p>");
    } else {
        page_markup(page, "<div class=\"note bad\">");
        page_words(page, "None yet: every call is refused.", "尚未配置，所有调用都会被拒绝。");
        page_markup(page, "</div>");
    }
    open_form(page, app, "key");
    page_markup(page, "<label>");
    page_words(page, "Paste another", "粘贴新的公钥");
    page_markup(page, "<textarea class=\"key\" name=\"public_key\" required spellcheck=\"false\">"
                      "</textarea></label>");
    page_button(page, "do", "key", "", "Save the key", "保存公钥");
    page_markup(page, "</form></section>");
}

static void add_settings(struct page *page, const struct platform_app *app) {
    struct till_str callback = till_str_of(app->callback);
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Settings", "设置");
    page_markup(page, "</h2>");
    open_form(page, app, "settings");
    page_markup(page, "<label>");
    page_words(page, "Callback address", "回调地址");
    page_markup(page, "<input name=\"callback\" type=\"url\" value=\"");
    page_text(page, callback);
    page_markup(page, "\"></label><label>");
    page_words(page, "Test buyer pays by himself after (seconds; empty: never)",
               "测试买家自动付款（秒，留空为否）");
    page_markup(page, "<input name=\"auto_pay_seconds\" inputmode=\"numeric\" value=\"");
    if (app->auto_pay_s >= 0)
        page_number(page, app->auto_pay_s);
    page_markup(page, "\"></label>");
    page_button(page, "do", "settings", "", "Save", "保存");
    page_markup(page, "</form></section>");
}

/* A day's bill without a program. */
static void add_bills(struct page *page, const struct platform_app *app) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Bills", "账单");
    page_markup(page, "</h2><form method=\"get\" action=\"/console/apps/");
    page_text(page, till_str_of(app->id));
    page_markup(page, "/bill\"><label>");
    page_words(page, "Day (Beijing)", "账单日期");
    page_markup(page, "<input name=\"date\" type=\"date\" required></label>");
    page_button(page, "type", "trade", "", "Trading bill", "业务账单");
    page_button(page, "type", "signcustomer", "", "Account ledger", "账务账单");
    page_markup(page, "</form></section>");
}

void page_app(struct web *web) {
    struct platform_app *app = page_find_app(web);
    struct page page;
    if (!app)
        return;
    page_open(&page, web, PAGE_APPS, app->name[0] ? app->name : "App",
              app->name[0] ? app->name : "应用");
    platform_lock(web->sandbox);
    add_identity(&page, app);
    page_markup(&page, "<div class=\"pair\"><div>");
    add_platform_key(&page, app);
    page_add_modes(&page, app);
    page_markup(&page, "</div><div>");
    add_app_key(&page, app);
    add_settings(&page, app);
    add_bills(&page, app);
    page_markup(&page, "</div></div>");
    page_trade_table(&page, till_str_of(app->id), 20);
    page_exchange_table(&page, till_str_of(app->id), TILL_STR_NONE, 20);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}

void page_app_key(struct web *web) {
    struct platform_app *app = page_find_app(web);
    struct till_error err;
    if (!app)
        return;
    if (app_paste_key(web->sandbox, app, web_value(web, "public_key"), &err))
        page_go(web, "/console/apps/", till_str_of(app->id));
    else
        page_message(web, till_code_status(err.code), PAGE_APPS, till_str_of(err.text));
}

void page_app_settings(struct web *web) {
    struct platform_app *app = page_find_app(web);
    struct till_error err;
    if (!app)
        return;
    if (app_change(web->sandbox, app, web_value(web, "callback"),
                   web_number(web, "auto_pay_seconds", -1), &err))
        page_go(web, "/console/apps/", till_str_of(app->id));
    else
        page_message(web, till_code_status(err.code), PAGE_APPS, till_str_of(err.text));
}
