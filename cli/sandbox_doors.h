/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's other ways in: TLS under its own authority, and the proxy that leads there. */
#ifndef CLI_SANDBOX_DOORS_H
#define CLI_SANDBOX_DOORS_H

#include <cli/cli.h>
#include <cli/service.h>
#include <rt/tunnel.h>
#include <sandbox/sandbox.h>

struct sandbox_doors {
    /* The options; empty: not asked for. */
    struct till_str tls_listen, proxy_listen, ca_file, public_url, state;
    struct http_server *tls;
    struct tunnel *proxy;
};

/* service->server listens already, at `plain`. Says where each door is, one line each. The proxy
 * brings a TLS listener of its own when none was asked for. USAGE: --ca without either. */
TILL_MUST_CHECK bool sandbox_doors_open(struct sandbox_doors *doors, struct cli *cli,
                                        struct service *service, struct sandbox *sandbox,
                                        struct till_str plain, struct till_error *err);
/* Before the service stops. */
void sandbox_doors_close(struct sandbox_doors *doors);

#endif
