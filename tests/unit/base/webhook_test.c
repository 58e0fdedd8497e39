/* SPDX-License-Identifier: Apache-2.0 */
/* Standard Webhooks: the rules, and each
 * row of tests/vectors/data/webhooks/standard-webhooks.json. */
#include <till/encode.h>
#include <till/json.h>
#include <till/key.h>
#include <till/time.h>
#include <till/webhook.h>

#include "tests/unit/base/samples.h"

#define NOW_US (INT64_C(1614265330) * TILL_US_PER_SECOND)
#define SECRET_TEXT "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY "{\"test\": 2432232314}"
#define GOOD "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static struct till_secret secret_of(const char *text) {
    struct till_error err;
    struct till_secret secret = {.len = 0};
    must(till_webhook_secret_parse(till_str_of(text), &secret, &err));
    return secret;
}

static bool verify(const char *id, const char *timestamp, const char *signatures, const char *body,
                   int64_t now_us, struct till_error *err) {
    struct till_secret secret = secret_of(SECRET_TEXT);
    return till_webhook_verify(&secret, till_str_of(id), till_str_of(timestamp),
                               till_str_of(signatures), till_str_of(body), now_us, err);
}

static void secrets_are_24_to_64_bytes_behind_their_prefix(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    struct till_secret secret = {.len = 77};
    static const char *const bad[] = {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_M",
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w",
                                      "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(KEY_INVALID, till_webhook_secret_parse(till_str_of(bad[i]), &secret, &err));
    must_refuse(KEY_WEAK, till_webhook_secret_parse(TILL_STR("whsec_"), &secret, &err));
    must_refuse(KEY_WEAK, till_webhook_secret_parse(
                              TILL_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ=="), &secret, &err));
    assert_int_equal(secret.len, 77);
    for (size_t len = 0; len <= TILL_SECRET_MAX; len++) {
        struct till_secret back, made = {.len = len};
        memset(made.bytes, (int)len, len);
        if (len < 24 || len > 64) {
            must_refuse(KEY_WEAK, till_webhook_secret_format(&arena, &made, &text, &err));
            continue;
        }
        must(till_webhook_secret_format(&arena, &made, &text, &err));
        must(till_webhook_secret_parse(text, &back, &err));
        assert_int_equal(back.len, len);
        assert_memory_equal(back.bytes, made.bytes, len);
    }
    /* 65 bytes, and more than a secret can hold at all */
    char longer[400];
    memset(longer, 'A', sizeof longer);
    memcpy(longer, "whsec_", 6);
    must_refuse(KEY_WEAK,
                till_webhook_secret_parse((struct till_str){longer, 6 + 88}, &secret, &err));
    must_refuse(KEY_INVALID,
                till_webhook_secret_parse((struct till_str){longer, 6 + 300}, &secret, &err));
}

static void one_signature_for_each_secret(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_secret secrets[2] = {{.len = 32}, secret_of(SECRET_TEXT)};
    must(till_webhook_sign(&arena, secrets + 1, 1, TILL_STR(ID), 1614265330, TILL_STR(BODY),
                           &header, &err));
    assert_str(header, GOOD);
    must(till_webhook_sign(&arena, secrets, 2, TILL_STR(ID), 1614265330, TILL_STR(BODY), &header,
                           &err));
    for (size_t i = 0; i < 2; i++)
        must(till_webhook_verify(&secrets[i], TILL_STR(ID), TILL_STR("1614265330"), header,
                                 TILL_STR(BODY), NOW_US, &err));
    assert_int_equal(header.len, 2 * strlen(GOOD) + 1);
    assert_int_equal(till_str_find(header, ' '), strlen(GOOD));
}

static void what_cannot_be_signed_is_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header = TILL_STR("untouched");
    struct till_secret secret = secret_of(SECRET_TEXT), empty = {.len = 0};
    static const struct till_str ids[] = {TILL_STR_INIT(""), TILL_STR_INIT("a.b"),
                                          TILL_STR_INIT("a\n"), TILL_STR_INIT("\xc3\xa9")};
    for (size_t i = 0; i < COUNT(ids); i++)
        must_refuse(FIELD_INVALID,
                    till_webhook_sign(&arena, &secret, 1, ids[i], 1, TILL_STR(""), &header, &err));
    must_refuse(FIELD_INVALID, till_webhook_sign(&arena, &secret, 1, TILL_STR(ID), -1, TILL_STR(""),
                                                 &header, &err));
    must_refuse(KEY_WEAK, till_webhook_sign(&arena, &secret, 0, TILL_STR(ID), 1, TILL_STR(""),
                                            &header, &err));
    must_refuse(KEY_WEAK,
                till_webhook_sign(&arena, &empty, 1, TILL_STR(ID), 1, TILL_STR(""), &header, &err));
    assert_str(header, "untouched");
}

static void a_receiver_is_strict(void **state) {
    (void)state;
    struct till_error err;
    struct till_secret empty = {.len = 0};
    must(verify(ID, "1614265330", GOOD, BODY, NOW_US, &err));
    must(verify(ID, "1614265330", "v2,x  v1, junk " GOOD, BODY, NOW_US, &err));
    must(verify(ID, "1614265330", GOOD " v1,AAAA", BODY, NOW_US, &err));
    must_refuse(KEY_WEAK, till_webhook_verify(&empty, TILL_STR(ID), TILL_STR("1614265330"),
                                              TILL_STR(GOOD), TILL_STR(BODY), NOW_US, &err));
    static const char *const lists[] = {"",
                                        " ",
                                        "v1,",
                                        "v1",
                                        ",",
                                        "v1,g0hM9SsE",
                                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
                                        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                                        "V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                                        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                                        GOOD "=",
                                        GOOD ",",
                                        GOOD "\n"};
    for (size_t i = 0; i < COUNT(lists); i++)
        must_refuse(SIGNATURE_WRONG, verify(ID, "1614265330", lists[i], BODY, NOW_US, &err));
    must_refuse(SIGNATURE_WRONG, verify("", "1614265330", GOOD, BODY, NOW_US, &err));
}

static void one_message_cannot_pass_as_another(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str header;
    struct till_secret secret = secret_of(SECRET_TEXT);
    /* "id.1614265330.{}" cut differently: the id would have to contain a '.'. */
    must(till_webhook_sign(&arena, &secret, 1, TILL_STR("id"), 1614265330,
                           TILL_STR("1614265330.{}"), &header, &err));
    must_refuse(SIGNATURE_WRONG,
                till_webhook_verify(&secret, TILL_STR("id.1614265330"), TILL_STR("1614265330"),
                                    header, TILL_STR("{}"), NOW_US, &err));
}

static void the_clock_may_differ_by_five_minutes(void **state) {
    (void)state;
    struct till_error err;
    must(verify(ID, "1614265330", GOOD, BODY, NOW_US + 300 * TILL_US_PER_SECOND, &err));
    must(verify(ID, "1614265330", GOOD, BODY, NOW_US - 300 * TILL_US_PER_SECOND, &err));
    must_refuse(TIMESTAMP_OUTSIDE,
                verify(ID, "1614265330", GOOD, BODY, NOW_US + 300 * TILL_US_PER_SECOND + 1, &err));
    must_refuse(TIMESTAMP_OUTSIDE,
                verify(ID, "1614265330", GOOD, BODY, NOW_US - 300 * TILL_US_PER_SECOND - 1, &err));
    static const char *const times[] = {"",
                                        "x",
                                        "-1",
                                        "1614265330.0",
                                        " 1614265330",
                                        "01614265330",
                                        "99999999999999999999",
                                        "253402300800"};
    for (size_t i = 0; i < COUNT(times); i++)
        must_refuse(TIMESTAMP_OUTSIDE, verify(ID, times[i], GOOD, BODY, NOW_US, &err));
}

/* --- the file ------------------------------------------------------------------------------ */

static struct till_str unhex(struct till_arena *arena, const struct till_json *row,
                             const char *name) {
    struct till_error err;
    struct till_str bytes;
    must(till_hex_decode(arena, till_json_get_str(row, name), &bytes, &err));
    return bytes;
}

/* One byte of text changed at a time; `holds` must be false for each. */
static void each_change_breaks(struct till_str text, bool (*holds)(void *), void *context) {
    char *bytes = (char *)(uintptr_t)text.ptr;
    assert_true(holds(context));
    for (size_t i = 0; i < text.len; i++) {
        bytes[i] ^= 1;
        if (holds(context))
            fail_msg("byte %zu does not matter", i);
        bytes[i] ^= 1;
    }
}

struct hook {
    struct till_secret secret;
    struct till_str id, timestamp, signatures, body;
};

static bool hook_holds(void *context) {
    struct hook *h = context;
    struct till_error err;
    return till_webhook_verify(&h->secret, h->id, h->timestamp, h->signatures, h->body, NOW_US,
                               &err);
}

static struct till_str own(struct till_arena *arena, const struct till_json *row,
                           const char *name) {
    struct till_error err;
    struct till_str copy;
    must(till_arena_copy(arena, till_json_get_str(row, name), &copy, &err));
    assert_true(copy.len > 0);
    return copy;
}

static void check_hook(struct till_arena *arena, const struct till_json *row) {
    struct hook h = {.secret = secret_of(own(arena, row, "secret").ptr),
                     .id = own(arena, row, "webhook_id"),
                     .timestamp = own(arena, row, "webhook_timestamp"),
                     .signatures = own(arena, row, "signature"),
                     .body = own(arena, row, "payload")};
    each_change_breaks(h.id, hook_holds, &h);
    each_change_breaks(h.timestamp, hook_holds, &h);
    each_change_breaks(h.body, hook_holds, &h);
    each_change_breaks((struct till_str){(char *)h.secret.bytes, h.secret.len}, hook_holds, &h);
    if (till_str_is(till_json_get_str(row, "scheme"), "v1"))
        each_change_breaks(h.signatures, hook_holds, &h);
}

struct mac {
    struct till_str key, text, wanted;
};

static bool mac_holds(void *context) {
    struct mac *m = context;
    struct till_error err;
    uint8_t mac[TILL_SHA256_SIZE];
    return till_hmac_sha256(m->key, m->text, mac, &err) &&
           till_equal_constant_time((struct till_str){(char *)mac, sizeof mac}, m->wanted);
}

static void check_mac(struct till_arena *arena, const struct till_json *row) {
    struct mac m = {unhex(arena, row, "key_hex"), unhex(arena, row, "data_hex"),
                    unhex(arena, row, "mac_hex")};
    each_change_breaks(m.key, mac_holds, &m);
    each_change_breaks(m.text, mac_holds, &m);
    each_change_breaks(m.wanted, mac_holds, &m);
}

struct pure {
    struct till_key *key;
    struct till_str message, signature;
};

static bool pure_holds(void *context) {
    struct pure *p = context;
    struct till_error err;
    return till_key_verify(p->key, TILL_ED25519, p->message, p->signature, &err);
}

/* DER around the 32 bytes of a seed or a public key, as base64 for the parser. */
static struct till_str ed25519_der(struct till_arena *arena, const char *head,
                                   struct till_str raw) {
    struct till_error err;
    struct till_str prefix, der;
    struct till_buf buf;
    must(till_hex_decode(arena, till_str_of(head), &prefix, &err));
    till_buf_init(&buf, arena);
    till_buf_add(&buf, prefix);
    till_buf_add(&buf, till_str_sub(raw, 0, 32));
    must(till_buf_finish(&buf, &der, &err));
    must(till_base64_encode(arena, der, &der, &err));
    return der;
}

/* Signing gives the vector's signature; no changed byte of text or signature verifies. */
static void check_ed25519(struct till_arena *arena, struct till_str seed, struct till_str point,
                          struct till_str message, struct till_str base64) {
    struct till_error err;
    struct till_str made;
    TILL_KEY_SCOPED struct till_key *whole = NULL, *half = NULL;
    must(till_key_parse_private(ed25519_der(arena, "302e020100300506032b657004220420", seed),
                                &whole, &err));
    must(till_key_parse_public(ed25519_der(arena, "302a300506032b6570032100", point), &half, &err));
    assert_true(till_key_same_pair(whole, half));
    must(till_key_sign(arena, whole, TILL_ED25519, message, &made, &err));
    assert_str_equal(made, base64);
    struct pure p = {half, message, base64};
    each_change_breaks(message, pure_holds, &p);
    each_change_breaks(base64, pure_holds, &p);
}

static struct till_str after_prefix(struct till_arena *arena, const struct till_json *row,
                                    const char *name, const char *prefix) {
    struct till_error err;
    struct till_str text = till_json_get_str(row, name), bytes;
    assert_true(till_str_starts_with(text, till_str_of(prefix)));
    must(till_base64_decode(arena, till_str_sub(text, strlen(prefix), text.len), &bytes, &err));
    return bytes;
}

static void check_v1a(struct till_arena *arena, const struct till_json *row) {
    struct till_error err;
    struct till_str text;
    must(till_arena_format(arena, &text, &err, "%s.%s.%s", own(arena, row, "webhook_id").ptr,
                           own(arena, row, "webhook_timestamp").ptr,
                           own(arena, row, "payload").ptr));
    struct till_str signature = own(arena, row, "signature");
    check_ed25519(arena, after_prefix(arena, row, "secret_key", "whsk_"),
                  after_prefix(arena, row, "public_key", "whpk_"), text,
                  till_str_sub(signature, strlen("v1a,"), signature.len));
}

static void check_pure(struct till_arena *arena, const struct till_json *row) {
    struct till_error err;
    struct till_str base64;
    must(till_base64_encode(arena, unhex(arena, row, "signature_hex"), &base64, &err));
    check_ed25519(arena, unhex(arena, row, "seed_hex"), unhex(arena, row, "public_hex"),
                  unhex(arena, row, "message_hex"), base64);
}

static void every_vector_holds_and_breaks_with_each_byte(void **state) {
    (void)state;
    ARENA(arena);
    static const struct {
        const char *scheme;
        void (*check)(struct till_arena *, const struct till_json *);
    } checks[] = {{"v1", check_hook},
                  {"v1 list", check_hook},
                  {"v1a (Ed25519)", check_v1a},
                  {"HMAC-SHA-256", check_mac},
                  {"Ed25519", check_pure}};
    struct till_error err;
    TILL_JSON_SCOPED struct till_json *rows = NULL;
    size_t checked = 0;
    must(till_json_parse(sample_file(&arena, "webhooks/standard-webhooks.json"), &rows, &err));
    for (size_t i = 0; i < till_json_size(rows); i++) {
        const struct till_json *row = till_json_element(rows, i);
        for (size_t n = 0; n < COUNT(checks); n++) {
            if (till_str_is(till_json_get_str(row, "scheme"), checks[n].scheme)) {
                checks[n].check(&arena, row);
                checked++;
            }
        }
    }
    assert_int_equal(checked, till_json_size(rows));
    assert_int_equal(checked, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_24_to_64_bytes_behind_their_prefix),
        cmocka_unit_test(one_signature_for_each_secret),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
        cmocka_unit_test(a_receiver_is_strict),
        cmocka_unit_test(one_message_cannot_pass_as_another),
        cmocka_unit_test(the_clock_may_differ_by_five_minutes),
        cmocka_unit_test(every_vector_holds_and_breaks_with_each_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
