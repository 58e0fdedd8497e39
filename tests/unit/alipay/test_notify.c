/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications and return pages; the sentences carry the numbers of the security cases. */
#include "fixture.h"

#include "lib/channel/gbk.h"

static bool take(struct fixture *f, struct till_str body, struct till_notice *notice) {
    struct till_notification notification = fixture_notification(body);
    return f->account->channel->notified(f->account, &notification, &f->arena, notice, &f->err);
}

static struct till_notice taken(struct fixture *f, const struct till_form *form) {
    struct till_notice notice = {0};
    if (!take(f, fixture_notify_body(f, form), &notice))
        fail_msg("%s: %s", f->err.field, f->err.text);
    return notice;
}

static void refused(struct fixture *f, struct till_str body, enum till_code code) {
    struct till_notice notice = {.notice_id = TILL_STR("untouched")};
    assert_false(take(f, body, &notice));
    assert_int_equal(f->err.code, code);
    assert_true(till_str_is(notice.notice_id, "untouched"));
}

static void s_036_a_signed_success_is_a_payment(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_notice n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_PAID);
    assert_true(till_str_is(n.upstream_no, FIXTURE_ORDER_NO));
    assert_true(till_str_is(n.trade_no, "2026112322001468450512505578"));
    assert_true(till_str_is(n.app_id, FIXTURE_APP_ID));
    assert_true(till_str_is(n.seller, FIXTURE_SELLER_ID));
    assert_true(till_str_is(n.status_text, "TRADE_SUCCESS"));
    assert_true(till_str_is(n.notice_id, "2026112300222072708068450559358070"));
    assert_true(till_str_is(n.buyer, "xud***@126.com"));
    assert_int_equal(n.amount.minor, 10000);
    assert_string_equal(n.amount.currency, "CNY");
    assert_int_equal(n.refunded.minor, 0);
    assert_true(n.paid_us == INT64_C(1795390028) * TILL_US_PER_SECOND);
    assert_null(n.mismatch);
    assert_false(n.finished);
}

static void s_036_the_acknowledgement_is_exactly_seven_bytes(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_reply reply;
    f->account->channel->acknowledge(TILL_ACK, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.len, 7);
    assert_memory_equal(reply.body.ptr, "success", 7);
    assert_true(till_str_is(reply.content_type, "text/plain"));
    f->account->channel->acknowledge(TILL_NACK, &reply);
    assert_true(till_str_is(reply.body, "failure"));
}

static struct till_str without(struct fixture *f, struct till_str body, const char *name) {
    struct till_form form;
    struct till_str text;
    assert_true(till_form_parse(&f->arena, body, &form, &f->err));
    fixture_drop(&form, name);
    assert_true(till_form_encode(&f->arena, &form, &text, &f->err));
    return text;
}

static void s_037_a_missing_sign_is_forged(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_str body = fixture_notify_body(f, &form);
    refused(f, without(f, body, "sign"), TILL_E_NOTIFY_FORGED);
    assert_string_equal(f->err.field, "sign");
    refused(f, without(f, body, "sign_type"), TILL_E_NOTIFY_FORGED);
    assert_string_equal(f->err.field, "sign_type");
    refused(f, TILL_STR_NONE, TILL_E_NOTIFY_FORGED);
}

static struct till_str signed_by(struct fixture *f, const struct till_form *form,
                                 enum till_signature algorithm, const struct till_key *key) {
    struct till_form all = fixture_form(f, "sign", "", NULL);
    struct till_str text, sign, body;
    all.count = 0;
    for (size_t i = 0; i < form->count; i++)
        assert_true(till_form_add(&all, form->pairs[i].name, form->pairs[i].value, &f->err));
    assert_true(till_alipay_notify_text(&f->arena, form, TILL_ALIPAY_V1, &text, &f->err));
    assert_true(till_key_sign(&f->arena, key, algorithm, text, &sign, &f->err));
    assert_true(till_form_add(&all, TILL_STR("sign"), sign, &f->err));
    assert_true(till_form_encode(&f->arena, &all, &body, &f->err));
    return body;
}

static void s_038_a_genuine_sha1_signature_does_not_lower_an_rsa2_account(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "sign_type", "RSA");
    refused(f, signed_by(f, &form, TILL_RSA_SHA1, f->platform_private), TILL_E_NOTIFY_FORGED);
    /* nor when it claims to be RSA2 */
    fixture_set(&form, "sign_type", "RSA2");
    refused(f, signed_by(f, &form, TILL_RSA_SHA1, f->platform_private), TILL_E_NOTIFY_FORGED);
    /* the control: the same bytes under the right algorithm */
    struct till_notice notice;
    assert_true(take(f, signed_by(f, &form, TILL_RSA_SHA256, f->platform_private), &notice));
}

static void s_038_an_account_set_to_rsa_takes_rsa_and_not_rsa2(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_account *plain = f->account;
    struct till_form form = fixture_paid_form(f);
    struct till_notice notice;
    f->account = fixture_account_of(f, "keys/yansongda-sandbox-app.pem", FIXTURE_APP_ID,
                                    FIXTURE_SELLER_ID, "RSA");
    fixture_set(&form, "sign_type", "RSA");
    assert_true(take(f, signed_by(f, &form, TILL_RSA_SHA1, f->platform_private), &notice));
    fixture_set(&form, "sign_type", "RSA2");
    refused(f, signed_by(f, &form, TILL_RSA_SHA256, f->platform_private), TILL_E_NOTIFY_FORGED);
    till_account_free(f->account);
    f->account = plain;
}

static void s_039_md5_with_an_empty_key_is_forged(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_str body;
    fixture_set(&form, "sign_type", "MD5");
    fixture_set(&form, "sign", "5d41402abc4b2a76b9719d911017c592");
    assert_true(till_form_encode(&f->arena, &form, &body, &f->err));
    refused(f, body, TILL_E_NOTIFY_FORGED);
    fixture_set(&form, "sign_type", "RSA2");
    assert_true(till_form_encode(&f->arena, &form, &body, &f->err));
    refused(f, body, TILL_E_NOTIFY_FORGED);
}

static void another_key_is_forged(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *other = NULL;
    struct till_form form = fixture_paid_form(f);
    assert_true(till_key_parse_private(fixture_read_line(f, "keys/node-fixture-app.pkcs1.b64"),
                                       &other, &f->err));
    refused(f, signed_by(f, &form, TILL_RSA_SHA256, other), TILL_E_NOTIFY_FORGED);
}

static void s_040_another_amount_is_told_as_it_is_signed(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "total_amount", "0.01");
    assert_int_equal(taken(f, &form).amount.minor, 1); /* the flow compares and holds */
}

static void s_041_another_app_is_a_mismatch(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "app_id", "2021000000000002");
    assert_string_equal(taken(f, &form).mismatch, "app_id");
    form = fixture_paid_form(f);
    fixture_set(&form, "auth_app_id", "2021000000000002");
    assert_string_equal(taken(f, &form).mismatch, "app_id");
    fixture_drop(&form, "auth_app_id");
    assert_null(taken(f, &form).mismatch);
}

static void s_042_another_seller_or_currency_is_a_mismatch(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "seller_id", "2088000000000002");
    assert_string_equal(taken(f, &form).mismatch, "seller");
    form = fixture_paid_form(f);
    fixture_set(&form, "trans_currency", "USD");
    assert_string_equal(taken(f, &form).mismatch, "currency");
    fixture_set(&form, "trans_currency", "CNY");
    assert_null(taken(f, &form).mismatch);
}

static void s_043_the_same_notification_is_read_the_same_fifty_times(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_notice first = taken(f, &form), again;
    for (int i = 0; i < 50; i++) {
        again = taken(f, &form);
        assert_int_equal(again.kind, first.kind);
        assert_true(till_str_equal(again.notice_id, first.notice_id));
    }
}

static void s_044_finished_is_paid_and_not_refundable(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", "TRADE_FINISHED");
    struct till_notice n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_PAID);
    assert_true(n.finished);
}

static void s_045_finished_months_later_carries_the_same_order(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", "TRADE_FINISHED");
    fixture_set(&form, "notify_time", "2027-02-23 07:27:09");
    struct till_notice n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_PAID);
    assert_true(n.paid_us == INT64_C(1795390028) * TILL_US_PER_SECOND);
}

static void s_046_a_partial_refund_is_not_a_second_payment(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "refund_fee", "30.00");
    fixture_set(&form, "gmt_refund", "2026-11-23 08:00:00.631");
    fixture_set(&form, "out_biz_no", "R1");
    struct till_notice n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_REFUND);
    assert_int_equal(n.refunded.minor, 3000);
    assert_true(till_str_is(n.refund_no, "R1"));
    fixture_drop(&form, "gmt_refund");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_REFUND);
    fixture_set(&form, "trade_status", "TRADE_FINISHED");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_REFUND);
    fixture_set(&form, "refund_fee", "0.00");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_PAID);
}

static void s_047_closed_without_payment_is_closed_and_with_one_is_a_refund(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", "TRADE_CLOSED");
    struct till_notice n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_REFUND); /* gmt_payment is there: it was paid */
    assert_int_equal(n.refunded.minor, 10000);
    fixture_set(&form, "refund_fee", "60.00");
    assert_int_equal(taken(f, &form).refunded.minor, 6000);
    fixture_drop(&form, "gmt_payment");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_REFUND);
    fixture_drop(&form, "refund_fee");
    n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_CLOSED);
    assert_int_equal(n.refunded.minor, 0);
    assert_true(n.paid_us == 0);
}

static void a_trade_that_waits_is_nothing_to_do(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", "WAIT_BUYER_PAY");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_WAITING);
}

static void s_048_a_parameter_that_occurs_twice_is_refused_before_any_check(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_str body = fixture_notify_body(f, &form), doubled;
    assert_true(till_arena_format(&f->arena, &doubled, &f->err, "total_amount=0.01&%.*s",
                                  TILL_STR_ARG(body)));
    refused(f, doubled, TILL_E_BODY_MALFORMED);
}

static void s_049_only_the_body_counts(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_notice notice;
    struct till_notification notification = fixture_notification(fixture_notify_body(f, &form));
    notification.query = TILL_STR("total_amount=0.01&trade_status=TRADE_CLOSED");
    assert_true(
        f->account->channel->notified(f->account, &notification, &f->arena, &notice, &f->err));
    assert_int_equal(notice.kind, TILL_NOTICE_PAID);
    assert_int_equal(notice.amount.minor, 10000);
    notification.query = notification.body; /* and a signed query without a body is nothing */
    notification.body = TILL_STR_NONE;
    assert_false(
        f->account->channel->notified(f->account, &notification, &f->arena, &notice, &f->err));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
}

static struct till_form gbk_form(struct fixture *f, const char *charset) {
    struct till_form form = fixture_paid_form(f);
    struct till_str text;
    fixture_set(&form, "charset", charset);
    fixture_set(&form, "buyer_logon_id", "张*三");
    for (size_t i = 0; i < form.count; i++) {
        assert_true(gbk_from_utf8(&f->arena, form.pairs[i].value, &text, &f->err));
        form.pairs[i].value = text;
    }
    return form;
}

static void s_050_gbk_is_verified_as_it_came_and_read_as_utf8(void **state) {
    static const char *const names[] = {"GBK", "gbk", "GB2312", "gb18030"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 4; i++) {
        struct till_form form = gbk_form(f, names[i]);
        struct till_notice n = taken(f, &form);
        assert_int_equal(n.kind, TILL_NOTICE_PAID);
        assert_true(till_str_is(n.buyer, "张*三"));
    }
}

static void a_text_that_is_not_its_charset_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = gbk_form(f, "utf-8");
    refused(f, fixture_notify_body(f, &form), TILL_E_TEXT_INVALID);
    form = fixture_paid_form(f);
    fixture_set(&form, "charset", "GBK");
    fixture_set(&form, "subject", "\xff");
    refused(f, fixture_notify_body(f, &form), TILL_E_TEXT_INVALID);
    fixture_set(&form, "charset", "latin1");
    refused(f, fixture_notify_body(f, &form), TILL_E_FIELD_INVALID);
    fixture_drop(&form, "charset");
    refused(f, fixture_notify_body(f, &form), TILL_E_FIELD_INVALID);
    fixture_set(&form, "charset", "UTF8");
    fixture_set(&form, "subject", "s");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_PAID);
}

static void s_051_an_unknown_status_is_told_as_unknown(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", "TRADE_MAGIC");
    struct till_notice n = taken(f, &form);
    assert_int_equal(n.kind, TILL_NOTICE_UNKNOWN);
    assert_true(till_str_is(n.status_text, "TRADE_MAGIC"));
}

static void s_052_an_order_number_we_never_issued_is_told_as_it_is(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "out_trade_no", "NEVER-ISSUED");
    assert_true(till_str_is(taken(f, &form).upstream_no, "NEVER-ISSUED"));
}

static void a_missing_field_is_never_a_skipped_check(void **state) {
    static const char *const needed[] = {"notify_type",  "notify_id",    "app_id",
                                         "seller_id",    "out_trade_no", "trade_no",
                                         "trade_status", "total_amount"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        struct till_form form = fixture_paid_form(f);
        fixture_drop(&form, needed[i]);
        refused(f, fixture_notify_body(f, &form), TILL_E_FIELD_MISSING);
        assert_string_equal(f->err.field, needed[i]);
    }
}

static void a_signed_value_that_cannot_be_read_is_refused(void **state) {
    static const struct {
        const char *name, *value;
        enum till_code code;
    } rows[] = {{"total_amount", "1e2", TILL_E_AMOUNT_INVALID},
                {"total_amount", "-1.00", TILL_E_AMOUNT_INVALID},
                {"refund_fee", "x", TILL_E_AMOUNT_INVALID},
                {"gmt_payment", "yesterday", TILL_E_TIME_INVALID},
                {"notify_type", "dut_user_sign", TILL_E_FIELD_INVALID}};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_form form = fixture_paid_form(f);
        fixture_set(&form, rows[i].name, rows[i].value);
        refused(f, fixture_notify_body(f, &form), rows[i].code);
    }
}

static void empty_parameters_change_nothing_whether_signed_or_dropped(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "refund_fee", "");
    fixture_set(&form, "gmt_refund", "");
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_PAID); /* signed without them */

    static const char *const v1[] = {"sign", "sign_type", NULL};
    struct till_str text, body;
    assert_true(till_form_canonical(&f->arena, &form, v1, false, &text, &f->err));
    struct till_str sign = fixture_sign(f, text); /* signed with them */
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &f->err));
    assert_true(till_form_encode(&f->arena, &form, &body, &f->err));
    struct till_notice notice;
    assert_true(take(f, body, &notice));
    assert_int_equal(notice.kind, TILL_NOTICE_PAID);
}

static void what_is_no_form_post_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    struct till_notice notice;
    struct till_notification good = fixture_notification(fixture_notify_body(f, &form)), bad = good;
    bad.method = TILL_STR("GET");
    assert_false(f->account->channel->notified(f->account, &bad, &f->arena, &notice, &f->err));
    assert_int_equal(f->err.code, TILL_E_METHOD_NOT_ALLOWED);
    bad = good;
    bad.content_type = TILL_STR("application/json");
    assert_false(f->account->channel->notified(f->account, &bad, &f->arena, &notice, &f->err));
    assert_int_equal(f->err.code, TILL_E_MEDIA_TYPE);
    good.content_type = TILL_STR("Application/X-WWW-form-urlencoded ;charset=GBK");
    assert_true(f->account->channel->notified(f->account, &good, &f->arena, &notice, &f->err));
    char *large = till_arena_alloc(&f->arena, 300 * 1024);
    memset(large, 'a', 300 * 1024);
    refused(f, (struct till_str){large, 300 * 1024}, TILL_E_BODY_TOO_LARGE);
}

static void the_buyer_is_named_as_well_as_the_platform_does(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f);
    fixture_drop(&form, "buyer_logon_id");
    assert_true(till_str_is(taken(f, &form).buyer, "2088102534368455"));
    fixture_drop(&form, "buyer_id");
    assert_int_equal(taken(f, &form).buyer.len, 0);
    fixture_set(&form, "buyer_open_id", "open");
    assert_true(till_str_is(taken(f, &form).buyer, "open"));
    fixture_set(&form, "gmt_refund", "2026-11-23 08:00:00.631"); /* without a sum */
    assert_int_equal(taken(f, &form).kind, TILL_NOTICE_REFUND);
}

static void a_full_arena_takes_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = gbk_form(f, "GBK");
    struct till_notification notification = fixture_notification(fixture_notify_body(f, &form));
    struct till_notice notice;
    bool is_taken = false;
    for (size_t cap = 0; cap < 65536 && !is_taken; cap += 32) {
        struct till_arena arena;
        till_arena_init(&arena, cap);
        is_taken =
            f->account->channel->notified(f->account, &notification, &arena, &notice, &f->err);
        assert_true(is_taken || f->err.code == TILL_E_ARENA_FULL);
        till_arena_clean_up(&arena);
    }
    assert_true(is_taken);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void ten_thousand_mutations_of_a_notification_are_not_taken(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_paid_form(f), parsed, again;
    struct till_str body = fixture_notify_body(f, &form), good_text, bad_text;
    uint32_t seed = 2088;
    assert_true(till_form_parse(&f->arena, body, &parsed, &f->err));
    assert_true(till_alipay_notify_text(&f->arena, &parsed, TILL_ALIPAY_V1, &good_text, &f->err));
    for (int round = 0; round < 10000; round++) {
        struct till_arena arena;
        struct till_str copy;
        struct till_notice notice;
        struct till_error err;
        till_arena_init(&arena, 1 << 20);
        assert_true(till_arena_copy(&arena, body, &copy, &err));
        size_t at = next_random(&seed) % copy.len;
        ((char *)copy.ptr)[at] = (char)next_random(&seed);
        if (next_random(&seed) % 4 == 0)
            copy.len = at; /* cut */
        struct till_notification notification = fixture_notification(copy);
        if (f->account->channel->notified(f->account, &notification, &arena, &notice, &err)) {
            /* Only another spelling of the very same parameters may pass. */
            assert_true(till_form_parse(&arena, copy, &again, &err));
            assert_true(till_alipay_notify_text(&arena, &again, TILL_ALIPAY_V1, &bad_text, &err));
            if (!till_str_equal(good_text, bad_text))
                fail_msg("round %d taken: %.*s", round, TILL_STR_ARG(copy));
        }
        till_arena_clean_up(&arena);
    }
}

static struct till_form return_form(struct fixture *f) {
    return fixture_form(f, "charset", "utf-8", "out_trade_no", FIXTURE_ORDER_NO, "method",
                        "alipay.trade.page.pay.return", "total_amount", "100.00", "trade_no",
                        "2026112322001468450512505578", "auth_app_id", FIXTURE_APP_ID, "version",
                        "1.0", "app_id", FIXTURE_APP_ID, "sign_type", "RSA2", "seller_id",
                        FIXTURE_SELLER_ID, "timestamp", "2026-11-23 07:27:10", NULL);
}

static bool returns(struct fixture *f, struct till_str query, struct till_str *ret_no) {
    struct till_notification notification = {.method = TILL_STR("GET"), .query = query};
    return f->account->channel->returned(f->account, &notification, &f->arena, ret_no, &f->err);
}

static void a_return_page_names_its_order_whatever_else_the_address_carries(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = return_form(f);
    struct till_str number, query = fixture_notify_body(f, &form), more;
    assert_true(returns(f, query, &number));
    assert_true(till_str_is(number, FIXTURE_ORDER_NO));
    assert_true(
        till_arena_format(&f->arena, &more, &f->err, "_url=/x&%.*s&q=1", TILL_STR_ARG(query)));
    assert_true(returns(f, more, &number));
    struct till_notification post = {.method = TILL_STR("POST"), .body = query};
    assert_true(f->account->channel->returned(f->account, &post, &f->arena, &number, &f->err));
}

static void a_full_arena_returns_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = return_form(f);
    struct till_notification page = {.method = TILL_STR("GET"),
                                     .query = fixture_notify_body(f, &form)};
    struct till_str number;
    bool is_back = false;
    for (size_t cap = 0; cap < 65536 && !is_back; cap += 32) {
        struct till_arena arena;
        till_arena_init(&arena, cap);
        is_back = f->account->channel->returned(f->account, &page, &arena, &number, &f->err);
        assert_true(is_back || f->err.code == TILL_E_ARENA_FULL);
        till_arena_clean_up(&arena);
    }
    assert_true(is_back);
}

/* S-112 */
static void a_made_up_or_foreign_return_page_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = return_form(f);
    struct till_str number = TILL_STR("untouched");
    assert_false(returns(f, TILL_STR("trade_status=TRADE_SUCCESS&total_amount=100"), &number));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    assert_false(returns(f, TILL_STR("a=1&a=2"), &number));
    assert_int_equal(f->err.code, TILL_E_BODY_MALFORMED);
    fixture_set(&form, "app_id", "2021000000000002");
    assert_false(returns(f, fixture_notify_body(f, &form), &number));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    form = return_form(f);
    fixture_drop(&form, "out_trade_no");
    assert_false(returns(f, fixture_notify_body(f, &form), &number));
    assert_int_equal(f->err.code, TILL_E_FIELD_MISSING);
    form = return_form(f);
    fixture_set(&form, "charset", "latin1");
    assert_false(returns(f, fixture_notify_body(f, &form), &number));
    assert_true(till_str_is(number, "untouched"));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(s_036_a_signed_success_is_a_payment),
        SENTENCE(s_036_the_acknowledgement_is_exactly_seven_bytes),
        SENTENCE(s_037_a_missing_sign_is_forged),
        SENTENCE(s_038_a_genuine_sha1_signature_does_not_lower_an_rsa2_account),
        SENTENCE(s_038_an_account_set_to_rsa_takes_rsa_and_not_rsa2),
        SENTENCE(s_039_md5_with_an_empty_key_is_forged),
        SENTENCE(another_key_is_forged),
        SENTENCE(s_040_another_amount_is_told_as_it_is_signed),
        SENTENCE(s_041_another_app_is_a_mismatch),
        SENTENCE(s_042_another_seller_or_currency_is_a_mismatch),
        SENTENCE(s_043_the_same_notification_is_read_the_same_fifty_times),
        SENTENCE(s_044_finished_is_paid_and_not_refundable),
        SENTENCE(s_045_finished_months_later_carries_the_same_order),
        SENTENCE(s_046_a_partial_refund_is_not_a_second_payment),
        SENTENCE(s_047_closed_without_payment_is_closed_and_with_one_is_a_refund),
        SENTENCE(a_trade_that_waits_is_nothing_to_do),
        SENTENCE(s_048_a_parameter_that_occurs_twice_is_refused_before_any_check),
        SENTENCE(s_049_only_the_body_counts),
        SENTENCE(s_050_gbk_is_verified_as_it_came_and_read_as_utf8),
        SENTENCE(a_text_that_is_not_its_charset_is_refused),
        SENTENCE(s_051_an_unknown_status_is_told_as_unknown),
        SENTENCE(s_052_an_order_number_we_never_issued_is_told_as_it_is),
        SENTENCE(a_missing_field_is_never_a_skipped_check),
        SENTENCE(a_signed_value_that_cannot_be_read_is_refused),
        SENTENCE(empty_parameters_change_nothing_whether_signed_or_dropped),
        SENTENCE(what_is_no_form_post_is_refused),
        SENTENCE(the_buyer_is_named_as_well_as_the_platform_does),
        SENTENCE(a_full_arena_takes_nothing),
        SENTENCE(a_full_arena_returns_nothing),
        SENTENCE(ten_thousand_mutations_of_a_notification_are_not_taken),
        SENTENCE(a_return_page_names_its_order_whatever_else_the_address_carries),
        SENTENCE(a_made_up_or_foreign_return_page_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
