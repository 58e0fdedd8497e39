/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/alipay/pasted.h"

#include <till/encode.h>

#include "lib/channel/alipay/answer.h"
#include "lib/channel/alipay/wire.h"
#include "lib/channel/gbk.h"

typedef bool transform(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                       struct till_error *err);

/* Without CR and LF: people paste wrapped lines. */
static bool unwrap(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                   struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\r' && text.ptr[i] != '\n')
            till_buf_char(&buf, text.ptr[i]);
    }
    return till_buf_finish(&buf, ret_text, err);
}

/* Base64 has no blanks: they were '+' before somebody decoded once too often. */
static bool repair_sign(struct till_arena *arena, struct till_str sign, struct till_str *ret_sign,
                        struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    if (till_str_find(sign, '%') < sign.len && !till_percent_decode(arena, sign, false, &sign, err))
        return false;
    for (size_t i = 0; i < sign.len; i++)
        till_buf_char(&buf, sign.ptr[i] == ' ' ? '+' : sign.ptr[i]);
    return till_buf_finish(&buf, ret_sign, err);
}

bool pasted_unescape(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                     struct till_error *err) {
    static const struct {
        const char *entity;
        char character;
    } entities[] = {{"&quot;", '"'}, {"&amp;", '&'},   {"&lt;", '<'}, {"&gt;", '>'},
                    {"&#39;", '\''}, {"&apos;", '\''}, {"&#34;", '"'}};
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t at = 0; at < text.len; at++) {
        char c = text.ptr[at];
        for (size_t i = 0; c == '&' && i < sizeof entities / sizeof entities[0]; i++) {
            struct till_str entity = till_str_of(entities[i].entity);
            if (till_str_starts_with(till_str_sub(text, at, entity.len), entity)) {
                c = entities[i].character;
                at += entity.len - 1;
                break;
            }
        }
        till_buf_char(&buf, c);
    }
    return till_buf_finish(&buf, ret_text, err);
}

/* Pairs as they stand, nothing decoded. */
static bool split_raw(struct till_arena *arena, struct till_str text, struct till_form *ret_form,
                      struct till_error *err) {
    if (!till_form_init(arena, ret_form, err))
        return false;
    while (text.len) {
        size_t end = till_str_find(text, '&');
        struct till_str pair = till_str_sub(text, 0, end);
        size_t equals = till_str_find(pair, '=');
        if (!till_form_add(ret_form, till_str_sub(pair, 0, equals),
                           till_str_sub(pair, equals + 1, pair.len), err))
            return false;
        text = till_str_sub(text, end + 1, text.len);
    }
    return true;
}

static enum till_explained_kind kind_of(const struct till_form *form) {
    struct till_str method = till_form_get(form, "method");
    if (till_form_find(form, "notify_id") || till_form_find(form, "notify_type") ||
        till_str_ends_with(method, TILL_STR(".return")))
        return TILL_EXPLAIN_NOTIFICATION;
    return TILL_EXPLAIN_REQUEST;
}

static bool read_form(struct pasted *p, struct till_error *err) {
    size_t question = till_str_find(p->text, '?');
    struct till_str head = till_str_sub(p->text, 0, question);
    /* An address or a request line in front of the query. */
    if (question < p->text.len && till_str_find(head, '=') == head.len)
        p->text = till_str_sub(p->text, question + 1, p->text.len);
    if (!unwrap(p->arena, p->text, &p->text, err))
        return false;
    if (!till_form_parse(p->arena, p->text, &p->form, err) &&
        !split_raw(p->arena, p->text, &p->form, err))
        return false;
    if (p->form.count < 2)
        return TILL_FAIL(err, BODY_MALFORMED,
                         "Paste a whole request, notification, return address or answer.");
    p->kind = kind_of(&p->form);
    p->algorithm =
        till_str_is(till_form_get(&p->form, "sign_type"), "RSA") ? TILL_RSA_SHA1 : TILL_RSA_SHA256;
    return repair_sign(p->arena, till_form_get(&p->form, "sign"), &p->sign, err);
}

static bool read_answer(struct pasted *p, struct till_error *err) {
    struct till_alipay_answer answer;
    struct till_str text;
    if (!alipay_answer_scan(p->text, &answer, err) &&
        (!pasted_unescape(p->arena, p->text, &text, err) ||
         !alipay_answer_scan(text, &answer, err)))
        return false;
    p->kind = TILL_EXPLAIN_ANSWER;
    p->algorithm = TILL_RSA_SHA256;
    p->node = answer.node;
    return alipay_unescape_slashes(p->arena, answer.sign, &p->sign, err);
}

bool pasted_read(struct till_arena *arena, struct till_str text, struct pasted *ret_pasted,
                 struct till_error *err) {
    struct pasted p = {.arena = arena, .text = till_str_trim(text)};
    bool is_answer = p.text.len && p.text.ptr[0] == '{';
    if (!(is_answer ? read_answer(&p, err) : read_form(&p, err)))
        return false;
    *ret_pasted = p;
    return true;
}

static bool is_answer(const struct pasted *p) {
    return p->kind == TILL_EXPLAIN_ANSWER;
}

static bool canonical(const struct pasted *p, const struct till_form *form,
                      struct till_str *ret_text, struct till_error *err) {
    if (p->kind == TILL_EXPLAIN_REQUEST)
        return till_alipay_request_text(p->arena, form, false, ret_text, err);
    return till_alipay_notify_text(p->arena, form, TILL_ALIPAY_V1, ret_text, err);
}

/* The canonical text after a change to every value, or to the node. */
static bool changed(const struct pasted *p, transform *change, struct till_str *ret_text,
                    struct till_error *err) {
    struct till_form form;
    if (is_answer(p))
        return change(p->arena, p->node, ret_text, err);
    if (!till_form_init(p->arena, &form, err))
        return false;
    for (size_t i = 0; i < p->form.count; i++) {
        struct till_str value;
        if (!change(p->arena, p->form.pairs[i].value, &value, err) ||
            !till_form_add(&form, p->form.pairs[i].name, value, err))
            return false;
    }
    return canonical(p, &form, ret_text, err);
}

bool pasted_canonical(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    if (!is_answer(p))
        return canonical(p, &p->form, ret_text, err);
    *ret_text = p->node;
    return true;
}

bool pasted_with_empty(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    static const char *const v1[] = {"sign", "sign_type", NULL};
    static const char *const request[] = {"sign", NULL};
    return !is_answer(p) &&
           till_form_canonical(p->arena, &p->form, p->kind == TILL_EXPLAIN_REQUEST ? request : v1,
                               false, ret_text, err);
}

bool pasted_other_rule(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    if (is_answer(p))
        return false;
    return till_alipay_notify_text(
        p->arena, &p->form, p->kind == TILL_EXPLAIN_REQUEST ? TILL_ALIPAY_V1 : TILL_ALIPAY_V2,
        ret_text, err);
}

bool pasted_undecoded(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    struct till_form form;
    return !is_answer(p) && split_raw(p->arena, p->text, &form, err) &&
           canonical(p, &form, ret_text, err);
}

static bool decode_again(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                         struct till_error *err) {
    return till_percent_decode(arena, text, true, ret_text, err);
}

bool pasted_decoded_twice(const struct pasted *p, struct till_str *ret_text,
                          struct till_error *err) {
    return !is_answer(p) && changed(p, decode_again, ret_text, err);
}

bool pasted_html_unescaped(const struct pasted *p, struct till_str *ret_text,
                           struct till_error *err) {
    return changed(p, pasted_unescape, ret_text, err);
}

bool pasted_as_gbk(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    return changed(p, gbk_from_utf8, ret_text, err);
}

bool pasted_from_gbk(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    return changed(p, gbk_to_utf8, ret_text, err);
}

static bool trim(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                 struct till_error *err) {
    (void)arena, (void)err;
    *ret_text = till_str_trim(text);
    return true;
}

bool pasted_trimmed(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    return !is_answer(p) && changed(p, trim, ret_text, err);
}

bool pasted_return_only(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    struct till_form form;
    if (p->kind != TILL_EXPLAIN_NOTIFICATION || !till_form_init(p->arena, &form, err))
        return false;
    for (const char *const *name = alipay_return_names; *name; name++) {
        const struct till_pair *pair = till_form_find(&p->form, *name);
        if (pair && !till_form_add(&form, pair->name, pair->value, err))
            return false;
    }
    return canonical(p, &form, ret_text, err);
}

bool pasted_slashes_escaped(const struct pasted *p, struct till_str *ret_text,
                            struct till_error *err) {
    struct till_buf buf;
    if (!is_answer(p))
        return false;
    till_buf_init(&buf, p->arena);
    for (size_t i = 0; i < p->node.len; i++) {
        if (p->node.ptr[i] == '/')
            till_buf_char(&buf, '\\');
        till_buf_char(&buf, p->node.ptr[i]);
    }
    return till_buf_finish(&buf, ret_text, err);
}

bool pasted_compact(const struct pasted *p, struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    bool in_string = false;
    if (!is_answer(p))
        return false;
    till_buf_init(&buf, p->arena);
    for (size_t i = 0; i < p->node.len; i++) {
        char c = p->node.ptr[i];
        if (in_string && c == '\\' && i + 1 < p->node.len)
            till_buf_char(&buf, p->node.ptr[i++]);
        else if (c == '"')
            in_string = !in_string;
        if (in_string || !memchr(" \t\r\n", c, 4))
            till_buf_char(&buf, p->node.ptr[i]);
    }
    return till_buf_finish(&buf, ret_text, err);
}
