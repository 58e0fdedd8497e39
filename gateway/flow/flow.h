/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows: what happens, top to bottom. A flow runs on one worker (or fiber), takes no lock, knows no
 * thread, makes no operating-system call; all waiting is in gw->world and gw->store. Before the
 * money line errors return; after it every end is a verdict, and it is stored.
 *
 * A request flow returns true when it has written c->response, false with err otherwise (the router
 * words the problem).
 */
#ifndef GATEWAY_FLOW_FLOW_H
#define GATEWAY_FLOW_FLOW_H

#include <gateway/gateway.h>
#include <gateway/store/attempts.h>

struct limited; /* guard/limits.h */

/* One request on its way through. */
struct call {
    struct gateway *gw;
    struct http_request *request;
    struct http_response *response;
    struct till_arena *arena;
    int64_t now_us;     /* wall clock at the start; the same for the whole call */
    int64_t started_us; /* monotonic: deadlines count from here */
    char trace_id[33];  /* W3C trace id, kept or new */
    char request_id[TILL_ID_SIZE];
    const char *route;                /* "payments.create": label of metrics and log */
    struct till_str parameter;        /* the id in the path */
    struct till_str second_parameter; /* "/notify/{channel}/{account}" */
    const struct limited *limited;    /* whose tokens were taken; NULL: no limit */
    bool is_turned_away;              /* by a limit or under overload: no line of its own */
    struct app_row app;               /* set by authentication; id empty: none */
    bool is_admin;                    /* came through the admin socket: may reach every app */
    struct till_str scopes;           /* what the key or token may do (guard/rights.h) */
    struct nonce_claim claim;         /* to be written with the effect */
    char payment_id[TILL_ID_SIZE];    /* for the log line */
    char outcome[48];                 /* for the log line: verdict, "applied", ... */
    struct till_str works; /* of a problem: JSON array of what can be used instead; or empty */
};

/* What a merchant orders, checked. */
struct order {
    struct till_str channel, product, account, out_trade_no, subject, notify_url, return_url,
        metadata, extra, idempotency_key;
    struct till_money amount;
    int64_t expires_in_us;
    uint8_t fingerprint[TILL_SHA256_SIZE];
    struct till_json *body; /* released by order_clean_up */
    const struct till_json *extra_json;
};
TILL_MUST_CHECK bool order_read(struct call *c, struct order *ret, struct till_error *err);
void order_clean_up(struct order *order);
#define ORDER_SCOPED __attribute__((cleanup(order_clean_up)))
/* The Idempotency-Key header, bare or as a quoted string (conventions, section 2); empty when
 * absent. IDEMPOTENCY_KEY_INVALID. */
TILL_MUST_CHECK bool idempotency_key_read(const struct http_request *request,
                                          struct till_arena *arena, struct till_str *ret_key,
                                          struct till_error *err);
/* The body as a JSON object; the caller releases it. BODY_MALFORMED. */
TILL_MUST_CHECK bool call_read_body(struct call *c, struct till_json **ret_json,
                                    struct till_error *err);
/* The query; a name that is not in the NULL-terminated list is FIELD_UNKNOWN, and of a merchant an
 * empty value FIELD_INVALID, but for `cursor`, where it is the first page. "metadata[" in the list
 * stands for metadata[...] with anything between the brackets. */
TILL_MUST_CHECK bool call_read_query(struct call *c, const char *const *names,
                                     struct till_form *ret_form, struct till_error *err);
/* A parameter that must look like an id of this kind ("evt"), or be left out: then ret_id is empty.
 * FIELD_INVALID. */
TILL_MUST_CHECK bool call_read_id(const struct till_form *query, const char *name,
                                  const char *prefix, struct till_str *ret_id,
                                  struct till_error *err);
/* An optional text of a body; left out or null, *value stays. Empty is FIELD_INVALID: it would read
 * as a wish that nobody has. */
TILL_MUST_CHECK bool call_want_text(const struct till_json *body, const char *name,
                                    struct till_str *value, struct till_error *err);
/* ?limit= as a page size: 1..100, 20 when absent. FIELD_INVALID. */
TILL_MUST_CHECK bool call_read_limit(const struct till_form *query, int *ret_limit,
                                     struct till_error *err);
/* "pay_..." from the world's time and randomness. */
void flow_id(struct world *world, const char *prefix, int64_t now_us, char ret_id[TILL_ID_SIZE]);

/* A new "whsec_..." of 32 random bytes. */
TILL_MUST_CHECK bool flow_webhook_secret(struct call *c, struct till_str *ret_text,
                                         struct till_error *err);
/* "webhook_secrets": one row for each that is alive, the newest first, with its end or null; no
 * secret. */
void flow_show_secrets(struct till_str secrets, int64_t now_us, struct till_json *json);

/* One question to a platform: compose/build, exchange, parse, metrics, capture. Cannot fail:
 * silence is an answer. attempt->business is sent as stored for CREATE; refund may be NULL.
 * trace_id may be NULL. */
void channel_ask(struct gateway *gw, const char *trace_id, const struct account_row *account_row,
                 enum till_operation operation, const struct payment_row *payment,
                 const struct attempt_row *attempt, const struct refund_row *refund,
                 struct till_arena *arena, struct till_verdict *ret_verdict);
/* A verdict on an attempt into a finding (event, next question, action window), per channel and
 * operation. */
void finding_from_verdict(struct gateway *gw, enum till_operation operation,
                          const struct payment_row *payment, const struct attempt_row *attempt,
                          const struct till_verdict *verdict, int64_t now_us,
                          struct finding *ret_finding);
/* After every store_apply: wakes the deliveries when there is news, and the sweep when there is
 * work by it. (The store counts states itself.) */
void flow_applied(struct gateway *gw, const struct applied *applied);
/* channel_ask + finding + store_apply + metrics + wake of deliveries: the money line's far side. */
TILL_MUST_CHECK bool ask_and_apply(struct gateway *gw, const char *trace_id,
                                   enum till_operation operation, const struct payment_row *payment,
                                   const struct attempt_row *attempt, struct till_arena *arena,
                                   struct till_verdict *ret_verdict, struct applied *ret,
                                   struct till_error *err);

/* Answers. */
TILL_MUST_CHECK bool reply_payment(struct call *c, int status, const struct payment_row *payment,
                                   struct till_error *err);
TILL_MUST_CHECK bool reply_refund(struct call *c, int status, const struct refund_row *refund,
                                  struct till_error *err);
TILL_MUST_CHECK bool reply_json(struct call *c, int status, struct till_json *json,
                                struct till_error *err); /* takes ownership of json */
/* The payment as the API shows it. The caller releases it. */
struct till_json *payment_json(struct gateway *gw, const struct payment_row *payment);
/* The same as one of many: an action has its kind and stored value, not the parts of it. */
struct till_json *payment_json_listed(struct gateway *gw, const struct payment_row *payment);
struct till_json *attempt_json(const struct attempt_row *attempt);
struct till_json *refund_json(const struct refund_row *refund);

/* Merchant flows (gateway/flow/<name>.c). */
bool create_payment(struct call *c, struct till_error *err);
bool get_payment(struct call *c, struct till_error *err);
bool list_payments(struct call *c, struct till_error *err); /* also ?out_trade_no= */
bool renew_payment(struct call *c, struct till_error *err);
bool create_attempt(struct call *c, struct till_error *err);
bool keep_duplicate(struct call *c, struct till_error *err);
bool close_payment(struct call *c, struct till_error *err);
bool cancel_payment(struct call *c, struct till_error *err);
bool create_refund(struct call *c, struct till_error *err);
bool get_refund(struct call *c, struct till_error *err);
bool list_refunds(struct call *c, struct till_error *err);
bool list_events(struct call *c, struct till_error *err);
bool redeliver_event(struct call *c, struct till_error *err);
bool list_deliveries(struct call *c, struct till_error *err);
bool create_endpoint(struct call *c, struct till_error *err);
bool list_endpoints(struct call *c, struct till_error *err);
bool list_discrepancies(struct call *c, struct till_error *err);
/* For the administrator: does an account work? */
bool probe_account(struct call *c, struct till_error *err);

/* Platform and browser flows. Both write the response themselves in every case (a NACK is an
 * answer). */
void take_notification(struct call *c, struct till_str channel, struct till_str account_public_id);
void take_return(struct call *c, struct till_str channel, struct till_str account_public_id);

/* The cashier's part (gateway/flow/watch.c). Somebody looks at this payment: its next question
 * comes soon. */
void watch_payment(struct call *c, const struct payment_row *payment);
/* "New code" on the page: the identical order again, now and then. That it brought nothing new is
 * no error; the page shows what is. */
TILL_MUST_CHECK bool renew_for_buyer(struct call *c, const struct payment_row *payment,
                                     struct till_error *err);

/* Background flows: one bounded round; *ret_next_us is the wall-clock time of the next useful
 * round. */
void sweep_once(struct gateway *gw, int64_t *ret_next_us);
void deliver_once(struct gateway *gw, int64_t *ret_next_us);
void housekeep_once(struct gateway *gw,
                    int64_t *ret_next_us); /* sequencer, purge, figures into metrics */

/* Resolve one due row by the channel's recovery table. */
TILL_MUST_CHECK bool resolve_due(struct gateway *gw, const struct due *due,
                                 struct till_arena *arena, struct till_error *err);
/* Ask about one payment right now (return page, HOLD, cashier). */
TILL_MUST_CHECK bool query_payment_now(struct gateway *gw, const char *trace_id,
                                       const struct payment_row *payment, struct till_arena *arena,
                                       struct payment_row *ret_payment, struct till_error *err);
/* The same about one attempt of it. */
TILL_MUST_CHECK bool query_attempt_now(struct gateway *gw, const char *trace_id,
                                       const struct payment_row *payment,
                                       struct till_str attempt_id, struct till_arena *arena,
                                       struct payment_row *ret_payment, struct till_error *err);
/* Close upstream, per DESIGN: close; a never scanned order is cancelled; "paid" is queried; only
 * evidence moves states. */
TILL_MUST_CHECK bool close_upstream(struct gateway *gw, const char *trace_id,
                                    const struct payment_row *payment,
                                    const struct attempt_row *attempt, bool cancel,
                                    struct till_arena *arena, struct applied *ret,
                                    struct till_error *err);

#endif
