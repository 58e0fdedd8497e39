/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Smaller calls (dossier 5.11): a user's token for the code that he gave an app, the merchant's
 * balance, and news about an order that only the merchant knows.
 */
#include <sandbox/call.h>
#include <sandbox/grant.h>

/* This call has no biz_content: its parameters stand beside the others (v3: in the body). */
static struct till_str parameter(const struct call *call, const char *name) {
    struct till_str value = till_form_get(&call->form, name);
    return value.len ? value : till_json_get_str(call->biz, name);
}

static void refuse_code(struct call *call, const char *why) {
    answer_refuse(call, "40002", "isv.code-invalid", "授权码code无效");
    call->why = till_str_of(why);
}

static struct grant *find_grant(struct call *call) {
    struct till_str type = parameter(call, "grant_type");
    struct grant *grant = NULL;
    if (till_str_is(type, "authorization_code")) {
        grant = grant_by_code(call->sandbox, call->app, parameter(call, "code"), call->now_us);
        if (!grant)
            refuse_code(call, "No buyer gave this app this code, or it was used, or it is older "
                              "than a day (POST /control/buyers/tester/user-code).");
    } else if (till_str_is(type, "refresh_token")) {
        grant = grant_by_refresh(call->sandbox, call->app, parameter(call, "refresh_token"),
                                 call->now_us);
        if (!grant)
            refuse_code(call, "The refresh token is unknown, replaced or older than 30 days.");
    } else {
        answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
        call->why = TILL_STR("grant_type is authorization_code or refresh_token; it stands beside "
                             "the other parameters, not in biz_content.");
    }
    return grant;
}

void call_oauth_token(struct call *call) {
    struct grant *grant = find_grant(call);
    if (!grant)
        return;
    grant_renew(call->sandbox, grant, call->now_us);
    answer_success(call);
    answer_text(call, "access_token", platform_keep(call->arena, till_str_of(grant->access)));
    answer_text(call, "alipay_user_id", till_str_of(grant->buyer->user_id));
    answer_time(call, "auth_start", grant->made_us);
    answer_number(call, "expires_in", GRANT_ACCESS_S);
    answer_number(call, "re_expires_in", GRANT_REFRESH_S);
    answer_text(call, "refresh_token", platform_keep(call->arena, till_str_of(grant->refresh)));
    answer_text(call, "user_id", till_str_of(grant->buyer->user_id));
}

/* Codes about funds have no prefix. */
static void refuse_fund(struct call *call, const char *why) {
    answer_refuse(call, "40004", "INVALID_PARAMETER", "参数有误");
    call->why = till_str_of(why);
}

void call_account_query(struct call *call) {
    const struct platform_seller *seller = call->app->seller;
    struct till_str user_id, type;
    if (!biz_text(call, "alipay_user_id", 28, false, &user_id) ||
        !biz_text(call, "account_type", 32, true, &type)) {
        answer_refuse(call, "40004", "INVALID_PARAMETER", "参数有误");
        return;
    }
    if (!till_str_is(type, "ACCTRANS_ACCOUNT")) {
        refuse_fund(call, "account_type is ACCTRANS_ACCOUNT.");
        return;
    }
    if (user_id.len && !till_str_is(user_id, seller->id)) {
        refuse_fund(call, "alipay_user_id is the app's own seller; nobody sees another's balance.");
        return;
    }
    answer_success(call);
    answer_money(call, "available_amount", seller->balance_minor);
    answer_money(call, "freeze_amount", 0);
}

/* The platform notes it; nothing else changes, so the same news twice is fine. */
void call_order_sync(struct call *call) {
    struct till_str request_no, trade_no, type, scratch, info;
    struct till_error err;
    TILL_JSON_SCOPED struct till_json *parsed = NULL;
    if (!biz_text(call, "out_request_no", 64, true, &request_no) ||
        !biz_text(call, "trade_no", 64, true, &trade_no) ||
        !biz_text(call, "biz_type", 64, true, &type) ||
        !biz_text(call, "orig_request_no", 64, false, &scratch) ||
        !biz_text(call, "order_biz_info", 2000, false, &info))
        return;
    if (info.len && !(till_json_parse(info, &parsed, &err) && till_json_is_object(parsed))) {
        (void)biz_refuse(call, "order_biz_info", "is the text of a JSON object");
        return;
    }
    const struct platform_trade *trade =
        trade_find_by_no(call->sandbox, call->app, trade_no, call->now_us);
    if (!trade) {
        answer_business(call, "ACQ.TRADE_NOT_EXIST");
        return;
    }
    answer_success(call);
    answer_text(call, "buyer_user_id", till_str_of(trade->buyer->user_id));
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "trade_no", trade_no);
}
