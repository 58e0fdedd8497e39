/* SPDX-License-Identifier: Apache-2.0 */
/* A word to wait at (futex(2)). Deadlines are on the monotonic clock in microseconds. */
#ifndef RT_FUTEX_H
#define RT_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Microseconds of CLOCK_MONOTONIC. */
int64_t futex_now_us(void);
/* Returns at once when *word is not `expected`; otherwise at a wake, at the deadline (INT64_MAX:
 * none) or without a reason. False only at the deadline. */
bool futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_us);
/* The word may be gone already: a wake of nobody is harmless. */
void futex_wake_all(_Atomic uint32_t *word);

#endif
