/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of exchange*.c: an exchange on its way into the ring. */
#ifndef SANDBOX_EXCHANGE_MAKE_H
#define SANDBOX_EXCHANGE_MAKE_H

#include <sandbox/exchange.h>

/* Accepts NULL. */
void exchange_drop(struct exchange *exchange);
/* Not under the lock: gives it a number and its place; it belongs to the ring from here on. */
void exchange_file(struct sandbox *sandbox, struct exchange *exchange);

/* A call of a platform that has no signatures: what is to be shown of it, borrowed. `code` of a
 * good one is "200". */
struct exchange_told {
    const struct http_request *request;
    const struct http_response *response;
    int64_t at_us, took_us;
    struct till_str app_id, method, order;
    struct till_str code, sub_code, sub_msg, why, business;
    const struct fault_set *faults; /* NULL: none */
    bool refused;
};
/* A notification that was sent: what is to be shown of it, borrowed. */
struct exchange_sent {
    int64_t at_us;
    struct till_str app_id, method, order, notify_id, url;
    int attempt;
    const struct till_pair *headers;
    size_t header_count;
    struct till_str type, body;
    struct till_str signed_text;
    bool is_signed_well;
    enum fault variant; /* FAULT_NONE: as it should be */
    const struct world_answer *answer;
    bool acknowledged;
};
/* Not under the lock. */
void exchange_record_sent(struct sandbox *sandbox, const struct exchange_sent *sent);
/* Not under the lock. */
void exchange_record_told(struct sandbox *sandbox, const struct exchange_told *told);

#endif
