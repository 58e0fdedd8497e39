/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include <rt/outbound.h>

static bool check(const char *permit, const char *url, struct till_error *err) {
    struct outbound_policy *policy = NULL;
    assert_true(outbound_policy_parse(till_str_of(permit), &policy, err));
    bool ok = outbound_url_check(policy, till_str_of(url), err);
    outbound_policy_free(policy);
    return ok;
}

static void public_addresses_and_names_pass(void **state) {
    (void)state;
    static const char *const GOOD[] = {
        "https://openapi.alipay.com/gateway.do",
        "HTTPS://Pay.Example.com:8443/hook?a=b&c=%20#part",
        "http://8.8.8.8/",
        "http://8.8.8.8:65535",
        "https://[2606:4700:4700::1111]/hook",
        "https://[2606:4700:4700::1111]:8443",
        "https://xn--fiqs8s.example/",
        "https://a_b.example.com?x",
        "https://1.example.com/a@b:c",
        "http://11.0.0.1/",
        "http://172.32.0.1/",
        "http://100.128.0.1/",
        "http://192.0.1.1/",
        "http://198.20.0.1/",
        "http://223.255.255.255/",
        "http://169.253.1.1/",
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct till_error err;
        if (!check("", GOOD[i], &err))
            fail_msg("refused %s: %s", GOOD[i], err.text);
    }
}

static void s_104_addresses_that_are_not_public_are_refused_in_every_spelling(void **state) {
    (void)state;
    static const char *const BAD[] = {
        /* S-104 and its relatives */
        "https://[::ffff:127.0.0.1]/hook",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::8.8.8.8]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:1::1]/",
        "https://[::]/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
        "https://[2001:db8::1]/",
        "https://[2001:2::1]/",
        "https://[3fff::1]/",
        "https://[100::1]/",
        "https://[5f00::1]/",
        "https://[1::]/",
        /* IPv4 */
        "http://127.0.0.1/",
        "http://127.1.2.3/",
        "http://10.0.0.5/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/",
        "http://100.64.0.1/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://0.1.2.3/",
        "http://192.0.0.192/",
        "http://192.0.2.1/",
        "http://198.51.100.1/",
        "http://203.0.113.1/",
        "http://198.18.0.1/",
        "http://198.19.255.255/",
        "http://224.0.0.1/",
        "http://239.1.1.1/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://192.88.99.1/",
        "http://168.63.129.16/",
        /* odd spellings, of public addresses too */
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0x7f.0.0.1/",
        "http://127.0.1/",
        "http://8.8.8.010/",
        "http://8.8.2056/",
        "http://8.8.8.8.8/",
        "http://256.1.1.1/",
        "http://example.0x1/",
        "http://1/",
        /* names of this machine and this network */
        "http://localhost/",
        "http://LOCALHOST:80/",
        "http://a.localhost/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://intranet/",
        "http://localhost.localdomain/",
        "http://router.lan/",
        "http://nas.home.arpa/",
        /* authority tricks */
        "http://user@example.com/",
        "http://user:pw@example.com/",
        "http://example.com@10.0.0.1/",
        "http://example.com\\@10.0.0.1/",
        "http://example.com%2f@x/",
        "http://exa%6dple.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:/",
        "http://example.com:080/",
        "http://example.com:+80/",
        "http://example.com:80:80/",
        "http://example.com./",
        "http://.example.com/",
        "http://a..b.com/",
        "http://",
        "http:///path",
        "http://?x",
        "http://[::1/",
        "http://[]/",
        "http://[8.8.8.8]/",
        "http://[2606:4700::1111]x/",
        "http://-/\x01",
        /* schemes and bytes */
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "",
        " http://example.com/",
        "http://example.com/a b",
        "http://example.com/\r\nX: y",
        "http://example.com/\t",
        "http://ex\xc3\xa4mple.com/",
        "javascript:alert(1)",
        "https:/example.com/",
        "unix:/run/x",
        "http:example.com",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct till_error err = {0};
        if (check("", BAD[i], &err))
            fail_msg("accepted %s", BAD[i]);
        assert_int_equal(err.code, TILL_E_URL_FORBIDDEN);
        assert_true(strlen(err.text) > 10);
    }
    struct till_error err;
    assert_false(outbound_url_check(NULL, (struct till_str){"http://a.example/\0x", 19}, &err));
}

static void an_exception_is_exact(void **state) {
    (void)state;
    struct till_error err;
    const char *permit = "127.0.0.1:9000, sandbox:8088 10.1.0.0/16:443,[::1]:9000\n[fd00::]/8:80";
    static const char *const GOOD[] = {
        "http://127.0.0.1:9000/x", "http://sandbox:8088/",      "http://SANDBOX:8088/",
        "https://10.1.2.3/",       "http://10.1.255.255:443/",  "http://[::1]:9000/",
        "http://[fd12::1]/",       "https://example.com/other",
    };
    static const char *const BAD[] = {
        "http://127.0.0.1:9001/",
        "http://127.0.0.1/",
        "http://127.0.0.2:9000/",
        "http://sandbox/",
        "http://sandbox2:8088/",
        "http://sandbo:8088/",
        "https://10.2.0.1/",
        "https://10.1.2.3:444/",
        "http://localhost:9000/",
        "http://[::1]:9001/",
        "http://[::2]:9000/",
        "http://[fd12::1]:81/",
        "http://[::ffff:127.0.0.1]:9000/",
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        if (!check(permit, GOOD[i], &err))
            fail_msg("refused %s: %s", GOOD[i], err.text);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (check(permit, BAD[i], &err))
            fail_msg("accepted %s", BAD[i]);
    struct outbound_policy *policy = NULL;
    assert_true(outbound_policy_parse(till_str_of(permit), &policy, &err));
    assert_int_equal(outbound_policy_exceptions(policy), 5);
    outbound_policy_free(policy);
    assert_true(outbound_policy_parse(TILL_STR(" ,, "), &policy, &err));
    assert_int_equal(outbound_policy_exceptions(policy), 0);
    outbound_policy_free(policy);
}

static void a_malformed_exception_stops_the_start(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "127.0.0.1",      "localhost",      "127.0.0.1:0", "127.0.0.1:65536",
        "10.0.0.0/33:80", "10.0.0.0/x:80",  "10.0.0.0/8",  "a/8:80",
        "[::1]",          "[::1]/129:80",   "::1:80",      "a@b:80",
        "127.1:80",       "0x7f.1:80",      "*:80",        "*.example.com:80",
        "a:80/",          "a:80?x",         ":80",         "a::80",
        "http://a:80",    "10.0.0.0/08:80", "a?b:80",      "a#b:80",
        "10.0.0.0/:80",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct outbound_policy *policy = NULL;
        struct till_error err;
        if (outbound_policy_parse(till_str_of(BAD[i]), &policy, &err))
            fail_msg("accepted %s", BAD[i]);
        assert_int_equal(err.code, TILL_E_SETTING_INVALID);
        assert_string_equal(err.field, "outbound.permit");
        assert_null(policy);
    }
}

static void socket_addresses_are_judged_with_their_port(void **state) {
    (void)state;
    struct outbound_policy *policy = NULL;
    struct till_error err;
    assert_true(outbound_policy_parse(TILL_STR("10.0.0.0/8:443"), &policy, &err));
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(443)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
    const struct sockaddr *as4 = (const struct sockaddr *)&v4, *as6 = (const struct sockaddr *)&v6;
    inet_pton(AF_INET, "10.9.8.7", &v4.sin_addr);
    assert_true(outbound_address_allowed(policy, as4, OUTBOUND_PUBLIC));
    v4.sin_port = htons(80);
    assert_false(outbound_address_allowed(policy, as4, OUTBOUND_PUBLIC));
    inet_pton(AF_INET, "127.0.0.1", &v4.sin_addr);
    assert_false(outbound_address_allowed(policy, as4, OUTBOUND_PUBLIC));
    assert_true(outbound_address_allowed(policy, as4, OUTBOUND_OR_LOOPBACK));
    inet_pton(AF_INET6, "::1", &v6.sin6_addr);
    assert_false(outbound_address_allowed(policy, as6, OUTBOUND_PUBLIC));
    assert_true(outbound_address_allowed(policy, as6, OUTBOUND_OR_LOOPBACK));
    inet_pton(AF_INET6, "::ffff:10.9.8.7", &v6.sin6_addr);
    assert_false(outbound_address_allowed(policy, as6, OUTBOUND_PUBLIC));
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
    assert_false(outbound_address_allowed(policy, as6, OUTBOUND_OR_LOOPBACK));
    inet_pton(AF_INET6, "2606:4700::1", &v6.sin6_addr);
    assert_true(outbound_address_allowed(policy, as6, OUTBOUND_PUBLIC));
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(outbound_address_allowed(policy, &other, OUTBOUND_OR_LOOPBACK));
    outbound_policy_free(policy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses_and_names_pass),
        cmocka_unit_test(s_104_addresses_that_are_not_public_are_refused_in_every_spelling),
        cmocka_unit_test(an_exception_is_exact),
        cmocka_unit_test(a_malformed_exception_stops_the_start),
        cmocka_unit_test(socket_addresses_are_judged_with_their_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
