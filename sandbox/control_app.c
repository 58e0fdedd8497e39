/* SPDX-License-Identifier: Apache-2.0 */
/* /control: apps, faults, clock, books. For programs; the pages do the same for people. */
#include <sandbox/app.h>
#include <sandbox/control.h>
#include <sandbox/fault_preset.h>

#include <stdio.h>

void control_describe_app(struct web *web, const struct platform_app *app, bool whole,
                          struct till_json *json) {
    struct till_str key;
    struct till_error err;
    till_json_set_text(json, "app_id", app->id);
    till_json_set_text(json, "seller_id", app->seller->id);
    till_json_set_text(json, "name", app->name);
    till_json_set_text(json, "callback", app->callback);
    till_json_set_int(json, "auto_pay_seconds", app->auto_pay_s);
    till_json_set_bool(json, "has_public_key", app->app_key != NULL);
    if (app_platform_key(app, web->arena, TILL_KEY_SPKI_BASE64, &key, &err))
        till_json_set_str(json, "platform_public_key", key);
    control_describe_modes(web->sandbox, app, whole, json);
}

void control_app_make(struct web *web) {
    struct app_wish wish = {
        .name = web_value(web, "name"),
        .app_id = web_value(web, "app_id"),
        .seller_id = web_value(web, "seller_id"),
        .callback = web_value(web, "callback"),
        .public_key = web_value(web, "public_key"),
        .platform_private_key = web_value(web, "platform_private_key"),
        .auto_pay_s = web_number(web, "auto_pay_seconds", -1),
        .aes_key = web_value(web, "aes_key"),
        .make_aes_key = web_flag(web, "aes"),
        .certificate_mode = web_flag(web, "certificate_mode"),
    };
    struct platform_app *app;
    struct till_error err;
    if (!app_make(web->sandbox, &wish, &app, &err)) {
        web_error(web, &err);
        return;
    }
    platform_wake(web->sandbox);
    struct till_json *json = till_json_object();
    platform_lock(web->sandbox);
    control_describe_app(web, app, true, json);
    platform_unlock(web->sandbox);
    till_json_set_text(json, "secret", app->secret);
    web_json(web, 201, json);
}

void control_app_list(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    platform_lock(web->sandbox);
    for (const struct platform_app *app = web->sandbox->apps; app; app = app->next) {
        struct till_json *row = till_json_object();
        control_describe_app(web, app, false, row);
        till_json_append(list, row);
    }
    platform_unlock(web->sandbox);
    till_json_set(json, "apps", list);
    web_json(web, 200, json);
}

struct platform_app *control_find_app(struct web *web) {
    platform_lock(web->sandbox);
    struct platform_app *app = app_find(web->sandbox, web->segments[0]);
    platform_unlock(web->sandbox);
    if (!app)
        web_text(web, 404, "There is no such app.\n");
    return app;
}

void control_app_key(struct web *web) {
    struct platform_app *app = control_find_app(web);
    struct till_error err;
    if (!app)
        return;
    if (!app_paste_key(web->sandbox, app, web_value(web, "public_key"), &err)) {
        web_error(web, &err);
        return;
    }
    struct till_json *json = till_json_object();
    platform_lock(web->sandbox);
    control_describe_app(web, app, true, json);
    platform_unlock(web->sandbox);
    web_json(web, 200, json);
}

void control_fault_add(struct web *web) {
    struct till_str operation = web_value(web, "operation"), name = web_value(web, "fault");
    struct till_str argument = web_value(web, "argument");
    struct fault_rule rule = {
        .fault = fault_find(name),
        .after = web_number(web, "after", 0),
        .count = web_number(web, "count", 1),
        .probability_ppm = web_number(web, "probability_ppm", 1000000),
    };
    struct till_error err;
    int64_t id = 0, number = web_number(web, "argument", -1);
    snprintf(rule.operation, sizeof rule.operation, "%.*s", TILL_STR_ARG(operation));
    snprintf(rule.argument, sizeof rule.argument, "%.*s", TILL_STR_ARG(argument));
    if (argument.len == 0 && number >= 0)
        snprintf(rule.argument, sizeof rule.argument, "%lld", (long long)number);
    platform_lock(web->sandbox);
    bool added = fault_add(web->sandbox, &rule, web_number(web, "seed", 1), &id, &err);
    platform_unlock(web->sandbox);
    if (!added) {
        web_error(web, &err);
        return;
    }
    struct till_json *json = till_json_object();
    till_json_set_int(json, "id", id);
    web_json(web, 201, json);
}

static struct till_json *describe_rule(const struct fault_rule *rule) {
    struct till_json *row = till_json_object();
    till_json_set_int(row, "id", rule->id);
    till_json_set_text(row, "operation", rule->operation);
    till_json_set_text(row, "fault", fault_row(rule->fault)->name);
    till_json_set_int(row, "after", rule->after);
    till_json_set_int(row, "count", rule->count);
    till_json_set_int(row, "probability_ppm", rule->probability_ppm);
    till_json_set_text(row, "argument", rule->argument);
    till_json_set_int(row, "seen", rule->seen);
    till_json_set_int(row, "hits", rule->hits);
    till_json_set_int(row, "last_us", rule->last_us);
    return row;
}

static struct till_json *describe_presets(void) {
    struct till_json *presets = till_json_array();
    const struct fault_preset *preset;
    for (size_t i = 0; (preset = fault_preset_at(i)); i++) {
        struct till_json *row = till_json_object();
        till_json_set_text(row, "preset", preset->name);
        till_json_set_text(row, "meaning", preset->sentence);
        till_json_append(presets, row);
    }
    return presets;
}

void control_fault_preset(struct web *web) {
    struct till_error err;
    int64_t seed = web_number(web, "seed", 1);
    platform_lock(web->sandbox);
    bool added = fault_preset_apply(web->sandbox, web->segments[0], seed, &err);
    platform_unlock(web->sandbox);
    if (added)
        control_fault_list(web);
    else
        web_error(web, &err);
}

void control_fault_list(struct web *web) {
    struct till_json *json = till_json_object();
    struct till_json *rules = till_json_array(), *known = till_json_array();
    platform_lock(web->sandbox);
    for (size_t i = 0; i < web->sandbox->rule_count; i++)
        till_json_append(rules, describe_rule(&web->sandbox->rules[i]));
    platform_unlock(web->sandbox);
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        const struct fault_row *fault = fault_row((enum fault)i);
        struct till_json *row = till_json_object();
        till_json_set_text(row, "fault", fault->name);
        till_json_set_text(row, "side", fault_side_name(fault->side));
        till_json_set_text(row, "argument", fault->argument);
        till_json_set_text(row, "meaning", fault->sentence);
        till_json_append(known, row);
    }
    till_json_set(json, "rules", rules);
    till_json_set(json, "known", known);
    till_json_set(json, "presets", describe_presets());
    web_json(web, 200, json);
}

void control_fault_clear(struct web *web) {
    platform_lock(web->sandbox);
    fault_clear(web->sandbox, web_number(web, "id", 0));
    platform_unlock(web->sandbox);
    web_json(web, 200, till_json_object());
}

static void answer_clock(struct web *web) {
    struct till_json *json = till_json_object();
    platform_lock(web->sandbox);
    int64_t now_us = platform_now_us(web->sandbox), offset_us = web->sandbox->offset_us;
    int64_t next_us = platform_due_next(web->sandbox);
    platform_unlock(web->sandbox);
    till_json_set_int(json, "now_us", now_us);
    till_json_set_str(json, "beijing", platform_time_text(web->arena, now_us));
    till_json_set_int(json, "offset_seconds", offset_us / PLATFORM_SECOND_US);
    if (next_us != INT64_MAX)
        till_json_set_int(json, "next_due_us", next_us);
    web_json(web, 200, json);
}

void control_clock_read(struct web *web) {
    answer_clock(web);
}

bool control_advance(struct web *web, struct till_error *err) {
    int64_t seconds = web_number(web, "advance_seconds", -1);
    if (seconds < 0 || seconds > 400 * INT64_C(86400))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/advance_seconds",
                               "The clock goes forward only, by 0 to 400 days.");
    platform_lock(web->sandbox);
    web->sandbox->offset_us += seconds * PLATFORM_SECOND_US;
    platform_changed(web->sandbox);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    return true;
}

void control_clock_advance(struct web *web) {
    struct till_error err;
    if (control_advance(web, &err))
        answer_clock(web);
    else
        web_error(web, &err);
}

static struct till_json *seller_books(const struct sandbox *sandbox) {
    struct till_json *sellers = till_json_object();
    for (const struct platform_seller *seller = sandbox->sellers; seller; seller = seller->next)
        if (till_json_size(sellers) < TILL_JSON_MEMBERS_MAX)
            till_json_set_int(sellers, seller->id, seller->balance_minor);
    return sellers;
}

void control_books(struct web *web) {
    struct till_json *json = till_json_object(), *buyers = till_json_object();
    struct platform_books books;
    platform_lock(web->sandbox);
    for (struct platform_trade *trade = web->sandbox->trades; trade; trade = trade->next)
        trade_touch(web->sandbox, trade, platform_now_us(web->sandbox));
    platform_books_read(web->sandbox, &books);
    for (size_t i = 0; i < PLATFORM_BUYERS; i++)
        till_json_set_int(buyers, web->sandbox->buyers[i].name,
                          web->sandbox->buyers[i].balance_minor);
    till_json_set(json, "sellers", seller_books(web->sandbox));
    platform_unlock(web->sandbox);
    till_json_set(json, "buyers", buyers);
    till_json_set_int(json, "endowment_minor", books.endowment_minor);
    till_json_set_int(json, "paid_minor", books.paid_minor);
    till_json_set_int(json, "refunded_minor", books.refunded_minor);
    till_json_set_int(json, "trades", (int64_t)books.trades);
    till_json_set_int(json, "trades_paid", (int64_t)books.trades_paid);
    till_json_set_int(json, "refunds", (int64_t)books.refunds);
    till_json_set_bool(json, "conserved", books.conserved);
    web_json(web, 200, json);
}
