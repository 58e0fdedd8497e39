/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/rights.h>

#include <gateway/guard/scopes.h>
#include <till/time.h>

static const char *const ADMINISTRATIVE[] = {"keys:", "accounts:", "apps:"};

bool right_is_administrative(struct till_str scope) {
    for (size_t i = 0; i < sizeof ADMINISTRATIVE / sizeof ADMINISTRATIVE[0]; i++)
        if (till_str_starts_with(scope, till_str_of(ADMINISTRATIVE[i])))
            return true;
    return false;
}

static bool has_all_of_merchants(struct till_str list) {
    return list.len == 0 || scopes_have(list, TILL_STR(RIGHTS_MERCHANT));
}

bool rights_allow(struct till_str list, const char *scope) {
    struct till_str wanted = till_str_of(scope);
    return scopes_have(list, wanted) ||
           (has_all_of_merchants(list) && !right_is_administrative(wanted));
}

/* The list without one word. */
static bool without(struct till_arena *arena, struct till_str text, const char *word,
                    struct till_str *ret_rest, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    while (text.len) {
        size_t end = till_str_find(text, ' ');
        struct till_str one = till_str_sub(text, 0, end);
        if (one.len && !till_str_is(one, word)) {
            till_buf_text(&buf, buf.len ? " " : "");
            till_buf_add(&buf, one);
        }
        text = till_str_sub(text, end + 1, text.len);
    }
    return till_buf_finish(&buf, ret_rest, err);
}

bool rights_read(struct till_arena *arena, struct till_str text, struct till_str *ret_list,
                 struct till_error *err) {
    struct till_str rest, named, list;
    if (!scopes_have(text, TILL_STR(RIGHTS_MERCHANT))) {
        if (!scopes_read(arena, text, &list, err))
            return false;
    } else {
        if (!without(arena, text, RIGHTS_MERCHANT, &rest, err))
            return false;
        if (rest.len == 0)
            list = TILL_STR(RIGHTS_MERCHANT);
        else if (!scopes_read(arena, rest, &named, err) ||
                 !till_arena_format(arena, &list, err, RIGHTS_MERCHANT " %.*s",
                                    TILL_STR_ARG(named)))
            return false;
    }
    if (list.len >= KEY_SCOPES_SIZE)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/scopes", "The list is longer than %d bytes.",
                               KEY_SCOPES_SIZE - 1);
    *ret_list = list;
    return true;
}

bool rights_pass_on(struct till_arena *arena, struct till_str list, struct till_str *ret_list,
                    struct till_error *err) {
    struct till_buf buf;
    if (has_all_of_merchants(list)) {
        *ret_list = TILL_STR_NONE;
        return true;
    }
    till_buf_init(&buf, arena);
    for (size_t i = 0; scope_name(i); i++) {
        struct till_str name = till_str_of(scope_name(i));
        if (right_is_administrative(name) || !scopes_have(list, name))
            continue;
        till_buf_text(&buf, buf.len ? " " : "");
        till_buf_add(&buf, name);
    }
    if (buf.len == 0)
        return TILL_FAIL(err, FORBIDDEN,
                         "A key gets no more rights than the one that adds it, and this one has "
                         "none to pass on; add it under a key that orders, too.");
    return till_buf_finish(&buf, ret_list, err);
}

bool rights_may_note(struct gateway *gw, struct till_str key_id, const char *scope) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key_id.len; i++)
        hash = (hash ^ (uint8_t)key_id.ptr[i]) * 16777619u;
    for (const char *at = scope; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    uint64_t minute = (uint64_t)(world_monotonic_us(gw->world) / (60 * TILL_US_PER_SECOND)) + 1;
    uint64_t now = minute << 32 | hash;
    return atomic_exchange(&gw->refused[hash % GATEWAY_REFUSED_SLOTS], now) != now;
}
