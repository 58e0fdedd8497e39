/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /console/exchanges/N, the inspector: what was sent, how it was understood, the string that was
 * signed with the first differing byte, the answer with its signed bytes. Written under the lock,
 * from the exchange's own copies.
 */
#include <sandbox/page_inspect.h>

#include <lib/channel/gbk.h>

/* Bytes of another charset, for people. */
static struct till_str readable(struct page *page, struct till_str text) {
    struct till_str utf8;
    struct till_error err;
    if (till_str_is_utf8(text) || !gbk_to_utf8(page->web->arena, text, &utf8, &err))
        return text;
    return utf8;
}

/* <h2>words</h2> and, where scripts run, a button that copies the block of that id. */
static void add_head(struct page *page, const char *english, const char *chinese, const char *id) {
    page_markup(page, "<div class=\"head\"><h2>");
    page_words(page, english, chinese);
    page_markup(page, "</h2><button type=\"button\" class=\"plain small\" hidden data-copy=\"");
    page_markup(page, id);
    page_markup(page,
                page->web->is_chinese ? "\" data-done=\"已复制\">" : "\" data-done=\"Copied\">");
    page_words(page, "Copy", "复制");
    page_markup(page, "</button></div>");
}

static void open_block(struct page *page, const char *english, const char *chinese,
                       const char *id) {
    add_head(page, english, chinese, id);
    page_markup(page, "<pre id=\"");
    page_markup(page, id);
    page_markup(page, "\">");
}

static void add_block(struct page *page, const char *english, const char *chinese, const char *id,
                      struct till_str text) {
    if (text.len == 0)
        return;
    open_block(page, english, chinese, id);
    page_text(page, readable(page, text));
    page_markup(page, "</pre>");
}

/* A character is not torn apart where the differing byte is one of several. */
static void character_at(struct till_str text, size_t at, size_t *ret_from, size_t *ret_len) {
    size_t from = at, end = at + 1;
    if (till_str_is_utf8(text)) {
        while (from > 0 && ((unsigned char)text.ptr[from] & 0xc0) == 0x80)
            from--;
        while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
            end++;
    }
    *ret_from = from;
    *ret_len = end - from;
}

static void add_marked(struct page *page, const char *english, const char *chinese, const char *id,
                       struct till_str text, size_t at) {
    size_t from, len;
    open_block(page, english, chinese, id);
    if (at >= text.len) {
        page_text(page, readable(page, text));
    } else {
        character_at(text, at, &from, &len);
        page_text(page, readable(page, till_str_sub(text, 0, from)));
        page_markup(page, "<mark>");
        page_text(page, readable(page, till_str_sub(text, from, len)));
        page_markup(page, "</mark>");
        page_text(page, readable(page, till_str_sub(text, from + len, text.len)));
    }
    page_markup(page, "</pre>");
}

static void add_sentence(struct page *page, struct till_str sentence) {
    if (sentence.len == 0)
        return;
    page_markup(page, "<p>");
    page_text(page, sentence);
    page_markup(page, "</p>");
}

static void add_why(struct page *page, const struct exchange *exchange) {
    const struct till_explanation *explanation = &exchange->explanation;
    if (!exchange->why.len && !explanation->verdict.len && !explanation->cause.len &&
        !explanation->advice.len)
        return;
    page_markup(page, "<div class=\"note bad\">");
    add_sentence(page, exchange->why);
    add_sentence(page, explanation->verdict);
    add_sentence(page, explanation->cause);
    add_sentence(page, explanation->advice);
    page_markup(page, "</div>");
}

static void add_signature_verdict(struct page *page, const struct exchange *exchange) {
    static const char *const words[][3] = {
        {"", "The signature was not looked at.", "未检查签名。"},
        {"good", "The signature is good.", "签名正确。"},
        {"bad", "The signature does not fit this string.", "签名与该字符串不符。"}};
    const char *const *row = words[exchange->signature];
    page_markup(page, "<p>");
    page_tag(page, row[0], till_str_of(page->web->is_chinese ? row[2] : row[1]));
    page_markup(page, "</p>");
}

/* What the string is, in either language. */
static const char *const *title_of(const struct exchange *exchange) {
    static const char *const titles[][2] = {
        {"The string that the platform built", "网关生成的待验签字符串"},
        {"The string that was signed (rule V1: without sign and sign_type)",
         "待签名字符串（规则 V1：去掉 sign 与 sign_type）"},
        {"The string that was signed (t, a point, the body)", "待签名字符串（t、一个点、正文）"}};
    bool is_event = till_str_starts_with(exchange->request.type, TILL_STR("application/json"));
    if (exchange->kind == EXCHANGE_CALL)
        return titles[0];
    return titles[is_event ? 2 : 1];
}

static void add_signature(struct page *page, const struct exchange *exchange) {
    const struct till_explanation *explanation = &exchange->explanation;
    const char *const *title = title_of(exchange);
    struct till_str canonical =
        explanation->canonical.len ? explanation->canonical : exchange->canonical;
    size_t at = explanation->canonical.len ? explanation->first_difference : canonical.len;
    page_markup(page, "<section class=\"card\">");
    add_signature_verdict(page, exchange);
    if (canonical.len)
        add_marked(page, title[0], title[1], "canonical", canonical, at);
    if (explanation->compared.len)
        add_marked(page, "The string that the sender signed", "发送方实际签名的字符串", "compared",
                   explanation->compared, at);
    page_markup(page, "</section>");
}

static bool is_form(const struct exchange_side *side) {
    return till_str_starts_with(side->type, TILL_STR("application/x-www-form-urlencoded"));
}

static void add_parameters(struct page *page, struct till_str text, const char *english,
                           const char *chinese) {
    struct till_form form;
    struct till_error err;
    if (text.len == 0 || !till_form_parse(page->web->arena, text, &form, &err))
        return;
    for (size_t i = 0; i < form.count; i++) {
        page_markup(page, "<tr><td><code>");
        page_text(page, readable(page, form.pairs[i].name));
        page_markup(page, "</code></td><td class=\"value\">");
        page_text(page, readable(page, form.pairs[i].value));
        page_markup(page, "</td><td class=\"soft\">");
        page_words(page, english, chinese);
        page_markup(page, "</td></tr>");
    }
}

static void say_when_cut(struct page *page, const struct exchange_side *side) {
    if (side->whole_len <= side->body.len)
        return;
    page_markup(page, "<p class=\"soft\">");
    page_words(page, "Only the beginning was kept; bytes in all: ", "仅保留开头部分；总字节数：");
    page_number(page, (int64_t)side->whole_len);
    page_markup(page, "</p>");
}

static void add_request(struct page *page, const struct exchange *exchange) {
    static const char *const heads[][2] = {{"Parameter", "参数"}, {"Value", "值"}, {"In", "位置"}};
    size_t mark = till_str_find(exchange->url, '?');
    page_markup(page, "<section class=\"card\">");
    open_block(page, "Request line", "请求地址", "line");
    page_text(page, exchange->http_method);
    page_markup(page, " ");
    page_text(page, exchange->url);
    page_markup(page, "</pre><div class=\"wide\"><table class=\"parameters\">");
    page_heads(page, heads, 3);
    page_markup(page, "<tbody>");
    add_parameters(page, till_str_sub(exchange->url, mark + 1, exchange->url.len), "query",
                   "查询串");
    if (is_form(&exchange->request))
        add_parameters(page, exchange->request.body, "body", "正文");
    page_markup(page, "</tbody></table></div>");
    add_block(page, "Business content", "业务参数", "business", exchange->business);
    add_block(page, "Body as it arrived", "请求正文原文", "body", exchange->request.body);
    say_when_cut(page, &exchange->request);
    page_markup(page, "</section>");
}

/* The bytes that its signature covers. */
static void add_answer_text(struct page *page, const struct exchange *exchange) {
    struct till_str body = exchange->answer.body;
    struct till_alipay_answer answer;
    struct till_error err;
    open_block(page, "Answer as it was written", "应答原文", "answer");
    if (exchange->kind != EXCHANGE_CALL ||
        !till_alipay_answer_split(body, exchange->method, &answer, &err) || answer.sign.len == 0) {
        page_text(page, readable(page, body));
        page_markup(page, "</pre>");
        return;
    }
    size_t from = (size_t)(answer.node.ptr - body.ptr);
    page_text(page, till_str_sub(body, 0, from));
    page_markup(page, "<mark class=\"signed\">");
    page_text(page, readable(page, answer.node));
    page_markup(page, "</mark>");
    page_text(page, till_str_sub(body, from + answer.node.len, body.len));
    page_markup(page, "</pre><p class=\"soft\">");
    page_words(page, "Marked: the bytes that the signature covers, exactly as they are.",
               "标出部分即签名所覆盖的原始字节。");
    page_markup(page, "</p>");
}

static void add_answer(struct page *page, const struct exchange *exchange) {
    page_markup(page, "<section class=\"card\"><p>");
    page_tag(page, "",
             exchange->status ? page_exchange_id(page, (uint64_t)exchange->status)
                              : TILL_STR("no answer"));
    page_markup(page, " ");
    page_text(page, exchange->answer.type);
    page_markup(page, "</p>");
    if (exchange->answer.body.len)
        add_answer_text(page, exchange);
    say_when_cut(page, &exchange->answer);
    page_markup(page, "</section>");
}

/* "9021.../ORDER1" */
static struct till_str trade_tail(struct page *page, const struct exchange *exchange) {
    struct till_buf buf;
    struct till_str tail;
    struct till_error err;
    till_buf_init(&buf, page->web->arena);
    till_percent_encode(&buf, exchange->app_id, TILL_PERCENT_RFC3986);
    till_buf_char(&buf, '/');
    till_percent_encode(&buf, exchange->out_trade_no, TILL_PERCENT_RFC3986);
    return till_buf_finish(&buf, &tail, &err) ? tail : TILL_STR_NONE;
}

/* Locked. The order is a link when the platform knows it. */
static void add_order(struct page *page, const struct exchange *exchange) {
    struct sandbox *sandbox = page->web->sandbox;
    struct till_str order = exchange->out_trade_no;
    page_markup(page, "<dt>");
    page_words(page, "Order", "商户订单号");
    page_markup(page, "</dt><dd>");
    if (order.len && exchange->app_id.len &&
        trade_find_any(sandbox, exchange->app_id, order, page->web->now_us))
        page_link(page, "/console/trades/", trade_tail(page, exchange), order);
    else
        page_text(page, order.len ? order : TILL_STR("–"));
    page_markup(page, "</dd>");
}

static void add_neighbours(struct page *page, const struct exchange *exchange) {
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<p class=\"soft\">");
    if (exchange_find(sandbox, exchange->id - 1)) {
        page_link(page, "/console/exchanges/", page_exchange_id(page, exchange->id - 1),
                  page->web->is_chinese ? TILL_STR("← 上一条") : TILL_STR("← before"));
        page_markup(page, " · ");
    }
    page_link(page, "/control/exchanges/", page_exchange_id(page, exchange->id), TILL_STR("JSON"));
    if (exchange_find(sandbox, exchange->id + 1)) {
        page_markup(page, " · ");
        page_link(page, "/console/exchanges/", page_exchange_id(page, exchange->id + 1),
                  page->web->is_chinese ? TILL_STR("下一条 →") : TILL_STR("after →"));
    }
    page_markup(page, "</p>");
}

static void add_facts(struct page *page, const struct exchange *exchange) {
    page_markup(page, "<section class=\"card\"><dl>");
    page_fact(page, "Method", "接口", exchange->method);
    page_fact(page, "App", "应用", exchange->app_id);
    add_order(page, exchange);
    page_fact(page, "Time", "时间", platform_time_text(page->web->arena, exchange->at_us));
    page_fact(page, "Duration", "耗时", page_exchange_took(page, exchange));
    if (exchange->kind == EXCHANGE_NOTICE) {
        page_fact(page, "notify_id", "notify_id", exchange->notify_id);
        page_fact(page, "Attempt", "第几次", page_exchange_id(page, (uint64_t)exchange->attempt));
    }
    page_markup(page, "<dt>");
    page_words(page, "Outcome", "结果");
    page_markup(page, "</dt><dd>");
    page_exchange_outcome(page, exchange);
    page_markup(page, "</dd></dl>");
    add_neighbours(page, exchange);
    page_markup(page, "</section>");
}

static void add_exchange(struct page *page, const struct exchange *exchange) {
    add_facts(page, exchange);
    add_why(page, exchange);
    add_signature(page, exchange);
    add_request(page, exchange);
    add_answer(page, exchange);
    page_markup(page, "<script src=\"/sandbox.js\" defer></script>");
}

void page_exchange(struct web *web) {
    struct page page;
    unsigned long long id = 0;
    bool numeric = till_str_to_u64(web->segments[0], INT64_MAX, &id);
    platform_lock(web->sandbox);
    const struct exchange *exchange = numeric ? exchange_find(web->sandbox, id) : NULL;
    if (exchange) {
        bool is_call = exchange->kind == EXCHANGE_CALL;
        page_open(&page, web, PAGE_EXCHANGES, is_call ? "One call" : "One notification",
                  is_call ? "调用详情" : "通知详情");
        add_exchange(&page, exchange);
    }
    platform_unlock(web->sandbox);
    if (exchange)
        page_close(&page, 200);
    else
        page_message(web, 404, PAGE_EXCHANGES,
                     web->is_chinese ? TILL_STR("记录不存在或已被覆盖（只保留最近 1000 条）。")
                                     : TILL_STR("This one is gone; the last 1000 are kept."));
}
