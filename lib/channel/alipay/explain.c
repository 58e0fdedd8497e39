/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a signature fails, by trying what really happens (dossier 12): each hypothesis is a row that
 * names a text, an algorithm and a key; the first one that verifies is the explanation.
 */
#include <till/explain.h>

#include "lib/channel/alipay/answer.h"
#include "lib/channel/alipay/pasted.h"

static const struct hypothesis {
    pasted_text *text;
    bool other_algorithm;
    bool app_key;
    const char *verdict;
    const char *cause;
    const char *advice;
} hypotheses[] = {
    {pasted_canonical, true, false,
     "It verifies under the other algorithm (SHA-1 against SHA-256).",
     "The signer used another sign_type than the message or the account says.",
     "Use RSA2 (SHA-256) on both sides: sign_type, key in the console, signing code."},
    {pasted_canonical, false, true, "It verifies under the app's own public key.",
     "The message was signed with the app's private key: it is your own, or the sender plays the "
     "platform with the app's key.",
     "Give the platform its own key pair, and configure the platform's public key here."},
    {pasted_other_rule, false, false, "It verifies when sign_type is treated by the other rule.",
     "Requests sign sign_type; notifications leave sign and sign_type out (rule V1). The signer "
     "used the rule of the other.",
     "Drop only sign from requests, and sign and sign_type from notifications."},
    {pasted_with_empty, false, false, "It verifies when empty parameters are kept.",
     "An empty parameter was sent and signed, or one side drops it and the other does not.",
     "Never send a parameter without a value."},
    {pasted_undecoded, false, false, "It verifies over the values as they stand, not decoded.",
     "The percent-encoded text was signed, or decoded text was pasted.",
     "Sign raw values and encode afterwards; verify after decoding once."},
    {pasted_decoded_twice, false, false, "It verifies after decoding a second time.",
     "The values were percent-encoded twice on the way.",
     "Encode once, and do not decode what the framework has decoded ('+' and '%' break)."},
    {pasted_html_unescaped, false, false,
     "It verifies after undoing HTML escapes (&quot; and the like).",
     "A framework's input filter escaped the values before the check.",
     "Verify the raw body, before any filter against scripts."},
    {pasted_as_gbk, false, false, "It verifies over the same text in GBK.",
     "The signer used GBK: charset was missing from the query string, or the process has another "
     "default encoding.",
     "Send charset=utf-8 in the query string and sign UTF-8 bytes."},
    {pasted_from_gbk, false, false, "It verifies over the same text in UTF-8.",
     "The bytes here are GBK although UTF-8 was signed.",
     "Do not convert the body before the check."},
    {pasted_trimmed, false, false, "It verifies without the blanks around some values.",
     "A value has a blank or line break at its end (often notify_url), which one side removes.",
     "Trim the values before signing, and send what was signed."},
    {pasted_return_only, false, false, "It verifies over the documented parameters alone.",
     "The address has parameters of its own (such as _url or q), which the platform does not sign.",
     "Check only the parameters that Alipay adds to a return address."},
    {pasted_slashes_escaped, false, false, "It verifies with \"\\/\" in place of \"/\".",
     "The answer was parsed and written anew: Alipay signs the escaped slash.",
     "Verify the bytes of the node as they came, before any JSON parser."},
    {pasted_compact, false, false, "It verifies without the blanks between the JSON's parts.",
     "The answer was parsed and written anew, or formatted for reading.",
     "Verify the bytes of the node as they came, before any JSON parser."},
};

static size_t first_difference(struct till_str a, struct till_str b) {
    size_t at = 0;
    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
        at++;
    return till_str_equal(a, b) ? a.len : at;
}

static bool verifies(const struct pasted *p, const struct hypothesis *h, struct till_str text,
                     const struct till_key *key) {
    struct till_error err;
    bool is_sha1 = (p->algorithm == TILL_RSA_SHA1) != h->other_algorithm;
    return till_key_verify(key, is_sha1 ? TILL_RSA_SHA1 : TILL_RSA_SHA256, text, p->sign, &err);
}

static void tell(struct till_explanation *ret, const char *verdict, const char *cause,
                 const char *advice) {
    ret->verdict = till_str_of(verdict);
    ret->cause = till_str_of(cause);
    ret->advice = till_str_of(advice);
}

/* The right text and key; an answer's "\/" may stand for "/" (3.4). */
static bool verifies_as_it_is(const struct pasted *p, const struct till_key *key,
                              struct till_arena *arena) {
    static const struct hypothesis right = {.text = pasted_canonical};
    struct till_alipay_answer answer = {.node = p->node, .sign = p->sign};
    struct till_str text;
    struct till_error err;
    if (p->kind == TILL_EXPLAIN_ANSWER)
        return till_alipay_answer_verify(arena, &answer, key, p->algorithm, &err);
    return pasted_canonical(p, &text, &err) && verifies(p, &right, text, key);
}

static bool try_hypotheses(const struct pasted *p, const struct till_key *key,
                           const struct till_key *app_key, struct till_explanation *ret) {
    for (size_t i = 0; i < sizeof hypotheses / sizeof hypotheses[0]; i++) {
        const struct hypothesis *h = &hypotheses[i];
        const struct till_key *used = h->app_key ? app_key : key;
        struct till_str text;
        struct till_error err;
        if (!used || !h->text(p, &text, &err) || !verifies(p, h, text, used))
            continue;
        tell(ret, h->verdict, h->cause, h->advice);
        ret->compared = text;
        ret->first_difference = first_difference(ret->canonical, text);
        return true;
    }
    return false;
}

/* Nothing verifies: what the other side's text or the keys themselves say. */
static void compare(struct till_str expected, const struct till_key *key,
                    const struct till_key *app_key, struct till_explanation *ret) {
    if (app_key && till_key_same_pair(key, app_key)) {
        tell(ret, "It does not verify under this key, which is the app's own.",
             "The app's public key was configured in the place of Alipay's.",
             "Copy the \"Alipay public key\" of this app from the console.");
    } else if (expected.len == 0) {
        tell(ret, "It does not verify in any of the ways that usually happen.",
             "Most often the key belongs to another app or environment, or the text changed on the "
             "way.",
             "Compare the key's fingerprint with the console, and the string above with the other "
             "side's.");
    } else if (till_str_equal(expected, ret->canonical)) {
        tell(ret, "Both sides build the same string, and the signature does not verify over it.",
             "The private key that signed and this public key are not a pair.",
             "Upload the public half of the key that signs, and use the key of this very app.");
    } else {
        tell(ret, "The two sides build different strings.",
             "What differs first is the place to look at: order, a missing parameter, or encoding.",
             "Build the string from the decoded parameters that are really sent, sorted by name.");
    }
    ret->compared = expected;
    if (expected.len)
        ret->first_difference = first_difference(ret->canonical, expected);
}

bool till_explain_alipay(struct till_arena *arena, struct till_str pasted, struct till_str expected,
                         const struct till_key *key, const struct till_key *app_key,
                         struct till_explanation *ret, struct till_error *err) {
    struct pasted p;
    struct till_explanation explanation = {0};
    if (!pasted_read(arena, pasted, &p, err) || !pasted_canonical(&p, &explanation.canonical, err))
        return false;
    expected = till_str_trim(expected);
    /* The gateway's own refusal writes & as &amp; (dossier 1.5). */
    if (!pasted_unescape(arena, expected, &expected, err))
        return false;
    explanation.kind = p.kind;
    explanation.first_difference = explanation.canonical.len;
    if (p.sign.len == 0) {
        tell(&explanation, "There is no signature.",
             "Errors raised before the app is known are not signed; everything else is.",
             "Look at app_id and environment first; believe nothing of an unsigned message.");
    } else if (verifies_as_it_is(&p, key, arena)) {
        explanation.verified = true;
        tell(&explanation, "The signature is good.", "", "");
    } else if (!try_hypotheses(&p, key, app_key, &explanation)) {
        compare(expected, key, app_key, &explanation);
    }
    *ret = explanation;
    return true;
}

bool till_explain_alipay_content(struct till_arena *arena, struct till_str pasted,
                                 const struct till_secret *aes_key, struct till_str *ret_content,
                                 struct till_error *err) {
    struct pasted p;
    struct till_str cipher;
    if (!pasted_read(arena, pasted, &p, err))
        return false;
    cipher = till_form_get(&p.form, "biz_content");
    if (p.node.len >= 2 && p.node.ptr[0] == '"' &&
        !alipay_unescape_slashes(arena, till_str_sub(p.node, 1, p.node.len - 2), &cipher, err))
        return false;
    if (cipher.len == 0 || cipher.ptr[0] == '{')
        return TILL_FAIL(err, BODY_MALFORMED, "Nothing in this message is encrypted.");
    return till_aes_decrypt(arena, aes_key, cipher, ret_content, err);
}
