/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of lib/base and lib/crypto share: cmocka, an arena of a test's own, and checks
 * that name the error code. A refusal is only right when it is refused for the right reason.
 */
#ifndef TESTS_UNIT_BASE_BASE_TEST_H
#define TESTS_UNIT_BASE_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <till/arena.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An arena that dies with its scope. */
static inline struct till_arena arena_of(size_t cap) {
    struct till_arena arena;
    till_arena_init(&arena, cap);
    return arena;
}
#define ARENA(name)                                                                                \
    __attribute__((cleanup(till_arena_clean_up))) struct till_arena name = arena_of(1 << 20)

/* The call succeeds; else its error is shown. */
#define must(call)                                                                                 \
    do {                                                                                           \
        err.code = TILL_OK;                                                                        \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

/* The call is refused, with this code. */
#define must_refuse(name, call)                                                                    \
    do {                                                                                           \
        err.code = TILL_OK;                                                                        \
        assert_false(call);                                                                        \
        if (err.code != TILL_E_##name)                                                             \
            fail_msg("%s: wanted " #name ", got %s: %s", #call, till_code_slug(err.code),          \
                     err.text);                                                                    \
    } while (0)

#define assert_str(s, text) assert_str_equal((s), till_str_of(text))
static inline void assert_str_equal(struct till_str got, struct till_str wanted) {
    if (!till_str_equal(got, wanted))
        fail_msg("got \"%.*s\", wanted \"%.*s\"", TILL_STR_ARG(got), TILL_STR_ARG(wanted));
}

#endif
