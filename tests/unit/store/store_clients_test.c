/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth2 clients and tokens: two secrets at most, digests only, what dies with what, what is
 * forgotten. */
#include "fixture.h"

#include <string.h>

#include <gateway/store/clients.h>

#define SECOND INT64_C(1000000)
#define HOUR_US (3600 * SECOND)
#define CLIENT TILL_STR("cli_1")

static struct client_digest digest(const char *of) {
    struct client_digest made = {{0}};
    till_sha256(till_str_of(of), made.bytes);
    return made;
}

static void add_client(struct fixture *f, const char *id, const char *secret) {
    struct till_error err;
    struct client_row row = {.app_id = "app_1",
                             .name = TILL_STR("main"),
                             .scopes = TILL_STR("payments:read payments:write"),
                             .enabled = true,
                             .created_us = T0};
    struct client_digest held = digest(secret);
    strcpy(row.id, id);
    assert_done(store_client_add(f->store, &row, &held, &err));
}

static bool give(struct fixture *f, const char *client, const char *secret, const char *token,
                 int64_t now_us, int64_t *ret_free_us, struct till_error *err) {
    struct token_row row = {
        .scopes = "payments:read", .created_us = now_us, .expires_us = now_us + HOUR_US};
    struct client_digest held = digest(secret), made = digest(token);
    strcpy(row.client_id, client);
    return store_token_add(f->store, &row, &made, &held, ret_free_us, err);
}

static void give_one(struct fixture *f, const char *client, const char *secret, const char *token) {
    struct till_error err;
    int64_t free_us;
    assert_done(give(f, client, secret, token, T0, &free_us, &err));
}

static bool lives(struct fixture *f, const char *token, int64_t now_us) {
    struct till_error err;
    struct token_row row;
    struct client_digest shown = digest(token);
    bool found = store_token_get(f->store, &shown, now_us, &row, &err);
    if (!found)
        assert_int_equal(err.code, TILL_E_NOT_FOUND);
    return found;
}

static size_t secrets_at(struct fixture *f, int64_t now_us) {
    struct till_error err;
    struct client_proof proof;
    assert_done(store_client_proof(f->store, &f->arena, CLIENT, now_us, &proof, &err));
    return proof.secret_count;
}

static void a_token_says_whose_it_is(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct token_row row;
    struct client_digest shown = digest("t");
    add_client(f, "cli_1", "s");
    give_one(f, "cli_1", "s", "t");
    assert_done(store_token_get(f->store, &shown, T0, &row, &err));
    assert_string_equal(row.client_id, "cli_1");
    assert_string_equal(row.app_id, "app_1");
    assert_string_equal(row.scopes, "payments:read");
    assert_int_equal(row.expires_us, T0 + HOUR_US);
    assert_false(lives(f, "u", T0));
    fixture_reopen(f);
    assert_true(lives(f, "t", T0));
}

static void only_digests_are_kept(void **state) {
    struct fixture *f = *state;
    add_client(f, "cli_1", "s");
    give_one(f, "cli_1", "s", "t");
    assert_int_equal(fixture_number(f, "SELECT length(digest) + length(secret) FROM oauth_tokens"),
                     64);
    assert_int_equal(fixture_number(f, "SELECT length(secret) FROM oauth_clients"), 32);
    static const int SIZES[] = {0, 1, 31, 33, 64};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        struct till_str sql = text(f, "UPDATE oauth_clients SET secret = zeroblob(%d)", SIZES[i]);
        assert_int_not_equal(fixture_sql(f, sql.ptr), SQLITE_OK);
    }
    assert_int_equal(fixture_sql(f, "UPDATE oauth_clients SET secret = zeroblob(32)"), SQLITE_OK);
}

static void s_017_a_client_without_a_secret_has_nothing_to_prove_it(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct client_proof proof;
    add_client(f, "cli_1", "s");
    assert_int_equal(secrets_at(f, T0), 1);
    assert_int_equal(fixture_sql(f, "UPDATE oauth_clients SET secret = NULL"), SQLITE_OK);
    assert_int_equal(secrets_at(f, T0), 0);
    assert_true(fixture_rot(f, "UPDATE oauth_clients SET secret = x''") == 1);
    assert_int_equal(secrets_at(f, T0), 0);
    assert_refused(store_client_proof(f->store, &f->arena, TILL_STR("cli_2"), T0, &proof, &err),
                   NOT_FOUND);
}

static void two_secrets_are_alive_until_the_older_ends(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct client_digest second = digest("s2"), third = digest("s3");
    int ending;
    add_client(f, "cli_1", "s");
    give_one(f, "cli_1", "s", "t");
    assert_done(store_client_secret_add(f->store, CLIENT, &second, T0, &err));
    give_one(f, "cli_1", "s2", "t2");
    assert_int_equal(secrets_at(f, T0 + 9 * HOUR_US), 2);
    assert_refused(store_client_secret_add(f->store, CLIENT, &third, T0, &err), STATE_CONFLICT);
    assert_done(store_client_secret_end(f->store, CLIENT, T0 + HOUR_US, T0, &ending, &err));
    assert_int_equal(ending, 1);
    assert_true(lives(f, "t", T0 + HOUR_US - 1));
    assert_int_equal(secrets_at(f, T0 + HOUR_US - 1), 2);
    assert_int_equal(secrets_at(f, T0 + HOUR_US), 1);
    world_sleep_us(f->world, TOKEN_BELIEVED_US);
    assert_false(lives(f, "t", T0 + HOUR_US));
    assert_true(lives(f, "t2", T0 + HOUR_US));
    /* A later end does not lengthen its life; when it is over there is room again. */
    assert_done(store_client_secret_end(f->store, CLIENT, T0 + 2 * HOUR_US, T0, &ending, &err));
    assert_int_equal(secrets_at(f, T0 + HOUR_US), 1);
    assert_done(store_client_secret_add(f->store, CLIENT, &third, T0 + HOUR_US, &err));
    /* At once: the token of the secret that ends goes with it. */
    assert_done(store_client_secret_end(f->store, CLIENT, T0, T0, &ending, &err));
    assert_int_equal(ending, 0);
    assert_false(lives(f, "t2", T0));
}

static void a_token_dies_with_its_client_and_its_app(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct client_digest other = digest("x");
    add_client(f, "cli_1", "s");
    give_one(f, "cli_1", "s", "t");
    assert_true(lives(f, "t", T0));
    assert_done(store_client_enable(f->store, CLIENT, false, &err));
    assert_false(lives(f, "t", T0));
    assert_done(store_client_enable(f->store, CLIENT, true, &err));
    assert_true(lives(f, "t", T0));
    assert_done(store_app_enable(f->store, TILL_STR("app_1"), false, &err));
    assert_false(lives(f, "t", T0));
    assert_done(store_app_enable(f->store, TILL_STR("app_1"), true, &err));
    assert_done(store_client_revoke(f->store, CLIENT, &err));
    assert_false(lives(f, "t", T0));
    assert_int_equal(secrets_at(f, T0), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM oauth_tokens"), 0);
    assert_refused(store_client_enable(f->store, CLIENT, true, &err), STATE_CONFLICT);
    assert_refused(store_client_secret_add(f->store, CLIENT, &other, T0, &err), STATE_CONFLICT);
    assert_int_not_equal(fixture_sql(f, "UPDATE oauth_clients SET revoked = 0"), SQLITE_OK);
}

static void what_another_process_takes_away_is_believed_for_a_second(void **state) {
    struct fixture *f = *state;
    add_client(f, "cli_1", "s");
    give_one(f, "cli_1", "s", "t");
    assert_true(lives(f, "t", T0));
    assert_int_equal(fixture_sql(f, "DELETE FROM oauth_tokens"), SQLITE_OK);
    assert_true(lives(f, "t", T0));
    world_sleep_us(f->world, TOKEN_BELIEVED_US);
    assert_false(lives(f, "t", T0));
}

static void a_token_is_taken_back_by_its_own_client(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    enum token_revoked what;
    struct client_digest token = digest("t");
    add_client(f, "cli_1", "s");
    add_client(f, "cli_2", "s");
    give_one(f, "cli_1", "s", "t");
    assert_true(lives(f, "t", T0));
    assert_done(store_token_revoke(f->store, TILL_STR("cli_2"), &token, &what, &err));
    assert_int_equal(what, TOKEN_OF_ANOTHER);
    assert_true(lives(f, "t", T0));
    assert_done(store_token_revoke(f->store, CLIENT, &token, &what, &err));
    assert_int_equal(what, TOKEN_REVOKED);
    assert_false(lives(f, "t", T0));
    assert_done(store_token_revoke(f->store, CLIENT, &token, &what, &err));
    assert_int_equal(what, TOKEN_UNKNOWN);
}

static void a_full_hand_is_refused_until_one_expires(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int64_t free_us = 0;
    add_client(f, "cli_1", "s");
    add_client(f, "cli_2", "s");
    for (int i = 0; i < TOKENS_PER_CLIENT_MAX; i++)
        assert_done(give(f, "cli_1", "s", text(f, "t%d", i).ptr, T0 + (i > 0), &free_us, &err));
    assert_refused(give(f, "cli_1", "s", "more", T0 + 2, &free_us, &err), TOO_MANY);
    assert_int_equal(free_us, T0 + HOUR_US);
    assert_done(give(f, "cli_2", "s", "other", T0 + 2, &free_us, &err));
    assert_refused(give(f, "cli_1", "s", "more", T0 + HOUR_US - 1, &free_us, &err), TOO_MANY);
    assert_done(give(f, "cli_1", "s", "more", T0 + HOUR_US, &free_us, &err));
}

static void what_is_over_is_forgotten(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct client_digest second = digest("s2");
    int removed, ending;
    int64_t free_us;
    add_client(f, "cli_1", "s");
    give_one(f, "cli_1", "s", "t");
    assert_done(give(f, "cli_1", "s", "later", T0 + 1, &free_us, &err));
    assert_done(store_client_secret_add(f->store, CLIENT, &second, T0, &err));
    assert_done(store_client_secret_end(f->store, CLIENT, T0 + HOUR_US, T0, &ending, &err));
    assert_done(store_purge(f->store, T0 + HOUR_US - 1, &removed, &err));
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM oauth_tokens"), 2);
    assert_int_equal(fixture_number(f, "SELECT COUNT(older) FROM oauth_clients"), 1);
    assert_done(store_purge(f->store, T0 + HOUR_US, &removed, &err));
    assert_int_equal(removed, 2);
    assert_int_equal(fixture_number(f, "SELECT expires_us FROM oauth_tokens"), T0 + HOUR_US + 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(older) FROM oauth_clients"), 0);
}

static void an_app_has_so_many_clients_and_they_are_its_own(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct client_digest held = digest("s");
    struct client_row row = {.id = "cli_x",
                             .app_id = "app_1",
                             .name = TILL_STR("one more"),
                             .scopes = TILL_STR("payments:read"),
                             .enabled = true,
                             .created_us = T0};
    struct client_row *rows;
    size_t count;
    for (int i = 0; i < CLIENTS_PER_APP_MAX; i++)
        add_client(f, text(f, "cli_%d", i).ptr, "s");
    assert_refused(store_client_add(f->store, &row, &held, &err), STATE_CONFLICT);
    strcpy(row.app_id, "app_9");
    assert_refused(store_client_add(f->store, &row, &held, &err), NOT_FOUND);
    assert_done(store_client_list(f->store, &f->arena, TILL_STR("app_1"), &rows, &count, &err));
    assert_int_equal(count, CLIENTS_PER_APP_MAX);
    assert_done(store_client_list(f->store, &f->arena, TILL_STR("app_9"), &rows, &count, &err));
    assert_int_equal(count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_inline, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_says_whose_it_is),
        TEST(only_digests_are_kept),
        TEST(s_017_a_client_without_a_secret_has_nothing_to_prove_it),
        TEST(two_secrets_are_alive_until_the_older_ends),
        TEST(a_token_dies_with_its_client_and_its_app),
        TEST(what_another_process_takes_away_is_believed_for_a_second),
        TEST(a_token_is_taken_back_by_its_own_client),
        TEST(a_full_hand_is_refused_until_one_expires),
        TEST(what_is_over_is_forgotten),
        TEST(an_app_has_so_many_clients_and_they_are_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
