/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills in the store, the second door beside store.h: a row for each account, type and day that a
 * bill is wanted of, a revision for each whole file that came, and its lines. A revision is staged
 * in small commits that nobody sees, and sealed by one that the database itself refuses unless
 * lines and sums are what the file said; from then on neither it nor its lines change. A kill
 * before the seal leaves a row that is still wanted and a stage that the next try sweeps away.
 *
 * The rules of store.h hold: texts in the caller's arena, "now" from the caller, every function
 * waits, errors STORE_FAILED, NOT_FOUND and those named here.
 */
#ifndef GATEWAY_STORE_BILLS_H
#define GATEWAY_STORE_BILLS_H

#include <gateway/store/store.h>
#include <till/bill.h>

enum bill_state {
    BILL_WANTED,   /* not there yet, or being fetched */
    BILL_IMPORTED, /* a revision is sealed; later failures do not take it away */
    BILL_ABSENT,   /* the platform says that there is none */
    BILL_FAILED,   /* the last try failed; `code` and `text` say why */
    BILL_STATES
};
const char *bill_state_name(enum bill_state state); /* "wanted" ... */

struct bill_row {
    char id[TILL_ID_SIZE]; /* "bil_..." */
    char app_id[TILL_ID_SIZE];
    char account_id[TILL_ID_SIZE];
    enum till_bill_type type;
    char date[TILL_BILL_DATE];
    enum bill_state state;
    int64_t attempts, next_us; /* 0: no further try by itself */
    struct till_str code, text;
    int64_t created_us, updated_us;
    /* of the newest revision; revision 0: none */
    int64_t revision, revision_pk;
    char sha256[2 * TILL_SHA256_SIZE + 1];
    int64_t bytes, imported_us;
    struct till_bill_totals totals;
};

/* Makes the row unless it is there; tried first at next_us. *ret_is_new may be NULL. */
TILL_MUST_CHECK bool store_bill_want(struct store *store, struct till_str account_id,
                                     enum till_bill_type type, const char *date, int64_t next_us,
                                     int64_t now_us, bool *ret_is_new, struct till_error *err);
/* Takes a bill for one try, nobody else until the lease ends: the named one whatever its time, or
 * with an empty account the one that is due longest; *ret_found tells whether there is one.
 * STATE_CONFLICT: somebody is at the named one. */
TILL_MUST_CHECK bool store_bill_claim(struct store *store, struct till_arena *arena,
                                      struct till_str account_id, enum till_bill_type type,
                                      const char *date, int64_t now_us, int64_t lease_us,
                                      struct bill_row *ret_row, bool *ret_found,
                                      struct till_error *err);
/* The try's end without content. An imported bill stays so. */
struct bill_report {
    struct till_str bill_id;
    enum bill_state state;
    struct till_str code, text;
    int64_t next_us, now_us;
};
TILL_MUST_CHECK bool store_bill_report(struct store *store, const struct bill_report *report,
                                       struct till_error *err);

/* A new stage, the remains of an earlier one gone. *ret_is_known: the newest revision is this very
 * file, nothing is staged and the try has ended well. */
TILL_MUST_CHECK bool store_bill_stage(struct store *store, const struct bill_row *row,
                                      const uint8_t sha256[TILL_SHA256_SIZE], int64_t now_us,
                                      int64_t *ret_revision_pk, bool *ret_is_known,
                                      struct till_error *err);
/* Bounded parts, in their order; the lines' texts are borrowed until it returns. */
TILL_MUST_CHECK bool store_bill_stage_lines(struct store *store, int64_t revision_pk,
                                            const struct till_bill_line *lines, size_t count,
                                            struct till_error *err);
TILL_MUST_CHECK bool store_bill_stage_bytes(struct store *store, int64_t revision_pk,
                                            int64_t number, struct till_str bytes,
                                            struct till_error *err);
/* The commit that makes the revision the bill's newest. */
TILL_MUST_CHECK bool store_bill_seal(struct store *store, const struct bill_row *row,
                                     int64_t revision_pk, const struct till_bill_totals *totals,
                                     int64_t bytes, int64_t now_us, struct till_error *err);

/* app_id empty: any. */
TILL_MUST_CHECK bool store_bill_get(struct store *store, struct till_arena *arena,
                                    struct till_str app_id, struct till_str id,
                                    struct bill_row *ret_row, struct till_error *err);
/* Newest day first; before_id empty: from the newest. */
TILL_MUST_CHECK bool store_bill_list(struct store *store, struct till_arena *arena,
                                     struct till_str app_id, struct till_str before_id, int limit,
                                     struct bill_row **ret_rows, size_t *ret_count,
                                     struct till_error *err);
/* Lines of a revision behind that number. */
TILL_MUST_CHECK bool store_bill_lines(struct store *store, struct till_arena *arena,
                                      int64_t revision_pk, int64_t after_number, int limit,
                                      struct till_bill_line **ret_rows, size_t *ret_count,
                                      struct till_error *err);
/* When the next try is due; INT64_MAX: none. */
int64_t store_bill_next_us(struct store *store);

struct bill_figures {
    int64_t of[BILL_STATES];
    char newest[TILL_BILL_DATE]; /* day of the newest imported one; empty: none */
};
TILL_MUST_CHECK bool store_bill_figures(struct store *store, struct bill_figures *ret,
                                        struct till_error *err);
/* Archives imported before that time go; lines stay. Bounded work a call. */
TILL_MUST_CHECK bool store_bill_purge(struct store *store, int64_t before_us, int *ret_removed,
                                      struct till_error *err);

#endif
