/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/base_test.h"

static void memory_is_zeroed_aligned_and_apart(void **state) {
    (void)state;
    ARENA(arena);
    unsigned char *last = NULL;
    for (size_t size = 0; size < 3000; size += 37) {
        unsigned char *bytes = till_arena_alloc(&arena, size);
        assert_non_null(bytes);
        assert_ptr_not_equal(bytes, last);
        assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, size);
        last = bytes;
    }
    assert_false(arena.full);
}

static void the_cap_refuses_and_is_no_crash(void **state) {
    (void)state;
    struct till_error err;
    struct till_arena arena = arena_of(64);
    struct till_str copy = TILL_STR("untouched");
    assert_non_null(till_arena_alloc(&arena, 48));
    assert_null(till_arena_alloc(&arena, 17));
    assert_true(arena.full);
    must_refuse(ARENA_FULL, till_arena_copy(&arena, TILL_STR("0123456789abcdef"), &copy, &err));
    assert_str(copy, "untouched");
    assert_non_null(till_arena_alloc(&arena, 16));
    assert_null(till_arena_alloc(&arena, 0));
    till_arena_clean_up(&arena);
    assert_false(arena.full);
    assert_int_equal(arena.used, 0);
    assert_non_null(till_arena_alloc(&arena, 64));
    till_arena_clean_up(&arena);
}

static void sizes_that_wrap_are_refused(void **state) {
    (void)state;
    struct till_error err;
    struct till_str out;
    struct till_arena arena = arena_of(SIZE_MAX);
    assert_null(till_arena_alloc(&arena, SIZE_MAX));
    assert_null(till_arena_alloc(&arena, SIZE_MAX - 8));
    assert_true(arena.full);
    arena.full = false;
    assert_null(till_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_true(arena.full);
    assert_non_null(till_arena_array(&arena, 3, 5));
    must_refuse(ARENA_FULL, till_arena_copy(&arena, (struct till_str){"x", SIZE_MAX}, &out, &err));
    till_arena_clean_up(&arena);
}

static void copies_end_with_an_uncounted_nul(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str copy;
    const char *text = NULL;
    must(till_arena_copy(&arena, TILL_STR("a\0b"), &copy, &err));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b", 4);
    must(till_arena_copy(&arena, TILL_STR_NONE, &copy, &err));
    assert_int_equal(copy.len, 0);
    assert_int_equal(copy.ptr[0], 0);
    must(till_arena_cstr(&arena, TILL_STR("abc"), &text, &err));
    assert_string_equal(text, "abc");
    must_refuse(TEXT_INVALID, till_arena_cstr(&arena, TILL_STR("a\0b"), &text, &err));
    assert_string_equal(text, "abc");
    must(till_arena_format(&arena, &copy, &err, "%d-%s", 42, "x"));
    assert_str(copy, "42-x");
}

static void a_buf_grows_where_it_lies_or_moves(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_buf buf;
    struct till_str text;
    till_buf_init(&buf, &arena);
    for (int i = 0; i < 5000; i++) {
        till_buf_format(&buf, "%04d", i);
        if (i % 1000 == 0)
            assert_non_null(till_arena_alloc(&arena, 24)); /* something behind it: it must move */
    }
    till_buf_text(&buf, "end");
    till_buf_char(&buf, '.');
    till_buf_add(&buf, TILL_STR_NONE);
    must(till_buf_finish(&buf, &text, &err));
    assert_int_equal(text.len, 20004);
    assert_memory_equal(text.ptr, "000000010002", 12);
    assert_memory_equal(text.ptr + 19996, "4999end.", 9);
}

static void growing_in_place_takes_no_second_copy(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_buf buf;
    struct till_str text;
    till_buf_init(&buf, &arena);
    for (int i = 0; i < 1000; i++)
        till_buf_char(&buf, 'x');
    must(till_buf_finish(&buf, &text, &err));
    assert_int_equal(arena.used, 1024);
}

static void an_empty_buf_is_an_empty_text(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_buf buf;
    struct till_str text = TILL_STR("x");
    till_buf_init(&buf, &arena);
    must(till_buf_finish(&buf, &text, &err));
    assert_int_equal(text.len, 0);
    assert_int_equal(text.ptr[0], '\0');
}

static void a_failed_append_is_remembered(void **state) {
    (void)state;
    struct till_error err;
    struct till_buf buf;
    struct till_str text = TILL_STR("untouched");
    struct till_arena arena = arena_of(256);
    char large[512];
    memset(large, 'x', sizeof large);
    till_buf_init(&buf, &arena);
    till_buf_text(&buf, "short");
    till_buf_add(&buf, (struct till_str){large, sizeof large});
    till_buf_text(&buf, "short");
    till_buf_format(&buf, "%d", 1);
    assert_true(buf.failed);
    must_refuse(ARENA_FULL, till_buf_finish(&buf, &text, &err));
    assert_str(text, "untouched");
    till_buf_init(&buf, &arena);
    till_buf_char(&buf, 'x');
    till_buf_add(&buf, (struct till_str){large, SIZE_MAX}); /* wraps: refused before it is read */
    must_refuse(ARENA_FULL, till_buf_finish(&buf, &text, &err));
    till_buf_init(&buf, &arena);
    till_buf_add(&buf, (struct till_str){large, SIZE_MAX - 1});
    must_refuse(ARENA_FULL, till_buf_finish(&buf, &text, &err));
    till_arena_clean_up(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(the_cap_refuses_and_is_no_crash),
        cmocka_unit_test(sizes_that_wrap_are_refused),
        cmocka_unit_test(copies_end_with_an_uncounted_nul),
        cmocka_unit_test(a_buf_grows_where_it_lies_or_moves),
        cmocka_unit_test(growing_in_place_takes_no_second_copy),
        cmocka_unit_test(an_empty_buf_is_an_empty_text),
        cmocka_unit_test(a_failed_append_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
