/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals in the platform's layout (dossier 4). */
#include <sandbox/stripe/call.h>

#include <stdio.h>

static void set_links(struct stripe_call *call, struct till_json *error, const char *code) {
    char text[160];
    if (code) {
        int len = snprintf(text, sizeof text, "https://stripe.com/docs/error-codes/%s", code);
        for (int i = 0; i < len; i++)
            if (text[i] == '_')
                text[i] = '-';
        till_json_set_text(error, "doc_url", text);
    }
    snprintf(text, sizeof text, "https://dashboard.stripe.com/test/logs/%s?t=%lld",
             call->request_id, (long long)(call->now_us / PLATFORM_SECOND_US));
    till_json_set_text(error, "request_log_url", text);
}

bool stripe_refuse(struct stripe_call *call, int status, const char *type, const char *code,
                   const char *param, const char *format, ...) {
    char message[1024];
    if (call->status)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct till_str whole = till_str_of(message);
    call->message = platform_keep(call->arena, till_str_cut_utf8(whole, whole.len));
    call->code = platform_keep(call->arena, till_str_of(code ? code : type));
    call->status = status;
    struct till_json *error = till_json_object();
    if (code)
        till_json_set_text(error, "code", code);
    till_json_set_str(error, "message", call->message);
    if (param)
        till_json_set_text(error, "param", param);
    if (status != 401)
        set_links(call, error, code);
    till_json_set_text(error, "type", type);
    till_json_release(call->answer);
    call->answer = till_json_object();
    till_json_set(call->answer, "error", error);
    return false;
}

void stripe_error_set(struct stripe_call *call, const char *name, struct till_json *value) {
    struct till_json *error = stripe_copy_member(call->answer, "error");
    till_json_set(error, name, value);
    till_json_set(call->answer, "error", error);
}

bool stripe_missing(struct stripe_call *call, const char *param, struct till_str id,
                    const char *what) {
    const struct stripe_object *other = stripe_find_any(call->sandbox, NULL, id);
    (void)stripe_refuse(call, 404, "invalid_request_error", "resource_missing", param,
                        "No such %s: '%.*s'", what, TILL_STR_ARG(till_str_cut_utf8(id, 200)));
    if (other && other->account != call->account)
        return stripe_explain(call, "It was made with another secret key: every key has an account "
                                    "of its own here.");
    return other && stripe_explain(call, "It is an object of another kind.");
}

bool stripe_explain(struct stripe_call *call, const char *why) {
    call->why = till_str_of(why);
    return false;
}

bool stripe_no_room(struct stripe_call *call) {
    (void)stripe_refuse(call, 500, "api_error", NULL, NULL,
                        "An unknown error occurred; the simulator has no room for more.");
    return stripe_explain(call, "The simulator keeps a limited number of objects and accounts "
                                "(doc/LIMITS.md); start it with a fresh state file.");
}
