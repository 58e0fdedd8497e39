/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verdict means for an attempt: the event, the next question, the action's window. One table
 * per operation and outcome. Evidence (paid, accepted, closed) is true whatever the row says by
 * now; "nothing was learned" and a refusal hold only for the row that was asked about, so they
 * carry its version and are dropped when it has moved.
 */
#include <gateway/flow/parts.h>

#include <gateway/guard/guard.h>
#include <rt/failpoint.h>

static enum finding_source source_of(enum till_operation operation) {
    switch (operation) {
    case TILL_CREATE:
        return FOUND_BY_CREATE;
    case TILL_CLOSE:
        return FOUND_BY_CLOSE;
    case TILL_CANCEL:
        return FOUND_BY_CANCEL;
    default:
        return FOUND_BY_QUERY;
    }
}

/* An attempt that never left stays prepared; any other becomes, or stays, unknown. */
static enum till_event nothing_learned(const struct attempt_row *attempt) {
    return attempt->state == TILL_ATTEMPT_PREPARED ? TILL_EVENT_UNSENT : TILL_EVENT_LOST;
}

static enum till_event event_of_create(const struct attempt_row *attempt,
                                       const struct till_verdict *verdict) {
    switch (verdict->outcome) {
    case TILL_PAID:
        return TILL_EVENT_PAID;
    case TILL_PENDING:
        return TILL_EVENT_ACCEPTED;
    case TILL_CLOSED:
        return TILL_EVENT_CLOSED;
    case TILL_DECLINED: /* that a fresh code was refused takes nothing from an order that stands */
        return attempt->state == TILL_ATTEMPT_PENDING ? TILL_EVENT_LOST : TILL_EVENT_DECLINED;
    case TILL_UNSENT:
        return TILL_EVENT_UNSENT;
    case TILL_UNKNOWN:
        break;
    }
    return nothing_learned(attempt);
}

/* Query, close and cancel: that *their* request was refused or did not leave says nothing about the
 * order. "Does not exist" proves nothing either (S-084), unless a cancel says it. */
static enum till_event event_of_question(const struct attempt_row *attempt,
                                         const struct till_verdict *verdict) {
    if (verdict->outcome == TILL_PAID)
        return TILL_EVENT_PAID;
    if (verdict->outcome == TILL_PENDING && verdict->trade == TILL_TRADE_WAITING)
        return TILL_EVENT_ACCEPTED;
    if (verdict->outcome == TILL_CLOSED)
        return TILL_EVENT_CLOSED;
    return nothing_learned(attempt);
}

/* Doubling from `first`, at most `slowest`. */
static int64_t grown(int64_t first, int64_t slowest, int times) {
    int64_t wait = first;
    for (int i = 0; i < times && wait < slowest; i++)
        wait *= 2;
    return wait < slowest ? wait : slowest;
}

int64_t poll_of_attempt(const struct gateway *gw, const struct attempt_row *attempt) {
    const struct till_product *product = till_product_look(attempt->channel, attempt->product);
    int64_t poll_us = product ? product->poll_us : 0;
    return poll_us < gw->settings->ask_after ? poll_us : gw->settings->ask_after;
}

int64_t end_of_attempt(const struct gateway *gw, const struct attempt_row *attempt) {
    bool is_polled = poll_of_attempt(gw, attempt) > 0;
    return attempt->expires_us + (is_polled ? 0 : gw->settings->settle_grace);
}

static bool never_left(const struct attempt_row *attempt) {
    return attempt->state == TILL_ATTEMPT_SENT || attempt->state == TILL_ATTEMPT_PREPARED;
}

/* Unpaid orders are asked after more and more slowly, but once right after their end; one whose
 * buyer stands at the till at the product's own pace until then. */
static int64_t next_question(const struct gateway *gw, const struct attempt_row *attempt,
                             enum till_event event, int64_t now_us) {
    const struct gateway_settings *settings = gw->settings;
    int64_t end_us = end_of_attempt(gw, attempt), poll_us = poll_of_attempt(gw, attempt);
    int64_t first_us = poll_us ? poll_us : settings->ask_after, next_us;
    switch (event) {
    case TILL_EVENT_PAID:
    case TILL_EVENT_DECLINED:
    case TILL_EVENT_CLOSED:
        return 0;
    case TILL_EVENT_UNSENT: /* a repetition that did not leave settles nothing of the first one */
        if (never_left(attempt))
            return end_us > now_us ? end_us : now_us + settings->ask_slowest;
        break;
    case TILL_EVENT_LOST:
        if (attempt->state != TILL_ATTEMPT_PENDING && !poll_us)
            first_us = first_us / 4 + 1;
        break;
    default:
        break;
    }
    bool is_paced = poll_us && now_us < end_us;
    next_us = now_us + grown(first_us, settings->ask_slowest, is_paced ? 0 : attempt->asks);
    return now_us < end_us && next_us > end_us ? end_us : next_us;
}

/* A cancel found nothing. What the buyer carries, or what a till sent and never heard of, may reach
 * the platform all the same, until its own end: asked for once after that. */
static int64_t last_question(const struct gateway *gw, const struct attempt_row *attempt,
                             int64_t now_us) {
    const struct till_product *product = till_product_look(attempt->channel, attempt->product);
    int64_t end_us = attempt->expires_us > now_us ? attempt->expires_us : now_us;
    bool may_come = product && (product->is_handed_over || !product->action);
    return may_come ? end_us + gw->settings->settle_grace : 0;
}

/* The last question about a closed order, answered: it never arrived. */
static bool never_arrived(const struct attempt_row *attempt, const struct till_verdict *verdict) {
    return attempt->state == TILL_ATTEMPT_CLOSED && verdict->verified &&
           verdict->trade == TILL_TRADE_ABSENT;
}

static int64_t schedule(const struct gateway *gw, const struct attempt_row *attempt,
                        enum till_event event, const struct till_verdict *verdict, int64_t now_us) {
    if (never_arrived(attempt, verdict))
        return 0;
    if (event == TILL_EVENT_CLOSED && verdict->trade == TILL_TRADE_ABSENT)
        return last_question(gw, attempt, now_us);
    return next_question(gw, attempt, event, now_us);
}

int64_t ask_once_more_us(const struct gateway *gw, int64_t now_us) {
    return now_us + gw->settings->settle_grace;
}

/* A QR code lives shorter than its order. */
static int64_t action_end(const struct attempt_row *attempt, int64_t now_us) {
    const struct till_product *product = till_product_look(attempt->channel, attempt->product);
    if (!product || product->action_lifetime_us == 0)
        return attempt->expires_us;
    int64_t end_us = now_us + product->action_lifetime_us;
    return end_us < attempt->expires_us ? end_us : attempt->expires_us;
}

/* A platform may answer a repeated order with the code that it gave before: its end stays too. */
static bool keeps_its_code(const struct payment_row *payment, const struct till_verdict *verdict,
                           int64_t now_us) {
    return payment->action_expires_us > now_us &&
           till_str_equal(payment->action_value, verdict->action_value);
}

static void fill_money(const struct attempt_row *attempt, const struct till_verdict *verdict,
                       struct finding *finding) {
    finding->amount = verdict->amount.minor > 0 ? verdict->amount : attempt->amount;
    finding->paid_us = verdict->paid_us;
    finding->buyer = verdict->buyer;
    finding->finished = verdict->trade == TILL_TRADE_FINISHED;
}

void finding_from_verdict(struct gateway *gw, enum till_operation operation,
                          const struct payment_row *payment, const struct attempt_row *attempt,
                          const struct till_verdict *verdict, int64_t now_us,
                          struct finding *ret_finding) {
    enum till_event event = operation == TILL_CREATE ? event_of_create(attempt, verdict)
                                                     : event_of_question(attempt, verdict);
    struct finding finding = {.attempt_id = till_str_of(attempt->id),
                              .source = source_of(operation),
                              .event = event,
                              .reference = verdict->reference,
                              .trade_no = verdict->trade_no,
                              .peer_code = till_str_of(verdict->peer_code),
                              .peer_text = till_str_of(verdict->peer_text),
                              .evidence_kind = till_str_of(till_operation_name(operation)),
                              .now_us = now_us,
                              .release_crashes = 1};
    finding.next_ask_us = schedule(gw, attempt, event, verdict, now_us);
    finding.once_more_us = ask_once_more_us(gw, now_us);
    if (event == TILL_EVENT_UNSENT || event == TILL_EVENT_LOST || event == TILL_EVENT_DECLINED)
        finding.expected_version = attempt->version;
    if (event == TILL_EVENT_PAID ||
        (event == TILL_EVENT_CLOSED && verdict->trade == TILL_TRADE_REFUNDED))
        fill_money(attempt, verdict, &finding);
    if (event == TILL_EVENT_CLOSED)
        finding.came_and_went = verdict->trade == TILL_TRADE_REFUNDED;
    if (event == TILL_EVENT_ACCEPTED && verdict->action_value.len > 0) {
        finding.action_kind = verdict->action_kind;
        finding.action_value = verdict->action_value;
        finding.action_expires_us = keeps_its_code(payment, verdict, now_us)
                                        ? payment->action_expires_us
                                        : action_end(attempt, now_us);
    }
    *ret_finding = finding;
}

void flow_applied(struct gateway *gw, const struct applied *applied) {
    if (applied->work_is_due)
        world_wake(gw->world, &gw->sweep_spot);
    /* A payment that is still pending has no news for the merchant: the common
     * create wakes nobody. */
    if (applied->kind != APPLIED_NOTHING && applied->payment.state != TILL_PAYMENT_PENDING)
        world_wake(gw->world, &gw->deliver_spot);
}

/* The row moved while we asked: whoever moved it knew more than "nothing". */
static bool read_again(struct gateway *gw, const struct payment_row *payment,
                       const struct attempt_row *attempt, struct till_arena *arena,
                       struct applied *ret, struct till_error *err) {
    struct applied now = {.kind = APPLIED_NOTHING};
    if (!store_payment_get(gw->store, arena, TILL_STR_NONE, till_str_of(payment->id), &now.payment,
                           err) ||
        !store_attempt_get(gw->store, arena, till_str_of(attempt->id), &now.attempt, err))
        return false;
    *ret = now;
    return true;
}

bool apply_asked(struct gateway *gw, enum till_operation operation,
                 const struct payment_row *payment, const struct attempt_row *attempt,
                 const struct asked *asked, struct till_arena *arena, struct applied *ret,
                 struct till_error *err) {
    struct finding finding;
    finding_from_verdict(gw, operation, payment, attempt, &asked->verdict, world_now_us(gw->world),
                         &finding);
    if (asked->verdict.verified && finding.expected_version == 0)
        finding.evidence = asked->answer;
    if (operation == TILL_CREATE)
        TILL_FP("C11");
    if (operation == TILL_QUERY)
        TILL_FP("P1");
    if (!store_apply(gw->store, arena, &finding, ret, err))
        return err->code == TILL_E_STORE_STALE ? read_again(gw, payment, attempt, arena, ret, err)
                                               : false;
    if (operation == TILL_CREATE)
        TILL_FP("C12");
    if (operation == TILL_QUERY)
        TILL_FP("P2");
    flow_applied(gw, ret);
    return true;
}
