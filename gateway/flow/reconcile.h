/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reconciliation: bills against the books, both ways, in steps; and the questions that follow. A
 * bill moves nothing. What it says against the books is written down; where the platform can tell
 * the truth under its signature it is asked, and its answer goes through the one door that every
 * finding goes through. The row ends when the contradiction has, or by a person's word.
 */
#ifndef GATEWAY_FLOW_RECONCILE_H
#define GATEWAY_FLOW_RECONCILE_H

#include <gateway/flow/flow.h>
#include <gateway/store/reconciles.h>

/* reconcile.c: one bounded round of the background: runs that are due, then looks; *ret_next_us is
 * the wall clock's time of the next useful round. */
void reconcile_once(struct gateway *gw, int64_t *ret_next_us);
/* By hand: bills of these days are due for comparison now; dates inclusive, account empty: all
 * accounts. *ret_count: how many there are. The background does the work. */
TILL_MUST_CHECK bool reconcile_request(struct gateway *gw, struct till_str account_id,
                                       const char *from_date, const char *to_date, int *ret_count,
                                       struct till_error *err);
/* The currency of an account's bills: "CNY". ACCOUNT_UNKNOWN, CHANNEL_UNKNOWN. */
TILL_MUST_CHECK bool reconcile_currency(struct gateway *gw, struct till_str account_id,
                                        const char **ret_currency, struct till_error *err);

/* reconcile_ask.c: one discrepancy whose time has come. */
TILL_MUST_CHECK bool reconcile_look_once(struct gateway *gw, bool *ret_found,
                                         struct till_error *err);

/* reconcile_list.c: POST /admin/reconcile {account, date | from, to}, GET /admin/reconciliations */
bool start_reconcile(struct call *c, struct till_error *err);
bool list_reconciliations(struct call *c, struct till_error *err);

/* discrepancies.c */
bool get_discrepancy(struct call *c, struct till_error *err);
/* For the administrator: {note}. */
bool resolve_discrepancy(struct call *c, struct till_error *err);
struct till_json *discrepancy_json(const struct discrepancy_full *full);

#endif
