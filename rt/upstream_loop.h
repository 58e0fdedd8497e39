/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One upstream thread: an epoll loop over several CURLMs. Platforms, webhooks and our own tools
 * have CURLMs of their own, so a connection opened under one address policy is never reused under
 * another. The search for a free connection in a CURLM is linear, so each holds a limited number of
 * transfers; a new one is made beyond.
 */
#ifndef RT_UPSTREAM_LOOP_H
#define RT_UPSTREAM_LOOP_H

#include <rt/upstream_call.h>

struct upstream_loop;

TILL_MUST_CHECK bool upstream_loop_open(struct upstream_loop **ret_loop, struct till_error *err);
/* The loop fills call->answer, sets call->done and wakes its waiters. False: it is stopping. */
bool upstream_loop_submit(struct upstream_loop *loop, struct upstream_call *call);
/* Everything in flight ends now. */
void upstream_loop_stop(struct upstream_loop *loop);
/* After the stop. Accepts NULL. */
void upstream_loop_close(struct upstream_loop *loop);

#endif
