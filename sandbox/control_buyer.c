/* SPDX-License-Identifier: Apache-2.0 */
/* /control: what a buyer's phone does without a person, and what the platform offers. */
#include <sandbox/auth_code.h>
#include <sandbox/call.h>
#include <sandbox/control.h>
#include <sandbox/grant.h>
#include <sandbox/phone.h>

void control_buyer_list(struct web *web) {
    struct sandbox *sandbox = web->sandbox;
    struct till_json *json = till_json_object(), *list = till_json_array();
    char open_id[PLATFORM_OPEN_ID];
    platform_lock(sandbox);
    const struct platform_app *app = app_find(sandbox, web_value(web, "app_id"));
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        const struct platform_buyer *buyer = &sandbox->buyers[i];
        struct till_json *row = till_json_object();
        till_json_set_text(row, "name", buyer->name);
        till_json_set_text(row, "user_id", buyer->user_id);
        till_json_set_text(row, "login", buyer->login);
        till_json_set_text(row, "logon_id", buyer->logon_id);
        if (app) {
            platform_open_id(app, buyer, open_id);
            till_json_set_text(row, "open_id", open_id);
        }
        till_json_set_int(row, "balance_minor", buyer->balance_minor);
        till_json_append(list, row);
    }
    till_json_set_int(json, "password_limit_minor", sandbox->password_limit_minor);
    platform_unlock(sandbox);
    till_json_set(json, "buyers", list);
    web_json(web, 200, json);
}

void control_buyer_code(struct web *web) {
    struct sandbox *sandbox = web->sandbox;
    struct till_json *json = NULL;
    bool asks = till_str_is(web_value(web, "password"), "ask");
    platform_lock(sandbox);
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web->segments[0]);
    const struct auth_code *code =
        buyer ? auth_code_make(sandbox, buyer, asks, platform_now_us(sandbox)) : NULL;
    if (code) {
        json = till_json_object();
        till_json_set_text(json, "auth_code", code->text);
        till_json_set_int(json, "expires_us", code->made_us + AUTH_CODE_LIFE_US);
    }
    platform_unlock(sandbox);
    if (json)
        web_json(web, 201, json);
    else
        web_text(web, buyer ? 500 : 404, buyer ? "Memory is out.\n" : "There is no such buyer.\n");
}

void control_user_code(struct web *web) {
    struct sandbox *sandbox = web->sandbox;
    struct till_json *json = NULL;
    platform_lock(sandbox);
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web->segments[0]);
    const struct platform_app *app = app_find(sandbox, web_value(web, "app_id"));
    const struct grant *grant =
        buyer && app ? grant_make(sandbox, app, buyer, platform_now_us(sandbox)) : NULL;
    if (grant) {
        json = till_json_object();
        till_json_set_text(json, "auth_code", grant->code);
        till_json_set_int(json, "expires_us", grant->made_us + GRANT_CODE_LIFE_US);
    }
    platform_unlock(sandbox);
    if (json)
        web_json(web, 201, json);
    else
        web_text(web, 404, "There is no such buyer or app.\n");
}

void control_app_pay(struct web *web) {
    const struct phone_act act = {.order = web_value(web, "order"),
                                  .buyer = web_value(web, "buyer"),
                                  .action = web_value(web, "action")};
    struct phone_result result;
    phone_pay(web->sandbox, &act, web->arena, &result);
    struct till_json *json = till_json_object();
    till_json_set_text(json, "resultStatus", result.status);
    till_json_set_text(json, "memo", result.memo);
    till_json_set_str(json, "result", result.result);
    till_json_set_str(json, "why", result.why);
    web_json(web, 200, json);
}

void control_password_limit(struct web *web) {
    int64_t minor = web_number(web, "minor", -1);
    struct till_error err;
    if (minor < 0 || minor > TRADE_TOTAL_MAX) {
        (void)TILL_FAIL_FIELD(&err, FIELD_INVALID, "/minor",
                              "The limit is an amount in fen from 0 to 10000000000.");
        web_error(web, &err);
        return;
    }
    struct till_json *json = till_json_object();
    platform_lock(web->sandbox);
    web->sandbox->password_limit_minor = minor;
    platform_changed(web->sandbox);
    platform_unlock(web->sandbox);
    till_json_set_int(json, "minor", minor);
    web_json(web, 200, json);
}

/* "alipay.trade.query" is /v3/alipay/trade/query; a page or an order string has no such address
 * (dossier 11.3). */
static struct till_str v3_path(struct till_arena *arena, const struct call_method *method) {
    struct till_str path;
    struct till_error err;
    struct till_buf buf;
    if (method->present || strcmp(method->name, "alipay.trade.app.pay") == 0)
        return TILL_STR_NONE;
    till_buf_init(&buf, arena);
    till_buf_text(&buf, "/v3/");
    for (const char *c = method->name; *c; c++)
        till_buf_char(&buf, *c == '.' ? '/' : *c);
    return till_buf_finish(&buf, &path, &err) ? path : TILL_STR_NONE;
}

void control_method_list(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    const struct call_method *method;
    for (size_t i = 0; (method = call_method_at(i)); i++) {
        struct till_str path = v3_path(web->arena, method);
        struct till_json *row = till_json_object();
        till_json_set_text(row, "method", method->name);
        till_json_set_bool(row, "offered", method->operation != NULL);
        till_json_set_text(row, "operation", method->operation);
        if (path.len)
            till_json_set_str(row, "v3", path);
        else
            till_json_set_null(row, "v3");
        till_json_append(list, row);
    }
    till_json_set(json, "methods", list);
    web_json(web, 200, json);
}
