/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between payments and platforms (strategy), and the factory that finds a channel by
 * name. A channel is pure: it composes business bytes, builds and signs the request, and reads the
 * answer into a verdict; somebody else moves the bytes. One `till_execute_*` entry serves every
 * channel; a product is a row of a table; a new channel touches no existing logic.
 *
 *   compose  -> business bytes (stored before anything leaves, repeated identically)
 *   build    -> signed request
 *   hand_over -> instead of build: what the buyer takes to the platform himself
 *   parse    -> verdict; cannot fail: silence and garbage are answers
 *   notified -> notice, only from bytes that verified
 *   acknowledge -> what the platform wants to read
 */
#ifndef TILL_CHANNEL_H
#define TILL_CHANNEL_H

#include <stdint.h>

#include <till/arena.h>
#include <till/form.h>
#include <till/json.h>
#include <till/money.h>

enum till_mode { TILL_TEST, TILL_LIVE };

enum till_operation {
    TILL_CREATE,
    TILL_QUERY,
    TILL_CLOSE,
    TILL_CANCEL,
    TILL_REFUND,
    TILL_REFUND_QUERY,
    TILL_OPERATIONS
};
const char *till_operation_name(enum till_operation operation);

struct till_channel;
struct till_bills; /* till/bill.h */

/* A merchant's account at a platform; immutable after loading, shared by threads. */
struct till_account {
    const struct till_channel *channel;
    enum till_mode mode;
    void *credentials; /* the channel's own, freed by channel->unload */
};

/* The unified request: one shape for every channel and operation. Unused fields stay empty. */
struct till_ask {
    enum till_operation operation;
    struct till_str product;     /* a row of the channel's products: "precreate" */
    struct till_str upstream_no; /* our order number at the platform, 26..32 alphanumerics */
    struct till_money amount;    /* of the order */
    struct till_str subject;     /* UTF-8 */
    struct till_str merchant_no; /* the merchant's out_trade_no, for the pass-through field */
    /* The platform's handle of the order and its number of the trade; empty when not known (yet) */
    struct till_str reference, trade_no;
    /* Whose order it is here, for platforms whose account others may share; may be empty */
    struct till_str addressee;
    struct till_str notify_url;
    struct till_str return_url;
    int64_t created_us; /* identity time of the attempt: never changes between repeats */
    int64_t expires_us; /* absolute */
    int64_t now_us;     /* transport time of this sending */
    struct till_str refund_no;
    struct till_money refund_amount; /* of a refund query 0: not known, the answer tells it */
    struct till_str refund_reason;
    /* channel-specific fields of the merchant, checked by compose; may be NULL */
    const struct till_json *extra;
    struct till_str business; /* composed bytes; set by the caller from storage for build */
    struct till_str method;   /* set by channels only: another method than the operation's */
};

struct till_outgoing {
    struct till_str method; /* "POST" */
    struct till_str url;
    struct till_str content_type;
    struct till_str body;
    /* Beside the content type; may hold the account's secret, so they are never logged or captured.
     * In the arena. */
    const struct till_pair *headers;
    size_t header_count;
    /* the canonical string, for explaining; never logged outside of debug */
    struct till_str signed_text;
};

enum till_fate {
    TILL_FATE_UNSENT,  /* proven: no byte of the request left */
    TILL_FATE_LOST,    /* some may have left; no complete answer */
    TILL_FATE_ANSWERED /* a complete HTTP answer */
};

struct till_incoming {
    enum till_fate fate;
    int status;
    struct till_str body;
};

enum till_outcome {
    TILL_PAID,     /* the money moved: order paid; for refunds: refunded */
    TILL_PENDING,  /* the platform has it, undecided */
    TILL_CLOSED,   /* the order can no longer be paid (close, cancel, query of a closed one) */
    TILL_DECLINED, /* final no; code and text in peer_* */
    TILL_UNSENT,   /* safe to repeat */
    TILL_UNKNOWN   /* ask, never repeat blindly; see till_channel.recovery */
};
const char *till_outcome_name(enum till_outcome outcome);

/*
 * Which outcome an operation can have; every channel keeps to this table.
 *
 * - CREATE: PENDING with an action; PAID for products that charge at once; DECLINED; UNKNOWN (with
 *   trade PAID or CLOSED: the number is known there, so a query settles it, not a repetition).
 * - QUERY: PAID (trade PAID or FINISHED); PENDING (trade WAITING, or ABSENT: never scanned, not
 *   settled yet or never created; ABSENT proves nothing about an unknown attempt, in neither
 *   direction); CLOSED (trade CLOSED; or REFUNDED: money came and went, book both); UNKNOWN. Never
 *   DECLINED.
 * - CLOSE: CLOSED; UNKNOWN (trade ABSENT: never scanned, so cancel; otherwise the platform refused
 *   because it is paid or closed already, or nothing is known: query). Never DECLINED.
 * - CANCEL: CLOSED (trade CLOSED; ABSENT: nothing existed; REFUNDED: money came and went, book
 *   both); UNKNOWN: query, then cancel again. Never DECLINED. A platform that cannot give money
 * back under the order's own number cancels by closing.
 * - REFUND: PAID (this refund is done); PENDING (taken, on its way); DECLINED (this refund is
 *   refused, nothing moved); UNKNOWN.
 * - REFUND_QUERY: PAID; PENDING (trade ABSENT: this refund number never succeeded, so the same
 *   number may go again; UNSAID: it is on its way); DECLINED (the platform took it and it failed
 *   for good: the money is back with the merchant); UNKNOWN.
 *
 * A refusal of the call itself (our signature, our rights, a rate limit) declines an order that is
 * being created, and leaves everything else UNKNOWN: it says nothing about money that may have
 * moved before.
 */

/* What the platform said of the trade, where it said so under a good signature. */
enum till_trade {
    TILL_TRADE_UNSAID,
    TILL_TRADE_ABSENT,   /* "does not exist" (never scanned, not settled, or never created) */
    TILL_TRADE_WAITING,  /* exists, unpaid */
    TILL_TRADE_PAID,     /* paid, refundable */
    TILL_TRADE_FINISHED, /* paid, no refund possible any more */
    TILL_TRADE_CLOSED,   /* closed unpaid */
    TILL_TRADE_REFUNDED  /* paid and wholly refunded, or cancelled after payment */
};

struct till_verdict {
    enum till_outcome outcome;
    enum till_trade trade;
    bool verified;      /* read from bytes under a good signature; only then may money move */
    bool suspicious;    /* a wrong signature, or content that contradicts: a security event */
    bool retry_later;   /* rate limit or "call again": the identical request after a pause */
    bool is_down;       /* the platform itself says that it cannot work now: a system error */
    char peer_code[64]; /* "10000", "ACQ.TRADE_NOT_EXIST" */
    char peer_text[256];
    struct till_str action_kind; /* "qr_code", "redirect", ...; in the arena */
    struct till_str action_value;
    struct till_str reference; /* the platform's handle of the order, for later questions */
    struct till_str trade_no;  /* the platform's number */
    /* as echoed; must equal ours or the verdict is UNKNOWN and suspicious */
    struct till_str upstream_no;
    struct till_str buyer;      /* masked, as the platform gives it */
    struct till_money amount;   /* order total; minor 0 when unsaid */
    struct till_money refunded; /* cumulative for the trade; minor 0 when unsaid */
    struct till_money refund;   /* of a refund query: the amount of that refund */
    int64_t paid_us;            /* 0 when unsaid */
    /* Nothing was read, since the platform signed under a certificate that the account does not
     * know: its name, for certificate_ask. Empty: none is wanted. */
    struct till_str certificate_wanted;
};

/* How an unknown outcome is settled (DESIGN section 3). Never a new number. */
enum till_recovery {
    TILL_RECOVER_REPEAT, /* the identical request again, until the order's end */
    /* The same under its idempotency key, also after its end: the platform answers as it did at
     * first, or refuses for good what it never took. Nothing else can be asked before, since only
     * the answer brings the order's handle. */
    TILL_RECOVER_REPEAT_KEYED,
    TILL_RECOVER_QUERY,             /* ask */
    TILL_RECOVER_QUERY_THEN_CANCEL, /* ask for a while, then cancel */
    TILL_RECOVER_REFUND_QUERY,      /* same refund number again, or ask for it */
    TILL_RECOVER_CANCEL             /* cancel; its answer says whether money came and went */
};

enum till_notice_kind {
    TILL_NOTICE_WAITING, /* trade exists, unpaid: nothing to do */
    TILL_NOTICE_PAID,
    TILL_NOTICE_CLOSED,        /* closed unpaid */
    TILL_NOTICE_REFUND,        /* a refund (part or all) on a paid trade */
    TILL_NOTICE_REFUND_FAILED, /* a refund of ours, named by refund_no, that did not arrive */
    TILL_NOTICE_REFUND_SUM,    /* refunds are told by their sum alone, single ones apart */
    TILL_NOTICE_DISPUTE,       /* the buyer wants it back through his bank: a person must look */
    TILL_NOTICE_UNKNOWN,       /* a status we do not know: HOLD */
    TILL_NOTICE_NOTHING        /* verified, and about nothing that is kept here: acknowledged */
};

/* A verified notification. Strings point into the arena. */
struct till_notice {
    enum till_notice_kind kind;
    bool finished;               /* paid and not refundable upstream */
    struct till_str upstream_no; /* our order number; empty: the trade_no alone names the order */
    struct till_str reference;   /* the platform's handle of the order; empty when unsaid */
    struct till_str trade_no;
    struct till_str app_id;    /* whom the platform thinks it talks to */
    struct till_str addressee; /* as the order was made with; empty when unsaid */
    struct till_str seller;
    struct till_money amount;    /* of the order; minor 0 when a refund's notice leaves it unsaid */
    struct till_money refunded;  /* cumulative, or of the one refund that is named */
    struct till_str refund_no;   /* ours, when the notice names one */
    struct till_str status_text; /* the platform's word */
    struct till_str notice_id;
    struct till_str buyer;
    int64_t paid_us;
    const char *mismatch; /* account-level content that is not ours: "app_id", "seller", "mode";
                             NULL when all right */
};

/* The raw notification as it came in. */
struct till_notification {
    struct till_str method;
    struct till_str query; /* raw; never merged with the body */
    struct till_str content_type;
    struct till_str body; /* raw bytes */
    const struct till_pair *headers;
    size_t header_count;
    int64_t now_us;
};

enum till_acknowledgement {
    TILL_ACK,
    TILL_NACK,     /* refused: it is not the platform's, or not for us */
    TILL_NACK_OURS /* our own trouble: to be sent again */
};

struct till_reply {
    int status;
    struct till_str content_type;
    struct till_str body;
};

/*
 * What the buyer does next. `kind` and `value` are stored; the rest is read from them when somebody
 * is shown the action (till_channel.show).
 *   "qr_code"   value: the text of the code
 *   "redirect"  value: the address for the buyer's browser
 *   "form"      value: the same as an address; shown: url and fields of a POST, and a page that
 *               posts it by itself
 *   "bridge"    value: what the platform's software on the phone takes; shown: by which name
 */
struct till_action {
    struct till_str kind, value;
    struct till_str url;      /* form */
    struct till_form fields;  /* form: its hidden fields; bridge: the parameters */
    struct till_str document; /* form: a complete HTML page */
};

struct till_product {
    const char *name;    /* ours: "precreate" */
    const char *method;  /* theirs: "alipay.trade.precreate" */
    const char *action;  /* the kind of action; NULL: the buyer is charged at once */
    const char *code;    /* the platform's product code, or NULL */
    bool is_handed_over; /* the buyer takes it to the platform: a creation is no call of ours, so
                            hand_over takes the place of build and parse */
    enum till_recovery recovery; /* of an unknown creation; for one that is handed over, where none
                                    can be unknown, it makes the action once more */
    int64_t poll_us; /* the pause between questions while it is open; 0: as the settings say. With
                        it the order's end is the end of waiting: no grace */
    int64_t action_lifetime_us; /* how long the action lives at most; 0: as long as the order */
    int64_t expires_min_us, expires_max_us, expires_default_us;
};

struct till_channel {
    const char *name;                    /* "alipay" */
    const struct till_product *products; /* ends with a NULL name */
    const char *const *currencies;       /* NULL-terminated */
    /* Settings (a JSON object) into credentials. Empty or weak keys, a public key that is our own,
     * bad addresses: refused naming the setting (field "/platform_public_key"), never its value. */
    bool (*load)(const struct till_json *settings, struct till_account *account,
                 struct till_error *err);
    void (*unload)(struct till_account *account);
    /* One line a setting for people: name, required, secret, meaning; ends with NULL name. */
    const struct till_channel_setting *settings;
    bool (*compose)(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_str *ret_business,
                    struct till_error *err);
    bool (*build)(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err);
    /* For a product that is handed over: the signed action of the identical order, kind and value.
     * Nothing leaves by it. ask->business as for build; ask->extra decides between the forms that
     * an action can have. */
    bool (*hand_over)(const struct till_account *account, const struct till_ask *ask,
                      struct till_arena *arena, struct till_action *ret_action,
                      struct till_error *err);
    /* The whole of an action of this channel from its kind and value, which stay as they are. */
    bool (*show)(struct till_str product, struct till_arena *arena, struct till_action *action,
                 struct till_error *err);
    void (*parse)(const struct till_account *account, const struct till_ask *ask,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_verdict *ret_verdict);
    bool (*notified)(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_notice *ret_notice, struct till_error *err);
    /* The browser's return: verifies and names the order it is about; proves nothing else. */
    bool (*returned)(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_str *ret_upstream_no, struct till_error *err);
    void (*acknowledge)(enum till_acknowledgement acknowledgement, struct till_reply *ret_reply);
    enum till_recovery recovery[TILL_OPERATIONS]; /* of CREATE the product's own one counts */
    /*
     * Platform certificates that are replaced while orders run; all three are NULL for channels
     * that know none. `name` is that of the account's current one, empty when it uses a plain key.
     * `ask` builds the request for the certificate that a verdict wanted; `take` reads its answer,
     * judges the certificate at now_us, and gives the account's settings (the JSON text) with it in
     * place and the old one kept for a while. What cannot be trusted is CERTIFICATE_INVALID.
     */
    struct till_str (*certificate_name)(const struct till_account *account);
    bool (*certificate_ask)(const struct till_account *account, struct till_str wanted,
                            int64_t now_us, struct till_arena *arena,
                            struct till_outgoing *ret_outgoing, struct till_error *err);
    bool (*certificate_take)(const struct till_account *account, struct till_str wanted,
                             const struct till_incoming *incoming, const struct till_json *settings,
                             int64_t now_us, struct till_arena *arena,
                             struct till_str *ret_settings, struct till_error *err);
    /* What people should know of an account at now_us besides its settings, into a JSON object:
     * "warnings" (a list of sentences; what is weak, what ends soon) above all. Holds no secret. */
    bool (*describe)(const struct till_account *account, int64_t now_us, struct till_arena *arena,
                     struct till_json *into, struct till_error *err);
    /* What a person should do about the platform's code, one English sentence; NULL when it says
     * enough by itself or is not known. */
    const char *(*advise)(struct till_str peer_code, enum till_operation operation);
    /* The code of a question about an order that nobody placed, from a platform that takes the
     * account's key; NULL: its verdict's trade says ABSENT. For `till doctor`. */
    const char *nobodys_code;
    const struct till_bills *bills; /* NULL: the channel has none */
};

struct till_channel_setting {
    const char *name;
    bool required;
    bool secret;
    const char *meaning;
};

/* The factory. NULL / false when there is no such channel. */
const struct till_channel *till_channel_find(struct till_str name);
const struct till_channel *till_channel_at(size_t index); /* NULL past the end */
/* Is the currency ("CNY") one of its own? */
bool till_channel_takes(const struct till_channel *channel, const char *currency);
/* CHANNEL_UNKNOWN when there is none. */
TILL_MUST_CHECK bool till_product_find(const struct till_channel *channel, struct till_str name,
                                       const struct till_product **ret_product,
                                       struct till_error *err);
/* The same for rows that were read before; NULL when this build has no such channel or product. */
const struct till_product *till_product_look(struct till_str channel, struct till_str name);

/* Load and release an account of a named channel. */
TILL_MUST_CHECK bool till_account_load(struct till_str channel, enum till_mode mode,
                                       const struct till_json *settings,
                                       struct till_account **ret_account, struct till_error *err);
void till_account_free(struct till_account *account);

/* The one entry: compose when ask->business is empty, then build. For SDK users and flows alike. */
TILL_MUST_CHECK bool till_request(const struct till_account *account, const struct till_ask *ask,
                                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                                  struct till_error *err);
/* The same for what is handed over; `ask` as above. */
TILL_MUST_CHECK bool till_hand_over(const struct till_account *account, const struct till_ask *ask,
                                    struct till_arena *arena, struct till_action *ret_action,
                                    struct till_error *err);
void till_answer(const struct till_account *account, const struct till_ask *ask,
                 const struct till_incoming *incoming, struct till_arena *arena,
                 struct till_verdict *ret_verdict);

#endif
