/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a line each for subject, merchant's number, return address, currency, amount; the rest is
 * `extra`. Laws: an order is refused, or its form reads back strictly, with our number, one line,
 * the same amount in the platform's units, and ASCII only. The rest as parameters of a form:
 * refused or readable.
 */
#include "tests/fuzz/fuzz_stripe.h"

static void check_wire(struct till_arena *arena, const struct till_ask *ask,
                       const struct till_outgoing *out) {
    struct till_form form;
    struct till_error err;
    struct till_money back;
    unsigned long long amount;
    assert(till_str_is(out->url, "https://api.stripe.com/v1/checkout/sessions"));
    assert(till_str_is_printable_ascii(out->body) && out->header_count == 3);
    bool good = till_form_parse(arena, out->body, &form, &err);
    assert(good && till_str_is(till_form_get(&form, "client_reference_id"), FUZZ_NO));
    assert(till_form_get(&form, "line_items[0][price_data][product_data][name]").len > 0);
    good =
        till_str_to_u64(till_form_get(&form, "line_items[0][price_data][unit_amount]"), 99999999,
                        &amount) &&
        till_stripe_money((int64_t)amount,
                          till_form_get(&form, "line_items[0][price_data][currency]"), &back, &err);
    assert(good && back.minor == ask->amount.minor &&
           strcmp(back.currency, ask->amount.currency) == 0);
}

static void check_form(struct till_arena *arena, const struct till_json *params) {
    struct till_str text;
    struct till_error err;
    if (till_stripe_form_encode(arena, params, &text, &err))
        assert(till_str_is_printable_ascii(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    TILL_JSON_SCOPED struct till_json *extra = NULL;
    struct till_str input = fuzz_input(bytes, size);
    struct till_ask ask = fuzz_stripe_ask(TILL_CREATE);
    struct till_outgoing outgoing;
    struct till_error err;
    unsigned long long minor;
    ask.subject = fuzz_line(&input);
    ask.merchant_no = fuzz_line(&input);
    ask.return_url = fuzz_line(&input);
    if (!till_currency_read(fuzz_line(&input), ask.amount.currency, &err))
        memcpy(ask.amount.currency, "USD", 4);
    if (till_str_to_u64(fuzz_line(&input), INT64_MAX, &minor))
        ask.amount.minor = (int64_t)minor;
    if (till_json_parse(input, &extra, &err)) {
        ask.extra = extra;
        check_form(&arena, extra);
    }
    if (till_request(fuzz_stripe_account(), &ask, &arena, &outgoing, &err))
        check_wire(&arena, &ask, &outgoing);
    return 0;
}
