/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: security cases S-001 to S-011, S-013. Each refusal beside the request that passes. */
#include "api_world.h"

#include <stdio.h>

#include <sqlite3.h>

#include <gateway/flow/flow.h>
#include <till/signing.h>

static struct api api;

static int open_api(void **state) {
    (void)state;
    api_open(&api, 11);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    api_close(&api);
    return 0;
}

static struct api_request list(void) {
    return (struct api_request){.method = "GET", .target = "/v1/payments"};
}

/* A row as an old version, or a thief with the master key, might have left it. */
static void plant_blank_secret(const char *key_id) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    uint8_t master[TILL_SEAL_KEY_SIZE], nonce[TILL_SEAL_NONCE_SIZE] = {1};
    char context[TILL_ID_SIZE + 8];
    struct till_str sealed;
    struct till_error err;
    memset(master, 7, sizeof master);
    snprintf(context, sizeof context, "keys/%s", key_id);
    assert_true(
        till_seal(&api.arena, master, nonce, till_str_of(context), TILL_STR(""), &sealed, &err));
    assert_int_equal(sqlite3_open(api.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE keys SET sealed_secret = ? WHERE id = ?", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(statement, 1, sealed.ptr, (int)sealed.len, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement, 2, key_id, -1, SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void s001_a_blank_secret_opens_nothing(void **state) {
    (void)state;
    struct till_error err;
    struct key_row weak = {.algorithm = TILL_SIGNING_HMAC_SHA256, .enabled = true};
    snprintf(weak.id, sizeof weak.id, "key_blank");
    snprintf(weak.app_id, sizeof weak.app_id, "%s", api.app_id);
    assert_false(store_key_add(api.store, &weak, &err));
    assert_int_equal(err.code, TILL_E_KEY_WEAK);
    memset(weak.secret.bytes, 'x', 31);
    weak.secret.len = 31;
    assert_false(store_key_add(api.store, &weak, &err));
    assert_int_equal(err.code, TILL_E_KEY_WEAK);
    /* HMAC pads its key with zeros: 32 of them sign exactly as the empty key does. */
    struct api_key blank = api.key;
    memset(blank.secret.bytes, 0, TILL_SECRET_MIN);
    blank.secret.len = TILL_SECRET_MIN;
    struct api_request request = list();
    api_expect(api_send(&api, &request), 200, "");
    gateway_close(&api.gw);
    store_close(api.store);
    api_reopen(&api); /* nothing is cached; a start would refuse what comes now */
    plant_blank_secret(api.key.id);
    request.key = &blank;
    api_expect(api_send(&api, &request), 401, "unauthorized");
    request.key = NULL;
    api_expect(api_send(&api, &request), 401, "unauthorized");
}

/* Signed under a pair whose public half the app uploaded. */
static const char *keyed_authorization(const struct till_key *key, const char *key_id,
                                       const char *nonce) {
    struct till_str header;
    struct till_error err;
    const char *text;
    struct till_signed_request request = {.method = TILL_STR("GET"),
                                          .host = TILL_STR(API_HOST),
                                          .target = TILL_STR("/v1/payments"),
                                          .timestamp_s = world_now_us(api.world) / SECOND,
                                          .nonce = till_str_of(nonce)};
    assert_true(till_signing_authorize_by_key(&api.arena, &request, till_str_of(key_id), key,
                                              &header, &err));
    assert_true(till_arena_cstr(&api.arena, header, &text, &err));
    return text;
}

/* As another instance over the same store does it. */
static void run_elsewhere(const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(api.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void s013_a_key_switched_off_by_another_instance_is_dead_within_two_seconds(void **state) {
    (void)state;
    struct till_error err;
    struct key_row row = {.id = "key_of_its_own", .enabled = true};
    struct till_str line;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct api_request by_secret = list(), by_key = list();
    assert_true(till_key_generate_ed25519(&key, &err));
    assert_true(till_key_export(&api.arena, key, TILL_KEY_SPKI_BASE64, &line, &err));
    assert_true(key_row_set_public(&row, line, &err));
    memcpy(row.app_id, api.app_id, sizeof row.app_id);
    assert_true(store_key_add(api.store, &row, &err));
    by_key.authorization = keyed_authorization(key, row.id, "nonce-while-it-lives");
    api_expect(api_send(&api, &by_secret), 200, "");
    api_expect(api_send(&api, &by_key), 200, "");
    run_elsewhere("UPDATE keys SET enabled = 0; UPDATE store_facts SET config_epoch = config_epoch"
                  " + 1");
    world_inline_advance(api.world, 2 * SECOND);
    by_key.authorization = keyed_authorization(key, row.id, "nonce-after-its-end");
    api_expect(api_send(&api, &by_secret), 401, "unauthorized");
    api_expect(api_send(&api, &by_key), 401, "unauthorized");
    run_elsewhere("UPDATE keys SET enabled = 1; UPDATE store_facts SET config_epoch = config_epoch"
                  " + 1");
    world_inline_advance(api.world, 2 * SECOND);
    by_key.authorization = keyed_authorization(key, row.id, "nonce-when-it-is-back");
    api_expect(api_send(&api, &by_secret), 200, "");
    api_expect(api_send(&api, &by_key), 200, "");
}

/* Ed25519's neutral point as a key: one signature fits every text under it. */
#define NEUTRAL_KEY "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define NEUTRAL_SIGNATURE                                                                          \
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                                                 \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

/* As an old version, or a thief with the master key, might have left it. */
static void plant_public_key(const char *key_id, const char *line) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    uint8_t master[TILL_SEAL_KEY_SIZE], nonce[TILL_SEAL_NONCE_SIZE] = {2};
    char context[TILL_ID_SIZE + 8];
    struct till_str sealed;
    struct till_error err;
    memset(master, 7, sizeof master);
    snprintf(context, sizeof context, "keys/%s", key_id);
    assert_true(till_seal(&api.arena, master, nonce, till_str_of(context), till_str_of(line),
                          &sealed, &err));
    assert_int_equal(sqlite3_open(api.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "INSERT INTO keys(id, app_id, algorithm, sealed_secret,"
                                        " enabled, created_us, fingerprint) VALUES (?1, ?2,"
                                        " 'ed25519', ?3, 1, 1, printf('%064d', 1))",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(statement, 1, key_id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement, 2, api.app_id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(statement, 3, sealed.ptr, (int)sealed.len, SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void s001_a_forgeable_public_key_in_an_old_row_opens_nothing(void **state) {
    (void)state;
    struct till_error err;
    struct till_str text;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct api_request request = list();
    char header[512];
    plant_public_key("key_neutral", NEUTRAL_KEY);
    snprintf(header, sizeof header,
             "TILL-ED25519 key=key_neutral,timestamp=%lld,nonce=nonce-of-a-forger-1,signature=%s",
             (long long)(world_now_us(api.world) / SECOND), NEUTRAL_SIGNATURE);
    request.authorization = header;
    api_expect(api_send(&api, &request), 401, "unauthorized");
    /* The signature itself would do: it is the key that is not taken. */
    assert_true(till_key_parse_public(TILL_STR(NEUTRAL_KEY), &key, &err));
    text = TILL_STR("any text");
    assert_true(till_key_verify(key, TILL_ED25519, text, TILL_STR(NEUTRAL_SIGNATURE), &err));
}

/* The bodies are equal but for the request's id. */
static void same_refusal(const struct api_answer *a, const struct api_answer *b) {
    struct till_str end = TILL_STR("\"request_id\"");
    size_t cut = 0;
    assert_int_equal(a->status, 401);
    assert_int_equal(b->status, 401);
    while (!till_str_starts_with(till_str_sub(a->body, cut, a->body.len), end))
        cut++;
    assert_true(cut > 100);
    assert_true(till_str_equal(till_str_sub(a->body, 0, cut), till_str_sub(b->body, 0, cut)));
    assert_int_equal(a->body.len, b->body.len);
}

static void s002_a_missing_signature_reads_like_a_wrong_one(void **state) {
    (void)state;
    struct api_request request = list();
    request.authorization = "";
    struct api_answer missing = api_send(&api, &request);
    request.authorization =
        "TILL-HMAC-SHA256 key=key_nobody,timestamp=1767225600,nonce=nonce-of-nobody-1,"
        "signature=0000000000000000000000000000000000000000000000000000000000000000";
    struct api_answer unknown = api_send(&api, &request);
    struct api_key wrong = api.key;
    wrong.secret.bytes[0] ^= 1;
    request = list();
    request.key = &wrong;
    struct api_answer bad = api_send(&api, &request);
    same_refusal(&missing, &unknown);
    same_refusal(&missing, &bad);
    assert_true(till_str_is(api_header(&bad, "WWW-Authenticate"),
                            "TILL-HMAC-SHA256 realm=\"till\", TILL-RSA-SHA256 realm=\"till\", "
                            "TILL-ED25519 realm=\"till\", Bearer realm=\"till\""));
    assert_true(api_metric(&api, METRIC_SECURITY, "request_refused", NULL) == 3);
}

/* Signs honestly, then changes the text of the signature. */
static const char *authorization(struct api_request *request, const char *nonce) {
    struct till_str header;
    struct till_error err;
    const char *text;
    struct till_signed_request signed_request = {.method = till_str_of(request->method),
                                                 .host = TILL_STR(API_HOST),
                                                 .target = till_str_of(request->target),
                                                 .timestamp_s = world_now_us(api.world) / SECOND +
                                                                request->clock_offset_s,
                                                 .nonce = till_str_of(nonce),
                                                 .body = till_str_of(request->body)};
    assert_true(till_signing_authorize(&api.arena, &signed_request, till_str_of(api.key.id),
                                       &api.key.secret, &header, &err));
    assert_true(till_arena_cstr(&api.arena, header, &text, &err));
    return text;
}

static void s003_a_shortened_signature_is_wrong(void **state) {
    (void)state;
    struct api_request request = list();
    char text[512];
    snprintf(text, sizeof text, "%s", authorization(&request, "nonce-for-shortening"));
    request.authorization = text;
    text[strlen(text) - (64 - 16)] = 0; /* 8 bytes of the MAC are left */
    api_expect(api_send(&api, &request), 401, "unauthorized");
    snprintf(text, sizeof text, "%s", authorization(&request, "nonce-for-shortening"));
    api_expect(api_send(&api, &request), 200, "");
}

static void s004_the_window_is_300_seconds(void **state) {
    (void)state;
    struct api_request request = list();
    request.clock_offset_s = -301;
    api_expect(api_send(&api, &request), 401, "timestamp_outside_window");
    request.clock_offset_s = -299;
    api_expect(api_send(&api, &request), 200, "");
    request.clock_offset_s = 301;
    api_expect(api_send(&api, &request), 401, "timestamp_outside_window");
    request.clock_offset_s = 299;
    api_expect(api_send(&api, &request), 200, "");
}

static void s005_a_request_takes_effect_once(void **state) {
    (void)state;
    struct api_request request = {.method = "POST",
                                  .target = "/v1/payments",
                                  .body = api_order(&api, "S005", "990", ""),
                                  .nonce = "the-same-nonce-twice"};
    api_expect(api_send(&api, &request), 201, "");
    world_inline_advance(api.world, 2 * SECOND);
    request.clock_offset_s = -2; /* byte for byte the first request */
    api_expect(api_send(&api, &request), 401, "nonce_used");
    assert_int_equal(api_payments(&api), 1);
    assert_int_equal(platform_alipay_calls(&api.platform, "alipay.trade.precreate"), 1);
    /* A read is replayed no better. */
    struct api_request read = list();
    read.nonce = "the-same-nonce-of-a-read";
    api_expect(api_send(&api, &read), 200, "");
    api_expect(api_send(&api, &read), 401, "nonce_used");
}

static void s006_a_changed_body_is_refused(void **state) {
    (void)state;
    struct api_request request = {.method = "POST",
                                  .target = "/v1/payments",
                                  .body = api_order(&api, "S006", "990", ""),
                                  .signed_body = api_order(&api, "S006", "991", "")};
    api_expect(api_send(&api, &request), 401, "unauthorized");
    assert_int_equal(api_payments(&api), 0);
    request.signed_body = NULL;
    api_expect(api_send(&api, &request), 201, "");
}

static void s007_a_query_behind_the_signature_is_refused(void **state) {
    (void)state;
    struct api_request request = {.method = "GET",
                                  .target = "/v1/payments?limit=5&amount=1",
                                  .signed_target = "/v1/payments?limit=5"};
    api_expect(api_send(&api, &request), 401, "unauthorized");
    request.target = "/v1/payments?limit=5";
    api_expect(api_send(&api, &request), 200, "");
}

static void s008_an_escaped_path_is_another_path(void **state) {
    (void)state;
    struct api_request request = {
        .method = "GET", .target = "/v1/%70ayments", .signed_target = "/v1/payments"};
    api_expect(api_send(&api, &request), 404, "not_found");
    request.signed_target = NULL; /* signed as sent: still nobody's path */
    api_expect(api_send(&api, &request), 404, "not_found");
}

static void s009_an_app_orders_for_itself_only(void **state) {
    (void)state;
    char other[TILL_ID_SIZE], more[128];
    struct api_key other_key;
    api_second_app(&api, other, &other_key);
    snprintf(more, sizeof more, ",\"merchant_id\":\"%s\"", other);
    struct api_answer existing = api_create(&api, "S009", "990", more);
    struct api_answer made_up = api_create(&api, "S009", "990", ",\"merchant_id\":\"app_none\"");
    api_expect(existing, 403, "forbidden");
    api_expect(made_up, 403, "forbidden");
    assert_string_equal(api_text(&api, &existing, "detail"), api_text(&api, &made_up, "detail"));
    assert_int_equal(api_payments(&api), 0);
    snprintf(more, sizeof more, ",\"merchant_id\":\"%s\"", api.app_id);
    api_expect(api_create(&api, "S009", "990", more), 201, "");
}

static void s010_the_algorithm_comes_from_the_key(void **state) {
    (void)state;
    static const char *const PREFIXES[] = {"none", "HMAC-MD5", "TILL-HMAC-MD5", "Bearer"};
    static const char *const CODES[] = {"unauthorized", "unauthorized", "unauthorized",
                                        "invalid_token"}; /* a token of nobody */
    struct api_request request = list();
    char text[512], changed[640];
    snprintf(text, sizeof text, "%s", authorization(&request, "nonce-of-algorithms"));
    for (size_t i = 0; i < 4; i++) {
        snprintf(changed, sizeof changed, "%s%s", PREFIXES[i], strchr(text, ' '));
        request.authorization = changed;
        api_expect(api_send(&api, &request), 401, CODES[i]);
    }
    snprintf(changed, sizeof changed, "%s,algorithm=none", text);
    api_expect(api_send(&api, &request), 401, "unauthorized");
    request.authorization = text;
    api_expect(api_send(&api, &request), 200, "");
}

static void s011_two_authorizations_are_ambiguous(void **state) {
    (void)state;
    struct api_request request = list();
    request.second_authorization =
        "TILL-HMAC-SHA256 key=key_other,timestamp=1767225600,nonce=nonce-of-another,"
        "signature=0000000000000000000000000000000000000000000000000000000000000000";
    api_expect(api_send(&api, &request), 400, "http_framing");
    request.second_authorization = NULL;
    api_expect(api_send(&api, &request), 200, "");
}

static void s013_a_disabled_key_is_dead_at_once(void **state) {
    (void)state;
    char path[128];
    api_expect(api_call(&api, "GET", "/v1/payments", NULL), 200, "");
    snprintf(path, sizeof path, "/admin/keys/%s/disable", api.key.id);
    api_expect(api_admin(&api, "POST", path, NULL), 200, "");
    api_expect(api_call(&api, "GET", "/v1/payments", NULL), 401, "unauthorized");
    snprintf(path, sizeof path, "/admin/keys/%s/enable", api.key.id);
    api_expect(api_admin(&api, "POST", path, NULL), 200, "");
    api_expect(api_call(&api, "GET", "/v1/payments", NULL), 200, "");
    snprintf(path, sizeof path, "/admin/apps/%s/disable", api.app_id);
    api_expect(api_admin(&api, "POST", path, NULL), 200, "");
    api_expect(api_call(&api, "GET", "/v1/payments", NULL), 401, "unauthorized");
}

/* A new key beside the only one; the old one ends in a minute. */
static struct api_key rotate_key(void) {
    char body[128], path[128];
    struct api_key made = {.secret = {.len = 0}};
    struct till_str secret;
    struct till_error err;
    snprintf(body, sizeof body, "{\"app_id\":\"%s\"}", api.app_id);
    struct api_answer answer = api_admin(&api, "POST", "/admin/keys", body);
    assert_int_equal(answer.status, 201);
    snprintf(made.id, sizeof made.id, "%s", api_text(&api, &answer, "id"));
    assert_true(
        till_hex_decode(&api.arena, till_str_of(api_text(&api, &answer, "secret")), &secret, &err));
    made.secret.len = secret.len;
    memcpy(made.secret.bytes, secret.ptr, secret.len);
    snprintf(path, sizeof path, "/admin/keys/%s/end", api.key.id);
    api_expect(api_admin(&api, "POST", path, "{\"in_seconds\":60}"), 200, "");
    return made;
}

static struct api_answer list_by(const struct api_key *key) {
    struct api_request request = list();
    request.key = key;
    return api_send(&api, &request);
}

static void an_old_key_ends_at_its_second_and_no_clock_revives_it(void **state) {
    (void)state;
    int64_t next_us;
    struct api_key made = rotate_key();
    world_sleep_us(api.world, 60 * SECOND - SECOND / 2);
    api_expect(list_by(&api.key), 200, "");
    api_expect(list_by(&made), 200, "");
    world_sleep_us(api.world, SECOND / 2);
    api_expect(list_by(&api.key), 401, "unauthorized");
    api_expect(list_by(&made), 200, "");
    housekeep_once(&api.gw, &next_us); /* switched off for good */
    world_inline_jump_wall(api.world, -3600 * SECOND);
    api_expect(list_by(&api.key), 401, "unauthorized");
    api_expect(list_by(&made), 200, "");
    /* And the one that is left takes no end. */
    char path[128];
    snprintf(path, sizeof path, "/admin/keys/%s/end", made.id);
    api_expect(api_admin(&api, "POST", path, "{\"in_seconds\":60}"), 409, "state_conflict");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(s001_a_blank_secret_opens_nothing),
        CASE(s002_a_missing_signature_reads_like_a_wrong_one),
        CASE(s003_a_shortened_signature_is_wrong),
        CASE(s004_the_window_is_300_seconds),
        CASE(s005_a_request_takes_effect_once),
        CASE(s006_a_changed_body_is_refused),
        CASE(s007_a_query_behind_the_signature_is_refused),
        CASE(s008_an_escaped_path_is_another_path),
        CASE(s009_an_app_orders_for_itself_only),
        CASE(s010_the_algorithm_comes_from_the_key),
        CASE(s011_two_authorizations_are_ambiguous),
        CASE(s013_a_disabled_key_is_dead_at_once),
        CASE(s013_a_key_switched_off_by_another_instance_is_dead_within_two_seconds),
        CASE(s001_a_forgeable_public_key_in_an_old_row_opens_nothing),
        CASE(an_old_key_ends_at_its_second_and_no_clock_revives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
