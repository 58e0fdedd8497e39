/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy between sockets of this test: who is led where, who is refused, and that every byte and
 * every end arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rt/tunnel_line.h>

#define OPEN "HTTP/1.1 200 Connection Established\r\n\r\n"
#define PATIENCE_MS 20000

static const char *const NAMES[] = {"platform.test", "bills.test", NULL};

struct scene {
    struct tunnel *tunnel;
    int tls, plain; /* listeners */
};

static int listen_anywhere(uint16_t *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void open_scene(struct scene *scene, const struct tunnel_options *more) {
    struct tunnel_options options;
    struct till_error err;
    tunnel_options_default(&options);
    if (more)
        options = *more;
    options.names = NAMES;
    options.tls.address = options.plain.address = TILL_STR("127.0.0.1");
    scene->tls = listen_anywhere(&options.tls.port);
    scene->plain = listen_anywhere(&options.plain.port);
    if (!tunnel_start(&options, NULL, &scene->tunnel, &err))
        fail_msg("%s", err.text);
}

static void close_scene(struct scene *scene) {
    tunnel_stop(scene->tunnel);
    close(scene->tls);
    close(scene->plain);
}

static int dial(const struct scene *scene) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(tunnel_port(scene->tunnel)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void wait_readable(int fd) {
    struct pollfd wish = {fd, POLLIN, 0};
    assert_int_equal(poll(&wish, 1, PATIENCE_MS), 1);
}

static int take(int listener) {
    wait_readable(listener);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Exactly these bytes come. */
static void hear(int fd, const char *text) {
    char bytes[1024];
    size_t len = strlen(text), got = 0;
    assert_true(len <= sizeof bytes);
    while (got < len) {
        wait_readable(fd);
        ssize_t part = recv(fd, bytes + got, len - got, 0);
        if (part <= 0)
            fail_msg("it ended after %.*s", (int)got, bytes);
        got += (size_t)part;
    }
    assert_memory_equal(bytes, text, len);
}

static void hear_end(int fd) {
    char byte;
    wait_readable(fd);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

/* All until the end. */
static size_t hear_all(int fd, char *bytes, size_t room) {
    size_t got = 0;
    for (;;) {
        wait_readable(fd);
        ssize_t part = recv(fd, bytes + got, room - 1 - got, 0);
        if (part <= 0)
            break;
        got += (size_t)part;
    }
    bytes[got] = '\0';
    return got;
}

static void nobody_comes(int listener) {
    struct pollfd wish = {listener, POLLIN, 0};
    assert_int_equal(poll(&wish, 1, 0), 0);
}

static void known_names_are_led_to_tls_and_bytes_pass_both_ways(void **state) {
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    int client = dial(&scene);
    say(client, "CONNECT Platform.Test:443 HTTP/1.1\r\nHost: platform.test:443\r\n\r\nearly");
    int server = take(scene.tls);
    hear(client, OPEN);
    hear(server, "early");
    say(server, "welcome");
    hear(client, "welcome");
    say(client, "more");
    hear(server, "more");
    nobody_comes(scene.plain);
    close(server);
    hear_end(client);
    close(client);
    close_scene(&scene);
}

static void port_eighty_and_absolute_addresses_go_to_the_plain_listener(void **state) {
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    int client = dial(&scene);
    say(client, "CONNECT bills.test:80 HTTP/1.1\r\n\r\n");
    int server = take(scene.plain);
    hear(client, OPEN);
    close(server);
    close(client);
    client = dial(&scene);
    say(client, "POST http://platform.test/gateway.do HTTP/1.1\r\nHost: x\r\n"
                "Content-Length: 3\r\nProxy-Connection: keep-alive\r\n\r\nabc");
    server = take(scene.plain);
    hear(server, "POST /gateway.do HTTP/1.1\r\nHost: platform.test\r\nConnection: close\r\n"
                 "Content-Length: 3\r\n\r\nabc");
    say(server, "HTTP/1.1 200 OK\r\n\r\nyes");
    close(server);
    hear(client, "HTTP/1.1 200 OK\r\n\r\nyes");
    hear_end(client);
    close(client);
    nobody_comes(scene.tls);
    close_scene(&scene);
}

static void everything_else_is_refused_with_a_status_and_a_sentence(void **state) {
    static const struct {
        const char *request, *status, *sentence;
    } rows[] = {
        {"CONNECT example.com:443 HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"CONNECT platform.test:22 HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"CONNECT platform.test.evil.test:443 HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"GET http://example.com/ HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"GET http://platform.test:443/ HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"GET http://platform.test:8080/ HTTP/1.1\r\n\r\n", "403", "known host names"},
        {"GET / HTTP/1.1\r\nHost: platform.test\r\n\r\n", "400", "absolute http"},
        {"\x16\x03\x01\x02", "400", "This is a proxy"},
        {"CONNECT platform.test:443 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "400", "no body"},
    };
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[1024], status[32];
        int client = dial(&scene);
        say(client, rows[i].request);
        hear_all(client, answer, sizeof answer);
        snprintf(status, sizeof status, "HTTP/1.1 %s ", rows[i].status);
        if (strncmp(answer, status, strlen(status)) != 0 || !strstr(answer, rows[i].sentence))
            fail_msg("%s: %s", rows[i].request, answer);
        close(client);
    }
    nobody_comes(scene.tls);
    nobody_comes(scene.plain);
    close_scene(&scene);
}

static void a_head_without_an_end_is_too_large(void **state) {
    struct scene scene;
    char answer[1024], line[1025];
    (void)state;
    open_scene(&scene, NULL);
    int client = dial(&scene);
    say(client, "CONNECT platform.test:443 HTTP/1.1\r\nA: ");
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    for (int i = 0; i < 16; i++)
        say(client, line);
    hear_all(client, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 431 "));
    close(client);
    close_scene(&scene);
}

static void a_half_that_ends_leaves_the_other_half_open(void **state) {
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    int client = dial(&scene);
    say(client, "CONNECT platform.test:443 HTTP/1.1\r\n\r\nquestion");
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    int server = take(scene.tls);
    hear(server, "question");
    hear_end(server);
    say(server, "answer");
    hear(client, OPEN "answer");
    close(server);
    hear_end(client);
    close(client);
    close_scene(&scene);
}

/* More than all buffers of the way hold, with a reader that starts late. */
static void nothing_is_lost_when_the_reader_is_slow(void **state) {
    enum { SIZE = 8 * 1024 * 1024 };
    struct scene scene;
    unsigned char *bytes = malloc(SIZE), *got = malloc(SIZE);
    (void)state;
    assert_non_null(bytes);
    assert_non_null(got);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    open_scene(&scene, NULL);
    int client = dial(&scene);
    say(client, "CONNECT platform.test:443 HTTP/1.1\r\n\r\n");
    int server = take(scene.tls);
    hear(client, OPEN);
    size_t sent = 0, received = 0;
    while (received < SIZE) {
        ssize_t part = send(server, bytes + sent, SIZE - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += part > 0 ? (size_t)part : 0;
        if (part > 0)
            continue; /* first as much as fits anywhere */
        wait_readable(client);
        part = recv(client, got + received, SIZE - received, 0);
        assert_true(part > 0);
        received += (size_t)part;
    }
    assert_memory_equal(bytes, got, SIZE);
    close(server);
    close(client);
    close_scene(&scene);
    free(bytes);
    free(got);
}

static void a_reset_arrives_as_a_reset(void **state) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct scene scene;
    char byte;
    (void)state;
    open_scene(&scene, NULL);
    int client = dial(&scene);
    say(client, "CONNECT platform.test:443 HTTP/1.1\r\n\r\n");
    int server = take(scene.tls);
    hear(client, OPEN);
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(server);
    wait_readable(client);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(client);
    close_scene(&scene);
}

/* One step of a line that this test moves itself; false: it is over. */
static bool turn(struct tunnel_line *line) {
    struct pollfd fds[2];
    tunnel_line_wish(line, fds);
    poll(fds, 2, PATIENCE_MS);
    return tunnel_line_step(line, fds, 1);
}

/* The server refuses what is too long for it and is gone before the client has sent it all. */
static void an_answer_arrives_though_the_server_hears_no_more(void **state) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct tunnel_rules rules = {
        .names = NAMES, .has_tls = true, .head_timeout_us = 1000000, .idle_timeout_us = 1000000};
    (void)state;
    for (int with_more = 0; with_more < 2; with_more++) {
        uint16_t front_port, port;
        int front = listen_anywhere(&front_port), listener = listen_anywhere(&port);
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        rules.tls.at.in = at;
        rules.tls.len = sizeof at;
        at.sin_port = htons(front_port);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
        int inner = accept4(front, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(inner >= 0);
        struct tunnel_line *line = tunnel_line_open(&rules, inner, 0);
        say(client, "CONNECT platform.test:443 HTTP/1.1\r\n\r\n");
        while (line->phase != TUNNEL_RELAY)
            assert_true(turn(line));
        int server = take(listener);
        say(client, "begin");
        assert_true(turn(line));
        hear(server, "begin");
        say(server, "413");
        wait_readable(line->server); /* it is in the proxy's reach, and then the reset */
        assert_int_equal(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        close(server);
        if (with_more)
            say(client, "more");
        int turns = 0;
        while (turns++ < 8 && line->phase == TUNNEL_RELAY && turn(line))
            continue;
        hear(client, OPEN "413");
        if (with_more) {
            hear_end(client);
            say(client, "and more, to somebody who listens until this is read");
            assert_true(turn(line));
        }
        close(client);
        if (with_more)
            assert_false(turn(line));
        tunnel_line_close(line);
        close(listener);
        close(front);
    }
}

static void a_listener_that_is_gone_is_said_so(void **state) {
    struct scene scene;
    char answer[1024];
    (void)state;
    open_scene(&scene, NULL);
    close(scene.tls);
    int client = dial(&scene);
    say(client, "CONNECT platform.test:443 HTTP/1.1\r\n\r\n");
    hear_all(client, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 502 "));
    close(client);
    scene.tls = dup(scene.plain);
    close_scene(&scene);
}

static void silence_and_slow_heads_end(void **state) {
    struct tunnel_options options;
    struct scene scene;
    char answer[1024];
    (void)state;
    tunnel_options_default(&options);
    options.head_timeout_us = 50000;
    options.idle_timeout_us = 50000;
    open_scene(&scene, &options);
    int silent = dial(&scene), slow = dial(&scene);
    say(slow, "CONNECT platform.test:4");
    hear_end(silent);
    hear_all(slow, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 408 "));
    close(silent);
    close(slow);
    int client = dial(&scene);
    say(client, "CONNECT platform.test:443 HTTP/1.1\r\n\r\n");
    int server = take(scene.tls);
    hear(client, OPEN);
    hear_end(client);
    hear_end(server);
    close(client);
    close(server);
    close_scene(&scene);
}

static void one_too_many_is_turned_away_and_room_comes_back(void **state) {
    struct tunnel_options options;
    struct scene scene;
    char answer[1024];
    (void)state;
    tunnel_options_default(&options);
    options.connections_max = 2;
    open_scene(&scene, &options);
    int clients[2], servers[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = dial(&scene);
        say(clients[i], "CONNECT platform.test:443 HTTP/1.1\r\n\r\n");
        servers[i] = take(scene.tls);
        hear(clients[i], OPEN);
    }
    int third = dial(&scene);
    hear_all(third, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 503 "));
    close(third);
    close(servers[0]);
    hear_end(clients[0]);
    close(clients[0]);
    /* The proxy sees that both ends are gone some time after we did it. */
    for (int i = 0; i < 1000; i++) {
        third = dial(&scene);
        say(third, "CONNECT x.test:443 HTTP/1.1\r\n\r\n");
        hear_all(third, answer, sizeof answer);
        close(third);
        if (strstr(answer, "HTTP/1.1 403 "))
            break;
    }
    assert_non_null(strstr(answer, "HTTP/1.1 403 "));
    close(clients[1]);
    close(servers[1]);
    close_scene(&scene);
}

static void bad_options_are_told(void **state) {
    struct tunnel_options good, options;
    struct tunnel *tunnel;
    struct till_error err;
    (void)state;
    tunnel_options_default(&good);
    good.names = NAMES;
    good.plain = (struct tunnel_place){TILL_STR("127.0.0.1"), 1};
    options = good;
    options.address = TILL_STR("localhost");
    assert_false(tunnel_start(&options, NULL, &tunnel, &err));
    assert_int_equal(err.code, TILL_E_SETTING_INVALID);
    options = good;
    options.plain.address = TILL_STR("unix:/x");
    assert_false(tunnel_start(&options, NULL, &tunnel, &err));
    options = good;
    options.connections_max = 0;
    assert_false(tunnel_start(&options, NULL, &tunnel, &err));
    assert_true(tunnel_start(&good, NULL, &tunnel, &err));
    options = good;
    options.port = tunnel_port(tunnel);
    struct tunnel *second;
    assert_false(tunnel_start(&options, NULL, &second, &err));
    assert_non_null(strstr(err.text, "listen there"));
    tunnel_stop(tunnel);
    tunnel_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_names_are_led_to_tls_and_bytes_pass_both_ways),
        cmocka_unit_test(port_eighty_and_absolute_addresses_go_to_the_plain_listener),
        cmocka_unit_test(everything_else_is_refused_with_a_status_and_a_sentence),
        cmocka_unit_test(a_head_without_an_end_is_too_large),
        cmocka_unit_test(a_half_that_ends_leaves_the_other_half_open),
        cmocka_unit_test(nothing_is_lost_when_the_reader_is_slow),
        cmocka_unit_test(a_reset_arrives_as_a_reset),
        cmocka_unit_test(an_answer_arrives_though_the_server_hears_no_more),
        cmocka_unit_test(a_listener_that_is_gone_is_said_so),
        cmocka_unit_test(silence_and_slow_heads_end),
        cmocka_unit_test(one_too_many_is_turned_away_and_room_comes_back),
        cmocka_unit_test(bad_options_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
