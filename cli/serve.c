/* SPDX-License-Identifier: Apache-2.0 */
/*
 * till serve: settings, log, world, store, gateway, three listeners; then signals. Exit status: 0
 * stopped, 1 the start was refused (the reason is on standard error and in the log), 70 the store
 * broke while running: the supervising parent starts a fresh process into recovery.
 */
#include <cli/adjust.h>
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <gateway/config.h>
#include <gateway/gateway.h>
#include <gateway/master_key.h>
#include <gateway/settings_check.h>
#include <rt/failpoint.h>
#include <rt/file.h>
#include <rt/signals.h>
#include <rt/supervise.h>
#include <rt/world_real.h>
#include <till/till.h>

enum {
    EXIT_STOPPED = 0,
    EXIT_REFUSED = 1,
    EXIT_BROKEN = 70,
    LOOK_EVERY_US = 250000,      /* at the store's health */
    CUT_BEFORE_END_US = 1500000, /* of the drain: what still waits for a platform is cut then */
    JOIN_US = 2000000,
    PEM_MAX = 256 * 1024,
    CHECK_MEMORY = 8 * 1024 * 1024
};

struct serve {
    struct cli *cli;
    struct till_str config;
    const char *overrides[CLI_VALUES_MAX];
    size_t override_count;
    bool settings_only;
    struct config *settings;
    struct adjust running;
    struct signals signals;
    struct log *log;
    struct metrics *metrics;
    struct world *world;
    struct store *store;
    struct gateway gateway;
    bool gateway_is_open;
    struct http_server *public_server, *private_server, *admin_server;
};

/* In force now. */
static const struct gateway_settings *settings_of(const struct serve *serve) {
    return config_now(serve->settings);
}

/* ---- opening, in the order in which one stands on the other ---- */

static bool open_settings(struct serve *serve, struct till_error *err) {
    const struct config_options options = {.path = serve->config,
                                           .overrides = serve->overrides,
                                           .override_count = serve->override_count,
                                           .environment_key = getenv("TILL_MASTER_KEY"),
                                           .apply = adjust_apply,
                                           .self = &serve->running};
    return config_open(&options, &serve->settings, err);
}

static bool check_settings(struct serve *serve, struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, CHECK_MEMORY);
    bool good = settings_check(
        &(struct settings_checked){settings_of(serve), getenv("TILL_MASTER_KEY"), &arena}, err);
    till_arena_clean_up(&arena);
    return good;
}

static bool open_log(struct serve *serve, struct till_error *err) {
    const struct gateway_settings *settings = settings_of(serve);
    struct log_options options = {.path = settings->log_path,
                                  .rotate_bytes = settings->log_rotate_size,
                                  .keep_days = (int)settings->log_keep_days};
    return settings_log_level(settings, &options.level, err) &&
           log_open(&options, &serve->log, err) && metrics_open(&serve->metrics, err);
}

static bool open_world(struct serve *serve, struct till_error *err) {
    const struct gateway_settings *settings = settings_of(serve);
    struct world_real_options options = {.permit = settings->outbound_permit,
                                         .ca_file = settings->outbound_ca_file,
                                         .upstream_threads = (int)settings->upstream_threads,
                                         .connect_timeout_us = settings->upstream_connect_timeout};
    return world_real_open(&options, &serve->world, err);
}

static bool open_store(struct serve *serve, struct till_error *err) {
    const struct gateway_settings *settings = settings_of(serve);
    struct store_options options = {.path = settings->store_path,
                                    .commit = STORE_COMMIT_THREAD,
                                    .retention_nonce_us = 3 * settings->auth_window};
    bool good =
        master_key_find(serve->cli->arena, getenv("TILL_MASTER_KEY"), settings->master_key_file,
                        "secrets.master_key_file", options.master_key, err) &&
        store_open(&options, serve->world, serve->log, serve->metrics, &serve->store, err);
    till_wipe(options.master_key, sizeof options.master_key);
    return good;
}

static bool open_gateway(struct serve *serve, struct till_error *err) {
    serve->gateway_is_open =
        gateway_open(&serve->gateway, serve->world, serve->store, serve->log, serve->metrics,
                     settings_of(serve), world_real_policy(serve->world), err);
    serve->gateway.config = serve->settings;
    return serve->gateway_is_open;
}

static bool read_tls(struct serve *serve, struct http_options *options, struct till_error *err) {
    const struct gateway_settings *settings = settings_of(serve);
    struct till_arena *arena = serve->cli->arena;
    if ((settings->tls_certificate.len == 0) != (settings->tls_key.len == 0))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.tls_key",
                               "Name both http.tls_certificate and http.tls_key, or neither.");
    return settings->tls_key.len == 0 ||
           (file_read(arena, settings->tls_certificate, PEM_MAX, &options->tls_certificate_pem,
                      err) &&
            file_read_secret(arena, settings->tls_key, PEM_MAX, "http.tls_key",
                             &options->tls_key_pem, err));
}

static bool listen_public(struct serve *serve, struct till_error *err) {
    struct http_service service = gateway_public_service(&serve->gateway);
    const struct gateway_settings *settings = settings_of(serve);
    struct http_options options;
    adjust_public_limits(settings, &options);
    options.address = settings->listen_address;
    options.port = (uint16_t)settings->listen_port;
    return read_tls(serve, &options, err) &&
           http_server_start(&options, &service, serve->world, serve->log, serve->metrics,
                             &serve->public_server, err);
}

static bool listen_small(struct serve *serve, const char *setting, struct till_str address,
                         int64_t port, struct http_service service, struct http_server **ret_server,
                         struct till_error *err) {
    struct http_options options;
    adjust_small_limits(settings_of(serve), &options);
    options.address = address;
    options.port = (uint16_t)port;
    if (http_server_start(&options, &service, serve->world, serve->log, NULL, ret_server, err))
        return true;
    /* The server speaks of http.listen; here it is another setting. */
    snprintf(err->field, sizeof err->field, "%s", setting);
    return false;
}

static bool listen_all(struct serve *serve, struct till_error *err) {
    struct till_str socket;
    return till_arena_format(serve->cli->arena, &socket, err, "unix:%.*s",
                             TILL_STR_ARG(settings_of(serve)->admin_socket)) &&
           listen_small(serve, "private.listen", settings_of(serve)->private_address,
                        settings_of(serve)->private_port, gateway_private_service(&serve->gateway),
                        &serve->private_server, err) &&
           listen_small(serve, "admin.socket", socket, 0, gateway_admin_service(&serve->gateway),
                        &serve->admin_server, err) &&
           listen_public(serve, err);
}

/* Each call in work needs two descriptors: ask for as many as we may have, say when it is too few.
 */
static void raise_descriptors(struct serve *serve) {
    struct rlimit limit;
    int64_t calls =
        settings_of(serve)->http_workers_max + settings_of(serve)->http_notify_workers_max;
    int64_t wanted = settings_of(serve)->http_connections_max + calls + calls / 4 + 200;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur != RLIM_INFINITY && (int64_t)limit.rlim_cur < wanted)
        log_event(serve->log, LOG_WARN, "few_descriptors", LOG_N("have", (int64_t)limit.rlim_cur),
                  LOG_N("wanted", wanted));
}

/* From here on the settings may change. */
static void open_running(struct serve *serve) {
    serve->running.gateway = &serve->gateway;
    serve->running.public_server = serve->public_server;
    serve->running.private_server = serve->private_server;
    serve->running.admin_server = serve->admin_server;
    adjust_begin(&serve->running);
}

static bool open_all(struct serve *serve, struct till_error *err) {
    if (!signals_open(&serve->signals, err) || !open_settings(serve, err) ||
        !open_log(serve, err) || !check_settings(serve, err) || !open_world(serve, err) ||
        !open_store(serve, err) || !open_gateway(serve, err))
        return false;
    raise_descriptors(serve);
    if (!listen_all(serve, err) || !gateway_start(&serve->gateway, err))
        return false;
    open_running(serve);
    return true;
}

/* ---- the end ---- */

/* What waits for a platform towards the end of the drain is cut: its attempt stays unknown, its
 * caller is told so, and the next start asks. */
static void cut_waiting(void *arg) {
    struct serve *serve = arg;
    int64_t pause_us = settings_of(serve)->drain_timeout - CUT_BEFORE_END_US;
    world_sleep_us(serve->world, pause_us > 0 ? pause_us : settings_of(serve)->drain_timeout / 2);
    world_real_stop(serve->world);
}

static bool stop_server(struct http_server **server, int64_t timeout_us) {
    bool quiet = !*server || http_server_stop(*server, timeout_us);
    *server = NULL;
    return quiet;
}

/* /ready says no from the first moment; true when everything was answered and nothing runs. */
static bool drain(struct serve *serve) {
    struct till_error ignored;
    adjust_end(&serve->running);
    atomic_store(&serve->gateway.draining, true);
    http_server_quiesce(serve->public_server);
    if (!world_spawn(serve->world, "drain", cut_waiting, serve, &ignored))
        world_real_stop(serve->world);
    bool quiet = stop_server(&serve->public_server, settings_of(serve)->drain_timeout);
    TILL_FP("S6");
    world_real_stop(serve->world);
    quiet = stop_server(&serve->admin_server, JOIN_US / 4) && quiet;
    return stop_server(&serve->private_server, JOIN_US / 4) && quiet;
}

/* Frees in reverse order. After an unclean drain something may still be using what would be freed:
 * then the process ends as it is; the store is safe at every moment. */
static void close_all(struct serve *serve, bool quiet) {
    if (serve->world) {
        world_real_stop(serve->world);
        stop_server(&serve->public_server, JOIN_US);
        stop_server(&serve->admin_server, JOIN_US);
        stop_server(&serve->private_server, JOIN_US);
    }
    if (serve->gateway_is_open)
        quiet = gateway_wait(&serve->gateway, JOIN_US) && quiet;
    if (!quiet) {
        log_event(serve->log, LOG_WARN, "stopped_in_work", LOG_B("clean", false));
        log_close(serve->log);
        _Exit(store_is_broken(serve->store) ? EXIT_BROKEN : EXIT_STOPPED);
    }
    if (serve->gateway_is_open)
        gateway_close(&serve->gateway);
    store_close(serve->store);
    world_real_close(serve->world);
    metrics_close(serve->metrics);
    log_close(serve->log);
    config_close(serve->settings);
}

/* ---- running ---- */

static void announce(struct serve *serve) {
    const struct gateway_settings *settings = settings_of(serve);
    size_t exceptions = outbound_policy_exceptions(serve->gateway.policy);
    metrics_set(serve->metrics, METRIC_BUILD, TILL_VERSION, store_engine_version(), 1);
    if (exceptions > 0)
        log_event(serve->log, LOG_WARN, "outbound_exceptions", LOG_N("count", (int64_t)exceptions),
                  LOG_C("meaning", "addresses in outbound.permit may be called although they are "
                                   "not public"));
    log_event(serve->log, LOG_INFO, "ready", LOG_C("version", TILL_VERSION),
              LOG_C("sqlite", store_engine_version()), LOG_N("schema", store_schema_version()),
              LOG_N("port", http_server_port(serve->public_server)),
              LOG_N("restarts", supervise_restarts()));
    printf("till %s is ready: %.*s, listening on %.*s:%" PRIu16 ", metrics on %.*s:%" PRIu16
           ", administration at %.*s\n",
           TILL_VERSION, TILL_STR_ARG(settings->public_url), TILL_STR_ARG(settings->listen_address),
           http_server_port(serve->public_server), TILL_STR_ARG(settings->private_address),
           http_server_port(serve->private_server), TILL_STR_ARG(settings->admin_socket));
    fflush(stdout);
}

/* The log has its line; the old settings stay in force when the new ones are refused. */
static void reload(struct serve *serve) {
    struct till_arena arena;
    struct config_report report;
    struct till_error err;
    till_arena_init(&arena, CHECK_MEMORY);
    (void)till_failed(gateway_reload(&serve->gateway, &arena, &report, &err));
    till_arena_clean_up(&arena);
}

/* Until somebody wants it to stop, or the disk ends it. */
static int wait_for_end(struct serve *serve) {
    for (;;) {
        switch (signals_wait(&serve->signals, LOOK_EVERY_US)) {
        case SIGNALS_STOP:
            TILL_FP("S5");
            return EXIT_STOPPED;
        case SIGNALS_RELOAD:
            log_reopen(serve->log);
            log_event(serve->log, LOG_INFO, "log_reopened", LOG_B("done", true));
            reload(serve);
            break;
        case SIGNALS_NONE:
            break;
        }
        if (store_is_broken(serve->store))
            return EXIT_BROKEN;
    }
}

static void complain(struct serve *serve, const struct till_error *err) {
    log_failure(serve->log, LOG_ERROR, "start_refused", err);
    (void)cli_complain(serve->cli, err);
}

static int run(void *arg) {
    struct serve *serve = arg;
    struct till_error err = {.code = TILL_OK};
    if (!open_all(serve, &err)) {
        complain(serve, &err);
        close_all(serve, true);
        return EXIT_REFUSED;
    }
    TILL_FP("S4");
    announce(serve);
    int status = wait_for_end(serve);
    if (status == EXIT_BROKEN)
        log_event(serve->log, LOG_ERROR, "store_broken",
                  LOG_C("meaning", "the disk failed; this process ends and the next one recovers"));
    else
        log_event(serve->log, LOG_INFO, "stopping", LOG_B("draining", true));
    close_all(serve, status == EXIT_STOPPED && drain(serve));
    return status;
}

static bool read_words(struct serve *serve, bool *ret_alone, struct till_error *err) {
    struct cli_values sets = {.count = 0};
    const struct cli_option options[] = {
        {"-c", CLI_VALUE, false, &serve->config, "configuration file"},
        {"--config", CLI_VALUE, false, &serve->config, "the same"},
        {"--set", CLI_LIST, false, &sets, "name=value, stronger than the file"},
        {"--settings", CLI_FLAG, false, &serve->settings_only,
         "print all settings with their defaults and meanings, then end"},
        {"--no-supervise", CLI_FLAG, false, ret_alone, "without the parent that restarts it"},
    };
    if (!cli_read(serve->cli, "-c CONFIG [--set name=value]", options,
                  sizeof options / sizeof options[0], NULL, err))
        return false;
    for (size_t i = 0; i < sets.count; i++)
        if (!till_arena_cstr(serve->cli->arena, sets.at[i], &serve->overrides[i], err))
            return false;
    serve->override_count = sets.count;
    return true;
}

/* Every setting as the file would hold it, with default, bounds and meaning. */
static void print_settings(struct cli *cli) {
    struct till_str text;
    struct till_error err;
    if (settings_describe(gateway_setting_rows, gateway_setting_count, cli->arena, &text, &err))
        printf("\n# The settings, as the configuration file holds them, with their defaults:\n%.*s",
               TILL_STR_ARG(text));
}

static int describe(struct serve *serve) {
    struct till_error err;
    struct till_json *rows;
    if (!serve->cli->json) {
        print_settings(serve->cli);
        return EXIT_STOPPED;
    }
    rows = till_json_array();
    for (size_t i = 0; i < gateway_setting_count; i++) {
        struct till_json *row = till_json_object();
        till_json_set_text(row, "name", gateway_setting_rows[i].name);
        till_json_set_text(row, "default", gateway_setting_rows[i].fallback);
        till_json_set_text(row, "meaning", gateway_setting_rows[i].meaning);
        till_json_append(rows, row);
    }
    return cli_say(serve->cli, rows, &err) ? EXIT_STOPPED : EXIT_REFUSED;
}

int verb_serve(struct cli *cli) {
    struct serve *serve = calloc(1, sizeof *serve);
    struct till_error err = {.code = TILL_OK};
    bool alone = false;
    if (!serve)
        return EXIT_REFUSED;
    serve->cli = cli;
    pthread_mutex_init(&serve->running.mutex, NULL);
    cli->more_help = print_settings;
    int status;
    if (!read_words(serve, &alone, &err)) {
        status = cli_complain(cli, &err);
    } else if (serve->settings_only) {
        status = describe(serve);
    } else {
        status = alone ? run(serve) : supervise_run(run, serve);
    }
    free(serve);
    return status;
}
