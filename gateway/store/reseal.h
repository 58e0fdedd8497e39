/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets under a new master key (ADR 023), in parts, while everything goes on. From the first
 * commit to the last either key opens the store: a kill at any moment needs no repair, the next
 * start goes on by itself. The old key is refused from the start under the new key that finds all
 * rows there; until then a start under the old one still works.
 */
#ifndef GATEWAY_STORE_RESEAL_H
#define GATEWAY_STORE_RESEAL_H

#include <gateway/store/store.h>

enum reseal_state {
    RESEAL_NONE,    /* one key */
    RESEAL_RUNNING, /* two keys, rows are left */
    RESEAL_DONE     /* all rows are under the new key; the old one opens it until the next start
                       under the new one */
};
struct reseal_figures {
    enum reseal_state state;
    int64_t rows, started_us;
    bool runs_under_new; /* this process was given the new key */
};

/* Begins, or goes on with the same key, or goes back when it is the former one. FIELD_INVALID: it
 * is the present key. ALREADY_EXISTS: a change to a third key is under way. */
TILL_MUST_CHECK bool store_reseal_begin(struct store *store,
                                        const uint8_t new_key[TILL_SEAL_KEY_SIZE], int64_t now_us,
                                        struct till_error *err);
/* At most 16 rows, one commit. *ret_left: call again. SEAL_BROKEN: the named row opens under
 * neither key; nothing was changed. */
TILL_MUST_CHECK bool store_reseal_part(struct store *store, bool *ret_left, struct till_error *err);
/* Are parts left? From memory. */
bool store_reseal_is_left(const struct store *store);
TILL_MUST_CHECK bool store_reseal_figures(struct store *store, struct reseal_figures *ret,
                                          struct till_error *err);

#endif
