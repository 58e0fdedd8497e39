/* SPDX-License-Identifier: Apache-2.0 */
/* How a delivery's row is read, with its event's bytes and its endpoint's secrets. */
#ifndef GATEWAY_STORE_OUTBOX_H
#define GATEWAY_STORE_OUTBOX_H

#include <gateway/store/operations.h>

enum delivery_state { DELIVERY_PENDING, DELIVERY_DELIVERED, DELIVERY_GIVEN_UP, DELIVERY_DISABLED };

#define DELIVERY_COLUMNS                                                                           \
    "d.id, e.id, d.endpoint_id, d.app_id, d.url, e.type, e.body, d.state, d.attempts, d.next_us,"  \
    " d.lease_epoch, d.created_us, e.created_us, d.last_status, d.last_reason,"                    \
    " w.sealed_secrets, a.sealed_webhook_secret "
#define DELIVERY_FROM                                                                              \
    " FROM deliveries d JOIN events e ON e.pk = d.event_pk JOIN apps a ON a.id = d.app_id"         \
    " LEFT JOIN endpoints w ON w.id = d.endpoint_id "

/* The secrets are opened only for a delivery that is about to leave. */
TILL_MUST_CHECK bool delivery_row_read(struct store *store, struct query *query, bool with_secrets,
                                       struct delivery_row *ret_row);

#endif
