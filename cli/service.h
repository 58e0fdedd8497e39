/* SPDX-License-Identifier: Apache-2.0 */
/* What the small servers (demo shop, simulators) share: a world, a log, one listener, and waiting
 * for the stop signal. */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include <rt/http.h>
#include <rt/log.h>
#include <rt/metrics.h>
#include <rt/world_real.h>

struct service {
    struct world *world;
    struct log *log;
    struct metrics *metrics;
    struct http_server *server;
};

/* World and log (to standard error). Signals that stop are blocked from here on. */
TILL_MUST_CHECK bool service_open(struct service *service, struct till_error *err);
/* Listens, says so in one line, and returns after SIGTERM or SIGINT. */
TILL_MUST_CHECK bool service_run(struct service *service, struct till_str address, uint16_t port,
                                 struct http_service handler, const char *what,
                                 struct till_error *err);
/* Ends the listener and all tasks; call before what they use is closed. */
void service_stop(struct service *service);
void service_close(struct service *service);

#endif
