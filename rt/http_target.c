/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/http_target.h>

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool check_bytes(struct till_str target, struct till_error *err) {
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return TILL_FAIL(err, HTTP_FRAMING,
                             "The request target holds a byte that must be percent-encoded.");
    }
    return true;
}

/* Every escape is whole in the path; a query's escapes belong to whoever parses the query. %00 is
 * refused in both: no honest client sends it and too many programs end a text there. */
static bool check_escapes(struct till_str target, size_t path_len, struct till_error *err) {
    for (size_t i = 0; i < target.len; i++) {
        if (target.ptr[i] != '%')
            continue;
        bool whole = i + 2 < target.len && is_hex(target.ptr[i + 1]) && is_hex(target.ptr[i + 2]);
        if (!whole && i < path_len)
            return TILL_FAIL(err, HTTP_FRAMING, "The path holds a broken percent escape.");
        if (whole && target.ptr[i + 1] == '0' && target.ptr[i + 2] == '0')
            return TILL_FAIL(err, HTTP_FRAMING, "The request target holds an encoded NUL.");
    }
    return true;
}

bool http_target_split(struct till_str target, struct till_str *ret_path,
                       struct till_str *ret_query, struct till_error *err) {
    if (target.len == 0 || target.ptr[0] != '/')
        return TILL_FAIL(err, HTTP_FRAMING,
                         "Send the request target in origin form: a path that starts with '/'.");
    size_t mark = till_str_find(target, '?');
    if (!check_bytes(target, err) || !check_escapes(target, mark, err))
        return false;
    *ret_path = till_str_sub(target, 0, mark);
    *ret_query = mark < target.len ? till_str_sub(target, mark + 1, target.len) : TILL_STR_NONE;
    return true;
}
