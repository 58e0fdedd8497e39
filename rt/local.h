/* SPDX-License-Identifier: Apache-2.0 */
/* A client for our own Unix socket (local administration): one request, one answer. Waits. */
#ifndef RT_LOCAL_H
#define RT_LOCAL_H

#include <till/arena.h>

struct local_answer {
    int status;
    struct till_str body;        /* in the arena */
    struct till_str next_cursor; /* of the header Till-Next-Cursor; or empty */
};

/* UPSTREAM_UNSENT when nobody listens at the socket, naming it. body empty: none is sent. */
TILL_MUST_CHECK bool local_exchange(struct till_arena *arena, struct till_str socket_path,
                                    struct till_str method, struct till_str target,
                                    struct till_str body, struct local_answer *ret_answer,
                                    struct till_error *err);

#endif
