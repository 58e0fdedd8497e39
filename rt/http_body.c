/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <rt/http_server.h>

/* A chunked body over its limit is read on for this much, so that an honest client gets its 413. */
#define OVER_GRACE ((size_t)64 * 1024)
#define FIRST_ROOM ((size_t)4096)
/* Orders and true notifications are far smaller; whoever sends more gives way first. */
#define MODEST_MAX ((size_t)16 * 1024)

/* How much all bodies together may hold so that this one may still grow: large ones stop at half,
 * the API's at three quarters; the last quarter is for news of payments. */
static size_t ceiling(const struct http_call *call, size_t room) {
    size_t max = atomic_load(&call->server->bodies_max);
    if (room > MODEST_MAX)
        return max / 2;
    return call->lane == HTTP_LANE_NOTIFY ? max : max - max / 4;
}

static void count(struct http_server *server, int64_t bytes) {
    metrics_add(server->metrics, METRIC_BODY_BYTES, NULL, NULL, bytes);
}

/* Counted before it is allocated, so that the sum never exceeds the limit. */
static bool reserve(struct http_call *call, size_t room) {
    size_t more = room - call->body_room, max = ceiling(call, room);
    size_t held = atomic_load(&call->server->bodies_held);
    do {
        if (more > max || held > max - more)
            return false;
    } while (!atomic_compare_exchange_weak(&call->server->bodies_held, &held, held + more));
    count(call->server, (int64_t)more);
    return true;
}

static void give_back(struct http_call *call, size_t bytes) {
    atomic_fetch_sub(&call->server->bodies_held, bytes);
    count(call->server, -(int64_t)bytes);
}

static size_t room_for(const struct http_call *call, size_t len) {
    size_t room = call->body_room ? call->body_room : FIRST_ROOM;
    while (room < len)
        room *= 2;
    return room;
}

bool http_body_fits(const struct http_call *call, size_t len) {
    size_t room = room_for(call, len), max = ceiling(call, room);
    return room <= max && atomic_load(&call->server->bodies_held) <= max - room;
}

static bool grow(struct http_call *call, size_t len) {
    size_t room = room_for(call, len);
    if (room == call->body_room)
        return true;
    if (!reserve(call, room))
        return false;
    char *body = malloc(room);
    if (!body) {
        give_back(call, room - call->body_room);
        return false;
    }
    if (call->body_len)
        memcpy(body, call->body, call->body_len);
    if (call->body)
        explicit_bzero(call->body, call->body_room);
    free(call->body);
    call->body = body;
    call->body_room = room;
    return true;
}

void http_body_release(struct http_call *call) {
    if (call->body)
        explicit_bzero(call->body, call->body_room);
    free(call->body);
    give_back(call, call->body_room);
    call->body = NULL;
    call->body_room = call->body_len = 0;
}

/* What cannot be kept is read on and thrown away, so that the client gets an answer. */
static bool throw_away(struct http_call *call, size_t more) {
    call->thrown_away += more;
    return call->thrown_away <= call->body_max + OVER_GRACE;
}

bool http_body_take(struct http_call *call, const char *bytes, size_t len) {
    bool fits = len <= call->body_max - call->body_len;
    if (call->is_over || call->is_starved)
        return throw_away(call, len);
    if (!fits || !grow(call, call->body_len + len)) {
        call->is_over = !fits;
        call->is_starved = fits;
        http_body_release(call);
        return throw_away(call, len);
    }
    memcpy(call->body + call->body_len, bytes, len);
    call->body_len += len;
    return true;
}
