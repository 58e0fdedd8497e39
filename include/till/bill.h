/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform's bill of one day: asking where it lies, and reading it. Pure, as all of libtill:
 * somebody else moves the bytes and unpacks the archive; what comes here is one file of it, pulled
 * chunk by chunk, and what goes out is line by line, so a bill of any length takes the memory of
 * one line. A file is believed whole or not at all: the reader succeeds only after the closing
 * lines, when counts and sums agree with the lines that were handed out before. Until then the
 * lines are a promise; keep them where nobody looks.
 *
 * A bill is not signed. It says what to ask the platform about, never that money moved.
 * Source: dossier alipay.md 5.10.
 */
#ifndef TILL_BILL_H
#define TILL_BILL_H

#include <till/channel.h>

#define TILL_BILL_LINE_BYTES ((size_t)32 * 1024) /* of one line of a file */
#define TILL_BILL_COLUMNS_MAX 64
#define TILL_BILL_LINES_MAX 5000000
#define TILL_BILL_DATE 11 /* "2026-11-22" and its NUL */

enum till_bill_type {
    TILL_BILL_TRADE,   /* payments and refunds of the day */
    TILL_BILL_ACCOUNT, /* every movement of the account, with its balance */
    TILL_BILL_TYPES
};
const char *till_bill_type_name(enum till_bill_type type); /* "trade", "account" */
bool till_bill_type_read(struct till_str name, enum till_bill_type *ret_type);

/* The day in Beijing that the time lies in, moved by so many days; TIME_INVALID beyond 1970..9999.
 */
TILL_MUST_CHECK bool till_bill_day(int64_t us, int days, char ret_date[TILL_BILL_DATE],
                                   struct till_error *err);
/* When that day begins. TIME_INVALID for anything but a date as "2026-11-22". */
TILL_MUST_CHECK bool till_bill_day_start(struct till_str date, int64_t *ret_us,
                                         struct till_error *err);

struct till_bill_wish {
    enum till_bill_type type;
    char date[TILL_BILL_DATE]; /* the platform's day, Beijing time */
    int64_t now_us;
};

enum till_bill_answer {
    TILL_BILL_UNSAID,  /* nothing was learned: silence, garbage, "try again" */
    TILL_BILL_READY,   /* url is where it lies, for seconds only */
    TILL_BILL_NOT_YET, /* there is none (yet) */
    TILL_BILL_EMPTY,   /* there will be none: nothing happened on that day */
    TILL_BILL_REFUSED  /* this question is never answered; peer_code says why */
};

struct till_bill_place {
    enum till_bill_answer answer;
    bool verified;       /* read from bytes under a good signature */
    bool suspicious;     /* a wrong signature: a security event */
    char peer_code[64];  /* "BILL_NOT_EXIST" */
    char peer_text[256]; /* the platform's words, or ours */
    struct till_str url; /* in the arena */
};

/* The files of a bill's archive. */
enum till_bill_part { TILL_BILL_DETAIL, TILL_BILL_SUMMARY, TILL_BILL_PARTS };

enum till_bill_kind {
    TILL_BILL_PAYMENT,
    TILL_BILL_REFUND,  /* amounts are negative */
    TILL_BILL_INCOME,  /* of the account's ledger */
    TILL_BILL_EXPENSE, /* the same; negative */
    TILL_BILL_OTHER,   /* a business type of the platform that is none of these */
    TILL_BILL_KINDS
};
const char *till_bill_kind_name(enum till_bill_kind kind); /* "payment" ... */

/* One line, amounts in minor units, times in UTC, texts in UTF-8 and valid during the call. */
struct till_bill_line {
    int64_t number; /* from 1 within the file */
    enum till_bill_kind kind;
    struct till_str business_type; /* the platform's word */
    struct till_str trade_no;      /* the platform's number */
    struct till_str upstream_no;   /* our order number there */
    struct till_str refund_no;     /* ours; empty unless it is a refund */
    struct till_str flow_no;       /* of the account's ledger */
    struct till_str subject, store_id, counterparty, remark;
    int64_t created_us, finished_us; /* 0: unsaid */
    int64_t amount;                  /* of the order or refund, or what moved */
    int64_t received;                /* by the merchant; before fees */
    int64_t discount;                /* paid by the merchant */
    int64_t fee;                     /* negative: taken; positive: given back */
    int64_t balance;                 /* after this line; ledger only */
    int64_t payments, refunds;       /* counts; summary files only */
};

struct till_bill_sum {
    int64_t count, amount, discount;
};
struct till_bill_totals {
    int64_t lines;
    struct till_bill_sum in, out; /* payments and refunds, or income and expense */
    int64_t fees;
    int64_t unknown_columns; /* columns that the platform added since */
};

/* Pulled until it gives an empty chunk, which is the end. False: err, and reading ends. */
struct till_bill_source {
    bool (*next)(void *self, struct till_str *ret_bytes, struct till_error *err);
    void *self;
};
struct till_bill_sink {
    bool (*take)(void *self, const struct till_bill_line *line, struct till_error *err);
    void *self;
};

/* What a channel can do about bills. */
struct till_bills {
    bool (*build)(const struct till_account *account, const struct till_bill_wish *wish,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err);
    /* Cannot fail: silence is an answer. */
    void (*parse)(const struct till_account *account, const struct till_bill_wish *wish,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_bill_place *ret_place);
    /* May the file be fetched from this host (without port)? URL_FORBIDDEN. */
    bool (*host)(const struct till_account *account, struct till_str host, struct till_error *err);
    /* Which file is it, by the raw bytes of its name in the archive? BILL_INVALID for one that this
     * bill has no place for, such as another account's. */
    bool (*part)(const struct till_account *account, const struct till_bill_wish *wish,
                 struct till_str name, enum till_bill_part *ret_part, struct till_error *err);
    /* BILL_INVALID names the line and what is wrong with it. */
    bool (*read)(const struct till_account *account, const struct till_bill_wish *wish,
                 enum till_bill_part part, const struct till_bill_source *source,
                 const struct till_bill_sink *sink, struct till_bill_totals *ret_totals,
                 struct till_error *err);
    /* Is this type wanted every day, by the account's settings? */
    bool (*wanted)(const struct till_account *account, enum till_bill_type type);
    const char *currency; /* of all its amounts */
    int64_t ready_us; /* when the platform serves the day before: so long after midnight there */
};

#endif
