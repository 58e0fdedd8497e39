/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/throttle.h>

#include <stdlib.h>

#include <till/crypto.h>

enum { WAYS = 8, SEED_SIZE = 32 }; /* rows in which a key may stand */

struct row {
    struct throttle_key key;
    int64_t began_us; /* monotonic; 0: free */
    int64_t failures;
};

struct throttle {
    struct world *world;
    struct world_lock lock;
    uint8_t seed[SEED_SIZE];
    struct row rows[THROTTLE_ROWS];
};

bool throttle_open(struct world *world, struct throttle **ret, struct till_error *err) {
    struct throttle *throttle = calloc(1, sizeof *throttle);
    if (!throttle)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    throttle->world = world;
    world_random(world, throttle->seed, sizeof throttle->seed);
    *ret = throttle;
    return true;
}

void throttle_close(struct throttle *throttle) {
    free(throttle);
}

/* Each part as its digest, so that no two keys read the same and none is too long. */
struct throttle_key throttle_key(const struct throttle *throttle, const char *kind,
                                 struct till_str a, struct till_str b) {
    uint8_t text[SEED_SIZE + 3 * TILL_SHA256_SIZE], digest[TILL_SHA256_SIZE];
    struct till_str parts[] = {till_str_of(kind), a, b};
    struct throttle_key key;
    memcpy(text, throttle->seed, SEED_SIZE);
    for (size_t i = 0; i < 3; i++)
        till_sha256(parts[i], text + SEED_SIZE + i * TILL_SHA256_SIZE);
    till_sha256((struct till_str){(const char *)text, sizeof text}, digest);
    memcpy(key.bytes, digest, sizeof key.bytes);
    return key;
}

static struct row *ways_of(struct throttle *throttle, const struct throttle_key *key) {
    uint32_t hash;
    memcpy(&hash, key->bytes, sizeof hash);
    return &throttle->rows[(size_t)(hash % (THROTTLE_ROWS / WAYS)) * WAYS];
}

static bool is_alive(const struct row *row, int64_t now_us) {
    return row->began_us != 0 && now_us - row->began_us < THROTTLE_WINDOW_US;
}

static struct row *find(struct throttle *throttle, const struct throttle_key *key, int64_t now_us) {
    struct row *ways = ways_of(throttle, key);
    for (size_t i = 0; i < WAYS; i++)
        if (is_alive(&ways[i], now_us) &&
            memcmp(ways[i].key.bytes, key->bytes, sizeof key->bytes) == 0)
            return &ways[i];
    return NULL;
}

/* A row whose window is over, else the one with the fewest failures. */
static struct row *make_room(struct throttle *throttle, const struct throttle_key *key,
                             int64_t now_us) {
    struct row *ways = ways_of(throttle, key), *least = &ways[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (!is_alive(&ways[i], now_us))
            return &ways[i];
        if (ways[i].failures < least->failures)
            least = &ways[i];
    }
    return least;
}

static int64_t wait_of(const struct row *row, int64_t failures_max, int64_t now_us) {
    bool over = row && row->failures >= failures_max;
    return over ? row->began_us + THROTTLE_WINDOW_US - now_us : 0;
}

int64_t throttle_wait_us(struct throttle *throttle, const struct throttle_key *key,
                         int64_t failures_max) {
    int64_t now_us = world_monotonic_us(throttle->world);
    world_acquire(throttle->world, &throttle->lock);
    int64_t wait_us = wait_of(find(throttle, key, now_us), failures_max, now_us);
    world_release(throttle->world, &throttle->lock);
    return wait_us;
}

int64_t throttle_count(struct throttle *throttle, const struct throttle_key *key,
                       int64_t failures_max) {
    int64_t now_us = world_monotonic_us(throttle->world);
    world_acquire(throttle->world, &throttle->lock);
    struct row *row = find(throttle, key, now_us);
    int64_t wait_us = wait_of(row, failures_max, now_us);
    if (!row) {
        row = make_room(throttle, key, now_us);
        *row = (struct row){.key = *key, .began_us = now_us ? now_us : 1};
    }
    row->failures++;
    world_release(throttle->world, &throttle->lock);
    return wait_us;
}
