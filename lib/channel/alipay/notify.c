/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications and return pages (dossier 7 and 4.4). The body is parsed once; the signature is
 * checked over the decoded bytes as they are, in whatever charset, under the account's own key and
 * algorithm; only then are values read, as UTF-8. Nothing of the query string counts.
 */
#include "lib/channel/alipay/wire.h"

#include <till/time.h>

#include "lib/channel/alipay/trust.h"
#include "lib/channel/gbk.h"

enum { NOTIFY_MAX = 256 * 1024 };

static bool is_form(struct till_str content_type) {
    struct till_str type = till_str_sub(content_type, 0, till_str_find(content_type, ';'));
    return till_str_equal_ignoring_case(till_str_trim(type),
                                        TILL_STR("application/x-www-form-urlencoded"));
}

/* The signature under rule V1. A notification does not say which certificate signed it: the current
 * one is tried, then the one before it while that counts. */
static bool is_signed(const struct alipay_account *a, const struct till_form *form, int64_t now_us,
                      struct till_arena *arena, struct till_error *err) {
    const struct till_key *keys[2];
    size_t count = trust_keys(a, now_us, keys);
    for (size_t i = 0; i < count; i++) {
        if (till_alipay_notify_verify(arena, form, TILL_ALIPAY_V1, keys[i], a->algorithm, err))
            return true;
    }
    return false;
}

/* Whatever does not verify is one error, NOTIFY_FORGED: a security event. */
static bool verify(const struct alipay_account *a, const struct till_form *form, int64_t now_us,
                   struct till_arena *arena, struct till_error *err) {
    if (till_form_get(form, "sign").len == 0)
        return TILL_FAIL_FIELD(err, NOTIFY_FORGED, "sign", "The notification is not signed.");
    if (!till_str_equal(till_form_get(form, "sign_type"), a->sign_type))
        return TILL_FAIL_FIELD(
            err, NOTIFY_FORGED, "sign_type",
            "The account is set to another sign_type; the sender cannot choose.");
    if (is_signed(a, form, now_us, arena, err))
        return true;
    if (err->code == TILL_E_SIGNATURE_WRONG)
        return TILL_FAIL_FIELD(err, NOTIFY_FORGED, "sign", NULL);
    return false;
}

static bool is_utf8_name(struct till_str charset) {
    return till_str_equal_ignoring_case(charset, TILL_STR("utf-8")) ||
           till_str_equal_ignoring_case(charset, TILL_STR("utf8"));
}

static bool is_gbk_name(struct till_str charset) {
    return till_str_equal_ignoring_case(charset, TILL_STR("gbk")) ||
           till_str_equal_ignoring_case(charset, TILL_STR("gb2312")) ||
           till_str_equal_ignoring_case(charset, TILL_STR("gb18030"));
}

/* Every value as UTF-8, in place. */
static bool decode_charset(struct till_form *form, struct till_arena *arena,
                           struct till_error *err) {
    struct till_str charset = till_form_get(form, "charset");
    bool is_gbk = is_gbk_name(charset);
    if (!is_gbk && !is_utf8_name(charset))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "charset", "Only UTF-8 and GBK are known.");
    for (size_t i = 0; i < form->count; i++) {
        struct till_str *value = &form->pairs[i].value;
        if (is_gbk && !gbk_to_utf8(arena, *value, value, err))
            return false;
        if (!till_str_is_utf8(*value))
            return TILL_FAIL(err, TEXT_INVALID, "A value is not the charset it claims to be.");
    }
    return true;
}

/* The needed parameters are there: a missing field is never a skipped check. */
static bool check_needed(const struct till_form *form, const char *const *names,
                         struct till_error *err) {
    for (; *names; names++) {
        if (till_form_get(form, *names).len == 0)
            return TILL_FAIL_FIELD(err, FIELD_MISSING, *names,
                                   "The notification lacks a parameter that it always has.");
    }
    return true;
}

static bool read_money(const struct till_form *form, const char *name, struct till_money *ret_money,
                       struct till_error *err) {
    struct till_str text = till_form_get(form, name);
    return text.len == 0 || till_money_parse(text, TILL_STR("CNY"), ret_money, err);
}

static bool read_time(const struct till_form *form, const char *name, int64_t *ret_us,
                      struct till_error *err) {
    struct till_str text = till_form_get(form, name);
    return text.len == 0 || till_time_parse_beijing(text, ret_us, err);
}

static bool has(const struct till_form *form, const char *name) {
    return till_form_get(form, name).len > 0;
}

/* A refund repeats the paid status, so its marks are looked for first (6.1, 7.4). */
static enum till_notice_kind kind_of(const struct till_form *form,
                                     const struct till_notice *notice) {
    struct till_str status = notice->status_text;
    bool is_refund = notice->refunded.minor > 0 || has(form, "gmt_refund");
    if (till_str_is(status, "WAIT_BUYER_PAY"))
        return TILL_NOTICE_WAITING;
    if (till_str_is(status, "TRADE_SUCCESS") || till_str_is(status, "TRADE_FINISHED"))
        return is_refund ? TILL_NOTICE_REFUND : TILL_NOTICE_PAID;
    if (till_str_is(status, "TRADE_CLOSED"))
        return is_refund || has(form, "gmt_payment") ? TILL_NOTICE_REFUND : TILL_NOTICE_CLOSED;
    return TILL_NOTICE_UNKNOWN;
}

/* What is signed and yet not ours. */
static const char *find_mismatch(const struct alipay_account *a, const struct till_form *form) {
    struct till_str authorised = till_form_get(form, "auth_app_id");
    struct till_str currency = till_form_get(form, "trans_currency");
    if (!till_str_equal(till_form_get(form, "app_id"), a->app_id) ||
        (authorised.len && !till_str_equal(authorised, a->app_id)))
        return "app_id";
    if (!till_str_equal(till_form_get(form, "seller_id"), a->seller_id))
        return "seller";
    return currency.len && !till_str_is(currency, "CNY") ? "currency" : NULL;
}

static struct till_str buyer_of(const struct till_form *form) {
    static const char *const names[] = {"buyer_logon_id", "buyer_id", "buyer_open_id"};
    size_t i = 0;
    while (i < 2 && !has(form, names[i]))
        i++;
    return till_form_get(form, names[i]);
}

static bool read_notice(const struct alipay_account *a, const struct till_form *form,
                        struct till_notice *ret_notice, struct till_error *err) {
    static const char *const needed[] = {"notify_type",  "notify_id",    "app_id",
                                         "seller_id",    "out_trade_no", "trade_no",
                                         "trade_status", "total_amount", NULL};
    struct till_notice notice = {.upstream_no = till_form_get(form, "out_trade_no"),
                                 .trade_no = till_form_get(form, "trade_no"),
                                 .app_id = till_form_get(form, "app_id"),
                                 .seller = till_form_get(form, "seller_id"),
                                 .refund_no = till_form_get(form, "out_biz_no"),
                                 .status_text = till_form_get(form, "trade_status"),
                                 .notice_id = till_form_get(form, "notify_id"),
                                 .buyer = buyer_of(form)};
    if (!check_needed(form, needed, err))
        return false;
    if (!till_str_is(till_form_get(form, "notify_type"), "trade_status_sync"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "notify_type",
                               "Only trade_status_sync notifications are taken here.");
    if (!read_money(form, "total_amount", &notice.amount, err) ||
        !read_money(form, "refund_fee", &notice.refunded, err) ||
        !read_time(form, "gmt_payment", &notice.paid_us, err))
        return false;
    notice.kind = kind_of(form, &notice);
    notice.finished = till_str_is(notice.status_text, "TRADE_FINISHED");
    if (notice.kind == TILL_NOTICE_REFUND && till_str_is(notice.status_text, "TRADE_CLOSED") &&
        notice.refunded.minor == 0)
        notice.refunded = notice.amount; /* closed after payment: all of it went back */
    notice.mismatch = find_mismatch(a, form);
    *ret_notice = notice;
    return true;
}

bool alipay_notified(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_notice *ret_notice, struct till_error *err) {
    const struct alipay_account *a = alipay_of(account);
    struct till_form form;
    if (!till_str_is(notification->method, "POST"))
        return TILL_FAIL(err, METHOD_NOT_ALLOWED, "A notification is a POST.");
    if (!is_form(notification->content_type))
        return TILL_FAIL(err, MEDIA_TYPE, "A notification is an urlencoded form.");
    if (notification->body.len > NOTIFY_MAX)
        return TILL_FAIL(err, BODY_TOO_LARGE, NULL);
    return till_form_parse(arena, notification->body, &form, err) &&
           verify(a, &form, notification->now_us, arena, err) &&
           alipay_check_boundaries(&form, err) && decode_charset(&form, arena, err) &&
           read_notice(a, &form, ret_notice, err);
}

bool alipay_returned(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_str *ret_upstream_no, struct till_error *err) {
    static const char *const needed[] = {"app_id", "seller_id", "out_trade_no", NULL};
    const struct alipay_account *a = alipay_of(account);
    bool is_post = till_str_is(notification->method, "POST");
    struct till_form all, form;
    if (!till_form_parse(arena, is_post ? notification->body : notification->query, &all, err) ||
        !till_alipay_return_signed(arena, &all, &form, err) ||
        !verify(a, &form, notification->now_us, arena, err) ||
        !alipay_check_boundaries(&form, err) || !decode_charset(&form, arena, err) ||
        !check_needed(&form, needed, err))
        return false;
    if (find_mismatch(a, &form))
        return TILL_FAIL(err, NOTIFY_FORGED, "The return page belongs to another account.");
    *ret_upstream_no = till_form_get(&form, "out_trade_no");
    return true;
}
