/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Housekeeping: public numbers for committed events, figures into metrics, and now and then a
 * bounded purge of what only had to be kept for a while. Alarms are lines of their own.
 */
#include <gateway/flow/parts.h>

#include <gateway/store/changes.h>
#include <till/time.h>

#define ROUND_US TILL_US_PER_SECOND
#define MINUTE_US (60 * TILL_US_PER_SECOND)
/* While nothing is committed, figures change only with the clock; while much is, so often. */
#define FIGURES_EVERY_US (2 * TILL_US_PER_SECOND)
/* A refund that takes longer is told of. */
#define REFUND_OLD_US (INT64_C(24) * 60 * MINUTE_US)
enum { SEQUENCE_BATCHES = 16 }; /* of events, and of seals, a round */

static bool sequence(struct gateway *gw) {
    struct till_error err;
    int numbered = 1;
    for (int i = 0; i < SEQUENCE_BATCHES && numbered > 0; i++)
        if (!store_sequence_events(gw->store, world_now_us(gw->world), &numbered, &err)) {
            log_failure(gw->log, LOG_ERROR, "sequence_failed", &err);
            return false;
        }
    return true;
}

/* What is sealed can be proven; it follows within seconds. */
static bool seal(struct gateway *gw) {
    struct till_error err;
    int sealed = 1;
    for (int i = 0; i < SEQUENCE_BATCHES && sealed > 0; i++)
        if (!store_seal_trail(gw->store, &sealed, &err)) {
            log_failure(gw->log, LOG_ERROR, "seal_failed", &err);
            return false;
        }
    return true;
}

/* Numbers and seals for what was committed since the last round. Both commit themselves: the next
 * round finds that there is no more. */
static void follow_commits(struct gateway *gw, bool minute) {
    int64_t commits = store_commits(gw->store);
    if (commits == gw->followed_commits && !minute)
        return;
    bool numbered = sequence(gw), sealed = seal(gw);
    if (numbered && sealed)
        gw->followed_commits = commits;
}

/* Into the log, and with it to wherever logs go: what is kept there cannot be forged here. */
static void tell_head(struct gateway *gw) {
    struct trail_head head;
    struct till_error err;
    char hash[2 * TILL_SHA256_SIZE + 1];
    if (!store_trail_head(gw->store, &head, &err)) {
        log_failure(gw->log, LOG_ERROR, "trail_head_failed", &err);
        return;
    }
    if (head.number == gw->told_number)
        return;
    gw->told_number = head.number;
    till_hex_encode(head.hash, sizeof head.hash, hash);
    log_event(gw->log, LOG_INFO, "trail_head", LOG_N("number", head.number), LOG_C("hash", hash));
}

static void raise_alarms(struct gateway *gw, const struct store_figures *figures) {
    if (figures->ledger_imbalance != 0)
        log_event(gw->log, LOG_ERROR, "ledger_imbalance",
                  LOG_N("minor", figures->ledger_imbalance));
    if (figures->parked > 0)
        log_event(gw->log, LOG_ERROR, "rows_parked", LOG_N("rows", figures->parked));
}

static int64_t age_us(const struct gateway *gw, int64_t since_us) {
    int64_t now_us = world_now_us(gw->world);
    return since_us > 0 && now_us > since_us ? now_us - since_us : 0;
}

/* Once an hour while it stays so. */
static void tell_old_refund(struct gateway *gw, int64_t refund_us) {
    int64_t now_us = world_monotonic_us(gw->world);
    if (refund_us < REFUND_OLD_US ||
        (gw->refund_told_us != 0 && now_us - gw->refund_told_us < 60 * MINUTE_US))
        return;
    gw->refund_told_us = now_us;
    log_event(gw->log, LOG_WARN, "refund_unsettled",
              LOG_N("oldest_seconds", refund_us / TILL_US_PER_SECOND));
}

static void show(struct gateway *gw, const struct store_figures *figures) {
    int64_t refund_us = age_us(gw, figures->oldest_refund_us);
    metrics_set_us(gw->metrics, METRIC_UNKNOWN_OLDEST, NULL, NULL,
                   age_us(gw, figures->oldest_unknown_us));
    metrics_set_us(gw->metrics, METRIC_REFUND_OLDEST, NULL, NULL, refund_us);
    tell_old_refund(gw, refund_us);
    metrics_set(gw->metrics, METRIC_OUTBOX_PENDING, NULL, NULL, figures->deliveries_pending);
    metrics_set(gw->metrics, METRIC_DISCREPANCIES, NULL, NULL, figures->discrepancies_open);
    metrics_set_us(gw->metrics, METRIC_STORE_STALL, NULL, NULL, figures->longest_commit_us);
}

/* A full disk keeps nobody from being served, and silence from being told. */
static void count_lost_lines(struct gateway *gw) {
    uint64_t lost = log_lost(gw->log), news = lost - gw->lost_lines;
    if (news == 0)
        return;
    gw->lost_lines = lost;
    metrics_add(gw->metrics, METRIC_LOG_LOST, NULL, NULL, (int64_t)news);
    gw->untold_lines += news;
}

/* Only a line that was written has told anything. */
static void tell_lost_lines(struct gateway *gw) {
    uint64_t before = log_lost(gw->log);
    if (gw->untold_lines == 0)
        return;
    log_event(gw->log, LOG_WARN, "log_lines_lost", LOG_N("lines", (int64_t)gw->untold_lines));
    if (log_lost(gw->log) == before)
        gw->untold_lines = 0;
}

static void purge(struct gateway *gw) {
    struct till_error err;
    int removed = 0;
    if (!store_purge(gw->store, world_now_us(gw->world), &removed, &err))
        log_failure(gw->log, LOG_ERROR, "purge_failed", &err);
    else if (removed > 0)
        log_event(gw->log, LOG_INFO, "purge", LOG_N("rows", removed));
}

/* The rarer half of the work, first at the start. */
static bool is_full_minute(struct gateway *gw) {
    int64_t now_us = world_monotonic_us(gw->world);
    if (gw->purged_us != 0 && now_us - gw->purged_us < MINUTE_US)
        return false;
    gw->purged_us = now_us;
    return true;
}

static bool are_figures_due(const struct gateway *gw, bool minute) {
    int64_t age_us = world_monotonic_us(gw->world) - gw->figures_us;
    bool changed = store_changes(gw->store) != gw->figures_changes;
    return minute || gw->figures_us == 0 || (changed && age_us >= FIGURES_EVERY_US);
}

static bool look_at_figures(struct gateway *gw) {
    int64_t changes = store_changes(gw->store);
    struct till_error err;
    if (!store_figures(gw->store, &gw->figures, &err)) {
        log_failure(gw->log, LOG_ERROR, "figures_failed", &err);
        gw->figures_us = 0;
        return false;
    }
    gw->figures_us = world_monotonic_us(gw->world);
    gw->figures_changes = changes;
    return true;
}

void housekeep_once(struct gateway *gw, int64_t *ret_next_us) {
    clock_look(gw);
    count_lost_lines(gw);
    tell_lost_lines(gw);
    *ret_next_us = world_now_us(gw->world) + ROUND_US;
    bool minute = is_full_minute(gw);
    if (are_figures_due(gw, minute) && !look_at_figures(gw)) {
        gw->purged_us = minute ? 0 : gw->purged_us;
        return;
    }
    show(gw, &gw->figures);
    follow_commits(gw, minute);
    keys_look(gw, minute);
    if (minute) {
        tell_head(gw);
        raise_alarms(gw, &gw->figures);
        purge(gw);
    }
}
