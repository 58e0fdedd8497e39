/* SPDX-License-Identifier: Apache-2.0 */
/* Alipay's content encryption (dossier 2.4). */
#include <till/crypto.h>

#include "tests/unit/base/samples.h"

static struct till_secret key_of(const char *text) {
    struct till_error err;
    struct till_secret key;
    must(till_aes_key_parse(till_str_of(text), &key, &err));
    return key;
}

static struct till_str take_column(struct till_str *line) {
    size_t end = till_str_find(*line, '\t');
    struct till_str column = till_str_sub(*line, 0, end);
    *line = till_str_sub(*line, end + 1, line->len);
    return column;
}

static void the_worlds_vectors_come_out_in_both_directions(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str lines = sample_file(&arena, "alipay/aes.tsv"), made;
    size_t rows = 0;
    lines = till_str_sub(lines, till_str_find(lines, '\n') + 1, lines.len);
    while (lines.len) {
        size_t end = till_str_find(lines, '\n');
        struct till_str line = till_str_sub(lines, 0, end);
        struct till_secret key;
        (void)take_column(&line);
        must(till_aes_key_parse(take_column(&line), &key, &err));
        (void)take_column(&line);
        struct till_str plain = take_column(&line), cipher = take_column(&line);
        must(till_aes_encrypt(&arena, &key, plain, &made, &err));
        assert_str_equal(made, cipher);
        must(till_aes_decrypt(&arena, &key, cipher, &made, &err));
        assert_str_equal(made, plain);
        lines = till_str_sub(lines, end + 1, lines.len);
        rows++;
    }
    assert_int_equal(rows, 1);
}

static void every_length_comes_back(void **state) {
    (void)state;
    struct till_error err;
    const struct till_secret key = key_of("aa4BtZ4tspm2wnXLb1ThQA==");
    for (size_t len = 0; len <= 100; len++) {
        ARENA(arena);
        char bytes[100];
        struct till_str cipher, plain;
        memset(bytes, (int)len, sizeof bytes);
        must(till_aes_encrypt(&arena, &key, (struct till_str){bytes, len}, &cipher, &err));
        assert_int_equal(cipher.len,
                         (len / 16 + 1) * 16 / 3 * 4 + ((len / 16 + 1) * 16 % 3 ? 4 : 0));
        must(till_aes_decrypt(&arena, &key, cipher, &plain, &err));
        assert_str_equal(plain, (struct till_str){bytes, len});
    }
}

/* Every reason is told in the same words. */
static void what_does_not_open_says_nothing_of_the_reason(void **state) {
    (void)state;
    static const char *const bad[] = {"", "ILpoMowjIQjfYMR847rnFQ=", "ILpoMowjIQjfYMR847rn", "?",
                                      "ILpoMowjIQjfYMR847rnFg=="};
    ARENA(arena);
    struct till_error err;
    char first[sizeof err.text] = "";
    struct till_str plain = TILL_STR("untouched");
    const struct till_secret key = key_of("aa4BtZ4tspm2wnXLb1ThQA=="),
                             other = key_of("aa4BtZ4tspm2wnXLb1ThQQ==");
    for (size_t i = 0; i < COUNT(bad); i++) {
        must_refuse(CIPHER_WRONG,
                    till_aes_decrypt(&arena, &key, till_str_of(bad[i]), &plain, &err));
        if (i == 0)
            memcpy(first, err.text, sizeof first);
        assert_string_equal(err.text, first);
    }
    must_refuse(CIPHER_WRONG, till_aes_decrypt(&arena, &other, TILL_STR("ILpoMowjIQjfYMR847rnFQ=="),
                                               &plain, &err));
    assert_string_equal(err.text, first);
    assert_str(plain, "untouched");
}

/* CBC without a signature: a changed byte never yields the text that was sent. */
static void no_changed_byte_yields_the_same_text(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    const struct till_secret key = key_of("aa4BtZ4tspm2wnXLb1ThQA==");
    struct till_str sent = TILL_STR("{\"out_trade_no\":\"A1\",\"total_amount\":\"0.01\"}"), cipher;
    must(till_aes_encrypt(&arena, &key, sent, &cipher, &err));
    char *bytes = (char *)(uintptr_t)cipher.ptr;
    for (size_t i = 0; i < cipher.len; i++) {
        ARENA(scratch);
        struct till_str plain;
        bytes[i] ^= 1;
        assert_false(till_aes_decrypt(&scratch, &key, cipher, &plain, &err) &&
                     till_str_equal(plain, sent));
        bytes[i] ^= 1;
    }
}

static void a_key_has_sixteen_bytes(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "aa4BtZ4tspm2wnXLb1Th",
                                      "aa4BtZ4tspm2wnXLb1ThQB==",
                                      "aa4BtZ4tspm2wnXLb1ThQAAA",
                                      "aa4BtZ4tspm2wnXLb1ThQ?==",
                                      "aa4BtZ4tspm2wnXLb1ThQAAAAAAAAA=="};
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    struct till_secret key = {.len = 0};
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(KEY_INVALID, till_aes_key_parse(till_str_of(bad[i]), &key, &err));
    assert_int_equal(key.len, 0);
    must_refuse(KEY_INVALID, till_aes_encrypt(&arena, &key, TILL_STR("x"), &text, &err));
    must_refuse(KEY_INVALID, till_aes_decrypt(&arena, &key, TILL_STR("x"), &text, &err));
    must(till_aes_key_parse(TILL_STR(" aa4BtZ4tspm2wnXLb1ThQA==\r\n"), &key, &err));
    assert_int_equal(key.len, TILL_AES_KEY_SIZE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worlds_vectors_come_out_in_both_directions),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(what_does_not_open_says_nothing_of_the_reason),
        cmocka_unit_test(no_changed_byte_yields_the_same_text),
        cmocka_unit_test(a_key_has_sixteen_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
