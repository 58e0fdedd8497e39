/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/limiting.h>

#include <assert.h>

#include <gateway/api/call.h>
#include <till/time.h>

bool limiting_of(const struct route_table *table, const struct route *route,
                 struct limited *ret_limited) {
    size_t index = (size_t)(route - table->rows);
    bool says_who = route->need == NEED_APP || route->need == NEED_APP_WITH_EFFECT;
    assert(index < LIMIT_ROUTES_MAX);
    if (!says_who || route->rank == RANK_NONE)
        return false;
    *ret_limited = (struct limited){.index = index, .route = route->name, .rank = route->rank};
    return true;
}

/* ---- what the client reads ---- */

static int64_t seconds_up(int64_t us) {
    return us <= 0 ? 0 : (us + TILL_US_PER_SECOND - 1) / TILL_US_PER_SECOND;
}

/* "payments.create";q=500;w=1 */
static void add_item(struct call *c, struct till_str name, bool is_app, const char *first,
                     int64_t first_value, const char *second, int64_t second_value) {
    struct till_str text;
    struct till_error ignored;
    if (till_arena_format(c->arena, &text, &ignored, "\"%s%s\";%s=%lld;%s=%lld",
                          is_app ? "" : "instance:", c->route, first, (long long)first_value,
                          second, (long long)second_value))
        http_response_header(c->response, name, text);
}

/* A limit that is off says nothing. */
static void tell(struct call *c, const struct limit_stand *stand) {
    const struct bucket_state *state = &stand->state;
    if (state->limit == 0)
        return;
    add_item(c, TILL_STR("RateLimit-Policy"), stand->is_app, "q", state->limit, "w",
             state->period_us / TILL_US_PER_SECOND);
    add_item(c, TILL_STR("RateLimit"), stand->is_app, "r", state->remaining, "t",
             seconds_up(state->wait_us));
}

static void say_when(struct call *c, int64_t seconds) {
    struct till_str text;
    struct till_error ignored;
    if (till_arena_format(c->arena, &text, &ignored, "%lld", (long long)(seconds ? seconds : 1)))
        http_response_header(c->response, TILL_STR("Retry-After"), text);
}

/* Those who are turned away are many: a line now and then, with how many went without one. */
static void note(struct call *c, const char *what, const char *by) {
    int64_t left_out;
    c->is_turned_away = true;
    if (c->gw->log && limit_may_log(c->gw, &c->gw->limit_lines, &left_out))
        log_event(c->gw->log, LOG_WARN, what, LOG_C("route", c->route), LOG_C("by", by),
                  LOG_C("app_id", c->app.id), LOG_S("peer", c->request->peer),
                  LOG_N("left_out", left_out));
}

static bool turn_away(struct call *c, const struct limit_stand *stand, struct till_error *err) {
    struct rate rate = {.count = stand->state.limit, .period_us = stand->state.period_us};
    char text[RATE_TEXT];
    rate.burst = rate.count;
    rate_format(&rate, text);
    tell(c, stand);
    say_when(c, seconds_up(stand->state.wait_us));
    note(c, "limited", stand->is_app ? "app" : "instance");
    return TILL_FAIL(err, TOO_MANY, "%s takes %s %s; repeat after the time in Retry-After.",
                     c->route, text, stand->is_app ? "from one app" : "at this instance");
}

/* ---- the steps ---- */

bool limiting_instance(struct call *c, struct till_error *err) {
    struct limit_stand stand;
    if (limits_take(c->gw, c->limited, &stand))
        return true;
    c->limited = NULL; /* nothing was taken */
    return turn_away(c, &stand, err);
}

bool limiting_app(struct call *c, struct till_error *err) {
    struct limit_stand stand;
    if (!limits_take_app(c->gw, c->limited, &c->app, &stand)) {
        c->limited = NULL; /* the instance's token is back */
        return turn_away(c, &stand, err);
    }
    tell(c, &stand);
    return true;
}

bool limiting_in_time(struct call *c, enum shed_rank rank, struct till_error *err) {
    bool may_expire = rank != RANK_NONE && rank != RANK_NOTIFY;
    if (!may_expire || c->request->waited_us <= c->gw->settings->shed_give_up)
        return true;
    metrics_add(c->gw->metrics, METRIC_EXPIRED, shed_rank_word(rank), NULL, 1);
    if (!c->request->is_admitted)
        c->limited = NULL; /* nothing was taken yet */
    say_when(c, shed_retry_s(rank));
    note(c, "expired", shed_rank_word(rank));
    return TILL_FAIL(err, OVERLOADED,
                     "The request waited too long for its turn and was not begun; repeat it.");
}

void limiting_settle(struct call *c, const struct till_error *error) {
    if (!c->limited)
        return;
    if (!c->app.id[0])
        limits_give_back(c->gw, c->limited, NULL);
    else if (error->code == TILL_E_NONCE_USED)
        limits_give_back(c->gw, c->limited, &c->app);
}

void limiting_measure(struct gateway *gw) {
    struct limited limited;
    struct limit_stand stand;
    struct limit_use use;
    for (size_t i = 0; i < routes_public.count; i++) {
        if (!limiting_of(&routes_public, &routes_public.rows[i], &limited))
            continue;
        limits_look(gw, &limited, &stand, &use);
        if (stand.state.limit)
            metrics_set(gw->metrics, METRIC_LIMIT_REMAINING, limited.route, NULL,
                        stand.state.remaining);
    }
}

static bool shed(struct call *c, enum shed_rank rank, struct till_error *err) {
    say_when(c, shed_retry_s(rank));
    note(c, "shed", shed_rank_word(rank));
    return TILL_FAIL(err, OVERLOADED,
                     "Too much is waiting, and %s are the ones sent away at this moment; repeat "
                     "after the time in Retry-After.",
                     shed_rank_word(rank));
}

bool limiting_admit(void *gateway, struct http_request *request, const struct http_load *load,
                    struct http_response *response) {
    struct gateway *gw = gateway;
    struct route_match match;
    struct limited limited;
    struct limit_stand stand;
    struct till_error err;
    struct call c;
    if (!route_find(routes_public.rows, routes_public.count, request->method, request->path, &match,
                    &err))
        return true; /* the worker has the words for it */
    bool is_shed = !shed_admits(gw, match.route->rank, load);
    if (!is_shed &&
        (!limiting_of(&routes_public, match.route, &limited) || limits_take(gw, &limited, &stand)))
        return true;
    call_begin(&c, gw, request, response);
    c.route = match.route->name;
    (void)(is_shed ? shed(&c, match.route->rank, &err) : turn_away(&c, &stand, &err));
    call_end(&c, &err, true);
    return false;
}
