/* SPDX-License-Identifier: Apache-2.0 */
/* How apps, accounts and ends are read and shown, for the administration and for apps themselves.
 */
#ifndef GATEWAY_API_SETTINGS_JSON_H
#define GATEWAY_API_SETTINGS_JSON_H

#include <gateway/flow/flow.h>

/* Without secrets. The caller releases it. */
struct till_json *app_json(const struct app_row *app, int64_t now_us);
struct till_json *account_json(struct gateway *gw, const struct account_row *row);
/* An account of this app as the body orders it: channel, name, settings that its channel takes;
 * with new ids. */
TILL_MUST_CHECK bool account_read(struct call *c, const struct till_json *body,
                                  const struct app_row *app, struct account_row *row,
                                  struct till_error *err);
/* The body {"in_seconds":...} as a time from now. */
TILL_MUST_CHECK bool end_read(struct call *c, int64_t *ret_ends_us, struct till_error *err);

#endif
