/* SPDX-License-Identifier: Apache-2.0 */
/* /console/faults: breaking things on purpose. What is in force and what it did, sets of rules for
 * a press of a button, a form for one rule, and all faults with their sentences. */
#include <sandbox/call.h>
#include <sandbox/control.h>
#include <sandbox/fault_preset.h>
#include <sandbox/page.h>
#include <sandbox/stripe/operation.h>

#include <stdio.h>

enum { PPM = 1000000 };

static void add_option(struct page *page, const char *name) {
    page_markup(page, "<option>");
    page_text(page, till_str_of(name));
    page_markup(page, "</option>");
}

static void add_operations(struct page *page) {
    const struct call_method *method;
    page_markup(page, "<select name=\"operation\">");
    for (size_t i = 0; (method = call_method_at(i)); i++)
        if (method->operation)
            add_option(page, method->operation);
    page_markup(page, "<option>notify</option><option>return</option>");
    const char *operation;
    for (size_t i = 0; (operation = stripe_operation_at(i)); i++)
        add_option(page, operation);
    page_markup(page, "<option>event</option><option>*</option></select>");
}

static void add_faults(struct page *page) {
    const struct fault_group *group;
    page_markup(page, "<select name=\"fault\">");
    for (size_t i = 0; (group = fault_group_at(i)); i++) {
        page_markup(page, "<optgroup label=\"");
        page_words(page, group->english, group->chinese);
        page_markup(page, "\">");
        for (int fault = (int)group->first; fault < fault_group_end(i); fault++)
            add_option(page, fault_row((enum fault)fault)->name);
        page_markup(page, "</optgroup>");
    }
    page_markup(page, "</select>");
}

static void add_input(struct page *page, const char *name, const char *value, const char *english,
                      const char *chinese) {
    page_markup(page, "<label>");
    page_words(page, english, chinese);
    page_markup(page, "<input name=\"");
    page_markup(page, name);
    page_markup(page, "\" value=\"");
    page_markup(page, value);
    page_markup(page, "\"></label>");
}

static void add_form(struct page *page) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "One rule", "单条规则");
    page_markup(page, "</h2>");
    page_form(page, "/console/faults", TILL_STR_NONE);
    page_markup(page, "<div class=\"row\"><label>");
    page_words(page, "Operation", "操作");
    add_operations(page);
    page_markup(page, "</label><label>");
    page_words(page, "Fault", "故障");
    add_faults(page);
    page_markup(page, "</label></div><div class=\"row\">");
    add_input(page, "after", "0", "After so many", "跳过次数");
    add_input(page, "count", "1", "How often (-1: for ever)", "次数（-1 为不限）");
    add_input(page, "probability_ppm", "1000000", "Probability, per million", "概率（百万分之）");
    add_input(page, "seed", "1", "Seed of its chances", "随机种子");
    add_input(page, "argument", "", "Argument", "参数");
    page_markup(page, "</div><p></p>");
    page_button(page, "do", "add", "", "Add", "添加");
    page_markup(page, "</form></section>");
}

/* "2 of 3, from the 5th on, 10 %" */
static void add_when(struct page *page, const struct fault_rule *rule) {
    if (rule->after > 0) {
        page_words(page, "after ", "跳过 ");
        page_number(page, rule->after);
        page_markup(page, ", ");
    }
    if (rule->count < 0)
        page_words(page, "for ever", "不限次数");
    else
        page_number(page, rule->count);
    page_words(page, rule->count < 0 ? "" : " ×", rule->count < 0 ? "" : " 次");
    if (rule->probability_ppm < PPM) {
        page_markup(page, ", ");
        page_number(page, rule->probability_ppm / 10000);
        page_markup(page, ".");
        page_number(page, rule->probability_ppm / 1000 % 10);
        page_markup(page, " %");
    }
}

static void add_rule(struct page *page, const struct fault_rule *rule) {
    const struct fault_row *row = fault_row(rule->fault);
    bool spent = rule->count >= 0 && rule->hits >= rule->count;
    page_markup(page, "<tr><td><code>");
    page_text(page, till_str_of(rule->operation));
    page_markup(page, "</code></td><td><code>");
    page_text(page, till_str_of(row->name));
    page_markup(page, "</code> ");
    page_text(page, till_str_of(rule->argument));
    page_markup(page, "<br><small>");
    page_text(page, till_str_of(row->sentence));
    page_markup(page, "</small></td><td class=\"when\">");
    add_when(page, rule);
    page_markup(page, "</td><td class=\"time\">");
    page_number(page, rule->hits);
    page_markup(page, " / ");
    page_number(page, rule->seen);
    if (spent) {
        page_markup(page, " ");
        page_tag(page, "good", page->web->is_chinese ? TILL_STR("已用完") : TILL_STR("spent"));
    }
    page_markup(page, "</td><td class=\"time\">");
    page_time(page, rule->last_us);
    page_markup(page, "</td><td>");
    page_form(page, "/console/faults/clear", TILL_STR_NONE);
    page_markup(page, "<input type=\"hidden\" name=\"id\" value=\"");
    page_number(page, rule->id);
    page_markup(page, "\">");
    page_button(page, "do", "clear", "plain small", "Remove", "移除");
    page_markup(page, "</form></td></tr>");
}

static void add_all_off(struct page *page) {
    page_form(page, "/console/faults/clear", TILL_STR_NONE);
    page_markup(page, "<input type=\"hidden\" name=\"id\" value=\"0\">");
    page_button(page, "do", "clear", "small", "All off", "全部关闭");
    page_markup(page, "</form>");
}

/* Locked. */
static void add_rules(struct page *page) {
    static const char *const heads[][2] = {{"Operation", "操作"},
                                           {"Fault", "故障"},
                                           {"When", "条件"},
                                           {"Struck / seen", "命中 / 经过"},
                                           {"Struck last", "最近命中"},
                                           {"", ""}};
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<section class=\"card\"><div class=\"head\"><h2>");
    page_words(page, "In force", "当前生效");
    page_markup(page, "</h2>");
    if (sandbox->rule_count == 0) {
        page_markup(page, "</div><p class=\"soft\">");
        page_words(page, "Nothing: the platform behaves.", "无：平台一切正常。");
        page_markup(page, "</p></section>");
        return;
    }
    page_link(page, "/console/exchanges?outcome=faulted", TILL_STR_NONE,
              page->web->is_chinese ? TILL_STR("被命中的调用") : TILL_STR("What was struck"));
    add_all_off(page);
    page_markup(page, "</div><div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    for (size_t i = 0; i < sandbox->rule_count; i++)
        add_rule(page, &sandbox->rules[i]);
    page_markup(page, "</tbody></table></div></section>");
}

static void add_presets(struct page *page) {
    const struct fault_preset *preset;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Sets", "预设场景");
    page_markup(page, "</h2><div class=\"sets\">");
    for (size_t i = 0; (preset = fault_preset_at(i)); i++) {
        page_form(page, "/console/faults/presets/", till_str_of(preset->name));
        page_markup(page, "<button class=\"plain\">");
        page_words(page, preset->english, preset->chinese);
        page_markup(page, "</button><small>");
        page_text(page, till_str_of(preset->sentence));
        page_markup(page, "</small></form>");
    }
    page_markup(page, "</div></section>");
}

static void add_row(struct page *page, const struct fault_row *row) {
    page_markup(page, "<tr><td><code>");
    page_text(page, till_str_of(row->name));
    page_markup(page, "</code></td>");
    page_cell(page, till_str_of(row->argument));
    page_cell(page, till_str_of(row->sentence));
    page_markup(page, "</tr>");
}

static void add_reference(struct page *page) {
    static const char *const heads[][2] = {
        {"Fault", "故障"}, {"Argument", "参数"}, {"What happens", "说明"}};
    const struct fault_group *group;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "All faults", "全部故障");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 3);
    for (size_t i = 0; (group = fault_group_at(i)); i++) {
        page_markup(page, "<tbody><tr><th colspan=\"3\" class=\"group\">");
        page_words(page, group->english, group->chinese);
        page_markup(page, "</th></tr>");
        for (int fault = (int)group->first; fault < fault_group_end(i); fault++)
            add_row(page, fault_row((enum fault)fault));
        page_markup(page, "</tbody>");
    }
    page_markup(page, "</table></div></section>");
}

void page_faults(struct web *web) {
    struct page page;
    page_open(&page, web, PAGE_FAULTS, "Faults", "故障注入");
    platform_lock(web->sandbox);
    add_rules(&page);
    platform_unlock(web->sandbox);
    page_markup(&page, "<div class=\"pair\">");
    add_presets(&page);
    add_form(&page);
    page_markup(&page, "</div>");
    add_reference(&page);
    page_close(&page, 200);
}

static void answer(struct web *web, bool done, const struct till_error *err) {
    if (done)
        page_go(web, "/console/faults", TILL_STR_NONE);
    else
        page_message(web, till_code_status(err->code), PAGE_FAULTS, till_str_of(err->text));
}

void page_fault_add(struct web *web) {
    struct till_str operation = web_value(web, "operation"), argument = web_value(web, "argument");
    struct fault_rule rule = {
        .fault = fault_find(web_value(web, "fault")),
        .after = web_number(web, "after", 0),
        .count = web_number(web, "count", 1),
        .probability_ppm = web_number(web, "probability_ppm", PPM),
    };
    struct till_error err;
    int64_t id;
    snprintf(rule.operation, sizeof rule.operation, "%.*s", TILL_STR_ARG(operation));
    snprintf(rule.argument, sizeof rule.argument, "%.*s", TILL_STR_ARG(argument));
    platform_lock(web->sandbox);
    bool added = fault_add(web->sandbox, &rule, web_number(web, "seed", 1), &id, &err);
    platform_unlock(web->sandbox);
    answer(web, added, &err);
}

void page_fault_preset(struct web *web) {
    struct till_error err;
    platform_lock(web->sandbox);
    bool added = fault_preset_apply(web->sandbox, web->segments[0], 1, &err);
    platform_unlock(web->sandbox);
    answer(web, added, &err);
}

void page_fault_clear(struct web *web) {
    platform_lock(web->sandbox);
    fault_clear(web->sandbox, web_number(web, "id", 0));
    platform_unlock(web->sandbox);
    page_go(web, "/console/faults", TILL_STR_NONE);
}
