/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of codes.def and its lookup. A code stands once for each operation; a code or operation
 * that is not in the table is not guessed at here (the reader of answers decides what silence is).
 */
#include <till/alipay.h>

enum {
    ON_CREATE = 1 << TILL_CREATE,
    ON_QUERY = 1 << TILL_QUERY,
    ON_CLOSE = 1 << TILL_CLOSE,
    ON_CANCEL = 1 << TILL_CANCEL,
    ON_REFUND = 1 << TILL_REFUND,
    ON_REFUND_QUERY = 1 << TILL_REFUND_QUERY,
    ON_ALL = (1 << TILL_OPERATIONS) - 1,
    ON_OTHERS = ON_ALL & ~ON_CREATE
};

static const struct row {
    unsigned operations;
    struct till_alipay_code meaning;
} rows[] = {
#define CODE(code, operations, outcome, trade, retry, text, advice)                                \
    {(operations), {(code), TILL_##outcome, TILL_TRADE_##trade, (retry), (text), (advice), false}},
#define DOWN(code, text, advice)                                                                   \
    {ON_ALL, {(code), TILL_UNKNOWN, TILL_TRADE_UNSAID, false, (text), (advice), true}},
#define FINAL(code, text, advice) CODE(code, ON_CREATE, DECLINED, UNSAID, false, text, advice)
#define CALL(code, text, advice)                                                                   \
    FINAL(code, text, advice)                                                                      \
    CODE(code, ON_OTHERS, UNKNOWN, UNSAID, false, text, advice)
#include "lib/channel/alipay/codes.def"
#undef CALL
#undef FINAL
#undef DOWN
#undef CODE
};

const struct till_alipay_code *till_alipay_code_find(struct till_str code,
                                                     enum till_operation operation) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((rows[i].operations & 1U << operation) && till_str_is(code, rows[i].meaning.code))
            return &rows[i].meaning;
    }
    return NULL;
}
