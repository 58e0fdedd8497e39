/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the imitated platform knows: apps, buyers, sellers, trades, refunds, notifications, faults,
 * the last exchanges. One lock guards all of it; functions named platform_* and marked "locked"
 * want it held and never wait. Trades and apps are never freed before sandbox_close, and what is
 * fixed at their birth (texts, numbers, the platform's key) may be read without the lock.
 *
 * Time is the platform's: the world's wall clock plus the sandbox's own offset.
 */
#ifndef SANDBOX_PLATFORM_H
#define SANDBOX_PLATFORM_H

#include <sandbox/fault.h>
#include <sandbox/sandbox.h>
#include <till/certificate.h>
#include <till/till.h>

enum {
    PLATFORM_APPS_MAX = 4096,
    PLATFORM_TRADES_MAX = 500000,
    PLATFORM_BUCKETS = 16384,
    PLATFORM_BUYERS = 3,
    PLATFORM_SIGNERS_MAX = 64, /* keys of the platform for one app, former ones included */
    PLATFORM_COURIERS = 4,
    PLATFORM_EXCHANGES = 1000,
    PLATFORM_TRADE_BYTES = 64 * 1024,
    PLATFORM_PASSWORD_LIMIT = 200000, /* 2000 yuan (dossier 10) */
    PLATFORM_OPEN_ID = 48,
    PLATFORM_ID = 40
};

#define PLATFORM_SECOND_US TILL_US_PER_SECOND
#define PLATFORM_MINUTE_US (60 * PLATFORM_SECOND_US)
#define PLATFORM_HOUR_US (60 * PLATFORM_MINUTE_US)
#define PLATFORM_DAY_US (24 * PLATFORM_HOUR_US)

struct certificate {
    char *pem; /* the leaf, then the intermediate; NULL: none */
    char sn[TILL_CERTIFICATE_SN_SIZE];
    int64_t expires_us;
};

/* A key that may be replaced while somebody still verifies with it. The certificate is set before
 * anybody in certificate mode sees the key. */
struct held_key {
    struct till_key *key;
    struct certificate certificate;
    int holders; /* under the lock */
};

/* A key that the platform signs for an app with; former ones stay, their certificates can be
 * downloaded. */
struct platform_signer {
    struct till_key *key;
    struct certificate certificate;
    struct platform_signer *older;
};

struct platform_seller {
    char id[PLATFORM_ID];
    int64_t balance_minor;
    struct platform_seller *next;
};

struct platform_app {
    char id[PLATFORM_ID];
    struct platform_seller *seller;
    char secret[72];
    char name[200];
    char callback[520];
    int64_t created_us;
    int64_t auto_pay_s; /* the test buyer pays by himself after so many seconds; -1: never */
    struct platform_signer *signer;        /* the newest; under the lock */
    struct till_key *_Atomic platform_key; /* the newest one's; never the app's */
    bool certificate_mode;
    char aes_key[32];         /* base64; empty: none */
    struct held_key *app_key; /* NULL until one was pasted */
    struct platform_app *next;
};

struct platform_buyer {
    const char *name; /* "tester" */
    char user_id[PLATFORM_ID];
    const char *login;    /* "tester@sandbox.com" */
    const char *logon_id; /* masked, as the platform shows it */
    int64_t balance_minor;
    int64_t endowment_minor;
};

/* Which call ordered it: decides what it may be paid with and how it is answered. */
enum trade_product {
    PRODUCT_PRECREATE,
    PRODUCT_PAGE,
    PRODUCT_WAP,
    PRODUCT_APP,
    PRODUCT_BARCODE,
    PRODUCT_CREATE,
    PRODUCT_COUNT
};

enum trade_status { TRADE_NONE, TRADE_WAIT, TRADE_SUCCESS, TRADE_FINISHED, TRADE_CLOSED };

struct platform_refund {
    struct platform_refund *next;
    struct till_str request_no;
    struct till_str reason;
    int64_t minor;
    int64_t at_us;
    int64_t reverses_us; /* the money comes back to the seller then; 0: never */
    bool reversed;
};

/* A QR code: bax + 5 digits + 16 of 0-9a-z. Several may lead to one trade. */
struct platform_code {
    struct platform_code *next; /* in its bucket */
    struct platform_trade *trade;
    char text[32];
    int64_t expires_us;
};

/* What bends the payer's way back: drawn when a page first shows it, then kept. */
struct platform_way_back {
    bool is_drawn;
    unsigned faults; /* bit 0: FAULT_RETURN_NEVER, and so on */
    char amount[64]; /* of FAULT_RETURN_AMOUNT; empty: the usual one */
};

struct platform_trade {
    struct till_arena arena; /* its texts, codes and refunds */
    struct platform_app *app;
    struct till_str out_trade_no, subject, body, product_code, passback_params, notify_url,
        store_id, terminal_id, return_url, quit_url;
    enum trade_product product;
    bool is_gbk; /* charset of the request: notifications speak it too */
    enum till_signature algorithm;
    int64_t total_minor;
    int64_t ordered_us;  /* precreate */
    int64_t absolute_us; /* time_expire; 0: none */
    int64_t timeout_us;  /* timeout_express, from the scan */

    enum trade_status status;
    bool cancelled;     /* before anybody scanned */
    bool was_cancelled; /* by cancel, at any time: decides what a repeated cancel says */
    char trade_no[PLATFORM_ID];
    struct platform_buyer *buyer;
    int64_t created_us, expires_us, paid_us, closed_us, last_refund_us;
    int64_t refunded_minor; /* cumulative, without reversed ones */
    struct platform_refund *refunds, **refunds_end;
    struct platform_way_back way_back;
    struct platform_code *code;  /* the newest */
    struct platform_trade *next; /* all, newest first */
    struct platform_trade *next_by_order, *next_by_trade_no;
};

enum notice_event { NOTICE_CREATED, NOTICE_PAID, NOTICE_REFUNDED, NOTICE_CLOSED, NOTICE_FINISHED };

#define PLATFORM_NOTICE_ATTEMPTS 8

struct platform_notice {
    struct platform_notice *next; /* all, newest first */
    struct platform_trade *trade;
    enum notice_event event;
    enum fault variant; /* FAULT_NONE: as it should be */
    char argument[64];  /* the variant's; empty: its usual one */
    char id[PLATFORM_ID];
    struct till_str refund_no; /* of a refund */
    int64_t refunded_minor;
    enum trade_status status; /* at the event */
    int64_t event_us;
    struct platform_buyer *buyer; /* as it was at the event, with the times */
    int64_t created_us, paid_us, closed_us;
    int64_t due_us; /* 0: nothing planned */
    int attempts;
    bool in_flight;
    bool acknowledged;
    bool held;       /* waits until a later notification of the same trade was sent */
    bool once;       /* sent by hand: no second attempt */
    int64_t repeats; /* sent again so often although acknowledged */
    bool over;       /* acknowledged, given up, or never to be sent */
    int last_status;
    char last_reply[64];
};

enum due_kind {
    DUE_NOTICE,
    DUE_EXPIRY,
    DUE_AUTO_PAY,
    DUE_STRIPE_SESSION,
    DUE_STRIPE_DELIVERY,
    DUE_STRIPE_LATER
};

struct appointment {
    int64_t at_us;
    enum due_kind kind;
    void *object;
};

struct authority;
struct exchange;
struct bill_desk; /* sandbox/bill.h */
struct tape;
struct replay;
struct stripe_book; /* sandbox/stripe/stripe.h */

struct courier_seat {
    struct sandbox *sandbox;
    size_t index;
};

struct sandbox {
    struct world *world;
    struct log *log;
    struct sandbox_options options;
    struct till_arena arena; /* copies of the options */
    struct till_str tls_pem; /* empty: no TLS */
    struct world_lock lock;
    uint64_t random;
    uint64_t counter;          /* in numbers: never twice, also after a restart */
    _Atomic int64_t offset_us; /* read without the lock, too */
    bool dirty, saving;
    int64_t save_after_us; /* monotonic */

    struct platform_app *apps;
    size_t app_count;
    struct platform_seller *sellers;
    struct platform_buyer buyers[PLATFORM_BUYERS];
    struct auth_codes *auth_codes; /* NULL until a wallet showed one */
    struct grants *grants;         /* NULL until a buyer allowed something */
    int64_t password_limit_minor;  /* a barcode payment above it asks for the password */
    struct platform_trade *trades;
    size_t trade_count;
    struct platform_trade *by_order[PLATFORM_BUCKETS];
    struct platform_trade *by_trade_no[PLATFORM_BUCKETS];
    struct platform_code *by_code[PLATFORM_BUCKETS];
    struct platform_notice *notices;
    size_t notice_count, held_count;
    struct appointment *dues; /* a heap, earliest first */
    size_t due_count, due_room;

    struct fault_rule *rules;
    size_t rule_count;
    int64_t rule_serial;
    struct till_key *stranger; /* signs what must not verify; made when first wanted */
    char *big_answer, *bomb;
    size_t bomb_len;

    struct authority *authority; /* made when first wanted */
    struct bill_desk *bills;     /* NULL until the first one is asked for */
    struct stripe_book *stripe;
    struct tape *tape;     /* the recording that is made, or NULL */
    bool record_failed;    /* and it was told */
    struct replay *replay; /* the recording that is played, or NULL */
    struct exchange *exchanges[PLATFORM_EXCHANGES];
    uint64_t exchange_serial;

    struct world_spot spots[PLATFORM_COURIERS];
    struct courier_seat seats[PLATFORM_COURIERS];
    bool started;
};

/* The platform's wall clock. */
int64_t platform_now_us(struct sandbox *sandbox);
void platform_lock(struct sandbox *sandbox);
void platform_unlock(struct sandbox *sandbox);
/* Something is due earlier than anybody thought: the couriers look again. Not under the lock. */
void platform_wake(struct sandbox *sandbox);
/* Locked: what is known now must reach the state file. */
void platform_changed(struct sandbox *sandbox);

/* number.c, locked. */
uint64_t platform_random(struct sandbox *sandbox);
void platform_digits(struct sandbox *sandbox, char *out, size_t count); /* no NUL */
void platform_make_app_id(struct sandbox *sandbox, char out[PLATFORM_ID]);
void platform_make_seller_id(struct sandbox *sandbox, char out[PLATFORM_ID]);
void platform_make_trade_no(struct sandbox *sandbox, int64_t now_us, char out[PLATFORM_ID]);
void platform_make_notify_id(struct sandbox *sandbox, int64_t now_us, char out[PLATFORM_ID]);
void platform_make_code(struct sandbox *sandbox, char out[32]);
/* How an app knows the buyer: 47 characters, another one for each app. Not under the lock. */
void platform_open_id(const struct platform_app *app, const struct platform_buyer *buyer,
                      char out[PLATFORM_OPEN_ID]);
size_t platform_bucket(struct till_str a, struct till_str b);
/* "2026-11-22 18:00:00", or the empty string for 0; in the arena. */
struct till_str platform_time_text(struct till_arena *arena, int64_t us);
/* "9.90" in the arena. */
struct till_str platform_money_text(struct till_arena *arena, int64_t minor);
/* A copy in the arena; TILL_STR_NONE when it is full. */
struct till_str platform_keep(struct till_arena *arena, struct till_str text);

/* schedule.c, locked. A full memory drops the appointment and logs it. */
void platform_due(struct sandbox *sandbox, int64_t at_us, enum due_kind kind, void *object);
bool platform_due_take(struct sandbox *sandbox, int64_t now_us, struct appointment *ret_due);
/* INT64_MAX when nothing is planned. */
int64_t platform_due_next(const struct sandbox *sandbox);

/* book.c, locked. */
void platform_buyers_init(struct sandbox *sandbox);
struct platform_buyer *platform_buyer_find(struct sandbox *sandbox, struct till_str name);
struct platform_seller *platform_seller_obtain(struct sandbox *sandbox, struct till_str id);
struct platform_books {
    int64_t endowment_minor, buyers_minor, sellers_minor;
    int64_t paid_minor, refunded_minor; /* over all trades */
    size_t trades, trades_paid, refunds;
    bool conserved; /* nothing appeared, nothing vanished */
};
void platform_books_read(struct sandbox *sandbox, struct platform_books *ret_books);

#endif
