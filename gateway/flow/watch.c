/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody has the cashier open. The platform is asked sooner than at leisure, and a press on "new
 * code" repeats the identical order; both are bounded whatever a page (or a hundred of them) does.
 */
#include <gateway/flow/parts.h>

#include <till/time.h>

#define ASK_FIRST_US (3 * TILL_US_PER_SECOND)
#define ASK_SLOWEST_US (15 * TILL_US_PER_SECOND)
#define RENEW_APART_US (3 * TILL_US_PER_SECOND)

/* Most buyers pay within a minute or two; an order that was left standing is asked about less. */
static int64_t pause_of(const struct payment_row *payment, int64_t now_us) {
    int64_t pause_us = ASK_FIRST_US + (now_us - payment->created_us) / 20;
    return pause_us < ASK_SLOWEST_US ? pause_us : ASK_SLOWEST_US;
}

/* Polls come every second or two. Only one that brings the question forward costs a commit. */
void watch_payment(struct call *c, const struct payment_row *payment) {
    struct store *store = c->gw->store;
    struct attempt_row attempt;
    struct till_error err;
    int64_t wanted_us = c->now_us + pause_of(payment, c->now_us);
    if (till_state_is_final(TILL_MACHINE_PAYMENT, (int)payment->state) || !payment->action_kind.len)
        return;
    bool good =
        store_attempt_get(store, c->arena, till_str_of(payment->attempt_id), &attempt, &err);
    if (good && (attempt.next_ask_us <= wanted_us || attempt.lease_until_us > c->now_us))
        return;
    if (good && store_ask_soon(store, till_str_of(payment->id), wanted_us, &err))
        world_wake(c->gw->world, &c->gw->sweep_spot);
    else
        log_failure(c->gw->log, LOG_WARN, "ask_soon", &err);
}

/* A page needs no password: whoever has its address may press as often as he likes. */
static bool may_renew(struct call *c, const struct payment_row *payment) {
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256(till_str_of(payment->id), digest);
    _Atomic int64_t *slot = &c->gw->renewed_us[digest[0] % GATEWAY_ASKED_SLOTS];
    int64_t now_us = world_monotonic_us(c->gw->world), renewed_us = atomic_load(slot);
    const struct till_product *product = till_product_look(payment->channel, payment->product);
    return product && product->action && payment->state == TILL_PAYMENT_PENDING &&
           payment->expires_us > c->now_us &&
           (renewed_us == 0 || now_us - renewed_us >= RENEW_APART_US) &&
           atomic_compare_exchange_strong(slot, &renewed_us, now_us);
}

bool renew_for_buyer(struct call *c, const struct payment_row *payment, struct till_error *err) {
    struct payment_opened opened;
    struct till_verdict verdict;
    struct nonce_claim none = {.timestamp_s = 0};
    if (!may_renew(c, payment))
        return true;
    if (!store_resend_payment(c->gw->store, c->arena, till_str_of(payment->id), &none, c->now_us,
                              lease_of_sender(c->gw), &opened, err))
        return false;
    if (opened.kind == OPENED_BY_TWIN && !wait_for_twin(c, &opened, err))
        return false;
    return opened.kind == OPENED_SETTLED || send_payment(c, &opened, &verdict, err);
}
