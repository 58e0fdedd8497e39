/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/challenge.h>

/* Each scheme with its realm: a list of bare names could be read as parameters of the first. */
#define SIGNED                                                                                     \
    "TILL-HMAC-SHA256 realm=\"till\", TILL-RSA-SHA256 realm=\"till\", TILL-ED25519 realm=\"till\""
#define TOKEN "Bearer realm=\"till\""
#define TOKEN_WRONG TOKEN ", error=\"invalid_token\""

static bool takes_tokens(const struct route *route) {
    return route->scope && !route->signed_only;
}

static void add(struct call *c, struct till_str text) {
    http_response_header(c->response, TILL_STR("WWW-Authenticate"), text);
}

/* A token that is good for less: only another token helps, and this is what it must carry. */
static void add_scope(struct call *c, const char *scope) {
    struct till_str text;
    struct till_error ignored;
    if (till_arena_format(c->arena, &text, &ignored,
                          TOKEN ", error=\"insufficient_scope\", scope=\"%s\"", scope))
        add(c, text);
}

void challenge_add(struct call *c, const struct route *route, const struct till_error *error) {
    bool with_token = takes_tokens(route);
    if (error->code == TILL_E_SCOPE_MISSING && route->scope)
        add_scope(c, route->scope);
    else if (till_code_status(error->code) != 401)
        return;
    else if (error->code == TILL_E_TOKEN_INVALID && with_token)
        add(c, TILL_STR(TOKEN_WRONG ", " SIGNED));
    else
        add(c, with_token ? TILL_STR(SIGNED ", " TOKEN) : TILL_STR(SIGNED));
}
