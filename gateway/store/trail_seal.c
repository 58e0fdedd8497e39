/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: trail rows get gapless numbers and hashes after their commit, beside the hot path. A
 * seal's hash is sha256(hash before, number, row), so whoever changes a row must change all seals
 * after it, and whoever keeps a head elsewhere sees it. Rows below the newest sealed one are looked
 * at again: where several connections write, a lower pk may commit later. A seal depends on nothing
 * but row, number and hash before: done twice or after a crash, it comes out the same.
 */
#include "gateway/store/trail.h"

#include <string.h>

enum { SEALED_AT_ONCE = 500, LOOKED_AT_AGAIN = 256 };

struct sealing {
    struct trail_head head;
    int64_t newest_pk;
    int sealed;
};

static bool read_head(struct db *db, struct sealing *s, struct till_error *err) {
    static const char SQL[] = "SELECT number, hash, (SELECT MAX(audit_pk) FROM seals) FROM seals"
                              " ORDER BY number DESC LIMIT 1";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    if (!query_step(&query, &row) || !row)
        return query_read_all(&query);
    s->head.number = read_int(&query);
    struct till_str hash = read_borrowed(&query);
    if (hash.len != sizeof s->head.hash)
        return TILL_FAIL(err, STORE_DAMAGED, NULL);
    memcpy(s->head.hash, hash.ptr, sizeof s->head.hash);
    s->newest_pk = read_int(&query);
    return true;
}

static bool write_seal(struct db *db, const struct sealing *s, int64_t audit_pk,
                       struct till_error *err) {
    static const char SQL[] = "INSERT INTO seals(number, audit_pk, hash) VALUES (?, ?, ?)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->head.number);
    bind(&query, audit_pk);
    bind_blob(&query, s->head.hash, sizeof s->head.hash);
    return query_run(&query, NULL);
}

static bool seal_row(struct db *db, struct sealing *s, struct till_arena *arena, sqlite3_stmt *row,
                     struct till_error *err) {
    struct till_buf buf;
    struct till_str bytes;
    int64_t audit_pk = sqlite3_column_int64(row, 0);
    s->head.number++;
    s->sealed++;
    till_buf_init(&buf, arena);
    till_buf_add(&buf, (struct till_str){(const char *)s->head.hash, sizeof s->head.hash});
    trail_add_int(&buf, s->head.number);
    trail_add_row(&buf, row);
    if (!till_buf_finish(&buf, &bytes, err))
        return false;
    till_sha256(bytes, s->head.hash);
    return write_seal(db, s, audit_pk, err);
}

static bool seal_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "SELECT pk, who, what, subject, body, created_us FROM audit WHERE pk > ? AND NOT EXISTS"
        " (SELECT 1 FROM seals WHERE audit_pk = audit.pk) ORDER BY pk LIMIT ?";
    struct sealing *s = arg;
    struct till_arena arena;
    bool row, done = true;
    commit_is_upkeep(store);
    if (!read_head(db, s, err))
        return false;
    till_arena_init(&arena, 1 << 20);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->newest_pk > LOOKED_AT_AGAIN ? s->newest_pk - LOOKED_AT_AGAIN : 0);
    bind(&query, SEALED_AT_ONCE);
    while (done && (done = query_step(&query, &row)) && row) {
        done = seal_row(db, s, &arena, query.stmt, err);
        till_arena_clean_up(&arena);
    }
    return done;
}

static bool anything_new(struct store *store, bool *ret_new, struct till_error *err) {
    static const char SQL[] = "SELECT EXISTS (SELECT 1 FROM audit WHERE pk >"
                              " (SELECT COALESCE(MAX(audit_pk), 0) FROM seals))";
    return read_truth(store, SQL, ret_new, err);
}

bool store_seal_trail(struct store *store, int *ret_sealed, struct till_error *err) {
    struct sealing s = {0};
    bool is_new;
    if (!anything_new(store, &is_new, err) ||
        (is_new && !store_write(store, seal_in_commit, &s, err)))
        return false;
    *ret_sealed = s.sealed;
    return true;
}

bool store_trail_head(struct store *store, struct trail_head *ret_head, struct till_error *err) {
    struct sealing s = {0};
    READING(reading, store, err);
    if (!reading.db || !read_head(reading.db, &s, err))
        return false;
    *ret_head = s.head;
    return true;
}
