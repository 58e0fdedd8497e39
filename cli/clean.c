/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/cli.h>

#include <stdio.h>

static unsigned char byte_at(struct till_str s, size_t at) {
    return at < s.len ? (unsigned char)s.ptr[at] : 0;
}

/* How many bytes there would steer a terminal, end a line or turn its direction: C0 with DEL, C1,
 * U+2028 to 202E, 200E and 200F, 2066 to 2069. 0: none. */
static size_t steering(struct till_str s, size_t at, unsigned *ret_code) {
    unsigned char a = byte_at(s, at), b = byte_at(s, at + 1), c = byte_at(s, at + 2);
    if (a < 0x20 || a == 0x7f) {
        *ret_code = a;
        return 1;
    }
    if (a == 0xc2 && b >= 0x80 && b < 0xa0) {
        *ret_code = b;
        return 2;
    }
    bool is_mark = b == 0x80 && ((c >= 0xa8 && c <= 0xae) || c == 0x8e || c == 0x8f);
    bool is_isolate = b == 0x81 && c >= 0xa6 && c <= 0xa9;
    if (a != 0xe2 || !(is_mark || is_isolate))
        return 0;
    *ret_code = 0x2000U | (b & 0x3fU) << 6 | (c & 0x3fU);
    return 3;
}

/* Under the value's first line, so that no line looks like one of ours. */
static void print_break(FILE *out, bool is_pem) {
    fputc('\n', out);
    for (int i = 0; i < 21 && !is_pem; i++)
        fputc(' ', out);
}

void cli_print_plain(FILE *out, struct till_str text) {
    bool is_pem = till_str_starts_with(text, TILL_STR("-----BEGIN "));
    size_t from = 0, len = 0;
    unsigned code = 0;
    for (size_t at = 0; at < text.len; at += len ? len : 1) {
        len = steering(text, at, &code);
        if (len == 0)
            continue;
        fwrite(text.ptr + from, 1, at - from, out);
        if (code == '\n')
            print_break(out, is_pem);
        else
            fprintf(out, "\\u%04x", code);
        from = at + len;
    }
    if (from < text.len)
        fwrite(text.ptr + from, 1, text.len - from, out);
}
