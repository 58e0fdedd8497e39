/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings: every call and notification as one line of JSON (doc/SANDBOX.md tells the members),
 * whole, in the order in which they ended. Recording never fails a call: what cannot be written is
 * logged once. Replaying answers recorded calls without the state that made them: a call that
 * passed all checks is looked up by method and business content; the recorded answer is signed anew
 * under the platform's key of the app that asks.
 *
 * An order that was recorded under another number is recognised by everything else, from then on
 * both numbers mean the same. Answers of equal calls come in their recorded order, the last one
 * again and again.
 */
#ifndef SANDBOX_RECORD_H
#define SANDBOX_RECORD_H

#include <sandbox/call.h>
#include <sandbox/notice.h>

enum { RECORD_CALLS_MAX = 20000, RECORD_ORDERS_MAX = 20000 };

#define RECORD_BYTES_MAX (INT64_C(64) * 1024 * 1024)

/* options.record_path and options.replay_path; nothing when they are empty. A line that cannot be
 * understood is named with its number and, inside of it, the column. */
TILL_MUST_CHECK bool record_open(struct sandbox *sandbox, struct till_error *err);
TILL_MUST_CHECK bool replay_open(struct sandbox *sandbox, struct till_error *err);
void record_close(struct sandbox *sandbox);
void replay_close(struct sandbox *sandbox);

/* Not under the lock. */
void record_call(const struct call *call, const struct http_response *response, int64_t took_us);
void record_notice(struct sandbox *sandbox, const struct platform_notice *notice,
                   const struct notice_letter *letter, struct till_str body,
                   const struct world_answer *answer);

/* In place of the operation, under the lock: sets the answer (or `raw`). A call that is not in the
 * recording gets 40004 with a sub_code that says so. */
void replay_execute(struct call *call);
/* What the recording says went over the wire without being an answer: a page, rubbish, a cut. True:
 * it is in the response. */
bool replay_write_raw(const struct call *call, struct http_response *response);

#endif
