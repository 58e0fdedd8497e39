/* SPDX-License-Identifier: Apache-2.0 */
/* Heads that a proxy is sent: the good ones are understood, each bad one is refused for its own
 * reason, and what is passed on is one request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rt/tunnel_head.h>

#define TAIL "\r\n\r\n"

static enum tunnel_reading read_head(const char *text, struct tunnel_head *ret, const char **why) {
    *why = "";
    return tunnel_head_read(till_str_of(text), ret, why);
}

static void connect_names_a_host_and_a_port(void **state) {
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"CONNECT openapi.alipay.com:443 HTTP/1.1" TAIL, "openapi.alipay.com", 443},
        {"CONNECT a:1 HTTP/1.0\r\nHost: a:1\r\nUser-Agent: x" TAIL, "a", 1},
        {"CONNECT [::1]:65535 HTTP/1.1\r\nProxy-Authorization: Basic x" TAIL, "[::1]", 65535},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tunnel_head head;
        const char *why;
        if (read_head(rows[i].text, &head, &why) != TUNNEL_WHOLE)
            fail_msg("%s: %s", rows[i].text, why);
        assert_true(head.is_connect);
        assert_true(till_str_is(head.host, rows[i].host));
        assert_int_equal(head.port, rows[i].port);
        assert_int_equal(head.len, strlen(rows[i].text));
    }
}

static void an_absolute_address_is_taken_apart(void **state) {
    static const struct {
        const char *address, *host, *target;
        uint16_t port;
    } rows[] = {
        {"http://openapi.alipay.com/gateway.do?a=b", "openapi.alipay.com", "/gateway.do?a=b", 80},
        {"HTTP://A.test:8080/", "A.test", "/", 8080},
        {"http://a.test", "a.test", "", 80},
        {"http://a.test?x=/y", "a.test", "?x=/y", 80},
        {"http://[::1]:81/x", "[::1]", "/x", 81},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        struct tunnel_head head;
        const char *why;
        snprintf(text, sizeof text, "POST %s HTTP/1.1" TAIL, rows[i].address);
        if (read_head(text, &head, &why) != TUNNEL_WHOLE)
            fail_msg("%s: %s", text, why);
        assert_false(head.is_connect);
        assert_true(till_str_is(head.host, rows[i].host));
        assert_true(till_str_is(head.target, rows[i].target));
        assert_int_equal(head.port, rows[i].port);
    }
}

static void each_bad_head_is_refused_for_its_own_reason(void **state) {
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"\x16\x03\x01", "This is a proxy"},
        {" CONNECT a:443 HTTP/1.1" TAIL, "This is a proxy"},
        {"connect a:443 HTTP/1.1" TAIL, "This is a proxy"},
        {"CONNECT a:443 HTTP/1.1\n\n", "does not end in CRLF"},
        {"CONNECT a:443 HTTP/1.1\r\nA: b\nC: d" TAIL, "does not end in CRLF"},
        {"CONNECT a:443 HTTP/1.1\r\nA: b\rC: d" TAIL, "does not end in CRLF"},
        {"CONNECT a:443 HTTP/1.1\r\nA: \x01" TAIL, "control byte"},
        {"CONNECT a:443 HTTP/1.1\r\nA: \x7f" TAIL, "control byte"},
        {"CONNECT a:443 HTTP/2.0" TAIL, "version"},
        {"CONNECT a:443" TAIL, "version"},
        {"CONNECT  a:443 HTTP/1.1" TAIL, "version"},
        {"CONNECT a:443 HTTP/1.1 " TAIL, "version"},
        {"CONNECT a HTTP/1.1" TAIL, "must name a port"},
        {"CONNECT a: HTTP/1.1" TAIL, "port is not a number"},
        {"CONNECT a:0 HTTP/1.1" TAIL, "must name a port"},
        {"CONNECT a:65536 HTTP/1.1" TAIL, "port is not a number"},
        {"CONNECT a:0443 HTTP/1.1" TAIL, "port is not a number"},
        {"CONNECT a:+443 HTTP/1.1" TAIL, "port is not a number"},
        {"CONNECT :443 HTTP/1.1" TAIL, "does not name a host"},
        {"CONNECT a@b:443 HTTP/1.1" TAIL, "does not name a host"},
        {"CONNECT a/b:443 HTTP/1.1" TAIL, "does not name a host"},
        {"CONNECT a%00:443 HTTP/1.1" TAIL, "does not name a host"},
        {"CONNECT [::1:443 HTTP/1.1" TAIL, "does not name a host"},
        {"CONNECT []:443 HTTP/1.1" TAIL, "does not name a host"},
        {"CONNECT [::1]x:443 HTTP/1.1" TAIL, "port is not a number"},
        {"CONNECT \xc3\xa4:443 HTTP/1.1" TAIL, "printable ASCII"},
        {"CONNECT a:443 HTTP/1.1\r\nContent-Length: 5" TAIL, "CONNECT has no body"},
        {"CONNECT a:443 HTTP/1.1\r\nTransfer-Encoding: chunked" TAIL, "CONNECT has no body"},
        {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nhost: b" TAIL, "more than one Host"},
        {"CONNECT a:443 HTTP/1.1\r\nA b" TAIL, "not \"Name: value\""},
        {"CONNECT a:443 HTTP/1.1\r\nA : b" TAIL, "not \"Name: value\""},
        {"CONNECT a:443 HTTP/1.1\r\n: b" TAIL, "not \"Name: value\""},
        {"CONNECT a:443 HTTP/1.1\r\nA: b\r\n c" TAIL, "not \"Name: value\""},
        {"GET / HTTP/1.1\r\nHost: a" TAIL, "absolute http"},
        {"GET https://a/ HTTP/1.1" TAIL, "absolute http"},
        {"GET ftp://a/ HTTP/1.1" TAIL, "absolute http"},
        {"GET http://u:p@a/ HTTP/1.1" TAIL, "port is not a number"},
        {"GET http:///x HTTP/1.1" TAIL, "does not name a host"},
        {"GET http://a/#x HTTP/1.1" TAIL, "fragment"},
        {"POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2" TAIL, "told twice"},
        {"POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked" TAIL,
         "told twice"},
        {"ABCDEFGHIJKLMNOPQ http://a/ HTTP/1.1" TAIL, "begin with a method"},
        {"G,T http://a/ HTTP/1.1" TAIL, "begin with a method"},
        {"A\r\n\r\n", "version"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tunnel_head head;
        const char *why;
        if (read_head(rows[i].text, &head, &why) != TUNNEL_BAD || !strstr(why, rows[i].why))
            fail_msg("%s: %s and not %s", rows[i].text, why, rows[i].why);
    }
}

static void a_head_in_pieces_is_waited_for(void **state) {
    static const char text[] = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nearly";
    (void)state;
    for (size_t len = 0; len <= sizeof text - 1; len++) {
        struct tunnel_head head;
        const char *why;
        enum tunnel_reading reading = tunnel_head_read((struct till_str){text, len}, &head, &why);
        assert_int_equal(reading, len < sizeof text - 1 - 5 ? TUNNEL_MORE : TUNNEL_WHOLE);
        if (reading == TUNNEL_WHOLE)
            assert_int_equal(head.len, sizeof text - 1 - 5);
    }
}

static void too_much_is_refused(void **state) {
    struct tunnel_head head;
    const char *why;
    static char text[2 * TUNNEL_HEAD_MAX];
    (void)state;
    memset(text, 'A', TUNNEL_HEAD_MAX);
    assert_int_equal(tunnel_head_read((struct till_str){text, TUNNEL_HEAD_MAX - 1}, &head, &why),
                     TUNNEL_MORE);
    assert_int_equal(tunnel_head_read((struct till_str){text, TUNNEL_HEAD_MAX}, &head, &why),
                     TUNNEL_LARGE);
    for (int headers = TUNNEL_HEADERS_MAX; headers <= TUNNEL_HEADERS_MAX + 1; headers++) {
        size_t len = (size_t)sprintf(text, "CONNECT a:443 HTTP/1.1\r\n");
        for (int i = 0; i < headers; i++)
            len += (size_t)sprintf(text + len, "A: b\r\n");
        strcpy(text + len, "\r\n");
        assert_int_equal(read_head(text, &head, &why),
                         headers <= TUNNEL_HEADERS_MAX ? TUNNEL_WHOLE : TUNNEL_BAD);
    }
    size_t len = (size_t)sprintf(text, "CONNECT ");
    memset(text + len, 'a', TUNNEL_HOST_MAX + 1);
    strcpy(text + len + TUNNEL_HOST_MAX + 1, ":443 HTTP/1.1" TAIL);
    assert_int_equal(read_head(text, &head, &why), TUNNEL_BAD);
    memmove(text + len, text + len + 1, strlen(text + len));
    assert_int_equal(read_head(text, &head, &why), TUNNEL_WHOLE);
}

static void what_goes_on_is_one_request_for_the_origin(void **state) {
    static const char text[] = "POST http://a.test:8080?x=1 HTTP/1.1\r\nHost: evil\r\n"
                               "Proxy-Connection: keep-alive\r\nconnection: keep-alive\r\n"
                               "Proxy-Authorization: Basic c2VjcmV0\r\nContent-Length: 3\r\n"
                               "Keep-Alive: timeout=5\r\nX-A:  b \r\n\r\nabc";
    static const char wanted[] = "POST /?x=1 HTTP/1.1\r\nHost: a.test:8080\r\n"
                                 "Connection: close\r\nContent-Length: 3\r\nX-A: b\r\n\r\n";
    struct tunnel_head head;
    const char *why;
    char out[512];
    size_t len = 0;
    (void)state;
    assert_int_equal(read_head(text, &head, &why), TUNNEL_WHOLE);
    assert_true(tunnel_head_write(&head, out, sizeof out, &len));
    assert_int_equal(len, sizeof wanted - 1);
    assert_memory_equal(out, wanted, len);
    assert_true(tunnel_head_write(&head, out, sizeof wanted - 1, &len));
    for (size_t room = 0; room < sizeof wanted - 1; room++)
        assert_false(tunnel_head_write(&head, out, room, &len));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_names_a_host_and_a_port),
        cmocka_unit_test(an_absolute_address_is_taken_apart),
        cmocka_unit_test(each_bad_head_is_refused_for_its_own_reason),
        cmocka_unit_test(a_head_in_pieces_is_waited_for),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(what_goes_on_is_one_request_for_the_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
