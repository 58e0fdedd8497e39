/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/sealing.h"

#include <stdlib.h>
#include <string.h>

static const char SEAL_TEXT[] = "till";

/* ---- keys ---- */

bool seal_keys_put(struct store *store, const uint8_t now[TILL_SEAL_KEY_SIZE],
                   const uint8_t *before, struct till_error *err) {
    struct seal_keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    memcpy(keys->now, now, sizeof keys->now);
    keys->has_before = before != NULL;
    if (before)
        memcpy(keys->before, before, sizeof keys->before);
    keys->earlier = atomic_load(&store->seal_keys);
    if (!keys->earlier)
        memcpy(store->master_key, now, sizeof store->master_key);
    atomic_store(&store->seal_keys, keys);
    return true;
}

void seal_keys_drop(struct store *store) {
    struct seal_keys *keys = atomic_exchange(&store->seal_keys, NULL);
    while (keys) {
        struct seal_keys *earlier = keys->earlier;
        till_wipe(keys, sizeof *keys);
        free(keys);
        keys = earlier;
    }
    till_wipe(store->master_key, sizeof store->master_key);
}

bool seal_under(struct store *store, const uint8_t key[TILL_SEAL_KEY_SIZE],
                struct till_arena *arena, const char *table, const char *id, struct till_str plain,
                struct till_str *ret_sealed, struct till_error *err) {
    uint8_t nonce[TILL_SEAL_NONCE_SIZE];
    struct till_str context;
    world_random(store->world, nonce, sizeof nonce);
    return till_arena_format(arena, &context, err, "%s/%s", table, id) &&
           till_seal(arena, key, nonce, context, plain, ret_sealed, err);
}

bool open_seal_under(const uint8_t key[TILL_SEAL_KEY_SIZE], struct till_arena *arena,
                     const char *table, const char *id, struct till_str sealed,
                     struct till_str *ret_plain, struct till_error *err) {
    struct till_str context;
    return till_arena_format(arena, &context, err, "%s/%s", table, id) &&
           till_open_seal(arena, key, context, sealed, ret_plain, err);
}

bool seal(struct store *store, struct till_arena *arena, const char *table, const char *id,
          struct till_str plain, struct till_str *ret_sealed, struct till_error *err) {
    const struct seal_keys *keys = atomic_load(&store->seal_keys);
    return seal_under(store, keys->now, arena, table, id, plain, ret_sealed, err);
}

bool open_seal(struct store *store, struct till_arena *arena, const char *table, const char *id,
               struct till_str sealed, struct till_str *ret_plain, struct till_error *err) {
    const struct seal_keys *keys = atomic_load(&store->seal_keys);
    if (open_seal_under(keys->now, arena, table, id, sealed, ret_plain, err))
        return true;
    return keys->has_before && err->code == TILL_E_SEAL_BROKEN &&
           open_seal_under(keys->before, arena, table, id, sealed, ret_plain, err);
}

/* ---- the proof ---- */

static bool write_check(struct store *store, struct db *db, struct till_arena *arena,
                        struct till_error *err) {
    static const char SQL[] = "UPDATE store_facts SET seal_check = ?";
    struct till_str sealed;
    if (!seal(store, arena, "store_facts", "seal_check", till_str_of(SEAL_TEXT), &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind_blob(&query, sealed.ptr, sealed.len);
    return query_run(&query, NULL);
}

bool seal_check_renew(struct store *store, struct db *db, struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, 4096);
    bool done = write_check(store, db, &arena, err);
    till_arena_clean_up(&arena);
    return done;
}

static bool check_in(struct store *store, struct till_arena *arena, struct till_error *err) {
    static const char SQL[] =
        "SELECT seal_check, config_epoch, nonce_horizon_s, (SELECT COUNT(*) FROM nonces),"
        " checked_us FROM store_facts";
    bool found;
    struct till_str plain;
    QUERY_SCOPED struct query query = query_start(&store->writer, arena, SQL, err);
    if (!query_step(&query, &found))
        return false;
    if (!found)
        return TILL_FAIL(err, STORE_DAMAGED, NULL);
    struct till_str sealed = read_str(&query);
    store->epoch = read_int(&query);
    store->horizon_s = read_int(&query);
    store->nonces = read_int(&query);
    store->seen_us = read_int(&query);
    if (!query_read_all(&query))
        return false;
    struct till_error closer;
    if (open_seal(store, arena, "store_facts", "seal_check", sealed, &plain, &closer) &&
        till_str_is(plain, SEAL_TEXT))
        return true;
    return TILL_FAIL(err, SEAL_BROKEN,
                     "The master key is not the one this database was sealed under.");
}

bool seal_check(struct store *store, struct till_error *err) {
    struct till_arena arena;
    bool changes;
    if (!reseal_find_keys(store, &changes, err))
        return false;
    till_arena_init(&arena, 4096);
    bool right = check_in(store, &arena, err);
    till_arena_clean_up(&arena);
    return right;
}
