/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/migrations.h"

#include <rt/failpoint.h>

static bool read_version(struct db *db, int *ret_version, struct till_error *err) {
    static const char HAS_TABLE[] = "SELECT 1 FROM sqlite_master WHERE name = 'schema_versions'";
    static const char NEWEST[] = "SELECT COALESCE(MAX(version), 0) FROM schema_versions";
    bool found;
    QUERY_SCOPED struct query has = query_start(db, NULL, HAS_TABLE, err);
    if (!query_step(&has, &found))
        return false;
    int version = 0;
    if (found) {
        QUERY_SCOPED struct query newest = query_start(db, NULL, NEWEST, err);
        if (!query_step(&newest, &found))
            return false;
        version = (int)read_int(&newest);
    }
    *ret_version = version;
    return true;
}

static bool run_step(struct db *db, const struct migration *step, int64_t now_us,
                     migration_seed *seed, void *arg, struct till_error *err) {
    static const char NOTE[] = "INSERT INTO schema_versions(version, applied_us) VALUES (?, ?)";
    for (const char *const *statement = step->statements; *statement; statement++) {
        if (!db_run(db, *statement, err))
            return false;
        TILL_FP("M2");
    }
    if (seed && !seed(db, step->version, arg, err))
        return false;
    QUERY_SCOPED struct query note = query_start(db, NULL, NOTE, err);
    bind(&note, step->version);
    bind(&note, now_us);
    if (!query_run(&note, NULL))
        return false;
    TILL_FP("M3");
    return true;
}

static bool apply_step(struct db *db, const struct migration *step, int64_t now_us,
                       migration_seed *seed, void *arg, struct till_error *err) {
    TILL_FP("M1");
    if (!db_run(db, "BEGIN IMMEDIATE", err))
        return false;
    if (!run_step(db, step, now_us, seed, arg, err) || !db_run(db, "COMMIT", err)) {
        struct till_error ignored;
        if (!sqlite3_get_autocommit(db->handle) && !db_run(db, "ROLLBACK", &ignored))
            db->health->broken = true;
        return false;
    }
    TILL_FP("M4");
    return true;
}

bool migrate_with(struct db *db, const struct migration *steps, int count, int64_t now_us,
                  migration_seed *seed, void *arg, struct till_error *err) {
    int version;
    if (!read_version(db, &version, err))
        return false;
    if (version > steps[count - 1].version)
        return TILL_FAIL(err, STORE_DAMAGED,
                         "The database has schema %d and this till knows %d; start the newer till.",
                         version, steps[count - 1].version);
    for (int i = 0; i < count; i++)
        if (steps[i].version > version && !apply_step(db, &steps[i], now_us, seed, arg, err))
            return false;
    return true;
}

bool migrate(struct db *db, int64_t now_us, migration_seed *seed, void *arg,
             struct till_error *err) {
    return migrate_with(db, MIGRATIONS, MIGRATION_COUNT, now_us, seed, arg, err);
}
