/* SPDX-License-Identifier: Apache-2.0 */
/* What stands before tokens: scopes against the routes, and failures counted by who failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <gateway/api/routes.h>
#include <gateway/guard/scopes.h>
#include <gateway/guard/throttle.h>
#include <world_inline.h>

#define SECOND INT64_C(1000000)

/* ---- scopes ---- */

static bool is_used(const char *scope) {
    for (size_t i = 0; i < routes_public.count; i++)
        if (routes_public.rows[i].scope && strcmp(routes_public.rows[i].scope, scope) == 0)
            return true;
    return false;
}

static void every_scope_opens_a_route_and_every_merchants_route_has_one(void **state) {
    (void)state;
    char text[2048] = "";
    for (size_t i = 0; scope_name(i); i++) {
        if (!is_used(scope_name(i)))
            fail_msg("no route wants the scope %s", scope_name(i));
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", scope_name(i));
    }
    struct till_str all = till_str_of(text);
    for (size_t i = 0; i < routes_public.count; i++) {
        const struct route *route = &routes_public.rows[i];
        bool of_apps = route->need == NEED_APP || route->need == NEED_APP_WITH_EFFECT;
        if (of_apps != (route->scope != NULL))
            fail_msg("%s: %s", route->name, of_apps ? "no scope" : "a scope that nobody asks for");
        if (route->scope && !scopes_have(all, till_str_of(route->scope)))
            fail_msg("%s wants %s, which scopes.def does not know", route->name, route->scope);
    }
    for (size_t i = 0; i < routes_private.count; i++)
        assert_null(routes_private.rows[i].scope);
    for (size_t i = 0; i < routes_admin.count; i++)
        assert_null(routes_admin.rows[i].scope);
}

static void what_changes_something_wants_a_scope_to_write(void **state) {
    (void)state;
    for (size_t i = 0; i < routes_public.count; i++) {
        const struct route *route = &routes_public.rows[i];
        if (!route->scope)
            continue;
        bool writes = strstr(route->scope, ":write") != NULL;
        if (writes == (strcmp(route->method, "GET") == 0))
            fail_msg("%s %s under %s", route->method, route->pattern, route->scope);
    }
}

static struct till_str read_list(struct till_arena *arena, const char *text) {
    struct till_str list;
    struct till_error err;
    assert_true(scopes_read(arena, till_str_of(text), &list, &err));
    return list;
}

static void a_list_is_put_in_order_without_repeats(void **state) {
    (void)state;
    struct till_arena arena;
    till_arena_init(&arena, 4096);
    assert_true(till_str_is(read_list(&arena, "payments:read"), "payments:read"));
    assert_true(till_str_is(read_list(&arena, "  refunds:read payments:write  payments:read "),
                            "payments:read payments:write refunds:read"));
    assert_true(till_str_is(read_list(&arena, "payments:read payments:read"), "payments:read"));
    till_arena_clean_up(&arena);
}

static void a_list_with_a_strange_name_is_refused(void **state) {
    (void)state;
    static const char *const BAD[] = {"",
                                      " ",
                                      "payments",
                                      "payments:",
                                      "Payments:read",
                                      "payments:read,payments:write",
                                      "payments:reader",
                                      "payments:read\tpayments:write",
                                      "merchant",
                                      "payments:read root"};
    struct till_arena arena;
    struct till_str list;
    struct till_error err;
    till_arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_false(scopes_read(&arena, till_str_of(BAD[i]), &list, &err));
        assert_int_equal(err.code, TILL_E_FIELD_INVALID);
    }
    till_arena_clean_up(&arena);
}

static void a_token_has_a_part_of_what_its_client_has(void **state) {
    (void)state;
    struct till_str granted = TILL_STR("payments:read payments:write"), list;
    struct till_arena arena;
    struct till_error err;
    till_arena_init(&arena, 4096);
    assert_true(scopes_choose(&arena, TILL_STR_NONE, granted, &list, &err));
    assert_true(till_str_equal(list, granted));
    assert_true(scopes_choose(&arena, TILL_STR("payments:write"), granted, &list, &err));
    assert_true(till_str_is(list, "payments:write"));
    static const char *const BAD[] = {"refunds:write", "payments:read refunds:read", "payments:rea",
                                      "ayments:read"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_false(scopes_choose(&arena, till_str_of(BAD[i]), granted, &list, &err));
        assert_int_equal(err.code, TILL_E_SCOPE_INVALID);
    }
    till_arena_clean_up(&arena);
}

static void a_scope_is_a_whole_word(void **state) {
    (void)state;
    struct till_str list = TILL_STR("payments:read payments:write");
    assert_true(scopes_have(list, TILL_STR("payments:read")));
    assert_true(scopes_have(list, TILL_STR("payments:write")));
    assert_false(scopes_have(list, TILL_STR("payments:rea")));
    assert_false(scopes_have(list, TILL_STR("read")));
    assert_false(scopes_have(list, TILL_STR("payments:read payments:write")));
    assert_false(scopes_have(TILL_STR_NONE, TILL_STR("payments:read")));
    assert_false(scopes_have(list, TILL_STR_NONE));
}

/* ---- throttle ---- */

struct scene {
    struct world *world;
    struct throttle *throttle;
};

static struct scene open_scene(uint64_t seed) {
    struct till_error err;
    struct scene scene = {.world = world_inline_open(seed, INT64_C(1767225600000000))};
    assert_true(throttle_open(scene.world, &scene.throttle, &err));
    return scene;
}

static void close_scene(struct scene *scene) {
    throttle_close(scene->throttle);
    world_inline_close(scene->world);
}

static struct throttle_key key(const struct scene *scene, const char *a, const char *b) {
    return throttle_key(scene->throttle, "pair", till_str_of(a), till_str_of(b));
}

static void misses(const struct scene *scene, const struct throttle_key *who, int times) {
    for (int i = 0; i < times; i++)
        (void)throttle_count(scene->throttle, who, 10);
}

static void who_fails_waits_for_the_end_of_the_minute(void **state) {
    (void)state;
    struct scene s = open_scene(1);
    struct throttle_key who = key(&s, "cli_1", "127.0.0.1"), other = key(&s, "cli_2", "127.0.0.1");
    assert_int_equal(throttle_wait_us(s.throttle, &who, 1), 0);
    misses(&s, &who, 9);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 10), 0);
    world_inline_advance(s.world, 20 * SECOND);
    misses(&s, &who, 1);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 10), 40 * SECOND);
    assert_int_equal(throttle_wait_us(s.throttle, &other, 10), 0);
    /* More failures make it no longer, and a step of the wall clock no shorter. */
    misses(&s, &who, 1000);
    world_inline_jump_wall(s.world, 3600 * SECOND);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 10), 40 * SECOND);
    world_inline_advance(s.world, 40 * SECOND - 1);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 10), 1);
    world_inline_advance(s.world, 1);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 1), 0);
    misses(&s, &who, 1);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 2), 0); /* from the beginning */
    close_scene(&s);
}

/* Whoever was judged before the others were counted: as many hear 0 as may, in the one step that
 * counts them. */
static void s_020_a_failure_is_told_where_it_stands_as_it_is_counted(void **state) {
    (void)state;
    struct scene s = open_scene(4);
    struct throttle_key who = key(&s, "cli_1", "127.0.0.1");
    for (int i = 0; i < 200; i++)
        assert_int_equal(throttle_count(s.throttle, &who, 10), i < 10 ? 0 : 60 * SECOND);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 200), 60 * SECOND);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 201), 0);
    close_scene(&s);
}

static void who_is_who_does_not_blur(void **state) {
    (void)state;
    struct scene s = open_scene(2), elsewhere = open_scene(3);
    struct throttle_key keys[] = {
        key(&s, "ab", "c"),
        key(&s, "a", "bc"),
        key(&s, "abc", ""),
        key(&s, "", "abc"),
        throttle_key(s.throttle, "client", TILL_STR("abc"), TILL_STR_NONE),
        key(&elsewhere, "ab", "c"),
    };
    size_t count = sizeof keys / sizeof keys[0];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i].bytes, keys[j].bytes, sizeof keys[i].bytes);
    struct throttle_key again = key(&s, "ab", "c");
    assert_memory_equal(keys[0].bytes, again.bytes, sizeof again.bytes);
    close_scene(&s);
    close_scene(&elsewhere);
}

/* S-020: who invents names takes no memory, and does not push out the one who fails most. */
static void s_020_a_hundred_thousand_names_do_not_free_who_failed_most(void **state) {
    (void)state;
    enum { NAMES = 100000 };
    struct scene s = open_scene(4);
    struct throttle_key who = key(&s, "cli_1", "127.0.0.1");
    misses(&s, &who, 10);
    char name[32];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "name-%d", i);
        struct throttle_key one = key(&s, name, "127.0.0.9");
        misses(&s, &one, 1);
    }
    assert_int_equal(throttle_wait_us(s.throttle, &who, 10), 60 * SECOND);
    world_inline_advance(s.world, 60 * SECOND);
    assert_int_equal(throttle_wait_us(s.throttle, &who, 1), 0);
    close_scene(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scope_opens_a_route_and_every_merchants_route_has_one),
        cmocka_unit_test(what_changes_something_wants_a_scope_to_write),
        cmocka_unit_test(a_list_is_put_in_order_without_repeats),
        cmocka_unit_test(a_list_with_a_strange_name_is_refused),
        cmocka_unit_test(a_token_has_a_part_of_what_its_client_has),
        cmocka_unit_test(a_scope_is_a_whole_word),
        cmocka_unit_test(who_fails_waits_for_the_end_of_the_minute),
        cmocka_unit_test(s_020_a_failure_is_told_where_it_stands_as_it_is_counted),
        cmocka_unit_test(who_is_who_does_not_blur),
        cmocka_unit_test(s_020_a_hundred_thousand_names_do_not_free_who_failed_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
