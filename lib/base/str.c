/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at strings by value. Nothing here allocates. */
#include <till/str.h>

int till_str_compare(struct till_str a, struct till_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool till_str_starts_with(struct till_str s, struct till_str prefix) {
    return s.len >= prefix.len && till_str_equal(till_str_sub(s, 0, prefix.len), prefix);
}

bool till_str_ends_with(struct till_str s, struct till_str suffix) {
    return s.len >= suffix.len &&
           till_str_equal(till_str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

static char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool till_str_equal_ignoring_case(struct till_str a, struct till_str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    }
    return true;
}

size_t till_str_find(struct till_str s, char c) {
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

struct till_str till_str_sub(struct till_str s, size_t from, size_t len) {
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    /* NULL + 0 is undefined before C2x. */
    return (struct till_str){s.ptr ? s.ptr + from : NULL, len};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct till_str till_str_trim(struct till_str s) {
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    return s;
}

bool till_str_is_printable_ascii(struct till_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
            return false;
    }
    return true;
}

bool till_str_to_u64(struct till_str s, unsigned long long max, unsigned long long *ret_value) {
    unsigned long long value = 0;
    if (s.len == 0 || (s.len > 1 && s.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}
