/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens: TCP on both address families, Unix sockets, TLS; and that real clients
 * get on with it. */
#include "http_fixture.h"

#include "http_tls_sample.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct fixture fixture;
static struct answer answer;
static char folder[32], socket_path[64], socket_address[80];

static int set_up(void **state) {
    (void)state;
    fixture_prepare(&fixture);
    snprintf(folder, sizeof folder, "/tmp/till-http-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(socket_path, sizeof socket_path, "%s/till.sock", folder);
    snprintf(socket_address, sizeof socket_address, "unix:%s", socket_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(socket_path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return 0;
}
static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return HTTP_LANE_INLINE;
}
static void handle(void *self, struct http_request *request, struct http_response *response) {
    (void)self, (void)request, (void)response;
}

/* With the fixture's options; one that starts is stopped again. */
static bool start_second(struct till_error *err) {
    struct http_service service = {.body_max = body_max, .lane = lane, .handle = handle};
    struct http_server *server;
    if (!http_server_start(&fixture.options, &service, NULL, NULL, NULL, &server, err))
        return false;
    assert_true(http_server_stop(server, INT64_C(20000000)));
    return true;
}

static int connect_unix(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void assert_unix_serves(void) {
    int fd = connect_unix();
    assert_true(fd >= 0);
    client_say(fd, "GET /peer HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "unix");
    close(fd);
}

static void a_unix_socket_is_for_its_owner_alone_and_goes_with_the_server(void **state) {
    (void)state;
    struct stat status;
    fixture.options.address = till_str_of(socket_address);
    fixture_start(&fixture);
    assert_int_equal(stat(socket_path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_unix_serves();
    fixture_stop(&fixture);
    assert_int_not_equal(stat(socket_path, &status), 0);
}

static void a_stale_socket_file_is_replaced_and_a_live_one_is_not(void **state) {
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct till_error err;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead); /* the file stays behind, as after a crash */
    fixture.options.address = till_str_of(socket_address);
    fixture_start(&fixture);
    assert_unix_serves();
    assert_false(start_second(&err));
    assert_int_equal(err.code, TILL_E_ALREADY_EXISTS);
    assert_unix_serves();
    fixture_stop(&fixture);
}

static void something_else_at_the_path_is_left_alone(void **state) {
    (void)state;
    struct till_error err;
    struct stat status;
    FILE *file = fopen(socket_path, "w");
    assert_non_null(file);
    fclose(file);
    fixture.options.address = till_str_of(socket_address);
    assert_false(start_second(&err));
    assert_int_equal(err.code, TILL_E_SETTING_INVALID);
    assert_int_equal(stat(socket_path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    metrics_close(fixture.metrics);
}

static void assert_does_not_start(const char *field) {
    struct till_error err;
    assert_false(start_second(&err));
    assert_int_equal(err.code, TILL_E_SETTING_INVALID);
    assert_string_equal(err.field, field);
}

static void what_cannot_be_listened_at_is_an_error(void **state) {
    (void)state;
    struct till_error err;
    fixture.options.address = TILL_STR("example.com");
    assert_does_not_start("http.listen");
    fixture.options.address = TILL_STR("unix:");
    assert_does_not_start("http.listen");
    fixture.options.address = TILL_STR("unix:/no/such/folder/till.sock");
    assert_does_not_start("http.listen");
    fixture.options.address = TILL_STR("192.0.2.1");
    assert_does_not_start("http.listen");
    fixture.options.address = TILL_STR("127.0.0.1");
    fixture.options.trusted_proxies = TILL_STR("10.0.0.0/33");
    assert_does_not_start("http.trusted_proxies");
    fixture.options.trusted_proxies = TILL_STR_NONE;
    assert_true(start_second(&err));
    fixture_start(&fixture);
    fixture.options.port = http_server_port(fixture.server);
    assert_does_not_start("http.listen"); /* taken */
    fixture_stop(&fixture);
}

static void too_few_descriptors_are_noticed_at_the_start(void **state) {
    (void)state;
    struct rlimit before;
    struct till_error err;
    getrlimit(RLIMIT_NOFILE, &before);
    fixture.options.connections_max = (size_t)before.rlim_max;
    assert_does_not_start("http.connections_max");
    fixture.options.connections_max = 400;
    struct rlimit low = {.rlim_cur = 256, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_true(start_second(&err)); /* raises the soft limit itself */
    getrlimit(RLIMIT_NOFILE, &low);
    assert_true(low.rlim_cur >= 400 + 2 * 8 + 100);
    setrlimit(RLIMIT_NOFILE, &before);
    metrics_close(fixture.metrics);
}

static void two_colons_listen_to_both_worlds(void **state) {
    (void)state;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loop = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = probe >= 0 && bind(probe, (struct sockaddr *)&loop, sizeof loop) == 0;
    close(probe);
    if (!has_v6) {
        metrics_close(fixture.metrics);
        skip();
    }
    fixture.options.address = TILL_STR("::");
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "GET /peer HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "127.0.0.1");
    close(fd);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    loop.sin6_port = htons(http_server_port(fixture.server));
    assert_int_equal(connect(fd, (struct sockaddr *)&loop, sizeof loop), 0);
    client_say(fd, "GET /peer HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &answer);
    assert_string_equal(answer.body, "::1");
    close(fd);
    fixture_stop(&fixture);
}

struct fetched {
    char body[4096];
    size_t len;
};

static size_t keep(char *bytes, size_t size, size_t count, void *arg) {
    struct fetched *fetched = arg;
    size_t len = size * count;
    if (len > sizeof fetched->body - 1 - fetched->len)
        return 0;
    memcpy(fetched->body + fetched->len, bytes, len);
    fetched->len += len;
    fetched->body[fetched->len] = '\0';
    return len;
}

static CURL *prepare_curl(const char *scheme, const char *path, struct fetched *fetched) {
    char url[128];
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    snprintf(url, sizeof url, "%s://127.0.0.1:%u%s", scheme, http_server_port(fixture.server),
             path);
    *fetched = (struct fetched){.len = 0};
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetched);
    return curl;
}

static void assert_curl_gets_on(CURL *curl, struct fetched *fetched, const char *body) {
    long status = 0;
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    assert_string_equal(fetched->body, body);
    fetched->len = 0;
}

static void curl_gets_on_with_it(void **state) {
    (void)state;
    struct fetched fetched;
    long connects = -1;
    fixture_start(&fixture);
    CURL *curl = prepare_curl("http", "/a?b=c", &fetched);
    assert_curl_gets_on(curl, &fetched, "GET /a?b=c [] path=/a query=b=c headers=2");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "k=v");
    assert_curl_gets_on(curl, &fetched, "POST /a?b=c [k=v] path=/a query=b=c headers=4");
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
    assert_int_equal(connects, 0); /* the first connection served both */
    curl_easy_cleanup(curl);
    fixture_stop(&fixture);
}

static CURL *prepare_tls(struct fetched *fetched) {
    CURL *curl = prepare_curl("https", "/peer", fetched);
    struct curl_blob anchor = {.data = (void *)(uintptr_t)SAMPLE_CERTIFICATE,
                               .len = sizeof SAMPLE_CERTIFICATE - 1,
                               .flags = CURL_BLOB_COPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &anchor);
    return curl;
}

static void tls_is_served_from_1_2_on(void **state) {
    (void)state;
    struct fetched fetched;
    fixture.options.tls_certificate_pem = TILL_STR(SAMPLE_CERTIFICATE);
    fixture.options.tls_key_pem = TILL_STR(SAMPLE_KEY);
    fixture_start(&fixture);
    for (long version = CURL_SSLVERSION_TLSv1_2; version <= CURL_SSLVERSION_TLSv1_3; version++) {
        CURL *curl = prepare_tls(&fetched);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, version | (version << 16));
        assert_curl_gets_on(curl, &fetched, "127.0.0.1");
        assert_curl_gets_on(curl, &fetched, "127.0.0.1");
        curl_easy_cleanup(curl);
    }
    CURL *curl = prepare_tls(&fetched);
    curl_easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");
    curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                     CURL_SSLVERSION_TLSv1_0 | CURL_SSLVERSION_MAX_TLSv1_1);
    assert_int_not_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_cleanup(curl);
    fixture_stop(&fixture);
}

static void a_tls_handshake_that_dawdles_is_cut(void **state) {
    (void)state;
    fixture.options.tls_certificate_pem = TILL_STR(SAMPLE_CERTIFICATE);
    fixture.options.tls_key_pem = TILL_STR(SAMPLE_KEY);
    fixture.options.header_timeout_us = 200000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    assert_true(client_sees_end(fd));
    close(fd);
    assert_int_equal(metrics_read(fixture.metrics, METRIC_CONNECTIONS_CUT, "header", NULL), 1);
    fixture_stop(&fixture);
}

static void a_key_that_does_not_fit_is_an_error(void **state) {
    (void)state;
    fixture.options.tls_certificate_pem = TILL_STR(SAMPLE_CERTIFICATE);
    assert_does_not_start("http.tls");
    fixture.options.tls_key_pem = TILL_STR(SAMPLE_OTHER_KEY);
    assert_does_not_start("http.tls");
    fixture.options.tls_key_pem = TILL_STR("no key at all");
    assert_does_not_start("http.tls");
    metrics_close(fixture.metrics);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_unix_socket_is_for_its_owner_alone_and_goes_with_the_server),
        TEST(a_stale_socket_file_is_replaced_and_a_live_one_is_not),
        TEST(something_else_at_the_path_is_left_alone),
        TEST(what_cannot_be_listened_at_is_an_error),
        TEST(too_few_descriptors_are_noticed_at_the_start),
        TEST(two_colons_listen_to_both_worlds),
        TEST(curl_gets_on_with_it),
        TEST(tls_is_served_from_1_2_on),
        TEST(a_tls_handshake_that_dawdles_is_cut),
        TEST(a_key_that_does_not_fit_is_an_error),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
