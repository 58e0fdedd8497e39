/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/rate.h>

#include <stdio.h>

static const struct {
    const char *name;
    int64_t us;
} PERIODS[] = {{"s", INT64_C(1000000)}, {"m", INT64_C(60000000)}, {"h", INT64_C(3600000000)}};
enum { PERIOD_COUNT = sizeof PERIODS / sizeof PERIODS[0] };

static bool read_count(struct till_str text, int64_t *ret_count) {
    unsigned long long number;
    if (!till_str_to_u64(text, (unsigned long long)RATE_COUNT_MAX, &number) || number == 0)
        return false;
    *ret_count = (int64_t)number;
    return true;
}

static bool read_period(struct till_str text, int64_t *ret_us) {
    for (size_t i = 0; i < PERIOD_COUNT; i++)
        if (till_str_is(text, PERIODS[i].name)) {
            *ret_us = PERIODS[i].us;
            return true;
        }
    return false;
}

bool rate_parse(struct till_str text, struct rate *ret_rate) {
    static const struct till_str BURST = TILL_STR_INIT("burst ");
    struct rate rate = {0};
    if (till_str_is(text, "off")) {
        *ret_rate = rate;
        return true;
    }
    struct till_str head = till_str_sub(text, 0, till_str_find(text, ' '));
    struct till_str tail = till_str_sub(text, head.len + 1, text.len);
    size_t slash = till_str_find(head, '/');
    if (!read_count(till_str_sub(head, 0, slash), &rate.count) ||
        !read_period(till_str_sub(head, slash + 1, head.len), &rate.period_us))
        return false;
    rate.burst = rate.count;
    if (head.len < text.len && (!till_str_starts_with(tail, BURST) ||
                                !read_count(till_str_sub(tail, BURST.len, tail.len), &rate.burst)))
        return false;
    *ret_rate = rate;
    return true;
}

void rate_format(const struct rate *rate, char ret_text[RATE_TEXT]) {
    size_t i = 0;
    if (rate_is_off(rate)) {
        snprintf(ret_text, RATE_TEXT, "off");
        return;
    }
    while (i + 1 < PERIOD_COUNT && PERIODS[i].us != rate->period_us)
        i++;
    int len = snprintf(ret_text, RATE_TEXT, "%lld/%s", (long long)rate->count, PERIODS[i].name);
    if (rate->burst != rate->count && len > 0)
        snprintf(ret_text + len, RATE_TEXT - (size_t)len, " burst %lld", (long long)rate->burst);
}

bool rate_is_same(const struct rate *a, const struct rate *b) {
    return a->count == b->count && a->period_us == b->period_us && a->burst == b->burst;
}

/* ---- buckets ---- */

static int64_t full(const struct rate *rate) {
    return rate->burst * rate->period_us;
}

/* The product is formed only where it stays below what is missing, so it cannot overflow. */
static int64_t level_at(const struct bucket *bucket, int64_t now_us) {
    int64_t elapsed_us = now_us - bucket->at_us;
    int64_t missing = full(&bucket->rate) - bucket->level;
    if (elapsed_us <= 0)
        return bucket->level;
    if (elapsed_us > missing / bucket->rate.count)
        return full(&bucket->rate);
    return bucket->level + elapsed_us * bucket->rate.count;
}

static void adopt(struct bucket *bucket, const struct rate *rate) {
    bool is_full = rate_is_off(&bucket->rate) || bucket->level == full(&bucket->rate);
    int64_t tokens = is_full ? rate->burst : bucket->level / bucket->rate.period_us;
    bucket->rate = *rate;
    bucket->level = (tokens < rate->burst ? tokens : rate->burst) * rate->period_us;
}

/* The rate is not off. */
static void bring_to(struct bucket *bucket, const struct rate *rate, int64_t now_us) {
    bool is_new = rate_is_off(&bucket->rate);
    if (!is_new)
        bucket->level = level_at(bucket, now_us);
    if (is_new || now_us > bucket->at_us)
        bucket->at_us = now_us;
    if (!rate_is_same(&bucket->rate, rate))
        adopt(bucket, rate);
}

static void tell(const struct bucket *bucket, struct bucket_state *ret) {
    const struct rate *rate = &bucket->rate;
    int64_t lacking = rate->period_us - bucket->level % rate->period_us;
    bool is_full = bucket->level == full(rate);
    *ret =
        (struct bucket_state){.limit = rate->count,
                              .period_us = rate->period_us,
                              .remaining = bucket->level / rate->period_us,
                              .wait_us = is_full ? 0 : (lacking + rate->count - 1) / rate->count};
}

bool bucket_take(struct bucket *bucket, const struct rate *rate, int64_t now_us,
                 struct bucket_state *ret_state) {
    if (rate_is_off(rate)) {
        if (ret_state)
            *ret_state = (struct bucket_state){0};
        return true;
    }
    bring_to(bucket, rate, now_us);
    bool passes = bucket->level >= rate->period_us;
    if (passes)
        bucket->level -= rate->period_us;
    if (ret_state)
        tell(bucket, ret_state);
    return passes;
}

void bucket_return(struct bucket *bucket) {
    int64_t level = bucket->level + bucket->rate.period_us;
    bucket->level = level < full(&bucket->rate) ? level : full(&bucket->rate);
}

void bucket_look(struct bucket *bucket, const struct rate *rate, int64_t now_us,
                 struct bucket_state *ret_state) {
    *ret_state = (struct bucket_state){0};
    if (rate_is_off(rate))
        return;
    bring_to(bucket, rate, now_us);
    tell(bucket, ret_state);
}

bool bucket_is_full(const struct bucket *bucket, int64_t now_us) {
    return rate_is_off(&bucket->rate) || level_at(bucket, now_us) == full(&bucket->rate);
}
