/* SPDX-License-Identifier: Apache-2.0 */
/* /control/stripe/events: what was told to whom, and telling it again, true or not. */
#include <sandbox/stripe/pages.h>

enum { LIST_MAX = 500 };

static struct till_json *describe_delivery(const struct stripe_delivery *delivery) {
    struct till_json *row = till_json_object();
    struct till_str reply = till_str_of(delivery->last_reply);
    till_json_set_text(row, "endpoint", delivery->endpoint->id);
    till_json_set_text(row, "variant", delivery->variant ? fault_row(delivery->variant)->name : "");
    till_json_set_int(row, "attempts", delivery->attempts);
    till_json_set_int(row, "due_us", delivery->due_us);
    till_json_set_bool(row, "acknowledged", delivery->acknowledged);
    till_json_set_bool(row, "over", delivery->over);
    till_json_set_int(row, "last_status", delivery->last_status);
    till_json_set_str(row, "last_reply", till_str_is_utf8(reply) ? reply : TILL_STR_NONE);
    return row;
}

/* The event as a GET answers it, and its deliveries, newest first. */
static struct till_json *describe(struct sandbox *sandbox, const struct stripe_object *event) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    const struct stripe_mail *mail = sandbox->stripe->mail;
    const struct stripe_delivery *delivery = mail ? mail->deliveries : NULL;
    for (; delivery; delivery = delivery->next)
        if (delivery->event == event)
            till_json_append(list, describe_delivery(delivery));
    till_json_set(json, "event", stripe_read(event));
    till_json_set_text(json, "account", event->account->id);
    till_json_set(json, "deliveries", list);
    return json;
}

/* Of the type, and about the object; empty: any. */
static bool fits(const struct stripe_object *event, struct till_str type, struct till_str about) {
    if (about.len && !till_str_is(about, event->about))
        return false;
    TILL_JSON_SCOPED struct till_json *json = type.len ? stripe_read(event) : NULL;
    return type.len == 0 || till_str_equal(type, till_json_get_str(json, "type"));
}

void stripe_control_events(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    struct till_str type = web_value(web, "type"), about = web_value(web, "object");
    int left = LIST_MAX;
    platform_lock(web->sandbox);
    struct stripe_object *event = stripe_first(web->sandbox, STRIPE_EVENT);
    for (; event && left > 0; event = stripe_next(event)) {
        if (!fits(event, type, about))
            continue;
        till_json_append(list, describe(web->sandbox, event));
        left--;
    }
    platform_unlock(web->sandbox);
    till_json_set(json, "events", list);
    web_json(web, 200, json);
}

static void answer(struct web *web, struct till_json *json) {
    if (json)
        web_json(web, 200, json);
    else
        web_text(web, 404, "There is no such event.\n");
}

void stripe_control_event(struct web *web) {
    platform_lock(web->sandbox);
    struct stripe_object *event =
        stripe_find_anywhere(web->sandbox, STRIPE_EVENT, web->segments[0]);
    struct till_json *json = event ? describe(web->sandbox, event) : NULL;
    platform_unlock(web->sandbox);
    answer(web, json);
}

void stripe_control_event_resend(struct web *web) {
    struct till_json *json = NULL;
    enum fault variant;
    struct till_error err;
    size_t count = 0;
    if (!stripe_mail_variant(web->arena, web_value(web, "variant"), &variant, &err)) {
        web_error(web, &err);
        return;
    }
    platform_lock(web->sandbox);
    struct stripe_object *event =
        stripe_find_anywhere(web->sandbox, STRIPE_EVENT, web->segments[0]);
    if (event)
        count = stripe_mail_again(web->sandbox, event, web_value(web, "endpoint"), variant,
                                  web_value(web, "argument"));
    if (count)
        json = describe(web->sandbox, event);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (event && count == 0)
        web_text(web, 409, "No enabled endpoint of the account wants this event.\n");
    else
        answer(web, json);
}
