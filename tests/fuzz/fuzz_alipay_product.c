/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a line each for product, subject, address to come back to; the rest is `extra`. Laws: an
 * order is refused, or its business bytes are JSON with our number. What is handed over is ASCII,
 * decodes to exactly that content, names it once, and its page has no markup but its own.
 */
#include "tests/fuzz/fuzz_alipay.h"

static size_t count(struct till_str text, char c) {
    size_t found = 0;
    for (size_t i = 0; i < text.len; i++)
        found += text.ptr[i] == c;
    return found;
}

static void check_business(struct till_str business) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    bool good = till_json_parse(business, &json, &err);
    assert(good && till_str_is(till_json_get_str(json, "out_trade_no"), "N1"));
    assert(till_json_get_str(json, "total_amount").len > 0);
}

/* `parameters` is a query string, or an order string. */
static void check_content(struct till_arena *arena, struct till_str parameters,
                          struct till_str business) {
    struct till_form form;
    struct till_error err;
    bool good = till_form_parse(arena, parameters, &form, &err);
    assert(good && till_str_equal(till_form_get(&form, "biz_content"), business));
    assert(till_form_get(&form, "sign").len > 300 && till_form_get(&form, "app_id").len == 16);
}

static void check_action(struct till_arena *arena, const struct till_ask *ask) {
    enum { OWN_TAGS = 17 }; /* of the page around the form and its one field */
    struct till_action action;
    struct till_error err;
    if (!till_hand_over(fuzz_alipay_account(), ask, arena, &action, &err))
        return;
    bool good = till_channel_find(TILL_STR("alipay"))->show(ask->product, arena, &action, &err);
    assert(good && till_str_is_printable_ascii(action.value));
    size_t question = till_str_find(action.value, '?');
    bool is_bridge = till_str_is(action.kind, "bridge");
    check_content(arena,
                  is_bridge ? action.value
                            : till_str_sub(action.value, question + 1, action.value.len),
                  ask->business);
    if (action.document.len > 0) {
        assert(count(action.document, '<') == OWN_TAGS && count(action.document, '>') == OWN_TAGS);
        assert(till_str_equal(till_form_get(&action.fields, "biz_content"), ask->business));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    TILL_JSON_SCOPED struct till_json *extra = NULL;
    struct till_str input = fuzz_input(bytes, size);
    const struct till_account *account = fuzz_alipay_account();
    struct till_outgoing outgoing;
    struct till_error err;
    struct till_ask ask = {.operation = TILL_CREATE,
                           .product = fuzz_line(&input),
                           .upstream_no = TILL_STR("N1"),
                           .subject = fuzz_line(&input),
                           .return_url = fuzz_line(&input),
                           .amount = {1, "CNY"},
                           .expires_us = 60 * TILL_US_PER_SECOND};
    const struct till_product *product = till_product_look(TILL_STR("alipay"), ask.product);
    if (till_json_parse(input, &extra, &err))
        ask.extra = extra;
    if (!account->channel->compose(account, &ask, &arena, &ask.business, &err))
        return 0;
    check_business(ask.business);
    assert(product);
    if (product->is_handed_over)
        check_action(&arena, &ask);
    else if (till_request(account, &ask, &arena, &outgoing, &err))
        assert(till_str_is_printable_ascii(outgoing.url));
    return 0;
}
