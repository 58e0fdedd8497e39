/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP Archive 1.2: exchanges as browsers' developer tools and proxies exchange them. A writer
 * only; it waits for nothing. Times are whole milliseconds; the exact ones stand in `_took_us`.
 * Bytes that are not UTF-8 are written as base64 and say so, in method, address and media type as
 * %XX. What must stay secret is the caller's
 * to take out before.
 */
#ifndef RT_HAR_H
#define RT_HAR_H

#include <till/form.h>
#include <till/json.h>

struct har_message {
    const struct till_pair *headers;
    size_t header_count;
    struct till_str type, body; /* Content-Type; empty body: none */
    size_t whole_len;           /* of the body, when `body` was cut; 0: it was not */
};

struct har_entry {
    int64_t started_us, took_us;
    struct till_str method, url; /* absolute */
    struct har_message request, answer;
    int status;             /* 0: no answer */
    struct till_str remark; /* why there is none, or what else a reader should know; may be empty */
    struct till_str id;     /* of the exchange, "_id"; may be empty */
    const char *direction;  /* "call", "notification", "upstream", ...: "_direction" */
};

/* One element of `entries`. The arena serves while it is made. */
struct till_json *har_row(const struct har_entry *entry, struct till_arena *arena);
/* Takes the array of rows; the whole document. */
struct till_json *har_document(struct till_json *rows);

#endif
