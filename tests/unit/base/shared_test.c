/* SPDX-License-Identifier: Apache-2.0 */
/* One key, many threads, all of them first: what headers call shareable is shared
 * here (for TSan). */
#include <pthread.h>

#include <till/key.h>
#include <till/webhook.h>

#include "tests/unit/base/base_test.h"
#include "tests/unit/base/key_samples.h"

enum { THREADS = 8, ROUNDS = 40 };

static struct till_key *whole, *half;
static pthread_barrier_t start;

static bool work(struct till_error *err) {
    static const uint8_t key[TILL_SEAL_KEY_SIZE] = {1}, nonce[TILL_SEAL_NONCE_SIZE] = {2};
    struct till_arena arena;
    struct till_str text, sealed;
    uint8_t mac[TILL_SHA256_SIZE];
    till_arena_init(&arena, 65536);
    bool good = till_hmac_sha256(TILL_STR("key"), TILL_STR("text"), mac, err) &&
                till_seal(&arena, key, nonce, TILL_STR("a"), TILL_STR("b"), &sealed, err) &&
                till_open_seal(&arena, key, TILL_STR("a"), sealed, &text, err) &&
                till_key_sign(&arena, whole, TILL_RSA_SHA256, TILL_STR("text"), &text, err) &&
                till_key_verify(half, TILL_RSA_SHA256, TILL_STR("text"), text, err) &&
                till_key_sign(&arena, whole, TILL_RSA_SHA1, TILL_STR("text"), &text, err) &&
                till_key_verify(half, TILL_RSA_SHA1, TILL_STR("text"), text, err);
    till_arena_clean_up(&arena);
    return good;
}

static void *run(void *ret_failures) {
    struct till_error err;
    pthread_barrier_wait(&start);
    for (int i = 0; i < ROUNDS; i++)
        *(int *)ret_failures += !work(&err);
    return NULL;
}

static void one_key_serves_many_threads(void **state) {
    (void)state;
    struct till_error err;
    pthread_t threads[THREADS];
    int failures[THREADS] = {0};
    must(till_key_parse_private(TILL_STR(sample_private), &whole, &err));
    must(till_key_parse_public(TILL_STR(sample_public), &half, &err));
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &failures[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(failures[i], 0);
    }
    pthread_barrier_destroy(&start);
    till_key_free(whole);
    till_key_free(half);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_key_serves_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
