/* SPDX-License-Identifier: Apache-2.0 */
/* A file of lines: only grows, up to its limit, for its owner; lines of many threads stay whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rt/tape.h>

static char path[64];

static int open_path(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/till-tape-%d", (int)getpid());
    unlink(path);
    return 0;
}

static int close_path(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static struct tape *start(int64_t max) {
    struct tape *tape;
    struct till_error err;
    if (!tape_open(till_str_of(path), max, &tape, &err))
        fail_msg("%s", err.text);
    return tape;
}

static void holds(const char *wanted) {
    char text[256] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    assert_string_equal(text, wanted);
}

static void lines_are_added_behind_what_is_there(void **state) {
    struct till_error err;
    struct stat status;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tape *tape = start(1000);
        assert_int_equal(tape_size(tape), i * 8);
        assert_true(tape_add(tape, TILL_STR("one"), &err));
        assert_true(tape_add(tape, TILL_STR("two"), &err));
        tape_close(tape);
    }
    holds("one\ntwo\none\ntwo\n");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    tape_close(NULL);
}

static void the_limit_is_exact_and_final(void **state) {
    struct till_error err;
    (void)state;
    struct tape *tape = start(8);
    assert_true(tape_add(tape, TILL_STR("one"), &err));
    assert_true(tape_add(tape, TILL_STR("two"), &err));
    assert_false(tape_add(tape, TILL_STR_NONE, &err));
    assert_int_equal(err.code, TILL_E_BODY_TOO_LARGE);
    tape_close(tape);
    holds("one\ntwo\n");
    tape = start(12);
    assert_false(tape_add(tape, TILL_STR("four"), &err));
    assert_false(tape_add(tape, TILL_STR("six"), &err)); /* no hole in what was told */
    tape_close(tape);
    holds("one\ntwo\n");
}

static void a_file_for_others_a_folder_and_no_path_are_refused(void **state) {
    struct till_error err;
    struct tape *tape;
    (void)state;
    tape_close(start(100));
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(tape_open(till_str_of(path), 100, &tape, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_false(tape_open(TILL_STR("/tmp"), 100, &tape, &err));
    assert_false(tape_open(TILL_STR("/dev/null"), 100, &tape, &err));
    assert_non_null(strstr(err.text, "not a plain file"));
    assert_false(tape_open(TILL_STR_NONE, 100, &tape, &err));
    assert_false(tape_open(TILL_STR("/tmp\0x"), 100, &tape, &err));
}

enum { WRITERS = 4, LINES = 500 };

static void *write_lines(void *arg) {
    struct till_error err;
    for (int i = 0; i < LINES; i++)
        assert_true(tape_add(arg, TILL_STR("0123456789abcdef"), &err));
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state) {
    pthread_t threads[WRITERS];
    char line[64];
    int count = 0;
    (void)state;
    struct tape *tape = start(1 << 20);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, tape), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(tape_size(tape), WRITERS * LINES * 17);
    tape_close(tape);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        assert_string_equal(line, "0123456789abcdef\n");
        count++;
    }
    fclose(file);
    assert_int_equal(count, WRITERS * LINES);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_path, close_path)
    const struct CMUnitTest tests[] = {
        TEST(lines_are_added_behind_what_is_there),
        TEST(the_limit_is_exact_and_final),
        TEST(a_file_for_others_a_folder_and_no_path_are_refused),
        TEST(lines_of_many_threads_stay_whole),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
