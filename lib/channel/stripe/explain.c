/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a webhook does not verify, by trying what really happens: each hypothesis is a row that makes
 * another secret or another body; the first under which a signature of the header matches is the
 * explanation. Nothing here decides anything.
 */
#include "lib/channel/stripe/signature.h"

#include <till/encode.h>

struct look {
    struct till_arena *arena;
    struct till_str header, body, secret;
    struct stripe_header read;
};

/* Another secret or body, in the arena; false when there is none that differs. */
typedef bool change(const struct look *look, struct till_str *text);

static bool trim(const struct look *look, struct till_str *text) {
    (void)look;
    *text = till_str_trim(*text);
    return true;
}

static bool without_prefix(const struct look *look, struct till_str *text) {
    (void)look;
    *text = till_str_sub(*text, till_str_find(*text, '_') + 1, text->len);
    return text->len > 0;
}

static bool decoded(const struct look *look, struct till_str *text) {
    struct till_error ignored;
    return without_prefix(look, text) && till_base64_decode(look->arena, *text, text, &ignored);
}

static bool with_line_feed(const struct look *look, struct till_str *text) {
    struct till_buf buf;
    struct till_error ignored;
    till_buf_init(&buf, look->arena);
    till_buf_add(&buf, *text);
    till_buf_char(&buf, '\n');
    return till_buf_finish(&buf, text, &ignored);
}

static bool without_carriage_returns(const struct look *look, struct till_str *text) {
    struct till_buf buf;
    struct till_error ignored;
    till_buf_init(&buf, look->arena);
    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] != '\r')
            till_buf_char(&buf, text->ptr[i]);
    }
    return till_buf_finish(&buf, text, &ignored);
}

static bool written(const struct look *look, struct till_str *text, enum till_json_style style) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error ignored;
    return till_json_parse(*text, &json, &ignored) &&
           till_json_write(look->arena, json, style, text, &ignored);
}

static bool compact(const struct look *look, struct till_str *text) {
    return written(look, text, TILL_JSON_COMPACT);
}

static bool indented(const struct look *look, struct till_str *text) {
    return written(look, text, TILL_JSON_INDENT);
}

#define REWRITTEN "The body was parsed and written anew before it was verified, or pasted."
#define RAW "Verify the raw bytes as they came, before any JSON parser or filter."

static const struct hypothesis {
    change *secret, *body; /* NULL: as it is */
    const char *verdict, *cause, *advice;
} hypotheses[] = {
    {trim, NULL, "It verifies without the blanks around the secret.",
     "The secret was pasted with a blank or line break.", "Set the secret without them."},
    {decoded, NULL, "It verifies under the secret's bytes, decoded from base64.",
     "The sender signs as Standard Webhooks does; Stripe takes the characters themselves as key.",
     "This is no webhook of Stripe's, or its sender imitates it wrongly."},
    {without_prefix, NULL, "It verifies under the secret without its prefix.",
     "The sender took whsec_ away; it belongs to the key.", "Sign with the whole secret."},
    {NULL, trim, "It verifies without the blanks around the body.",
     "A line break joined the body on its way, or when it was pasted.", RAW},
    {NULL, with_line_feed, "It verifies with a line break at the body's end.",
     "The last line break was cut off on the way, or when it was pasted.", RAW},
    {NULL, without_carriage_returns, "It verifies without the carriage returns.",
     "Line breaks were converted on the way, or when it was pasted.", RAW},
    {NULL, indented, "It verifies over the JSON written with two blanks a level.", REWRITTEN, RAW},
    {NULL, compact, "It verifies over the JSON written without blanks.", REWRITTEN, RAW},
};

static bool verifies(const struct look *look, struct till_str secret, struct till_str body) {
    char hex[STRIPE_MAC_TEXT + 1];
    struct till_error ignored;
    return stripe_mac(secret, look->read.timestamp, body, hex, &ignored) &&
           stripe_header_has(look->header, till_str_of(hex));
}

static void tell(struct till_explanation *ret, const char *verdict, const char *cause,
                 const char *advice) {
    ret->verdict = till_str_of(verdict);
    ret->cause = till_str_of(cause);
    ret->advice = till_str_of(advice);
}

static bool sign_text(const struct look *look, struct till_str body, struct till_str *ret_text,
                      struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, look->arena);
    till_buf_add(&buf, look->read.timestamp);
    till_buf_char(&buf, '.');
    till_buf_add(&buf, body);
    return till_buf_finish(&buf, ret_text, err);
}

/* The text that does verify beside ours, and where they part. */
static bool compare(const struct look *look, struct till_str body, struct till_explanation *ret,
                    struct till_error *err) {
    struct till_str ours = ret->canonical;
    size_t at = 0;
    if (!sign_text(look, body, &ret->compared, err))
        return false;
    while (at < ours.len && at < ret->compared.len && ours.ptr[at] == ret->compared.ptr[at])
        at++;
    ret->first_difference = at;
    return true;
}

/* False: the arena is full. Nothing that verifies: *ret stays without a verdict. */
static bool try_hypotheses(const struct look *look, struct till_explanation *ret,
                           struct till_error *err) {
    for (size_t i = 0; i < sizeof hypotheses / sizeof hypotheses[0]; i++) {
        const struct hypothesis *h = &hypotheses[i];
        struct till_str secret = look->secret, body = look->body;
        if ((h->secret && !h->secret(look, &secret)) || (h->body && !h->body(look, &body)) ||
            !verifies(look, secret, body))
            continue;
        tell(ret, h->verdict, h->cause, h->advice);
        return !h->body || compare(look, body, ret, err);
    }
    return true;
}

/* The same digits in capitals: some clients take them, Stripe never writes them. */
static bool is_shouted(const struct look *look) {
    struct till_buf buf;
    struct look lower = *look;
    struct till_error ignored;
    till_buf_init(&buf, look->arena);
    for (size_t i = 0; i < look->header.len; i++) {
        char c = look->header.ptr[i];
        till_buf_char(&buf, c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c);
    }
    return till_buf_finish(&buf, &lower.header, &ignored) &&
           verifies(&lower, look->secret, look->body);
}

static void judge_time(const struct look *look, int64_t now_us, struct till_explanation *ret) {
    ret->verified = stripe_header_is_fresh(&look->read, now_us);
    if (ret->verified)
        tell(ret, "The signature is good.", "", "");
    else
        tell(ret, "The signature is good, and its time is too far away from the clock here.",
             "It is more than 300 seconds old (it was kept, or sent again by somebody else), or a "
             "clock is wrong.",
             "Nothing is wrong with the secret; set the clock by NTP if the webhook is fresh.");
}

static bool judge(const struct look *look, int64_t now_us, struct till_explanation *ret,
                  struct till_error *err) {
    if (!sign_text(look, look->body, &ret->canonical, err))
        return false;
    ret->first_difference = ret->canonical.len;
    if (verifies(look, look->secret, look->body))
        judge_time(look, now_us, ret);
    else if (is_shouted(look))
        tell(ret, "It verifies with the signature in small letters.",
             "The sender writes the digits A to F in capitals, as Stripe never does.",
             "This is no webhook of Stripe's, or its sender imitates it wrongly.");
    else if (!try_hypotheses(look, ret, err))
        return false;
    if (ret->verdict.len == 0)
        tell(ret, "No signature of the header is this body's under this secret.",
             "Most often the secret is another endpoint's, or the other mode's (test and live have "
             "their own), or the body changed on the way.",
             "Reveal the secret of the very endpoint that leads here, in the dashboard.");
    return true;
}

/* A header that cannot be read as one; its own error says what is missing. */
static void tell_header(const struct look *look, struct till_str why,
                        struct till_explanation *ret) {
    struct till_str v0 = TILL_STR("v0="), header = look->header;
    bool has_v0 = false;
    for (size_t at = 0; at < header.len; at++)
        has_v0 = has_v0 || till_str_starts_with(till_str_sub(header, at, header.len), v0);
    tell(ret, "",
         has_v0 ? "It has a v0 signature only: test events carry one, and it proves nothing."
                : "The header was cut, joined with another one, or is none of Stripe's.",
         "Take the value of Stripe-Signature as it came: t=...,v1=...");
    ret->verdict = why;
}

bool till_stripe_webhook_explain(struct till_arena *arena, struct till_str header,
                                 struct till_str body, struct till_str secret, int64_t now_us,
                                 struct till_explanation *ret, struct till_error *err) {
    const struct till_str name = TILL_STR("stripe-signature:");
    struct till_explanation explanation = {.kind = TILL_EXPLAIN_NOTIFICATION};
    struct look look = {
        .arena = arena, .header = till_str_trim(header), .body = body, .secret = secret};
    struct till_error why;
    if (till_str_equal_ignoring_case(till_str_sub(look.header, 0, name.len), name))
        look.header = till_str_trim(till_str_sub(look.header, name.len, look.header.len));
    if (secret.len == 0)
        return TILL_FAIL(err, KEY_WEAK, "Give the webhook secret (whsec_...).");
    if (!stripe_header_read(look.header, &look.read, &why)) {
        struct till_str text;
        if (!till_arena_copy(arena, till_str_of(why.text), &text, err))
            return false;
        tell_header(&look, text, &explanation);
    } else if (!judge(&look, now_us, &explanation, err)) {
        return false;
    }
    *ret = explanation;
    return true;
}
