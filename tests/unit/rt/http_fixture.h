/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening server with a service of known manners, and a client that sends exactly the bytes it
 * is told. Routes: /inline... on the I/O thread; /notify/... on the notify lane; the others on the
 * API lane.
 *   .../wait    stays until the gate opens       .../none  leaves no answer
 *   .../big     200,000 bytes                    .../peer  the client's address
 *   .../header  a header with a line end         .../cut, reset, half, drip: spoiled answers
 *   .../redirect  a Location of LOCATION_LEN bytes
 *   others: "METHOD TARGET [body]" with the path, the query and the number of headers.
 * Bodies under /small are limited to 1,000 bytes, others to 1 MiB.
 */
#ifndef TESTS_UNIT_RT_HTTP_FIXTURE_H
#define TESTS_UNIT_RT_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include <rt/http.h>

#define SMALL_BODY_MAX 1000
#define READ_MAX 400000
#define LOCATION_LEN ((size_t)12000)

struct fixture {
    struct http_options options;
    struct http_server *server;
    struct metrics *metrics;
    pthread_mutex_t mutex;
    pthread_cond_t gate_moved;
    bool gate_open;
    int at_gate;          /* handlers inside /wait */
    atomic_int handled;   /* calls of the service */
    atomic_int refused;   /* answers that the server gave itself */
    atomic_int last_code; /* of the last one */
    bool is_mute;         /* refuse() says nothing: the server's own words */
    bool stopped;
};

/* Defaults with small pools and generous times; change options, then start. */
void fixture_prepare(struct fixture *fixture);
void fixture_start(struct fixture *fixture);
void fixture_open_gate(struct fixture *fixture);
/* Waits until so many handlers are at the gate. */
void fixture_wait_at_gate(struct fixture *fixture, int count);
/* Opens the gate, stops, frees. */
void fixture_stop(struct fixture *fixture);

/* A connection to the server, from 127.0.0.1. */
int client_connect(const struct fixture *fixture);
void client_send(int fd, const void *bytes, size_t len);
void client_say(int fd, const char *text);

struct answer {
    int status;     /* 0: closed without an answer */
    bool is_closed; /* the server ended the connection after it */
    char *text;     /* head and body */
    const char *body;
    size_t body_len;
    char room[READ_MAX];
};

/* One answer, or the end. Fails the test when neither comes in 20 s. */
void client_read(int fd, struct answer *ret_answer);
/* True when the server has closed, after whatever bytes; false when it still holds the line after
 * 20 s. */
bool client_sees_end(int fd);
/* The header's value starts here, or NULL. */
const char *answer_header(const struct answer *answer, const char *name);
/* A good request on a connection of its own is answered: the server lives. */
void assert_serves(struct fixture *fixture);
/* Waits until the condition holds, at most 20 s. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        bool came_ = (condition);                                                                  \
        for (int tries_ = 0; !came_ && tries_ < 4000; tries_++) {                                  \
            pause_5_ms();                                                                          \
            came_ = (condition);                                                                   \
        }                                                                                          \
        assert_true(came_);                                                                        \
    } while (0)
void pause_5_ms(void);

#endif
