/* SPDX-License-Identifier: Apache-2.0 */
/* See endpoint.h. */
#include <sandbox/stripe/endpoint.h>
#include <sandbox/stripe/resources.h>

static bool check_url(struct till_str url, struct till_error *err) {
    bool is_web = till_str_starts_with(url, TILL_STR("http://")) ||
                  till_str_starts_with(url, TILL_STR("https://"));
    return (is_web && till_str_is_printable_ascii(url) && url.len <= 2000) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "url",
                           "Invalid URL: An explicit scheme (such as https) must be provided.");
}

static bool check_secret(struct till_str secret, struct till_error *err) {
    return secret.len == 0 ||
           (till_str_starts_with(secret, TILL_STR("whsec_")) && secret.len >= 16 &&
            secret.len <= 120 && till_str_is_printable_ascii(secret) &&
            till_str_find(secret, ' ') == secret.len) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "secret",
                           "A webhook secret is whsec_ and 10 to 114 characters without blanks.");
}

static size_t count_endpoints(const struct stripe_account *account) {
    size_t count = 0;
    for (const struct stripe_object *at = account->newest[STRIPE_ENDPOINT]; at; at = at->older)
        count += !at->is_deleted;
    return count;
}

static struct till_json *describe_secrets(struct sandbox *sandbox, struct till_str secret) {
    struct till_json *hidden = till_json_object(), *list = till_json_array();
    struct till_json *row = till_json_object();
    char made[STRIPE_ID];
    stripe_make_id(sandbox, "whsec_", 32, made);
    till_json_set_str(row, "secret", secret.len ? secret : till_str_of(made));
    till_json_set_int(row, "until_us", 0);
    till_json_append(list, row);
    till_json_set(hidden, "secrets", list);
    return hidden;
}

bool stripe_endpoint_make(struct sandbox *sandbox, struct stripe_account *account,
                          const struct stripe_endpoint_wish *wish,
                          struct stripe_object **ret_endpoint, struct till_error *err) {
    if (!check_url(wish->url, err) || !check_secret(wish->secret, err))
        return false;
    if (count_endpoints(account) >= STRIPE_ENDPOINTS_MAX)
        return TILL_FAIL(err, TOO_MANY,
                         "You have reached the maximum of %d test webhook endpoints.",
                         STRIPE_ENDPOINTS_MAX);
    struct till_json *json = stripe_shape(sandbox, "webhook_endpoint"), *all = till_json_array();
    till_json_append_str(all, TILL_STR("*"));
    till_json_set_str(json, "url", wish->url);
    till_json_set_copy(json, "enabled_events", wish->events ? wish->events : all);
    stripe_set_text(json, "api_version", wish->api_version);
    stripe_set_text(json, "description", wish->description);
    if (wish->metadata)
        till_json_set_copy(json, "metadata", wish->metadata);
    till_json_release(all);
    struct stripe_object *endpoint = stripe_add(sandbox, account, STRIPE_ENDPOINT, NULL, json);
    if (!endpoint)
        return TILL_FAIL(err, TOO_MANY, "The simulator has no room for more objects.");
    stripe_put_hidden(sandbox, endpoint, describe_secrets(sandbox, wish->secret));
    *ret_endpoint = endpoint;
    return true;
}

/* Those that still sign, each with its end; the newest of them ends now. Takes no tree. */
static void keep_former(const struct till_json *hidden, int64_t now_us, int64_t lives_us,
                        struct till_json *list) {
    const struct till_json *former = till_json_member(hidden, "secrets");
    for (size_t i = 0; i < till_json_size(former); i++) {
        struct till_json *row = till_json_copy(till_json_element(former, i));
        if (stripe_int(row, "until_us") == 0)
            till_json_set_int(row, "until_us", now_us + lives_us);
        if (stripe_int(row, "until_us") > now_us)
            till_json_append(list, row);
        else
            till_json_release(row);
    }
}

bool stripe_endpoint_roll(struct sandbox *sandbox, struct stripe_object *endpoint,
                          struct till_str secret, int64_t lives_us, struct till_error *err) {
    if (!check_secret(secret, err))
        return false;
    struct till_json *hidden = stripe_read_hidden(endpoint);
    struct till_json *fresh = describe_secrets(sandbox, secret);
    struct till_json *list = stripe_copy_member(fresh, "secrets");
    keep_former(hidden, platform_now_us(sandbox), lives_us, list);
    till_json_release(fresh);
    if (!hidden) {
        till_json_release(list);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    till_json_set(hidden, "secrets", list);
    stripe_put_hidden(sandbox, endpoint, hidden);
    return true;
}

struct till_str stripe_endpoint_secret(const struct stripe_object *endpoint,
                                       struct till_arena *arena) {
    struct till_json *hidden = stripe_read_hidden(endpoint);
    const struct till_json *newest = till_json_element(till_json_member(hidden, "secrets"), 0);
    struct till_str secret = platform_keep(arena, till_json_get_str(newest, "secret"));
    till_json_release(hidden);
    return secret;
}

bool stripe_endpoint_wants(const struct stripe_object *endpoint, struct till_str type) {
    struct till_json *json = endpoint->is_deleted ? NULL : stripe_read(endpoint);
    const struct till_json *events = till_json_member(json, "enabled_events");
    bool wanted = false;
    for (size_t i = 0; i < till_json_size(events) && !wanted; i++) {
        struct till_str event = till_json_str(till_json_element(events, i));
        wanted = till_str_is(event, "*") || till_str_equal(event, type);
    }
    wanted = wanted && till_str_is(till_json_get_str(json, "status"), "enabled");
    till_json_release(json);
    return wanted;
}

/* "charge.refunded", "checkout.session.async_payment_failed": words with points between them. */
static bool is_type(struct till_str text) {
    bool has_point = false, good = text.len > 0 && text.len <= 80;
    for (size_t i = 0; i < text.len && good; i++) {
        char c = text.ptr[i];
        has_point = has_point || c == '.';
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
    }
    return till_str_is(text, "*") || (good && has_point);
}

static bool check_events(struct stripe_call *call) {
    for (size_t i = 0; i < call->params.count; i++) {
        const struct stripe_param *param = &call->params.items[i];
        if (till_str_is(param->pattern, "enabled_events[]") && !is_type(param->value))
            return STRIPE_INVALID(
                call, NULL, param->name.ptr, "Invalid %.*s: %.*s is not the name of an event.",
                TILL_STR_ARG(param->name), TILL_STR_ARG(till_str_cut_utf8(param->value, 80)));
    }
    return true;
}

static bool refuse(struct stripe_call *call, const struct till_error *err) {
    return STRIPE_INVALID(call, err->field[0] ? "url_invalid" : NULL,
                          err->field[0] ? err->field : NULL, "%s", err->text);
}

/* The only answer that shows the secret. */
static bool answer_new(struct stripe_call *call, const struct stripe_object *endpoint) {
    struct till_json *json = stripe_read(endpoint);
    till_json_set_str(json, "secret", stripe_endpoint_secret(endpoint, call->arena));
    return stripe_answer_json(call, json);
}

bool stripe_create_endpoint(struct stripe_call *call) {
    struct stripe_object *endpoint = NULL;
    struct till_error err;
    if (!check_events(call))
        return false;
    struct till_json *metadata = till_json_object();
    struct till_json *events = stripe_param_list(call, "enabled_events");
    bool good = stripe_merge_metadata(call, "metadata", metadata, "metadata");
    struct stripe_endpoint_wish wish = {
        .url = stripe_param(call, "url"),
        .events = events,
        .api_version = stripe_param(call, "api_version"),
        .description = stripe_param(call, "description"),
        .metadata = till_json_member(metadata, "metadata"),
    };
    if (good && !stripe_endpoint_make(call->sandbox, call->account, &wish, &endpoint, &err))
        good = refuse(call, &err);
    till_json_release(events);
    till_json_release(metadata);
    return good && answer_new(call, endpoint);
}

bool stripe_get_endpoint(struct stripe_call *call) {
    const struct stripe_object *endpoint = stripe_segment_object(call, STRIPE_ENDPOINT, "id");
    return endpoint && stripe_answer_object(call, endpoint);
}

/* What is sent changes. False: refused. */
static bool change(struct stripe_call *call, struct till_json *json) {
    struct till_error err;
    if (!check_events(call))
        return false;
    if (stripe_has(call, "url") && !check_url(stripe_param(call, "url"), &err))
        return refuse(call, &err);
    if (stripe_has(call, "url"))
        till_json_set_str(json, "url", stripe_param(call, "url"));
    if (stripe_has_below(call, "enabled_events"))
        till_json_set(json, "enabled_events", stripe_param_list(call, "enabled_events"));
    if (stripe_has(call, "description"))
        stripe_set_text(json, "description", stripe_param(call, "description"));
    if (stripe_has(call, "disabled"))
        till_json_set_text(json, "status",
                           stripe_param_flag(call, "disabled") ? "disabled" : "enabled");
    return stripe_merge_metadata(call, "metadata", json, "metadata");
}

bool stripe_update_endpoint(struct stripe_call *call) {
    struct stripe_object *endpoint = stripe_segment_object(call, STRIPE_ENDPOINT, "id");
    struct till_json *json = endpoint ? stripe_read(endpoint) : NULL;
    if (!endpoint)
        return false;
    if (!change(call, json)) {
        till_json_release(json);
        return false;
    }
    stripe_put(call->sandbox, endpoint, json);
    return stripe_answer_object(call, endpoint);
}

bool stripe_delete_endpoint(struct stripe_call *call) {
    struct stripe_object *endpoint = stripe_segment_object(call, STRIPE_ENDPOINT, "id");
    return endpoint && stripe_answer_deleted(call, endpoint);
}

bool stripe_list_endpoints(struct stripe_call *call) {
    return stripe_answer_list(call, STRIPE_ENDPOINT, NULL, NULL);
}
