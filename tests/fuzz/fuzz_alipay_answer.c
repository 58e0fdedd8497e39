/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laws: a node lies inside of the body and is found again in an answer written around it; the one
 * pass never reads past the end; nothing unsigned has an outcome.
 */
#include "tests/fuzz/fuzz_alipay.h"

static void check_split(struct till_arena *arena, struct till_str body, struct till_str method) {
    struct till_alipay_answer one, two;
    struct till_error err;
    struct till_str text;
    if (!till_alipay_answer_split(body, method, &one, &err))
        return;
    assert(one.node.ptr > body.ptr && one.node.ptr + one.node.len < body.ptr + body.len);
    assert(one.node.ptr[0] == '{' || one.node.ptr[0] == '"');
    struct till_buf buf;
    till_buf_init(&buf, arena);
    till_buf_text(&buf, "{\"sign\":\"");
    till_buf_add(&buf, one.sign);
    till_buf_text(&buf, "\",\"error_response\":");
    till_buf_add(&buf, one.node);
    till_buf_text(&buf, "}");
    bool good =
        till_buf_finish(&buf, &text, &err) && till_alipay_answer_split(text, method, &two, &err);
    assert(good && till_str_equal(one.node, two.node) && till_str_equal(one.sign, two.sign));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_verdict verdict;
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, fuzz_input(bytes, size)};
    struct till_ask ask = {.operation = (enum till_operation)(size % TILL_OPERATIONS),
                           .product = TILL_STR("precreate"),
                           .upstream_no = TILL_STR("01JD8C3Q5T7V9X1Z3B5D7F9H1K")};
    check_split(&arena, incoming.body, TILL_STR("alipay.trade.query"));
    till_answer(fuzz_alipay_account(), &ask, &incoming, &arena, &verdict);
    assert(verdict.outcome == TILL_UNKNOWN && !verdict.verified && verdict.amount.minor == 0);
    assert(verdict.trade == TILL_TRADE_UNSAID && verdict.upstream_no.len == 0);
    return 0;
}
