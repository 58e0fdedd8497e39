/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: where facts live. SQLite (WAL, synchronous=FULL) behind typed operations, one file an
 * operation. SQL exists in this folder only. Each writing function is one atomic, durable change:
 * it returns true after the commit and false with nothing changed. Many callers' writes share one
 * transaction (group commit, a savepoint each); commit_batch itself knows no thread, so the
 * simulator drives it inline.
 *
 * Rows' texts live in the caller's arena. "now" always comes from the caller. Decisions about
 * states are till_state_move's; the store applies them, with ledger lines, events and deliveries,
 * in the same commit. Errors: STORE_FAILED (nothing changed), NOT_FOUND, and those named at the
 * functions. Waits: yes, all of them.
 */
#ifndef GATEWAY_STORE_STORE_H
#define GATEWAY_STORE_STORE_H

#include <gateway/store/keys.h>
#include <rt/log.h>
#include <rt/metrics.h>
#include <rt/world.h>
#include <till/channel.h>
#include <till/crypto.h>
#include <till/encode.h>
#include <till/state.h>

enum store_commit {
    STORE_COMMIT_THREAD, /* production: one commit thread batches */
    STORE_COMMIT_INLINE  /* the caller's thread commits at once: simulator, tests, one command */
};

struct store_options {
    struct till_str path;
    uint8_t master_key[TILL_SEAL_KEY_SIZE];
    enum store_commit commit;
    const char *vfs;            /* NULL: the default; the simulator registers its own */
    int64_t retention_nonce_us; /* how long nonces are kept: the window and some more */
};

/* Takes the lock file (a second daemon is refused), recovers, migrates forward, checks the master
 * key against the store's seal (SEAL_BROKEN). world is used for randomness, parking and the commit
 * task. */
TILL_MUST_CHECK bool store_open(const struct store_options *options, struct world *world,
                                struct log *log, struct metrics *metrics, struct store **ret_store,
                                struct till_error *err);
/* Flushes, checkpoints, releases the lock. Accepts NULL. */
void store_close(struct store *store);
/* Something is wrong with the disk (failed fsync): no write is taken any more; the daemon exits
 * (S-135). */
bool store_is_broken(const struct store *store);
/* Can it write right now? For /ready. */
TILL_MUST_CHECK bool store_check(struct store *store, struct till_error *err);
/* A consistent copy while running; the file must not exist. */
TILL_MUST_CHECK bool store_backup(struct store *store, struct till_str path,
                                  struct till_error *err);
/* "3.40.1", and the schema's version. */
const char *store_engine_version(void);
int store_schema_version(void);

/* What proves that a signed request is new; written in the same commit as its effect (I24). Empty
 * nonce: none (key_id "admin": a person; a client's id: its token; empty: internal; ADR 031). */
struct nonce_claim {
    struct till_str key_id;
    struct till_str nonce;
    int64_t timestamp_s;
    /* An Idempotency-Key that came along: from now on the app's key stands for this very call, and
     * with another one it is an IDEMPOTENCY_CONFLICT. Written in the same commit; empty: none.
     * (Orders have theirs in payment_open, by their content.) */
    struct till_str effect_app_id, effect_key;
    uint8_t effect_digest[TILL_SHA256_SIZE]; /* of method, path and body */
    int64_t effect_us;
    struct till_str effect_makes; /* what a repeat would make twice (effects.h); empty: nothing */
};

/* ---- merchants: apps, keys (keys.h), accounts, endpoints, routes ---- */

struct app_row {
    char id[TILL_ID_SIZE]; /* "app_..." */
    struct till_str name;
    enum till_mode mode;
    bool enabled;
    struct till_str hosts;  /* blank-separated: where return and notify addresses may point */
    struct till_str limits; /* of its own (guard/limits.h), "payments.create=200/s"; or empty */
    /* "keep" or "refund": money after the order's end; money of a second attempt */
    struct till_str late_policy, duplicate_policy;
    /* opened, "whsec_..." (several during rotation, rotation.h); signs deliveries to a payment's
     * own notify_url */
    struct till_str webhook_secret;
    int64_t created_us;
};
TILL_MUST_CHECK bool store_app_add(struct store *store, const struct app_row *row,
                                   struct till_error *err);
TILL_MUST_CHECK bool store_app_get(struct store *store, struct till_arena *arena,
                                   struct till_str id, struct app_row *ret_row,
                                   struct till_error *err);
TILL_MUST_CHECK bool store_app_list(struct store *store, struct till_arena *arena,
                                    struct app_row **ret_rows, size_t *ret_count,
                                    struct till_error *err);
TILL_MUST_CHECK bool store_app_enable(struct store *store, struct till_str id, bool enabled,
                                      struct till_error *err);

struct account_row {
    char id[TILL_ID_SIZE];        /* "acc_..." */
    char public_id[TILL_ID_SIZE]; /* unguessable, in the notify URL */
    char app_id[TILL_ID_SIZE];
    struct till_str channel;
    struct till_str name;
    enum till_mode mode;
    bool enabled;             /* a disabled one takes no new orders but still takes notifications */
    struct till_str settings; /* JSON object, sealed at rest */
    int64_t created_us;
    int64_t config_epoch; /* moves with each change: loaded accounts are cached by it */
};
TILL_MUST_CHECK bool store_account_add(struct store *store, const struct account_row *row,
                                       struct till_error *err);
TILL_MUST_CHECK bool store_account_get(struct store *store, struct till_arena *arena,
                                       struct till_str id, struct account_row *ret_row,
                                       struct till_error *err);
TILL_MUST_CHECK bool store_account_by_public_id(struct store *store, struct till_arena *arena,
                                                struct till_str public_id,
                                                struct account_row *ret_row,
                                                struct till_error *err);
TILL_MUST_CHECK bool store_account_list(struct store *store, struct till_arena *arena,
                                        struct till_str app_id_or_empty,
                                        struct account_row **ret_rows, size_t *ret_count,
                                        struct till_error *err);
/* Ids only, in their order, the next ones after that one (empty: from the start), at most max. */
TILL_MUST_CHECK bool store_account_ids(struct store *store, struct till_str after,
                                       char (*ret_ids)[TILL_ID_SIZE], size_t max, size_t *ret_count,
                                       struct till_error *err);
TILL_MUST_CHECK bool store_account_enable(struct store *store, struct till_str id, bool enabled,
                                          struct till_error *err);
/* Replaces settings (key rotation). */
TILL_MUST_CHECK bool store_account_update(struct store *store, struct till_str id,
                                          struct till_str settings, struct till_error *err);
/* The same for a flow that read the settings at that epoch: STORE_STALE when they moved since. */
TILL_MUST_CHECK bool store_account_rotate(struct store *store, struct till_str id, int64_t epoch,
                                          struct till_str settings, struct till_error *err);
/* The account for an order: the named one (id), else the first route rule that fits, else the app's
 * only enabled account of the channel. ACCOUNT_UNKNOWN otherwise. Mode must be the app's. */
TILL_MUST_CHECK bool store_route_choose(struct store *store, struct till_arena *arena,
                                        const struct app_row *app, struct till_str channel,
                                        struct till_str product, struct till_money amount,
                                        struct till_str account_or_empty,
                                        struct account_row *ret_row, struct till_error *err);

/* One rule of the app's ordered table; empty product or currency: any. Replaces the rule at its
 * position. ACCOUNT_UNKNOWN. */
struct route_row {
    struct till_str app_id, channel, product, currency, account_id;
    int position;
    int64_t amount_min, amount_max;
};
TILL_MUST_CHECK bool store_route_put(struct store *store, const struct route_row *row,
                                     struct till_error *err);

struct endpoint_row {
    char id[TILL_ID_SIZE]; /* "whe_..." */
    char app_id[TILL_ID_SIZE];
    struct till_str url;
    /* blank-separated "whsec_..." (several during rotation, rotation.h); sealed at rest */
    struct till_str secrets;
    bool enabled;
    struct till_str disabled_reason;
    int64_t created_us;
};
TILL_MUST_CHECK bool store_endpoint_add(struct store *store, const struct endpoint_row *row,
                                        const struct nonce_claim *claim, struct till_error *err);
TILL_MUST_CHECK bool store_endpoint_list(struct store *store, struct till_arena *arena,
                                         struct till_str app_id, struct endpoint_row **ret_rows,
                                         size_t *ret_count, struct till_error *err);
TILL_MUST_CHECK bool store_endpoint_enable(struct store *store, struct till_str id, bool enabled,
                                           struct till_str reason, struct till_error *err);
/* Changes with every change of app, key, account or endpoint: one row, polled by caches. */
int64_t store_config_epoch(struct store *store);

/* ---- payments ---- */

/* For reads, whose replay only repeats an answer: is it below the stored horizon or known?
 * NONCE_USED, TIMESTAMP_OUTSIDE. */
TILL_MUST_CHECK bool store_nonce_check(struct store *store, const struct nonce_claim *claim,
                                       struct till_error *err);
/* Timestamps at or below it are refused, whatever the clock says; purging nonces moves it first
 * (S-139). Seconds. */
int64_t store_nonce_horizon(struct store *store);

/* account, channel, product, extra, action and money are those of the current attempt. */
struct payment_row {
    char id[TILL_ID_SIZE]; /* "pay_..." */
    char app_id[TILL_ID_SIZE];
    char account_id[TILL_ID_SIZE];
    char attempt_id[TILL_ID_SIZE]; /* the current attempt: the newest that can be paid, then the
                                      one that was */
    char token[TILL_ID_SIZE];      /* 128 random bits: the cashier's address */
    enum till_mode mode;
    struct till_str out_trade_no, channel, product, subject, notify_url, return_url;
    struct till_str metadata, extra; /* JSON objects as text */
    struct till_money amount;
    enum till_payment_state state;
    int64_t version;
    int64_t created_us, updated_us, expires_us;
    int64_t paid_us, closed_us; /* 0: not */
    bool late;                  /* paid after the end */
    struct till_str action_kind, action_value;
    int64_t action_expires_us;
    int64_t received, refund_held, refunded; /* minor units, of the current attempt */
    struct till_str trade_no, buyer;
    struct till_str peer_code, peer_text; /* of the last refusal or unknown */
    struct till_str upstream_no;
    enum till_attempt_state attempt_state;
    int64_t event_sequence; /* events so far; the newest one's number */
};

enum { STORE_ATTEMPTS_MAX = 5 }; /* of one payment, ended ones included */

/* Money of an attempt whose order another attempt had settled. */
enum attempt_duplicate {
    DUPLICATE_NOT,
    DUPLICATE_IN_SUSPENSE, /* nobody has decided; refunds of it come out of suspense */
    DUPLICATE_KEPT,        /* the app's by decision */
    ATTEMPT_DUPLICATES
};

struct attempt_row {
    char id[TILL_ID_SIZE]; /* "att_..." */
    char payment_id[TILL_ID_SIZE];
    char app_id[TILL_ID_SIZE];
    char account_id[TILL_ID_SIZE];
    struct till_str channel, product, upstream_no, business;
    struct till_money amount;
    struct till_str subject, merchant_no, trade_no;
    struct till_str reference; /* the platform's handle of the order, where our number is none */
    enum till_attempt_state state;
    int64_t version;
    int64_t created_us, expires_us, lease_until_us, next_ask_us;
    int64_t first_unknown_us; /* 0: not unknown */
    int asks;                 /* how often it was asked since the last news */
    int crashes;              /* claims without an end; at 3 it is parked with an alarm */
    int64_t received, refund_held, refunded;
    bool finished;         /* paid, not refundable upstream */
    int number;            /* within its payment, from 1 */
    struct till_str extra; /* the channel's own fields, a JSON object */
    struct till_str action_kind, action_value;
    int64_t action_expires_us;
    enum attempt_duplicate duplicate;
};

struct payment_open {
    struct nonce_claim claim;
    struct till_str idempotency_key;       /* empty: none */
    uint8_t fingerprint[TILL_SHA256_SIZE]; /* of the order's content: what must be equal for "the
                                              same order" */
    struct payment_row payment; /* id, token, app, account, order fields, created_us, expires_us */
    struct till_str attempt_id, upstream_no, business;
    int64_t now_us;
    int64_t lease_us; /* how long the sender may take before the attempt counts as unknown */
};
enum opened_kind {
    OPENED_NEW,     /* ours to send */
    OPENED_RESUMED, /* prepared (unsent) or unknown, lease free: ours to send again, identically */
    OPENED_BY_TWIN, /* somebody is sending it right now */
    OPENED_SETTLED  /* the platform has answered: same order, same answer */
};
struct payment_opened {
    enum opened_kind kind;
    struct payment_row payment;
    struct attempt_row attempt;
};
/*
 * Writes nonce, idempotency key, payment and attempt (state sent, business bytes, lease) in one
 * commit; or finds them. ORDER_CONFLICT: out_trade_no taken with another fingerprint.
 * IDEMPOTENCY_CONFLICT. NONCE_USED. TIMESTAMP_OUTSIDE (horizon).
 */
TILL_MUST_CHECK bool store_open_payment(struct store *store, struct till_arena *arena,
                                        const struct payment_open *in, struct payment_opened *ret,
                                        struct till_error *err);
/* Take a pending payment's attempt for sending again (renewal of the code, resolver's identical
 * repeat): sent with a lease. kind tells as above; a final payment gives OPENED_SETTLED. The
 * action's window is recomputed when it is applied. */
TILL_MUST_CHECK bool store_resend_payment(struct store *store, struct till_arena *arena,
                                          struct till_str payment_id,
                                          const struct nonce_claim *claim, int64_t now_us,
                                          int64_t lease_us, struct payment_opened *ret,
                                          struct till_error *err);

/* app_id empty: any (admin, cashier, internal); otherwise a foreign id is NOT_FOUND (I18). */
TILL_MUST_CHECK bool store_payment_get(struct store *store, struct till_arena *arena,
                                       struct till_str app_id, struct till_str id,
                                       struct payment_row *ret_row, struct till_error *err);
TILL_MUST_CHECK bool store_payment_by_order(struct store *store, struct till_arena *arena,
                                            struct till_str app_id, struct till_str out_trade_no,
                                            struct payment_row *ret_row, struct till_error *err);
TILL_MUST_CHECK bool store_payment_by_token(struct store *store, struct till_arena *arena,
                                            struct till_str token, struct payment_row *ret_row,
                                            struct till_error *err);
/* Newest first; before_id empty: from the newest; state -1: all. */
TILL_MUST_CHECK bool store_payment_list(struct store *store, struct till_arena *arena,
                                        struct till_str app_id, struct till_str before_id,
                                        int state, int limit, struct payment_row **ret_rows,
                                        size_t *ret_count, struct till_error *err);
TILL_MUST_CHECK bool store_attempt_get(struct store *store, struct till_arena *arena,
                                       struct till_str id, struct attempt_row *ret_row,
                                       struct till_error *err);
/* Within one account: a channel settles only its own attempts (I18). NOT_FOUND. */
TILL_MUST_CHECK bool store_attempt_by_upstream_no(struct store *store, struct till_arena *arena,
                                                  struct till_str account_id,
                                                  struct till_str upstream_no,
                                                  struct attempt_row *ret_row,
                                                  struct till_error *err);
/* Does another account hold this number? For S-041: HOLD instead of NACK. */
TILL_MUST_CHECK bool store_upstream_no_exists(struct store *store, struct till_str upstream_no,
                                              bool *ret_exists, struct till_error *err);

/* ---- findings: everything that is learned about an attempt goes through one door ---- */

enum finding_source {
    FOUND_BY_CREATE,
    FOUND_BY_QUERY,
    FOUND_BY_NOTIFY,
    FOUND_BY_CLOSE,
    FOUND_BY_CANCEL,
    FOUND_BY_BILL
};

struct finding {
    struct till_str attempt_id;
    enum finding_source source;
    enum till_event event;    /* ACCEPTED PAID DECLINED LOST UNSENT CLOSED REOPEN */
    struct till_money amount; /* PAID: what was received (already compared with the order by the
                                 caller; compared again here) */
    struct till_str reference, trade_no, buyer;
    int64_t paid_us;
    bool finished;
    bool came_and_went; /* CLOSED whose cancel says "refund": booked as received and as refunded */
    struct till_str action_kind, action_value; /* ACCEPTED */
    int64_t action_expires_us;
    struct till_str peer_code, peer_text;
    struct till_str evidence;      /* raw verified bytes; stored once per digest */
    struct till_str evidence_kind; /* "notify", "query", "create", ... */
    int64_t next_ask_us;           /* when the sweep shall ask next; 0: never (final) */
    int64_t once_more_us; /* PAID: instead of next_ask_us when it meets a close or cancel of ours */
    int64_t now_us;
    int64_t expected_version; /* of the attempt; 0: any (evidence is true whatever the row says) */
    int64_t release_crashes;  /* 1: the claim's work ended, forget the crash counter */
};
enum applied_kind {
    APPLIED,           /* a transition happened, ledger and event with it */
    APPLIED_LATE,      /* paid after the end: transition, event payment.paid_late, policy */
    APPLIED_DUPLICATE, /* money for a payment that another attempt settled: ledger, discrepancy,
                          event */
    APPLIED_NOTHING,   /* known already */
    APPLIED_HELD       /* contradicts the attempt: a discrepancy row, no transition */
};
struct applied {
    enum applied_kind kind;
    bool work_is_due; /* for the sweep: attempts that are no longer wanted, a refund by policy */
    struct payment_row payment;
    struct attempt_row attempt;
};
/* One commit: evidence, attempt and payment transitions, ledger lines, event, deliveries.
 * Idempotent. */
TILL_MUST_CHECK bool store_apply(struct store *store, struct till_arena *arena,
                                 const struct finding *finding, struct applied *ret,
                                 struct till_error *err);

/* Begin closing: the payment and every attempt of it that can still be paid -> closing; one of them
 * comes back with a lease, the others are due at once. STATE_CONFLICT when it is paid or final (ret
 * is filled all the same so that the caller can answer with the row). `claim` as above. */
TILL_MUST_CHECK bool store_begin_close(struct store *store, struct till_arena *arena,
                                       struct till_str payment_id, const struct nonce_claim *claim,
                                       int64_t now_us, int64_t lease_us, struct payment_opened *ret,
                                       struct till_error *err);
struct discrepancy {
    struct till_str type;  /* "amount_mismatch" ...: a name of discrepancy.def */
    struct till_str cause; /* unique key of the cause: one open row each (I39) */
    struct till_str account_id, payment_id, attempt_id; /* or empty */
    struct till_str detail;                             /* JSON object */
    struct till_str evidence;
    int64_t now_us;
};
/* Durable before it returns; *ret_is_new tells whether this call made it. Also schedules a question
 * about the attempt, if any, at now. */
TILL_MUST_CHECK bool store_hold(struct store *store, const struct discrepancy *discrepancy,
                                bool *ret_is_new, struct till_error *err);
struct discrepancy_row {
    char id[TILL_ID_SIZE];
    struct till_str type, cause, account_id, payment_id, detail;
    bool open;
    int64_t created_us;
};
/* Newest first. app_id: only those of its payments and accounts; empty: all. */
TILL_MUST_CHECK bool store_discrepancy_list(struct store *store, struct till_arena *arena,
                                            struct till_str app_id, bool only_open, int limit,
                                            struct discrepancy_row **ret_rows, size_t *ret_count,
                                            struct till_error *err);

/* ---- refunds ---- */

struct refund_row {
    char id[TILL_ID_SIZE]; /* "ref_..." */
    char payment_id[TILL_ID_SIZE];
    char attempt_id[TILL_ID_SIZE];
    char app_id[TILL_ID_SIZE];
    char account_id[TILL_ID_SIZE];
    struct till_str out_refund_no, refund_no, reason, business, upstream_no;
    struct till_money amount;      /* of the refund */
    struct till_money paid_amount; /* of the order */
    enum till_refund_state state;
    int64_t version;
    int64_t created_us, updated_us, next_ask_us, lease_until_us, first_unknown_us;
    int asks, crashes;
    struct till_str peer_code, peer_text;
};
struct refund_open {
    struct nonce_claim claim;
    struct till_str app_id, payment_id, out_refund_no, refund_id, refund_no, reason, business;
    struct till_str attempt_id;   /* whose money goes back; empty: the payment's current attempt */
    struct till_str composed_for; /* the attempt that the bytes name, compared; or empty */
    struct till_money amount;
    int64_t now_us, lease_us;
};
struct refund_opened {
    enum opened_kind kind;
    struct refund_row refund;
};
/* Reserves (refund_held += amount) and writes the refund row, state sent; or finds it.
 * REFUND_EXCEEDS, REFUND_CONFLICT (same out_refund_no, other amount or attempt), STATE_CONFLICT
 * (not paid, finished upstream, bytes of another attempt), NOT_FOUND, NONCE_USED. */
TILL_MUST_CHECK bool store_open_refund(struct store *store, struct till_arena *arena,
                                       const struct refund_open *in, struct refund_opened *ret,
                                       struct till_error *err);
struct refund_finding {
    struct till_str refund_id;
    enum till_event event; /* SUCCEEDED FAILED LOST UNSENT ACCEPTED REVERSED */
    struct till_str peer_code, peer_text, evidence, evidence_kind;
    struct till_str because; /* empty, or what asked: a discrepancy, open before, ended by it */
    int64_t next_ask_us, now_us, expected_version; /* 0: any; else STORE_STALE when it moved */
};
/* One commit: refund transition, reservation consumed or released exactly once, ledger, event. */
TILL_MUST_CHECK bool store_apply_refund(struct store *store, struct till_arena *arena,
                                        const struct refund_finding *finding,
                                        struct refund_row *ret_row, bool *ret_changed,
                                        struct till_error *err);
TILL_MUST_CHECK bool store_refund_get(struct store *store, struct till_arena *arena,
                                      struct till_str app_id, struct till_str id,
                                      struct refund_row *ret_row, struct till_error *err);
TILL_MUST_CHECK bool store_refund_by_no(struct store *store, struct till_arena *arena,
                                        struct till_str attempt_id, struct till_str refund_no,
                                        struct refund_row *ret_row, struct till_error *err);
TILL_MUST_CHECK bool store_refund_list(struct store *store, struct till_arena *arena,
                                       struct till_str payment_id, struct refund_row **ret_rows,
                                       size_t *ret_count, struct till_error *err);

/* ---- work that is due: claimed under a lease, in one commit ---- */

struct due {
    bool is_refund;
    struct payment_row payment;
    struct attempt_row attempt;
    struct refund_row refund; /* when is_refund */
};
/* Attempts and refunds whose next_ask_us has come (unknown, stale sent, closing, unpaid, expired).
 * Each claim raises the crash counter; at 3 the row is parked: not claimed again until news,
 * counted in store_figures. */
TILL_MUST_CHECK bool store_claim_due(struct store *store, struct till_arena *arena, int64_t now_us,
                                     int64_t lease_us, int limit, struct due **ret_rows,
                                     size_t *ret_count, struct till_error *err);
/* Put a claimed row back (nothing was learned): ask again at next_ask_us. */
TILL_MUST_CHECK bool store_defer(struct store *store, const struct due *due, int64_t next_ask_us,
                                 int64_t now_us, struct till_error *err);
/* Somebody looks at the cashier page: ask soon. */
TILL_MUST_CHECK bool store_ask_soon(struct store *store, struct till_str payment_id,
                                    int64_t next_ask_us, struct till_error *err);
/* When the next row is due; INT64_MAX: none. */
int64_t store_next_due_us(struct store *store);

/* ---- outbox: events and deliveries ---- */

struct event_row {
    char id[TILL_ID_SIZE]; /* "evt_...": the webhook-id */
    char app_id[TILL_ID_SIZE];
    char payment_id[TILL_ID_SIZE];
    int64_t number;       /* public, gapless in commit order, 0 until sequenced */
    int64_t sequence;     /* per payment, from 1 */
    struct till_str type; /* "payment.succeeded" ... */
    struct till_str body; /* exact bytes of every delivery */
    int64_t created_us;
};
TILL_MUST_CHECK bool store_event_list(struct store *store, struct till_arena *arena,
                                      struct till_str app_id, int64_t after_number, int limit,
                                      struct event_row **ret_rows, size_t *ret_count,
                                      struct till_error *err);
/* Give public numbers to committed events that have none (one sequencer by lease). */
TILL_MUST_CHECK bool store_sequence_events(struct store *store, int64_t now_us, int *ret_numbered,
                                           struct till_error *err);

struct delivery_row {
    char id[TILL_ID_SIZE]; /* "dlv_..." */
    char event_id[TILL_ID_SIZE];
    char endpoint_id[TILL_ID_SIZE]; /* empty: the payment's own notify_url */
    char app_id[TILL_ID_SIZE];
    struct till_str url, secrets, type, body;
    struct till_str state; /* "pending", "delivered", "dead", "disabled" */
    int attempts;          /* started ones, this one included after a claim */
    int64_t next_us, lease_epoch, created_us, event_created_us;
    int last_status;
    struct till_str last_reason;
};
/* At most per_endpoint of one endpoint at a time, so that a slow one delays nobody else (S-108). */
TILL_MUST_CHECK bool store_claim_deliveries(struct store *store, struct till_arena *arena,
                                            int64_t now_us, int64_t lease_us, int limit,
                                            int per_endpoint, struct delivery_row **ret_rows,
                                            size_t *ret_count, struct till_error *err);
enum delivery_result { DELIVERY_DONE, DELIVERY_RETRY, DELIVERY_DEAD, DELIVERY_DISABLE };
struct delivery_report {
    struct till_str delivery_id;
    int64_t lease_epoch; /* a report under an older lease is dropped (STORE_STALE) */
    enum delivery_result result;
    int status;                     /* 0: no answer */
    struct till_str reason, answer; /* answer: at most 1 KiB kept */
    int64_t duration_us, next_us, now_us;
};
TILL_MUST_CHECK bool store_report_delivery(struct store *store,
                                           const struct delivery_report *report,
                                           struct till_error *err);
/* Redelivery by hand: pending, due at once, a new round of attempts. app_id empty: any. */
TILL_MUST_CHECK bool store_redeliver(struct store *store, struct till_str app_id,
                                     struct till_str event_id, const struct nonce_claim *claim,
                                     int64_t now_us, int *ret_deliveries, struct till_error *err);
TILL_MUST_CHECK bool store_delivery_list(struct store *store, struct till_arena *arena,
                                         struct till_str app_id, struct till_str event_id_or_empty,
                                         int limit, struct delivery_row **ret_rows,
                                         size_t *ret_count, struct till_error *err);
int64_t store_next_delivery_us(struct store *store);

/* ---- the audit trail ---- */

/* The newest seal; whoever keeps it elsewhere can prove later that nothing before it changed. */
struct trail_head {
    int64_t number; /* 0: nothing is sealed */
    uint8_t hash[TILL_SHA256_SIZE];
};
/* Chain committed rows of the trail, at most some hundred a call. */
TILL_MUST_CHECK bool store_seal_trail(struct store *store, int *ret_sealed, struct till_error *err);
TILL_MUST_CHECK bool store_trail_head(struct store *store, struct trail_head *ret_head,
                                      struct till_error *err);

/* ---- ledger, figures, housekeeping ---- */

struct ledger_line {
    char transaction_id[TILL_ID_SIZE];
    /* chart of accounts: "channel_receivable", "app_payable", "refunds", "suspense" */
    struct till_str account;
    char app_id[TILL_ID_SIZE];
    char currency[4];
    int64_t debit, credit; /* one of them is 0 */
    struct till_str what;  /* "payment", "refund", "late_payment" ... */
    int64_t created_us;
};
TILL_MUST_CHECK bool store_ledger_list(struct store *store, struct till_arena *arena,
                                       struct till_str payment_id, struct ledger_line **ret_rows,
                                       size_t *ret_count, struct till_error *err);

struct store_figures {
    int64_t payments, attempts_unknown, refunds_unknown, oldest_unknown_us,
        oldest_refund_us; /* since when; 0: none; unsettled refunds */
    int64_t deliveries_pending, deliveries_dead, discrepancies_open, parked, events_unnumbered;
    int64_t longest_commit_us;
    int64_t ledger_imbalance; /* sum of debits minus credits over all currencies' absolute
                                 differences: always 0 */
};
TILL_MUST_CHECK bool store_figures(struct store *store, struct store_figures *ret,
                                   struct till_error *err);
/* The wall clock was set back by by_us and shows now_us: questions, refunds and deliveries that are
 * due later come sooner by as much, leases end as long from now as they would have (I21). Bounded
 * commits; *ret_moved counts rows. */
TILL_MUST_CHECK bool store_clock_set_back(struct store *store, int64_t now_us, int64_t by_us,
                                          int *ret_moved, struct till_error *err);
/* Old nonces (after moving the horizon), idempotency keys, delivery logs. Bounded work a call. */
TILL_MUST_CHECK bool store_purge(struct store *store, int64_t now_us, int *ret_removed,
                                 struct till_error *err);

#endif
