/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the HTTP server; nothing outside of rt/http*.c includes this.
 *
 *   acceptor thread --accept--> http_connection --MHD_add_connection--> one of io_threads MHD
 * daemons I/O thread: head -> framing -> body -> [suspend] -> lane's worker: service -> [resume] ->
 * answer
 *
 * We accept ourselves: MHD's own listener answers descriptor exhaustion by waiting for a close that
 * nobody causes, and MHD_quiesce_daemon with a thread pool can abort when a thread takes the
 * listener out of its epoll set at the same moment. So there are N daemons without a listener.
 *
 * A call belongs to its connection (freed in NOTIFY_COMPLETED). While a worker has it, it has a
 * second reference, so that a stop that cannot wait any longer may answer the connection and leave
 * the worker to finish into nothing. Lock order: none is taken while another is held, except
 * server.mutex before nothing.
 */
#ifndef RT_HTTP_SERVER_H
#define RT_HTTP_SERVER_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include <rt/http.h>
#include <rt/http_peers.h>
#include <rt/http_reaper.h>
#include <rt/worker.h>

#define HTTP_IO_THREADS_MAX 64
#define HTTP_PATH_MAX 108 /* sun_path */

struct http_call;

struct http_server {
    struct http_options options; /* as at the start; what http_server_adjust changes follows */
    struct http_service service;
    pthread_rwlock_t trusted_lock; /* held for no wait */
    struct http_prefixes trusted;
    _Atomic size_t per_address, arena_max, bodies_max;
    struct world *world;
    struct log *log;
    struct metrics *metrics;
    char *certificate, *key; /* NUL-terminated; the key is wiped */
    bool is_tls;

    struct MHD_Daemon *daemons[HTTP_IO_THREADS_MAX];
    int daemon_count;
    struct worker_pool *lanes[2]; /* by enum http_lane */
    struct http_reaper *reaper;
    struct http_peers *peers;    /* connections by direct address */
    struct http_peers *requests; /* requests in flight by client behind a proxy */

    int listen_fd; /* the acceptor's */
    int wake_fd;
    uint16_t port;
    char unix_path[HTTP_PATH_MAX];
    uint64_t unix_device, unix_inode; /* what we may remove at the end */
    pthread_t acceptor;
    bool accepting;

    pthread_mutex_t mutex;
    pthread_cond_t quieter;    /* in_flight or suspended fell */
    struct http_call *waiting; /* calls that a worker has, newest first */
    size_t in_flight;          /* from complete head to answer written */
    bool is_closed;            /* nothing more is handed to workers */
    size_t suspended;          /* connections between suspend and the end of resume */
    atomic_size_t bodies_held; /* bytes of all bodies, at most bodies_max */
    atomic_bool draining;
    atomic_int refs; /* owner, and each call that a worker has */
};

struct http_call {
    struct worker_job job; /* first member */
    struct http_call *newer, *older;
    struct http_server *server;
    struct http_connection *connection;
    struct MHD_Connection *mhd;
    struct till_arena arena;
    struct till_str target; /* raw, from the request line */
    struct http_request request;
    struct http_response response;
    struct http_address client;
    enum http_lane lane;
    int fd;            /* the connection's, as long as it is not abandoned */
    int refs;          /* under server.mutex */
    bool is_begun;     /* the head was judged */
    bool is_proxied;   /* counted in server.requests */
    bool is_answered;  /* an answer is queued or the connection given up */
    bool is_abandoned; /* under server.mutex: the connection is gone, the worker is not */
    bool is_over;      /* body above its limit */
    bool is_starved;   /* the bodies of all calls together are */
    bool is_lost;      /* its target could not be kept: no memory */
    size_t body_max, body_room, body_len;
    size_t thrown_away; /* bytes of a body that is not kept */
    char *body;
    char peer_text[HTTP_ADDRESS_TEXT];
};

/* http_listen.c */
TILL_MUST_CHECK bool http_check_limit(const struct http_options *options, struct till_error *err);
TILL_MUST_CHECK bool http_listen(struct http_server *server, struct till_error *err);
void http_unlisten(struct http_server *server); /* closes, removes the Unix socket */

/* http_adjust.c */
void http_adjust_init(struct http_server *server);
void http_reaper_times(const struct http_options *options, int64_t ret_us[HTTP_PHASE_COUNT]);
/* Whether the address is a trusted proxy. */
bool http_is_trusted(struct http_server *server, const struct http_address *peer);
/* Who asks, and whether a trusted proxy speaks for it. */
struct http_address http_who_asks(struct http_server *server, const struct http_address *direct,
                                  const struct till_pair *headers, size_t count,
                                  bool *ret_is_proxied);

/* http_accept.c */
TILL_MUST_CHECK bool http_accept_start(struct http_server *server, struct till_error *err);
/* Takes what has already connected, then closes the listener. */
void http_accept_stop(struct http_server *server);

/* http_call.c: what MHD calls */
void *http_call_open(void *server, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http_call_step(void *server, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *body,
                               size_t *body_len, void **call);
void http_call_completed(void *server, struct MHD_Connection *mhd, void **call,
                         enum MHD_RequestTerminationCode code);
/* One reference less; server.mutex held. True: the caller frees it with http_call_free after
 * unlocking. */
bool http_call_release(struct http_call *call);
void http_call_free(struct http_call *call);
void http_server_release(struct http_server *server);

/* http_body.c: bodies are bounded one by one and together */
/* Whether a body of that length could be held now; it may turn out otherwise. */
bool http_body_fits(const struct http_call *call, size_t len);
/* More of it. What is over a limit is thrown away and flagged; false: nothing more is read. */
bool http_body_take(struct http_call *call, const char *bytes, size_t len);
/* Wipes and frees it. */
void http_body_release(struct http_call *call);

/* http_answer.c */
/* The service's words for an answer that the server itself must give; never fails. */
void http_answer_error(struct http_server *server, const struct till_error *error,
                       struct till_arena *arena, struct http_response *ret_response);
/* An MHD response of it; copy: the body need not outlive the call. NULL only without memory. */
struct MHD_Response *http_answer_build(struct http_server *server,
                                       const struct http_response *response, bool copy);
/* The response's headers, the default ones, and Connection: close where it is due. */
bool http_answer_add_headers(struct http_server *server, struct MHD_Response *mhd,
                             const struct http_response *response);
/* Queue call->response on the thread that owns the connection (I/O thread, or a worker while
 * suspended). */
enum MHD_Result http_answer_queue(struct http_call *call);
/* http_wire.c: spoiled answers and crash points; NULL: nothing to spoil here, build
 * the whole one. */
struct MHD_Response *http_wire_build(struct http_call *call);
/* Writes the answer byte by byte, on a worker. False: nothing was written (TLS, no memory). */
bool http_wire_drip(struct http_call *call);
void http_wire_reset(int fd);

/* Wall clock in microseconds. */
int64_t http_now_us(const struct http_server *server);

#endif
