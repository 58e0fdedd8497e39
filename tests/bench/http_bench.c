/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bare HTTP answer costs in processor time: on the I/O thread, and through a worker. A child
 * process asks over kept-alive connections, so that only the server's time is counted. Prints one
 * JSON line:
 *   {"bench":"http","requests":40000,"inline_cpu_us":9.8,"worker_cpu_us":21.4,"connections":8}
 * Usage: http_bench [requests]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rt/http.h>

#define CONNECTIONS 8

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    (void)path;
    return 0;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    return till_str_is(path, "/inline") ? HTTP_LANE_INLINE : HTTP_LANE_API;
}

static void handle(void *self, struct http_request *request, struct http_response *response) {
    (void)self;
    (void)request;
    response->status = 200;
    response->content_type = TILL_STR("application/json");
    response->body = TILL_STR("{\"message\":\"pong\"}");
}

static int64_t cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int connect_to(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        _exit(2);
    return fd;
}

/* One whole answer; they are small enough to come in one piece or two. */
static void read_answer(int fd) {
    static const char END[] = "{\"message\":\"pong\"}";
    char bytes[2048];
    size_t len = 0;
    do {
        ssize_t got = recv(fd, bytes + len, sizeof bytes - len, 0);
        if (got <= 0)
            _exit(3);
        len += (size_t)got;
    } while (len < sizeof END || memcmp(bytes + len - (sizeof END - 1), END, sizeof END - 1) != 0);
}

/* Each connection has one request under way at any time. */
static void ask(uint16_t port, const char *path, long requests) {
    char text[128];
    int fds[CONNECTIONS];
    size_t len =
        (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = connect_to(port);
    for (long i = 0; i < requests + CONNECTIONS; i++) {
        int fd = fds[i % CONNECTIONS];
        if (i >= CONNECTIONS)
            read_answer(fd);
        if (i < requests && send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
            _exit(4);
    }
    _exit(0);
}

/* Processor time of this process per request, in microseconds. */
static double measure(uint16_t port, const char *path, long requests) {
    int status = -1;
    int64_t before = cpu_us();
    pid_t child = fork();
    if (child == 0)
        ask(port, path, requests);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "http_bench: the client failed (status %d)\n", status);
        exit(1);
    }
    return (double)(cpu_us() - before) / (double)requests;
}

int main(int argc, char **argv) {
    struct http_service service = {.body_max = body_max, .lane = lane, .handle = handle};
    struct http_options options;
    struct http_server *server;
    struct till_error err;
    long requests = argc > 1 ? strtol(argv[1], NULL, 10) : 40000;
    if (requests < CONNECTIONS) {
        fprintf(stderr, "http_bench: give a number of requests above %d\n", CONNECTIONS);
        return 2;
    }
    http_options_default(&options);
    if (!http_server_start(&options, &service, NULL, NULL, NULL, &server, &err)) {
        fprintf(stderr, "http_bench: %s\n", err.text);
        return 1;
    }
    uint16_t port = http_server_port(server);
    (void)measure(port, "/worker", 1000); /* warm */
    double inline_us = measure(port, "/inline", requests);
    double worker_us = measure(port, "/worker", requests);
    bool quiet = http_server_stop(server, INT64_C(5000000));
    printf("{\"bench\":\"http\",\"requests\":%ld,\"inline_cpu_us\":%.1f,\"worker_cpu_us\":%.1f,"
           "\"connections\":%d}\n",
           requests, inline_us, worker_us, CONNECTIONS);
    return quiet ? 0 : 1;
}
