/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event as one line of JSON. Pure; grows one buffer that the caller keeps between lines.
 * Control bytes are escaped, bytes that are not UTF-8 become U+FFFD, a value above LOG_VALUE_MAX is
 * cut and says so: no value can end the line or start a second one (S-132).
 */
#ifndef RT_LOG_TEXT_H
#define RT_LOG_TEXT_H

#include <rt/log.h>

#define LOG_VALUE_MAX ((size_t)64 * 1024)

struct log_text {
    char *bytes; /* malloc; free() when done */
    size_t len, room;
    bool failed; /* no memory: the line is lost */
};

/* Replaces the buffer's content by the line, its LF included. */
void log_text_line(struct log_text *text, int64_t now_us, enum log_level level, const char *event,
                   const struct log_field *fields, size_t count);

#endif
