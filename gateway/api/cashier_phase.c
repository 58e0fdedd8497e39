/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier_phase.h>

#define TICK "M5 12.5l4.6 4.6L19 7.6"
#define CROSS "M7 7l10 10M17 7L7 17"
#define CLOCK "M12 6.5V12l3.6 2.4M12 3.2a8.8 8.8 0 1 1 0 17.6a8.8 8.8 0 0 1 0-17.6z"
#define BACK "M9 6L4.5 10.5L9 15M5 10.5h9a5 5 0 0 1 0 10h-2"
#define ALARM "M12 5.5v8M12 18.2v.3"
#define DOTS "M5.5 12h.3M12 12h.3M18.5 12h.3"
#define ARROW "M5 12h13M12.5 6l6 6l-6 6"
#define PHONE                                                                                      \
    "M8 3.5h8a1.2 1.2 0 0 1 1.2 1.2v14.6a1.2 1.2 0 0 1-1.2 1.2H8a1.2 1.2 0 0 1-1.2-1.2V4.7A1.2 "   \
    "1.2 0 0 1 8 3.5zM11 17.6h2"
#define QUESTION "M8.6 8.8a3.5 3.5 0 1 1 5 3.3c-1.1.6-1.6 1.3-1.6 2.4M12 18.2v.3"

static const struct cashier_look looks[CASHIER_PHASES] = {
    [CASHIER_SCAN] =
        {.title = {"Scan with {platform} to pay", "请使用{platform}扫码付款"},
         .advice = {"Open {platform}, choose Scan, point it at the code and confirm. "
                    "This page notices by itself.",
                    "打开{platform}“扫一扫”，对准二维码并确认付款。付款后本页会自动更新。"},
         .can_renew = true},
    [CASHIER_GO] = {.kind = "busy",
                    .sign = ARROW,
                    .title = {"Pay on {page}", "前往{place}付款"},
                    .advice = {"The button takes you to {place}. {deed}; "
                               "you come back by yourself.",
                               "点击按钮前往{place}，{deed}，完成后会自动返回。"}},
    [CASHIER_PHONE] =
        {.kind = "busy",
         .sign = PHONE,
         .title = {"Pay in the shop's app", "请在商家应用内付款"},
         .advice = {"This order is paid inside of the shop's app or mini program. "
                    "Go back there and press Pay; this page notices by itself.",
                    "该订单需在商家的应用或小程序内付款，请返回应用点击付款，本页会自动更新。"}},
    [CASHIER_CONFIRM] =
        {.kind = "busy",
         .sign = PHONE,
         .title = {"Confirm on your phone", "请在手机上确认付款"},
         .advice = {"{Platform} asks for your password. Type it on your phone and wait here; "
                    "do not show another code.",
                    "请在手机{platform}中输入密码确认付款，并在此稍候，请勿再次出示付款码。"}},
    [CASHIER_ASKING] = {.kind = "busy",
                        .sign = DOTS,
                        .title = {"We are asking {platform}", "正在向{platform}确认"},
                        .advice = {"Your code was read. Whether you have paid is known in a "
                                   "moment; do not pay again.",
                                   "已读取您的付款码，正在确认付款结果，请勿重复付款。"}},
    [CASHIER_WAIT] =
        {.kind = "busy",
         .sign = DOTS,
         .title = {"Your code is on its way", "正在获取二维码"},
         .advice = {"{Platform} has not answered yet. The code appears here by itself; "
                    "nothing has been paid.",
                    "{platform}尚未应答，二维码稍后会自动显示。目前没有扣款。"},
         .can_renew = true},
    [CASHIER_SOON] = {.kind = "busy",
                      .sign = DOTS,
                      .title = {"The payment is being prepared", "正在准备付款"},
                      .advice = {"{Platform} has not answered yet. This page goes on by itself; "
                                 "nothing has been paid.",
                                 "{platform}尚未应答，本页会自动更新。目前没有扣款。"},
                      .can_renew = true},
    [CASHIER_RESTING] =
        {.kind = "over",
         .sign = CLOCK,
         .title = {"This way to pay is resting", "该付款方式暂时不可用"},
         .advice =
             {"{Platform} does not answer reliably right now. Nothing was sent and nothing has "
              "been paid; try again in a minute.",
              "{platform}目前响应异常，订单尚未提交，没有扣款。请稍后重试。"},
         .can_renew = true},
    [CASHIER_STALE] = {.kind = "over",
                       .sign = CLOCK,
                       .title = {"This code has expired", "二维码已过期"},
                       .advice = {"Your order still stands, at the same price. "
                                  "Press the button for a fresh code.",
                                  "订单仍然有效，金额不变。请点击按钮获取新的二维码。"},
                       .can_renew = true},
    [CASHIER_OVER] =
        {.kind = "over",
         .sign = CLOCK,
         .title = {"The time to pay is over", "付款时间已过"},
         .advice = {"We are asking {platform} whether you paid in time. "
                    "If you did, this page says so in a minute; do not pay again.",
                    "正在向{platform}确认付款结果，如已付款，本页稍后会显示。请勿重复付款。"}},
    [CASHIER_CLOSING] = {.kind = "busy",
                         .sign = DOTS,
                         .title = {"The order is being closed", "订单正在关闭"},
                         .advice = {"Please do not pay any more. The outcome appears here.",
                                    "请不要再付款，结果会显示在本页。"}},
    [CASHIER_PAID] = {.kind = "good",
                      .sign = TICK,
                      .title = {"Paid. Thank you!", "付款成功"},
                      .advice = {"The shop has your payment. You can close this page.",
                                 "商家已收到付款，您可以关闭本页。"},
                      .advice_at_shop = {"You are taken back to the shop in a moment.",
                                         "即将返回商家页面。"},
                      .is_final = true},
    [CASHIER_REFUNDED] = {.kind = "over",
                          .sign = BACK,
                          .title = {"Refunded", "已退款"},
                          .advice = {"The money is on its way back to where it came from.",
                                     "款项将原路退回。"},
                          .is_final = true},
    [CASHIER_CLOSED] = {.kind = "over",
                        .sign = CROSS,
                        .title = {"This order is closed", "订单已关闭"},
                        .advice = {"It can no longer be paid. If you still want the goods, "
                                   "order again at the shop.",
                                   "该订单已不能付款。如仍需购买，请在商家处重新下单。"},
                        .is_final = true},
    [CASHIER_FAILED] = {.kind = "bad",
                        .sign = ALARM,
                        .title = {"{Platform} did not take this order", "{platform}未接受此订单"},
                        .advice = {"Nothing was paid. Go back to the shop and order again, "
                                   "or choose another way to pay.",
                                   "没有扣款。请返回商家重新下单，或选择其他付款方式。"},
                        .is_final = true},
    [CASHIER_LOST] = {.kind = "over",
                      .sign = QUESTION,
                      .title = {"There is no such checkout", "收银台不存在"},
                      .advice = {"Check the address, or go back to the shop and start the payment "
                                 "there.",
                                 "请检查网址，或返回商家重新发起付款。"},
                      .is_final = true},
    [CASHIER_TROUBLE] = {.kind = "bad",
                         .sign = ALARM,
                         .title = {"This page cannot be shown right now", "页面暂时无法显示"},
                         .advice = {"Your payment is safe. Reload the page in a moment; "
                                    "do not pay twice.",
                                    "您的付款不受影响。请稍后刷新，切勿重复付款。"},
                         .is_final = true},
};

const struct cashier_look *cashier_look_of(enum cashier_phase phase) {
    return &looks[phase];
}

const struct cashier_look *cashier_look_back(void) {
    static const struct cashier_look back = {
        .kind = "busy",
        .sign = DOTS,
        .title = {"Welcome back", "欢迎回来"},
        .advice = {
            "If you have paid, this page says so in a moment; do not pay again. "
            "If you have not, the button takes you back to {place}.",
            "如已付款，本页稍后会显示结果，请勿重复付款；如尚未付款，可点击按钮返回{place}。"}};
    return &back;
}

/* Nothing to do yet: by what the product would give the buyer. */
static enum cashier_phase phase_without_action(const struct payment_row *payment) {
    const struct till_product *product = till_product_look(payment->channel, payment->product);
    if (product && !product->action)
        return payment->attempt_state == TILL_ATTEMPT_PENDING ? CASHIER_CONFIRM : CASHIER_ASKING;
    return product && strcmp(product->action, "qr_code") != 0 ? CASHIER_SOON : CASHIER_WAIT;
}

static enum cashier_phase phase_of_pending(const struct payment_row *payment, int64_t now_us) {
    if (payment->expires_us && now_us >= payment->expires_us)
        return CASHIER_OVER;
    if (till_str_is(payment->action_kind, "redirect") || till_str_is(payment->action_kind, "form"))
        return CASHIER_GO;
    if (till_str_is(payment->action_kind, "bridge"))
        return CASHIER_PHONE;
    if (!till_str_is(payment->action_kind, "qr_code"))
        return phase_without_action(payment);
    return payment->action_expires_us && now_us >= payment->action_expires_us ? CASHIER_STALE
                                                                              : CASHIER_SCAN;
}

enum cashier_phase cashier_phase_of(const struct payment_row *payment, int64_t now_us) {
    switch (payment->state) {
    case TILL_PAYMENT_PAID:
        return payment->refunded && payment->refunded == payment->received ? CASHIER_REFUNDED
                                                                           : CASHIER_PAID;
    case TILL_PAYMENT_CLOSED:
        return CASHIER_CLOSED;
    case TILL_PAYMENT_FAILED:
        return CASHIER_FAILED;
    case TILL_PAYMENT_CLOSING:
        return CASHIER_CLOSING;
    case TILL_PAYMENT_PENDING:
    case TILL_PAYMENT_STATES:
        break;
    }
    return phase_of_pending(payment, now_us);
}
