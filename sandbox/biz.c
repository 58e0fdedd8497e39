/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of biz_content, each with its rule; the refusal names the field for people. */
#include <sandbox/call.h>

bool biz_refuse(struct call *call, const char *name, const char *why) {
    answer_business(call, "ACQ.INVALID_PARAMETER");
    struct till_error err;
    if (!till_arena_format(call->arena, &call->why, &err, "%s.%s: %s",
                           call->v3 ? "body" : "biz_content", name, why))
        call->why = TILL_STR("A business field is wrong.");
    return false;
}

static size_t characters(struct till_str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

bool biz_text(struct call *call, const char *name, size_t max, bool required,
              struct till_str *ret_value) {
    const struct till_json *member = till_json_member(call->biz, name);
    *ret_value = TILL_STR_NONE;
    if (!member || till_json_is_null(member))
        return !required || biz_refuse(call, name, "is required");
    if (!till_json_is_string(member))
        return biz_refuse(call, name, "must be a JSON string (amounts too: \"9.90\")");
    struct till_str value = till_json_str(member);
    if (required && value.len == 0)
        return biz_refuse(call, name, "is required");
    if (characters(value) > max)
        return biz_refuse(call, name, "is too long");
    *ret_value = value;
    return true;
}

bool biz_money(struct call *call, const char *name, bool required, int64_t *ret_minor) {
    struct till_str text;
    struct till_money money;
    struct till_error err;
    *ret_minor = -1;
    if (!biz_text(call, name, 16, required, &text))
        return false;
    if (text.len == 0)
        return true;
    if (!till_money_parse(text, TILL_STR("CNY"), &money, &err))
        return biz_refuse(call, name, "must be a decimal text in yuan with at most two decimals");
    if (money.minor > TRADE_TOTAL_MAX || (required && money.minor == 0))
        return biz_refuse(call, name, "must be from 0.01 to 100000000");
    *ret_minor = money.minor;
    return true;
}

/* Until the end of the day in Beijing. */
static int64_t until_midnight(int64_t now_us) {
    int64_t beijing = now_us + 8 * PLATFORM_HOUR_US;
    return PLATFORM_DAY_US - beijing % PLATFORM_DAY_US;
}

bool biz_timeout(struct call *call, const char *name, int64_t *ret_us) {
    struct till_str text;
    unsigned long long count;
    *ret_us = 0;
    if (!biz_text(call, name, 6, false, &text))
        return false;
    if (text.len == 0)
        return true;
    char unit = text.ptr[text.len - 1];
    if (!till_str_to_u64(till_str_sub(text, 0, text.len - 1), 30000, &count) || count == 0)
        return biz_refuse(call, name, "must be an integer from 1 with m, h, d or 1c");
    int64_t us = 0;
    if (unit == 'm')
        us = (int64_t)count * PLATFORM_MINUTE_US;
    else if (unit == 'h')
        us = (int64_t)count * PLATFORM_HOUR_US;
    else if (unit == 'd')
        us = (int64_t)count * PLATFORM_DAY_US;
    else if (unit == 'c' && count == 1)
        us = until_midnight(call->now_us);
    if (us == 0 || us > 15 * PLATFORM_DAY_US)
        return biz_refuse(call, name, "must be from 1m to 15d, or 1c");
    *ret_us = us;
    return true;
}

bool biz_time(struct call *call, const char *name, bool minutes_suffice, int64_t *ret_us) {
    struct till_str text;
    struct till_error err;
    *ret_us = 0;
    if (!biz_text(call, name, 19, false, &text))
        return false;
    if (text.len == 0)
        return true;
    bool has_no_seconds = minutes_suffice && text.len == 16;
    if (has_no_seconds &&
        !till_arena_format(call->arena, &text, &err, "%.*s:00", TILL_STR_ARG(text)))
        return biz_refuse(call, name, "is too long");
    if (text.len != 19 || !till_time_parse_beijing(text, ret_us, &err))
        return biz_refuse(call, name, "must be yyyy-MM-dd HH:mm:ss, Beijing time");
    if (*ret_us <= call->now_us || *ret_us > call->now_us + 15 * PLATFORM_DAY_US)
        return biz_refuse(call, name, "must lie ahead, at most 15 days");
    return true;
}

bool biz_has_option(struct call *call, const char *option) {
    const struct till_json *options = till_json_member(call->biz, "query_options");
    if (!options || !till_json_is_array(options))
        return false;
    for (size_t i = 0; i < till_json_size(options); i++)
        if (till_str_is(till_json_str(till_json_element(options, i)), option))
            return true;
    return false;
}

bool biz_trade(struct call *call, struct platform_trade **ret_trade,
               struct till_str *ret_out_trade_no) {
    struct till_str trade_no;
    *ret_trade = NULL;
    if (!biz_text(call, "trade_no", 64, false, &trade_no) ||
        !biz_text(call, "out_trade_no", 64, false, ret_out_trade_no))
        return false;
    if (trade_no.len == 0 && ret_out_trade_no->len == 0)
        return biz_refuse(call, "out_trade_no", "or trade_no is required");
    if (trade_no.len)
        *ret_trade = trade_find_by_no(call->sandbox, call->app, trade_no, call->now_us);
    else
        *ret_trade = trade_find(call->sandbox, call->app, *ret_out_trade_no, call->now_us);
    return true;
}
