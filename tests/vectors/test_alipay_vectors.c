/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key-mode vector of tests/vectors/data/alipay through the public functions: what the world
 * signed verifies here, what we sign is what the world signed, and one changed byte anywhere fails.
 */
#include "tests/unit/alipay/fixture.h"

#include <stdio.h>
#include <string.h>

#include "lib/channel/gbk.h"

struct vector {
    const char *id;
    const char *public_key;
    enum till_signature algorithm;
    const char *node_name; /* of an answer; NULL: something else was signed */
};

static const struct vector vectors[] = {
    {"notify-trade-v1", "keys/node-notify-v1.pem", TILL_RSA_SHA256, NULL},
    {"notify-refund-closed", "keys/yshop-2021.pem", TILL_RSA_SHA256, NULL},
    {"resp-precreate", "keys/yansongda-sandbox-alipay.pem", TILL_RSA_SHA256,
     "alipay_trade_precreate_response"},
    {"resp-query", "keys/yansongda-sandbox-alipay.pem", TILL_RSA_SHA256,
     "alipay_trade_query_response"},
    {"resp-refund-query", "keys/yansongda-sandbox-alipay.pem", TILL_RSA_SHA256,
     "alipay_trade_fastpay_refund_query_response"},
    {"resp-refund", "keys/yansongda-sandbox-alipay.pem", TILL_RSA_SHA256,
     "alipay_trade_refund_response"},
    {"resp-file-upload", "keys/node-alipay-public-key.pem", TILL_RSA_SHA256,
     "alipay_open_file_upload_response"},
    {"resp1-invalid-signature", "keys/openapi-rsa1-global.pem", TILL_RSA_SHA1,
     "alipay_trade_precreate_response"},
    {"resp1-pay-10003", "keys/openapi-rsa1-global.pem", TILL_RSA_SHA1, "alipay_trade_pay_response"},
    {"resp1-precreate", "keys/openapi-rsa1-global.pem", TILL_RSA_SHA1,
     "alipay_trade_precreate_response"},
    {"resp1-oauth-token", "keys/openapi-rsa1-global.pem", TILL_RSA_SHA1,
     "alipay_system_oauth_token_response"},
    {"req-query-cert", "keys/yansongda-sandbox-app.pem", TILL_RSA_SHA256, NULL},
    {"req-sdk-execute", "keys/chloerei-test.pem", TILL_RSA_SHA256, NULL},
    {"sdk-v3-post", "keys/node-fixture-app.pem", TILL_RSA_SHA256, NULL},
    {"sdk-v3-encrypted", "keys/node-fixture-app.pem", TILL_RSA_SHA256, NULL},
    {"sdk-v2-exec", "keys/node-fixture-app.pem", TILL_RSA_SHA256, NULL},
};

enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static struct till_str part(struct fixture *f, const char *id, const char *suffix) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s.%s", id, suffix);
    return fixture_read(f, path);
}

static struct till_str signature_of(struct fixture *f, const char *id) {
    return till_str_trim(part(f, id, "sig"));
}

static struct till_key *public_key(struct fixture *f, const char *path) {
    struct till_key *key = NULL;
    assert_true(till_key_parse_public(fixture_read(f, path), &key, &f->err));
    return key;
}

static void every_vector_of_the_index_is_in_this_table(void **state) {
    struct till_str index = fixture_read(fixture_of(state), "INDEX.tsv");
    size_t rows = 0;
    for (size_t i = 0; i < index.len; i++)
        rows += index.ptr[i] == '\n';
    assert_int_equal(rows, VECTORS + 1); /* and the head */
}

static void every_vector_verifies(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < VECTORS; i++) {
        TILL_KEY_SCOPED struct till_key *key = public_key(f, vectors[i].public_key);
        if (!till_key_verify(key, vectors[i].algorithm, part(f, vectors[i].id, "content"),
                             signature_of(f, vectors[i].id), &f->err))
            fail_msg("%s: %s", vectors[i].id, f->err.text);
    }
}

static void one_changed_byte_anywhere_fails(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < VECTORS; i++) {
        TILL_KEY_SCOPED struct till_key *key = public_key(f, vectors[i].public_key);
        struct till_str content = part(f, vectors[i].id, "content");
        struct till_str sign = signature_of(f, vectors[i].id);
        char *bytes = (char *)content.ptr;
        for (size_t at = 0; at < content.len; at++) {
            bytes[at] ^= 1;
            assert_false(till_key_verify(key, vectors[i].algorithm, content, sign, &f->err));
            assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
            bytes[at] ^= 1;
        }
    }
}

static void the_other_algorithm_fails(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < VECTORS; i++) {
        TILL_KEY_SCOPED struct till_key *key = public_key(f, vectors[i].public_key);
        enum till_signature other =
            vectors[i].algorithm == TILL_RSA_SHA1 ? TILL_RSA_SHA256 : TILL_RSA_SHA1;
        assert_false(till_key_verify(key, other, part(f, vectors[i].id, "content"),
                                     signature_of(f, vectors[i].id), &f->err));
        assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
    }
}

static void signing_reproduces_what_the_world_signed(void **state) {
    static const struct {
        const char *id;
        const char *private_key;
    } rows[] = {
        {"req-query-cert", "keys/yansongda-sandbox-app.pkcs1.b64"},
        {"req-sdk-execute", "keys/chloerei-test.pkcs8.pem"},
        {"sdk-v2-exec", "keys/node-fixture-app.pkcs1.b64"},
        {"sdk-v2-exec", "keys/node-fixture-app.pkcs8.b64"},
        {"sdk-v3-post", "keys/node-fixture-app.pkcs8.b64"},
        {"sdk-v3-encrypted", "keys/node-fixture-app.pkcs8.b64"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TILL_KEY_SCOPED struct till_key *key = NULL;
        struct till_str made;
        assert_true(till_key_parse_private(fixture_read(f, rows[i].private_key), &key, &f->err));
        assert_true(till_key_sign(&f->arena, key, TILL_RSA_SHA256, part(f, rows[i].id, "content"),
                                  &made, &f->err));
        assert_true(till_str_equal(made, signature_of(f, rows[i].id)));
    }
}

/* {"name":"value",...} of a .params.json file as a form. */
static struct till_form form_of_params(struct fixture *f, const char *id) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_form form;
    struct till_str name;
    const struct till_json *value;
    assert_true(till_json_parse(part(f, id, "params.json"), &json, &f->err));
    assert_true(till_form_init(&f->arena, &form, &f->err));
    for (size_t i = 0; till_json_member_at(json, i, &name, &value); i++) {
        struct till_str kept_name, kept;
        assert_true(till_arena_copy(&f->arena, name, &kept_name, &f->err));
        assert_true(till_arena_copy(&f->arena, till_json_str(value), &kept, &f->err));
        assert_true(till_form_add(&form, kept_name, kept, &f->err));
    }
    return form;
}

static struct till_form form_of_body(struct fixture *f, struct till_str body) {
    struct till_form form;
    assert_true(till_form_parse(&f->arena, till_str_trim(body), &form, &f->err));
    return form;
}

/* Query of the request line and body of a captured request, as the platform merges them. */
static struct till_form form_of_capture(struct fixture *f, const char *id) {
    struct till_str text = part(f, id, "body"), merged;
    size_t from = till_str_find(text, '?') + 1, end = till_str_find(text, '\n');
    struct till_str query = till_str_trim(till_str_sub(text, from, end - from));
    struct till_str body = till_str_trim(till_str_sub(text, end, text.len));
    assert_true(till_arena_format(&f->arena, &merged, &f->err, "%.*s&%.*s", TILL_STR_ARG(query),
                                  TILL_STR_ARG(body)));
    return form_of_body(f, merged);
}

static void the_string_to_sign_of_a_request_is_the_worlds(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form forms[] = {form_of_params(f, "req-query-cert"),
                                form_of_body(f, part(f, "req-sdk-execute", "body")),
                                form_of_capture(f, "sdk-v2-exec")};
    const char *ids[] = {"req-query-cert", "req-sdk-execute", "sdk-v2-exec"};
    for (size_t i = 0; i < 3; i++) {
        struct till_str text;
        assert_true(till_alipay_request_text(&f->arena, &forms[i], false, &text, &f->err));
        assert_true(till_str_equal(text, part(f, ids[i], "content")));
        assert_true(till_str_equal(till_form_get(&forms[i], "sign"), signature_of(f, ids[i])));
    }
}

static void the_string_to_sign_of_a_notification_drops_sign_type(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form forms[] = {form_of_params(f, "notify-trade-v1"),
                                form_of_body(f, part(f, "notify-refund-closed", "body"))};
    const char *ids[] = {"notify-trade-v1", "notify-refund-closed"};
    for (size_t i = 0; i < 2; i++) {
        struct till_str text;
        assert_true(till_alipay_notify_text(&f->arena, &forms[i], TILL_ALIPAY_V1, &text, &f->err));
        assert_true(till_str_equal(text, part(f, ids[i], "content")));
    }
}

static void a_trade_notification_with_sign_type_kept_fails(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *key = public_key(f, "keys/node-notify-v1.pem");
    struct till_form form = form_of_params(f, "notify-trade-v1");
    struct till_str text, sign = till_form_get(&form, "sign");
    assert_true(till_alipay_notify_text(&f->arena, &form, TILL_ALIPAY_V2, &text, &f->err));
    assert_false(till_key_verify(key, TILL_RSA_SHA256, text, sign, &f->err));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
}

static void precreate_with_unescaped_slashes_fails(void **state) {
    static const char *const ids[] = {"resp-precreate", "resp1-precreate"};
    static const char *const keys[] = {"keys/yansongda-sandbox-alipay.pem",
                                       "keys/openapi-rsa1-global.pem"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 2; i++) {
        TILL_KEY_SCOPED struct till_key *key = public_key(f, keys[i]);
        struct till_str content = part(f, ids[i], "content");
        char plain[512];
        size_t len = 0;
        for (size_t at = 0; at < content.len; at++) {
            if (content.ptr[at] != '\\')
                plain[len++] = content.ptr[at];
        }
        assert_true(len < content.len);
        assert_false(till_key_verify(key, i ? TILL_RSA_SHA1 : TILL_RSA_SHA256,
                                     (struct till_str){plain, len}, signature_of(f, ids[i]),
                                     &f->err));
    }
}

static void chinese_text_written_anew_in_gbk_fails(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *key = public_key(f, "keys/openapi-rsa1-global.pem");
    struct till_str gbk, content = part(f, "resp1-invalid-signature", "content");
    assert_true(gbk_from_utf8(&f->arena, content, &gbk, &f->err));
    assert_false(till_str_equal(gbk, content));
    assert_false(till_key_verify(key, TILL_RSA_SHA1, gbk,
                                 signature_of(f, "resp1-invalid-signature"), &f->err));
}

/* The answer around a vector's content, as the gateway writes it. */
static struct till_str answer_of(struct fixture *f, const struct vector *vector) {
    struct till_str body, content = part(f, vector->id, "content");
    struct till_str sign = signature_of(f, vector->id);
    assert_true(till_arena_format(&f->arena, &body, &f->err, "{\"%s\":%.*s,\"sign\":\"%.*s\"}",
                                  vector->node_name, TILL_STR_ARG(content), TILL_STR_ARG(sign)));
    return body;
}

static struct till_str method_of(const struct vector *vector, char room[64]) {
    size_t len = strlen(vector->node_name) - strlen("_response");
    for (size_t i = 0; i < len; i++)
        room[i] = (char)(vector->node_name[i] == '_' ? '.' : vector->node_name[i]);
    return (struct till_str){room, len};
}

static bool is_believed(struct fixture *f, const struct vector *vector, const struct till_key *key,
                        struct till_str body) {
    char room[64];
    struct till_alipay_answer answer;
    struct till_arena arena;
    till_arena_init(&arena, 65536);
    bool is_good = till_alipay_answer_split(body, method_of(vector, room), &answer, &f->err) &&
                   till_alipay_answer_verify(&arena, &answer, key, vector->algorithm, &f->err);
    till_arena_clean_up(&arena);
    return is_good;
}

static void every_answer_is_split_and_verified_and_no_changed_byte_is(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < VECTORS; i++) {
        if (!vectors[i].node_name)
            continue;
        TILL_KEY_SCOPED struct till_key *key = public_key(f, vectors[i].public_key);
        struct till_str body = answer_of(f, &vectors[i]);
        char *bytes = (char *)body.ptr;
        if (!is_believed(f, &vectors[i], key, body))
            fail_msg("%s: %s", vectors[i].id, f->err.text);
        for (size_t at = 0; at < body.len; at++) {
            bytes[at] ^= 1;
            if (is_believed(f, &vectors[i], key, body))
                fail_msg("%s: byte %zu changed and still believed", vectors[i].id, at);
            bytes[at] ^= 1;
        }
    }
}

static void a_whole_captured_response_is_believed(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *key = public_key(f, "keys/node-alipay-public-key.pem");
    struct till_str file = part(f, "resp-file-upload", "response");
    /* The file goes on with the test it was taken from; the response ends at its first quote. */
    struct till_str body = till_str_sub(file, 0, till_str_find(file, '\''));
    struct till_alipay_answer answer;
    assert_true(
        till_alipay_answer_split(body, TILL_STR("alipay.open.file.upload"), &answer, &f->err));
    assert_true(till_str_equal(answer.node, part(f, "resp-file-upload", "content")));
    assert_true(till_str_equal(answer.sign, signature_of(f, "resp-file-upload")));
    assert_true(till_alipay_answer_verify(&f->arena, &answer, key, TILL_RSA_SHA256, &f->err));
}

static struct till_verdict verdict_of(struct fixture *f, struct till_account *account,
                                      const struct till_ask *ask, const char *id) {
    struct till_verdict verdict;
    for (size_t i = 0; i < VECTORS; i++) {
        if (strcmp(vectors[i].id, id) != 0)
            continue;
        struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, answer_of(f, &vectors[i])};
        till_answer(account, ask, &incoming, &f->arena, &verdict);
    }
    till_account_free(account);
    assert_true(verdict.verified);
    return verdict;
}

static struct till_account *sandbox_account(struct fixture *f) {
    return fixture_account_of(f, "keys/yansongda-sandbox-alipay.pem", "9021000122682882",
                              "2088721003899161", "RSA2");
}

static void captured_answers_become_verdicts(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.upstream_no = TILL_STR("1704093802");
    struct till_verdict verdict = verdict_of(f, sandbox_account(f), &ask, "resp-precreate");
    assert_int_equal(verdict.outcome, TILL_PENDING);
    assert_true(
        till_str_is(verdict.action_value, "https://qr.alipay.com/bax07651xvtprxfkmxyf00a9"));

    ask = fixture_ask(TILL_QUERY);
    ask.upstream_no = TILL_STR("1703141270");
    ask.amount.minor = 1;
    verdict = verdict_of(f, sandbox_account(f), &ask, "resp-query");
    assert_int_equal(verdict.outcome, TILL_PAID);
    assert_int_equal(verdict.amount.minor, 1);
    assert_true(till_str_is(verdict.buyer, "ifv***@sandbox.com"));

    ask.operation = TILL_REFUND;
    ask.refund_amount.minor = 1;
    verdict = verdict_of(f, sandbox_account(f), &ask, "resp-refund");
    assert_int_equal(verdict.outcome, TILL_PAID);
    assert_int_equal(verdict.refunded.minor, 1);

    ask.operation = TILL_REFUND_QUERY;
    ask.refund_no = TILL_STR("1703141270");
    assert_int_equal(verdict_of(f, sandbox_account(f), &ask, "resp-refund-query").outcome,
                     TILL_PAID);
}

static void captured_sha1_answers_become_verdicts_for_an_account_that_asks_for_rsa(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    const char *key = "keys/openapi-rsa1-global.pem";
    ask.upstream_no = TILL_STR("eb0d16e5-38d9-4fc4-ba6b-59787532eba1");
    struct till_account *account =
        fixture_account_of(f, key, "2016000000000000", FIXTURE_SELLER_ID, "RSA");
    assert_int_equal(verdict_of(f, account, &ask, "resp1-precreate").outcome, TILL_PENDING);

    account = fixture_account_of(f, key, "2016000000000000", FIXTURE_SELLER_ID, "RSA");
    struct till_verdict verdict = verdict_of(f, account, &ask, "resp1-invalid-signature");
    assert_int_equal(verdict.outcome, TILL_DECLINED);
    assert_string_equal(verdict.peer_code, "isv.invalid-signature");
    assert_string_equal(verdict.peer_text, "无效签名");
}

/* No changed byte of the body is taken, wherever it stands. */
static void changed_bytes_are_refused(struct fixture *f, struct till_account *account,
                                      struct till_str body) {
    struct till_notification notification = fixture_notification(body);
    struct till_notice notice;
    char *bytes = (char *)body.ptr;
    for (size_t at = 0; at < body.len; at++) {
        struct till_arena arena;
        till_arena_init(&arena, 1 << 20);
        bytes[at] ^= 1;
        if (account->channel->notified(account, &notification, &arena, &notice, &f->err))
            fail_msg("byte %zu changed and still believed", at);
        bytes[at] ^= 1;
        till_arena_clean_up(&arena);
    }
}

static void the_captured_refund_notification_is_a_refund(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_account *account = fixture_account_of(f, "keys/yshop-2021.pem", "2021002150672444",
                                                      "2088221447441083", "RSA2");
    struct till_str body = till_str_trim(part(f, "notify-refund-closed", "body"));
    struct till_notification notification = fixture_notification(body);
    struct till_notice notice;
    assert_true(account->channel->notified(account, &notification, &f->arena, &notice, &f->err));
    assert_int_equal(notice.kind, TILL_NOTICE_REFUND);
    assert_int_equal(notice.amount.minor, 60);
    assert_int_equal(notice.refunded.minor, 60);
    assert_true(till_str_is(notice.refund_no, "1415126234332921856"));
    assert_null(notice.mismatch);
    changed_bytes_are_refused(f, account, body);
    till_account_free(account);
}

static void the_captured_paid_notification_is_a_payment(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_account *account = fixture_account_of(
        f, "keys/node-notify-v1.pem", "2019073166072302", "2088531891668739", "RSA2");
    struct till_form form = form_of_params(f, "notify-trade-v1");
    struct till_str body;
    struct till_notice notice;
    assert_true(till_form_encode(&f->arena, &form, &body, &f->err));
    struct till_notification notification = fixture_notification(body);
    assert_true(account->channel->notified(account, &notification, &f->arena, &notice, &f->err));
    assert_int_equal(notice.kind, TILL_NOTICE_PAID);
    assert_int_equal(notice.amount.minor, 10);
    assert_true(till_str_is(notice.upstream_no, "20190815155618536-564-57"));
    assert_true(notice.paid_us == INT64_C(1565855784) * TILL_US_PER_SECOND);
    changed_bytes_are_refused(f, account, body);
    till_account_free(account);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_vector_of_the_index_is_in_this_table),
        SENTENCE(every_vector_verifies),
        SENTENCE(one_changed_byte_anywhere_fails),
        SENTENCE(the_other_algorithm_fails),
        SENTENCE(signing_reproduces_what_the_world_signed),
        SENTENCE(the_string_to_sign_of_a_request_is_the_worlds),
        SENTENCE(the_string_to_sign_of_a_notification_drops_sign_type),
        SENTENCE(a_trade_notification_with_sign_type_kept_fails),
        SENTENCE(precreate_with_unescaped_slashes_fails),
        SENTENCE(chinese_text_written_anew_in_gbk_fails),
        SENTENCE(every_answer_is_split_and_verified_and_no_changed_byte_is),
        SENTENCE(a_whole_captured_response_is_believed),
        SENTENCE(captured_answers_become_verdicts),
        SENTENCE(captured_sha1_answers_become_verdicts_for_an_account_that_asks_for_rsa),
        SENTENCE(the_captured_refund_notification_is_a_refund),
        SENTENCE(the_captured_paid_notification_is_a_payment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
