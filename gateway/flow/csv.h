/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV for spreadsheets: UTF-8, CRLF, cells quoted as RFC 4180 says. A text that a spreadsheet would
 * take for a formula is disarmed with an apostrophe in front of it (S-116); numbers are written as
 * numbers and never as text. Pure.
 */
#ifndef GATEWAY_FLOW_CSV_H
#define GATEWAY_FLOW_CSV_H

#include <till/arena.h>

/* What lets a spreadsheet read UTF-8 as such; the first bytes of a file. */
#define CSV_MARK "\xEF\xBB\xBF"

struct csv {
    struct till_buf buf;
    bool is_started; /* the row has a cell already */
};
void csv_begin(struct csv *csv, struct till_arena *arena);
void csv_text(struct csv *csv, struct till_str text);
void csv_number(struct csv *csv, int64_t number);
/* RFC 3339 in UTC; 0: an empty cell. */
void csv_time(struct csv *csv, int64_t us);
void csv_row_end(struct csv *csv);
TILL_MUST_CHECK bool csv_finish(struct csv *csv, struct till_str *ret_text, struct till_error *err);

#endif
