/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times are int64 microseconds since 1970-01-01T00:00:00Z. The library has no clock: every "now"
 * comes from the caller. Text exists at the edges only.
 */
#ifndef TILL_TIME_H
#define TILL_TIME_H

#include <stdint.h>

#include <till/error.h>
#include <till/str.h>

#define TILL_US_PER_SECOND INT64_C(1000000)
#define TILL_TIME_TEXT 40

/* "2026-11-22T10:00:00.000000Z"; years 1970 to 9999. */
TILL_MUST_CHECK bool till_time_format(int64_t us, char ret_text[TILL_TIME_TEXT],
                                      struct till_error *err);
/* RFC 3339 with Z or a numeric offset and 0 to 6 fraction digits. */
TILL_MUST_CHECK bool till_time_parse(struct till_str text, int64_t *ret_us, struct till_error *err);
/* "2026-11-22 18:00:00", Beijing time (UTC+8, no daylight saving): the platforms' clock. */
TILL_MUST_CHECK bool till_time_format_beijing(int64_t us, char ret_text[TILL_TIME_TEXT],
                                              struct till_error *err);
/* The same back; a fraction ".631" is accepted (Alipay gmt_refund). */
TILL_MUST_CHECK bool till_time_parse_beijing(struct till_str text, int64_t *ret_us,
                                             struct till_error *err);

#endif
