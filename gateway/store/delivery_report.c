/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a delivery, its log, and sending again by hand. */
#include "gateway/store/outbox.h"
#include "gateway/store/trail.h"

#include <gateway/store/effects.h>

#include <rt/failpoint.h>

enum { ANSWER_MAX = 1024, LOG_ROWS_SHOWN = 1000 };

static const char *const STATES[] = {"pending", "delivered", "dead", "disabled"};

static bool open_secrets(struct store *store, struct query *query, struct delivery_row *row,
                         struct till_str of_endpoint, struct till_str of_app) {
    bool is_endpoint = row->endpoint_id[0] != '\0';
    return open_seal(store, query->arena, is_endpoint ? "endpoints" : "apps",
                     is_endpoint ? row->endpoint_id : row->app_id,
                     is_endpoint ? of_endpoint : of_app, &row->secrets, query->err);
}

bool delivery_row_read(struct store *store, struct query *query, bool with_secrets,
                       struct delivery_row *ret_row) {
    read_id(query, ret_row->id);
    read_id(query, ret_row->event_id);
    read_id(query, ret_row->endpoint_id);
    read_id(query, ret_row->app_id);
    ret_row->url = read_str(query);
    ret_row->type = read_str(query);
    ret_row->body = read_str(query);
    ret_row->state = till_str_of(STATES[read_int(query) & 3]);
    ret_row->attempts = (int)read_int(query);
    ret_row->next_us = read_int(query);
    ret_row->lease_epoch = read_int(query);
    ret_row->created_us = read_int(query);
    ret_row->event_created_us = read_int(query);
    ret_row->last_status = (int)read_int(query);
    ret_row->last_reason = read_str(query);
    struct till_str of_endpoint = read_str(query), of_app = read_str(query);
    if (query_read_all(query) &&
        (!with_secrets || open_secrets(store, query, ret_row, of_endpoint, of_app)))
        return true;
    query->failed = true;
    return false;
}

/* ---- reports ---- */

static bool update(struct db *db, const struct delivery_report *report, enum delivery_state state,
                   struct till_error *err) {
    static const char SQL[] =
        "UPDATE deliveries SET state = ?, leased = 0, next_us = ?, last_status = ?,"
        " last_reason = ? WHERE id = ? AND lease_epoch = ? AND state = 0 AND leased = 1";
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, state);
    bind(&query, report->next_us);
    bind(&query, report->status);
    bind(&query, report->reason);
    bind(&query, report->delivery_id);
    bind(&query, report->lease_epoch);
    if (!query_run(&query, &changed))
        return false;
    return changed == 1 || TILL_FAIL(err, STORE_STALE, "The delivery was claimed anew meanwhile.");
}

static bool write_log(struct db *db, const struct delivery_report *report, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO delivery_log(delivery_id, attempt, status, reason, answer, duration_us,"
        " created_us) SELECT id, attempts, ?, ?, ?, ?, ? FROM deliveries WHERE id = ?";
    struct till_str answer = till_str_sub(report->answer, 0, ANSWER_MAX);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, report->status);
    bind(&query, report->reason);
    bind_blob(&query, answer.ptr, answer.len);
    bind(&query, report->duration_us);
    bind(&query, report->now_us);
    bind(&query, report->delivery_id);
    return query_run(&query, NULL);
}

static bool disable_endpoint(struct store *store, struct db *db,
                             const struct delivery_report *report, struct till_error *err) {
    static const char SQL[] = "SELECT endpoint_id FROM deliveries WHERE id = ?";
    char id[TILL_ID_SIZE] = "";
    bool found;
    struct query query = query_start(db, NULL, SQL, err);
    bind(&query, report->delivery_id);
    bool read = query_step(&query, &found);
    if (read && found)
        read_id(&query, id);
    query_reset(&query);
    if (!read || !found || id[0] == '\0') /* a payment's own address: only this delivery ends */
        return read;
    return endpoint_switch(store, db, TILL_STR(TRAIL_TILL), till_str_of(id), false, report->reason,
                           err);
}

static bool report_in_commit(struct store *store, struct db *db, void *arg,
                             struct till_error *err) {
    static const enum delivery_state BECOMES[] = {
        [DELIVERY_DONE] = DELIVERY_DELIVERED,
        [DELIVERY_RETRY] = DELIVERY_PENDING,
        [DELIVERY_DEAD] = DELIVERY_GIVEN_UP,
        [DELIVERY_DISABLE] = DELIVERY_DISABLED,
    };
    const struct delivery_report *report = arg;
    TILL_FP("W6");
    if (!update(db, report, BECOMES[report->result], err) || !write_log(db, report, err))
        return false;
    return report->result != DELIVERY_DISABLE || disable_endpoint(store, db, report, err);
}

bool store_report_delivery(struct store *store, const struct delivery_report *report,
                           struct till_error *err) {
    struct delivery_report copy = *report;
    if (!store_write(store, report_in_commit, &copy, err))
        return false;
    if (report->result == DELIVERY_DISABLE)
        config_forget(store);
    if (report->result == DELIVERY_DONE)
        TILL_FP("W7");
    if (report->result == DELIVERY_RETRY)
        TILL_FP("W8");
    if (report->result == DELIVERY_DEAD)
        TILL_FP("W9");
    return true;
}

/* ---- by hand ---- */

struct redelivering {
    struct till_arena *arena;
    struct till_str app_id, event_id;
    const struct nonce_claim *claim;
    int64_t now_us;
    int count;
};

struct found_event {
    int64_t pk;
    struct till_str app_id, notify_url;
};

static bool find_event(struct db *db, const struct redelivering *r, struct found_event *ret,
                       struct till_error *err) {
    static const char SQL[] =
        "SELECT e.pk, e.app_id, p.notify_url FROM events e JOIN payments p ON p.id = e.payment_id"
        " WHERE e.id = ?1 AND (?2 = '' OR e.app_id = ?2)";
    QUERY_SCOPED struct query query = query_start(db, r->arena, SQL, err);
    bind(&query, r->event_id);
    bind(&query, r->app_id);
    if (!query_need(&query, "event"))
        return false;
    ret->pk = read_int(&query);
    ret->app_id = read_str(&query);
    ret->notify_url = read_str(&query);
    return query_read_all(&query);
}

static bool note_redelivery(struct store *store, struct db *db, const struct redelivering *r,
                            struct till_error *err) {
    struct till_json *body = till_json_object();
    till_json_set_int(body, "deliveries", r->count);
    return trail_act(store, db, trail_who(r->claim, r->app_id), "event.redelivered", r->event_id,
                     body, err);
}

/* The old lease, if any, is void by its epoch; endpoints that are new since then get theirs too. */
static bool redeliver_in_commit(struct store *store, struct db *db, void *arg,
                                struct till_error *err) {
    static const char SQL[] =
        "UPDATE deliveries SET state = 0, leased = 0, attempts = 0, next_us = ?1,"
        " lease_epoch = lease_epoch + 1 WHERE event_pk = ?2 AND (endpoint_id = '' OR"
        " endpoint_id IN (SELECT id FROM endpoints WHERE enabled = 1))";
    struct redelivering *r = arg;
    struct found_event event;
    int again, added;
    if ((r->claim && !nonce_claim_write(store, db, r->claim, err)) ||
        !find_event(db, r, &event, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, r->now_us);
    bind(&query, event.pk);
    if (!query_run(&query, &again) || !deliveries_write(store, db, r->arena, event.pk, event.app_id,
                                                        event.notify_url, r->now_us, &added, err))
        return false;
    r->count = again + added;
    return note_redelivery(store, db, r, err);
}

bool store_redeliver(struct store *store, struct till_str app_id, struct till_str event_id,
                     const struct nonce_claim *claim, int64_t now_us, int *ret_deliveries,
                     struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, 1 << 20);
    struct redelivering redelivering = {
        .arena = &arena, .app_id = app_id, .event_id = event_id, .claim = claim, .now_us = now_us};
    bool done = store_write(store, redeliver_in_commit, &redelivering, err);
    till_arena_clean_up(&arena);
    if (done)
        *ret_deliveries = redelivering.count;
    return done;
}

bool store_deliveries_due(struct store *store, struct till_str app_id, struct till_str event_id,
                          int *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT count(*) FROM deliveries d JOIN events e ON e.pk = d.event_pk"
                              " WHERE e.id = ?1 AND e.app_id = ?2 AND d.state = 0";
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, event_id);
    bind(&query, app_id);
    if (!query_step(&query, &row))
        return false;
    *ret_count = (int)read_int(&query);
    return true;
}

bool store_delivery_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                         struct till_str event_id_or_empty, int limit,
                         struct delivery_row **ret_rows, size_t *ret_count,
                         struct till_error *err) {
    static const char OF_EVENT[] =
        "SELECT " DELIVERY_COLUMNS DELIVERY_FROM
        "WHERE e.id = ?2 AND (?1 = '' OR d.app_id = ?1) ORDER BY d.pk DESC LIMIT ?3";
    static const char ALL[] =
        "SELECT " DELIVERY_COLUMNS DELIVERY_FROM
        "WHERE ?2 = '' AND (?1 = '' OR d.app_id = ?1) ORDER BY d.pk DESC LIMIT ?3";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct delivery_row));
    QUERY_SCOPED struct query query =
        query_start(reading.db, arena, event_id_or_empty.len ? OF_EVENT : ALL, err);
    bind(&query, app_id);
    bind(&query, event_id_or_empty);
    bind(&query, limit);
    for (struct delivery_row *row; (row = list_next(&list, &query));)
        if (!delivery_row_read(store, &query, false, row))
            return false;
    return list_end(&list, &query, ret_rows, ret_count);
}
