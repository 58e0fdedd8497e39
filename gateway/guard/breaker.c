/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/breaker.h>

#include <assert.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

const char *breaker_state_name(enum breaker_state state) {
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_HALF_OPEN] = "half_open", [BREAKER_OPEN] = "open"};
    return names[state];
}

enum breaker_state breaker_shown_state(const struct breaker *b) {
    static const enum breaker_state held[] = {
        [BREAKER_HELD_CLOSED] = BREAKER_CLOSED, [BREAKER_HELD_OPEN] = BREAKER_OPEN};
    return b->hand == BREAKER_AUTO ? b->state : held[b->hand];
}

/* ---- the window ---- */

static void clear_window(struct breaker *b) {
    memset(b->buckets, 0, sizeof b->buckets);
    b->in_trouble = b->in_majority = false;
}

void breaker_count(const struct breaker *b, int64_t now_us, int64_t *ret_calls,
                   int64_t *ret_failures) {
    int64_t calls = 0, failures = 0, newest = b->width_us ? now_us / b->width_us : 0;
    for (size_t i = 0; i < BREAKER_BUCKETS; i++) {
        const struct breaker_bucket *bucket = &b->buckets[i];
        if (bucket->index <= newest - BREAKER_BUCKETS || bucket->index > newest)
            continue;
        calls += bucket->calls;
        failures += bucket->failures;
    }
    *ret_calls = calls;
    *ret_failures = failures;
}

static void add(struct breaker *b, const struct breaker_rules *rules, bool failed, int64_t now_us) {
    int64_t width_us = rules->window_us / BREAKER_BUCKETS;
    assert(width_us > 0 && now_us >= 0);
    if (b->width_us != width_us)
        clear_window(b);
    b->width_us = width_us;
    int64_t index = now_us / width_us;
    struct breaker_bucket *bucket = &b->buckets[index % BREAKER_BUCKETS];
    if (bucket->index != index)
        *bucket = (struct breaker_bucket){.index = index};
    bucket->calls++;
    bucket->failures += failed;
}

static void keep_since(bool holds, bool *in, int64_t *since_us, int64_t now_us) {
    if (holds && !*in)
        *since_us = now_us;
    *in = holds;
}

/* True: it must open. When a platform hangs, its failures come in waves that are one call apart: so
 * long a silence ends no trouble. */
static bool note(struct breaker *b, const struct breaker_rules *rules, bool failed,
                 int64_t now_us) {
    int64_t calls, failures;
    if (now_us - b->noted_us > rules->window_us + rules->call_us)
        clear_window(b);
    b->noted_us = now_us;
    add(b, rules, failed, now_us);
    breaker_count(b, now_us, &calls, &failures);
    keep_since(failures > 0, &b->in_trouble, &b->trouble_us, now_us);
    keep_since(2 * failures > calls, &b->in_majority, &b->majority_us, now_us);
    return failed && b->in_majority && calls >= rules->calls_min &&
           now_us - b->trouble_us >= rules->window_us &&
           now_us - b->majority_us >= rules->window_us / 2;
}

/* ---- the states ---- */

static void go_to(struct breaker *b, enum breaker_state state) {
    b->state = state;
    b->spell++;
    b->good = 0;
    memset(b->probing, 0, sizeof b->probing);
    clear_window(b);
}

static void open_for(struct breaker *b, int64_t pause_us, int64_t now_us) {
    go_to(b, BREAKER_OPEN);
    b->pause_us = pause_us;
    b->until_us = now_us + pause_us;
}

static int64_t longer_pause(const struct breaker *b, const struct breaker_rules *rules) {
    int64_t pause_us =
        b->pause_us > rules->pause_max_us / 2 ? rules->pause_max_us : 2 * b->pause_us;
    return pause_us > rules->pause_us ? pause_us : rules->pause_us;
}

bool breaker_would_rest(const struct breaker *b, const struct breaker_rules *rules,
                        enum breaker_kind kind, int64_t now_us) {
    if (b->hand != BREAKER_AUTO)
        return b->hand == BREAKER_HELD_OPEN;
    if (b->state == BREAKER_OPEN)
        return now_us < b->until_us;
    return b->state == BREAKER_HALF_OPEN && b->good < rules->probes &&
           b->probing[kind] + b->good >= rules->probes;
}

bool breaker_is_busy(const struct breaker *b, const struct breaker_rules *rules,
                     enum breaker_kind kind) {
    return b->in_flight >= rules->in_flight_max + BREAKER_OWED_PLACES ||
           (kind == BREAKER_NEW && b->new_in_flight >= rules->in_flight_max);
}

enum breaker_entry breaker_enter(struct breaker *b, const struct breaker_rules *rules,
                                 enum breaker_kind kind, int64_t now_us, struct breaker_pass *ret) {
    if (breaker_would_rest(b, rules, kind, now_us))
        return BREAKER_RESTS;
    if (breaker_is_busy(b, rules, kind))
        return BREAKER_BUSY;
    if (b->hand == BREAKER_AUTO && b->state == BREAKER_OPEN)
        go_to(b, BREAKER_HALF_OPEN);
    /* Fewer probes are wanted than before, and that many were good. */
    if (b->state == BREAKER_HALF_OPEN && b->good >= rules->probes)
        go_to(b, BREAKER_CLOSED);
    b->in_flight++;
    b->new_in_flight += kind == BREAKER_NEW;
    if (b->state == BREAKER_HALF_OPEN)
        b->probing[kind]++;
    *ret = (struct breaker_pass){.kind = kind, .spell = b->spell};
    return BREAKER_GOES;
}

static void take_probe(struct breaker *b, const struct breaker_rules *rules, enum breaker_kind kind,
                       enum breaker_outcome outcome, int64_t now_us) {
    b->probing[kind]--;
    if (outcome == BREAKER_FAILED)
        open_for(b, longer_pause(b, rules), now_us);
    else if (outcome == BREAKER_GOOD && ++b->good >= rules->probes)
        go_to(b, BREAKER_CLOSED);
}

void breaker_leave(struct breaker *b, const struct breaker_rules *rules,
                   const struct breaker_pass *pass, enum breaker_outcome outcome, int64_t now_us) {
    assert(b->in_flight > 0);
    b->in_flight--;
    b->new_in_flight -= pass->kind == BREAKER_NEW;
    if (pass->spell != b->spell || b->hand != BREAKER_AUTO)
        return;
    if (b->state == BREAKER_HALF_OPEN) {
        take_probe(b, rules, pass->kind, outcome, now_us);
        return;
    }
    if (b->state != BREAKER_CLOSED || outcome == BREAKER_NEITHER)
        return;
    if (note(b, rules, outcome == BREAKER_FAILED, now_us))
        open_for(b, rules->pause_us, now_us);
}

int64_t breaker_wait_us(const struct breaker *b, const struct breaker_rules *rules,
                        int64_t now_us) {
    int64_t wait_us = SECOND_US;
    if (b->hand == BREAKER_HELD_OPEN)
        wait_us = rules->pause_max_us;
    else if (b->hand == BREAKER_AUTO && b->state == BREAKER_OPEN && b->until_us > now_us)
        wait_us = b->until_us - now_us;
    if (wait_us > rules->pause_max_us)
        wait_us = rules->pause_max_us;
    return wait_us > SECOND_US ? wait_us : SECOND_US;
}

void breaker_hold(struct breaker *b, enum breaker_hand hand) {
    go_to(b, BREAKER_CLOSED);
    b->hand = hand;
}
