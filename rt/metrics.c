/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rt/metrics.h>

#define LABEL_MAX 48        /* with its NUL; longer values are cut */
#define SERIES_MAX 8192     /* all metrics together */
#define SERIES_EACH_MAX 512 /* above it a metric's new label values become "other" */
#define SLOTS 16384         /* power of two, twice SERIES_MAX */

enum kind { COUNTER, GAUGE, GAUGE_SECONDS, HISTOGRAM_SECONDS };

static const struct {
    const char *name;
    enum kind kind;
    const char *labels[2];
    const char *help;
} TABLE[METRIC_COUNT] = {
#define METRIC(id, name, kind, label1, label2, help) {name, kind, {label1, label2}, help},
#include <rt/metrics.def>
#undef METRIC
};

static const struct {
    int64_t us;
    const char *text;
} BOUNDS[] = {{100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},
              {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},
              {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
              {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}};
#define BOUND_COUNT (sizeof BOUNDS / sizeof *BOUNDS)

struct series {
    struct series *next; /* of the same metric, in order of birth */
    enum metric metric;
    char labels[2][LABEL_MAX];
    int64_t value;    /* histogram: count */
    int64_t sum_us;   /* histogram */
    int64_t *buckets; /* histogram: not cumulated */
};

struct metrics {
    pthread_mutex_t mutex;
    struct series *slots[SLOTS];
    struct {
        struct series *first, **last;
        size_t count;
    } of[METRIC_COUNT];
    size_t count;
};

bool metrics_open(struct metrics **ret_metrics, struct till_error *err) {
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    pthread_mutex_init(&metrics->mutex, NULL);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        metrics->of[i].last = &metrics->of[i].first;
    *ret_metrics = metrics;
    return true;
}

void metrics_close(struct metrics *metrics) {
    if (!metrics)
        return;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        for (struct series *s = metrics->of[i].first, *next; s; s = next) {
            next = s->next;
            free(s->buckets);
            free(s);
        }
    }
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}

static uint32_t hash_text(uint32_t hash, const char *text) {
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return (hash ^ 0xff) * 16777619u;
}

static void cut_label(char ret_label[LABEL_MAX], const char *text) {
    size_t len = text ? strnlen(text, LABEL_MAX - 1) : 0;
    if (len)
        memcpy(ret_label, text, len);
    ret_label[len] = '\0';
}

/* Where the series is or would be. */
static struct series **find_slot(struct metrics *metrics, enum metric metric,
                                 char labels[2][LABEL_MAX]) {
    uint32_t hash = hash_text(hash_text(2166136261u ^ (uint32_t)metric, labels[0]), labels[1]);
    for (size_t i = hash & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
        struct series *s = metrics->slots[i];
        if (!s || (s->metric == metric && strcmp(s->labels[0], labels[0]) == 0 &&
                   strcmp(s->labels[1], labels[1]) == 0))
            return &metrics->slots[i];
    }
}

static struct series *create_series(struct metrics *metrics, enum metric metric,
                                    char labels[2][LABEL_MAX], struct series **slot) {
    struct series *s = calloc(1, sizeof *s);
    int64_t *buckets = NULL;
    if (TABLE[metric].kind == HISTOGRAM_SECONDS)
        buckets = calloc(BOUND_COUNT + 1, sizeof *buckets);
    if (!s || (TABLE[metric].kind == HISTOGRAM_SECONDS && !buckets)) {
        free(s);
        free(buckets);
        return NULL;
    }
    s->metric = metric;
    s->buckets = buckets;
    memcpy(s->labels, labels, sizeof s->labels);
    *slot = s;
    *metrics->of[metric].last = s;
    metrics->of[metric].last = &s->next;
    metrics->of[metric].count++;
    metrics->count++;
    return s;
}

/* Lock held. NULL when there is no room or memory: a number is lost, nothing else. */
static struct series *get(struct metrics *metrics, enum metric metric, const char *label1,
                          const char *label2, bool create) {
    char labels[2][LABEL_MAX];
    cut_label(labels[0], label1);
    cut_label(labels[1], label2);
    struct series **slot = find_slot(metrics, metric, labels);
    if (*slot || !create)
        return *slot;
    if (metrics->of[metric].count >= SERIES_EACH_MAX) {
        for (int i = 0; i < 2; i++)
            cut_label(labels[i], TABLE[metric].labels[i] ? "other" : NULL);
        slot = find_slot(metrics, metric, labels);
        if (*slot)
            return *slot;
    }
    if (metrics->count >= SERIES_MAX)
        return NULL;
    return create_series(metrics, metric, labels, slot);
}

static struct series *lock_series(struct metrics *metrics, enum metric metric, const char *label1,
                                  const char *label2) {
    assert(metric < METRIC_COUNT);
    assert((label1 == NULL) == (TABLE[metric].labels[0] == NULL));
    assert((label2 == NULL) == (TABLE[metric].labels[1] == NULL));
    pthread_mutex_lock(&metrics->mutex);
    return get(metrics, metric, label1, label2, true);
}

void metrics_add(struct metrics *metrics, enum metric metric, const char *label1,
                 const char *label2, int64_t n) {
    if (!metrics)
        return;
    struct series *s = lock_series(metrics, metric, label1, label2);
    if (s)
        s->value += n;
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_set(struct metrics *metrics, enum metric metric, const char *label1,
                 const char *label2, int64_t value) {
    if (!metrics)
        return;
    struct series *s = lock_series(metrics, metric, label1, label2);
    if (s)
        s->value = value;
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_set_us(struct metrics *metrics, enum metric metric, const char *label1,
                    const char *label2, int64_t us) {
    assert(TABLE[metric].kind == GAUGE_SECONDS);
    metrics_set(metrics, metric, label1, label2, us);
}

void metrics_observe_us(struct metrics *metrics, enum metric metric, const char *label1,
                        const char *label2, int64_t us) {
    assert(TABLE[metric].kind == HISTOGRAM_SECONDS);
    if (!metrics)
        return;
    struct series *s = lock_series(metrics, metric, label1, label2);
    if (s) {
        assert(s->buckets); /* every histogram has them */
        size_t i = 0;
        while (i < BOUND_COUNT && us > BOUNDS[i].us)
            i++;
        s->buckets[i]++;
        s->value++;
        s->sum_us += us;
    }
    pthread_mutex_unlock(&metrics->mutex);
}

int64_t metrics_read(struct metrics *metrics, enum metric metric, const char *label1,
                     const char *label2) {
    if (!metrics)
        return 0;
    pthread_mutex_lock(&metrics->mutex);
    const struct series *s = get(metrics, metric, label1, label2, false);
    int64_t value = s ? s->value : 0;
    pthread_mutex_unlock(&metrics->mutex);
    return value;
}

/* {a="x",b="y"}, with `extra` (such as le="0.1") as the last one. */
static void write_labels(struct till_buf *buf, const struct series *s, const char *extra) {
    bool any = false;
    for (int i = 0; i < 2; i++) {
        if (!TABLE[s->metric].labels[i])
            continue;
        till_buf_format(buf, "%c%s=\"", any ? ',' : '{', TABLE[s->metric].labels[i]);
        for (const char *c = s->labels[i]; *c; c++) {
            if (*c == '\\' || *c == '"')
                till_buf_char(buf, '\\');
            till_buf_char(buf, (unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e ? '?' : *c);
        }
        till_buf_char(buf, '"');
        any = true;
    }
    if (extra)
        till_buf_format(buf, "%c%s", any ? ',' : '{', extra);
    if (any || extra)
        till_buf_char(buf, '}');
}

static void write_seconds(struct till_buf *buf, int64_t us) {
    uint64_t part = us < 0 ? (uint64_t)0 - (uint64_t)us : (uint64_t)us;
    till_buf_format(buf, " %s%llu.%06llu\n", us < 0 ? "-" : "",
                    (unsigned long long)(part / 1000000), (unsigned long long)(part % 1000000));
}

static void write_histogram(struct till_buf *buf, const struct series *s) {
    const char *name = TABLE[s->metric].name;
    int64_t count = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        char bound[32];
        snprintf(bound, sizeof bound, "le=\"%s\"", i < BOUND_COUNT ? BOUNDS[i].text : "+Inf");
        count += s->buckets[i];
        till_buf_format(buf, "%s_bucket", name);
        write_labels(buf, s, bound);
        till_buf_format(buf, " %lld\n", (long long)count);
    }
    till_buf_format(buf, "%s_sum", name);
    write_labels(buf, s, NULL);
    write_seconds(buf, s->sum_us);
    till_buf_format(buf, "%s_count", name);
    write_labels(buf, s, NULL);
    till_buf_format(buf, " %lld\n", (long long)count);
}

static void write_series(struct till_buf *buf, const struct series *s) {
    if (TABLE[s->metric].kind == HISTOGRAM_SECONDS) {
        write_histogram(buf, s);
        return;
    }
    till_buf_text(buf, TABLE[s->metric].name);
    write_labels(buf, s, NULL);
    if (TABLE[s->metric].kind == GAUGE_SECONDS)
        write_seconds(buf, s->value);
    else
        till_buf_format(buf, " %lld\n", (long long)s->value);
}

bool metrics_write(struct metrics *metrics, struct till_arena *arena, struct till_str *ret_text,
                   struct till_error *err) {
    static const char *const TYPES[] = {"counter", "gauge", "gauge", "histogram"};
    struct till_buf buf;
    till_buf_init(&buf, arena);
    if (metrics)
        pthread_mutex_lock(&metrics->mutex);
    for (size_t i = 0; metrics && i < METRIC_COUNT; i++) {
        till_buf_format(&buf, "# HELP %s %s\n# TYPE %s %s\n", TABLE[i].name, TABLE[i].help,
                        TABLE[i].name, TYPES[TABLE[i].kind]);
        for (const struct series *s = metrics->of[i].first; s; s = s->next)
            write_series(&buf, s);
    }
    if (metrics)
        pthread_mutex_unlock(&metrics->mutex);
    return till_buf_finish(&buf, ret_text, err);
}
