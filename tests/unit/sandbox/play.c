/* SPDX-License-Identifier: Apache-2.0 */
#include "play.h"

#include <stdlib.h>

static struct till_key *app_key, *platform_key;
static struct till_str app_public, platform_private;
static struct till_arena keys;
const struct till_key *play_app_key;

/* The JSON documents of a test, released at its end. */
static struct till_json *documents[4096];
static size_t document_count;

static void must(bool good, const struct till_error *err) {
    if (!good)
        fail_msg("%s %s", err->where, err->text);
}

int play_group_setup(void **state) {
    struct till_error err;
    (void)state;
    till_arena_init(&keys, 1 << 20);
    must(till_key_generate_rsa(2048, &app_key, &err), &err);
    must(till_key_generate_rsa(2048, &platform_key, &err), &err);
    must(till_key_export(&keys, app_key, TILL_KEY_SPKI_BASE64, &app_public, &err), &err);
    must(till_key_export(&keys, platform_key, TILL_KEY_PKCS8_BASE64, &platform_private, &err),
         &err);
    play_app_key = app_key;
    return 0;
}

int play_group_teardown(void **state) {
    (void)state;
    till_key_free(app_key);
    till_key_free(platform_key);
    till_arena_clean_up(&keys);
    return 0;
}

static struct till_str keep(struct play *play, struct till_str text) {
    struct till_str copy = TILL_STR_NONE;
    struct till_error err;
    must(till_arena_copy(&play->arena, text, &copy, &err), &err);
    return copy;
}

static void shop(void *self, const struct world_request *request, struct till_arena *arena,
                 struct world_answer *ret_answer) {
    struct play *play = self;
    struct till_error err;
    size_t at = play->letter_count++;
    assert_true(at < 256);
    play->letter_bodies[at] = keep(play, request->body);
    play->letter_urls[at] = keep(play, request->url);
    play->letter_times_us[at] = world_now_us(play->world);
    if (!till_form_parse(&play->arena, play->letter_bodies[at], &play->letters[at], &err))
        play->letters[at] = (struct till_form){0};
    ret_answer->status = play->reply_status;
    must(till_arena_copy(arena, till_str_of(play->reply), &ret_answer->body, &err), &err);
}

static void open_sandbox(struct play *play) {
    struct till_error err;
    must(sandbox_open(&play->options, play->world, NULL, &play->sandbox, &err), &err);
}

void play_open(struct play *play, const struct sandbox_options *options) {
    struct till_error err;
    struct till_str body;
    *play = (struct play){.reply = "success", .reply_status = 200};
    till_arena_init(&play->arena, 256 << 20);
    play->options = options ? *options : (struct sandbox_options){0};
    play->options.seed = play->options.seed ? play->options.seed : 7;
    if (play->options.public_url.len == 0)
        play->options.public_url = TILL_STR("http://127.0.0.1:8100");
    play->world = world_inline_open(7, PLAY_START_US);
    world_inline_route(play->world, "http://shop/", shop, play);
    open_sandbox(play);
    struct till_json *wish = till_json_object();
    till_json_set_str(wish, "public_key", app_public);
    till_json_set_str(wish, "platform_private_key", platform_private);
    till_json_set_text(wish, "name", "Shop");
    must(till_json_write(&play->arena, wish, TILL_JSON_COMPACT, &body, &err), &err);
    till_json_release(wish);
    const struct till_json *app = play_control(play, "POST", "/control/apps", body.ptr);
    play->app_id = keep(play, till_json_get_str(app, "app_id"));
    play->seller_id = keep(play, till_json_get_str(app, "seller_id"));
    must(till_key_parse_public(till_json_get_str(app, "platform_public_key"), &play->platform_key,
                               &err),
         &err);
}

void play_restart(struct play *play) {
    sandbox_close(play->sandbox);
    open_sandbox(play);
}

void play_close(struct play *play) {
    while (document_count > 0)
        till_json_release(documents[--document_count]);
    sandbox_close(play->sandbox);
    world_inline_close(play->world);
    till_key_free(play->platform_key);
    till_arena_clean_up(&play->arena);
}

static void remember(struct till_json *json) {
    assert_true(document_count < sizeof documents / sizeof *documents);
    documents[document_count++] = json;
}

const struct till_json *play_json(struct till_str text) {
    struct till_json *json = NULL;
    struct till_error err;
    if (till_json_parse(text, &json, &err))
        remember(json);
    return json;
}

static struct http_response serve(struct play *play, struct http_request *request) {
    struct http_response response = {0};
    struct http_service service = sandbox_service(play->sandbox);
    request->arena = &play->arena;
    request->path = till_str_sub(request->target, 0, till_str_find(request->target, '?'));
    request->query = till_str_sub(request->target, request->path.len + 1, request->target.len);
    service.handle(service.self, request, &response);
    return response;
}

struct http_response play_http(struct play *play, const char *method, const char *target,
                               const char *content_type, const char *body,
                               const char *const *headers) {
    struct till_pair list[16] = {{TILL_STR("Host"), TILL_STR("127.0.0.1:8100")}};
    size_t count = 1;
    if (content_type)
        list[count++] = (struct till_pair){TILL_STR("Content-Type"), till_str_of(content_type)};
    for (; headers && *headers; headers++) {
        struct till_str line = till_str_of(*headers);
        size_t colon = till_str_find(line, ':');
        struct till_pair pair = {till_str_sub(line, 0, colon),
                                 till_str_trim(till_str_sub(line, colon + 1, line.len))};
        size_t at = till_str_is(pair.name, "Host") ? 0 : count++;
        list[at] = pair;
    }
    struct http_request request = {.method = till_str_of(method),
                                   .target = till_str_of(target),
                                   .headers = list,
                                   .header_count = count,
                                   .body = till_str_of(body)};
    return serve(play, &request);
}

const struct till_json *play_control(struct play *play, const char *method, const char *target,
                                     const char *body) {
    struct till_json *json = NULL;
    struct till_error err;
    struct http_response response =
        play_http(play, method, target, body ? "application/json" : NULL, body, NULL);
    if (response.status >= 300)
        fail_msg("%s %s: %d %.*s", method, target, response.status, TILL_STR_ARG(response.body));
    must(till_json_parse(response.body, &json, &err), &err);
    remember(json);
    return json;
}

void play_fault(struct play *play, const char *operation, const char *fault, int64_t count,
                const char *argument) {
    struct till_str body;
    struct till_error err;
    must(till_arena_format(&play->arena, &body, &err,
                           "{\"operation\":\"%s\",\"fault\":\"%s\",\"count\":%lld,"
                           "\"argument\":\"%s\"}",
                           operation, fault, (long long)count, argument ? argument : ""),
         &err);
    play_control(play, "POST", "/control/faults", body.ptr);
}

void play_tick(struct play *play) {
    int64_t next_us;
    sandbox_tick(play->sandbox, &next_us);
}

void play_advance(struct play *play, int64_t seconds) {
    char body[64];
    snprintf(body, sizeof body, "{\"advance_seconds\":%lld}", (long long)seconds);
    play_control(play, "POST", "/control/clock", body);
    play_tick(play);
}

static void set(struct till_form *form, struct till_str name, struct till_str value) {
    struct till_error err;
    for (size_t i = 0; i < form->count; i++) {
        if (!till_str_equal(form->pairs[i].name, name))
            continue;
        form->pairs[i].value = value;
        if (value.len == 0)
            form->pairs[i] = form->pairs[--form->count];
        return;
    }
    if (value.len)
        must(till_form_add(form, name, value, &err), &err);
}

void play_form(struct play *play, struct till_form *form, const char *method, const char *biz) {
    struct till_error err;
    must(till_form_init(&play->arena, form, &err), &err);
    set(form, TILL_STR("app_id"), play->app_id);
    set(form, TILL_STR("method"), till_str_of(method));
    set(form, TILL_STR("charset"), TILL_STR("utf-8"));
    set(form, TILL_STR("sign_type"), TILL_STR("RSA2"));
    set(form, TILL_STR("timestamp"), TILL_STR("2026-11-23 10:00:00"));
    set(form, TILL_STR("version"), TILL_STR("1.0"));
    if (biz)
        set(form, TILL_STR("biz_content"), till_str_of(biz));
}

void play_sign(struct play *play, struct till_form *form, const struct till_key *key,
               enum till_signature algorithm) {
    static const char *const without[] = {"sign", NULL};
    struct till_str text, sign;
    struct till_error err;
    set(form, TILL_STR("sign"), TILL_STR_NONE);
    must(till_form_canonical(&play->arena, form, without, true, &text, &err), &err);
    must(till_key_sign(&play->arena, key, algorithm, text, &sign, &err), &err);
    set(form, TILL_STR("sign"), sign);
}

static void read_answer(struct play *play, struct play_answer *answer) {
    struct till_alipay_answer split;
    struct till_error err;
    if (answer->response.wire != HTTP_WIRE_WHOLE || answer->response.status != 200 ||
        !till_alipay_answer_split(answer->response.body, TILL_STR("alipay.trade.query"), &split,
                                  &err)) {
        struct till_json *whole = NULL;
        struct till_str name;
        const struct till_json *node;
        if (answer->response.wire != HTTP_WIRE_WHOLE ||
            !till_json_parse(answer->response.body, &whole, &err))
            return;
        remember(whole);
        if (!till_json_member_at(whole, 0, &name, &node) || !till_json_is_object(node))
            return;
        char method[128];
        size_t len = name.len - strlen("_response");
        assert_true(len < sizeof method);
        for (size_t i = 0; i < len; i++)
            method[i] = name.ptr[i] == '_' ? '.' : name.ptr[i];
        if (till_str_is(name, "alipay_trade_fastpay_refund_query_response"))
            memcpy(method, "alipay.trade.fastpay.refund.query", len);
        if (!till_alipay_answer_split(answer->response.body, (struct till_str){method, len}, &split,
                                      &err))
            return;
    }
    answer->node_name = split.node_name;
    answer->sign = split.sign;
    if (till_json_parse(split.node, &answer->node, &err))
        remember(answer->node);
    answer->verified =
        split.sign.len &&
        till_alipay_answer_verify(&play->arena, &split, play->platform_key, TILL_RSA_SHA256, &err);
}

struct play_answer play_send(struct play *play, struct till_form *form, struct till_str method,
                             struct till_str query, const char *content_type,
                             struct till_str body) {
    struct play_answer answer = {0};
    struct till_error err;
    struct till_str target = TILL_STR("/alipay/gateway.do");
    struct till_pair headers[] = {
        {TILL_STR("Host"), TILL_STR("127.0.0.1:8100")},
        {TILL_STR("Content-Type"), till_str_of(content_type)},
    };
    if (form)
        must(till_form_encode(&play->arena, form, &body, &err), &err);
    if (query.len)
        must(till_arena_format(&play->arena, &target, &err, "/alipay/gateway.do?%.*s",
                               TILL_STR_ARG(query)),
             &err);
    struct http_request request = {
        .method = method, .target = target, .headers = headers, .header_count = 2, .body = body};
    answer.response = serve(play, &request);
    read_answer(play, &answer);
    return answer;
}

struct play_answer play_call(struct play *play, const char *method, const char *biz, ...) {
    struct till_form form;
    va_list extra;
    play_form(play, &form, method, biz);
    va_start(extra, biz);
    for (const char *name; (name = va_arg(extra, const char *));)
        set(&form, till_str_of(name), till_str_of(va_arg(extra, const char *)));
    va_end(extra);
    play_sign(play, &form, app_key, TILL_RSA_SHA256);
    return play_send(play, &form, TILL_STR("POST"), TILL_STR_NONE,
                     "application/x-www-form-urlencoded;charset=utf-8", TILL_STR_NONE);
}

struct till_str play_get(const struct play_answer *answer, const char *name) {
    return answer->node ? till_json_get_str(answer->node, name) : TILL_STR_NONE;
}

void play_expect(const struct play_answer *answer, const char *code, const char *sub_code) {
    if (!till_str_is(play_get(answer, "code"), code) ||
        !till_str_is(play_get(answer, "sub_code"), sub_code))
        fail_msg("expected %s %s, got %d %.*s", code, sub_code, answer->response.status,
                 TILL_STR_ARG(answer->response.body));
}

struct till_str play_order(struct play *play, const char *number, const char *amount) {
    char biz[256];
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"%s\",\"total_amount\":\"%s\",\"subject\":\"咖啡 50%% & more\"}",
             number, amount);
    struct play_answer answer = play_call(play, "alipay.trade.precreate", biz, "notify_url",
                                          "http://shop/notify?till=1", NULL);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    struct till_str url = play_get(&answer, "qr_code");
    assert_true(till_str_starts_with(url, TILL_STR("http://127.0.0.1:8100/alipay/qr/bax")));
    return till_str_sub(url, strlen("http://127.0.0.1:8100/alipay/qr/"), url.len);
}

void play_pay(struct play *play, const char *number) {
    char target[128];
    snprintf(target, sizeof target, "/control/trades/%s/pay", number);
    const struct till_json *trade = play_control(play, "POST", target, NULL);
    assert_true(till_str_is(till_json_get_str(trade, "step"), "done"));
    play_tick(play);
}

bool play_letter_verifies(struct play *play, const struct till_form *letter) {
    static const char *const without[] = {"sign", "sign_type", NULL};
    struct till_str text;
    struct till_error err;
    return till_form_canonical(&play->arena, letter, without, false, &text, &err) &&
           till_key_verify(play->platform_key, TILL_RSA_SHA256, text, till_form_get(letter, "sign"),
                           &err);
}

bool play_contains(struct till_str text, const char *part) {
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.ptr + i, part, len) == 0)
            return true;
    return false;
}

int64_t play_number(const struct till_json *json, const char *name) {
    int64_t value = INT64_MIN;
    assert_true(till_json_get_int(json, name, &value));
    return value;
}
