/* SPDX-License-Identifier: Apache-2.0 */
/* See signature.h. */
#include <sandbox/stripe/signature.h>

#include <inttypes.h>

#define STRANGER TILL_STR("whsec_nobody0ever0registered0this00000")

bool stripe_v1(struct till_arena *arena, struct till_str secret, int64_t t_s, struct till_str body,
               char ret_hex[STRIPE_V1_TEXT], struct till_error *err) {
    uint8_t mac[TILL_SHA256_SIZE];
    struct till_str text;
    struct till_buf buf;
    till_buf_init(&buf, arena);
    till_buf_format(&buf, "%" PRId64 ".", t_s);
    till_buf_add(&buf, body);
    if (!till_buf_finish(&buf, &text, err) || !till_hmac_sha256(secret, text, mac, err))
        return false;
    till_hex_encode(mac, sizeof mac, ret_hex);
    return true;
}

struct header {
    struct till_buf buf;
    int64_t t_s;
    struct till_str body;
};

/* ",name=hex" under a secret. */
static bool add(struct header *header, const char *name, struct till_str secret,
                struct till_error *err) {
    char hex[STRIPE_V1_TEXT];
    if (!stripe_v1(header->buf.arena, secret, header->t_s, header->body, hex, err))
        return false;
    till_buf_format(&header->buf, ",%s=%s", name, hex);
    return true;
}

static void raise(char *hex) {
    for (; *hex; hex++)
        if (*hex >= 'a' && *hex <= 'f')
            *hex = (char)(*hex - 'a' + 'A');
}

static bool add_upper_case(struct header *header, struct till_str secret, struct till_error *err) {
    char hex[STRIPE_V1_TEXT];
    if (!stripe_v1(header->buf.arena, secret, header->t_s, header->body, hex, err))
        return false;
    raise(hex);
    till_buf_format(&header->buf, ",v1=%s", hex);
    return true;
}

/* Every living secret signs, the newest first. The v0 of a test event proves nothing. */
static bool add_usual(struct header *header, const struct stripe_signing *signing,
                      struct till_error *err) {
    for (size_t i = 0; i < STRIPE_SECRETS_MAX && (i == 0 || signing->secrets[i].len); i++)
        if (!add(header, "v1", signing->secrets[i], err))
            return false;
    return add(header, "v0", STRANGER, err);
}

static bool add_signatures(struct header *header, const struct stripe_signing *signing,
                           struct till_error *err) {
    struct till_str secret = signing->secrets[0];
    switch (signing->variant) {
    case FAULT_EVENT_WRONG_SECRET:
        return add(header, "v1", STRANGER, err);
    case FAULT_EVENT_SECOND_V1:
        return add(header, "v1", STRANGER, err) && add(header, "v1", secret, err);
    case FAULT_EVENT_ONLY_V0:
        return add(header, "v0", secret, err);
    case FAULT_EVENT_UPPER_CASE:
        return add_upper_case(header, secret, err);
    default:
        return add_usual(header, signing, err);
    }
}

static int64_t time_of(const struct stripe_signing *signing) {
    if (signing->variant == FAULT_EVENT_OLD)
        return signing->now_s - signing->shift_s;
    return signing->now_s + (signing->variant == FAULT_EVENT_FUTURE ? signing->shift_s : 0);
}

bool stripe_signature(struct till_arena *arena, const struct stripe_signing *signing,
                      struct till_str body, struct till_str *ret_value, struct till_error *err) {
    struct header header = {.t_s = time_of(signing), .body = body};
    struct till_str value = TILL_STR_NONE;
    till_buf_init(&header.buf, arena);
    if (signing->variant == FAULT_EVENT_UNSIGNED) {
        *ret_value = value;
        return true;
    }
    till_buf_format(&header.buf, "t=%" PRId64, header.t_s);
    if (!add_signatures(&header, signing, err) || !till_buf_finish(&header.buf, &value, err))
        return false;
    *ret_value = value;
    return true;
}
