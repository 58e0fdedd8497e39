/* SPDX-License-Identifier: Apache-2.0 */
/* What the two doors of OAuth2 share with the table of routes. */
#ifndef GATEWAY_FLOW_TOKEN_H
#define GATEWAY_FLOW_TOKEN_H

#include <gateway/flow/flow.h>

/* POST /oauth2/token (RFC 6749 section 4.4): a token for the client's id and secret. Refusals are
 * those of section 5.2, and what only we can be blamed for a problem like everywhere. */
bool give_token(struct call *c, struct till_error *err);
/* POST /oauth2/revoke (RFC 7009): the token is dead when the answer comes; one that is not known
 * needs no revoking. */
bool revoke_token(struct call *c, struct till_error *err);

#endif
