/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits that turned at rest, found before anybody relies on them. SQLite takes the first bad frame
 * of its log for the end that a power cut tore, and drops every commit after it without a word; it
 * reads a page only when somebody asks for it. Both are looked at here, once, at the start.
 */
#ifndef GATEWAY_STORE_DAMAGE_H
#define GATEWAY_STORE_DAMAGE_H

#include "gateway/store/internal.h"

/* How long a start may look at pages; what is left then is met when it is used, or by a backup. */
#define STORE_LOOK_AT_START_US INT64_C(500000)

/* Before SQLite opens the file. False: the log was whole once and is not any more (STORE_DAMAGED).
 * A torn end is none of that: frames that were never synced belong to one transaction, so nothing
 * follows its commit. */
TILL_MUST_CHECK bool damage_look_at_log(struct store *store, struct till_error *err);

/* The structure of the pages behind a connection, for at most limit_us (INT64_MAX: all of them).
 * False: STORE_DAMAGED with SQLite's finding, or the error of the attempt. */
TILL_MUST_CHECK bool damage_look_at_pages(struct store *store, struct db *db, int64_t limit_us,
                                          struct till_error *err);

#endif
