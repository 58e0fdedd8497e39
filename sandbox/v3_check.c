/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a v3 call (dossier 11.1): method, authorization, app, timestamp, signature over the
 * text exactly as it was received, then what gateway.do checks, too. A nonce that was seen before
 * is let pass: nothing says that the platform refuses it.
 */
#include <sandbox/mode.h>
#include <sandbox/v3.h>

#define WINDOW_US (10 * PLATFORM_MINUTE_US)

static bool refuse(struct call *call, const char *code, const char *sub_code, const char *sub_msg,
                   const char *why) {
    answer_refuse(call, code, sub_code, sub_msg);
    call->why = till_str_of(why);
    return false;
}

static bool check_method(struct call *call) {
    if (call->method)
        return true;
    return refuse(call, "40002", "isv.invalid-method", "不存在的方法名",
                  call->v3->wrong_verb
                      ? "This path takes the other HTTP method (GET in place of POST, or the "
                        "other way round)."
                      : "A v3 path is the method's name with slashes, behind /v3/; page, wap and "
                        "app payments have none.");
}

/* Without the header the platform misses the timestamp first (probe, dossier 11.2). */
static bool check_authorization(struct call *call) {
    const struct v3_authorization *given = &call->v3->authorization;
    if (given->scheme.len == 0)
        return refuse(call, "40001", "isv.missing-timestamp", "缺少时间戳参数",
                      "There is no authorization header, or there are two.");
    if (!till_str_is(given->scheme, "ALIPAY-SHA256withRSA"))
        return refuse(call, "40002", "isv.invalid-signature-type", "无效的签名类型",
                      "The authorization header must begin with ALIPAY-SHA256withRSA and a blank.");
    return call_check_app(call, given->app_id);
}

/* By the world's clock, which the caller signs with; the platform's own may have been turned. */
static bool check_timestamp(struct call *call) {
    struct till_str text = call->v3->authorization.timestamp;
    unsigned long long ms;
    if (text.len == 0)
        return refuse(call, "40001", "isv.missing-timestamp", "缺少时间戳参数",
                      "The authorization header has no timestamp.");
    if (!till_str_to_u64(text, INT64_MAX / 1000, &ms))
        return refuse(call, "40002", "isv.invalid-timestamp", "非法的时间戳参数",
                      "timestamp is the number of milliseconds since 1970.");
    if ((int64_t)ms * 1000 < world_now_us(call->sandbox->world) - WINDOW_US)
        return refuse(call, "40002", "isv.invalid-timestamp", "非法的时间戳参数",
                      "timestamp is older than 10 minutes: sign anew for each request, in "
                      "milliseconds, and set the clock.");
    return true;
}

static bool check_parts(struct call *call) {
    const struct v3_authorization *given = &call->v3->authorization;
    if (given->nonce.len == 0)
        return refuse(call, "40002", "isv.invalid-parameter", "参数无效",
                      "The authorization header has no nonce.");
    if (given->sign.len == 0)
        return refuse(call, "40001", "isv.missing-signature", "缺少签名参数",
                      "The authorization header does not end in ,sign= and a signature.");
    return true;
}

static bool verifies(struct call *call, struct till_str target, struct till_str *ret_text) {
    struct till_error err;
    return v3_text(call, target, ret_text, &err) &&
           till_key_verify(call->key->key, TILL_RSA_SHA256, *ret_text, call->v3->authorization.sign,
                           &err);
}

/* Some clients sign the path behind their base address, some the request line's. */
static bool verifies_below(struct call *call, struct till_str *ret_text) {
    struct till_str target = call->request->target;
    if (!till_str_starts_with(target, TILL_STR("/alipay/v3/")))
        return false;
    target = till_str_sub(target, strlen("/alipay"), target.len);
    if (!verifies(call, target, ret_text))
        return false;
    call->v3->target = target;
    return true;
}

static bool check_signature(struct call *call) {
    struct till_str other;
    if (!call->key)
        return refuse(call, "40003", "isv.missing-signature-config",
                      "应用未配置对应签名算法的公钥或者证书", "");
    if (verifies(call, call->request->target, &call->canonical))
        return true;
    if (verifies_below(call, &other)) {
        call->canonical = other;
        return true;
    }
    return call_refuse_signature(call);
}

/* Members of the query stand beside those of the body. */
static bool take_query(struct call *call) {
    struct till_form query = {0};
    struct till_error err;
    if (!till_form_parse(call->arena, call->request->query, &query, &err)) {
        answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
        call->why = platform_keep(call->arena, till_str_of(err.text));
        return false;
    }
    for (size_t i = 0; i < query.count; i++) {
        struct till_str name = platform_keep(call->arena, query.pairs[i].name);
        if (name.len && !till_json_member(call->biz, name.ptr))
            till_json_set_str(call->biz, name.ptr, query.pairs[i].value);
    }
    return true;
}

/* What gateway.do takes beside biz_content (notify_url) is an ordinary member here. What the
 * headers said stays. */
static void spread(struct call *call) {
    struct till_str name;
    const struct till_json *value;
    struct till_error err;
    for (size_t i = 0; till_json_member_at(call->biz, i, &name, &value); i++)
        if (till_json_is_string(value) &&
            !till_form_add(&call->form, name, till_json_str(value), &err))
            continue;
}

/* Node says it twice; the one of the documents counts. */
static struct till_str v3_encryption(const struct call *call) {
    return v3_header(call, "alipay-encrypt-type");
}

bool v3_check(struct call *call) {
    struct till_str text = call->v3->body;
    if (!check_method(call) || !check_authorization(call) || !check_timestamp(call) ||
        !check_parts(call) ||
        !call_check_certificates(call, call->v3->authorization.app_cert_sn,
                                 v3_header(call, "alipay-root-cert-sn")) ||
        !check_signature(call) || !call_check_tokens(call) ||
        !call_open_cipher(call, v3_encryption(call), &text) || !call_check_biz(call, text) ||
        !take_query(call))
        return false;
    spread(call);
    return call_check_permission(call);
}
