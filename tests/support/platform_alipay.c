/* SPDX-License-Identifier: Apache-2.0 */
/* The books, the buyer and the notifications; the wire is in platform_alipay_wire.c. */
#include "platform_alipay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform_alipay_state.h"

/* Making a pair takes a while, so a process makes three and keeps them. */
static struct till_key *pairs[3];

static void drop_pairs(void) {
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        till_key_free(pairs[i]);
}

static void make_pairs(void) {
    struct till_error err;
    if (pairs[0])
        return;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        bool made = till_key_generate_rsa(2048, &pairs[i], &err);
        assert(made);
        (void)made;
    }
    atexit(drop_pairs);
}

void platform_alipay_open(struct platform_alipay *platform, struct world *world, const char *url,
                          const char *app_id) {
    make_pairs();
    *platform = (struct platform_alipay){.world = world,
                                         .url = url,
                                         .app_key = pairs[0],
                                         .platform_key = pairs[1],
                                         .foreign_key = pairs[2]};
    snprintf(platform->app_id, sizeof platform->app_id, "%s", app_id);
    snprintf(platform->seller_id, sizeof platform->seller_id, "2088102146225135");
    world_inline_route(world, url, platform_alipay_exchange, platform);
}

void platform_alipay_close(struct platform_alipay *platform) {
    for (size_t i = 0; i < platform->trade_count; i++)
        free(platform->trades[i]);
    free(platform->trades);
    *platform = (struct platform_alipay){0};
}

void platform_alipay_certify(struct platform_alipay *platform, struct alipay_ca *ca) {
    platform->app_cert = alipay_ca_leaf(ca, platform->app_key, "2088-app", "\x10", false);
    platform->root = ca->root_pem;
    platform_alipay_rotate(platform, ca, platform->platform_key, "\x11");
}

void platform_alipay_rotate(struct platform_alipay *platform, struct alipay_ca *ca,
                            struct till_key *key, const char *serial) {
    platform->platform_key = key;
    platform->cert = alipay_ca_leaf(ca, key, ALIPAY_CA_PLATFORM, serial, true);
    alipay_ca_sn(platform->cert, platform->cert_sn);
}

struct till_str platform_alipay_settings(struct platform_alipay *platform,
                                         struct till_arena *arena) {
    struct till_error err;
    struct till_str private_key, public_key, text = TILL_STR_NONE;
    struct till_key *public_half = NULL;
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    bool ok =
        till_key_export(arena, platform->app_key, TILL_KEY_PKCS8_BASE64, &private_key, &err) &&
        till_key_export(arena, platform->platform_key, TILL_KEY_SPKI_BASE64, &public_key, &err);
    assert(ok);
    ok = till_key_parse_public(public_key, &public_half, &err);
    assert(ok);
    till_key_free(public_half);
    till_json_set_text(json, "app_id", platform->app_id);
    till_json_set_text(json, "seller_id", platform->seller_id);
    till_json_set_str(json, "private_key", private_key);
    if (platform->cert.len == 0) {
        till_json_set_str(json, "platform_public_key", public_key);
    } else {
        till_json_set_str(json, "app_cert", platform->app_cert);
        till_json_set_str(json, "platform_cert", platform->cert);
        till_json_set_str(json, "root_cert", platform->root);
    }
    till_json_set_text(json, "gateway_url", platform->url);
    ok = till_json_write(arena, json, TILL_JSON_COMPACT, &text, &err);
    assert(ok);
    (void)ok;
    return text;
}

struct platform_trade *platform_alipay_find(struct platform_alipay *platform,
                                            struct till_str out_trade_no) {
    for (size_t i = platform->trade_count; i > 0; i--)
        if (till_str_is(out_trade_no, platform->trades[i - 1]->out_trade_no))
            return platform->trades[i - 1];
    return NULL;
}

struct platform_trade *platform_alipay_newest(struct platform_alipay *platform) {
    return platform->trade_count ? platform->trades[platform->trade_count - 1] : NULL;
}

struct platform_trade *platform_alipay_add(struct platform_alipay *platform,
                                           struct till_str out_trade_no) {
    assert(out_trade_no.len < PLATFORM_NUMBER);
    if (platform->trade_count == platform->trade_room) {
        platform->trade_room = platform->trade_room ? 2 * platform->trade_room : 16;
        platform->trades = realloc(platform->trades, platform->trade_room * sizeof(void *));
        assert(platform->trades);
    }
    struct platform_trade *trade = calloc(1, sizeof *trade);
    assert(trade);
    snprintf(trade->out_trade_no, sizeof trade->out_trade_no, "%.*s", TILL_STR_ARG(out_trade_no));
    platform->trades[platform->trade_count++] = trade;
    return trade;
}

bool platform_alipay_scan(struct platform_alipay *platform, struct platform_trade *trade) {
    if (trade->status == PLATFORM_WAITING)
        return true;
    if (trade->status != PLATFORM_OFFERED)
        return false;
    snprintf(trade->trade_no, sizeof trade->trade_no, "20260101220014%014llu",
             (unsigned long long)++platform->serial);
    trade->status = PLATFORM_WAITING;
    return true;
}

bool platform_alipay_pay(struct platform_alipay *platform, struct platform_trade *trade) {
    if (!platform_alipay_scan(platform, trade))
        return false;
    trade->status = PLATFORM_PAID;
    return true;
}

bool platform_alipay_give_back(struct platform_alipay *platform, struct platform_trade *trade,
                               const char *refund_no, int64_t minor) {
    (void)platform;
    if (trade->status != PLATFORM_PAID || trade->refund_count == PLATFORM_REFUNDS || minor <= 0 ||
        minor > trade->total - trade->refunded)
        return false;
    struct platform_refund *refund = &trade->refunds[trade->refund_count++];
    snprintf(refund->no, sizeof refund->no, "%s", refund_no);
    refund->minor = minor;
    trade->refunded += minor;
    if (trade->refunded == trade->total)
        trade->status = PLATFORM_REFUNDED;
    return true;
}

int64_t platform_alipay_held(const struct platform_trade *trade) {
    bool paid = trade->status == PLATFORM_PAID || trade->status == PLATFORM_FINISHED;
    return paid ? trade->total - trade->refunded : 0;
}

void platform_alipay_whim(struct platform_alipay *platform, const char *method,
                          enum platform_whim_kind kind, const char *code, size_t count) {
    for (size_t i = 0; i < PLATFORM_WHIMS; i++) {
        if (platform->whims[i].left > 0)
            continue;
        platform->whims[i] =
            (struct platform_whim){.method = method, .code = code, .kind = kind, .left = count};
        return;
    }
    assert(false && "too many whims");
}

void platform_yuan(int64_t minor, char text[TILL_MONEY_TEXT]) {
    struct till_error err;
    bool ok = till_money_format((struct till_money){minor, "CNY"}, text, &err);
    assert(ok);
    (void)ok;
}

void platform_notice_set(struct platform_notice *notice, const char *name, const char *value) {
    struct till_form *form = &notice->form;
    struct till_error err;
    size_t kept = 0;
    for (size_t i = 0; i < form->count; i++)
        if (!till_str_is(form->pairs[i].name, name))
            form->pairs[kept++] = form->pairs[i];
    form->count = kept;
    if (!value)
        return;
    struct till_str copy = TILL_STR_NONE;
    bool ok = till_arena_copy(notice->arena, till_str_of(value), &copy, &err) &&
              till_form_add(form, till_str_of(name), copy, &err);
    assert(ok);
    (void)ok;
}

static const char *status_word(const struct platform_trade *trade) {
    switch (trade->status) {
    case PLATFORM_PAID:
        return "TRADE_SUCCESS";
    case PLATFORM_FINISHED:
        return "TRADE_FINISHED";
    case PLATFORM_CLOSED:
    case PLATFORM_REFUNDED:
        return "TRADE_CLOSED";
    default:
        return "WAIT_BUYER_PAY";
    }
}

static void name_refund(struct platform_notice *notice, const struct platform_trade *trade,
                        const char *now) {
    char yuan[TILL_MONEY_TEXT], millis[TILL_TIME_TEXT + 8];
    if (trade->refund_count == 0)
        return;
    platform_yuan(trade->refunded, yuan);
    snprintf(millis, sizeof millis, "%s.631", now);
    platform_notice_set(notice, "refund_fee", yuan);
    platform_notice_set(notice, "gmt_refund", millis);
    platform_notice_set(notice, "out_biz_no", trade->refunds[trade->refund_count - 1].no);
}

void platform_notice_begin(struct platform_alipay *platform, struct till_arena *arena,
                           const struct platform_trade *trade, const char *status,
                           struct platform_notice *ret_notice) {
    struct till_error err;
    char yuan[TILL_MONEY_TEXT], now[TILL_TIME_TEXT], id[48];
    *ret_notice = (struct platform_notice){.arena = arena};
    bool ok = till_form_init(arena, &ret_notice->form, &err) &&
              till_time_format_beijing(world_now_us(platform->world), now, &err);
    assert(ok);
    (void)ok;
    platform_yuan(trade->total, yuan);
    snprintf(id, sizeof id, "2026010100222%021llu", (unsigned long long)++platform->serial);
    const char *word = status ? status : status_word(trade);
    bool paid = trade->status == PLATFORM_REFUNDED ||
                (strcmp(word, "WAIT_BUYER_PAY") != 0 && strcmp(word, "TRADE_CLOSED") != 0);
    const char *fixed[][2] = {
        {"gmt_create", now},
        {"charset", "UTF-8"},
        {"subject", "一杯咖啡"},
        {"buyer_id", "2088722003899169"},
        {"notify_id", id},
        {"notify_type", "trade_status_sync"},
        {"trade_status", word},
        {"app_id", platform->app_id},
        {"auth_app_id", platform->app_id},
        {"seller_id", platform->seller_id},
        {"notify_time", now},
        {"version", "1.0"},
        {"out_trade_no", trade->out_trade_no},
        {"total_amount", yuan},
        {"trade_no", trade->trade_no},
        {"buyer_logon_id", "ifv***@sandbox.com"},
        {"gmt_payment", paid ? now : NULL},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        platform_notice_set(ret_notice, fixed[i][0], fixed[i][1]);
    name_refund(ret_notice, trade, now);
    if (trade->status == PLATFORM_CLOSED || trade->status == PLATFORM_REFUNDED)
        platform_notice_set(ret_notice, "gmt_close", now);
}

struct till_str platform_notice_sign(struct platform_notice *notice, const struct till_key *key,
                                     enum till_signature algorithm) {
    struct till_error err;
    struct till_str text, sign, body = TILL_STR_NONE;
    const char *cstr = NULL;
    platform_notice_set(notice, "sign_type", algorithm == TILL_RSA_SHA1 ? "RSA" : "RSA2");
    platform_notice_set(notice, "sign", NULL);
    bool ok = till_alipay_notify_text(notice->arena, &notice->form, TILL_ALIPAY_V1, &text, &err) &&
              till_key_sign(notice->arena, key, algorithm, text, &sign, &err) &&
              till_arena_cstr(notice->arena, sign, &cstr, &err);
    assert(ok);
    platform_notice_set(notice, "sign", cstr);
    ok = till_form_encode(notice->arena, &notice->form, &body, &err);
    assert(ok);
    (void)ok;
    return body;
}

struct till_str platform_alipay_notify(struct platform_alipay *platform, struct till_arena *arena,
                                       const struct platform_trade *trade, const char *status) {
    struct platform_notice notice;
    platform_notice_begin(platform, arena, trade, status, &notice);
    return platform_notice_sign(&notice, platform->platform_key, TILL_RSA_SHA256);
}
