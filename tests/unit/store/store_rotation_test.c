/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and webhook secrets that change while the old ones still work. */
#include "fixture.h"

#include <string.h>

#include <gateway/store/rotation.h>

#define DAY_US INT64_C(86400000000)

static void add_key(struct fixture *f, const char *id) {
    struct till_error err;
    struct key_row key = {.app_id = "app_1", .enabled = true, .secret = {.len = 40}};
    strcpy(key.id, id);
    assert_done(store_key_add(f->store, &key, &err));
}

static struct key_row get(struct fixture *f, const char *id) {
    struct till_error err;
    struct key_row key;
    assert_done(store_key_get(f->store, till_str_of(id), &key, &err));
    return key;
}

static void the_last_key_of_an_app_takes_no_end(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    assert_refused(store_key_end(f->store, TILL_STR("key_1"), T0 + DAY_US, &err), STATE_CONFLICT);
    assert_int_equal(get(f, "key_1").ends_us, 0);
    add_key(f, "key_2");
    assert_done(store_key_end(f->store, TILL_STR("key_1"), T0 + DAY_US, &err));
    assert_int_equal(get(f, "key_1").ends_us, T0 + DAY_US);
    /* The other one must outlive it: not for ever, but longer. */
    assert_refused(store_key_end(f->store, TILL_STR("key_2"), T0 + DAY_US, &err), STATE_CONFLICT);
    assert_refused(store_key_end(f->store, TILL_STR("key_2"), T0 + 2 * DAY_US, &err),
                   STATE_CONFLICT);
    assert_done(store_key_end(f->store, TILL_STR("key_2"), T0 + DAY_US / 2, &err));
    assert_refused(store_key_end(f->store, TILL_STR("key_9"), T0, &err), NOT_FOUND);
    /* A disabled key outlives nothing. */
    assert_done(store_key_enable(f->store, TILL_STR("key_1"), true, &err));
    assert_int_equal(get(f, "key_1").ends_us, 0); /* by hand the end is taken back */
    assert_done(store_key_enable(f->store, TILL_STR("key_1"), false, &err));
    assert_refused(store_key_end(f->store, TILL_STR("key_2"), T0 + DAY_US, &err), STATE_CONFLICT);
    assert_refused(store_key_end(f->store, TILL_STR("key_1"), T0 + DAY_US, &err), NOT_FOUND);
}

static void another_apps_key_does_not_count(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct app_row app = {.id = "app_2",
                          .name = TILL_STR("Other"),
                          .enabled = true,
                          .webhook_secret = TILL_STR(WEBHOOK_CANARY)};
    struct key_row key = {.id = "key_2", .app_id = "app_2", .enabled = true, .secret = {.len = 40}};
    assert_done(store_app_add(f->store, &app, &err));
    assert_done(store_key_add(f->store, &key, &err));
    assert_refused(store_key_end(f->store, TILL_STR("key_1"), T0 + DAY_US, &err), STATE_CONFLICT);
}

static void what_has_ended_is_listed_and_switched_off_for_good(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_ending keys[4];
    size_t count;
    add_key(f, "key_2");
    add_key(f, "key_3");
    assert_done(store_key_end(f->store, TILL_STR("key_2"), T0 + 2 * DAY_US, &err));
    assert_done(store_key_end(f->store, TILL_STR("key_1"), T0 + DAY_US, &err));
    assert_done(store_keys_ending(f->store, T0 + DAY_US - 1, keys, 4, &count, &err));
    assert_int_equal(count, 0);
    assert_done(store_keys_ending(f->store, T0 + 3 * DAY_US, keys, 4, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(keys[0].id, "key_1");
    assert_string_equal(keys[0].app_id, "app_1");
    assert_int_equal(keys[1].ends_us, T0 + 2 * DAY_US);
    assert_done(store_keys_ending(f->store, T0 + 3 * DAY_US, keys, 1, &count, &err));
    assert_int_equal(count, 1);
    assert_done(store_keys_switch_off(f->store, keys, 1, T0 + DAY_US - 1, &err));
    assert_true(get(f, "key_1").enabled);
    assert_done(store_keys_switch_off(f->store, keys, 1, T0 + DAY_US, &err));
    assert_false(get(f, "key_1").enabled);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit WHERE subject = 'key_1' AND"
                                       " what IN ('key.ends', 'key.ended')"),
                     2);
    assert_true(get(f, "key_2").enabled && get(f, "key_3").enabled);
    fixture_reopen(f);
    assert_false(get(f, "key_1").enabled);
}

static void an_end_set_elsewhere_is_seen_within_a_second(void **state) {
    struct fixture *f = *state;
    add_key(f, "key_2");
    assert_int_equal(get(f, "key_1").ends_us, 0);
    assert_int_equal(fixture_sql(f, "UPDATE keys SET ends_us = 5 WHERE id = 'key_1';"
                                    " UPDATE store_facts SET config_epoch = config_epoch + 1"),
                     SQLITE_OK);
    world_sleep_us(f->world, 1000000);
    assert_int_equal(get(f, "key_1").ends_us, 5);
}

/* ---- webhook secrets ---- */

static struct till_str secrets_of(struct fixture *f, enum secret_owner owner) {
    struct till_error err;
    struct app_row app;
    struct endpoint_row *rows;
    size_t count;
    if (owner == OWNER_APP) {
        assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
        return app.webhook_secret;
    }
    assert_done(store_endpoint_list(f->store, &f->arena, TILL_STR("app_1"), &rows, &count, &err));
    assert_int_equal(count, 1);
    return rows[0].secrets;
}

static void check_alive(struct till_str list, int64_t now_us, const char *const *secrets) {
    struct till_str secret;
    int64_t ends_us;
    for (; secret_next(&list, now_us, &secret, &ends_us); secrets++) {
        assert_non_null(*secrets);
        assert_true(till_str_is(secret, *secrets));
    }
    assert_null(*secrets);
}
#define ALIVE(owner, now, ...)                                                                     \
    check_alive(secrets_of(f, (owner)), (now), (const char *const[]){__VA_ARGS__, NULL})

static void rotate(struct fixture *f, enum secret_owner owner, const char *id) {
    struct till_error err;
    int ending;
    struct till_str name = till_str_of(id);
    assert_done(store_secrets_end(f->store, owner, name, T0 + DAY_US, T0, &ending, &err));
    assert_int_equal(ending, 0); /* the only one stays */
    assert_done(store_secret_add(f->store, owner, name, TILL_STR("whsec_b"), T0, &err));
    ALIVE(owner, T0 + 9 * DAY_US, "whsec_b", "whsec_a");
    assert_done(store_secrets_end(f->store, owner, name, T0 + DAY_US, T0, &ending, &err));
    assert_int_equal(ending, 1);
    ALIVE(owner, T0 + DAY_US - 1, "whsec_b", "whsec_a");
    ALIVE(owner, T0 + DAY_US, "whsec_b");
    /* Again within the overlap: the earlier end stays as it is. */
    assert_done(store_secret_add(f->store, owner, name, TILL_STR("whsec_c"), T0, &err));
    assert_done(store_secrets_end(f->store, owner, name, T0 + 2 * DAY_US, T0, &ending, &err));
    assert_int_equal(ending, 2);
    ALIVE(owner, T0, "whsec_c", "whsec_b", "whsec_a");
    ALIVE(owner, T0 + DAY_US, "whsec_c", "whsec_b");
    ALIVE(owner, T0 + 2 * DAY_US, "whsec_c");
    /* At once: they are gone, not only over. */
    assert_done(store_secrets_end(f->store, owner, name, T0, T0, &ending, &err));
    assert_int_equal(ending, 0);
    assert_text(secrets_of(f, owner), "whsec_c");
    assert_refused(
        store_secret_add(f->store, owner, TILL_STR("no_1"), TILL_STR("whsec_d"), T0, &err),
        NOT_FOUND);
    assert_refused(
        store_secrets_end(f->store, owner, TILL_STR("no_1"), T0 + DAY_US, T0, &ending, &err),
        NOT_FOUND);
}

static void an_endpoints_secrets_overlap_and_end(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct endpoint_row row = {.id = "whe_1",
                               .app_id = "app_1",
                               .url = TILL_STR("https://shop.example/hook"),
                               .secrets = TILL_STR("whsec_a"),
                               .enabled = true};
    struct nonce_claim claim = no_claim();
    assert_done(store_endpoint_add(f->store, &row, &claim, &err));
    rotate(f, OWNER_ENDPOINT, "whe_1");
    fixture_reopen(f);
    ALIVE(OWNER_ENDPOINT, T0, "whsec_c");
}

static void an_apps_webhook_secret_overlaps_and_ends(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int ending;
    assert_done(
        store_secret_add(f->store, OWNER_APP, TILL_STR("app_1"), TILL_STR("whsec_a"), T0, &err));
    assert_done(store_secrets_end(f->store, OWNER_APP, TILL_STR("app_1"), T0, T0, &ending, &err));
    rotate(f, OWNER_APP, "app_1");
}

static void a_bounded_number_of_secrets_is_alive(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int ending;
    struct till_str app = TILL_STR("app_1");
    for (int i = 1; i < SECRETS_ALIVE_MAX; i++)
        assert_done(store_secret_add(f->store, OWNER_APP, app, text(f, "whsec_%d", i), T0, &err));
    assert_refused(store_secret_add(f->store, OWNER_APP, app, TILL_STR("whsec_x"), T0, &err),
                   STATE_CONFLICT);
    assert_done(store_secrets_end(f->store, OWNER_APP, app, T0 + DAY_US, T0, &ending, &err));
    assert_int_equal(ending, SECRETS_ALIVE_MAX - 1);
    assert_refused(store_secret_add(f->store, OWNER_APP, app, TILL_STR("whsec_x"), T0, &err),
                   STATE_CONFLICT);
    assert_done(store_secret_add(f->store, OWNER_APP, app, TILL_STR("whsec_x"), T0 + DAY_US, &err));
    ALIVE(OWNER_APP, T0, "whsec_x", "whsec_7"); /* the dead ones left the list */
}

static void an_end_that_cannot_be_read_is_none(void **state) {
    (void)state;
    const char *const all[] = {"whsec_a", "whsec_b", "whsec_c", NULL}, *const none[] = {NULL};
    check_alive(TILL_STR("  whsec_a@ whsec_b@x  whsec_c@-1 "), T0, all);
    check_alive(TILL_STR(""), T0, none);
    check_alive(TILL_STR("whsec_a@1"), T0, none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_inline, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_last_key_of_an_app_takes_no_end),
        TEST(another_apps_key_does_not_count),
        TEST(what_has_ended_is_listed_and_switched_off_for_good),
        TEST(an_end_set_elsewhere_is_seen_within_a_second),
        TEST(an_endpoints_secrets_overlap_and_end),
        TEST(an_apps_webhook_secret_overlaps_and_ends),
        TEST(a_bounded_number_of_secrets_is_alive),
        cmocka_unit_test(an_end_that_cannot_be_read_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
