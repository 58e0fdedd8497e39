/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as answers: what stands for an id when it is asked for (dossier 7). */
#include <sandbox/stripe/call.h>
#include <sandbox/stripe/pay.h>

#include <stdio.h>

/* Which member of which object is an id of what. */
static const struct {
    const char *object, *member;
} links[] = {
    {"checkout.session", "payment_intent"},
    {"checkout.session", "customer"},
    {"payment_intent", "latest_charge"},
    {"payment_intent", "payment_method"},
    {"payment_intent", "customer"},
    {"charge", "balance_transaction"},
    {"charge", "payment_intent"},
    {"charge", "customer"},
    {"charge", "failure_balance_transaction"},
    {"refund", "charge"},
    {"refund", "payment_intent"},
    {"refund", "balance_transaction"},
    {"refund", "failure_balance_transaction"},
    {"balance_transaction", "source"},
    {"payment_method", "customer"},
    {"price", "product"},
    {"product", "default_price"},
};

/* Known to be expandable, always null here. */
static const char *const empty_links[] = {"application",       "invoice",
                                          "on_behalf_of",      "review",
                                          "subscription",      "setup_intent",
                                          "payment_link",      "source_transfer",
                                          "application_fee",   "source_transfer_reversal",
                                          "transfer_reversal", "customer_account",
                                          "tax_code",          NULL};

static bool refuse_expansion(struct stripe_call *call, struct till_str path) {
    return STRIPE_INVALID(call, NULL, "expand", "This property cannot be expanded (%.*s).",
                          TILL_STR_ARG(till_str_cut_utf8(path, 200)));
}

static bool is_link(struct till_str object, struct till_str member) {
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (till_str_is(object, links[i].object) && till_str_is(member, links[i].member))
            return true;
    for (size_t i = 0; empty_links[i]; i++)
        if (till_str_is(member, empty_links[i]))
            return true;
    return false;
}

/* The refunds of a charge, newest first, at most ten of them, as the platform includes them. */
static struct till_json *refunds_of(struct stripe_call *call, const struct till_json *charge) {
    struct till_json *list = till_json_object(), *data = till_json_array();
    struct till_str id = till_json_get_str(charge, "id");
    size_t count = 0;
    for (const struct stripe_object *refund = call->account->newest[STRIPE_REFUND]; refund;
         refund = refund->older) {
        struct till_json *json = stripe_read(refund);
        if (till_str_equal(till_json_get_str(json, "charge"), id) && count++ < STRIPE_LIMIT_DEFAULT)
            till_json_append(data, json);
        else
            till_json_release(json);
    }
    till_json_set_text(list, "object", "list");
    till_json_set(list, "data", data);
    till_json_set_bool(list, "has_more", count > STRIPE_LIMIT_DEFAULT);
    till_json_set_text(list, "url", stripe_path(call, "/v1/refunds?charge=%.*s", TILL_STR_ARG(id)));
    return list;
}

/* Lists that answers leave out unless they are asked for. NULL: no such thing. */
static struct till_json *include(struct stripe_call *call, const struct till_json *json,
                                 struct till_str member) {
    struct till_str object = till_json_get_str(json, "object");
    if (till_str_is(object, "charge") && till_str_is(member, "refunds"))
        return refunds_of(call, json);
    if (till_str_is(object, "checkout.session") && till_str_is(member, "line_items"))
        return stripe_line_items(call, till_json_get_str(json, "id"), STRIPE_LIMIT_DEFAULT);
    return NULL;
}

/* "a.b" into a and b. */
static struct till_str split(struct till_str path, struct till_str *ret_rest) {
    size_t end = till_str_find(path, '.');
    *ret_rest = till_str_sub(path, end + 1, path.len);
    return till_str_sub(path, 0, end);
}

static bool expand(struct stripe_call *call, struct till_json *json, struct till_str path,
                   struct till_str whole);

/* A copy of the member as it is after an earlier expansion, or the object that the id names. */
static struct till_json *follow(struct stripe_call *call, const struct till_json *json,
                                const char *member) {
    const struct till_json *value = till_json_member(json, member);
    if (till_json_is_object(value))
        return till_json_copy(value);
    const struct stripe_object *object =
        stripe_find_any(call->sandbox, call->account, till_json_str(value));
    return object ? stripe_show(call, object) : NULL;
}

static bool expand_member(struct stripe_call *call, struct till_json *json, struct till_str member,
                          struct till_str rest, struct till_str whole) {
    struct till_str name = platform_keep(call->arena, member);
    struct till_json *included = name.len ? include(call, json, name) : NULL;
    if (included)
        till_json_set(json, name.ptr, included);
    if (included && rest.len == 0)
        return true;
    if (!included && !is_link(till_json_get_str(json, "object"), name))
        return refuse_expansion(call, whole);
    struct till_json *target = follow(call, json, name.ptr);
    if (!target)
        return true; /* null, or gone */
    if (rest.len && !expand(call, target, rest, whole)) {
        till_json_release(target);
        return false;
    }
    till_json_set(json, name.ptr, target);
    return true;
}

/* "data.x" of a list means x of every element. */
static bool expand_elements(struct stripe_call *call, struct till_json *list, struct till_str rest,
                            struct till_str whole) {
    const struct till_json *data = till_json_member(list, "data");
    struct till_json *expanded = till_json_array();
    bool good = true;
    for (size_t i = 0; i < till_json_size(data) && good; i++) {
        struct till_json *element = till_json_copy(till_json_element(data, i));
        good = expand(call, element, rest, whole);
        till_json_append(expanded, element);
    }
    till_json_set(list, "data", expanded);
    return good;
}

static bool expand(struct stripe_call *call, struct till_json *json, struct till_str path,
                   struct till_str whole) {
    struct till_str rest, member = split(path, &rest);
    bool is_list = till_str_is(till_json_get_str(json, "object"), "list");
    if (!is_list)
        return expand_member(call, json, member, rest, whole);
    if (!till_str_is(member, "data") || rest.len == 0)
        return refuse_expansion(call, whole);
    return expand_elements(call, json, rest, whole);
}

bool stripe_answer_json(struct stripe_call *call, struct till_json *json) {
    for (size_t i = 0; i < call->params.count; i++) {
        const struct stripe_param *param = &call->params.items[i];
        if (till_str_is(param->pattern, "expand[]") &&
            !expand(call, json, param->value, param->value)) {
            till_json_release(json);
            return false;
        }
    }
    call->answer = json;
    return true;
}

struct till_json *stripe_show(const struct stripe_call *call, const struct stripe_object *object) {
    struct till_json *json = stripe_read(object);
    if (json && object->kind == STRIPE_TRANSACTION &&
        stripe_int(json, "available_on") <= call->now_us / PLATFORM_SECOND_US)
        till_json_set_text(json, "status", "available");
    return json;
}

bool stripe_answer_object(struct stripe_call *call, const struct stripe_object *object) {
    struct till_json *json = object ? stripe_show(call, object) : NULL;
    return json ? stripe_answer_json(call, json) : stripe_no_room(call);
}

struct stripe_object *stripe_segment_object(struct stripe_call *call, enum stripe_kind kind,
                                            const char *param) {
    struct stripe_object *object =
        stripe_find(call->sandbox, call->account, kind, call->segments[0]);
    if (!object)
        (void)stripe_missing(call, param, call->segments[0], stripe_kind_name(kind));
    return object;
}

struct stripe_object *stripe_param_object(struct stripe_call *call, enum stripe_kind kind,
                                          const char *param) {
    struct till_str id = stripe_param(call, param);
    struct stripe_object *object =
        id.len ? stripe_find(call->sandbox, call->account, kind, id) : NULL;
    if (id.len && !object)
        (void)stripe_missing(call, param, id, stripe_kind_name(kind));
    return object;
}

bool stripe_answer_deleted(struct stripe_call *call, struct stripe_object *object) {
    object->is_deleted = true;
    platform_changed(call->sandbox);
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", object->id);
    till_json_set_text(json, "object", stripe_kind_name(object->kind));
    till_json_set_bool(json, "deleted", true);
    call->answer = json;
    return true;
}
