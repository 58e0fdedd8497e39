/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants' own memory: a copy of the rows that matter as they were at the last look, what
 * follows from them, and facts about what passed on the network. Rows are read by statements of
 * the checker's own; nothing is asked of the store.
 *
 *   commit -> check_look: rows, events, ledger, evidence -> check_judge for each payment they touch
 *   passage -> check_wire (platform), check_answer (merchants, notifications), check_mail
 * (webhooks) quiet point -> check_quiet: everything against the platform's and the merchants' books
 */
#ifndef TESTS_SIM_CHECK_INSIDE_H
#define TESTS_SIM_CHECK_INSIDE_H

#include <sqlite3.h>

#include <sandbox/trade.h>

#include "check.h"

enum {
    SEEN_NEWS_MAX = 64,
    SEEN_NUMBER = 72,
    CHECK_STATEMENTS = 64,
    CHECK_BUCKETS = 1 << 14,
    CHECK_OPEN_MAX = 256
};

/* ---- check_state.c: the state table, written down a second time ---- */

enum seen_machine { SEEN_PAYMENT, SEEN_ATTEMPT, SEEN_REFUND };
/* Numbers as they stand in the database. */
enum { PAYMENT_PENDING, PAYMENT_PAID, PAYMENT_CLOSING, PAYMENT_CLOSED, PAYMENT_FAILED };
enum {
    ATTEMPT_PREPARED,
    ATTEMPT_SENT,
    ATTEMPT_PENDING,
    ATTEMPT_UNKNOWN,
    ATTEMPT_PAID,
    ATTEMPT_CLOSING,
    ATTEMPT_CLOSED,
    ATTEMPT_DECLINED
};
enum {
    REFUND_PREPARED,
    REFUND_SENT,
    REFUND_PENDING,
    REFUND_UNKNOWN,
    REFUND_SUCCEEDED,
    REFUND_FAILED,
    REFUND_REVERSED
};
const char *seen_state_name(enum seen_machine machine, int state);
/* Can `moves` lawful steps or fewer lead from one to the other? */
bool seen_reaches(enum seen_machine machine, int from, int to, int64_t moves);
/* The same for a payment by steps that nobody is told of, as many as there are. */
bool seen_reaches_silently(int from, int to);
/* What an event of this type makes of a payment; -1: it stays. */
int seen_event_target(const char *type);

/* ---- what was seen ---- */

struct seen_refund {
    struct seen_refund *next; /* of the attempt */
    struct seen_attempt *attempt;
    int64_t pk;
    char id[TILL_ID_SIZE], out_refund_no[128], refund_no[SEEN_NUMBER];
    int64_t amount, version, next_ask_us, lease_us, crashes;
    int state, before; /* before: at the last look */
    bool is_proven;    /* signed bytes say that the money went back */
    bool is_old;       /* seen by an earlier look */
};

struct seen_attempt {
    struct seen_attempt *next; /* of the payment */
    struct seen_payment *payment;
    struct seen_refund *refunds;
    int64_t pk;
    char id[TILL_ID_SIZE], account_id[TILL_ID_SIZE], upstream_no[SEEN_NUMBER];
    uint8_t business[TILL_SHA256_SIZE];
    int64_t amount, version, received, held, refunded, next_ask_us, lease_us, unknown_us, crashes;
    int state, before;
    bool is_new;
    bool proven_paid, proven_closed; /* signed bytes about this very order said so */
    bool paid_news;                  /* since the last look */
};

struct seen_payment {
    int64_t pk;
    char id[TILL_ID_SIZE], app_id[TILL_ID_SIZE], out_trade_no[SEEN_NUMBER];
    int64_t amount, version, late, sequence;
    char currency[4];
    int state, before;
    struct seen_attempt *attempts;
    int64_t receivable; /* what the ledger says that the platforms hold of it */
    int64_t last_event; /* sequence of the newest event */
    char last_type[48];
    /* since the last look */
    bool is_dirty;
    struct seen_payment *next_dirty;
    char news[SEEN_NEWS_MAX][32]; /* types of events, in order */
    size_t news_count;
};

/* By primary key. */
struct seen_list {
    void **rows;
    size_t room;
};
void *seen_at(const struct seen_list *list, int64_t pk);

/* Something that was said or done once and must stay true. */
struct fact {
    struct fact *next; /* of the bucket */
    char *key;
    int64_t number, at_us, times;
    uint8_t digest[TILL_SHA256_SIZE];
    char text[SEEN_NUMBER];
    void *row;
};

/* Append-only tables: how many rows, and the sum of their hashes. */
struct tally {
    int64_t last_pk, rows;
    uint64_t mix;
};

struct open_call {
    const struct world_request *request;
    int64_t since_us;
};

struct check {
    struct sim *sim;
    struct scene *scene;
    struct people *people;
    sqlite3 *db;
    const struct store *store; /* over which db was opened */
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } statements[CHECK_STATEMENTS];
    int64_t data_version;
    bool look_at_all;  /* the next look reads every row */
    bool after_power;  /* and what it finds is judged as I13 */
    bool is_closed;    /* and deaf */
    bool is_looking;   /* a read that waits must not begin another look */
    int64_t horizon_s; /* of nonces, never back */
    int64_t skewed_us; /* until when clocks were wrong lately; idempotency keys live by them */
    struct seen_list payments, attempts, refunds;
    struct seen_payment *dirty;
    struct tally events, ledger, evidence, numbers;
    int64_t discrepancies_pk;
    struct fact *facts[CHECK_BUCKETS];
    struct open_call open[CHECK_OPEN_MAX];
    size_t open_next;
    struct till_arena arena; /* of one look or passage */
    struct till_str secrets[32];
    size_t secret_count, person_from; /* from there on persons */
    struct till_arena kept;           /* secrets */
};

/* ---- check_memory.c ---- */

struct fact *fact_find(struct check *check, const char *kind, struct till_str key);
/* Made with times 0 when it is new. */
struct fact *fact_obtain(struct check *check, const char *kind, struct till_str key);
void seen_put(struct check *check, struct seen_list *list, int64_t pk, void *row);
void check_forget(struct check *check);
struct seen_payment *seen_payment_of(struct check *check, struct till_str id);
struct seen_attempt *seen_attempt_of(struct check *check, struct till_str id);
struct seen_attempt *seen_attempt_numbered(struct check *check, struct till_str upstream_no);
struct seen_refund *seen_refund_of(struct check *check, struct till_str id);
void seen_touch(struct check *check, struct seen_payment *payment);
/* Which merchant of the scene has the app; -1: none. */
int check_merchant_of_app(const struct check *check, const char *app_id);
/* And the platform's app behind an account of ours; NULL: none. */
struct platform_app *check_platform_app(const struct check *check, const char *account_id);
/* The platform's trade of an attempt; NULL: there is none. */
const struct platform_trade *check_trade(const struct check *check,
                                         const struct seen_attempt *attempt);
/* Did the platform, by a fault, sign something untrue about it? */
bool check_was_lied_about(const struct check *check, const struct platform_trade *trade);

/* ---- check_watch.c: the connection, and which rows a commit touched ---- */

enum watched { WATCH_PAYMENTS, WATCH_ATTEMPTS, WATCH_REFUNDS, WATCH_TABLES };
/* See check_watch. */

/* Has anything been written since watch_clear? */
bool watch_is_touched(void);
/* More than was written down: read all. */
bool watch_is_full(void);
/* Calls visit for each touched row of a table. */
void watch_each(enum watched table, void (*visit)(void *arg, int64_t pk), void *arg);
/* What was looked at is forgotten, unless a transaction is under way whose rows it may name. */
void watch_clear(void);
bool check_connect(struct check *check);
void check_disconnect(struct check *check);
/* Prepared once, bound anew; sql is a literal. */
sqlite3_stmt *check_query(struct check *check, const char *sql);
bool check_step(struct check *check, sqlite3_stmt *stmt);
/* The one number that sql gives. */
int64_t check_number(struct check *check, const char *sql);
void seen_text(sqlite3_stmt *stmt, int column, char *out, size_t size);
struct till_str seen_bytes(sqlite3_stmt *stmt, int column);

/* ---- check_rows.c, check_books.c, check_judge.c: the look after a commit ---- */

void check_look(struct check *check);
void check_rows(struct check *check);
void check_new_events(struct check *check);
void check_new_ledger(struct check *check);
void check_new_evidence(struct check *check);
void check_new_discrepancies(struct check *check);
void check_judge(struct check *check);
/* Append-only tables hold what they held. */
void check_tallies(struct check *check);

/* ---- check_proof.c: signed bytes, read a second time ---- */

enum proof_says { SAYS_NOTHING, SAYS_WAITING, SAYS_PAID, SAYS_CLOSED, SAYS_REFUNDED };
struct proof {
    bool is_signed;   /* under a key that the platform has or had for the app */
    bool is_doubtful; /* a name occurs twice */
    enum proof_says says;
    char app_id[48], seller_id[48], order_no[SEEN_NUMBER], refund_no[SEEN_NUMBER];
    int64_t total_minor, refund_minor; /* -1: not said */
};
/* app NULL: nothing verifies. */
void proof_of_notify(struct check *check, const struct platform_app *app, struct till_str bytes,
                     struct proof *ret);
void proof_of_answer(const struct check *check, const struct platform_app *app,
                     struct till_str bytes, struct proof *ret);
/* Exact: "9.90" is 990; -1: not an amount. */
int64_t proof_minor(struct till_str decimal);

/* ---- passages ---- */

struct till_str check_path(struct till_str url);
struct till_str check_header(const struct world_request *request, const char *name);
bool check_is_gateway(const struct check *check, const struct sim_process *process);
void check_platform_call(struct check *check, const struct sim_passage *passage);
void check_notify_answer(struct check *check, const struct sim_passage *passage);
/* The account of ours that a notification's address names; empty: none. */
void check_account_of_address(struct check *check, struct till_str path, char *ret_id, size_t size);
/* Is what a message says a durable fact with us, or a durable contradiction? */
bool check_is_known(struct check *check, const struct seen_attempt *attempt,
                    const struct proof *proof);
/* The same words for the same number, for ever. */
void check_same_words(struct check *check, const char *rule, const char *kind,
                      struct till_str number, struct till_str words);
void check_api_answer(struct check *check, const struct sim_passage *passage);
void check_api_ended(struct check *check, const struct sim_passage *passage);
void check_mail(struct check *check, const struct sim_passage *passage);
enum { CHECK_TO_ANYBODY = -1, CHECK_TO_PLATFORM = -2 };
/* No secret, no person, and for a merchant nobody else's id. */
void check_words(struct check *check, struct till_str text, int merchant, bool shows_secret,
                 const char *where);
void check_read_secrets(struct check *check);

/* ---- check_kept.c ---- */

void check_acknowledged(struct check *check, const struct till_json *said, int merchant);
/* Whatever anybody was told is still so (I13). */
void check_kept(struct check *check);

#endif
