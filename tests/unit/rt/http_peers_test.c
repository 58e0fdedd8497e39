/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, trusted proxies, X-Forwarded-For, counts; targets; header look-ups. No sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rt/http.h>
#include <rt/http_peers.h>
#include <rt/http_target.h>

static struct http_address address_of(const char *text) {
    struct http_address address;
    if (!http_address_parse(till_str_of(text), &address))
        fail_msg("\"%s\" is not read", text);
    return address;
}

static void addresses_are_read_with_and_without_ports(void **state) {
    (void)state;
    static const char *const GOOD[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:80", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
    };
    static const char *const BAD[] = {
        "",           "unknown",      "192.0.2",      "192.0.2.1:",          "192.0.2.1:x",
        "_hidden",    "1.2.3.4.5",    "[2001:db8::1", "[2001:db8::1]x",      "[]",
        "[]:80",      ":80",          "192.0.2.1 ",   "[2001:db8::1]:99999", "fe80::1%eth0",
        "0x7f.0.0.1", "192.0.2.1:-1", "192.0.2.256",  "2001:db8::1::2"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        char text[HTTP_ADDRESS_TEXT];
        struct http_address address = address_of(GOOD[i][0]);
        http_address_format(&address, text);
        assert_string_equal(text, GOOD[i][1]);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct http_address address;
        if (http_address_parse(till_str_of(BAD[i]), &address))
            fail_msg("\"%s\" is read", BAD[i]);
    }
}

static bool holds(const char *prefixes_text, const char *address_text) {
    struct http_prefixes prefixes;
    struct till_error err;
    struct http_address address = address_of(address_text);
    if (!http_prefixes_parse(till_str_of(prefixes_text), &prefixes, &err))
        fail_msg("%s", err.text);
    return http_prefixes_hold(&prefixes, &address);
}

static void prefixes_hold_what_they_cover(void **state) {
    (void)state;
    assert_true(holds("10.0.0.0/8", "10.255.0.1"));
    assert_false(holds("10.0.0.0/8", "11.0.0.1"));
    assert_true(holds("192.0.2.128/25, 10.0.0.1", "192.0.2.200"));
    assert_false(holds("192.0.2.128/25, 10.0.0.1", "192.0.2.127"));
    assert_true(holds("192.0.2.128/25, 10.0.0.1", "10.0.0.1"));
    assert_false(holds("192.0.2.128/25, 10.0.0.1", "10.0.0.2"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(holds("0.0.0.0/0", "203.0.113.9"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("::1", "::1"));
    assert_false(holds("", "127.0.0.1"));
    /* a listener on :: sees IPv4 peers as mapped ones; both spellings mean the same */
    assert_true(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(holds("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_false(holds("::ffff:10.0.0.0/104", "11.1.2.3"));
    assert_true(holds("::ffff:10.0.0.1", "10.0.0.1"));
    assert_false(holds("::ffff:10.0.0.1", "10.0.0.2"));
    assert_true(holds("0.0.0.0/1", "127.255.255.255"));
    assert_false(holds("0.0.0.0/1", "128.0.0.0"));
    assert_true(holds("2001:db8::1/128", "2001:db8::1"));
    assert_false(holds("2001:db8::1/128", "2001:db8::"));
}

static void prefixes_that_mean_nothing_are_refused(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "10.0.0.0/33",        "10.0.0.0/",          "2001:db8::/129", "localhost",
        "10.0.0.0/8,proxy",   "10.0.0.0/08",        "10.0.0.1:80",    "::ffff:10.0.0.0/24",
        "::ffff:10.0.0.0/95", "::ffff:10.0.0.0/129"};
    struct http_prefixes prefixes = {.count = 77};
    struct till_error err;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_false(http_prefixes_parse(till_str_of(BAD[i]), &prefixes, &err));
        assert_int_equal(err.code, TILL_E_SETTING_INVALID);
        assert_int_equal(prefixes.count, 77); /* results stay untouched */
    }
}

static void assert_client(const char *peer_text, const char *first, const char *second,
                          const char *expected) {
    const struct till_pair headers[] = {{TILL_STR("Host"), TILL_STR("till")},
                                        {TILL_STR("x-forwarded-for"), till_str_of(first)},
                                        {TILL_STR("Accept"), TILL_STR("*/*")},
                                        {TILL_STR("X-Forwarded-For"), till_str_of(second)}};
    struct http_prefixes trusted;
    struct till_error err;
    char text[HTTP_ADDRESS_TEXT];
    assert_true(http_prefixes_parse(TILL_STR("10.0.0.0/8, 2001:db8::/32, unix"), &trusted, &err));
    struct http_address peer = {.known = false};
    if (peer_text)
        peer = address_of(peer_text);
    struct http_address client = http_client_address(&trusted, &peer, headers, second ? 4 : 2);
    http_address_format(&client, text);
    assert_string_equal(text, expected);
}

static void forwarded_addresses_are_believed_from_the_right(void **state) {
    (void)state;
    /* a stranger says what it likes */
    assert_client("203.0.113.1", "192.0.2.1", NULL, "203.0.113.1");
    /* a proxy is believed, what stands before its own entry is not */
    assert_client("10.0.0.1", "192.0.2.1", NULL, "192.0.2.1");
    assert_client("10.0.0.1", "198.51.100.9, 192.0.2.1", NULL, "192.0.2.1");
    assert_client("10.0.0.1", "192.0.2.1, 10.0.0.2", NULL, "192.0.2.1");
    assert_client("10.0.0.1", "10.9.9.9, 192.0.2.1, 10.0.0.2 , 2001:db8::5", NULL, "192.0.2.1");
    /* several lines are one list */
    assert_client("10.0.0.1", "198.51.100.9", "192.0.2.1", "192.0.2.1");
    assert_client("10.0.0.1", "192.0.2.1", "10.0.0.2", "192.0.2.1");
    /* nonsense ends the walk at the last address that somebody vouched for */
    assert_client("10.0.0.1", "unknown", NULL, "10.0.0.1");
    assert_client("10.0.0.1", "192.0.2.1, unknown, 10.0.0.2", NULL, "10.0.0.2");
    assert_client("10.0.0.1", "", NULL, "10.0.0.1");
    assert_client("10.0.0.1", "192.0.2.1,", NULL, "10.0.0.1");
    /* all of them proxies: the outermost */
    assert_client("10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3");
    /* three hops, the last by IPv6, one address mapped */
    assert_client("2001:db8::9", "192.0.2.7, ::ffff:10.0.0.5", "10.0.0.4, [2001:db8::4]:99",
                  "192.0.2.7");
    assert_client("10.0.0.1", "::ffff:192.0.2.1", NULL, "192.0.2.1");
    assert_client("10.0.0.1", "192.0.2.9, 2001:db9::1", "10.0.0.2", "2001:db9::1");
    assert_client("2001:db9::1", "192.0.2.1", NULL, "2001:db9::1");
    /* behind a Unix socket */
    assert_client(NULL, "192.0.2.1:5555", NULL, "192.0.2.1");
}

static void counts_are_kept_by_household(void **state) {
    (void)state;
    struct http_peers *peers;
    struct till_error err;
    struct http_address a = address_of("192.0.2.1"), b = address_of("192.0.2.2");
    struct http_address c = address_of("2001:db8::1"), d = address_of("2001:db8::2:3");
    struct http_address e = address_of("2001:db8:0:1::1"), unix_peer = {.known = false};
    assert_true(http_peers_open(&peers, &err));
    assert_true(http_peers_enter(peers, &a, 2));
    assert_true(http_peers_enter(peers, &a, 2));
    assert_false(http_peers_enter(peers, &a, 2));
    assert_true(http_peers_enter(peers, &b, 2));
    assert_true(http_peers_enter(peers, &c, 2));
    assert_true(http_peers_enter(peers, &d, 2));
    assert_false(http_peers_enter(peers, &c, 2)); /* one /64 */
    assert_true(http_peers_enter(peers, &e, 2));
    http_peers_leave(peers, &a);
    assert_int_equal(http_peers_count(peers, &a), 1);
    assert_true(http_peers_enter(peers, &a, 2));
    for (int i = 0; i < 100; i++)
        assert_true(http_peers_enter(peers, &unix_peer, 1));
    assert_int_equal(http_peers_count(peers, &unix_peer), 0);
    assert_true(http_peers_same(&c, &d));
    assert_false(http_peers_same(&a, &b));
    http_peers_close(peers);
}

static void thousands_of_addresses_come_and_go(void **state) {
    (void)state;
    struct http_peers *peers;
    struct till_error err;
    assert_true(http_peers_open(&peers, &err));
    for (int turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < 20000; i++) {
            struct http_address address = address_of("10.0.0.0");
            address.bytes[13] = (unsigned char)(i >> 16);
            address.bytes[14] = (unsigned char)(i >> 8);
            address.bytes[15] = (unsigned char)i;
            assert_int_equal(http_peers_count(peers, &address), turn);
            if (turn == 0)
                assert_true(http_peers_enter(peers, &address, 1));
            else
                http_peers_leave(peers, &address);
        }
    }
    http_peers_close(peers);
}

static void targets_are_split_at_the_first_question_mark(void **state) {
    (void)state;
    static const char *const GOOD[][3] = {
        {"/", "/", ""},
        {"/a?b", "/a", "b"},
        {"/?", "/", ""},
        {"/a?b?c=%zz", "/a", "b?c=%zz"},
        {"/%2F%e4~!$&'()*+,;=:@[]\"<>\\^`{|}", "/%2F%e4~!$&'()*+,;=:@[]\"<>\\^`{|}", ""}};
    static const char *const BAD[] = {"",      "a",     "*",    "http://a/", "a:443", "/a b",
                                      "/a#",   "/%",    "/%a",  "/%zz",      "/%00",  "/?%00",
                                      "/\x7f", "/\xff", "//\t", "/?a\x01"};
    struct till_str path, query;
    struct till_error err;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_true(http_target_split(till_str_of(GOOD[i][0]), &path, &query, &err));
        assert_true(till_str_is(path, GOOD[i][1]));
        assert_true(till_str_is(query, GOOD[i][2]));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        if (http_target_split(till_str_of(BAD[i]), &path, &query, &err))
            fail_msg("\"%s\" passes", BAD[i]);
        assert_int_equal(err.code, TILL_E_HTTP_FRAMING);
    }
}

static void headers_are_found_whatever_their_case_and_counted(void **state) {
    (void)state;
    const struct till_pair headers[] = {{TILL_STR("Authorization"), TILL_STR("one")},
                                        {TILL_STR("X"), TILL_STR("")},
                                        {TILL_STR("authorization"), TILL_STR("two")}};
    struct http_request request = {.headers = headers, .header_count = 3};
    struct till_str value = TILL_STR("untouched");
    size_t count;
    assert_false(http_header(&request, "Accept", &value, &count));
    assert_int_equal(count, 0);
    assert_true(till_str_is(value, "untouched"));
    assert_true(http_header(&request, "AUTHORIZATION", &value, &count));
    assert_int_equal(count, 2);
    assert_true(till_str_is(value, "one"));
    assert_true(http_header(&request, "x", &value, NULL));
    assert_int_equal(value.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_with_and_without_ports),
        cmocka_unit_test(prefixes_hold_what_they_cover),
        cmocka_unit_test(prefixes_that_mean_nothing_are_refused),
        cmocka_unit_test(forwarded_addresses_are_believed_from_the_right),
        cmocka_unit_test(counts_are_kept_by_household),
        cmocka_unit_test(thousands_of_addresses_come_and_go),
        cmocka_unit_test(targets_are_split_at_the_first_question_mark),
        cmocka_unit_test(headers_are_found_whatever_their_case_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
