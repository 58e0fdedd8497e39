/* SPDX-License-Identifier: Apache-2.0 */
/* Standard Webhooks 1.0.0, version v1. */
#include <till/webhook.h>

#include <till/encode.h>
#include <till/time.h>

#include "lib/base/base64.h"
#include "lib/crypto/mac.h"

enum { SECRET_MIN = 24, SECRET_MAX = 64, MAC_TEXT = BASE64_SIZE(TILL_SHA256_SIZE) };

/* Seconds until the year 9999 ends; a larger timestamp is no time. */
#define TIMESTAMP_MAX 253402300799ull

static bool check_length(size_t len, struct till_error *err) {
    if (len < SECRET_MIN || len > SECRET_MAX)
        return TILL_FAIL(err, KEY_WEAK, "A webhook secret has %d to %d bytes, not %zu.", SECRET_MIN,
                         SECRET_MAX, len);
    return true;
}

bool till_webhook_secret_parse(struct till_str text, struct till_secret *ret_secret,
                               struct till_error *err) {
    const struct till_str prefix = TILL_STR("whsec_");
    TILL_SECRET_SCOPED struct till_secret secret = {.len = 0};
    if (!till_str_starts_with(text, prefix) ||
        !base64_decode_into(till_str_sub(text, prefix.len, text.len), secret.bytes,
                            sizeof secret.bytes, &secret.len))
        return TILL_FAIL(err, KEY_INVALID, "A webhook secret is \"whsec_\" and base64 behind it.");
    if (!check_length(secret.len, err))
        return false;
    *ret_secret = secret;
    return true;
}

bool till_webhook_secret_format(struct till_arena *arena, const struct till_secret *secret,
                                struct till_str *ret_text, struct till_error *err) {
    struct till_str base64;
    if (!check_length(secret->len, err) ||
        !till_base64_encode(arena, (struct till_str){(const char *)secret->bytes, secret->len},
                            &base64, err))
        return false;
    return till_arena_format(arena, ret_text, err, "whsec_%.*s", TILL_STR_ARG(base64));
}

/* base64(HMAC(secret, id "." timestamp "." body)) */
static bool mac_text(const struct till_secret *secret, struct till_str id,
                     struct till_str timestamp, struct till_str body, char ret_text[MAC_TEXT],
                     struct till_error *err) {
    uint8_t mac[TILL_SHA256_SIZE];
    const struct till_str key = {(const char *)secret->bytes, secret->len};
    const struct till_str parts[] = {id, TILL_STR("."), timestamp, TILL_STR("."), body};
    if (!check_length(key.len, err) ||
        !mac_parts(key, parts, sizeof parts / sizeof parts[0], mac, err))
        return false;
    base64_encode_into(mac, sizeof mac, ret_text);
    return true;
}

/* A '.' in the id would let two messages share one signed text. */
static bool is_id(struct till_str id) {
    return id.len > 0 && till_str_is_printable_ascii(id) && till_str_find(id, '.') == id.len;
}

bool till_webhook_sign(struct till_arena *arena, const struct till_secret *secrets, size_t count,
                       struct till_str id, int64_t timestamp_s, struct till_str body,
                       struct till_str *ret_header, struct till_error *err) {
    struct till_buf buf;
    struct till_str timestamp;
    char text[MAC_TEXT];
    if (count == 0)
        return TILL_FAIL(err, KEY_WEAK, "A webhook needs at least one secret.");
    if (!is_id(id) || timestamp_s < 0)
        return TILL_FAIL(err, FIELD_INVALID,
                         "A webhook id is ASCII without '.', its time not "
                         "before 1970.");
    if (!till_arena_format(arena, &timestamp, err, "%lld", (long long)timestamp_s))
        return false;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < count; i++) {
        if (!mac_text(&secrets[i], id, timestamp, body, text, err))
            return false;
        till_buf_text(&buf, i ? " v1," : "v1,");
        till_buf_add(&buf, (struct till_str){text, MAC_TEXT});
    }
    return till_buf_finish(&buf, ret_header, err);
}

static bool check_timestamp(struct till_str text, int64_t now_us, struct till_error *err) {
    unsigned long long seconds;
    if (!till_str_to_u64(text, TIMESTAMP_MAX, &seconds))
        return TILL_FAIL(err, TIMESTAMP_OUTSIDE, "The webhook-timestamp is no plain integer.");
    int64_t ahead_us = (int64_t)seconds * TILL_US_PER_SECOND - now_us;
    if (ahead_us > TILL_WEBHOOK_TOLERANCE_S * TILL_US_PER_SECOND ||
        ahead_us < -TILL_WEBHOOK_TOLERANCE_S * TILL_US_PER_SECOND)
        return TILL_FAIL(err, TIMESTAMP_OUTSIDE,
                         "The webhook-timestamp is more than %d s away from the clock here.",
                         TILL_WEBHOOK_TOLERANCE_S);
    return true;
}

/* Does any "v1,BASE64" of the blank-separated list match? Other versions are skipped. */
static bool any_matches(struct till_str list, struct till_str expected) {
    const struct till_str version = TILL_STR("v1,");
    bool matches = false;
    while (list.len) {
        size_t end = till_str_find(list, ' ');
        struct till_str entry = till_str_sub(list, 0, end);
        struct till_str given = till_str_sub(entry, version.len, entry.len);
        if (till_str_starts_with(entry, version) && till_equal_constant_time(given, expected))
            matches = true;
        list = till_str_sub(list, end + 1, list.len);
    }
    return matches;
}

bool till_webhook_verify(const struct till_secret *secret, struct till_str id,
                         struct till_str timestamp, struct till_str signatures,
                         struct till_str body, int64_t now_us, struct till_error *err) {
    char text[MAC_TEXT];
    if (!mac_text(secret, id, timestamp, body, text, err))
        return false;
    if (!check_timestamp(timestamp, now_us, err))
        return false;
    if (!is_id(id) || !any_matches(signatures, (struct till_str){text, MAC_TEXT}))
        return TILL_FAIL(err, SIGNATURE_WRONG,
                         "No signature of the webhook matches; compare the secret, and verify the "
                         "raw bytes of the body.");
    return true;
}
