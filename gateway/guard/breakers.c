/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/breakers.h>

#include <stdlib.h>
#include <string.h>

#include <till/time.h>

struct slot {
    char id[TILL_ID_SIZE]; /* empty: free */
    struct breaker breaker;
    uint64_t used; /* the table's tick of the last call */
};

struct breakers {
    struct world *world;
    struct world_lock lock;
    struct slot slots[BREAKERS_MAX];
    size_t count; /* slots that were ever used: the first ones */
    uint64_t tick;
};

bool breakers_open(struct world *world, struct breakers **ret, struct till_error *err) {
    struct breakers *breakers = calloc(1, sizeof *breakers);
    if (!breakers)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    breakers->world = world;
    *ret = breakers;
    return true;
}

void breakers_close(struct breakers *breakers) {
    free(breakers);
}

static struct breaker_rules rules_of(const struct gateway *gw) {
    const struct gateway_settings *settings = gw->settings;
    return (struct breaker_rules){.window_us = settings->breaker_window,
                                  .call_us = settings->upstream_timeout,
                                  .pause_us = settings->breaker_pause,
                                  .pause_max_us = settings->breaker_pause_max,
                                  .calls_min = settings->breaker_calls_min,
                                  .probes = settings->breaker_probes,
                                  .in_flight_max = settings->upstream_in_flight_max};
}

/* ---- the table; the lock is held ---- */

static struct slot *find(struct breakers *breakers, const char *account_id) {
    for (size_t i = 0; i < breakers->count; i++)
        if (strcmp(breakers->slots[i].id, account_id) == 0)
            return &breakers->slots[i];
    return NULL;
}

/* Nobody is in it and no hand is on it; one that rests is kept before one that is closed. */
static bool is_better_victim(const struct slot *slot, const struct slot *best) {
    if (slot->breaker.in_flight > 0 || slot->breaker.hand != BREAKER_AUTO)
        return false;
    if (!best)
        return true;
    bool is_closed = slot->breaker.state == BREAKER_CLOSED;
    bool best_is_closed = best->breaker.state == BREAKER_CLOSED;
    return is_closed != best_is_closed ? is_closed : slot->used < best->used;
}

static struct slot *find_room(struct breakers *breakers) {
    struct slot *best = NULL;
    if (breakers->count < BREAKERS_MAX)
        return &breakers->slots[breakers->count++];
    for (size_t i = 0; i < BREAKERS_MAX; i++)
        if (is_better_victim(&breakers->slots[i], best))
            best = &breakers->slots[i];
    return best;
}

/* NULL: every slot is in use. */
static struct slot *find_or_add(struct breakers *breakers, const char *account_id) {
    struct slot *slot = find(breakers, account_id);
    if (!slot) {
        slot = find_room(breakers);
        if (!slot)
            return NULL;
        *slot = (struct slot){.id = ""};
        memcpy(slot->id, account_id, strnlen(account_id, sizeof slot->id - 1));
    }
    slot->used = ++breakers->tick;
    return slot;
}

/* ---- what is told about a change; outside of the lock ---- */

struct change {
    enum breaker_state before, after;
    int64_t calls, failures; /* of the window, before */
    int64_t pause_us;
};

static struct change change_begin(const struct slot *slot, int64_t now_us) {
    struct change change = {.before = breaker_shown_state(&slot->breaker)};
    breaker_count(&slot->breaker, now_us, &change.calls, &change.failures);
    return change;
}

/* The gauge is set under the lock, so that the last change is what it shows. */
static void change_end(struct gateway *gw, const struct slot *slot, struct change *change) {
    change->after = breaker_shown_state(&slot->breaker);
    change->pause_us = slot->breaker.pause_us;
    if (change->after != change->before)
        metrics_set(gw->metrics, METRIC_BREAKER_STATE, slot->id, NULL, (int64_t)change->after);
}

static void tell(struct gateway *gw, const char *account_id, const struct change *change,
                 const char *because) {
    if (change->after == change->before)
        return;
    bool opened = change->after == BREAKER_OPEN;
    if (opened)
        metrics_add(gw->metrics, METRIC_BREAKER_OPENED, account_id, NULL, 1);
    log_event(gw->log, opened ? LOG_WARN : LOG_INFO, "breaker", LOG_C("account", account_id),
              LOG_C("state", breaker_state_name(change->after)),
              LOG_C("before", breaker_state_name(change->before)), LOG_C("because", because),
              LOG_N("calls", change->calls), LOG_N("failures", change->failures),
              LOG_N("pause_ms", opened ? change->pause_us / 1000 : 0));
}

/* ---- a call ---- */

static enum breaker_entry enter(struct gateway *gw, const char *account_id, enum breaker_kind kind,
                                struct breaker_call *ret, int64_t *ret_wait_us,
                                struct change *change) {
    struct breakers *breakers = gw->breakers;
    struct breaker_rules rules = rules_of(gw);
    int64_t now_us = world_monotonic_us(breakers->world);
    struct slot *slot = find_or_add(breakers, account_id);
    *ret_wait_us = TILL_US_PER_SECOND;
    if (!slot)
        return BREAKER_BUSY;
    *change = change_begin(slot, now_us);
    enum breaker_entry entry = breaker_enter(&slot->breaker, &rules, kind, now_us, &ret->pass);
    change_end(gw, slot, change);
    *ret_wait_us = breaker_wait_us(&slot->breaker, &rules, now_us);
    memcpy(ret->account_id, slot->id, sizeof ret->account_id);
    return entry;
}

enum breaker_entry breakers_enter(struct gateway *gw, const char *account_id,
                                  enum breaker_kind kind, struct breaker_call *ret,
                                  int64_t *ret_wait_us) {
    static const char *const reasons[] = {[BREAKER_RESTS] = "resting", [BREAKER_BUSY] = "busy"};
    struct change change = {.before = BREAKER_CLOSED, .after = BREAKER_CLOSED};
    struct breaker_call call = {.account_id = ""};
    world_acquire(gw->world, &gw->breakers->lock);
    enum breaker_entry entry = enter(gw, account_id, kind, &call, ret_wait_us, &change);
    world_release(gw->world, &gw->breakers->lock);
    tell(gw, account_id, &change, "the pause is over");
    if (entry == BREAKER_GOES) {
        metrics_add(gw->metrics, METRIC_UPSTREAM_IN_FLIGHT, account_id, NULL, 1);
        *ret = call;
    } else {
        metrics_add(gw->metrics, METRIC_UPSTREAM_REFUSED, account_id, reasons[entry], 1);
    }
    return entry;
}

void breakers_leave(struct gateway *gw, const struct breaker_call *call,
                    enum breaker_outcome outcome) {
    struct breakers *breakers = gw->breakers;
    struct breaker_rules rules = rules_of(gw);
    world_acquire(gw->world, &breakers->lock);
    int64_t now_us = world_monotonic_us(breakers->world);
    struct slot *slot = find(breakers, call->account_id); /* is there: a call is in it */
    struct change change = change_begin(slot, now_us);
    breaker_leave(&slot->breaker, &rules, &call->pass, outcome, now_us);
    change_end(gw, slot, &change);
    world_release(gw->world, &breakers->lock);
    /* The window is as it was before the call that tipped it. */
    if (change.before == BREAKER_CLOSED)
        change.calls++, change.failures++;
    tell(gw, call->account_id, &change,
         outcome == BREAKER_FAILED ? "more than half of the calls failed, or a probe"
                                   : "the probes came back good");
    metrics_add(gw->metrics, METRIC_UPSTREAM_IN_FLIGHT, call->account_id, NULL, -1);
}

/* ---- looking, and by hand ---- */

static void view_of(const struct slot *slot, const struct breaker_rules *rules, int64_t now_us,
                    struct breaker_view *ret) {
    const struct breaker *b = &slot->breaker;
    *ret = (struct breaker_view){
        .state = breaker_shown_state(b),
        .hand = b->hand,
        .rests = breaker_would_rest(b, rules, BREAKER_NEW, now_us),
        .owed_rests = breaker_would_rest(b, rules, BREAKER_OWED, now_us),
        .busy = breaker_is_busy(b, rules, BREAKER_NEW),
        .in_flight = b->in_flight,
    };
    memcpy(ret->account_id, slot->id, sizeof ret->account_id);
    breaker_count(b, now_us, &ret->calls, &ret->failures);
    if (ret->rests || ret->owed_rests)
        ret->wait_us = breaker_wait_us(b, rules, now_us);
}

void breakers_look(struct gateway *gw, const char *account_id, struct breaker_view *ret) {
    struct breaker_rules rules = rules_of(gw);
    struct breaker_view view = {.state = BREAKER_CLOSED};
    world_acquire(gw->world, &gw->breakers->lock);
    const struct slot *slot = find(gw->breakers, account_id);
    if (slot)
        view_of(slot, &rules, world_monotonic_us(gw->world), &view);
    world_release(gw->world, &gw->breakers->lock);
    *ret = view;
}

size_t breakers_list(struct gateway *gw, struct breaker_view *ret, size_t max) {
    struct breaker_rules rules = rules_of(gw);
    struct breakers *breakers = gw->breakers;
    world_acquire(gw->world, &breakers->lock);
    size_t count = breakers->count < max ? breakers->count : max;
    for (size_t i = 0; i < count; i++)
        view_of(&breakers->slots[i], &rules, world_monotonic_us(gw->world), &ret[i]);
    world_release(gw->world, &breakers->lock);
    return count;
}

bool breakers_hold(struct gateway *gw, const char *account_id, enum breaker_hand hand,
                   struct till_error *err) {
    struct change change = {.before = BREAKER_CLOSED};
    world_acquire(gw->world, &gw->breakers->lock);
    struct slot *slot = find_or_add(gw->breakers, account_id);
    if (slot) {
        change = change_begin(slot, world_monotonic_us(gw->world));
        breaker_hold(&slot->breaker, hand);
        change_end(gw, slot, &change);
    }
    world_release(gw->world, &gw->breakers->lock);
    if (!slot)
        return TILL_FAIL(err, OVERLOADED, "Every breaker has calls in it at this moment; repeat.");
    tell(gw, account_id, &change, "by hand");
    return true;
}
