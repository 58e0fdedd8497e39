/* SPDX-License-Identifier: Apache-2.0 */
/* See fault_preset.h. */
#include <sandbox/fault_preset.h>

#include <sandbox/platform.h>

#include <stdio.h>

enum { ALWAYS = 1000000, FOR_EVER = -1 };

static const struct fault_group groups[] = {
    {FAULT_DELAY, "Time", "时间"},
    {FAULT_DROP_BEFORE, "Connection", "连接"},
    {FAULT_HTTP_BEFORE, "HTTP", "HTTP"},
    {FAULT_RATE_LIMIT, "The platform's words", "网关应答"},
    {FAULT_UNSIGNED, "The answer's truth", "应答的真伪"},
    {FAULT_LOST_CLOSE, "The effect", "业务结果"},
    {FAULT_BILL_CUT, "Bills", "账单"},
    {FAULT_RETURN_NEVER, "The way back", "同步返回"},
    {FAULT_NOTIFY_DELAY, "Notifications: when", "通知的时间"},
    {FAULT_NOTIFY_WRONG_KEY, "Notifications: what", "通知的内容"},
    {FAULT_STRIPE_RATE_LIMIT, "Stripe's words", "Stripe 应答"},
    {FAULT_STRIPE_OTHER_ORDER, "The truth of Stripe's answer", "Stripe 应答的真伪"},
    {FAULT_STRIPE_PAY_LATER, "Stripe's buyer", "Stripe 付款人"},
    {FAULT_EVENT_DELAY, "Stripe's events: when", "Stripe 事件的时间"},
    {FAULT_EVENT_WRONG_SECRET, "Stripe's events: what", "Stripe 事件的内容"},
};

enum { GROUPS = sizeof groups / sizeof *groups };

const struct fault_group *fault_group_at(size_t index) {
    return index < GROUPS ? &groups[index] : NULL;
}

int fault_group_end(size_t index) {
    return index + 1 < GROUPS ? (int)groups[index + 1].first : FAULT_COUNT;
}

static const struct fault_preset presets[] = {
    {"bad_day",
     "A bad day",
     "糟糕的一天",
     "One call in ten is slow, one in twenty is cut after it was executed, news is late or comes "
     "twice.",
     {{"*", FAULT_DELAY_ANSWER, 0, FOR_EVER, 100000, "2000"},
      {"*", FAULT_DROP_AFTER, 0, FOR_EVER, 50000, ""},
      {"*", FAULT_HTTP_BEFORE, 0, FOR_EVER, 30000, "502"},
      {"notify", FAULT_NOTIFY_DELAY, 0, FOR_EVER, 200000, "30"},
      {"notify", FAULT_NOTIFY_DUPLICATE, 0, FOR_EVER, 200000, "1"},
      {"event", FAULT_EVENT_DUPLICATE, 0, FOR_EVER, 200000, "1"}}},
    {"lost_answers",
     "Lost answers",
     "应答丢失",
     "Every order and refund is executed, and the caller never hears of it the first time.",
     {{"precreate", FAULT_DROP_AFTER, 0, 1, ALWAYS, ""},
      {"pay", FAULT_DROP_AFTER, 0, 1, ALWAYS, ""},
      {"refund", FAULT_RESET_AFTER, 0, 1, ALWAYS, ""},
      {"cancel", FAULT_SYSTEM_ERROR_AFTER, 0, 1, ALWAYS, ""},
      {"session.create", FAULT_DROP_AFTER, 0, 1, ALWAYS, ""},
      {"refund.create", FAULT_RESET_AFTER, 0, 1, ALWAYS, ""}}},
    {"no_news",
     "No news",
     "收不到通知",
     "Nobody is notified; whoever wants to know has to ask.",
     {{"notify", FAULT_NOTIFY_NEVER, 0, FOR_EVER, ALWAYS, ""},
      {"event", FAULT_EVENT_NEVER, 0, FOR_EVER, ALWAYS, ""}}},
    {"liars",
     "Liars at the door",
     "伪造的通知",
     "Each notification is wrong in one way after the other: key, amount, order, signature.",
     {{"notify", FAULT_NOTIFY_WRONG_KEY, 0, 1, ALWAYS, ""},
      {"notify", FAULT_NOTIFY_AMOUNT, 1, 1, ALWAYS, "0.01"},
      {"notify", FAULT_NOTIFY_OTHER_ORDER, 2, 1, ALWAYS, ""},
      {"notify", FAULT_NOTIFY_UNSIGNED, 3, 1, ALWAYS, ""},
      {"notify", FAULT_NOTIFY_OTHER_APP, 4, 1, ALWAYS, ""}}},
    {"false_answers",
     "False answers",
     "伪造的应答",
     "Queries are answered with a stranger's signature, without any, and about another order.",
     {{"query", FAULT_WRONG_SIGNATURE, 0, 1, ALWAYS, ""},
      {"query", FAULT_UNSIGNED, 1, 1, ALWAYS, ""},
      {"query", FAULT_OTHER_ANSWER, 2, 1, ALWAYS, ""},
      {"query", FAULT_GARBAGE, 3, 1, ALWAYS, ""}}},
    {"outage",
     "An outage",
     "平台故障",
     "Every call meets 20000, a proxy's page or nobody, and news waits for ten minutes.",
     {{"*", FAULT_UNKNOWN_BEFORE, 0, FOR_EVER, 400000, ""},
      {"*", FAULT_HTTP_BEFORE, 0, FOR_EVER, 400000, "503"},
      {"*", FAULT_DROP_BEFORE, 0, FOR_EVER, ALWAYS, ""},
      {"notify", FAULT_NOTIFY_DELAY, 0, FOR_EVER, ALWAYS, "600"},
      {"event", FAULT_EVENT_DELAY, 0, FOR_EVER, ALWAYS, "600"}}},
    {"stripe_liars",
     "Liars at Stripe's webhook",
     "伪造的 Stripe 事件",
     "Each event is wrong in one way after the other: secret, amount, order, time, mode, "
     "signature.",
     {{"event", FAULT_EVENT_WRONG_SECRET, 0, 1, ALWAYS, ""},
      {"event", FAULT_EVENT_AMOUNT, 1, 1, ALWAYS, "1"},
      {"event", FAULT_EVENT_OTHER_ORDER, 2, 1, ALWAYS, ""},
      {"event", FAULT_EVENT_OLD, 3, 1, ALWAYS, "600"},
      {"event", FAULT_EVENT_LIVEMODE, 4, 1, ALWAYS, ""},
      {"event", FAULT_EVENT_UNSIGNED, 5, 1, ALWAYS, ""}}},
    {"stripe_crowd",
     "Stripe is crowded",
     "Stripe 限流",
     "One call in five meets a limit, a lock, or a key in use; one in twenty a 500 that its key "
     "keeps.",
     {{"stripe", FAULT_STRIPE_RATE_LIMIT, 0, FOR_EVER, 100000, ""},
      {"stripe", FAULT_STRIPE_LOCK_TIMEOUT, 0, FOR_EVER, 50000, ""},
      {"stripe", FAULT_STRIPE_IN_USE, 0, FOR_EVER, 50000, ""},
      {"stripe", FAULT_STRIPE_ERROR_BEFORE, 0, FOR_EVER, 30000, ""},
      {"stripe", FAULT_STRIPE_ERROR_AFTER, 0, FOR_EVER, 20000, ""}}},
};

const struct fault_preset *fault_preset_at(size_t index) {
    return index < sizeof presets / sizeof *presets ? &presets[index] : NULL;
}

static const struct fault_preset *find(struct till_str name) {
    const struct fault_preset *preset;
    for (size_t i = 0; (preset = fault_preset_at(i)); i++)
        if (till_str_is(name, preset->name))
            return preset;
    return NULL;
}

static bool add(struct sandbox *sandbox, const struct fault_preset_rule *row, int64_t seed,
                struct till_error *err) {
    struct fault_rule rule = {.fault = row->fault,
                              .after = row->after,
                              .count = row->count,
                              .probability_ppm = row->probability_ppm};
    int64_t id;
    snprintf(rule.operation, sizeof rule.operation, "%s", row->operation);
    snprintf(rule.argument, sizeof rule.argument, "%s", row->argument);
    return fault_add(sandbox, &rule, seed, &id, err);
}

bool fault_preset_apply(struct sandbox *sandbox, struct till_str name, int64_t seed,
                        struct till_error *err) {
    const struct fault_preset *preset = find(name);
    size_t before = sandbox->rule_count;
    if (!preset)
        return TILL_FAIL(err, NOT_FOUND, "There is no such set; GET /control/faults lists them.");
    for (size_t i = 0; i < FAULT_PRESET_RULES && preset->rules[i].operation; i++) {
        /* Each rule has chances of its own. */
        if (add(sandbox, &preset->rules[i], seed + (int64_t)i, err))
            continue;
        sandbox->rule_count = before;
        return false;
    }
    return true;
}
