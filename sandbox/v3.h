/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI v3, the second front of the operations (dossier 11): a path for a method, JSON in place
 * of forms, HTTP status codes, signatures in headers. It lives under /v3/ and, for clients whose
 * base address ends in /alipay, under /alipay/v3/; such a client may sign either path.
 *
 * The members of the body become `biz`; its texts (and what a query brings) stand in `form`, too,
 * where operations look for notify_url and the like. Nothing here outlives the call.
 */
#ifndef SANDBOX_V3_H
#define SANDBOX_V3_H

#include <sandbox/call.h>

/* The authorization header taken apart; texts as received. */
struct v3_authorization {
    struct till_str scheme; /* "ALIPAY-SHA256withRSA" */
    struct till_str text;   /* "app_id=...,nonce=...,timestamp=...": this is signed */
    struct till_str app_id, app_cert_sn, nonce, timestamp;
    struct till_str sign;
};
/* Lenient where till_alipay_v3_authorization_parse is strict: what is missing stays empty, so that
 * the refusal can name it. */
void v3_authorization_read(struct till_str header, struct v3_authorization *ret);

struct v3_request {
    struct v3_authorization authorization;
    struct till_str app_auth_token;
    struct till_str body;   /* what is signed: the body, or the part "data" of a multipart one */
    struct till_str target; /* the path and query that verified, or the request line's */
    bool wrong_verb;        /* there is such a path for another HTTP method */
};

/* Two headers of one name, or none, are the empty string. */
struct till_str v3_header(const struct call *call, const char *name);

bool v3_is_ours(struct till_str path);
void v3_serve(struct sandbox *sandbox, struct http_request *request,
              struct http_response *response);

/* v3_read.c: path to method, headers, body. */
bool v3_read(struct call *call);
/* v3_check.c: authorization to business fields. */
bool v3_check(struct call *call);
/* v3_answer.c */
/* The HTTP status of a code of gateway.do; 500 for one that nobody knows. */
int v3_status(struct till_str code);
TILL_MUST_CHECK bool v3_write(struct call *call, struct http_response *response,
                              struct till_error *err);

/* v3_explain.c: the string that is signed (11.1), each part followed by a line feed. */
TILL_MUST_CHECK bool v3_text(struct call *call, struct till_str target, struct till_str *ret_text,
                             struct till_error *err);
bool v3_explain(struct call *call, struct till_explanation *ret);

#endif
