/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text fields of multipart/form-data (RFC 7578). Parts with a file name carry bytes that are
 * not signed (dossier 2.2) and are left out.
 */
#include <sandbox/call.h>

static bool refuse(struct till_error *err) {
    return TILL_FAIL(err, BODY_MALFORMED, "The multipart body cannot be taken apart.");
}

size_t call_find(struct till_str s, struct till_str needle, size_t from) {
    for (size_t at = from; needle.len && at + needle.len <= s.len; at++)
        if (memcmp(s.ptr + at, needle.ptr, needle.len) == 0)
            return at;
    return s.len;
}

bool call_parameter(struct till_str head, struct till_str name, struct till_str *ret_value) {
    for (size_t at = call_find(head, name, 0); at < head.len; at = call_find(head, name, at + 1)) {
        size_t from = at + name.len;
        bool begins = at > 0 && (head.ptr[at - 1] == ' ' || head.ptr[at - 1] == ';');
        if (!begins || from >= head.len || head.ptr[from] != '=')
            continue;
        struct till_str rest = till_str_sub(head, from + 1, head.len);
        bool is_quoted = rest.len > 0 && rest.ptr[0] == '"';
        if (is_quoted)
            rest = till_str_sub(rest, 1, rest.len);
        size_t end = 0;
        while (end < rest.len &&
               (is_quoted ? rest.ptr[end] != '"' : rest.ptr[end] != ';' && rest.ptr[end] != '\r'))
            end++;
        *ret_value = till_str_sub(rest, 0, end);
        return true;
    }
    return false;
}

static bool take_part(struct till_str part, struct till_form *form, struct till_error *err) {
    size_t blank = call_find(part, TILL_STR("\r\n\r\n"), 0);
    if (blank == part.len)
        return refuse(err);
    struct till_str head = till_str_sub(part, 0, blank);
    struct till_str value = till_str_sub(part, blank + 4, part.len);
    struct till_str name = TILL_STR_NONE, file = TILL_STR_NONE;
    if (!call_parameter(head, TILL_STR("name"), &name))
        return refuse(err);
    if (call_parameter(head, TILL_STR("filename"), &file))
        return true;
    return till_form_add(form, name, value, err);
}

bool call_multipart(struct till_arena *arena, struct till_str content_type, struct till_str body,
                    struct till_form *form, struct till_error *err) {
    struct till_str boundary = TILL_STR_NONE, mark, first;
    if (!call_parameter(content_type, TILL_STR("boundary"), &boundary) || boundary.len == 0 ||
        boundary.len > 70)
        return TILL_FAIL(err, BODY_MALFORMED, "The multipart boundary is missing.");
    if (!till_arena_format(arena, &mark, err, "\r\n--%.*s", TILL_STR_ARG(boundary)))
        return false;
    first = till_str_sub(mark, 2, mark.len);
    if (till_str_starts_with(body, mark)) /* Java's client begins with the line end, too */
        first = mark;
    if (!till_str_starts_with(body, first))
        return refuse(err);
    size_t at = first.len;
    while (!till_str_starts_with(till_str_sub(body, at, 2), TILL_STR("--"))) {
        size_t end = call_find(body, mark, at);
        if (end == body.len || !till_str_starts_with(till_str_sub(body, at, 2), TILL_STR("\r\n")))
            return refuse(err);
        if (!take_part(till_str_sub(body, at + 2, end - at - 2), form, err))
            return false;
        at = end + mark.len;
    }
    return true;
}
