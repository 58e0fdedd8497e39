/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of gateway.do, as the sandbox verifies them: what passes its checks says what the app
 * signed. The text has the query, a line end, the body.
 */
#include "mutate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <sandbox/mode.h>
#include <world_inline.h>

#include "modes.h"

static struct modes modes;
static struct fixture *f;
static struct till_account *accounts[MODES];
static struct world *world;
static struct sandbox *sandbox;
static const char *const unsigned_names[] = {"sign", NULL};
static const struct pairs_rule rule = {.without = unsigned_names, .ends_are_open = true};

static struct platform_app *make_app(const char *app_id, enum mode mode) {
    struct app_wish wish = {.app_id = till_str_of(app_id),
                            .seller_id = TILL_STR(FIXTURE_SELLER_ID),
                            .public_key = fixture_read(f, "keys/node-fixture-app.pem"),
                            .platform_private_key =
                                fixture_read_line(f, "keys/yansongda-sandbox-app.pkcs1.b64"),
                            .certificate_mode = mode == MODE_CERTIFICATE,
                            .auto_pay_s = -1};
    struct platform_app *app = NULL;
    struct till_error err;
    if (mode == MODE_AES)
        wish.aes_key = TILL_STR(MODES_AES_KEY);
    if (!app_make(sandbox, &wish, &app, &err)) {
        printf("Bail out! %s: %s\n", err.field, err.text);
        exit(2);
    }
    return app;
}

/* The merchant's account for that app. */
static struct till_account *account_of(const struct platform_app *app, enum mode mode) {
    struct till_json *settings =
        mode == MODE_CERTIFICATE ? modes_settings(&modes) : fixture_settings(f);
    till_json_set_text(settings, "app_id", app->id);
    if (mode == MODE_AES)
        till_json_set_text(settings, "aes_key", MODES_AES_KEY);
    if (mode == MODE_CERTIFICATE) {
        till_json_set_text(settings, "app_cert", app->app_key->certificate.pem);
        till_json_set_text(settings, "platform_cert", app->signer->certificate.pem);
        till_json_set_text(settings, "root_cert", sandbox->authority->roots_pem);
    }
    return modes_load(&modes, settings);
}

static void open_sandbox(void) {
    static const char *const ids[] = {FIXTURE_APP_ID, "2021000000000002", "2021000000000003"};
    struct sandbox_options options = {.public_url = TILL_STR("http://127.0.0.1:8100"), .seed = 7};
    struct till_error err;
    world = world_inline_open(7, INT64_C(1795390027) * TILL_US_PER_SECOND);
    if (!sandbox_open(&options, world, NULL, &sandbox, &err))
        abort();
    for (int mode = 0; mode < MODES; mode++)
        accounts[mode] = account_of(make_app(ids[mode], (enum mode)mode), (enum mode)mode);
}

static struct till_str write_biz(struct till_arena *arena, const struct call *call) {
    struct till_str text;
    struct till_error err;
    bool good = till_json_write(arena, call->biz, TILL_JSON_COMPACT, &text, &err);
    assert(good);
    return text;
}

/* Empty: refused. */
static struct till_str read_request(struct till_arena *arena, struct till_str message) {
    size_t line = till_str_find(message, '\n');
    struct till_pair type = {TILL_STR("Content-Type"),
                             TILL_STR("application/x-www-form-urlencoded;charset=utf-8")};
    struct http_request request = {.method = TILL_STR("POST"),
                                   .path = TILL_STR("/alipay/gateway.do"),
                                   .query = text_between(message, 0, line),
                                   .headers = &type,
                                   .header_count = 1,
                                   .body = text_between(message, line + 1, message.len),
                                   .arena = arena};
    struct call call = {.sandbox = sandbox,
                        .request = &request,
                        .arena = arena,
                        .now_us = platform_now_us(sandbox)};
    struct till_str reading = TILL_STR_NONE;
    if (call_read(&call) && call_check(&call)) {
        struct till_str biz = write_biz(arena, &call);
        reading =
            text_format(arena, "%s %s %.*s", call.app->id, call.method->name, TILL_STR_ARG(biz));
    }
    call_clean_up(&call);
    return reading;
}

static void keep_good(struct till_str message) {
    struct pairs pairs;
    size_t at = family_request.good_count++;
    family_request.good[at] = message;
    family_request.reading[at] = read_request(&f->arena, message);
    good_must_be_taken(&family_request, at,
                       family_request.reading[at].len > 0 &&
                           pairs_read(&f->arena, message, &pairs));
    family_request.content[at] = pairs_content(&f->arena, &pairs, &rule);
}

/* What our own channel sends. */
static void add_ours(const struct till_account *account, enum till_operation operation) {
    struct till_ask ask = fixture_ask(operation);
    struct till_outgoing outgoing;
    bool good = till_request(account, &ask, &f->arena, &outgoing, &f->err);
    assert(good);
    struct till_str query =
        text_between(outgoing.url, till_str_find(outgoing.url, '?') + 1, outgoing.url.len);
    keep_good(
        text_format(&f->arena, "%.*s\n%.*s", TILL_STR_ARG(query), TILL_STR_ARG(outgoing.body)));
}

/* What other clients send: everything in one place, or GBK. */
static void add_theirs(const char *charset, const char *subject, size_t query_count) {
    struct till_form form = fixture_form(
        f, "app_id", FIXTURE_APP_ID, "method", "alipay.trade.precreate", "charset", charset,
        "sign_type", "RSA2", "timestamp", "2026-11-23 07:27:07", "version", "1.0", "format", "json",
        "notify_url", "http://shop.example/notify?a=1&b=2", "biz_content", "", NULL);
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_str text, sign;
    struct till_str biz = text_format(&f->arena,
                                      "{\"out_trade_no\":\"N%s\",\"total_amount\":\"9.90\","
                                      "\"subject\":\"%s\"}",
                                      charset, subject);
    fixture_set(&form, "biz_content", biz.ptr);
    bool good = till_key_parse_private(fixture_read_line(f, "keys/node-fixture-app.pkcs1.b64"),
                                       &key, &f->err) &&
                till_alipay_request_text(&f->arena, &form, false, &text, &f->err) &&
                till_key_sign(&f->arena, key, TILL_RSA_SHA256, text, &sign, &f->err) &&
                till_form_add(&form, TILL_STR("sign"), sign, &f->err);
    assert(good && form.count <= PAIRS_MAX);
    struct pairs pairs = {.count = form.count, .query_count = query_count};
    for (size_t i = 0; i < form.count; i++)
        pairs.list[i] = form.pairs[i];
    keep_good(pairs_write(&f->arena, &pairs, true, 0));
}

static void begin(void) {
    modes_open(&modes);
    f = modes.f;
    open_sandbox();
    for (int mode = 0; mode < MODES; mode++)
        for (int operation = 0; operation < TILL_OPERATIONS; operation++)
            add_ours(accounts[mode], (enum till_operation)operation);
    add_theirs("utf-8", "\xe5\x92\x96\xe5\x95\xa1 & more + 50%", 0);
    add_theirs("utf-8", "\xe5\x92\x96\xe5\x95\xa1 & more + 50%", PAIRS_MAX);
    add_theirs("GBK", "\xbf\xa7\xb7\xc8", 3);
}

static void end(void) {
    for (int mode = 0; mode < MODES; mode++)
        till_account_free(accounts[mode]);
    sandbox_close(sandbox);
    world_inline_close(world);
    modes_close(&modes);
}

static enum judgement judge(struct till_arena *arena, size_t good, struct till_str message) {
    (void)good;
    return judge_form(arena, &family_request, message, read_request(arena, message), &rule);
}

struct family family_request = {
    .name = "request", .has_query = true, .begin = begin, .end = end, .judge = judge};
