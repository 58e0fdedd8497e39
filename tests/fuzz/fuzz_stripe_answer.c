/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a line with the HTTP status, then the answer. Nothing is signed, so the law is about
 * content: no operation has an outcome that channel.h does not give it, and money is only believed
 * of our own order, in our own amount.
 */
#include "tests/fuzz/fuzz_stripe.h"

static bool may_be(enum till_operation operation, enum till_outcome outcome) {
    static const unsigned may[TILL_OPERATIONS] = {
        [TILL_CREATE] = 1u << TILL_PENDING | 1u << TILL_DECLINED,
        [TILL_QUERY] = 1u << TILL_PAID | 1u << TILL_PENDING | 1u << TILL_CLOSED,
        [TILL_CLOSE] = 1u << TILL_CLOSED,
        [TILL_CANCEL] = 1u << TILL_CLOSED,
        [TILL_REFUND] = 1u << TILL_PAID | 1u << TILL_PENDING | 1u << TILL_DECLINED,
        [TILL_REFUND_QUERY] = 1u << TILL_PAID | 1u << TILL_PENDING | 1u << TILL_DECLINED,
    };
    return outcome == TILL_UNKNOWN || (may[operation] & 1u << outcome) != 0;
}

static void check(const struct till_ask *ask, const struct till_verdict *v) {
    bool is_refund = ask->operation == TILL_REFUND || ask->operation == TILL_REFUND_QUERY;
    assert(may_be(ask->operation, v->outcome));
    assert(v->outcome == TILL_UNKNOWN || (v->verified && !v->suspicious));
    if (v->outcome == TILL_UNKNOWN || v->outcome == TILL_DECLINED)
        return;
    if (is_refund) {
        bool is_absent = v->trade == TILL_TRADE_ABSENT;
        assert(is_absent || (v->refund.minor == 40 && till_str_is(v->trade_no, FUZZ_PAYMENT)));
        assert(!is_absent || v->outcome == TILL_PENDING);
        return;
    }
    assert(till_str_is(v->upstream_no, FUZZ_NO) && till_str_is(v->reference, FUZZ_SESSION));
    assert(v->amount.minor == 100 && strcmp(v->amount.currency, "JPY") == 0);
    assert((v->action_value.len > 0) == (ask->operation == TILL_CREATE));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct till_str input = fuzz_input(bytes, size);
    unsigned long long status = 200;
    (void)till_str_to_u64(fuzz_line(&input), 999, &status);
    for (int operation = 0; operation < TILL_OPERATIONS; operation++) {
        FUZZ_ARENA(arena);
        struct till_verdict verdict;
        struct till_ask ask = fuzz_stripe_ask((enum till_operation)operation);
        struct till_incoming incoming = {TILL_FATE_ANSWERED, (int)status, input};
        till_answer(fuzz_stripe_account(), &ask, &incoming, &arena, &verdict);
        check(&ask, &verdict);
    }
    return 0;
}
