/* SPDX-License-Identifier: Apache-2.0 */
/* How an account's row is read, for the files that select accounts. */
#ifndef GATEWAY_STORE_ACCOUNTS_H
#define GATEWAY_STORE_ACCOUNTS_H

#include <gateway/store/internal.h>

#define ACCOUNT_COLUMNS                                                                            \
    "id, public_id, app_id, channel, name, mode, enabled, created_us, config_epoch,"               \
    " sealed_settings "

/* Opens the sealed settings; on failure the query is marked as failed. */
TILL_MUST_CHECK bool account_row_read(struct store *store, struct query *query,
                                      struct account_row *ret_row);

#endif
