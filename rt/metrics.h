/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus metrics, declared in rt/metrics.def and nowhere else: METRIC(id, name, kind, label
 * names, help). Up to two labels; label values are short, bounded words (never ids). Thread-safe,
 * lock held briefly.
 */
#ifndef RT_METRICS_H
#define RT_METRICS_H

#include <stdint.h>

#include <till/arena.h>

enum metric {
#define METRIC(id, name, kind, label1, label2, help) METRIC_##id,
#include <rt/metrics.def>
#undef METRIC
    METRIC_COUNT
};

struct metrics;
TILL_MUST_CHECK bool metrics_open(struct metrics **ret_metrics, struct till_error *err);
void metrics_close(struct metrics *metrics);
/* A NULL metrics swallows everything. Labels: NULL where the metric has none. */
void metrics_add(struct metrics *metrics, enum metric metric, const char *label1,
                 const char *label2, int64_t n);
void metrics_set(struct metrics *metrics, enum metric metric, const char *label1,
                 const char *label2, int64_t value);
/* Gauges of seconds are set in microseconds, histograms observed in microseconds; written as
 * seconds. */
void metrics_set_us(struct metrics *metrics, enum metric metric, const char *label1,
                    const char *label2, int64_t us);
void metrics_observe_us(struct metrics *metrics, enum metric metric, const char *label1,
                        const char *label2, int64_t us);
/* Text exposition 0.0.4. */
TILL_MUST_CHECK bool metrics_write(struct metrics *metrics, struct till_arena *arena,
                                   struct till_str *ret_text, struct till_error *err);
/* For tests: the value (count for histograms). */
int64_t metrics_read(struct metrics *metrics, enum metric metric, const char *label1,
                     const char *label2);

#endif
