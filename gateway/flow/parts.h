/* SPDX-License-Identifier: Apache-2.0 */
/* What the create, renew and ask flows share among themselves; everybody else
 * goes through flow.h. */
#ifndef GATEWAY_FLOW_PARTS_H
#define GATEWAY_FLOW_PARTS_H

#include <gateway/flow/flow.h>

/* ---- order.c ---- */

/* An app that a body names must be the one that asks. FORBIDDEN. */
TILL_MUST_CHECK bool order_read_identity(const struct call *c, const struct till_json *body,
                                         struct till_error *err);
/* An out_refund_no: 1 to 64 of A-Z a-z 0-9 _ - . : characters. FIELD_INVALID. */
TILL_MUST_CHECK bool refund_check_number(struct till_str number, struct till_error *err);
/* An out_trade_no: 1 to 64 of A-Z a-z 0-9 _ -. FIELD_INVALID. */
TILL_MUST_CHECK bool order_read_number(struct till_str no, struct till_error *err);
/* The channel's own fields of an order or attempt, as they are stored. FIELD_INVALID. */
TILL_MUST_CHECK bool order_read_extra(struct call *c, const struct till_json *extra,
                                      struct till_str *ret_text, struct till_error *err);

/* ---- ask.c ---- */

/* One question with its deadline. */
struct question {
    enum till_operation operation;
    const char *trace_id; /* may be NULL */
    const struct account_row *account_row;
    const struct payment_row *payment;
    const struct attempt_row *attempt;
    const struct refund_row *refund; /* or NULL */
    int64_t timeout_us;
};
struct asked {
    struct till_verdict verdict;
    struct till_str answer; /* raw bytes, evidence when the verdict is verified */
};
/* peer_code of an UNSENT verdict by which the account's breaker or bulkhead held the call back. */
#define ASK_RESTING "account_resting"
#define ASK_BUSY "account_busy"
void ask_platform(struct gateway *gw, const struct question *question, struct till_arena *arena,
                  struct asked *ret);
/* The unified request for this order, without business bytes. */
TILL_MUST_CHECK bool ask_fill(struct gateway *gw, const struct question *question, int64_t now_us,
                              struct till_arena *arena, struct till_ask *ret,
                              struct till_error *err);

/* ---- certificate.c ---- */

/* After a verdict that wants a certificate: newer settings that are stored already, or the
 * certificate fetched, judged and stored. False: nothing new; the answer stays unknown. */
TILL_MUST_CHECK bool certificate_renew(struct gateway *gw, const char *trace_id,
                                       const struct account_row *row, struct till_str wanted,
                                       struct till_arena *arena, struct account_row *ret_row);
/* A notification for this account did not verify: look soon whether the platform's certificate is
 * another one now. Waits for nothing. */
void certificate_suspect(struct gateway *gw, const struct account_row *row);
/* The look, in the background; cheap when nobody suspects anything. */
void certificate_look(struct gateway *gw);

/* ---- keys.c ---- */

/* Keys that ended are switched off, secrets half way to a new master key brought on; with `minute`
 * also what is rarer. */
void keys_look(struct gateway *gw, bool minute);

/* ---- probe.c ---- */

/* A question about an order that nobody placed. trace_id may be NULL. */
void probe_ask(struct gateway *gw, const char *trace_id, const struct account_row *row,
               struct till_arena *arena, struct till_verdict *ret_verdict);

/* ---- notify.c ---- */

/* What a platform or a buyer's browser brought, raw, for the channel to judge. */
struct till_notification notification_of(const struct call *c);

/* ---- clock.c ---- */

/* The wall clock that the end of an order is judged by: never ahead of the system's, and behind it
 * while that has jumped forward and nobody has had time to put it right (ADR 024). */
int64_t clock_for_ends_us(struct gateway *gw);
/* Each second: notes steps of the wall clock, and moves what is due back with it. */
void clock_look(struct gateway *gw);

/* ---- finding.c ---- */

/* finding + store_apply + metrics + wake of the deliveries. When the row moved meanwhile, nothing
 * is applied and *ret is the row as it now is. */
TILL_MUST_CHECK bool apply_asked(struct gateway *gw, enum till_operation operation,
                                 const struct payment_row *payment,
                                 const struct attempt_row *attempt, const struct asked *asked,
                                 struct till_arena *arena, struct applied *ret,
                                 struct till_error *err);

/* When a question about the attempt comes at the latest: its expiry, and where nobody polls it the
 * platform's settling time. After it the order is over. */
int64_t end_of_attempt(const struct gateway *gw, const struct attempt_row *attempt);
/* The product's own pause between questions, no longer than the settings'; 0: it has none. */
int64_t poll_of_attempt(const struct gateway *gw, const struct attempt_row *attempt);
/* When to ask once more about money that met a close or cancel of ours: by then the platform has
 * done what it was told, or will not. */
int64_t ask_once_more_us(const struct gateway *gw, int64_t now_us);

/* ---- open.c ---- */

/* The account for an order. A repeated order keeps the account it has, even when that takes no new
 * orders any more. */
TILL_MUST_CHECK bool route_choose(struct call *c, const struct order *order,
                                  struct account_row *ret_account, struct till_error *err);
/* Composes the business bytes and makes attempt and payment durable, or finds them. */
TILL_MUST_CHECK bool open_payment(struct call *c, const struct order *order,
                                  const struct account_row *account, struct payment_opened *ret,
                                  struct till_error *err);
/* A new attempt's id, upstream number (kept in ret_no) and business bytes; its product, amount,
 * names and times are there. `extra` may be NULL. */
TILL_MUST_CHECK bool compose_attempt(struct call *c, const struct till_json *extra,
                                     const struct account_row *account,
                                     const struct payment_row *payment,
                                     char ret_no[TILL_UPSTREAM_NO_SIZE],
                                     struct attempt_row *attempt, struct till_error *err);
/* How long one sender may hold an attempt. */
int64_t lease_of_sender(const struct gateway *gw);

/* ---- send.c ---- */

/* Waits, up to the create deadline, until the other sender is done: then kind is SETTLED; or takes
 * over when its lease ran out: NEW or RESUMED. */
TILL_MUST_CHECK bool wait_for_twin(struct call *c, struct payment_opened *opened,
                                   struct till_error *err);
/* May the identical order be sent again while its outcome is not known? A payment code may not. */
bool may_repeat(const struct attempt_row *attempt);
/* The identical request until its outcome is known or the deadline comes; then the verdict is
 * stored. An order that may have gone and must not go twice is asked after instead. */
TILL_MUST_CHECK bool send_payment(struct call *c, struct payment_opened *opened,
                                  struct till_verdict *ret_verdict, struct till_error *err);
/* The answer of a create: 201 or 202 with the payment, or the refusal that its state means. */
TILL_MUST_CHECK bool reply_sent(struct call *c, const struct payment_opened *opened,
                                struct till_error *err);
/* The order did not leave for its account: the next ones of the route table, each with an attempt
 * of its own, until one is reached or none is left. An order that names its account stays there. */
TILL_MUST_CHECK bool send_elsewhere(struct call *c, const struct order *order,
                                    struct payment_opened *opened, struct till_verdict *ret_verdict,
                                    struct till_error *err);
/* Is there time for one more sending in this call? */
bool has_time_to_send(struct call *c);
/* CHANNEL_DECLINED with the platform's own code and words, and what to do about them. */
bool fail_declined(const struct payment_row *payment, struct till_str peer_code,
                   struct till_str peer_text, struct till_error *err);

#endif
