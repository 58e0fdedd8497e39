/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A v3 request taken apart (dossier 11.1, 11.3): the path's slashes are the method's dots. Nearly
 * everything is posted; the exceptions stand in a table, so that a new operation is reachable here
 * as soon as gateway.do knows it.
 */
#include <sandbox/v3.h>

enum verbs { VERB_NONE = 0, VERB_GET = 1, VERB_POST = 2 };

static const struct {
    const char *method;
    unsigned verbs;
} exceptions[] = {
    {"alipay.trade.query", VERB_GET | VERB_POST}, /* an older document lists it as GET */
    {"alipay.data.dataservice.bill.downloadurl.query", VERB_GET},
    {"alipay.fund.trans.common.query", VERB_GET},
    /* these stay on gateway.do */
    {"alipay.trade.page.pay", VERB_NONE},
    {"alipay.trade.wap.pay", VERB_NONE},
    {"alipay.trade.app.pay", VERB_NONE},
};

static unsigned verbs_of(const struct call_method *method) {
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(exceptions[i].method, method->name) == 0)
            return exceptions[i].verbs;
    return VERB_POST;
}

/* "/v3/alipay/trade/query" behind an optional "/alipay". */
static struct till_str own_path(struct till_str path) {
    static const char prefix[] = "/alipay";
    bool is_below = till_str_starts_with(path, TILL_STR("/alipay/v3/"));
    return is_below ? till_str_sub(path, sizeof prefix - 1, path.len) : path;
}

bool v3_is_ours(struct till_str path) {
    return till_str_starts_with(own_path(path), TILL_STR("/v3/"));
}

struct till_str v3_header(const struct call *call, const char *name) {
    struct till_str value = TILL_STR_NONE;
    size_t count = 0;
    return http_header(call->request, name, &value, &count) && count == 1 ? value : TILL_STR_NONE;
}

/* The value of a member "name=" of the comma-separated list. */
static struct till_str member(struct till_str list, struct till_str name) {
    while (list.len) {
        size_t end = till_str_find(list, ',');
        struct till_str item = till_str_trim(till_str_sub(list, 0, end));
        size_t equals = till_str_find(item, '=');
        if (till_str_equal(till_str_sub(item, 0, equals), name))
            return till_str_sub(item, equals + 1, item.len);
        list = till_str_sub(list, end + 1, list.len);
    }
    return TILL_STR_NONE;
}

/* Where the last ",sign=" begins; the whole length when there is none. */
static size_t sign_place(struct till_str list) {
    static const char mark[] = ",sign=";
    for (size_t at = list.len; at-- > 0;)
        if (till_str_starts_with(till_str_sub(list, at, list.len), till_str_of(mark)))
            return at;
    return list.len;
}

void v3_authorization_read(struct till_str header, struct v3_authorization *ret) {
    size_t blank = till_str_find(header, ' ');
    struct till_str list = till_str_trim(till_str_sub(header, blank, header.len));
    size_t at = sign_place(list);
    *ret = (struct v3_authorization){.scheme = till_str_sub(header, 0, blank),
                                     .text = till_str_sub(list, 0, at),
                                     .sign = till_str_sub(list, at + strlen(",sign="), list.len)};
    ret->app_id = member(ret->text, TILL_STR("app_id"));
    ret->app_cert_sn = member(ret->text, TILL_STR("app_cert_sn"));
    ret->nonce = member(ret->text, TILL_STR("nonce"));
    ret->timestamp = member(ret->text, TILL_STR("timestamp"));
}

static bool refuse(struct call *call, struct till_str why) {
    answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
    call->why = why;
    return false;
}

/* Named in the form, where faults and the log look for it; an unknown one as its path. */
static bool read_method(struct call *call) {
    struct till_str path = own_path(call->request->path), name;
    struct till_error err;
    if (!till_arena_copy(call->arena, till_str_sub(path, strlen("/v3/"), path.len), &name, &err))
        return refuse(call, TILL_STR("The request is too large."));
    char *dots = (char *)(uintptr_t)name.ptr;
    for (size_t i = 0; i < name.len; i++)
        dots[i] = dots[i] == '/' ? '.' : dots[i];
    call->method = call_method_find(name);
    unsigned verbs = call->method ? verbs_of(call->method) : VERB_NONE;
    unsigned asked = till_str_is(call->request->method, "GET")    ? VERB_GET
                     : till_str_is(call->request->method, "POST") ? VERB_POST
                                                                  : VERB_NONE;
    call->v3->wrong_verb = (verbs & asked) == 0 && verbs != VERB_NONE;
    if ((verbs & asked) == 0)
        call->method = NULL;
    return till_form_add(&call->form, TILL_STR("method"), name, &err) ||
           refuse(call, TILL_STR("The request is too large."));
}

static bool read_headers(struct call *call) {
    struct v3_request *v3 = call->v3;
    struct till_error err;
    v3_authorization_read(v3_header(call, "authorization"), &v3->authorization);
    v3->app_auth_token = v3_header(call, "alipay-app-auth-token");
    return (till_form_add(&call->form, TILL_STR("app_id"), v3->authorization.app_id, &err) &&
            (v3->app_auth_token.len == 0 ||
             till_form_add(&call->form, TILL_STR("app_auth_token"), v3->app_auth_token, &err))) ||
           refuse(call, TILL_STR("The request is too large."));
}

/* Of multipart the part "data"; files are not signed. */
static bool read_body(struct call *call) {
    struct till_str type = v3_header(call, "content-type");
    struct till_form parts = {0};
    struct till_error err;
    call->v3->body = call->request->body;
    if (!till_str_starts_with(type, TILL_STR("multipart/form-data")))
        return true;
    if (!till_form_init(call->arena, &parts, &err) ||
        !call_multipart(call->arena, type, call->request->body, &parts, &err))
        return refuse(call, platform_keep(call->arena, till_str_of(err.text)));
    call->v3->body = till_form_get(&parts, "data");
    return true;
}

bool v3_read(struct call *call) {
    struct till_error err;
    call->v3 = till_arena_alloc(call->arena, sizeof *call->v3);
    call->charset = TILL_STR("utf-8");
    call->algorithm = TILL_RSA_SHA256;
    if (!call->v3 || !till_form_init(call->arena, &call->form, &err)) {
        answer_refuse(call, "20000", "isp.unknow-error", "系统繁忙");
        return false;
    }
    call->v3->target = call->request->target;
    return read_method(call) && read_headers(call) && read_body(call);
}
