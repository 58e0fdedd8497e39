/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parent that keeps the daemon alive. The child runs child_main and its result is the exit code.
 * A child that dies by a signal, or exits with 64 or more, is started again: at once the first
 * time, then after 100 ms, doubling up to one second; a child that lived for 10 s counts as the
 * first again. A result below 64 is an answer (0: stopped; else: the start was refused) and becomes
 * the parent's own. SIGTERM, SIGINT and SIGHUP are passed on. When the parent dies, the kernel ends
 * the child.
 *
 * Call it before any thread exists. The child gets the signal mask that the caller had.
 */
#ifndef RT_SUPERVISE_H
#define RT_SUPERVISE_H

/* Returns the exit code of the whole program. In the child it does not return. */
int supervise_run(int (*child_main)(void *arg), void *arg);
/* In the child: how often it was started again before. */
int supervise_restarts(void);

#endif
