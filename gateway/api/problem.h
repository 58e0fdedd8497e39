/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as RFC 9457 problem documents: type, title, status, detail, code, request_id, retryable,
 * and errors:[{pointer, code, detail}] where one field is to blame. Retry-After goes with
 * everything that is worth repeating. The texts live in the arena; nothing waits.
 */
#ifndef GATEWAY_API_PROBLEM_H
#define GATEWAY_API_PROBLEM_H

#include <rt/http.h>

struct problem {
    const struct till_error *error;
    const char *request_id; /* NULL or empty: none */
    const char *payment_id; /* NULL or empty: none; whom to read or repeat */
    struct till_str works;  /* JSON array; empty: none */
};
/* Cannot fail: without memory a fixed text is sent. */
void problem_write(const struct problem *problem, struct till_arena *arena,
                   struct http_response *response);
/* Is the identical request worth repeating? */
bool problem_is_retryable(enum till_code code);

#endif
