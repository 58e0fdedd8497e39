/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/trail.h"

#include <stdio.h>
#include <string.h>

#include <gateway/store/migrations.h>
#include <till/till.h>

enum { TRAIL_MEMORY_MAX = 1 << 20 };

/* ---- bytes that are hashed ---- */

static void add_column(struct till_buf *buf, char type, const void *bytes, size_t len) {
    const char head[5] = {type, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    till_buf_add(buf, (struct till_str){head, sizeof head});
    till_buf_add(buf, (struct till_str){len ? bytes : "", len});
}

void trail_add_int(struct till_buf *buf, int64_t value) {
    unsigned char bytes[8];
    for (int at = 0; at < 8; at++)
        bytes[at] = (unsigned char)((uint64_t)value >> (56 - 8 * at));
    add_column(buf, 'i', bytes, sizeof bytes);
}

void trail_add_row(struct till_buf *buf, sqlite3_stmt *stmt) {
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        int type = sqlite3_column_type(stmt, i);
        if (type == SQLITE_INTEGER) {
            trail_add_int(buf, sqlite3_column_int64(stmt, i));
        } else {
            const void *bytes = sqlite3_column_blob(stmt, i);
            add_column(buf, type == SQLITE_TEXT ? 't' : 'b', bytes,
                       (size_t)sqlite3_column_bytes(stmt, i));
        }
    }
}

static bool digest_of(struct till_buf *buf, uint8_t ret_digest[TILL_SHA256_SIZE],
                      struct till_error *err) {
    struct till_str bytes;
    if (!till_buf_finish(buf, &bytes, err))
        return false;
    till_sha256(bytes, ret_digest);
    return true;
}

/* ---- rows ---- */

static bool insert(struct db *db, struct till_str who, const char *what, struct till_str subject,
                   struct till_str body, int64_t now_us, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO audit(who, what, subject, body, created_us) VALUES (?, ?, ?, ?, ?)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, who);
    bind(&query, what);
    bind(&query, subject);
    bind_blob(&query, body.ptr, body.len);
    bind(&query, now_us);
    return query_run(&query, NULL);
}

bool trail_act(struct store *store, struct db *db, struct till_str who, const char *what,
               struct till_str subject, struct till_json *body, struct till_error *err) {
    struct till_arena arena;
    struct till_str text = TILL_STR("{}");
    till_arena_init(&arena, TRAIL_MEMORY_MAX);
    bool done = (!body || till_json_write(&arena, body, TILL_JSON_COMPACT, &text, err)) &&
                insert(db, who, what, subject, text, world_now_us(store->world), err);
    till_json_release(body);
    till_arena_clean_up(&arena);
    return done;
}

bool trail_by_hand(const struct nonce_claim *claim_or_null) {
    return claim_or_null && claim_or_null->nonce.len == 0 &&
           till_str_is(claim_or_null->key_id, TRAIL_ADMIN);
}

struct till_str trail_who(const struct nonce_claim *claim_or_null, struct till_str app_id) {
    bool is_app = claim_or_null && claim_or_null->key_id.len > 0 && app_id.len > 0 &&
                  !trail_by_hand(claim_or_null);
    return is_app ? app_id : TILL_STR(TRAIL_ADMIN);
}

static void write_digest(const uint8_t digest[TILL_SHA256_SIZE],
                         char ret_text[8 + 2 * TILL_SHA256_SIZE]) {
    memcpy(ret_text, "sha256:", 7);
    till_hex_encode(digest, TILL_SHA256_SIZE, ret_text + 7);
}

void trail_set_digest(struct till_json *body, const char *name, struct till_str sealed) {
    uint8_t digest[TILL_SHA256_SIZE];
    char text[8 + 2 * TILL_SHA256_SIZE];
    till_sha256(sealed, digest);
    write_digest(digest, text);
    till_json_set_text(body, name, text);
}

/* ---- the books ---- */

static bool digest_lines(struct db *db, struct till_arena *arena, int64_t last_pk, int lines,
                         uint8_t ret_digest[TILL_SHA256_SIZE], struct till_error *err) {
    static const char SQL[] =
        "SELECT " TRAIL_LEDGER_COLUMNS " FROM ledger WHERE pk > ?1 - ?2 AND pk <= ?1 ORDER BY pk";
    struct till_buf buf;
    bool row;
    till_buf_init(&buf, arena);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, last_pk);
    bind(&query, lines);
    while (query_step(&query, &row) && row)
        trail_add_row(&buf, query.stmt);
    return query_read_all(&query) && digest_of(&buf, ret_digest, err);
}

/* What is digested is read back: the columns as they are stored, whoever writes them. */
bool trail_ledger(struct db *db, const char *app_id, const char *transaction_id, int lines,
                  int64_t now_us, struct till_error *err) {
    struct till_arena arena;
    uint8_t digest[TILL_SHA256_SIZE];
    till_arena_init(&arena, TRAIL_MEMORY_MAX);
    bool done =
        digest_lines(db, &arena, sqlite3_last_insert_rowid(db->handle), lines, digest, err) &&
        insert(db, till_str_of(app_id), "ledger", till_str_of(transaction_id),
               (struct till_str){(const char *)digest, sizeof digest}, now_us, err);
    till_arena_clean_up(&arena);
    return done;
}

/* ---- steps of the schema ---- */

struct entering {
    struct db *db;
    struct till_arena arena;
    struct till_buf buf;
    char app_id[TILL_ID_SIZE], transaction_id[TILL_ID_SIZE];
    int64_t created_us;
};

static bool enter(struct entering *e, struct till_error *err) {
    uint8_t digest[TILL_SHA256_SIZE];
    bool done =
        e->transaction_id[0] == '\0' ||
        (digest_of(&e->buf, digest, err) &&
         insert(e->db, till_str_of(e->app_id), "ledger", till_str_of(e->transaction_id),
                (struct till_str){(const char *)digest, sizeof digest}, e->created_us, err));
    till_arena_clean_up(&e->arena);
    till_buf_init(&e->buf, &e->arena);
    return done;
}

/* Lines of one transaction stand together. */
static bool enter_ledger(struct db *db, struct till_error *err) {
    static const char SQL[] = "SELECT " TRAIL_LEDGER_COLUMNS " FROM ledger ORDER BY pk";
    struct entering e = {.db = db};
    bool row, done = true;
    till_arena_init(&e.arena, TRAIL_MEMORY_MAX);
    till_buf_init(&e.buf, &e.arena);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    while (done && (done = query_step(&query, &row)) && row) {
        const char *id = (const char *)sqlite3_column_text(query.stmt, 1);
        if (strcmp(id, e.transaction_id) != 0) {
            done = enter(&e, err);
            snprintf(e.transaction_id, sizeof e.transaction_id, "%s", id);
            snprintf(e.app_id, sizeof e.app_id, "%s",
                     (const char *)sqlite3_column_text(query.stmt, 4));
            e.created_us = sqlite3_column_int64(query.stmt, 9);
        }
        trail_add_row(&e.buf, query.stmt);
    }
    return done && enter(&e, err);
}

/* What was set up before there was a trail. */
static bool enter_settings(struct db *db, int64_t now_us, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO audit(who, what, subject, body, created_us) SELECT ?1, noun || '.added', id,"
        " CAST(iif(enabled, '{\"enabled\":true', '{\"enabled\":false') ||"
        " iif(noun = 'endpoint', ',\"after_event\":' || (SELECT COALESCE(MAX(pk), 0) FROM events),"
        " '') || '}' AS BLOB), ?2 FROM (SELECT 'app' AS noun, id, enabled FROM apps UNION ALL"
        " SELECT 'key', id, enabled FROM keys UNION ALL SELECT 'account', id, enabled FROM accounts"
        " UNION ALL SELECT 'endpoint', id, enabled FROM endpoints)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, TRAIL_TILL);
    bind(&query, now_us);
    return query_run(&query, NULL);
}

/* Tables, indexes and triggers: one that is dropped later is missed. */
static bool digest_schema(struct db *db, struct till_json *body, struct till_error *err) {
    static const char SQL[] = "SELECT type, name, tbl_name, sql FROM sqlite_master"
                              " WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type, name";
    struct till_arena arena;
    struct till_buf buf;
    struct till_str bytes;
    bool row;
    till_arena_init(&arena, TRAIL_MEMORY_MAX);
    till_buf_init(&buf, &arena);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    while (query_step(&query, &row) && row)
        trail_add_row(&buf, query.stmt);
    bool done = query_read_all(&query) && till_buf_finish(&buf, &bytes, err);
    if (done)
        trail_set_digest(body, "schema", bytes);
    till_arena_clean_up(&arena);
    return done;
}

bool trail_migrated(struct store *store, struct db *db, int version, struct till_error *err) {
    if (version < MIGRATION_TRAIL_VERSION)
        return true;
    struct till_json *body = till_json_object();
    till_json_set_text(body, "program", TILL_VERSION);
    if (!digest_schema(db, body, err)) {
        till_json_release(body);
        return false;
    }
    char subject[16];
    snprintf(subject, sizeof subject, "%d", version);
    return trail_act(store, db, TILL_STR(TRAIL_TILL), "store.migrated", till_str_of(subject), body,
                     err) &&
           (version > MIGRATION_TRAIL_VERSION ||
            (enter_settings(db, world_now_us(store->world), err) && enter_ledger(db, err)));
}

bool trail_opened(struct store *store, struct till_error *err) {
    char subject[16];
    struct till_json *body = till_json_object();
    till_json_set_text(body, "program", TILL_VERSION);
    till_json_set_text(body, "engine", sqlite3_libversion());
    snprintf(subject, sizeof subject, "%d", store_schema_version());
    return trail_act(store, &store->writer, TILL_STR(TRAIL_TILL), "store.opened",
                     till_str_of(subject), body, err);
}
