/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people and programs reach of Stripe besides its API: the hosted page under /stripe/pay/, the
 * console under /console/stripe, the control interface under /control/stripe (doc/SANDBOX.md). The
 * console's buttons and the control interface do the same through the same functions.
 */
#ifndef SANDBOX_STRIPE_PAGES_H
#define SANDBOX_STRIPE_PAGES_H

#include <sandbox/page.h>
#include <sandbox/stripe/buyer.h>
#include <sandbox/stripe/mail.h>

/* web.c: all routes of these files. */
extern const struct web_route stripe_web_routes[];

/* page_pay.c */
void stripe_page_pay(struct web *web);
void stripe_page_pay_act(struct web *web);

/* For the head of a page whose form has just been sent (?done=1): the buyer goes on by himself, by
 * a refresh. The form's own answer cannot send him: browsers hold every step of a redirect to the
 * form's policy, and where the shop leads on is not known here. An empty place: he stays. */
const char *stripe_page_onwards(struct web *web, struct till_str place);

/* page_intent.c */
void stripe_page_intent(struct web *web);
void stripe_page_intent_act(struct web *web);

/* page_console.c, page_session.c, page_event.c */
void stripe_page_console(struct web *web);
void stripe_page_endpoint_make(struct web *web);
void stripe_page_endpoint_act(struct web *web);
void stripe_page_session(struct web *web);
void stripe_page_session_act(struct web *web);
void stripe_page_event(struct web *web);
void stripe_page_event_act(struct web *web);
/* Locked: rows of the newest events: of a session with its payment and refunds, or (NULL) of all.
 */
void stripe_event_table(struct page *page, const struct stripe_object *session, int most);
/* "12.34 USD" of the member; in the arena. */
struct till_str stripe_amount_shown(struct till_arena *arena, const struct till_json *json,
                                    const char *member);

/* control.c, control_endpoint.c, control_event.c */
void stripe_control_accounts(struct web *web);
void stripe_control_sessions(struct web *web);
void stripe_control_session(struct web *web);
void stripe_control_session_act(struct web *web);
void stripe_control_endpoints(struct web *web);
void stripe_control_endpoint_make(struct web *web);
void stripe_control_endpoint_act(struct web *web);
void stripe_control_events(struct web *web);
void stripe_control_event(struct web *web);
void stripe_control_event_resend(struct web *web);
void stripe_control_books(struct web *web);

/* Locked, by values of the request. pay {method?, card?}, decline {code?}, pay-later {seconds?,
 * outcome?, method?}, settle {outcome?}, expire, refund {amount?, fails_in_seconds?}. A decline is
 * no failure of the action. FIELD_INVALID, STATE_CONFLICT, DECLINED, ... */
TILL_MUST_CHECK bool stripe_act_session(struct web *web, struct stripe_object *session,
                                        struct till_str action, struct till_error *err);
/* Locked. {key, url, secret?, enabled_events?, api_version?}; the secret that signs, in the arena.
 */
TILL_MUST_CHECK bool stripe_open_endpoint(struct web *web, struct stripe_object **ret_endpoint,
                                          struct till_str *ret_secret, struct till_error *err);
/* Locked. enable, disable, delete, roll {hours?, secret?}; of a roll the new secret, else empty. */
TILL_MUST_CHECK bool stripe_act_endpoint(struct web *web, struct stripe_object *endpoint,
                                         struct till_str action, struct till_str *ret_secret,
                                         struct till_error *err);
/* Locked: the newest of every account in turn; NULL object at the end. */
struct stripe_object *stripe_first(struct sandbox *sandbox, enum stripe_kind kind);
struct stripe_object *stripe_next(const struct stripe_object *object);
/* What the first line says is bought; in the arena. */
struct till_str stripe_session_title(const struct stripe_object *session, struct till_arena *arena);

#endif
