/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stripe's wire rules, usable from both sides (the gateway's adapter, and whoever plays the
 * platform): the form encoding of its clients, the signature of its webhooks, its units of money.
 * Source: dossier stripe.md, sections 2, 9 and 16.4.
 */
#ifndef TILL_STRIPE_H
#define TILL_STRIPE_H

#include <till/channel.h>
#include <till/crypto.h>
#include <till/explain.h>

#define TILL_STRIPE_TOLERANCE_S 300 /* how far `t` may be from the clock, in both directions */

/*
 * Parameters as the platform's own clients write them: {"a":{"b":[1,true]}} is
 * "a[b][0]=1&a[b][1]=true"; null is an empty value, an empty object or list is nothing.
 * FIELD_INVALID for a number that is no integer. The same text is a body of POST and a query of
 * GET.
 */
TILL_MUST_CHECK bool till_stripe_form_encode(struct till_arena *arena,
                                             const struct till_json *params,
                                             struct till_str *ret_text, struct till_error *err);

/*
 * An endpoint's secret, "whsec_...", as the dashboard shows it: the key is these characters
 * themselves, prefix included; nothing is decoded. KEY_WEAK for an empty or short one, KEY_INVALID
 * for another shape.
 */
TILL_MUST_CHECK bool till_stripe_secret_parse(struct till_str text, struct till_secret *ret_secret,
                                              struct till_error *err);
/* The header Stripe-Signature: "t=SECONDS,v1=HEX" with a v1 for each secret (several while one is
 * being rolled). KEY_WEAK without a secret. */
TILL_MUST_CHECK bool till_stripe_sign(struct till_arena *arena, const struct till_secret *secrets,
                                      size_t count, int64_t timestamp_s, struct till_str body,
                                      struct till_str *ret_header, struct till_error *err);
/*
 * What a receiver runs on the header's value and the raw body. Stricter than the official clients:
 * one `t`, lower-case hex only, the clock in both directions. v0 and unknown schemes are passed
 * over and prove nothing. KEY_WEAK (an empty secret), SIGNATURE_MISSING (no t or no v1),
 * SIGNATURE_WRONG (a header that cannot be read, or no v1 that matches), TIMESTAMP_OUTSIDE.
 */
TILL_MUST_CHECK bool till_stripe_verify(const struct till_secret *secret, struct till_str header,
                                        struct till_str body, int64_t now_us,
                                        struct till_error *err);

/*
 * Money between ISO 4217's minor units, which are ours, and the platform's: ISK and UGX are written
 * there with two digits more, MGA with two less. Exact, or refused with a sentence: AMOUNT_INVALID
 * for what cannot be written there (MGA 150, KWD 1.001, more than 8 digits), CURRENCY_UNKNOWN for a
 * currency that the platform does not take.
 */
TILL_MUST_CHECK bool till_stripe_amount(struct till_money money, int64_t *ret_amount,
                                        struct till_error *err);
/* The same back from an amount of 0 or more and a currency in small letters ("jpy"). */
TILL_MUST_CHECK bool till_stripe_money(int64_t amount, struct till_str currency,
                                       struct till_money *ret_money, struct till_error *err);

/* What an error means for an operation, by table (dossier 4). */
struct till_stripe_code {
    const char *code; /* "amount_too_small"; without one the type, or "http_401" */
    enum till_outcome outcome;
    enum till_trade trade;
    bool retry_later;
    bool is_down;
    bool suspicious;    /* it contradicts what we sent before */
    const char *advice; /* what a person should do, English */
};
/* NULL when the table does not know the code for this operation. */
const struct till_stripe_code *till_stripe_code_find(struct till_str code,
                                                     enum till_operation operation);

/*
 * Why a webhook does not verify, for people: the header as it came, the body, the secret that the
 * endpoint should have, and now. Tries what really happens (another secret's form, a body that was
 * written anew, a clock, an upper-case or v0 signature) and names the first that explains it.
 * `canonical` is the signed text, or empty when the header has no time.
 */
TILL_MUST_CHECK bool till_stripe_webhook_explain(struct till_arena *arena, struct till_str header,
                                                 struct till_str body, struct till_str secret,
                                                 int64_t now_us, struct till_explanation *ret,
                                                 struct till_error *err);

#endif
