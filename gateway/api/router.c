/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/router.h>

#include <stdio.h>

/* Ids and channel names; "{rest}" may hold more. */
static bool is_id(struct till_str s) {
    if (s.len == 0 || s.len >= TILL_ID_SIZE)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '_' && c != '-')
            return false;
    }
    return true;
}

static bool pattern_fits(const char *pattern, struct till_str path, struct till_str parameters[2]) {
    size_t at = 0, found = 0;
    parameters[0] = parameters[1] = TILL_STR_NONE;
    while (*pattern) {
        if (*pattern != '{') {
            if (at >= path.len || path.ptr[at] != *pattern)
                return false;
            at++;
            pattern++;
            continue;
        }
        bool rest = strncmp(pattern, "{rest}", 6) == 0;
        struct till_str tail = till_str_sub(path, at, path.len);
        struct till_str value = rest ? tail : till_str_sub(tail, 0, till_str_find(tail, '/'));
        if (found >= 2 || (!rest && !is_id(value)))
            return false;
        parameters[found++] = value;
        at += value.len;
        while (*pattern++ != '}')
            ;
    }
    return at == path.len;
}

static bool method_fits(const char *wanted, struct till_str method) {
    return till_str_is(method, wanted) ||
           (till_str_is(method, "HEAD") && strcmp(wanted, "GET") == 0);
}

bool route_find(const struct route *table, size_t count, struct till_str method,
                struct till_str path, struct route_match *ret, struct till_error *err) {
    struct route_match match = {.route = NULL};
    size_t allowed = 0;
    bool is_named = false;
    for (size_t i = 0; i < count; i++) {
        bool is_rest = strstr(table[i].pattern, "{rest}") != NULL;
        if ((is_named && is_rest) || !pattern_fits(table[i].pattern, path, match.parameters))
            continue;
        is_named = is_named || !is_rest;
        if (method_fits(table[i].method, method)) {
            match.route = &table[i];
            *ret = match;
            return true;
        }
        if (strstr(match.allow, table[i].method))
            continue;
        int len = snprintf(match.allow + allowed, sizeof match.allow - allowed, "%s%s",
                           allowed ? ", " : "", table[i].method);
        allowed += len > 0 && allowed + (size_t)len < sizeof match.allow ? (size_t)len : 0;
    }
    *ret = match;
    if (match.allow[0])
        return TILL_FAIL(err, METHOD_NOT_ALLOWED, "This address takes %s.", match.allow);
    return TILL_FAIL(err, NOT_FOUND, "There is nothing at this address.");
}
