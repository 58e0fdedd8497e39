/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last calls of gateway.do and the last notifications, each with what was sent and what came
 * back, the canonical string and how its signature fared, and for a refusal why: the first
 * differing byte, the usual cause. A ring; the oldest one goes. The record file (record.h) gets the
 * same exchanges whole.
 */
#ifndef SANDBOX_EXCHANGE_H
#define SANDBOX_EXCHANGE_H

#include <sandbox/call.h>
#include <sandbox/notice.h>
#include <till/explain.h>

enum { EXCHANGE_TEXT_MAX = 16 * 1024, EXCHANGE_HEADERS_MAX = 32 };

enum exchange_kind {
    EXCHANGE_CALL,  /* came in */
    EXCHANGE_NOTICE /* went out */
};

enum exchange_signature {
    EXCHANGE_UNCHECKED, /* the call was refused before anybody looked */
    EXCHANGE_GOOD,
    EXCHANGE_BAD
};

/* One half. Texts are cut at EXCHANGE_TEXT_MAX. */
struct exchange_side {
    struct till_pair *headers;
    size_t header_count;
    struct till_str type, body; /* Content-Type */
    size_t whole_len;           /* of the body before it was cut */
};

struct exchange {
    struct till_arena arena;
    uint64_t id;
    enum exchange_kind kind;
    int64_t at_us; /* platform time */
    int64_t took_us;
    struct till_str app_id, method, out_trade_no; /* a notification's method is its event */
    struct till_str http_method, url;             /* of a call: scheme, host and target */
    struct exchange_side request, answer;
    int status; /* 0: nothing came back */
    struct till_str code, sub_code, sub_msg;
    struct till_str why, faults;
    struct till_str business; /* biz_content, decrypted, laid out for people */
    struct till_str notify_id;
    int attempt;
    bool acknowledged; /* a notification's "success" */
    bool refused;
    enum exchange_signature signature;
    struct till_str canonical;
    /* Of a bad signature: what the sender did instead. Its canonical may be empty. */
    struct till_explanation explanation;
};

enum exchange_outcome {
    OUTCOME_ANY,
    OUTCOME_GOOD,    /* 10000, or an acknowledged notification */
    OUTCOME_FAILED,  /* everything else */
    OUTCOME_REFUSED, /* by the checks in front of the operation */
    OUTCOME_FAULTED  /* a fault struck */
};

/* Empty texts and negative numbers fit everything. */
struct exchange_filter {
    int kind; /* enum exchange_kind or -1 */
    struct till_str app_id, method, order;
    enum exchange_outcome outcome;
};

/* Not under the lock: explains, then files. */
void exchange_record(struct call *call, const struct http_response *response, int64_t took_us);
void exchange_record_notice(struct sandbox *sandbox, const struct platform_notice *notice,
                            const struct notice_letter *letter, struct till_str body,
                            const struct world_answer *answer);
/* Locked. NULL: gone or never there. */
const struct exchange *exchange_find(struct sandbox *sandbox, uint64_t id);
/* Locked: the newest one below *id that fits, or NULL; *id is where to go on. Begin with
 * UINT64_MAX. */
const struct exchange *exchange_next(struct sandbox *sandbox, const struct exchange_filter *filter,
                                     uint64_t *id);
/* From a query: app, method, order, outcome, kind (call, notification). FIELD_INVALID. */
TILL_MUST_CHECK bool exchange_filter_read(const struct till_form *query,
                                          struct exchange_filter *ret_filter,
                                          struct till_error *err);
bool exchange_is_good(const struct exchange *exchange);
void exchange_free_all(struct sandbox *sandbox);

#endif
