/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of /v1 against the sandbox of play.h. Documents are borrowed until play_close. */
#ifndef TESTS_UNIT_SANDBOX_STRIPE_PLAY_H
#define TESTS_UNIT_SANDBOX_STRIPE_PLAY_H

#include "play.h"

#define STRIPE_PLAY_KEY "sk_test_play0000001234"
/* A good order of $10.99, as a form. */
#define STRIPE_PLAY_ORDER                                                                          \
    "mode=payment&client_reference_id=N1&success_url=http://shop/ok"                               \
    "&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd"                           \
    "&line_items[0][price_data][unit_amount]=1099"                                                 \
    "&line_items[0][price_data][product_data][name]=Tea"                                           \
    "&payment_intent_data[metadata][till_no]=N1"

struct stripe_play_answer {
    int status;
    const struct till_json *json;
    struct http_response response;
};

/* `form` NULL: a GET without a body, else a POST; `key` NULL: STRIPE_PLAY_KEY; `more`: another
 * header "Name: value", or NULL. */
struct stripe_play_answer stripe_play(struct play *play, const char *target, const char *form,
                                      const char *key, const char *more);
/* The member that a path of names leads to ("error.code"); "" when it is not there, "null" when it
 * is null; numbers and truths as texts. In the play's arena. */
const char *stripe_play_get(struct play *play, const struct stripe_play_answer *answer,
                            const char *path);
void stripe_play_has(struct play *play, const struct stripe_play_answer *answer, const char *path,
                     const char *wanted);
/* The status and the error's type, code ("" for none) and param. */
void stripe_play_refused(struct play *play, const struct stripe_play_answer *answer, int status,
                         const char *code, const char *param);
struct till_str stripe_play_header(const struct stripe_play_answer *answer, const char *name);
/* A new session of this form; its id. */
const char *stripe_play_session(struct play *play, const char *form);
/* The buyer pays it with a test token: through the platform's payment page. */
struct stripe_play_answer stripe_play_pay(struct play *play, const char *session,
                                          const char *method);
/* "a/%s/b" in the play's arena. */
const char *stripe_play_text(struct play *play, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Types of the account's events, oldest first, separated by blanks. */
const char *stripe_play_events(struct play *play);

#endif
