/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SDK on the buyer's phone (dossier 4.3): takes the order string that an app got from its
 * server, checks it as gateway.do would, lets the buyer act, and tells the app a status and a
 * signed result. What it tells is information only; notifications and queries decide.
 */
#ifndef SANDBOX_PHONE_H
#define SANDBOX_PHONE_H

#include <sandbox/call.h>

struct phone_act {
    struct till_str order;  /* "app_id=...&sign=..." */
    struct till_str buyer;  /* a name; empty: tester */
    struct till_str action; /* "pay" (also when empty) or "cancel" */
};

struct phone_result {
    const char *status; /* "9000" */
    const char *memo;   /* in Chinese, as the phone's SDK writes it */
    struct till_str
        result;          /* {"alipay_trade_app_pay_response":{...},"sign":"...","sign_type":"RSA2"},
                            or empty; UTF-8, also where the signature is over GBK bytes */
    struct till_str why; /* for people; may be empty */
};

/* Not under the lock. Results live in the arena. */
void phone_pay(struct sandbox *sandbox, const struct phone_act *act, struct till_arena *arena,
               struct phone_result *ret_result);

#endif
