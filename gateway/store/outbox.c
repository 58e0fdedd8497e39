/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event's deliveries: one to each enabled endpoint of the app and one to the payment's own
 * notify address, written with the event. Deliveries to one host share a lane, so that a slow one
 * delays nobody else (S-108).
 */
#include "gateway/store/operations.h"

/* "https://shop.example:8443" of an address. */
static struct till_str origin_of(struct till_str url) {
    size_t at = 0;
    for (int slashes = 0; at < url.len; at++)
        if (url.ptr[at] == '/' && ++slashes == 3)
            break;
    return till_str_sub(url, 0, at);
}

static bool write_one(struct store *store, struct db *db, int64_t event_pk, struct till_str app_id,
                      struct till_str endpoint_id, struct till_str url, int64_t now_us, int *count,
                      struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO deliveries(id, event_pk, endpoint_id, app_id, lane, url, state, next_us,"
        " created_us) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)"
        " ON CONFLICT (event_pk, endpoint_id) DO NOTHING";
    char id[TILL_ID_SIZE];
    int written;
    new_id(store, "dlv", now_us, id);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, event_pk);
    bind(&query, endpoint_id);
    bind(&query, app_id);
    bind(&query, endpoint_id.len ? endpoint_id : origin_of(url));
    bind(&query, url);
    bind(&query, now_us);
    bind(&query, now_us);
    if (!query_run(&query, &written))
        return false;
    *count += written;
    return true;
}

struct target {
    struct till_str id, url;
};

bool deliveries_write(struct store *store, struct db *db, struct till_arena *arena,
                      int64_t event_pk, struct till_str app_id, struct till_str notify_url,
                      int64_t now_us, int *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT id, url FROM endpoints WHERE app_id = ? AND enabled = 1";
    struct list list = list_of(arena, sizeof(struct target));
    struct target *targets;
    size_t target_count;
    int count = 0;
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, app_id);
    for (struct target *target; (target = list_next(&list, &query));) {
        target->id = read_str(&query);
        target->url = read_str(&query);
    }
    if (!list_end(&list, &query, &targets, &target_count))
        return false;
    for (size_t i = 0; i < target_count; i++)
        if (!write_one(store, db, event_pk, app_id, targets[i].id, targets[i].url, now_us, &count,
                       err))
            return false;
    if (notify_url.len &&
        !write_one(store, db, event_pk, app_id, TILL_STR_NONE, notify_url, now_us, &count, err))
        return false;
    *ret_count = count;
    return true;
}
