/* SPDX-License-Identifier: Apache-2.0 */
/* One value beside another, by the table. */
#include <rt/settings.h>

#include <rt/settings_file.h>

static bool is_text(const struct setting *row) {
    return row->kind == SETTING_TEXT || row->kind == SETTING_SECRET || row->kind == SETTING_PATH;
}

static struct settings_value value_of(const struct setting *row, const void *target) {
    const char *field = (const char *)target + row->offset;
    struct settings_value value = {.number = 0};
    if (is_text(row))
        memcpy(&value.text, field, sizeof value.text);
    else if (row->kind == SETTING_BOOL)
        memcpy(&value.truth, field, sizeof value.truth);
    else if (row->kind == SETTING_RATE)
        memcpy(&value.rate, field, sizeof value.rate);
    else
        memcpy(&value.number, field, sizeof value.number);
    return value;
}

bool settings_same(const struct setting *row, const void *a, const void *b) {
    struct settings_value one = value_of(row, a), two = value_of(row, b);
    return one.number == two.number && one.truth == two.truth &&
           rate_is_same(&one.rate, &two.rate) && till_str_equal(one.text, two.text);
}

bool settings_copy(const struct setting *row, struct till_arena *arena, const void *from, void *to,
                   struct till_error *err) {
    struct settings_value value = value_of(row, from);
    char *field = (char *)to + row->offset;
    struct till_str copy;
    if (is_text(row)) {
        if (!till_arena_copy(arena, value.text, &copy, err))
            return false;
        memcpy(field, &copy, sizeof copy);
    } else if (row->kind == SETTING_BOOL) {
        memcpy(field, &value.truth, sizeof value.truth);
    } else if (row->kind == SETTING_RATE) {
        memcpy(field, &value.rate, sizeof value.rate);
    } else {
        memcpy(field, &value.number, sizeof value.number);
    }
    return true;
}

bool settings_show(const struct setting *row, const void *target, struct till_arena *arena,
                   struct till_str *ret_text, struct till_error *err) {
    struct settings_value value = value_of(row, target);
    char rate[RATE_TEXT];
    switch (row->kind) {
    case SETTING_SECRET:
        *ret_text = value.text.len ? TILL_STR("(set)") : TILL_STR("");
        return true;
    case SETTING_TEXT:
    case SETTING_PATH:
        return till_arena_copy(arena, value.text, ret_text, err);
    case SETTING_BOOL:
        *ret_text = value.truth ? TILL_STR("true") : TILL_STR("false");
        return true;
    case SETTING_RATE:
        rate_format(&value.rate, rate);
        return till_arena_copy(arena, till_str_of(rate), ret_text, err);
    default:
        return settings_number_show(row->kind, value.number, arena, ret_text, err);
    }
}
