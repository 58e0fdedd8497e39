/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merchant with a key, an Alipay account and a gateway whose services are called as the server
 * calls them: signed requests in, responses out. The world has one thread, the store is a real one
 * in a directory of its own; app, key and account were made through the administration's own
 * routes. A helper that fails ends the test there. Answers live until api_close.
 */
#ifndef TESTS_FLOW_API_WORLD_H
#define TESTS_FLOW_API_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gateway/flow/flow.h>

#include "platform_alipay.h"

#define API_PLATFORM "http://alipay.test/gateway.do"
#define API_HOST "pay.test"
#define SECOND INT64_C(1000000)

struct api_key {
    char id[TILL_ID_SIZE];
    struct till_secret secret;
};

struct api {
    struct world *world;
    struct store *store;
    struct metrics *metrics;
    struct log *log; /* NULL unless api_log */
    struct gateway gw;
    struct gateway_settings settings;
    struct platform_alipay platform;
    struct till_arena arena;
    char app_id[TILL_ID_SIZE];
    char account_id[TILL_ID_SIZE];
    struct api_key key;
    char directory[64];
    char path[96];
    enum store_commit commit;
    int serial;
};

void api_open(struct api *api, uint64_t seed);
/* In a world that the caller made (threads); the platform lives in `inline_world`. */
void api_open_in(struct api *api, struct world *world, struct world *inline_world,
                 enum store_commit commit);
void api_close(struct api *api);
/* kill -9 and start again: the store is opened anew, the world goes on. */
void api_restart(struct api *api);
/* The second half of it. */
void api_reopen(struct api *api);

/* A request as it is about to be signed; empty fields take what an honest client would send. */
struct api_request {
    const char *method, *target, *body; /* body NULL: none */
    size_t body_len;                    /* 0: strlen */
    const struct api_key *key;
    int64_t clock_offset_s;
    const char *nonce;
    const char *signed_target; /* signs this target instead of the one that is sent */
    const char *signed_body;   /* signs this body instead */
    const char *authorization; /* replaces the header; "" leaves it out */
    const char *second_authorization;
    struct till_pair headers[4]; /* more of them, while name.len > 0 */
    bool admin;                  /* through the Unix socket's service, unsigned */
    bool private;                /* through the private listener's service, unsigned */
    bool open;                   /* public, unsigned */
    bool form;                   /* the body is a form, not JSON */
};

struct api_answer {
    int status;
    struct till_str body, code, field; /* code and first errors[].pointer of a problem */
    struct till_json *json;            /* NULL when the body is none; released with the world */
    struct http_response response;
};
/* Signs and fills; the request lives in the arena and can be handed to a service
 * from any thread. */
void api_prepare(struct api *api, const struct api_request *request, struct till_arena *arena,
                 struct http_request *ret);
struct api_answer api_send(struct api *api, const struct api_request *request);
struct api_answer api_call(struct api *api, const char *method, const char *target,
                           const char *body);
struct api_answer api_admin(struct api *api, const char *method, const char *target,
                            const char *body);

/* {"channel":"alipay",...,"out_trade_no":NO,"amount":MINOR MORE}; more begins with a comma
 * or is "" */
const char *api_order(struct api *api, const char *out_trade_no, const char *amount,
                      const char *more);
struct api_answer api_create(struct api *api, const char *out_trade_no, const char *amount,
                             const char *more);
/* Text of a member of the answer; "" when absent. "action.value" goes one level down. */
const char *api_text(struct api *api, const struct api_answer *answer, const char *member);
int64_t api_number(const struct api_answer *answer, const char *member);
struct till_str api_header(const struct api_answer *answer, const char *name);

/* Checks status and code (a problem's slug, "" for none). */
#define api_expect(answer, wanted_status, wanted_code)                                             \
    do {                                                                                           \
        struct api_answer checked = (answer);                                                      \
        if (checked.status != (wanted_status))                                                     \
            print_message("# %.*s\n", TILL_STR_ARG(checked.body));                                 \
        assert_int_equal(checked.status, (wanted_status));                                         \
        assert_true(till_str_is(checked.code, (wanted_code)));                                     \
    } while (0)

/* From here on everything is logged at the finest level, exchanges included; a restart is part of
 * it. */
void api_log(struct api *api, const char *path);

/* A second app of its own, with key and account at the same platform. */
void api_second_app(struct api *api, char ret_app_id[TILL_ID_SIZE], struct api_key *ret_key);
size_t api_payments(struct api *api);
int64_t api_metric(struct api *api, enum metric metric, const char *label1, const char *label2);

#endif
