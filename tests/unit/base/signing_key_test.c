/* SPDX-License-Identifier: Apache-2.0 */
/* Requests signed with RSA and Ed25519: which keys may, what verifies, and what never does. */
#include <stdio.h>

#include <till/encode.h>
#include <till/signing.h>
#include <till/time.h>
#include <till/webhook.h>

#include "tests/unit/base/base_test.h"
#include "tests/unit/base/key_samples.h"
#include "tests/unit/base/signing_samples.h"

#define NONCE "n-0123456789_ABC"
#define KEY_ID TILL_STR("key_1")

/* One pair a kind, made once. */
static struct till_key *rsa, *ed25519, *other_rsa, *other_ed25519;

static int make_keys(void **state) {
    (void)state;
    struct till_error err;
    must(till_key_generate_rsa(2048, &rsa, &err));
    must(till_key_generate_rsa(2048, &other_rsa, &err));
    must(till_key_generate_ed25519(&ed25519, &err));
    must(till_key_generate_ed25519(&other_ed25519, &err));
    return 0;
}

static int free_keys(void **state) {
    (void)state;
    till_key_free(rsa);
    till_key_free(other_rsa);
    till_key_free(ed25519);
    till_key_free(other_ed25519);
    return 0;
}

static struct pair {
    struct till_key **key, **other;
    enum till_signing_algorithm algorithm;
    const char *scheme;
} pairs[] = {
    {&rsa, &other_rsa, TILL_SIGNING_RSA_SHA256, "TILL-RSA-SHA256 "},
    {&ed25519, &other_ed25519, TILL_SIGNING_ED25519, "TILL-ED25519 "},
};

static struct till_signed_request sample(void) {
    return (struct till_signed_request){.method = TILL_STR("POST"),
                                        .host = TILL_STR("pay.example:8080"),
                                        .target = TILL_STR("/v1/payments?a=1"),
                                        .timestamp_s = 1795341600,
                                        .nonce = TILL_STR(NONCE),
                                        .body = TILL_STR("{\"amount\":990}")};
}

static struct till_key *public_of(struct till_arena *arena, const struct till_key *key) {
    struct till_error err;
    struct till_str line;
    struct till_key *half = NULL;
    must(till_key_export(arena, key, TILL_KEY_SPKI_BASE64, &line, &err));
    must(till_key_parse_public(line, &half, &err));
    return half;
}

static struct till_authorization authorize(struct till_arena *arena, const struct till_key *key,
                                           const struct till_signed_request *request) {
    struct till_error err;
    struct till_str header;
    struct till_authorization got = {.timestamp_s = 0};
    must(till_signing_authorize_by_key(arena, request, KEY_ID, key, &header, &err));
    must(till_signing_parse(header, &got, &err));
    return got;
}

static void what_was_signed_verifies_under_the_public_half_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        ARENA(arena);
        struct till_error err;
        struct till_str header;
        struct till_signed_request request = sample();
        TILL_KEY_SCOPED struct till_key *half = public_of(&arena, *pairs[i].key);
        struct till_authorization got = authorize(&arena, *pairs[i].key, &request);
        assert_int_equal(got.claimed, pairs[i].algorithm);
        assert_str(got.key_id, "key_1");
        must(till_signing_verify_by_key(&arena, &request, got.signature, pairs[i].algorithm, half,
                                        &err));
        must_refuse(KEY_INVALID,
                    till_signing_authorize_by_key(&arena, &request, KEY_ID, half, &header, &err));
        must_refuse(FIELD_INVALID, till_signing_authorize_by_key(&arena, &request, TILL_STR("a,b"),
                                                                 *pairs[i].key, &header, &err));
        must(till_signing_authorize_by_key(&arena, &request, KEY_ID, *pairs[i].key, &header, &err));
        assert_true(till_str_starts_with(header, till_str_of(pairs[i].scheme)));
    }
}

static void the_string_to_sign_is_the_one_of_hmac(void **state) {
    (void)state;
    static const enum till_signature signature[] = {TILL_RSA_SHA256, TILL_ED25519};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        ARENA(arena);
        struct till_error err;
        struct till_str text;
        struct till_signed_request request = sample();
        struct till_authorization got = authorize(&arena, *pairs[i].key, &request);
        must(till_signing_canonical(&arena, &request, &text, &err));
        must(till_key_verify(*pairs[i].key, signature[i], text, got.signature, &err));
    }
}

static void every_part_of_the_request_is_signed(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        ARENA(arena);
        struct till_error err;
        struct till_signed_request request = sample();
        struct till_authorization got = authorize(&arena, *pairs[i].key, &request);
        struct till_signed_request changed[6];
        for (size_t n = 0; n < COUNT(changed); n++)
            changed[n] = request;
        changed[0].method = TILL_STR("PUT");
        changed[1].host = TILL_STR("pay.example:8081"); /* S-110: made for another endpoint */
        changed[2].target = TILL_STR("/v1/payments?a=2");
        changed[3].timestamp_s++;
        changed[4].nonce = TILL_STR("n-0123456789_ABD");
        changed[5].body = TILL_STR("{\"amount\":991}");
        for (size_t n = 0; n < COUNT(changed); n++)
            must_refuse(SIGNATURE_WRONG,
                        till_signing_verify_by_key(&arena, &changed[n], got.signature,
                                                   pairs[i].algorithm, *pairs[i].key, &err));
        changed[0].method = TILL_STR("PO ST"); /* what nobody can sign is not signed */
        must_refuse(SIGNATURE_WRONG,
                    till_signing_verify_by_key(&arena, &changed[0], got.signature,
                                               pairs[i].algorithm, *pairs[i].key, &err));
    }
}

static void a_changed_or_shortened_signature_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        ARENA(arena);
        struct till_error err;
        struct till_signed_request request = sample();
        struct till_authorization got = authorize(&arena, *pairs[i].key, &request);
        char *text = (char *)(uintptr_t)got.signature.ptr;
        for (size_t at = 0; at < got.signature.len; at += 7) {
            char was = text[at];
            text[at] = was == 'A' ? 'B' : 'A';
            must_refuse(SIGNATURE_WRONG,
                        till_signing_verify_by_key(&arena, &request, got.signature,
                                                   pairs[i].algorithm, *pairs[i].key, &err));
            text[at] = was;
        }
        for (size_t len = 0; len < got.signature.len; len += 4)
            must_refuse(SIGNATURE_WRONG, till_signing_verify_by_key(
                                             &arena, &request, till_str_sub(got.signature, 0, len),
                                             pairs[i].algorithm, *pairs[i].key, &err));
        must(till_signing_verify_by_key(&arena, &request, got.signature, pairs[i].algorithm,
                                        *pairs[i].key, &err));
    }
}

static void S_010_another_key_or_another_kind_never_verifies(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_signed_request request = sample();
    struct till_authorization by_rsa = authorize(&arena, rsa, &request);
    struct till_authorization by_ed25519 = authorize(&arena, ed25519, &request);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct till_str own = i == 0 ? by_rsa.signature : by_ed25519.signature;
        struct till_str foreign = i == 0 ? by_ed25519.signature : by_rsa.signature;
        must_refuse(SIGNATURE_WRONG,
                    till_signing_verify_by_key(&arena, &request, own, pairs[i].algorithm,
                                               *pairs[i].other, &err));
        must_refuse(SIGNATURE_WRONG,
                    till_signing_verify_by_key(&arena, &request, foreign, pairs[i].algorithm,
                                               *pairs[i].key, &err));
        for (int algorithm = 0; algorithm < TILL_SIGNING_ALGORITHMS; algorithm++)
            if ((enum till_signing_algorithm)algorithm != pairs[i].algorithm)
                must_refuse(KEY_INVALID,
                            till_signing_verify_by_key(&arena, &request, own,
                                                       (enum till_signing_algorithm)algorithm,
                                                       *pairs[i].key, &err));
    }
}

/* The classic: the public key, which everybody has, taken for an HMAC secret. */
static void S_010_a_public_key_is_no_secret(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str line, header;
    struct till_authorization got;
    struct till_secret secret = {.len = TILL_SECRET_MAX};
    struct till_signed_request request = sample();
    must(till_key_export(&arena, rsa, TILL_KEY_SPKI_BASE64, &line, &err));
    memcpy(secret.bytes, line.ptr, TILL_SECRET_MAX);
    must(till_signing_authorize(&arena, &request, KEY_ID, &secret, &header, &err));
    must(till_signing_parse(header, &got, &err));
    assert_int_equal(got.claimed, TILL_SIGNING_HMAC_SHA256);
    must_refuse(SIGNATURE_WRONG, till_signing_verify_by_key(&arena, &request, got.signature,
                                                            TILL_SIGNING_RSA_SHA256, rsa, &err));
}

static void S_110_an_empty_or_foreign_secret_verifies_nothing(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_authorization got;
    struct till_secret secret = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};
    struct till_secret foreign = {.bytes = "0123456789abcdef0123456789abcdeX", .len = 32};
    struct till_secret empty = {.len = 0};
    struct till_signed_request request = sample(), elsewhere = sample(), later = sample();
    must(till_signing_authorize(&arena, &request, KEY_ID, &secret, &header, &err));
    must(till_signing_parse(header, &got, &err));
    must(till_signing_verify(&arena, &request, got.signature, &secret, &err));
    elsewhere.target = TILL_STR("/v1/webhook-endpoints");
    must_refuse(SIGNATURE_WRONG,
                till_signing_verify(&arena, &elsewhere, got.signature, &secret, &err));
    later.timestamp_s += 301; /* a replay under a new time: the time is signed, too */
    must_refuse(SIGNATURE_WRONG, till_signing_verify(&arena, &later, got.signature, &secret, &err));
    must_refuse(SIGNATURE_WRONG,
                till_signing_verify(&arena, &request, got.signature, &foreign, &err));
    must_refuse(KEY_WEAK, till_signing_verify(&arena, &request, got.signature, &empty, &err));
}

static void
S_110_a_webhook_of_another_endpoint_of_old_or_without_a_secret_is_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    const struct till_str id = TILL_STR("evt_1"), body = TILL_STR("{\"type\":\"payment\"}");
    const int64_t second = 1795341600, now_us = second * TILL_US_PER_SECOND;
    const int64_t window_us = TILL_WEBHOOK_TOLERANCE_S * TILL_US_PER_SECOND;
    const struct till_str at = TILL_STR("1795341600");
    struct till_secret mine = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};
    struct till_secret other = {.bytes = "fedcba9876543210fedcba9876543210", .len = 32};
    struct till_secret empty = {.len = 0};
    must(till_webhook_sign(&arena, &mine, 1, id, second, body, &header, &err));
    must(till_webhook_verify(&mine, id, at, header, body, now_us, &err));
    must(till_webhook_verify(&mine, id, at, header, body, now_us + window_us, &err));
    must_refuse(SIGNATURE_WRONG, till_webhook_verify(&other, id, at, header, body, now_us, &err));
    must_refuse(TIMESTAMP_OUTSIDE,
                till_webhook_verify(&mine, id, at, header, body, now_us + window_us + 1, &err));
    must_refuse(TIMESTAMP_OUTSIDE,
                till_webhook_verify(&mine, id, at, header, body, now_us - window_us - 1, &err));
    must_refuse(KEY_WEAK, till_webhook_verify(&empty, id, at, header, body, now_us, &err));
}

static void weak_and_strange_keys_may_not_sign(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum till_code code;
        const char *says;
    } bad[] = {
        {sample_public, TILL_E_KEY_WEAK, "1024 bits"},
        {weak_rsa_2047, TILL_E_KEY_WEAK, "2047 bits"},
        {weak_rsa_exponent_1, TILL_E_KEY_WEAK, "exponent"},
        {weak_rsa_exponent_3, TILL_E_KEY_WEAK, "exponent"},
        {weak_rsa_exponent_even, TILL_E_KEY_WEAK, "exponent"},
        {weak_rsa_exponent_large, TILL_E_KEY_WEAK, "exponent"},
        {weak_rsa_small_factor, TILL_E_KEY_WEAK, "modulus"},
        {weak_rsa_prime, TILL_E_KEY_WEAK, "modulus"},
        {large_rsa_5120, TILL_E_KEY_INVALID, "5120 bits"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct till_error err = {.code = TILL_OK};
        enum till_signing_algorithm algorithm;
        TILL_KEY_SCOPED struct till_key *key = NULL;
        must(till_key_parse_public(till_str_of(bad[i].text), &key, &err));
        assert_false(till_signing_key_check(key, &algorithm, &err));
        if (err.code != bad[i].code || !strstr(err.text, bad[i].says))
            fail_msg("key %zu: %s", i, err.text);
    }
    struct till_error err = {.code = TILL_OK};
    TILL_KEY_SCOPED struct till_key *key = NULL;
    must_refuse(KEY_INVALID, till_key_parse_public(TILL_STR(other_ec_p256), &key, &err));
    must_refuse(KEY_INVALID, till_key_parse_public(TILL_STR(sample_private), &key, &err));
    assert_non_null(strstr(err.text, "private key"));
}

static void sound_keys_of_all_sizes_may(void **state) {
    (void)state;
    static const char *const good[] = {good_rsa_2048, good_rsa_4096};
    struct till_error err;
    enum till_signing_algorithm algorithm = TILL_SIGNING_HMAC_SHA256;
    for (size_t i = 0; i < COUNT(good); i++) {
        TILL_KEY_SCOPED struct till_key *key = NULL;
        must(till_key_parse_public(till_str_of(good[i]), &key, &err));
        must(till_signing_key_check(key, &algorithm, &err));
        assert_int_equal(algorithm, TILL_SIGNING_RSA_SHA256);
    }
    must(till_signing_key_check(ed25519, &algorithm, &err));
    assert_int_equal(algorithm, TILL_SIGNING_ED25519);
}

/* Both spellings of the sign, so that the last bit is no way around. */
static void ed25519_points_of_small_order_are_refused(void **state) {
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
    ARENA(arena);
    for (size_t i = 0; i < 2 * COUNT(points); i++) {
        struct till_error err = {.code = TILL_OK};
        enum till_signing_algorithm algorithm;
        struct till_str der, line;
        char hex[24 + 64 + 1];
        TILL_KEY_SCOPED struct till_key *key = NULL;
        snprintf(hex, sizeof hex, "302a300506032b6570032100%s", points[i / 2]);
        must(till_hex_decode(&arena, till_str_of(hex), &der, &err));
        if (i % 2)
            ((char *)(uintptr_t)der.ptr)[der.len - 1] =
                (char)((unsigned char)der.ptr[der.len - 1] | 0x80);
        must(till_base64_encode(&arena, der, &line, &err));
        must(till_key_parse_public(line, &key, &err));
        must_refuse(KEY_WEAK, till_signing_key_check(key, &algorithm, &err));
    }
}

static void names_of_algorithms_go_both_ways(void **state) {
    (void)state;
    enum till_signing_algorithm found;
    for (int i = 0; i < TILL_SIGNING_ALGORITHMS; i++) {
        enum till_signing_algorithm algorithm = (enum till_signing_algorithm)i;
        assert_true(till_signing_algorithm_find(till_str_of(till_signing_algorithm_name(algorithm)),
                                                &found));
        assert_int_equal(found, algorithm);
    }
    static const char *const strange[] = {"", "none", "HMAC-SHA256", "rsa-sha1", "ed25519 "};
    for (size_t i = 0; i < COUNT(strange); i++)
        assert_false(till_signing_algorithm_find(till_str_of(strange[i]), &found));
}

/* A signature is spelled as its word says: hex for a secret, base64 of the right length for keys.
 */
static void the_word_says_how_the_signature_is_spelled(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_authorization got;
    struct till_str header;
    struct till_signed_request request = sample();
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct till_str text, changed;
        must(till_signing_authorize_by_key(&arena, &request, KEY_ID, *pairs[i].key, &header, &err));
        struct till_str rest = till_str_sub(header, strlen(pairs[i].scheme), header.len);
        must(
            till_arena_format(&arena, &changed, &err, "TILL-HMAC-SHA256 %.*s", TILL_STR_ARG(rest)));
        must_refuse(SIGNATURE_MISSING, till_signing_parse(changed, &got, &err));
        must(till_arena_format(&arena, &changed, &err, "%s%.*s", pairs[1 - i].scheme,
                               TILL_STR_ARG(rest)));
        must_refuse(SIGNATURE_MISSING, till_signing_parse(changed, &got, &err));
        must_refuse(SIGNATURE_MISSING,
                    till_signing_parse(till_str_sub(header, 0, header.len - 1), &got, &err));
        must(till_arena_format(&arena, &text, &err, "%.*s=", TILL_STR_ARG(header)));
        must_refuse(SIGNATURE_MISSING, till_signing_parse(text, &got, &err));
        must(till_signing_parse(header, &got, &err));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_verifies_under_the_public_half_alone),
        cmocka_unit_test(the_string_to_sign_is_the_one_of_hmac),
        cmocka_unit_test(every_part_of_the_request_is_signed),
        cmocka_unit_test(a_changed_or_shortened_signature_is_wrong),
        cmocka_unit_test(S_010_another_key_or_another_kind_never_verifies),
        cmocka_unit_test(S_010_a_public_key_is_no_secret),
        cmocka_unit_test(S_110_an_empty_or_foreign_secret_verifies_nothing),
        cmocka_unit_test(S_110_a_webhook_of_another_endpoint_of_old_or_without_a_secret_is_refused),
        cmocka_unit_test(weak_and_strange_keys_may_not_sign),
        cmocka_unit_test(sound_keys_of_all_sizes_may),
        cmocka_unit_test(ed25519_points_of_small_order_are_refused),
        cmocka_unit_test(names_of_algorithms_go_both_ways),
        cmocka_unit_test(the_word_says_how_the_signature_is_spelled),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
