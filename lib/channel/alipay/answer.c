/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is {"<method>_response":NODE,"sign":"BASE64"} and the signature covers the bytes of
 * NODE as they came (dossier 3.2). So the span is found by walking the raw text, aware of strings;
 * nothing is parsed, unescaped or written anew before the signature is good, and afterwards that
 * very span is what gets parsed. Anything unusual around it is refused rather than interpreted.
 */
#include "lib/channel/alipay/answer.h"

struct walk {
    struct till_str text;
    size_t at;
    struct till_str *sign_type; /* of an app's result; NULL: there is no such member */
};

static char peek(const struct walk *walk) {
    return walk->at < walk->text.len ? walk->text.ptr[walk->at] : '\0';
}

static void skip_blanks(struct walk *walk) {
    while (peek(walk) == ' ' || peek(walk) == '\t' || peek(walk) == '\r' || peek(walk) == '\n')
        walk->at++;
}

static bool take(struct walk *walk, char c) {
    skip_blanks(walk);
    if (peek(walk) != c)
        return false;
    walk->at++;
    return true;
}

/* The quoted string at the cursor, quotes included. */
static bool take_string(struct walk *walk, struct till_str *ret_span) {
    size_t from = walk->at;
    if (peek(walk) != '"')
        return false;
    for (walk->at++; walk->at < walk->text.len; walk->at++) {
        char c = walk->text.ptr[walk->at];
        if (c == '\\') {
            walk->at++;
        } else if (c == '"') {
            walk->at++;
            *ret_span = till_str_sub(walk->text, from, walk->at - from);
            return true;
        }
    }
    return false;
}

/* The object at the cursor, by counting braces outside of strings. */
static bool take_object(struct walk *walk, struct till_str *ret_span) {
    size_t from = walk->at, depth = 0;
    struct till_str string;
    while (walk->at < walk->text.len) {
        char c = walk->text.ptr[walk->at];
        if (c == '"') {
            if (!take_string(walk, &string))
                return false;
            continue;
        }
        depth += c == '{';
        depth -= c == '}';
        walk->at++;
        if (depth == 0) {
            *ret_span = till_str_sub(walk->text, from, walk->at - from);
            return true;
        }
    }
    return false;
}

static struct till_str without_quotes(struct till_str span) {
    return till_str_sub(span, 1, span.len - 2);
}

/* A member stands once; `known` tells that it was seen already. */
static bool put_once(struct till_str *slot, struct till_str value, bool *known) {
    if (*known)
        return false;
    *known = true;
    *slot = value;
    return true;
}

struct seen {
    bool node, sign, cert_sn, sign_type;
};

static bool take_text_member(struct walk *walk, struct till_str *slot, bool *known) {
    struct till_str span;
    return take_string(walk, &span) && put_once(slot, without_quotes(span), known);
}

/* One "name":value of the outer object. Only the three members that an answer has are let in. */
static bool take_member(struct walk *walk, struct till_alipay_answer *answer, struct seen *seen) {
    struct till_str name, value;
    skip_blanks(walk);
    if (!take_string(walk, &name) || !take(walk, ':'))
        return false;
    skip_blanks(walk);
    name = without_quotes(name);
    if (till_str_is(name, "sign"))
        return take_text_member(walk, &answer->sign, &seen->sign);
    if (till_str_is(name, "alipay_cert_sn"))
        return take_text_member(walk, &answer->cert_sn, &seen->cert_sn);
    if (walk->sign_type && till_str_is(name, "sign_type"))
        return take_text_member(walk, walk->sign_type, &seen->sign_type);
    if (!till_str_ends_with(name, TILL_STR("_response")))
        return false;
    answer->node_name = name;
    bool whole = peek(walk) == '{' ? take_object(walk, &value) : take_string(walk, &value);
    return whole && put_once(&answer->node, value, &seen->node);
}

static bool take_answer(struct walk *walk, struct till_alipay_answer *answer) {
    struct seen seen = {0};
    if (!take(walk, '{'))
        return false;
    do {
        if (!take_member(walk, answer, &seen))
            return false;
    } while (take(walk, ','));
    if (!take(walk, '}') || !seen.node)
        return false;
    skip_blanks(walk);
    return walk->at == walk->text.len;
}

bool alipay_answer_scan(struct till_str body, struct till_alipay_answer *ret_answer,
                        struct till_error *err) {
    struct walk walk = {body, 0, NULL};
    struct till_alipay_answer answer = {0};
    if (!take_answer(&walk, &answer))
        return TILL_FAIL(err, BODY_MALFORMED,
                         "This is not an answer of gateway.do: one ..._response and its sign.");
    *ret_answer = answer;
    return true;
}

bool alipay_app_result_scan(struct till_str result, struct till_alipay_answer *ret_answer,
                            struct till_str *ret_sign_type, struct till_error *err) {
    struct till_str sign_type = TILL_STR_NONE;
    struct walk walk = {result, 0, &sign_type};
    struct till_alipay_answer answer = {0};
    if (!take_answer(&walk, &answer))
        return TILL_FAIL(err, BODY_MALFORMED,
                         "This is not the result of an app payment: one ..._response, its sign and "
                         "sign_type.");
    *ret_answer = answer;
    *ret_sign_type = sign_type;
    return true;
}

/* "alipay.trade.query" and "alipay_trade_query_response". */
static bool is_node_of(struct till_str node_name, struct till_str method) {
    if (node_name.len != method.len + strlen("_response"))
        return false;
    for (size_t i = 0; i < method.len; i++) {
        char expected = method.ptr[i] == '.' ? '_' : method.ptr[i];
        if (node_name.ptr[i] != expected)
            return false;
    }
    return true;
}

bool till_alipay_answer_split(struct till_str body, struct till_str method,
                              struct till_alipay_answer *ret_answer, struct till_error *err) {
    struct till_alipay_answer answer;
    if (!alipay_answer_scan(body, &answer, err))
        return false;
    if (!is_node_of(answer.node_name, method) && !till_str_is(answer.node_name, "error_response"))
        return TILL_FAIL(err, BODY_MALFORMED, "The answer belongs to another method.");
    *ret_answer = answer;
    return true;
}

bool alipay_unescape_slashes(struct till_arena *arena, struct till_str text,
                             struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        bool escape = text.ptr[i] == '\\' && i + 1 < text.len;
        /* Escapes go in pairs: "\\/" is a backslash and a slash, and stays. */
        if (escape && text.ptr[i + 1] != '/')
            till_buf_char(&buf, text.ptr[i]);
        i += escape;
        till_buf_char(&buf, text.ptr[i]);
    }
    return till_buf_finish(&buf, ret_text, err);
}

bool till_alipay_answer_verify(struct till_arena *arena, const struct till_alipay_answer *answer,
                               const struct till_key *platform_key, enum till_signature algorithm,
                               struct till_error *err) {
    struct till_str sign, plain;
    struct till_error second;
    if (answer->sign.len == 0)
        return TILL_FAIL(err, SIGNATURE_MISSING, "The answer has no signature.");
    if (!alipay_unescape_slashes(arena, answer->sign, &sign, err))
        return false;
    if (till_key_verify(platform_key, algorithm, answer->node, sign, err))
        return true;
    if (!alipay_unescape_slashes(arena, answer->node, &plain, &second) ||
        till_str_equal(plain, answer->node) ||
        !till_key_verify(platform_key, algorithm, plain, sign, &second))
        return false;
    till_error_clear(err);
    return true;
}
