/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation fails once. A scenario runs to its end a first time; then once for each cap
 * below what it needed, and once for each of its calls of calloc, malloc (OpenSSL, jansson)
 * failing. Wanted each time: no crash, no leak (the sanitizers look), OUT_OF_MEMORY and no other
 * word, so that nobody is told that his text, key or signature is bad; results untouched. How:
 * tests/unit/shortage.h.
 */
#include <stdlib.h>

#include <till/certificate.h>
#include <till/crypto.h>
#include <till/encode.h>
#include <till/form.h>
#include <till/json.h>
#include <till/key.h>
#include <till/signing.h>
#include <till/webhook.h>

#include "tests/unit/base/samples.h"
#include "tests/unit/shortage.h"

#define UNTOUCHED TILL_STR("untouched")
static const struct till_secret secret = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};

static bool build_form(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    struct till_form form, back;
    struct till_str body;
    return till_form_init(arena, &form, err) &&
           till_form_add(&form, TILL_STR("b"), TILL_STR("2 & more"), err) &&
           till_form_add(&form, TILL_STR("a"), TILL_STR("1"), err) &&
           till_form_encode(arena, &form, &body, err) && till_form_parse(arena, body, &back, err) &&
           till_form_canonical(arena, &back, NULL, true, out, err);
}

static bool build_text(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    struct till_buf buf;
    struct till_str bytes;
    const char *text;
    till_buf_init(&buf, arena);
    for (int i = 0; i < 300; i++)
        till_buf_format(&buf, "%d,", i);
    return till_buf_finish(&buf, &bytes, err) && till_base64_encode(arena, bytes, &bytes, err) &&
           till_base64_decode(arena, bytes, &bytes, err) &&
           till_hex_decode(arena, TILL_STR("00ff"), &bytes, err) &&
           till_percent_decode(arena, TILL_STR("a%41"), true, &bytes, err) &&
           till_arena_cstr(arena, bytes, &text, err) &&
           till_arena_format(arena, out, err, "%s", text);
}

static bool build_json(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *parsed = NULL;
    if (!till_json_parse(TILL_STR("{\"a\":[1,{\"b\":\"c\"}],\"d\":null}"), &parsed, err))
        return false;
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    struct till_json *list = till_json_array();
    for (int i = 0; i < 12; i++)
        till_json_append_str(list, TILL_STR("x"));
    till_json_set(json, "list", list);
    till_json_set_int(json, "int", 1);
    till_json_set_text(json, "text", "text");
    till_json_set_copy(json, "copy", parsed);
    return till_json_write(arena, json, TILL_JSON_SORTED, out, err);
}

/*
 * Tokens of each kind and length, since the buffer of jansson's reader grows at another byte of
 * each. What is read without memory is refused, and never another text.
 */
static bool read_json(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    static const struct {
        const char *open, *letters, *close;
    } tokens[] = {
        {"[\"", "0123456789ab\\n\xe6\xb8\xa9", "\"]"},
        {"{\"", "0123456789ab\\n\xe6\xb8\xa9", "\":1}"},
        {"[", "123456789123456789", "]"},
        {"{\"n\":", "123456789123456789", "}"},
    };
    for (size_t i = 0; i < COUNT(tokens); i++) {
        for (const char *letters = tokens[i].letters; strlen(letters) > 9; letters++) {
            TILL_JSON_SCOPED struct till_json *parsed = NULL;
            struct till_str text;
            if (!till_arena_format(arena, &text, err, "%s%s%s", tokens[i].open, letters,
                                   tokens[i].close) ||
                !till_json_parse(text, &parsed, err) ||
                !till_json_write(arena, parsed, TILL_JSON_COMPACT, out, err))
                return false;
            assert_str_equal(*out, text);
        }
    }
    return true;
}

static bool build_signature(struct till_arena *arena, struct till_str *out,
                            struct till_error *err) {
    const struct till_signed_request request = {
        .method = TILL_STR("POST"),
        .host = TILL_STR("till.test"),
        .target = TILL_STR("/v1/payments"),
        .timestamp_s = 1,
        .nonce = TILL_STR("0123456789abcdef"),
    };
    struct till_authorization parsed;
    return till_signing_authorize(arena, &request, TILL_STR("key"), &secret, out, err) &&
           till_signing_parse(*out, &parsed, err) &&
           till_signing_verify(arena, &request, parsed.signature, &secret, err);
}

static bool build_webhook(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    struct till_secret copy;
    struct till_str text;
    return till_webhook_secret_format(arena, &secret, &text, err) &&
           till_webhook_secret_parse(text, &copy, err) &&
           till_webhook_sign(arena, &copy, 1, TILL_STR("id"), 1, TILL_STR("{}"), out, err) &&
           till_webhook_verify(&copy, TILL_STR("id"), TILL_STR("1"), *out, TILL_STR("{}"), 1000000,
                               err);
}

static bool build_seal(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    static const uint8_t key[TILL_SEAL_KEY_SIZE] = {1}, nonce[TILL_SEAL_NONCE_SIZE] = {2};
    struct till_str sealed;
    return till_seal(arena, key, nonce, TILL_STR("row"), TILL_STR("plain"), &sealed, err) &&
           till_open_seal(arena, key, TILL_STR("row"), sealed, out, err);
}

/* RFC 8032, test 1, behind so many words that each step of parsing needs a block of its own. */
static const char private_key[] = "-----BEGIN PRIVATE "
                                  "KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/"
                                  "VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";

static bool build_key(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_str text;
    char pasted[3000];
    memset(pasted, 'x', sizeof pasted);
    memcpy(pasted + sizeof pasted - sizeof private_key, private_key, sizeof private_key - 1);
    return till_key_parse_private((struct till_str){pasted, sizeof pasted}, &key, err) &&
           till_key_export(arena, key, TILL_KEY_PKCS8_PEM, &text, err) &&
           till_key_sign(arena, key, TILL_ED25519, TILL_STR("x"), out, err) &&
           till_key_verify(key, TILL_ED25519, TILL_STR("x"), *out, err);
}

static bool build_cipher(struct till_arena *arena, struct till_str *out, struct till_error *err) {
    struct till_secret key;
    struct till_str cipher;
    return till_aes_key_parse(TILL_STR("aa4BtZ4tspm2wnXLb1ThQA=="), &key, err) &&
           till_aes_encrypt(arena, &key, TILL_STR("{\"a\":\"b\"}"), &cipher, err) &&
           till_aes_decrypt(arena, &key, cipher, out, err);
}

/* A leaf of a published SDK's tests, as its file has it. */
static struct till_str leaf_pem;

static bool build_certificate(struct till_arena *arena, struct till_str *out,
                              struct till_error *err) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *list = NULL;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_certificate_facts facts;
    char sn[TILL_CERTIFICATE_SN_SIZE];
    return till_certificates_parse(leaf_pem, &list, err) &&
           till_certificate_describe(arena, list, 0, &facts, err) &&
           till_certificate_sn(list, 0, sn, err) && till_certificate_key(list, 0, &key, err) &&
           till_certificate_export(arena, list, 0, out, err);
}

/* What a merchant uploads, and what he signs with it: neither is called bad. */
static const struct till_signed_request signed_request = {.method = TILL_STR_INIT("POST"),
                                                          .host = TILL_STR_INIT("till.test"),
                                                          .target = TILL_STR_INIT("/v1/payments"),
                                                          .timestamp_s = 1,
                                                          .nonce =
                                                              TILL_STR_INIT("0123456789abcdef"),
                                                          .body = TILL_STR_INIT("{}")};
static struct till_str signed_header, uploaded_pem;

static bool take_uploaded_key(struct till_arena *arena, struct till_str *out,
                              struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    enum till_signing_algorithm algorithm;
    struct till_authorization parsed;
    return till_key_parse_public(uploaded_pem, &key, err) &&
           till_signing_key_check(key, &algorithm, err) &&
           till_signing_parse(signed_header, &parsed, err) &&
           till_signing_verify_by_key(arena, &signed_request, parsed.signature, algorithm, key,
                                      err) &&
           till_arena_copy(arena, TILL_STR("good"), out, err);
}

/* One key for the program, because making an RSA key takes longer than all the rest. */
static void sign_request(struct till_arena *arena) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_error err;
    must(till_key_generate_rsa(2048, &key, &err));
    must(till_key_export(arena, key, TILL_KEY_SPKI_PEM, &uploaded_pem, &err));
    must(till_signing_authorize_by_key(arena, &signed_request, TILL_STR("key"), key, &signed_header,
                                       &err));
}

typedef bool scenario(struct till_arena *arena, struct till_str *out, struct till_error *err);
static const struct {
    scenario *run;
    long apart; /* of the calls that fail; 1: each of them */
} scenarios[] = {{build_form, 1},        {build_text, 1},        {build_json, 1},
                 {read_json, 1},         {build_signature, 1},   {build_webhook, 1},
                 {build_seal, 1},        {build_key, 1},         {build_cipher, 1},
                 {build_certificate, 1}, {take_uploaded_key, 23}};

/* TORTURE_WHOLE=1: each call of each scenario, which takes minutes. */
static long apart_of(size_t i) {
    return getenv("TORTURE_WHOLE") ? 1 : scenarios[i].apart;
}

static void every_cap_below_the_need_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        struct till_error err;
        struct till_str out;
        struct till_arena arena = arena_of(1 << 20);
        must(scenarios[i].run(&arena, &out, &err));
        size_t need = arena.used;
        till_arena_clean_up(&arena);
        for (size_t cap = 0; cap < need; cap += 16) {
            arena = arena_of(cap);
            must_refuse(ARENA_FULL, scenarios[i].run(&arena, &out, &err));
            till_arena_clean_up(&arena);
        }
        arena = arena_of(need);
        must(scenarios[i].run(&arena, &out, &err));
        till_arena_clean_up(&arena);
    }
}

/* Fails the call n; false when there were fewer calls. */
static bool fail_call(scenario *run, long n) {
    struct till_error err = {.code = TILL_OK};
    struct till_str out = UNTOUCHED;
    struct till_arena arena = arena_of(1 << 20);
    shortage.failed = false;
    shortage.calls_left = n;
    bool good = run(&arena, &out, &err);
    shortage.calls_left = -1;
    if (good)
        assert_false(shortage.failed && shortage.ever_since);
    else if (!shortage.failed || err.code != TILL_E_OUT_OF_MEMORY)
        fail_msg("call %ld: %s: %s", n, till_code_slug(err.code), err.text);
    till_arena_clean_up(&arena);
    return shortage.failed;
}

static void every_call_for_memory_may_fail(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        long n = 0;
        shortage.ever_since = false;
        while (fail_call(scenarios[i].run, n))
            n += apart_of(i);
        assert_true(n > 0);
    }
}

static void memory_may_be_gone_from_any_call_on(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        long n = 0;
        shortage.ever_since = true;
        while (fail_call(scenarios[i].run, n))
            n += apart_of(i);
        shortage.ever_since = false;
        assert_true(n > 0);
    }
}

static void no_key_is_generated_without_memory(void **state) {
    (void)state;
    struct till_error err;
    struct till_key *key = NULL;
    shortage.ever_since = true;
    shortage.calls_left = 0;
    bool good = till_key_generate_rsa(2048, &key, &err);
    shortage.ever_since = false;
    shortage.calls_left = -1;
    assert_false(good);
    assert_int_equal(err.code, TILL_E_OUT_OF_MEMORY);
    assert_null(key);
}

static void the_machine_without_memory_is_told_from_the_cap(void **state) {
    (void)state;
    struct till_error err;
    struct till_str out = UNTOUCHED;
    struct till_arena arena = arena_of(1 << 20);
    shortage.calls_left = 0;
    must_refuse(OUT_OF_MEMORY, till_arena_copy(&arena, TILL_STR("x"), &out, &err));
    assert_true(arena.full && arena.starved);
    assert_str(out, "untouched");
    till_arena_clean_up(&arena);
    assert_false(arena.full || arena.starved);
}

int main(void) {
    static struct till_arena files;
    if (!shortage_prepare())
        return 1;
    till_arena_init(&files, 1 << 20);
    leaf_pem = sample_file(&files, "alipay/certs/node-app.crt");
    sign_request(&files);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cap_below_the_need_is_refused),
        cmocka_unit_test(every_call_for_memory_may_fail),
        cmocka_unit_test(memory_may_be_gone_from_any_call_on),
        cmocka_unit_test(no_key_is_generated_without_memory),
        cmocka_unit_test(the_machine_without_memory_is_told_from_the_cap),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    till_arena_clean_up(&files);
    return failed;
}
