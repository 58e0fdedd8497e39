/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers in the platform's layout (dossier 3.1): compact, code and msg, sub_code and sub_msg, the
 * rest alphabetically, "/" as "\/", Chinese raw; then the signature over exactly the node's bytes,
 * once the app is known.
 */
#include <sandbox/mode.h>

#include <lib/channel/gbk.h>

#include <assert.h>

static const struct {
    const char *code, *msg;
} msgs[] = {
    {"10000", "Success"},
    {"10003", " order success pay inprocess"},
    {"20000", "Service Currently Unavailable"},
    {"20001", "Insufficient Token Permissions"},
    {"40001", "Missing Required Arguments"},
    {"40002", "Invalid Arguments"},
    {"40003", "Insufficient Conditions"},
    {"40004", "Business Failed"},
    {"40005", "Call Limited"},
    {"40006", "Insufficient Permissions"},
};

/* Dossier 8.1. */
static const struct {
    const char *sub_code, *words;
} words[] = {
    {"ACQ.SYSTEM_ERROR", "系统错误"},
    {"ACQ.INVALID_PARAMETER", "参数无效"},
    {"ACQ.TOTAL_FEE_EXCEED", "订单总金额不在允许范围内"},
    {"ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"},
    {"ACQ.TRADE_HAS_SUCCESS", "交易已被支付"},
    {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
    {"ACQ.SELLER_NOT_EXIST", "卖家不存在"},
    {"ACQ.TRADE_NOT_EXIST", "交易不存在"},
    {"ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"},
    {"ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "撤销或退款金额与订单金额不一致"},
    {"ACQ.REASON_TRADE_REFUND_FEE_ERR", "REASON_TRADE_REFUND_FEE_ERR"},
    {"ACQ.TRADE_HAS_FINISHED", "交易已完结"},
    {"ACQ.TRADE_STATUS_ERROR", "交易状态不合法"},
    {"ACQ.REASON_TRADE_STATUS_INVALID", "交易状态异常"},
    {"ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求"},
    {"ACQ.TRADE_NOT_ALLOW_REFUND", "当前交易不允许退款"},
    {"ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销时间范围"},
    {"ACQ.CANCEL_NOT_ALLOWED", "交易不允许撤销"},
    {"ACQ.ACCESS_FORBIDDEN", "无权限使用接口"},
    {"ACQ.EXIST_FORBIDDEN_WORD", "订单信息中包含违禁词"},
    {"ACQ.BUYER_SELLER_EQUAL", "买卖家不能相同"},
    {"ACQ.SELLER_BEEN_BLOCKED", "商家账号被冻结"},
    {"ACQ.REASON_TRADE_BEEN_FREEZEN", "请求退款的交易被冻结"},
    {"ACQ.INVALID_STORE_ID", "商户门店编号无效"},
    {"ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"},
    {"ACQ.TRADE_BUYER_NOT_MATCH", "交易买家不匹配"},
    {"ACQ.BUYER_NOT_EXIST", "买家不存在"},
    {"ACQ.PAYMENT_FAIL", "支付失败"},
    {"ACQ.PAYMENT_AUTH_CODE_INVALID", "支付授权码无效"},
    {"ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过允许支付的时间"},
};

const char *answer_words(const char *sub_code) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].sub_code, sub_code) == 0)
            return words[i].words;
    return sub_code;
}

static void set_code(struct call *call, const char *code) {
    for (size_t i = 0; i < sizeof msgs / sizeof *msgs; i++) {
        if (strcmp(msgs[i].code, code) != 0)
            continue;
        call->answer.code = msgs[i].code;
        call->answer.msg = msgs[i].msg;
        return;
    }
    assert(false && "every code has a message");
}

void answer_success(struct call *call) {
    set_code(call, "10000");
    call->answer.sub_code = call->answer.sub_msg = TILL_STR_NONE;
}

void answer_refuse(struct call *call, const char *code, const char *sub_code, const char *sub_msg) {
    set_code(call, code);
    call->answer.sub_code = platform_keep(call->arena, till_str_of(sub_code));
    call->answer.sub_msg = platform_keep(call->arena, till_str_of(sub_msg));
}

void answer_business(struct call *call, const char *sub_code) {
    answer_refuse(call, "40004", sub_code, answer_words(sub_code));
}

static void add(struct call *call, struct answer_field field) {
    struct answer *answer = &call->answer;
    assert(answer->count < ANSWER_FIELDS_MAX);
    size_t at = answer->count++;
    for (; at > 0 && strcmp(answer->fields[at - 1].name, field.name) > 0; at--)
        answer->fields[at] = answer->fields[at - 1];
    answer->fields[at] = field;
}

void answer_text(struct call *call, const char *name, struct till_str value) {
    if (value.len)
        add(call, (struct answer_field){.name = name, .text = value});
}

void answer_money(struct call *call, const char *name, int64_t minor) {
    answer_text(call, name, platform_money_text(call->arena, minor));
}

void answer_number(struct call *call, const char *name, int64_t number) {
    add(call, (struct answer_field){.name = name, .number = number, .is_number = true});
}

void answer_time(struct call *call, const char *name, int64_t us) {
    answer_text(call, name, platform_time_text(call->arena, us));
}

void answer_tree(struct call *call, const char *name, struct till_json *tree) {
    add(call, (struct answer_field){.name = name, .tree = tree});
}

struct till_json *answer_fund_bill(struct call *call, int64_t minor) {
    struct till_json *list = till_json_array();
    struct till_json *bill = till_json_object();
    till_json_set_str(bill, "amount", platform_money_text(call->arena, minor));
    till_json_set_text(bill, "fund_channel", "ALIPAYACCOUNT");
    till_json_append(list, bill);
    return list;
}

/* What another order's answer looks like: everything as it is, and the number of somebody else. */
static struct till_str field_text(const struct call *call, const struct answer_field *field) {
    bool is_number = strcmp(field->name, "out_trade_no") == 0;
    if (is_number && call->faults.on[FAULT_OTHER_ANSWER])
        return TILL_STR("8888888888888888OTHER");
    return field->text;
}

void answer_put_fields(const struct call *call, struct till_json *node) {
    for (size_t i = 0; i < call->answer.count; i++) {
        const struct answer_field *field = &call->answer.fields[i];
        if (field->tree)
            till_json_set_copy(node, field->name, field->tree);
        else if (field->is_number)
            till_json_set_int(node, field->name, field->number);
        else
            till_json_set_str(node, field->name, field_text(call, field));
    }
}

static bool is_bare(const struct call *call) {
    return call->method && call->method->is_bare;
}

static bool is_refused(const struct call *call) {
    return strcmp(call->answer.code, "10000") != 0;
}

/* The quotes belong to the node and are signed (dossier 2.4). */
static bool hide(struct call *call, struct till_str node, struct till_str *ret_node,
                 struct till_error *err) {
    struct till_str cipher;
    return till_aes_encrypt(call->arena, &call->aes_key, node, &cipher, err) &&
           till_arena_format(call->arena, ret_node, err, "\"%.*s\"", TILL_STR_ARG(cipher));
}

static bool write_node(struct call *call, struct till_str *ret_node, struct till_error *err) {
    const struct answer *answer = &call->answer;
    TILL_JSON_SCOPED struct till_json *node = till_json_object();
    if (!is_bare(call) || is_refused(call)) {
        till_json_set_text(node, "code", answer->code);
        till_json_set_text(node, "msg", answer->msg);
    }
    if (answer->sub_code.len)
        till_json_set_str(node, "sub_code", answer->sub_code);
    if (answer->sub_msg.len)
        till_json_set_str(node, "sub_msg", answer->sub_msg);
    answer_put_fields(call, node);
    struct till_str text;
    if (!till_json_write(call->arena, node, TILL_JSON_COMPACT | TILL_JSON_ESCAPE_SLASH, &text, err))
        return false;
    if (call->is_gbk && !gbk_from_utf8(call->arena, text, &text, err))
        return false;
    *ret_node = text;
    return !call_hides_answer(call) || hide(call, text, ret_node, err);
}

static void add_node_name(struct till_buf *buf, const struct call *call) {
    if (!call->method || (is_bare(call) && is_refused(call))) {
        till_buf_text(buf, "error");
    } else {
        for (const char *c = call->method->name; *c; c++)
            till_buf_char(buf, *c == '.' ? '_' : *c);
    }
    till_buf_text(buf, "_response");
}

bool answer_sign(struct call *call, struct till_str text, struct till_str *ret_sign,
                 struct till_error *err) {
    *ret_sign = TILL_STR_NONE;
    if (!call->app_known || call->faults.on[FAULT_UNSIGNED])
        return true;
    const struct till_key *key = call->signer->key;
    if (call->faults.on[FAULT_WRONG_SIGNATURE])
        key = app_stranger(call->sandbox);
    if (!key)
        return TILL_FAIL(err, BUG, "No key to sign with.");
    return till_key_sign(call->arena, key, call->algorithm, text, ret_sign, err);
}

bool answer_trace(struct call *call, struct till_str *ret_trace, struct till_error *err) {
    return till_arena_format(call->arena, ret_trace, err, "0b%014llx%016llx",
                             (unsigned long long)call->now_us & 0xffffffffffffff,
                             (unsigned long long)world_monotonic_us(call->sandbox->world));
}

bool answer_write(struct call *call, struct till_str *ret_body, struct till_error *err) {
    struct till_str node, sign;
    if (!write_node(call, &node, err) || !answer_sign(call, node, &sign, err))
        return false;
    struct till_buf buf;
    till_buf_init(&buf, call->arena);
    till_buf_text(&buf, "{\"");
    add_node_name(&buf, call);
    till_buf_text(&buf, "\":");
    till_buf_add(&buf, node);
    if (call->certificate_mode) {
        till_buf_text(&buf, ",\"alipay_cert_sn\":\"");
        till_buf_text(&buf, call->signer->certificate.sn);
        till_buf_text(&buf, "\"");
    }
    if (sign.len) {
        till_buf_text(&buf, ",\"sign\":\"");
        till_buf_add(&buf, sign);
        till_buf_text(&buf, "\"");
    }
    till_buf_text(&buf, "}");
    return till_buf_finish(&buf, ret_body, err);
}
