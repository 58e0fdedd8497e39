/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the money flows (notify, close, refund, resolve) share with each other and nobody else.
 * Rows live in the caller's arena; everything but the reckoning waits.
 */
#ifndef GATEWAY_FLOW_MONEY_H
#define GATEWAY_FLOW_MONEY_H

#include <gateway/flow/parts.h>

/* ---- money.c ---- */

/* When to ask again after `asks` questions without news: ask_after doubling up to ask_slowest and a
 * tenth of jitter, at least `least_us` from now. */
int64_t money_ask_again_us(struct gateway *gw, int asks, int64_t least_us, int64_t now_us);
/* ---- close.c ---- */

/* POST close and POST cancel: they differ in the first question to the platform. */
TILL_MUST_CHECK bool money_end_payment(struct call *c, bool cancel, struct till_error *err);
/* How long closing may take, all its questions included. */
int64_t money_close_lease_us(const struct gateway *gw);

/* ---- refund_ask.c ---- */

struct refund_wish {
    struct nonce_claim claim;
    struct till_str attempt_id; /* whose money; empty: the payment's current one */
    struct till_str out_refund_no, reason;
    int64_t minor, lease_us;
};
/* Composes the bytes and reserves the money, or finds the refund. Errors of store_open_refund. */
TILL_MUST_CHECK bool money_open_refund(struct gateway *gw, const struct payment_row *payment,
                                       const struct refund_wish *wish, struct till_arena *arena,
                                       struct refund_opened *ret, struct till_error *err);
/* Sends it, the identical bytes every time; whatever comes of it is stored. */
TILL_MUST_CHECK bool money_send_refund(struct gateway *gw, const char *trace_id,
                                       const struct payment_row *payment,
                                       const struct attempt_row *attempt,
                                       const struct refund_row *refund, struct till_arena *arena,
                                       struct refund_row *ret_refund, struct till_error *err);
/* One that is due: asked after, or sent again. */
TILL_MUST_CHECK bool money_resolve_refund(struct gateway *gw, const struct due *due,
                                          struct till_arena *arena, struct till_error *err);

/* ---- refund_found.c ---- */

struct money_found {
    enum till_outcome outcome; /* TILL_PAID: the platform knows it as done; then kind */
    enum found_kind kind;
    char peer_code[64];
};
/* A refund that was made without us: the platform is asked for it by its number (empty: the
 * order's own), and what it confirms is booked. One that is in the books is not asked for. */
TILL_MUST_CHECK bool money_find_refund_of(struct gateway *gw, struct till_str attempt_id,
                                          struct till_str refund_no, struct till_arena *arena,
                                          struct money_found *ret, struct till_error *err);

/* The platform's signed news that one of ours did not arrive: failed, or reversed when it was done
 * here. Once; a row that moved meanwhile is STORE_STALE, and the news comes again. */
TILL_MUST_CHECK bool money_refund_failed(struct gateway *gw, const struct refund_row *refund,
                                         struct till_str peer_code, struct till_str evidence,
                                         struct till_arena *arena, bool *ret_changed,
                                         struct till_error *err);

struct money_back {
    bool asked;                /* else it is not done here, so nothing could come back */
    bool reversed;             /* here, by this answer */
    enum till_outcome outcome; /* of the question */
    char peer_code[64];
};
/* One of ours that came back to the seller, says an open discrepancy (a bill's line): reversed when
 * the platform, asked for it, no longer knows it under its signature. */
TILL_MUST_CHECK bool money_reverse_refund(struct gateway *gw, struct till_str attempt_id,
                                          struct till_str refund_no, struct till_str discrepancy_id,
                                          struct till_arena *arena, struct money_back *ret,
                                          struct till_error *err);

#endif
