/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a running server. Each is read where it is used; trusted proxies as one, under a lock
 * that nobody holds while it waits. */
#include <rt/http_server.h>

void http_adjust_init(struct http_server *server) {
    pthread_rwlock_init(&server->trusted_lock, NULL);
    atomic_init(&server->per_address, server->options.connections_per_address);
    atomic_init(&server->arena_max, server->options.arena_max);
    atomic_init(&server->bodies_max, server->options.bodies_max);
}

void http_reaper_times(const struct http_options *options, int64_t ret_us[HTTP_PHASE_COUNT]) {
    ret_us[HTTP_PHASE_HEADER] = options->header_timeout_us;
    ret_us[HTTP_PHASE_BODY] = options->body_timeout_us;
    ret_us[HTTP_PHASE_ANSWER] = options->answer_timeout_us;
    ret_us[HTTP_PHASE_IDLE] = options->idle_timeout_us;
    ret_us[HTTP_PHASE_BUSY] = 0;
}

bool http_is_trusted(struct http_server *server, const struct http_address *peer) {
    pthread_rwlock_rdlock(&server->trusted_lock);
    bool holds = http_prefixes_hold(&server->trusted, peer);
    pthread_rwlock_unlock(&server->trusted_lock);
    return holds;
}

struct http_address http_who_asks(struct http_server *server, const struct http_address *direct,
                                  const struct till_pair *headers, size_t count,
                                  bool *ret_is_proxied) {
    pthread_rwlock_rdlock(&server->trusted_lock);
    struct http_address client = http_client_address(&server->trusted, direct, headers, count);
    *ret_is_proxied = http_prefixes_hold(&server->trusted, direct);
    pthread_rwlock_unlock(&server->trusted_lock);
    return client;
}

bool http_server_adjust(struct http_server *server, const struct http_options *options,
                        struct till_error *err) {
    struct http_prefixes trusted;
    struct http_options wanted = *options;
    int64_t times_us[HTTP_PHASE_COUNT];
    wanted.connections_max = server->options.connections_max;
    if (!http_prefixes_parse(options->trusted_proxies, &trusted, err) ||
        !http_check_limit(&wanted, err))
        return false;
    http_reaper_times(options, times_us);
    http_reaper_adjust(server->reaper, times_us);
    worker_pool_resize(server->lanes[HTTP_LANE_API], options->workers_max, options->queue_max);
    worker_pool_resize(server->lanes[HTTP_LANE_NOTIFY], options->notify_workers_max,
                       options->queue_max);
    atomic_store(&server->per_address, options->connections_per_address);
    atomic_store(&server->arena_max, options->arena_max);
    atomic_store(&server->bodies_max, options->bodies_max);
    pthread_rwlock_wrlock(&server->trusted_lock);
    server->trusted = trusted;
    pthread_rwlock_unlock(&server->trusted_lock);
    return true;
}
