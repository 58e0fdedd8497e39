/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The app's ordered table of rules (store_route_put makes or replaces one), and acts of
 * administration that change nothing in the store. Rules as in store.h: one atomic, durable change
 * each, texts in the caller's arena, all of them wait.
 */
#ifndef GATEWAY_STORE_ROUTING_H
#define GATEWAY_STORE_ROUTING_H

#include <gateway/store/store.h>

/* By position. */
TILL_MUST_CHECK bool store_route_list(struct store *store, struct till_arena *arena,
                                      struct till_str app_id, struct route_row **ret_rows,
                                      size_t *ret_count, struct till_error *err);
/* NOT_FOUND: the app has no rule there. */
TILL_MUST_CHECK bool store_route_remove(struct store *store, struct till_str app_id, int position,
                                        struct till_error *err);
/* A row of the audit trail alone: what the administration did to this process's memory.
 * what: "breaker.open"; it lives as long as the call. */
TILL_MUST_CHECK bool store_act_note(struct store *store, const char *what, struct till_str subject,
                                    struct till_error *err);

#endif
