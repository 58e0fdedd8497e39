/* SPDX-License-Identifier: Apache-2.0 */
/* Crash points of the server: each dies where its name says, seen from the client's end of the
 * wire. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(const char *script, int port_fd) {
    static struct fixture fixture;
    setenv("TILL_FAILPOINTS", script, 1);
    fixture_prepare(&fixture);
    fixture_start(&fixture);
    uint16_t port = http_server_port(fixture.server);
    if (write(port_fd, &port, sizeof port) != sizeof port)
        _exit(2);
    alarm(60); /* should the point never be reached */
    for (;;)
        pause();
}

static int connect_to(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* The child runs under the script and must die by SIGKILL; what it had sent by then. */
static void crash(const char *script, const char *request, char *ret_bytes, size_t max) {
    int ends[2], status;
    uint16_t port;
    size_t len = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve(script, ends[1]);
    assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
    int fd = connect_to(port);
    client_say(fd, request);
    for (ssize_t got; (got = recv(fd, ret_bytes + len, max - 1 - len, 0)) > 0;)
        len += (size_t)got;
    ret_bytes[len] = '\0';
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

static const char CREATE[] = "POST /create HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi";
static const char NOTIFY[] = "POST /notify/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi";
static char bytes[4096];

static void before_the_service_nothing_has_left(void **state) {
    (void)state;
    crash("C1=kill", CREATE, bytes, sizeof bytes);
    assert_string_equal(bytes, "");
    crash("N1=kill", "POST /notify/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n", bytes,
          sizeof bytes);
    assert_string_equal(bytes, "");
    crash("N2=kill", NOTIFY, bytes, sizeof bytes);
    assert_string_equal(bytes, "");
}

static void assert_half(const char *whole) {
    const char *body = strstr(bytes, "\r\n\r\n");
    assert_non_null(body);
    assert_non_null(strstr(bytes, "HTTP/1.1 200 OK\r\n"));
    assert_int_equal(strlen(body + 4), strlen(whole) / 2);
    assert_memory_equal(body + 4, whole, strlen(whole) / 2);
}

static void in_the_middle_of_the_reply_half_of_it_has_left(void **state) {
    (void)state;
    crash("C13=kill", CREATE, bytes, sizeof bytes);
    assert_half("POST /create [hi] path=/create query= headers=2");
    crash("N12=kill", NOTIFY, bytes, sizeof bytes);
    assert_half("POST /notify/a [hi] path=/notify/a query= headers=2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_service_nothing_has_left),
        cmocka_unit_test(in_the_middle_of_the_reply_half_of_it_has_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
