/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that end are switched off when their time has come and told of before; secrets that are
 * half way to a new master key are brought the rest of the way, also after a kill. */
#include <gateway/flow/parts.h>

#include <gateway/store/reseal.h>
#include <gateway/store/rotation.h>
#include <till/time.h>

#define TELL_BEFORE_US (INT64_C(3) * 86400 * TILL_US_PER_SECOND)
#define TELL_EVERY_US (3600 * TILL_US_PER_SECOND)
enum { KEYS_A_ROUND = 64, PARTS_A_ROUND = 16 };

static void tell(struct gateway *gw, const char *event, const struct key_ending *key) {
    char at[TILL_TIME_TEXT] = "";
    struct till_error ignored;
    if (!till_time_format(key->ends_us, at, &ignored))
        at[0] = '\0';
    log_event(gw->log, LOG_WARN, event, LOG_C("key", key->id), LOG_C("app", key->app_id),
              LOG_C("ends_at", at));
}

static bool may_tell(struct gateway *gw) {
    int64_t now_us = world_monotonic_us(gw->world);
    if (gw->keys_told_us != 0 && now_us - gw->keys_told_us < TELL_EVERY_US)
        return false;
    gw->keys_told_us = now_us ? now_us : 1;
    return true;
}

/* All is under the new master key, and we run under the old one: it is not refused yet. */
static bool tell_of_old_master_key(struct gateway *gw, struct till_error *err) {
    struct reseal_figures figures;
    if (!store_reseal_figures(gw->store, &figures, err))
        return false;
    if (figures.state == RESEAL_DONE && !figures.runs_under_new)
        log_event(gw->log, LOG_WARN, "old_master_key_in_use", LOG_N("rows", figures.rows));
    return true;
}

static bool end_keys(struct gateway *gw, bool soon, struct till_error *err) {
    struct key_ending keys[KEYS_A_ROUND];
    size_t count, ended = 0;
    int64_t now_us = world_now_us(gw->world);
    if (!soon && store_next_key_end_us(gw->store) > now_us)
        return true;
    if (!store_keys_ending(gw->store, soon ? now_us + TELL_BEFORE_US : now_us, keys, KEYS_A_ROUND,
                           &count, err))
        return false;
    for (; ended < count && keys[ended].ends_us <= now_us; ended++)
        tell(gw, "key_ended", &keys[ended]);
    for (size_t i = ended; i < count; i++)
        tell(gw, "key_ends_soon", &keys[i]);
    return ended == 0 || store_keys_switch_off(gw->store, keys, ended, now_us, err);
}

static bool reseal_some(struct gateway *gw, struct till_error *err) {
    bool left = store_reseal_is_left(gw->store);
    for (int i = 0; left && i < PARTS_A_ROUND; i++)
        if (!store_reseal_part(gw->store, &left, err))
            return false;
    return true;
}

void keys_look(struct gateway *gw, bool minute) {
    struct till_error err;
    bool hour = minute && may_tell(gw);
    if (!end_keys(gw, hour, &err) || (hour && !tell_of_old_master_key(gw, &err)))
        log_failure(gw->log, LOG_ERROR, "keys_not_ended", &err);
    /* A row that opens under no key stays so: once a minute is often enough. */
    if (gw->reseal_failed && !minute)
        return;
    gw->reseal_failed = !reseal_some(gw, &err);
    if (gw->reseal_failed)
        log_failure(gw->log, LOG_ERROR, "reseal_failed", &err);
}
