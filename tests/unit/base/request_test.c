/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests: their key is taken only under their own signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <till/till.h>

#include "key_samples.h"

enum { MEMORY = 1 << 20 };

static struct till_str der_of(struct till_arena *arena, struct till_str pem) {
    struct till_error err;
    struct till_str der = TILL_STR_NONE;
    char *line = till_arena_alloc(arena, pem.len);
    size_t len = 0;
    assert_non_null(line);
    for (size_t at = till_str_find(pem, '\n'); at < pem.len && pem.ptr[at] != '-'; at++)
        if (pem.ptr[at] != '\n')
            line[len++] = pem.ptr[at];
    assert_true(till_base64_decode(arena, (struct till_str){line, len}, &der, &err));
    return der;
}

static void a_request_gives_the_key_that_signed_it_in_any_paste(void **state) {
    struct till_arena arena;
    struct till_error err;
    struct till_str bare;
    TILL_KEY_SCOPED struct till_key *own = NULL, *pem = NULL, *line = NULL;
    (void)state;
    till_arena_init(&arena, MEMORY);
    assert_true(till_key_parse_private(TILL_STR(sample_private), &own, &err));
    assert_true(till_key_parse_request(TILL_STR(sample_request), &pem, &err));
    assert_true(till_base64_encode(&arena, der_of(&arena, TILL_STR(sample_request)), &bare, &err));
    assert_true(till_key_parse_request(bare, &line, &err));
    assert_true(till_key_same_pair(own, pem) && till_key_same_pair(own, line));
    assert_false(till_key_is_private(pem));
    till_arena_clean_up(&arena);
}

/* What is not signed are some bytes about the signature; they change no key. */
static void a_changed_request_gives_no_other_key(void **state) {
    struct till_arena arena;
    struct till_error err;
    (void)state;
    TILL_KEY_SCOPED struct till_key *own = NULL;
    size_t accepted = 0;
    till_arena_init(&arena, 64 << 20);
    assert_true(till_key_parse_private(TILL_STR(sample_private), &own, &err));
    struct till_str der = der_of(&arena, TILL_STR(sample_request));
    char *bytes = (char *)(uintptr_t)der.ptr;
    for (size_t i = 0; i < der.len; i++) {
        struct till_key *key = NULL;
        struct till_str text;
        bytes[i] ^= 1;
        assert_true(till_base64_encode(&arena, der, &text, &err));
        if (till_key_parse_request(text, &key, &err)) {
            assert_true(till_key_same_pair(key, own));
            till_key_free(key);
            accepted++;
        }
        bytes[i] ^= 1;
    }
    assert_true(accepted < 8);
    till_arena_clean_up(&arena);
}

static void everything_else_is_named_and_a_request_is_no_key(void **state) {
    static const struct {
        const char *text, *words;
    } rows[] = {
        {sample_private, "private key"},       {sample_public, "public key"},
        {sample_certificate, "a certificate"}, {sample_encrypted, "encrypted"},
        {"AAAA", "no certificate request"},    {"not base64 at all!", "not base64"},
    };
    struct till_error err;
    struct till_key *key = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(till_key_parse_request(till_str_of(rows[i].text), &key, &err));
        if (!strstr(err.text, rows[i].words))
            fail_msg("row %zu: %s", i, err.text);
    }
    assert_false(till_key_parse_public(TILL_STR(sample_request), &key, &err));
    assert_non_null(strstr(err.text, "certificate request"));
    assert_false(till_key_parse_private(TILL_STR(sample_request), &key, &err));
    assert_non_null(strstr(err.text, "certificate request"));
    assert_null(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gives_the_key_that_signed_it_in_any_paste),
        cmocka_unit_test(a_changed_request_gives_no_other_key),
        cmocka_unit_test(everything_else_is_named_and_a_request_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
