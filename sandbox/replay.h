/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of replay*.c: a recording in memory, fixed once it is read; only what was used moves,
 * under the platform's lock. */
#ifndef SANDBOX_REPLAY_H
#define SANDBOX_REPLAY_H

#include <sandbox/record.h>

struct replay_call {
    struct till_str method;
    struct till_str business; /* sorted and compact, without what differs each time */
    struct till_str order;    /* out_trade_no; may be empty */
    struct till_json *node;   /* the answer; NULL: what follows went out instead */
    int status;               /* 0: the connection was cut */
    struct till_str content_type, body;
    struct till_str location; /* of a redirect, beside `node` or alone */
    bool used;
};

/* The number that is asked for now, and the one it had when it was recorded. */
struct replay_order {
    struct till_str now, then;
};

struct replay {
    struct till_arena arena;
    struct replay_call *calls;
    size_t count, room;
    struct replay_order *orders;
    size_t order_count;
};

/* "business" of a call; the order's number apart. */
TILL_MUST_CHECK bool replay_key(struct till_arena *arena, const struct till_json *business,
                                struct till_str *ret_text, struct till_str *ret_order,
                                struct till_error *err);

#endif
