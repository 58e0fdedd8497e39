/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's settings: the table is gateway/settings.c (rows of rt/settings.h). */
#ifndef GATEWAY_SETTINGS_H
#define GATEWAY_SETTINGS_H

#include <rt/settings.h>

/* Named limits, from gateway/limits.def. */
enum limit_name {
#define LIMIT(id, word, name, instance, app, what) LIMIT_##id,
#include <gateway/limits.def>
#undef LIMIT
    LIMIT_NAMES
};

struct gateway_settings {
    /* "https://pay.example.com": in notify, return and cashier addresses */
    struct till_str public_url;
    struct till_str listen_address;  /* http.listen */
    int64_t listen_port;             /* http.port, 8080 */
    struct till_str private_address; /* private.listen, 127.0.0.1 */
    int64_t private_port;            /* private.port, 9090 */
    struct till_str admin_socket;    /* admin.socket: a path; mode 0600 */
    struct till_str trusted_proxies; /* http.trusted_proxies */
    struct till_str tls_certificate; /* http.tls_certificate: path or empty */
    struct till_str tls_key;         /* http.tls_key: path, mode 0600 */
    int64_t http_workers_max, http_notify_workers_max, http_queue_max, http_connections_max,
        http_connections_per_address;
    int64_t http_header_timeout, http_body_timeout, http_answer_timeout, http_idle_timeout;
    int64_t api_body_max, notify_body_max; /* 64 KiB, 256 KiB */
    int64_t bodies_memory;                 /* 64 MiB */
    int64_t call_memory_max;               /* arena cap per call, 4 MiB */
    struct till_str store_path;
    struct till_str master_key_file; /* secrets.master_key_file: 32 bytes as 64 hex digits, mode
                                        0600; or TILL_MASTER_KEY */
    struct till_str log_path, log_level;
    int64_t log_rotate_size, log_keep_days;
    bool log_debug;                  /* capture whole exchanges, redacted */
    struct till_str outbound_permit; /* outbound.permit */
    struct till_str outbound_ca_file;
    int64_t upstream_timeout; /* deadline of one platform call, 10 s */
    int64_t upstream_connect_timeout;
    int64_t upstream_threads;
    int64_t upstream_in_flight_max; /* calls of one account at once; more end unsent */
    int64_t breaker_window;         /* how long more than half of the calls must fail, 5 s */
    int64_t breaker_calls_min;      /* fewer calls in a window open nothing */
    int64_t breaker_pause, breaker_pause_max; /* without calls, 5 s; doubled up to 60 s */
    int64_t breaker_probes;                   /* calls that find out whether it is over */
    int64_t create_deadline; /* how long a create may keep the merchant waiting, 12 s */
    int64_t ask_after;       /* first question about an unpaid attempt: 15 s; then slower */
    int64_t ask_slowest;     /* 5 min */
    int64_t settle_grace; /* "does not exist" is believed only this long after an unknown create /
                             after expiry: 60 s */
    int64_t webhook_timeout;                                 /* 15 s */
    int64_t webhook_per_endpoint;                            /* at once */
    int64_t webhook_workers;                                 /* delivery tasks */
    int64_t bills_timeout;                                   /* of a download, 60 s */
    int64_t bills_download_max, bills_unpacked_max;          /* 16 MiB, 256 MiB */
    int64_t bills_keep_days;                                 /* archives; lines stay */
    struct rate limits_instance[LIMIT_NAMES];                /* for all apps together */
    struct rate limits_app[LIMIT_NAMES];                     /* for each app */
    int64_t shed_lists_at, shed_creates_at, shed_queries_at; /* percent of http.queue_max */
    int64_t shed_wait;            /* the oldest waits so long: creates are shed */
    int64_t shed_give_up;         /* waited longer than this: not begun */
    int64_t drain_timeout;        /* 5 s */
    int64_t auth_window;          /* 300 s */
    int64_t oauth_token_lifetime; /* 1 h */
    int64_t oauth_failures_max;   /* a minute, of one client from one address */
    int64_t oauth_failures_per_client, oauth_failures_per_address; /* the sums, a minute */
};

extern const struct setting gateway_setting_rows[];
extern const size_t gateway_setting_count;

#endif
