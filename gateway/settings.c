/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/settings.h>

#include <stddef.h>

#define AT(field) offsetof(struct gateway_settings, field)
#define SECOND 1000000LL
#define KIB 1024LL
#define MIB (1024 * KIB)
#define RATE(name, fallback, at, meaning)                                                          \
    { "limits." name, SETTING_RATE, fallback, 0, 0, true, at, meaning }

/* Name, kind, default, least, most, live, place, meaning. Durations in microseconds, sizes in
 * bytes. */
const struct setting gateway_setting_rows[] = {
    {"public_url", SETTING_TEXT, "", 0, 512, true, AT(public_url),
     "The address under which platforms and buyers reach this till, as https://pay.example.com."},
    {"http.listen", SETTING_TEXT, "127.0.0.1", 0, 128, false, AT(listen_address),
     "Address of the public listener."},
    {"http.port", SETTING_INT, "8080", 0, 65535, false, AT(listen_port),
     "Port of the public listener; 0 takes any free one."},
    {"http.trusted_proxies", SETTING_TEXT, "", 0, 1024, true, AT(trusted_proxies),
     "Addresses or prefixes whose X-Forwarded-For is believed, separated by commas."},
    {"http.tls_certificate", SETTING_PATH, "", 0, 1024, false, AT(tls_certificate),
     "PEM file of the certificate chain; empty serves plain HTTP."},
    {"http.tls_key", SETTING_PATH, "", 0, 1024, false, AT(tls_key),
     "PEM file of the certificate's key, readable by the owner only."},
    {"http.workers_max", SETTING_INT, "256", 1, 10000, true, AT(http_workers_max),
     "Most requests of the API in work at once."},
    {"http.notify_workers_max", SETTING_INT, "64", 1, 10000, true, AT(http_notify_workers_max),
     "Most notifications in work at once; they have a pool of their own."},
    {"http.queue_max", SETTING_INT, "1024", 1, 100000, true, AT(http_queue_max),
     "Most requests that wait for a worker; more are told to come back."},
    {"http.connections_max", SETTING_INT, "4096", 1, 100000, false, AT(http_connections_max),
     "Most open client connections."},
    {"http.connections_per_address", SETTING_INT, "512", 1, 100000, true,
     AT(http_connections_per_address),
     "Most connections of one client address (trusted proxies are not counted)."},
    {"http.header_timeout", SETTING_DURATION, "10s", SECOND / 10, 300 * SECOND, true,
     AT(http_header_timeout), "Time for a complete request head, drip or not."},
    {"http.body_timeout", SETTING_DURATION, "20s", SECOND / 10, 300 * SECOND, true,
     AT(http_body_timeout), "Time for a complete request body."},
    {"http.answer_timeout", SETTING_DURATION, "60s", SECOND, 600 * SECOND, true,
     AT(http_answer_timeout), "Time for the client to read its answer."},
    {"http.idle_timeout", SETTING_DURATION, "60s", SECOND, 600 * SECOND, true,
     AT(http_idle_timeout), "How long a kept-alive connection may stay silent."},
    {"http.body_max", SETTING_SIZE, "64KiB", KIB, 4 * MIB, true, AT(api_body_max),
     "Largest body on the API."},
    {"notify.body_max", SETTING_SIZE, "256KiB", KIB, 4 * MIB, true, AT(notify_body_max),
     "Largest body of a notification."},
    {"http.bodies_memory", SETTING_SIZE, "64MiB", 8 * MIB, 4096 * MIB, true, AT(bodies_memory),
     "Most memory of all request bodies together; more are told to come back."},
    {"limits.call_memory", SETTING_SIZE, "4MiB", 256 * KIB, 64 * MIB, true, AT(call_memory_max),
     "Most memory that one call may take."},
#define LIMIT(id, word, name, instance, app, what)                                                 \
    RATE("instance." #word, instance, AT(limits_instance[LIMIT_##id]),                             \
         what ", all apps together: 500/s, 30/m, 5/s burst 20, or off."),
#include <gateway/limits.def>
#undef LIMIT
#define LIMIT(id, word, name, instance, app, what)                                                 \
    RATE("app." #word, app, AT(limits_app[LIMIT_##id]),                                            \
         what ", of each app that `till app limits` gave no other limit."),
#include <gateway/limits.def>
#undef LIMIT
    {"private.listen", SETTING_TEXT, "127.0.0.1", 0, 128, false, AT(private_address),
     "Address of the listener for metrics and health."},
    {"private.port", SETTING_INT, "9090", 0, 65535, false, AT(private_port),
     "Port of the listener for metrics and health; 0 takes any free one."},
    {"admin.socket", SETTING_PATH, "till.sock", 1, 104, false, AT(admin_socket),
     "Unix socket of the administration, mode 0600."},
    {"store.path", SETTING_PATH, "till.db", 1, 1024, false, AT(store_path),
     "File of the embedded database."},
    {"secrets.master_key_file", SETTING_PATH, "", 0, 1024, false, AT(master_key_file),
     "File with the master key: 64 hex digits, readable by the owner only; or TILL_MASTER_KEY in "
     "the environment."},
    {"log.path", SETTING_PATH, "-", 1, 1024, false, AT(log_path),
     "File of the log; - is standard error."},
    {"log.level", SETTING_TEXT, "info", 1, 8, true, AT(log_level), "debug, info, warn or error."},
    {"log.rotate_size", SETTING_SIZE, "64MiB", 64 * KIB, 4096 * MIB, true, AT(log_rotate_size),
     "The log begins a new file at this size."},
    {"log.keep_days", SETTING_INT, "14", 7, 3650, true, AT(log_keep_days),
     "Days that old logs are kept."},
    {"log.debug", SETTING_BOOL, "false", 0, 0, true, AT(log_debug),
     "Record whole exchanges, redacted."},
    {"outbound.permit", SETTING_TEXT, "", 0, 4096, true, AT(outbound_permit),
     "Exceptions from \"public addresses only\", as host:port or address/prefix:port."},
    {"outbound.ca_file", SETTING_PATH, "", 0, 1024, false, AT(outbound_ca_file),
     "PEM file with further trust anchors for outgoing TLS."},
    {"upstream.timeout", SETTING_DURATION, "10s", SECOND / 10, 60 * SECOND, true,
     AT(upstream_timeout), "Deadline of one call to a platform."},
    {"upstream.connect_timeout", SETTING_DURATION, "3s", SECOND / 10, 30 * SECOND, true,
     AT(upstream_connect_timeout), "Deadline of a connection to a platform."},
    {"upstream.threads", SETTING_INT, "2", 1, 64, false, AT(upstream_threads),
     "Threads that move bytes to and from platforms."},
    {"payments.create_deadline", SETTING_DURATION, "12s", SECOND / 10, 120 * SECOND, true,
     AT(create_deadline), "How long a create may keep the merchant waiting."},
    {"payments.ask_after", SETTING_DURATION, "15s", SECOND / 100, 3600 * SECOND, true,
     AT(ask_after), "The first question about an unpaid order; later ones come slower."},
    {"payments.ask_slowest", SETTING_DURATION, "5m", SECOND / 100, 86400 * SECOND, true,
     AT(ask_slowest), "The longest pause between questions about one order."},
    {"payments.settle_grace", SETTING_DURATION, "60s", 0, 3600 * SECOND, true, AT(settle_grace),
     "How long after its end an order is given before \"does not exist\" is believed."},
    {"webhook.timeout", SETTING_DURATION, "15s", SECOND / 10, 60 * SECOND, true,
     AT(webhook_timeout), "Deadline of one webhook delivery."},
    {"webhook.per_endpoint", SETTING_INT, "4", 1, 64, true, AT(webhook_per_endpoint),
     "Deliveries to one endpoint at once."},
    {"webhook.workers", SETTING_INT, "4", 1, 16, false, AT(webhook_workers),
     "Tasks that deliver webhooks."},
    {"bills.timeout", SETTING_DURATION, "60s", SECOND, 600 * SECOND, true, AT(bills_timeout),
     "Deadline of the download of one bill."},
    {"bills.download_max", SETTING_SIZE, "16MiB", 64 * KIB, 64 * MIB, true, AT(bills_download_max),
     "Largest archive of a bill."},
    {"bills.unpacked_max", SETTING_SIZE, "256MiB", 64 * KIB, 2048 * MIB, true,
     AT(bills_unpacked_max), "Largest file within it, unpacked."},
    {"bills.keep_days", SETTING_INT, "400", 1, 36500, true, AT(bills_keep_days),
     "Days that archives of bills are kept in the store; their lines stay."},
    {"shed.lists_at", SETTING_INT, "25", 1, 100, true, AT(shed_lists_at),
     "Percent of http.queue_max that wait: lists are sent away."},
    {"shed.creates_at", SETTING_INT, "50", 1, 100, true, AT(shed_creates_at),
     "Percent of http.queue_max that wait: creates are sent away, too."},
    {"shed.queries_at", SETTING_INT, "85", 1, 100, true, AT(shed_queries_at),
     "Percent of http.queue_max that wait: queries are sent away, too."},
    {"shed.wait", SETTING_DURATION, "1s", SECOND / 100, 60 * SECOND, true, AT(shed_wait),
     "The oldest request has waited so long for a worker: creates are sent away, lists after half "
     "of it, queries after twice as long."},
    {"shed.give_up", SETTING_DURATION, "10s", SECOND / 10, 120 * SECOND, true, AT(shed_give_up),
     "A request that waited longer than this for a worker is not begun."},
    {"drain_timeout", SETTING_DURATION, "5s", SECOND / 10, 300 * SECOND, true, AT(drain_timeout),
     "Time to finish what is in work after SIGTERM."},
    {"auth.window", SETTING_DURATION, "300s", SECOND, 300 * SECOND, false, AT(auth_window),
     "How far a signed timestamp may be from this till's clock."},
};

const size_t gateway_setting_count = sizeof gateway_setting_rows / sizeof gateway_setting_rows[0];
