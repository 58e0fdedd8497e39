/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications and return pages, as the channel reads them in each mode. */
#include "mutate.h"

#include "lib/channel/alipay/wire.h"
#include "modes.h"

static struct modes modes;
static struct fixture *f;
static const char *const unsigned_names[] = {"sign", "sign_type", NULL};
static const struct pairs_rule notify_rule = {.without = unsigned_names};
static const struct pairs_rule return_rule = {.without = unsigned_names,
                                              .only = alipay_return_names};

static struct till_str read_under(const struct till_account *account, struct till_arena *arena,
                                  struct till_str body) {
    struct till_notification notification = fixture_notification(body);
    struct till_notice n;
    struct till_error err;
    if (!account->channel->notified(account, &notification, arena, &n, &err))
        return TILL_STR_NONE;
    return text_format(
        arena, "%d %d %.*s %.*s %.*s %.*s %lld %lld %.*s %.*s %.*s %.*s %lld %s", (int)n.kind,
        n.finished, TILL_STR_ARG(n.upstream_no), TILL_STR_ARG(n.trade_no), TILL_STR_ARG(n.app_id),
        TILL_STR_ARG(n.seller), (long long)n.amount.minor, (long long)n.refunded.minor,
        TILL_STR_ARG(n.refund_no), TILL_STR_ARG(n.status_text), TILL_STR_ARG(n.notice_id),
        TILL_STR_ARG(n.buyer), (long long)n.paid_us, n.mismatch ? n.mismatch : "");
}

static struct till_str return_under(const struct till_account *account, struct till_arena *arena,
                                    struct till_str query) {
    struct till_notification notification = {.method = TILL_STR("GET"), .query = query};
    struct till_str number;
    struct till_error err;
    if (!account->channel->returned(account, &notification, arena, &number, &err))
        return TILL_STR_NONE;
    return number;
}

/* Neither names a certificate or is encrypted: every mode must read the same. */
static struct till_str read_alike(struct till_arena *arena, struct till_str message,
                                  struct till_str (*read)(const struct till_account *,
                                                          struct till_arena *, struct till_str)) {
    struct till_str reading = read(modes.accounts[MODE_KEY], arena, message);
    for (int mode = MODE_CERTIFICATE; mode < MODES; mode++)
        if (!till_str_equal(reading, read(modes.accounts[mode], arena, message)))
            return TILL_STR("modes disagree");
    return reading;
}

static struct till_str read_notification(struct till_arena *arena, struct till_str body) {
    return read_alike(arena, body, read_under);
}

static struct till_str read_return(struct till_arena *arena, struct till_str query) {
    return read_alike(arena, query, return_under);
}

static void keep_good(struct family *family, struct till_str message, struct till_str reading,
                      const struct pairs_rule *rule) {
    struct pairs pairs;
    size_t at = family->good_count++;
    family->good[at] = message;
    family->reading[at] = reading;
    good_must_be_taken(family, at, reading.len > 0 && pairs_read(&f->arena, message, &pairs));
    family->content[at] = pairs_content(&f->arena, &pairs, rule);
}

static void add_notification(const struct till_form *form) {
    struct till_str body = fixture_notify_body(f, form);
    keep_good(&family_notify, body, read_notification(&f->arena, body), &notify_rule);
}

static void open_fixture(void) {
    modes_open(&modes);
    f = modes.f;
}

static void close_fixture(void) {
    modes_close(&modes);
}

static void add_refund(const char *status, const char *amount) {
    struct till_form form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", status);
    fixture_set(&form, "refund_fee", amount);
    fixture_set(&form, "gmt_refund", "2026-11-23 07:30:00.123");
    fixture_set(&form, "out_biz_no", "R1");
    fixture_set(&form, "notify_id", "2026112300222072708068450559358071");
    add_notification(&form);
}

static void begin_notify(void) {
    open_fixture();
    struct till_form form = fixture_paid_form(f);
    add_notification(&form);
    add_refund("TRADE_SUCCESS", "30.00");
    add_refund("TRADE_CLOSED", "100.00");
    form = fixture_paid_form(f);
    fixture_set(&form, "charset", "GBK");
    fixture_set(&form, "subject", "\xbf\xa7\xb7\xc8");
    add_notification(&form);
    form = fixture_paid_form(f);
    fixture_set(&form, "subject", "50% & more + tax = ok");
    fixture_set(&form, "passback_params", "order%207%2F1");
    fixture_set(&form, "out_trade_no", "01JD8C3Q5T7V9X1Z3B5D7F9H1L");
    fixture_set(&form, "total_amount", "0.01");
    add_notification(&form);
    form = fixture_paid_form(f);
    fixture_set(&form, "trade_status", "WAIT_BUYER_PAY");
    fixture_drop(&form, "gmt_payment");
    add_notification(&form);
    fixture_set(&form, "trade_status", "TRADE_CLOSED");
    add_notification(&form);
}

static enum judgement judge_notify(struct till_arena *arena, size_t good, struct till_str message) {
    (void)good;
    return judge_form(arena, &family_notify, message, read_notification(arena, message),
                      &notify_rule);
}

static void add_return(const char *number, const char *amount) {
    struct till_form form = fixture_form(
        f, "charset", "utf-8", "out_trade_no", number, "method", "alipay.trade.page.pay.return",
        "total_amount", amount, "trade_no", "2026112322001468450512505578", "auth_app_id",
        FIXTURE_APP_ID, "version", "1.0", "app_id", FIXTURE_APP_ID, "sign_type", "RSA2",
        "seller_id", FIXTURE_SELLER_ID, "timestamp", "2026-11-23 07:27:09", NULL);
    struct till_str query = fixture_notify_body(f, &form);
    keep_good(&family_return, query, read_return(&f->arena, query), &return_rule);
    /* what the merchant's own address brought along is not part of it */
    query = text_format(&f->arena, "shop=1&%.*s", TILL_STR_ARG(query));
    keep_good(&family_return, query, read_return(&f->arena, query), &return_rule);
}

static void begin_return(void) {
    open_fixture();
    add_return(FIXTURE_ORDER_NO, "100.00");
    add_return("01JD8C3Q5T7V9X1Z3B5D7F9H1L", "0.01");
}

static enum judgement judge_return(struct till_arena *arena, size_t good, struct till_str message) {
    (void)good;
    return judge_form(arena, &family_return, message, read_return(arena, message), &return_rule);
}

struct family family_notify = {
    .name = "notify", .begin = begin_notify, .end = close_fixture, .judge = judge_notify};
struct family family_return = {
    .name = "return", .begin = begin_return, .end = close_fixture, .judge = judge_return};
