/* SPDX-License-Identifier: Apache-2.0 */
/* The channel as the factory hands it out: its tables and its parts. */
#include "lib/channel/channels.h"

#include <till/time.h>

#include "lib/channel/stripe/wire.h"

#define MINUTES(n) (INT64_C(60) * (n)*TILL_US_PER_SECOND)

/*
 * The platform lets a session live 30 minutes to 24 hours from when it hears of it (dossier 13): a
 * minute more at the front and five less at the end leave room for the way there. A creation is
 * under an idempotency key, so its repetition brings the first answer again.
 */
const struct till_product stripe_products[] = {
    {.name = "checkout",
     .method = "/v1/checkout/sessions",
     .action = "redirect",
     .recovery = TILL_RECOVER_REPEAT_KEYED,
     .expires_min_us = MINUTES(31),
     .expires_max_us = MINUTES(24 * 60 - 5),
     .expires_default_us = MINUTES(120)},
    {.name = NULL},
};

/* The address is all that there is to know. */
static bool show(struct till_str product, struct till_arena *arena, struct till_action *action,
                 struct till_error *err) {
    (void)product, (void)arena, (void)action, (void)err;
    return true;
}

/* Any 2xx ends the sending; everything else is sent again for days, so what is our own trouble is
 * told from what is refused (dossier 16.3). */
static void acknowledge(enum till_acknowledgement acknowledgement, struct till_reply *ret_reply) {
    static const struct till_reply replies[] = {
        [TILL_ACK] = {200, TILL_STR_INIT("application/json"), TILL_STR_INIT("{\"received\":true}")},
        [TILL_NACK] = {400, TILL_STR_INIT("application/json"),
                       TILL_STR_INIT("{\"received\":false}")},
        [TILL_NACK_OURS] = {503, TILL_STR_INIT("application/json"),
                            TILL_STR_INIT("{\"received\":false}")}};
    *ret_reply = replies[acknowledgement];
}

static const char *advise(struct till_str peer_code, enum till_operation operation) {
    const struct till_stripe_code *code = till_stripe_code_find(peer_code, operation);
    return code ? code->advice : NULL;
}

const struct till_channel stripe_channel = {
    .name = "stripe",
    .products = stripe_products,
    .currencies = stripe_currencies,
    .load = stripe_load,
    .unload = stripe_unload,
    .settings = stripe_settings,
    .compose = stripe_compose,
    .build = stripe_build,
    .show = show,
    .parse = stripe_parse,
    .notified = stripe_notified,
    .returned = stripe_returned,
    .acknowledge = acknowledge,
    /* A refused expiry means that the session is over, paid or not: only a question tells. A refund
     * whose key the platform may have forgotten is asked after before it goes again. */
    .recovery = {[TILL_CREATE] = TILL_RECOVER_REPEAT_KEYED,
                 [TILL_QUERY] = TILL_RECOVER_QUERY,
                 [TILL_CLOSE] = TILL_RECOVER_QUERY,
                 [TILL_CANCEL] = TILL_RECOVER_QUERY,
                 [TILL_REFUND] = TILL_RECOVER_REFUND_QUERY,
                 [TILL_REFUND_QUERY] = TILL_RECOVER_REFUND_QUERY},
    .describe = stripe_describe,
    .advise = advise,
    .nobodys_code = "resource_missing",
};
