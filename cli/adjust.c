/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/adjust.h>

#include <assert.h>

#include <gateway/settings_check.h>
#include <rt/world_real.h>

void adjust_public_limits(const struct gateway_settings *settings, struct http_options *ret) {
    http_options_default(ret);
    ret->trusted_proxies = settings->trusted_proxies;
    ret->workers_max = (int)settings->http_workers_max;
    ret->notify_workers_max = (int)settings->http_notify_workers_max;
    ret->queue_max = (size_t)settings->http_queue_max;
    ret->connections_max = (size_t)settings->http_connections_max;
    ret->connections_per_address = (size_t)settings->http_connections_per_address;
    ret->header_timeout_us = settings->http_header_timeout;
    ret->body_timeout_us = settings->http_body_timeout;
    ret->answer_timeout_us = settings->http_answer_timeout;
    ret->idle_timeout_us = settings->http_idle_timeout;
    ret->arena_max = (size_t)settings->call_memory_max;
    ret->bodies_max = (size_t)settings->bodies_memory;
}

void adjust_small_limits(const struct gateway_settings *settings, struct http_options *ret) {
    adjust_public_limits(settings, ret);
    ret->trusted_proxies = TILL_STR_NONE;
    ret->io_threads = 1;
    ret->workers_max = 8;
    ret->notify_workers_max = 1;
    ret->connections_max = 64;
    ret->connections_per_address = 64;
}

void adjust_begin(struct adjust *adjust) {
    pthread_mutex_lock(&adjust->mutex);
    adjust->is_open = true;
    pthread_mutex_unlock(&adjust->mutex);
}

void adjust_end(struct adjust *adjust) {
    pthread_mutex_lock(&adjust->mutex);
    adjust->is_open = false;
    pthread_mutex_unlock(&adjust->mutex);
}

/* What can be refused comes first; from the policy's taking over on, nothing fails. */
static bool apply(struct adjust *adjust, const struct gateway_settings *next,
                  struct till_error *err) {
    struct gateway *gw = adjust->gateway;
    struct outbound_policy *policy;
    struct http_options wide, small;
    enum log_level level;
    adjust_public_limits(next, &wide);
    adjust_small_limits(next, &small);
    if (!settings_log_level(next, &level, err) ||
        !outbound_policy_parse(next->outbound_permit, &policy, err))
        return false;
    if (!http_server_adjust(adjust->public_server, &wide, err)) {
        outbound_policy_free(policy);
        return false;
    }
    struct till_error none;
    bool same = http_server_adjust(adjust->private_server, &small, &none) &&
                http_server_adjust(adjust->admin_server, &small, &none);
    assert(same); /* their descriptors and proxies are those they started with */
    (void)same;
    world_real_adjust(gw->world, policy, next->upstream_connect_timeout);
    log_adjust(gw->log, level, next->log_rotate_size, (int)next->log_keep_days);
    gateway_adopt(gw, next, policy);
    return true;
}

bool adjust_apply(void *self, const struct gateway_settings *next, struct till_error *err) {
    struct adjust *adjust = self;
    pthread_mutex_lock(&adjust->mutex);
    bool good = adjust->is_open ? apply(adjust, next, err)
                                : TILL_FAIL(err, DRAINING,
                                            "The daemon is starting or stopping; reload it later.");
    pthread_mutex_unlock(&adjust->mutex);
    return good;
}
