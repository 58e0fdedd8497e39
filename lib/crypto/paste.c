/* SPDX-License-Identifier: Apache-2.0 */
/* What editors, consoles, JSON and environment files do to PEM text, undone. */
#include "lib/crypto/paste.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "\n" and "\r" written as two characters, as from JSON or an environment file, become blanks. */
bool paste_unescape(struct till_arena *arena, struct till_str pasted, struct till_str *ret_text,
                    struct till_error *err) {
    char *text = till_arena_alloc(arena, pasted.len);
    size_t len = 0;
    if (!text)
        return till_arena_refused(arena, err);
    for (size_t i = 0; i < pasted.len; i++) {
        char c = pasted.ptr[i];
        char next = i + 1 < pasted.len ? pasted.ptr[i + 1] : '\0';
        if (c == '\\' && (next == 'n' || next == 'r')) {
            c = '\n';
            i++;
        }
        text[len++] = c;
    }
    *ret_text = (struct till_str){text, len};
    return true;
}

/* Where `needle` begins, or text.len. */
size_t paste_find(struct till_str text, struct till_str needle) {
    const char *at = text.len ? memmem(text.ptr, text.len, needle.ptr, needle.len) : NULL;
    return at ? (size_t)(at - text.ptr) : text.len;
}

bool paste_contains(struct till_str text, struct till_str needle) {
    return paste_find(text, needle) < text.len;
}

bool paste_drop_blanks(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                       struct till_error *err) {
    char *bytes = till_arena_alloc(arena, text.len);
    size_t len = 0;
    if (!bytes)
        return till_arena_refused(arena, err);
    for (size_t i = 0; i < text.len; i++) {
        if (!is_blank(text.ptr[i]))
            bytes[len++] = text.ptr[i];
    }
    *ret_text = (struct till_str){bytes, len};
    return true;
}

/* A byte order mark in front and one pair of quotes around are editors' habits. */
struct till_str paste_unwrap(struct till_str text) {
    if (till_str_starts_with(text, TILL_STR("\xef\xbb\xbf")))
        text = till_str_sub(text, 3, text.len);
    text = till_str_trim(text);
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = till_str_sub(text, 1, text.len - 2);
    return text;
}
