/* SPDX-License-Identifier: Apache-2.0 */
/* The merchant's request signature. What is signed are the raw bytes of the request. */
#include <till/signing.h>

#include <till/encode.h>

#include "lib/base/base64.h"
#include "lib/crypto/key_internal.h"

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

/* How each algorithm is called, in records and in the header, and how long its signature's text is.
 */
static const struct {
    const char *name;
    struct till_str scheme;
    size_t text_min, text_max;
} algorithms[TILL_SIGNING_ALGORITHMS] = {
    {"hmac-sha256", TILL_STR_INIT(TILL_SIGNING_SCHEME), HEX_SIZE, HEX_SIZE},
    {"rsa-sha256", TILL_STR_INIT(TILL_SIGNING_SCHEME_RSA),
     BASE64_SIZE((size_t)TILL_SIGNING_RSA_BITS_MIN / 8),
     BASE64_SIZE((size_t)TILL_SIGNING_RSA_BITS_MAX / 8)},
    {"ed25519", TILL_STR_INIT(TILL_SIGNING_SCHEME_ED25519), BASE64_SIZE((size_t)64),
     BASE64_SIZE((size_t)64)},
};

const char *till_signing_algorithm_name(enum till_signing_algorithm algorithm) {
    return algorithms[algorithm].name;
}

bool till_signing_algorithm_find(struct till_str name, enum till_signing_algorithm *ret_algorithm) {
    for (int i = 0; i < TILL_SIGNING_ALGORITHMS; i++) {
        if (till_str_is(name, algorithms[i].name)) {
            *ret_algorithm = (enum till_signing_algorithm)i;
            return true;
        }
    }
    return false;
}

static bool is_hex(struct till_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    }
    return true;
}

/* One value, one spelling. */
static bool is_base64(struct till_str s) {
    uint8_t ignored[TILL_SIGNING_RSA_BITS_MAX / 8];
    size_t len;
    return base64_decode_into(s, ignored, sizeof ignored, &len);
}

static bool is_signature(struct till_str s, enum till_signing_algorithm algorithm) {
    return s.len >= algorithms[algorithm].text_min && s.len <= algorithms[algorithm].text_max &&
           (algorithm == TILL_SIGNING_HMAC_SHA256 ? is_hex(s) : is_base64(s));
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

static bool write_header(struct till_arena *arena, enum till_signing_algorithm algorithm,
                         const struct till_signed_request *request, struct till_str key_id,
                         struct till_str signature, struct till_str *ret_header,
                         struct till_error *err) {
    return till_arena_format(
        arena, ret_header, err, "%.*s key=%.*s,timestamp=%lld,nonce=%.*s,signature=%.*s",
        TILL_STR_ARG(algorithms[algorithm].scheme), TILL_STR_ARG(key_id),
        (long long)request->timestamp_s, TILL_STR_ARG(request->nonce), TILL_STR_ARG(signature));
}

static bool check_key_id(struct till_str key_id, struct till_error *err) {
    return is_token(key_id, 1, KEY_ID_MAX) ||
           TILL_FAIL(err, FIELD_INVALID, "A key id is 1 to %d of A-Z, a-z, 0-9, '_' and '-'.",
                     KEY_ID_MAX);
}

bool till_signing_authorize(struct till_arena *arena, const struct till_signed_request *request,
                            struct till_str key_id, const struct till_secret *secret,
                            struct till_str *ret_header, struct till_error *err) {
    char hex[HEX_SIZE + 1];
    return check_key_id(key_id, err) && sign(arena, request, secret, hex, err) &&
           write_header(arena, TILL_SIGNING_HMAC_SHA256, request, key_id,
                        (struct till_str){hex, HEX_SIZE}, ret_header, err);
}

static enum till_signature signature_of(enum till_signing_algorithm algorithm) {
    return algorithm == TILL_SIGNING_ED25519 ? TILL_ED25519 : TILL_RSA_SHA256;
}

bool till_signing_authorize_by_key(struct till_arena *arena,
                                   const struct till_signed_request *request,
                                   struct till_str key_id, const struct till_key *key,
                                   struct till_str *ret_header, struct till_error *err) {
    enum till_signing_algorithm algorithm;
    struct till_str text, signature;
    return check_key_id(key_id, err) && key_may_sign(key, &algorithm, err) &&
           till_signing_canonical(arena, request, &text, err) &&
           till_key_sign(arena, key, signature_of(algorithm), text, &signature, err) &&
           write_header(arena, algorithm, request, key_id, signature, ret_header, err);
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

/* The word in front of the first blank; it is taken off. */
static bool take_scheme(struct till_str *header, enum till_signing_algorithm *ret) {
    size_t end = till_str_find(*header, ' ');
    struct till_str word = till_str_sub(*header, 0, end);
    for (int i = 0; i < TILL_SIGNING_ALGORITHMS; i++) {
        if (end < header->len && till_str_equal(word, algorithms[i].scheme)) {
            *header = till_str_sub(*header, end + 1, header->len);
            *ret = (enum till_signing_algorithm)i;
            return true;
        }
    }
    return false;
}

bool till_signing_parse(struct till_str header, struct till_authorization *ret,
                        struct till_error *err) {
    struct till_authorization parsed = {.timestamp_s = 0};
    struct till_str timestamp = TILL_STR_NONE;
    unsigned long long seconds;
    if (!take_scheme(&header, &parsed.claimed) || !take_parameters(header, &parsed, &timestamp) ||
        !is_token(parsed.key_id, 1, KEY_ID_MAX) || !is_token(parsed.nonce, NONCE_MIN, NONCE_MAX) ||
        !is_signature(parsed.signature, parsed.claimed) ||
        !till_str_to_u64(timestamp, TIMESTAMP_MAX, &seconds))
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

/* Our own troubles stay what they are; whatever else is wrong with the request or its signature is
 * a wrong signature. */
static bool judge(struct till_error *err) {
    if (err->code == TILL_E_ARENA_FULL || err->code == TILL_E_OUT_OF_MEMORY)
        return false;
    return TILL_FAIL(err, SIGNATURE_WRONG, NULL);
}

bool till_signing_verify_by_key(struct till_arena *arena, const struct till_signed_request *request,
                                struct till_str signature_base64,
                                enum till_signing_algorithm algorithm, const struct till_key *key,
                                struct till_error *err) {
    struct till_str text;
    if (key_signs_with(key) != algorithm)
        return TILL_FAIL(err, KEY_INVALID, "The key is of another kind than its record says.");
    return (till_signing_canonical(arena, request, &text, err) &&
            till_key_verify(key, signature_of(algorithm), text, signature_base64, err)) ||
           judge(err);
}
