/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a line each for subject, merchant's number, notify address, amount; the rest is `extra`.
 * Laws: an order is refused, or its business bytes are JSON with our number and a subject of at
 * most 256 bytes, and what is sent decodes to exactly the text that was signed.
 */
#include "tests/fuzz/fuzz_alipay.h"

static void check_business(struct till_str business) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    bool good = till_json_parse(business, &json, &err);
    assert(good && till_str_is(till_json_get_str(json, "out_trade_no"), "N1"));
    struct till_str subject = till_json_get_str(json, "subject");
    assert(subject.len > 0 && subject.len <= 256);
}

static void check_wire(struct till_arena *arena, const struct till_outgoing *outgoing) {
    struct till_form form;
    struct till_error err;
    struct till_str merged, text;
    size_t question = till_str_find(outgoing->url, '?');
    assert(till_str_is_printable_ascii(outgoing->url) &&
           till_str_is_printable_ascii(outgoing->body));
    bool good = till_arena_format(
                    arena, &merged, &err, "%.*s&%.*s",
                    TILL_STR_ARG(till_str_sub(outgoing->url, question + 1, outgoing->url.len)),
                    TILL_STR_ARG(outgoing->body)) &&
                till_form_parse(arena, merged, &form, &err) &&
                till_alipay_request_text(arena, &form, false, &text, &err);
    assert(good && till_str_equal(text, outgoing->signed_text));
    check_business(till_form_get(&form, "biz_content"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    TILL_JSON_SCOPED struct till_json *extra = NULL;
    struct till_str input = fuzz_input(bytes, size);
    struct till_outgoing outgoing;
    struct till_error err;
    struct till_ask ask = {.operation = TILL_CREATE,
                           .product = TILL_STR("precreate"),
                           .upstream_no = TILL_STR("N1"),
                           .subject = fuzz_line(&input),
                           .merchant_no = fuzz_line(&input),
                           .notify_url = fuzz_line(&input),
                           .expires_us = 900 * TILL_US_PER_SECOND};
    if (!till_money_parse(fuzz_line(&input), TILL_STR("CNY"), &ask.amount, &err))
        ask.amount = (struct till_money){1, "CNY"};
    if (till_json_parse(input, &extra, &err))
        ask.extra = extra;
    if (till_request(fuzz_alipay_account(), &ask, &arena, &outgoing, &err))
        check_wire(&arena, &outgoing);
    return 0;
}
