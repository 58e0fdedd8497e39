/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a document, counted in one pass over its bytes without any memory. Only brackets,
 * colons and numbers outside of strings matter; whether the text is JSON at all, jansson decides.
 */
#include "lib/base/json_node.h"

enum { NUMBER_LENGTH_MAX = 64 };

struct scan {
    struct till_str text;
    size_t at;
    size_t depth;
    size_t members[TILL_JSON_DEPTH_MAX + 1]; /* by depth */
};

/* From the opening quote to behind the closing one (or the end). */
static void skip_string(struct scan *scan) {
    for (scan->at++; scan->at < scan->text.len; scan->at++) {
        char c = scan->text.ptr[scan->at];
        if (c == '\\')
            scan->at++;
        else if (c == '"')
            break;
    }
}

static bool is_number_char(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Stays at the last character of the number. */
static bool skip_number(struct scan *scan) {
    size_t from = scan->at;
    while (scan->at + 1 < scan->text.len && is_number_char(scan->text.ptr[scan->at + 1]))
        scan->at++;
    return scan->at - from < NUMBER_LENGTH_MAX;
}

static bool open_level(struct scan *scan) {
    if (scan->depth == TILL_JSON_DEPTH_MAX)
        return false;
    scan->members[++scan->depth] = 0;
    return true;
}

static bool look(struct scan *scan, char c, struct till_error *err) {
    switch (c) {
    case '"':
        skip_string(scan);
        break;
    case '{':
    case '[':
        if (!open_level(scan))
            return TILL_FAIL(err, TOO_DEEP, "The JSON nests deeper than %d levels.",
                             TILL_JSON_DEPTH_MAX);
        break;
    case '}':
    case ']':
        scan->depth -= scan->depth > 0;
        break;
    case ':':
        if (++scan->members[scan->depth] > TILL_JSON_MEMBERS_MAX)
            return TILL_FAIL(err, TOO_DEEP, "A JSON object has more than %d members.",
                             TILL_JSON_MEMBERS_MAX);
        break;
    default:
        if (((c >= '0' && c <= '9') || c == '-') && !skip_number(scan))
            return TILL_FAIL(err, BODY_MALFORMED, "A JSON number is longer than %d characters.",
                             NUMBER_LENGTH_MAX);
    }
    return true;
}

bool json_check(struct till_str text, struct till_error *err) {
    struct scan scan = {.text = text};
    for (; scan.at < text.len; scan.at++) {
        if (!look(&scan, text.ptr[scan.at], err))
            return false;
    }
    return true;
}
