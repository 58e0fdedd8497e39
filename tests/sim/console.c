/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include <sandbox/trade.h>

bool console_refund(struct sandbox *sandbox, const char *app_id, const char *out_trade_no,
                    const char *request_no, int64_t minor) {
    bool done = false;
    platform_lock(sandbox);
    int64_t now_us = platform_now_us(sandbox);
    struct platform_trade *trade =
        trade_find_any(sandbox, till_str_of(app_id), till_str_of(out_trade_no), now_us);
    if (trade && trade->status == TRADE_SUCCESS &&
        trade->refunded_minor + minor <= trade->total_minor)
        done = trade_refund(sandbox, trade, till_str_of(request_no), TILL_STR("by hand"), minor,
                            now_us) != NULL;
    platform_unlock(sandbox);
    platform_wake(sandbox);
    return done;
}
