/* SPDX-License-Identifier: Apache-2.0 */
#include <till/crypto.h>
#include <till/encode.h>

#include "tests/unit/base/base_test.h"

static void sha256_follows_fips_180(void **state) {
    (void)state;
    uint8_t digest[TILL_SHA256_SIZE];
    char hex[2 * TILL_SHA256_SIZE + 1];
    till_sha256(TILL_STR("abc"), digest);
    till_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    till_sha256(TILL_STR_NONE, digest);
    till_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void an_empty_key_signs_nothing(void **state) {
    (void)state;
    struct till_error err;
    uint8_t mac[TILL_SHA256_SIZE] = {7};
    must_refuse(KEY_WEAK, till_hmac_sha256(TILL_STR_NONE, TILL_STR("x"), mac, &err));
    assert_int_equal(mac[0], 7);
    must(till_hmac_sha256(TILL_STR("k"), TILL_STR_NONE, mac, &err));
}

static void a_long_key_is_hashed_first(void **state) {
    (void)state;
    struct till_error err;
    uint8_t mac[TILL_SHA256_SIZE];
    char key[131], hex[2 * TILL_SHA256_SIZE + 1];
    memset(key, 0xaa, sizeof key); /* RFC 4231, test case 6 */
    must(till_hmac_sha256((struct till_str){key, sizeof key},
                          TILL_STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac,
                          &err));
    till_hex_encode(mac, sizeof mac, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void equality_is_never_true_for_nothing(void **state) {
    (void)state;
    assert_true(till_equal_constant_time(TILL_STR("abc"), TILL_STR("abc")));
    assert_false(till_equal_constant_time(TILL_STR("abc"), TILL_STR("abd")));
    assert_false(till_equal_constant_time(TILL_STR("abc"), TILL_STR("ab")));
    assert_false(till_equal_constant_time(TILL_STR_NONE, TILL_STR_NONE));
    assert_false(till_equal_constant_time(TILL_STR(""), TILL_STR("")));
}

static void secrets_are_wiped_at_scope_end(void **state) {
    (void)state;
    struct till_secret secret = {.bytes = "abc", .len = 3};
    static const struct till_secret empty;
    till_secret_wipe(&secret);
    assert_memory_equal(&secret, &empty, sizeof empty);
    char text[4] = "abc";
    till_wipe(text, sizeof text);
    assert_memory_equal(text, "\0\0\0\0", 4);
    till_wipe(NULL, 0);
}

static const uint8_t key[TILL_SEAL_KEY_SIZE] = {1, 2, 3}, other_key[TILL_SEAL_KEY_SIZE] = {9};
static const uint8_t nonce[TILL_SEAL_NONCE_SIZE] = {4, 5, 6};

static void a_seal_is_aes_256_gcm(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str sealed, plain;
    static const uint8_t zero_key[TILL_SEAL_KEY_SIZE], zero_nonce[TILL_SEAL_NONCE_SIZE];
    char zeros[16] = {0}, hex[2 * 45 + 1];
    /* McGrew and Viega, test case 14: version and nonce in front here. */
    must(till_seal(&arena, zero_key, zero_nonce, TILL_STR_NONE,
                   (struct till_str){zeros, sizeof zeros}, &sealed, &err));
    assert_int_equal(sealed.len, 45);
    till_hex_encode(sealed.ptr, sealed.len, hex);
    assert_string_equal(hex, "01000000000000000000000000"
                             "cea7403d4d606b6e074ec5d3baf39d18"
                             "d0d1c8a799996bf0265b98b5d48ab919");
    must(till_open_seal(&arena, zero_key, TILL_STR_NONE, sealed, &plain, &err));
    assert_str_equal(plain, (struct till_str){zeros, sizeof zeros});
}

static void a_seal_opens_only_whole_and_in_its_place(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str sealed, plain = TILL_STR("untouched");
    must(till_seal(&arena, key, nonce, TILL_STR("account/1"), TILL_STR("secret"), &sealed, &err));
    must_refuse(SEAL_BROKEN,
                till_open_seal(&arena, key, TILL_STR("account/2"), sealed, &plain, &err));
    must_refuse(SEAL_BROKEN,
                till_open_seal(&arena, other_key, TILL_STR("account/1"), sealed, &plain, &err));
    char *bytes = (char *)(uintptr_t)sealed.ptr;
    for (size_t i = 0; i < sealed.len; i++) {
        bytes[i] ^= 1;
        must_refuse(SEAL_BROKEN,
                    till_open_seal(&arena, key, TILL_STR("account/1"), sealed, &plain, &err));
        bytes[i] ^= 1;
        must_refuse(SEAL_BROKEN, till_open_seal(&arena, key, TILL_STR("account/1"),
                                                till_str_sub(sealed, 0, i), &plain, &err));
    }
    assert_str(plain, "untouched");
    must(till_open_seal(&arena, key, TILL_STR("account/1"), sealed, &plain, &err));
    assert_str(plain, "secret");
    must(till_seal(&arena, key, nonce, TILL_STR("x"), TILL_STR_NONE, &sealed, &err));
    must(till_open_seal(&arena, key, TILL_STR("x"), sealed, &plain, &err));
    assert_int_equal(plain.len, 0);
}

static void what_is_too_long_is_not_sealed(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str out, huge = {"x", SIZE_MAX};
    must_refuse(ARENA_FULL, till_seal(&arena, key, nonce, TILL_STR("x"), huge, &out, &err));
    must_refuse(ARENA_FULL, till_seal(&arena, key, nonce, huge, TILL_STR("x"), &out, &err));
    must_refuse(SEAL_BROKEN, till_open_seal(&arena, key, TILL_STR("x"), huge, &out, &err));
    must_refuse(SEAL_BROKEN,
                till_open_seal(&arena, key, huge, TILL_STR("\1                                "),
                               &out, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_follows_fips_180),
        cmocka_unit_test(an_empty_key_signs_nothing),
        cmocka_unit_test(a_long_key_is_hashed_first),
        cmocka_unit_test(equality_is_never_true_for_nothing),
        cmocka_unit_test(secrets_are_wiped_at_scope_end),
        cmocka_unit_test(a_seal_is_aes_256_gcm),
        cmocka_unit_test(a_seal_opens_only_whole_and_in_its_place),
        cmocka_unit_test(what_is_too_long_is_not_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
