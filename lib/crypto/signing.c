/* SPDX-License-Identifier: Apache-2.0 */
/* The merchant's request signature. What is signed are the raw bytes of the request. */
#include <till/signing.h>

#include <till/encode.h>

enum { NONCE_MIN = 16, NONCE_MAX = 64, KEY_ID_MAX = 64, HEX_SIZE = 2 * TILL_SHA256_SIZE };

/* 9999-12-31T23:59:59Z */
#define TIMESTAMP_MAX 253402300799ull

static bool is_token(struct till_str s, size_t min, size_t max) {
    if (s.len < min || s.len > max)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && c != '_' && c != '-')
            return false;
    }
    return true;
}

static bool is_signature(struct till_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    }
    return s.len == HEX_SIZE;
}

/* Visible ASCII: a line end inside would let two requests share one text. */
static bool is_line(struct till_str s) {
    return s.len > 0 && till_str_is_printable_ascii(s) && till_str_find(s, ' ') == s.len;
}

static bool check_request(const struct till_signed_request *request, struct till_error *err) {
    if (!is_line(request->method) || !is_line(request->host) || !is_line(request->target))
        return TILL_FAIL(err, FIELD_INVALID,
                         "Method, host and target must be visible ASCII, none of them empty.");
    if (request->timestamp_s < 0)
        return TILL_FAIL(err, FIELD_INVALID, "The timestamp is before 1970.");
    if (!is_token(request->nonce, NONCE_MIN, NONCE_MAX))
        return TILL_FAIL(err, FIELD_INVALID, "A nonce is %d to %d of A-Z, a-z, 0-9, '_' and '-'.",
                         NONCE_MIN, NONCE_MAX);
    return true;
}

bool till_signing_canonical(struct till_arena *arena, const struct till_signed_request *request,
                            struct till_str *ret_text, struct till_error *err) {
    uint8_t digest[TILL_SHA256_SIZE];
    char hex[HEX_SIZE + 1];
    struct till_buf buf;
    if (!check_request(request, err))
        return false;
    till_sha256(request->body, digest);
    till_hex_encode(digest, sizeof digest, hex);
    till_buf_init(&buf, arena);
    till_buf_add(&buf, request->method);
    till_buf_char(&buf, '\n');
    till_buf_add(&buf, request->host);
    till_buf_char(&buf, '\n');
    till_buf_add(&buf, request->target);
    till_buf_format(&buf, "\n%lld\n", (long long)request->timestamp_s);
    till_buf_add(&buf, request->nonce);
    till_buf_format(&buf, "\n%s\n", hex);
    return till_buf_finish(&buf, ret_text, err);
}

/* Hex of the HMAC over the canonical text. */
static bool sign(struct till_arena *arena, const struct till_signed_request *request,
                 const struct till_secret *secret, char ret_hex[HEX_SIZE + 1],
                 struct till_error *err) {
    struct till_str text;
    uint8_t mac[TILL_SHA256_SIZE];
    if (secret->len < TILL_SECRET_MIN)
        return TILL_FAIL(err, KEY_WEAK, "The secret has fewer than %d bytes; make a new one.",
                         TILL_SECRET_MIN);
    if (!till_signing_canonical(arena, request, &text, err) ||
        !till_hmac_sha256((struct till_str){(const char *)secret->bytes, secret->len}, text, mac,
                          err))
        return false;
    till_hex_encode(mac, sizeof mac, ret_hex);
    return true;
}

bool till_signing_authorize(struct till_arena *arena, const struct till_signed_request *request,
                            struct till_str key_id, const struct till_secret *secret,
                            struct till_str *ret_header, struct till_error *err) {
    char hex[HEX_SIZE + 1];
    if (!is_token(key_id, 1, KEY_ID_MAX))
        return TILL_FAIL(err, FIELD_INVALID, "A key id is 1 to %d of A-Z, a-z, 0-9, '_' and '-'.",
                         KEY_ID_MAX);
    if (!sign(arena, request, secret, hex, err))
        return false;
    return till_arena_format(arena, ret_header, err,
                             TILL_SIGNING_SCHEME " key=%.*s,timestamp=%lld,nonce=%.*s,signature=%s",
                             TILL_STR_ARG(key_id), (long long)request->timestamp_s,
                             TILL_STR_ARG(request->nonce), hex);
}

/* The slot of a parameter; NULL for an unknown name. */
static struct till_str *slot_of(struct till_str name, struct till_authorization *ret,
                                struct till_str *timestamp) {
    if (till_str_is(name, "key"))
        return &ret->key_id;
    if (till_str_is(name, "timestamp"))
        return timestamp;
    if (till_str_is(name, "nonce"))
        return &ret->nonce;
    return till_str_is(name, "signature") ? &ret->signature : NULL;
}

/* "key=..,timestamp=..,nonce=..,signature=.." in any order, each once. */
static bool take_parameters(struct till_str text, struct till_authorization *ret,
                            struct till_str *timestamp) {
    while (text.len) {
        size_t end = till_str_find(text, ',');
        struct till_str parameter = till_str_sub(text, 0, end);
        size_t equals = till_str_find(parameter, '=');
        struct till_str *slot = slot_of(till_str_sub(parameter, 0, equals), ret, timestamp);
        if (!slot || slot->len != 0)
            return false;
        *slot = till_str_sub(parameter, equals + 1, parameter.len);
        if (slot->len == 0)
            return false; /* else an empty one could be given again */
        if (end + 1 == text.len)
            return false; /* a comma with nothing behind it */
        text = till_str_sub(text, end + 1, text.len);
    }
    return true;
}

bool till_signing_parse(struct till_str header, struct till_authorization *ret,
                        struct till_error *err) {
    const struct till_str scheme = TILL_STR(TILL_SIGNING_SCHEME " ");
    struct till_authorization parsed = {.timestamp_s = 0};
    struct till_str timestamp = TILL_STR_NONE;
    unsigned long long seconds;
    if (!till_str_starts_with(header, scheme) ||
        !take_parameters(till_str_sub(header, scheme.len, header.len), &parsed, &timestamp) ||
        !is_token(parsed.key_id, 1, KEY_ID_MAX) || !is_token(parsed.nonce, NONCE_MIN, NONCE_MAX) ||
        !is_signature(parsed.signature) || !till_str_to_u64(timestamp, TIMESTAMP_MAX, &seconds))
        return TILL_FAIL(err, SIGNATURE_MISSING, NULL);
    parsed.timestamp_s = (int64_t)seconds;
    *ret = parsed;
    return true;
}

bool till_signing_verify(struct till_arena *arena, const struct till_signed_request *request,
                         struct till_str signature_hex, const struct till_secret *secret,
                         struct till_error *err) {
    char hex[HEX_SIZE + 1];
    if (!sign(arena, request, secret, hex, err)) {
        if (err->code != TILL_E_FIELD_INVALID)
            return false;
        return TILL_FAIL(err, SIGNATURE_WRONG, NULL); /* what nobody can sign is not signed */
    }
    if (!till_equal_constant_time(signature_hex, (struct till_str){hex, HEX_SIZE}))
        return TILL_FAIL(err, SIGNATURE_WRONG, NULL);
    return true;
}
