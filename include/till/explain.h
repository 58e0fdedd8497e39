/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explaining a signature that fails: the canonical string both sides would build, the first byte in
 * which they differ, and the usual cause. Pure; used by `till explain`, the sandbox and its pages.
 */
#ifndef TILL_EXPLAIN_H
#define TILL_EXPLAIN_H

#include <till/alipay.h>
#include <till/crypto.h>

enum till_explained_kind { TILL_EXPLAIN_REQUEST, TILL_EXPLAIN_ANSWER, TILL_EXPLAIN_NOTIFICATION };

struct till_explanation {
    enum till_explained_kind kind;
    bool verified;
    struct till_str canonical; /* the string we built */
    /* the text that DOES verify, or the one given for comparison; may be empty */
    struct till_str compared;
    size_t first_difference; /* byte offset in canonical; canonical.len when there is none known */
    struct till_str verdict; /* one sentence */
    struct till_str cause;   /* the usual cause, one sentence; empty when verified */
    struct till_str advice;  /* what to do */
};

/* The business content of a pasted message under the account's AES key (dossier 2.4): biz_content
 * of a request, the quoted node of an answer. BODY_MALFORMED when there is nothing encrypted in it.
 */
TILL_MUST_CHECK bool till_explain_alipay_content(struct till_arena *arena, struct till_str pasted,
                                                 const struct till_secret *aes_key,
                                                 struct till_str *ret_content,
                                                 struct till_error *err);

/*
 * Takes what a person pastes: a URL, a query or form body (request or notification), or a JSON
 * answer. Tries the hypotheses that really happen and names the one that verifies: sign_type kept
 * or dropped, empty values kept or dropped, "\/" unescaped, decoded twice or not at all, SHA-1
 * instead of SHA-256, the app's own public key in the platform's place (app_key, may be NULL), HTML
 * escaped, GBK instead of UTF-8, notify rule on a request, extra query parameters of the return
 * address, whitespace trimmed. `expected` (may be empty) is a canonical string of the other side to
 * compare byte by byte.
 */
TILL_MUST_CHECK bool till_explain_alipay(struct till_arena *arena, struct till_str pasted,
                                         struct till_str expected, const struct till_key *key,
                                         const struct till_key *app_key,
                                         struct till_explanation *ret, struct till_error *err);

#endif
