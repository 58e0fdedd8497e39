/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as people paste them, Alipay's names of them, chains, and issuing (dossier 2.5). */
#include <till/certificate.h>
#include <till/time.h>

#include "tests/unit/base/samples.h"

static struct till_certificates *certificates(struct till_str pasted) {
    struct till_error err;
    struct till_certificates *list = NULL;
    must(till_certificates_parse(pasted, &list, &err));
    return list;
}

static struct till_certificates *file(struct till_arena *arena, const char *name) {
    struct till_error err;
    struct till_str path;
    must(till_arena_format(arena, &path, &err, "alipay/certs/%s", name));
    return certificates(sample_file(arena, path.ptr));
}

static struct till_certificate_facts facts_of(struct till_arena *arena,
                                              const struct till_certificates *list, size_t index) {
    struct till_error err;
    struct till_certificate_facts facts;
    must(till_certificate_describe(arena, list, index, &facts, &err));
    return facts;
}

static int64_t us(const char *time) {
    struct till_error err;
    int64_t at;
    must(till_time_parse(till_str_of(time), &at, &err));
    return at;
}

static void the_worlds_serials_come_out(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str root_sn;
    char sn[TILL_CERTIFICATE_SN_SIZE];
    TILL_CERTIFICATES_SCOPED struct till_certificates *node = file(&arena, "node-app.crt");
    TILL_CERTIFICATES_SCOPED struct till_certificates *box = file(&arena, "yansongda-app.crt");
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots =
        file(&arena, "alipay-root-bundle.crt");
    must(till_certificate_sn(node, 0, sn, &err));
    assert_string_equal(sn, "866efef280dec9137a87d047ac446315");
    must(till_certificate_sn(box, 0, sn, &err));
    assert_string_equal(sn, "e90dd23a37c5c7b616e003970817ff82");
    must(till_certificates_root_sn(&arena, roots, &root_sn, &err));
    assert_str(root_sn, "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6");
}

static void every_root_of_the_real_bundle_is_read_whatever_its_algorithm(void **state) {
    (void)state;
    static const bool is_rsa[] = {false, true, false, true};
    static const char *const subjects[] = {
        "CN=ROOTCA,O=NRCAC,C=CN",
        "CN=Ant Financial Certification Authority R1,OU=Certification Authority,O=Ant "
        "Financial,C=CN",
        "CN=Ant Financial Certification Authority E1,OU=Certification Authority,O=Ant "
        "Financial,C=CN",
        "CN=iTrusChina Class 2 Root CA - G3,OU=China Trust Network,O=iTrusChina,C=CN"};
    ARENA(arena);
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots =
        file(&arena, "alipay-root-bundle.crt");
    assert_int_equal(till_certificates_count(roots), 4);
    for (size_t i = 0; i < 4; i++) {
        struct till_certificate_facts facts = facts_of(&arena, roots, i);
        assert_str(facts.subject, subjects[i]);
        assert_str_equal(facts.issuer, facts.subject);
        assert_int_equal(facts.is_rsa_signed, is_rsa[i]);
        assert_true(facts.is_ca);
    }
    assert_str(facts_of(&arena, roots, 1).serial, "2292228364100439313");
    assert_str(facts_of(&arena, roots, 3).serial,
               "95790491425698859646659490580052089075020051350");
}

static void a_leaf_tells_its_owner_its_times_and_its_key(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    TILL_CERTIFICATES_SCOPED struct till_certificates *list = file(&arena, "node-app.crt");
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_certificate_facts facts = facts_of(&arena, list, 0);
    assert_str(facts.subject, "CN=2088831204659217-2021001161683774,OU=Alipay,"
                              "O=杭州焕旭信息技术有限公司,C=CN");
    assert_true(facts.not_before_us == us("2020-05-18T05:28:47Z"));
    assert_true(facts.not_after_us == us("2022-05-18T05:28:47Z"));
    assert_false(facts.is_ca);
    must(till_certificate_key(list, 0, &key, &err));
    assert_int_equal(till_key_bits(key), 2048);
    assert_true(till_key_expires_us(key) == facts.not_after_us);
}

static void the_key_of_a_certificate_is_the_one_that_signed(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    TILL_CERTIFICATES_SCOPED struct till_certificates *list = file(&arena, "yansongda-app.crt");
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_str content = sample_file(&arena, "alipay/req-query-cert.content");
    struct till_str sign = sample_line(&arena, "alipay/req-query-cert.sig");
    must(till_certificate_key(list, 0, &key, &err));
    must(till_key_verify(key, TILL_RSA_SHA256, content, sign, &err));
}

/* `text` with each line end written as `end`. */
static struct till_str with_ends(struct till_arena *arena, struct till_str text, const char *end) {
    struct till_error err;
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n')
            till_buf_text(&buf, end);
        else if (text.ptr[i] != '\r')
            till_buf_char(&buf, text.ptr[i]);
    }
    must(till_buf_finish(&buf, &text, &err));
    return text;
}

static void whatever_editors_do_to_the_text_is_undone(void **state) {
    (void)state;
    static const char *const ends[] = {"\r\n", "\\n", " \n\t ", "\\r\\n", "\n\n"};
    ARENA(arena);
    struct till_error err;
    struct till_str text = sample_file(&arena, "alipay/certs/alipay-root-bundle.crt"), framed;
    for (size_t i = 0; i < COUNT(ends); i++) {
        TILL_CERTIFICATES_SCOPED struct till_certificates *list =
            certificates(with_ends(&arena, text, ends[i]));
        assert_int_equal(till_certificates_count(list), 4);
    }
    must(till_arena_format(&arena, &framed, &err,
                           "\xef\xbb\xbf"
                           "Bag Attributes\n  name: x\n%.*s\nend",
                           TILL_STR_ARG(text)));
    TILL_CERTIFICATES_SCOPED struct till_certificates *list = certificates(framed);
    assert_int_equal(till_certificates_count(list), 4);
}

static void what_is_exported_is_what_was_parsed(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str pem, again;
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots =
        file(&arena, "alipay-root-bundle.crt");
    for (size_t i = 0; i < 4; i++) {
        must(till_certificate_export(&arena, roots, i, &pem, &err));
        TILL_CERTIFICATES_SCOPED struct till_certificates *one = certificates(pem);
        assert_int_equal(till_certificates_count(one), 1);
        must(till_certificate_export(&arena, one, 0, &again, &err));
        assert_str_equal(pem, again);
    }
}

static void what_is_no_certificate_is_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_certificates *list = NULL;
    struct till_str good = sample_file(&arena, "alipay/certs/node-app.crt");
    const struct till_str bad[] = {
        TILL_STR(""),
        TILL_STR(" \n "),
        TILL_STR("hello"),
        TILL_STR("aGVsbG8="),
        TILL_STR("-----BEGIN CERTIFICATE-----"),
        TILL_STR("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"),
        TILL_STR("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----"),
        till_str_sub(good, 0, good.len / 2),
        sample_file(&arena, "alipay/keys/chloerei-test.pkcs8.pem"),
        sample_file(&arena, "alipay/keys/chloerei-test.pem"),
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(CERTIFICATE_INVALID, till_certificates_parse(bad[i], &list, &err));
    assert_null(list);
}

static void no_certificate_survives_a_missing_byte(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_certificates *list = NULL;
    struct till_str good = sample_line(&arena, "alipay/certs/node-app.crt");
    const size_t head = strlen("-----BEGIN CERTIFICATE-----\n");
    char *bytes = till_arena_alloc(&arena, good.len);
    for (size_t at = head; at < head + 600; at++) {
        if (good.ptr[at] == '\n' || good.ptr[at] == '\r')
            continue;
        memcpy(bytes, good.ptr, at);
        memcpy(bytes + at, good.ptr + at + 1, good.len - at - 1);
        must_refuse(CERTIFICATE_INVALID,
                    till_certificates_parse((struct till_str){bytes, good.len - 1}, &list, &err));
    }
}

static void counts_and_lengths_are_bounded(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_certificates *list = NULL;
    struct till_str one = sample_line(&arena, "alipay/certs/yansongda-app.crt");
    struct till_buf buf;
    till_buf_init(&buf, &arena);
    for (int i = 0; i < TILL_CERTIFICATES_MAX; i++) {
        till_buf_add(&buf, one);
        till_buf_char(&buf, '\n');
    }
    struct till_str full, more;
    must(till_buf_finish(&buf, &full, &err));
    must(till_certificates_parse(full, &list, &err));
    assert_int_equal(till_certificates_count(list), TILL_CERTIFICATES_MAX);
    till_certificates_free(list);
    list = NULL;
    must(till_arena_format(&arena, &more, &err, "%.*s%.*s", TILL_STR_ARG(full), TILL_STR_ARG(one)));
    must_refuse(CERTIFICATE_INVALID, till_certificates_parse(more, &list, &err));
    char *blanks = till_arena_alloc(&arena, TILL_CERTIFICATES_TEXT_MAX + 1);
    memset(blanks, ' ', TILL_CERTIFICATES_TEXT_MAX + 1);
    memcpy(blanks, one.ptr, one.len);
    blanks[TILL_CERTIFICATES_TEXT_MAX] = 'x';
    must_refuse(CERTIFICATE_INVALID,
                till_certificates_parse((struct till_str){blanks, TILL_CERTIFICATES_TEXT_MAX + 1},
                                        &list, &err));
}

static void no_rsa_root_is_no_root_serial(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str pem, sn;
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots =
        file(&arena, "alipay-root-bundle.crt");
    must(till_certificate_export(&arena, roots, 0, &pem, &err));
    TILL_CERTIFICATES_SCOPED struct till_certificates *sm2 = certificates(pem);
    must_refuse(CERTIFICATE_INVALID, till_certificates_root_sn(&arena, sm2, &sn, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worlds_serials_come_out),
        cmocka_unit_test(every_root_of_the_real_bundle_is_read_whatever_its_algorithm),
        cmocka_unit_test(a_leaf_tells_its_owner_its_times_and_its_key),
        cmocka_unit_test(the_key_of_a_certificate_is_the_one_that_signed),
        cmocka_unit_test(whatever_editors_do_to_the_text_is_undone),
        cmocka_unit_test(what_is_exported_is_what_was_parsed),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(no_certificate_survives_a_missing_byte),
        cmocka_unit_test(counts_and_lengths_are_bounded),
        cmocka_unit_test(no_rsa_root_is_no_root_serial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
