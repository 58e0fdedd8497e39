/* SPDX-License-Identifier: Apache-2.0 */
/* GBK and back: every two-byte code, and what is not GBK. */
#include "fixture.h"

#include "lib/channel/gbk.h"

static void known_characters_go_both_ways(void **state) {
    static const struct {
        const char *utf8, *gbk;
    } rows[] = {{"", ""},
                {"abc 1", "abc 1"},
                {"支付宝", "\xd6\xa7\xb8\xb6\xb1\xa6"},
                {"中文abc", "\xd6\xd0\xce\xc4"
                            "abc"},
                {"¤", "\xa1\xe8"}, /* two bytes of UTF-8 */
                {"啊", "\xb0\xa1"},
                {"丂", "\x81\x40"}}; /* the first cell */
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str text;
        assert_true(gbk_to_utf8(&f->arena, till_str_of(rows[i].gbk), &text, &f->err));
        assert_true(till_str_is(text, rows[i].utf8));
        assert_true(gbk_from_utf8(&f->arena, till_str_of(rows[i].utf8), &text, &f->err));
        assert_true(till_str_is(text, rows[i].gbk));
    }
}

static void every_pair_is_valid_utf8_and_comes_back_or_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    size_t characters = 0;
    for (unsigned lead = 0x80; lead <= 0xff; lead++) {
        for (unsigned trail = 0; trail <= 0xff; trail++) {
            char pair[2] = {(char)lead, (char)trail};
            struct till_arena arena;
            struct till_str utf8, back;
            till_arena_init(&arena, 4096);
            if (gbk_to_utf8(&arena, (struct till_str){pair, 2}, &utf8, &f->err)) {
                characters++;
                assert_true(till_str_is_utf8(utf8));
                if (trail % 16 == 0) { /* the way back searches: a part of them will do */
                    assert_true(gbk_from_utf8(&arena, utf8, &back, &f->err));
                    assert_true(till_str_equal(back, (struct till_str){pair, 2}));
                }
            } else {
                assert_int_equal(f->err.code, TILL_E_TEXT_INVALID);
            }
            till_arena_clean_up(&arena);
        }
    }
    assert_int_equal(characters, 21791); /* what GBK defines, without its private area */
}

static void what_is_no_text_is_refused(void **state) {
    static const char *const bad_gbk[] = {"\x80",     "\xff\x40", "\xd6",    "a\xd6",
                                          "\xd6\x20", "\x81\x7f", "\xfe\xfe"};
    static const char *const bad_utf8[] = {"\xd6\xd0", "\xc0\xaf", "\U0001f600", "\u0e01"};
    struct fixture *f = fixture_of(state);
    struct till_str text = TILL_STR("untouched");
    for (size_t i = 0; i < sizeof bad_gbk / sizeof bad_gbk[0]; i++) {
        assert_false(gbk_to_utf8(&f->arena, till_str_of(bad_gbk[i]), &text, &f->err));
        assert_int_equal(f->err.code, TILL_E_TEXT_INVALID);
    }
    for (size_t i = 0; i < sizeof bad_utf8 / sizeof bad_utf8[0]; i++) {
        assert_false(gbk_from_utf8(&f->arena, till_str_of(bad_utf8[i]), &text, &f->err));
        assert_int_equal(f->err.code, TILL_E_TEXT_INVALID);
    }
    assert_true(till_str_is(text, "untouched"));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(known_characters_go_both_ways),
        SENTENCE(every_pair_is_valid_utf8_and_comes_back_or_is_refused),
        SENTENCE(what_is_no_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
