/* SPDX-License-Identifier: Apache-2.0 */
/* See operation.h. */
#include <sandbox/stripe/operation.h>

#include <string.h>

/* A segment "*" is any but an empty one. Rows without a path are no calls. */
static const struct {
    const char *method, *path, *name;
} rows[] = {
    {"POST", "/v1/checkout/sessions", "session.create"},
    {"GET", "/v1/checkout/sessions", "session.list"},
    {"GET", "/v1/checkout/sessions/*", "session.read"},
    {"POST", "/v1/checkout/sessions/*", "session.update"},
    {"POST", "/v1/checkout/sessions/*/expire", "session.expire"},
    {"GET", "/v1/checkout/sessions/*/line_items", "session.line_items"},
    {"POST", "/v1/payment_intents", "intent.create"},
    {"GET", "/v1/payment_intents", "intent.list"},
    {"GET", "/v1/payment_intents/*", "intent.read"},
    {"POST", "/v1/payment_intents/*", "intent.update"},
    {"POST", "/v1/payment_intents/*/confirm", "intent.confirm"},
    {"POST", "/v1/payment_intents/*/capture", "intent.capture"},
    {"POST", "/v1/payment_intents/*/cancel", "intent.cancel"},
    {"GET", "/v1/charges", "charge.list"},
    {"GET", "/v1/charges/*", "charge.read"},
    {"POST", "/v1/refunds", "refund.create"},
    {"GET", "/v1/refunds", "refund.list"},
    {"GET", "/v1/refunds/*", "refund.read"},
    {"POST", "/v1/refunds/*", "refund.update"},
    {"POST", "/v1/refunds/*/cancel", "refund.cancel"},
    {"", "", STRIPE_OTHER_CALL},
    {"", "", STRIPE_EVERY_CALL},
    {"", "", STRIPE_PAYING},
};

enum { ROWS = sizeof rows / sizeof *rows };

static bool fits(struct till_str path, const char *pattern) {
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at >= path.len || path.ptr[at++] != *pattern)
                return false;
            continue;
        }
        size_t begin = at;
        while (at < path.len && path.ptr[at] != '/')
            at++;
        if (at == begin)
            return false;
    }
    return at == path.len;
}

const char *stripe_operation(struct till_str method, struct till_str path) {
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].path[0] && till_str_is(method, rows[i].method) && fits(path, rows[i].path))
            return rows[i].name;
    return STRIPE_OTHER_CALL;
}

bool stripe_is_operation(const char *name) {
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return true;
    return false;
}

const char *stripe_operation_at(size_t index) {
    return index < ROWS ? rows[index].name : NULL;
}
