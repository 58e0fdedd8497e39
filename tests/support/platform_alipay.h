/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted Alipay for flow tests: the platform's side of gateway.do behind an inline world's
 * route. It keeps books of its own (trades, what was paid, each refund number once), checks every
 * request's signature, signs its answers and notifications with its own key pair, and misbehaves on
 * request. It is an oracle, not the sandbox: what is not listed here it answers with
 * invalid-method.
 *
 * Everything belongs to the platform and is freed with it; bodies of notifications live in the
 * caller's arena. Two platforms may share a world under two addresses.
 */
#ifndef TESTS_SUPPORT_PLATFORM_ALIPAY_H
#define TESTS_SUPPORT_PLATFORM_ALIPAY_H

#include <till/alipay.h>

#include "alipay_ca.h"
#include "world_inline.h"

enum platform_status {
    PLATFORM_OFFERED, /* precreated, never scanned: "does not exist" */
    PLATFORM_WAITING,
    PLATFORM_PAID,
    PLATFORM_FINISHED,
    PLATFORM_CLOSED,
    PLATFORM_REFUNDED /* paid and wholly given back */
};

enum { PLATFORM_REFUNDS = 16, PLATFORM_NUMBER = 72 };

struct platform_refund {
    char no[PLATFORM_NUMBER];
    int64_t minor;
};

struct platform_trade {
    char out_trade_no[PLATFORM_NUMBER];
    char trade_no[32];
    char auth_code[72];      /* trade.pay: what the buyer showed */
    char biz[2048];          /* biz_content of the first creation: a repetition must be equal */
    int64_t total, refunded; /* minor units */
    enum platform_status status;
    struct platform_refund refunds[PLATFORM_REFUNDS];
    size_t refund_count;
    int creates, discordant; /* requests for this number; those with other content */
};

/* How the next calls of a method go wrong. */
enum platform_whim_kind {
    PLATFORM_WRONG_SIGNATURE, /* acts, signs with another key */
    PLATFORM_UNSIGNED,        /* acts, leaves the signature out */
    PLATFORM_ERROR_AFTER,  /* acts, then answers 40004 with the code ("20000" stands for itself) */
    PLATFORM_ERROR_BEFORE, /* answers the code and does not act */
    PLATFORM_NO_FUND_CHANGE, /* refund: acts, answers 10000 without fund_change */
    PLATFORM_FORGED_PAID, /* query: says TRADE_SUCCESS under another key, whatever the books say */
    PLATFORM_OTHER_ORDER, /* answers about another order, well signed */
    PLATFORM_RETRY        /* cancel: does not act, answers retry_flag=Y */
};

struct platform_whim {
    const char *method, *code;
    enum platform_whim_kind kind;
    size_t left;
};

enum { PLATFORM_WHIMS = 16, PLATFORM_METHODS = 12 };

struct platform_alipay;
/* Called inside of the exchange, before and after the platform acts; may run flows
 * of the gateway. */
typedef void platform_hook(void *self, struct platform_alipay *platform, struct till_str method,
                           struct platform_trade *trade);

struct platform_alipay {
    struct world *world;
    const char *url;
    char app_id[24], seller_id[24];
    struct till_key *app_key, *platform_key,
        *foreign_key; /* shared by all platforms of a process */
    struct platform_trade **trades;
    size_t trade_count, trade_room;
    struct platform_whim whims[PLATFORM_WHIMS];
    size_t refused; /* requests whose signature was not the app's */
    size_t calls[PLATFORM_METHODS];
    uint64_t serial;
    bool asks_password; /* trade.pay: 10003, and platform_alipay_pay is the password */
    /* certificate mode: what it signs under; empty: key mode */
    struct till_str app_cert, cert, root;
    char cert_sn[TILL_CERTIFICATE_SN_SIZE];
    struct till_str handed_out;    /* another text in the certificate's place; empty: none */
    platform_hook *before, *after; /* may be NULL */
    void *self;
};

/* `url` is the address of gateway.do and must outlive the platform. `app_id` of 16 digits. */
void platform_alipay_open(struct platform_alipay *platform, struct world *world, const char *url,
                          const char *app_id);
void platform_alipay_close(struct platform_alipay *platform);
/* The account's settings for the gateway, a JSON object. */
struct till_str platform_alipay_settings(struct platform_alipay *platform,
                                         struct till_arena *arena);

/* Certificate mode under this authority from here on (before the settings are made), and another
 * key and certificate for what is signed next. The authority outlives the platform. */
void platform_alipay_certify(struct platform_alipay *platform, struct alipay_ca *ca);
void platform_alipay_rotate(struct platform_alipay *platform, struct alipay_ca *ca,
                            struct till_key *key, const char *serial);

/* NULL when the platform has no such order. */
struct platform_trade *platform_alipay_find(struct platform_alipay *platform,
                                            struct till_str out_trade_no);
struct platform_trade *platform_alipay_newest(struct platform_alipay *platform);
/* The buyer: opens the code (a trade exists now), pays. False when the platform
 * would refuse him. */
bool platform_alipay_scan(struct platform_alipay *platform, struct platform_trade *trade);
bool platform_alipay_pay(struct platform_alipay *platform, struct platform_trade *trade);
/* The buyer's browser (GET) or phone comes with what was handed over: everything in `query` and
 * `body` (which may be empty), urlencoded. He logs in, so the trade exists now. NULL when the
 * platform shows its error page: bad signature, expired, closed, paid, other content. */
struct platform_trade *platform_alipay_visit(struct platform_alipay *platform,
                                             struct till_str query, struct till_str body);
/* Money that the merchant's staff gives back at the platform's console. */
bool platform_alipay_give_back(struct platform_alipay *platform, struct platform_trade *trade,
                               const char *refund_no, int64_t minor);
/* Money that the platform holds for the merchant out of this trade. */
int64_t platform_alipay_held(const struct platform_trade *trade);

void platform_alipay_whim(struct platform_alipay *platform, const char *method,
                          enum platform_whim_kind kind, const char *code, size_t count);
/* Calls of a method that arrived with a good signature ("" is all). */
size_t platform_alipay_calls(const struct platform_alipay *platform, const char *method);

/* A notification: the fields that the platform sends, open for changes, then signed. */
struct platform_notice {
    struct till_arena *arena;
    struct till_form form;
};
/* status NULL: as the books say. The newest refund is named when there is one. */
void platform_notice_begin(struct platform_alipay *platform, struct till_arena *arena,
                           const struct platform_trade *trade, const char *status,
                           struct platform_notice *ret_notice);
/* Replaces or adds, bytes as they are (GBK with charset=GBK too); NULL removes. */
void platform_notice_set(struct platform_notice *notice, const char *name, const char *value);
/* sign_type as told (and set), signature under key. The body as it goes over the wire. */
struct till_str platform_notice_sign(struct platform_notice *notice, const struct till_key *key,
                                     enum till_signature algorithm);
/* begin + sign, unchanged. */
struct till_str platform_alipay_notify(struct platform_alipay *platform, struct till_arena *arena,
                                       const struct platform_trade *trade, const char *status);

#endif
