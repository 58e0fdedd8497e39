/* SPDX-License-Identifier: Apache-2.0 */
/* The judge's eye on the card platform (ADR 027: it shares nothing with the gateway's readers). */
#ifndef TESTS_SIM_CHECK_CARD_H
#define TESTS_SIM_CHECK_CARD_H

#include "check_inside.h"

/* ---- check_card.c: passages ---- */

/* The merchant whose account at the card platform this is; NULL: it is none. */
const struct scene_merchant *check_card_merchant(const struct check *check, const char *account_id);
/* Is this address the platform's API? */
bool check_is_card(struct till_str url);
void check_card_call(struct check *check, const struct sim_passage *passage);
void check_card_said(struct check *check, const struct sim_passage *passage);
void check_card_event(struct check *check, const struct sim_passage *passage);
void check_card_notify_answer(struct check *check, const struct sim_passage *passage);
/* Did the platform say these bytes to the account, or send it this event, signed? */
bool check_card_is_true(struct check *check, const char *account_id, struct till_str bytes,
                        bool is_event);

/* ---- check_card_read.c: answers and events, read a second time ---- */

struct card_words {
    struct proof proof;       /* is_signed is not said */
    char currency[4];         /* upper case; empty: not said */
    bool is_live, has_failed; /* a refund came back */
    char type[64];            /* of an event; empty: it is none */
};
/* refund_no: the one that is looked for in a list; or NULL. */
void check_card_read(struct till_str bytes, const char *refund_no, struct card_words *ret);
/* What stored evidence says goes to the attempt (I18, I23). */
void check_card_believe(struct check *check, struct seen_attempt *attempt,
                        struct seen_refund *refund, const char *kind, struct till_str bytes);

/* ---- check_card_books.c ---- */

/* A quiet point: the platform's book against ours. */
void check_card_books(struct check *check);

#endif
