/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever anybody was told stays true, whatever happened to processes and power (I13). Merchants
 * are told by answers, the platform by "success".
 */
#include "check_inside.h"

#include <stdio.h>

static void remember(struct check *check, struct till_str id, struct till_str state) {
    struct fact *fact = fact_obtain(check, "told", id);
    bool is_end = till_str_is(state, "paid") || till_str_is(state, "closed") ||
                  till_str_is(state, "succeeded") || till_str_is(state, "failed") ||
                  till_str_is(state, "reversed");
    fact->times++;
    if (is_end)
        snprintf(fact->text, sizeof fact->text, "%.*s", TILL_STR_ARG(state));
}

void check_acknowledged(struct check *check, const struct till_json *said, int merchant) {
    struct till_str id = till_json_get_str(said, "id");
    (void)merchant;
    if (till_str_starts_with(id, TILL_STR("pay_")) || till_str_starts_with(id, TILL_STR("ref_")))
        remember(check, id, till_json_get_str(said, "state"));
}

static bool is_still(enum seen_machine machine, const char *told, int state) {
    const char *now = seen_state_name(machine, state);
    bool may_follow = (strcmp(told, "closed") == 0 && strcmp(now, "paid") == 0) ||
                      (strcmp(told, "succeeded") == 0 && strcmp(now, "reversed") == 0) ||
                      (machine == SEEN_PAYMENT && strcmp(told, "failed") == 0);
    return told[0] == '\0' || strcmp(told, now) == 0 || may_follow;
}

static void check_told(struct check *check, const struct fact *fact, struct till_str id) {
    const struct seen_payment *payment = seen_payment_of(check, id);
    const struct seen_refund *refund = seen_refund_of(check, id);
    if (!payment && !refund)
        sim_violation(check->sim, "I13", "%.*s was acknowledged and is not there",
                      TILL_STR_ARG(id));
    if (payment && !is_still(SEEN_PAYMENT, fact->text, payment->state))
        sim_violation(check->sim, "I13", "a merchant was told that %s is %s; it is %s", payment->id,
                      fact->text, seen_state_name(SEEN_PAYMENT, payment->state));
    if (refund && !is_still(SEEN_REFUND, fact->text, refund->state))
        sim_violation(check->sim, "I13", "a merchant was told that %s is %s; it is %s", refund->id,
                      fact->text, seen_state_name(SEEN_REFUND, refund->state));
}

static void check_success(struct check *check, const struct fact *fact, struct till_str number) {
    const struct seen_attempt *attempt = seen_attempt_numbered(check, number);
    bool is_kept = attempt && (fact->number == 0 || attempt->received > 0 ||
                               fact_find(check, "held", till_str_of(attempt->id)));
    if (!is_kept)
        sim_violation(check->sim, "I13",
                      "the platform was told success about %.*s; nothing is known of it",
                      TILL_STR_ARG(number));
}

void check_kept(struct check *check) {
    for (size_t i = 0; i < CHECK_BUCKETS; i++)
        for (const struct fact *fact = check->facts[i]; fact; fact = fact->next) {
            struct till_str key = till_str_of(fact->key);
            size_t slash = till_str_find(key, '/');
            struct till_str rest = till_str_sub(key, slash + 1, key.len);
            if (till_str_starts_with(key, TILL_STR("told/")))
                check_told(check, fact, rest);
            else if (till_str_starts_with(key, TILL_STR("success/")))
                check_success(check, fact, rest);
        }
}
