/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of ENGINEERING-NOTES section 1, row by row, against a listening server: whatever can be
 * read in two ways is refused before the service hears of it, and the connection ends. It also pins
 * the memory layout of libmicrohttpd that rt/http_framing.c walks: a release that changes it fails
 * here.
 */
#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: till\r\n"
#define POST "POST / HTTP/1.1\r\nHost: till\r\n"
#define NEXT "GET /second HTTP/1.1\r\nHost: till\r\n\r\n"

struct row {
    const char *what;
    const char *bytes;
    size_t len;
    int status; /* 0: closed without an answer */
    int code;   /* what refuse() is told; 0: libmicrohttpd's own page or silence */
};

#define ROW(what, text, status, code)                                                              \
    { what, text, sizeof(text) - 1, status, code }
#define FRAMING TILL_E_HTTP_FRAMING

static struct fixture fixture;
static struct answer answer;

static void assert_refused(const struct row *row) {
    int handled = fixture.handled;
    fixture.last_code = 0;
    int fd = client_connect(&fixture);
    client_send(fd, row->bytes, row->len);
    client_read(fd, &answer);
    if (answer.status != row->status || fixture.last_code != row->code || !answer.is_closed)
        fail_msg("%s: status %d, code %d, closed %d: %.200s", row->what, answer.status,
                 fixture.last_code, answer.is_closed, answer.text);
    assert_true(client_sees_end(fd)); /* nothing behind it became a second request */
    if (fixture.handled != handled)
        fail_msg("%s: reached the service", row->what);
    close(fd);
}

static void assert_all_refused(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_refused(&rows[i]);
    assert_serves(&fixture);
}

static void s_117_length_beside_chunked_is_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("length, then chunked",
            POST "Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT, 400,
            FRAMING),
        ROW("chunked, then length",
            POST "Transfer-Encoding: chunked\r\nContent-Length: 10\r\n\r\n0\r\n\r\n" NEXT, 400,
            FRAMING),
        ROW("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void s_119_a_length_or_host_that_comes_twice_is_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("two lengths", POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody" NEXT, 400,
            FRAMING),
        ROW("the same length twice", POST "Content-Length: 4\r\ncontent-length: 4\r\n\r\nbody", 400,
            FRAMING),
        ROW("two hosts", GET "Host: other\r\n\r\n", 400, FRAMING),
        ROW("the same host twice", GET "HOST: till\r\n\r\n", 400, FRAMING),
        ROW("two hosts in one line", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, FRAMING),
        ROW("host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void transfer_codings_other_than_chunked_are_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, FRAMING),
        ROW("identity", POST "Transfer-Encoding: identity\r\n\r\n", 400, FRAMING),
        ROW("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 400, FRAMING),
        ROW("two lines",
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            FRAMING),
        ROW("a blank behind", POST "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n", 400, FRAMING),
        ROW("nothing", POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400, FRAMING),
        ROW("a tab before",
            POST "Transfer-Encoding:\x0b"
                 "chunked\r\n\r\n0\r\n\r\n",
            400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void s_118_a_length_that_is_no_number_is_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("-150", POST "Content-Length: -150\r\n\r\n" NEXT, 400, 0),
        ROW("+3", POST "Content-Length: +3\r\n\r\nabc", 400, 0),
        ROW("3, 3", POST "Content-Length: 3, 3\r\n\r\nabc", 400, 0),
        ROW("empty", POST "Content-Length:\r\n\r\n", 400, 0),
        ROW("3 and a blank", POST "Content-Length: 3 \r\n\r\nabc", 400, 0),
        ROW("0x3", POST "Content-Length: 0x3\r\n\r\nabc", 400, 0),
        ROW("above 2^64", POST "Content-Length: 18446744073709551617\r\n\r\nabc", 413, 0),
        ROW("2^64 - 1", POST "Content-Length: 18446744073709551615\r\n\r\nabc", 400, FRAMING),
        ROW("2^63", POST "Content-Length: 9223372036854775808\r\n\r\nabc", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void s_125_folded_headers_are_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("folded by a blank", GET "X-A: one\r\n two\r\n\r\n", 400, FRAMING),
        ROW("folded by a tab", GET "X-A: one\r\n\ttwo\r\n\r\n", 400, FRAMING),
        ROW("folded length", POST "Content-Length: 1\r\n 0\r\n\r\n" NEXT, 400, FRAMING),
        ROW("folded away length", POST "X-A: b\r\n Content-Length: 4\r\n\r\nbody" NEXT, 400,
            FRAMING),
        ROW("folded with a colon", GET "X-A: one\r\n X-B: two\r\n\r\n", 400, FRAMING),
        ROW("fold among short headers", GET "A:1\r\nA:1\r\nA:1\r\n x\r\n\r\n", 400, FRAMING),
        ROW("fold before short headers", GET "X: y\r\n z\r\nA:1\r\nA:1\r\nA:1\r\n\r\n", 400,
            FRAMING),
        ROW("empty fold", GET "X-A: one\r\n \r\n\r\n", 400, FRAMING),
        ROW("fold of two lines", GET "X-A: one\r\n two\r\n three\r\n\r\n", 400, FRAMING),
        ROW("fold of an empty value", GET "X-A:\r\n two\r\n\r\n", 400, FRAMING),
        ROW("fold in the first line's place", "GET / HTTP/1.1\r\n Host: till\r\nHost: till\r\n\r\n",
            400, FRAMING),
        ROW("fold at the end", GET "X-A: one\r\n two\r\nX-B: three\r\n\r\n", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void s_125_a_nul_is_refused_wherever_it_hides(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("in a value", GET "X-A: one\0two\r\n\r\n", 400, FRAMING),
        ROW("at a value's start", GET "X-A: \0two\r\n\r\n", 400, FRAMING),
        ROW("at a value's end", GET "X-A: one\0\r\n\r\n", 400, FRAMING),
        ROW("two at a value's end", GET "X-A: one\0\0\r\n\r\n", 400, FRAMING),
        ROW("two inside a value", GET "X-A: one\0\0X-B: two\r\n\r\n", 400, FRAMING),
        ROW("in the last value", GET "X-A: one\r\nX-B: \0\r\n\r\n", 400, FRAMING),
        ROW("in the path", "GET /a\0b HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("at the path's end", "GET /a\0 HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("in the query", "GET /a?b=\0c HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("in the method", "GE\0T / HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("in a name", GET "X\0-A: one\r\n\r\n", 400, 0),
        ROW("encoded in the path", "GET /a%00b HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("encoded in the query", "GET /a?b=%00 HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void line_ends_other_than_crlf_are_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("bare LF behind the request line", "GET / HTTP/1.1\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("bare LF behind a header", "GET / HTTP/1.1\r\nHost: till\nX-A: b\r\n\r\n", 400,
            FRAMING),
        ROW("bare LF in a value", GET "X-A: one\nX-B: two\r\n\r\n", 400, FRAMING),
        ROW("bare LF at the end of the head", GET "X-A: one\r\n\n", 400, FRAMING),
        ROW("bare LFs everywhere", "GET / HTTP/1.1\nHost: till\n\n", 400, FRAMING),
        ROW("bare CR in a value", GET "X-A: one\rtwo\r\n\r\n", 400, FRAMING),
        ROW("CR CR LF", GET "X-A: one\r\r\n\r\n", 400, FRAMING),
        ROW("bare CR in the target", "GET /a\rb HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void names_and_values_outside_the_grammar_are_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("blank before the colon", GET "X-A : v\r\n\r\n", 400, FRAMING),
        ROW("blank before the colon of a length", POST "Content-Length : 4\r\n\r\nbody" NEXT, 400,
            FRAMING),
        ROW("tab before the colon", GET "X-A\t: v\r\n\r\n", 400, FRAMING),
        ROW("no name", GET ": v\r\n\r\n", 400, FRAMING),
        ROW("no colon", GET "X-A\r\n\r\n", 400, 0),
        ROW("bracket in the name", GET "X(A): v\r\n\r\n", 400, FRAMING),
        ROW("high byte in the name", GET "X\xc3\xa9: v\r\n\r\n", 400, FRAMING),
        ROW("control byte in a value",
            GET "X-A: a\x01"
                "b\r\n\r\n",
            400, FRAMING),
        ROW("DEL in a value", GET "X-A: a\x7f\r\n\r\n", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void request_lines_outside_the_grammar_are_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("absolute target", "GET http://till/ HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("CONNECT", "CONNECT till:443 HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("asterisk", "OPTIONS * HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("relative target", "GET a HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("fragment", "GET /a#b HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("high byte in the target", "GET /\xe4 HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("control byte in the target", "GET /a\x02 HTTP/1.1\r\nHost: till\r\n\r\n", 400,
            FRAMING),
        ROW("broken escape in the path", "GET /a%2 HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("broken escape in the path, hex", "GET /a%zz/b HTTP/1.1\r\nHost: till\r\n\r\n", 400,
            FRAMING),
        ROW("two blanks before the target", "GET  / HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("method that is no token", "G{T / HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("no host", "GET / HTTP/1.1\r\n\r\n", 400, FRAMING),
        ROW("blank in the target", "GET /a b HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("two versions", "GET / HTTP/1.1 HTTP/1.1\r\nHost: till\r\n\r\n", 400, FRAMING),
        ROW("no target", "GET HTTP/1.1\r\nHost: till\r\n\r\n", 400, 0),
        ROW("no version", "GET /\r\n\r\n", 400, 0),
        ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 0),
        ROW("HTTP/1.2", "GET / HTTP/1.2\r\nHost: till\r\n\r\n", 400, FRAMING),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void chunks_outside_the_grammar_are_refused(void **state) {
    (void)state;
    static const struct row ROWS[] = {
        ROW("not hex", POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, 0),
        ROW("negative", POST "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n", 400, 0),
        ROW("0x3", POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400, 0),
        ROW("huge", POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 413, 0),
        ROW("longer than it says", POST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
            400, 0),
    };
    assert_all_refused(ROWS, sizeof ROWS / sizeof *ROWS);
}

/* bytes = prefix, then `unit` so often that there are count of them, then the end of the head. */
static char *repeat(const char *prefix, const char *unit, int count, size_t *ret_len) {
    size_t len = strlen(prefix) + strlen(unit) * (size_t)count;
    char *text = malloc(len + 5);
    char *at = stpcpy(text, prefix);
    for (int i = 0; i < count; i++)
        at = stpcpy(at, unit);
    stpcpy(at, "\r\n\r\n"); /* an empty line more in front of the next request hurts nobody */
    *ret_len = len + 4;
    return text;
}

static void assert_repeated(const char *prefix, const char *unit, int count, int status, int code) {
    struct row row = {.what = prefix, .status = status, .code = code};
    char *text = repeat(prefix, unit, count, &row.len);
    row.bytes = text;
    assert_refused(&row);
    free(text);
}

static void heads_above_their_limits_are_refused(void **state) {
    (void)state;
    assert_repeated(GET, "A:1\r\n", 100, 400, FRAMING); /* and Host: 101 */
    assert_repeated(GET, "A:1\r\n", 3000, 431, 0);
    assert_repeated(GET,
                    "X-A: 23456789 123456789 123456789 123456789 123456789 123456789 1234567\r\n",
                    800, 431, 0);
    assert_repeated("GET /", "aaaaaaaaaaaaaaaa", 5000, 414, 0);
    /* below what libmicrohttpd can hold, above what we want */
    assert_repeated(GET "X-A: ", "0123456789abcdef", 2090, 431, TILL_E_HEADERS_TOO_LARGE);
    assert_serves(&fixture);
}

static void assert_answered(const char *what, const char *bytes, size_t len, const char *body) {
    int fd = client_connect(&fixture);
    client_send(fd, bytes, len);
    client_read(fd, &answer);
    if (answer.status != 200 || strcmp(answer.body, body) != 0)
        fail_msg("%s: %d %s", what, answer.status, answer.text);
    close(fd);
}
#define ANSWERED(what, text, body) assert_answered(what, text, sizeof(text) - 1, body)

static void what_is_unusual_but_clear_is_served(void **state) {
    (void)state;
    ANSWERED("no headers in 1.0", "GET /a HTTP/1.0\r\n\r\n", "GET /a [] path=/a query= headers=0");
    ANSWERED("one header", GET "\r\n", "GET / [] path=/ query= headers=1");
    ANSWERED("empty values", GET "X-A:\r\nX-B: \r\nX-C:\t\r\n\r\n",
             "GET / [] path=/ query= headers=4");
    ANSWERED("no blank behind the colon", "GET / HTTP/1.1\r\nHost:till\r\nA:1\r\n\r\n",
             "GET / [] path=/ query= headers=2");
    ANSWERED("blanks and tabs around values", GET "X-A: \t a b\t \r\n\r\n",
             "GET / [] path=/ query= headers=2");
    ANSWERED("a host with blanks behind", "GET / HTTP/1.1\r\nHost: till \r\n\r\n",
             "GET / [] path=/ query= headers=1");
    ANSWERED("empty lines before", "\r\n\r\nGET /a HTTP/1.1\r\nHost: till\r\n\r\n",
             "GET /a [] path=/a query= headers=1");
    ANSWERED("cookies", GET "Cookie: a=b; c=\"d\"; e\r\nX: y\r\n\r\n",
             "GET / [] path=/ query= headers=3");
    ANSWERED("high bytes in a value", GET "X-A: \xe4\xb8\xad\r\n\r\n",
             "GET / [] path=/ query= headers=2");
    ANSWERED(
        "the raw target", "GET /a%2Fb/%e4?x=%41&y=a+b&z=%zz HTTP/1.1\r\nHost: till\r\n\r\n",
        "GET /a%2Fb/%e4?x=%41&y=a+b&z=%zz [] path=/a%2Fb/%e4 query=x=%41&y=a+b&z=%zz headers=1");
    ANSWERED("two question marks", "GET /a?b?c HTTP/1.1\r\nHost: till\r\n\r\n",
             "GET /a?b?c [] path=/a query=b?c headers=1");
    ANSWERED("an unknown method is the service's business",
             "BREW /a HTTP/1.1\r\nHost: till\r\n\r\n", "BREW /a [] path=/a query= headers=1");
    ANSWERED("chunked",
             POST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n",
             "POST / [abcde] path=/ query= headers=2");
    ANSWERED("a trailer", POST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: v\r\n\r\n",
             "POST / [a] path=/ query= headers=2");
    ANSWERED("a NUL in the body", POST "Content-Length: 3\r\n\r\na\nb",
             "POST / [a\nb] path=/ query= headers=2");
    ANSWERED("length 0", POST "Content-Length: 0\r\n\r\n", "POST / [] path=/ query= headers=2");
    ANSWERED("length with zeros before", POST "Content-Length: 0004\r\n\r\nbody",
             "POST / [body] path=/ query= headers=2");
    ANSWERED("a GET with a body", GET "Content-Length: 2\r\n\r\nab",
             "GET / [ab] path=/ query= headers=2");
}

static void a_hundred_headers_are_served(void **state) {
    (void)state;
    size_t len;
    char *text = repeat(GET, "X-Header: some value\r\n", 99, &len);
    assert_answered("100 headers", text, len, "GET / [] path=/ query= headers=100");
    free(text);
}

/* The read buffer grows while the head arrives: the layout must hold all the same. */
static void a_large_head_in_pieces_is_served(void **state) {
    (void)state;
    size_t len;
    char *text =
        repeat(GET "Cookie: a=b\r\n",
               "X-Long: 0123456789012345678901234567890123456789012345678901234567890123456789"
               "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
               98, &len);
    for (size_t piece = 700; piece < 2300; piece += 500) {
        int fd = client_connect(&fixture);
        for (size_t at = 0; at < len; at += piece) {
            client_send(fd, text + at, len - at < piece ? len - at : piece);
            pause_5_ms();
        }
        client_read(fd, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "GET / [] path=/ query= headers=100");
        close(fd);
    }
    free(text);
}

static void requests_in_a_row_and_in_a_heap_are_served_in_order(void **state) {
    (void)state;
    int fd = client_connect(&fixture);
    client_say(
        fd,
        "POST /1 HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\none"
        "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n"
        "POST /3 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n"
        "GET /4 HTTP/1.1\r\nHost: t\r\nX-A: b\r\n\r\n");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "POST /1 [one] path=/1 query= headers=2");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "GET /inline [] path=/inline query= headers=1");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "POST /3 [three] path=/3 query= headers=2");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "GET /4 [] path=/4 query= headers=2");
    client_say(fd, "GET /5 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "GET /5 [] path=/5 query= headers=2");
    assert_true(answer.is_closed);
    close(fd);
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_117_length_beside_chunked_is_refused),
        cmocka_unit_test(s_119_a_length_or_host_that_comes_twice_is_refused),
        cmocka_unit_test(transfer_codings_other_than_chunked_are_refused),
        cmocka_unit_test(s_118_a_length_that_is_no_number_is_refused),
        cmocka_unit_test(s_125_folded_headers_are_refused),
        cmocka_unit_test(s_125_a_nul_is_refused_wherever_it_hides),
        cmocka_unit_test(line_ends_other_than_crlf_are_refused),
        cmocka_unit_test(names_and_values_outside_the_grammar_are_refused),
        cmocka_unit_test(request_lines_outside_the_grammar_are_refused),
        cmocka_unit_test(chunks_outside_the_grammar_are_refused),
        cmocka_unit_test(heads_above_their_limits_are_refused),
        cmocka_unit_test(what_is_unusual_but_clear_is_served),
        cmocka_unit_test(a_hundred_headers_are_served),
        cmocka_unit_test(a_large_head_in_pieces_is_served),
        cmocka_unit_test(requests_in_a_row_and_in_a_heap_are_served_in_order),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
