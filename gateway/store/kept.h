/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's cache of apps and accounts with their secrets opened (kept.c). The epoch is
 * store_config_epoch's from before the row was read, so that a change in between makes the kept row
 * too old, never too new.
 */
#ifndef GATEWAY_STORE_KEPT_H
#define GATEWAY_STORE_KEPT_H

#include <gateway/store/internal.h>

/* ret_row: a struct app_row or account_row, as the kind has it, texts in the arena.
 * False: read it. */
bool kept_find(struct store *store, enum kept_kind kind, struct till_str key, int64_t epoch,
               struct till_arena *arena, void *ret_row);
/* Copies the row. Too large or no memory: it is not kept. */
void kept_put(struct store *store, enum kept_kind kind, struct till_str key, int64_t epoch,
              const void *row);
/* Wipes everything; nobody may be reading. */
void kept_drop_all(struct store *store);

#endif
