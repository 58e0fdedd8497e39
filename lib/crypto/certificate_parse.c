/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates out of pasted text: the same leniency about blanks as for keys, and the same
 * strictness about bytes: each block is one whole certificate, and nothing hides behind it.
 */
#include <stdlib.h>

#include "lib/base/base64.h"
#include "lib/crypto/certificate_internal.h"
#include "lib/crypto/paste.h"
#include "lib/crypto/shortage.h"

enum { PARSE_MEMORY = 4 * TILL_CERTIFICATES_TEXT_MAX };

/* The next armored block of the rest: its label and body; the rest goes on behind it. */
static bool take_block(struct till_str *rest, struct till_str *ret_label, struct till_str *ret_body,
                       struct till_error *err) {
    const struct till_str begin = TILL_STR("-----BEGIN "), end = TILL_STR("-----END ");
    const struct till_str dashes = TILL_STR("-----");
    struct till_str text = till_str_sub(*rest, paste_find(*rest, begin) + begin.len, rest->len);
    size_t label_end = paste_find(text, dashes);
    struct till_str body = till_str_sub(text, label_end + dashes.len, text.len);
    size_t body_end = paste_find(body, end);
    if (body_end == body.len)
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The PEM text is cut: there is a BEGIN line without its END line.");
    *ret_label = till_str_sub(text, 0, label_end);
    *ret_body = till_str_sub(body, 0, body_end);
    *rest = till_str_sub(body, body_end + end.len, body.len);
    return true;
}

static bool check_label(struct till_str label, struct till_error *err) {
    if (till_str_is(label, "CERTIFICATE") || till_str_is(label, "X509 CERTIFICATE"))
        return true;
    if (paste_contains(label, TILL_STR("PRIVATE KEY")))
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "There is a private key among the certificates; take it out, and make a "
                         "new pair if it was shown to anybody.");
    return TILL_FAIL(err, CERTIFICATE_INVALID,
                     "There is a block that is no certificate; paste CERTIFICATE blocks only.");
}

/* One certificate in base64 with blanks, appended. */
static bool take_certificate(struct till_arena *arena, struct till_str body,
                             struct till_certificates *list, struct till_error *err) {
    if (list->count == TILL_CERTIFICATES_MAX)
        return TILL_FAIL(err, CERTIFICATE_INVALID, "There are more than %d certificates.",
                         TILL_CERTIFICATES_MAX);
    if (!paste_drop_blanks(arena, body, &body, err))
        return false;
    uint8_t *der = (uint8_t *)(uintptr_t)body.ptr; /* our copy: decoding only ever shrinks it */
    const uint8_t *at = der;
    size_t len;
    if (body.len == 0 || !base64_decode_into(body, der, body.len, &len))
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "Not a certificate: it is not base64; check for missing or strange "
                         "characters.");
    crypto_forget();
    X509 *item = d2i_X509(NULL, &at, (long)len);
    bool ran_short = crypto_ran_short();
    if (!item || at != der + len) {
        X509_free(item);
        if (ran_short)
            return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "Base64, but no certificate inside: it is cut, damaged or something "
                         "else; copy it anew.");
    }
    list->items[list->count++] = item;
    return true;
}

static bool take_all(struct till_arena *arena, struct till_str pasted,
                     struct till_certificates *list, struct till_error *err) {
    struct till_str rest, label, body;
    if (pasted.len > TILL_CERTIFICATES_TEXT_MAX)
        return TILL_FAIL(err, CERTIFICATE_INVALID, "The text is longer than %d bytes.",
                         TILL_CERTIFICATES_TEXT_MAX);
    if (!paste_unescape(arena, paste_unwrap(pasted), &rest, err))
        return false;
    if (rest.len == 0)
        return TILL_FAIL(err, CERTIFICATE_INVALID, "There is no certificate here; paste one.");
    if (!paste_contains(rest, TILL_STR("-----BEGIN ")))
        return take_certificate(arena, rest, list, err);
    while (paste_contains(rest, TILL_STR("-----BEGIN "))) {
        if (!take_block(&rest, &label, &body, err) || !check_label(label, err) ||
            !take_certificate(arena, body, list, err))
            return false;
    }
    return true;
}

bool till_certificates_parse(struct till_str pasted, struct till_certificates **ret_certificates,
                             struct till_error *err) {
    struct till_arena arena;
    struct till_certificates *list = calloc(1, sizeof *list);
    if (!list)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    till_arena_init(&arena, PARSE_MEMORY);
    bool good = take_all(&arena, pasted, list, err);
    till_arena_clean_up(&arena);
    if (good)
        *ret_certificates = list;
    else
        till_certificates_free(list);
    return good;
}

void till_certificates_free(struct till_certificates *certificates) {
    if (!certificates)
        return;
    for (size_t i = 0; i < certificates->count; i++)
        X509_free(certificates->items[i]);
    free(certificates);
}

size_t till_certificates_count(const struct till_certificates *certificates) {
    return certificates->count;
}
