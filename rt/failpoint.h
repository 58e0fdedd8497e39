/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash points. TILL_FP("C5") does nothing in shipped builds; with -Dfailpoints=true it looks into
 * TILL_FAILPOINTS ("C5=kill", "N9=kill@3", "W4=delay:500", ';'-separated) and acts: kill (SIGKILL
 * self), abort, delay:MS, wait (until the file TILL_FAILPOINT_GO exists). Every point hit is
 * appended, once, to the file TILL_FAILPOINT_LOG, so that a run can prove that each was reached.
 * rt/failpoint.def lists them all.
 */
#ifndef RT_FAILPOINT_H
#define RT_FAILPOINT_H

#ifdef TILL_FAILPOINTS
void failpoint_hit(const char *name);
#define TILL_FP(name) failpoint_hit(name)
#else
#define TILL_FP(name) ((void)0)
#endif

#endif
