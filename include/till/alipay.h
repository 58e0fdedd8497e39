/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alipay's wire rules, usable from both sides (the gateway's adapter and the sandbox's platform).
 * Source: dossier alipay.md, sections 1 to 3 and 7.
 */
#ifndef TILL_ALIPAY_H
#define TILL_ALIPAY_H

#include <till/channel.h>
#include <till/key.h>

/* String to sign of a request (2.1): all but `sign`, empty values dropped (or kept), sorted. */
TILL_MUST_CHECK bool till_alipay_request_text(struct till_arena *arena,
                                              const struct till_form *form, bool keep_empty,
                                              struct till_str *ret_text, struct till_error *err);
/* String to sign of a notification or return page (7.3): rule V1 drops sign and sign_type, V2 only
 * sign. */
enum till_alipay_rule { TILL_ALIPAY_V1, TILL_ALIPAY_V2 };
TILL_MUST_CHECK bool till_alipay_notify_text(struct till_arena *arena, const struct till_form *form,
                                             enum till_alipay_rule rule, struct till_str *ret_text,
                                             struct till_error *err);
/* A notification that was parsed from its raw body, under the platform's key: trades are signed by
 * rule V1, messages of the message gateway by V2 (7.3); which one is the receiver's knowledge,
 * never the sender's choice, and so is the algorithm. SIGNATURE_MISSING, SIGNATURE_WRONG. */
TILL_MUST_CHECK bool
till_alipay_notify_verify(struct till_arena *arena, const struct till_form *form,
                          enum till_alipay_rule rule, const struct till_key *platform_key,
                          enum till_signature algorithm, struct till_error *err);
/* The parameters of a return page that are signed, without those that the merchant's own address
 * had (4.4). Verify them with rule V1. A good return page proves no payment: it has no status. */
TILL_MUST_CHECK bool till_alipay_return_signed(struct till_arena *arena,
                                               const struct till_form *all,
                                               struct till_form *ret_signed,
                                               struct till_error *err);
/* The `result` text that the phone's SDK gives to the app after an app payment (4.3): the node's
 * bytes when its signature is good. Informational: only a notification or a query decides. */
TILL_MUST_CHECK bool till_alipay_app_result_verify(struct till_arena *arena, struct till_str result,
                                                   const struct till_key *platform_key,
                                                   enum till_signature algorithm,
                                                   struct till_str *ret_node,
                                                   struct till_error *err);
/* The exact byte span of the node value, the node's name, and the sign member (3.2, 3.4). */
struct till_alipay_answer {
    struct till_str node_name; /* "alipay_trade_query_response" or "error_response" */
    struct till_str node;      /* raw bytes, "{...}" or the quoted string */
    struct till_str sign;      /* empty when absent */
    struct till_str cert_sn;   /* empty when absent */
};
TILL_MUST_CHECK bool till_alipay_answer_split(struct till_str body, struct till_str method,
                                              struct till_alipay_answer *ret_answer,
                                              struct till_error *err);
/* Verifies the span; once more with "\/" as "/" (3.4). */
TILL_MUST_CHECK bool till_alipay_answer_verify(struct till_arena *arena,
                                               const struct till_alipay_answer *answer,
                                               const struct till_key *platform_key,
                                               enum till_signature algorithm,
                                               struct till_error *err);

/*
 * OpenAPI v3 (11): signatures travel in headers. Each part of a signed text ends with a line feed;
 * the parts are the bytes as they were received, nothing is decoded or written anew.
 */
struct till_alipay_v3_request {
    struct till_str auth; /* the authorization between the algorithm and ",sign=" */
    struct till_str method;
    struct till_str target; /* path with query, as on the request line */
    struct till_str body;   /* of a multipart request the part named "data"; empty for GET */
    struct till_str app_auth_token; /* of its header; empty when there is none */
};
TILL_MUST_CHECK bool till_alipay_v3_request_text(struct till_arena *arena,
                                                 const struct till_alipay_v3_request *request,
                                                 struct till_str *ret_text, struct till_error *err);
/* timestamp and nonce of the headers alipay-timestamp and alipay-nonce (11.2). */
TILL_MUST_CHECK bool till_alipay_v3_answer_text(struct till_arena *arena, struct till_str timestamp,
                                                struct till_str nonce, struct till_str body,
                                                struct till_str *ret_text, struct till_error *err);
/* "ALIPAY-SHA256withRSA app_id=..,[app_cert_sn=..,]nonce=..,timestamp=..,sign=BASE64" in parts that
 * point into the header. */
struct till_alipay_v3_authorization {
    struct till_str auth; /* what is signed of it */
    struct till_str app_id;
    struct till_str app_cert_sn; /* may be empty */
    struct till_str nonce;
    struct till_str timestamp;       /* milliseconds */
    struct till_str expired_seconds; /* may be empty */
    struct till_str sign;
};
/* SIGNATURE_MISSING for another scheme, a part that is missing, empty or stands twice. Unknown
 * parts are signed and not read. */
TILL_MUST_CHECK bool till_alipay_v3_authorization_parse(struct till_str header,
                                                        struct till_alipay_v3_authorization *ret,
                                                        struct till_error *err);

/* What a sub_code means for an operation, by table (8, 8.1). */
struct till_alipay_code {
    const char *code; /* "ACQ.TRADE_HAS_SUCCESS", "isv.invalid-signature", ... */
    enum till_outcome outcome;
    enum till_trade trade;
    bool retry_later;
    const char *text;   /* the platform's own words (Chinese) */
    const char *advice; /* what a person should do, English */
    bool is_down;       /* a system error: nothing about this order, all about the platform */
};
/* NULL when the table does not know the code. */
const struct till_alipay_code *till_alipay_code_find(struct till_str code,
                                                     enum till_operation operation);

#endif
