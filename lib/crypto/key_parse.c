/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what people paste to DER: literal "\n" becomes a line end, the armor goes, the blanks go,
 * and the rest must be base64. What the DER is, key_recognise tells; here it is judged in words.
 */
#include "lib/base/base64.h"
#include "lib/crypto/key_internal.h"
#include "lib/crypto/paste.h"

enum { PASTE_MAX = 32768, PARSE_MEMORY = 4 * PASTE_MAX };
#define ENCRYPTED_TEXT "The private key is encrypted; decrypt it first: openssl pkey -in FILE."

/* What stands between the first BEGIN and its END line; all of it when there is no armor. */
static bool strip_armor(struct till_str text, struct till_str *ret_body, struct till_error *err) {
    const struct till_str begin = TILL_STR("-----BEGIN"), end = TILL_STR("-----END");
    const struct till_str dashes = TILL_STR("-----");
    if (!paste_contains(text, begin)) {
        *ret_body = text;
        return true;
    }
    text = till_str_sub(text, paste_find(text, begin) + begin.len, text.len);
    size_t label_end = paste_find(text, dashes);
    struct till_str body = till_str_sub(text, label_end + dashes.len, text.len);
    if (label_end == text.len || !paste_contains(body, end))
        return TILL_FAIL(err, KEY_INVALID,
                         "The PEM text is cut: there is a BEGIN line without its END line.");
    *ret_body = till_str_sub(body, 0, paste_find(body, end));
    return true;
}

static bool to_der(struct till_arena *arena, struct till_str pasted, struct till_str *ret_der,
                   struct till_error *err) {
    struct till_str text = TILL_STR_NONE, body = TILL_STR_NONE;
    if (pasted.len > PASTE_MAX)
        return TILL_FAIL(err, KEY_INVALID, "The text is longer than any key; paste one key only.");
    if (!paste_unescape(arena, paste_unwrap(pasted), &text, err) || !strip_armor(text, &body, err))
        return false;
    if (paste_contains(body, TILL_STR("ENCRYPTED")))
        return TILL_FAIL(err, KEY_INVALID, ENCRYPTED_TEXT);
    if (!paste_drop_blanks(arena, body, &body, err))
        return false;
    if (body.len == 0)
        return TILL_FAIL(err, KEY_WEAK, "There is no key here; paste one.");
    uint8_t *der = (uint8_t *)(uintptr_t)body.ptr; /* our copy: decoding only ever shrinks it */
    size_t len;
    if (!base64_decode_into(body, der, body.len, &len))
        return TILL_FAIL(err, KEY_INVALID,
                         "Not a key: after the armor and blanks are taken off, it is not base64; "
                         "check for missing or strange characters.");
    *ret_der = (struct till_str){body.ptr, len};
    return true;
}

static bool find_key(struct till_str pasted, struct key_found *found, struct till_error *err) {
    struct till_arena arena;
    struct till_str der;
    till_arena_init(&arena, PARSE_MEMORY);
    bool good = to_der(&arena, pasted, &der, err);
    if (good)
        *found = key_recognise((const uint8_t *)der.ptr, der.len);
    till_arena_clean_up(&arena); /* wipes */
    return good;
}

#define NO_KEY_TEXT "Base64, but no key inside: it is cut, damaged or something else; copy it anew."

/* Why a find is not taken; NULL: it is. */
static const char *const private_complaints[] = {
    [KEY_NOTHING] = NO_KEY_TEXT,
    [KEY_PRIVATE] = NULL,
    [KEY_PRIVATE_ENCRYPTED] = ENCRYPTED_TEXT,
    [KEY_PUBLIC] = "This is a public key; paste the private key of the pair here.",
    [KEY_CERTIFICATE] = "This is a certificate; paste the private key that belongs to it here.",
    [KEY_REQUEST] = "This is a certificate request; paste the private key that it was made with.",
};
static const char *const public_complaints[] = {
    [KEY_NOTHING] = NO_KEY_TEXT,
    [KEY_PRIVATE] = ("This is a private key; paste the public key here, and make a new pair if the "
                     "private one was shown to anybody."),
    [KEY_PRIVATE_ENCRYPTED] = ENCRYPTED_TEXT,
    [KEY_PUBLIC] = NULL,
    [KEY_CERTIFICATE] = NULL,
    [KEY_REQUEST] = "This is a certificate request; paste the public key or the certificate here.",
};
static const char *const request_complaints[] = {
    [KEY_NOTHING] = ("Base64, but no certificate request that was signed with its own key; make it "
                     "anew: openssl req -new -key FILE."),
    [KEY_PRIVATE] = ("This is a private key; paste the certificate request here, and make a new "
                     "pair if the private one was shown to anybody."),
    [KEY_PRIVATE_ENCRYPTED] = ENCRYPTED_TEXT,
    [KEY_PUBLIC] = "This is a public key; paste the certificate request here.",
    [KEY_CERTIFICATE] = "This is a certificate; paste the request that it is to be made from.",
    [KEY_REQUEST] = NULL,
};

static bool parse(struct till_str pasted, const char *const *complaints, struct till_key **ret_key,
                  struct till_error *err) {
    struct key_found found = {.kind = KEY_NOTHING};
    if (!find_key(pasted, &found, err))
        return false;
    if (found.ran_short)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    const char *complaint = complaints[found.kind];
    if (!complaint)
        return key_make(found.pkey, found.kind == KEY_PRIVATE, found.expires_us, ret_key, err);
    EVP_PKEY_free(found.pkey);
    return TILL_FAIL(err, KEY_INVALID, "%s", complaint);
}

bool till_key_parse_private(struct till_str pasted, struct till_key **ret_key,
                            struct till_error *err) {
    return parse(pasted, private_complaints, ret_key, err);
}

bool till_key_parse_public(struct till_str pasted, struct till_key **ret_key,
                           struct till_error *err) {
    return parse(pasted, public_complaints, ret_key, err);
}

bool till_key_parse_request(struct till_str pasted, struct till_key **ret_key,
                            struct till_error *err) {
    return parse(pasted, request_complaints, ret_key, err);
}
