/* SPDX-License-Identifier: Apache-2.0 */
/* Which rate holds: the row of limits.def by the route's name or its rank's word, and an app's
 * overrides of it. */
#include <gateway/guard/limits.h>

#include <till/time.h>

static const struct {
    const char *name, *word;
} LIMITS[LIMIT_NAMES] = {
#define LIMIT(id, word, name, instance, app, what) {name, #word},
#include <gateway/limits.def>
#undef LIMIT
};

static enum limit_name name_of(const struct limited *limited) {
    const char *rank = shed_rank_word(limited->rank);
    size_t by_rank = 0;
    for (size_t i = 0; i < LIMIT_NAMES; i++) {
        if (strcmp(LIMITS[i].name, limited->route) == 0)
            return (enum limit_name)i;
        if (strcmp(LIMITS[i].name, rank) == 0)
            by_rank = i;
    }
    return (enum limit_name)by_rank;
}

const char *limits_setting_word(const struct limited *limited) {
    return LIMITS[name_of(limited)].word;
}

bool limits_is_name(struct till_str name) {
    for (size_t i = 0; i < LIMIT_NAMES; i++)
        if (till_str_is(name, LIMITS[i].name))
            return true;
    return false;
}

struct rate limits_instance_rate(const struct gateway *gw, const struct limited *limited) {
    return gw->settings->limits_instance[name_of(limited)];
}

struct rate limits_app_rate(const struct gateway *gw, const struct limited *limited,
                            struct till_str overrides) {
    struct rate rate;
    if (overrides.len > 0 &&
        (limits_override_find(overrides, till_str_of(limited->route), &rate) ||
         limits_override_find(overrides, till_str_of(shed_rank_word(limited->rank)), &rate)))
        return rate;
    return gw->settings->limits_app[name_of(limited)];
}

/* ---- overrides: "payments.create=200/s,lists=off" ---- */

bool limits_override_next(struct till_str *rest, struct till_str *ret_name,
                          struct till_str *ret_value) {
    if (rest->len == 0)
        return false;
    struct till_str entry = till_str_sub(*rest, 0, till_str_find(*rest, ','));
    size_t equals = till_str_find(entry, '=');
    *rest = till_str_sub(*rest, entry.len + 1, rest->len);
    *ret_name = till_str_sub(entry, 0, equals);
    *ret_value = till_str_sub(entry, equals + 1, entry.len);
    return true;
}

bool limits_override_find(struct till_str overrides, struct till_str name, struct rate *ret_rate) {
    struct till_str entry, value;
    while (limits_override_next(&overrides, &entry, &value))
        if (till_str_equal(entry, name))
            return rate_parse(value, ret_rate);
    return false;
}

bool limits_override_set(struct till_arena *arena, struct till_str overrides, struct till_str name,
                         const struct rate *rate, struct till_str *ret_overrides,
                         struct till_error *err) {
    struct till_buf buf;
    struct till_str entry, value, text;
    char rate_text[RATE_TEXT];
    till_buf_init(&buf, arena);
    while (limits_override_next(&overrides, &entry, &value))
        if (!till_str_equal(entry, name))
            till_buf_format(&buf, "%s%.*s=%.*s", buf.len ? "," : "", TILL_STR_ARG(entry),
                            TILL_STR_ARG(value));
    if (rate) {
        rate_format(rate, rate_text);
        till_buf_format(&buf, "%s%.*s=%s", buf.len ? "," : "", TILL_STR_ARG(name), rate_text);
    }
    if (!till_buf_finish(&buf, &text, err))
        return false;
    if (text.len > LIMIT_OVERRIDES_TEXT_MAX)
        return TILL_FAIL_FIELD(
            err, FIELD_INVALID, "/limits",
            "An app's limits have at most %d bytes of text; give fewer, by rank.",
            LIMIT_OVERRIDES_TEXT_MAX);
    *ret_overrides = text;
    return true;
}

/* ---- lines of the log ---- */

bool limit_may_log(struct gateway *gw, struct limit_lines *lines, int64_t *ret_left_out) {
    int64_t second = world_monotonic_us(gw->world) / TILL_US_PER_SECOND;
    int64_t seen = atomic_load(&lines->second);
    if (seen != second && atomic_compare_exchange_strong(&lines->second, &seen, second))
        atomic_store(&lines->said, 0);
    if (atomic_fetch_add(&lines->said, 1) >= LIMIT_LINES) {
        atomic_fetch_add(&lines->left_out, 1);
        return false;
    }
    *ret_left_out = atomic_exchange(&lines->left_out, 0);
    return true;
}
