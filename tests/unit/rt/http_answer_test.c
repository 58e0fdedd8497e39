/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves: headers that are always there, HEAD, the server's own answers, and answers spoiled
 * on purpose. */
#include "http_fixture.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fixture fixture;
static struct answer answer;

static int set_up(void **state) {
    (void)state;
    fixture_prepare(&fixture);
    fixture_start(&fixture);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void ask(const char *path) {
    int fd = client_connect(&fixture);
    client_say(fd, "GET ");
    client_say(fd, path);
    client_say(fd, " HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &answer);
    close(fd);
}

static bool header_is(const char *name, const char *value) {
    const char *found = answer_header(&answer, name);
    return found && strncmp(found, value, strlen(value)) == 0 && found[strlen(value)] == '\r';
}

static void each_answer_carries_the_security_headers(void **state) {
    (void)state;
    static const char *const PATHS[] = {"/a", "/inline", "/notify/a", "/none", "/a%00"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        ask(PATHS[i]);
        assert_true(header_is("X-Content-Type-Options", "nosniff"));
        assert_true(header_is("Referrer-Policy", "no-referrer"));
        assert_true(header_is("Content-Type", "text/plain"));
        assert_null(answer_header(&answer, "Server"));
        assert_non_null(answer_header(&answer, "Date"));
    }
}

static void head_is_a_get_without_its_body(void **state) {
    (void)state;
    char bytes[2048];
    size_t len = 0;
    int fd = client_connect(&fixture);
    client_say(fd, "HEAD /a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    for (ssize_t got; (got = recv(fd, bytes + len, sizeof bytes - 1 - len, 0)) > 0;)
        len += (size_t)got;
    bytes[len] = '\0';
    assert_non_null(strstr(bytes, "HTTP/1.1 200"));
    assert_non_null(
        strstr(bytes, "Content-Length: 34\r\n")); /* of "GET /a [] path=/a query= headers=2" */
    assert_string_equal(bytes + len - 4, "\r\n\r\n");
    close(fd);
}

static void the_service_can_end_the_connection(void **state) {
    (void)state;
    ask("/close");
    assert_int_equal(answer.status, 200);
    assert_true(header_is("Connection", "close"));
    assert_true(answer.is_closed);
}

static void a_service_without_an_answer_is_a_bug(void **state) {
    (void)state;
    static const char *const PATHS[] = {"/none", "/inline/none", "/notify/none"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        ask(PATHS[i]);
        assert_int_equal(answer.status, 500);
        assert_string_equal(answer.body, "refused bug");
        assert_int_equal(fixture.last_code, TILL_E_BUG);
    }
}

static void a_header_with_a_line_end_never_leaves(void **state) {
    (void)state;
    ask("/header");
    assert_int_equal(answer.status, 500);
    assert_null(strstr(answer.text, "X-Injected"));
    assert_int_equal(fixture.last_code, TILL_E_BUG);
}

static void a_service_without_words_gets_the_registry_s(void **state) {
    (void)state;
    fixture.is_mute = true;
    ask("/a%00");
    fixture.is_mute = false;
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, till_code_sentence(TILL_E_HTTP_FRAMING));
}

static void a_big_answer_arrives_whole(void **state) {
    (void)state;
    ask("/big");
    assert_int_equal(answer.body_len, 200000);
    ask("/inline/big");
    assert_int_equal(answer.body_len, 200000);
}

/* Request and answer share libmicrohttpd's memory: the largest head leaves room for
 * a long answer. */
static void a_long_redirect_answers_even_the_largest_head(void **state) {
    (void)state;
    static char head[32000];
    memset(head, 'h', sizeof head - 1);
    int fd = client_connect(&fixture);
    client_say(fd, "GET /redirect HTTP/1.1\r\nHost: t\r\nX-A: ");
    client_say(fd, head);
    client_say(fd, "\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 302);
    const char *location = answer_header(&answer, "Location");
    assert_non_null(location);
    assert_int_equal(strspn(location, "l"), LOCATION_LEN);
    close(fd);
}

/* All bytes, and how it ended: 0 by FIN, otherwise errno. */
static int read_to_the_end(int fd, char *bytes, size_t max, size_t *ret_len) {
    *ret_len = 0;
    for (;;) {
        struct pollfd poll_fd = {fd, POLLIN, 0};
        assert_true(poll(&poll_fd, 1, 20000) > 0);
        ssize_t got = recv(fd, bytes + *ret_len, max - 1 - *ret_len, 0);
        if (got <= 0) {
            bytes[*ret_len] = '\0';
            return got < 0 ? errno : 0;
        }
        *ret_len += (size_t)got;
    }
}

static int spoiled(const char *request, char *bytes, size_t max, size_t *ret_len) {
    int fd = client_connect(&fixture);
    client_say(fd, request);
    int end = read_to_the_end(fd, bytes, max, ret_len);
    close(fd);
    return end;
}

static void spoiled_answers_are_spoiled_as_asked(void **state) {
    (void)state;
    static char bytes[4096];
    size_t len;
    assert_int_equal(spoiled("GET /cut HTTP/1.1\r\nHost: t\r\n\r\n", bytes, sizeof bytes, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(
        spoiled("GET /inline/cut HTTP/1.1\r\nHost: t\r\n\r\n", bytes, sizeof bytes, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(spoiled("GET /reset HTTP/1.1\r\nHost: t\r\n\r\n", bytes, sizeof bytes, &len),
                     ECONNRESET);
    assert_int_equal(len, 0);
    assert_int_equal(spoiled("GET /half HTTP/1.1\r\nHost: t\r\n\r\n", bytes, sizeof bytes, &len),
                     ECONNRESET);
    assert_non_null(strstr(bytes, "Content-Length: 40\r\n"));
    assert_string_equal(strstr(bytes, "\r\n\r\n") + 4, "GET /half [] path=/h");
    assert_serves(&fixture);
}

static void a_dripping_answer_arrives_byte_by_byte(void **state) {
    (void)state;
    static char bytes[4096];
    char first;
    size_t len;
    int fd = client_connect(&fixture);
    client_say(fd, "GET /drip HTTP/1.1\r\nHost: t\r\n\r\n");
    for (int i = 0; i < 3; i++)
        assert_int_equal(recv(fd, &first, 1, 0), 1);
    assert_int_equal(read_to_the_end(fd, bytes, sizeof bytes, &len), 0);
    assert_non_null(strstr(bytes, "200 OK\r\n"));
    assert_string_equal(strstr(bytes, "\r\n\r\n") + 4, "GET /drip [] path=/drip query= headers=1");
    close(fd);
    fd = client_connect(&fixture); /* who leaves is not waited for: the drain at the end is quick */
    client_say(fd, "GET /drip HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(recv(fd, &first, 1, 0), 1);
    close(fd);
}

static void an_encoded_slash_stays_encoded(void **state) {
    (void)state;
    ask("/a%2f../b?q=%2f");
    assert_string_equal(answer.body, "GET /a%2f../b?q=%2f [] path=/a%2f../b query=q=%2f headers=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_carries_the_security_headers),
        cmocka_unit_test(head_is_a_get_without_its_body),
        cmocka_unit_test(the_service_can_end_the_connection),
        cmocka_unit_test(a_service_without_an_answer_is_a_bug),
        cmocka_unit_test(a_header_with_a_line_end_never_leaves),
        cmocka_unit_test(a_service_without_words_gets_the_registry_s),
        cmocka_unit_test(a_big_answer_arrives_whole),
        cmocka_unit_test(a_long_redirect_answers_even_the_largest_head),
        cmocka_unit_test(spoiled_answers_are_spoiled_as_asked),
        cmocka_unit_test(a_dripping_answer_arrives_byte_by_byte),
        cmocka_unit_test(an_encoded_slash_stays_encoded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
