/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/alipay/envelope.h"

#include "lib/channel/alipay/answer.h"

bool envelope_close(const struct alipay_account *a, struct till_str business,
                    struct till_arena *arena, struct till_str *ret_content,
                    struct till_error *err) {
    if (a->aes_key.len > 0)
        return till_aes_encrypt(arena, &a->aes_key, business, ret_content, err);
    *ret_content = business;
    return true;
}

/* The text of a quoted node, and what it hides. */
static bool open_string(const struct alipay_account *a, struct till_str node,
                        struct till_arena *arena, struct till_str *ret_text,
                        struct till_error *err) {
    struct till_str cipher;
    if (a->aes_key.len == 0)
        return TILL_FAIL(err, BODY_MALFORMED,
                         "The answer is encrypted and the account has no aes_key; copy it from "
                         "the console.");
    return alipay_unescape_slashes(arena, till_str_sub(node, 1, node.len - 2), &cipher, err) &&
           till_aes_decrypt(arena, &a->aes_key, cipher, ret_text, err);
}

static bool parse_object(struct till_str text, struct till_json **ret_node,
                         struct till_error *err) {
    struct till_json *node = NULL;
    if (till_json_parse(text, &node, err) && till_json_is_object(node)) {
        *ret_node = node;
        return true;
    }
    till_json_release(node);
    return TILL_FAIL(err, BODY_MALFORMED,
                     "The answer is signed, but it is not a JSON object in UTF-8.");
}

bool envelope_open(const struct alipay_account *a, struct till_str node, struct till_arena *arena,
                   struct till_json **ret_node, struct till_error *err) {
    struct till_str text = node;
    bool is_quoted = node.len >= 2 && node.ptr[0] == '"';
    if (is_quoted && !open_string(a, node, arena, &text, err))
        return false;
    TILL_JSON_SCOPED struct till_json *read = NULL;
    if (!parse_object(text, &read, err))
        return false;
    if (!is_quoted && a->aes_key.len > 0 && till_str_is(till_json_get_str(read, "code"), "10000"))
        return TILL_FAIL(err, BODY_MALFORMED,
                         "The account is encrypted and the platform's success came in clear; turn "
                         "the content key on in the console, or take aes_key out.");
    *ret_node = read;
    read = NULL;
    return true;
}
