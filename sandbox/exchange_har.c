/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange_har.h. */
#include <sandbox/exchange_clean.h>
#include <sandbox/exchange_har.h>

#include <rt/har.h>

#include <inttypes.h>
#include <stdlib.h>

static struct har_message message_of(struct till_arena *arena, const struct exchange_side *side,
                                     bool is_request) {
    return (struct har_message){
        .headers = side->headers,
        .header_count = side->header_count,
        .type = side->type,
        .body = exchange_clean_body(arena, side, is_request),
        .whole_len = side->whole_len > side->body.len ? side->whole_len : 0,
    };
}

/* What a reader wants to know first: "40002 isv.invalid-signature; drop_after". */
static struct till_str remark_of(struct till_arena *arena, const struct exchange *exchange) {
    struct till_str remark;
    struct till_error err;
    struct till_str why =
        exchange->explanation.cause.len ? exchange->explanation.cause : exchange->why;
    if (!till_arena_format(arena, &remark, &err, "%.*s %.*s %.*s%s%.*s",
                           TILL_STR_ARG(exchange->code), TILL_STR_ARG(exchange->sub_code),
                           TILL_STR_ARG(exchange->faults), why.len ? " " : "", TILL_STR_ARG(why)))
        return TILL_STR_NONE;
    return till_str_trim(remark);
}

static struct till_json *row_of(struct till_arena *arena, const struct exchange *exchange) {
    struct till_str id;
    struct till_error err;
    if (!till_arena_format(arena, &id, &err, "%" PRIu64, exchange->id))
        id = TILL_STR_NONE;
    const struct har_entry entry = {
        .started_us = exchange->at_us,
        .took_us = exchange->took_us,
        .method = exchange->http_method,
        .url = exchange_clean_url(arena, exchange->url),
        .request = message_of(arena, &exchange->request, true),
        .answer = message_of(arena, &exchange->answer, false),
        .status = exchange->status,
        .remark = remark_of(arena, exchange),
        .id = id,
        .direction = exchange->kind == EXCHANGE_CALL ? "call" : "notification",
    };
    return har_row(&entry, arena);
}

static size_t weight(const struct exchange *exchange) {
    return exchange->request.body.len + exchange->answer.body.len + 2 * exchange->url.len + 2048;
}

struct till_json *exchange_har(struct sandbox *sandbox, const struct exchange_filter *filter,
                               struct till_arena *arena) {
    const struct exchange *exchange, **found;
    struct till_json *rows = till_json_array();
    size_t count = 0, bytes = 0;
    uint64_t id = UINT64_MAX;
    platform_lock(sandbox);
    found = till_arena_array(arena, PLATFORM_EXCHANGES, sizeof(const struct exchange *));
    while (found && bytes < EXCHANGE_HAR_BYTES &&
           (exchange = exchange_next(sandbox, filter, &id))) {
        bytes += weight(exchange);
        found[count++] = exchange;
    }
    while (count > 0)
        till_json_append(rows, row_of(arena, found[--count]));
    platform_unlock(sandbox);
    return har_document(rows);
}
