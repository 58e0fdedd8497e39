/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills, from the question to sealed lines. One try: ask where it lies, fetch it, read all of it
 * once for its sums, then stage and seal it. Whatever goes wrong before the seal leaves the bill
 * wanted, with the reason and a time to try again; nothing of a file that is not whole is kept.
 */
#ifndef GATEWAY_FLOW_BILL_H
#define GATEWAY_FLOW_BILL_H

#include <gateway/flow/flow.h>
#include <gateway/store/bills.h>

/* bill_fetch.c: the bytes of a claimed bill, or why there are none. */
struct bill_fetched {
    struct till_str archive; /* in the arena; empty: none */
    enum bill_state state;   /* what it is without bytes */
    char code[64];
    char text[256];
    bool is_final; /* nobody needs to ask again */
};
void bill_fetch(struct gateway *gw, const struct till_account *account, const struct bill_row *row,
                struct till_arena *arena, struct bill_fetched *ret);

/* bill_import.c: the archive into the store, whole or not at all. BILL_INVALID, ARCHIVE_INVALID. */
TILL_MUST_CHECK bool bill_import(struct gateway *gw, const struct till_account *account,
                                 const struct bill_row *row, struct till_str archive,
                                 bool *ret_is_new, struct till_error *err);

/* bill.c: one try of a claimed bill; its end is stored. False: the store failed. */
TILL_MUST_CHECK bool bill_try(struct gateway *gw, const struct bill_row *row,
                              struct till_error *err);
/* How long a try may take: nobody else touches the bill until then. */
int64_t bill_lease_us(const struct gateway *gw);
/* When to try again after so many tries that failed; 0: no more. Pure. */
int64_t bill_next_try(int64_t now_us, int64_t day_start_us, int64_t attempts);

/* bills.c: what the mornings bring, one bounded round. */
void bills_once(struct gateway *gw, int64_t *ret_next_us);
/* Into the metrics: each round does, and whoever fetches one by hand. */
void bills_show(struct gateway *gw);

/* bill_list.c */
bool list_bills(struct call *c, struct till_error *err);
bool get_bill(struct call *c, struct till_error *err);
/* For the administrator: {account, type, date}, now. */
bool fetch_bill(struct call *c, struct till_error *err);

#endif
