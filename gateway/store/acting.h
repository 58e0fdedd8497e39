/* SPDX-License-Identifier: Apache-2.0 */
/* The trail's row of an act, for the files that change settings. */
#ifndef GATEWAY_STORE_ACTING_H
#define GATEWAY_STORE_ACTING_H

#include <gateway/store/acts.h>
#include <gateway/store/internal.h>
#include <till/json.h>

/* Within an op. Claims the actor's nonce and notes that he did it; body as with trail_act. */
TILL_MUST_CHECK bool act_note(struct store *store, struct db *db, const struct store_actor *by,
                              const char *what, struct till_str subject, struct till_json *body,
                              struct till_error *err);

#endif
