/* SPDX-License-Identifier: Apache-2.0 */
#include <till/signing.h>

#include "tests/unit/base/base_test.h"

static const struct till_secret secret = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};
#define NONCE "n-0123456789_ABC"
#define MAC "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEADER "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC

static struct till_signed_request sample(void) {
    return (struct till_signed_request){
        .method = TILL_STR("POST"),
        .host = TILL_STR("pay.example:8080"),
        .target = TILL_STR("/v1/payments?a=1"),
        .timestamp_s = 1795341600,
        .nonce = TILL_STR(NONCE),
        .body = TILL_STR("{\"amount\":990}"),
    };
}

static void the_canonical_text_is_line_by_line_as_documented(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    struct till_signed_request request = sample();
    must(till_signing_canonical(&arena, &request, &text, &err));
    assert_str(text, "POST\npay.example:8080\n/v1/payments?a=1\n1795341600\n" NONCE "\n"
                     "28c2b961c8a7e14aa39fe601206688139498f9e141912543284b891545d20c8e\n");
    request.body = TILL_STR_NONE;
    must(till_signing_canonical(&arena, &request, &text, &err));
    assert_true(till_str_ends_with(
        text, TILL_STR("\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")));
}

static void what_was_signed_verifies(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_authorization got;
    struct till_signed_request request = sample();
    must(till_signing_authorize(&arena, &request, TILL_STR("ak_1"), &secret, &header, &err));
    must(till_signing_parse(header, &got, &err));
    assert_str(got.key_id, "ak_1");
    assert_str(got.nonce, NONCE);
    assert_int_equal(got.timestamp_s, request.timestamp_s);
    must(till_signing_verify(&arena, &request, got.signature, &secret, &err));
}

static void every_part_of_the_request_is_signed(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_authorization got;
    struct till_signed_request request = sample(), other;
    must(till_signing_authorize(&arena, &request, TILL_STR("ak_1"), &secret, &header, &err));
    must(till_signing_parse(header, &got, &err));
    const struct till_signed_request changes[] = {
        {.method = TILL_STR("GET")},
        {.host = TILL_STR("pay.example")},
        {.target = TILL_STR("/v1/payments?a=1&amount=1")}, /* S-007 */
        {.target = TILL_STR("/v1/%70ayments?a=1")},        /* S-008 */
        {.timestamp_s = 1795341601},
        {.nonce = TILL_STR("n-0123456789_ABD")},
        {.body = TILL_STR("{\"amount\":991}")}, /* S-006 */
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        const struct till_signed_request *c = &changes[i];
        other = request;
        other.method = c->method.len ? c->method : other.method;
        other.host = c->host.len ? c->host : other.host;
        other.target = c->target.len ? c->target : other.target;
        other.timestamp_s = c->timestamp_s ? c->timestamp_s : other.timestamp_s;
        other.nonce = c->nonce.len ? c->nonce : other.nonce;
        other.body = c->body.len ? c->body : other.body;
        must_refuse(SIGNATURE_WRONG,
                    till_signing_verify(&arena, &other, got.signature, &secret, &err));
    }
    struct till_secret another = secret;
    another.bytes[31] ^= 1;
    must_refuse(SIGNATURE_WRONG,
                till_signing_verify(&arena, &request, got.signature, &another, &err));
}

static void a_part_of_a_signature_is_none(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_authorization got;
    struct till_signed_request request = sample();
    must(till_signing_authorize(&arena, &request, TILL_STR("ak_1"), &secret, &header, &err));
    must(till_signing_parse(header, &got, &err));
    for (size_t len = 0; len < got.signature.len; len++) /* S-003 */
        must_refuse(SIGNATURE_WRONG,
                    till_signing_verify(&arena, &request, till_str_sub(got.signature, 0, len),
                                        &secret, &err));
    char *bytes = (char *)(uintptr_t)got.signature.ptr;
    for (size_t i = 0; i < got.signature.len; i++) {
        bytes[i] ^= 1;
        must_refuse(SIGNATURE_WRONG,
                    till_signing_verify(&arena, &request, got.signature, &secret, &err));
        bytes[i] ^= 1;
    }
}

static void weak_secrets_neither_sign_nor_verify(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_signed_request request = sample();
    struct till_secret weak = secret;
    for (weak.len = 0; weak.len < TILL_SECRET_MIN; weak.len++) { /* S-001 */
        must_refuse(KEY_WEAK, till_signing_authorize(&arena, &request, TILL_STR("ak_1"), &weak,
                                                     &header, &err));
        must_refuse(KEY_WEAK, till_signing_verify(&arena, &request, TILL_STR(MAC), &weak, &err));
    }
}

static void two_requests_never_share_a_text(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str out = TILL_STR("untouched");
    static const struct till_str bad[] = {TILL_STR_INIT(""),         TILL_STR_INIT("a\nb"),
                                          TILL_STR_INIT("a b"),      TILL_STR_INIT("a\rb"),
                                          TILL_STR_INIT("\xc3\xa9"), TILL_STR_INIT("a\0")};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct till_signed_request in_method = sample(), in_host = sample(), in_target = sample(),
                                   in_nonce = sample();
        in_method.method = in_host.host = in_target.target = in_nonce.nonce = bad[i];
        const struct till_signed_request *const all[] = {&in_method, &in_host, &in_target,
                                                         &in_nonce};
        for (size_t n = 0; n < COUNT(all); n++) {
            must_refuse(FIELD_INVALID, till_signing_canonical(&arena, all[n], &out, &err));
            must_refuse(FIELD_INVALID, till_signing_authorize(&arena, all[n], TILL_STR("ak_1"),
                                                              &secret, &out, &err));
            must_refuse(SIGNATURE_WRONG,
                        till_signing_verify(&arena, all[n], TILL_STR(MAC), &secret, &err));
        }
    }
    struct till_signed_request request = sample();
    request.timestamp_s = -1;
    must_refuse(FIELD_INVALID, till_signing_canonical(&arena, &request, &out, &err));
    request = sample();
    must_refuse(FIELD_INVALID,
                till_signing_authorize(&arena, &request, TILL_STR("a,b"), &secret, &out, &err));
    assert_str(out, "untouched");
}

static void nonces_have_16_to_64_characters(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str out;
    char nonce[66];
    memset(nonce, 'a', sizeof nonce);
    for (size_t len = 0; len <= 65; len++) {
        struct till_signed_request request = sample();
        request.nonce = (struct till_str){nonce, len};
        if (len >= 16 && len <= 64)
            must(till_signing_canonical(&arena, &request, &out, &err));
        else
            must_refuse(FIELD_INVALID, till_signing_canonical(&arena, &request, &out, &err));
    }
}

static void key_ids_have_one_alphabet(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str out;
    struct till_signed_request request = sample();
    for (int c = 0; c < 256; c++) {
        char id[1] = {(char)c};
        bool is_plain =
            c &&
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c) != NULL;
        struct till_str key_id = {id, 1};
        assert_int_equal(till_signing_authorize(&arena, &request, key_id, &secret, &out, &err),
                         is_plain);
    }
}

static void the_header_is_read_strictly(void **state) {
    (void)state;
    struct till_error err;
    struct till_authorization got = {.timestamp_s = 77};
    static const char *const bad[] = {
        "",
        "TILL-HMAC-SHA256",
        "TILL-HMAC-SHA256 ",
        "till-hmac-sha256 key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        /* S-010 */
        "none key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-MD5 key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        /* a parameter missing, empty, twice, or unknown */
        "TILL-HMAC-SHA256 timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE,
        "TILL-HMAC-SHA256 key=,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=,nonce=" NONCE ",signature=" MAC,
        HEADER ",key=ak_2",
        "TILL-HMAC-SHA256 key,key=,key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        HEADER ",alg=none",
        HEADER ",",
        "TILL-HMAC-SHA256 ,key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        HEADER " ",
        "TILL-HMAC-SHA256 key=ak_1, timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256  key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        /* values out of their rule */
        "TILL-HMAC-SHA256 key=a.b,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=" MAC "x,timestamp=1795341600,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=-1,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=01,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=253402300800,nonce=" NONCE ",signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=short,signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE "+,signature=" MAC,
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=abc",
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE ",signature=" MAC "00",
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE
        ",signature=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE
        ",signature=g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE
        ",signature=/123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "TILL-HMAC-SHA256 key=ak_1,timestamp=1795341600,nonce=" NONCE
        ",signature=:123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (till_signing_parse(till_str_of(bad[i]), &got, &err))
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.code, TILL_E_SIGNATURE_MISSING);
    }
    assert_int_equal(got.timestamp_s, 77);
    must(till_signing_parse(TILL_STR(HEADER), &got, &err));
    must(till_signing_parse(TILL_STR("TILL-HMAC-SHA256 signature=" MAC ",nonce=" NONCE
                                     ",timestamp=1795341600,key=ak_1"),
                            &got, &err));
    assert_str(got.signature, MAC);
    assert_int_equal(got.timestamp_s, 1795341600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_text_is_line_by_line_as_documented),
        cmocka_unit_test(what_was_signed_verifies),
        cmocka_unit_test(every_part_of_the_request_is_signed),
        cmocka_unit_test(a_part_of_a_signature_is_none),
        cmocka_unit_test(weak_secrets_neither_sign_nor_verify),
        cmocka_unit_test(two_requests_never_share_a_text),
        cmocka_unit_test(nonces_have_16_to_64_characters),
        cmocka_unit_test(key_ids_have_one_alphabet),
        cmocka_unit_test(the_header_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
