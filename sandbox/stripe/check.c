/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters against the rules of their route, strictly: an unknown one is refused, as the platform
 * does. Nothing has been executed yet, so none of these refusals is kept under an idempotency key.
 */
#include <sandbox/stripe/call.h>

enum { TEXT_MAX = 5000, EXPAND_DEPTH_MAX = 4 };

/* Every route takes these. */
static const struct stripe_rule expand_rule = {.pattern = "expand[]"};

static bool below(struct till_str pattern, struct till_str above) {
    return till_str_starts_with(pattern, above) &&
           (pattern.len == above.len || pattern.ptr[above.len] == '[');
}

/* One more segment, whatever it says, and nothing behind it. */
static bool is_metadata(struct till_str pattern, struct till_str above) {
    struct till_str rest = till_str_sub(pattern, above.len, pattern.len);
    return rest.len == 0 || till_str_find(rest, ']') + 1 == rest.len;
}

static bool covers(const struct stripe_rule *rule, const struct stripe_param *param) {
    struct till_str wanted = till_str_of(rule->pattern);
    switch (rule->type) {
    case STRIPE_METADATA:
        return below(param->pattern, wanted) && is_metadata(param->pattern, wanted);
    case STRIPE_ABSENT:
    case STRIPE_IGNORED:
        return below(param->pattern, wanted);
    default:
        return till_str_equal(param->pattern, wanted);
    }
}

static const struct stripe_rule *find_rule(const struct stripe_call *call,
                                           const struct stripe_param *param) {
    if (covers(&expand_rule, param))
        return &expand_rule;
    for (const struct stripe_rule *rule = call->route->rules; rule && rule->pattern; rule++)
        if (covers(rule, param))
            return rule;
    return NULL;
}

static size_t count_characters(struct till_str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool check_text(struct stripe_call *call, const struct stripe_rule *rule,
                       const struct stripe_param *param) {
    size_t max = rule->max ? rule->max : TEXT_MAX, count = count_characters(param->value);
    if (param->value.len == 0 && rule->type != STRIPE_UNSET_TEXT)
        return STRIPE_INVALID(call, "parameter_invalid_empty", param->name.ptr,
                              "You passed an empty string for '%.*s'. We assume empty values are "
                              "an attempt to unset a parameter; however '%.*s' cannot be unset. "
                              "You should remove '%.*s' from your request or supply a non-empty "
                              "value.",
                              TILL_STR_ARG(param->name), TILL_STR_ARG(param->name),
                              TILL_STR_ARG(param->name));
    if (count > max)
        return STRIPE_INVALID(call, NULL, param->name.ptr,
                              "Invalid string: %.*s...; must be at most %zu characters",
                              TILL_STR_ARG(till_str_cut_utf8(param->value, 20)), max);
    return true;
}

static bool check_integer(struct stripe_call *call, const struct stripe_param *param) {
    struct till_str text = param->value;
    bool is_negative = text.len > 1 && text.ptr[0] == '-';
    unsigned long long magnitude;
    if (till_str_to_u64(till_str_sub(text, is_negative, text.len), INT64_MAX, &magnitude))
        return true;
    (void)STRIPE_INVALID(call, "parameter_invalid_integer", param->name.ptr,
                         "Invalid integer: %.*s", TILL_STR_ARG(till_str_cut_utf8(text, 60)));
    return till_str_find(text, '.') < text.len &&
           stripe_explain(call,
                          "Amounts are whole numbers of the currency's smallest unit: $9.90 is "
                          "990, and 100 yen are 100.");
}

static bool check_boolean(struct stripe_call *call, const struct stripe_param *param) {
    return till_str_is(param->value, "true") || till_str_is(param->value, "false") ||
           STRIPE_INVALID(call, NULL, param->name.ptr, "Invalid boolean: %.*s",
                          TILL_STR_ARG(till_str_cut_utf8(param->value, 60)));
}

/* "a, b, or c" */
static struct till_str choices_text(struct stripe_call *call, struct till_str choices) {
    struct till_buf buf;
    struct till_str text = TILL_STR_NONE;
    struct till_error err;
    till_buf_init(&buf, call->arena);
    while (choices.len) {
        size_t end = till_str_find(choices, ' ');
        bool is_last = end == choices.len;
        till_buf_text(&buf, buf.len == 0 ? "" : is_last ? ", or " : ", ");
        till_buf_add(&buf, till_str_sub(choices, 0, end));
        choices = till_str_sub(choices, end + 1, choices.len);
    }
    return till_buf_finish(&buf, &text, &err) ? text : TILL_STR_NONE;
}

static bool check_choice(struct stripe_call *call, const struct stripe_rule *rule,
                         const struct stripe_param *param) {
    struct till_str choices = till_str_of(rule->choices);
    while (choices.len && param->value.len) {
        size_t end = till_str_find(choices, ' ');
        if (till_str_equal(till_str_sub(choices, 0, end), param->value))
            return true;
        choices = till_str_sub(choices, end + 1, choices.len);
    }
    return STRIPE_INVALID(call, NULL, param->name.ptr, "Invalid %.*s: must be one of %.*s",
                          TILL_STR_ARG(param->name),
                          TILL_STR_ARG(choices_text(call, till_str_of(rule->choices))));
}

static bool check_metadata(struct stripe_call *call, const struct stripe_rule *rule,
                           const struct stripe_param *param) {
    if (param->pattern.len == strlen(rule->pattern))
        return param->value.len == 0 ||
               STRIPE_INVALID(call, NULL, param->name.ptr, "Invalid object");
    size_t begin = param->name.len;
    while (param->name.ptr[begin - 1] != '[')
        begin--;
    struct till_str name = till_str_sub(param->name, begin, param->name.len - begin - 1);
    if (name.len == 0 || count_characters(name) > STRIPE_METADATA_NAME_MAX)
        return STRIPE_INVALID(call, NULL, param->name.ptr,
                              "Metadata keys must be 1 to %d characters long.",
                              STRIPE_METADATA_NAME_MAX);
    return count_characters(param->value) <= STRIPE_METADATA_VALUE_MAX ||
           STRIPE_INVALID(call, NULL, param->name.ptr,
                          "Metadata values can have up to %d characters, but you passed in a "
                          "value that is %zu characters. Invalid value: %.*s...",
                          STRIPE_METADATA_VALUE_MAX, count_characters(param->value),
                          TILL_STR_ARG(till_str_cut_utf8(param->value, 20)));
}

static bool check_param(struct stripe_call *call, const struct stripe_param *param) {
    const struct stripe_rule *rule = find_rule(call, param);
    if (!rule)
        return STRIPE_INVALID(call, "parameter_unknown", param->name.ptr,
                              "Received unknown parameter: %.*s", TILL_STR_ARG(param->name));
    switch (rule->type) {
    case STRIPE_TEXT:
    case STRIPE_UNSET_TEXT:
        return check_text(call, rule, param);
    case STRIPE_INTEGER:
        return check_integer(call, param);
    case STRIPE_BOOLEAN:
        return check_boolean(call, param);
    case STRIPE_CHOICE:
        return check_choice(call, rule, param);
    case STRIPE_METADATA:
        return check_metadata(call, rule, param);
    case STRIPE_IGNORED:
        return true;
    case STRIPE_ABSENT:
        (void)STRIPE_INVALID(call, NULL, param->name.ptr,
                             "This simulator does not play the parameter %.*s.",
                             TILL_STR_ARG(param->name));
        return stripe_explain(call, "The platform knows the parameter; the simulator does not, "
                                    "and says so rather than answer as if it had acted on it.");
    }
    return false;
}

static bool check_required(struct stripe_call *call) {
    for (const struct stripe_rule *rule = call->route->rules; rule && rule->pattern; rule++)
        if (rule->is_required && !stripe_has_below(call, rule->pattern))
            return STRIPE_INVALID(call, "parameter_missing", rule->pattern,
                                  "Missing required param: %s.", rule->pattern);
    return true;
}

static bool check_expand(struct stripe_call *call) {
    for (size_t i = 0; i < call->params.count; i++) {
        const struct stripe_param *param = &call->params.items[i];
        size_t depth = 1;
        if (!covers(&expand_rule, param))
            continue;
        for (size_t at = 0; at < param->value.len; at++)
            depth += param->value.ptr[at] == '.';
        if (depth > EXPAND_DEPTH_MAX)
            return STRIPE_INVALID(call, NULL, "expand",
                                  "You cannot expand more than %d levels of a property. "
                                  "Property: %.*s",
                                  EXPAND_DEPTH_MAX, TILL_STR_ARG(param->value));
    }
    return true;
}

bool stripe_params_check(struct stripe_call *call) {
    for (size_t i = 0; i < call->params.count; i++)
        if (!check_param(call, &call->params.items[i]))
            return false;
    return check_required(call) && check_expand(call);
}
