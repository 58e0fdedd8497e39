/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.do: read and verify a request, act on the books, sign an answer. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <till/encode.h>

#include "platform_alipay_state.h"

/* One request on its way through the platform. */
struct visit {
    struct platform_alipay *platform;
    struct till_arena *arena;
    struct till_form form; /* query and body together */
    struct till_str method;
    struct till_json *business;
    struct platform_trade *trade;
    struct till_json *node;
    struct platform_whim *whim;
};

static void must(bool ok, const struct till_error *err) {
    if (!ok)
        fprintf(stderr, "# platform: %s %s\n", err->where, err->text);
    assert(ok);
}

static void say(struct visit *visit, const char *code, const char *message, const char *sub_code) {
    till_json_set_text(visit->node, "code", code);
    till_json_set_text(visit->node, "msg", message);
    if (sub_code) {
        till_json_set_text(visit->node, "sub_code", sub_code);
        till_json_set_text(visit->node, "sub_msg", "业务失败");
    }
}

static void succeed(struct visit *visit) {
    say(visit, "10000", "Success", NULL);
}

static void fail(struct visit *visit, const char *sub_code) {
    if (strcmp(sub_code, "20000") == 0)
        say(visit, "20000", "Service Currently Unavailable", "isp.unknow-error");
    else
        say(visit, "40004", "Business Failed", sub_code);
}

static void say_money(struct visit *visit, const char *name, int64_t minor) {
    char yuan[TILL_MONEY_TEXT];
    platform_yuan(minor, yuan);
    till_json_set_text(visit->node, name, yuan);
}

static void echo(struct visit *visit) {
    till_json_set_str(visit->node, "out_trade_no",
                      till_json_get_str(visit->business, "out_trade_no"));
    if (visit->trade && visit->trade->trade_no[0])
        till_json_set_text(visit->node, "trade_no", visit->trade->trade_no);
}

static int64_t minor_of(struct visit *visit, const char *name) {
    struct till_error err;
    struct till_money money = {0};
    if (!till_money_parse(till_json_get_str(visit->business, name), TILL_STR("CNY"), &money, &err))
        return 0;
    return money.minor;
}

static void remember(struct visit *visit, struct till_str biz) {
    struct till_str number = till_json_get_str(visit->business, "out_trade_no");
    if (!visit->trade) {
        visit->trade = platform_alipay_add(visit->platform, number);
        visit->trade->total = minor_of(visit, "total_amount");
        assert(biz.len < sizeof visit->trade->biz);
        snprintf(visit->trade->biz, sizeof visit->trade->biz, "%.*s", TILL_STR_ARG(biz));
    }
    visit->trade->creates++;
    if (!till_str_is(biz, visit->trade->biz))
        visit->trade->discordant++;
}

static void precreate(struct visit *visit) {
    char code[96];
    remember(visit, till_form_get(&visit->form, "biz_content"));
    if (visit->trade->discordant) {
        fail(visit, "ACQ.CONTEXT_INCONSISTENT");
    } else if (visit->trade->status == PLATFORM_CLOSED) {
        fail(visit, "ACQ.TRADE_HAS_CLOSE");
    } else if (visit->trade->status > PLATFORM_WAITING) {
        fail(visit, "ACQ.TRADE_HAS_SUCCESS");
    } else {
        succeed(visit);
        echo(visit);
        snprintf(code, sizeof code, "https://qr.alipay.com/bax%021llu",
                 (unsigned long long)++visit->platform->serial);
        till_json_set_text(visit->node, "qr_code", code);
    }
}

/* ---- other products ---- */

/* The number is free or its content the same; otherwise the answer says what is wrong. */
static bool may_open(struct visit *visit) {
    remember(visit, till_form_get(&visit->form, "biz_content"));
    if (visit->trade->discordant)
        fail(visit, "ACQ.CONTEXT_INCONSISTENT");
    else if (visit->trade->status == PLATFORM_CLOSED || visit->trade->status == PLATFORM_REFUNDED)
        fail(visit, "ACQ.TRADE_HAS_CLOSE");
    else if (visit->trade->status > PLATFORM_WAITING)
        fail(visit, "ACQ.TRADE_HAS_SUCCESS");
    else
        return true;
    return false;
}

static void create(struct visit *visit) {
    if (!may_open(visit))
        return;
    platform_alipay_scan(visit->platform, visit->trade);
    succeed(visit);
    echo(visit);
}

/* time_expire is text of a fixed shape, so it compares as it stands (6). */
static bool is_expired(const struct visit *visit) {
    struct till_str until = till_json_get_str(visit->business, "time_expire");
    char now[TILL_TIME_TEXT];
    struct till_error err;
    must(till_time_format_beijing(world_now_us(visit->platform->world), now, &err), &err);
    return until.len > 0 && till_str_compare(till_str_of(now), until) > 0;
}

/* A page that was opened in a browser; its answer is read by nobody but platform_alipay_visit. */
static void open_page(struct visit *visit) {
    if (is_expired(visit) || !may_open(visit))
        visit->trade = NULL;
    else
        platform_alipay_scan(visit->platform, visit->trade);
}

static bool is_used_code(const struct visit *visit, struct till_str code) {
    const struct platform_alipay *platform = visit->platform;
    for (size_t i = 0; i < platform->trade_count; i++)
        if (platform->trades[i] != visit->trade &&
            till_str_is(code, platform->trades[i]->auth_code))
            return true;
    return false;
}

static void pay(struct visit *visit) {
    struct till_str code = till_json_get_str(visit->business, "auth_code");
    if (is_used_code(visit, code)) {
        fail(visit, "ACQ.PAYMENT_AUTH_CODE_INVALID"); /* no trade comes of it */
        return;
    }
    if (!may_open(visit))
        return;
    assert(code.len < sizeof visit->trade->auth_code);
    snprintf(visit->trade->auth_code, sizeof visit->trade->auth_code, "%.*s", TILL_STR_ARG(code));
    platform_alipay_scan(visit->platform, visit->trade);
    if (visit->platform->asks_password) {
        say(visit, "10003", " order success pay inprocess", NULL);
    } else {
        platform_alipay_pay(visit->platform, visit->trade);
        succeed(visit);
        till_json_set_text(visit->node, "gmt_payment", "2026-01-01 08:00:01");
    }
    till_json_set_text(visit->node, "buyer_logon_id", "ifv***@sandbox.com");
    say_money(visit, "total_amount", visit->trade->total);
    echo(visit);
}

static const char *trade_word(enum platform_status status) {
    switch (status) {
    case PLATFORM_WAITING:
        return "WAIT_BUYER_PAY";
    case PLATFORM_PAID:
        return "TRADE_SUCCESS";
    case PLATFORM_FINISHED:
        return "TRADE_FINISHED";
    default:
        return "TRADE_CLOSED";
    }
}

static void answer_query(struct visit *visit, const char *word, bool was_paid) {
    char now[TILL_TIME_TEXT];
    struct till_error err;
    must(till_time_format_beijing(world_now_us(visit->platform->world), now, &err), &err);
    succeed(visit);
    till_json_set_text(visit->node, "buyer_logon_id", "ifv***@sandbox.com");
    till_json_set_text(visit->node, "buyer_user_id", "2088722003899169");
    if (was_paid)
        till_json_set_text(visit->node, "send_pay_date", now);
    say_money(visit, "total_amount", visit->trade->total);
    till_json_set_text(visit->node, "trade_status", word);
    echo(visit);
}

static void query(struct visit *visit) {
    bool forged = visit->whim && visit->whim->kind == PLATFORM_FORGED_PAID;
    if (!visit->trade || (visit->trade->status == PLATFORM_OFFERED && !forged))
        fail(visit, "ACQ.TRADE_NOT_EXIST");
    else if (forged)
        answer_query(visit, "TRADE_SUCCESS", true);
    else
        answer_query(visit, trade_word(visit->trade->status),
                     visit->trade->status != PLATFORM_WAITING &&
                         visit->trade->status != PLATFORM_CLOSED);
}

static void close_trade(struct visit *visit) {
    if (!visit->trade || visit->trade->status == PLATFORM_OFFERED) {
        fail(visit, "ACQ.TRADE_NOT_EXIST");
    } else if (visit->trade->status != PLATFORM_WAITING) {
        fail(visit, "ACQ.TRADE_STATUS_ERROR");
    } else {
        visit->trade->status = PLATFORM_CLOSED;
        succeed(visit);
        echo(visit);
    }
}

static void cancel(struct visit *visit) {
    struct platform_trade *trade = visit->trade;
    if (trade && trade->status == PLATFORM_FINISHED) {
        fail(visit, "ACQ.TRADE_HAS_FINISHED");
        return;
    }
    bool again = visit->whim && visit->whim->kind == PLATFORM_RETRY;
    succeed(visit);
    echo(visit);
    till_json_set_text(visit->node, "retry_flag", again ? "Y" : "N");
    if (!trade || again)
        return;
    if (trade->status == PLATFORM_PAID) {
        platform_alipay_give_back(visit->platform, trade, trade->out_trade_no,
                                  trade->total - trade->refunded);
        till_json_set_text(visit->node, "action", "refund");
    } else if (trade->status == PLATFORM_WAITING || trade->status == PLATFORM_CLOSED) {
        trade->status = PLATFORM_CLOSED;
        till_json_set_text(visit->node, "action", "close");
    } else {
        /* Its code stops working, and nothing is said of a trade that never was. */
        trade->status = trade->status == PLATFORM_OFFERED ? PLATFORM_CLOSED : trade->status;
    }
}

static struct platform_refund *find_refund(struct visit *visit) {
    struct till_str no = till_json_get_str(visit->business, "out_request_no");
    for (size_t i = 0; visit->trade && i < visit->trade->refund_count; i++)
        if (till_str_is(no, visit->trade->refunds[i].no))
            return &visit->trade->refunds[i];
    return NULL;
}

static void say_refunded(struct visit *visit, const char *change) {
    succeed(visit);
    if (!visit->whim || visit->whim->kind != PLATFORM_NO_FUND_CHANGE)
        till_json_set_text(visit->node, "fund_change", change);
    echo(visit);
    say_money(visit, "refund_fee", visit->trade->refunded);
    till_json_set_text(visit->node, "send_back_fee", "0.00");
}

static void refund(struct visit *visit) {
    const char *no = NULL;
    struct till_error err;
    int64_t minor = minor_of(visit, "refund_amount");
    const struct platform_refund *known = find_refund(visit);
    if (!visit->trade || visit->trade->status == PLATFORM_OFFERED) {
        fail(visit, "ACQ.TRADE_NOT_EXIST");
    } else if (known && known->minor != minor) {
        fail(visit, "ACQ.DISCORDANT_REPEAT_REQUEST");
    } else if (known) {
        say_refunded(visit, "N");
    } else if (visit->trade->status == PLATFORM_FINISHED) {
        fail(visit, "ACQ.TRADE_HAS_FINISHED");
    } else if (visit->trade->status != PLATFORM_PAID) {
        fail(visit, "ACQ.TRADE_STATUS_ERROR");
    } else {
        must(till_arena_cstr(visit->arena, till_json_get_str(visit->business, "out_request_no"),
                             &no, &err),
             &err);
        if (platform_alipay_give_back(visit->platform, visit->trade, no, minor))
            say_refunded(visit, "Y");
        else
            fail(visit, "ACQ.REASON_TRADE_REFUND_FEE_ERR");
    }
}

static void refund_query(struct visit *visit) {
    const struct platform_refund *known = find_refund(visit);
    if (!visit->trade || visit->trade->status == PLATFORM_OFFERED) {
        fail(visit, "ACQ.TRADE_NOT_EXIST");
        return;
    }
    succeed(visit);
    if (!known)
        return;
    till_json_set_text(visit->node, "out_request_no", known->no);
    say_money(visit, "refund_amount", known->minor);
    till_json_set_text(visit->node, "refund_status", "REFUND_SUCCESS");
    say_money(visit, "total_amount", visit->trade->total);
    echo(visit);
}

/* Whatever name is asked for: the caller must judge what he gets. */
static void download(struct visit *visit) {
    const struct platform_alipay *platform = visit->platform;
    struct till_error err;
    struct till_str content;
    must(till_base64_encode(visit->arena,
                            platform->handed_out.len ? platform->handed_out : platform->cert,
                            &content, &err),
         &err);
    succeed(visit);
    till_json_set_str(visit->node, "alipay_cert_content", content);
}

static const struct {
    const char *method;
    void (*act)(struct visit *visit);
} methods[] = {
    {"alipay.open.app.alipaycert.download", download},
    {"alipay.trade.precreate", precreate},
    {"alipay.trade.query", query},
    {"alipay.trade.close", close_trade},
    {"alipay.trade.cancel", cancel},
    {"alipay.trade.refund", refund},
    {"alipay.trade.fastpay.refund.query", refund_query},
    {"alipay.trade.create", create},
    {"alipay.trade.pay", pay},
    {"alipay.trade.page.pay", open_page},
    {"alipay.trade.wap.pay", open_page},
    {"alipay.trade.app.pay", open_page},
};

_Static_assert(sizeof methods / sizeof methods[0] == PLATFORM_METHODS, "one counter a method");

size_t platform_alipay_calls(const struct platform_alipay *platform, const char *method) {
    size_t count = 0;
    for (size_t i = 0; i < PLATFORM_METHODS; i++)
        if (!method[0] || strcmp(method, methods[i].method) == 0)
            count += platform->calls[i];
    return count;
}

static bool has_whim(const struct visit *visit, enum platform_whim_kind kind) {
    return visit->whim && visit->whim->kind == kind;
}

static struct platform_whim *take_whim(struct visit *visit) {
    for (size_t i = 0; i < PLATFORM_WHIMS; i++) {
        struct platform_whim *whim = &visit->platform->whims[i];
        if (whim->left == 0 || !till_str_is(visit->method, whim->method))
            continue;
        whim->left--;
        return whim;
    }
    return NULL;
}

static void start_over(struct visit *visit) {
    till_json_release(visit->node);
    visit->node = till_json_object();
}

static void act(struct visit *visit) {
    size_t i = 0;
    while (i < PLATFORM_METHODS && !till_str_is(visit->method, methods[i].method))
        i++;
    if (i == PLATFORM_METHODS) {
        say(visit, "40002", "Invalid Arguments", "isv.invalid-method");
        return;
    }
    visit->platform->calls[i]++;
    if (has_whim(visit, PLATFORM_ERROR_BEFORE)) {
        fail(visit, visit->whim->code);
        return;
    }
    methods[i].act(visit);
    if (has_whim(visit, PLATFORM_ERROR_AFTER)) {
        start_over(visit);
        fail(visit, visit->whim->code);
    }
    if (has_whim(visit, PLATFORM_OTHER_ORDER))
        till_json_set_text(visit->node, "out_trade_no", "00000000000000000000000000");
}

static void merge(struct visit *visit, struct till_str text) {
    struct till_error err;
    struct till_form part;
    must(till_form_parse(visit->arena, text, &part, &err), &err);
    for (size_t i = 0; i < part.count; i++)
        must(till_form_add(&visit->form, part.pairs[i].name, part.pairs[i].value, &err), &err);
}

/* The signature of the merchant's app over the raw values. */
static bool verify(struct visit *visit) {
    struct till_error err;
    struct till_str text;
    must(till_alipay_request_text(visit->arena, &visit->form, false, &text, &err), &err);
    return till_key_verify(visit->platform->app_key, TILL_RSA_SHA256, text,
                           till_form_get(&visit->form, "sign"), &err) &&
           till_str_is(till_form_get(&visit->form, "app_id"), visit->platform->app_id);
}

static struct till_str write_answer(struct visit *visit) {
    struct till_error err;
    struct till_str node, sign;
    struct till_buf buf;
    bool forged =
        has_whim(visit, PLATFORM_WRONG_SIGNATURE) || has_whim(visit, PLATFORM_FORGED_PAID);
    const struct till_key *key =
        forged ? visit->platform->foreign_key : visit->platform->platform_key;
    must(till_json_write(visit->arena, visit->node, TILL_JSON_ESCAPE_SLASH, &node, &err), &err);
    must(till_key_sign(visit->arena, key, TILL_RSA_SHA256, node, &sign, &err), &err);
    till_buf_init(&buf, visit->arena);
    till_buf_char(&buf, '{');
    till_buf_char(&buf, '"');
    for (size_t i = 0; i < visit->method.len; i++)
        till_buf_char(&buf, visit->method.ptr[i] == '.' ? '_' : visit->method.ptr[i]);
    till_buf_format(&buf, "_response\":%.*s", TILL_STR_ARG(node));
    if (visit->platform->cert_sn[0])
        till_buf_format(&buf, ",\"alipay_cert_sn\":\"%s\"", visit->platform->cert_sn);
    if (!has_whim(visit, PLATFORM_UNSIGNED))
        till_buf_format(&buf, ",\"sign\":\"%.*s\"", TILL_STR_ARG(sign));
    till_buf_char(&buf, '}');
    must(till_buf_finish(&buf, &node, &err), &err);
    return node;
}

static void hear(struct visit *visit) {
    struct platform_alipay *platform = visit->platform;
    if (platform->before)
        platform->before(platform->self, platform, visit->method, visit->trade);
    act(visit);
    if (platform->after)
        platform->after(platform->self, platform, visit->method, visit->trade);
}

static void read_request(struct visit *visit, struct till_str query, struct till_str body) {
    struct till_error err;
    must(till_form_init(visit->arena, &visit->form, &err), &err);
    merge(visit, query);
    merge(visit, body);
    visit->method = till_form_get(&visit->form, "method");
}

static void take(struct visit *visit) {
    struct till_error err;
    if (!verify(visit)) {
        visit->platform->refused++;
        say(visit, "40002", "Invalid Arguments", "isv.invalid-signature");
        return;
    }
    must(till_json_parse(till_form_get(&visit->form, "biz_content"), &visit->business, &err), &err);
    visit->trade =
        platform_alipay_find(visit->platform, till_json_get_str(visit->business, "out_trade_no"));
    visit->whim = take_whim(visit);
    hear(visit);
}

void platform_alipay_exchange(void *self, const struct world_request *request,
                              struct till_arena *arena, struct world_answer *ret_answer) {
    struct visit visit = {.platform = self, .arena = arena, .node = till_json_object()};
    size_t mark = till_str_find(request->url, '?');
    read_request(&visit, till_str_sub(request->url, mark + 1, request->url.len), request->body);
    take(&visit);
    ret_answer->content_type = TILL_STR("text/html;charset=utf-8");
    ret_answer->body = write_answer(&visit);
    till_json_release(visit.business);
    till_json_release(visit.node);
}

struct platform_trade *platform_alipay_visit(struct platform_alipay *platform,
                                             struct till_str query, struct till_str body) {
    struct till_arena arena;
    till_arena_init(&arena, 1024 * 1024);
    struct visit visit = {.platform = platform, .arena = &arena, .node = till_json_object()};
    read_request(&visit, query, body);
    take(&visit);
    struct platform_trade *trade = visit.trade;
    till_json_release(visit.business);
    till_json_release(visit.node);
    till_arena_clean_up(&arena);
    return trade;
}
