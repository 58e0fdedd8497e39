/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last calls of gateway.do, each with what came, what was answered, and for a refusal why: the
 * canonical string, the first differing byte, the usual cause. A ring; the oldest one goes.
 */
#ifndef SANDBOX_EXCHANGE_H
#define SANDBOX_EXCHANGE_H

#include <sandbox/call.h>
#include <till/explain.h>

enum { EXCHANGE_TEXT_MAX = 16 * 1024 };

struct exchange {
    struct till_arena arena;
    uint64_t id;
    int64_t at_us; /* platform time */
    int64_t took_us;
    struct till_str app_id, method, out_trade_no;
    struct till_str target, body, answer; /* cut at EXCHANGE_TEXT_MAX */
    struct till_str code, sub_code, sub_msg;
    struct till_str why, faults;
    bool refused;
    struct till_explanation explanation; /* canonical may be empty */
};

/* Not under the lock: explains, then files. */
void exchange_record(struct call *call, const struct http_response *response, int64_t took_us);
/* Locked. NULL: gone or never there. */
const struct exchange *exchange_find(struct sandbox *sandbox, uint64_t id);
void exchange_free_all(struct sandbox *sandbox);

#endif
