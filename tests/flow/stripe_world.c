/* SPDX-License-Identifier: Apache-2.0 */
#include "stripe_world.h"

#include <stdio.h>

#include <openssl/hmac.h>

#include <gateway/flow/flow.h>
#include <till/encode.h>
#include <till/json.h>

#define NOTIFY_PREFIX "https://till.example.com/notify/stripe/"

static void must(bool ok, const struct till_error *err) {
    if (!ok)
        fail_msg("%s: %s (%s) %s", till_code_slug(err->code), err->text, err->field, err->where);
}

static struct till_str keep(struct stripe_stage *s, struct till_str text) {
    struct till_error err;
    struct till_str copy = TILL_STR_NONE;
    must(till_arena_copy(&s->m.arena, text, &copy, &err), &err);
    return copy;
}

/* ---- the platform answers ---- */

static struct http_response serve(struct stripe_stage *s, struct till_arena *arena,
                                  struct till_str method, struct till_str target,
                                  const struct till_pair *headers, size_t header_count,
                                  struct till_str body) {
    struct http_service service = sandbox_service(s->sandbox);
    struct http_response response = {0};
    struct http_request request = {.method = method,
                                   .target = target,
                                   .path = till_str_sub(target, 0, till_str_find(target, '?')),
                                   .headers = headers,
                                   .header_count = header_count,
                                   .body = body,
                                   .peer = TILL_STR("127.0.0.1"),
                                   .arena = arena};
    request.query = till_str_sub(target, request.path.len + 1, target.len);
    service.handle(service.self, &request, &response);
    return response;
}

static void platform(void *self, const struct world_request *request, struct till_arena *arena,
                     struct world_answer *ret_answer) {
    struct stripe_stage *s = self;
    struct till_str target = till_str_sub(request->url, sizeof STRIPE_API - 1, request->url.len);
    struct http_response response = serve(s, arena, request->method, target, request->headers,
                                          request->header_count, request->body);
    ret_answer->status = response.status;
    ret_answer->content_type = response.content_type;
    ret_answer->body = response.body;
}

/* ---- the gateway is told ---- */

static int notify(struct stripe_stage *s, struct till_str url, const struct till_pair *headers,
                  size_t header_count, struct till_str body, struct till_arena *arena,
                  struct till_str *ret_body) {
    struct till_error err;
    struct http_response response = {0};
    struct http_request request = {.method = TILL_STR("POST"),
                                   .headers = headers,
                                   .header_count = header_count,
                                   .body = body,
                                   .peer = TILL_STR("192.0.2.1"),
                                   .arena = arena};
    struct call call = {.gw = &s->m.gw,
                        .request = &request,
                        .response = &response,
                        .arena = arena,
                        .now_us = world_now_us(s->m.world),
                        .started_us = world_monotonic_us(s->m.world),
                        .route = "test"};
    snprintf(call.trace_id, sizeof call.trace_id, "%032d", ++s->m.serial);
    take_notification(&call, TILL_STR("stripe"),
                      till_str_sub(url, sizeof NOTIFY_PREFIX - 1, url.len));
    must(till_arena_copy(arena, response.body, ret_body, &err), &err);
    return response.status;
}

static void gateway(void *self, const struct world_request *request, struct till_arena *arena,
                    struct world_answer *ret_answer) {
    struct stripe_stage *s = self;
    ret_answer->status = notify(s, request->url, request->headers, request->header_count,
                                request->body, arena, &ret_answer->body);
    s->refused_notices += ret_answer->status >= 300;
}

/* ---- opening and closing ---- */

static void add_account(struct stripe_stage *s) {
    struct till_error err;
    struct account_row row = {.channel = TILL_STR("stripe"),
                              .name = TILL_STR("cards"),
                              .mode = TILL_TEST,
                              .enabled = true,
                              .settings = TILL_STR("{\"secret_key\":\"" STRIPE_KEY
                                                   "\",\"webhook_secret\":\"" STRIPE_SECRET
                                                   "\",\"api_url\":\"" STRIPE_API "\"}"),
                              .created_us = world_now_us(s->m.world)};
    flow_id(s->m.world, "acc", row.created_us, row.id);
    flow_id(s->m.world, "pub", row.created_us, row.public_id);
    memcpy(row.app_id, s->m.app.id, sizeof row.app_id);
    must(store_account_add(s->m.store, &row, &err), &err);
    must(store_account_get(s->m.store, &s->m.arena, till_str_of(row.id), &s->account, &err), &err);
}

static void add_endpoint(struct stripe_stage *s) {
    char body[512];
    snprintf(body, sizeof body, "{\"key\":\"%s\",\"secret\":\"%s\",\"url\":\"%s%s\"}", STRIPE_KEY,
             STRIPE_SECRET, NOTIFY_PREFIX, s->account.public_id);
    stage_control(s, "POST", "/control/stripe/endpoints", body);
}

void stage_open(struct stripe_stage *s, uint64_t seed) {
    struct till_error err;
    struct sandbox_options options = {.public_url = TILL_STR(STRIPE_API), .seed = seed};
    *s = (struct stripe_stage){.sandbox = NULL};
    money_open(&s->m, seed);
    must(sandbox_open(&options, s->m.world, NULL, &s->sandbox, &err), &err);
    world_inline_route(s->m.world, STRIPE_API "/", platform, s);
    world_inline_route(s->m.world, NOTIFY_PREFIX, gateway, s);
    add_account(s);
    add_endpoint(s);
}

void stage_close(struct stripe_stage *s) {
    money_check_books(&s->m);
    while (s->document_count > 0)
        till_json_release((struct till_json *)s->documents[--s->document_count]);
    sandbox_close(s->sandbox);
    money_close(&s->m);
}

/* ---- orders ---- */

struct money_answer stage_try_create(struct stripe_stage *s, const char *out_trade_no,
                                     int64_t minor, const char *currency, const char *more) {
    char body[1024];
    snprintf(body, sizeof body,
             "{\"channel\":\"stripe\",\"product\":\"checkout\",\"out_trade_no\":\"%s\","
             "\"amount\":%lld,\"currency\":\"%s\",\"subject\":\"coffee\","
             "\"return_url\":\"https://shop.example.com/thanks\"%s}",
             out_trade_no, (long long)minor, currency, more);
    return money_request(&s->m, create_payment, "", body);
}

struct payment_row stage_create(struct stripe_stage *s, int64_t minor, const char *currency) {
    char out_trade_no[32];
    snprintf(out_trade_no, sizeof out_trade_no, "card-%d", ++s->m.serial);
    struct money_answer answer = stage_try_create(s, out_trade_no, minor, currency, "");
    if (!answer.good)
        fail_msg("create: %s %s", till_code_slug(answer.code), answer.field);
    struct payment_row payment = money_by_order(&s->m, out_trade_no);
    assert_int_equal(answer.status, 201);
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
    assert_true(till_str_is(payment.action_kind, "redirect"));
    return payment;
}

void stage_courier(struct stripe_stage *s) {
    int64_t next_us;
    sandbox_tick(s->sandbox, &next_us);
}

/* ---- the platform's own view ---- */

static const struct till_json *read_answer(struct stripe_stage *s, const char *method,
                                           const char *target, const struct till_pair *headers,
                                           size_t header_count, const char *body) {
    struct till_json *json = NULL;
    struct till_error err;
    struct http_response response =
        serve(s, &s->m.arena, till_str_of(method), keep(s, till_str_of(target)), headers,
              header_count, till_str_of(body));
    if (response.status >= 300)
        fail_msg("%s %s: %d %.*s", method, target, response.status, TILL_STR_ARG(response.body));
    must(till_json_parse(response.body, &json, &err), &err);
    assert_true(s->document_count < sizeof s->documents / sizeof *s->documents);
    s->documents[s->document_count++] = json;
    return json;
}

const struct till_json *stage_control(struct stripe_stage *s, const char *method,
                                      const char *target, const char *body) {
    const struct till_pair headers[] = {{TILL_STR("Host"), TILL_STR("stripe.test")},
                                        {TILL_STR("Content-Type"), TILL_STR("application/json")}};
    return read_answer(s, method, target, headers, body ? 2 : 1, body);
}

const struct till_json *stage_object(struct stripe_stage *s, const char *target) {
    const struct till_pair key = {TILL_STR("Authorization"), TILL_STR("Bearer " STRIPE_KEY)};
    return read_answer(s, "GET", target, &key, 1, NULL);
}

void stage_session(struct stripe_stage *s, const struct payment_row *payment, const char *verb,
                   const char *body) {
    struct attempt_row attempt = money_attempt(&s->m, payment);
    char target[256];
    snprintf(target, sizeof target, "/control/stripe/sessions/%.*s/%s",
             TILL_STR_ARG(attempt.reference), verb);
    stage_control(s, "POST", target, body);
}

size_t stage_sessions(struct stripe_stage *s) {
    const struct till_json *list = stage_object(s, "/v1/checkout/sessions?limit=100");
    return till_json_size(till_json_member(list, "data"));
}

/* OpenSSL itself, since ours refuses an empty key. */
static void sign(const char *secret, struct till_str text, uint8_t ret_mac[TILL_SHA256_SIZE]) {
    unsigned int len = 0;
    assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text.ptr,
                         text.len, ret_mac, &len));
    assert_int_equal(len, TILL_SHA256_SIZE);
}

int stage_notify(struct stripe_stage *s, const char *event) {
    return stage_notify_under(s, STRIPE_SECRET, event);
}

int stage_notify_under(struct stripe_stage *s, const char *secret, const char *event) {
    struct till_error err;
    struct till_str url, text, answer, header;
    uint8_t mac[TILL_SHA256_SIZE];
    char hex[2 * TILL_SHA256_SIZE + 1];
    long long at = (long long)(world_now_us(s->m.world) / SECOND);
    must(till_arena_format(&s->m.arena, &text, &err, "%lld.%s", at, event), &err);
    sign(secret, text, mac);
    till_hex_encode(mac, sizeof mac, hex);
    must(till_arena_format(&s->m.arena, &header, &err, "t=%lld,v1=%s", at, hex), &err);
    must(till_arena_format(&s->m.arena, &url, &err, "%s%s", NOTIFY_PREFIX, s->account.public_id),
         &err);
    const struct till_pair headers[] = {
        {TILL_STR("Content-Type"), TILL_STR("application/json; charset=utf-8")},
        {TILL_STR("Stripe-Signature"), header}};
    return notify(s, url, headers, 2, till_str_of(event), &s->m.arena, &answer);
}
