/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content encryption (dossier 2.4): business fields are opened after the signature over the cipher
 * was verified; once they are open, what is answered is encrypted in turn.
 */
#include <sandbox/mode.h>

enum { BLOCK = 16 };

static bool refuse(struct call *call, const char *code, const char *sub_code, const char *sub_msg,
                   const char *why) {
    answer_refuse(call, code, sub_code, sub_msg);
    call->why = till_str_of(why);
    return false;
}

static bool is_cipher(struct call *call, struct till_str text) {
    struct till_str bytes;
    struct till_error err;
    return text.len && till_base64_decode(call->arena, text, &bytes, &err) && bytes.len &&
           bytes.len % BLOCK == 0;
}

/* Not said to be encrypted. Whether an app with a key may still speak in clear is not documented:
 * it may, unless the sandbox is told to be strict. */
static bool check_clear(struct call *call, struct till_str text) {
    if (!call->has_aes_key)
        return true;
    if (is_cipher(call, text))
        return refuse(call, "40001", "isv.decryption-error-missing-encrypt-type",
                      "解密出错, 未指定加密算法",
                      "The business fields look encrypted; say so (encrypt_type=AES, in v3 the "
                      "header alipay-encrypt-type).");
    if (call->sandbox->options.strict_encryption)
        return refuse(call, "40003", "isv.missing-encrypt-key", "缺少加密配置",
                      "The app has an AES key and this sandbox wants every call encrypted.");
    return true;
}

bool call_open_cipher(struct call *call, struct till_str encryption, struct till_str *text) {
    struct till_str plain;
    struct till_error err;
    if (encryption.len == 0)
        return check_clear(call, *text);
    if (!till_str_is(encryption, "AES"))
        return refuse(call, "40002", "isv.invalid-encrypt-type", "无效的加密类型",
                      "AES is the only kind of encryption.");
    if (!call->has_aes_key)
        return refuse(call, "40003", "isv.missing-encrypt-key", "缺少加密配置",
                      "The app has no AES key: make one on its page.");
    if (!is_cipher(call, *text))
        return refuse(call, "40002", "isv.invalid-encrypt", "解密异常",
                      "The business fields are not the base64 of whole blocks of 16 bytes: "
                      "encrypt the JSON first, then sign.");
    if (!till_aes_decrypt(call->arena, &call->aes_key, *text, &plain, &err) ||
        (!call->is_gbk && !till_str_is_utf8(plain)))
        return refuse(call, "40003", "isv.decryption-error-unknown", "解密出错, 未知错误",
                      "The business fields do not open under the app's AES key: compare the keys; "
                      "AES-128-CBC, PKCS#7, an initial vector of 16 zero bytes.");
    *text = plain;
    call->encrypted = true;
    return true;
}

/* A refusal of the business, too: users of encryption decrypt a 40004 (lokielse/omnipay-alipay
 * #163), and Java's client can read nothing else; the dossier (2.4) has errors in clear, so that is
 * an option. Every other refusal, whatever stands under error_response, and the errors of v3 are
 * clear. */
bool call_hides_answer(const struct call *call) {
    bool is_good = call->answer.code && strncmp(call->answer.code, "100", 3) == 0;
    bool is_business = !call->v3 && call->method && !call->method->is_bare && call->answer.code &&
                       strcmp(call->answer.code, "40004") == 0;
    return call->encrypted && (is_good || (is_business && !call->sandbox->options.clear_refusals));
}
