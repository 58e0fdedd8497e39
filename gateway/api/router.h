/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes: method, pattern, handler, and what a caller must prove. Paths are compared
 * as they stood on the wire (S-008): "/v1/%70ayments" is nobody's path. A pattern that
 * names the whole path stands before one with {rest}, and hides it. Pure.
 */
#ifndef GATEWAY_API_ROUTER_H
#define GATEWAY_API_ROUTER_H

#include <gateway/flow/flow.h>
#include <gateway/guard/shed.h>

enum route_need {
    NEED_NOTHING, /* open: says nothing about anybody's data, or proves itself (notifications) */
    NEED_APP,     /* signed; the nonce is taken before the handler runs */
    NEED_APP_WITH_EFFECT, /* signed; the nonce goes into the store with the effect */
    NEED_ADMIN,           /* came through the admin socket */
    NEED_ADMIN_APP        /* the same, acting for the app that ?app_id= names */
};

struct route {
    const char *method;
    const char *pattern; /* "/v1/payments/{id}/close"; a last "{rest}" takes slashes too */
    const char *name;    /* "payments.close": label of metrics and log */
    enum route_need need;
    bool takes_json; /* a body, if there is one, must be called application/json */
    bool (*handle)(struct call *c, struct till_error *err);
    const char *scope;   /* "payments:write": what a token must carry; NULL: no token opens it */
    enum shed_rank rank; /* when it is sent away under overload, and whose limit holds */
    bool signed_only;    /* a token opens it not even with the scope, which is a key's right */
};

struct route_match {
    const struct route *route;     /* NULL: none */
    struct till_str parameters[2]; /* what stood in the braces */
    char allow[64];                /* methods of the pattern when only the method is wrong */
};
/* NOT_FOUND, METHOD_NOT_ALLOWED. HEAD goes where GET goes. */
TILL_MUST_CHECK bool route_find(const struct route *table, size_t count, struct till_str method,
                                struct till_str path, struct route_match *ret,
                                struct till_error *err);

#endif
