/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as text again, in every form the platforms' consoles and SDKs ask for. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <till/encode.h>

#include "lib/crypto/key_internal.h"

enum { PEM_LINE = 64 };

struct form {
    bool is_private;
    bool rsa_only;
    const char *label; /* NULL: one bare line */
    int (*write)(const EVP_PKEY *pkey, uint8_t **der);
};

static int write_pkcs8(const EVP_PKEY *pkey, uint8_t **der) {
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, der) : -1;
    PKCS8_PRIV_KEY_INFO_free(info);
    return len;
}

static const struct form forms[] = {
    [TILL_KEY_PKCS8_PEM] = {true, false, "PRIVATE KEY", write_pkcs8},
    [TILL_KEY_PKCS8_BASE64] = {true, false, NULL, write_pkcs8},
    [TILL_KEY_PKCS1_PEM] = {true, true, "RSA PRIVATE KEY", i2d_PrivateKey},
    [TILL_KEY_PKCS1_BASE64] = {true, true, NULL, i2d_PrivateKey},
    [TILL_KEY_SPKI_PEM] = {false, false, "PUBLIC KEY", i2d_PUBKEY},
    [TILL_KEY_SPKI_BASE64] = {false, false, NULL, i2d_PUBKEY},
};

/* Lines of 64 between BEGIN and END (RFC 7468). */
static bool armor(struct till_arena *arena, const char *label, struct till_str line,
                  struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    till_buf_format(&buf, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < line.len; at += PEM_LINE) {
        till_buf_add(&buf, till_str_sub(line, at, PEM_LINE));
        till_buf_char(&buf, '\n');
    }
    till_buf_format(&buf, "-----END %s-----\n", label);
    return till_buf_finish(&buf, ret_text, err);
}

bool till_key_export(struct till_arena *arena, const struct till_key *key,
                     enum till_key_format format, struct till_str *ret_text,
                     struct till_error *err) {
    const struct form *form = &forms[format];
    if (form->is_private && !key->is_private)
        return TILL_FAIL(err, KEY_INVALID, "A public key has no private form to export.");
    if (form->rsa_only && EVP_PKEY_get_base_id(key->pkey) != EVP_PKEY_RSA)
        return TILL_FAIL(err, KEY_INVALID, "PKCS#1 is for RSA keys only; choose PKCS#8.");
    uint8_t *der = NULL;
    struct till_str line;
    int len = form->write(key->pkey, &der);
    if (len <= 0) {
        ERR_clear_error();
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    bool good = till_base64_encode(arena, (struct till_str){(char *)der, (size_t)len}, &line, err);
    OPENSSL_clear_free(der, (size_t)len);
    if (!good)
        return false;
    if (form->label)
        return armor(arena, form->label, line, ret_text, err);
    *ret_text = line;
    return true;
}
