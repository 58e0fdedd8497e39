/* SPDX-License-Identifier: Apache-2.0 */
/* Archives from strangers: whole ones unpack, everything else is refused before or while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rt/unzip.h>

#include "tests/support/zip_text.h"

static const struct unzip_limits limits = {.archive_max = 1 << 20,
                                           .entries_max = 4,
                                           .entry_max = 8 << 20,
                                           .total_max = 9 << 20,
                                           .ratio_max = 200};

struct bench {
    struct till_arena arena;
    struct zip_text zip;
    struct till_error err;
};

static int begin(void **state) {
    static struct bench bench;
    till_arena_init(&bench.arena, 64 << 20);
    zip_begin(&bench.zip, &bench.arena);
    *state = &bench;
    return 0;
}

static int end(void **state) {
    struct bench *b = *state;
    till_arena_clean_up(&b->arena);
    return 0;
}

static void add(struct bench *b, const char *name, const char *content, struct zip_lie lie) {
    zip_add(&b->zip, till_str_of(name), till_str_of(content), lie);
}

/* All entries, to their ends. */
static bool unpack(struct bench *b, struct till_str archive) {
    struct unzip *unzip = NULL;
    struct till_str bytes = TILL_STR_NONE;
    if (!unzip_open(archive, &limits, &unzip, &b->err)) {
        assert_null(unzip);
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < unzip_count(unzip); i++) {
        int64_t len = 0;
        good = unzip_begin(unzip, i, &b->err);
        do {
            good = good && unzip_next(unzip, &bytes, &b->err);
            len += good ? (int64_t)bytes.len : 0;
        } while (good && bytes.len);
        if (good)
            assert_int_equal(len, unzip_size(unzip, i));
    }
    unzip_close(unzip);
    return good;
}

static void refused(struct bench *b, const char *words) {
    assert_false(unpack(b, zip_end(&b->zip)));
    assert_int_equal(b->err.code, TILL_E_ARCHIVE_INVALID);
    if (!strstr(b->err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", b->err.text, words);
}

static void a_whole_archive_gives_its_files(void **state) {
    struct bench *b = *state;
    struct unzip *unzip = NULL;
    struct till_str bytes = TILL_STR_NONE;
    add(b, "\xd2\xb5\xce\xf1.csv", "one,two", (struct zip_lie){0}); /* GBK, not flagged */
    add(b, "b.csv", "",
        (struct zip_lie){.stored = true, .system = 3, .attributes = 0100644u << 16});
    assert_true(unzip_open(zip_end(&b->zip), &limits, &unzip, &b->err));
    assert_int_equal(unzip_count(unzip), 2);
    assert_true(till_str_is(unzip_name(unzip, 0), "\xd2\xb5\xce\xf1.csv"));
    for (int again = 0; again < 2; again++) {
        assert_true(unzip_begin(unzip, 0, &b->err) && unzip_next(unzip, &bytes, &b->err));
        assert_true(till_str_is(bytes, "one,two"));
        assert_true(unzip_next(unzip, &bytes, &b->err));
        assert_int_equal(bytes.len, 0);
    }
    assert_true(unzip_begin(unzip, 1, &b->err) && unzip_next(unzip, &bytes, &b->err));
    assert_int_equal(bytes.len, 0);
    unzip_close(unzip);
    unzip_close(NULL);
}

static void s_126_names_that_lead_elsewhere_are_refused(void **state) {
    struct bench *b = *state;
    static const char *const names[] = {"../../../../etc/cron.d/x",
                                        "/etc/passwd",
                                        "a/b.csv",
                                        "..\\x",
                                        "C:x.csv",
                                        ".",
                                        "..",
                                        "x\n.csv",
                                        "x\x7f",
                                        ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        zip_begin(&b->zip, &b->arena);
        add(b, "good.csv", "x", (struct zip_lie){0});
        add(b, names[i], "x", (struct zip_lie){0});
        refused(b, "no plain file name");
    }
    zip_begin(&b->zip, &b->arena);
    zip_add(&b->zip, (struct till_str){"a.csv\0/../x", 11}, TILL_STR("x"), (struct zip_lie){0});
    refused(b, "NUL");
    zip_begin(&b->zip, &b->arena);
    char long_name[300];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[299] = '\0';
    add(b, long_name, "x", (struct zip_lie){0});
    refused(b, "no plain file name");
}

static void links_folders_and_twins_are_refused(void **state) {
    struct bench *b = *state;
    add(b, "link.csv", "/etc/passwd", (struct zip_lie){.system = 3, .attributes = 0120777u << 16});
    refused(b, "link or another special file");
    zip_begin(&b->zip, &b->arena);
    add(b, "folder/", "", (struct zip_lie){.stored = true});
    refused(b, "no plain file name");
    zip_begin(&b->zip, &b->arena);
    add(b, "a.csv", "x", (struct zip_lie){0});
    add(b, "a.csv", "y", (struct zip_lie){0});
    refused(b, "archive"); /* this libzip finds it itself */
    zip_begin(&b->zip, &b->arena);
    refused(b, "holds 0 files");
    zip_begin(&b->zip, &b->arena);
    for (int i = 0; i < 5; i++)
        add(b, (char[]){(char)('a' + i), '\0'}, "x", (struct zip_lie){0});
    refused(b, "holds 5 files");
}

static void s_127_what_would_grow_too_large_is_refused(void **state) {
    struct bench *b = *state;
    char *zeros = till_arena_alloc(&b->arena, 9 << 20);
    struct till_str big = {zeros, 8 << 20};
    assert_non_null(zeros);
    add(b, "a.csv", "small", (struct zip_lie){.size = UINT32_MAX - 1});
    refused(b, "more than its limit");
    zip_begin(&b->zip, &b->arena);
    zip_add(&b->zip, TILL_STR("a.csv"), big, (struct zip_lie){0});
    refused(b, "grow more than 200 times");
    /* It declares little and unpacks to much. */
    zip_begin(&b->zip, &b->arena);
    zip_add(&b->zip, TILL_STR("a.csv"), big, (struct zip_lie){.size = 100});
    refused(b, "damaged");
    zip_begin(&b->zip, &b->arena);
    for (int i = 0; i < 1 << 20; i++)
        zeros[i] = (char)(i * 7 % 251 ^ i >> 9);
    zip_add(&b->zip, TILL_STR("a.csv"), (struct till_str){zeros, 1 << 20}, (struct zip_lie){0});
    assert_true(unpack(b, zip_end(&b->zip)));
}

static void methods_and_encryption_are_refused(void **state) {
    struct bench *b = *state;
    add(b, "a.csv", "x", (struct zip_lie){.flags = 1});
    refused(b, "encrypted");
    zip_begin(&b->zip, &b->arena);
    add(b, "a.csv", "x", (struct zip_lie){.method = 12});
    refused(b, "other than deflate");
}

static void damage_is_seen(void **state) {
    struct bench *b = *state;
    add(b, "a.csv", "hello hello hello", (struct zip_lie){.checksum_flip = 1});
    refused(b, "damaged");
    zip_begin(&b->zip, &b->arena);
    add(b, "a.csv", "hello hello hello", (struct zip_lie){.size = 99});
    refused(b, "damaged");
    assert_false(unpack(b, TILL_STR("PK\3\4 and then nothing")));
    assert_int_equal(b->err.code, TILL_E_ARCHIVE_INVALID);
    assert_false(unpack(b, TILL_STR_NONE));
    assert_int_equal(b->err.code, TILL_E_ARCHIVE_INVALID);
    struct till_str huge = {till_arena_alloc(&b->arena, (1 << 20) + 1), (1 << 20) + 1};
    assert_false(unpack(b, huge));
    assert_non_null(strstr(b->err.text, "1 to 1048576"));
}

static void an_archive_cut_anywhere_is_refused(void **state) {
    struct bench *b = *state;
    add(b, "a.csv", "hello hello hello", (struct zip_lie){0});
    struct till_str whole = zip_end(&b->zip);
    for (size_t len = 0; len < whole.len; len++)
        if (unpack(b, till_str_sub(whole, 0, len)))
            fail_msg("%zu of %zu bytes passed", len, whole.len);
    assert_true(unpack(b, whole));
}

/* No turned bit of the content, or of what decides about it, goes unseen. */
static void a_turned_bit_never_changes_the_content(void **state) {
    struct bench *b = *state;
    add(b, "a.csv", "hello hello hello", (struct zip_lie){0});
    struct till_str whole = zip_end(&b->zip);
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        struct till_str copy, bytes = TILL_STR_NONE;
        struct unzip *unzip = NULL;
        struct till_arena arena;
        till_arena_init(&arena, 1 << 20);
        assert_true(till_arena_copy(&arena, whole, &copy, &b->err));
        ((char *)(uintptr_t)copy.ptr)[bit / 8] ^= (char)(1 << bit % 8);
        /* The first chunk is all of it; only the end says that it is true. */
        bool good = unzip_open(copy, &limits, &unzip, &b->err) && unzip_begin(unzip, 0, &b->err) &&
                    unzip_next(unzip, &bytes, &b->err);
        bool is_true = good && till_str_is(bytes, "hello hello hello");
        if (good && unzip_next(unzip, &bytes, &b->err))
            assert_true(is_true && bytes.len == 0);
        unzip_close(unzip);
        till_arena_clean_up(&arena);
    }
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_whole_archive_gives_its_files),
        SENTENCE(s_126_names_that_lead_elsewhere_are_refused),
        SENTENCE(links_folders_and_twins_are_refused),
        SENTENCE(s_127_what_would_grow_too_large_is_refused),
        SENTENCE(methods_and_encryption_are_refused),
        SENTENCE(damage_is_seen),
        SENTENCE(an_archive_cut_anywhere_is_refused),
        SENTENCE(a_turned_bit_never_changes_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
