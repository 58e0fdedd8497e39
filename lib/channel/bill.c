/* SPDX-License-Identifier: Apache-2.0 */
/* Names and days of bills: what no channel does differently. */
#include <till/bill.h>

#include <stdio.h>

#include <till/time.h>

#define DAY_US (INT64_C(86400) * TILL_US_PER_SECOND)

const char *till_bill_type_name(enum till_bill_type type) {
    static const char *const names[] = {
        [TILL_BILL_TRADE] = "trade", [TILL_BILL_ACCOUNT] = "account"};
    return (unsigned)type < TILL_BILL_TYPES ? names[type] : NULL;
}

bool till_bill_type_read(struct till_str name, enum till_bill_type *ret_type) {
    for (int type = 0; type < TILL_BILL_TYPES; type++) {
        if (!till_str_is(name, till_bill_type_name((enum till_bill_type)type)))
            continue;
        *ret_type = (enum till_bill_type)type;
        return true;
    }
    return false;
}

const char *till_bill_kind_name(enum till_bill_kind kind) {
    static const char *const names[] = {[TILL_BILL_PAYMENT] = "payment",
                                        [TILL_BILL_REFUND] = "refund",
                                        [TILL_BILL_INCOME] = "income",
                                        [TILL_BILL_EXPENSE] = "expense",
                                        [TILL_BILL_OTHER] = "other"};
    return (unsigned)kind < TILL_BILL_KINDS ? names[kind] : NULL;
}

bool till_bill_day(int64_t us, int days, char ret_date[TILL_BILL_DATE], struct till_error *err) {
    char text[TILL_TIME_TEXT];
    if (!till_time_format_beijing(us + days * DAY_US, text, err))
        return false;
    memcpy(ret_date, text, TILL_BILL_DATE - 1);
    ret_date[TILL_BILL_DATE - 1] = '\0';
    return true;
}

bool till_bill_day_start(struct till_str date, int64_t *ret_us, struct till_error *err) {
    char text[TILL_TIME_TEXT];
    if (date.len != TILL_BILL_DATE - 1)
        return TILL_FAIL_FIELD(err, TIME_INVALID, "/date", "Give a day as 2026-11-22.");
    (void)snprintf(text, sizeof text, "%.*s 00:00:00", TILL_STR_ARG(date));
    if (!till_time_parse_beijing(till_str_of(text), ret_us, err))
        return TILL_FAIL_FIELD(err, TIME_INVALID, "/date", "There is no such day.");
    return true;
}
