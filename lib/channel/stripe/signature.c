/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header Stripe-Signature (dossier 16.4): "t=SECONDS,v1=HEX[,v1=HEX...]". The signed text is
 * the time as written, a full stop, the body's raw bytes; the key is the secret's own characters.
 * Stricter than the official clients wherever they differ: one `t`, plain digits, lower-case hex.
 */
#include "lib/channel/stripe/signature.h"

#include <till/encode.h>
#include <till/time.h>

#include "lib/crypto/mac.h"

/* Seconds until the year 9999 ends; a larger timestamp is no time. */
#define TIMESTAMP_MAX 253402300799ull

enum { HEADER_MAX = 2048 };

bool till_stripe_secret_parse(struct till_str text, struct till_secret *ret_secret,
                              struct till_error *err) {
    const struct till_str prefix = TILL_STR("whsec_");
    if (text.len == 0)
        return TILL_FAIL(
            err, KEY_WEAK,
            "Set the webhook secret of the dashboard (whsec_...): without one, anybody "
            "could sign.");
    if (!till_str_starts_with(text, prefix))
        return TILL_FAIL(err, KEY_INVALID, "A webhook secret begins with whsec_.");
    if (!till_str_is_printable_ascii(text) || till_str_find(text, ' ') < text.len)
        return TILL_FAIL(err, KEY_INVALID,
                         "The webhook secret has a blank or a sign that none has; copy it anew.");
    if (text.len < TILL_SECRET_MIN || text.len > TILL_SECRET_MAX)
        return TILL_FAIL(err, KEY_WEAK,
                         "A webhook secret has %d to %d characters; copy the whole of it.",
                         TILL_SECRET_MIN, TILL_SECRET_MAX);
    *ret_secret = (struct till_secret){.len = text.len};
    memcpy(ret_secret->bytes, text.ptr, text.len);
    return true;
}

bool stripe_mac(struct till_str secret, struct till_str timestamp, struct till_str body,
                char ret_hex[STRIPE_MAC_TEXT + 1], struct till_error *err) {
    uint8_t mac[TILL_SHA256_SIZE];
    const struct till_str parts[] = {timestamp, TILL_STR("."), body};
    if (!mac_parts(secret, parts, 3, mac, err))
        return false;
    till_hex_encode(mac, sizeof mac, ret_hex);
    return true;
}

bool till_stripe_sign(struct till_arena *arena, const struct till_secret *secrets, size_t count,
                      int64_t timestamp_s, struct till_str body, struct till_str *ret_header,
                      struct till_error *err) {
    struct till_buf buf;
    struct till_str timestamp;
    char hex[STRIPE_MAC_TEXT + 1];
    if (count == 0)
        return TILL_FAIL(err, KEY_WEAK, "A webhook needs at least one secret.");
    if (timestamp_s < 0)
        return TILL_FAIL(err, FIELD_INVALID, "A webhook's time is not before 1970.");
    if (!till_arena_format(arena, &timestamp, err, "%lld", (long long)timestamp_s))
        return false;
    till_buf_init(&buf, arena);
    till_buf_text(&buf, "t=");
    till_buf_add(&buf, timestamp);
    for (size_t i = 0; i < count; i++) {
        const struct till_str key = {(const char *)secrets[i].bytes, secrets[i].len};
        if (!stripe_mac(key, timestamp, body, hex, err))
            return false;
        till_buf_text(&buf, ",v1=");
        till_buf_text(&buf, hex);
    }
    return till_buf_finish(&buf, ret_header, err);
}

/* The next "scheme=value" of the list; false when it is none. */
static bool next(struct till_str *rest, struct till_str *ret_scheme, struct till_str *ret_value) {
    size_t end = till_str_find(*rest, ',');
    struct till_str item = till_str_sub(*rest, 0, end);
    size_t equals = till_str_find(item, '=');
    *ret_scheme = till_str_sub(item, 0, equals);
    *ret_value = till_str_sub(item, equals + 1, item.len);
    *rest = till_str_sub(*rest, end + 1, rest->len);
    return equals > 0 && equals < item.len;
}

bool stripe_header_read(struct till_str header, struct stripe_header *ret, struct till_error *err) {
    struct stripe_header read = {.seconds = 0};
    struct till_str rest = header, scheme, value;
    if (header.len > HEADER_MAX)
        return TILL_FAIL(err, SIGNATURE_WRONG, "Stripe-Signature is longer than %d bytes.",
                         HEADER_MAX);
    while (rest.len) {
        if (!next(&rest, &scheme, &value))
            return TILL_FAIL(err, SIGNATURE_WRONG,
                             "Stripe-Signature is no list of name=value, separated by commas.");
        if (till_str_is(scheme, "t") && read.timestamp.len)
            return TILL_FAIL(err, SIGNATURE_WRONG, "Stripe-Signature has two times.");
        if (till_str_is(scheme, "t"))
            read.timestamp = value;
        read.signatures += till_str_is(scheme, "v1");
    }
    if (read.timestamp.len == 0)
        return TILL_FAIL(err, SIGNATURE_MISSING, "Stripe-Signature has no time (t=).");
    if (!till_str_to_u64(read.timestamp, TIMESTAMP_MAX, &read.seconds))
        return TILL_FAIL(err, SIGNATURE_WRONG, "The time of Stripe-Signature is no plain number.");
    if (read.signatures == 0)
        return TILL_FAIL(err, SIGNATURE_MISSING,
                         "Stripe-Signature has no signature of the scheme v1; no other counts.");
    *ret = read;
    return true;
}

bool stripe_header_has(struct till_str header, struct till_str hex) {
    struct till_str rest = header, scheme, value;
    bool has = false;
    while (rest.len) {
        (void)next(&rest, &scheme, &value); /* it was read before */
        if (till_str_is(scheme, "v1") && till_equal_constant_time(value, hex))
            has = true;
    }
    return has;
}

bool stripe_header_is_fresh(const struct stripe_header *header, int64_t now_us) {
    int64_t ahead_us;
    return !__builtin_sub_overflow((int64_t)header->seconds * TILL_US_PER_SECOND, now_us,
                                   &ahead_us) &&
           ahead_us <= TILL_STRIPE_TOLERANCE_S * TILL_US_PER_SECOND &&
           ahead_us >= -TILL_STRIPE_TOLERANCE_S * TILL_US_PER_SECOND;
}

bool till_stripe_verify(const struct till_secret *secret, struct till_str header,
                        struct till_str body, int64_t now_us, struct till_error *err) {
    const struct till_str key = {(const char *)secret->bytes, secret->len};
    struct stripe_header read;
    char hex[STRIPE_MAC_TEXT + 1];
    if (key.len == 0)
        return TILL_FAIL(err, KEY_WEAK, "The webhook secret is empty; anybody could sign.");
    if (!stripe_header_read(header, &read, err) || !stripe_mac(key, read.timestamp, body, hex, err))
        return false;
    if (!stripe_header_has(header, till_str_of(hex)))
        return TILL_FAIL(err, SIGNATURE_WRONG,
                         "No v1 signature matches; compare the endpoint's secret, and verify the "
                         "raw bytes of the body.");
    if (!stripe_header_is_fresh(&read, now_us))
        return TILL_FAIL(err, TIMESTAMP_OUTSIDE,
                         "The signature's time is more than %d s away from the clock here.",
                         TILL_STRIPE_TOLERANCE_S);
    return true;
}
