/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An app's modes in the console: certificates with the three files under the platform's own names,
 * a new platform key, content encryption.
 */
#include <sandbox/mode.h>
#include <sandbox/page.h>

static void open_form(struct page *page, const struct platform_app *app, const char *what) {
    struct till_str tail = TILL_STR_NONE;
    struct till_error err;
    if (!till_arena_format(page->web->arena, &tail, &err, "%s/%s", app->id, what))
        return;
    page_form(page, "/console/apps/", tail);
}

static struct till_str own_file(const struct page *page, const struct platform_app *app) {
    struct till_str name = TILL_STR_NONE;
    struct till_error err;
    bool made =
        till_arena_format(page->web->arena, &name, &err, "appCertPublicKey_%s.crt", app->id);
    return made ? name : TILL_STR_NONE;
}

static void add_file(struct page *page, const struct platform_app *app, struct till_str name,
                     const char *english, const char *chinese, const char *sn) {
    struct till_str tail = TILL_STR_NONE;
    struct till_error err;
    if (!till_arena_format(page->web->arena, &tail, &err, "%s/%.*s", app->id, TILL_STR_ARG(name)))
        return;
    page_markup(page, "<dt>");
    page_words(page, english, chinese);
    page_markup(page, "</dt><dd>");
    page_link(page, "/console/apps/", tail, name);
    page_markup(page, "<br><code>");
    page_text(page, till_str_of(sn));
    page_markup(page, "</code></dd>");
}

static void add_files(struct page *page, const struct platform_app *app) {
    const struct held_key *key = app->app_key;
    page_markup(page, "<dl>");
    if (key && key->certificate.pem)
        add_file(page, app, own_file(page, app), "The app", "应用公钥证书", key->certificate.sn);
    add_file(page, app, TILL_STR("alipayCertPublicKey_RSA2.crt"), "The platform", "支付宝公钥证书",
             app->signer->certificate.sn);
    add_file(page, app, TILL_STR("alipayRootCert.crt"), "The roots", "支付宝根证书",
             page->web->sandbox->authority->root_sn);
    page_markup(page, "</dl>");
}

static void add_certificates(struct page *page, const struct platform_app *app) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Certificates", "证书模式");
    page_markup(page, "</h2><p class=\"soft\">");
    if (app->certificate_mode)
        page_words(
            page, "Requests name the app's certificate and the roots; answers name the platform's.",
            "请求须携带应用证书与根证书的序列号，应答携带支付宝证书序列号。");
    else
        page_words(page,
                   "The app is in key mode. With certificates, three files take the place of the "
                   "platform's public key.",
                   "当前为公钥模式。切换为证书模式后，将提供三个证书文件。");
    page_markup(page, "</p>");
    if (app->certificate_mode)
        add_files(page, app);
    if (app->certificate_mode && !app->app_key) {
        page_markup(page, "<p>");
        page_words(page, "The app gets its certificate with its public key.",
                   "填写应用公钥后签发应用证书。");
        page_markup(page, "</p>");
    }
    open_form(page, app, "certificates");
    if (app->certificate_mode) {
        page_button(page, "do", "rotate", "", "New platform certificate", "更换支付宝证书");
        page_button(page, "do", "off", "plain", "Back to keys", "改用公钥模式");
    } else {
        page_button(page, "do", "on", "", "Use certificates", "改用证书模式");
    }
    page_markup(page, "</form></section>");
}

static void add_encryption(struct page *page, const struct platform_app *app) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Content encryption", "接口内容加密");
    page_markup(page, "</h2>");
    open_form(page, app, "encryption");
    page_markup(page, "<label>");
    page_words(page, "AES key (24 characters; empty: none)", "AES 密钥（24 个字符，留空为不加密）");
    page_markup(page, "<input name=\"aes_key\" spellcheck=\"false\" autocomplete=\"off\" value=\"");
    page_text(page, till_str_of(app->aes_key));
    page_markup(page, "\"></label>");
    page_button(page, "do", "set", "", "Save", "保存");
    page_button(page, "do", "make", "plain", "Make a new one", "生成新密钥");
    page_markup(page, "</form></section>");
}

void page_add_modes(struct page *page, const struct platform_app *app) {
    add_certificates(page, app);
    add_encryption(page, app);
}

static void answer(struct web *web, const struct platform_app *app, bool good,
                   const struct till_error *err) {
    if (good)
        page_go(web, "/console/apps/", till_str_of(app->id));
    else
        page_message(web, till_code_status(err->code), PAGE_APPS, till_str_of(err->text));
}

void page_app_certificates(struct web *web) {
    struct platform_app *app = page_find_app(web);
    struct till_str what = web_value(web, "do");
    struct till_error err;
    if (!app)
        return;
    bool done = till_str_is(what, "rotate")
                    ? mode_rotate(web->sandbox, app, &err)
                    : mode_use_certificates(web->sandbox, app, till_str_is(what, "on"), &err);
    answer(web, app, done, &err);
}

void page_app_encryption(struct web *web) {
    struct platform_app *app = page_find_app(web);
    struct till_error err;
    if (!app)
        return;
    bool done = till_str_is(web_value(web, "do"), "make")
                    ? mode_make_aes_key(web->sandbox, app, &err)
                    : mode_set_aes_key(web->sandbox, app, web_value(web, "aes_key"), &err);
    answer(web, app, done, &err);
}

/* Locked: NULL when there is no such file. */
static const char *file_text(const struct sandbox *sandbox, const struct platform_app *app,
                             struct till_str name) {
    struct till_str middle = till_str_sub(name, strlen("appCertPublicKey_"), strlen(app->id));
    bool is_own = till_str_starts_with(name, TILL_STR("appCertPublicKey_")) &&
                  till_str_is(middle, app->id) &&
                  name.len == strlen("appCertPublicKey_.crt") + strlen(app->id);
    if (!app->certificate_mode)
        return NULL;
    if (till_str_is(name, "alipayCertPublicKey_RSA2.crt"))
        return app->signer->certificate.pem;
    if (till_str_is(name, "alipayRootCert.crt"))
        return sandbox->authority->roots_pem;
    return is_own && app->app_key ? app->app_key->certificate.pem : NULL;
}

void page_app_file(struct web *web) {
    struct platform_app *app = page_find_app(web);
    struct till_str name = web->segments[1], line;
    struct till_error err;
    if (!app)
        return;
    platform_lock(web->sandbox);
    const char *text = file_text(web->sandbox, app, name);
    struct till_str copy = text ? platform_keep(web->arena, till_str_of(text)) : TILL_STR_NONE;
    platform_unlock(web->sandbox);
    if (copy.len == 0 || !till_arena_format(web->arena, &line, &err,
                                            "attachment; filename=\"%.*s\"", TILL_STR_ARG(name))) {
        page_message(web, 404, PAGE_APPS,
                     web->is_chinese ? TILL_STR("没有这个文件；证书模式下才有证书。")
                                     : TILL_STR("There is no such file; certificates are there in "
                                                "certificate mode."));
        return;
    }
    web->response->status = 200;
    web->response->content_type = TILL_STR("application/x-x509-ca-cert");
    web->response->body = copy;
    http_response_header(web->response, TILL_STR("Content-Disposition"), line);
}
