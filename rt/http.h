/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: libmicrohttpd at its strictest plus the framing rules of ENGINEERING-NOTES
 * section
 * 1. I/O threads read a request and suspend it; a worker of the request's lane runs the
 * service's handler (which may wait) and resumes. Every connection, header block, body, queue has a
 * limit.
 *
 * The request's strings live in its arena until the handler's answer has been written.
 */
#ifndef RT_HTTP_H
#define RT_HTTP_H

#include <rt/log.h>
#include <rt/metrics.h>
#include <rt/world.h>

struct http_request {
    struct till_str method;          /* "POST" */
    struct till_str target;          /* raw, as on the request line */
    struct till_str path;            /* raw part before '?' */
    struct till_str query;           /* raw part after '?' */
    const struct till_pair *headers; /* in order, names as sent */
    size_t header_count;
    struct till_str body;
    struct till_str peer; /* client address after trusted_proxies, "192.0.2.1" */
    bool is_tls;
    bool is_admitted;    /* the service's admit said yes; false where nobody asked it */
    int64_t received_us; /* wall clock when the head was complete */
    int64_t waited_us;   /* for a worker */
    struct till_arena *arena;
};

#define HTTP_HEADERS_OUT_MAX 16

/* How an answer leaves. Everything but WHOLE spoils it on purpose: the sandbox plays a bad platform
 * with it. */
enum http_wire {
    HTTP_WIRE_WHOLE,
    HTTP_WIRE_CUT,   /* the connection is closed without a byte of answer */
    HTTP_WIRE_RESET, /* the same, by RST */
    HTTP_WIRE_HALF,  /* the head with the full Content-Length and half of the body, then RST */
    HTTP_WIRE_DRIP   /* one byte each wire_pause_us (head included), until all is sent or the client
                        leaves */
};

struct http_response {
    int status;
    struct till_str content_type;
    struct till_pair headers[HTTP_HEADERS_OUT_MAX];
    size_t header_count;
    struct till_str body; /* in the request's arena or static */
    bool close;
    enum http_wire wire;
    int64_t wire_pause_us;
};

/* The header's value; false when absent. *ret_count tells how often it occurs (two Authorization
 * lines are an error). */
bool http_header(const struct http_request *request, const char *name, struct till_str *ret_value,
                 size_t *ret_count);
void http_response_header(struct http_response *response, struct till_str name,
                          struct till_str value);

enum http_lane {
    HTTP_LANE_API,    /* elastic pool, bounded queue */
    HTTP_LANE_NOTIFY, /* a pool of its own: a hanging platform never delays the news that somebody
                         paid */
    HTTP_LANE_INLINE  /* answered on the I/O thread: must not wait (/ping, /health) */
};

/* How busy a request's lane is at this moment. */
struct http_load {
    size_t waiting;    /* requests that have no worker yet */
    size_t queue_max;  /* as many may */
    int64_t oldest_us; /* how long the first of them has waited; 0: none */
};

struct http_service {
    void *self;
    size_t (*body_max)(void *self, struct till_str method, struct till_str path);
    enum http_lane (*lane)(void *self, struct till_str method, struct till_str path);
    void (*handle)(void *self, struct http_request *request, struct http_response *response);
    /* An answer that the server itself must give (400 framing, 408, 413, 431, 503): the service
     * words it. Must not wait. */
    void (*refuse)(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response);
    /* The request is complete and a worker would be taken next; on the I/O thread, must not wait.
     * False: it goes no further, the response says why. NULL: all are let in. Inline requests are
     * not asked about. */
    bool (*admit)(void *self, struct http_request *request, const struct http_load *load,
                  struct http_response *response);
};

struct http_options {
    struct till_str address;         /* "127.0.0.1", "0.0.0.0", "::", or "unix:/path" (mode 0600) */
    uint16_t port;                   /* 0: any, see http_server_port */
    struct till_str trusted_proxies; /* addresses or prefixes, comma-separated; their
                                        X-Forwarded-For is believed, right to left */
    struct till_str tls_certificate_pem, tls_key_pem; /* empty: plain */
    int io_threads;                                   /* 2 */
    int workers_max;                                  /* elastic, 128 KiB stacks */
    int notify_workers_max;
    size_t queue_max; /* waiting requests a lane; beyond: 503 OVERLOADED with Retry-After */
    size_t connections_max;
    size_t connections_per_address;
    int64_t header_timeout_us; /* 10 s: from the first byte (or accept) to the complete head, drip
                                  or not */
    int64_t body_timeout_us;
    int64_t answer_timeout_us;
    int64_t idle_timeout_us; /* keep-alive */
    size_t head_max;         /* 32 KiB */
    size_t bodies_max; /* bytes of all bodies together; beyond: 503 OVERLOADED. Bodies above 16 KiB
                          get half of it, the last quarter is the notify lane's */
    size_t arena_max;  /* cap per call */
};
/* All limits at their documented defaults. */
void http_options_default(struct http_options *options);

struct http_server;
TILL_MUST_CHECK bool http_server_start(const struct http_options *options,
                                       const struct http_service *service, struct world *world,
                                       struct log *log, struct metrics *metrics,
                                       struct http_server **ret_server, struct till_error *err);
/* Other limits from now on, all or none: the four timeouts, workers, queue, connections of an
 * address, memory of a call, trusted proxies. The rest of options stays as it was at the start.
 * SETTING_INVALID: proxies that cannot be read, more workers than descriptors. Any thread, one at a
 * time, not after the stop. */
TILL_MUST_CHECK bool http_server_adjust(struct http_server *server,
                                        const struct http_options *options, struct till_error *err);
uint16_t http_server_port(const struct http_server *server);
/* Stop accepting; every answer says Connection: close; idle connections are shut. */
void http_server_quiesce(struct http_server *server);
/* Waits until nothing is in flight, at most timeout_us; then stops. True when everything was
 * answered. False: handlers that did not come back in time were answered DRAINING in their place
 * and may still be running, so service, world, log and metrics must stay; the process should end.
 */
bool http_server_stop(struct http_server *server, int64_t timeout_us);

#endif
