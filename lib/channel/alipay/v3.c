/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI v3: what is signed, and the header that carries a request's signature (dossier 11). */
#include <till/alipay.h>

static void add_line(struct till_buf *buf, struct till_str part) {
    till_buf_add(buf, part);
    till_buf_char(buf, '\n');
}

bool till_alipay_v3_request_text(struct till_arena *arena,
                                 const struct till_alipay_v3_request *request,
                                 struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    add_line(&buf, request->auth);
    add_line(&buf, request->method);
    add_line(&buf, request->target);
    add_line(&buf, request->body);
    if (request->app_auth_token.len)
        add_line(&buf, request->app_auth_token);
    return till_buf_finish(&buf, ret_text, err);
}

bool till_alipay_v3_answer_text(struct till_arena *arena, struct till_str timestamp,
                                struct till_str nonce, struct till_str body,
                                struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    add_line(&buf, timestamp);
    add_line(&buf, nonce);
    add_line(&buf, body);
    return till_buf_finish(&buf, ret_text, err);
}

/* Where a part goes; one that is not known goes nowhere. */
static struct till_str *slot_of(struct till_str name, struct till_alipay_v3_authorization *a,
                                struct till_str *unread) {
    const struct {
        const char *name;
        struct till_str *slot;
    } slots[] = {{"app_id", &a->app_id},
                 {"app_cert_sn", &a->app_cert_sn},
                 {"nonce", &a->nonce},
                 {"timestamp", &a->timestamp},
                 {"expired_seconds", &a->expired_seconds},
                 {"sign", &a->sign}};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (till_str_is(name, slots[i].name))
            return slots[i].slot;
    }
    *unread = TILL_STR_NONE;
    return unread;
}

/* "a=b,c=d": each known name once, none empty; the signature last. */
static bool take_parts(struct till_str text, struct till_alipay_v3_authorization *a) {
    struct till_str rest = text, unread;
    while (rest.len && a->sign.len == 0) {
        size_t end = till_str_find(rest, ',');
        struct till_str part = till_str_sub(rest, 0, end);
        size_t equals = till_str_find(part, '=');
        struct till_str *slot = slot_of(till_str_sub(part, 0, equals), a, &unread);
        if (slot->len != 0 || equals + 1 >= part.len)
            return false;
        *slot = till_str_sub(part, equals + 1, part.len);
        if (slot == &a->sign) {
            size_t signed_len = text.len - rest.len;
            a->auth = till_str_sub(text, 0, signed_len ? signed_len - 1 : 0);
        }
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    return rest.len == 0 && till_str_ends_with(text, a->sign);
}

bool till_alipay_v3_authorization_parse(struct till_str header,
                                        struct till_alipay_v3_authorization *ret,
                                        struct till_error *err) {
    const struct till_str scheme = TILL_STR("ALIPAY-SHA256withRSA ");
    struct till_alipay_v3_authorization parsed = {0};
    if (!till_str_starts_with(header, scheme) ||
        !take_parts(till_str_sub(header, scheme.len, header.len), &parsed) ||
        parsed.app_id.len == 0 || parsed.nonce.len == 0 || parsed.timestamp.len == 0 ||
        parsed.sign.len == 0)
        return TILL_FAIL(err, SIGNATURE_MISSING,
                         "The authorization is \"ALIPAY-SHA256withRSA app_id=..,nonce=..,"
                         "timestamp=..,sign=..\", each part once and the signature last.");
    *ret = parsed;
    return true;
}
