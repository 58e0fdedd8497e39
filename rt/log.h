/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON line an event: time, level, event, then fields. Values are escaped (S-132); a flow ends
 * in exactly one line. Writing never fails the caller: what cannot be written is counted
 * (log_lost). Files rotate by size and age and are kept for log.keep_days (7 or more). "-" is
 * standard error.
 */
#ifndef RT_LOG_H
#define RT_LOG_H

#include <stdint.h>

#include <till/error.h>
#include <till/str.h>

struct log;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_options {
    struct till_str path; /* "-" or a file */
    enum log_level level;
    int64_t rotate_bytes;
    int keep_days;
    int64_t (*now_us)(void *clock); /* NULL: the wall clock */
    void *clock;
};

struct log_field {
    const char *name;
    enum { LOG_TEXT, LOG_NUMBER, LOG_BOOL } kind;
    struct till_str text;
    int64_t number;
};
#define LOG_S(n, s) ((struct log_field){.name = (n), .kind = LOG_TEXT, .text = (s)})
#define LOG_C(n, c) ((struct log_field){.name = (n), .kind = LOG_TEXT, .text = till_str_of(c)})
#define LOG_N(n, v) ((struct log_field){.name = (n), .kind = LOG_NUMBER, .number = (v)})
#define LOG_B(n, v) ((struct log_field){.name = (n), .kind = LOG_BOOL, .number = (v)})

TILL_MUST_CHECK bool log_open(const struct log_options *options, struct log **ret_log,
                              struct till_error *err);
void log_close(struct log *log);                               /* accepts NULL */
bool log_enabled(const struct log *log, enum log_level level); /* NULL log: false */
void log_fields(struct log *log, enum log_level level, const char *event,
                const struct log_field *fields, size_t count);
/* log_event(log, LOG_INFO, "flow", LOG_S("route", route), LOG_N("status", 200)); a NULL log
 * swallows it. */
#define log_event(log, level, event, ...)                                                          \
    log_fields((log), (level), (event), (const struct log_field[]){__VA_ARGS__},                   \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
/* An error with code, where, field, peer, text. */
void log_failure(struct log *log, enum log_level level, const char *event,
                 const struct till_error *error);
uint64_t log_lost(const struct log *log);
/* The least level from the next line on, size and age of files from the next rotation on. Any
 * thread. */
void log_adjust(struct log *log, enum log_level level, int64_t rotate_bytes, int keep_days);
/* Reopen after rotation by others (SIGHUP). */
void log_reopen(struct log *log);

#endif
