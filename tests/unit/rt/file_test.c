/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <rt/file.h>

struct fixture {
    struct till_arena arena;
    struct till_error err;
    char root[64], path[128];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    till_arena_init(&f->arena, 1 << 20);
    snprintf(f->root, sizeof f->root, "/tmp/till-file-XXXXXX");
    if (!mkdtemp(f->root))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/secret", f->root);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s", f->root);
    int result = system(command);
    till_arena_clean_up(&f->arena);
    free(f);
    return result;
}

static bool write_text(struct fixture *f, const char *text, unsigned mode, bool exclusive) {
    return file_write(till_str_of(f->path), till_str_of(text), mode, exclusive, &f->err);
}

static void what_is_written_is_read_and_has_its_mode(void **state) {
    struct fixture *f = *state;
    struct till_str bytes;
    struct stat st;
    assert_false(file_exists(till_str_of(f->path)));
    assert_true(write_text(f, "one", 0600, true));
    assert_true(file_exists(till_str_of(f->path)));
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(file_read(&f->arena, till_str_of(f->path), 3, &bytes, &f->err));
    assert_true(till_str_is(bytes, "one"));
    assert_true(write_text(f, "", 0640, false));
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(file_read(&f->arena, till_str_of(f->path), 3, &bytes, &f->err));
    assert_int_equal(bytes.len, 0);
}

static void an_exclusive_write_keeps_what_is_there(void **state) {
    struct fixture *f = *state;
    struct till_str bytes;
    char command[160];
    assert_true(write_text(f, "first", 0600, true));
    assert_false(write_text(f, "second", 0600, true));
    assert_int_equal(f->err.code, TILL_E_ALREADY_EXISTS);
    assert_true(file_read(&f->arena, till_str_of(f->path), 100, &bytes, &f->err));
    assert_true(till_str_is(bytes, "first"));
    /* no temporary file stays behind */
    snprintf(command, sizeof command, "test $(ls %s | wc -l) = 1", f->root);
    assert_int_equal(system(command), 0);
}

static void limits_and_missing_files_are_errors_that_name_the_file(void **state) {
    struct fixture *f = *state;
    struct till_str bytes;
    assert_false(file_read(&f->arena, till_str_of(f->path), 10, &bytes, &f->err));
    assert_int_equal(f->err.code, TILL_E_NOT_FOUND);
    assert_non_null(strstr(f->err.text, f->path));
    assert_true(write_text(f, "12345678901", 0600, false));
    assert_false(file_read(&f->arena, till_str_of(f->path), 10, &bytes, &f->err));
    assert_int_equal(f->err.code, TILL_E_FILE_FAILED);
    assert_false(file_read(&f->arena, till_str_of(f->root), 10, &bytes, &f->err));
    assert_int_equal(f->err.code, TILL_E_FILE_FAILED);
    assert_false(file_read(&f->arena, (struct till_str){"a\0b", 3}, 10, &bytes, &f->err));
    assert_false(file_read(&f->arena, TILL_STR_NONE, 10, &bytes, &f->err));
    assert_true(file_read(&f->arena, TILL_STR("/proc/self/status"), 65536, &bytes, &f->err));
    assert_true(bytes.len > 100);
}

static void s_131_a_secret_that_others_may_read_is_refused_by_its_setting(void **state) {
    struct fixture *f = *state;
    struct till_str bytes;
    static const unsigned BAD[] = {0644, 0640, 0604, 0660, 0601, 0620};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_true(write_text(f, "canary-value", BAD[i], false));
        assert_false(file_read_secret(&f->arena, till_str_of(f->path), 100, "store.master_key_file",
                                      &bytes, &f->err));
        assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
        assert_string_equal(f->err.field, "store.master_key_file");
        assert_non_null(strstr(f->err.text, "store.master_key_file"));
        assert_non_null(strstr(f->err.text, "chmod 600"));
        assert_null(strstr(f->err.text, "canary"));
    }
    assert_true(write_text(f, "canary-value", 0600, false));
    assert_true(file_read_secret(&f->arena, till_str_of(f->path), 100, "s", &bytes, &f->err));
    assert_true(till_str_is(bytes, "canary-value"));
    assert_true(write_text(f, "x", 0400, false));
    assert_true(file_read_secret(&f->arena, till_str_of(f->path), 100, "s", &bytes, &f->err));
    unlink(f->path);
    assert_false(file_read_secret(&f->arena, till_str_of(f->path), 100, "s", &bytes, &f->err));
    assert_string_equal(f->err.field, "s");
}

static void directories_are_made_with_their_parents(void **state) {
    struct fixture *f = *state;
    char deep[128];
    struct stat st;
    snprintf(deep, sizeof deep, "%s/a/b/c", f->root);
    assert_true(file_make_directory(till_str_of(deep), 0700, &f->err));
    assert_true(file_make_directory(till_str_of(deep), 0700, &f->err));
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(write_text(f, "x", 0600, false));
    assert_false(file_make_directory(till_str_of(f->path), 0700, &f->err));
    assert_false(file_write(TILL_STR("/nowhere/x"), TILL_STR("x"), 0600, false, &f->err));
    assert_int_equal(f->err.code, TILL_E_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(what_is_written_is_read_and_has_its_mode),
        T(an_exclusive_write_keeps_what_is_there),
        T(limits_and_missing_files_are_errors_that_name_the_file),
        T(s_131_a_secret_that_others_may_read_is_refused_by_its_setting),
        T(directories_are_made_with_their_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
