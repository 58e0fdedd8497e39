/* SPDX-License-Identifier: Apache-2.0 */
/* S-132 and S-133: with whole exchanges being recorded, no canary leaves through log, error or
 * metric, and no text from outside begins a line of its own. */
#include "api_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gateway/guard/guard.h>
#include <rt/file.h>

static struct api api;
static char log_path[128];

static int open_api(void **state) {
    (void)state;
    api_open(&api, 61);
    snprintf(log_path, sizeof log_path, "%s/till.log", api.directory);
    api_log(&api, log_path);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    unlink(log_path);
    api_close(&api);
    return 0;
}

static struct till_str read_log(void) {
    struct till_str text;
    struct till_error err;
    assert_true(file_read(&api.arena, till_str_of(log_path), 64 << 20, &text, &err));
    return text;
}

static bool holds(struct till_str text, struct till_str part) {
    return part.len > 0 && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* 40 bytes out of the middle of a member of the account's settings. */
static struct till_str middle_of(const char *member) {
    struct till_json *settings = NULL;
    struct till_error err;
    struct till_str value;
    assert_true(
        till_json_parse(platform_alipay_settings(&api.platform, &api.arena), &settings, &err));
    assert_true(till_arena_copy(&api.arena, till_json_get_str(settings, member), &value, &err));
    till_json_release(settings);
    assert_true(value.len > 200);
    return till_str_sub(value, 100, 40);
}

#define AES_KEY "aa4BtZ4tspm2wnXLb1ThQA=="

static struct api_answer first, refused;

/* Every kind of end, with canaries wherever a person or a program could put them. */
static void run_flows(void) {
    char body[8192], hex[2 * TILL_SECRET_MAX + 1];
    const char *subject = ",\"metadata\":{\"phone\":\"13912345678\",\"note\":\"call 13987654321\"}";
    first = api_create(&api, "CANARY-1", "990", subject);
    api_expect(first, 201, "");
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_RESET_AFTER, 1);
    api_expect(api_create(&api, "CANARY-2", "990", ""), 201, "");
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_UNSENT, 1);
    api_expect(api_create(&api, "CANARY-3", "990", ""), 503, "upstream_unreachable");
    platform_alipay_whim(&api.platform, "alipay.trade.precreate", PLATFORM_WRONG_SIGNATURE, NULL,
                         9);
    api_expect(api_create(&api, "CANARY-4", "990", ""), 202, "");
    till_hex_encode(api.key.secret.bytes, api.key.secret.len, hex);
    snprintf(body, sizeof body, "{\"secret\":\"%s\",\"subject\":\"%s\"}", hex, hex);
    refused = api_call(&api, "POST", "/v1/payments", body);
    assert_int_equal(refused.status, 400);
    struct till_str settings = platform_alipay_settings(&api.platform, &api.arena);
    snprintf(body, sizeof body,
             "{\"app_id\":\"%s\",\"channel\":\"alipay\",\"name\":\"two\",\"settings\":"
             "{\"aes_key\":\"" AES_KEY "\",%.*s}",
             api.app_id, TILL_STR_ARG(till_str_sub(settings, 1, settings.len)));
    api_expect(api_admin(&api, "POST", "/admin/accounts", body), 201, "");
    snprintf(body, sizeof body, "{\"app_id\":\"%s\"}", api.app_id);
    api_expect(api_admin(&api, "POST", "/admin/keys", body), 201, "");
    api_expect(
        api_call(&api, "POST", "/v1/webhook-endpoints", "{\"url\":\"https://hook.example/\"}"), 201,
        "");
    struct api_request wrong = {.method = "GET", .target = "/v1/payments", .authorization = hex};
    api_expect(api_send(&api, &wrong), 401, "unauthorized");
}

static void s133_no_canary_is_written_down(void **state) {
    (void)state;
    struct till_str metrics;
    struct till_error err;
    char hex[2 * TILL_SECRET_MAX + 1];
    run_flows();
    till_hex_encode(api.key.secret.bytes, api.key.secret.len, hex);
    struct till_str log = read_log();
    struct till_str canaries[] = {till_str_of(hex),          middle_of("private_key"),
                                  TILL_STR(AES_KEY),         TILL_STR("whsec_"),
                                  TILL_STR("BEGIN PRIVATE"), TILL_STR("13912345678"),
                                  TILL_STR("13987654321"),   TILL_STR("07070707070707070707")};
    assert_true(metrics_write(api.metrics, &api.arena, &metrics, &err));
    for (size_t i = 0; i < sizeof canaries / sizeof canaries[0]; i++) {
        if (holds(log, canaries[i]))
            print_message("# in the log: %.*s\n", TILL_STR_ARG(canaries[i]));
        assert_false(holds(log, canaries[i]));
        assert_false(holds(metrics, canaries[i]));
        assert_false(holds(refused.body, canaries[i]));
    }
    /* The exchanges are there all the same, and useful. */
    assert_true(holds(log, TILL_STR("\"event\":\"exchange\"")));
    assert_true(holds(log, TILL_STR("alipay.trade.precreate")));
    assert_true(holds(log, TILL_STR("CANARY-1")));
    assert_true(holds(log, TILL_STR("[redacted]")));
}

static void s132_an_outside_text_is_one_escaped_line(void **state) {
    (void)state;
    struct till_error err;
    api_expect(api_create(&api, "x\\r\\n2026-01-01 INFO paid", "1", ""), 400, "field_invalid");
    struct api_request request = {
        .method = "GET",
        .target = "/v1/payments",
        .headers = {{TILL_STR("traceparent"), TILL_STR("x\r\n{\"event\":\"paid\"}")}}};
    api_expect(api_send(&api, &request), 200, "");
    security_event(&api.gw, "probe", "t", TILL_STR("x\r\n{\"event\":\"paid\"}"));
    struct till_str log = read_log();
    size_t lines = 0;
    while (log.len > 0) {
        size_t end = till_str_find(log, '\n');
        struct till_json *line = NULL;
        assert_true(till_json_parse(till_str_sub(log, 0, end), &line, &err));
        assert_false(till_str_is(till_json_get_str(line, "event"), "paid"));
        till_json_release(line);
        log = till_str_sub(log, end + 1, log.len);
        lines++;
    }
    assert_true(lines >= 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(s133_no_canary_is_written_down),
        CASE(s132_an_outside_text_is_one_escaped_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
