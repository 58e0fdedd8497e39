/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/common.h"

#include <stdio.h>

#include <till/time.h>

bool common_setting(struct till_arena *arena, const struct till_json *settings, const char *name,
                    size_t max, struct till_str *value, struct till_error *err) {
    char field[64];
    struct till_str text = TILL_STR_NONE;
    (void)snprintf(field, sizeof field, "/%s", name);
    if (!till_json_want_str(settings, name, &text, err))
        return false;
    if (text.len > max || !till_str_is_printable_ascii(text) || till_str_find(text, ' ') < text.len)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, field,
                               "Give at most %zu visible ASCII characters without blanks.", max);
    return text.len == 0 || till_arena_copy(arena, text, value, err);
}

bool common_is_choice(struct till_str text, const char *choices) {
    struct till_str rest = till_str_of(choices);
    while (rest.len > 0) {
        size_t end = till_str_find(rest, ' ');
        if (till_str_equal(text, till_str_sub(rest, 0, end)))
            return true;
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    return false;
}

bool common_lifetime(const struct till_ask *ask, const struct till_product *product,
                     int64_t *ret_us, struct till_error *err) {
    int64_t lifetime_us;
    if (__builtin_sub_overflow(ask->expires_us, ask->created_us, &lifetime_us) ||
        lifetime_us < product->expires_min_us || lifetime_us > product->expires_max_us)
        return TILL_FAIL_FIELD(err, TIME_INVALID, "/expires_in",
                               "An order of this product lives %lld to %lld seconds.",
                               (long long)(product->expires_min_us / TILL_US_PER_SECOND),
                               (long long)(product->expires_max_us / TILL_US_PER_SECOND));
    *ret_us = lifetime_us;
    return true;
}

void common_put(char *room, size_t size, struct till_str text) {
    text = till_str_cut_utf8(text, size - 1);
    for (size_t i = 0; i < text.len; i++)
        room[i] = (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? ' ' : text.ptr[i];
    room[text.len] = '\0';
}
