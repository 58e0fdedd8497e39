/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries: claimed lane by lane, so that one slow endpoint delays nobody else (S-108), reported
 * under the lease they were claimed with. A lease that ran out makes the delivery due again: at
 * least once, with the same bytes and id (I15).
 *
 *   pending --claim--> pending, leased --report--> delivered | dead | disabled | pending (later)
 */
#include "gateway/store/moment.h"
#include "gateway/store/outbox.h"

#include <string.h>

#include <rt/failpoint.h>

enum { LANES_AT_ONCE = 1000 };
#define DAMAGED_PAUSE_US INT64_C(300000000)

struct claiming {
    struct till_arena *arena;
    int64_t now_us, lease_us;
    int limit, per_lane;
    struct delivery_row *rows;
    size_t count;
};

/* The next lane with anything pending, after `lane`; empty at the end. */
static bool next_lane(struct db *db, struct till_arena *arena, struct till_str *lane,
                      struct till_error *err) {
    static const char SQL[] =
        "SELECT lane FROM deliveries WHERE state = 0 AND lane > ? ORDER BY lane LIMIT 1";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, *lane);
    if (!query_step(&query, &found))
        return false;
    *lane = found ? read_str(&query) : TILL_STR_NONE;
    return query_read_all(&query);
}

static bool count_in_flight(struct db *db, struct till_str lane, int64_t now_us, int *ret_count,
                            struct till_error *err) {
    static const char SQL[] = "SELECT COUNT(*) FROM deliveries WHERE state = 0 AND lane = ?"
                              " AND leased = 1 AND next_us > ?";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, lane);
    bind(&query, now_us);
    if (!query_step(&query, &row))
        return false;
    *ret_count = (int)read_int(&query);
    return true;
}

static bool lease(struct db *db, struct claiming *c, int64_t pk, struct till_error *err) {
    static const char SQL[] =
        "UPDATE deliveries SET leased = 1, lease_epoch = lease_epoch + 1, attempts = attempts + 1,"
        " next_us = ? WHERE pk = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->now_us + c->lease_us);
    bind(&query, pk);
    return query_run(&query, NULL);
}

static bool load_claimed(struct store *store, struct db *db, struct claiming *c, int64_t pk,
                         struct till_error *err) {
    static const char SQL[] = "SELECT " DELIVERY_COLUMNS DELIVERY_FROM "WHERE d.pk = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, c->arena, SQL, err);
    bind(&query, pk);
    if (!query_step(&query, &found) || !delivery_row_read(store, &query, true, &c->rows[c->count]))
        return false;
    c->count++;
    return true;
}

static bool is_damaged(const struct till_error *err) {
    return err->code == TILL_E_STORE_DAMAGED || err->code == TILL_E_SEAL_BROKEN;
}

/* What cannot be read (a flipped bit in the row or in its endpoint's secret) is tried again now and
 * then, in case somebody repaired it, and takes nobody's place meanwhile. */
static bool put_off(struct store *store, struct db *db, const struct claiming *c, int64_t pk,
                    struct till_error *err) {
    static const char SQL[] = "UPDATE deliveries SET leased = 0, next_us = ? WHERE pk = ?";
    struct till_error why = *err;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->now_us + DAMAGED_PAUSE_US);
    bind(&query, pk);
    log_event(store->log, LOG_ERROR, "row_damaged", LOG_N("delivery", pk),
              LOG_C("code", till_code_slug(why.code)), LOG_C("detail", why.text));
    return query_run(&query, NULL);
}

/* Those whose lease ran out first, then those never leased: each an ordered range of the index. */
static bool list_due(struct db *db, struct claiming *c, struct till_str lane, bool leased,
                     int limit, struct list *pks, struct till_error *err) {
    static const char SQL[] = "SELECT pk FROM deliveries WHERE state = 0 AND lane = ?"
                              " AND leased = ? AND next_us <= ? ORDER BY next_us LIMIT ?";
    QUERY_SCOPED struct query query = query_start(db, c->arena, SQL, err);
    bind(&query, lane);
    bind(&query, leased);
    bind(&query, c->now_us);
    bind(&query, limit);
    for (int64_t *pk; (pk = list_next(pks, &query));)
        *pk = read_int(&query);
    pks->ended = false;
    return !query.failed;
}

static bool claim_lane(struct store *store, struct db *db, struct claiming *c, struct till_str lane,
                       struct till_error *err) {
    int in_flight;
    if (!count_in_flight(db, lane, c->now_us, &in_flight, err))
        return false;
    int room = c->per_lane - in_flight, left = c->limit - (int)c->count;
    room = room < left ? room : left;
    if (room <= 0)
        return true;
    struct list pks = list_of(c->arena, sizeof(int64_t));
    if (!list_due(db, c, lane, true, room, &pks, err) ||
        !list_due(db, c, lane, false, room - (int)pks.count, &pks, err))
        return false;
    const int64_t *due = (const void *)pks.rows;
    for (size_t i = 0; i < pks.count; i++) {
        if (!lease(db, c, due[i], err))
            return false;
        if (!load_claimed(store, db, c, due[i], err) &&
            (!is_damaged(err) || !put_off(store, db, c, due[i], err)))
            return false;
    }
    return true;
}

/* Once around all lanes, beginning after where the last claim stopped. */
static bool claim_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct claiming *c = arg;
    struct till_str start = till_str_of(store->lane_turn), lane = start;
    bool wrapped = false;
    c->count = 0;
    for (int i = 0; i < LANES_AT_ONCE && c->count < (size_t)c->limit; i++) {
        if (!next_lane(db, c->arena, &lane, err))
            return false;
        if (lane.len == 0 && (wrapped || start.len == 0))
            break;
        if (lane.len == 0) {
            wrapped = true;
            continue;
        }
        if (wrapped && till_str_compare(lane, start) > 0)
            break;
        if (!claim_lane(store, db, c, lane, err))
            return false;
    }
    size_t keep = lane.len < sizeof store->lane_turn ? lane.len : 0;
    if (keep)
        memcpy(store->lane_turn, lane.ptr, keep);
    store->lane_turn[keep] = '\0';
    TILL_FP("W1");
    return true;
}

bool store_claim_deliveries(struct store *store, struct till_arena *arena, int64_t now_us,
                            int64_t lease_us, int limit, int per_endpoint,
                            struct delivery_row **ret_rows, size_t *ret_count,
                            struct till_error *err) {
    struct claiming claiming = {.arena = arena,
                                .now_us = now_us,
                                .lease_us = lease_us,
                                .limit = limit,
                                .per_lane = per_endpoint};
    if (atomic_exchange(&store->per_lane, per_endpoint) != per_endpoint)
        moment_forget(store, MOMENT_DELIVERY);
    if (store_next_delivery_us(store) <= now_us) { /* no commit for nothing */
        claiming.rows = till_arena_array(arena, (size_t)limit, sizeof *claiming.rows);
        if (!claiming.rows)
            return till_arena_refused(arena, err);
        if (!store_write(store, claim_in_commit, &claiming, err))
            return false;
        if (claiming.count)
            TILL_FP("W2");
    }
    *ret_rows = claiming.rows;
    *ret_count = claiming.count;
    return true;
}

/* ---- when there is something to do ---- */

/* A full lane waits for its earliest lease to end (or for a report, after which it
 * is asked again). */
static bool lane_next(struct store *store, struct db *db, struct till_str lane, int64_t *ret_us,
                      struct till_error *err) {
    static const char SQL[] =
        "SELECT (SELECT COUNT(*) FROM deliveries WHERE state = 0 AND lane = ?1 AND leased = 1),"
        " COALESCE((SELECT MIN(next_us) FROM deliveries WHERE state = 0 AND lane = ?1"
        " AND leased = 1), 9223372036854775807),"
        " COALESCE((SELECT MIN(next_us) FROM deliveries WHERE state = 0 AND lane = ?1"
        " AND leased = 0), 9223372036854775807)";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, lane);
    if (!query_step(&query, &row))
        return false;
    int64_t in_flight = read_int(&query);
    int64_t lease_us = read_int(&query), due_us = read_int(&query);
    int per_lane = atomic_load(&store->per_lane);
    bool is_full = per_lane > 0 && in_flight >= per_lane;
    *ret_us = is_full || lease_us < due_us ? lease_us : due_us;
    return true;
}

static bool find_next(struct store *store, struct db *db, struct till_arena *arena, int64_t *ret_us,
                      struct till_error *err) {
    struct till_str lane = TILL_STR_NONE;
    int64_t lane_us;
    *ret_us = INT64_MAX;
    for (int i = 0; i < LANES_AT_ONCE; i++) {
        if (!next_lane(db, arena, &lane, err))
            return false;
        if (lane.len == 0)
            break;
        if (!lane_next(store, db, lane, &lane_us, err))
            return false;
        *ret_us = lane_us < *ret_us ? lane_us : *ret_us;
    }
    return true;
}

static bool read_next(struct store *store, struct db *db, int64_t *ret_us, struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, 1 << 20);
    bool good = find_next(store, db, &arena, ret_us, err);
    till_arena_clean_up(&arena);
    return good;
}

int64_t store_next_delivery_us(struct store *store) {
    return moment_us(store, MOMENT_DELIVERY, read_next);
}
