/* SPDX-License-Identifier: Apache-2.0 */
/* S-087: a certificate that does not fit ends the exchange before a byte of the request. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "upstream_peer.h"

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct identity authority, good, other_host, expired, own_authority;
static char ca_path[64];

static void set_names(X509 *certificate, const char *subject, const char *issuer) {
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
    name = X509_get_issuer_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)issuer, -1, -1, 0);
}

static void extend(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static struct identity make(const char *host, const struct identity *issuer, bool is_expired) {
    static long serial = 1;
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    assert_non_null(made.key);
    X509_set_version(made.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), is_expired ? -3600 : 3600);
    X509_set_pubkey(made.certificate, made.key);
    set_names(made.certificate, host ? host : "Test authority",
              issuer ? "Test authority"
              : host ? host
                     : "Test authority");
    if (host) {
        char names[128];
        snprintf(names, sizeof names, "DNS:%s", host);
        extend(made.certificate, NID_subject_alt_name, names);
    } else {
        extend(made.certificate, NID_basic_constraints, "critical,CA:TRUE");
        extend(made.certificate, NID_key_usage, "critical,keyCertSign");
    }
    assert_true(X509_sign(made.certificate, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
    return made;
}

static void forget(struct identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

static int set_up(void **state) {
    (void)state;
    authority = make(NULL, NULL, false);
    good = make("pay.test", &authority, false);
    other_host = make("evil.test", &authority, false);
    expired = make("pay.test", &authority, true);
    own_authority = make("pay.test", NULL, false);
    snprintf(ca_path, sizeof ca_path, "/tmp/till-ca-%d.pem", (int)getpid());
    FILE *file = fopen(ca_path, "w");
    if (!file)
        return -1;
    PEM_write_X509(file, authority.certificate);
    return fclose(file);
}

static int tear_down(void **state) {
    (void)state;
    forget(&authority);
    forget(&good);
    forget(&other_host);
    forget(&expired);
    forget(&own_authority);
    return unlink(ca_path);
}

static const struct identity *presented;

static void speak_tls(struct peer *peer, int fd, int nth) {
    (void)nth;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, presented->certificate);
    SSL_CTX_use_PrivateKey(context, presented->key);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    char bytes[4096];
    int n = 0;
    if (SSL_accept(ssl) == 1) {
        while ((n = SSL_read(ssl, bytes, sizeof bytes)) > 0) {
            atomic_fetch_add(&peer->requests, 1);
            SSL_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40);
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static uint16_t second_port = 1;

static struct world *open_world(const struct peer *peer, const char *ca) {
    struct world *world = NULL;
    struct till_error err;
    char permit[64];
    snprintf(permit, sizeof permit, "127.0.0.1:%u 127.0.0.1:%u", peer->port, second_port);
    struct world_real_options options = {.permit = till_str_of(permit),
                                         .ca_file = till_str_of(ca),
                                         .upstream_threads = 1,
                                         .resolve = peer_resolve};
    assert_true(world_real_open(&options, &world, &err));
    return world;
}

static struct asked meet(const struct identity *identity, const char *ca, int times,
                         struct peer *peer) {
    char url[64];
    struct asked asked = {0};
    presented = identity;
    peer_start(peer, speak_tls);
    struct world *world = open_world(peer, ca);
    snprintf(url, sizeof url, "https://pay.test:%u/gateway.do", peer->port);
    struct world_request request = peer_request(till_str_of(url));
    for (int i = 0; i < times; i++)
        asked = peer_ask(world, &request);
    world_real_close(world);
    peer_stop(peer);
    return asked;
}

static void a_trusted_certificate_carries_many_requests_on_one_connection(void **state) {
    (void)state;
    struct peer peer;
    struct asked asked = meet(&good, ca_path, 3, &peer);
    assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
    assert_string_equal(asked.body, "ok");
    assert_int_equal(peer.requests, 3);
    assert_int_equal(peer.connections, 1);
}

static void no_request(const struct identity *identity, const char *ca) {
    struct peer peer;
    struct asked asked = meet(identity, ca, 1, &peer);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "tls");
    assert_non_null(strstr(asked.reason, "certificate"));
    assert_int_equal(peer.requests, 0);
    assert_int_equal(peer.connections, 1); /* no fallback */
}

static void s_087_a_certificate_of_another_host_is_refused(void **state) {
    (void)state;
    no_request(&other_host, ca_path);
}

static void s_087_an_expired_certificate_is_refused(void **state) {
    (void)state;
    no_request(&expired, ca_path);
}

static void s_087_a_certificate_that_signs_itself_is_refused(void **state) {
    (void)state;
    no_request(&own_authority, ca_path);
}

static void s_087_an_authority_nobody_configured_is_refused(void **state) {
    (void)state;
    no_request(&good, "");
}

static void speak_nonsense(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_bytes(peer, fd, 50);
    peer_write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void stay_silent(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_wait(peer, fd);
}

static void a_handshake_that_fails_or_hangs_is_unsent(void **state) {
    (void)state;
    static peer_script *const SCRIPTS[] = {speak_nonsense, stay_silent};
    for (size_t i = 0; i < 2; i++) {
        struct peer peer;
        char url[64];
        peer_start(&peer, SCRIPTS[i]);
        struct world *world = open_world(&peer, ca_path);
        snprintf(url, sizeof url, "https://pay.test:%u/", peer.port);
        struct world_request request = peer_request(till_str_of(url));
        request.timeout_us = 400000;
        struct asked asked = peer_ask(world, &request);
        assert_int_equal(asked.fate, TILL_FATE_UNSENT);
        assert_string_equal(asked.stage, "tls");
        assert_true(asked.duration_us < 4000000);
        world_real_close(world);
        peer_stop(&peer);
    }
}

static void a_refused_connection_is_told_from_a_failed_handshake(void **state) {
    (void)state;
    struct peer peer, refusing;
    char url[64];
    presented = &good;
    peer_start(&peer, speak_tls);
    peer_start_refusing(&refusing);
    second_port = refusing.port;
    struct world *world = open_world(&peer, ca_path);
    snprintf(url, sizeof url, "https://pay.test:%u/", peer.port);
    struct world_request request = peer_request(till_str_of(url));
    assert_int_equal(peer_ask(world, &request).fate, TILL_FATE_ANSWERED);
    /* The handle is the one that was connected a moment ago. */
    snprintf(url, sizeof url, "https://pay.test:%u/", refusing.port);
    request.url = till_str_of(url);
    struct asked asked = peer_ask(world, &request);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    assert_string_equal(asked.stage, "connect");
    world_real_close(world);
    peer_stop(&peer);
    peer_stop(&refusing);
}

static void a_trust_file_without_a_certificate_stops_the_start(void **state) {
    (void)state;
    struct till_error err;
    static const char *const BAD[] = {"/etc/hostname", "/nowhere/ca.pem"};
    for (size_t i = 0; i < 2; i++) {
        struct world *world = NULL;
        struct world_real_options options = {.ca_file = till_str_of(BAD[i]), .upstream_threads = 1};
        assert_false(world_real_open(&options, &world, &err));
        assert_int_equal(err.code, TILL_E_SETTING_INVALID);
        assert_string_equal(err.field, "outbound.ca_file");
        assert_null(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_certificate_carries_many_requests_on_one_connection),
        cmocka_unit_test(s_087_a_certificate_of_another_host_is_refused),
        cmocka_unit_test(s_087_an_expired_certificate_is_refused),
        cmocka_unit_test(s_087_a_certificate_that_signs_itself_is_refused),
        cmocka_unit_test(s_087_an_authority_nobody_configured_is_refused),
        cmocka_unit_test(a_handshake_that_fails_or_hangs_is_unsent),
        cmocka_unit_test(a_refused_connection_is_told_from_a_failed_handshake),
        cmocka_unit_test(a_trust_file_without_a_certificate_stops_the_start),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
