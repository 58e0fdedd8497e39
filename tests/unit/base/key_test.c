/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as people paste them (Alipay dossier 2.3). */
#include <till/crypto.h>
#include <till/encode.h>
#include <till/key.h>
#include <till/time.h>

#include "tests/unit/base/key_samples.h"
#include "tests/unit/base/samples.h"

static struct till_key *private_key(struct till_str pasted) {
    struct till_error err;
    struct till_key *key = NULL;
    must(till_key_parse_private(pasted, &key, &err));
    assert_true(till_key_is_private(key));
    return key;
}

static struct till_key *public_key(struct till_str pasted) {
    struct till_error err;
    struct till_key *key = NULL;
    must(till_key_parse_public(pasted, &key, &err));
    assert_false(till_key_is_private(key));
    return key;
}

/* text with each `from` replaced by `to` */
static struct till_str replaced(struct till_arena *arena, struct till_str text, char from,
                                const char *to) {
    struct till_error err;
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == from)
            till_buf_text(&buf, to);
        else
            till_buf_char(&buf, text.ptr[i]);
    }
    must(till_buf_finish(&buf, &text, &err));
    return text;
}

static struct till_str framed(struct till_arena *arena, const char *before, struct till_str text,
                              const char *after) {
    struct till_error err;
    must(till_arena_format(arena, &text, &err, "%s%.*s%s", before, TILL_STR_ARG(text), after));
    return text;
}

/* Broken into lines of 64 by the given line end. */
static struct till_str wrapped(struct till_arena *arena, struct till_str line, const char *end) {
    struct till_error err;
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t at = 0; at < line.len; at += 64) {
        till_buf_add(&buf, till_str_sub(line, at, 64));
        till_buf_text(&buf, end);
    }
    must(till_buf_finish(&buf, &line, &err));
    return line;
}

static void every_form_of_a_private_key_is_the_same_key(void **state) {
    (void)state;
    ARENA(arena);
    static const char *const files[] = {"alipay/keys/node-fixture-app.pkcs1.b64",
                                        "alipay/keys/node-fixture-app.pkcs8.b64"};
    static const char *const ends[] = {"\n", "\r\n", "\\n", "\\r\\n", " ", "\t \n", "\n\n"};
    TILL_KEY_SCOPED struct till_key *wanted =
        public_key(sample_file(&arena, "alipay/keys/node-fixture-app.pem"));
    assert_int_equal(till_key_bits(wanted), 2048);
    for (size_t i = 0; i < COUNT(files); i++) {
        struct till_str line = sample_line(&arena, files[i]);
        TILL_KEY_SCOPED struct till_key *bare = private_key(line);
        assert_true(till_key_same_pair(bare, wanted));
        for (size_t n = 0; n < COUNT(ends); n++) {
            struct till_arena scratch = arena_of(1 << 20);
            struct till_str body = wrapped(&scratch, line, ends[n]);
            struct till_str right = framed(&scratch, "-----BEGIN PRIVATE KEY-----\n", body,
                                           "-----END PRIVATE KEY-----\n");
            struct till_str relabelled = framed(&scratch, " -----BEGIN RSA PRIVATE KEY-----", body,
                                                "-----END RSA PRIVATE KEY-----");
            TILL_KEY_SCOPED struct till_key *a = private_key(body), *b = private_key(right),
                                            *c = private_key(relabelled);
            assert_true(till_key_same_pair(a, wanted) && till_key_same_pair(b, wanted) &&
                        till_key_same_pair(c, wanted));
            till_arena_clean_up(&scratch);
        }
    }
}

static void editors_habits_are_forgiven(void **state) {
    (void)state;
    ARENA(arena);
    struct till_str line = sample_line(&arena, "alipay/keys/node-fixture-app.pkcs8.b64");
    TILL_KEY_SCOPED struct till_key *wanted = private_key(line);
    TILL_KEY_SCOPED struct till_key *marked = private_key(framed(&arena, "\xef\xbb\xbf", line, ""));
    TILL_KEY_SCOPED struct till_key *quoted = private_key(framed(&arena, " \"", line, "\"\n"));
    TILL_KEY_SCOPED struct till_key *noted =
        private_key(framed(&arena, "my key, do not lose\n-----BEGIN PRIVATE KEY-----\n", line,
                           "\n-----END PRIVATE KEY-----\ntrailing words"));
    assert_true(till_key_same_pair(marked, wanted));
    assert_true(till_key_same_pair(quoted, wanted));
    assert_true(till_key_same_pair(noted, wanted));
}

static void every_form_of_a_public_key_is_the_same_key(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str base64;
    TILL_KEY_SCOPED struct till_key *whole = private_key(TILL_STR(sample_private));
    TILL_KEY_SCOPED struct till_key *pem = public_key(TILL_STR(sample_public));
    TILL_KEY_SCOPED struct till_key *pkcs1 = public_key(TILL_STR(sample_public_pkcs1));
    TILL_KEY_SCOPED struct till_key *certificate = public_key(TILL_STR(sample_certificate));
    TILL_KEY_SCOPED struct till_key *crlf =
        public_key(replaced(&arena, TILL_STR(sample_public), '\n', "\r\n"));
    TILL_KEY_SCOPED struct till_key *literal =
        public_key(replaced(&arena, TILL_STR(sample_public), '\n', "\\n"));
    must(till_key_export(&arena, pem, TILL_KEY_SPKI_BASE64, &base64, &err));
    TILL_KEY_SCOPED struct till_key *bare = public_key(base64);
    const struct till_key *const all[] = {pem, pkcs1, certificate, crlf, literal, bare};
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_true(till_key_same_pair(all[i], whole));
        assert_int_equal(till_key_bits(all[i]), 1024);
    }
}

static void a_fingerprint_is_the_digest_of_the_public_half(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    char text[TILL_KEY_FINGERPRINT_SIZE], other[TILL_KEY_FINGERPRINT_SIZE];
    TILL_KEY_SCOPED struct till_key *whole = private_key(TILL_STR(sample_private));
    struct till_str line, der;
    uint8_t digest[32];
    must(till_key_export(&arena, whole, TILL_KEY_SPKI_BASE64, &line, &err));
    must(till_base64_decode(&arena, line, &der, &err));
    till_sha256(der, digest);
    till_hex_encode(digest, sizeof digest, other);
    till_key_fingerprint(whole, text);
    assert_string_equal(text, other);
    TILL_KEY_SCOPED struct till_key *stranger =
        public_key(sample_file(&arena, "alipay/keys/node-fixture-app.pem"));
    assert_false(till_key_same_pair(whole, stranger));
}

static void a_certificate_tells_when_it_expires(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    int64_t wanted;
    TILL_KEY_SCOPED struct till_key *certificate = public_key(TILL_STR(sample_certificate));
    TILL_KEY_SCOPED struct till_key *bare = public_key(TILL_STR(sample_public));
    must(till_time_parse(TILL_STR("2036-11-20T01:41:10Z"), &wanted, &err));
    assert_int_equal(till_key_expires_us(certificate), wanted);
    assert_int_equal(till_key_expires_us(bare), 0);
    /* Of a chain, the first one is the leaf. */
    TILL_KEY_SCOPED struct till_key *leaf =
        public_key(sample_file(&arena, "alipay/certs/node-app.crt"));
    must(till_time_parse(TILL_STR("2022-05-18T05:28:47Z"), &wanted, &err));
    assert_int_equal(till_key_expires_us(leaf), wanted);
}

static void an_unreadable_expiry_is_none(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str der, line, body = TILL_STR(sample_certificate);
    size_t from = till_str_find(body, '\n');
    body = till_str_sub(body, from, (size_t)(strstr(body.ptr, "-----END") - body.ptr) - from);
    must(till_base64_decode(&arena, replaced(&arena, body, '\n', ""), &der, &err));
    char *date = memmem(der.ptr, der.len, "361120014110Z", 13);
    assert_non_null(date);
    date[2] = '9'; /* month 91 */
    must(till_base64_encode(&arena, der, &line, &err));
    TILL_KEY_SCOPED struct till_key *key = public_key(line);
    assert_int_equal(till_key_expires_us(key), 0);
}

static void the_wrong_half_is_named(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_key *key = NULL;
    must_refuse(KEY_INVALID, till_key_parse_private(TILL_STR(sample_public), &key, &err));
    assert_non_null(strstr(err.text, "is a public key"));
    must_refuse(KEY_INVALID, till_key_parse_private(TILL_STR(sample_public_pkcs1), &key, &err));
    assert_non_null(strstr(err.text, "is a public key"));
    must_refuse(KEY_INVALID, till_key_parse_private(TILL_STR(sample_certificate), &key, &err));
    assert_non_null(strstr(err.text, "is a certificate"));
    must_refuse(KEY_INVALID, till_key_parse_public(TILL_STR(sample_private), &key, &err));
    assert_non_null(strstr(err.text, "is a private key"));
    must_refuse(KEY_INVALID,
                till_key_parse_public(sample_line(&arena, "alipay/keys/node-fixture-app.pkcs1.b64"),
                                      &key, &err));
    assert_non_null(strstr(err.text, "is a private key"));
    assert_null(key);
}

static void encrypted_keys_are_refused_in_words(void **state) {
    (void)state;
    static const struct till_str samples[] = {TILL_STR_INIT(sample_encrypted),
                                              TILL_STR_INIT(sample_encrypted_old)};
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct till_error err;
        struct till_key *key = NULL;
        must_refuse(KEY_INVALID, till_key_parse_private(samples[i], &key, &err));
        assert_non_null(strstr(err.text, "is encrypted"));
        must_refuse(KEY_INVALID, till_key_parse_public(samples[i], &key, &err));
        assert_non_null(strstr(err.text, "is encrypted"));
    }
    /* Without its label the encrypted form is known by its structure. */
    struct till_error err;
    struct till_key *key = NULL;
    struct till_str body = TILL_STR(sample_encrypted);
    body = till_str_sub(body, till_str_find(body, '\n'), body.len);
    size_t end = (size_t)(strstr(body.ptr, "-----END") - body.ptr);
    must_refuse(KEY_INVALID, till_key_parse_private(till_str_sub(body, 0, end), &key, &err));
    assert_non_null(strstr(err.text, "is encrypted"));
    must_refuse(KEY_INVALID, till_key_parse_public(till_str_sub(body, 0, end), &key, &err));
    assert_non_null(strstr(err.text, "is encrypted"));
}

static void what_is_no_key_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum till_code code;
        const char *word;
    } rows[] = {
        {"", TILL_E_KEY_WEAK, "no key here"},
        {" \r\n\t", TILL_E_KEY_WEAK, "no key here"},
        {"\"", TILL_E_KEY_INVALID, "not base64"},
        {"\"\"", TILL_E_KEY_WEAK, "no key here"},
        {"x\"", TILL_E_KEY_INVALID, "not base64"},
        {"\"x", TILL_E_KEY_INVALID, "not base64"},
        {"\\", TILL_E_KEY_INVALID, "not base64"},
        {"\\t", TILL_E_KEY_INVALID, "not base64"},
        {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", TILL_E_KEY_WEAK, "no key here"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA", TILL_E_KEY_INVALID, "is cut"},
        {"-----BEGIN PRIVATE KEY", TILL_E_KEY_INVALID, "is cut"},
        {"-----BEGIN ", TILL_E_KEY_INVALID, "is cut"},
        {"sk_live_123", TILL_E_KEY_INVALID, "not base64"},
        {"AAAA", TILL_E_KEY_INVALID, "no key inside"},
        {"MAA=", TILL_E_KEY_INVALID, "no key inside"},
        {"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", TILL_E_KEY_INVALID, "no key inside"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct till_error err = {.code = TILL_OK};
        struct till_key *key = NULL;
        if (till_key_parse_private(till_str_of(rows[i].text), &key, &err) ||
            err.code != rows[i].code || !strstr(err.text, rows[i].word))
            fail_msg("%s: %s", rows[i].text, err.text);
        assert_false(till_key_parse_public(till_str_of(rows[i].text), &key, &err));
        assert_int_equal(err.code, rows[i].code);
        assert_null(key);
    }
    struct till_error err;
    struct till_key *key = NULL;
    char longer[40000];
    memset(longer, 'A', sizeof longer);
    must_refuse(KEY_INVALID,
                till_key_parse_private((struct till_str){longer, sizeof longer}, &key, &err));
    assert_non_null(strstr(err.text, "longer than any key"));
}

static void nothing_hides_behind_a_key(void **state) {
    (void)state;
    ARENA(arena);
    static const struct till_str samples[] = {
        TILL_STR_INIT(sample_private),     TILL_STR_INIT(sample_public),
        TILL_STR_INIT(sample_certificate), TILL_STR_INIT(sample_encrypted),
        TILL_STR_INIT(sample_weak),        TILL_STR_INIT(sample_weak_public),
        TILL_STR_INIT(sample_ec)};
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct till_error err;
        struct till_key *key = NULL;
        struct till_str body = samples[i], der, line;
        if (till_str_starts_with(body, TILL_STR("-----"))) {
            size_t from = till_str_find(body, '\n');
            body =
                till_str_sub(body, from, (size_t)(strstr(body.ptr, "-----END") - body.ptr) - from);
        }
        body = replaced(&arena, body, '\n', "");
        must(till_base64_decode(&arena, body, &der, &err));
        /* The decoder leaves a NUL behind its bytes: one byte more. */
        must(till_base64_encode(&arena, (struct till_str){der.ptr, der.len + 1}, &line, &err));
        must_refuse(KEY_INVALID, till_key_parse_private(line, &key, &err));
        assert_non_null(strstr(err.text, "no key inside"));
        must_refuse(KEY_INVALID, till_key_parse_public(line, &key, &err));
        assert_non_null(strstr(err.text, "no key inside"));
    }
}

/* A SubjectPublicKeyInfo over RSA with an odd number of that many bits, a multiple of 8. */
static struct till_str spki_of(struct till_arena *arena, size_t bits) {
    struct till_error err;
    struct till_str line;
    size_t n = bits / 8 + 1, rsa = n + 4 + 5, string = rsa + 4 + 1;
    const unsigned char head[] = {0x30,
                                  0x82,
                                  (unsigned char)((string + 19) >> 8),
                                  (unsigned char)(string + 19),
                                  0x30,
                                  0x0d,
                                  0x06,
                                  0x09,
                                  0x2a,
                                  0x86,
                                  0x48,
                                  0x86,
                                  0xf7,
                                  0x0d,
                                  0x01,
                                  0x01,
                                  0x01,
                                  0x05,
                                  0x00,
                                  0x03,
                                  0x82,
                                  (unsigned char)(string >> 8),
                                  (unsigned char)string,
                                  0x00,
                                  0x30,
                                  0x82,
                                  (unsigned char)(rsa >> 8),
                                  (unsigned char)rsa,
                                  0x02,
                                  0x82,
                                  (unsigned char)(n >> 8),
                                  (unsigned char)n,
                                  0x00};
    static const unsigned char tail[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    unsigned char der[4096];
    memcpy(der, head, sizeof head);
    memset(der + sizeof head, 0xff, n - 1);
    memcpy(der + sizeof head + n - 1, tail, sizeof tail);
    must(till_base64_encode(
        arena, (struct till_str){(char *)der, sizeof head + n - 1 + sizeof tail}, &line, &err));
    return line;
}

static void weak_large_and_foreign_keys_are_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_key *key = NULL;
    must_refuse(KEY_WEAK, till_key_parse_private(TILL_STR(sample_weak), &key, &err));
    must_refuse(KEY_WEAK, till_key_parse_public(TILL_STR(sample_weak_public), &key, &err));
    must_refuse(KEY_INVALID, till_key_parse_private(TILL_STR(sample_ec), &key, &err));
    assert_non_null(strstr(err.text, "Only RSA"));
    must_refuse(KEY_INVALID, till_key_parse_public(TILL_STR(sample_ec_public), &key, &err));
    must_refuse(KEY_INVALID, till_key_parse_public(spki_of(&arena, 8200), &key, &err));
    assert_non_null(strstr(err.text, "too large"));
    assert_null(key);
    must(till_key_parse_public(spki_of(&arena, 8192), &key, &err));
    till_key_free(key);
    must(till_key_parse_public(spki_of(&arena, 1024), &key, &err));
    till_key_free(key);
}

/*
 * OpenSSL checks what it signs and has two ways to do it, over p and q or over d. So damage
 * is either refused, or in numbers without which the key still signs as it should.
 */
static void a_damaged_private_key_is_refused_or_signs_right(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str line = sample_line(&arena, "alipay/keys/node-fixture-app.pkcs8.b64"), der;
    struct till_str wanted, got;
    TILL_KEY_SCOPED struct till_key *whole = private_key(line);
    must(till_key_sign(&arena, whole, TILL_RSA_SHA256, TILL_STR("text"), &wanted, &err));
    must(till_base64_decode(&arena, line, &der, &err));
    char *bytes = (char *)(uintptr_t)der.ptr;
    int refused = 0;
    for (size_t i = 0; i < der.len; i += 13) {
        struct till_arena scratch = arena_of(1 << 16);
        struct till_key *key = NULL;
        bytes[i] ^= 4;
        must(till_base64_encode(&scratch, der, &line, &err));
        if (till_key_parse_private(line, &key, &err)) {
            must(till_key_sign(&scratch, key, TILL_RSA_SHA256, TILL_STR("text"), &got, &err));
            assert_str_equal(got, wanted);
        } else {
            assert_true(err.code == TILL_E_KEY_INVALID || err.code == TILL_E_KEY_WEAK);
            refused++;
        }
        till_key_free(key);
        till_arena_clean_up(&scratch);
        bytes[i] ^= 4;
    }
    assert_in_range(refused, 20, 94); /* the modulus alone is a fifth of the bytes */
}

static void exports_and_parses_are_inverse(void **state) {
    (void)state;
    ARENA(arena);
    TILL_KEY_SCOPED struct till_key *key = private_key(TILL_STR(sample_private));
    for (int format = TILL_KEY_PKCS8_PEM; format <= TILL_KEY_SPKI_BASE64; format++) {
        struct till_error err;
        struct till_str first, second;
        bool is_public = format >= TILL_KEY_SPKI_PEM;
        must(till_key_export(&arena, key, (enum till_key_format)format, &first, &err));
        TILL_KEY_SCOPED struct till_key *back = is_public ? public_key(first) : private_key(first);
        assert_true(till_key_same_pair(back, key));
        must(till_key_export(&arena, back, (enum till_key_format)format, &second, &err));
        assert_str_equal(first, second);
        if (!is_public) {
            TILL_KEY_SCOPED struct till_key *half = public_key(TILL_STR(sample_public));
            must_refuse(KEY_INVALID,
                        till_key_export(&arena, half, (enum till_key_format)format, &second, &err));
        }
    }
}

static void exports_are_what_openssl_writes(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_KEY_SCOPED struct till_key *key = private_key(TILL_STR(sample_private));
    must(till_key_export(&arena, key, TILL_KEY_PKCS8_PEM, &text, &err));
    assert_str(text, sample_private);
    must(till_key_export(&arena, key, TILL_KEY_SPKI_PEM, &text, &err));
    assert_str(text, sample_public);
    TILL_KEY_SCOPED struct till_key *app =
        private_key(sample_line(&arena, "alipay/keys/node-fixture-app.pkcs8.b64"));
    must(till_key_export(&arena, app, TILL_KEY_PKCS1_BASE64, &text, &err));
    assert_str_equal(text, sample_line(&arena, "alipay/keys/node-fixture-app.pkcs1.b64"));
    must(till_key_export(&arena, app, TILL_KEY_PKCS8_BASE64, &text, &err));
    assert_str_equal(text, sample_line(&arena, "alipay/keys/node-fixture-app.pkcs8.b64"));
}

static void a_signature_fits_one_text_one_key_and_one_algorithm(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str signature, sha1, none = TILL_STR("untouched");
    TILL_KEY_SCOPED struct till_key *key = private_key(TILL_STR(sample_private));
    TILL_KEY_SCOPED struct till_key *half = public_key(TILL_STR(sample_public));
    TILL_KEY_SCOPED struct till_key *stranger =
        public_key(sample_file(&arena, "alipay/keys/chloerei-test.pem"));
    must(till_key_sign(&arena, key, TILL_RSA_SHA256, TILL_STR("text"), &signature, &err));
    must(till_key_sign(&arena, key, TILL_RSA_SHA1, TILL_STR("text"), &sha1, &err));
    must(till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), signature, &err));
    must(till_key_verify(key, TILL_RSA_SHA256, TILL_STR("text"), signature, &err));
    must(till_key_verify(half, TILL_RSA_SHA1, TILL_STR("text"), sha1, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(half, TILL_RSA_SHA256, TILL_STR("Text"), signature, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(half, TILL_RSA_SHA1, TILL_STR("text"), signature, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), sha1, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(stranger, TILL_RSA_SHA256, TILL_STR("text"), signature, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), TILL_STR_NONE, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), TILL_STR("AAAA"), &err));
    must_refuse(SIGNATURE_WRONG, till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"),
                                                 spki_of(&arena, 8192), &err));
    must_refuse(KEY_INVALID,
                till_key_verify(half, TILL_ED25519, TILL_STR("text"), signature, &err));
    must_refuse(KEY_INVALID,
                till_key_sign(&arena, half, TILL_RSA_SHA256, TILL_STR("text"), &none, &err));
    must_refuse(KEY_INVALID,
                till_key_sign(&arena, key, TILL_ED25519, TILL_STR("text"), &none, &err));
    assert_str(none, "untouched");
    must(till_key_sign(&arena, key, TILL_RSA_SHA256, TILL_STR_NONE, &signature, &err));
    must(till_key_verify(half, TILL_RSA_SHA256, TILL_STR_NONE, signature, &err));
}

static void ed25519_keys_have_pkcs8_and_spki_only(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_KEY_SCOPED struct till_key *key =
        private_key(TILL_STR("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"));
    must_refuse(KEY_INVALID, till_key_export(&arena, key, TILL_KEY_PKCS1_PEM, &text, &err));
    must(till_key_export(&arena, key, TILL_KEY_SPKI_BASE64, &text, &err));
    TILL_KEY_SCOPED struct till_key *half = public_key(text);
    assert_true(till_key_same_pair(key, half));
    must(till_key_sign(&arena, key, TILL_ED25519, TILL_STR("text"), &text, &err));
    must(till_key_verify(half, TILL_ED25519, TILL_STR("text"), text, &err));
    must_refuse(SIGNATURE_WRONG,
                till_key_verify(half, TILL_ED25519, TILL_STR("other"), text, &err));
    must_refuse(KEY_INVALID, till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), text, &err));
}

static void a_generated_key_signs_and_weak_sizes_are_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    must_refuse(KEY_WEAK, till_key_generate_rsa(1024, &key, &err));
    must_refuse(KEY_WEAK, till_key_generate_rsa(16384, &key, &err));
    assert_null(key);
    must(till_key_generate_rsa(2048, &key, &err));
    assert_int_equal(till_key_bits(key), 2048);
    must(till_key_export(&arena, key, TILL_KEY_SPKI_PEM, &text, &err));
    TILL_KEY_SCOPED struct till_key *half = public_key(text);
    must(till_key_sign(&arena, key, TILL_RSA_SHA256, TILL_STR("text"), &text, &err));
    must(till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), text, &err));
    till_key_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_private_key_is_the_same_key),
        cmocka_unit_test(editors_habits_are_forgiven),
        cmocka_unit_test(every_form_of_a_public_key_is_the_same_key),
        cmocka_unit_test(a_fingerprint_is_the_digest_of_the_public_half),
        cmocka_unit_test(a_certificate_tells_when_it_expires),
        cmocka_unit_test(an_unreadable_expiry_is_none),
        cmocka_unit_test(the_wrong_half_is_named),
        cmocka_unit_test(encrypted_keys_are_refused_in_words),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(nothing_hides_behind_a_key),
        cmocka_unit_test(weak_large_and_foreign_keys_are_refused),
        cmocka_unit_test(a_damaged_private_key_is_refused_or_signs_right),
        cmocka_unit_test(exports_and_parses_are_inverse),
        cmocka_unit_test(exports_are_what_openssl_writes),
        cmocka_unit_test(a_signature_fits_one_text_one_key_and_one_algorithm),
        cmocka_unit_test(ed25519_keys_have_pkcs8_and_spki_only),
        cmocka_unit_test(a_generated_key_signs_and_weak_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
