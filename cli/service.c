/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/service.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define DRAIN_US (5 * INT64_C(1000000))
#define CONNECT_TIMEOUT_US (5 * INT64_C(1000000))

static void stop_signals(sigset_t *ret_set) {
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
}

bool service_open(struct service *service, struct till_error *err) {
    const struct log_options log_options = {.path = TILL_STR("-"), .level = LOG_INFO};
    const struct world_real_options world_options = {.upstream_threads = 1,
                                                     .connect_timeout_us = CONNECT_TIMEOUT_US};
    sigset_t stops;
    stop_signals(&stops);
    pthread_sigmask(SIG_BLOCK, &stops, NULL); /* before the first thread, so that all inherit it */
    signal(SIGPIPE, SIG_IGN);
    if (log_open(&log_options, &service->log, err) && metrics_open(&service->metrics, err) &&
        world_real_open(&world_options, &service->world, err))
        return true;
    service_close(service);
    return false;
}

bool service_run(struct service *service, struct till_str address, uint16_t port,
                 struct http_service handler, const char *what, struct till_error *err) {
    struct http_options options;
    sigset_t stops;
    int signal_number;
    http_options_default(&options);
    options.address = address;
    options.port = port;
    if (!http_server_start(&options, &handler, service->world, service->log, service->metrics,
                           &service->server, err))
        return false;
    printf("%s at http://%.*s:%" PRIu16 "\n", what, TILL_STR_ARG(address),
           http_server_port(service->server));
    fflush(stdout);
    stop_signals(&stops);
    sigwait(&stops, &signal_number);
    return true;
}

void service_stop(struct service *service) {
    if (service->server) {
        http_server_quiesce(service->server);
        http_server_stop(service->server, DRAIN_US);
        service->server = NULL;
    }
    if (service->world) {
        world_real_stop(service->world);
        world_real_join(service->world, DRAIN_US);
    }
}

void service_close(struct service *service) {
    if (service->world)
        world_real_close(service->world);
    if (service->metrics)
        metrics_close(service->metrics);
    log_close(service->log);
    *service = (struct service){0};
}
