/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/gbk.h"

#include <stdint.h>

enum { LEAD_FIRST = 0x81, LEAD_LAST = 0xfe, TRAIL_FIRST = 0x40, TRAIL_LAST = 0xfe };
enum { ROW = TRAIL_LAST - TRAIL_FIRST + 1, CELLS = (LEAD_LAST - LEAD_FIRST + 1) * ROW };

static const uint16_t table[CELLS] = {
#include "lib/channel/gbk.inc"
};

/* Every code of the table lies in the basic plane, so three bytes are enough. */
static void add_utf8(struct till_buf *buf, unsigned code) {
    if (code < 0x80) {
        till_buf_char(buf, (char)code);
    } else if (code < 0x800) {
        till_buf_char(buf, (char)(0xc0 | code >> 6));
        till_buf_char(buf, (char)(0x80 | (code & 0x3f)));
    } else {
        till_buf_char(buf, (char)(0xe0 | code >> 12));
        till_buf_char(buf, (char)(0x80 | (code >> 6 & 0x3f)));
        till_buf_char(buf, (char)(0x80 | (code & 0x3f)));
    }
}

static unsigned look_up(struct till_str pair) {
    if (pair.len < 2)
        return 0;
    unsigned lead = (unsigned char)pair.ptr[0], trail = (unsigned char)pair.ptr[1];
    if (lead < LEAD_FIRST || lead > LEAD_LAST || trail < TRAIL_FIRST || trail > TRAIL_LAST)
        return 0;
    return table[(lead - LEAD_FIRST) * ROW + (trail - TRAIL_FIRST)];
}

bool gbk_to_utf8(struct till_arena *arena, struct till_str gbk, struct till_str *ret_utf8,
                 struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < gbk.len; i++) {
        unsigned code = (unsigned char)gbk.ptr[i];
        if (code >= 0x80) {
            code = look_up(till_str_sub(gbk, i++, 2));
            if (!code)
                return TILL_FAIL(err, TEXT_INVALID, "Byte %zu is not GBK; encode the text anew.",
                                 i - 1);
        }
        add_utf8(&buf, code);
    }
    return till_buf_finish(&buf, ret_utf8, err);
}

/* The code at *at of checked UTF-8; moves behind it. */
static unsigned read_utf8(struct till_str text, size_t *at) {
    unsigned first = (unsigned char)text.ptr[(*at)++];
    if (first < 0x80)
        return first;
    unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    unsigned code = first & (0x3fU >> more);
    while (more--)
        code = code << 6 | ((unsigned char)text.ptr[(*at)++] & 0x3fU);
    return code;
}

static bool add_gbk(struct till_buf *buf, unsigned code) {
    if (code < 0x80) {
        till_buf_char(buf, (char)code);
        return true;
    }
    for (unsigned i = 0; i < CELLS; i++) {
        if (table[i] != code)
            continue;
        till_buf_char(buf, (char)(LEAD_FIRST + i / ROW));
        till_buf_char(buf, (char)(TRAIL_FIRST + i % ROW));
        return true;
    }
    return false;
}

bool gbk_from_utf8(struct till_arena *arena, struct till_str utf8, struct till_str *ret_gbk,
                   struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    if (!till_str_is_utf8(utf8))
        return TILL_FAIL(err, TEXT_INVALID, NULL);
    for (size_t at = 0; at < utf8.len;) {
        if (!add_gbk(&buf, read_utf8(utf8, &at)))
            return TILL_FAIL(err, TEXT_INVALID,
                             "GBK has no such character as the one before byte %zu.", at);
    }
    return till_buf_finish(&buf, ret_gbk, err);
}
