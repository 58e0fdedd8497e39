/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications (dossier section 7): planned under the lock when something happens to a trade, sent
 * by couriers outside of it. The same notify_id on every attempt, gaps of 4m 10m 10m 1h 2h 6h 15h
 * on the platform's clock, success only for 200 with a body of exactly "success".
 */
#ifndef SANDBOX_NOTICE_H
#define SANDBOX_NOTICE_H

#include <sandbox/trade.h>

/* Locked. Nothing is planned for a trade without a notify_url. The refund of NOTICE_REFUNDED,
 * otherwise NULL. */
void notice_plan(struct sandbox *sandbox, struct platform_trade *trade, enum notice_event event,
                 const struct platform_refund *refund, int64_t now_us);
/* Locked: one more, as a variant with its argument (may be empty), at once. False: no notify_url or
 * memory. */
bool notice_plan_variant(struct sandbox *sandbox, struct platform_trade *trade,
                         enum notice_event event, enum fault variant, struct till_str argument,
                         int64_t now_us);
const char *notice_event_name(enum notice_event event);

/* What goes over the wire. */
struct notice_letter {
    struct till_str url;
    struct till_str body;
    struct till_str content_type;
    bool is_probe; /* a broken copy goes ahead, and its answer counts for nothing */
    struct till_str probe_body;
};
/* Not under the lock (it signs); reads what is fixed and the copy of the notice. */
TILL_MUST_CHECK bool notice_compose(struct sandbox *sandbox, const struct platform_notice *notice,
                                    int64_t now_us, struct till_arena *arena,
                                    struct notice_letter *ret_letter, struct till_error *err);

/* courier.c: does one piece of due work, outside of the lock. False: nothing is due. */
bool courier_work(struct sandbox *sandbox);
/* Sends this notification now (paid_first), whatever the schedule says; it was claimed (in_flight)
 * under the lock. */
void courier_send(struct sandbox *sandbox, struct platform_notice *notice);
void courier_run(void *arg); /* a task: struct courier_seat */

#endif
