/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Apps and accounts as they were read last, secrets opened, so that an order costs neither the read
 * nor the seal. A row is good for the config_epoch it was read under and for no other, so a change
 * made here is seen at once and one made elsewhere within a second (S-013), as with keys.
 *
 * A kept row's texts live in its own arena, which is wiped when another row takes the place; what
 * is handed out is a copy in the caller's arena.
 */
#include "gateway/store/kept.h"

#include <stddef.h>

enum { KEPT_ROW_MAX = 64 * 1024, TEXTS_MAX = 6 };

#define ACCOUNT_SHAPE                                                                              \
    {                                                                                              \
        sizeof(struct account_row),                                                                \
            {offsetof(struct account_row, channel), offsetof(struct account_row, name),            \
             offsetof(struct account_row, settings)},                                              \
            3                                                                                      \
    }

/* What a kind's rows look like: their size and where their texts are. */
static const struct {
    size_t size;
    size_t texts[TEXTS_MAX];
    size_t count;
} SHAPES[] = {
    [KEPT_APP] = {sizeof(struct app_row),
                  {offsetof(struct app_row, name), offsetof(struct app_row, hosts),
                   offsetof(struct app_row, late_policy),
                   offsetof(struct app_row, duplicate_policy),
                   offsetof(struct app_row, webhook_secret), offsetof(struct app_row, limits)},
                  6},
    [KEPT_ACCOUNT] = ACCOUNT_SHAPE,
    [KEPT_ACCOUNT_BY_PUBLIC_ID] = ACCOUNT_SHAPE,
    [KEPT_ACCOUNT_OF_CHANNEL] = ACCOUNT_SHAPE,
};

static struct kept_row *place_of(struct store *store, enum kept_kind kind, struct till_str key) {
    uint32_t hash = 2166136261u ^ (uint32_t)kind;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.ptr[i]) * 16777619u;
    return &store->kept[hash % STORE_ROWS_KEPT];
}

/* The row with its texts in the arena. False without room; *ret_row is then unusable. */
static bool copy_row(enum kept_kind kind, struct till_arena *arena, const void *row,
                     void *ret_row) {
    struct till_error ignored;
    memcpy(ret_row, row, SHAPES[kind].size);
    for (size_t i = 0; i < SHAPES[kind].count; i++) {
        struct till_str *text =
            (struct till_str *)(void *)((char *)ret_row + SHAPES[kind].texts[i]);
        if (text->len == 0)
            *text = TILL_STR_NONE;
        else if (!till_arena_copy(arena, *text, text, &ignored))
            return false;
    }
    return true;
}

bool kept_find(struct store *store, enum kept_kind kind, struct till_str key, int64_t epoch,
               struct till_arena *arena, void *ret_row) {
    union kept_any row;
    world_acquire(store->world, &store->cache_lock);
    const struct kept_row *kept = place_of(store, kind, key);
    bool hit = kept->epoch != 0 && kept->epoch == epoch && kept->kind == kind &&
               till_str_is(key, kept->key) && copy_row(kind, arena, &kept->row, &row);
    world_release(store->world, &store->cache_lock);
    if (hit)
        memcpy(ret_row, &row, SHAPES[kind].size);
    return hit;
}

static void drop(struct kept_row *kept) {
    till_arena_clean_up(&kept->arena);
    *kept = (struct kept_row){.epoch = 0};
}

void kept_put(struct store *store, enum kept_kind kind, struct till_str key, int64_t epoch,
              const void *row) {
    if (key.len >= TILL_ID_SIZE || epoch == 0)
        return;
    world_acquire(store->world, &store->cache_lock);
    struct kept_row *kept = place_of(store, kind, key);
    drop(kept);
    till_arena_init(&kept->arena, KEPT_ROW_MAX);
    if (copy_row(kind, &kept->arena, row, &kept->row)) {
        kept->kind = kind;
        copy_id(kept->key, key);
        kept->epoch = epoch;
    } else {
        drop(kept);
    }
    world_release(store->world, &store->cache_lock);
}

void kept_drop_all(struct store *store) {
    for (size_t i = 0; i < STORE_ROWS_KEPT; i++)
        drop(&store->kept[i]);
}
