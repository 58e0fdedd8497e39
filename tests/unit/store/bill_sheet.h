/* SPDX-License-Identifier: Apache-2.0 */
/* A bill as a test writes it, line by line. */
#ifndef TESTS_UNIT_STORE_BILL_SHEET_H
#define TESTS_UNIT_STORE_BILL_SHEET_H

#include <assert.h>

#include <till/bill.h>

#include "fixture.h"

#define DAY INT64_C(86400000000)
#define TRADE "2026112222001"

struct sheet {
    struct till_bill_line lines[400];
    size_t count;
};

static inline struct till_bill_line *add(struct sheet *sheet, struct till_str upstream_no,
                                         int64_t amount) {
    struct till_bill_line *line = &sheet->lines[sheet->count++];
    assert_true(sheet->count <= sizeof sheet->lines / sizeof *sheet->lines);
    *line = (struct till_bill_line){.number = (int64_t)sheet->count,
                                    .kind = amount < 0 ? TILL_BILL_REFUND : TILL_BILL_PAYMENT,
                                    .business_type = TILL_STR("x"),
                                    .trade_no = TILL_STR(TRADE),
                                    .upstream_no = upstream_no,
                                    .amount = amount,
                                    .received = amount,
                                    .fee = amount < 0 ? 1 : -1,
                                    .created_us = T0,
                                    .finished_us = T0 + 1000000};
    return line;
}

static inline struct till_bill_line *add_refund(struct sheet *sheet, struct till_str upstream_no,
                                                struct till_str refund_no, int64_t amount) {
    struct till_bill_line *line = add(sheet, upstream_no, -amount);
    line->refund_no = refund_no;
    return line;
}

#endif
