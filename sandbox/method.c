/* SPDX-License-Identifier: Apache-2.0 */
/* What gateway.do can be asked: a method is a row. */
#include <sandbox/call.h>

static const struct call_method methods[] = {
    {"alipay.trade.precreate", "precreate", call_precreate, NULL},
    {"alipay.trade.pay", "pay", call_pay, NULL},
    {"alipay.trade.page.pay", "page", call_page_pay, present_page},
    {"alipay.trade.wap.pay", "wap", call_wap_pay, present_page},
    {"alipay.trade.app.pay", "app", call_app_pay, NULL},
    {"alipay.trade.create", "create", call_create, NULL},
    {"alipay.trade.query", "query", call_query, NULL},
    {"alipay.trade.refund", "refund", call_refund, NULL},
    {"alipay.trade.fastpay.refund.query", "refund_query", call_refund_query, NULL},
    {"alipay.trade.cancel", "cancel", call_cancel, NULL},
    {"alipay.trade.close", "close", call_close, NULL},
    {"alipay.open.app.alipaycert.download", "certificate_download", call_certificate_download,
     NULL},
    {"alipay.data.dataservice.bill.downloadurl.query", "bill", call_bill, NULL},
    {"alipay.trade.orderinfo.sync", "order_sync", call_order_sync, NULL},
    {"alipay.fund.account.query", "account_query", call_account_query, NULL},
    {"alipay.system.oauth.token", "oauth", call_oauth_token, NULL, .is_bare = true},
    /* known, not offered here */
    {"alipay.trade.order.settle", NULL, NULL, NULL},
    {"alipay.trade.refund.apply", NULL, NULL, NULL},
    {"alipay.fund.trans.uni.transfer", NULL, NULL, NULL},
    {"alipay.fund.trans.common.query", NULL, NULL, NULL},
    {"alipay.trade.royalty.relation.bind", NULL, NULL, NULL},
    {"alipay.trade.royalty.relation.unbind", NULL, NULL, NULL},
    {"alipay.trade.royalty.relation.batchquery", NULL, NULL, NULL},
    {"alipay.open.auth.token.app", NULL, NULL, NULL},
    {"alipay.user.info.share", NULL, NULL, NULL},
};

const struct call_method *call_method_at(size_t index) {
    return index < sizeof methods / sizeof *methods ? &methods[index] : NULL;
}

bool call_is_operation(const char *operation) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].operation && strcmp(methods[i].operation, operation) == 0)
            return true;
    return false;
}

const struct call_method *call_method_find(struct till_str name) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (till_str_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}
