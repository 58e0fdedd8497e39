/* SPDX-License-Identifier: Apache-2.0 */
/* /console/faults and /console/clock: breaking things on purpose, and making days pass. */
#include <sandbox/call.h>
#include <sandbox/control.h>
#include <sandbox/page.h>

#include <stdio.h>

static void add_option(struct page *page, const char *name) {
    page_markup(page, "<option>");
    page_text(page, till_str_of(name));
    page_markup(page, "</option>");
}

static void add_options(struct page *page, enum fault_side side) {
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        const struct fault_row *row = fault_row((enum fault)i);
        if (row->side != side)
            continue;
        add_option(page, row->name);
    }
}

static void add_operations(struct page *page) {
    const struct call_method *method;
    page_markup(page, "<select name=\"operation\">");
    for (size_t i = 0; (method = call_method_at(i)); i++)
        if (method->operation)
            add_option(page, method->operation);
    page_markup(page, "<option>notify</option><option>return</option><option>*</option></select>");
}

static void add_form(struct page *page) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Break something", "注入故障");
    page_markup(page, "</h2>");
    page_form(page, "/console/faults", TILL_STR_NONE);
    page_markup(page, "<label>");
    page_words(page, "Operation", "操作");
    add_operations(page);
    page_markup(page, "</label><label>");
    page_words(page, "Fault", "故障");
    page_markup(page, "<select name=\"fault\"><optgroup label=\"gateway.do\">");
    add_options(page, FAULT_CALL);
    page_markup(page, "</optgroup><optgroup label=\"return\">");
    add_options(page, FAULT_RETURN);
    page_markup(page, "</optgroup><optgroup label=\"notify\">");
    add_options(page, FAULT_NOTICE);
    page_markup(page, "</optgroup></select></label><div class=\"row\"><label>");
    page_words(page, "After so many", "跳过次数");
    page_markup(page, "<input name=\"after\" value=\"0\" inputmode=\"numeric\"></label><label>");
    page_words(page, "How often (-1: for ever)", "次数（-1 为不限）");
    page_markup(page, "<input name=\"count\" value=\"1\"></label><label>");
    page_words(page, "Probability, per million", "概率（百万分之）");
    page_markup(page, "<input name=\"probability_ppm\" value=\"1000000\" inputmode=\"numeric\">"
                      "</label><label>");
    page_words(page, "Argument", "参数");
    page_markup(page, "<input name=\"argument\"></label></div><p></p>");
    page_button(page, "do", "add", "", "Add", "添加");
    page_markup(page, "</form></section>");
}

static void add_rule(struct page *page, const struct fault_rule *rule) {
    page_markup(page, "<tr>");
    page_cell(page, till_str_of(rule->operation));
    page_markup(page, "<td><code>");
    page_text(page, till_str_of(fault_row(rule->fault)->name));
    page_markup(page, "</code></td>");
    page_cell(page, till_str_of(rule->argument));
    page_markup(page, "<td>");
    page_number(page, rule->hits);
    page_markup(page, " / ");
    page_number(page, rule->seen);
    page_markup(page, "</td><td>");
    page_form(page, "/console/faults/clear", TILL_STR_NONE);
    page_markup(page, "<input type=\"hidden\" name=\"id\" value=\"");
    page_number(page, rule->id);
    page_markup(page, "\">");
    page_button(page, "do", "clear", "plain", "Remove", "移除");
    page_markup(page, "</form></td></tr>");
}

static void add_rules(struct page *page) {
    static const char *const heads[][2] = {{"Operation", "操作"},
                                           {"Fault", "故障"},
                                           {"Argument", "参数"},
                                           {"Struck / seen", "命中 / 经过"},
                                           {"", ""}};
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "In force", "当前生效");
    page_markup(page, "</h2>");
    if (sandbox->rule_count == 0) {
        page_markup(page, "<p class=\"soft\">");
        page_words(page, "Nothing: the platform behaves.", "无：平台一切正常。");
        page_markup(page, "</p>");
    } else {
        page_markup(page, "<div class=\"wide\"><table>");
        page_heads(page, heads, 5);
        page_markup(page, "<tbody>");
        for (size_t i = 0; i < sandbox->rule_count; i++)
            add_rule(page, &sandbox->rules[i]);
        page_markup(page, "</tbody></table></div>");
    }
    page_markup(page, "</section>");
}

static void add_reference(struct page *page) {
    static const char *const heads[][2] = {
        {"Fault", "故障"}, {"Argument", "参数"}, {"What happens", "说明"}};
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "All faults", "全部故障");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 3);
    page_markup(page, "<tbody>");
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        const struct fault_row *row = fault_row((enum fault)i);
        page_markup(page, "<tr><td><code>");
        page_text(page, till_str_of(row->name));
        page_markup(page, "</code></td>");
        page_cell(page, till_str_of(row->argument));
        page_cell(page, till_str_of(row->sentence));
        page_markup(page, "</tr>");
    }
    page_markup(page, "</tbody></table></div></section>");
}

void page_faults(struct web *web) {
    struct page page;
    page_open(&page, web, PAGE_FAULTS, "Faults", "故障注入");
    page_markup(&page, "<div class=\"pair\">");
    add_form(&page);
    page_markup(&page, "<div>");
    platform_lock(web->sandbox);
    add_rules(&page);
    platform_unlock(web->sandbox);
    page_markup(&page, "</div></div>");
    add_reference(&page);
    page_close(&page, 200);
}

void page_fault_add(struct web *web) {
    struct till_str operation = web_value(web, "operation"), argument = web_value(web, "argument");
    struct fault_rule rule = {
        .fault = fault_find(web_value(web, "fault")),
        .after = web_number(web, "after", 0),
        .count = web_number(web, "count", 1),
        .probability_ppm = web_number(web, "probability_ppm", 1000000),
    };
    struct till_error err;
    int64_t id;
    snprintf(rule.operation, sizeof rule.operation, "%.*s", TILL_STR_ARG(operation));
    snprintf(rule.argument, sizeof rule.argument, "%.*s", TILL_STR_ARG(argument));
    platform_lock(web->sandbox);
    bool added = fault_add(web->sandbox, &rule, 1, &id, &err);
    platform_unlock(web->sandbox);
    if (added)
        page_go(web, "/console/faults", TILL_STR_NONE);
    else
        page_message(web, till_code_status(err.code), PAGE_FAULTS, till_str_of(err.text));
}

void page_fault_clear(struct web *web) {
    platform_lock(web->sandbox);
    fault_clear(web->sandbox, web_number(web, "id", 0));
    platform_unlock(web->sandbox);
    page_go(web, "/console/faults", TILL_STR_NONE);
}

void page_clock(struct web *web) {
    static const struct {
        const char *seconds, *english, *chinese;
    } steps[] = {{"60", "1 minute", "1 分钟"},
                 {"240", "4 minutes", "4 分钟"},
                 {"600", "10 minutes", "10 分钟"},
                 {"3600", "1 hour", "1 小时"},
                 {"86400", "1 day", "1 天"}};
    struct page page;
    page_open(&page, web, PAGE_CLOCK, "Clock", "时钟");
    page_markup(&page, "<section class=\"card\"><p class=\"clock\">");
    page_time(&page, web->now_us);
    page_markup(&page, "</p><p class=\"soft\">");
    page_words(
        &page,
        "The platform's time, Beijing. It can only go forward; whatever becomes due, happens.",
        "平台时间（北京时间）。只能向前拨，到期的事情会立即发生。");
    page_markup(&page, "</p>");
    page_form(&page, "/console/clock", TILL_STR_NONE);
    page_markup(&page, "<div class=\"row\">");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        page_button(&page, "advance_seconds", steps[i].seconds, "plain", steps[i].english,
                    steps[i].chinese);
    page_markup(&page, "</div></form></section>");
    platform_lock(web->sandbox);
    page_notice_table(&page, NULL, 100);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}

void page_clock_advance(struct web *web) {
    struct till_error err;
    if (control_advance(web, &err))
        page_go(web, "/console/clock", TILL_STR_NONE);
    else
        page_message(web, till_code_status(err.code), PAGE_CLOCK, till_str_of(err.text));
}
