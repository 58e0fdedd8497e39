/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target is one function that takes any bytes and asserts a law. With -Dfuzz=true (clang) it
 * becomes a libFuzzer program; in every other build replay.c runs it over its corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <assert.h>
#include <stdint.h>

#include <till/arena.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_ARENA(name)                                                                           \
    __attribute__((cleanup(till_arena_clean_up))) struct till_arena name;                          \
    till_arena_init(&name, 4 << 20)

static inline struct till_str fuzz_input(const uint8_t *bytes, size_t size) {
    return (struct till_str){(const char *)bytes, size};
}

/* The next line of the input (without its end); the last one is the rest. */
static inline struct till_str fuzz_line(struct till_str *input) {
    size_t end = till_str_find(*input, '\n');
    struct till_str line = till_str_sub(*input, 0, end);
    *input = till_str_sub(*input, end + 1, input->len);
    return line;
}

#endif
