/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running daemon takes other settings: log, exchanges, listeners, gateway, all or none of them.
 * Between adjust_begin and adjust_end only, because before and after that not all of them exist.
 */
#ifndef CLI_ADJUST_H
#define CLI_ADJUST_H

#include <pthread.h>

#include <gateway/gateway.h>

struct adjust {
    pthread_mutex_t mutex; /* PTHREAD_MUTEX_INITIALIZER */
    bool is_open;
    struct gateway *gateway;
    struct http_server *public_server, *private_server, *admin_server;
};

void adjust_begin(struct adjust *adjust);
/* Waits for one under way. */
void adjust_end(struct adjust *adjust);
/* config.h's apply; self is the struct adjust. OVERLOADED while the daemon starts or stops. */
bool adjust_apply(void *self, const struct gateway_settings *next, struct till_error *err);

/* A listener's limits by the settings. */
void adjust_public_limits(const struct gateway_settings *settings, struct http_options *ret);
/* Of the two small listeners: few workers, nobody else's traffic, no proxy. */
void adjust_small_limits(const struct gateway_settings *settings, struct http_options *ret);

#endif
