/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of v3 (dossier 11.2): the business fields alone with 200, 202 while the outcome is open,
 * {code, message, links} from 400 on; timestamp, nonce and signature in headers. Codes lose the
 * prefix of their author, except ACQ.
 */
#include <sandbox/mode.h>
#include <sandbox/v3.h>

static const struct {
    const char *code; /* of gateway.do */
    int status;
} statuses[] = {
    {"10000", 200}, {"10003", 202}, {"20000", 500}, {"20001", 401}, {"40001", 400},
    {"40002", 400}, {"40003", 400}, {"40004", 400}, {"40005", 429}, {"40006", 401},
};

int v3_status(struct till_str code) {
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (till_str_is(code, statuses[i].code))
            return statuses[i].status;
    return 500;
}

static struct till_str bare_code(struct till_str code) {
    static const char *const prefixes[] = {"isv.", "isp.", "aop."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (till_str_starts_with(code, till_str_of(prefixes[i])))
            return till_str_sub(code, strlen(prefixes[i]), code.len);
    return code;
}

/* The help link leads to this call's page in the console. */
static void put_error(const struct call *call, struct till_json *node) {
    struct till_json *links = till_json_array(), *link = till_json_object();
    struct till_str place = TILL_STR_NONE;
    struct till_error err;
    till_json_set_str(node, "code", bare_code(call->answer.sub_code));
    till_json_set_str(node, "message", call->answer.sub_msg);
    if (!till_arena_format(call->arena, &place, &err, "%.*s/console/exchanges",
                           TILL_STR_ARG(call->sandbox->options.public_url)))
        place = TILL_STR("/console/exchanges");
    till_json_set_str(link, "link", place);
    till_json_set_text(link, "desc", "解决方案");
    till_json_append(links, link);
    till_json_set(node, "links", links);
}

static bool sign(struct call *call, struct http_response *response, struct till_error *err) {
    struct till_str timestamp, nonce, text, signature;
    uint8_t bytes[16];
    char hex[2 * sizeof bytes + 1];
    world_random(call->sandbox->world, bytes, sizeof bytes);
    till_hex_encode(bytes, sizeof bytes, hex);
    nonce = platform_keep(call->arena, till_str_of(hex));
    if (!till_arena_format(call->arena, &timestamp, err, "%lld",
                           (long long)(world_now_us(call->sandbox->world) / 1000)) ||
        !till_alipay_v3_answer_text(call->arena, timestamp, nonce, response->body, &text, err) ||
        !answer_sign(call, text, &signature, err))
        return false;
    http_response_header(response, TILL_STR("alipay-timestamp"), timestamp);
    http_response_header(response, TILL_STR("alipay-nonce"), nonce);
    if (signature.len)
        http_response_header(response, TILL_STR("alipay-signature"), signature);
    return true;
}

/* The content type stays JSON's: Java's client reads it after it has decrypted. */
static bool hide(struct call *call, struct http_response *response, struct till_error *err) {
    if (!call_hides_answer(call))
        return true;
    http_response_header(response, TILL_STR("alipay-encrypt-type"), TILL_STR("AES"));
    return till_aes_encrypt(call->arena, &call->aes_key, response->body, &response->body, err);
}

bool v3_write(struct call *call, struct http_response *response, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *node = till_json_object();
    struct till_str trace;
    response->status = v3_status(till_str_of(call->answer.code));
    response->content_type = TILL_STR("application/json;charset=UTF-8");
    if (response->status < 400)
        answer_put_fields(call, node);
    else
        put_error(call, node);
    if (!answer_trace(call, &trace, err) ||
        !till_json_write(call->arena, node, TILL_JSON_COMPACT, &response->body, err) ||
        !hide(call, response, err) || !sign(call, response, err))
        return false;
    http_response_header(response, TILL_STR("alipay-trace-id"), trace);
    if (call->certificate_mode) /* clients with keys take it for a certificate they do not have */
        http_response_header(response, TILL_STR("alipay-sn"),
                             till_str_of(call->signer->certificate.sn));
    return true;
}

void v3_serve(struct sandbox *sandbox, struct http_request *request,
              struct http_response *response) {
    static const struct call_front front = {v3_read, v3_check, v3_write, v3_explain};
    call_serve(&front, sandbox, request, response);
}
