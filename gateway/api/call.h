/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's way in and out: trace and request id, then the route, and at the end exactly one log
 * line and two metrics. Owns nothing.
 */
#ifndef GATEWAY_API_CALL_H
#define GATEWAY_API_CALL_H

#include <gateway/flow/flow.h>

void call_begin(struct call *c, struct gateway *gw, struct http_request *request,
                struct http_response *response);
/* error NULL: the flow wrote the response itself. `quiet`: the line goes to
 * debug (health probes). */
void call_end(struct call *c, const struct till_error *error, bool quiet);
/* The trace id of a W3C traceparent value; false when it is not one (conventions, section 6). */
bool traceparent_read(struct till_str value, char ret_trace_id[33]);

#endif
