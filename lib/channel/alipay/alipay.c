/* SPDX-License-Identifier: Apache-2.0 */
/* The channel as the factory hands it out: its tables and its parts. */
#include "lib/channel/channels.h"

#include <till/time.h>

#include "lib/channel/alipay/bill.h"
#include "lib/channel/alipay/trust.h"
#include "lib/channel/alipay/wire.h"

#define SECONDS(n) ((n)*TILL_US_PER_SECOND)
#define HOURS(n) SECONDS(INT64_C(3600) * (n))

#define DAYS(n) HOURS(INT64_C(24) * (n))

/*
 * A product is a row. The QR code lives two hours at most, whatever the order's expiry (5.2). A
 * payment code is used up by its first sending and the buyer stands at the till, so a barcode order
 * is asked after every few seconds, for a minute by default, and cancelled then (5.3).
 */
const struct till_product alipay_products[] = {
    {.name = "precreate",
     .method = "alipay.trade.precreate",
     .action = "qr_code",
     .code = "FACE_TO_FACE_PAYMENT",
     .recovery = TILL_RECOVER_REPEAT,
     .action_lifetime_us = HOURS(2),
     .expires_min_us = SECONDS(60),
     .expires_max_us = DAYS(15),
     .expires_default_us = HOURS(2)},
    {.name = "page",
     .method = "alipay.trade.page.pay",
     .action = "redirect",
     .code = "FAST_INSTANT_TRADE_PAY",
     .is_handed_over = true,
     .recovery = TILL_RECOVER_REPEAT,
     .expires_min_us = SECONDS(60),
     .expires_max_us = DAYS(15),
     .expires_default_us = HOURS(2)},
    {.name = "wap",
     .method = "alipay.trade.wap.pay",
     .action = "redirect",
     .code = "QUICK_WAP_WAY",
     .is_handed_over = true,
     .recovery = TILL_RECOVER_REPEAT,
     .expires_min_us = SECONDS(60),
     .expires_max_us = DAYS(15),
     .expires_default_us = HOURS(2)},
    {.name = "app",
     .method = "alipay.trade.app.pay",
     .action = "bridge",
     .code = "QUICK_MSECURITY_PAY",
     .is_handed_over = true,
     .recovery = TILL_RECOVER_REPEAT,
     .expires_min_us = SECONDS(60),
     .expires_max_us = DAYS(15),
     .expires_default_us = HOURS(2)},
    {.name = "jsapi",
     .method = "alipay.trade.create",
     .action = "bridge",
     .code = "JSAPI_PAY",
     .recovery = TILL_RECOVER_REPEAT,
     .expires_min_us = SECONDS(60),
     .expires_max_us = DAYS(15),
     .expires_default_us = HOURS(2)},
    {.name = "barcode",
     .method = "alipay.trade.pay",
     .action = NULL,
     .code = "FACE_TO_FACE_PAYMENT",
     .recovery = TILL_RECOVER_QUERY_THEN_CANCEL,
     .poll_us = SECONDS(3),
     .expires_min_us = SECONDS(10),
     .expires_max_us = SECONDS(600),
     .expires_default_us = SECONDS(60)},
    {.name = NULL},
};

static const char *const currencies[] = {"CNY", NULL};

bool alipay_method(const struct till_ask *ask, struct till_str *ret_method,
                   struct till_error *err) {
    static const char *const methods[TILL_OPERATIONS] = {
        [TILL_QUERY] = "alipay.trade.query",
        [TILL_CLOSE] = "alipay.trade.close",
        [TILL_CANCEL] = "alipay.trade.cancel",
        [TILL_REFUND] = "alipay.trade.refund",
        [TILL_REFUND_QUERY] = "alipay.trade.fastpay.refund.query",
    };
    const struct till_product *product;
    if (ask->method.len) {
        *ret_method = ask->method;
        return true;
    }
    if (ask->operation != TILL_CREATE) {
        *ret_method = till_str_of(methods[ask->operation]);
        return true;
    }
    if (!till_product_find(&alipay_channel, ask->product, &product, err))
        return false;
    *ret_method = till_str_of(product->method);
    return true;
}

void alipay_acknowledge(enum till_acknowledgement acknowledgement, struct till_reply *ret_reply) {
    /* Exactly these bytes: anything but "success" makes the platform send again (7.5). */
    *ret_reply = (struct till_reply){.status = 200,
                                     .content_type = TILL_STR("text/plain"),
                                     .body = acknowledgement == TILL_ACK ? TILL_STR("success")
                                                                         : TILL_STR("failure")};
}

const char *alipay_advise(struct till_str peer_code, enum till_operation operation) {
    const struct till_alipay_code *code = till_alipay_code_find(peer_code, operation);
    return code ? code->advice : NULL;
}

const struct till_channel alipay_channel = {
    .name = "alipay",
    .products = alipay_products,
    .currencies = currencies,
    .load = alipay_load,
    .unload = alipay_unload,
    .settings = alipay_settings,
    .compose = alipay_compose,
    .build = alipay_build,
    .hand_over = alipay_hand_over,
    .show = alipay_show,
    .parse = alipay_parse,
    .notified = alipay_notified,
    .returned = alipay_returned,
    .acknowledge = alipay_acknowledge,
    /*
     * Of a creation the product decides: a never scanned precreate order "does not exist" for
     * hours, so a query settles nothing there and the identical request does; a payment code must
     * never be sent twice. A close that was refused or lost is asked after first:
     * cancelling at once would send back the money of a buyer who was faster.
     */
    .recovery = {[TILL_CREATE] = TILL_RECOVER_REPEAT,
                 [TILL_QUERY] = TILL_RECOVER_QUERY,
                 [TILL_CLOSE] = TILL_RECOVER_QUERY_THEN_CANCEL,
                 [TILL_CANCEL] = TILL_RECOVER_QUERY_THEN_CANCEL,
                 [TILL_REFUND] = TILL_RECOVER_REFUND_QUERY,
                 [TILL_REFUND_QUERY] = TILL_RECOVER_REFUND_QUERY},
    .certificate_name = alipay_certificate_name,
    .certificate_ask = alipay_certificate_ask,
    .certificate_take = alipay_certificate_take,
    .describe = alipay_describe,
    .advise = alipay_advise,
    .bills = &alipay_bills,
};
