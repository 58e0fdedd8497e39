/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quiet point at the card platform: each order has one session, each refund of ours is there
 * once, under its number and with its sum, and what was paid and given back is the same on both
 * sides. What nobody told us of is counted, not blamed: this channel has no bills yet.
 */
#include "check_card.h"

#include <inttypes.h>
#include <stdio.h>

#include <sandbox/stripe/mail.h>

struct side {
    int64_t received, refunded;
};

/* One session, with what hangs on it. */
struct card_order {
    const struct stripe_account *account;
    const struct stripe_object *session;
    const struct seen_attempt *attempt; /* NULL: none of ours */
    char number[SEEN_NUMBER], intent[STRIPE_ID], charge[STRIPE_ID];
    int64_t paid, refunded;
    bool has_failed; /* a refund of it came back */
};

static int64_t number_of(const struct till_json *json, const char *name) {
    int64_t number = 0;
    return till_json_get_int(json, name, &number) ? number : 0;
}

static void copy(char *out, size_t size, struct till_str text) {
    snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size - 1),
             text.len ? text.ptr : "");
}

static bool is_held(struct check *check, const struct seen_attempt *attempt) {
    return fact_find(check, "held", till_str_of(attempt->id)) != NULL;
}

/* ---- was it told? ---- */

/* An event about the object, true, and taken; of a charge: with the sum as it is now. */
static bool was_told(const struct check *check, const char *object_id, int64_t refunded) {
    const struct stripe_mail *mail = check->scene->sandbox->stripe->mail;
    const struct stripe_delivery *delivery = mail ? mail->deliveries : NULL;
    for (; delivery; delivery = delivery->next) {
        bool is_truth = delivery->acknowledged && delivery->variant == FAULT_NONE;
        if (!is_truth || strcmp(delivery->event->about, object_id) != 0)
            continue;
        TILL_JSON_SCOPED struct till_json *json = stripe_read(delivery->event);
        const struct till_json *data = json ? till_json_member(json, "data") : NULL;
        const struct till_json *object = data ? till_json_member(data, "object") : NULL;
        struct till_str type = json ? till_json_get_str(json, "type") : TILL_STR_NONE;
        if (till_str_is(type, "refund.failed") ||
            (till_str_is(type, "charge.refunded") &&
             number_of(object, "amount_refunded") == refunded))
            return true;
    }
    return false;
}

/* ---- refunds ---- */

static const char *state_of(const struct seen_refund *refund) {
    return seen_state_name(SEEN_REFUND, refund->state);
}

static void check_refund_state(struct check *check, const struct stripe_object *object,
                               bool has_failed, const struct seen_refund *refund) {
    bool is_done = refund->state == REFUND_SUCCEEDED;
    bool is_gone = refund->state == REFUND_FAILED || refund->state == REFUND_REVERSED;
    if (is_held(check, refund->attempt))
        return;
    if (is_gone && !has_failed)
        sim_violation(check->sim, "I20", "%s is %s; the platform gave the money back", refund->id,
                      state_of(refund));
    if (has_failed && is_done && was_told(check, object->id, 0))
        sim_violation(check->sim, "I20", "%s is %s; it came back, and we were told", refund->id,
                      state_of(refund));
    if (has_failed && is_done)
        sim_count(check->sim, "check.untold_failures");
}

static void check_refund(struct check *check, const struct stripe_object *object,
                         struct card_order *order) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(object);
    struct till_str number =
        till_json_get_str(till_json_member(json, "metadata"), "till_refund_no");
    bool has_failed = till_str_is(till_json_get_str(json, "status"), "failed");
    order->has_failed = order->has_failed || has_failed;
    bool is_theirs = number.len == 0; /* made at the dashboard: goes by the platform's id */
    number = is_theirs ? till_str_of(object->id) : number;
    const struct fact *known = fact_find(check, "refund_no", number);
    const struct seen_refund *refund = known ? known->row : NULL;
    if (is_theirs && !refund)
        return; /* the sum tells of it */
    if (!refund || refund->attempt != order->attempt)
        sim_violation(check->sim, "I8",
                      "the platform has a refund %.*s of %s, which is none of ours",
                      TILL_STR_ARG(number), order->number);
    if (number_of(json, "amount") != refund->amount)
        sim_violation(check->sim, "I36", "%s is %" PRId64 " at the platform and %" PRId64 " here",
                      refund->id, number_of(json, "amount"), refund->amount);
    struct fact *fact = fact_obtain(check, "card refund", number);
    if (fact->text[0] && strcmp(fact->text, object->id) != 0)
        sim_violation(check->sim, "I8", "the platform gave %s back twice", refund->id);
    snprintf(fact->text, sizeof fact->text, "%.70s", object->id);
    check_refund_state(check, object, has_failed, refund);
}

static void check_refunds(struct check *check, struct card_order *order) {
    const struct stripe_object *object = order->account->newest[STRIPE_REFUND];
    for (; object; object = object->older)
        if (order->intent[0] && strcmp(object->about, order->intent) == 0)
            check_refund(check, object, order);
}

/* Sent, done here, and the platform has none under its number. */
static void check_sent_refunds(struct check *check, const struct seen_attempt *attempt) {
    for (const struct seen_refund *refund = attempt->refunds; refund; refund = refund->next)
        if (refund->state == REFUND_SUCCEEDED &&
            fact_find(check, "refunded", till_str_of(refund->refund_no)) &&
            !fact_find(check, "card refund", till_str_of(refund->refund_no)))
            sim_violation(check->sim, "I20", "%s succeeded here; the platform has no such refund",
                          refund->id);
}

/* True: the same on both sides. */
static bool check_sum(struct check *check, const struct card_order *order) {
    const struct seen_attempt *attempt = order->attempt;
    if (order->refunded == attempt->refunded)
        return true;
    bool is_excused = is_held(check, attempt) || order->has_failed;
    if (!is_excused && was_told(check, order->charge, order->refunded))
        sim_violation(check->sim, "I20",
                      "the platform gave %" PRId64
                      " of %s back and told so; our books say %" PRId64,
                      order->refunded, order->number, attempt->refunded);
    sim_count(check->sim, "check.untold_refunds");
    return false;
}

/* ---- orders ---- */

static void read_charges(struct card_order *order) {
    const struct stripe_object *object = order->account->newest[STRIPE_CHARGE];
    for (; object; object = object->older) {
        if (!order->intent[0] || strcmp(object->about, order->intent) != 0)
            continue;
        TILL_JSON_SCOPED struct till_json *json = stripe_read(object);
        if (!till_str_is(till_json_get_str(json, "status"), "succeeded"))
            continue;
        order->paid += number_of(json, "amount_captured");
        order->refunded += number_of(json, "amount_refunded");
        snprintf(order->charge, sizeof order->charge, "%s", object->id);
    }
}

static void read_order(struct check *check, struct card_order *order) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(order->session);
    struct till_str number = till_json_get_str(json, "client_reference_id");
    copy(order->number, sizeof order->number, number);
    copy(order->intent, sizeof order->intent, till_json_get_str(json, "payment_intent"));
    order->attempt = seen_attempt_numbered(check, number);
    read_charges(order);
}

static void check_session(struct check *check, const struct card_order *order) {
    struct fact *fact = fact_obtain(check, "card session", till_str_of(order->number));
    if (!order->attempt)
        sim_violation(check->sim, "I9", "the platform has a session for %s, which is none of ours",
                      order->number);
    if (fact->text[0] && strcmp(fact->text, order->session->id) != 0)
        sim_violation(check->sim, "I9", "%s has two sessions at the platform", order->number);
    snprintf(fact->text, sizeof fact->text, "%.70s", order->session->id);
}

static void check_paid(struct check *check, const struct card_order *order) {
    const struct seen_attempt *attempt = order->attempt;
    if (order->paid > 0 && attempt->received == 0)
        sim_violation(check->sim, "I4",
                      "the platform was paid %" PRId64 " for %s; with us it is %s", order->paid,
                      attempt->id, seen_state_name(SEEN_ATTEMPT, attempt->state));
    if (order->paid == 0 && attempt->received > 0)
        sim_violation(check->sim, "I3", "%s is booked as paid; the platform was never paid",
                      attempt->id);
    if (order->paid != attempt->received)
        sim_violation(check->sim, "I36", "%s was paid %" PRId64 " and booked with %" PRId64,
                      attempt->id, order->paid, attempt->received);
}

static void check_order(struct check *check, struct card_order *order, struct side *theirs,
                        bool *ret_is_exact) {
    read_order(check, order);
    check_session(check, order);
    check_paid(check, order);
    check_refunds(check, order);
    check_sent_refunds(check, order->attempt);
    theirs->received += order->paid;
    theirs->refunded += order->refunded;
    *ret_is_exact = check_sum(check, order) && *ret_is_exact;
    sim_count(check->sim, order->paid > 0 ? "check.card_paid" : "check.card_unpaid");
}

/* ---- accounts ---- */

static struct side ours_of(struct check *check, const char *account_id) {
    struct side side = {0};
    for (size_t i = 0; i < check->attempts.room; i++) {
        const struct seen_attempt *attempt = check->attempts.rows[i];
        if (!attempt || strcmp(attempt->account_id, account_id) != 0)
            continue;
        side.received += attempt->received;
        side.refunded += attempt->refunded;
    }
    return side;
}

static void check_account(struct check *check, const struct scene_card *card) {
    struct sandbox *sandbox = check->scene->sandbox;
    const struct stripe_account *account = stripe_account_find(sandbox, till_str_of(card->key));
    const struct stripe_object *session = account ? account->newest[STRIPE_SESSION] : NULL;
    struct side theirs = {0}, ours = ours_of(check, card->account_id);
    bool is_exact = true;
    for (; session; session = session->older) {
        struct card_order order = {.account = account, .session = session};
        check_order(check, &order, &theirs, &is_exact);
    }
    if (ours.received != theirs.received || (is_exact && ours.refunded != theirs.refunded))
        sim_violation(check->sim, "I1",
                      "the platform took %" PRId64 " and gave %" PRId64 " back for %s; our books "
                      "say %" PRId64 " and %" PRId64,
                      theirs.received, theirs.refunded, card->account_id, ours.received,
                      ours.refunded);
}

void check_card_books(struct check *check) {
    for (size_t i = 0; i < check->scene->merchant_count; i++)
        if (check->scene->merchant[i].card.account_id[0])
            check_account(check, &check->scene->merchant[i].card);
}
