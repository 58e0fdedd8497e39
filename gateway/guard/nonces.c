/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nonces of reads, in memory. An open-addressing table that grows to its limit: 16 bytes of
 * digest and a time each. A nonce whose timestamp left the window is dead, since the clock check
 * refuses it before anybody asks here; dead ones are left out whenever the table is built anew. A
 * table that is full of living ones refuses (S-012): it never forgets what could still be replayed.
 */
#include <gateway/guard/guard.h>

#include <stdlib.h>

#include <till/signing.h>
#include <till/time.h>

enum { ROOM_FIRST = 1024, KEEP_S = TILL_SIGNING_WINDOW_S + 5, REBUILD_EVERY_S = 5 };

struct remembered {
    uint8_t digest[16];
    int64_t timestamp_s; /* 0: free */
};

struct nonce_filter {
    struct world *world;
    struct world_lock lock;
    struct remembered *rows;
    size_t room; /* a power of two, at least twice count */
    size_t count;
    size_t max;
    int64_t rebuilt_s; /* when the full table was last looked through */
    int64_t horizon_s; /* the youngest timestamp of one that was left out */
};

bool nonce_filter_open(struct world *world, size_t nonces_max, struct nonce_filter **ret,
                       struct till_error *err) {
    struct nonce_filter *filter = calloc(1, sizeof *filter);
    struct remembered *rows = calloc(ROOM_FIRST, sizeof *rows);
    if (!filter || !rows) {
        free(filter);
        free(rows);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    *filter = (struct nonce_filter){
        .world = world, .rows = rows, .room = ROOM_FIRST, .max = nonces_max > 0 ? nonces_max : 1};
    *ret = filter;
    return true;
}

void nonce_filter_close(struct nonce_filter *filter) {
    if (!filter)
        return;
    free(filter->rows);
    free(filter);
}

/* Length-prefixed, so that no two pairs of key and nonce read the same. */
static void digest_claim(const struct nonce_claim *claim, uint8_t ret[16]) {
    uint8_t whole[TILL_SHA256_SIZE], text[2 * TILL_SHA256_SIZE];
    till_sha256(claim->key_id, whole);
    memcpy(text, whole, sizeof whole);
    till_sha256(claim->nonce, whole);
    memcpy(text + sizeof whole, whole, sizeof whole);
    till_sha256((struct till_str){(const char *)text, sizeof text}, whole);
    memcpy(ret, whole, 16);
}

static size_t slot_of(const struct nonce_filter *filter, const uint8_t digest[16]) {
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return (size_t)hash & (filter->room - 1);
}

/* The row of this digest, or the free one where it belongs. There is always a free one. */
static struct remembered *find_row(struct nonce_filter *filter, const uint8_t digest[16]) {
    size_t slot = slot_of(filter, digest);
    while (filter->rows[slot].timestamp_s != 0 &&
           memcmp(filter->rows[slot].digest, digest, 16) != 0)
        slot = (slot + 1) & (filter->room - 1);
    return &filter->rows[slot];
}

/* The living ones into a table of this room. Without memory for it nothing is lost. */
static void rebuild(struct nonce_filter *filter, size_t room, int64_t now_s) {
    struct remembered *old = filter->rows, *fresh = calloc(room, sizeof *fresh);
    size_t old_room = filter->room;
    if (!fresh)
        return;
    filter->rows = fresh;
    filter->room = room;
    filter->count = 0;
    filter->rebuilt_s = now_s;
    for (size_t i = 0; i < old_room; i++) {
        if (old[i].timestamp_s == 0)
            continue;
        if (old[i].timestamp_s < now_s - KEEP_S) {
            if (old[i].timestamp_s > filter->horizon_s)
                filter->horizon_s = old[i].timestamp_s;
            continue;
        }
        *find_row(filter, old[i].digest) = old[i];
        filter->count++;
    }
    free(old);
}

/* A full table is not looked through for every request that it refuses. */
static bool may_rebuild(const struct nonce_filter *filter, int64_t now_s) {
    return filter->count < filter->max || now_s < filter->rebuilt_s ||
           now_s - filter->rebuilt_s >= REBUILD_EVERY_S;
}

static bool has_room(const struct nonce_filter *filter) {
    return filter->count < filter->max && filter->count < filter->room / 2;
}

static enum till_code take(struct nonce_filter *filter, const uint8_t digest[16],
                           int64_t timestamp_s, int64_t now_s) {
    if (timestamp_s <= filter->horizon_s)
        return TILL_E_TIMESTAMP_OUTSIDE;
    if (find_row(filter, digest)->timestamp_s != 0)
        return TILL_E_NONCE_USED;
    if (!has_room(filter) && may_rebuild(filter, now_s))
        rebuild(filter, filter->count < filter->max ? filter->room * 2 : filter->room, now_s);
    if (!has_room(filter))
        return TILL_E_OVERLOADED;
    struct remembered *row = find_row(filter, digest);
    memcpy(row->digest, digest, 16);
    row->timestamp_s = timestamp_s;
    filter->count++;
    return TILL_OK;
}

bool nonce_filter_take(struct nonce_filter *filter, const struct nonce_claim *claim, int64_t now_s,
                       struct till_error *err) {
    uint8_t digest[16];
    if (claim->nonce.len == 0)
        return TILL_FAIL(err, NONCE_USED, "The request has no nonce; sign it with one.");
    digest_claim(claim, digest);
    int64_t timestamp_s = claim->timestamp_s > 0 ? claim->timestamp_s : 1;
    world_acquire(filter->world, &filter->lock);
    enum till_code code = take(filter, digest, timestamp_s, now_s);
    world_release(filter->world, &filter->lock);
    if (code == TILL_E_NONCE_USED)
        return TILL_FAIL(err, NONCE_USED, NULL);
    if (code == TILL_E_TIMESTAMP_OUTSIDE)
        return TILL_FAIL(err, TIMESTAMP_OUTSIDE,
                         "The timestamp is older than what this till still remembers; sign anew.");
    if (code == TILL_E_OVERLOADED)
        return TILL_FAIL(err, OVERLOADED,
                         "More signed requests came within the window than can be remembered; "
                         "repeat after the time in Retry-After.");
    return true;
}
