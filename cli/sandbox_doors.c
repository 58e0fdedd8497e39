/* SPDX-License-Identifier: Apache-2.0 */
/* See sandbox_doors.h. */
#include <cli/sandbox_doors.h>

#include <inttypes.h>
#include <stdio.h>

#include <rt/file.h>
#include <sandbox/tls.h>

#define DRAIN_US (5 * INT64_C(1000000))

/* Where a listener at this address is reached from here. */
static struct till_str nearby(struct till_str address) {
    if (till_str_is(address, "0.0.0.0"))
        return TILL_STR("127.0.0.1");
    return till_str_is(address, "::") ? TILL_STR("::1") : address;
}

/* "https://shop.test:8443/x" is "shop.test". */
static struct till_str host_of(struct till_str url) {
    size_t scheme = till_str_find(url, ':');
    struct till_str rest = till_str_sub(url, scheme + 3, url.len);
    rest = till_str_sub(rest, 0, till_str_find(rest, '/'));
    if (rest.len && rest.ptr[0] == '[')
        return till_str_sub(rest, 1, till_str_find(rest, ']') - 1);
    return till_str_sub(rest, 0, till_str_find(rest, ':'));
}

static bool open_authority(struct sandbox_doors *doors, struct cli *cli, struct world *world,
                           struct till_str tls_address, struct tls_authority *ret,
                           struct till_error *err) {
    const struct till_str more[] = {nearby(tls_address), host_of(doors->public_url)};
    struct till_str path = TILL_STR_NONE;
    if (doors->state.len &&
        !till_arena_format(cli->arena, &path, err, "%.*s.tls", TILL_STR_ARG(doors->state)))
        return false;
    if (!tls_authority_open(cli->arena, world, path, more, sizeof more / sizeof *more, ret, err))
        return false;
    return doors->ca_file.len == 0 || file_write(doors->ca_file, ret->pem, 0644, false, err);
}

static bool open_tls(struct sandbox_doors *doors, struct cli *cli, struct service *service,
                     struct sandbox *sandbox, struct http_options *options,
                     struct till_error *err) {
    struct http_service handler = sandbox_service(sandbox);
    struct till_str listen = doors->tls_listen.len ? doors->tls_listen : TILL_STR("127.0.0.1:0");
    struct tls_authority authority;
    if (!cli_listen(listen, &options->address, &options->port, err) ||
        !open_authority(doors, cli, service->world, options->address, &authority, err) ||
        !sandbox_set_tls_authority(sandbox, authority.pem, err))
        return false;
    options->tls_certificate_pem = authority.chain_pem;
    options->tls_key_pem = authority.key_pem;
    if (!http_server_start(options, &handler, service->world, service->log, service->metrics,
                           &doors->tls, err))
        return false;
    printf("TLS is at https://%.*s:%" PRIu16 "\n", TILL_STR_ARG(options->address),
           http_server_port(doors->tls));
    return true;
}

static bool open_proxy(struct sandbox_doors *doors, struct service *service, struct till_str plain,
                       struct till_str tls, struct till_error *err) {
    struct tunnel_options options;
    tunnel_options_default(&options);
    options.names = tls_platform_hosts;
    options.tls = (struct tunnel_place){nearby(tls), http_server_port(doors->tls)};
    options.plain = (struct tunnel_place){nearby(plain), http_server_port(service->server)};
    if (!cli_listen(doors->proxy_listen, &options.address, &options.port, err) ||
        !tunnel_start(&options, service->log, &doors->proxy, err))
        return false;
    printf("The proxy is at http://%.*s:%" PRIu16 "\n", TILL_STR_ARG(options.address),
           tunnel_port(doors->proxy));
    return true;
}

bool sandbox_doors_open(struct sandbox_doors *doors, struct cli *cli, struct service *service,
                        struct sandbox *sandbox, struct till_str plain, struct till_error *err) {
    struct http_options options;
    if (doors->tls_listen.len == 0 && doors->proxy_listen.len == 0)
        return doors->ca_file.len == 0 ||
               TILL_FAIL(err, USAGE, "--ca goes with --tls-listen or --proxy-listen.");
    http_options_default(&options);
    options.arena_max = SANDBOX_ARENA_MAX;
    if (!open_tls(doors, cli, service, sandbox, &options, err))
        return false;
    return doors->proxy_listen.len == 0 || open_proxy(doors, service, plain, options.address, err);
}

void sandbox_doors_close(struct sandbox_doors *doors) {
    tunnel_stop(doors->proxy);
    if (doors->tls) {
        http_server_quiesce(doors->tls);
        http_server_stop(doors->tls, DRAIN_US);
    }
    doors->proxy = NULL;
    doors->tls = NULL;
}
