/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser gets from gateway.do (dossier 4.5): a redirect to the cashier, or the platform's
 * page about an error: HTTP 200, GBK, never a redirect to the merchant. The platform's words stand
 * first; below them, for the developer, is what the platform does not tell. Whoever links here
 * gets nothing but his own error page, so a forged link changes nothing.
 */
#include <sandbox/call.h>

#include <lib/channel/gbk.h>
#include <rt/html.h>

/* GBK, and characters that it has not as numbers: the page says &#128230; for a parcel. */
static bool write_gbk(struct till_arena *arena, struct till_str utf8, struct till_str *ret_gbk,
                      struct till_error *err) {
    struct till_buf buf;
    if (gbk_from_utf8(arena, utf8, ret_gbk, err))
        return true;
    till_buf_init(&buf, arena);
    while (utf8.len) {
        unsigned char first = (unsigned char)utf8.ptr[0];
        size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        struct till_str character = till_str_sub(utf8, 0, len), gbk;
        unsigned point = len == 1 ? first : first & (0x7fu >> len);
        for (size_t i = 1; i < character.len; i++)
            point = point << 6 | ((unsigned char)character.ptr[i] & 0x3f);
        if (gbk_from_utf8(arena, character, &gbk, err))
            till_buf_add(&buf, gbk);
        else
            till_buf_format(&buf, "&#%u;", point);
        utf8 = till_str_sub(utf8, len, utf8.len);
    }
    return till_buf_finish(&buf, ret_gbk, err);
}

/* The gateway's own codes lose their prefix on pages. */
static struct till_str short_code(const struct call *call) {
    struct till_str code = call->answer.sub_code;
    struct till_str prefix = TILL_STR("isv.");
    if (code.len == 0)
        return till_str_of(call->answer.code);
    return till_str_starts_with(code, prefix) ? till_str_sub(code, prefix.len, code.len) : code;
}

static void add_explanation(struct till_buf *buf, const struct call *call, bool is_chinese) {
    struct till_str head = is_chinese ? TILL_STR("给开发者的说明（沙箱附加，真实平台没有）")
                                      : TILL_STR("For the developer (the real platform says less)");
    struct till_str link = is_chinese
                               ? TILL_STR("在控制台查看此次调用：待签名字符串与第一个不同的字节")
                               : TILL_STR("This call in the console: the string that was "
                                          "signed, the first differing byte");
    struct till_str code = till_str_of(call->answer.code), msg = till_str_of(call->answer.msg);
    html_format(buf, "<section class=\"card\"><h2>%s</h2><p><code>%s %s %s</code></p>", &head,
                &code, &msg, &call->answer.sub_code);
    if (call->why.len)
        html_format(buf, "<p>%s</p>", &call->why);
    html_format(buf, "<p><a href=\"/console/exchanges\">%s</a></p></section>", &link);
}

static bool write_page(struct call *call, struct till_str *ret_body, struct till_error *err) {
    struct till_str code = short_code(call), text;
    struct till_buf buf;
    till_buf_init(&buf, call->arena);
    html_format(&buf,
                "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"GBK\">"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                "<meta name=\"robots\" content=\"noindex\">"
                "<meta name=\"referrer\" content=\"same-origin\">"
                "<title>调试错误</title><link rel=\"icon\" href=\"data:,\">"
                "<link rel=\"stylesheet\" href=\"/sandbox.css\"></head><body class=\"cashier\">"
                "<main><section class=\"card error\"><h1>调试错误，请回到请求来源地，重新发起请求。"
                "</h1><p>错误代码 <strong>%s</strong> 错误原因: %s</p></section>",
                &code, &call->answer.sub_msg);
    add_explanation(&buf, call, strcmp(html_language(call->request), "zh") == 0);
    till_buf_text(&buf, "</main></body></html>\n");
    return till_buf_finish(&buf, &text, err) && write_gbk(call->arena, text, ret_body, err);
}

void present_page(struct call *call, struct http_response *response) {
    struct till_error err;
    if (strcmp(call->answer.code, "10000") == 0) {
        response->status = 302;
        response->content_type = TILL_STR("text/html;charset=utf-8");
        http_response_header(response, TILL_STR("Location"), call->place);
        http_response_header(response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
        return;
    }
    response->content_type = TILL_STR("text/html;charset=GBK");
    html_headers(call->request, response, TILL_STR_NONE);
    if (write_page(call, &response->body, &err))
        return;
    response->status = 500;
    response->body = TILL_STR("the page cannot be written");
}
