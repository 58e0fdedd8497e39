/* SPDX-License-Identifier: Apache-2.0 */
/* An app's own rate limits: a text in its row (gateway/guard/limits.h reads it). */
#ifndef GATEWAY_STORE_APP_LIMITS_H
#define GATEWAY_STORE_APP_LIMITS_H

#include <gateway/store/store.h>

/* From `before`, as it was read, to `limits`; all instances follow within a second.
 * STATE_CONFLICT: somebody else changed them meanwhile, or there is no such app. */
TILL_MUST_CHECK bool store_app_limit(struct store *store, struct till_str id,
                                     struct till_str before, struct till_str limits,
                                     struct till_error *err);

#endif
