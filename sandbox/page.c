/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of all pages and their addresses; see page.h. */
#include <sandbox/page.h>

#include <rt/html.h>

#include <console.h>
#include <style.h>

void page_markup(struct page *page, const char *markup) {
    till_buf_text(&page->buf, markup);
}

void page_text(struct page *page, struct till_str text) {
    html_text(&page->buf, text);
}

void page_words(struct page *page, const char *english, const char *chinese) {
    page_text(page, till_str_of(page->web->is_chinese ? chinese : english));
}

void page_number(struct page *page, int64_t number) {
    html_format(&page->buf, "%d", number);
}

void page_money(struct page *page, int64_t minor) {
    page_markup(page, "¥");
    page_text(page, platform_money_text(page->web->arena, minor));
}

void page_time(struct page *page, int64_t us) {
    page_text(page, us ? platform_time_text(page->web->arena, us) : TILL_STR("–"));
}

/* The language that was asked for by name goes along. */
static void add_language(struct page *page, bool first) {
    struct till_str asked = till_form_get(&page->web->query, "lang");
    if (asked.len == 0)
        return;
    page_markup(page, first ? "?lang=" : "&amp;lang=");
    page_markup(page, page->web->is_chinese ? "zh" : "en");
}

static void add_address(struct page *page, const char *path, struct till_str tail) {
    bool has_query = strchr(path, '?') != NULL || till_str_find(tail, '?') < tail.len;
    page_markup(page, path);
    page_text(page, tail);
    add_language(page, !has_query);
}

void page_link(struct page *page, const char *path, struct till_str tail, struct till_str text) {
    page_markup(page, "<a href=\"");
    add_address(page, path, tail);
    page_markup(page, "\">");
    page_text(page, text);
    page_markup(page, "</a>");
}

void page_form(struct page *page, const char *path, struct till_str tail) {
    page_markup(page, "<form method=\"post\" action=\"");
    add_address(page, path, tail);
    page_markup(page, "\">");
}

void page_button(struct page *page, const char *name, const char *value, const char *kind,
                 const char *english, const char *chinese) {
    struct till_str texts[3] = {till_str_of(name), till_str_of(value), till_str_of(kind)};
    html_format(&page->buf, "<button name=\"%s\" value=\"%s\" class=\"%s\">", &texts[0], &texts[1],
                &texts[2]);
    page_words(page, english, chinese);
    page_markup(page, "</button>");
}

void page_fact(struct page *page, const char *english, const char *chinese, struct till_str text) {
    page_markup(page, "<dt>");
    page_words(page, english, chinese);
    page_markup(page, "</dt><dd>");
    page_text(page, text.len ? text : TILL_STR("–"));
    page_markup(page, "</dd>");
}

void page_cell(struct page *page, struct till_str text) {
    page_markup(page, "<td>");
    page_text(page, text);
    page_markup(page, "</td>");
}

void page_tag(struct page *page, const char *kind, struct till_str text) {
    struct till_str class = till_str_of(kind);
    html_format(&page->buf, "<span class=\"tag %s\">%s</span>", &class, &text);
}

void page_heads(struct page *page, const char *const (*words)[2], size_t count) {
    page_markup(page, "<thead><tr>");
    for (size_t i = 0; i < count; i++) {
        page_markup(page, "<th>");
        page_words(page, words[i][0], words[i][1]);
        page_markup(page, "</th>");
    }
    page_markup(page, "</tr></thead>");
}

void page_open_document(struct page *page, struct web *web, struct till_str title,
                        const char *body_class, const char *head) {
    struct till_str language = web->is_chinese ? TILL_STR("zh-CN") : TILL_STR("en");
    struct till_str class = till_str_of(body_class);
    page->web = web;
    page->form_targets = TILL_STR_NONE;
    till_buf_init(&page->buf, web->arena);
    html_format(&page->buf,
                "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                "<meta name=\"robots\" content=\"noindex\">"
                /* Under no-referrer a browser sends Origin: null, which our own forms may not. */
                "<meta name=\"referrer\" content=\"same-origin\"><title>%s</title>"
                "<link rel=\"icon\" href=\"data:,\">"
                "<link rel=\"stylesheet\" href=\"/sandbox.css\">",
                &language, &title);
    page_markup(page, head);
    html_format(&page->buf, "</head><body class=\"%s\">", &class);
}

static void add_navigation(struct page *page, enum page_section section) {
    static const struct {
        const char *path, *english, *chinese;
    } places[] = {[PAGE_APPS] = {"/console", "Apps", "应用"},
                  [PAGE_TRADES] = {"/console/trades", "Trades", "交易"},
                  [PAGE_EXCHANGES] = {"/console/exchanges", "Calls", "调用记录"},
                  [PAGE_FAULTS] = {"/console/faults", "Faults", "故障"},
                  [PAGE_CLOCK] = {"/console/clock", "Clock", "时钟"},
                  [PAGE_WALLET] = {"/wallet", "Wallet", "钱包"},
                  [PAGE_STRIPE] = {"/console/stripe", "Stripe", "Stripe"}};
    page_markup(page, "<header class=\"bar\"><div><strong>");
    page_words(page, "Sandbox console", "沙箱控制台");
    page_markup(page, "</strong><nav>");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        page_markup(page, i == section ? "<a aria-current=\"page\" href=\"" : "<a href=\"");
        add_address(page, places[i].path, TILL_STR_NONE);
        page_markup(page, "\">");
        page_words(page, places[i].english, places[i].chinese);
        page_markup(page, "</a>");
    }
    page_markup(page, "</nav></div></header>");
}

void page_open(struct page *page, struct web *web, enum page_section section, const char *english,
               const char *chinese) {
    struct till_str title = till_str_of(web->is_chinese ? chinese : english);
    page_open_document(page, web, title, "", "");
    add_navigation(page, section);
    page_markup(page, "<main><h1>");
    page_text(page, title);
    page_markup(page, "</h1>");
}

void page_open_phone(struct page *page, struct web *web, const char *kind, const char *head) {
    struct till_str class = till_str_of(kind);
    page_open_document(page, web,
                       web->is_chinese ? TILL_STR("沙箱钱包") : TILL_STR("Sandbox wallet"), "phone",
                       head);
    html_format(&page->buf, "<main><div class=\"screen %s\">", &class);
}

void page_close(struct page *page, int status) {
    struct web *web = page->web;
    struct till_error err;
    page_markup(page, "</main><footer>");
    page_words(page, "An imitation for development. No real money moves. ",
               "仅供开发调试的模拟环境，不涉及真实资金。");
    page_markup(page, web->is_chinese ? "<a href=\"?lang=en\">English</a>"
                                      : "<a href=\"?lang=zh\" lang=\"zh-CN\">中文</a>");
    page_markup(page, "</footer></body></html>\n");
    html_headers(web->request, web->response, page->form_targets);
    web->response->status = status;
    web->response->content_type = TILL_STR("text/html; charset=utf-8");
    if (!till_buf_finish(&page->buf, &web->response->body, &err))
        web_text(web, 500, "The page is too large.\n");
}

void page_message(struct web *web, int status, enum page_section section, struct till_str text) {
    struct page page;
    page_open(&page, web, section, "This did not work", "操作未成功");
    page_markup(&page, "<div class=\"note bad\">");
    page_text(&page, text);
    page_markup(&page, "</div>");
    page_close(&page, status);
}

void page_go(struct web *web, const char *path, struct till_str tail) {
    struct till_str place, asked = till_form_get(&web->query, "lang");
    struct till_error err;
    const char *mark = till_str_find(tail, '?') < tail.len ? "&" : "?";
    const char *language = web->is_chinese ? "lang=zh" : "lang=en";
    if (till_arena_format(web->arena, &place, &err, "%s%.*s%s%s", path, TILL_STR_ARG(tail),
                          asked.len ? mark : "", asked.len ? language : ""))
        web_redirect(web, place);
    else
        web_text(web, 500, "The address is too long.\n");
}

struct till_str page_origin(struct till_str url) {
    bool is_plain = till_str_starts_with(url, TILL_STR("http://"));
    if (!is_plain && !till_str_starts_with(url, TILL_STR("https://")))
        return TILL_STR_NONE;
    size_t from = is_plain ? strlen("http://") : strlen("https://"), at = from;
    for (; at < url.len; at++) {
        char c = url.ptr[at];
        bool is_host = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
        if (c == '/' || c == '?' || c == '#')
            break;
        if (!is_host)
            return TILL_STR_NONE;
    }
    return at > from ? till_str_sub(url, 0, at) : TILL_STR_NONE;
}

void page_asset(struct web *web, struct till_str content_type, struct till_str bytes) {
    web->response->status = 200;
    web->response->content_type = content_type;
    web->response->body = bytes;
    http_response_header(web->response, TILL_STR("Cache-Control"), TILL_STR("max-age=60"));
}

static void show_style(struct web *web) {
    page_asset(web, TILL_STR("text/css; charset=utf-8"), (struct till_str){style, sizeof style});
}

static void show_script(struct web *web) {
    page_asset(web, TILL_STR("text/javascript; charset=utf-8"),
               (struct till_str){console, sizeof console});
}

static void show_start(struct web *web) {
    page_go(web, "/console", TILL_STR_NONE);
}

const struct web_route page_routes[] = {
    {"GET", "/", show_start},
    {"GET", "/sandbox.css", show_style},
    {"GET", "/sandbox.js", show_script},
    {"GET", "/console", page_console},
    {"POST", "/console/apps", page_app_make},
    {"GET", "/console/apps/*", page_app},
    {"GET", "/console/apps/*/bill", page_bill},
    {"POST", "/console/apps/*/key", page_app_key},
    {"POST", "/console/apps/*/settings", page_app_settings},
    {"POST", "/console/apps/*/certificates", page_app_certificates},
    {"POST", "/console/apps/*/encryption", page_app_encryption},
    {"GET", "/console/apps/*/*", page_app_file},
    {"GET", "/console/trades", page_trades},
    {"GET", "/console/trades/*/*", page_trade},
    {"POST", "/console/trades/*/*", page_trade_act},
    {"GET", "/console/exchanges", page_exchanges},
    {"GET", "/console/exchanges/*", page_exchange},
    {"GET", "/console/faults", page_faults},
    {"POST", "/console/faults", page_fault_add},
    {"POST", "/console/faults/clear", page_fault_clear},
    {"POST", "/console/faults/presets/*", page_fault_preset},
    {"GET", "/console/clock", page_clock},
    {"POST", "/console/clock", page_clock_advance},
    {"GET", "/wallet", page_wallet},
    {"GET", "/oauth2/publicAppAuthorize.htm", page_grant},
    {"POST", "/oauth2/publicAppAuthorize.htm", page_grant_act},
    {"GET", "/wallet/code/*", page_auth_code},
    {"GET", "/wallet/app", page_app_pay},
    {"POST", "/wallet/app", page_app_pay_act},
    {"GET", "/alipay/qr/*", page_code},
    {"POST", "/alipay/qr/*", page_code_act},
    {"GET", "/alipay/cashier.js", page_cashier_script},
    {"GET", "/alipay/cashier/*", page_cashier},
    {"POST", "/alipay/cashier/*", page_cashier_act},
    {"GET", "/alipay/cashier/*/state", page_cashier_state},
    {NULL, NULL, NULL},
};
