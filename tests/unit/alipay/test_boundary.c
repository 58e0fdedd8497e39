/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value ends is not signed: what could be read in two ways is not read. */
#include "fixture.h"

#include <string.h>

static struct till_form refunded_form(struct fixture *f) {
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "refund_fee", "30.00");
    fixture_set(&form, "gmt_refund", "2026-11-23 07:30:00.123");
    fixture_set(&form, "out_biz_no", "R1");
    return form;
}

/* The signed body of `form`, with the pair `name` moved into the value before it. */
static struct till_str tucked(struct fixture *f, const struct till_form *form, const char *host,
                              const char *name) {
    struct till_form sent;
    struct till_str text, body, value;
    const struct till_pair *pair = till_form_find(form, name);
    assert_true(till_arena_format(&f->arena, &value, &f->err, "%.*s&%s=%.*s",
                                  TILL_STR_ARG(till_form_get(form, host)), name,
                                  TILL_STR_ARG(pair->value)));
    assert_true(till_alipay_notify_text(&f->arena, form, TILL_ALIPAY_V1, &text, &f->err));
    assert_true(till_form_init(&f->arena, &sent, &f->err));
    for (size_t i = 0; i < form->count; i++) {
        struct till_pair p = form->pairs[i];
        if (!till_str_is(p.name, name))
            assert_true(
                till_form_add(&sent, p.name, till_str_is(p.name, host) ? value : p.value, &f->err));
    }
    assert_true(till_form_add(&sent, TILL_STR("sign"), fixture_sign(f, text), &f->err));
    assert_true(till_form_encode(&f->arena, &sent, &body, &f->err));
    return body;
}

static bool read(struct fixture *f, struct till_str body, struct till_notice *ret_notice) {
    struct till_notification notification = fixture_notification(body);
    return f->account->channel->notified(f->account, &notification, &f->arena, ret_notice, &f->err);
}

static void a_refund_cannot_be_tucked_away(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = refunded_form(f);
    struct till_notice notice;
    assert_true(read(f, fixture_notify_body(f, &form), &notice));
    assert_int_equal(notice.kind, TILL_NOTICE_REFUND);
    static const char *const pairs[][2] = {{"receipt_amount", "refund_fee"},
                                           {"gmt_payment", "gmt_refund"},
                                           {"notify_type", "out_biz_no"}};
    for (size_t i = 0; i < 3; i++) {
        assert_false(read(f, tucked(f, &form, pairs[i][0], pairs[i][1]), &notice));
        assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    }
}

/* The signed body of `form`, with `name` and all before its value moved into the name of `host`. */
static struct till_str tucked_into_a_name(struct fixture *f, const struct till_form *form,
                                          const char *host, const char *name) {
    struct till_form sent;
    struct till_str text, body, both;
    assert_true(till_arena_format(&f->arena, &both, &f->err, "%s=%.*s&%s", host,
                                  TILL_STR_ARG(till_form_get(form, host)), name));
    assert_true(till_alipay_notify_text(&f->arena, form, TILL_ALIPAY_V1, &text, &f->err));
    assert_true(till_form_init(&f->arena, &sent, &f->err));
    for (size_t i = 0; i < form->count; i++) {
        struct till_pair p = form->pairs[i];
        if (till_str_is(p.name, name))
            p.name = both;
        if (!till_str_is(p.name, host))
            assert_true(till_form_add(&sent, p.name, p.value, &f->err));
    }
    assert_true(till_form_add(&sent, TILL_STR("sign"), fixture_sign(f, text), &f->err));
    assert_true(till_form_encode(&f->arena, &sent, &body, &f->err));
    return body;
}

static void a_refund_cannot_be_tucked_into_a_name(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = refunded_form(f), sent;
    struct till_notice notice;
    struct till_str body = tucked_into_a_name(f, &form, "receipt_amount", "refund_fee"), one, two;
    assert_true(till_form_parse(&f->arena, body, &sent, &f->err));
    assert_true(till_alipay_notify_text(&f->arena, &form, TILL_ALIPAY_V1, &one, &f->err));
    assert_true(till_alipay_notify_text(&f->arena, &sent, TILL_ALIPAY_V1, &two, &f->err));
    assert_true(till_str_equal(one, two)); /* it would verify */
    assert_false(read(f, body, &notice));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
}

/* The same trick really leaves the signed text as it is: without the check it would be taken. */
static void what_is_tucked_away_is_still_signed(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = refunded_form(f), sent;
    struct till_str one, two;
    assert_true(till_form_parse(&f->arena, tucked(f, &form, "receipt_amount", "refund_fee"), &sent,
                                &f->err));
    assert_true(till_alipay_notify_text(&f->arena, &form, TILL_ALIPAY_V1, &one, &f->err));
    assert_true(till_alipay_notify_text(&f->arena, &sent, TILL_ALIPAY_V1, &two, &f->err));
    assert_true(till_str_equal(one, two));
}

static void an_ampersand_in_a_text_is_a_text(void **state) {
    static const char *const subjects[] = {
        "50% & more + tax = ok",   "a&b=c",          "Tom & Jerry", "&", "&=",
        "R&D=fun&refund fee=none", "x&refund_feel=1"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct till_form form = fixture_paid_form(f);
        struct till_notice notice;
        fixture_set(&form, "subject", subjects[i]);
        assert_true(read(f, fixture_notify_body(f, &form), &notice));
        assert_int_equal(notice.kind, TILL_NOTICE_PAID);
    }
}

static void every_known_name_is_found_at_the_end_and_in_the_middle(void **state) {
    static const char *const subjects[] = {"x&refund_fee=1", "x&y&refund_fee=1",
                                           "x&refund_fee=", "x&refund_fee=1&y",
                                           "&trade_status=TRADE_SUCCESS"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct till_form form = fixture_paid_form(f);
        struct till_notice notice;
        fixture_set(&form, "subject", subjects[i]);
        assert_false(read(f, fixture_notify_body(f, &form), &notice));
        assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    }
}

static void a_return_page_is_held_to_the_same(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form =
        fixture_form(f, "charset", "utf-8", "out_trade_no", FIXTURE_ORDER_NO, "method",
                     "alipay.trade.page.pay.return", "total_amount", "100.00", "app_id",
                     FIXTURE_APP_ID, "sign_type", "RSA2", "seller_id", FIXTURE_SELLER_ID, NULL);
    struct till_notification good = {.method = TILL_STR("GET"),
                                     .query = fixture_notify_body(f, &form)};
    struct till_notification bad = {.method = TILL_STR("GET"),
                                    .query = tucked(f, &form, "seller_id", "total_amount")};
    struct till_str number;
    assert_true(f->account->channel->returned(f->account, &good, &f->arena, &number, &f->err));
    assert_false(f->account->channel->returned(f->account, &bad, &f->arena, &number, &f->err));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_refund_cannot_be_tucked_away),
        SENTENCE(a_refund_cannot_be_tucked_into_a_name),
        SENTENCE(what_is_tucked_away_is_still_signed),
        SENTENCE(an_ampersand_in_a_text_is_a_text),
        SENTENCE(every_known_name_is_found_at_the_end_and_in_the_middle),
        SENTENCE(a_return_page_is_held_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
