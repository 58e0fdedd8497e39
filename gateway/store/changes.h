/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there anything new? Counters for rounds that would otherwise look at the database again and
 * again. One process writes a store, so what it did not count did not happen.
 */
#ifndef GATEWAY_STORE_CHANGES_H
#define GATEWAY_STORE_CHANGES_H

#include <gateway/store/store.h>

/* Commits so far, tried ones included; while it stands still, so does everything in the store. */
int64_t store_commits(const struct store *store);
/* Those of them that did more than number, seal and forget: while it stands still, nothing is due
 * at another time than before, and no figure is another. */
int64_t store_changes(const struct store *store);

#endif
