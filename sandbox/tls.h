/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate authority of the TLS listener, so that clients whose platform's address is https
 * find TLS here: they trust its certificate and nothing else changes. Its key lies beside the state
 * file (mode 0600) and stays the same over restarts; the server's certificate is made anew at each
 * start. No relation to the platform's certificates of apps (certificate mode).
 */
#ifndef SANDBOX_TLS_H
#define SANDBOX_TLS_H

#include <rt/world.h>

struct tls_authority {
    struct till_str pem;       /* its certificate: what clients trust */
    struct till_str chain_pem; /* the server's certificate and pem */
    struct till_str key_pem;   /* the server's private key */
};

/* The platform's host names, lower case, NULL-terminated. */
extern const char *const tls_platform_hosts[];
bool tls_is_platform_host(struct till_str name); /* without a port */

/*
 * `path` holds key and certificate; it is made when it is not there; empty: in memory only. The
 * server's certificate is for localhost, 127.0.0.1, ::1, the platform's hosts and `more` (empty
 * ones are left out). Takes as long as making one or two RSA keys. A file that others may read, or
 * that holds something else, is refused.
 */
TILL_MUST_CHECK bool tls_authority_open(struct till_arena *arena, struct world *world,
                                        struct till_str path, const struct till_str *more,
                                        size_t more_count, struct tls_authority *ret_authority,
                                        struct till_error *err);

#endif
