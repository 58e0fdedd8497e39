/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WWW-Authenticate: by which schemes a route can be opened (RFC 9110 section 11.6.1), and for a
 * token why it did not (RFC 6750 section 3). It follows from the route and from what kind of
 * credentials came, never from which part of them was wrong (S-002).
 */
#ifndef GATEWAY_API_CHALLENGE_H
#define GATEWAY_API_CHALLENGE_H

#include <gateway/api/router.h>

/* Adds the header to an answer that `error` makes 401, or 403 for want of a scope; nothing else. */
void challenge_add(struct call *c, const struct route *route, const struct till_error *error);

#endif
