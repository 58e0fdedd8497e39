/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should know about an account: what its key may do, and what is still to be done.
 * No secret is among it. */
#include "lib/channel/stripe/wire.h"

bool stripe_describe(const struct till_account *account, int64_t now_us, struct till_arena *arena,
                     struct till_json *into, struct till_error *err) {
    const struct stripe_account *a = stripe_of(account);
    struct till_json *warnings = till_json_array(), *notes = till_json_array();
    (void)now_us, (void)arena, (void)err;
    if (a->webhook_secret_previous.len)
        till_json_append_str(warnings,
                             TILL_STR("webhook_secret_previous still counts: take it away once the "
                                      "dashboard no longer signs with it (24 hours at most)."));
    if (a->is_clear)
        till_json_append_str(notes, TILL_STR("api_url is http: nothing proves whose answers "
                                             "these are; use https for anything but tests."));
    till_json_set_text(into, "key", a->is_restricted ? "restricted" : "full");
    till_json_set_str(into, "api_version", a->api_version);
    till_json_set(into, "warnings", warnings);
    till_json_set(into, "notes", notes);
    return true;
}
