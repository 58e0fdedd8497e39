/* SPDX-License-Identifier: Apache-2.0 */
/* Every hypothesis: a message broken in just that way is explained by just that sentence. */
#include "fixture.h"

#include "lib/channel/alipay/pasted.h"
#include "lib/channel/gbk.h"

static struct till_explanation explain_with(struct fixture *f, struct till_str pasted,
                                            struct till_str expected, const struct till_key *key,
                                            const struct till_key *app_key) {
    struct till_explanation e;
    if (!till_explain_alipay(&f->arena, pasted, expected, key, app_key, &e, &f->err))
        fail_msg("%s", f->err.text);
    assert_true(e.verdict.len > 0);
    assert_true(e.verified ? e.cause.len == 0 : e.cause.len > 0 && e.advice.len > 0);
    return e;
}

static struct till_explanation explain(struct fixture *f, struct till_str pasted) {
    return explain_with(f, pasted, TILL_STR_NONE, f->platform_private, NULL);
}

static bool mentions(struct till_str text, const char *word) {
    return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

static struct till_str encode(struct fixture *f, const struct till_form *form) {
    struct till_str text;
    assert_true(till_form_encode(&f->arena, form, &text, &f->err));
    return text;
}

/* The form with a signature over `text`. */
static struct till_str signed_over(struct fixture *f, struct till_form form, struct till_str text) {
    struct till_str sign = fixture_sign(f, text);
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &f->err));
    return encode(f, &form);
}

static struct till_form request_form(struct fixture *f) {
    return fixture_form(f, "app_id", FIXTURE_APP_ID, "method", "alipay.trade.query", "charset",
                        "utf-8", "sign_type", "RSA2", "timestamp", "2026-11-23 07:27:07", "version",
                        "1.0", "biz_content", "{\"subject\":\"咖啡 50%\"}", NULL);
}

static struct till_str request_text(struct fixture *f, const struct till_form *form) {
    struct till_str text;
    assert_true(till_alipay_request_text(&f->arena, form, false, &text, &f->err));
    return text;
}

static struct till_str notify_text(struct fixture *f, const struct till_form *form) {
    struct till_str text;
    assert_true(till_alipay_notify_text(&f->arena, form, TILL_ALIPAY_V1, &text, &f->err));
    return text;
}

static void good_messages_of_each_kind_are_good(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form request = request_form(f), notify = fixture_paid_form(f);
    struct till_str body = signed_over(f, request, request_text(f, &request)), url;
    struct till_explanation e = explain(f, body);
    assert_true(e.verified);
    assert_int_equal(e.kind, TILL_EXPLAIN_REQUEST);
    assert_true(till_str_equal(e.canonical, request_text(f, &request)));
    assert_int_equal(e.first_difference, e.canonical.len);

    e = explain(f, fixture_notify_body(f, &notify));
    assert_true(e.verified);
    assert_int_equal(e.kind, TILL_EXPLAIN_NOTIFICATION);

    e = explain(f, fixture_answer(f, "alipay_trade_query_response", "{\"u\":\"a\\/b\"}"));
    assert_true(e.verified);
    assert_int_equal(e.kind, TILL_EXPLAIN_ANSWER);

    assert_true(till_arena_format(&f->arena, &url, &f->err,
                                  "  https://openapi.alipay.com/gateway.do?%.*s\r\n",
                                  TILL_STR_ARG(body)));
    assert_true(explain(f, url).verified);
}

static void a_request_of_our_own_making_is_good(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *app = NULL;
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing;
    struct till_str whole;
    assert_true(till_key_parse_public(fixture_read(f, "keys/node-fixture-app.pem"), &app, &f->err));
    assert_true(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
    assert_true(till_arena_format(&f->arena, &whole, &f->err, "%.*s&\n%.*s",
                                  TILL_STR_ARG(outgoing.url), TILL_STR_ARG(outgoing.body)));
    struct till_explanation e = explain_with(f, whole, TILL_STR_NONE, app, NULL);
    assert_true(e.verified);
    assert_true(till_str_equal(e.canonical, outgoing.signed_text));
}

static void the_other_algorithm_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f);
    struct till_str sign;
    assert_true(till_key_sign(&f->arena, f->platform_private, TILL_RSA_SHA1, request_text(f, &form),
                              &sign, &f->err));
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &f->err));
    struct till_explanation e = explain(f, encode(f, &form));
    assert_false(e.verified);
    assert_true(mentions(e.verdict, "SHA-1"));
    fixture_set(&form, "sign_type", "RSA"); /* now message and signature name SHA-1... */
    fixture_drop(&form, "sign");
    struct till_str body = signed_over(f, form, request_text(f, &form)); /* ...signed by SHA-256 */
    assert_true(mentions(explain(f, body).verdict, "SHA-1"));
}

static void a_message_signed_by_the_apps_own_key_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *app = NULL;
    struct till_form form = fixture_paid_form(f);
    struct till_str sign;
    assert_true(till_key_parse_private(fixture_read_line(f, "keys/node-fixture-app.pkcs8.b64"),
                                       &app, &f->err));
    assert_true(
        till_key_sign(&f->arena, app, TILL_RSA_SHA256, notify_text(f, &form), &sign, &f->err));
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &f->err));
    struct till_explanation e =
        explain_with(f, encode(f, &form), TILL_STR_NONE, f->platform_private, app);
    assert_true(mentions(e.verdict, "app's own public key"));
}

static void the_apps_own_key_in_the_platforms_place_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *app = NULL;
    struct till_form form = fixture_paid_form(f);
    assert_true(till_key_parse_public(fixture_read(f, "keys/node-fixture-app.pem"), &app, &f->err));
    struct till_explanation e =
        explain_with(f, fixture_notify_body(f, &form), TILL_STR_NONE, app, app);
    assert_false(e.verified);
    assert_true(mentions(e.cause, "in the place of Alipay's"));
    assert_true(mentions(e.advice, "Alipay public key"));
}

static void the_rule_of_the_other_kind_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f), notify = fixture_paid_form(f);
    struct till_str v2;
    struct till_explanation e = explain(f, signed_over(f, form, notify_text(f, &form)));
    assert_true(mentions(e.verdict, "sign_type"));
    assert_true(mentions(till_str_sub(e.canonical, 0, e.first_difference + 9), "sign_type"));
    assert_true(till_alipay_notify_text(&f->arena, &notify, TILL_ALIPAY_V2, &v2, &f->err));
    e = explain(f, signed_over(f, notify, v2));
    assert_true(mentions(e.verdict, "sign_type"));
    assert_true(till_str_equal(e.compared, v2));
    assert_true(e.first_difference < e.canonical.len);
    assert_memory_equal(e.canonical.ptr, v2.ptr, e.first_difference);
    assert_true(e.canonical.ptr[e.first_difference] != v2.ptr[e.first_difference]);
}

static void empty_values_that_were_signed_are_named(void **state) {
    struct fixture *f = fixture_of(state);
    static const char *const v1[] = {"sign", "sign_type", NULL};
    struct till_form form = request_form(f), notify = fixture_paid_form(f);
    struct till_str text;
    fixture_set(&form, "return_url", "");
    assert_true(till_alipay_request_text(&f->arena, &form, true, &text, &f->err));
    assert_true(mentions(explain(f, signed_over(f, form, text)).verdict, "empty"));
    fixture_set(&notify, "body", "");
    assert_true(till_form_canonical(&f->arena, &notify, v1, false, &text, &f->err));
    assert_true(mentions(explain(f, signed_over(f, notify, text)).verdict, "empty"));
}

static void an_encoded_text_that_was_signed_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f), raw = request_form(f);
    for (size_t i = 0; i < raw.count; i++) {
        struct till_buf buf;
        till_buf_init(&buf, &f->arena);
        till_percent_encode(&buf, raw.pairs[i].value, TILL_PERCENT_FORM);
        assert_true(till_buf_finish(&buf, &raw.pairs[i].value, &f->err));
    }
    struct till_explanation e = explain(f, signed_over(f, form, request_text(f, &raw)));
    assert_true(mentions(e.verdict, "not decoded"));
    /* the other way round: values that had been encoded before were sent */
    e = explain(f, signed_over(f, raw, request_text(f, &form)));
    assert_true(mentions(e.verdict, "second time"));
}

static void decoded_text_that_was_pasted_is_read_kindly(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f);
    struct till_str text, sign, pasted;
    fixture_set(&form, "biz_content", "{\"subject\":\"50% off\"}"); /* no percent escape */
    text = request_text(f, &form);
    sign = fixture_sign(f, text);
    assert_true(till_arena_format(&f->arena, &pasted, &f->err, "%.*s&sign=%.*s", TILL_STR_ARG(text),
                                  TILL_STR_ARG(sign)));
    assert_true(explain(f, pasted).verified);
    /* decoded once too often: the '+' of the signature became blanks */
    char *bytes = (char *)pasted.ptr;
    for (size_t i = text.len; i < pasted.len; i++)
        bytes[i] = bytes[i] == '+' ? ' ' : bytes[i];
    assert_true(explain(f, pasted).verified);
}

static void a_wrapped_or_twice_encoded_signature_is_read_kindly(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f);
    struct till_str text = request_text(f, &form), sign = fixture_sign(f, text), body;
    struct till_buf buf;
    till_buf_init(&buf, &f->arena);
    till_percent_encode(&buf, sign, TILL_PERCENT_FORM);
    assert_true(till_buf_finish(&buf, &sign, &f->err));
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &f->err));
    assert_true(till_arena_format(&f->arena, &body, &f->err, "%.40s\r\n%s", encode(f, &form).ptr,
                                  encode(f, &form).ptr + 40));
    assert_true(explain(f, body).verified);
    fixture_set(&form, "sign", "%zz");
    struct till_explanation e;
    assert_false(till_explain_alipay(&f->arena, encode(f, &form), TILL_STR_NONE,
                                     f->platform_private, NULL, &e, &f->err));
}

static void a_question_mark_in_a_value_begins_no_query(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f);
    struct till_str text = request_text(f, &form), sign = fixture_sign(f, text), pasted;
    fixture_set(&form, "notify_url", "https://a.example/n?x");
    text = request_text(f, &form);
    sign = fixture_sign(f, text);
    assert_true(till_arena_format(&f->arena, &pasted, &f->err, "%.*s&sign=%.*s", TILL_STR_ARG(text),
                                  TILL_STR_ARG(sign)));
    struct till_explanation e = explain(f, pasted);
    assert_true(till_str_starts_with(e.canonical, TILL_STR("app_id=")));
}

static void html_escapes_are_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_str text = notify_text(f, &form), body;
    fixture_set(&form, "fund_bill_list",
                "[{&quot;amount&quot;:&quot;100.00&quot;,&quot;fundChannel&quot;:"
                "&quot;ALIPAYACCOUNT&quot;}]");
    struct till_explanation e = explain(f, signed_over(f, form, text));
    assert_true(mentions(e.verdict, "HTML"));
    assert_true(pasted_unescape(&f->arena, TILL_STR("&lt;&gt;&amp;quot;&#39;&apos;&#34;&x;&"),
                                &body, &f->err));
    assert_true(till_str_is(body, "<>&quot;''\"&x;&"));
}

static void an_answer_that_was_copied_from_a_page_is_read_all_the_same(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = fixture_answer(f, "alipay_trade_query_response", "{\"a\":\"b\"}");
    struct till_buf buf;
    till_buf_init(&buf, &f->arena);
    for (size_t i = 0; i < body.len; i++) {
        if (body.ptr[i] == '"')
            till_buf_text(&buf, "&quot;");
        else
            till_buf_char(&buf, body.ptr[i]);
    }
    assert_true(till_buf_finish(&buf, &body, &f->err));
    assert_true(explain(f, body).verified);
}

static void gbk_in_either_place_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f), gbk = fixture_paid_form(f);
    struct till_str text;
    for (size_t i = 0; i < gbk.count; i++) {
        assert_true(gbk_from_utf8(&f->arena, gbk.pairs[i].value, &text, &f->err));
        gbk.pairs[i].value = text;
    }
    struct till_explanation e = explain(f, signed_over(f, form, notify_text(f, &gbk)));
    assert_true(mentions(e.verdict, "GBK"));
    e = explain(f, signed_over(f, gbk, notify_text(f, &form)));
    assert_true(mentions(e.verdict, "UTF-8"));
}

static void blanks_around_a_value_are_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f);
    fixture_set(&form, "notify_url", "https://a.example/n");
    struct till_str text = request_text(f, &form);
    fixture_set(&form, "notify_url", "https://a.example/n ");
    assert_true(mentions(explain(f, signed_over(f, form, text)).verdict, "blanks around"));
}

static void extra_parameters_of_a_return_address_are_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form =
        fixture_form(f, "charset", "utf-8", "out_trade_no", "1", "method",
                     "alipay.trade.page.pay.return", "app_id", "2", "sign_type", "RSA2", NULL);
    struct till_str text = notify_text(f, &form);
    fixture_set(&form, "_url", "/return");
    struct till_explanation e = explain(f, signed_over(f, form, text));
    assert_int_equal(e.kind, TILL_EXPLAIN_NOTIFICATION);
    assert_true(mentions(e.verdict, "documented parameters"));
}

static struct till_str answer_with(struct fixture *f, const char *node, const char *signed_text) {
    struct till_str body, sign = fixture_sign(f, till_str_of(signed_text));
    assert_true(till_arena_format(&f->arena, &body, &f->err,
                                  "{\"alipay_trade_query_response\":%s,\"sign\":\"%.*s\"}", node,
                                  TILL_STR_ARG(sign)));
    return body;
}

static void an_answer_that_was_written_anew_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_explanation e =
        explain(f, answer_with(f, "{\"u\":\"https://q/1\"}", "{\"u\":\"https:\\/\\/q\\/1\"}"));
    assert_true(mentions(e.verdict, "\\/"));
    e = explain(f, answer_with(f, "{ \"a\" : \"b c\",\n \"d\\\"\" : \"\\\\\" }",
                               "{\"a\":\"b c\",\"d\\\"\":\"\\\\\"}"));
    assert_true(mentions(e.verdict, "blanks between"));
    e = explain(f, answer_with(f, "{\"m\":\"无效\"}", "{\"m\":\"\xce\xde\xd0\xa7\"}"));
    assert_true(mentions(e.verdict, "GBK"));
    e = explain(f, answer_with(f, "{\"m\":\"&lt;\"}", "{\"m\":\"<\"}"));
    assert_true(mentions(e.verdict, "HTML"));
    e = explain(f, answer_with(f, "{\"m\":\"1\"}", "{\"m\":\"2\"}"));
    assert_true(mentions(e.verdict, "any of the ways"));
    assert_int_equal(e.compared.len, 0);
    assert_int_equal(e.first_difference, e.canonical.len);
}

static void an_unsigned_message_is_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = request_form(f);
    assert_true(mentions(explain(f, encode(f, &form)).verdict, "no signature"));
    assert_true(mentions(explain(f, TILL_STR("{\"error_response\":{\"code\":\"40002\"}}")).verdict,
                         "no signature"));
}

static void the_other_sides_string_shows_where_they_part(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *other = NULL;
    struct till_form form = request_form(f);
    struct till_str text = request_text(f, &form), body = signed_over(f, form, text), expected;
    assert_true(till_key_parse_public(fixture_read(f, "keys/yshop-2021.pem"), &other, &f->err));
    struct till_explanation e = explain_with(f, body, text, other, NULL);
    assert_true(mentions(e.verdict, "same string"));
    assert_true(mentions(e.cause, "not a pair"));
    assert_int_equal(e.first_difference, e.canonical.len);
    assert_true(mentions(explain_with(f, body, text, other, f->platform_private).verdict,
                         "app's own public key"));
    assert_true(
        mentions(explain_with(f, body, text, other, other).cause, "in the place of Alipay's"));
    TILL_KEY_SCOPED struct till_key *third = NULL;
    assert_true(till_key_parse_public(fixture_read(f, "keys/node-notify-v1.pem"), &third, &f->err));
    assert_true(mentions(explain_with(f, body, text, other, third).verdict, "same string"));
    /* as the gateway's refusal quotes it */
    struct till_buf buf;
    till_buf_init(&buf, &f->arena);
    for (size_t i = 0; i < text.len; i++)
        till_buf_text(&buf, text.ptr[i] == '&' ? "&amp;" : (char[]){text.ptr[i], 0});
    assert_true(till_buf_finish(&buf, &expected, &f->err));
    assert_true(mentions(explain_with(f, body, expected, other, NULL).verdict, "same string"));
    e = explain_with(f, body, TILL_STR("app_id=2021000000000009&x=1"), other, NULL);
    assert_true(mentions(e.verdict, "different strings"));
    assert_int_equal(e.first_difference, strlen("app_id=202100000000000"));
    e = explain_with(f, body, till_str_sub(text, 0, 20), other, NULL);
    assert_int_equal(e.first_difference, 20);
}

static void what_is_no_message_is_an_error(void **state) {
    static const char *const bad[] = {"", "hello", "a=1", "{\"a\":1}", "{", "a=1&a=2"};
    struct fixture *f = fixture_of(state);
    struct till_explanation e = {.advice = TILL_STR("untouched")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(till_explain_alipay(&f->arena, till_str_of(bad[i]), TILL_STR_NONE,
                                         f->platform_private, NULL, &e, &f->err));
        assert_int_equal(f->err.code, TILL_E_BODY_MALFORMED);
    }
    assert_true(till_str_is(e.advice, "untouched"));
}

static void an_explanation_that_does_not_fit_is_an_error(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_str body = fixture_notify_body(f, &form);
    bool is_explained = false;
    for (size_t cap = 0; cap < 65536 && !is_explained; cap += 64) {
        struct till_arena arena;
        struct till_explanation e;
        till_arena_init(&arena, cap);
        is_explained = till_explain_alipay(&arena, body, TILL_STR("x&amp;y"), f->platform_private,
                                           NULL, &e, &f->err);
        till_arena_clean_up(&arena);
    }
    assert_true(is_explained);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(good_messages_of_each_kind_are_good),
        SENTENCE(a_request_of_our_own_making_is_good),
        SENTENCE(the_other_algorithm_is_named),
        SENTENCE(a_message_signed_by_the_apps_own_key_is_named),
        SENTENCE(the_apps_own_key_in_the_platforms_place_is_named),
        SENTENCE(the_rule_of_the_other_kind_is_named),
        SENTENCE(empty_values_that_were_signed_are_named),
        SENTENCE(an_encoded_text_that_was_signed_is_named),
        SENTENCE(decoded_text_that_was_pasted_is_read_kindly),
        SENTENCE(a_wrapped_or_twice_encoded_signature_is_read_kindly),
        SENTENCE(a_question_mark_in_a_value_begins_no_query),
        SENTENCE(html_escapes_are_named),
        SENTENCE(an_answer_that_was_copied_from_a_page_is_read_all_the_same),
        SENTENCE(gbk_in_either_place_is_named),
        SENTENCE(blanks_around_a_value_are_named),
        SENTENCE(extra_parameters_of_a_return_address_are_named),
        SENTENCE(an_answer_that_was_written_anew_is_named),
        SENTENCE(an_unsigned_message_is_named),
        SENTENCE(the_other_sides_string_shows_where_they_part),
        SENTENCE(what_is_no_message_is_an_error),
        SENTENCE(an_explanation_that_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
