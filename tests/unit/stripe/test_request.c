/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent: the form of every operation, its transport, and what is refused before it. */
#include "fixture.h"

#include <string.h>

#define SIXTEEN "0123456789abcdef"
#define LONG SIXTEEN SIXTEEN SIXTEEN SIXTEEN "0"

static struct till_outgoing built(struct fixture *f, const struct till_ask *ask) {
    struct till_outgoing outgoing;
    if (!till_request(f->account, ask, &f->arena, &outgoing, &f->err))
        fail_msg("%s: %s", f->err.field, f->err.text);
    return outgoing;
}

static void refused(struct fixture *f, const struct till_ask *ask, enum till_code code,
                    const char *field) {
    struct till_outgoing outgoing = {.url = TILL_STR("untouched")};
    assert_false(till_request(f->account, ask, &f->arena, &outgoing, &f->err));
    assert_int_equal(f->err.code, code);
    assert_string_equal(f->err.field, field);
    assert_true(till_str_is(outgoing.url, "untouched"));
}

static struct till_form form_of(struct fixture *f, const struct till_outgoing *outgoing) {
    struct till_form form;
    assert_true(till_form_parse(&f->arena, outgoing->body, &form, &f->err));
    return form;
}

static void has(const struct till_form *form, const char *name, const char *value) {
    struct till_str found = till_form_get(form, name);
    if (!till_str_is(found, value))
        fail_msg("%s is \"%.*s\", not \"%s\"", name, TILL_STR_ARG(found), value);
}

static struct till_str header(const struct till_outgoing *outgoing, const char *name) {
    for (size_t i = 0; i < outgoing->header_count; i++) {
        if (till_str_is(outgoing->headers[i].name, name))
            return outgoing->headers[i].value;
    }
    return TILL_STR_NONE;
}

static struct till_json *json(struct fixture *f, const char *text) {
    struct till_json *parsed;
    assert_true(till_json_parse(till_str_of(text), &parsed, &f->err));
    return parsed;
}

static void a_creation_is_one_line_under_our_number(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    assert_true(till_str_is(out.method, "POST"));
    assert_true(till_str_is(out.url, "http://127.0.0.1:8420/v1/checkout/sessions"));
    assert_true(till_str_is(out.content_type, "application/x-www-form-urlencoded"));
    has(&form, "mode", "payment");
    has(&form, "client_reference_id", NO);
    has(&form, "line_items[0][quantity]", "1");
    has(&form, "line_items[0][price_data][currency]", "cny");
    has(&form, "line_items[0][price_data][unit_amount]", "1234");
    has(&form, "line_items[0][price_data][product_data][name]", "Coffee & cake");
    has(&form, "expires_at", "1763807200");
    has(&form, "metadata[till_no]", NO);
    has(&form, "metadata[out_trade_no]", "order 7/1");
    has(&form, "payment_intent_data[metadata][till_no]", NO);
    has(&form, "payment_intent_data[metadata][out_trade_no]", "order 7/1");
    has(&form, "payment_intent_data[description]", "Coffee & cake");
    assert_true(
        till_str_equal(till_form_get(&form, "success_url"), till_form_get(&form, "cancel_url")));
    assert_true(till_str_starts_with(
        till_form_get(&form, "success_url"),
        TILL_STR("https://till.example/return/stripe/acc_1?no=" NO "&check=")));
    assert_int_equal(form.count, 14);
}

static void the_key_of_the_call_and_that_of_the_repetition_travel_in_headers(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask create = fixture_ask(TILL_CREATE), refund = fixture_ask(TILL_REFUND);
    struct till_outgoing out = built(f, &create);
    assert_true(till_str_is(header(&out, "Authorization"), "Bearer " KEY));
    assert_true(till_str_is(header(&out, "Stripe-Version"), "2026-10-28.endive"));
    assert_true(till_str_is(header(&out, "Idempotency-Key"), "till-" NO));
    out = built(f, &refund);
    assert_true(till_str_is(header(&out, "Idempotency-Key"), "till-" REFUND_NO));
    assert_int_equal(out.header_count, 3);
    const enum till_operation others[] = {TILL_QUERY, TILL_CLOSE, TILL_CANCEL, TILL_REFUND_QUERY};
    for (size_t i = 0; i < 4; i++) {
        struct till_ask ask = fixture_ask(others[i]);
        out = built(f, &ask);
        assert_int_equal(out.header_count, 2);
        assert_int_equal(header(&out, "Idempotency-Key").len, 0);
    }
}

static void a_repetition_is_the_same_request_byte_by_byte(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_str business, again;
    assert_true(f->account->channel->compose(f->account, &ask, &f->arena, &business, &f->err));
    struct till_outgoing first = built(f, &ask);
    ask.now_us += 3600 * TILL_US_PER_SECOND;
    assert_true(f->account->channel->compose(f->account, &ask, &f->arena, &again, &f->err));
    assert_true(till_str_equal(business, again));
    ask.business = business;
    ask.subject = TILL_STR("another"); /* what is stored counts */
    struct till_outgoing second = built(f, &ask);
    assert_true(till_str_equal(first.body, second.body) && till_str_equal(first.url, second.url));
}

static void s_026_a_hundred_yen_are_a_hundred_yen(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.amount = (struct till_money){100, "JPY"};
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    has(&form, "line_items[0][price_data][unit_amount]", "100");
    has(&form, "line_items[0][price_data][currency]", "jpy");
}

static void questions_and_expiries_go_by_the_handle(void **state) {
    static const struct {
        enum till_operation operation;
        const char *method, *url;
    } wanted[] = {
        {TILL_QUERY, "GET",
         "http://127.0.0.1:8420/v1/checkout/sessions/" CS
         "?expand[0]=payment_intent.latest_charge"},
        {TILL_CLOSE, "POST", "http://127.0.0.1:8420/v1/checkout/sessions/" CS "/expire"},
        {TILL_CANCEL, "POST", "http://127.0.0.1:8420/v1/checkout/sessions/" CS "/expire"},
        {TILL_REFUND_QUERY, "GET",
         "http://127.0.0.1:8420/v1/refunds?payment_intent=" PI "&limit=100"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct till_ask ask = fixture_ask(wanted[i].operation);
        struct till_outgoing out = built(f, &ask);
        assert_true(till_str_is(out.method, wanted[i].method));
        assert_true(till_str_is(out.url, wanted[i].url));
        assert_int_equal(out.body.len, 0);
        assert_int_equal(out.content_type.len > 0, wanted[i].method[0] == 'P');
    }
}

static void a_creation_says_for_whom_it_is_made(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.addressee = TILL_STR("pub_1");
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    has(&form, "metadata[till_account]", "pub_1");
    has(&form, "payment_intent_data[metadata][till_account]", "pub_1");
}

static void a_refund_carries_its_own_number_and_the_words(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_REFUND);
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    assert_true(till_str_is(out.url, "http://127.0.0.1:8420/v1/refunds"));
    has(&form, "payment_intent", PI);
    has(&form, "amount", "234");
    has(&form, "reason", "requested_by_customer");
    has(&form, "metadata[till_no]", NO);
    has(&form, "metadata[till_refund_no]", REFUND_NO);
    has(&form, "metadata[reason]", "cold");
    ask.refund_reason = TILL_STR_NONE;
    out = built(f, &ask);
    form = form_of(f, &out);
    assert_int_equal(form.count, 5);
    ask.addressee = TILL_STR("pub_1");
    out = built(f, &ask);
    form = form_of(f, &out);
    has(&form, "metadata[till_account]", "pub_1");
}

static void without_a_handle_nothing_is_asked(void **state) {
    struct fixture *f = fixture_of(state);
    const enum till_operation sessions[] = {TILL_QUERY, TILL_CLOSE, TILL_CANCEL};
    for (size_t i = 0; i < 3; i++) {
        struct till_ask ask = fixture_ask(sessions[i]);
        ask.reference = TILL_STR_NONE;
        refused(f, &ask, TILL_E_FIELD_MISSING, "/reference");
        ask.reference = TILL_STR("cs_1/../../v1/payouts");
        refused(f, &ask, TILL_E_FIELD_INVALID, "/reference");
        char handle[256];
        memset(handle, 'a', sizeof handle);
        ask.reference = (struct till_str){handle, 255};
        (void)built(f, &ask);
        ask.reference.len++;
        refused(f, &ask, TILL_E_FIELD_INVALID, "/reference");
    }
    const enum till_operation refunds[] = {TILL_REFUND, TILL_REFUND_QUERY};
    for (size_t i = 0; i < 2; i++) {
        struct till_ask ask = fixture_ask(refunds[i]);
        ask.trade_no = TILL_STR_NONE;
        refused(f, &ask, TILL_E_FIELD_MISSING, "/trade_no");
        ask.trade_no = TILL_STR("pi_1&amount=1");
        refused(f, &ask, TILL_E_FIELD_INVALID, "/trade_no");
        ask = fixture_ask(refunds[i]);
        ask.refund_no = TILL_STR("a b");
        refused(f, &ask, TILL_E_FIELD_INVALID, "/refund_no");
    }
    struct till_ask ask = fixture_ask(TILL_REFUND);
    ask.upstream_no = TILL_STR_NONE;
    refused(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    ask = fixture_ask(TILL_REFUND);
    ask.refund_amount.minor = 0;
    refused(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
}

static void an_order_that_cannot_be_is_refused_before_it_is_sent(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.product = TILL_STR("precreate");
    refused(f, &ask, TILL_E_CHANNEL_UNKNOWN, "/product");
    ask = fixture_ask(TILL_CREATE);
    ask.upstream_no = TILL_STR("a/b");
    refused(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    static const char *const numbers[] = {"a~b", "a^b", "a:b", "a@b", "a b", "a\n"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ask.upstream_no = till_str_of(numbers[i]);
        refused(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    }
    ask.upstream_no = TILL_STR("a-b_C");
    (void)built(f, &ask);
    ask.upstream_no = (struct till_str){LONG, 64};
    (void)built(f, &ask);
    ask.upstream_no.len++;
    refused(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    ask = fixture_ask(TILL_CREATE);
    ask.amount = (struct till_money){150, "MGA"};
    refused(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
    ask.amount = (struct till_money){150, "IRR"};
    refused(f, &ask, TILL_E_CURRENCY_UNKNOWN, "/currency");
    ask = fixture_ask(TILL_CREATE);
    ask.subject = TILL_STR("\t \n\x7f");
    refused(f, &ask, TILL_E_FIELD_INVALID, "/subject");
    ask.subject = TILL_STR("\xff");
    refused(f, &ask, TILL_E_TEXT_INVALID, "");
    ask = fixture_ask(TILL_CREATE);
    ask.merchant_no = TILL_STR("\xff");
    refused(f, &ask, TILL_E_TEXT_INVALID, "");
    ask = fixture_ask(TILL_CREATE);
    ask.return_url = TILL_STR_NONE;
    refused(f, &ask, TILL_E_FIELD_MISSING, "/return_url");
    ask.return_url = TILL_STR("javascript:alert(1)");
    refused(f, &ask, TILL_E_URL_FORBIDDEN, "/return_url");
}

static void an_order_lives_as_long_as_a_session_can(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.expires_us = ask.created_us + 31 * 60 * TILL_US_PER_SECOND;
    (void)built(f, &ask);
    ask.expires_us--;
    refused(f, &ask, TILL_E_TIME_INVALID, "/expires_in");
    ask.expires_us = ask.created_us + (24 * 60 - 5) * 60 * TILL_US_PER_SECOND;
    (void)built(f, &ask);
    ask.expires_us++;
    refused(f, &ask, TILL_E_TIME_INVALID, "/expires_in");
    ask.created_us = INT64_MIN;
    refused(f, &ask, TILL_E_TIME_INVALID, "/expires_in");
}

static void a_long_subject_is_cut_between_characters(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    char subject[600];
    for (size_t i = 0; i < sizeof subject; i += 3)
        memcpy(subject + i, "茶", 3);
    ask.subject = (struct till_str){subject, sizeof subject};
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    struct till_str name = till_form_get(&form, "line_items[0][price_data][product_data][name]");
    assert_int_equal(name.len, 249);
    assert_true(till_str_is_utf8(name));
    assert_int_equal(till_form_get(&form, "payment_intent_data[description]").len, 498);
}

static void a_return_address_may_have_a_query(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.return_url = TILL_STR("https://till.example/back?a=1");
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    assert_true(till_str_starts_with(till_form_get(&form, "success_url"),
                                     TILL_STR("https://till.example/back?a=1&no=" NO "&check=")));
}

static void extra_fields_are_those_of_the_table(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    TILL_JSON_SCOPED struct till_json *extra =
        json(f, "{\"customer_email\":\"a@b.example\",\"locale\":\"zh-TW\",\"submit_type\":\"pay\","
                "\"payment_method_types\":[\"card\",\"wechat_pay\"]}");
    ask.extra = extra;
    struct till_outgoing out = built(f, &ask);
    struct till_form form = form_of(f, &out);
    has(&form, "customer_email", "a@b.example");
    has(&form, "locale", "zh-TW");
    has(&form, "submit_type", "pay");
    has(&form, "payment_method_types[0]", "card");
    has(&form, "payment_method_types[1]", "wechat_pay");
    has(&form, "payment_method_options[wechat_pay][client]", "web");
}

static void extra_fields_that_do_not_fit_are_refused_by_name(void **state) {
    static const struct {
        const char *extra;
        enum till_code code;
        const char *field;
    } bad[] = {
        {"[]", TILL_E_FIELD_INVALID, "/extra"},
        {"{\"mode\":\"setup\"}", TILL_E_FIELD_UNKNOWN, "/extra/mode"},
        {"{\"a_name_that_is_longer_than_forty_characters_is\":1}", TILL_E_FIELD_UNKNOWN,
         "/extra/a_name_that_is_longer_than_forty_charact"},
        {"{\"customer_email\":\"\"}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"customer_email\":\"@b\"}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"customer_email\":\"a@\"}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"customer_email\":\"a@b@c\"}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"customer_email\":\"a b@c\"}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"customer_email\":\"ä@c\"}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"customer_email\":7}", TILL_E_FIELD_INVALID, "/extra/customer_email"},
        {"{\"locale\":\"xx\"}", TILL_E_FIELD_INVALID, "/extra/locale"},
        {"{\"locale\":\"\"}", TILL_E_FIELD_INVALID, "/extra/locale"},
        {"{\"submit_type\":\"auto book\"}", TILL_E_FIELD_INVALID, "/extra/submit_type"},
        {"{\"payment_method_types\":\"card\"}", TILL_E_FIELD_INVALID,
         "/extra/payment_method_types"},
        {"{\"payment_method_types\":[]}", TILL_E_FIELD_INVALID, "/extra/payment_method_types"},
        {"{\"payment_method_types\":[\"card\",\"card\"]}", TILL_E_FIELD_INVALID,
         "/extra/payment_method_types"},
        {"{\"payment_method_types\":[\"Card\"]}", TILL_E_FIELD_INVALID,
         "/extra/payment_method_types"},
        {"{\"payment_method_types\":[1]}", TILL_E_FIELD_INVALID, "/extra/payment_method_types"},
        {"{\"payment_method_types\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\","
         "\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\",\"r\",\"s\",\"t\",\"u\"]}",
         TILL_E_FIELD_INVALID, "/extra/payment_method_types"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        TILL_JSON_SCOPED struct till_json *extra = json(f, bad[i].extra);
        struct till_ask ask = fixture_ask(TILL_CREATE);
        ask.extra = extra;
        refused(f, &ask, bad[i].code, bad[i].field);
    }
}

static void an_email_has_an_end(void **state) {
    struct fixture *f = fixture_of(state);
    char email[256];
    memset(email, 'a', sizeof email);
    email[1] = '@';
    for (size_t len = 254; len <= 255; len++) {
        TILL_JSON_SCOPED struct till_json *extra = till_json_object();
        struct till_ask ask = fixture_ask(TILL_CREATE);
        till_json_set_str(extra, "customer_email", (struct till_str){email, len});
        ask.extra = extra;
        if (len == 254)
            (void)built(f, &ask);
        else
            refused(f, &ask, TILL_E_FIELD_INVALID, "/extra/customer_email");
    }
}

static void the_account_s_ways_to_pay_hold_where_the_merchant_names_none(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(TILL_TEST);
    struct till_account *account;
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing out;
    till_json_set_text(settings, "payment_methods", "alipay,wechat_pay");
    assert_true(till_account_load(TILL_STR("stripe"), TILL_TEST, settings, &account, &f->err));
    assert_true(till_request(account, &ask, &f->arena, &out, &f->err));
    struct till_form form = form_of(f, &out);
    has(&form, "payment_method_types[0]", "alipay");
    has(&form, "payment_method_types[1]", "wechat_pay");
    has(&form, "payment_method_options[wechat_pay][client]", "web");
    TILL_JSON_SCOPED struct till_json *extra = json(f, "{\"payment_method_types\":[\"card\"]}");
    ask.extra = extra;
    assert_true(till_request(account, &ask, &f->arena, &out, &f->err));
    form = form_of(f, &out);
    has(&form, "payment_method_types[0]", "card");
    assert_null(till_form_find(&form, "payment_method_types[1]"));
    assert_null(till_form_find(&form, "payment_method_options[wechat_pay][client]"));
    till_account_free(account);
}

static void bytes_that_nobody_composed_are_not_sent(void **state) {
    static const char *const bad[] = {"POST", "POST\n/v1/refunds", "POST refunds", " ", "\n"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct till_ask ask = fixture_ask(TILL_CREATE);
        ask.business = till_str_of(bad[i]);
        refused(f, &ask, TILL_E_BUG, "");
    }
}

static void an_arena_that_is_full_sends_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    for (int op = 0; op < TILL_OPERATIONS; op++) {
        struct till_ask ask = fixture_ask((enum till_operation)op);
        bool sent = false;
        for (size_t cap = 1; !sent; cap += 16) {
            struct till_arena arena;
            struct till_outgoing outgoing;
            till_arena_init(&arena, cap);
            sent = till_request(f->account, &ask, &arena, &outgoing, &f->err);
            if (!sent)
                assert_int_equal(f->err.code, TILL_E_ARENA_FULL);
            till_arena_clean_up(&arena);
        }
    }
}

static void it_is_handed_to_nobody_and_shown_as_it_is(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_action action = {.kind = TILL_STR("redirect"), .value = TILL_STR("https://a.b/")};
    assert_false(till_hand_over(f->account, &ask, &f->arena, &action, &f->err));
    assert_int_equal(f->err.code, TILL_E_FIELD_INVALID);
    assert_true(f->account->channel->show(ask.product, &f->arena, &action, &f->err));
    assert_true(till_str_is(action.value, "https://a.b/"));
    assert_int_equal(action.fields.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_creation_is_one_line_under_our_number),
        SENTENCE(the_key_of_the_call_and_that_of_the_repetition_travel_in_headers),
        SENTENCE(a_repetition_is_the_same_request_byte_by_byte),
        SENTENCE(s_026_a_hundred_yen_are_a_hundred_yen),
        SENTENCE(questions_and_expiries_go_by_the_handle),
        SENTENCE(a_creation_says_for_whom_it_is_made),
        SENTENCE(a_refund_carries_its_own_number_and_the_words),
        SENTENCE(without_a_handle_nothing_is_asked),
        SENTENCE(an_order_that_cannot_be_is_refused_before_it_is_sent),
        SENTENCE(an_order_lives_as_long_as_a_session_can),
        SENTENCE(a_long_subject_is_cut_between_characters),
        SENTENCE(a_return_address_may_have_a_query),
        SENTENCE(extra_fields_are_those_of_the_table),
        SENTENCE(extra_fields_that_do_not_fit_are_refused_by_name),
        SENTENCE(an_email_has_an_end),
        SENTENCE(the_account_s_ways_to_pay_hold_where_the_merchant_names_none),
        SENTENCE(bytes_that_nobody_composed_are_not_sent),
        SENTENCE(an_arena_that_is_full_sends_nothing),
        SENTENCE(it_is_handed_to_nobody_and_shown_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
