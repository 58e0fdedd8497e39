/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message of the platform says, read without the gateway's parsers: a form is taken apart
 * here, an answer is searched for the few members that decide, and the signature is checked over
 * the bytes as they came, under the keys that the platform itself has.
 */
#include "check_inside.h"

#include <stdio.h>

int64_t proof_minor(struct till_str decimal) {
    int64_t minor = 0;
    size_t point = till_str_find(decimal, '.');
    if (point == 0 || point + 3 != decimal.len || decimal.len > 15)
        return -1;
    for (size_t i = 0; i < decimal.len; i++) {
        if (i == point)
            continue;
        if (decimal.ptr[i] < '0' || decimal.ptr[i] > '9')
            return -1;
        minor = minor * 10 + (decimal.ptr[i] - '0');
    }
    return minor;
}

static void copy(char *out, size_t size, struct till_str text) {
    size_t len = text.len < size ? text.len : size - 1;
    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

/* Under any key that the platform has, or had, for the app. */
static bool is_signed(const struct platform_app *app, struct till_str message,
                      struct till_str signature) {
    struct till_error ignored;
    if (!app || signature.len == 0)
        return false;
    for (const struct platform_signer *signer = app->signer; signer; signer = signer->older)
        if (till_key_verify(signer->key, TILL_RSA_SHA256, message, signature, &ignored))
            return true;
    return false;
}

/* ---- notifications: a form ---- */

enum { FIELDS_MAX = 64 };
struct field {
    struct till_str name, value;
};
struct fields {
    struct field rows[FIELDS_MAX];
    size_t count;
    bool is_doubtful;
};

static bool decode(struct till_arena *arena, struct till_str text, struct till_str *ret) {
    struct till_error ignored;
    return till_percent_decode(arena, text, true, ret, &ignored);
}

static bool add_field(struct till_arena *arena, struct fields *fields, struct till_str pair) {
    size_t equals = till_str_find(pair, '=');
    struct field field;
    if (fields->count == FIELDS_MAX || !decode(arena, till_str_sub(pair, 0, equals), &field.name) ||
        !decode(arena, till_str_sub(pair, equals + 1, pair.len), &field.value))
        return false;
    size_t at = fields->count;
    for (; at > 0 && till_str_compare(fields->rows[at - 1].name, field.name) > 0; at--)
        fields->rows[at] = fields->rows[at - 1];
    fields->is_doubtful =
        fields->is_doubtful || (at > 0 && till_str_equal(fields->rows[at - 1].name, field.name));
    fields->rows[at] = field;
    fields->count++;
    return true;
}

/* Sorted by name. */
static bool take_apart(struct till_arena *arena, struct till_str form, struct fields *ret) {
    *ret = (struct fields){.count = 0};
    while (form.len > 0) {
        size_t end = till_str_find(form, '&');
        if (!add_field(arena, ret, till_str_sub(form, 0, end)))
            return false;
        form = till_str_sub(form, end + 1, form.len);
    }
    return true;
}

static struct till_str field_of(const struct fields *fields, const char *name) {
    for (size_t i = 0; i < fields->count; i++)
        if (till_str_is(fields->rows[i].name, name))
            return fields->rows[i].value;
    return TILL_STR_NONE;
}

static struct till_str signed_text(struct till_arena *arena, const struct fields *fields) {
    struct till_buf buf;
    struct till_str text = TILL_STR_NONE;
    struct till_error ignored;
    till_buf_init(&buf, arena);
    for (size_t i = 0, written = 0; i < fields->count; i++) {
        const struct field *field = &fields->rows[i];
        bool is_part = field->value.len > 0 && !till_str_is(field->name, "sign") &&
                       !till_str_is(field->name, "sign_type");
        if (!is_part)
            continue;
        if (written++ > 0)
            till_buf_char(&buf, '&');
        till_buf_add(&buf, field->name);
        till_buf_char(&buf, '=');
        till_buf_add(&buf, field->value);
    }
    return till_buf_finish(&buf, &text, &ignored) ? text : TILL_STR_NONE;
}

static enum proof_says status_says(struct till_str status, bool is_refund, bool is_whole) {
    if (till_str_is(status, "WAIT_BUYER_PAY"))
        return SAYS_WAITING;
    if (till_str_is(status, "TRADE_SUCCESS") || till_str_is(status, "TRADE_FINISHED"))
        return is_refund && is_whole ? SAYS_REFUNDED : SAYS_PAID;
    if (till_str_is(status, "TRADE_CLOSED"))
        return is_refund ? SAYS_REFUNDED : SAYS_CLOSED;
    return SAYS_NOTHING;
}

void proof_of_notify(struct check *check, const struct platform_app *app, struct till_str bytes,
                     struct proof *ret) {
    struct proof proof = {.total_minor = -1, .refund_minor = -1};
    struct fields fields;
    struct till_str status;
    *ret = proof;
    if (!take_apart(&check->arena, bytes, &fields))
        return;
    proof.is_doubtful = fields.is_doubtful;
    proof.is_signed =
        till_str_is(field_of(&fields, "sign_type"), "RSA2") &&
        is_signed(app, signed_text(&check->arena, &fields), field_of(&fields, "sign"));
    copy(proof.app_id, sizeof proof.app_id, field_of(&fields, "app_id"));
    copy(proof.seller_id, sizeof proof.seller_id, field_of(&fields, "seller_id"));
    copy(proof.order_no, sizeof proof.order_no, field_of(&fields, "out_trade_no"));
    copy(proof.refund_no, sizeof proof.refund_no, field_of(&fields, "out_biz_no"));
    proof.total_minor = proof_minor(field_of(&fields, "total_amount"));
    proof.refund_minor = proof_minor(field_of(&fields, "refund_fee"));
    status = field_of(&fields, "trade_status");
    bool was_paid = proof.refund_minor > 0 ||
                    (till_str_is(status, "TRADE_CLOSED") && field_of(&fields, "gmt_payment").len);
    proof.says = status_says(status, was_paid, proof.refund_minor >= proof.total_minor);
    *ret = proof;
}

/* ---- answers: one node and its signature ---- */

/* From an opening brace to its own end; strings are stepped over. */
static struct till_str node_of(struct till_str bytes) {
    static const char mark[] = "_response\":";
    const char *found = bytes.len ? memmem(bytes.ptr, bytes.len, mark, sizeof mark - 1) : NULL;
    if (!found)
        return TILL_STR_NONE;
    struct till_str rest =
        till_str_sub(bytes, (size_t)(found - bytes.ptr) + sizeof mark - 1, bytes.len);
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '}'))
            depth += c == '{' ? 1 : -1;
        if (depth == 0)
            return till_str_sub(rest, 0, i + 1);
    }
    return TILL_STR_NONE;
}

/* The text of a member that is a string without escapes; those that decide are. */
static struct till_str member(struct till_str text, const char *name) {
    char mark[64];
    int len = snprintf(mark, sizeof mark, "\"%s\":\"", name);
    const char *found = text.len ? memmem(text.ptr, text.len, mark, (size_t)len) : NULL;
    if (!found)
        return TILL_STR_NONE;
    struct till_str value = till_str_sub(text, (size_t)(found - text.ptr) + (size_t)len, text.len);
    return till_str_sub(value, 0, till_str_find(value, '"'));
}

/* Base64 as Alipay writes it: "\/" for "/". */
static struct till_str plain_signature(struct till_str text, char out[512]) {
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < 511; i++)
        if (text.ptr[i] != '\\')
            out[len++] = text.ptr[i];
    return (struct till_str){out, len};
}

static bool names(struct till_str bytes, const char *method) {
    struct till_str text = till_str_of(method);
    return bytes.len && memmem(bytes.ptr, bytes.len < 64 ? bytes.len : 64, text.ptr, text.len);
}

static enum proof_says answer_says(struct till_str bytes, struct till_str node) {
    if (!till_str_is(member(node, "code"), "10000"))
        return SAYS_NOTHING;
    if (names(bytes, "trade_query_response"))
        return status_says(member(node, "trade_status"), false, false);
    if (names(bytes, "refund_query_response"))
        return till_str_is(member(node, "refund_status"), "REFUND_SUCCESS") ? SAYS_REFUNDED
                                                                            : SAYS_NOTHING;
    if (names(bytes, "trade_refund_response"))
        return till_str_is(member(node, "fund_change"), "Y") ? SAYS_REFUNDED : SAYS_NOTHING;
    if (names(bytes, "trade_cancel_response"))
        return till_str_is(member(node, "action"), "refund") ? SAYS_REFUNDED : SAYS_CLOSED;
    if (names(bytes, "trade_close_response"))
        return SAYS_CLOSED;
    return names(bytes, "trade_pay_response") ? SAYS_PAID : SAYS_WAITING;
}

void proof_of_answer(const struct check *check, const struct platform_app *app,
                     struct till_str bytes, struct proof *ret) {
    char signature[512];
    struct till_str node = node_of(bytes);
    struct proof proof = {.total_minor = -1, .refund_minor = -1};
    (void)check;
    size_t end = node.len ? (size_t)(node.ptr - bytes.ptr) + node.len : 0;
    struct till_str sign = member(till_str_sub(bytes, end, bytes.len), "sign");
    proof.is_signed = node.len > 0 && is_signed(app, node, plain_signature(sign, signature));
    proof.says = answer_says(bytes, node);
    copy(proof.order_no, sizeof proof.order_no, member(node, "out_trade_no"));
    copy(proof.refund_no, sizeof proof.refund_no, member(node, "out_request_no"));
    proof.total_minor = proof_minor(member(node, "total_amount"));
    if (app) {
        copy(proof.app_id, sizeof proof.app_id, till_str_of(app->id));
        copy(proof.seller_id, sizeof proof.seller_id, till_str_of(app->seller->id));
    }
    *ret = proof;
}
