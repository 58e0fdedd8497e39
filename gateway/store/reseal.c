/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/reseal.h"

#include <string.h>

#include <gateway/store/sealing.h>
#include <gateway/store/trail.h>
#include <rt/failpoint.h>

enum { PART_ROWS = 16, PART_MEMORY = 16 << 20, SMALL_MEMORY = 4096 };

/* Every column that holds something sealed, beside the check itself. */
static const struct {
    const char *name, *read, *write;
} tables[] = {
    {"keys", "SELECT id, sealed_secret FROM keys WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE keys SET sealed_secret = ? WHERE id = ?"},
    {"apps", "SELECT id, sealed_webhook_secret FROM apps WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE apps SET sealed_webhook_secret = ? WHERE id = ?"},
    {"accounts", "SELECT id, sealed_settings FROM accounts WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE accounts SET sealed_settings = ? WHERE id = ?"},
    {"endpoints", "SELECT id, sealed_secrets FROM endpoints WHERE id > ? ORDER BY id LIMIT ?",
     "UPDATE endpoints SET sealed_secrets = ? WHERE id = ?"},
};
enum { TABLES = sizeof tables / sizeof tables[0] };

/* The row of `reseal`. */
struct change {
    bool found;
    int table; /* TABLES: all are under the new key */
    char id[TILL_ID_SIZE];
    int64_t rows, started_us;
    struct till_str new_under_old, old_under_new;
};

static bool load(struct db *db, struct till_arena *arena, struct change *ret,
                 struct till_error *err) {
    static const char SQL[] =
        "SELECT place_table, place_id, rows, started_us, new_under_old, old_under_new FROM reseal";
    struct change change = {.found = false};
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    if (!query_step(&query, &change.found))
        return false;
    if (change.found) {
        change.table = (int)read_int(&query);
        read_id(&query, change.id);
        change.rows = read_int(&query);
        change.started_us = read_int(&query);
        change.new_under_old = read_str(&query);
        change.old_under_new = read_str(&query);
        if (!query_read_all(&query))
            return false;
    }
    *ret = change;
    return true;
}

static bool runs_under_new(const struct store *store) {
    const struct seal_keys *keys = atomic_load(&store->seal_keys);
    return memcmp(keys->now, store->master_key, sizeof keys->now) == 0;
}

/* ---- the start ---- */

static bool is_key(struct till_str plain) {
    return plain.len == TILL_SEAL_KEY_SIZE;
}

/* The configured key is the new one, or the old one; the other lies sealed under it. */
static bool find_keys(struct store *store, const struct change *change, struct till_arena *arena,
                      struct till_error *err) {
    uint8_t mine[TILL_SEAL_KEY_SIZE];
    struct till_str other;
    struct till_error closer;
    bool good;
    memcpy(mine, store->master_key, sizeof mine);
    if (open_seal_under(mine, arena, "reseal", "old", change->old_under_new, &other, &closer) &&
        is_key(other))
        good = seal_keys_put(store, mine, (const uint8_t *)other.ptr, err);
    else if (open_seal_under(mine, arena, "reseal", "new", change->new_under_old, &other,
                             &closer) &&
             is_key(other))
        good = seal_keys_put(store, (const uint8_t *)other.ptr, mine, err);
    else
        good = TILL_FAIL(err, SEAL_BROKEN,
                         "The master key is neither of the two that this database is being sealed "
                         "under.");
    till_wipe(mine, sizeof mine);
    return good;
}

bool reseal_find_keys(struct store *store, bool *ret_found, struct till_error *err) {
    struct till_arena arena;
    struct change change;
    till_arena_init(&arena, SMALL_MEMORY);
    bool good = load(&store->writer, &arena, &change, err) &&
                (!change.found || find_keys(store, &change, &arena, err));
    till_arena_clean_up(&arena);
    if (!good)
        return false;
    atomic_store(&store->reseal_left, change.found && change.table < TABLES);
    *ret_found = change.found;
    return true;
}

/* ---- the beginning ---- */

struct beginning {
    const uint8_t *key;
    int64_t now_us;
    uint8_t old[TILL_SEAL_KEY_SIZE];
    bool goes_on; /* it had begun already */
    struct till_arena *arena;
};

static struct till_str bytes_of(const uint8_t key[TILL_SEAL_KEY_SIZE]) {
    return (struct till_str){(const char *)key, TILL_SEAL_KEY_SIZE};
}

/* Which way: on with the same change, back to the former key, or a new change. */
static bool judge(struct store *store, const struct change *change, struct beginning *b,
                  struct till_error *err) {
    const struct seal_keys *keys = atomic_load(&store->seal_keys);
    bool is_now = memcmp(b->key, keys->now, sizeof keys->now) == 0;
    b->goes_on = change->found && is_now;
    if (!change->found && is_now)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/new_master_key_file",
                               "This is the present master key; make a new one.");
    if (change->found && !is_now && memcmp(b->key, keys->before, sizeof keys->before) != 0)
        return TILL_FAIL(err, ALREADY_EXISTS,
                         "A change to another master key is under way: start till with that one "
                         "first, or name the former one to go back.");
    memcpy(b->old, keys->now, sizeof b->old);
    return true;
}

static bool write_change(struct store *store, struct db *db, const struct beginning *b,
                         struct till_error *err) {
    static const char SQL[] =
        "INSERT OR REPLACE INTO reseal(one, new_under_old, old_under_new, started_us)"
        " VALUES (1, ?, ?, ?)";
    struct till_str new_under_old, old_under_new;
    if (!seal_under(store, b->old, b->arena, "reseal", "new", bytes_of(b->key), &new_under_old,
                    err) ||
        !seal_under(store, b->key, b->arena, "reseal", "old", bytes_of(b->old), &old_under_new,
                    err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind_blob(&query, new_under_old.ptr, new_under_old.len);
    bind_blob(&query, old_under_new.ptr, old_under_new.len);
    bind(&query, b->now_us);
    return query_run(&query, NULL);
}

static bool begin(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct beginning *b = arg;
    struct change change;
    return load(db, b->arena, &change, err) && judge(store, &change, b, err) &&
           (b->goes_on || (write_change(store, db, b, err) &&
                           trail_act(store, db, TILL_STR(TRAIL_ADMIN), "master_key.changes",
                                     TILL_STR_NONE, NULL, err)));
}

/* What is written between the commit and seal_keys_put goes under the old key; no part has run by
 * then, so every part comes after it. */
static bool begin_alone(struct store *store, struct beginning *b, struct till_error *err) {
    if (!store_write(store, begin, b, err))
        return false;
    if (b->goes_on)
        return true;
    bool good = seal_keys_put(store, b->key, b->old, err);
    atomic_store(&store->reseal_left, good);
    return good;
}

bool store_reseal_begin(struct store *store, const uint8_t new_key[TILL_SEAL_KEY_SIZE],
                        int64_t now_us, struct till_error *err) {
    struct till_arena arena;
    struct beginning b = {.key = new_key, .now_us = now_us, .arena = &arena};
    if (atomic_exchange(&store->reseal_begins, true))
        return TILL_FAIL(err, ALREADY_EXISTS, "Somebody else is changing the master key just now.");
    till_arena_init(&arena, SMALL_MEMORY);
    bool done = begin_alone(store, &b, err);
    till_arena_clean_up(&arena);
    till_wipe(b.old, sizeof b.old);
    atomic_store(&store->reseal_begins, false);
    return done;
}

/* ---- a part ---- */

struct sealed_row {
    char id[TILL_ID_SIZE];
    struct till_str sealed;
};

static bool read_part(struct db *db, struct till_arena *arena, int table, const char *after,
                      struct sealed_row rows[PART_ROWS], int *ret_count, struct till_error *err) {
    int count = 0;
    bool found = true;
    QUERY_SCOPED struct query query = query_start(db, arena, tables[table].read, err);
    bind(&query, after);
    bind(&query, (int64_t)PART_ROWS);
    for (;; count++) {
        if (!query_step(&query, &found))
            return false;
        if (!found)
            break;
        read_id(&query, rows[count].id);
        rows[count].sealed = read_str(&query);
        if (!query_read_all(&query))
            return false;
    }
    *ret_count = count;
    return true;
}

static bool reseal_row(struct store *store, struct db *db, struct till_arena *arena, int table,
                       const struct sealed_row *row, struct till_error *err) {
    struct till_str plain, sealed;
    const char *name = tables[table].name;
    if (!open_seal(store, arena, name, row->id, row->sealed, &plain, err))
        return err->code != TILL_E_SEAL_BROKEN
                   ? false
                   : TILL_FAIL(err, SEAL_BROKEN,
                               "%s %s opens under neither master key; replace its secret, or take "
                               "the row from a backup.",
                               name, row->id);
    if (!seal(store, arena, name, row->id, plain, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, tables[table].write, err);
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, row->id);
    if (!query_run(&query, NULL))
        return false;
    TILL_FP("K4");
    return true;
}

static bool save_place(struct db *db, const struct change *change, struct till_error *err) {
    static const char SQL[] = "UPDATE reseal SET place_table = ?, place_id = ?, rows = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, (int64_t)change->table);
    bind(&query, change->id);
    bind(&query, change->rows);
    return query_run(&query, NULL);
}

static bool reseal_some(struct store *store, struct db *db, struct till_arena *arena,
                        struct change *change, struct till_error *err) {
    struct sealed_row rows[PART_ROWS];
    int count;
    if (!read_part(db, arena, change->table, change->id, rows, &count, err))
        return false;
    for (int i = 0; i < count; i++)
        if (!reseal_row(store, db, arena, change->table, &rows[i], err))
            return false;
    change->rows += count;
    if (count == PART_ROWS) {
        memcpy(change->id, rows[count - 1].id, sizeof change->id);
    } else {
        change->table++;
        change->id[0] = '\0';
    }
    return save_place(db, change, err);
}

/* ---- the end ---- */

/* Nothing may be left that only the old key opens: it is about to be forgotten. */
static bool check_all(const struct store *store, struct db *db, struct till_error *err) {
    const struct seal_keys *keys = atomic_load(&store->seal_keys);
    struct sealed_row rows[PART_ROWS];
    for (int table = 0; table < TABLES; table++) {
        char after[TILL_ID_SIZE] = "";
        for (int count = PART_ROWS; count == PART_ROWS;) {
            struct till_arena arena;
            struct till_str plain;
            till_arena_init(&arena, PART_MEMORY);
            bool good = read_part(db, &arena, table, after, rows, &count, err);
            for (int i = 0; good && i < count; i++)
                good = open_seal_under(keys->now, &arena, tables[table].name, rows[i].id,
                                       rows[i].sealed, &plain, err);
            till_arena_clean_up(&arena);
            if (!good)
                return false;
            if (count > 0)
                memcpy(after, rows[count - 1].id, sizeof after);
        }
    }
    return true;
}

static bool finish(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "DELETE FROM reseal";
    (void)arg;
    if (!check_all(store, db, err) || !seal_check_renew(store, db, err) ||
        !trail_act(store, db, TILL_STR(TRAIL_TILL), "master_key.changed", TILL_STR_NONE, NULL, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    return query_run(&query, NULL);
}

struct part {
    struct till_arena *arena;
    bool left;
};

static bool run_part(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct part *part = arg;
    struct change change;
    if (!load(db, part->arena, &change, err))
        return false;
    part->left = change.found && change.table < TABLES;
    if (!part->left)
        return true;
    if (!reseal_some(store, db, part->arena, &change, err))
        return false;
    part->left = change.table < TABLES;
    return part->left || !runs_under_new(store) || finish(store, db, NULL, err);
}

bool store_reseal_part(struct store *store, bool *ret_left, struct till_error *err) {
    struct till_arena arena;
    struct part part = {.arena = &arena};
    till_arena_init(&arena, PART_MEMORY);
    bool done = store_write(store, run_part, &part, err);
    till_arena_clean_up(&arena);
    if (!done)
        return false;
    if (!part.left)
        atomic_store(&store->reseal_left, false);
    *ret_left = part.left;
    return true;
}

bool store_reseal_is_left(const struct store *store) {
    return atomic_load(&store->reseal_left);
}

/* A damaged row must not keep the daemon from starting: both keys stay known, and somebody is told.
 */
void reseal_settle(struct store *store) {
    struct reseal_figures figures;
    struct till_error err;
    if (!store_reseal_figures(store, &figures, &err) || figures.state != RESEAL_DONE ||
        !figures.runs_under_new)
        return;
    if (store_write(store, finish, NULL, &err))
        log_event(store->log, LOG_WARN, "old_master_key_refused", LOG_N("rows", figures.rows));
    else
        log_failure(store->log, LOG_ERROR, "reseal_not_finished", &err);
}

bool store_reseal_figures(struct store *store, struct reseal_figures *ret, struct till_error *err) {
    struct till_arena arena;
    struct change change;
    till_arena_init(&arena, SMALL_MEMORY);
    READING(reading, store, err);
    bool good = reading.db && load(reading.db, &arena, &change, err);
    till_arena_clean_up(&arena);
    if (!good)
        return false;
    *ret = (struct reseal_figures){.state = !change.found           ? RESEAL_NONE
                                            : change.table < TABLES ? RESEAL_RUNNING
                                                                    : RESEAL_DONE,
                                   .rows = change.rows,
                                   .started_us = change.started_us,
                                   .runs_under_new = runs_under_new(store)};
    return true;
}
