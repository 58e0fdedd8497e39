/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhook endpoints as the platform's dashboard makes them: with the account's key, before anybody
 * has called the API. The secret is shown once; a rolled one signs beside the new one for a while.
 */
#include <sandbox/stripe/endpoint.h>
#include <sandbox/stripe/pages.h>

enum { TYPES_MAX = 100, TYPE_MAX = 80 };

/* A list, or words behind commas or blanks; nothing is "*". */
static struct till_json *read_types(struct web *web) {
    const struct till_json *listed = till_json_member(web->json, "enabled_events");
    struct till_str text = web_value(web, "enabled_events");
    if (till_json_is_array(listed))
        return till_json_copy(listed);
    struct till_json *types = till_json_array();
    for (size_t at = 0, begin = 0; at <= text.len; at++) {
        if (at < text.len && text.ptr[at] != ',' && text.ptr[at] != ' ' && text.ptr[at] != '\n')
            continue;
        struct till_str word = till_str_trim(till_str_sub(text, begin, at - begin));
        begin = at + 1;
        if (word.len)
            till_json_append_str(types, word);
    }
    if (till_json_size(types) == 0)
        till_json_append_str(types, TILL_STR("*"));
    return types;
}

static bool are_types(const struct till_json *types) {
    if (till_json_size(types) == 0 || till_json_size(types) > TYPES_MAX)
        return false;
    for (size_t i = 0; i < till_json_size(types); i++) {
        struct till_str type = till_json_str(till_json_element(types, i));
        if (type.len == 0 || type.len > TYPE_MAX || !till_str_is_printable_ascii(type))
            return false;
    }
    return true;
}

static struct stripe_account *read_account(struct web *web, struct till_error *err) {
    struct till_str key = web_value(web, "key");
    if (!stripe_key_is_ours(key)) {
        (void)TILL_FAIL_FIELD(err, FIELD_INVALID, "/key",
                              "Give the account's secret key: sk_test_ or rk_test_ and at least 8 "
                              "letters or digits. Any opens an account here.");
        return NULL;
    }
    struct stripe_account *account = stripe_account_obtain(web->sandbox, key);
    if (!account)
        (void)TILL_FAIL(err, TOO_MANY, "There are %d accounts already.", STRIPE_ACCOUNTS_MAX);
    return account;
}

static bool make(struct web *web, const struct till_json *types,
                 struct stripe_object **ret_endpoint, struct till_error *err) {
    const struct stripe_endpoint_wish wish = {.url = web_value(web, "url"),
                                              .events = types,
                                              .secret = web_value(web, "secret"),
                                              .api_version = web_value(web, "api_version")};
    if (!are_types(types))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/enabled_events",
                               "enabled_events lists 1 to %d types of events, or is *.", TYPES_MAX);
    struct stripe_account *account = read_account(web, err);
    return account && stripe_endpoint_make(web->sandbox, account, &wish, ret_endpoint, err);
}

bool stripe_open_endpoint(struct web *web, struct stripe_object **ret_endpoint,
                          struct till_str *ret_secret, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *types = read_types(web);
    if (!make(web, types, ret_endpoint, err))
        return false;
    *ret_secret = stripe_endpoint_secret(*ret_endpoint, web->arena);
    return true;
}

static bool set_status(struct sandbox *sandbox, struct stripe_object *endpoint, const char *status,
                       struct till_error *err) {
    struct till_json *json = stripe_read(endpoint);
    if (!json)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    till_json_set_text(json, "status", status);
    stripe_put(sandbox, endpoint, json);
    return true;
}

static bool read_hours(struct web *web, int64_t *ret_hours, struct till_error *err) {
    *ret_hours = web_number(web, "hours", STRIPE_ROLL_HOURS_MAX);
    return (*ret_hours >= 0 && *ret_hours <= STRIPE_ROLL_HOURS_MAX) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/hours",
                           "The former secret lives for 0 to %d hours more.",
                           STRIPE_ROLL_HOURS_MAX);
}

bool stripe_act_endpoint(struct web *web, struct stripe_object *endpoint, struct till_str action,
                         struct till_str *ret_secret, struct till_error *err) {
    int64_t hours;
    *ret_secret = TILL_STR_NONE;
    if (till_str_is(action, "enable"))
        return set_status(web->sandbox, endpoint, "enabled", err);
    if (till_str_is(action, "disable"))
        return set_status(web->sandbox, endpoint, "disabled", err);
    if (till_str_is(action, "roll")) {
        if (!read_hours(web, &hours, err) ||
            !stripe_endpoint_roll(web->sandbox, endpoint, web_value(web, "secret"),
                                  hours * PLATFORM_HOUR_US, err))
            return false;
        *ret_secret = stripe_endpoint_secret(endpoint, web->arena);
        return true;
    }
    if (!till_str_is(action, "delete"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/action",
                               "Actions are enable, disable, delete and roll.");
    endpoint->is_deleted = true;
    platform_changed(web->sandbox);
    return true;
}

static struct till_json *describe(const struct stripe_object *endpoint, struct till_str secret) {
    struct till_json *json = stripe_read(endpoint);
    till_json_set_text(json, "account", endpoint->account->id);
    if (secret.len)
        till_json_set_str(json, "secret", secret);
    return json;
}

void stripe_control_endpoints(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    platform_lock(web->sandbox);
    struct stripe_object *endpoint = stripe_first(web->sandbox, STRIPE_ENDPOINT);
    for (; endpoint; endpoint = stripe_next(endpoint))
        if (!endpoint->is_deleted)
            till_json_append(list, describe(endpoint, TILL_STR_NONE));
    platform_unlock(web->sandbox);
    till_json_set(json, "endpoints", list);
    web_json(web, 200, json);
}

void stripe_control_endpoint_make(struct web *web) {
    struct stripe_object *endpoint = NULL;
    struct till_json *json = NULL;
    struct till_error err;
    struct till_str secret;
    platform_lock(web->sandbox);
    if (stripe_open_endpoint(web, &endpoint, &secret, &err))
        json = describe(endpoint, secret);
    platform_unlock(web->sandbox);
    if (json)
        web_json(web, 201, json);
    else
        web_error(web, &err);
}

void stripe_control_endpoint_act(struct web *web) {
    struct till_json *json = NULL;
    struct till_error err;
    struct till_str secret;
    platform_lock(web->sandbox);
    struct stripe_object *endpoint =
        stripe_find_anywhere(web->sandbox, STRIPE_ENDPOINT, web->segments[0]);
    if (endpoint && stripe_act_endpoint(web, endpoint, web->segments[1], &secret, &err))
        json = describe(endpoint, secret);
    platform_unlock(web->sandbox);
    if (json)
        web_json(web, 200, json);
    else if (endpoint)
        web_error(web, &err);
    else
        web_text(web, 404, "There is no such endpoint.\n");
}
