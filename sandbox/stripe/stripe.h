/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second platform: Stripe's API v1 (dossier stripe.md). Its objects are documents: each is kept
 * as the JSON that a GET answers (ids of others not expanded), and beside it what no answer shows.
 * Who wants one reads it into a tree, changes the tree, puts it back. The shapes with all their
 * nulls are shapes.json.
 *
 * One account for each secret key, made when the key is first seen. Objects belong to their account
 * and live until sandbox_close, so pointers to them may be kept. Everything here wants the
 * sandbox's lock held and never waits; the exception is stripe_serve, which takes the lock itself.
 * Amounts are Stripe's smallest units (stripe/money.h).
 */
#ifndef SANDBOX_STRIPE_STRIPE_H
#define SANDBOX_STRIPE_STRIPE_H

#include <sandbox/platform.h>

enum {
    STRIPE_ACCOUNTS_MAX = 1000,
    STRIPE_OBJECTS_MAX = 500000, /* of all accounts, events included */
    STRIPE_ID = 80,
    STRIPE_KEY_MASKED = 64,
    STRIPE_VERSION = 48
};

/* Of events and endpoints when a key never named one. */
#define STRIPE_DEFAULT_VERSION "2026-07-29.dahlia"

enum stripe_kind {
    STRIPE_SESSION,
    STRIPE_INTENT,
    STRIPE_CHARGE,
    STRIPE_REFUND,
    STRIPE_TRANSACTION, /* balance transaction */
    STRIPE_ENDPOINT,
    STRIPE_EVENT,
    STRIPE_CUSTOMER,
    STRIPE_METHOD, /* payment method */
    STRIPE_PRODUCT,
    STRIPE_PRICE,
    STRIPE_KINDS
};

struct stripe_account;

struct stripe_object {
    struct stripe_account *account;
    enum stripe_kind kind;
    char id[STRIPE_ID];
    /* Whom it belongs to, for lists: of charges, refunds and sessions the payment intent, of
     * balance transactions the source, of payment methods the customer, of prices the product. */
    char about[STRIPE_ID];
    int64_t created_us;
    bool is_deleted;                     /* answers and lists pass it over */
    char *text;                          /* JSON, NUL-terminated */
    char *hidden;                        /* JSON, or NULL */
    struct stripe_object *older, *newer; /* of its account and kind */
    struct stripe_object *next_by_id;
};

struct stripe_account {
    struct stripe_account *next;
    char id[STRIPE_ID];  /* acct_... */
    char key_digest[65]; /* SHA-256 of the secret key in hex: the key itself is not kept */
    char key_masked[STRIPE_KEY_MASKED]; /* sk_test_****1234, for people */
    char api_version[STRIPE_VERSION];   /* the last one that was asked for */
    int64_t created_us;
    struct stripe_object *newest[STRIPE_KINDS];
};

/* What an event's `request` says. */
struct stripe_cause {
    struct till_str request_id, idempotency_key;
};

struct stripe_kept; /* idempotency.h */
struct stripe_mail; /* deliveries of events */

struct stripe_book {
    struct stripe_account *accounts;
    size_t account_count;
    struct stripe_object *by_id[PLATFORM_BUCKETS];
    size_t object_count;
    struct till_json *shapes;
    const struct stripe_cause *cause;           /* NULL: the platform acts on its own account */
    struct stripe_kept *kept_first, **kept_end; /* oldest first */
    struct stripe_kept *kept_by_key[PLATFORM_BUCKETS];
    bool starved; /* something could not be kept */
    struct stripe_mail *mail;
};

/* book.c. False when there is no memory. Not under the lock. */
bool stripe_book_open(struct sandbox *sandbox);
void stripe_book_close(struct sandbox *sandbox);

/* The account of a secret key; NULL when there is none yet. */
struct stripe_account *stripe_account_find(struct sandbox *sandbox, struct till_str key);
struct stripe_account *stripe_account_find_id(struct sandbox *sandbox, struct till_str id);
/* Makes it when it is new; NULL: too many, or no memory. The key was judged before
 * (stripe_key_is_ours). */
struct stripe_account *stripe_account_obtain(struct sandbox *sandbox, struct till_str key);
/* sk_test_ or rk_test_ and 8 to 240 characters of A-Za-z0-9_. */
bool stripe_key_is_ours(struct till_str key);
/* The prefix and the last four characters; out holds STRIPE_KEY_MASKED. */
void stripe_key_mask(struct till_str key, char *out);

/* prefix and `count` characters of 0-9A-Za-z, never twice; out holds STRIPE_ID. */
void stripe_make_id(struct sandbox *sandbox, const char *prefix, size_t count, char *out);
/* The `object` of a kind, "checkout.session", and how its ids begin. */
const char *stripe_kind_name(enum stripe_kind kind);
const char *stripe_kind_prefix(enum stripe_kind kind);
/* A fresh tree of this shape ("charge"); the caller releases it. */
struct till_json *stripe_shape(struct sandbox *sandbox, const char *name);

/* A new object with a new id: sets id, created (where the shape has it) and livemode in the tree
 * and takes it. `id_prefix` NULL: the kind's. NULL: the book is full; the tree is released. */
struct stripe_object *stripe_add(struct sandbox *sandbox, struct stripe_account *account,
                                 enum stripe_kind kind, const char *id_prefix,
                                 struct till_json *json);
/* NULL: none of that account and kind, or deleted. */
struct stripe_object *stripe_find(struct sandbox *sandbox, const struct stripe_account *account,
                                  enum stripe_kind kind, struct till_str id);
/* Of any kind. */
struct stripe_object *stripe_find_any(struct sandbox *sandbox, const struct stripe_account *account,
                                      struct till_str id);
/* By id alone, for pages and control. */
struct stripe_object *stripe_find_anywhere(struct sandbox *sandbox, enum stripe_kind kind,
                                           struct till_str id);
/* A tree of one's own, to be released; NULL without memory. */
struct till_json *stripe_read(const struct stripe_object *object);
/* What no answer shows (line items, the endpoint's secrets); an empty object when there is
 * nothing. */
struct till_json *stripe_read_hidden(const struct stripe_object *object);
/* Takes the tree. Without memory the old one stays and book->starved is set. */
void stripe_put(struct sandbox *sandbox, struct stripe_object *object, struct till_json *json);
void stripe_put_hidden(struct sandbox *sandbox, struct stripe_object *object,
                       struct till_json *json);
void stripe_set_about(struct stripe_object *object, struct till_str id);

/* Takes an object that has its account, kind and id into lists and table; for state.c. */
void stripe_enter_object(struct sandbox *sandbox, struct stripe_object *object);

/* Small readers and writers of trees. */
int64_t stripe_int(const struct till_json *json, const char *name); /* 0 when absent */
bool stripe_flag(const struct till_json *json, const char *name);
void stripe_set_text(struct till_json *json, const char *name, struct till_str value); /* empty:
                                                                                          null */
/* A copy of a member, or an empty object. */
struct till_json *stripe_copy_member(const struct till_json *json, const char *name);

/* event.c: an event of the type with the object as it is now. `previous`: what was before
 * (data.previous_attributes), or NULL; borrowed. NULL when it could not be kept. */
struct stripe_object *stripe_emit(struct sandbox *sandbox, const struct stripe_object *object,
                                  const char *type, const struct till_json *previous);

/* What payers and people at the platform do; sentences in err say why not. */

/* session_pay.c: `method` is "card", "alipay", "wechat_pay", or a test token (pm_card_visa,
 * pm_card_chargeDeclined ...). True: paid, the session is complete. CHANNEL_DECLINED in err: the
 * bank said no, and the session stays open. STATE_CONFLICT: not open any more. */
TILL_MUST_CHECK bool stripe_pay_session(struct sandbox *sandbox, struct stripe_object *session,
                                        struct till_str method, struct till_error *err);
/* The payer is done, the money is under way: complete and unpaid, the intent is processing. */
TILL_MUST_CHECK bool stripe_pay_session_later(struct sandbox *sandbox,
                                              struct stripe_object *session, struct till_str method,
                                              struct till_error *err);
/* It came, or it did not. */
TILL_MUST_CHECK bool stripe_settle_session(struct sandbox *sandbox, struct stripe_object *session,
                                           bool has_come, struct till_error *err);
/* By the API's expire, by the clock, or at the dashboard. */
TILL_MUST_CHECK bool stripe_expire_session(struct sandbox *sandbox, struct stripe_object *session,
                                           struct till_error *err);
/* intent_confirm.c: the buyer agrees, or does not, on the page that an intent's next_action names.
 * STATE_CONFLICT: it waits for no buyer. */
TILL_MUST_CHECK bool stripe_finish_action(struct sandbox *sandbox, struct stripe_object *intent,
                                          bool agrees, struct till_error *err);
/* refund.c: amount 0: all that is left. */
TILL_MUST_CHECK bool stripe_refund_charge(struct sandbox *sandbox, struct stripe_object *charge,
                                          int64_t amount, const struct till_json *metadata,
                                          struct till_str reason, struct stripe_object **ret_refund,
                                          struct till_error *err);
/* The bank sends it back: the money is the merchant's again. failure_reason: "unknown", ... */
TILL_MUST_CHECK bool stripe_fail_refund(struct sandbox *sandbox, struct stripe_object *refund,
                                        const char *failure_reason, struct till_error *err);

/* Whether a path is this platform's ("/v1/..."). */
bool stripe_is_ours(struct till_str path);
/* call.c. Takes the lock itself. */
void stripe_serve(struct sandbox *sandbox, struct http_request *request,
                  struct http_response *response);
/* Locked: DUE_STRIPE_SESSION of the courier. */
void stripe_session_due(struct sandbox *sandbox, struct stripe_object *session, int64_t now_us);

/* state.c: rows of the state file. */
void stripe_state_write(const struct sandbox *sandbox,
                        void (*write)(void *page, struct till_json *row), void *page);
TILL_MUST_CHECK bool stripe_state_read_account(struct sandbox *sandbox, const struct till_json *row,
                                               struct till_error *err);
TILL_MUST_CHECK bool stripe_state_read_object(struct sandbox *sandbox, const struct till_json *row,
                                              struct till_error *err);
TILL_MUST_CHECK bool stripe_state_read_kept(struct sandbox *sandbox, const struct till_json *row,
                                            struct till_error *err);

#endif
