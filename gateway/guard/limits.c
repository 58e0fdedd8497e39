/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/limits.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <till/time.h>

enum { PROBES = 32 }; /* places that a bucket of an app may have */

struct route_use {
    struct bucket bucket;
    struct bucket shared; /* of apps that found no place */
    struct limit_use use;
    int64_t second, in_second; /* requests of the second that is running */
    int32_t steps[LIMIT_STEPS];
};

struct place {
    char app_id[TILL_ID_SIZE]; /* empty: free */
    size_t index;
    struct bucket bucket;
};

struct limits {
    struct world *world;
    struct world_lock lock;
    struct route_use routes[LIMIT_ROUTES_MAX];
    struct place places[LIMIT_APP_BUCKETS];
};

bool limits_open(struct world *world, struct limits **ret_limits, struct till_error *err) {
    struct limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    limits->world = world;
    *ret_limits = limits;
    return true;
}

void limits_close(struct limits *limits) {
    free(limits);
}

/* ---- what a second had: exact below 16, then eight steps a doubling ---- */

static size_t step_of(int64_t count) {
    size_t log = 4;
    if (count < 16)
        return (size_t)count;
    while (count >> (log + 1))
        log++;
    size_t step = 16 + (log - 4) * 8 + (size_t)((count >> (log - 3)) & 7);
    return step < LIMIT_STEPS ? step : LIMIT_STEPS - 1;
}

/* The most that a second of this step had. */
static int64_t step_end(size_t step) {
    if (step < 16)
        return (int64_t)step;
    size_t log = 4 + (step - 16) / 8;
    return (int64_t)((9 + (step - 16) % 8) << (log - 3)) - 1;
}

static void end_second(struct route_use *route) {
    if (route->in_second > 0) {
        route->steps[step_of(route->in_second)]++;
        route->use.busy_seconds++;
    }
    route->in_second = 0;
}

static void count(struct limits *limits, struct route_use *route, int64_t now_us) {
    int64_t second = now_us / TILL_US_PER_SECOND;
    if (second != route->second)
        end_second(route);
    route->second = second;
    if (++route->in_second > route->use.peak) {
        route->use.peak = route->in_second;
        route->use.peak_us = world_now_us(limits->world);
    }
}

static int64_t p99(const struct route_use *route) {
    int64_t above = route->use.busy_seconds / 100;
    size_t step = LIMIT_STEPS - 1;
    while (step > 0 && (above -= route->steps[step]) >= 0)
        step--;
    int64_t end = step_end(step);
    return end < route->use.peak ? end : route->use.peak;
}

/* ---- the instance ---- */

static struct route_use *route_of(struct limits *limits, const struct limited *limited) {
    assert(limited->index < LIMIT_ROUTES_MAX);
    return &limits->routes[limited->index];
}

bool limits_take(struct gateway *gw, const struct limited *limited, struct limit_stand *ret_stand) {
    struct limits *limits = gw->limits;
    struct rate rate = limits_instance_rate(gw, limited);
    int64_t now_us = world_monotonic_us(gw->world);
    ret_stand->is_app = false;
    world_acquire(limits->world, &limits->lock);
    struct route_use *route = route_of(limits, limited);
    count(limits, route, now_us);
    bool passes = bucket_take(&route->bucket, &rate, now_us, &ret_stand->state);
    route->use.limited_by_instance += !passes;
    world_release(limits->world, &limits->lock);
    if (!passes)
        metrics_add(gw->metrics, METRIC_LIMITS, limited->route, "instance", 1);
    return passes;
}

/* ---- apps ---- */

static size_t slot_of(const char *app_id, size_t index) {
    uint32_t hash = 2166136261u ^ (uint32_t)index;
    for (; *app_id; app_id++)
        hash = (hash ^ (unsigned char)*app_id) * 16777619u;
    return hash ^ hash >> 15;
}

static bool is_of(const struct place *place, const char *app_id, size_t index) {
    return place->index == index && strcmp(place->app_id, app_id) == 0;
}

/* The app's bucket for the route. A free place, or one whose bucket is full by now, is taken over;
 * without either the bucket that is shared. Lock held. */
static struct bucket *bucket_of(struct limits *limits, const char *app_id, size_t index,
                                int64_t now_us) {
    struct place *room = NULL;
    size_t slot = slot_of(app_id, index);
    for (size_t i = 0; i < PROBES; i++) {
        struct place *place = &limits->places[(slot + i) % LIMIT_APP_BUCKETS];
        if (is_of(place, app_id, index))
            return &place->bucket;
        if (!room && (!place->app_id[0] || bucket_is_full(&place->bucket, now_us)))
            room = place;
    }
    if (!room)
        return &limits->routes[index].shared;
    *room = (struct place){.index = index};
    memcpy(room->app_id, app_id, strlen(app_id) + 1);
    return &room->bucket;
}

bool limits_take_app(struct gateway *gw, const struct limited *limited, const struct app_row *app,
                     struct limit_stand *ret_stand) {
    struct limits *limits = gw->limits;
    struct rate rate = limits_app_rate(gw, limited, app->limits);
    int64_t now_us = world_monotonic_us(gw->world);
    bool passes = true;
    *ret_stand = (struct limit_stand){.is_app = true};
    world_acquire(limits->world, &limits->lock);
    struct route_use *route = route_of(limits, limited);
    if (!rate_is_off(&rate))
        passes = bucket_take(bucket_of(limits, app->id, limited->index, now_us), &rate, now_us,
                             &ret_stand->state);
    if (!passes)
        bucket_return(&route->bucket);
    route->use.allowed += passes;
    route->use.limited_by_app += !passes;
    world_release(limits->world, &limits->lock);
    metrics_add(gw->metrics, METRIC_LIMITS, limited->route, passes ? "allowed" : "app", 1);
    return passes;
}

void limits_give_back(struct gateway *gw, const struct limited *limited,
                      const struct app_row *app) {
    struct limits *limits = gw->limits;
    int64_t now_us = world_monotonic_us(gw->world);
    world_acquire(limits->world, &limits->lock);
    struct route_use *route = route_of(limits, limited);
    bucket_return(&route->bucket);
    route->in_second -= route->in_second > 0;
    if (app)
        bucket_return(bucket_of(limits, app->id, limited->index, now_us));
    world_release(limits->world, &limits->lock);
    if (!app)
        metrics_add(gw->metrics, METRIC_LIMITS, limited->route, "unproven", 1);
}

/* ---- looking ---- */

void limits_look(struct gateway *gw, const struct limited *limited, struct limit_stand *ret_stand,
                 struct limit_use *ret_use) {
    struct limits *limits = gw->limits;
    struct rate rate = limits_instance_rate(gw, limited);
    int64_t now_us = world_monotonic_us(gw->world);
    ret_stand->is_app = false;
    world_acquire(limits->world, &limits->lock);
    struct route_use *route = route_of(limits, limited);
    if (now_us / TILL_US_PER_SECOND != route->second)
        end_second(route);
    bucket_look(&route->bucket, &rate, now_us, &ret_stand->state);
    *ret_use = route->use;
    ret_use->p99 = p99(route);
    world_release(limits->world, &limits->lock);
}

/* A look must not change how a bucket is filled later: it works on a copy. */
size_t limits_look_at_apps(struct gateway *gw, struct limits_app_bucket *rows, size_t room,
                           size_t *ret_total) {
    struct limits *limits = gw->limits;
    int64_t now_us = world_monotonic_us(gw->world);
    size_t count = 0;
    *ret_total = 0;
    world_acquire(limits->world, &limits->lock);
    for (size_t i = 0; i < LIMIT_APP_BUCKETS; i++) {
        const struct place *place = &limits->places[i];
        struct bucket bucket = place->bucket;
        if (!place->app_id[0] || bucket_is_full(&bucket, now_us))
            continue;
        ++*ret_total;
        if (count == room)
            continue;
        struct limits_app_bucket *row = &rows[count++];
        memcpy(row->app_id, place->app_id, sizeof row->app_id);
        row->index = place->index;
        bucket_look(&bucket, &place->bucket.rate, now_us, &row->state);
    }
    world_release(limits->world, &limits->lock);
    return count;
}
