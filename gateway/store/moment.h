/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the next work of a kind is due. Crews and rounds ask it all the time, and only a commit can
 * change it: what was read is believed until the next commit, so a till with nothing to do asks the
 * database nothing. Knows no time; the wall clock may go where it likes.
 */
#ifndef GATEWAY_STORE_MOMENT_H
#define GATEWAY_STORE_MOMENT_H

#include <gateway/store/internal.h>

/* INT64_MAX: nothing of the kind is due ever. */
typedef bool moment_read(struct store *store, struct db *db, int64_t *ret_us,
                         struct till_error *err);

/* As known, or as read now. What cannot be read is INT64_MAX and not remembered. */
int64_t moment_us(struct store *store, enum moment moment, moment_read *read);
/* What it depends on changed without a commit. */
void moment_forget(struct store *store, enum moment moment);
/* The first column of the first row: "SELECT MIN(next_us) ..."; 0 and NULL mean never. */
TILL_MUST_CHECK bool moment_query(struct db *db, const char *sql, int64_t *ret_us,
                                  struct till_error *err);

#endif
