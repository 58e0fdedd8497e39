/* SPDX-License-Identifier: Apache-2.0 */
/* Planning and composing notifications; see notice.h. The sending is courier.c. */
#include <sandbox/app.h>
#include <sandbox/notice.h>

#include <lib/channel/gbk.h>

#include <stdio.h>
#include <stdlib.h>

const char *notice_event_name(enum notice_event event) {
    static const char *const names[] = {"created", "paid", "refunded", "closed", "finished"};
    return names[event];
}

static struct platform_notice *make(struct sandbox *sandbox, struct platform_trade *trade,
                                    enum notice_event event, const struct platform_refund *refund,
                                    int64_t now_us) {
    struct platform_notice *notice = trade->notify_url.len ? calloc(1, sizeof *notice) : NULL;
    if (!notice)
        return NULL;
    *notice = (struct platform_notice){
        .trade = trade,
        .event = event,
        .refund_no = refund ? refund->request_no : TILL_STR_NONE,
        .refunded_minor = trade->refunded_minor,
        .status = trade->status,
        .event_us = now_us,
        .buyer = trade->buyer,
        .created_us = trade->created_us,
        .paid_us = trade->paid_us,
        .closed_us = trade->closed_us,
        .due_us = now_us,
    };
    platform_make_notify_id(sandbox, now_us, notice->id);
    notice->next = sandbox->notices;
    sandbox->notices = notice;
    sandbox->notice_count++;
    return notice;
}

static void set_variant(struct platform_notice *notice, enum fault variant,
                        struct till_str argument) {
    notice->variant = variant;
    argument = till_str_cut_utf8(argument, sizeof notice->argument - 1);
    snprintf(notice->argument, sizeof notice->argument, "%.*s", TILL_STR_ARG(argument));
}

/* When it leaves; what it says is the first variant that struck. */
static void apply(struct sandbox *sandbox, struct platform_notice *notice,
                  const struct fault_set *faults) {
    if (faults->on[FAULT_NOTIFY_DELAY])
        notice->due_us += fault_number(faults, FAULT_NOTIFY_DELAY, 60) * PLATFORM_SECOND_US;
    if (faults->on[FAULT_NOTIFY_LATE])
        notice->due_us += 26 * PLATFORM_HOUR_US;
    if (faults->on[FAULT_NOTIFY_DUPLICATE])
        notice->repeats = fault_number(faults, FAULT_NOTIFY_DUPLICATE, 1);
    if (faults->on[FAULT_NOTIFY_REORDER]) {
        notice->held = true;
        sandbox->held_count++;
        notice->due_us += PLATFORM_HOUR_US; /* when nothing follows */
    }
    notice->over = faults->on[FAULT_NOTIFY_NEVER];
    for (int i = FAULT_NOTIFY_WRONG_KEY; i < FAULT_COUNT && !notice->variant; i++)
        if (faults->on[i])
            set_variant(notice, (enum fault)i, till_str_of(faults->argument[i]));
}

void notice_plan(struct sandbox *sandbox, struct platform_trade *trade, enum notice_event event,
                 const struct platform_refund *refund, int64_t now_us) {
    struct platform_notice *notice = make(sandbox, trade, event, refund, now_us);
    if (!notice)
        return;
    struct fault_set faults;
    fault_decide(sandbox, "notify", FAULT_NOTICE, &faults);
    apply(sandbox, notice, &faults);
    if (!notice->over)
        platform_due(sandbox, notice->due_us, DUE_NOTICE, notice);
    platform_changed(sandbox);
}

bool notice_plan_variant(struct sandbox *sandbox, struct platform_trade *trade,
                         enum notice_event event, enum fault variant, struct till_str argument,
                         int64_t now_us) {
    const struct platform_refund *refund = event == NOTICE_REFUNDED ? trade->refunds : NULL;
    while (refund && refund->next)
        refund = refund->next;
    struct platform_notice *notice = make(sandbox, trade, event, refund, now_us);
    if (!notice)
        return false;
    set_variant(notice, variant, argument);
    notice->once = true;
    platform_due(sandbox, notice->due_us, DUE_NOTICE, notice);
    return true;
}

struct form_builder {
    struct till_arena *arena;
    struct till_form form;
    bool is_gbk;
    bool failed;
};

/* Never an empty parameter (dossier 7.3). */
static void put(struct form_builder *builder, const char *name, struct till_str value) {
    struct till_error err;
    if (value.len == 0)
        return;
    if (builder->is_gbk && !gbk_from_utf8(builder->arena, value, &value, &err))
        builder->failed = true;
    if (!till_form_add(&builder->form, till_str_of(name), value, &err))
        builder->failed = true;
}

static void put_money(struct form_builder *builder, const char *name, int64_t minor) {
    put(builder, name, platform_money_text(builder->arena, minor));
}

static void put_time(struct form_builder *builder, const char *name, int64_t us) {
    put(builder, name, platform_time_text(builder->arena, us));
}

static struct till_str status_text(const struct platform_notice *notice) {
    switch (notice->variant) {
    case FAULT_NOTIFY_UNKNOWN_STATUS:
        return TILL_STR("TRADE_MAGIC");
    case FAULT_NOTIFY_FINISHED:
        return TILL_STR("TRADE_FINISHED");
    case FAULT_NOTIFY_CLOSED:
        return TILL_STR("TRADE_CLOSED");
    case FAULT_NOTIFY_REFUND_AS_SUCCESS:
        return TILL_STR("TRADE_SUCCESS");
    default:
        return till_str_of(trade_status_name(notice->status));
    }
}

/* One fund after the other: [{"amount":"9.89","fundChannel":"ALIPAYACCOUNT"}, ...] */
static void put_funds(struct form_builder *builder, int64_t own_minor, int64_t coupon_minor) {
    struct till_str own = platform_money_text(builder->arena, own_minor), text = TILL_STR_NONE;
    struct till_str coupon = platform_money_text(builder->arena, coupon_minor);
    struct till_error err;
    if (coupon_minor == 0 &&
        !till_arena_format(builder->arena, &text, &err,
                           "[{\"amount\":\"%.*s\",\"fundChannel\":\"ALIPAYACCOUNT\"}]",
                           TILL_STR_ARG(own)))
        builder->failed = true;
    if (coupon_minor &&
        !till_arena_format(builder->arena, &text, &err,
                           "[{\"amount\":\"%.*s\",\"fundChannel\":\"ALIPAYACCOUNT\"},"
                           "{\"amount\":\"%.*s\",\"fundChannel\":\"COUPON\"}]",
                           TILL_STR_ARG(own), TILL_STR_ARG(coupon)))
        builder->failed = true;
    put(builder, "fund_bill_list", text);
}

static void put_coupon(struct form_builder *builder) {
    put(builder, "voucher_detail_list",
        TILL_STR(
            "[{\"amount\":\"0.01\",\"id\":\"2026112300073002000000000001\",\"merchantContribute\":"
            "\"0.00\",\"name\":\"满减券\",\"otherContribute\":\"0.01\",\"type\":"
            "\"ALIPAY_DISCOUNT_VOUCHER\"}]"));
}

/* What the buyer did not pay himself, the platform did: total_amount and receipt_amount stay. */
static void put_paid(struct form_builder *builder, const struct platform_notice *notice) {
    int64_t total_minor = notice->trade->total_minor;
    int64_t coupon_minor = notice->variant == FAULT_NOTIFY_COUPON ? 1 : 0;
    put_money(builder, "receipt_amount", total_minor);
    put_money(builder, "invoice_amount", total_minor - coupon_minor);
    put_money(builder, "buyer_pay_amount", total_minor - coupon_minor);
    put_money(builder, "point_amount", 0);
    put_funds(builder, total_minor - coupon_minor, coupon_minor);
    if (coupon_minor)
        put_coupon(builder);
}

/* gmt_refund has milliseconds. */
static void put_refund(struct form_builder *builder, const struct platform_notice *notice) {
    struct till_str text = platform_time_text(builder->arena, notice->event_us);
    struct till_error err;
    if (!till_arena_format(builder->arena, &text, &err, "%.*s.%03d", TILL_STR_ARG(text),
                           (int)(notice->event_us / 1000 % 1000)))
        builder->failed = true;
    put_money(builder, "refund_fee", notice->refunded_minor);
    put(builder, "gmt_refund", text);
    put(builder, "out_biz_no", notice->refund_no);
    if (notice->status == TRADE_CLOSED && notice->variant != FAULT_NOTIFY_REFUND_AS_SUCCESS)
        put_time(builder, "gmt_close", notice->closed_us);
}

/* What the variant was told to say. */
static struct till_str lie(const struct platform_notice *notice, struct till_str otherwise) {
    return notice->argument[0] ? till_str_of(notice->argument) : otherwise;
}

static void put_order(struct form_builder *builder, const struct platform_notice *notice) {
    const struct platform_trade *trade = notice->trade;
    enum fault variant = notice->variant;
    struct till_str app_id = till_str_of(trade->app->id);
    if (variant == FAULT_NOTIFY_OTHER_APP)
        app_id = lie(notice, TILL_STR("9021000000000000"));
    put(builder, "app_id", app_id);
    put(builder, "auth_app_id", app_id);
    put(builder, "seller_id",
        variant == FAULT_NOTIFY_OTHER_SELLER ? TILL_STR("2088000000000000")
                                             : till_str_of(trade->app->seller->id));
    put(builder, "out_trade_no",
        variant == FAULT_NOTIFY_OTHER_ORDER ? TILL_STR("NOBODY0EVER0ORDERED0THIS0")
                                            : trade->out_trade_no);
    put(builder, "trade_no", till_str_of(trade->trade_no));
    put(builder, "total_amount",
        variant == FAULT_NOTIFY_AMOUNT
            ? lie(notice, trade->total_minor == 1 ? TILL_STR("0.02") : TILL_STR("0.01"))
            : platform_money_text(builder->arena, trade->total_minor));
    put(builder, "subject", trade->subject);
    put(builder, "body", trade->body);
    put(builder, "passback_params", trade->passback_params);
    put(builder, "trade_status", status_text(notice));
    put_time(builder, "gmt_create", notice->created_us);
    if (notice->buyer) {
        put(builder, "buyer_id", till_str_of(notice->buyer->user_id));
        put(builder, "buyer_logon_id", till_str_of(notice->buyer->logon_id));
    }
}

static void put_event(struct form_builder *builder, const struct platform_notice *notice) {
    bool says_closed = notice->variant == FAULT_NOTIFY_CLOSED;
    if (notice->paid_us && !says_closed)
        put_time(builder, "gmt_payment", notice->paid_us);
    if (says_closed || notice->event == NOTICE_CLOSED)
        put_time(builder, "gmt_close", notice->closed_us ? notice->closed_us : notice->event_us);
    else if (notice->event == NOTICE_PAID || notice->event == NOTICE_FINISHED)
        put_paid(builder, notice);
    else if (notice->event == NOTICE_REFUNDED)
        put_refund(builder, notice);
}

static struct till_str sign_type(const struct platform_notice *notice) {
    if (notice->variant == FAULT_NOTIFY_MD5)
        return TILL_STR("MD5");
    bool is_sha1 =
        notice->variant == FAULT_NOTIFY_SHA1 || notice->trade->algorithm == TILL_RSA_SHA1;
    return is_sha1 ? TILL_STR("RSA") : TILL_STR("RSA2");
}

/* A digest without any secret. */
static bool digest(struct till_arena *arena, struct till_str text, struct till_str *ret_sign) {
    uint8_t bytes[TILL_SHA256_SIZE];
    char hex[2 * TILL_SHA256_SIZE + 1];
    till_sha256(text, bytes);
    till_hex_encode(bytes, 16, hex);
    *ret_sign = platform_keep(arena, till_str_of(hex));
    return ret_sign->len > 0;
}

/* Rule V1 (dossier 7.3): without sign and sign_type. */
static bool sign(struct sandbox *sandbox, const struct platform_notice *notice,
                 struct till_arena *arena, const struct till_form *form, bool is_broken,
                 struct till_str *ret_sign, struct till_error *err) {
    static const char *const without[] = {"sign", "sign_type", NULL};
    struct till_str text;
    if (!till_form_canonical(arena, form, without, true, &text, err))
        return false;
    if (notice->variant == FAULT_NOTIFY_MD5)
        return digest(arena, text, ret_sign) || TILL_FAIL(err, ARENA_FULL, NULL);
    const struct till_key *key = notice->trade->app->platform_key;
    if (is_broken || notice->variant == FAULT_NOTIFY_WRONG_KEY)
        key = app_stranger(sandbox);
    if (!key)
        return TILL_FAIL(err, BUG, "No key to sign with.");
    enum till_signature algorithm =
        till_str_is(sign_type(notice), "RSA") ? TILL_RSA_SHA1 : TILL_RSA_SHA256;
    return till_key_sign(arena, key, algorithm, text, ret_sign, err);
}

static bool seal(struct sandbox *sandbox, const struct platform_notice *notice,
                 struct till_arena *arena, struct till_form form, bool is_broken,
                 struct till_str *ret_body, struct till_error *err) {
    struct till_str signature;
    if (notice->variant == FAULT_NOTIFY_UNSIGNED)
        return till_form_encode(arena, &form, ret_body, err);
    return sign(sandbox, notice, arena, &form, is_broken, &signature, err) &&
           till_form_add(&form, TILL_STR("sign"), signature, err) &&
           till_form_encode(arena, &form, ret_body, err);
}

/* Lies around a body that is signed well. */
static bool disguise(const struct platform_notice *notice, struct till_arena *arena,
                     struct notice_letter *letter, struct till_error *err) {
    if (notice->variant == FAULT_NOTIFY_TWICE_NAMED)
        return till_arena_format(arena, &letter->body, err, "total_amount=0.01&%.*s",
                                 TILL_STR_ARG(letter->body));
    if (notice->variant != FAULT_NOTIFY_QUERY)
        return true;
    char mark = till_str_find(letter->url, '?') < letter->url.len ? '&' : '?';
    return till_arena_format(arena, &letter->url, err,
                             "%.*s%ctotal_amount=0.01&trade_status=TRADE_SUCCESS&out_trade_no=%.*s",
                             TILL_STR_ARG(letter->url), mark,
                             TILL_STR_ARG(notice->trade->out_trade_no));
}

bool notice_compose(struct sandbox *sandbox, const struct platform_notice *notice, int64_t now_us,
                    struct till_arena *arena, struct notice_letter *ret_letter,
                    struct till_error *err) {
    struct form_builder builder = {.arena = arena};
    builder.is_gbk = notice->trade->is_gbk || notice->variant == FAULT_NOTIFY_GBK;
    if (!till_form_init(arena, &builder.form, err))
        return false;
    put(&builder, "notify_id", till_str_of(notice->id));
    put(&builder, "notify_type", TILL_STR("trade_status_sync"));
    put_time(&builder, "notify_time", now_us);
    put(&builder, "charset", builder.is_gbk ? TILL_STR("GBK") : TILL_STR("utf-8"));
    put(&builder, "version", TILL_STR("1.0"));
    put(&builder, "sign_type", sign_type(notice));
    put_order(&builder, notice);
    put_event(&builder, notice);
    if (builder.failed)
        return TILL_FAIL(err, BUG, "The notification cannot be written.");
    struct notice_letter letter = {.url = notice->trade->notify_url};
    letter.content_type = builder.is_gbk
                              ? TILL_STR("application/x-www-form-urlencoded; charset=GBK")
                              : TILL_STR("application/x-www-form-urlencoded; charset=utf-8");
    letter.is_probe = notice->variant == FAULT_NOTIFY_PROBE && notice->attempts == 0;
    /* seal copies the form, so the probe's signature does not stay in it */
    if (!seal(sandbox, notice, arena, builder.form, false, &letter.body, err) ||
        (letter.is_probe &&
         !seal(sandbox, notice, arena, builder.form, true, &letter.probe_body, err)) ||
        !disguise(notice, arena, &letter, err))
        return false;
    *ret_letter = letter;
    return true;
}
