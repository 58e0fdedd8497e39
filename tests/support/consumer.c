/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's program: installed headers and library only. Signs and checks one webhook, ours and
 * Stripe's. */
#include <stdio.h>

#include <till/money.h>
#include <till/stripe.h>
#include <till/webhook.h>

static bool deliver(struct till_arena *arena, struct till_error *err) {
    const struct till_str id = TILL_STR("msg_1"), body = TILL_STR("{\"type\":\"payment.paid\"}");
    struct till_secret secret;
    struct till_str header;
    return till_webhook_secret_parse(TILL_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &secret,
                                     err) &&
           till_webhook_sign(arena, &secret, 1, id, 1, body, &header, err) &&
           till_webhook_verify(&secret, id, TILL_STR("1"), header, body, 2000000, err) &&
           !till_webhook_verify(&secret, id, TILL_STR("1"), header, TILL_STR("{}"), 2000000, err) &&
           err->code == TILL_E_SIGNATURE_WRONG;
}

static bool take_event(struct till_arena *arena, struct till_error *err) {
    const struct till_str body = TILL_STR("{\"object\":\"event\"}");
    struct till_secret secret;
    struct till_str header;
    return till_stripe_secret_parse(TILL_STR("whsec_9f2b7c1d8e4a6b3c5d0e7f1a2b4c6d8e"), &secret,
                                    err) &&
           till_stripe_sign(arena, &secret, 1, 1, body, &header, err) &&
           till_stripe_verify(&secret, header, body, 2000000, err) &&
           !till_stripe_verify(&secret, header, TILL_STR("{}"), 2000000, err) &&
           err->code == TILL_E_SIGNATURE_WRONG;
}

int main(void) {
    struct till_arena arena;
    struct till_error err = {.code = TILL_OK};
    struct till_money coffee;
    char text[TILL_MONEY_TEXT];
    till_arena_init(&arena, 65536);
    bool good = deliver(&arena, &err) && take_event(&arena, &err) &&
                till_money_parse(TILL_STR("9.90"), TILL_STR("CNY"), &coffee, &err) &&
                till_money_format(coffee, text, &err);
    till_arena_clean_up(&arena);
    printf("%s\n", good ? text : err.text);
    return good ? 0 : 1;
}
