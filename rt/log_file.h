/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind a log: append-only, a line is one write(), rotated by size and at the turn of the
 * day (UTC), rotated files removed after keep_days. Rotated files are
 * "<path>.20261122T100000.000000Z". Not thread-safe: the log's lock covers it. Writes wait for the
 * disk.
 */
#ifndef RT_LOG_FILE_H
#define RT_LOG_FILE_H

#include <stdint.h>

#include <till/error.h>
#include <till/str.h>

#define LOG_PATH_MAX 1024

struct log_file {
    char path[LOG_PATH_MAX];
    int fd;
    bool is_stderr;
    bool torn; /* the last write ended inside a line */
    int64_t bytes;
    int64_t day; /* of the file's lines, days since 1970 */
    int64_t rotate_bytes;
    int keep_days;
};

/* path, rotate_bytes and keep_days are copied. */
TILL_MUST_CHECK bool log_file_open(struct log_file *file, struct till_str path,
                                   int64_t rotate_bytes, int keep_days, int64_t now_us,
                                   struct till_error *err);
/* False when the line, or a part of it, could not be written. */
bool log_file_write(struct log_file *file, const char *line, size_t len, int64_t now_us);
/* Others renamed the file: open the path anew. When that fails the old one goes on. */
void log_file_reopen(struct log_file *file, int64_t now_us);
void log_file_close(struct log_file *file);

#endif
