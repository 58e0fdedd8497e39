/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded accounts: keys parsed once, shared by threads. An entry is named by account and
 * config_epoch; a newer epoch makes the older entry stale, and a stale one is freed when the last
 * borrower has given it back. Loading (slow) happens outside of the lock: two threads may load the
 * same account once each, then one of them throws its copy away.
 */
#include <gateway/guard/guard.h>

#include <stdlib.h>

enum { ENTRIES_MAX = 512, VISIT_PAGE = 64 };

struct entry {
    char id[TILL_ID_SIZE];
    int64_t epoch;
    struct till_account *account; /* NULL: free slot */
    size_t borrowers;
    bool stale;
    uint64_t used; /* the cache's tick of the last borrowing */
};

struct account_cache {
    struct world *world;
    struct world_lock lock;
    struct entry entries[ENTRIES_MAX];
    uint64_t tick;
};

bool account_cache_open(struct world *world, struct account_cache **ret, struct till_error *err) {
    struct account_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    cache->world = world;
    *ret = cache;
    return true;
}

void account_cache_close(struct account_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        till_account_free(cache->entries[i].account);
    free(cache);
}

static struct entry *find_entry(struct account_cache *cache, const struct account_row *row) {
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &cache->entries[i];
        if (entry->account && !entry->stale && entry->epoch == row->config_epoch &&
            strcmp(entry->id, row->id) == 0)
            return entry;
    }
    return NULL;
}

static const struct till_account *lend(struct account_cache *cache, struct entry *entry) {
    entry->borrowers++;
    entry->used = ++cache->tick;
    return entry->account;
}

/* A free slot, or the longest unused one that nobody holds; what it held goes to *ret_evicted. */
static struct entry *find_slot(struct account_cache *cache, struct till_account **ret_evicted) {
    struct entry *oldest = NULL;
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &cache->entries[i];
        if (!entry->account)
            return entry;
        if (entry->borrowers == 0 && (!oldest || entry->used < oldest->used))
            oldest = entry;
    }
    if (oldest)
        *ret_evicted = oldest->account;
    return oldest;
}

/* Older epochs of the same account serve nobody any more. */
static void retire_older(struct account_cache *cache, const struct account_row *row) {
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &cache->entries[i];
        if (entry->account && entry->epoch < row->config_epoch && strcmp(entry->id, row->id) == 0)
            entry->stale = true;
    }
}

/* Puts a loaded account in, or finds that another thread was faster. What is left over goes to
 * *ret_spare. NULL: all slots are borrowed. */
static const struct till_account *adopt(struct account_cache *cache, const struct account_row *row,
                                        struct till_account *loaded,
                                        struct till_account **ret_spare) {
    struct entry *entry = find_entry(cache, row);
    if (entry) {
        *ret_spare = loaded;
        return lend(cache, entry);
    }
    retire_older(cache, row);
    entry = find_slot(cache, ret_spare);
    if (!entry) {
        *ret_spare = loaded;
        return NULL;
    }
    *entry = (struct entry){.epoch = row->config_epoch, .account = loaded};
    memcpy(entry->id, row->id, sizeof entry->id);
    return lend(cache, entry);
}

static bool load(const struct account_row *row, struct till_account **ret, struct till_error *err) {
    struct till_json *settings TILL_JSON_SCOPED = NULL;
    return till_json_parse(row->settings, &settings, err) &&
           till_account_load(row->channel, row->mode, settings, ret, err);
}

bool account_borrow(struct account_cache *cache, const struct account_row *row,
                    const struct till_account **ret_account, struct till_error *err) {
    world_acquire(cache->world, &cache->lock);
    struct entry *entry = find_entry(cache, row);
    const struct till_account *account = entry ? lend(cache, entry) : NULL;
    world_release(cache->world, &cache->lock);
    if (!account) {
        struct till_account *loaded = NULL, *spare = NULL;
        if (!load(row, &loaded, err))
            return false;
        world_acquire(cache->world, &cache->lock);
        account = adopt(cache, row, loaded, &spare);
        world_release(cache->world, &cache->lock);
        till_account_free(spare);
    }
    if (!account)
        return TILL_FAIL(err, OVERLOADED, "All account slots are in use at this moment; repeat.");
    *ret_account = account;
    return true;
}

void account_return(struct account_cache *cache, const struct till_account *account) {
    struct till_account *spare = NULL;
    if (!account)
        return;
    world_acquire(cache->world, &cache->lock);
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &cache->entries[i];
        if (entry->account != account)
            continue;
        entry->borrowers--;
        if (entry->stale && entry->borrowers == 0) {
            spare = entry->account;
            *entry = (struct entry){.account = NULL};
        }
        break;
    }
    world_release(cache->world, &cache->lock);
    till_account_free(spare);
}

/* ---- all of them ---- */

static bool visit_one(struct gateway *gw, const char *id, account_visit *visit,
                      struct till_error *err) {
    struct till_arena arena;
    struct account_row row;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool good =
        store_account_get(gw->store, &arena, till_str_of(id), &row, err) && visit(gw, &row, err);
    till_arena_clean_up(&arena);
    return good;
}

bool account_each(struct gateway *gw, account_visit *visit, struct till_error *err) {
    char ids[VISIT_PAGE][TILL_ID_SIZE], after[TILL_ID_SIZE] = "";
    size_t count = VISIT_PAGE;
    while (count == VISIT_PAGE) {
        if (!store_account_ids(gw->store, till_str_of(after), ids, VISIT_PAGE, &count, err))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!visit_one(gw, ids[i], visit, err))
                return false;
        if (count > 0)
            memcpy(after, ids[count - 1], sizeof after);
    }
    return true;
}
