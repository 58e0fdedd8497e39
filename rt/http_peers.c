/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <rt/http_peers.h>

#define BUCKETS 1024

struct holder {
    struct holder *next;
    unsigned char key[16];
    size_t count;
};

struct http_peers {
    pthread_mutex_t mutex;
    struct holder *buckets[BUCKETS];
};

/* IPv4 addresses whole, IPv6 by /64: a customer has 2^64 of those. */
static void make_key(const struct http_address *address, unsigned char ret_key[16]) {
    static const unsigned char V4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(ret_key, address->bytes, 16);
    if (memcmp(ret_key, V4, sizeof V4) != 0)
        memset(ret_key + 8, 0, 8);
}

bool http_peers_same(const struct http_address *a, const struct http_address *b) {
    unsigned char key_a[16], key_b[16];
    make_key(a, key_a);
    make_key(b, key_b);
    return a->known && b->known && memcmp(key_a, key_b, 16) == 0;
}

bool http_peers_open(struct http_peers **ret_peers, struct till_error *err) {
    struct http_peers *peers = calloc(1, sizeof *peers);
    if (!peers)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    pthread_mutex_init(&peers->mutex, NULL);
    *ret_peers = peers;
    return true;
}

void http_peers_close(struct http_peers *peers) {
    if (!peers)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct holder *h = peers->buckets[i], *next; h; h = next) {
            next = h->next;
            free(h);
        }
    }
    pthread_mutex_destroy(&peers->mutex);
    free(peers);
}

/* The link that points at the holder, or at the end of its chain. */
static struct holder **find(struct http_peers *peers, const unsigned char key[16]) {
    uint32_t hash = 2166136261u;
    for (int i = 0; i < 16; i++)
        hash = (hash ^ key[i]) * 16777619u;
    struct holder **link = &peers->buckets[(hash ^ hash >> 16) % BUCKETS];
    while (*link && memcmp((*link)->key, key, 16) != 0)
        link = &(*link)->next;
    return link;
}

bool http_peers_enter(struct http_peers *peers, const struct http_address *address, size_t max) {
    unsigned char key[16];
    if (!address->known)
        return true;
    make_key(address, key);
    pthread_mutex_lock(&peers->mutex);
    struct holder **link = find(peers, key);
    if (!*link) {
        *link = calloc(1, sizeof **link);
        if (*link)
            memcpy((*link)->key, key, 16);
    }
    bool entered = *link && (*link)->count < max;
    if (entered)
        (*link)->count++;
    pthread_mutex_unlock(&peers->mutex);
    return entered;
}

void http_peers_leave(struct http_peers *peers, const struct http_address *address) {
    unsigned char key[16];
    if (!address->known)
        return;
    make_key(address, key);
    pthread_mutex_lock(&peers->mutex);
    struct holder **link = find(peers, key);
    struct holder *holder = *link;
    assert(holder && holder->count > 0);
    if (--holder->count == 0) {
        *link = holder->next;
        free(holder);
    }
    pthread_mutex_unlock(&peers->mutex);
}

size_t http_peers_count(struct http_peers *peers, const struct http_address *address) {
    unsigned char key[16];
    if (!address->known)
        return 0;
    make_key(address, key);
    pthread_mutex_lock(&peers->mutex);
    const struct holder *holder = *find(peers, key);
    size_t count = holder ? holder->count : 0;
    pthread_mutex_unlock(&peers->mutex);
    return count;
}
