/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The breaker of one account, as arithmetic: no clock, no lock, no memory of its own (breakers.h
 * has those). Closed, it counts answers in buckets over a sliding window. It opens with a failure
 * that finds all of this: more than half of the window's calls failed, at least calls_min were
 * made, the first failure of this trouble is a window old, and the majority has held without a
 * break for half a window (so the order in which an exact half arrives never opens it). Open,
 * nothing goes until the pause is over. Half open, a few probes go: as many good ones as there are
 * probes close it, one that fails opens it again with the pause doubled, up to pause_max_us.
 *
 * What is owed (questions about money that may have moved, a close, a cancel) has probes of its own
 * and a few places beyond the cap of calls in flight, so that new business never starves it.
 *
 * All times are microseconds of the monotonic clock. The caller holds whatever lock there is.
 */
#ifndef GATEWAY_GUARD_BREAKER_H
#define GATEWAY_GUARD_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_BUCKETS = 20,
    BREAKER_OWED_PLACES = 8 /* beyond in_flight_max, and never taken by new business */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };
enum breaker_hand { BREAKER_AUTO, BREAKER_HELD_CLOSED, BREAKER_HELD_OPEN };
enum breaker_kind { BREAKER_NEW, BREAKER_OWED, BREAKER_KINDS };
enum breaker_outcome {
    BREAKER_GOOD,   /* an answer, whatever it says */
    BREAKER_FAILED, /* the platform could not be reached, was silent, broken or not to be believed
                     */
    BREAKER_NEITHER /* says nothing of the platform: we are stopping, or refused by ourselves */
};
enum breaker_entry { BREAKER_GOES, BREAKER_RESTS, BREAKER_BUSY };

/* Settings, read anew at each call. */
struct breaker_rules {
    int64_t window_us, pause_us, pause_max_us;
    int64_t call_us; /* how long one call may take: so long a hanging platform keeps silent */
    int64_t calls_min, probes, in_flight_max;
};

struct breaker_bucket {
    int64_t index;
    uint32_t calls, failures;
};

/* Zero-initialise: closed, nothing known. */
struct breaker {
    enum breaker_state state;
    enum breaker_hand hand;
    struct breaker_bucket buckets[BREAKER_BUCKETS];
    int64_t width_us;                /* of a bucket; another one begins the window anew */
    bool in_trouble;                 /* a failure, and since then no window without one */
    bool in_majority;                /* more than half fail, as of the last answer */
    int64_t trouble_us, majority_us; /* since when; while the two say so */
    int64_t noted_us;                /* the last answer */
    int64_t until_us;                /* open: the end of the pause */
    int64_t pause_us;                /* the present or last pause */
    int64_t good;                    /* half open: good probes so far */
    int64_t probing[BREAKER_KINDS];
    int64_t in_flight, new_in_flight; /* all of them; those of new business */
    uint64_t spell; /* an answer counts only in the spell in which its call began */
};

/* One call on its way; breaker_enter fills it, breaker_leave takes it back exactly once. */
struct breaker_pass {
    enum breaker_kind kind;
    uint64_t spell;
};

/* May a call go now? Only BREAKER_GOES fills *ret and must be left again. */
enum breaker_entry breaker_enter(struct breaker *b, const struct breaker_rules *rules,
                                 enum breaker_kind kind, int64_t now_us, struct breaker_pass *ret);
void breaker_leave(struct breaker *b, const struct breaker_rules *rules,
                   const struct breaker_pass *pass, enum breaker_outcome outcome, int64_t now_us);
/* The same question without going. */
bool breaker_would_rest(const struct breaker *b, const struct breaker_rules *rules,
                        enum breaker_kind kind, int64_t now_us);
/* Are all places taken? */
bool breaker_is_busy(const struct breaker *b, const struct breaker_rules *rules,
                     enum breaker_kind kind);
/* How long until it may be worth asking again, at least one second, at most pause_max_us. */
int64_t breaker_wait_us(const struct breaker *b, const struct breaker_rules *rules, int64_t now_us);
/* By hand; AUTO begins closed, with nothing known. */
void breaker_hold(struct breaker *b, enum breaker_hand hand);
/* What the window holds now. */
void breaker_count(const struct breaker *b, int64_t now_us, int64_t *ret_calls,
                   int64_t *ret_failures);
/* "closed", "half_open", "open": what a hand holds counts, not what would be without it. */
const char *breaker_state_name(enum breaker_state state);
enum breaker_state breaker_shown_state(const struct breaker *b);

#endif
