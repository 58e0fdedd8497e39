/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about a session: of its creation, of a question, of its expiry. */
#include "lib/channel/stripe/reading.h"

#include "lib/channel/address.h"
#include "lib/channel/common.h"
#include "lib/channel/stripe/fields.h"

enum { ACTION_MAX = 4096, ID_MAX = 255 };

void stripe_settle(const struct reading *r, enum till_outcome outcome, enum till_trade trade) {
    r->verdict->outcome = outcome;
    r->verdict->trade = trade;
}

void stripe_doubt(const struct reading *r, const char *text) {
    r->verdict->outcome = TILL_UNKNOWN;
    common_put(r->verdict->peer_text, sizeof r->verdict->peer_text, till_str_of(text));
}

void stripe_contradict(const struct reading *r, const char *text) {
    r->verdict->suspicious = true;
    stripe_doubt(r, text);
}

static struct till_str text_of(const struct reading *r, const char *name) {
    return till_json_get_str(r->node, name);
}

/* An id stands in later requests: it is short and plain. */
static bool is_id(struct till_str id, const char *prefix) {
    return till_str_starts_with(id, till_str_of(prefix)) && id.len <= ID_MAX &&
           till_str_is_printable_ascii(id);
}

/* The texts that outlive the node. False when the arena is full. */
static bool keep(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    struct till_error err;
    return till_arena_copy(r->arena, text_of(r, "id"), &v->reference, &err) &&
           till_arena_copy(r->arena, text_of(r, "client_reference_id"), &v->upstream_no, &err) &&
           till_arena_copy(r->arena, stripe_field_id(r->node, "payment_intent"), &v->trade_no,
                           &err) &&
           stripe_field_buyer(r->node, r->arena, &v->buyer, &err);
}

static bool is_same(struct till_money a, struct till_money b) {
    return a.minor == b.minor && strcmp(a.currency, b.currency) == 0;
}

/* The order's own amount; one that was asked about without an amount is told it. */
static bool has_right_amount(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    return stripe_field_money(r->node, "amount_total", &v->amount) && v->amount.minor > 0 &&
           (r->ask->amount.minor == 0 || is_same(v->amount, r->ask->amount));
}

/* Everything that an answer about our session says of it; what is not ours is some other order's.
 */
static bool is_ours(const struct reading *r) {
    const struct till_verdict *v = r->verdict;
    struct till_str asked = r->ask->reference;
    if (!is_id(v->reference, "cs_"))
        stripe_doubt(r, "The answer does not name the session.");
    else if (asked.len && !till_str_equal(v->reference, asked))
        stripe_contradict(r, "The answer is about another session.");
    else if (!till_str_equal(v->upstream_no, r->ask->upstream_no))
        stripe_contradict(r, "The answer is about another order.");
    else if (!stripe_field_is_mode(r->node, r->account->mode))
        stripe_contradict(r, "The answer is of the other mode, live or test.");
    else if (!has_right_amount(r))
        stripe_contradict(r, "The amount or currency is not the order's.");
    else
        return true;
    return false;
}

/* The page's address: what stands behind '#' is the page's own and not looked into. */
static bool is_page(const struct reading *r, struct till_str url) {
    struct address address;
    struct till_error ignored;
    size_t hash = till_str_find(url, '#');
    return url.len <= ACTION_MAX && till_str_is_printable_ascii(url) &&
           till_str_find(url, ' ') == url.len &&
           address_read(till_str_sub(url, 0, hash), ACTION_MAX, "url", &address, &ignored) &&
           (address.is_https || r->account->mode == TILL_TEST);
}

static void read_create(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    struct till_str url = text_of(r, "url");
    struct till_error err;
    if (till_str_is(text_of(r, "status"), "complete")) {
        v->trade = TILL_TRADE_PAID;
        stripe_doubt(r, "The session is complete already; ask for it.");
    } else if (till_str_is(text_of(r, "status"), "expired")) {
        v->trade = TILL_TRADE_CLOSED;
        stripe_doubt(r, "The session is over already; ask for it.");
    } else if (!till_str_is(text_of(r, "status"), "open") || !is_page(r, url)) {
        stripe_doubt(r, "The answer accepts the order without the address of its page.");
    } else if (!till_arena_copy(r->arena, url, &v->action_value, &err)) {
        stripe_doubt(r, err.text);
    } else {
        v->action_kind = TILL_STR("redirect");
        stripe_settle(r, TILL_PENDING, TILL_TRADE_UNSAID);
    }
}

/* What the expanded payment intent must say of a session that is paid. */
static bool agrees(const struct reading *r, const struct till_json *intent) {
    struct till_money received;
    if (!till_str_is(till_json_get_str(intent, "status"), "succeeded"))
        stripe_doubt(r, "The session is paid and its payment is not.");
    else if (!till_str_equal(stripe_field_metadata(intent, "till_no"), r->ask->upstream_no))
        stripe_contradict(r, "The payment is another order's.");
    else if (!stripe_field_money(intent, "amount_received", &received) ||
             !is_same(received, r->verdict->amount))
        stripe_contradict(r, "Another amount than the order's was received.");
    else
        return true;
    return false;
}

/* Given back in part or wholly, it is a paid order still: the refunds are told beside it. */
static void read_charge(const struct reading *r, const struct till_json *charge) {
    r->verdict->paid_us = stripe_field_time(charge, "created");
    if (!stripe_field_money(charge, "amount_refunded", &r->verdict->refunded))
        r->verdict->refunded.minor = 0;
}

static void read_paid(const struct reading *r) {
    const struct till_json *intent = stripe_field_object(r->node, "payment_intent");
    if (!is_id(r->verdict->trade_no, "pi_")) {
        stripe_doubt(r, "The answer says paid and names no payment.");
    } else if (!intent) {
        stripe_settle(r, TILL_PAID, TILL_TRADE_PAID);
    } else if (agrees(r, intent)) {
        read_charge(r, stripe_field_object(intent, "latest_charge"));
        stripe_settle(r, TILL_PAID, TILL_TRADE_PAID);
    }
}

/* The buyer is done and the money is on its way, for days with some ways to pay; until it came, or
 * will not come any more. */
static void read_unpaid(const struct reading *r) {
    const struct till_json *intent = stripe_field_object(r->node, "payment_intent");
    struct till_str status = till_json_get_str(intent, "status");
    bool has_failed = till_str_is(status, "requires_payment_method") &&
                      till_json_is_object(till_json_member(intent, "last_payment_error"));
    if (has_failed || till_str_is(status, "canceled"))
        stripe_settle(r, TILL_CLOSED, TILL_TRADE_CLOSED);
    else
        stripe_settle(r, TILL_PENDING, TILL_TRADE_WAITING);
}

static void read_query(const struct reading *r) {
    struct till_str status = text_of(r, "status"), payment = text_of(r, "payment_status");
    bool is_unpaid = till_str_is(payment, "unpaid");
    if (till_str_is(status, "open") && is_unpaid)
        stripe_settle(r, TILL_PENDING, TILL_TRADE_WAITING);
    else if (till_str_is(status, "expired") && is_unpaid)
        stripe_settle(r, TILL_CLOSED, TILL_TRADE_CLOSED);
    else if (till_str_is(status, "complete") && is_unpaid)
        read_unpaid(r);
    else if (till_str_is(status, "complete") && till_str_is(payment, "paid"))
        read_paid(r);
    else
        stripe_doubt(r, "The answer does not say a status that is known.");
}

/* An expiry of ours; a cancellation is the same, since money is given back by refunds alone. */
static void read_close(const struct reading *r) {
    if (till_str_is(text_of(r, "status"), "expired") &&
        till_str_is(text_of(r, "payment_status"), "unpaid"))
        stripe_settle(r, TILL_CLOSED, TILL_TRADE_CLOSED);
    else
        stripe_doubt(r, "The answer does not say that the session is over unpaid; ask for it.");
}

static void read_session(const struct reading *r) {
    if (!keep(r)) {
        stripe_doubt(r, "The answer needs more memory than one call may use.");
        return;
    }
    if (!is_ours(r))
        return;
    if (r->ask->operation == TILL_CREATE)
        read_create(r);
    else if (r->ask->operation == TILL_QUERY)
        read_query(r);
    else
        read_close(r);
}

void stripe_decide(const struct reading *r) {
    static const struct {
        const char *object;
        void (*read)(const struct reading *);
    } readers[TILL_OPERATIONS] = {
        [TILL_CREATE] = {"checkout.session", read_session},
        [TILL_QUERY] = {"checkout.session", read_session},
        [TILL_CLOSE] = {"checkout.session", read_session},
        [TILL_CANCEL] = {"checkout.session", read_session},
        [TILL_REFUND] = {"refund", stripe_decide_refund},
        [TILL_REFUND_QUERY] = {"list", stripe_decide_refund_query},
    };
    if (till_str_is(text_of(r, "object"), readers[r->ask->operation].object)) {
        r->verdict->verified = true;
        readers[r->ask->operation].read(r);
    } else {
        stripe_doubt(r, "The answer is no object of the kind that was asked for.");
    }
}
