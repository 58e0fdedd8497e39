/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signals that ask the program for something, as a wait instead of a handler: SIGTERM and
 * SIGINT to stop, SIGHUP to reload. Open it in the main thread before any other thread exists
 * (threads inherit the mask). SIGPIPE is ignored from then on.
 */
#ifndef RT_SIGNALS_H
#define RT_SIGNALS_H

#include <stdint.h>

#include <till/error.h>

struct signals {
    int fd;
};

enum signals_event { SIGNALS_NONE, SIGNALS_STOP, SIGNALS_RELOAD };

TILL_MUST_CHECK bool signals_open(struct signals *signals, struct till_error *err);
/* NONE after timeout_us (INT64_MAX: never). */
enum signals_event signals_wait(struct signals *signals, int64_t timeout_us);
/* The mask stays as it is: a signal in the last moments must not kill a drain. */
void signals_close(struct signals *signals);

#endif
