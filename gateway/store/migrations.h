/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema as numbered, forward-only steps. Each step is a list of statements that is run with
 * its version row in one transaction: a kill leaves the old or the new schema, never something
 * between (I34).
 */
#ifndef GATEWAY_STORE_MIGRATIONS_H
#define GATEWAY_STORE_MIGRATIONS_H

#include <gateway/store/db.h>

struct migration {
    int version;
    const char *const *statements; /* NULL-terminated */
};
extern const struct migration MIGRATIONS[];
extern const int MIGRATION_COUNT;
extern const char *const MIGRATION_BILLS[]; /* migration_bills.c */
enum { MIGRATION_TRAIL_VERSION = 3 };
extern const char *const MIGRATION_TRAIL[];     /* migration_trail.c */
extern const char *const MIGRATION_KEYS[];      /* migration_keys.c */
extern const char *const MIGRATION_ATTEMPTS[];  /* migration_attempts.c */
extern const char *const MIGRATION_RECONCILE[]; /* migration_reconcile.c */
extern const char *const MIGRATION_MONEY[];     /* migration_money.c */
extern const char *const MIGRATION_SIGNERS[];   /* migration_signers.c */
extern const char *const MIGRATION_LIMITS[];    /* migration_limits.c */
extern const char *const MIGRATION_LISTS[];     /* migration_lists.c */
extern const char *const MIGRATION_CLIENTS[];   /* migration_clients.c */
extern const char *const MIGRATION_REFERENCE[]; /* migration_reference.c */

/* Writes what a step needs besides SQL (sealed rows), within the step's transaction. */
typedef bool migration_seed(struct db *db, int version, void *arg, struct till_error *err);

/* From whatever version the file has to the newest. A file from a newer till is refused. */
TILL_MUST_CHECK bool migrate(struct db *db, int64_t now_us, migration_seed *seed, void *arg,
                             struct till_error *err);
/* For tests: another list of steps. */
TILL_MUST_CHECK bool migrate_with(struct db *db, const struct migration *steps, int count,
                                  int64_t now_us, migration_seed *seed, void *arg,
                                  struct till_error *err);

#endif
