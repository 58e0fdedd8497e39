/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/stripe/fields.h"

#include <till/time.h>

/* Until the year 9999 ends. */
#define SECONDS_MAX INT64_C(253402300799)

enum { SHOWN = 3 };

bool stripe_field_money(const struct till_json *object, const char *name,
                        struct till_money *ret_money) {
    int64_t amount;
    struct till_error ignored;
    return till_json_get_int(object, name, &amount) &&
           till_stripe_money(amount, till_json_get_str(object, "currency"), ret_money, &ignored);
}

struct till_str stripe_field_id(const struct till_json *object, const char *name) {
    const struct till_json *whole = stripe_field_object(object, name);
    return whole ? till_json_get_str(whole, "id") : till_json_get_str(object, name);
}

const struct till_json *stripe_field_object(const struct till_json *object, const char *name) {
    const struct till_json *member = till_json_member(object, name);
    return till_json_is_object(member) ? member : NULL;
}

struct till_str stripe_field_metadata(const struct till_json *object, const char *name) {
    return till_json_get_str(till_json_member(object, "metadata"), name);
}

bool stripe_field_is_mode(const struct till_json *object, enum till_mode mode) {
    bool is_live = mode != TILL_LIVE; /* the wrong one, unless it is said */
    struct till_error ignored;
    return till_json_want_bool(object, "livemode", &is_live, &ignored) &&
           is_live == (mode == TILL_LIVE);
}

struct till_str stripe_refund_failure(const struct till_json *refund) {
    struct till_str reason = till_json_get_str(refund, "failure_reason");
    if (reason.len > 0 && !till_str_is(reason, "unknown"))
        return reason;
    return till_str_is(till_json_get_str(refund, "status"), "canceled")
               ? TILL_STR("refund_canceled")
               : TILL_STR("refund_failed");
}

int64_t stripe_field_time(const struct till_json *object, const char *name) {
    int64_t seconds;
    bool is_time =
        till_json_get_int(object, name, &seconds) && seconds > 0 && seconds <= SECONDS_MAX;
    return is_time ? seconds * TILL_US_PER_SECOND : 0;
}

bool stripe_field_buyer(const struct till_json *session, struct till_arena *arena,
                        struct till_str *ret_buyer, struct till_error *err) {
    struct till_str email =
        till_json_get_str(till_json_member(session, "customer_details"), "email");
    size_t at = till_str_find(email, '@');
    size_t shown = at / 2 < SHOWN ? at / 2 : SHOWN;
    *ret_buyer = TILL_STR_NONE;
    if (at == email.len)
        return true;
    return till_arena_format(arena, ret_buyer, err, "%.*s***%.*s",
                             TILL_STR_ARG(till_str_cut_utf8(email, shown)),
                             TILL_STR_ARG(till_str_sub(email, at, email.len)));
}
