/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the bill reader. A file is: a title, lines with '#', a line of dashes that begins
 * the list, the header, the rows, a line of dashes that ends the list, totals, the time of export
 * (dossier 5.10). Columns are found by their names, so that order and additions do not matter.
 * Everything here sees UTF-8; bill_read.c decodes.
 */
#ifndef LIB_CHANNEL_ALIPAY_BILL_H
#define LIB_CHANNEL_ALIPAY_BILL_H

#include <till/bill.h>

enum bill_file { BILL_TRADE, BILL_TRADE_SUMMARY, BILL_ACCOUNT, BILL_ACCOUNT_SUMMARY, BILL_FILES };

enum bill_cell { CELL_IGNORED, CELL_TEXT, CELL_TIME, CELL_MONEY, CELL_COUNT };

struct bill_column {
    const char *name;
    enum bill_cell cell;
    bool is_needed;
    size_t place; /* in struct till_bill_line, or BILL_EXPENSE_PLACE */
};

struct bill_shape {
    const char *title;                 /* without '#' */
    const struct bill_column *columns; /* ends with a NULL name */
    bool is_summary;                   /* rows, then one that begins with 合计 */
    bool takes_any_column;             /* their names are not known well enough */
};
const struct bill_shape *bill_shape_of(enum bill_file file);

/* The header's cells, each with its column; NULL: unknown, or known and of no use. */
struct bill_header {
    const struct bill_column *columns[TILL_BILL_COLUMNS_MAX];
    size_t count;
    int64_t unknown;
};
/* BILL_INVALID names a needed column that is missing, or one that stands twice. */
TILL_MUST_CHECK bool bill_header_read(const struct bill_shape *shape, struct till_str text,
                                      struct till_arena *arena, struct bill_header *ret,
                                      struct till_error *err);
/* A row into a line; texts are parts of `text` or in the arena. BILL_INVALID names the column. */
TILL_MUST_CHECK bool bill_row_read(enum bill_file file, const struct bill_header *header,
                                   struct till_str text, struct till_arena *arena,
                                   struct till_bill_line *ret, struct till_error *err);
/* "-0.04", "+3", "" (0): exact minor units. */
TILL_MUST_CHECK bool bill_money_read(struct till_str text, int64_t *ret_minor,
                                     struct till_error *err);

/* Cells of a line: takes the next one off `rest`, unquoted and without trailing TABs and blanks.
 * False at the end. */
bool bill_cell_take(struct till_str *rest, struct till_arena *arena, struct till_str *ret_cell,
                    bool *ret_failed, struct till_error *err);

/* Totals: `sum` is what the lines gave. */
TILL_MUST_CHECK bool bill_foot_check(struct till_str text, const struct till_bill_sum *sum,
                                     struct till_error *err);
/* Adds a line to the totals. BILL_INVALID when a sum leaves int64. */
TILL_MUST_CHECK bool bill_totals_add(struct till_bill_totals *totals,
                                     const struct till_bill_line *line, struct till_error *err);
/* The 合计 row of a summary against what its rows gave. */
TILL_MUST_CHECK bool bill_summary_check(const struct till_bill_totals *totals,
                                        const struct till_bill_line *line, struct till_error *err);

bool alipay_bill_read(const struct till_account *account, const struct till_bill_wish *wish,
                      enum till_bill_part part, const struct till_bill_source *source,
                      const struct till_bill_sink *sink, struct till_bill_totals *ret_totals,
                      struct till_error *err);

extern const struct till_bills alipay_bills;

#endif
