/* SPDX-License-Identifier: Apache-2.0 */
/* What gateway.do can be asked: a method is a row. */
#include <sandbox/call.h>

static const struct call_method methods[] = {
    {"alipay.trade.precreate", "precreate", call_precreate},
    {"alipay.trade.query", "query", call_query},
    {"alipay.trade.refund", "refund", call_refund},
    {"alipay.trade.fastpay.refund.query", "refund_query", call_refund_query},
    {"alipay.trade.cancel", "cancel", call_cancel},
    {"alipay.trade.close", "close", call_close},
    /* known, not offered here */
    {"alipay.trade.pay", NULL, NULL},
    {"alipay.trade.create", NULL, NULL},
    {"alipay.trade.page.pay", NULL, NULL},
    {"alipay.trade.wap.pay", NULL, NULL},
    {"alipay.trade.app.pay", NULL, NULL},
    {"alipay.trade.orderinfo.sync", NULL, NULL},
    {"alipay.trade.order.settle", NULL, NULL},
    {"alipay.data.dataservice.bill.downloadurl.query", NULL, NULL},
    {"alipay.fund.trans.uni.transfer", NULL, NULL},
    {"alipay.fund.trans.common.query", NULL, NULL},
    {"alipay.fund.account.query", NULL, NULL},
};

const struct call_method *call_method_find(struct till_str name) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (till_str_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}
