/* SPDX-License-Identifier: Apache-2.0 */
/* The other half of an exchange: the request as rt/http hands it to a service, in a task of the
 * addressee, and how its answer leaves. */
#include "network.h"

#include <ctype.h>

static const size_t ARENA_MAX = (size_t)64 * 1024 * 1024;
enum { HEADERS_MORE = 2 };

static struct till_str keep(struct letter *letter, struct till_str text) {
    struct till_str copy = TILL_STR_NONE;
    struct till_error err;
    bool good = till_arena_copy(&letter->arena, text, &copy, &err);
    assert(good);
    (void)good;
    return copy;
}

void letter_release(struct letter *letter) {
    if (--letter->holders > 0)
        return;
    till_arena_clean_up(&letter->arena);
    free(letter);
}

void letter_end(struct letter *letter, enum letter_end end) {
    if (letter->end != LETTER_OPEN)
        return;
    letter->end = end;
    if (letter->asker)
        schedule_wake(letter->asker);
}

/* ---- the request ---- */

static bool names(const struct world_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++)
        if (till_str_equal_ignoring_case(request->headers[i].name, till_str_of(name)))
            return true;
    return false;
}

static void copy_headers(struct letter *letter, const struct world_request *request,
                         struct till_str host) {
    struct till_pair *headers =
        till_arena_array(&letter->arena, request->header_count + HEADERS_MORE, sizeof *headers);
    size_t count = 0;
    assert(headers);
    if (!names(request, "Host"))
        headers[count++] = (struct till_pair){TILL_STR("Host"), host};
    for (size_t i = 0; i < request->header_count; i++)
        headers[count++] = (struct till_pair){keep(letter, request->headers[i].name),
                                              keep(letter, request->headers[i].value)};
    letter->request.headers = letter->http.headers = headers;
    letter->request.header_count = letter->http.header_count = count;
}

/* "http://host/path?query" as the request line shows it. */
static void split(struct letter *letter, struct till_str *ret_host) {
    struct till_str url = letter->request.url, rest = url;
    struct http_request *http = &letter->http;
    size_t colon = till_str_find(url, ':');
    http->is_tls = till_str_starts_with(url, TILL_STR("https:"));
    rest = till_str_sub(url, colon + 3, url.len);
    size_t slash = till_str_find(rest, '/');
    *ret_host = till_str_sub(rest, 0, slash);
    http->target = slash < rest.len ? till_str_sub(rest, slash, rest.len) : TILL_STR("/");
    size_t mark = till_str_find(http->target, '?');
    http->path = till_str_sub(http->target, 0, mark);
    http->query = till_str_sub(http->target, mark + 1, http->target.len);
}

struct letter *letter_write(struct sim_process *from, const struct route *route,
                            const struct world_request *request) {
    struct letter *letter = calloc(1, sizeof *letter);
    struct till_str host;
    assert(letter);
    *letter = (struct letter){.holders = 1,
                              .sim = from->sim,
                              .from = from,
                              .to = route->process,
                              .service = route->service};
    till_arena_init(&letter->arena, ARENA_MAX);
    letter->request = *request;
    letter->request.method = keep(letter, request->method);
    letter->request.url = keep(letter, request->url);
    letter->request.body = keep(letter, request->body);
    split(letter, &host);
    copy_headers(letter, request, host);
    snprintf(letter->peer, sizeof letter->peer, "198.51.100.%zu", from->index + 1);
    letter->http.method = letter->request.method;
    letter->http.body = letter->request.body;
    letter->http.peer = till_str_of(letter->peer);
    letter->http.arena = &letter->arena;
    return letter;
}

/* ---- the handler ---- */

static void observe(struct letter *letter, bool answered) {
    struct sim *sim = letter->sim;
    struct sim_passage passage = {letter->from, letter->to, &letter->request,
                                  answered ? &letter->response : NULL, NULL};
    for (size_t i = 0; i < sim->observer_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        void (*see)(void *, const struct sim_passage *) =
            answered ? observer->answered : observer->arrived;
        if (see)
            see(observer->self, &passage);
    }
}

static void refuse(struct letter *letter, const struct till_error *error) {
    letter->service.refuse(letter->service.self, error, &letter->arena, &letter->response);
    letter->response.close = true;
}

static void serve(struct letter *letter) {
    const struct http_service *service = &letter->service;
    struct http_request *http = &letter->http;
    struct till_error err;
    size_t body_max = service->body_max(service->self, http->method, http->path);
    http->received_us = world_now_us(&letter->to->world);
    observe(letter, false);
    if (http->body.len > body_max) {
        (void)TILL_FAIL(&err, BODY_TOO_LARGE, NULL);
        refuse(letter, &err);
    } else {
        service->handle(service->self, http, &letter->response);
    }
    if (letter->response.status == 0) {
        (void)TILL_FAIL(&err, BUG, "The request was left without an answer.");
        refuse(letter, &err);
    }
    process_enter(letter->to); /* the dead answer nobody */
    observe(letter, true);
}

static void drip(struct letter *letter) {
    static const int64_t HEAD_BYTES = 160;
    struct sim_process *to = letter->to;
    int64_t pause_us = letter->response.wire_pause_us > 0 ? letter->response.wire_pause_us : 1;
    sim_count(letter->sim, "fault.wire.drip");
    world_sleep_us(&to->world, pause_us * HEAD_BYTES);
    letter->head_is_out = true;
    /* In a few steps: who counts the bytes at the deadline is a little wrong, and so is TCP. */
    for (size_t tenth = letter->response.body.len / 10 + 1;
         letter->bytes_out < letter->response.body.len && letter->asker;) {
        world_sleep_us(&to->world, pause_us * (int64_t)tenth);
        letter->bytes_out += tenth;
    }
}

static enum letter_end leave(struct letter *letter) {
    switch (letter->response.wire) {
    case HTTP_WIRE_CUT:
        sim_count(letter->sim, "fault.wire.cut");
        return LETTER_CLOSED;
    case HTTP_WIRE_RESET:
        sim_count(letter->sim, "fault.wire.reset");
        return LETTER_RESET;
    case HTTP_WIRE_HALF:
        sim_count(letter->sim, "fault.wire.half");
        return LETTER_HALF;
    case HTTP_WIRE_DRIP:
        drip(letter);
        return LETTER_WHOLE;
    case HTTP_WIRE_WHOLE:
        break;
    }
    return letter->fate == LETTER_RESET_AFTER   ? LETTER_RESET
           : letter->fate == LETTER_HALF_ANSWER ? LETTER_HALF
                                                : LETTER_WHOLE;
}

static void handle(void *arg) {
    struct letter *letter = arg;
    struct sim *sim = letter->sim;
    struct fiber *fiber = sim->running;
    serve(letter);
    enum letter_end end = leave(letter);
    bool lost = letter->fate == LETTER_LOST_ANSWER || network_is_cut(sim, letter->to, letter->from);
    if (!lost && letter->asker) {
        world_sleep_us(&letter->to->world, letter->back_us);
        letter_end(letter, end);
    }
    fiber->handles = NULL;
    letter_release(letter);
}

void letter_send(struct letter *letter, int64_t way_us) {
    struct fiber *fiber = fiber_make(letter->to, "handler", handle, letter);
    letter->holders++;
    fiber->handles = letter;
    schedule_start(fiber, letter->sim->time_us + way_us);
}
