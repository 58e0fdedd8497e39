/* SPDX-License-Identifier: Apache-2.0 */
/* The stage is set: store, instances, platform; merchants with keys, endpoints and accounts, made
 * through the administration's own routes. */
#include "scene.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <till/till.h>

#include "stage.h"

static const size_t ARENA_MAX = (size_t)1 << 30;

static void must(struct scene *scene, bool good, const char *what, const struct till_error *err) {
    if (!good)
        sim_violation(scene->sim, "SCENE", "%s: %s %s (%s)", what, err->field, err->text,
                      err->where);
}

/* ---- settings ---- */

static void load_settings(struct scene *scene) {
    static const char *const OVERRIDES[] = {"public_url=http://pay.till.test"};
    struct till_error err;
    must(scene,
         settings_load(gateway_setting_rows, gateway_setting_count, &scene->arena, TILL_STR_NONE,
                       OVERRIDES, 1, &scene->settings, &err),
         "settings", &err);
}

/* ---- the platform ---- */

static void open_platform(struct scene *scene) {
    struct sandbox_options options = {.public_url = TILL_STR("http://alipay.test"),
                                      .seed = sim_random(scene->sim, SIM_PEOPLE) | 1};
    struct world *world = sim_process_world(scene->platform_process);
    struct till_error err;
    must(scene,
         sandbox_open(&options, world, NULL, &scene->sandbox, &err) &&
             sandbox_start(scene->sandbox, &err),
         "platform", &err);
    sim_serve(scene->sim, "http://alipay.test/", scene->platform_process,
              sandbox_service(scene->sandbox));
    sim_serve(scene->sim, SCENE_CARD_API "/", scene->platform_process,
              sandbox_service(scene->sandbox));
}

/* ---- provisioning ---- */

struct till_str stage_format(struct scene *scene, const char *pattern, ...) {
    struct till_str text = TILL_STR_NONE;
    struct till_error err;
    char line[8192];
    va_list arguments;
    va_start(arguments, pattern);
    int len = vsnprintf(line, sizeof line, pattern, arguments);
    va_end(arguments);
    assert(len >= 0 && (size_t)len < sizeof line);
    must(scene, till_arena_copy(&scene->arena, till_str_of(line), &text, &err), "text", &err);
    return text;
}

/* The JSON of a 2xx answer; the caller releases it. */
struct till_json *stage_admin(struct scene *scene, const char *method, const char *target,
                              struct till_str body) {
    struct world_answer answer;
    struct till_json *json = NULL;
    struct till_error err;
    scene_admin(scene, method, target, body, &scene->arena, &answer);
    if (answer.fate != TILL_FATE_ANSWERED || answer.status >= 300)
        sim_violation(scene->sim, "SCENE", "%s %s: %d %.*s %s", method, target, answer.status,
                      TILL_STR_ARG(answer.body), answer.reason);
    must(scene, till_json_parse(answer.body, &json, &err), target, &err);
    return json;
}

void stage_copy_text(char *out, size_t size, const struct till_json *json, const char *member) {
    struct till_str text = till_json_get_str(json, member);
    assert(text.len > 0 && text.len < size);
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

static void make_app(struct scene *scene, size_t index) {
    struct scene_merchant *merchant = &scene->merchant[index];
    bool refunds = scene->options.refunds_late >> index & 1u;
    snprintf(merchant->late_policy, sizeof merchant->late_policy, refunds ? "refund" : "keep");
    struct till_json *json TILL_JSON_SCOPED = stage_admin(
        scene, "POST", "/admin/apps",
        stage_format(scene,
                     "{\"name\":\"Shop %zu\",\"hosts\":\"shop-%zu.test\",\"late_policy\":\"%s\"}",
                     index, index, merchant->late_policy));
    stage_copy_text(merchant->app_id, sizeof merchant->app_id, json, "id");
}

static void make_key(struct scene *scene, struct scene_merchant *merchant) {
    struct till_str bytes;
    struct till_error err;
    struct till_json *json TILL_JSON_SCOPED = stage_admin(
        scene, "POST", "/admin/keys", stage_format(scene, "{\"app_id\":\"%s\"}", merchant->app_id));
    stage_copy_text(merchant->key_id, sizeof merchant->key_id, json, "id");
    must(scene,
         till_hex_decode(&scene->arena, till_json_get_str(json, "secret"), &bytes, &err) &&
             bytes.len <= sizeof merchant->secret.bytes,
         "key", &err);
    memcpy(merchant->secret.bytes, bytes.ptr, bytes.len);
    merchant->secret.len = bytes.len;
}

static void make_endpoint(struct scene *scene, size_t index) {
    struct scene_merchant *merchant = &scene->merchant[index];
    char target[128];
    snprintf(target, sizeof target, "/admin/endpoints?app_id=%s", merchant->app_id);
    struct till_json *json TILL_JSON_SCOPED =
        stage_admin(scene, "POST", target,
                    stage_format(scene, "{\"url\":\"http://shop-%zu.test/webhook\"}", index));
    merchant->webhook_secret =
        stage_format(scene, "%.*s", TILL_STR_ARG(till_json_get_str(json, "secret")));
}

/* The app at the platform gets the merchant's public key, the account the private one. */
static struct till_str make_platform_app(struct scene *scene, struct scene_merchant *merchant,
                                         size_t account) {
    struct till_key *key = NULL;
    struct till_str private_key, public_key;
    struct till_error err;
    must(scene,
         till_key_generate_rsa(2048, &key, &err) &&
             till_key_export(&scene->arena, key, TILL_KEY_PKCS8_BASE64, &private_key, &err) &&
             till_key_export(&scene->arena, key, TILL_KEY_SPKI_BASE64, &public_key, &err),
         "key pair", &err);
    till_key_free(key);
    struct till_json *json TILL_JSON_SCOPED =
        scene_control(scene, "POST", "/control/apps",
                      stage_format(scene, "{\"name\":\"%s\",\"public_key\":\"%.*s\"}",
                                   merchant->app_id, TILL_STR_ARG(public_key)));
    if (!json)
        sim_violation(scene->sim, "SCENE", "the platform makes no app");
    stage_copy_text(merchant->platform_app_id[account], sizeof merchant->platform_app_id[account],
                    json, "app_id");
    return stage_format(
        scene,
        "{\"app_id\":\"%s\",\"seller_id\":\"%.*s\",\"private_key\":\"%.*s\","
        "\"platform_public_key\":\"%.*s\",%s"
        "\"gateway_url\":\"http://alipay.test/alipay/gateway.do\"}",
        merchant->platform_app_id[account], TILL_STR_ARG(till_json_get_str(json, "seller_id")),
        TILL_STR_ARG(private_key), TILL_STR_ARG(till_json_get_str(json, "platform_public_key")),
        scene->options.bills ? "\"bills\":\"trade\",\"bill_hosts\":\"alipay.test\"," : "");
}

static void make_account(struct scene *scene, struct scene_merchant *merchant, size_t account) {
    struct till_str settings = make_platform_app(scene, merchant, account);
    struct till_json *json TILL_JSON_SCOPED = stage_admin(
        scene, "POST", "/admin/accounts",
        stage_format(scene,
                     "{\"app_id\":\"%s\",\"channel\":\"alipay\",\"name\":\"account %zu\","
                     "\"settings\":%.*s}",
                     merchant->app_id, account, TILL_STR_ARG(settings)));
    stage_copy_text(merchant->account_id[account], sizeof merchant->account_id[account], json,
                    "id");
}

static void provision(struct scene *scene, size_t index) {
    struct scene_merchant *merchant = &scene->merchant[index];
    char name[32];
    snprintf(name, sizeof name, "shop-%zu", index);
    merchant->process = sim_process(scene->sim, name);
    make_app(scene, index);
    make_key(scene, merchant);
    make_endpoint(scene, index);
    for (size_t i = 0; i < scene->options.accounts; i++)
        make_account(scene, merchant, i);
    merchant->account_count = scene->options.accounts;
    if (scene->options.cards >> index & 1u)
        stage_make_card_account(scene, index);
}

/* ---- all of it ---- */

void scene_open(struct scene *scene, struct sim *sim, const struct scene_options *options) {
    static const char *const NAMES[SCENE_GATEWAYS] = {"gateway-a", "gateway-b"};
    struct till_error err;
    assert(options->merchants >= 1 && options->merchants <= SCENE_MERCHANTS_MAX);
    assert(options->accounts >= 1 && options->accounts <= SCENE_ACCOUNTS_MAX);
    *scene = (struct scene){.sim = sim, .options = *options};
    till_arena_init(&scene->arena, ARENA_MAX);
    scene->disk = sim_process(sim, "store");
    scene->platform_process = sim_process(sim, "platform");
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        scene->gateway_process[i] = sim_process(sim, NAMES[i]);
        must(scene, metrics_open(&scene->metrics[i], &err), "metrics", &err);
    }
    world_random(sim_process_world(scene->disk), scene->master_key, sizeof scene->master_key);
    load_settings(scene);
    stage_store(scene);
    open_platform(scene);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_start_gateway(scene, i);
    for (size_t i = 0; i < options->merchants; i++, scene->merchant_count++)
        provision(scene, i);
}

void scene_close(struct scene *scene) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_stop_gateway(scene, i);
    store_close(scene->store);
    scene->store = NULL;
    sim_process_kill(scene->platform_process);
    sandbox_close(scene->sandbox);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        metrics_close(scene->metrics[i]);
    till_arena_clean_up(&scene->arena);
}
