/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/scopes.h>

enum { NAME_SHOWN = 40 };

static const char *const SCOPES[] = {
#define SCOPE(name, meaning) name,
#include <gateway/guard/scopes.def>
#undef SCOPE
    NULL,
};

const char *scope_name(size_t number) {
    size_t count = sizeof SCOPES / sizeof SCOPES[0] - 1;
    return SCOPES[number < count ? number : count];
}

/* The next word of the list; false at its end. */
static bool next_word(struct till_str *rest, struct till_str *ret_word) {
    while (rest->len > 0 && rest->ptr[0] == ' ')
        *rest = till_str_sub(*rest, 1, rest->len);
    size_t len = till_str_find(*rest, ' ');
    *ret_word = till_str_sub(*rest, 0, len);
    *rest = till_str_sub(*rest, len, rest->len);
    return len > 0;
}

bool scopes_have(struct till_str list, struct till_str name) {
    struct till_str word;
    while (next_word(&list, &word))
        if (till_str_equal(word, name))
            return true;
    return false;
}

static bool is_known(struct till_str name) {
    for (size_t i = 0; SCOPES[i]; i++)
        if (till_str_is(name, SCOPES[i]))
            return true;
    return false;
}

static bool put_in_order(struct till_arena *arena, struct till_str text, struct till_str *ret_list,
                         struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; SCOPES[i]; i++) {
        if (!scopes_have(text, till_str_of(SCOPES[i])))
            continue;
        till_buf_text(&buf, buf.len ? " " : "");
        till_buf_text(&buf, SCOPES[i]);
    }
    return till_buf_finish(&buf, ret_list, err);
}

bool scopes_read(struct till_arena *arena, struct till_str text, struct till_str *ret_list,
                 struct till_error *err) {
    struct till_str rest = text, word;
    size_t count = 0;
    for (; next_word(&rest, &word); count++)
        if (!is_known(word))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/scopes",
                                   "There is no scope \"%.*s\"; doc/API.md lists them.",
                                   TILL_STR_ARG(till_str_sub(word, 0, NAME_SHOWN)));
    if (count == 0)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/scopes", "Name at least one scope.");
    return put_in_order(arena, text, ret_list, err);
}

bool scopes_choose(struct till_arena *arena, struct till_str text, struct till_str granted,
                   struct till_str *ret_list, struct till_error *err) {
    struct till_str rest = text, word;
    size_t count = 0;
    for (; next_word(&rest, &word); count++)
        if (!scopes_have(granted, word))
            return TILL_FAIL(err, SCOPE_INVALID, NULL);
    return count == 0 ? till_arena_copy(arena, granted, ret_list, err)
                      : put_in_order(arena, text, ret_list, err);
}
