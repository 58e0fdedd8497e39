/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The browser comes back. The platform adds nothing that it signs, so the address that we gave it
 * carries our own proof: a MAC of the order's number under the webhook secret, in a text that no
 * webhook can have ("return." is no time). It proves which order the page is about, nothing else.
 */
#include "lib/channel/stripe/wire.h"

#include <till/encode.h>

#include "lib/crypto/mac.h"

bool stripe_return_check(const struct till_secret *secret, struct till_str upstream_no,
                         char ret_check[STRIPE_RETURN_CHECK + 1], struct till_error *err) {
    uint8_t mac[TILL_SHA256_SIZE];
    const struct till_str parts[] = {TILL_STR("return."), upstream_no};
    if (!mac_parts(stripe_secret_text(secret), parts, 2, mac, err))
        return false;
    till_hex_encode(mac, STRIPE_RETURN_CHECK / 2, ret_check);
    return true;
}

static bool is_ours(const struct till_secret *secret, struct till_str upstream_no,
                    struct till_str given, bool *ret_ours, struct till_error *err) {
    char check[STRIPE_RETURN_CHECK + 1];
    *ret_ours = false;
    if (secret->len == 0)
        return true; /* none is being rolled */
    if (!stripe_return_check(secret, upstream_no, check, err))
        return false;
    *ret_ours = till_equal_constant_time(given, till_str_of(check));
    return true;
}

bool stripe_returned(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_str *ret_upstream_no, struct till_error *err) {
    const struct stripe_account *a = stripe_of(account);
    struct till_form form;
    bool now, before;
    if (!till_form_parse(arena, notification->query, &form, err))
        return false;
    struct till_str number = till_form_get(&form, "no"), check = till_form_get(&form, "check");
    if (number.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "no", "The return address names no order.");
    if (!is_ours(&a->webhook_secret, number, check, &now, err) ||
        !is_ours(&a->webhook_secret_previous, number, check, &before, err))
        return false;
    if (!now && !before)
        return TILL_FAIL_FIELD(err, NOTIFY_FORGED, "check",
                               "The return address was not made for this order.");
    *ret_upstream_no = number;
    return true;
}
