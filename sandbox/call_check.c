/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's checks in the platform's order, with its words (dossier 1.5): method, app_id,
 * sign_type, sign, charset, format, timestamp, version, tokens, key, signature, encryption,
 * biz_content, permission. Each returns false after it has set the refusal.
 */
#include <sandbox/grant.h>
#include <sandbox/mode.h>

#include <lib/channel/gbk.h>

static bool refuse(struct call *call, const char *code, const char *sub_code, const char *sub_msg) {
    answer_refuse(call, code, sub_code, sub_msg);
    return false;
}

static struct till_str get(const struct call *call, const char *name) {
    return till_form_get(&call->form, name);
}

static bool check_method(struct call *call) {
    struct till_str method = get(call, "method");
    if (method.len == 0)
        return refuse(call, "40001", "isv.missing-method", "缺少方法名参数");
    call->method = call_method_find(method);
    return call->method || refuse(call, "40002", "isv.invalid-method", "不存在的方法名");
}

bool call_check_app(struct call *call, struct till_str app_id) {
    if (app_id.len == 0)
        return refuse(call, "40001", "isv.missing-app-id", "缺少appId参数");
    platform_lock(call->sandbox);
    call->app = app_find(call->sandbox, app_id);
    call->key = call->app ? app_hold_key(call->app) : NULL;
    if (call->app)
        mode_take(call);
    platform_unlock(call->sandbox);
    if (!call->app)
        return refuse(call, "40002", "isv.invalid-app-id", "无效的AppID参数");
    call->app_known = true;
    return true;
}

static bool check_sign(struct call *call) {
    struct till_str type = get(call, "sign_type");
    if (type.len == 0)
        return refuse(call, "40001", "isv.missing-signature-type", "缺少签名类型参数");
    if (!till_str_is(type, "RSA2") && !till_str_is(type, "RSA"))
        return refuse(call, "40002", "isv.invalid-signature-type", "无效的签名类型");
    call->algorithm = till_str_is(type, "RSA2") ? TILL_RSA_SHA256 : TILL_RSA_SHA1;
    if (get(call, "sign").len == 0)
        return refuse(call, "40001", "isv.missing-signature", "缺少签名参数");
    return true;
}

static bool is_ascii(struct till_str text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

static bool form_is_ascii(const struct call *call) {
    for (size_t i = 0; i < call->form.count; i++)
        if (!is_ascii(call->form.pairs[i].name) || !is_ascii(call->form.pairs[i].value))
            return false;
    return true;
}

static bool check_charset(struct call *call) {
    bool is_utf8 = till_str_equal_ignoring_case(call->charset, TILL_STR("utf-8"));
    if (!call->is_gbk && !is_utf8)
        return refuse(call, "40002", "isv.invalid-charset", "字符集错误");
    if (!call->sandbox->options.strict_charset || call->charset_in_query || form_is_ascii(call))
        return true;
    call->is_gbk = true;
    call->why = TILL_STR("charset stands in the body only, so the values were read as GBK; put it "
                         "into the query string.");
    return refuse(call, "40002", "isv.invalid-signature",
                  "验签出错，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的"
                  "字符集编码");
}

static bool check_shape(struct call *call) {
    struct till_str format = get(call, "format"), timestamp = get(call, "timestamp");
    struct till_str version = get(call, "version");
    struct till_error err;
    int64_t us;
    if (format.len && !till_str_equal_ignoring_case(format, TILL_STR("JSON")))
        return refuse(call, "40002", "isv.invalid-format", "无效的数据格式");
    if (timestamp.len == 0)
        return refuse(call, "40001", "isv.missing-timestamp", "缺少时间戳参数");
    if (timestamp.len != 19 || !till_time_parse_beijing(timestamp, &us, &err))
        return refuse(call, "40002", "isv.invalid-timestamp", "非法的时间戳参数");
    if (version.len == 0)
        return refuse(call, "40001", "isv.missing-version", "缺少版本参数");
    if (!till_str_is(version, "1.0")) {
        call->why = TILL_STR("version must be 1.0.");
        return refuse(call, "40002", "isv.invalid-parameter", "参数无效");
    }
    return true;
}

static bool verifies(struct call *call, bool keep_empty, enum till_signature algorithm,
                     struct till_str *ret_text) {
    static const char *const without[] = {"sign", NULL};
    struct till_error err;
    return till_form_canonical(call->arena, &call->form, without, !keep_empty, ret_text, &err) &&
           till_key_verify(call->key->key, algorithm, *ret_text, get(call, "sign"), &err);
}

static bool has_empty_value(const struct call *call) {
    for (size_t i = 0; i < call->form.count; i++)
        if (call->form.pairs[i].value.len == 0)
            return true;
    return false;
}

/* The current text: with the string that the gateway built, "&" as "&amp;". */
bool call_refuse_signature(struct call *call) {
    struct till_str text = call->canonical, utf8;
    struct till_error err;
    if (call->is_gbk && gbk_to_utf8(call->arena, text, &utf8, &err))
        text = utf8;
    if (!till_str_is_utf8(text))
        return refuse(call, "40002", "isv.invalid-signature", "无效签名");
    struct till_buf buf;
    till_buf_init(&buf, call->arena);
    till_buf_text(
        &buf, "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '&')
            till_buf_text(&buf, "&amp;");
        else
            till_buf_char(&buf, text.ptr[i]);
    }
    struct till_str sub_msg;
    if (!till_buf_finish(&buf, &sub_msg, &err))
        return refuse(call, "40002", "isv.invalid-signature", "无效签名");
    answer_refuse(call, "40002", "isv.invalid-signature", "");
    call->answer.sub_msg = sub_msg;
    return false;
}

static bool check_signature(struct call *call) {
    struct till_str with_empty, other;
    if (!call->key)
        return refuse(call, "40003", "isv.missing-signature-config",
                      "应用未配置对应签名算法的公钥或者证书");
    if (verifies(call, false, call->algorithm, &call->canonical))
        return true;
    if (has_empty_value(call) && verifies(call, true, call->algorithm, &with_empty)) {
        call->canonical = with_empty;
        return true;
    }
    if (call->algorithm == TILL_RSA_SHA256 && verifies(call, false, TILL_RSA_SHA1, &other))
        return refuse(call, "40002", "isv.invalid-signature",
                      "验签出错，sign值与sign_type参数指定的签名类型不一致：sign_type参数值为RSA2，"
                      "您实际用的签名类型可能是RSA");
    return call_refuse_signature(call);
}

/* What a buyer allowed this app. */
static bool check_user_token(struct call *call, struct till_str token) {
    platform_lock(call->sandbox);
    const struct grant *grant = grant_by_access(call->sandbox, call->app, token);
    bool is_over = grant && grant_is_over(grant, platform_now_us(call->sandbox));
    platform_unlock(call->sandbox);
    if (!grant)
        return refuse(call, "20001", "aop.invalid-auth-token", "无效的访问令牌");
    return !is_over || refuse(call, "20001", "aop.auth-token-time-out", "访问令牌已过期");
}

bool call_check_tokens(struct call *call) {
    if (get(call, "app_auth_token").len)
        return refuse(call, "20001", "aop.invalid-app-auth-token", "无效的应用授权令牌");
    if (get(call, "auth_token").len && !check_user_token(call, get(call, "auth_token")))
        return false;
    return true;
}

bool call_check_biz(struct call *call, struct till_str text) {
    struct till_error err;
    if (text.len == 0)
        text = TILL_STR("{}");
    if (call->is_gbk && !gbk_to_utf8(call->arena, text, &text, &err)) {
        call->why = TILL_STR("biz_content is not in the charset that the request names.");
        return refuse(call, "40002", "isv.invalid-parameter", "参数无效");
    }
    if (till_json_parse(text, &call->biz, &err) && till_json_is_object(call->biz))
        return true;
    call->why = call->biz ? TILL_STR("The business fields are not a JSON object.")
                          : platform_keep(call->arena, till_str_of(err.text));
    return refuse(call, "40002", "isv.invalid-parameter", "参数无效");
}

bool call_check_permission(struct call *call) {
    if (call->method->operation)
        return true;
    call->why = TILL_STR("The platform knows this method; this sandbox does not offer it.");
    return refuse(call, "40006", "isv.insufficient-isv-permissions",
                  "ISV权限不足，建议在开发者中心检查对应功能是否已经添加");
}

bool call_check(struct call *call) {
    struct till_str text = get(call, "biz_content");
    return check_method(call) && call_check_app(call, get(call, "app_id")) && check_sign(call) &&
           check_charset(call) && check_shape(call) &&
           call_check_certificates(call, get(call, "app_cert_sn"),
                                   get(call, "alipay_root_cert_sn")) &&
           check_signature(call) && call_check_tokens(call) &&
           call_open_cipher(call, get(call, "encrypt_type"), &text) && call_check_biz(call, text) &&
           call_check_permission(call);
}
