/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The auditor: recomputes books, states and trail of a store from its file alone, on a read-only
 * connection and one snapshot, beside a running daemon or on a backup. It shares no code with the
 * store and has its own statement of what may be (ADR 020): an error in the store's code shall not
 * be repeated here. Memory does not grow with the store. It waits for the disk only.
 */
#ifndef GATEWAY_AUDIT_AUDIT_H
#define GATEWAY_AUDIT_AUDIT_H

#include <stdint.h>

#include <till/crypto.h>

#define AUDIT_VIOLATIONS_MAX 100 /* that one run names */

struct audit_options {
    struct till_str path;
    const char *vfs;                       /* NULL: the default; the simulator has its own */
    int limit;                             /* stop after so many violations */
    int64_t expect_number;                 /* a head that was kept elsewhere; 0: none */
    uint8_t expect_hash[TILL_SHA256_SIZE]; /* its hash */
};

struct audit_violation {
    const char *rule; /* "attempt.bounds": the names stand in doc/OPERATIONS.md */
    char row[128];    /* which row: "attempt att_..." */
    char text[256];   /* what should be, and what is */
};

struct audit_report {
    struct audit_violation violations[AUDIT_VIOLATIONS_MAX];
    int count;
    bool stopped; /* at the limit: there may be more */
    int rules;    /* that were looked at */
    int64_t payments, ledger_lines, transactions, trail_rows, unsealed;
    int64_t head_number; /* 0: nothing is sealed */
    uint8_t head_hash[TILL_SHA256_SIZE];
};

/* False: the file could not be read (STORE_FAILED, OUT_OF_MEMORY), nothing is known. A damaged file
 * is a violation. */
TILL_MUST_CHECK bool audit_run(const struct audit_options *options, struct audit_report *ret_report,
                               struct till_error *err);

#endif
