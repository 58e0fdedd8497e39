/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <string.h>

#include <gateway/store/effects.h>

static void an_app_comes_back_with_its_secret_opened(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct app_row app, *apps;
    size_t count;
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
    assert_text(app.name, "Coffee");
    assert_text(app.webhook_secret, WEBHOOK_CANARY);
    assert_text(app.late_policy, "keep");
    assert_true(app.enabled);
    assert_done(store_app_enable(f->store, TILL_STR("app_1"), false, &err));
    assert_done(store_app_list(f->store, &f->arena, &apps, &count, &err));
    assert_int_equal(count, 1);
    assert_false(apps[0].enabled);
    assert_refused(store_app_get(f->store, &f->arena, TILL_STR("app_9"), &app, &err), NOT_FOUND);
    assert_refused(store_app_enable(f->store, TILL_STR("app_9"), true, &err), NOT_FOUND);
    assert_refused(store_app_add(f->store, &apps[0], &err), ALREADY_EXISTS);
    apps[0].late_policy = TILL_STR("burn");
    assert_refused(store_app_add(f->store, &apps[0], &err), FIELD_INVALID);
}

static void S_001_a_weak_secret_cannot_be_stored_or_loaded(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row key = {.id = "key_2", .app_id = "app_1", .enabled = true};
    for (size_t len = 0; len < TILL_SECRET_MIN; len += 31) {
        key.secret.len = len;
        assert_refused(store_key_add(f->store, &key, &err), KEY_WEAK);
    }
    key.secret.len = TILL_SECRET_MIN;
    assert_done(store_key_add(f->store, &key, &err));
    /* Not even past the program: the table refuses a sealed secret that short. */
    assert_int_equal(fixture_sql(f, "UPDATE keys SET sealed_secret = zeroblob(60)"),
                     SQLITE_CONSTRAINT);
    assert_int_equal(fixture_sql(f, "UPDATE keys SET sealed_secret = x''"), SQLITE_CONSTRAINT);
}

static void a_damaged_or_moved_secret_does_not_open(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row key = {.id = "key_2", .app_id = "app_1", .enabled = true, .secret = {.len = 40}},
                   read;
    assert_done(store_key_add(f->store, &key, &err));
    assert_done(store_key_get(f->store, TILL_STR("key_2"), &read, &err));
    assert_int_equal(fixture_sql(f,
                                 "UPDATE keys SET sealed_secret = (SELECT sealed_secret FROM keys"
                                 " WHERE id = 'key_1') WHERE id = 'key_2'"),
                     SQLITE_OK);
    fixture_reopen(f);
    assert_refused(store_key_get(f->store, TILL_STR("key_2"), &read, &err), SEAL_BROKEN);
    assert_done(store_key_get(f->store, TILL_STR("key_1"), &read, &err));
}

static void S_013_a_key_disabled_here_is_dead_at_once(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row key;
    for (int i = 0; i < 2; i++) {
        assert_done(store_key_get(f->store, TILL_STR("key_1"), &key, &err));
        assert_true(key.enabled && key.app_enabled);
        assert_int_equal(key.secret.len, strlen(SECRET_CANARY));
        assert_memory_equal(key.secret.bytes, SECRET_CANARY, key.secret.len);
    }
    assert_done(store_key_enable(f->store, TILL_STR("key_1"), false, &err));
    assert_done(store_key_get(f->store, TILL_STR("key_1"), &key, &err));
    assert_false(key.enabled);
    assert_done(store_key_enable(f->store, TILL_STR("key_1"), true, &err));
    assert_done(store_app_enable(f->store, TILL_STR("app_1"), false, &err));
    assert_done(store_key_get(f->store, TILL_STR("key_1"), &key, &err));
    assert_false(key.app_enabled);
    assert_refused(store_key_get(f->store, TILL_STR("key_9"), &key, &err), NOT_FOUND);
    assert_refused(store_key_enable(f->store, TILL_STR("key_9"), true, &err), NOT_FOUND);
}

static void a_change_made_elsewhere_is_seen_within_a_second(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row key;
    assert_done(store_key_get(f->store, TILL_STR("key_1"), &key, &err));
    assert_int_equal(fixture_sql(f, "UPDATE keys SET enabled = 0; UPDATE store_facts SET"
                                    " config_epoch = config_epoch + 1"),
                     SQLITE_OK);
    assert_done(store_key_get(f->store, TILL_STR("key_1"), &key, &err));
    assert_true(key.enabled); /* cached */
    world_sleep_us(f->world, 1000000);
    assert_done(store_key_get(f->store, TILL_STR("key_1"), &key, &err));
    assert_false(key.enabled);
}

/* Apps and accounts are kept opened; what another process changes counts a second later. */
static void what_is_kept_of_apps_and_accounts_follows_changes(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct app_row app;
    struct account_row account;
    struct till_money amount = {.minor = 100, .currency = "CNY"};
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
    assert_done(store_account_by_public_id(f->store, &f->arena, TILL_STR("pub_1"), &account, &err));
    assert_done(store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"), TILL_STR("page"),
                                   amount, TILL_STR("acc_1"), &account, &err));
    assert_int_equal(fixture_sql(f, "UPDATE apps SET enabled = 0; UPDATE accounts SET enabled = 0;"
                                    " UPDATE store_facts SET config_epoch = config_epoch + 1"),
                     SQLITE_OK);
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
    assert_true(app.enabled); /* kept */
    world_sleep_us(f->world, 1000000);
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
    assert_false(app.enabled);
    assert_done(store_account_by_public_id(f->store, &f->arena, TILL_STR("pub_1"), &account, &err));
    assert_false(account.enabled);
    assert_refused(store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"),
                                      TILL_STR("page"), amount, TILL_STR("acc_1"), &account, &err),
                   ACCOUNT_UNKNOWN);
    /* Changes made here count at once. */
    assert_done(store_app_enable(f->store, TILL_STR("app_1"), true, &err));
    assert_done(store_account_enable(f->store, TILL_STR("acc_1"), true, &err));
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
    assert_true(app.enabled);
    assert_done(store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"), TILL_STR("page"),
                                   amount, TILL_STR_NONE, &account, &err));
    assert_string_equal(account.id, "acc_1");
    assert_text(account.settings, "{\"key\":\"" SETTINGS_CANARY "\"}");
    /* The only account of the channel, kept as such, until it is not: disabled, or
     * no longer alone. */
    assert_done(store_account_enable(f->store, TILL_STR("acc_1"), false, &err));
    assert_refused(store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"),
                                      TILL_STR("page"), amount, TILL_STR_NONE, &account, &err),
                   ACCOUNT_UNKNOWN);
    assert_done(store_account_enable(f->store, TILL_STR("acc_1"), true, &err));
    assert_done(store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"), TILL_STR("page"),
                                   amount, TILL_STR_NONE, &account, &err));
    struct account_row second = {.id = "acc_second",
                                 .public_id = "pub_second",
                                 .app_id = "app_1",
                                 .channel = TILL_STR("alipay"),
                                 .mode = app.mode,
                                 .enabled = true,
                                 .settings = TILL_STR("{}")};
    assert_done(store_account_add(f->store, &second, &err));
    assert_refused(store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"),
                                      TILL_STR("page"), amount, TILL_STR_NONE, &account, &err),
                   ACCOUNT_UNKNOWN);
}

static void the_epoch_moves_with_every_change(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int64_t before = store_config_epoch(f->store);
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR("whsec_x"),
                                    .enabled = true};
    assert_done(store_endpoint_add(f->store, &endpoint, NULL, &err));
    int64_t after = store_config_epoch(f->store);
    assert_true(after > before);
    assert_done(store_account_enable(f->store, TILL_STR("acc_1"), false, &err));
    assert_true(store_config_epoch(f->store) > after);
    assert_int_equal(store_config_epoch(f->store), store_config_epoch(f->store));
}

/* A call under a key whose first byte of digest is `what`, about to make whe_<n>. */
static struct nonce_claim keyed_claim(int n, uint8_t what) {
    static const char *const MAKES[] = {"whe_a ", "whe_b ", "whe_c "};
    struct nonce_claim claim = no_claim();
    claim.effect_app_id = TILL_STR("app_1");
    claim.effect_key = TILL_STR("once");
    claim.effect_digest[0] = what;
    claim.effect_us = T0;
    claim.effect_makes = till_str_of(MAKES[n]);
    return claim;
}

static void what_a_keyed_call_makes_is_made_once_and_a_repeat_is_told(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct endpoint_row row = {.id = "whe_a",
                               .app_id = "app_1",
                               .url = TILL_STR("https://shop.example/hook"),
                               .secrets = TILL_STR("whsec_x"),
                               .enabled = true};
    struct nonce_claim first = keyed_claim(0, 7), again = keyed_claim(1, 7),
                       other = keyed_claim(2, 8);
    struct till_str made;
    assert_refused(store_effect_made(f->store, &f->arena, &first, &made, &err), NOT_FOUND);
    assert_done(store_endpoint_add(f->store, &row, &first, &err));
    memcpy(row.id, "whe_b", sizeof "whe_b");
    int64_t epoch = store_config_epoch(f->store);
    assert_refused(store_endpoint_add(f->store, &row, &again, &err), ALREADY_EXISTS);
    assert_refused(store_endpoint_add(f->store, &row, &other, &err), IDEMPOTENCY_CONFLICT);
    assert_refused(store_effect_made(f->store, &f->arena, &other, &made, &err),
                   IDEMPOTENCY_CONFLICT);
    assert_done(store_effect_made(f->store, &f->arena, &again, &made, &err));
    assert_text(made, "whe_a ");
    assert_int_equal(store_config_epoch(f->store), epoch);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM endpoints"), 1);
    again.effect_makes = TILL_STR_NONE; /* a call that only sets a state happens again */
    assert_done(store_endpoint_add(f->store, &row, &again, &err));
}

static void an_account_is_found_by_both_ids_and_its_settings_rotate(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct account_row account, *rows;
    size_t count;
    assert_done(store_account_by_public_id(f->store, &f->arena, TILL_STR("pub_1"), &account, &err));
    assert_string_equal(account.id, "acc_1");
    assert_text(account.settings, "{\"key\":\"" SETTINGS_CANARY "\"}");
    int64_t epoch = account.config_epoch;
    assert_done(
        store_account_update(f->store, TILL_STR("acc_1"), TILL_STR("{\"key\":\"new\"}"), &err));
    assert_done(store_account_get(f->store, &f->arena, TILL_STR("acc_1"), &account, &err));
    assert_text(account.settings, "{\"key\":\"new\"}");
    assert_true(account.config_epoch > epoch);
    assert_done(store_account_enable(f->store, TILL_STR("acc_1"), false, &err));
    assert_done(store_account_by_public_id(f->store, &f->arena, TILL_STR("pub_1"), &account, &err));
    assert_false(account.enabled); /* it is still found: notifications go on */
    assert_done(store_account_list(f->store, &f->arena, TILL_STR(""), &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_done(store_account_list(f->store, &f->arena, TILL_STR("app_9"), &rows, &count, &err));
    assert_int_equal(count, 0);
    assert_refused(store_account_get(f->store, &f->arena, TILL_STR("acc_9"), &account, &err),
                   NOT_FOUND);
    assert_refused(store_account_update(f->store, TILL_STR("acc_9"), TILL_STR("{}"), &err),
                   NOT_FOUND);
    assert_refused(store_account_enable(f->store, TILL_STR("acc_9"), true, &err), NOT_FOUND);
}

static void an_account_of_the_other_mode_or_of_nobody_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct account_row account = {.id = "acc_2",
                                  .public_id = "pub_2",
                                  .app_id = "app_1",
                                  .channel = TILL_STR("alipay"),
                                  .mode = TILL_LIVE,
                                  .settings = TILL_STR("{}")};
    assert_refused(store_account_add(f->store, &account, &err), FIELD_INVALID);
    account.mode = TILL_TEST;
    strcpy(account.app_id, "app_9");
    assert_refused(store_account_add(f->store, &account, &err), NOT_FOUND);
    strcpy(account.app_id, "app_1");
    strcpy(account.public_id, "pub_1");
    assert_refused(store_account_add(f->store, &account, &err), ALREADY_EXISTS);
}

static void add_account(struct fixture *f, const char *id, const char *channel) {
    struct till_error err;
    struct account_row account = {.app_id = "app_1",
                                  .channel = till_str_of(channel),
                                  .mode = TILL_TEST,
                                  .enabled = true,
                                  .settings = TILL_STR("{}"),
                                  .created_us = T0};
    strcpy(account.id, id);
    strcpy(account.public_id, id);
    assert_done(store_account_add(f->store, &account, &err));
}

static void an_order_goes_to_the_named_the_ruled_or_the_only_account(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct app_row app;
    struct account_row account;
    struct till_money amount = {990, "CNY"};
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
#define CHOOSE(name)                                                                               \
    store_route_choose(f->store, &f->arena, &app, TILL_STR("alipay"), TILL_STR("precreate"),       \
                       amount, TILL_STR(name), &account, &err)
    assert_done(CHOOSE(""));
    assert_string_equal(account.id, "acc_1");
    add_account(f, "acc_2", "alipay");
    assert_refused(CHOOSE(""), ACCOUNT_UNKNOWN); /* which? */
    assert_done(CHOOSE("acc_2"));
    assert_string_equal(account.id, "acc_2");
    assert_refused(CHOOSE("acc_9"), ACCOUNT_UNKNOWN);
    struct route_row route = {.app_id = TILL_STR("app_1"),
                              .channel = TILL_STR("alipay"),
                              .product = TILL_STR("precreate"),
                              .account_id = TILL_STR("acc_2"),
                              .position = 1,
                              .amount_min = 900,
                              .amount_max = 1000};
    assert_done(store_route_put(f->store, &route, &err));
    assert_done(CHOOSE(""));
    assert_string_equal(account.id, "acc_2");
    amount.minor = 1001;
    assert_refused(CHOOSE(""), ACCOUNT_UNKNOWN);
    amount.minor = 990;
    assert_done(store_account_enable(f->store, TILL_STR("acc_2"), false, &err));
    assert_refused(CHOOSE("acc_2"), ACCOUNT_UNKNOWN);
    assert_done(CHOOSE("")); /* the rule's account is off, the other is the only one left */
    assert_string_equal(account.id, "acc_1");
    app.mode = TILL_LIVE;
    assert_refused(CHOOSE("acc_1"), ACCOUNT_UNKNOWN);
    route.account_id = TILL_STR("acc_9");
    assert_refused(store_route_put(f->store, &route, &err), ACCOUNT_UNKNOWN);
#undef CHOOSE
}

static void keys_and_endpoints_are_listed_with_their_secrets(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct key_row *keys;
    struct endpoint_row *endpoints;
    size_t count;
    assert_done(store_key_list(f->store, &f->arena, TILL_STR("app_1"), &keys, &count, &err));
    assert_int_equal(count, 1);
    assert_memory_equal(keys[0].secret.bytes, SECRET_CANARY, keys[0].secret.len);
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR("whsec_a whsec_b"),
                                    .enabled = true};
    assert_done(store_endpoint_add(f->store, &endpoint, NULL, &err));
    assert_refused(store_endpoint_add(f->store, &endpoint, NULL, &err), ALREADY_EXISTS);
    assert_done(store_endpoint_enable(f->store, TILL_STR("whe_1"), false, TILL_STR("gone"), &err));
    assert_done(
        store_endpoint_list(f->store, &f->arena, TILL_STR("app_1"), &endpoints, &count, &err));
    assert_int_equal(count, 1);
    assert_text(endpoints[0].secrets, "whsec_a whsec_b");
    assert_text(endpoints[0].disabled_reason, "gone");
    assert_false(endpoints[0].enabled);
    assert_refused(store_endpoint_enable(f->store, TILL_STR("whe_9"), true, TILL_STR(""), &err),
                   NOT_FOUND);
    strcpy(endpoint.id, "whe_2");
    strcpy(endpoint.app_id, "app_9");
    assert_refused(store_endpoint_add(f->store, &endpoint, NULL, &err), NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
/* I24: a signed request takes effect once, also where the effect is an endpoint or a redelivery. */
static void a_replayed_endpoint_or_redelivery_has_no_second_effect(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct endpoint_row *rows;
    size_t count;
    int deliveries;
    struct nonce_claim claim = {.key_id = TILL_STR("key_1"),
                                .nonce = TILL_STR("nonce-of-endpoint"),
                                .timestamp_s = T0 / 1000000};
    struct endpoint_row row = {.id = "whe_once",
                               .app_id = "app_1",
                               .url = TILL_STR("https://once.example/"),
                               .secrets = TILL_STR("whsec_once"),
                               .enabled = true,
                               .created_us = T0};
    assert_done(store_endpoint_add(f->store, &row, &claim, &err));
    memcpy(row.id, "whe_twice", sizeof "whe_twice");
    assert_refused(store_endpoint_add(f->store, &row, &claim, &err), NONCE_USED);
    assert_done(store_endpoint_list(f->store, &f->arena, TILL_STR("app_1"), &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_refused(store_redeliver(f->store, TILL_STR("app_1"), TILL_STR("evt_1"), &claim, T0,
                                   &deliveries, &err),
                   NONCE_USED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(an_app_comes_back_with_its_secret_opened),
        T(S_001_a_weak_secret_cannot_be_stored_or_loaded),
        T(a_damaged_or_moved_secret_does_not_open),
        T(S_013_a_key_disabled_here_is_dead_at_once),
        T(a_change_made_elsewhere_is_seen_within_a_second),
        T(what_is_kept_of_apps_and_accounts_follows_changes),
        T(the_epoch_moves_with_every_change),
        T(what_a_keyed_call_makes_is_made_once_and_a_repeat_is_told),
        T(a_replayed_endpoint_or_redelivery_has_no_second_effect),
        T(an_account_is_found_by_both_ids_and_its_settings_rotate),
        T(an_account_of_the_other_mode_or_of_nobody_is_refused),
        T(an_order_goes_to_the_named_the_ruled_or_the_only_account),
        T(keys_and_endpoints_are_listed_with_their_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
