/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to /v1/...: who asks, what for, with which parameters; then the endpoint under the
 * lock, then the answer. Everything but trees lives in the request's arena; the answer's tree is
 * the call's until it is written.
 *
 * Parameters come as a flat list: "line_items[0][price_data][currency]" and its value. Indices
 * are numbered anew from 0 in the order in which they come, so that [], [0] and [7] mean the same.
 * A rule names a parameter by its pattern, where every index is []: a route's rules are all that it
 * takes.
 */
#ifndef SANDBOX_STRIPE_CALL_H
#define SANDBOX_STRIPE_CALL_H

#include <sandbox/stripe/stripe.h>

enum {
    STRIPE_PARAMS_MAX = 1000,
    STRIPE_SEGMENTS_MAX = 2,
    STRIPE_METADATA_MAX = 50,
    STRIPE_METADATA_NAME_MAX = 40,
    STRIPE_METADATA_VALUE_MAX = 500,
    STRIPE_EXPAND_MAX = 20,
    STRIPE_LIMIT_DEFAULT = 10,
    STRIPE_LIMIT_MAX = 100
};

struct stripe_param {
    struct till_str name;    /* decoded, as it was sent: errors name it so */
    struct till_str path;    /* "payment_method_types[0]" */
    struct till_str pattern; /* "payment_method_types[]" */
    struct till_str value;
};

struct stripe_params {
    struct stripe_param *items;
    size_t count;
};

enum stripe_type {
    STRIPE_TEXT,       /* UTF-8, at most `max` characters; 0: 5000 */
    STRIPE_UNSET_TEXT, /* the same; empty: unset */
    STRIPE_INTEGER,
    STRIPE_BOOLEAN,
    STRIPE_CHOICE,   /* of the words in `choices` */
    STRIPE_METADATA, /* metadata[*], and empty: all of it goes */
    STRIPE_IGNORED,  /* taken, and of no effect here */
    STRIPE_ABSENT    /* the platform knows it, this simulator does not; matches all below it */
};

struct stripe_rule {
    const char *pattern;
    enum stripe_type type;
    size_t max;
    const char *choices; /* separated by blanks */
    bool is_required;
};

struct stripe_call;

struct stripe_route {
    const char *method, *path; /* "*" stands for an id */
    /* Locked. False: refused. */
    bool (*run)(struct stripe_call *call);
    const struct stripe_rule *const rules; /* ends with a NULL pattern */
};

struct stripe_call {
    struct sandbox *sandbox;
    struct http_request *request;
    struct http_response *response;
    struct till_arena *arena;
    const struct stripe_route *route;
    struct stripe_account *account;
    struct till_str segments[STRIPE_SEGMENTS_MAX];
    struct stripe_params params;
    struct till_str version;         /* as asked for, or the account's */
    struct till_str idempotency_key; /* of a POST; empty: none */
    char request_id[32];
    struct till_str original_request; /* of a replay */
    struct stripe_kept *kept;         /* what the key keeps; NULL: no key */
    int64_t now_us;
    struct fault_set faults; /* what strikes this call (spoil.h) */
    int status;
    struct till_json *answer; /* or, of a replay: */
    struct till_str body;
    struct till_str code; /* of a refusal, for people: its code or its type */
    struct till_str message;
    struct till_str why; /* one sentence for people; empty: the answer says it all */
};

/* params.c: query and body into call->params. False: refused. */
bool stripe_params_read(struct stripe_call *call);
/* False: refused; nothing was executed. */
bool stripe_params_check(struct stripe_call *call);
/* By path; the empty string when absent. */
struct till_str stripe_param(const struct stripe_call *call, const char *path);
bool stripe_has(const struct stripe_call *call, const char *path);
/* Whether anything is at or below the path. */
bool stripe_has_below(const struct stripe_call *call, const char *path);
/* Checked before: an integer, or `otherwise` when absent. */
int64_t stripe_param_int(const struct stripe_call *call, const char *path, int64_t otherwise);
bool stripe_param_flag(const struct stripe_call *call, const char *path);
/* "line_items[%d][quantity]" in the arena. */
const char *stripe_path(struct stripe_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Metadata at the path ("payment_intent_data[metadata]") merged into the tree's member. False:
 * refused, too many. */
bool stripe_merge_metadata(struct stripe_call *call, const char *path, struct till_json *json,
                           const char *member);
/* Texts of a list ("payment_method_types"), as an array; empty when absent. */
struct till_json *stripe_param_list(const struct stripe_call *call, const char *path);
/* Method, path, sorted parameters, account: lower-case hex. */
void stripe_fingerprint(const struct stripe_call *call, char out[65]);

/* error.c: each returns false. The first refusal stays. */
bool stripe_refuse(struct stripe_call *call, int status, const char *type, const char *code,
                   const char *param, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* The usual one: 400 invalid_request_error. */
#define STRIPE_INVALID(call, code, param, ...)                                                     \
    stripe_refuse((call), 400, "invalid_request_error", (code), (param), __VA_ARGS__)
/* Another member of the error's object; takes the value. */
void stripe_error_set(struct stripe_call *call, const char *name, struct till_json *value);
bool stripe_missing(struct stripe_call *call, const char *param, struct till_str id,
                    const char *what);
bool stripe_explain(struct stripe_call *call, const char *why); /* for people; returns false */
bool stripe_no_room(struct stripe_call *call);

/* object.c: the object as an answer, with what `expand` asks for. */
bool stripe_answer_object(struct stripe_call *call, const struct stripe_object *object);
/* The object as it is shown now: a transaction is available when its day has come. A tree of one's
 * own; NULL without memory. */
struct till_json *stripe_show(const struct stripe_call *call, const struct stripe_object *object);
/* The one that the path names; NULL: refused. `param` is what the error names. */
struct stripe_object *stripe_segment_object(struct stripe_call *call, enum stripe_kind kind,
                                            const char *param);
/* The one that a parameter names; NULL: refused, or absent. */
struct stripe_object *stripe_param_object(struct stripe_call *call, enum stripe_kind kind,
                                          const char *param);
/* Takes the tree: expands and answers it. */
bool stripe_answer_json(struct stripe_call *call, struct till_json *json);
bool stripe_answer_deleted(struct stripe_call *call, struct stripe_object *object);

/* list.c: a page of the account's objects of a kind. `fits` may be NULL. */
bool stripe_answer_list(struct stripe_call *call, enum stripe_kind kind, const char *about,
                        bool (*fits)(const struct stripe_call *call, const struct till_json *json));

/* routes.c */
const struct stripe_route *stripe_route_find(struct stripe_call *call, bool *ret_known_path);

#endif
