/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the limits should be, from what was: twice the fullest second, rounded up to 1, 2 or 5 times
 * a power of ten. Orders and refunds are counted in the store over days, calls that leave no rows
 * since the start. Too little of either is said instead of guessed.
 */
#include <gateway/api/limiting.h>
#include <gateway/store/history.h>
#include <till/time.h>

enum {
    DAYS_USUAL = 7,
    DAYS_MAX = 90,
    ROWS_ENOUGH = 1000,      /* calls */
    STORED_ENOUGH_S = 86400, /* between the first and the last row */
    STARTED_ENOUGH_S = 3600, /* since the start */
    SUGGESTED_LEAST = 10,
    STANDS_OUT = 5 /* times p99 */
};

/* How a call was used, wherever that was read. */
struct evidence {
    const char *from; /* "stored orders", "calls since the start" */
    int64_t count, span_s, span_enough_s, busy_seconds, peak, peak_us, p99, limited;
};

int64_t limiting_suggest(int64_t peak) {
    static const int64_t STEPS[] = {1, 2, 5};
    int64_t wanted = 2 * peak > SUGGESTED_LEAST ? 2 * peak : SUGGESTED_LEAST;
    for (int64_t ten = 1; ten < RATE_COUNT_MAX; ten *= 10)
        for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++)
            if (STEPS[i] * ten >= wanted)
                return STEPS[i] * ten;
    return RATE_COUNT_MAX;
}

static void set_suggestion(struct call *c, struct till_json *json, const struct evidence *e) {
    int64_t count = limiting_suggest(e->peak);
    char at[TILL_TIME_TEXT] = "";
    struct till_error ignored;
    struct till_str said;
    if (!till_time_format(e->peak_us, at, &ignored))
        at[0] = '\0';
    if (till_arena_format(c->arena, &said, &ignored, "%lld/s", (long long)count))
        till_json_set_str(json, "suggested", said);
    if (till_arena_format(
            c->arena, &said, &ignored,
            "The fullest second had %lld (%s); 99 of 100 busy seconds had at most %lld. Twice the "
            "fullest, rounded up, is %lld/s.%s%s",
            (long long)e->peak, at, (long long)e->p99, (long long)count,
            e->peak > STANDS_OUT * e->p99
                ? " That second stands out: look whether it was wanted before you follow it."
                : "",
            e->limited > 0
                ? " The limit was reached since the start: more was asked for than is stored."
                : ""))
        till_json_set_str(json, "because", said);
}

static void set_lack(struct call *c, struct till_json *json, const struct evidence *e) {
    struct till_str said;
    struct till_error ignored;
    if (till_arena_format(c->arena, &said, &ignored,
                          "Not enough history: %lld in %lld hours; it takes %d in %lld hours to "
                          "say something.",
                          (long long)e->count, (long long)(e->span_s / 3600), ROWS_ENOUGH,
                          (long long)(e->span_enough_s / 3600)))
        till_json_set_str(json, "because", said);
}

static struct till_json *evidence_json(struct call *c, const char *route, const char *setting,
                                       const struct rate *now, const struct evidence *e) {
    struct till_json *json = till_json_object();
    char text[RATE_TEXT];
    struct till_str said;
    struct till_error ignored;
    bool enough = e->count >= ROWS_ENOUGH && e->span_s >= e->span_enough_s;
    till_json_set_text(json, "call", route);
    till_json_set_text(json, "from", e->from);
    till_json_set_int(json, "count", e->count);
    till_json_set_int(json, "busy_seconds", e->busy_seconds);
    till_json_set_int(json, "peak_in_a_second", e->peak);
    till_json_set_int(json, "p99_of_busy_seconds", e->p99);
    if (now) {
        rate_format(now, text);
        till_json_set_text(json, "now", text);
        if (till_arena_format(c->arena, &said, &ignored, "limits.instance.%s", setting))
            till_json_set_str(json, "setting", said);
    }
    till_json_set_bool(json, "enough", enough);
    if (!enough)
        set_lack(c, json, e);
    else if (now)
        set_suggestion(c, json, e);
    return json;
}

static bool from_store(struct call *c, enum store_history_of what, const char *from, int64_t days,
                       struct evidence *ret, struct till_error *err) {
    struct store_history h;
    if (!store_history(c->gw->store, what, c->now_us - days * 86400 * TILL_US_PER_SECOND, &h, err))
        return false;
    *ret = (struct evidence){.from = from,
                             .count = h.rows,
                             .span_s = (h.to_us - h.from_us) / TILL_US_PER_SECOND,
                             .span_enough_s = STORED_ENOUGH_S,
                             .busy_seconds = h.busy_seconds,
                             .peak = h.peak,
                             .peak_us = h.peak_s * TILL_US_PER_SECOND,
                             .p99 = h.p99};
    return true;
}

/* Calls of which the store keeps a row each. */
static bool stored_as(const char *route, enum store_history_of *ret_what, const char **ret_from) {
    bool is_payment = strcmp(route, "payments.create") == 0;
    *ret_what = is_payment ? HISTORY_PAYMENTS : HISTORY_REFUNDS;
    *ret_from = is_payment ? "stored orders" : "stored refunds";
    return is_payment || strcmp(route, "refunds.create") == 0;
}

static bool gather(struct call *c, const struct limited *limited, int64_t days,
                   struct evidence *ret, struct till_error *err) {
    struct limit_stand stand;
    struct limit_use use;
    enum store_history_of what;
    const char *from;
    limits_look(c->gw, limited, &stand, &use);
    int64_t refused = use.limited_by_instance + use.limited_by_app;
    if (stored_as(limited->route, &what, &from)) {
        bool good = from_store(c, what, from, days, ret, err);
        ret->limited = good ? refused : 0;
        return good;
    }
    *ret = (struct evidence){.from = "calls since the start",
                             .count = use.allowed + refused,
                             .span_s = (c->now_us - c->gw->opened_us) / TILL_US_PER_SECOND,
                             .span_enough_s = STARTED_ENOUGH_S,
                             .busy_seconds = use.busy_seconds,
                             .peak = use.peak,
                             .peak_us = use.peak_us,
                             .p99 = use.p99}; /* what was refused is counted: nothing is hidden */
    return true;
}

static bool suggest_all(struct call *c, int64_t days, struct till_json *list,
                        struct till_error *err) {
    struct limited limited;
    struct evidence e;
    for (size_t i = 0; i < routes_public.count; i++) {
        if (!limiting_of(&routes_public, &routes_public.rows[i], &limited))
            continue;
        if (!gather(c, &limited, days, &e, err))
            return false;
        struct rate now = limits_instance_rate(c->gw, &limited);
        till_json_append(list,
                         evidence_json(c, limited.route, limits_setting_word(&limited), &now, &e));
    }
    if (!from_store(c, HISTORY_EVENTS, "stored events", days, &e, err))
        return false;
    till_json_append(list, evidence_json(c, "events", NULL, NULL, &e));
    return true;
}

static bool read_days(struct call *c, int64_t *ret_days, struct till_error *err) {
    static const char *const NAMES[] = {"days", NULL};
    struct till_form query;
    unsigned long long days = DAYS_USUAL;
    if (!call_read_query(c, NAMES, &query, err))
        return false;
    struct till_str text = till_form_get(&query, "days");
    if (text.len > 0 && (!till_str_to_u64(text, DAYS_MAX, &days) || days == 0))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/days", "Give 1 to %d days.", DAYS_MAX);
    *ret_days = (int64_t)days;
    return true;
}

bool admin_suggest_limits(struct call *c, struct till_error *err) {
    int64_t days;
    if (!read_days(c, &days, err))
        return false;
    struct till_json *json = till_json_object(), *list = till_json_array();
    till_json_set_int(json, "days", days);
    till_json_set(json, "data", list);
    if (suggest_all(c, days, list, err))
        return reply_json(c, 200, json, err);
    till_json_release(json);
    return false;
}
