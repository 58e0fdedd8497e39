/* SPDX-License-Identifier: Apache-2.0 */
/* A new master key: whatever is stored opens at every step, under either key, until the end. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gateway/store/reseal.h>
#include <gateway/store/rotation.h>

enum { KEYS = 40 };
static const uint8_t NEW_KEY[TILL_SEAL_KEY_SIZE] = "the new key, of thirty-two byte";
static const uint8_t THIRD_KEY[TILL_SEAL_KEY_SIZE] = "a third key, thirty-two bytes..";

static void stock_more(struct fixture *f) {
    struct till_error err;
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR("whsec_endpoint"),
                                    .enabled = true};
    struct nonce_claim claim = no_claim();
    assert_done(store_endpoint_add(f->store, &endpoint, &claim, &err));
    for (int i = 0; i < KEYS; i++) {
        struct key_row key = {.app_id = "app_1", .enabled = true, .secret = {.len = 40}};
        snprintf(key.id, sizeof key.id, "key_more_%02d", i);
        memset(key.secret.bytes, 'a' + i % 26, key.secret.len);
        assert_done(store_key_add(f->store, &key, &err));
    }
}

/* Every sealed thing there is. */
static void check_readable(struct fixture *f, struct store *store, size_t keys) {
    struct till_error err;
    struct key_row *rows;
    struct app_row app;
    struct account_row account;
    struct endpoint_row *endpoints;
    size_t count;
    assert_done(store_key_list(store, &f->arena, TILL_STR("app_1"), &rows, &count, &err));
    assert_int_equal(count, keys);
    assert_int_equal(rows[KEYS - 1].secret.bytes[0], 'a' + (KEYS - 1) % 26);
    assert_done(store_app_get(store, &f->arena, TILL_STR("app_1"), &app, &err));
    assert_text(app.webhook_secret, WEBHOOK_CANARY);
    assert_done(store_account_get(store, &f->arena, TILL_STR("acc_1"), &account, &err));
    assert_text(account.settings, "{\"key\":\"" SETTINGS_CANARY "\"}");
    assert_done(store_endpoint_list(store, &f->arena, TILL_STR("app_1"), &endpoints, &count, &err));
    assert_text(endpoints[0].secrets, "whsec_endpoint");
}

/* A copy of the file as a kill would leave it now, opened under that key. */
static bool open_copy(struct fixture *f, const uint8_t *key, struct store **ret_store,
                      struct till_error *err) {
    struct store_options options = f->options;
    struct till_str path = text(f, "%s.copy", f->path);
    const char *name;
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < 4; i++)
        if (till_arena_cstr(&f->arena, text(f, "%s.copy%s", f->path, SUFFIXES[i]), &name, err))
            unlink(name);
    assert_true(store_backup(f->store, path, err));
    options.path = path;
    memcpy(options.master_key, key, sizeof options.master_key);
    return store_open(&options, f->world, NULL, NULL, ret_store, err);
}

static void check_copy(struct fixture *f, const uint8_t *key) {
    struct till_error err;
    struct store *copy;
    assert_done(open_copy(f, key, &copy, &err));
    check_readable(f, copy, 1 + KEYS);
    store_close(copy);
}

static void check_copy_refused(struct fixture *f, const uint8_t *key) {
    struct till_error err;
    struct store *copy;
    assert_refused(open_copy(f, key, &copy, &err), SEAL_BROKEN);
}

static struct reseal_figures figures_of(struct store *store) {
    struct till_error err;
    struct reseal_figures figures;
    assert_done(store_reseal_figures(store, &figures, &err));
    return figures;
}

static int run_parts(struct store *store) {
    struct till_error err;
    int parts = 0;
    for (bool left = true; left; parts++)
        assert_done(store_reseal_part(store, &left, &err));
    return parts;
}

static void reopen_under(struct fixture *f, const uint8_t *key) {
    memcpy(f->options.master_key, key, sizeof f->options.master_key);
    fixture_reopen(f);
}

static void either_key_opens_everything_at_every_step(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    uint8_t old[TILL_SEAL_KEY_SIZE];
    memcpy(old, f->options.master_key, sizeof old);
    stock_more(f);
    check_copy_refused(f, NEW_KEY);
    assert_int_equal(figures_of(f->store).state, RESEAL_NONE);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    for (bool left = true; left;) {
        assert_true(store_reseal_is_left(f->store));
        assert_int_equal(figures_of(f->store).state, RESEAL_RUNNING);
        check_readable(f, f->store, 1 + KEYS);
        check_copy(f, old);
        check_copy(f, NEW_KEY);
        check_copy_refused(f, THIRD_KEY);
        assert_done(store_reseal_part(f->store, &left, &err));
    }
    struct reseal_figures figures = figures_of(f->store);
    assert_int_equal(figures.state, RESEAL_DONE);
    assert_int_equal(figures.rows, 1 + KEYS + 3);
    assert_false(figures.runs_under_new);
    check_copy(f, old); /* nobody has started it under the new one yet */
    check_copy(f, NEW_KEY);
    reopen_under(f, NEW_KEY);
    assert_int_equal(figures_of(f->store).state, RESEAL_NONE);
    check_readable(f, f->store, 1 + KEYS);
    check_copy_refused(f, old);
    check_copy(f, NEW_KEY);
}

static void a_start_under_the_new_key_goes_on_and_ends_it(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    uint8_t old[TILL_SEAL_KEY_SIZE];
    bool left;
    memcpy(old, f->options.master_key, sizeof old);
    stock_more(f);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    assert_done(store_reseal_part(f->store, &left, &err));
    assert_true(left);
    reopen_under(f, NEW_KEY);
    assert_true(store_reseal_is_left(f->store));
    assert_true(figures_of(f->store).runs_under_new);
    assert_int_equal(figures_of(f->store).rows, 16);
    assert_int_equal(run_parts(f->store), 5); /* the rest of the keys in two, three tables */
    assert_int_equal(figures_of(f->store).state, RESEAL_NONE);
    check_readable(f, f->store, 1 + KEYS);
    check_copy_refused(f, old);
}

static void a_start_under_the_old_key_goes_on_and_keeps_both(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    stock_more(f);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    fixture_reopen(f);
    assert_true(store_reseal_is_left(f->store));
    assert_int_equal(run_parts(f->store), 6);
    assert_int_equal(run_parts(f->store), 1); /* nothing to do is no error */
    assert_int_equal(figures_of(f->store).state, RESEAL_DONE);
    fixture_reopen(f);
    assert_false(store_reseal_is_left(f->store));
    check_copy(f, f->options.master_key);
    check_copy(f, NEW_KEY);
}

static void what_is_written_meanwhile_is_under_the_new_key(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row key = {.id = "a_first_one",
                          .app_id = "app_1",
                          .enabled = true,
                          .secret = {.len = 40}},
                   read;
    bool left;
    stock_more(f);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    assert_done(store_reseal_part(f->store, &left, &err));
    /* Before the place the parts have come to, and where they have been. */
    assert_done(store_key_add(f->store, &key, &err));
    assert_done(
        store_secret_add(f->store, OWNER_APP, TILL_STR("app_1"), TILL_STR("whsec_n"), T0, &err));
    run_parts(f->store);
    assert_done(store_account_update(f->store, TILL_STR("acc_1"), TILL_STR("{}"), &err));
    reopen_under(f, NEW_KEY);
    assert_int_equal(figures_of(f->store).state, RESEAL_NONE); /* check_all was content */
    assert_done(store_key_get(f->store, TILL_STR("a_first_one"), &read, &err));
}

static void the_former_key_leads_back_and_a_third_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    uint8_t old[TILL_SEAL_KEY_SIZE];
    bool left;
    memcpy(old, f->options.master_key, sizeof old);
    stock_more(f);
    assert_refused(store_reseal_begin(f->store, old, T0, &err), FIELD_INVALID);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    assert_done(store_reseal_part(f->store, &left, &err));
    assert_refused(store_reseal_begin(f->store, THIRD_KEY, T0, &err), ALREADY_EXISTS);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err)); /* on with it */
    assert_int_equal(figures_of(f->store).rows, 16);
    assert_done(store_reseal_begin(f->store, old, T0, &err)); /* back */
    check_copy(f, old);
    check_copy(f, NEW_KEY);
    run_parts(f->store);
    assert_int_equal(figures_of(f->store).state, RESEAL_NONE);
    check_readable(f, f->store, 1 + KEYS);
    check_copy(f, old);
    check_copy_refused(f, NEW_KEY);
    /* And the other way again, in the same process. */
    assert_done(store_reseal_begin(f->store, THIRD_KEY, T0, &err));
    run_parts(f->store);
    check_copy(f, THIRD_KEY);
    check_copy(f, old);
}

static void a_row_that_opens_under_no_key_stops_it_and_keeps_both_keys(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row key;
    bool left;
    stock_more(f);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    assert_int_equal(fixture_sql(f, "UPDATE keys SET sealed_secret = randomblob(80)"
                                    " WHERE id = 'key_more_05'"),
                     SQLITE_OK);
    assert_refused(store_reseal_part(f->store, &left, &err), SEAL_BROKEN);
    assert_non_null(strstr(err.text, "keys key_more_05"));
    assert_int_equal(figures_of(f->store).rows, 0); /* nothing of the part */
    fixture_reopen(f);
    reopen_under(f, NEW_KEY);
    assert_done(store_key_get(f->store, TILL_STR("key_more_06"), &key, &err));
    assert_int_equal(fixture_sql(f, "DELETE FROM keys WHERE id = 'key_more_05'"), SQLITE_OK);
    run_parts(f->store);
    assert_int_equal(figures_of(f->store).state, RESEAL_NONE);
}

static void a_row_damaged_after_its_part_keeps_the_old_key_alive(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    uint8_t old[TILL_SEAL_KEY_SIZE];
    struct key_row key;
    memcpy(old, f->options.master_key, sizeof old);
    stock_more(f);
    assert_done(store_reseal_begin(f->store, NEW_KEY, T0, &err));
    run_parts(f->store);
    assert_int_equal(fixture_sql(f, "UPDATE keys SET sealed_secret = randomblob(80)"
                                    " WHERE id = 'key_more_05'"),
                     SQLITE_OK);
    reopen_under(f, NEW_KEY); /* starts all the same */
    assert_int_equal(figures_of(f->store).state, RESEAL_DONE);
    reopen_under(f, old);
    assert_done(store_key_get(f->store, TILL_STR("key_more_06"), &key, &err));
}

/* A sealed column that the table in reseal.c does not name would be lost with the old key. */
static void every_sealed_column_is_one_that_is_sealed_anew(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        fixture_number(f, "SELECT COUNT(*) FROM sqlite_master m JOIN pragma_table_info(m.name) c"
                          " WHERE m.type = 'table' AND c.name GLOB 'sealed_?*'"),
        4);
    assert_int_equal(
        fixture_number(f, "SELECT COUNT(*) FROM sqlite_master m JOIN pragma_table_info(m.name) c"
                          " WHERE m.type = 'table' AND (m.name, c.name) IN"
                          " (VALUES ('keys', 'sealed_secret'), ('apps', 'sealed_webhook_secret'),"
                          " ('accounts', 'sealed_settings'), ('endpoints', 'sealed_secrets'))"),
        4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_inline, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(either_key_opens_everything_at_every_step),
        TEST(a_start_under_the_new_key_goes_on_and_ends_it),
        TEST(a_start_under_the_old_key_goes_on_and_keeps_both),
        TEST(what_is_written_meanwhile_is_under_the_new_key),
        TEST(the_former_key_leads_back_and_a_third_is_refused),
        TEST(a_row_that_opens_under_no_key_stops_it_and_keeps_both_keys),
        TEST(a_row_damaged_after_its_part_keeps_the_old_key_alive),
        TEST(every_sealed_column_is_one_that_is_sealed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
