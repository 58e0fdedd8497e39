/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every signature of tests/vectors/data/alipay/INDEX.tsv: it verifies; with any one byte changed,
 * of the text or of the signature, it does not; where the private key is known, signing gives the
 * very same bytes.
 */
#include <till/key.h>

#include "tests/unit/base/samples.h"

enum { VECTORS_AT_LEAST = 16 };

struct vector {
    struct till_str id, content, signature;
    enum till_signature algorithm;
    struct till_key *key;
    char public_path[128];
};

static struct till_str take_column(struct till_str *line) {
    size_t end = till_str_find(*line, '\t');
    struct till_str column = till_str_sub(*line, 0, end);
    *line = till_str_sub(*line, end + 1, line->len);
    return column;
}

static struct till_str file_of(struct till_arena *arena, struct till_str name, const char *ending) {
    struct till_error err;
    struct till_str path;
    must(till_arena_format(arena, &path, &err, "alipay/%.*s%s", TILL_STR_ARG(name), ending));
    return sample_file(arena, path.ptr);
}

static void load(struct till_arena *arena, struct till_str line, struct vector *vector) {
    struct till_error err;
    vector->id = take_column(&line);
    vector->algorithm = till_str_is(take_column(&line), "RSA2") ? TILL_RSA_SHA256 : TILL_RSA_SHA1;
    struct till_str key = take_column(&line);
    snprintf(vector->public_path, sizeof vector->public_path, "%.*s", TILL_STR_ARG(key));
    vector->content = file_of(arena, vector->id, ".content");
    vector->signature = till_str_trim(file_of(arena, vector->id, ".sig"));
    must(till_key_parse_public(file_of(arena, key, ""), &vector->key, &err));
}

/* Runs `check` on each vector of the index. */
static void each_vector(void (*check)(struct till_arena *arena, const struct vector *vector)) {
    ARENA(index);
    struct till_str lines = sample_file(&index, "alipay/INDEX.tsv");
    size_t count = 0;
    lines = till_str_sub(lines, till_str_find(lines, '\n') + 1, lines.len); /* the header */
    while (lines.len) {
        struct till_arena arena = arena_of(1 << 22);
        struct vector vector = {.key = NULL};
        size_t end = till_str_find(lines, '\n');
        load(&arena, till_str_sub(lines, 0, end), &vector);
        check(&arena, &vector);
        till_key_free(vector.key);
        till_arena_clean_up(&arena);
        lines = till_str_sub(lines, end + 1, lines.len);
        count++;
    }
    assert_true(count >= VECTORS_AT_LEAST);
}

static void check_good(struct till_arena *arena, const struct vector *v) {
    (void)arena;
    struct till_error err;
    if (!till_key_verify(v->key, v->algorithm, v->content, v->signature, &err))
        fail_msg("%.*s: %s", TILL_STR_ARG(v->id), err.text);
}

static void every_vector_verifies(void **state) {
    (void)state;
    each_vector(check_good);
}

static void check_changed(const struct vector *v, struct till_str changed) {
    struct till_error err;
    char *bytes = (char *)(uintptr_t)changed.ptr;
    for (size_t i = 0; i < changed.len; i++) {
        bytes[i] ^= 1;
        must_refuse(SIGNATURE_WRONG,
                    till_key_verify(v->key, v->algorithm, v->content, v->signature, &err));
        bytes[i] ^= 1;
    }
}

static void check_each_byte(struct till_arena *arena, const struct vector *v) {
    (void)arena;
    check_changed(v, v->content);
    check_changed(v, v->signature);
}

static void no_vector_verifies_with_one_byte_changed(void **state) {
    (void)state;
    each_vector(check_each_byte);
}

static const struct {
    const char *public_path, *private_path;
} pairs[] = {
    {"keys/node-fixture-app.pem", "alipay/keys/node-fixture-app.pkcs1.b64"},
    {"keys/node-fixture-app.pem", "alipay/keys/node-fixture-app.pkcs8.b64"},
    {"keys/yansongda-sandbox-app.pem", "alipay/keys/yansongda-sandbox-app.pkcs1.b64"},
    {"keys/chloerei-test.pem", "alipay/keys/chloerei-test.pkcs8.pem"},
};
static size_t signed_count;

static void check_signing(struct till_arena *arena, const struct vector *v) {
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct till_error err;
        struct till_str signature;
        TILL_KEY_SCOPED struct till_key *key = NULL;
        if (strcmp(pairs[i].public_path, v->public_path) != 0)
            continue;
        must(till_key_parse_private(sample_line(arena, pairs[i].private_path), &key, &err));
        must(till_key_sign(arena, key, v->algorithm, v->content, &signature, &err));
        assert_str_equal(signature, v->signature);
        signed_count++;
    }
}

static void signing_gives_the_bytes_of_the_vector(void **state) {
    (void)state;
    each_vector(check_signing);
    assert_int_equal(signed_count, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_verifies),
        cmocka_unit_test(no_vector_verifies_with_one_byte_changed),
        cmocka_unit_test(signing_gives_the_bytes_of_the_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
