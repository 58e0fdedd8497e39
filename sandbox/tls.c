/* SPDX-License-Identifier: Apache-2.0 */
/* See tls.h. */
#include <sandbox/tls.h>

#include <rt/file.h>
#include <till/certificate.h>
#include <till/till.h>

#include <stdio.h>

enum { KEY_BITS = 2048, FILE_MAX = 64 * 1024, SERIAL_BYTES = 16, HOSTS_MAX = 24 };

#define DAY_US (INT64_C(86400) * 1000000)
#define AUTHORITY_LIFE_US (3650 * DAY_US)
#define SERVER_LIFE_US (365 * DAY_US) /* clients refuse servers' certificates of many years */

/* Dossier 1.1; then where bills and pages live. */
const char *const tls_platform_hosts[] = {"openapi.alipay.com",
                                          "openapi.alipaydev.com",
                                          "openapi-sandbox.dl.alipaydev.com",
                                          "mapi.alipay.com",
                                          "mapi.alipaydev.com",
                                          "dwbillcenter.alipay.com",
                                          "dwbillcenter.alipaydev.com",
                                          "excashier.alipay.com",
                                          "qr.alipay.com",
                                          "api.stripe.com",
                                          NULL};

bool tls_is_platform_host(struct till_str name) {
    for (const char *const *host = tls_platform_hosts; *host; host++)
        if (till_str_equal_ignoring_case(name, till_str_of(*host)))
            return true;
    return false;
}

/* What is being made. */
struct making {
    struct till_arena *arena;
    struct world *world;
    struct till_key *key; /* the authority's */
    struct till_certificates *certificates;
    struct till_str pem;
};

/* Positive and not 0. */
static struct till_str make_serial(const struct making *making, char room[SERIAL_BYTES]) {
    world_random(making->world, room, SERIAL_BYTES);
    room[0] = (char)((room[0] & 0x3f) | 0x40);
    return (struct till_str){room, SERIAL_BYTES};
}

static bool issue_own(struct making *making, struct till_error *err) {
    char serial[SERIAL_BYTES], fingerprint[TILL_KEY_FINGERPRINT_SIZE];
    struct till_str name;
    int64_t now_us = world_now_us(making->world);
    till_key_fingerprint(making->key, fingerprint);
    if (!till_arena_format(making->arena, &name, err, "till sandbox authority %.8s", fingerprint))
        return false;
    const struct till_certificate_order order = {
        .subject = {.common_name = name, .organization = TILL_STR("till")},
        .serial = make_serial(making, serial),
        .not_before_us = now_us - DAY_US,
        .not_after_us = now_us + AUTHORITY_LIFE_US,
        .is_ca = true,
    };
    return till_certificate_issue(making->arena, &order, making->key, NULL, making->key,
                                  TILL_RSA_SHA256, &making->pem, err) &&
           till_certificates_parse(making->pem, &making->certificates, err);
}

static bool keep(const struct making *making, struct till_str path, struct till_error *err) {
    struct till_str key, text;
    if (path.len == 0)
        return true;
    return till_key_export(making->arena, making->key, TILL_KEY_PKCS8_PEM, &key, err) &&
           till_arena_format(making->arena, &text, err, "%.*s%.*s", TILL_STR_ARG(key),
                             TILL_STR_ARG(making->pem)) &&
           file_write(path, text, 0600, true, err);
}

static bool make(struct making *making, struct till_str path, struct till_error *err) {
    return till_key_generate_rsa(KEY_BITS, &making->key, err) && issue_own(making, err) &&
           keep(making, path, err);
}

/* Where the certificate begins; the length when there is none. */
static size_t find_certificate(struct till_str text) {
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    for (size_t at = 0; at + sizeof begin - 1 <= text.len; at++)
        if (memcmp(text.ptr + at, begin, sizeof begin - 1) == 0)
            return at;
    return text.len;
}

static bool refuse_file(struct till_error *err) {
    return TILL_FAIL(
        err, STORE_DAMAGED,
        "The sandbox's TLS authority file does not hold a CA and its key; move it away, "
        "and a new one is made.");
}

static bool is_ours(const struct making *making, struct till_error *err) {
    struct till_certificate_facts facts;
    struct till_key *key = NULL;
    if (!till_certificate_describe(making->arena, making->certificates, 0, &facts, err) ||
        !till_certificate_key(making->certificates, 0, &key, err))
        return false;
    bool same = till_key_same_pair(key, making->key);
    till_key_free(key);
    if (!same || !facts.is_ca)
        return refuse_file(err);
    return facts.not_after_us > world_now_us(making->world) + SERVER_LIFE_US ||
           TILL_FAIL(err, KEY_INVALID,
                     "The sandbox's authority expires within a year; move its file away, start "
                     "again, and let clients trust the new one.");
}

static bool load(struct making *making, struct till_str path, struct till_error *err) {
    struct till_str text;
    if (!file_read_secret(making->arena, path, FILE_MAX, "the sandbox's TLS authority file", &text,
                          err))
        return false;
    size_t at = find_certificate(text);
    making->pem = till_str_sub(text, at, text.len);
    if (!till_key_parse_private(till_str_sub(text, 0, at), &making->key, err) ||
        !till_certificates_parse(making->pem, &making->certificates, err))
        return refuse_file(err);
    return is_ours(making, err);
}

static size_t list_hosts(const struct till_str *more, size_t more_count,
                         struct till_str hosts[HOSTS_MAX]) {
    size_t count = 0;
    hosts[count++] = TILL_STR("localhost");
    hosts[count++] = TILL_STR("127.0.0.1");
    hosts[count++] = TILL_STR("::1");
    for (const char *const *host = tls_platform_hosts; *host; host++)
        hosts[count++] = till_str_of(*host);
    for (size_t i = 0; i < more_count && count < HOSTS_MAX; i++)
        if (more[i].len)
            hosts[count++] = more[i];
    return count;
}

static bool issue_server(struct making *making, const struct till_str *more, size_t more_count,
                         struct tls_authority *ret, struct till_error *err) {
    char serial[SERIAL_BYTES];
    struct till_str hosts[HOSTS_MAX], pem;
    struct till_key *key = NULL;
    int64_t now_us = world_now_us(making->world);
    const struct till_certificate_order order = {
        .subject = {.common_name = TILL_STR("till sandbox"), .organization = TILL_STR("till")},
        .serial = make_serial(making, serial),
        .not_before_us = now_us - DAY_US,
        .not_after_us = now_us + SERVER_LIFE_US,
        .hosts = hosts,
        .host_count = list_hosts(more, more_count, hosts),
    };
    bool good = till_key_generate_rsa(KEY_BITS, &key, err) &&
                till_certificate_issue(making->arena, &order, key, making->certificates,
                                       making->key, TILL_RSA_SHA256, &pem, err) &&
                till_key_export(making->arena, key, TILL_KEY_PKCS8_PEM, &ret->key_pem, err) &&
                till_arena_format(making->arena, &ret->chain_pem, err, "%.*s%.*s",
                                  TILL_STR_ARG(pem), TILL_STR_ARG(making->pem));
    till_key_free(key);
    ret->pem = making->pem;
    return good;
}

bool tls_authority_open(struct till_arena *arena, struct world *world, struct till_str path,
                        const struct till_str *more, size_t more_count,
                        struct tls_authority *ret_authority, struct till_error *err) {
    struct making making = {.arena = arena, .world = world};
    struct tls_authority authority;
    bool there = path.len > 0 && file_exists(path);
    bool good = (there ? load(&making, path, err) : make(&making, path, err)) &&
                issue_server(&making, more, more_count, &authority, err);
    till_certificates_free(making.certificates);
    till_key_free(making.key);
    if (good)
        *ret_authority = authority;
    return good;
}
