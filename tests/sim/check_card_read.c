/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the card platform's objects say about one of our orders: a session, the payment's intent,
 * its charge, a refund, a list of refunds, and events about any of them.
 */
#include "check_card.h"

#include <ctype.h>
#include <stdio.h>

static void copy(char *out, size_t size, struct till_str text) {
    snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size - 1),
             text.len ? text.ptr : "");
}

static bool is(const struct till_json *json, const char *name, const char *wanted) {
    return till_str_is(till_json_get_str(json, name), wanted);
}

static struct till_str number_in(const struct till_json *json, const char *name) {
    return till_json_get_str(till_json_member(json, "metadata"), name);
}

/* Complete and unpaid: the money is under way, unless the payment has ended without it. */
static enum proof_says unpaid_says(const struct till_json *session) {
    const struct till_json *intent = till_json_member(session, "payment_intent");
    bool has_ended =
        till_json_is_object(intent) &&
        (is(intent, "status", "canceled") || is(intent, "status", "requires_payment_method"));
    return has_ended ? SAYS_CLOSED : SAYS_WAITING;
}

static void read_session(const struct till_json *session, struct card_words *words) {
    struct proof *proof = &words->proof;
    copy(proof->order_no, sizeof proof->order_no,
         till_json_get_str(session, "client_reference_id"));
    (void)till_json_get_int(session, "amount_total", &proof->total_minor);
    proof->says = is(session, "status", "expired")        ? SAYS_CLOSED
                  : is(session, "payment_status", "paid") ? SAYS_PAID
                  : is(session, "status", "complete")     ? unpaid_says(session)
                                                          : SAYS_WAITING;
}

static void read_intent(const struct till_json *intent, struct card_words *words) {
    struct proof *proof = &words->proof;
    copy(proof->order_no, sizeof proof->order_no, number_in(intent, "till_no"));
    (void)till_json_get_int(intent, "amount", &proof->total_minor);
    proof->says = is(intent, "status", "succeeded")  ? SAYS_PAID
                  : is(intent, "status", "canceled") ? SAYS_CLOSED
                                                     : SAYS_WAITING;
}

static void read_charge(const struct till_json *charge, struct card_words *words) {
    struct proof *proof = &words->proof;
    copy(proof->order_no, sizeof proof->order_no, number_in(charge, "till_no"));
    (void)till_json_get_int(charge, "amount", &proof->total_minor);
    (void)till_json_get_int(charge, "amount_refunded", &proof->refund_minor);
    proof->says = proof->refund_minor > 0 ? SAYS_REFUNDED : SAYS_NOTHING;
}

/* One that was made at the dashboard has no number of ours: it goes by the platform's id. */
static struct till_str name_of(const struct till_json *refund) {
    struct till_str number = number_in(refund, "till_refund_no");
    return number.len ? number : till_json_get_str(refund, "id");
}

static void read_refund(const struct till_json *refund, struct card_words *words) {
    struct proof *proof = &words->proof;
    copy(proof->order_no, sizeof proof->order_no, number_in(refund, "till_no"));
    copy(proof->refund_no, sizeof proof->refund_no, name_of(refund));
    words->has_failed = is(refund, "status", "failed");
    bool is_done = is(refund, "status", "succeeded");
    proof->says = is_done ? SAYS_REFUNDED : SAYS_NOTHING;
    if (is_done)
        (void)till_json_get_int(refund, "amount", &proof->refund_minor);
}

static const struct till_json *find_refund(const struct till_json *list, const char *refund_no) {
    const struct till_json *data = till_json_member(list, "data");
    for (size_t i = 0; i < till_json_size(data); i++) {
        const struct till_json *refund = till_json_element(data, i);
        if (refund_no && till_str_is(name_of(refund), refund_no))
            return refund;
    }
    return NULL;
}

static void read_object(const struct till_json *json, const char *refund_no,
                        struct card_words *words) {
    static const struct {
        const char *name;
        void (*read)(const struct till_json *, struct card_words *);
    } readers[] = {{"checkout.session", read_session},
                   {"payment_intent", read_intent},
                   {"charge", read_charge},
                   {"refund", read_refund}};
    const struct till_json *object = json, *live;
    if (is(json, "object", "list"))
        object = find_refund(json, refund_no);
    for (size_t i = 0; object && i < sizeof readers / sizeof *readers; i++)
        if (is(object, "object", readers[i].name))
            readers[i].read(object, words);
    struct till_str currency = till_json_get_str(object, "currency");
    copy(words->currency, sizeof words->currency, currency);
    for (char *at = words->currency; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    live = object ? till_json_member(object, "livemode") : NULL;
    struct till_error ignored;
    if (live)
        (void)!till_json_want_bool(object, "livemode", &words->is_live, &ignored);
}

/* Of other types nobody need know anything. */
static bool is_news(const struct till_json *event) {
    static const char *const types[] = {"checkout.session.completed",
                                        "checkout.session.expired",
                                        "checkout.session.async_payment_succeeded",
                                        "checkout.session.async_payment_failed",
                                        "payment_intent.succeeded",
                                        "payment_intent.canceled",
                                        "charge.refunded",
                                        "refund.created",
                                        "refund.updated",
                                        "refund.failed"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is(event, "type", types[i]))
            return true;
    return false;
}

void check_card_read(struct till_str bytes, const char *refund_no, struct card_words *ret) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error ignored;
    *ret = (struct card_words){.proof = {.total_minor = -1, .refund_minor = -1}};
    if (!till_json_parse(bytes, &json, &ignored))
        return;
    if (!is(json, "object", "event")) {
        read_object(json, refund_no, ret);
        return;
    }
    if (!is_news(json))
        return;
    const struct till_json *data = till_json_member(json, "data");
    copy(ret->type, sizeof ret->type, till_json_get_str(json, "type"));
    read_object(data ? till_json_member(data, "object") : NULL, refund_no, ret);
    if (is(json, "type", "checkout.session.async_payment_failed"))
        ret->proof.says = SAYS_CLOSED; /* the session itself stays complete and unpaid */
}

void check_card_believe(struct check *check, struct seen_attempt *attempt,
                        struct seen_refund *refund, const char *kind, struct till_str bytes) {
    bool is_notify = strcmp(kind, "notify") == 0;
    struct card_words words;
    const struct proof *proof = &words.proof;
    if (!check_card_is_true(check, attempt->account_id, bytes, is_notify))
        sim_violation(check->sim, "I23", "the %s that moved %s was never said to its account", kind,
                      refund ? refund->id : attempt->id);
    check_card_read(bytes, refund ? refund->refund_no : NULL, &words);
    bool is_named =
        refund && !proof->order_no[0] && strcmp(proof->refund_no, refund->refund_no) == 0;
    bool is_ours = is_named || strcmp(proof->order_no, attempt->upstream_no) == 0;
    bool is_exact = is_ours && !words.is_live &&
                    (proof->total_minor < 0 || proof->total_minor == attempt->amount) &&
                    strcmp(words.currency, attempt->payment->currency) == 0;
    if (is_notify && !is_ours)
        sim_violation(check->sim, "I18", "an event about %s moved %s", proof->order_no,
                      attempt->id);
    bool is_paid = proof->says == SAYS_PAID || (is_notify && proof->says == SAYS_REFUNDED);
    attempt->proven_paid = attempt->proven_paid || (is_exact && is_paid);
    attempt->proven_closed = attempt->proven_closed || (is_exact && proof->says == SAYS_CLOSED);
    attempt->paid_news = attempt->paid_news || (is_exact && proof->says == SAYS_PAID);
    if (refund)
        refund->is_proven = refund->is_proven || (is_exact && proof->says == SAYS_REFUNDED);
}
