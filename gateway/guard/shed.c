/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/shed.h>

#include <gateway/guard/guard.h>
#include <gateway/guard/limits.h>

enum { SHED_LEVELS = 3 };

static const struct {
    const char *word;
    int retry_s;
} RANKS[RANK_COUNT] = {[RANK_NONE] = {"none", 1},
                       [RANK_LIST] = {"lists", 5},
                       [RANK_CREATE] = {"creates", 2},
                       [RANK_QUERY] = {"queries", 1},
                       [RANK_NOTIFY] = {"notifications", 1}};

const char *shed_rank_word(enum shed_rank rank) {
    return RANKS[rank].word;
}

int shed_retry_s(enum shed_rank rank) {
    return RANKS[rank].retry_s;
}

/* Where level `step` (from 1) begins: a part of the queue in percent, and an age. */
static int64_t depth_at(const struct gateway_settings *settings, int step) {
    const int64_t at[SHED_LEVELS] = {settings->shed_lists_at, settings->shed_creates_at,
                                     settings->shed_queries_at};
    return at[step - 1];
}

static int64_t age_at(const struct gateway_settings *settings, int step) {
    const int64_t wait_us = settings->shed_wait;
    return step == 1 ? wait_us / 2 : step == 2 ? wait_us : 2 * wait_us;
}

/* Whether the load is at `percent` of where the step begins. An empty queue is nobody's load. */
static bool reaches(const struct gateway_settings *settings, const struct http_load *load, int step,
                    int64_t percent) {
    int64_t depth = (int64_t)load->waiting * 100 * 100;
    return load->waiting > 0 &&
           (depth >= depth_at(settings, step) * percent * (int64_t)load->queue_max ||
            load->oldest_us * 100 >= age_at(settings, step) * percent);
}

int shed_level_of(const struct gateway *gw, const struct http_load *load, int level_before) {
    const struct gateway_settings *settings = gw->settings;
    int level = 0;
    for (int step = 1; step <= SHED_LEVELS; step++)
        if (reaches(settings, load, step, 100))
            level = step;
    while (level_before > level && !reaches(settings, load, level_before, 50))
        level_before--;
    return level > level_before ? level : level_before;
}

static void move(struct gateway *gw, int from, int to, const struct http_load *load) {
    int64_t left_out;
    if (!atomic_compare_exchange_strong(&gw->shed_level, &from, to))
        return;
    metrics_set(gw->metrics, METRIC_SHED_LEVEL, NULL, NULL, to);
    if (limit_may_log(gw, &gw->shed_lines, &left_out))
        log_event(gw->log, to > from ? LOG_WARN : LOG_INFO, "shedding", LOG_N("level", to),
                  LOG_N("before", from), LOG_N("waiting", (int64_t)load->waiting),
                  LOG_N("oldest_us", load->oldest_us), LOG_N("left_out", left_out));
}

bool shed_admits(struct gateway *gw, enum shed_rank rank, const struct http_load *load) {
    if (rank == RANK_NONE || rank == RANK_NOTIFY)
        return true;
    int before = atomic_load(&gw->shed_level), level = shed_level_of(gw, load, before);
    if (level != before)
        move(gw, before, level, load);
    if (level < (int)rank)
        return true;
    metrics_add(gw->metrics, METRIC_SHED, shed_rank_word(rank), NULL, 1);
    return false;
}
