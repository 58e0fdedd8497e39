/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So many of something in a time: the text of a limit and the bucket that keeps it. A bucket holds
 * at most `burst` tokens and gains `count` a period; whoever takes one passes. Levels are counted
 * in token-microseconds, so every refill is exact whatever the rate: no remainder is lost or made
 * up.
 *
 * Pure: the caller brings a monotonic time in microseconds and keeps others away from the bucket.
 * A time that lies before the last one adds nothing and takes nothing away.
 */
#ifndef RT_RATE_H
#define RT_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <till/str.h>

#define RATE_COUNT_MAX INT64_C(1000000)
#define RATE_TEXT 48

struct rate {
    int64_t count;     /* 1..RATE_COUNT_MAX tokens a period; 0: no limit */
    int64_t period_us; /* a second, a minute or an hour */
    int64_t burst;     /* 1..RATE_COUNT_MAX: what may pass at one moment after silence */
};

/* "500/s", "30/m", "10/h", with "burst 20" behind it where the burst is not the count; "off". False
 * for anything else, *ret untouched. */
bool rate_parse(struct till_str text, struct rate *ret_rate);
/* The same text back. */
void rate_format(const struct rate *rate, char ret_text[RATE_TEXT]);
bool rate_is_same(const struct rate *a, const struct rate *b);
static inline bool rate_is_off(const struct rate *rate) {
    return rate->count == 0;
}

/* Zero-initialise: a new bucket is full. */
struct bucket {
    struct rate rate;
    int64_t level; /* tokens times rate.period_us */
    int64_t at_us; /* when the level was that */
};

/* What a client is told. */
struct bucket_state {
    int64_t limit;     /* rate.count */
    int64_t period_us; /* rate.period_us */
    int64_t remaining; /* whole tokens left */
    int64_t wait_us;   /* until one more is there, rounded up; 0 when the bucket is full */
};

/* True: a token was taken. The rate may differ from the last one: a full bucket stays full, else
 * whole tokens stay as far as the new burst has room, so that a change makes no burst of its own. A
 * rate that is off lets everything pass. ret_state may be NULL. */
bool bucket_take(struct bucket *bucket, const struct rate *rate, int64_t now_us,
                 struct bucket_state *ret_state);
/* A token that was taken for nothing comes back; never above the burst. */
void bucket_return(struct bucket *bucket);
/* Looks without taking. */
void bucket_look(struct bucket *bucket, const struct rate *rate, int64_t now_us,
                 struct bucket_state *ret_state);
/* Nothing is lost when a full bucket is forgotten. */
bool bucket_is_full(const struct bucket *bucket, int64_t now_us);

#endif
