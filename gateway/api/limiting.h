/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and overload as a client meets them: 429 or 503 with Retry-After, and the RateLimit fields
 * of draft-ietf-httpapi-ratelimit-headers-10. An app is told of its own limits on every answer; of
 * the instance's only when it stands before it, since those tell how busy the others are.
 */
#ifndef GATEWAY_API_LIMITING_H
#define GATEWAY_API_LIMITING_H

#include <gateway/api/routes.h>
#include <gateway/guard/limits.h>

/* How a route of the table is limited; false: it is not. Only calls that say who asks are. */
bool limiting_of(const struct route_table *table, const struct route *route,
                 struct limited *ret_limited);

/* The public service's admit: overload first, then the instance's limit. On the I/O thread. */
bool limiting_admit(void *gateway, struct http_request *request, const struct http_load *load,
                    struct http_response *response);
/* The instance's limit for a request that nobody admitted (tests, simulator). TOO_MANY. */
TILL_MUST_CHECK bool limiting_instance(struct call *c, struct till_error *err);
/* The app's limit, when it is known who asks. TOO_MANY. */
TILL_MUST_CHECK bool limiting_app(struct call *c, struct till_error *err);
/* Waited too long for a worker: whoever asked has gone, or soon will. OVERLOADED. */
TILL_MUST_CHECK bool limiting_in_time(struct call *c, enum shed_rank rank, struct till_error *err);
/* What is left of the instance's limits, into the metrics. */
void limiting_measure(struct gateway *gw);
/* Twice the fullest second, rounded up to 1, 2 or 5 times a power of ten; at least 10. Pure. */
int64_t limiting_suggest(int64_t peak);
/* After a refusal: what was taken for nothing goes back. */
void limiting_settle(struct call *c, const struct till_error *error);

#endif
