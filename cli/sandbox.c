/* SPDX-License-Identifier: Apache-2.0 */
/* till sandbox: the imitated platform. */
#include <cli/cli.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <cli/sandbox_doors.h>

struct sandbox_words {
    struct till_str listen, public_url, state, seed, record, replay;
    bool strict_charset, strict_encryption, clear_refusals, strict_refunds, notify_created,
        notify_closed;
    struct sandbox_doors doors;
};

static bool read_words(struct cli *cli, struct sandbox_words *words, struct till_error *err) {
    const struct cli_option options[] = {
        {"--listen", CLI_VALUE, false, &words->listen, "ADDRESS:PORT, 127.0.0.1:8100"},
        {"--public-url", CLI_VALUE, false, &words->public_url,
         "how a phone reaches it; in QR codes"},
        {"--state", CLI_VALUE, false, &words->state, "file to remember everything in"},
        {"--seed", CLI_VALUE, false, &words->seed, "of numbers and chances; 0 is a new one"},
        {"--record", CLI_VALUE, false, &words->record,
         "file to append every call and notification to"},
        {"--replay", CLI_VALUE, false, &words->replay,
         "recording that answers in the platform's place"},
        {"--tls-listen", CLI_VALUE, false, &words->doors.tls_listen,
         "ADDRESS:PORT for https, under the sandbox's own authority"},
        {"--proxy-listen", CLI_VALUE, false, &words->doors.proxy_listen,
         "ADDRESS:PORT of a proxy that leads the platform's host names here"},
        {"--ca", CLI_VALUE, false, &words->doors.ca_file,
         "file to write the authority's certificate to, for clients to trust"},
        {"--strict-charset", CLI_FLAG, false, &words->strict_charset,
         "charset must stand in the query string"},
        {"--strict-encryption", CLI_FLAG, false, &words->strict_encryption,
         "apps with an AES key must encrypt every call"},
        {"--clear-refusals", CLI_FLAG, false, &words->clear_refusals,
         "refuse encrypted calls in clear text"},
        {"--strict-refunds", CLI_FLAG, false, &words->strict_refunds,
         "refuse refunds of one trade closer than 3 s"},
        {"--notify-created", CLI_FLAG, false, &words->notify_created,
         "notify when a code was scanned"},
        {"--notify-closed", CLI_FLAG, false, &words->notify_closed,
         "notify when an unpaid trade was closed"},
    };
    return cli_read(cli, "[--listen A:P] [--public-url URL] [--state FILE] [--seed N]", options,
                    sizeof options / sizeof *options, NULL, err);
}

static bool open_sandbox(const struct sandbox_words *words, struct service *service,
                         struct sandbox **ret_sandbox, struct till_error *err) {
    int64_t seed = 0;
    if (words->seed.len && !cli_number(words->seed, "--seed", 0, INT64_MAX, &seed, err))
        return false;
    const struct sandbox_options options = {
        .public_url = words->public_url,
        .state_path = words->state,
        .record_path = words->record,
        .replay_path = words->replay,
        .seed = (uint64_t)seed,
        .strict_charset = words->strict_charset,
        .strict_encryption = words->strict_encryption,
        .clear_refusals = words->clear_refusals,
        .strict_refund_gap = words->strict_refunds,
        .notify_on_created = words->notify_created,
        .notify_on_closed = words->notify_closed,
    };
    return sandbox_open(&options, service->world, service->log, ret_sandbox, err) &&
           sandbox_start(*ret_sandbox, err);
}

static bool listen_at(struct cli *cli, struct sandbox_words *words, struct service *service,
                      struct sandbox *sandbox, struct till_error *err) {
    struct http_service handler = sandbox_service(sandbox);
    struct http_options options;
    struct till_str listen = words->listen.len ? words->listen : TILL_STR("127.0.0.1:8100");
    struct till_str url = words->public_url;
    http_options_default(&options);
    options.arena_max = SANDBOX_ARENA_MAX;
    if (!cli_listen(listen, &options.address, &options.port, err) ||
        !http_server_start(&options, &handler, service->world, service->log, service->metrics,
                           &service->server, err))
        return false;
    if (url.len == 0 &&
        (!till_arena_format(cli->arena, &url, err, "http://%.*s:%" PRIu16,
                            TILL_STR_ARG(options.address), http_server_port(service->server)) ||
         !sandbox_set_public_url(sandbox, url, err)))
        return false;
    words->doors.public_url = url;
    words->doors.state = words->state;
    if (!sandbox_doors_open(&words->doors, cli, service, sandbox, options.address, err))
        return false;
    printf("The sandbox is open at http://%.*s:%" PRIu16 "\n", TILL_STR_ARG(options.address),
           http_server_port(service->server));
    fflush(stdout);
    return true;
}

static void wait_for_stop(void) {
    sigset_t stops;
    int signal_number;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigwait(&stops, &signal_number);
}

bool verb_sandbox(struct cli *cli, struct till_error *err) {
    struct sandbox_words words = {0};
    struct service service = {0};
    struct sandbox *sandbox = NULL;
    if (!read_words(cli, &words, err) || !service_open(&service, err))
        return false;
    bool done = open_sandbox(&words, &service, &sandbox, err) &&
                listen_at(cli, &words, &service, sandbox, err);
    if (done)
        wait_for_stop();
    sandbox_doors_close(&words.doors);
    service_stop(&service);
    sandbox_close(sandbox);
    service_close(&service);
    return done;
}
