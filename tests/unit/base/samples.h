/* SPDX-License-Identifier: Apache-2.0 */
/* Files below tests/vectors/data, read whole into an arena. */
#ifndef TESTS_UNIT_BASE_SAMPLES_H
#define TESTS_UNIT_BASE_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/base/base_test.h"

static inline struct till_str sample_file(struct till_arena *arena, const char *path) {
    struct till_error err;
    struct till_str full;
    const char *root = getenv("TILL_SOURCE_ROOT");
    must(
        till_arena_format(arena, &full, &err, "%s/tests/vectors/data/%s", root ? root : ".", path));
    FILE *file = fopen(full.ptr, "rb");
    if (!file)
        fail_msg("cannot open %s; set TILL_SOURCE_ROOT", full.ptr);
    char *bytes = till_arena_alloc(arena, 65536);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, 65536, file);
    fclose(file);
    assert_in_range(len, 1, 65535);
    return (struct till_str){bytes, len};
}

/* The same file without the line end behind it. */
static inline struct till_str sample_line(struct till_arena *arena, const char *path) {
    return till_str_trim(sample_file(arena, path));
}

#endif
