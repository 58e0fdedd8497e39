/* SPDX-License-Identifier: Apache-2.0 */
#include "api_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <till/signing.h>

enum { KEPT_JSON = 4096 };
static struct till_json *kept[KEPT_JSON];
static size_t kept_count;

static void keep(struct till_json *json) {
    assert_true(kept_count < KEPT_JSON);
    kept[kept_count++] = json;
}

static void settle(bool good, const struct till_error *err) {
    if (!good)
        fail_msg("%s: %s: %s", err->where, err->field, err->text);
}

static const char *text_of(struct api *api, struct till_str s) {
    const char *text = "";
    struct till_error err;
    settle(till_arena_cstr(&api->arena, s, &text, &err), &err);
    return text;
}

/* ---- opening ---- */

static void open_store(struct api *api) {
    struct till_error err;
    struct store_options options = {
        .path = till_str_of(api->path), .commit = api->commit, .retention_nonce_us = 900 * SECOND};
    memset(options.master_key, 7, sizeof options.master_key);
    settle(store_open(&options, api->world, api->log, api->metrics, &api->store, &err), &err);
    settle(gateway_open(&api->gw, api->world, api->store, api->log, api->metrics, &api->settings,
                        NULL, &err),
           &err);
}

static void load_settings(struct api *api) {
    static const char *const OVERRIDES[] = {"public_url=https://pay.test"};
    struct till_error err;
    settle(settings_load(gateway_setting_rows, gateway_setting_count, &api->arena, TILL_STR_NONE,
                         OVERRIDES, 1, &api->settings, &err),
           &err);
}

static void take_key(struct api *api, const struct api_answer *answer, struct api_key *ret) {
    struct till_str bytes;
    struct till_error err;
    struct till_str hex = till_str_of(api_text(api, answer, "secret"));
    settle(till_hex_decode(&api->arena, hex, &bytes, &err), &err);
    assert_true(bytes.len >= TILL_SECRET_MIN);
    memcpy(ret->secret.bytes, bytes.ptr, bytes.len);
    ret->secret.len = bytes.len;
    snprintf(ret->id, sizeof ret->id, "%s", api_text(api, answer, "id"));
}

static void provision(struct api *api, char ret_app_id[TILL_ID_SIZE], struct api_key *ret_key,
                      char ret_account_id[TILL_ID_SIZE]) {
    struct till_str body;
    struct till_error err;
    struct api_answer answer = api_admin(api, "POST", "/admin/apps",
                                         "{\"name\":\"shop\",\"hosts\":\"shop.example "
                                         "127.0.0.1:8090\"}");
    api_expect(answer, 201, "");
    snprintf(ret_app_id, TILL_ID_SIZE, "%s", api_text(api, &answer, "id"));
    settle(till_arena_format(&api->arena, &body, &err, "{\"app_id\":\"%s\"}", ret_app_id), &err);
    answer = api_admin(api, "POST", "/admin/keys", text_of(api, body));
    api_expect(answer, 201, "");
    take_key(api, &answer, ret_key);
    struct till_str settings = platform_alipay_settings(&api->platform, &api->arena);
    settle(till_arena_format(&api->arena, &body, &err,
                             "{\"app_id\":\"%s\",\"channel\":\"alipay\",\"name\":\"main\","
                             "\"settings\":%.*s}",
                             ret_app_id, TILL_STR_ARG(settings)),
           &err);
    answer = api_admin(api, "POST", "/admin/accounts", text_of(api, body));
    api_expect(answer, 201, "");
    snprintf(ret_account_id, TILL_ID_SIZE, "%s", api_text(api, &answer, "id"));
}

void api_open_in(struct api *api, struct world *world, struct world *inline_world,
                 enum store_commit commit) {
    struct till_error err;
    *api = (struct api){.world = world, .commit = commit};
    till_arena_init(&api->arena, (size_t)256 << 20);
    settle(metrics_open(&api->metrics, &err), &err);
    snprintf(api->directory, sizeof api->directory, "/tmp/till-api-XXXXXX");
    assert_non_null(mkdtemp(api->directory));
    snprintf(api->path, sizeof api->path, "%s/till.db", api->directory);
    platform_alipay_open(&api->platform, inline_world, API_PLATFORM, "2021000000000001");
    load_settings(api);
    open_store(api);
    provision(api, api->app_id, &api->key, api->account_id);
}

void api_open(struct api *api, uint64_t seed) {
    struct world *world = world_inline_open(seed, INT64_C(1767225600000000));
    api_open_in(api, world, world, STORE_COMMIT_INLINE);
}

static void remove_files(const struct api *api) {
    static const char *const ENDS[] = {"", "-wal", "-shm", ".lock", "-journal"};
    char path[128];
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        snprintf(path, sizeof path, "%s%s", api->path, ENDS[i]);
        unlink(path);
    }
    rmdir(api->directory);
}

/* An inline world is closed here, any other one by who made it. */
void api_close(struct api *api) {
    gateway_close(&api->gw);
    store_close(api->store);
    platform_alipay_close(&api->platform);
    while (kept_count > 0)
        till_json_release(kept[--kept_count]);
    till_arena_clean_up(&api->arena);
    metrics_close(api->metrics);
    log_close(api->log);
    if (api->commit == STORE_COMMIT_INLINE)
        world_inline_close(api->world);
    remove_files(api);
}

void api_restart(struct api *api) {
    gateway_close(&api->gw);
    store_close(api->store);
    open_store(api);
}

void api_reopen(struct api *api) {
    open_store(api);
}

void api_log(struct api *api, const char *path) {
    struct log_options options = {
        .path = till_str_of(path), .level = LOG_DEBUG, .rotate_bytes = 1 << 30, .keep_days = 7};
    struct till_error err;
    settle(log_open(&options, &api->log, &err), &err);
    api->settings.log_debug = true;
    api_restart(api);
}

void api_second_app(struct api *api, char ret_app_id[TILL_ID_SIZE], struct api_key *ret_key) {
    char account_id[TILL_ID_SIZE];
    provision(api, ret_app_id, ret_key, account_id);
}

/* ---- requests ---- */

static struct till_str sign(struct api *api, const struct api_request *request,
                            struct till_str body) {
    const struct api_key *key = request->key ? request->key : &api->key;
    char nonce[40];
    struct till_str header;
    struct till_error err;
    snprintf(nonce, sizeof nonce, "nonce-%012d", ++api->serial);
    struct till_signed_request signed_request = {
        .method = till_str_of(request->method),
        .host = TILL_STR(API_HOST),
        .target = till_str_of(request->signed_target ? request->signed_target : request->target),
        .timestamp_s = world_now_us(api->world) / SECOND + request->clock_offset_s,
        .nonce = till_str_of(request->nonce ? request->nonce : nonce),
        .body = request->signed_body ? till_str_of(request->signed_body) : body};
    settle(till_signing_authorize(&api->arena, &signed_request, till_str_of(key->id), &key->secret,
                                  &header, &err),
           &err);
    return header;
}

static size_t fill_headers(struct api *api, const struct api_request *request, struct till_str body,
                           struct till_pair *headers) {
    size_t count = 0;
    bool is_signed = !request->admin && !request->private && !request->open;
    headers[count++] = (struct till_pair){TILL_STR("Host"), TILL_STR(API_HOST)};
    if (body.len > 0)
        headers[count++] = (struct till_pair){
            TILL_STR("Content-Type"), request->form ? TILL_STR("application/x-www-form-urlencoded")
                                                    : TILL_STR("application/json")};
    if (request->authorization && request->authorization[0])
        headers[count++] =
            (struct till_pair){TILL_STR("Authorization"), till_str_of(request->authorization)};
    else if (!request->authorization && is_signed)
        headers[count++] = (struct till_pair){TILL_STR("Authorization"), sign(api, request, body)};
    if (request->second_authorization)
        headers[count++] = (struct till_pair){TILL_STR("Authorization"),
                                              till_str_of(request->second_authorization)};
    for (size_t i = 0; i < 4 && request->headers[i].name.len > 0; i++)
        headers[count++] = request->headers[i];
    return count;
}

static void read_answer(struct api *api, struct api_answer *answer) {
    struct till_error err;
    struct till_json *json = NULL;
    answer->status = answer->response.status;
    settle(till_arena_copy(&api->arena, answer->response.body, &answer->body, &err), &err);
    answer->code = answer->field = TILL_STR("");
    if (!till_json_parse(answer->body, &json, &err))
        return;
    keep(json);
    answer->json = json;
    if (answer->status < 400)
        return;
    answer->code = till_json_get_str(json, "code");
    const struct till_json *errors = till_json_member(json, "errors");
    if (errors)
        answer->field = till_json_get_str(till_json_element(errors, 0), "pointer");
}

void api_prepare(struct api *api, const struct api_request *request, struct till_arena *arena,
                 struct http_request *ret) {
    struct till_pair *headers = till_arena_array(arena, 12, sizeof *headers);
    struct till_str target = till_str_of(request->target);
    struct till_str body = till_str_of(request->body);
    assert_non_null(headers);
    if (request->body && request->body_len > 0)
        body.len = request->body_len;
    size_t query = till_str_find(target, '?');
    *ret = (struct http_request){.method = till_str_of(request->method),
                                 .target = target,
                                 .path = till_str_sub(target, 0, query),
                                 .query = till_str_sub(target, query + 1, target.len),
                                 .headers = headers,
                                 .body = body,
                                 .peer = TILL_STR("192.0.2.7"),
                                 .received_us = world_now_us(api->world),
                                 .arena = arena};
    ret->header_count = fill_headers(api, request, body, headers);
}

struct api_answer api_send(struct api *api, const struct api_request *request) {
    struct api_answer answer = {.status = 0};
    struct http_request http;
    api_prepare(api, request, &api->arena, &http);
    struct http_service service = request->admin     ? gateway_admin_service(&api->gw)
                                  : request->private ? gateway_private_service(&api->gw)
                                                     : gateway_public_service(&api->gw);
    service.handle(service.self, &http, &answer.response);
    read_answer(api, &answer);
    return answer;
}

struct api_answer api_call(struct api *api, const char *method, const char *target,
                           const char *body) {
    return api_send(api, &(struct api_request){.method = method, .target = target, .body = body});
}

struct api_answer api_admin(struct api *api, const char *method, const char *target,
                            const char *body) {
    return api_send(api, &(struct api_request){
                             .method = method, .target = target, .body = body, .admin = true});
}

const char *api_order(struct api *api, const char *out_trade_no, const char *amount,
                      const char *more) {
    struct till_str body;
    struct till_error err;
    settle(till_arena_format(&api->arena, &body, &err,
                             "{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":"
                             "\"CNY\",\"subject\":\"Coffee\",\"out_trade_no\":\"%s\","
                             "\"amount\":%s%s}",
                             out_trade_no, amount, more),
           &err);
    return text_of(api, body);
}

struct api_answer api_create(struct api *api, const char *out_trade_no, const char *amount,
                             const char *more) {
    return api_call(api, "POST", "/v1/payments", api_order(api, out_trade_no, amount, more));
}

const char *api_text(struct api *api, const struct api_answer *answer, const char *member) {
    const struct till_json *json = answer->json;
    char name[64];
    const char *dot = strchr(member, '.');
    if (dot) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - member), member);
        json = till_json_member(json, name);
        member = dot + 1;
    }
    return json ? text_of(api, till_json_get_str(json, member)) : "";
}

int64_t api_number(const struct api_answer *answer, const char *member) {
    int64_t number = -1;
    if (answer->json && !till_json_get_int(answer->json, member, &number))
        number = -1;
    return number;
}

struct till_str api_header(const struct api_answer *answer, const char *name) {
    for (size_t i = 0; i < answer->response.header_count; i++)
        if (till_str_is(answer->response.headers[i].name, name))
            return answer->response.headers[i].value;
    return TILL_STR_NONE;
}

size_t api_payments(struct api *api) {
    struct store_figures figures;
    struct till_error err;
    settle(store_figures(api->store, &figures, &err), &err);
    return (size_t)figures.payments;
}

int64_t api_metric(struct api *api, enum metric metric, const char *label1, const char *label2) {
    return metrics_read(api->metrics, metric, label1, label2);
}
