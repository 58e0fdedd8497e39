/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other way to say who asks (ADR 031): an OAuth2 client proves itself by a secret and gets a
 * token, which then opens the routes of its scopes (RFC 6749 section 4.4, RFC 6750).
 */
#ifndef GATEWAY_GUARD_BEARER_H
#define GATEWAY_GUARD_BEARER_H

#include <gateway/gateway.h>
#include <gateway/store/clients.h>

#define BEARER_SECRET_PREFIX "till_secret_"
#define BEARER_TOKEN_PREFIX "till_token_"
enum {
    BEARER_RANDOM = 32,
    BEARER_HEX = 2 * BEARER_RANDOM,
    BEARER_TEXT_SIZE = sizeof BEARER_SECRET_PREFIX + BEARER_HEX
};

/* A new secret or token: 256 random bits behind a prefix that people and scanners know it by. */
void bearer_make(struct world *world, const char *prefix, char ret_text[BEARER_TEXT_SIZE],
                 struct client_digest *ret_digest);
struct client_digest bearer_digest(struct till_str text);

/* Does the request come with a token? (Authorization: Bearer ...) */
bool bearer_shown(const struct http_request *request);
/* Who holds the token, and may he? scope NULL: no token opens this. Fills app, the
 * token's scopes and claim; the claim
 * has no nonce: a token is shown as often as its holder likes. HTTP_FRAMING, TOKEN_INVALID,
 * SCOPE_MISSING, errors of the store. */
TILL_MUST_CHECK bool bearer_admit(struct gateway *gw, const struct http_request *request,
                                  const char *scope, int64_t now_us, struct till_arena *arena,
                                  struct app_row *ret_app, struct till_str *ret_scopes,
                                  struct nonce_claim *ret_claim, struct till_error *err);

/* What a client showed: by HTTP Basic or in the form. */
struct client_credentials {
    struct till_str id, secret;
    bool by_basic;
};
/* The client whose secret it is, and which one. CLIENT_INVALID (the same words and the same work
 * whatever is wrong, S-017), TOO_MANY with *ret_wait_us for who fails too often (S-020), errors of
 * the store. */
TILL_MUST_CHECK bool client_prove(struct gateway *gw, const struct client_credentials *shown,
                                  struct till_str peer, int64_t now_us, struct till_arena *arena,
                                  struct client_row *ret_client, struct client_digest *ret_secret,
                                  int64_t *ret_wait_us, struct till_error *err);

#endif
