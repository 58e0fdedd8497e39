/* SPDX-License-Identifier: Apache-2.0 */
/* S-012: a flood of nonces through the guard's memory and the store. FLOOD in the environment makes
 * it longer: a million is what the case asks for (make soak ARGS=flood). */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <gateway/guard/guard.h>
#include <gateway/store/operations.h>

enum { A_COMMIT = 1000, LOOKED_AT = 2000 };

static int flood_size(void) {
    const char *text = getenv("FLOOD");
    int size = text ? atoi(text) : 100000;
    return size < 2 * A_COMMIT ? 2 * A_COMMIT : size - size % A_COMMIT;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A line of the report; no test looks at the times. */
static void report(const char *who, int size, int known, double since) {
    printf("# S-012 %s: %d nonces remembered, %d of them sent again and every one known, all new "
           "ones refused, in %.1f s\n",
           who, size, known, seconds() - since);
}

static struct nonce_claim claim_of(int number, char text[32]) {
    snprintf(text, 32, "nonce-of-flood-%010d", number);
    return (struct nonce_claim){TILL_STR("key_1"), till_str_of(text), T0 / 1000000};
}

static bool write_some(struct store *store, struct db *db, void *arg, struct till_error *err) {
    char text[32];
    const int *from = arg;
    for (int i = *from; i < *from + A_COMMIT; i++) {
        struct nonce_claim claim = claim_of(i, text);
        if (!nonce_claim_write(store, db, &claim, err))
            return false;
    }
    return true;
}

static bool write_one(struct store *store, struct db *db, void *arg, struct till_error *err) {
    return nonce_claim_write(store, db, arg, err);
}

/* One more is refused for want of room, every old one because it is known; how many were asked. */
static int nothing_is_forgotten_and_nothing_more_is_taken(struct fixture *f, int size) {
    struct till_error err;
    char text[32];
    f->store->nonces_max = size;
    for (int i = size; i < size + 3; i++) {
        struct nonce_claim more = claim_of(i, text);
        assert_refused(store_write(f->store, write_one, &more, &err), OVERLOADED);
        assert_done(store_nonce_check(f->store, &more, &err));
    }
    int asked = 0;
    for (int i = 0; i < size; i += i < LOOKED_AT || i > size - LOOKED_AT ? 1 : 97) {
        struct nonce_claim old = claim_of(i, text);
        assert_refused(store_nonce_check(f->store, &old, &err), NONCE_USED);
        asked++;
    }
    return asked;
}

static void S_012_a_flood_of_nonces_is_remembered_by_the_store(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int size = flood_size();
    double since = seconds();
    f->store->nonces_max = size;
    for (int from = 0; from < size; from += A_COMMIT)
        assert_done(store_write(f->store, write_some, &from, &err));
    int asked = nothing_is_forgotten_and_nothing_more_is_taken(f, size);
    fixture_reopen(f); /* what was committed outlives the process */
    asked += nothing_is_forgotten_and_nothing_more_is_taken(f, size);
    report("store, before and after a restart", size, asked, since);
}

static void S_012_a_flood_of_nonces_is_remembered_by_the_guard(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct nonce_filter *filter;
    char text[32];
    const int64_t now_s = T0 / 1000000;
    int size = flood_size();
    double since = seconds();
    assert_done(nonce_filter_open(f->world, (size_t)size, &filter, &err));
    for (int i = 0; i < size; i++) {
        struct nonce_claim claim = claim_of(i, text);
        assert_done(nonce_filter_take(filter, &claim, now_s, &err));
    }
    struct nonce_claim more = claim_of(size, text);
    assert_refused(nonce_filter_take(filter, &more, now_s, &err), OVERLOADED);
    for (int i = 0; i < size; i++) {
        struct nonce_claim old = claim_of(i, text);
        assert_refused(nonce_filter_take(filter, &old, now_s, &err), NONCE_USED);
    }
    nonce_filter_close(filter);
    report("guard's memory", size, size, since);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(S_012_a_flood_of_nonces_is_remembered_by_the_store,
                                        fixture_inline, fixture_end),
        cmocka_unit_test_setup_teardown(S_012_a_flood_of_nonces_is_remembered_by_the_guard,
                                        fixture_inline, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
