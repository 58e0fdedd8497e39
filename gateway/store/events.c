/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: written in the commit of their transition, numbered afterwards. pk grows in commit order,
 * because one connection writes; the sequencer hands out public numbers from where it stopped, in
 * one commit, so none is skipped or given twice (I17). A lease is not needed: the commit is one.
 */
#include "gateway/store/operations.h"

enum { NUMBERED_AT_ONCE = 500 };

bool event_next(struct db *db, struct payment_row *payment, struct till_error *err) {
    static const char SQL[] = "UPDATE payments SET event_sequence = ? WHERE id = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, ++payment->event_sequence);
    bind(&query, payment->id);
    return query_run(&query, NULL);
}

bool event_write(struct store *store, struct db *db, struct till_arena *arena, const char *type,
                 const struct payment_row *payment, const struct refund_row *refund, int64_t now_us,
                 struct till_error *err) {
    static const char SQL[] = "INSERT INTO events(id, app_id, payment_id, sequence, type, body,"
                              " created_us) VALUES (?, ?, ?, ?, ?, ?, ?)";
    struct till_str body;
    char id[TILL_ID_SIZE];
    if (!event_body(arena, type, payment, refund, now_us, &body, err))
        return false;
    new_id(store, "evt", now_us, id);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, payment->app_id);
    bind(&query, payment->id);
    bind(&query, payment->event_sequence);
    bind(&query, type);
    bind(&query, body);
    bind(&query, now_us);
    int deliveries;
    return query_run(&query, NULL) &&
           deliveries_write(store, db, arena, sqlite3_last_insert_rowid(db->handle),
                            till_str_of(payment->app_id), payment->notify_url, now_us, &deliveries,
                            err);
}

/* ---- public numbers ---- */

struct sequencing {
    int64_t from_pk, last_number;
    int numbered;
};

static bool read_mark(struct db *db, struct sequencing *s, struct till_error *err) {
    static const char SQL[] = "SELECT sequenced_pk, last_number FROM store_facts";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    if (!query_step(&query, &row))
        return false;
    s->from_pk = read_int(&query);
    s->last_number = read_int(&query);
    return true;
}

static bool write_mark(struct db *db, struct sequencing *s, struct till_error *err) {
    static const char SQL[] = "UPDATE store_facts SET last_number = ?1, sequenced_pk ="
                              " (SELECT event_pk FROM event_numbers WHERE number = ?1)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->last_number + s->numbered);
    return query_run(&query, NULL);
}

static bool number_events(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "INSERT INTO event_numbers(number, event_pk, app_id)"
                              " SELECT ?1 + row_number() OVER (ORDER BY pk), pk, app_id FROM"
                              " (SELECT pk, app_id FROM events WHERE pk > ?2 ORDER BY pk LIMIT ?3)";
    struct sequencing *s = arg;
    commit_is_upkeep(store);
    if (!read_mark(db, s, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->last_number);
    bind(&query, s->from_pk);
    bind(&query, NUMBERED_AT_ONCE);
    return query_run(&query, &s->numbered) && (s->numbered == 0 || write_mark(db, s, err));
}

static bool anything_new(struct store *store, bool *ret_new, struct till_error *err) {
    static const char SQL[] = "SELECT EXISTS (SELECT 1 FROM events WHERE pk >"
                              " (SELECT sequenced_pk FROM store_facts))";
    return read_truth(store, SQL, ret_new, err);
}

bool store_sequence_events(struct store *store, int64_t now_us, int *ret_numbered,
                           struct till_error *err) {
    struct sequencing s = {0};
    bool is_new;
    (void)now_us;
    if (!anything_new(store, &is_new, err) ||
        (is_new && !store_write(store, number_events, &s, err)))
        return false;
    *ret_numbered = s.numbered;
    return true;
}
