/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <rt/log_file.h>
#include <rt/log_text.h>

struct log {
    pthread_mutex_t mutex;
    struct log_file file;
    struct log_text text;
    _Atomic enum log_level level;
    int64_t (*now_us)(void *clock);
    void *clock;
    _Atomic uint64_t lost;
};

static int64_t wall_clock(void *clock) {
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool log_open(const struct log_options *options, struct log **ret_log, struct till_error *err) {
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    atomic_init(&log->level, options->level);
    log->now_us = options->now_us ? options->now_us : wall_clock;
    log->clock = options->clock;
    if (!log_file_open(&log->file, options->path, options->rotate_bytes, options->keep_days,
                       log->now_us(log->clock), err)) {
        free(log);
        return false;
    }
    pthread_mutex_init(&log->mutex, NULL);
    *ret_log = log;
    return true;
}

void log_close(struct log *log) {
    if (!log)
        return;
    log_file_close(&log->file);
    pthread_mutex_destroy(&log->mutex);
    free(log->text.bytes);
    free(log);
}

bool log_enabled(const struct log *log, enum log_level level) {
    return log && level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void log_fields(struct log *log, enum log_level level, const char *event,
                const struct log_field *fields, size_t count) {
    if (!log_enabled(log, level))
        return;
    pthread_mutex_lock(&log->mutex);
    int64_t now_us = log->now_us(log->clock);
    log_text_line(&log->text, now_us, level, event, fields, count);
    if (log->text.failed || !log_file_write(&log->file, log->text.bytes, log->text.len, now_us))
        log->lost++;
    pthread_mutex_unlock(&log->mutex);
}

void log_failure(struct log *log, enum log_level level, const char *event,
                 const struct till_error *error) {
    log_event(log, level, event, LOG_C("code", till_code_slug(error->code)),
              LOG_C("class", till_class_name(till_code_class(error->code))),
              LOG_C("where", error->where), LOG_C("field", error->field),
              LOG_C("peer", error->peer), LOG_C("text", error->text));
}

uint64_t log_lost(const struct log *log) {
    return log ? atomic_load(&log->lost) : 0;
}

void log_reopen(struct log *log) {
    if (!log)
        return;
    pthread_mutex_lock(&log->mutex);
    log_file_reopen(&log->file, log->now_us(log->clock));
    pthread_mutex_unlock(&log->mutex);
}

void log_adjust(struct log *log, enum log_level level, int64_t rotate_bytes, int keep_days) {
    if (!log)
        return;
    pthread_mutex_lock(&log->mutex);
    log->file.rotate_bytes = rotate_bytes;
    log->file.keep_days = keep_days;
    atomic_store(&log->level, level);
    pthread_mutex_unlock(&log->mutex);
}
