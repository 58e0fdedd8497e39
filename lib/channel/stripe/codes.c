/* SPDX-License-Identifier: Apache-2.0 */
/* The table of codes.def and its lookup. A name stands once for each operation. */
#include <till/stripe.h>

enum {
    ON_CREATE = 1 << TILL_CREATE,
    ON_REFUND = 1 << TILL_REFUND,
    ON_REFUNDS = ON_REFUND | 1 << TILL_REFUND_QUERY,
    ON_ALL = (1 << TILL_OPERATIONS) - 1,
    ON_QUESTIONS = ON_ALL & ~(ON_CREATE | ON_REFUND),
    ON_OTHERS = ON_ALL & ~ON_CREATE
};

static const struct row {
    unsigned operations;
    struct till_stripe_code meaning;
} rows[] = {
#define ROW(name, operations, outcome, trade, later, down, odd, advice)                            \
    {(operations), {(name), TILL_##outcome, TILL_TRADE_##trade, (later), (down), (odd), (advice)}},
#define CODE(name, operations, outcome, trade, advice)                                             \
    ROW(name, operations, outcome, trade, false, false, false, advice)
#define LATER(name, advice) ROW(name, ON_ALL, UNKNOWN, UNSAID, true, false, false, advice)
#define DOWN(name, advice) ROW(name, ON_ALL, UNKNOWN, UNSAID, false, true, false, advice)
#define ODD(name, advice) ROW(name, ON_ALL, UNKNOWN, UNSAID, false, false, true, advice)
#define CALL(name, advice)                                                                         \
    CODE(name, ON_CREATE, DECLINED, UNSAID, advice)                                                \
    CODE(name, ON_OTHERS, UNKNOWN, UNSAID, advice)
#define FINAL(name, advice)                                                                        \
    CODE(name, ON_CREATE | ON_REFUND, DECLINED, UNSAID, advice)                                    \
    CODE(name, ON_QUESTIONS, UNKNOWN, UNSAID, advice)
#include "lib/channel/stripe/codes.def"
#undef FINAL
#undef CALL
#undef ODD
#undef DOWN
#undef LATER
#undef CODE
#undef ROW
};

const struct till_stripe_code *till_stripe_code_find(struct till_str code,
                                                     enum till_operation operation) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((rows[i].operations & 1U << operation) && till_str_is(code, rows[i].meaning.code))
            return &rows[i].meaning;
    }
    return NULL;
}
