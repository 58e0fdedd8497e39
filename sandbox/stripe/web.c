/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of Stripe's pages and control interface; see pages.h. */
#include <sandbox/stripe/pages.h>

const struct web_route stripe_web_routes[] = {
    {"GET", "/stripe/pay/*", stripe_page_pay},
    {"POST", "/stripe/pay/*", stripe_page_pay_act},
    {"GET", "/stripe/intents/*", stripe_page_intent},
    {"POST", "/stripe/intents/*", stripe_page_intent_act},
    {"GET", "/console/stripe", stripe_page_console},
    {"POST", "/console/stripe/endpoints", stripe_page_endpoint_make},
    {"POST", "/console/stripe/endpoints/*", stripe_page_endpoint_act},
    {"GET", "/console/stripe/sessions/*", stripe_page_session},
    {"POST", "/console/stripe/sessions/*", stripe_page_session_act},
    {"GET", "/console/stripe/events/*", stripe_page_event},
    {"POST", "/console/stripe/events/*", stripe_page_event_act},
    {"GET", "/control/stripe/accounts", stripe_control_accounts},
    {"GET", "/control/stripe/books", stripe_control_books},
    {"GET", "/control/stripe/endpoints", stripe_control_endpoints},
    {"POST", "/control/stripe/endpoints", stripe_control_endpoint_make},
    {"POST", "/control/stripe/endpoints/*/*", stripe_control_endpoint_act},
    {"GET", "/control/stripe/events", stripe_control_events},
    {"GET", "/control/stripe/events/*", stripe_control_event},
    {"POST", "/control/stripe/events/*/resend", stripe_control_event_resend},
    {"GET", "/control/stripe/sessions", stripe_control_sessions},
    {"GET", "/control/stripe/sessions/*", stripe_control_session},
    {"POST", "/control/stripe/sessions/*/*", stripe_control_session_act},
    {NULL, NULL, NULL},
};
