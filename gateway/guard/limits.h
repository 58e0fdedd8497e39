/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits: per instance and route, and per app and route, as token buckets on the monotonic
 * clock (rt/rate.h). The rates are read from settings and from the app's own overrides at every
 * request, so a change holds at once.
 *
 * The instance's token is taken before anything is proven, the app's when it is known who asks.
 * Whoever proves nothing, and whoever is above the limit of his app, gives the instance's token
 * back: strangers and one greedy app cannot use up what belongs to all.
 *
 * Apps' buckets have LIMIT_APP_BUCKETS places. Only a full bucket is ever forgotten, because a new
 * one is full, too: making room gives nobody a token. Where no place can be had, a bucket that
 * all such apps share is used. Thread-safe; a lock is held briefly, nothing waits.
 */
#ifndef GATEWAY_GUARD_LIMITS_H
#define GATEWAY_GUARD_LIMITS_H

#include <gateway/gateway.h>
#include <gateway/guard/shed.h>
#include <rt/rate.h>

enum {
    LIMIT_ROUTES_MAX = 128,   /* routes that can have buckets */
    LIMIT_APP_BUCKETS = 4096, /* apps times routes that are below their burst at a moment */
    LIMIT_OVERRIDES_TEXT_MAX = 1024,
    LIMIT_LINES = 5 /* of the log, a second and kind */
};

/* A route that is limited. */
struct limited {
    size_t index; /* in its table, below LIMIT_ROUTES_MAX */
    const char *route;
    enum shed_rank rank;
};

/* How a request stands to one limit; off: state.limit is 0. */
struct limit_stand {
    bool is_app; /* of the app; else of the instance */
    struct bucket_state state;
};

/* How a route was used since the start; a "busy" second had at least one request. */
enum { LIMIT_STEPS = 160 };
struct limit_use {
    int64_t allowed, limited_by_instance, limited_by_app;
    int64_t busy_seconds, peak, peak_us; /* most requests of one second, and its wall clock */
    int64_t p99;                         /* 99 of 100 busy seconds had at most so many (+12 %) */
};

struct limits;
TILL_MUST_CHECK bool limits_open(struct world *world, struct limits **ret_limits,
                                 struct till_error *err);
void limits_close(struct limits *limits); /* accepts NULL */

/* Takes the instance's token. False: none is there; ret_stand says when. */
bool limits_take(struct gateway *gw, const struct limited *limited, struct limit_stand *ret_stand);
/* Takes the app's token. False: none is there; the instance's has been given back. */
bool limits_take_app(struct gateway *gw, const struct limited *limited, const struct app_row *app,
                     struct limit_stand *ret_stand);
/* It came to nothing: nobody proved who he is (app NULL), or the message was an old one. */
void limits_give_back(struct gateway *gw, const struct limited *limited, const struct app_row *app);

/* What `till limits` shows. */
void limits_look(struct gateway *gw, const struct limited *limited, struct limit_stand *ret_stand,
                 struct limit_use *ret_use);
struct limits_app_bucket {
    char app_id[TILL_ID_SIZE];
    size_t index; /* of the route */
    struct bucket_state state;
};
/* The apps' buckets that are not full, at most `room`; *ret_total counts all of them. */
size_t limits_look_at_apps(struct gateway *gw, struct limits_app_bucket *rows, size_t room,
                           size_t *ret_total);

/* The rates that hold for a route, as they are now. */
struct rate limits_instance_rate(const struct gateway *gw, const struct limited *limited);
struct rate limits_app_rate(const struct gateway *gw, const struct limited *limited,
                            struct till_str overrides);
/* "payments_create": of limits.instance.* and limits.app.*. */
const char *limits_setting_word(const struct limited *limited);

/* Overrides of an app: "payments.create=200/s,lists=off". The value for a name, or false. */
bool limits_override_find(struct till_str overrides, struct till_str name, struct rate *ret_rate);
/* One entry after the other; false at the end. */
bool limits_override_next(struct till_str *rest, struct till_str *ret_name,
                          struct till_str *ret_value);
/* With one more, changed, or (rate NULL) taken out. FIELD_INVALID when there are too many. */
TILL_MUST_CHECK bool limits_override_set(struct till_arena *arena, struct till_str overrides,
                                         struct till_str name, const struct rate *rate,
                                         struct till_str *ret_overrides, struct till_error *err);
/* A rank's word or a limit's own name ("lists"); routes are the API's to know. */
bool limits_is_name(struct till_str name);

/* True when this second still has room for a line of the kind that `lines` counts. */
bool limit_may_log(struct gateway *gw, struct limit_lines *lines, int64_t *ret_left_out);

#endif
