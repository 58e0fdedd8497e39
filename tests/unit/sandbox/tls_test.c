/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's own CA: kept over restarts, for the platform's hosts, and never readable by
 * others. */
#include "play.h"

#include <sandbox/tls.h>
#include <till/certificate.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct till_arena arena;
static struct world *world;
static char folder[] = "/tmp/till-authority-XXXXXX", path[64];

static int open_folder(void **state) {
    (void)state;
    till_arena_init(&arena, (size_t)1 << 20);
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ca", folder);
    world = world_inline_open(1, PLAY_START_US);
    assert_non_null(world);
    return 0;
}

static int close_folder(void **state) {
    (void)state;
    unlink(path);
    rmdir(folder);
    world_inline_close(world);
    till_arena_clean_up(&arena);
    return 0;
}

static struct tls_authority make(struct till_str place, struct till_str more) {
    struct tls_authority authority;
    struct till_error err;
    if (!tls_authority_open(&arena, world, place, &more, 1, &authority, &err))
        fail_msg("%s", err.text);
    return authority;
}

static void write_file(const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void refuses(enum till_code code, const char *part) {
    struct tls_authority authority;
    struct till_error err = {0};
    assert_false(tls_authority_open(&arena, world, till_str_of(path), NULL, 0, &authority, &err));
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%d %s", err.code, err.text);
}

static void the_servers_certificate_leads_to_the_authority(void **state) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *chain = NULL, *root = NULL;
    struct till_certificate_facts facts;
    struct till_error err;
    (void)state;
    struct tls_authority authority = make(TILL_STR_NONE, TILL_STR("shop.test"));
    assert_true(till_certificates_parse(authority.chain_pem, &chain, &err));
    assert_true(till_certificates_parse(authority.pem, &root, &err));
    assert_int_equal(till_certificates_count(chain), 2);
    assert_true(till_certificates_check(chain, root, PLAY_START_US, &err));
    assert_true(till_certificate_describe(&arena, root, 0, &facts, &err));
    assert_true(facts.is_ca);
    assert_true(till_certificate_describe(&arena, chain, 0, &facts, &err));
    assert_false(facts.is_ca);
    assert_true(facts.not_after_us - facts.not_before_us < INT64_C(398) * 86400 * 1000000);
    /* Another authority does not vouch for it. */
    TILL_CERTIFICATES_SCOPED struct till_certificates *other = NULL;
    struct tls_authority second = make(TILL_STR_NONE, TILL_STR_NONE);
    assert_true(till_certificates_parse(second.pem, &other, &err));
    assert_false(till_certificates_check(chain, other, PLAY_START_US, &err));
}

static void it_is_the_same_after_a_restart_and_only_its_owner_reads_it(void **state) {
    struct stat status;
    (void)state;
    struct tls_authority first = make(till_str_of(path), TILL_STR_NONE);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    struct tls_authority again = make(till_str_of(path), TILL_STR_NONE);
    assert_true(till_str_equal(first.pem, again.pem));
    assert_false(till_str_equal(first.key_pem, again.key_pem));
    assert_false(play_contains(first.pem, "PRIVATE"));
    assert_int_equal(chmod(path, 0644), 0);
    refuses(TILL_E_SETTING_INVALID, "authority file");
}

static void a_file_that_holds_something_else_is_refused(void **state) {
    struct till_str key, mixed;
    struct till_error err;
    (void)state;
    write_file("", 0600);
    refuses(TILL_E_STORE_DAMAGED, "move it away");
    struct tls_authority authority = make(TILL_STR_NONE, TILL_STR_NONE);
    assert_true(till_key_export(&arena, play_app_key, TILL_KEY_PKCS8_PEM, &key, &err));
    assert_true(till_arena_format(&arena, &mixed, &err, "%.*s%.*s", TILL_STR_ARG(key),
                                  TILL_STR_ARG(authority.pem)));
    write_file(mixed.ptr, 0600);
    refuses(TILL_E_STORE_DAMAGED, "move it away");
    /* A leaf with its key is no authority. */
    assert_true(till_arena_format(&arena, &mixed, &err, "%.*s%.*s", TILL_STR_ARG(authority.key_pem),
                                  TILL_STR_ARG(authority.chain_pem)));
    write_file(mixed.ptr, 0600);
    refuses(TILL_E_STORE_DAMAGED, "move it away");
}

static void it_says_in_time_that_it_expires(void **state) {
    (void)state;
    make(till_str_of(path), TILL_STR_NONE);
    world_inline_advance(world, INT64_C(9) * 365 * 86400 * 1000000);
    refuses(TILL_E_KEY_INVALID, "expires within a year");
}

static void the_platforms_hosts_are_known_by_name(void **state) {
    (void)state;
    assert_true(tls_is_platform_host(TILL_STR("openapi.alipay.com")));
    assert_true(tls_is_platform_host(TILL_STR("OpenAPI-sandbox.dl.alipaydev.com")));
    assert_false(tls_is_platform_host(TILL_STR("openapi.alipay.com.evil.test")));
    assert_false(tls_is_platform_host(TILL_STR("alipay.com")));
    assert_false(tls_is_platform_host(TILL_STR_NONE));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_folder, close_folder)
    const struct CMUnitTest tests[] = {
        TEST(the_servers_certificate_leads_to_the_authority),
        TEST(it_is_the_same_after_a_restart_and_only_its_owner_reads_it),
        TEST(a_file_that_holds_something_else_is_refused),
        TEST(it_says_in_time_that_it_expires),
        TEST(the_platforms_hosts_are_known_by_name),
    };
#undef TEST
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
