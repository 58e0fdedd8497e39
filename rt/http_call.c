/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <rt/failpoint.h>
#include <rt/http_framing.h>
#include <rt/http_server.h>

void *http_call_open(void *server_arg, const char *target, struct MHD_Connection *mhd) {
    struct http_server *server = server_arg;
    struct till_error err;
    const union MHD_ConnectionInfo *of =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_call *call = calloc(1, sizeof *call);
    if (!call || !of || !of->socket_context) {
        free(call);
        return NULL;
    }
    call->server = server;
    call->mhd = mhd;
    call->refs = 1;
    call->connection = of->socket_context;
    call->fd = call->connection->fd;
    till_arena_init(&call->arena, atomic_load(&server->arena_max));
    call->is_lost =
        !till_arena_copy(&call->arena, till_str_of(target ? target : ""), &call->target, &err);
    http_reaper_first_line(server->reaper, call->connection);
    return call;
}

void http_call_free(struct http_call *call) {
    till_arena_clean_up(&call->arena);
    http_body_release(call);
    free(call);
}

bool http_call_release(struct http_call *call) {
    return --call->refs == 0;
}

void http_call_completed(void *server_arg, struct MHD_Connection *mhd, void **call_arg,
                         enum MHD_RequestTerminationCode code) {
    struct http_server *server = server_arg;
    struct http_call *call = *call_arg;
    (void)mhd;
    (void)code;
    *call_arg = NULL;
    if (!call)
        return;
    if (call->is_proxied)
        http_peers_leave(server->requests, &call->client);
    http_reaper_arm(server->reaper, call->connection, HTTP_PHASE_IDLE);
    pthread_mutex_lock(&server->mutex);
    if (call->is_begun) {
        server->in_flight--;
        pthread_cond_broadcast(&server->quieter);
    }
    bool last = http_call_release(call);
    pthread_mutex_unlock(&server->mutex);
    if (last)
        http_call_free(call);
}

/* The server's own answer; the connection ends with it. */
static enum MHD_Result refuse(struct http_call *call, const struct till_error *error) {
    log_event(call->server->log, LOG_INFO, "http_refused",
              LOG_C("code", till_code_slug(error->code)), LOG_C("text", error->text),
              LOG_C("peer", call->peer_text));
    http_answer_error(call->server, error, &call->arena, &call->response);
    call->response.close = true;
    return http_answer_queue(call);
}

static void describe(struct http_call *call, const struct http_head *head) {
    struct http_request *request = &call->request;
    bool is_head = till_str_is(head->method, "HEAD");
    request->method = is_head ? TILL_STR("GET") : head->method; /* MHD leaves the body out */
    request->target = head->target;
    request->path = head->path;
    request->query = head->query;
    request->headers = head->headers;
    request->header_count = head->header_count;
    request->is_tls = call->server->is_tls;
    request->received_us = http_now_us(call->server);
    request->arena = &call->arena;
}

/* Who asks, and whether that client may have one more request under way. */
static bool admit(struct http_call *call, struct till_error *err) {
    struct http_server *server = call->server;
    bool is_proxied;
    call->client = http_who_asks(server, &call->connection->peer, call->request.headers,
                                 call->request.header_count, &is_proxied);
    http_address_format(&call->client, call->peer_text);
    call->request.peer = till_str_of(call->peer_text);
    if (!is_proxied)
        return true;
    if (!http_peers_enter(server->requests, &call->client, atomic_load(&server->per_address)))
        return TILL_FAIL(err, TOO_MANY, "Too many requests of this address are under way.");
    call->is_proxied = true;
    return true;
}

static enum MHD_Result refuse_starved(struct http_call *call) {
    struct till_error err;
    (void)TILL_FAIL(&err, OVERLOADED, "Too many bodies are being read; repeat shortly.");
    return refuse(call, &err);
}

/* First call: the head is complete. */
static enum MHD_Result begin(struct http_call *call, const char *method, const char *version) {
    struct http_server *server = call->server;
    struct till_error err;
    struct http_head head;
    call->is_begun = true;
    pthread_mutex_lock(&server->mutex);
    server->in_flight++;
    pthread_mutex_unlock(&server->mutex);
    if (call->is_lost) {
        (void)TILL_FAIL(&err, OUT_OF_MEMORY, NULL);
        return refuse(call, &err);
    }
    if (!http_head_read(call->mhd, method, version, call->target, server->options.head_max,
                        &call->arena, &head, &err))
        return refuse(call, &err);
    describe(call, &head);
    if (!admit(call, &err))
        return refuse(call, &err);
    call->lane = server->service.lane(server->service.self, call->request.method, head.path);
    call->body_max =
        server->service.body_max(server->service.self, call->request.method, head.path);
    if (call->lane == HTTP_LANE_NOTIFY)
        TILL_FP("N1");
    if (head.content_length > call->body_max) {
        (void)TILL_FAIL(&err, BODY_TOO_LARGE, NULL);
        return refuse(call, &err);
    }
    if (head.content_length > 0 && !http_body_fits(call, (size_t)head.content_length))
        return refuse_starved(call);
    http_reaper_arm(server->reaper, call->connection, HTTP_PHASE_BODY);
    return MHD_YES;
}

/* More of the body. In its middle nothing can be answered: what cannot go on is closed. */
static enum MHD_Result take_body(struct http_call *call, const char *bytes, size_t *len) {
    size_t more = *len;
    *len = 0;
    return http_body_take(call, bytes, more) ? MHD_YES : MHD_NO;
}

static void handle(struct http_call *call) {
    struct http_server *server = call->server;
    struct till_error err;
    server->service.handle(server->service.self, &call->request, &call->response);
    if (call->response.status != 0)
        return;
    (void)TILL_FAIL(&err, BUG, "The request was left without an answer.");
    http_answer_error(server, &err, &call->arena, &call->response);
}

/* After the service, on a worker: give the connection back with its answer. The call may be gone as
 * soon as the connection is resumed. */
static void hand_back(struct http_call *call) {
    struct http_server *server = call->server;
    struct MHD_Connection *mhd = call->mhd;
    pthread_mutex_lock(&server->mutex);
    bool is_abandoned = call->is_abandoned;
    if (!is_abandoned) {
        *(call->newer ? &call->newer->older : &server->waiting) = call->older;
        if (call->older)
            call->older->newer = call->newer;
    }
    bool last = http_call_release(call);
    pthread_mutex_unlock(&server->mutex);
    assert(is_abandoned || !last); /* a suspended connection keeps its call */
    if (!is_abandoned) {
        (void)http_answer_queue(call);
        MHD_resume_connection(mhd);
        pthread_mutex_lock(&server->mutex);
        server->suspended--;
        pthread_cond_broadcast(&server->quieter);
        pthread_mutex_unlock(&server->mutex);
    } else if (last) {
        http_call_free(call);
    }
    http_server_release(server);
}

static bool is_abandoned(struct http_call *call) {
    pthread_mutex_lock(&call->server->mutex);
    bool abandoned = call->is_abandoned;
    pthread_mutex_unlock(&call->server->mutex);
    return abandoned;
}

static void run(struct worker_job *job) {
    struct http_call *call = (struct http_call *)(void *)job;
    call->request.waited_us = job->waited_us;
    if (!is_abandoned(call)) /* told to come back later: then nothing may happen now */
        handle(call);
    if (call->response.wire == HTTP_WIRE_DRIP && http_wire_drip(call))
        call->response.wire = HTTP_WIRE_CUT; /* nothing is left to be sent */
    hand_back(call);
}

/* From here on a stopping server may answer in the worker's place. */
static void offer(struct http_server *server, struct http_call *call) {
    pthread_mutex_lock(&server->mutex);
    call->newer = NULL;
    call->older = server->waiting;
    if (call->older)
        call->older->newer = call;
    server->waiting = call;
    pthread_cond_broadcast(&server->quieter);
    pthread_mutex_unlock(&server->mutex);
}

/* Counted before the connection is suspended, so that a server that has stopped waiting can be
 * sure. */
static bool count_suspended(struct http_call *call, struct till_error *err) {
    struct http_server *server = call->server;
    pthread_mutex_lock(&server->mutex);
    bool closed = server->is_closed;
    if (!closed) {
        server->suspended++;
        call->refs++;
    }
    pthread_mutex_unlock(&server->mutex);
    return !closed || TILL_FAIL(err, DRAINING, NULL);
}

/* The connection sleeps while a worker has the call. */
static enum MHD_Result dispatch(struct http_call *call) {
    struct http_server *server = call->server;
    struct worker_pool *pool = server->lanes[call->lane];
    struct till_error err;
    if (!count_suspended(call, &err))
        return refuse(call, &err);
    if (!worker_pool_reserve(pool, &err)) {
        pthread_mutex_lock(&server->mutex);
        server->suspended--;
        call->refs--;
        pthread_cond_broadcast(&server->quieter);
        pthread_mutex_unlock(&server->mutex);
        return refuse(call, &err);
    }
    http_reaper_arm(server->reaper, call->connection, HTTP_PHASE_BUSY);
    call->job.run = run;
    server->refs++;
    MHD_suspend_connection(call->mhd);
    offer(server, call);
    worker_pool_run(pool, &call->job);
    return MHD_YES;
}

/* Whether the service lets it in, as things are in its lane. */
static bool let_in(struct http_call *call) {
    struct http_server *server = call->server;
    struct worker_load load;
    if (!server->service.admit)
        return true;
    worker_pool_load(server->lanes[call->lane], &load);
    call->request.is_admitted = server->service.admit(
        server->service.self, &call->request,
        &(struct http_load){
            .waiting = load.waiting, .queue_max = load.queue_max, .oldest_us = load.oldest_us},
        &call->response);
    return call->request.is_admitted;
}

/* Last call: the request is complete. */
static enum MHD_Result finish(struct http_call *call) {
    struct till_error err;
    if (call->is_over) {
        (void)TILL_FAIL(&err, BODY_TOO_LARGE, NULL);
        return refuse(call, &err);
    }
    if (call->is_starved)
        return refuse_starved(call);
    call->request.body = (struct till_str){call->body, call->body_len};
    if (call->lane == HTTP_LANE_API)
        TILL_FP("C1");
    if (call->lane == HTTP_LANE_NOTIFY)
        TILL_FP("N2");
    if (call->lane == HTTP_LANE_INLINE)
        handle(call);
    else if (let_in(call))
        return dispatch(call);
    return http_answer_queue(call);
}

enum MHD_Result http_call_step(void *server, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *body,
                               size_t *body_len, void **call_arg) {
    struct http_call *call = *call_arg;
    (void)server;
    (void)mhd;
    (void)url;                      /* unescaped and cut: never believed */
    if (!call || call->is_answered) /* no memory for the call, or the connection was given up */
        return MHD_NO;
    if (!call->is_begun)
        return begin(call, method, version);
    if (*body_len > 0)
        return take_body(call, body, body_len);
    return finish(call);
}
