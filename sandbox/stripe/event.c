/* SPDX-License-Identifier: Apache-2.0 */
/* Events (dossier 16): what happened, with the object as it was then. */
#include <sandbox/stripe/mail.h>
#include <sandbox/stripe/resources.h>

enum { EVENTS_DAYS = 30 };

static struct till_json *describe_cause(const struct stripe_cause *cause) {
    struct till_json *request = till_json_object();
    stripe_set_text(request, "id", cause ? cause->request_id : TILL_STR_NONE);
    stripe_set_text(request, "idempotency_key", cause ? cause->idempotency_key : TILL_STR_NONE);
    return request;
}

struct stripe_object *stripe_emit(struct sandbox *sandbox, const struct stripe_object *object,
                                  const char *type, const struct till_json *previous) {
    struct till_json *event = stripe_shape(sandbox, "event"), *data = till_json_object();
    struct till_json *snapshot = stripe_read(object);
    if (!snapshot) {
        sandbox->stripe->starved = true;
        till_json_release(event);
        till_json_release(data);
        return NULL;
    }
    till_json_set(data, "object", snapshot);
    if (previous)
        till_json_set_copy(data, "previous_attributes", previous);
    till_json_set_text(event, "api_version", object->account->api_version);
    till_json_set(event, "data", data);
    till_json_set(event, "request", describe_cause(sandbox->stripe->cause));
    till_json_set_text(event, "type", type);
    struct stripe_object *kept = stripe_add(sandbox, object->account, STRIPE_EVENT, NULL, event);
    if (!kept)
        return NULL;
    stripe_set_about(kept, till_str_of(object->id));
    stripe_mail_plan(sandbox, kept);
    return kept;
}

/* They reach back 30 days. */
static bool is_recent(const struct stripe_call *call, const struct till_json *event) {
    return call->now_us / PLATFORM_SECOND_US - stripe_int(event, "created") <=
           EVENTS_DAYS * PLATFORM_DAY_US / PLATFORM_SECOND_US;
}

static bool has_type(const struct stripe_call *call, const struct till_json *event) {
    struct till_str type = till_json_get_str(event, "type");
    bool listed = !stripe_has_below(call, "types");
    for (size_t i = 0; i < call->params.count; i++)
        listed = listed || (till_str_is(call->params.items[i].pattern, "types[]") &&
                            till_str_equal(call->params.items[i].value, type));
    bool wants_delivered = stripe_param_flag(call, "delivery_success");
    return listed && is_recent(call, event) &&
           (!stripe_has(call, "type") || till_str_equal(stripe_param(call, "type"), type)) &&
           (!stripe_has(call, "delivery_success") ||
            wants_delivered == (stripe_int(event, "pending_webhooks") == 0));
}

bool stripe_list_events(struct stripe_call *call) {
    return stripe_answer_list(call, STRIPE_EVENT, NULL, has_type);
}

bool stripe_get_event(struct stripe_call *call) {
    const struct stripe_object *event = stripe_segment_object(call, STRIPE_EVENT, "id");
    struct till_json *json = event ? stripe_read(event) : NULL;
    bool is_there = json && is_recent(call, json);
    till_json_release(json);
    if (event && !is_there) {
        (void)stripe_missing(call, "id", call->segments[0], "event");
        return stripe_explain(call, "Events can be read for 30 days.");
    }
    return is_there && stripe_answer_object(call, event);
}
