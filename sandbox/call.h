/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call on its way: read, checked in the platform's order, executed under the lock, answered.
 * gateway.do (v2) and the REST interface (v3) are two fronts of the same operations; an operation
 * asks `form` for what stands beside the business fields and `biz` for those, whichever front it
 * came through. Everything lives in the request's arena.
 *
 * The first refusal is the answer; the explanation beside it is for people only.
 */
#ifndef SANDBOX_CALL_H
#define SANDBOX_CALL_H

#include <sandbox/app.h>
#include <sandbox/trade.h>
#include <till/explain.h>

#define ANSWER_FIELDS_MAX 48

struct answer_field {
    const char *name;
    struct till_str text;   /* a string, or */
    struct till_json *tree; /* a list; owned by the answer; or */
    int64_t number;         /* without quotes, where is_number */
    bool is_number;
};

struct answer {
    const char *code; /* "10000" */
    const char *msg;
    struct till_str sub_code, sub_msg;
    struct answer_field fields[ANSWER_FIELDS_MAX];
    size_t count;
};

struct call;

struct call_method {
    const char *name;      /* "alipay.trade.precreate" */
    const char *operation; /* "precreate"; NULL: known to the platform, not offered here */
    void (*execute)(struct call *call); /* under the lock */
    /* For a browser instead of a program: writes page or redirect. NULL: the answer is a node. */
    void (*present)(struct call *call, struct http_response *response);
    /* Success has neither code nor msg, and a refusal stands under error_response. */
    bool is_bare;
};
const struct call_method *call_method_find(struct till_str name);
/* The rows of the table in their order; NULL past the end. */
const struct call_method *call_method_at(size_t index);
/* Whether a method is offered under this operation's name. */
bool call_is_operation(const char *operation);

/* How calls come in and leave. */
struct call_front {
    /* False: refused (the answer says how). Names `method` and `app_id` in the form at least. */
    bool (*read)(struct call *call);
    /* Method to signature to business fields; false: refused. */
    bool (*check)(struct call *call);
    TILL_MUST_CHECK bool (*write)(struct call *call, struct http_response *response,
                                  struct till_error *err);
    /* Why the signature does not verify; false: nothing to tell. */
    bool (*explain)(struct call *call, struct till_explanation *ret);
};

struct v3_request;

struct replay_call;

struct call {
    const struct call_front *front;
    struct v3_request *v3; /* NULL on gateway.do */
    struct sandbox *sandbox;
    struct http_request *request;
    struct till_arena *arena;
    struct till_form form;
    bool charset_in_query;
    bool is_gbk;             /* what the request says, or the platform's default */
    struct till_str charset; /* as sent */
    const struct call_method *method;
    struct platform_app *app;
    struct held_key *key;
    const struct platform_signer *signer; /* with the app */
    bool certificate_mode;
    bool has_aes_key;
    struct till_secret aes_key;
    bool encrypted; /* the business fields were */
    enum till_signature algorithm;
    struct till_json *biz;
    int64_t now_us; /* the platform's */
    struct fault_set faults;
    struct answer answer;
    const struct replay_call *raw; /* bytes of a recording instead of the answer; or NULL */
    struct till_str place;         /* where the browser goes after a good page call */
    bool refused;                  /* before the operation */
    bool executed;
    bool app_known;      /* answers are signed from here on */
    struct till_str why; /* one sentence for people; empty: the answer says it all */
    struct till_str canonical;
};

/* call_read.c. False: refused (the answer says how). */
bool call_read(struct call *call);
void call_clean_up(struct call *call);
/* call_check.c: method to signature to JSON, in the order of dossier 1.5. */
bool call_check(struct call *call);
/* Its parts that v3 shares. Each false after it has set the refusal. */
bool call_check_app(struct call *call, struct till_str app_id);
bool call_check_tokens(struct call *call);
bool call_check_biz(struct call *call, struct till_str text);
bool call_check_permission(struct call *call);
/* Always false: isv.invalid-signature with the string that was built. */
bool call_refuse_signature(struct call *call);

/* call_multipart.c: the text fields of multipart/form-data; parts with a file name are left out. */
TILL_MUST_CHECK bool call_multipart(struct till_arena *arena, struct till_str content_type,
                                    struct till_str body, struct till_form *form,
                                    struct till_error *err);
/* name="value" or name=value behind a semicolon or blank. */
bool call_parameter(struct till_str head, struct till_str name, struct till_str *ret_value);
/* Index of needle in s from `from`; s.len when it does not occur. */
size_t call_find(struct till_str s, struct till_str needle, size_t from);

/* answer.c */
void answer_success(struct call *call);
/* Fields set so far stay. */
void answer_refuse(struct call *call, const char *code, const char *sub_code, const char *sub_msg);
/* 40004 with the platform's words for an ACQ code. */
void answer_business(struct call *call, const char *sub_code);
void answer_text(struct call *call, const char *name, struct till_str value); /* empty: left out */
void answer_money(struct call *call, const char *name, int64_t minor);
void answer_number(struct call *call, const char *name, int64_t number); /* without quotes */
void answer_time(struct call *call, const char *name, int64_t us);
/* Money of one balance account, as fund_bill_list and refund_detail_item_list say it. */
struct till_json *answer_fund_bill(struct call *call, int64_t minor);
void answer_tree(struct call *call, const char *name, struct till_json *tree);
const char *answer_words(const char *sub_code);
/* The whole body as it goes over the wire. */
TILL_MUST_CHECK bool answer_write(struct call *call, struct till_str *ret_body,
                                  struct till_error *err);
/* The business fields into an object, alphabetically. */
void answer_put_fields(const struct call *call, struct till_json *node);
/* The platform's signature over what is sent; empty before the app is known. */
TILL_MUST_CHECK bool answer_sign(struct call *call, struct till_str text, struct till_str *ret_sign,
                                 struct till_error *err);
/* What support asks for: 32 characters. */
TILL_MUST_CHECK bool answer_trace(struct call *call, struct till_str *ret_trace,
                                  struct till_error *err);

/* biz.c: fields of biz_content. False: the answer is ACQ.INVALID_PARAMETER and `why` names the
 * field. */
bool biz_text(struct call *call, const char *name, size_t max, bool required,
              struct till_str *ret_value);
bool biz_money(struct call *call, const char *name, bool required, int64_t *ret_minor);
/* "90m", "2h", "15d", "1c" into microseconds from now; 0 when absent. */
bool biz_timeout(struct call *call, const char *name, int64_t *ret_us);
/* yyyy-MM-dd HH:mm:ss, and without the seconds where those may be left out; 0 when absent. */
bool biz_time(struct call *call, const char *name, bool minutes_suffice, int64_t *ret_us);
bool biz_has_option(struct call *call, const char *option); /* query_options */
bool biz_refuse(struct call *call, const char *name, const char *why);
/* By trade_no (wins) or out_trade_no; false when neither is given. A trade nobody
 * scanned is NULL. */
bool biz_trade(struct call *call, struct platform_trade **ret_trade,
               struct till_str *ret_out_trade_no);

/* The operations. */
void call_precreate(struct call *call);
void call_pay(struct call *call);
void call_oauth_token(struct call *call);
void call_account_query(struct call *call);
void call_order_sync(struct call *call);
void call_create(struct call *call);
void call_app_pay(struct call *call);
void call_page_pay(struct call *call);
void call_wap_pay(struct call *call);
void call_query(struct call *call);
void call_refund(struct call *call);
void call_refund_query(struct call *call);
void call_cancel(struct call *call);
void call_close(struct call *call);
void call_bill(struct call *call);
void call_certificate_download(struct call *call);

/* gateway_do.c: from end to end through a front; gateway.do's is the one with forms. */
void call_serve(const struct call_front *front, struct sandbox *sandbox,
                struct http_request *request, struct http_response *response);
/* GBK that was asked for: the platform's default is for reading only. */
bool call_answers_in_gbk(const struct call *call);
/* call_explain.c: the front's explain of everything that came as a form. */
bool call_explain_form(struct call *call, struct till_explanation *ret);
/* The first byte in which two texts differ. */
size_t call_first_difference(struct till_str a, struct till_str b);
void gateway_do(struct sandbox *sandbox, struct http_request *request,
                struct http_response *response);

/* present.c: the platform's pages for page and wap calls, good and refused. */
void present_page(struct call *call, struct http_response *response);

/* spoil.c: faults of connection and HTTP. */
bool spoil_before(struct call *call, struct http_response *response);
void spoil_after(struct call *call, struct http_response *response);

#endif
