/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills that contradict the books, on order: POST /control/bills/alterations {change, number,
 * refund, value}. The trades stay as they are; only what the file says of them changes, and the
 * file stays whole.
 */
#include <sandbox/bill.h>
#include <sandbox/control.h>
#include <sandbox/page.h>

#include <stdio.h>

static const struct {
    const char *name;
    bool has_number, has_text; /* what its value is */
} changes[BILL_CHANGES] = {
    [BILL_OMIT] = {"omit", false, false},        [BILL_DOUBLE] = {"double", false, false},
    [BILL_AMOUNT] = {"amount", true, false},     [BILL_FEE] = {"fee", true, false},
    [BILL_DAY] = {"day", true, false},           [BILL_TRADE_NO] = {"trade_no", false, true},
    [BILL_ORDER_NO] = {"order_no", false, true}, [BILL_REFUND_NO] = {"refund_no", false, true},
    [BILL_KIND] = {"kind", false, true},
};

static bool is_about(const struct bill_alteration *alteration, const struct bill_move *move) {
    if (move->comes_back || alteration->is_refund != (move->refund != NULL))
        return false;
    return till_str_is(move->refund ? move->refund->request_no : move->trade->out_trade_no,
                       alteration->number);
}

static void apply(const struct bill_alteration *alteration, struct bill_move *move,
                  int *ret_count) {
    switch (alteration->change) {
    case BILL_OMIT:
        *ret_count = 0;
        break;
    case BILL_DOUBLE:
        *ret_count = 2;
        break;
    case BILL_AMOUNT:
        move->amount = alteration->value;
        break;
    case BILL_FEE:
        move->fee = alteration->value;
        break;
    case BILL_DAY:
        move->at_us += alteration->value * PLATFORM_DAY_US;
        break;
    default:
        move->altered = alteration;
        break;
    }
}

void bill_alter(const struct bill_desk *desk, struct bill_move *move, int *ret_count) {
    for (size_t i = 0; desk && i < desk->altered; i++)
        if (is_about(&desk->alterations[i], move))
            apply(&desk->alterations[i], move, ret_count);
}

/* ---- control ---- */

static bool read_alteration(struct web *web, struct bill_alteration *ret, struct till_error *err) {
    struct till_str name = web_value(web, "change"), number = web_value(web, "number");
    struct till_str text = web_value(web, "value");
    struct bill_alteration alteration = {.value = web_number(web, "value", INT64_MIN)};
    int change = 0;
    while (change < BILL_CHANGES && !till_str_is(name, changes[change].name))
        change++;
    if (change == BILL_CHANGES)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/change",
                               "One of omit, double, amount, fee, day, trade_no, order_no, "
                               "refund_no, kind.");
    if (number.len == 0 || number.len >= sizeof alteration.number)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/number",
                               "The out_trade_no of a payment, the out_request_no of a refund.");
    if ((changes[change].has_number && alteration.value == INT64_MIN) ||
        (changes[change].has_text && (text.len == 0 || text.len >= sizeof alteration.text)))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/value",
                               "A whole number for amount, fee (minor units) and day, a text for "
                               "the others.");
    alteration.change = (enum bill_change)change;
    alteration.is_refund = till_str_is(web_value(web, "refund"), "true");
    snprintf(alteration.number, sizeof alteration.number, "%.*s", TILL_STR_ARG(number));
    if (changes[change].has_text)
        snprintf(alteration.text, sizeof alteration.text, "%.*s", TILL_STR_ARG(text));
    *ret = alteration;
    return true;
}

void control_bill_alter(struct web *web) {
    struct bill_alteration alteration;
    struct till_error err;
    if (!read_alteration(web, &alteration, &err)) {
        web_error(web, &err);
        return;
    }
    platform_lock(web->sandbox);
    struct bill_desk *desk = bill_desk_of(web->sandbox);
    size_t count = desk ? desk->altered : BILL_ALTERATIONS;
    if (count < BILL_ALTERATIONS)
        desk->alterations[desk->altered++] = alteration;
    platform_unlock(web->sandbox);
    if (count == BILL_ALTERATIONS) {
        (void)TILL_FAIL(&err, TOO_MANY, "%d alterations are kept; DELETE takes them all away.",
                        BILL_ALTERATIONS);
        web_error(web, &err);
        return;
    }
    struct till_json *json = till_json_object();
    till_json_set_int(json, "alterations", (int64_t)count + 1);
    web_json(web, 201, json);
}

void control_bill_restore(struct web *web) {
    platform_lock(web->sandbox);
    struct bill_desk *desk = bill_desk_of(web->sandbox);
    if (desk)
        desk->altered = 0;
    platform_unlock(web->sandbox);
    struct till_json *json = till_json_object();
    till_json_set_int(json, "alterations", 0);
    web_json(web, 200, json);
}
