/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills (dossier 5.10): what a seller's day looked like, in the platform's columns and archive,
 * served from 09:00 the next morning of the platform's clock, at an address that lives 30 s. The
 * trades themselves are the books; nothing is kept of a bill but who may fetch it until when.
 *
 * Fees exist only in bills: the balances of buyers and sellers do not know them.
 */
#ifndef SANDBOX_BILL_H
#define SANDBOX_BILL_H

#include <sandbox/call.h>

#include <till/bill.h>

enum {
    BILL_TICKETS = 64,
    BILL_ALTERATIONS = 64,
    BILL_MOVES_MAX = 20000,
    BILL_FEE_PPM = 6000,
    BILL_COLUMNS = 32
};
#define BILL_LIFE_US (30 * PLATFORM_SECOND_US)
#define BILL_READY_US (9 * PLATFORM_HOUR_US)
#define BILL_EXPORTED_US                                                                           \
    (5 * PLATFORM_HOUR_US + 46 * PLATFORM_MINUTE_US) /* written once, at night */

/* Money that moved. */
struct bill_move {
    const struct platform_trade *trade;
    const struct platform_refund *refund; /* NULL: the payment */
    bool comes_back;                      /* a refund that failed later */
    int64_t at_us;
    int64_t amount;                        /* of the seller: refunds negative */
    int64_t fee;                           /* taken: negative */
    const struct bill_alteration *altered; /* what its line says instead; NULL: the truth */
};

/*
 * What the bill shall say instead of the truth about one payment or refund: for those who test
 * their reconciliation. The file stays whole, its totals count what its lines say.
 */
enum bill_change {
    BILL_OMIT,
    BILL_DOUBLE,
    BILL_AMOUNT,   /* minor units */
    BILL_FEE,      /* minor units */
    BILL_DAY,      /* so many days later */
    BILL_TRADE_NO, /* another text in that column, and so on */
    BILL_ORDER_NO,
    BILL_REFUND_NO,
    BILL_KIND,
    BILL_CHANGES
};
struct bill_alteration {
    enum bill_change change;
    char number[72]; /* out_trade_no of a payment, out_request_no of a refund */
    bool is_refund;
    char text[72];
    int64_t value;
};

struct bill {
    struct sandbox *sandbox;
    struct till_arena *arena;
    const struct platform_seller *seller;
    enum till_bill_type type;
    char date[TILL_BILL_DATE];
    int64_t from_us;
    bool on[FAULT_COUNT];
    struct bill_move *moves; /* of the day, in order of time */
    size_t count;
    int64_t opening_minor; /* what earlier days left, fees taken off */
};

/* Who may fetch what. */
struct bill_ticket {
    char id[PLATFORM_ID];
    const struct platform_seller *seller;
    enum till_bill_type type;
    char date[TILL_BILL_DATE];
    int64_t expires_us;
    bool on[FAULT_COUNT];
};
struct bill_desk {
    struct bill_ticket tickets[BILL_TICKETS];
    size_t given;
    int64_t fee_ppm;
    struct bill_alteration alterations[BILL_ALTERATIONS];
    size_t altered;
};
void bill_desk_free(struct bill_desk *desk); /* accepts NULL */

/* op_bill.c, locked; NULL: memory. */
struct bill_desk *bill_desk_of(struct sandbox *sandbox);
/* bill_moves.c, locked. False: memory, or more moves than BILL_MOVES_MAX. */
TILL_MUST_CHECK bool bill_collect(struct bill *bill, int64_t fee_ppm, struct till_error *err);
/* bill_alter.c: what is altered about a move; *ret_count times it stands in the bill. Locked. */
void bill_alter(const struct bill_desk *desk, struct bill_move *move, int *ret_count);
/* Did anything move on that day? Locked. */
bool bill_has_moves(struct sandbox *sandbox, const struct platform_seller *seller, int64_t from_us);

/* Text of a file, in UTF-8. */
TILL_MUST_CHECK bool bill_trade_text(const struct bill *bill, struct till_str *ret_text,
                                     struct till_error *err);
TILL_MUST_CHECK bool bill_trade_summary_text(const struct bill *bill, struct till_str *ret_text,
                                             struct till_error *err);
TILL_MUST_CHECK bool bill_account_text(const struct bill *bill, struct till_str *ret_text,
                                       struct till_error *err);
TILL_MUST_CHECK bool bill_account_summary_text(const struct bill *bill, struct till_str *ret_text,
                                               struct till_error *err);

/* bill_table.c: cells into lines, with the faults that rearrange them. */
struct bill_table {
    const struct bill *bill;
    struct till_buf buf;
    struct till_str cells[BILL_COLUMNS];
    size_t count;
    bool is_header;
};
void bill_table_begin(struct bill_table *table, const struct bill *bill, const char *what,
                      const char *list, const char *header);
void bill_cell(struct bill_table *table, struct till_str text);
void bill_cell_tab(struct bill_table *table, struct till_str text); /* a TAB behind it */
void bill_cell_money(struct bill_table *table, int64_t minor);
void bill_cell_time(struct bill_table *table, int64_t us);
void bill_row_end(struct bill_table *table);
void bill_list_end(struct bill_table *table, const char *list);
/* "#label：N笔，" then per pair of words and amounts. */
void bill_total(struct bill_table *table, const char *label, int64_t count, const char *first,
                int64_t amount, const char *second, int64_t discount);
TILL_MUST_CHECK bool bill_table_end(struct bill_table *table, struct till_str *ret_text,
                                    struct till_error *err);
/* "-0.59" in the bill's arena. */
struct till_str bill_money(const struct bill *bill, int64_t minor);

/* bill_zip.c: the archive with both files. */
TILL_MUST_CHECK bool bill_pack(const struct bill *bill, struct till_str *ret_archive,
                               struct till_error *err);
/* "20880000000000000156_20261122" */
struct till_str bill_file_stem(const struct bill *bill);

#endif
