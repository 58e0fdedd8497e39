/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "world_inline_state.h"

static const char *keep_text(struct world_inline *inline_world, const char *text) {
    struct till_error err;
    const char *copy = NULL;
    bool ok = till_arena_cstr(&inline_world->arena, till_str_of(text), &copy, &err);
    assert(ok);
    (void)ok;
    return copy;
}

static struct till_str keep(struct world_inline *inline_world, struct till_str s) {
    struct till_error err;
    struct till_str copy = TILL_STR_NONE;
    bool ok = till_arena_copy(&inline_world->arena, s, &copy, &err);
    assert(ok);
    (void)ok;
    return copy;
}

static struct world_inline_route *route_slot(struct world_inline *inline_world,
                                             const char *prefix) {
    for (size_t i = 0; i < inline_world->route_count; i++)
        if (strcmp(inline_world->routes[i].prefix, prefix) == 0)
            return &inline_world->routes[i];
    assert(inline_world->route_count < WORLD_INLINE_ROUTES);
    struct world_inline_route *slot = &inline_world->routes[inline_world->route_count++];
    slot->prefix = keep_text(inline_world, prefix);
    return slot;
}

void world_inline_route(struct world *world, const char *prefix, world_inline_handler *handler,
                        void *self) {
    struct world_inline_route *slot = route_slot((struct world_inline *)world, prefix);
    *slot = (struct world_inline_route){.prefix = slot->prefix, .handler = handler, .self = self};
}

void world_inline_answer(struct world *world, const char *prefix, int status,
                         const char *content_type, const char *body) {
    struct world_inline_route *slot = route_slot((struct world_inline *)world, prefix);
    *slot = (struct world_inline_route){
        .prefix = slot->prefix, .status = status, .content_type = content_type, .body = body};
}

void world_inline_fault(struct world *world, const char *prefix, enum world_inline_fault fault,
                        size_t count) {
    struct world_inline *inline_world = (struct world_inline *)world;
    assert(inline_world->script_count < WORLD_INLINE_SCRIPTS);
    inline_world->scripts[inline_world->script_count++] = (struct world_inline_script){
        .prefix = keep_text(inline_world, prefix), .fault = fault, .left = count};
}

static const struct world_inline_route *find_route(const struct world_inline *inline_world,
                                                   struct till_str url) {
    const struct world_inline_route *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < inline_world->route_count; i++) {
        const struct world_inline_route *route = &inline_world->routes[i];
        struct till_str prefix = till_str_of(route->prefix);
        bool live = route->handler || route->status != 0;
        if (!live || !till_str_starts_with(url, prefix) || (best && prefix.len < best_len))
            continue;
        best = route;
        best_len = prefix.len;
    }
    return best;
}

static enum world_inline_fault take_fault(struct world_inline *inline_world, struct till_str url) {
    for (size_t i = 0; i < inline_world->script_count; i++) {
        struct world_inline_script *script = &inline_world->scripts[i];
        if (script->left == 0 || !till_str_starts_with(url, till_str_of(script->prefix)))
            continue;
        script->left--;
        return script->fault;
    }
    return WORLD_INLINE_GOOD;
}

static struct world_inline_record *record(struct world_inline *inline_world,
                                          const struct world_request *request) {
    if (inline_world->record_count == inline_world->record_room) {
        inline_world->record_room = inline_world->record_room ? 2 * inline_world->record_room : 64;
        inline_world->records =
            realloc(inline_world->records, inline_world->record_room * sizeof(void *));
        assert(inline_world->records);
    }
    struct world_inline_record *made = till_arena_alloc(&inline_world->arena, sizeof *made);
    struct till_pair *headers =
        till_arena_array(&inline_world->arena, request->header_count, sizeof *headers);
    assert(made && headers);
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = (struct till_pair){keep(inline_world, request->headers[i].name),
                                        keep(inline_world, request->headers[i].value)};
    *made = (struct world_inline_record){
        .errand = request->errand,
        .method = keep(inline_world, request->method),
        .url = keep(inline_world, request->url),
        .body = keep(inline_world, request->body),
        .headers = headers,
        .header_count = request->header_count,
        .once = request->once,
        .at_us = inline_world->wall_us,
    };
    inline_world->records[inline_world->record_count++] = made;
    return made;
}

static void end(struct world_answer *answer, enum till_fate fate, const char *stage,
                const char *reason) {
    *answer = (struct world_answer){.fate = fate};
    snprintf(answer->stage, sizeof answer->stage, "%s", stage);
    snprintf(answer->reason, sizeof answer->reason, "%s", reason);
}

static void arrive(struct world_inline *inline_world, const struct world_inline_route *route,
                   const struct world_request *request, struct till_arena *arena,
                   struct world_answer *ret_answer, struct world_inline_record *made) {
    made->arrived = true;
    end(ret_answer, TILL_FATE_ANSWERED, "done", "");
    ret_answer->status = 200;
    if (route->handler) {
        route->handler(route->self, request, arena, ret_answer);
        assert(inline_world->locks_held == 0 && "a handler kept a lock");
        return;
    }
    ret_answer->status = route->status;
    ret_answer->content_type = till_str_of(route->content_type);
    ret_answer->body = till_str_of(route->body);
}

/* The caps of the real client hold here too. */
static void cap(const struct world_request *request, struct world_answer *answer) {
    if (answer->fate != TILL_FATE_ANSWERED || answer->body.len <= request->answer_max)
        return;
    if (request->keep_prefix)
        answer->body.len = request->answer_max;
    else
        end(answer, TILL_FATE_LOST, "read", "The answer was larger than its limit.");
}

static void wait_in_vain(struct world_inline *inline_world, const struct world_request *request,
                         struct world_answer *answer) {
    world_sleep_us(&inline_world->world, request->timeout_us);
    end(answer, TILL_FATE_LOST, "wait", "No answer came before the deadline.");
}

static void spoil(struct world_inline *inline_world, enum world_inline_fault fault,
                  const struct world_request *request, struct world_answer *answer) {
    switch (fault) {
    case WORLD_INLINE_LOST_AFTER:
        wait_in_vain(inline_world, request, answer);
        break;
    case WORLD_INLINE_RESET_AFTER:
        end(answer, TILL_FATE_LOST, "wait", "The connection broke before an answer.");
        break;
    case WORLD_INLINE_GARBAGE:
        answer->body = TILL_STR("\x01\x02 not what was asked for {");
        break;
    case WORLD_INLINE_HALF:
        answer->body.len /= 2;
        break;
    default:
        break;
    }
}

static void happen(struct world_inline *inline_world, const struct world_request *request,
                   struct till_arena *arena, struct world_answer *ret_answer,
                   struct world_inline_record *made) {
    enum world_inline_fault fault = take_fault(inline_world, request->url);
    const struct world_inline_route *route = find_route(inline_world, request->url);
    if (fault == WORLD_INLINE_UNSENT || !route) {
        end(ret_answer, TILL_FATE_UNSENT, "connect", "Nobody accepts connections there.");
    } else if (fault == WORLD_INLINE_LOST_BEFORE) {
        wait_in_vain(inline_world, request, ret_answer);
    } else if (fault == WORLD_INLINE_STATUS_502) {
        end(ret_answer, TILL_FATE_ANSWERED, "done", "");
        ret_answer->status = 502;
        ret_answer->content_type = TILL_STR("text/html");
        ret_answer->body = TILL_STR("<html><body>502 Bad Gateway</body></html>");
    } else {
        arrive(inline_world, route, request, arena, ret_answer, made);
        spoil(inline_world, fault, request, ret_answer);
    }
    cap(request, ret_answer);
}

void world_inline_exchange(struct world_inline *inline_world, const struct world_request *request,
                           struct till_arena *arena, struct world_answer *ret_answer) {
    struct world_inline_record *made = record(inline_world, request);
    int64_t start_us = inline_world->monotonic_us;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT};
    happen(inline_world, request, arena, &answer, made);
    answer.duration_us = inline_world->monotonic_us - start_us;
    made->answer = answer;
    made->answer.body = made->answer.content_type = made->answer.retry_after = TILL_STR_NONE;
    *ret_answer = answer;
}

size_t world_inline_attempts(const struct world *world, const char *prefix) {
    const struct world_inline *inline_world = (const struct world_inline *)world;
    size_t count = 0;
    for (size_t i = 0; i < inline_world->record_count; i++)
        count += till_str_starts_with(inline_world->records[i]->url, till_str_of(prefix));
    return count;
}

size_t world_inline_arrivals(const struct world *world, const char *prefix) {
    const struct world_inline *inline_world = (const struct world_inline *)world;
    size_t count = 0;
    for (size_t i = 0; i < inline_world->record_count; i++)
        count += inline_world->records[i]->arrived &&
                 till_str_starts_with(inline_world->records[i]->url, till_str_of(prefix));
    return count;
}

const struct world_inline_record *world_inline_record_at(const struct world *world, size_t index) {
    const struct world_inline *inline_world = (const struct world_inline *)world;
    return index < inline_world->record_count ? inline_world->records[index] : NULL;
}
