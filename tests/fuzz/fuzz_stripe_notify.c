/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a line with the signature header, then the body. Laws: under a header that nobody signed
 * nothing is believed; the same body well signed is refused or read, with our number where it is
 * news; as a return page's query it opens nothing; explaining it never calls it good.
 */
#include "tests/fuzz/fuzz_stripe.h"

static bool notified(struct till_arena *arena, struct till_str header, struct till_str body,
                     struct till_notice *ret) {
    const struct till_pair pair = {TILL_STR("Stripe-Signature"), header};
    struct till_notification notification = {.method = TILL_STR("POST"),
                                             .content_type = TILL_STR("application/json"),
                                             .body = body,
                                             .headers = &pair,
                                             .header_count = 1};
    struct till_error err;
    const struct till_account *account = fuzz_stripe_account();
    return account->channel->notified(account, &notification, arena, ret, &err);
}

static struct till_str sign(struct till_arena *arena, struct till_str body) {
    struct till_secret secret;
    struct till_str header;
    struct till_error err;
    bool good = till_stripe_secret_parse(TILL_STR(FUZZ_SECRET), &secret, &err) &&
                till_stripe_sign(arena, &secret, 1, 0, body, &header, &err);
    assert(good);
    return header;
}

static void check_news(const struct till_notice *notice) {
    assert(notice->notice_id.ptr && notice->status_text.len > 0);
    if (notice->kind == TILL_NOTICE_NOTHING)
        return;
    bool is_one = notice->kind == TILL_NOTICE_REFUND || notice->kind == TILL_NOTICE_REFUND_FAILED;
    bool may_be_nameless = is_one || notice->kind == TILL_NOTICE_DISPUTE;
    assert(notice->upstream_no.len > 0 || (may_be_nameless && notice->trade_no.len > 0));
    assert(notice->amount.minor >= 0 && notice->refunded.minor >= 0);
    assert(notice->refund_no.len == 0 || is_one);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_str input = fuzz_input(bytes, size), number, header = fuzz_line(&input);
    const struct till_account *account = fuzz_stripe_account();
    struct till_notification returned = {.query = input};
    struct till_explanation explanation;
    struct till_notice notice = {0};
    struct till_error err;
    bool good = notified(&arena, header, input, &notice);
    assert(!good);
    good = account->channel->returned(account, &returned, &arena, &number, &err);
    assert(!good);
    good = till_stripe_webhook_explain(&arena, header, input, TILL_STR("whsec_another"), 0,
                                       &explanation, &err);
    assert(!good || !explanation.verified);
    if (notified(&arena, sign(&arena, input), input, &notice))
        check_news(&notice);
    return 0;
}
