/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests begin and end, judged before anything is believed (ENGINEERING-NOTES section 1).
 *
 * libmicrohttpd 0.9.75 lets ambiguous heads through: two lengths, length beside chunked, folds,
 * NULs, bare LFs. The first are seen in the headers (http_head_check, pure). The others it hides,
 * but they show in the way it cuts the head up in place: method, target, version, names and values
 * stand where they stood on the wire, each line end replaced by two NULs. http_head_read walks that
 * layout; a fold, a NUL or a bare LF leaves a gap or an overlap. Nothing documents the layout, so
 * tests/unit/rt/http_framing_test.c pins it.
 *
 * The head is copied into the arena first, so that it outlives the connection.
 */
#ifndef RT_HTTP_FRAMING_H
#define RT_HTTP_FRAMING_H

#include <stdint.h>

#include <till/form.h>

#define HTTP_HEADERS_MAX 100

struct MHD_Connection;

/* A method or a header's name (RFC 9110 section 5.6.2). */
bool http_is_token(struct till_str s);

struct http_head {
    struct till_str method, target, path, query;
    struct till_pair *headers; /* values without blanks around them */
    size_t header_count;
    bool is_chunked;
    uint64_t content_length; /* 0 without one */
    bool has_length;
};

/* First call of the handler, with MHD's own method and version pointers and the raw target.
 * HTTP_FRAMING; HEADERS_TOO_LARGE above head_max. */
TILL_MUST_CHECK bool http_head_read(struct MHD_Connection *mhd, const char *method,
                                    const char *version, struct till_str target, size_t head_max,
                                    struct till_arena *arena, struct http_head *ret_head,
                                    struct till_error *err);
/* The rules that can be judged from method, version and headers alone; sets is_chunked and
 * content_length. */
TILL_MUST_CHECK bool http_head_check(struct http_head *head, struct till_str version,
                                     struct till_error *err);

#endif
