/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox in the inline world with one app, a merchant who signs for it, and a shop that receives
 * notifications at http://shop/. Keys are made once a process. Every answer of play_call is
 * verified under the platform's key where it carries a signature.
 */
#ifndef TESTS_UNIT_SANDBOX_PLAY_H
#define TESTS_UNIT_SANDBOX_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sandbox/sandbox.h>
#include <till/till.h>
#include <world_inline.h>

#define PLAY_START_US INT64_C(1795399200000000)

struct play {
    struct world *world;
    struct sandbox *sandbox;
    struct sandbox_options options;
    struct till_arena arena;
    struct till_key *platform_key; /* public half */
    struct till_str app_id, seller_id;
    /* the shop */
    struct till_form letters[256]; /* decoded notifications */
    struct till_str letter_bodies[256], letter_urls[256];
    int64_t letter_times_us[256]; /* platform time is world time plus offset_us */
    size_t letter_count;
    const char *reply; /* "success" */
    int reply_status;
};

/* One answer of gateway.do. */
struct play_answer {
    struct http_response response;
    struct till_str node_name, sign;
    struct till_json *node; /* NULL: not an answer in the platform's layout */
    bool verified;
};

extern const struct till_key *play_app_key; /* the merchant's private key */

void play_open(struct play *play, const struct sandbox_options *options);
void play_close(struct play *play);
/* Closes and opens again with the same state file. */
void play_restart(struct play *play);

/* Extra pairs are "name", "value", ..., NULL; they replace those of the same name; an empty value
 * leaves it out. */
struct play_answer play_call(struct play *play, const char *method, const char *biz, ...);
/* The form as it is, signed or not. */
struct play_answer play_send(struct play *play, struct till_form *form, struct till_str method,
                             struct till_str query, const char *content_type, struct till_str body);
void play_form(struct play *play, struct till_form *form, const char *method, const char *biz);
void play_sign(struct play *play, struct till_form *form, const struct till_key *key,
               enum till_signature algorithm);
struct till_str play_get(const struct play_answer *answer, const char *name);
void play_expect(const struct play_answer *answer, const char *code, const char *sub_code);

/* Any other address; headers "name: value" NULL-terminated list may be NULL. */
struct http_response play_http(struct play *play, const char *method, const char *target,
                               const char *content_type, const char *body,
                               const char *const *headers);
/* Borrowed until play_close; NULL: no JSON. */
const struct till_json *play_json(struct till_str text);
/* Borrowed until play_close. */
const struct till_json *play_control(struct play *play, const char *method, const char *target,
                                     const char *body);
void play_fault(struct play *play, const char *operation, const char *fault, int64_t count,
                const char *argument);
/* Lets everything due happen. */
void play_tick(struct play *play);
void play_advance(struct play *play, int64_t seconds);

/* precreate of `amount` for `number` with notify_url http://shop/notify; returns
 * the code's text. */
struct till_str play_order(struct play *play, const char *number, const char *amount);
void play_pay(struct play *play, const char *number);
bool play_letter_verifies(struct play *play, const struct till_form *letter);
bool play_contains(struct till_str text, const char *part);
/* A number within the control interface's answer. */
int64_t play_number(const struct till_json *json, const char *name);

int play_group_setup(void **state);
int play_group_teardown(void **state);

#endif
