/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The string that v3 signs, and what callers really sign in its place: a row names what is changed,
 * and the first text that verifies is the explanation.
 */
#include <sandbox/v3.h>

/* What is signed; a hypothesis changes some of it. */
struct lines {
    struct till_alipay_v3_request parts;
    bool unended; /* no line feed behind the last line */
};

static struct lines lines_of(const struct call *call, struct till_str target) {
    return (struct lines){.parts = {.auth = call->v3->authorization.text,
                                    .method = call->request->method,
                                    .target = target,
                                    .body = call->v3->body,
                                    .app_auth_token = call->v3->app_auth_token}};
}

bool v3_text(struct call *call, struct till_str target, struct till_str *ret_text,
             struct till_error *err) {
    struct lines lines = lines_of(call, target);
    return till_alipay_v3_request_text(call->arena, &lines.parts, ret_text, err);
}

static void without_token(const struct call *call, struct lines *lines) {
    (void)call;
    lines->parts.app_auth_token = TILL_STR_NONE;
}

static void without_query(const struct call *call, struct lines *lines) {
    lines->parts.target = call->request->path;
}

static void with_address(const struct call *call, struct lines *lines) {
    struct till_error err;
    if (!till_arena_format(call->arena, &lines->parts.target, &err, "%.*s%.*s",
                           TILL_STR_ARG(call->sandbox->options.public_url),
                           TILL_STR_ARG(call->request->target)))
        lines->parts.target = TILL_STR_NONE;
}

static void with_decoded_query(const struct call *call, struct lines *lines) {
    struct till_error err;
    if (!till_percent_decode(call->arena, call->request->target, true, &lines->parts.target, &err))
        lines->parts.target = TILL_STR_NONE;
}

static void without_last_feed(const struct call *call, struct lines *lines) {
    (void)call;
    lines->unended = true;
}

static void with_scheme(const struct call *call, struct lines *lines) {
    struct till_error err;
    if (!till_arena_format(call->arena, &lines->parts.auth, &err, "%.*s %.*s",
                           TILL_STR_ARG(call->v3->authorization.scheme),
                           TILL_STR_ARG(call->v3->authorization.text)))
        lines->parts.auth = TILL_STR_NONE;
}

static void with_lower_method(const struct call *call, struct lines *lines) {
    lines->parts.method =
        till_str_is(call->request->method, "GET") ? TILL_STR("get") : TILL_STR("post");
}

static void without_body(const struct call *call, struct lines *lines) {
    (void)call;
    lines->parts.body = TILL_STR_NONE;
}

static void with_whole_body(const struct call *call, struct lines *lines) {
    lines->parts.body = call->request->body;
}

/* Written anew by a JSON library. */
static void with_compact_body(const struct call *call, struct lines *lines) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    if (!till_json_parse(call->v3->body, &json, &err) ||
        !till_json_write(call->arena, json, TILL_JSON_COMPACT, &lines->parts.body, &err))
        lines->parts.body = TILL_STR_NONE;
}

/* An encrypted body before it was encrypted. */
static void with_plain_body(const struct call *call, struct lines *lines) {
    struct till_error err;
    if (!call->has_aes_key ||
        !till_aes_decrypt(call->arena, &call->aes_key, call->v3->body, &lines->parts.body, &err))
        lines->parts.body = TILL_STR_NONE;
}

static void as_it_is(const struct call *call, struct lines *lines) {
    (void)call, (void)lines;
}

static const struct hypothesis {
    void (*change)(const struct call *call, struct lines *lines);
    bool is_sha1;
    const char *verdict, *cause, *advice;
} hypotheses[] = {
    {as_it_is, true, "It verifies with SHA-1.", "The signer used SHA1withRSA.",
     "v3 signs with SHA256withRSA only."},
    {without_token, false, "It verifies without the line of alipay-app-auth-token.",
     "The header alipay-app-auth-token was sent and not signed.",
     "Append the token and a line feed to the string when the header is sent."},
    {without_last_feed, false, "It verifies without the line feed at the end.",
     "The parts were joined with line feeds; each part ends in one.",
     "End every line, the last one too, with a line feed."},
    {without_query, false, "It verifies without the query string.",
     "The path alone was signed, and the request line has a query.",
     "Sign path and query as they stand on the request line."},
    {with_decoded_query, false, "It verifies over the decoded query string.",
     "The query was signed before it was percent-encoded.",
     "Sign path and query as they stand on the request line, percent-encoded."},
    {with_address, false, "It verifies with the whole address in place of the path.",
     "Scheme and host were signed, too.", "Sign from the first slash of the path on."},
    {with_scheme, false, "It verifies with the whole header in place of its list.",
     "ALIPAY-SHA256withRSA and the blank were signed, too.",
     "Sign the list between the algorithm's name and ,sign= only."},
    {with_lower_method, false, "It verifies with the HTTP method in lower case.",
     "The method was not signed as it was sent.", "Write GET and POST in capitals."},
    {without_body, false, "It verifies with an empty line in place of the body.",
     "The body was not signed.", "Sign the body exactly as it is sent."},
    {with_whole_body, false, "It verifies over the whole multipart body.",
     "The parts and boundaries were signed, too.",
     "Of multipart sign the JSON of the part \"data\" alone."},
    {with_compact_body, false, "It verifies over the body without blanks between its parts.",
     "The body was written anew between signing and sending.",
     "Keep the text that was signed, and send that."},
    {with_plain_body, false, "It verifies over the plain text of the encrypted body.",
     "The body was signed before it was encrypted.", "Encrypt first, then sign the base64 text."},
};

static bool holds(struct call *call, const struct hypothesis *h, struct till_str *ret_text) {
    struct lines lines = lines_of(call, call->request->target);
    struct till_error err;
    h->change(call, &lines);
    if (!till_alipay_v3_request_text(call->arena, &lines.parts, ret_text, &err))
        return false;
    ret_text->len -= lines.unended;
    return till_key_verify(call->key->key, h->is_sha1 ? TILL_RSA_SHA1 : TILL_RSA_SHA256, *ret_text,
                           call->v3->authorization.sign, &err);
}

bool v3_explain(struct call *call, struct till_explanation *ret) {
    *ret = (struct till_explanation){.kind = TILL_EXPLAIN_REQUEST,
                                     .canonical = call->canonical,
                                     .first_difference = call->canonical.len};
    for (size_t i = 0; i < sizeof hypotheses / sizeof *hypotheses; i++) {
        const struct hypothesis *h = &hypotheses[i];
        struct till_str text;
        if (!holds(call, h, &text))
            continue;
        ret->compared = text;
        ret->first_difference = call_first_difference(ret->canonical, text);
        ret->verdict = till_str_of(h->verdict);
        ret->cause = till_str_of(h->cause);
        ret->advice = till_str_of(h->advice);
        return true;
    }
    ret->verdict = TILL_STR("It does not verify in any of the ways that usually happen.");
    ret->cause = TILL_STR("Most often the key belongs to another app or environment, or the body "
                          "changed between signing and sending.");
    ret->advice = TILL_STR("Compare the string above with the one that was signed, and the key's "
                           "fingerprint with the app's page.");
    return true;
}
