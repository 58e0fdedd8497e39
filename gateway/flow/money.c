/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/money.h>

static int64_t jitter_of(struct gateway *gw, int64_t wait_us) {
    uint32_t word;
    world_random(gw->world, &word, sizeof word);
    return wait_us / 10 * (int64_t)(word % 1024) / 1024;
}

int64_t money_ask_again_us(struct gateway *gw, int asks, int64_t least_us, int64_t now_us) {
    int64_t slowest_us = gw->settings->ask_slowest, wait_us = gw->settings->ask_after;
    for (int i = 0; i < asks && wait_us < slowest_us; i++)
        wait_us *= 2;
    wait_us = wait_us < slowest_us ? wait_us : slowest_us;
    wait_us = wait_us > least_us ? wait_us : least_us;
    return now_us + wait_us + jitter_of(gw, wait_us);
}

/* Already refunded, or no longer refundable upstream: the late money stays, as its event says. */
static bool is_settled_otherwise(enum till_code code) {
    return code == TILL_E_STATE_CONFLICT || code == TILL_E_REFUND_EXCEEDS ||
           code == TILL_E_REFUND_CONFLICT;
}

bool money_refund_late(struct gateway *gw, const struct applied *applied, struct till_arena *arena,
                       struct till_error *err) {
    const struct payment_row *payment = &applied->payment;
    struct app_row app;
    struct refund_opened opened;
    struct refund_wish wish = {.reason = TILL_STR("paid after the order was closed"),
                               .minor = applied->attempt.received,
                               .lease_us = 1};
    if (!payment->late || applied->attempt.refund_held > 0 || applied->attempt.received <= 0)
        return true;
    if (!store_app_get(gw->store, arena, till_str_of(payment->app_id), &app, err))
        return false;
    if (!till_str_is(app.late_policy, "refund"))
        return true;
    if (!till_arena_format(arena, &wish.out_refund_no, err, "late-%s", payment->id) ||
        !money_open_refund(gw, payment, &wish, arena, &opened, err))
        return is_settled_otherwise(err->code);
    world_wake(gw->world, &gw->sweep_spot);
    return true;
}
