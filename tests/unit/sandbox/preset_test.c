/* SPDX-License-Identifier: Apache-2.0 */
/* Faults by groups and by sets: every fault has its group, every set can be applied, and the panel
 * tells what struck. */
#include "play.h"

#include <sandbox/fault_preset.h>

static struct play play;

static int open_play(void **state) {
    (void)state;
    play_open(&play, NULL);
    return 0;
}

static int close_play(void **state) {
    (void)state;
    play_close(&play);
    return 0;
}

static struct http_response get(const char *target) {
    return play_http(&play, "GET", target, NULL, NULL, NULL);
}

static struct http_response post(const char *target) {
    return play_http(&play, "POST", target, "application/x-www-form-urlencoded", "do=x", NULL);
}

static void shows(const struct http_response *response, const char *text) {
    if (!play_contains(response->body, text))
        fail_msg("no %s in %.*s", text, TILL_STR_ARG(response->body));
}

static size_t rule_count(void) {
    const struct till_json *list = play_control(&play, "GET", "/control/faults", NULL);
    return till_json_size(till_json_member(list, "rules"));
}

static void every_fault_stands_in_one_group(void **state) {
    const struct fault_group *group;
    int next = FAULT_NONE + 1;
    (void)state;
    for (size_t i = 0; (group = fault_group_at(i)); i++) {
        assert_int_equal(group->first, next);
        assert_true(fault_group_end(i) > next);
        next = fault_group_end(i);
    }
    assert_int_equal(next, FAULT_COUNT);
}

static void every_set_can_be_applied_and_switched_off(void **state) {
    const struct fault_preset *preset;
    size_t i = 0;
    (void)state;
    for (; (preset = fault_preset_at(i)); i++) {
        char target[80];
        size_t rules = 0;
        while (rules < FAULT_PRESET_RULES && preset->rules[rules].operation)
            rules++;
        assert_true(rules > 0);
        snprintf(target, sizeof target, "/control/faults/presets/%s", preset->name);
        play_control(&play, "POST", target, "{}");
        assert_int_equal(rule_count(), rules);
        play_control(&play, "DELETE", "/control/faults", NULL);
        assert_int_equal(rule_count(), 0);
    }
    const struct till_json *list = play_control(&play, "GET", "/control/faults", NULL);
    assert_int_equal(till_json_size(till_json_member(list, "presets")), i);
}

static void an_unknown_set_changes_nothing(void **state) {
    (void)state;
    assert_int_equal(post("/control/faults/presets/nice_day").status, 404);
    assert_int_equal(post("/console/faults/presets/nice_day").status, 404);
    assert_int_equal(rule_count(), 0);
}

static void a_full_table_takes_all_of_a_set_or_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 254; i++)
        play_fault(&play, "close", "delay", 1, "");
    assert_int_equal(post("/control/faults/presets/lost_answers").status, 429);
    assert_int_equal(rule_count(), 254);
}

static void the_panel_tells_what_struck_and_when(void **state) {
    (void)state;
    struct http_response page = get("/console/faults");
    shows(&page, "Nothing: the platform behaves.");
    shows(&page, "A bad day");
    assert_int_equal(post("/console/faults/presets/false_answers").status, 303);
    play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"X\"}", NULL);
    const struct till_json *list = play_control(&play, "GET", "/control/faults", NULL);
    const struct till_json *first = till_json_element(till_json_member(list, "rules"), 0);
    assert_int_equal(play_number(first, "hits"), 1);
    assert_int_equal(play_number(first, "last_us"), PLAY_START_US);
    page = get("/console/faults");
    shows(&page, "wrong_signature");
    shows(&page, "1 / 1 <span class=\"tag good\">spent</span>");
    shows(&page, "after 1, 1 ×");
    shows(&page, "/console/exchanges?outcome=faulted");
    page = get("/console/exchanges?outcome=faulted");
    shows(&page, "/console/exchanges/1");
    page = get("/console/faults?lang=zh");
    shows(&page, "预设场景");
    assert_int_equal(post("/console/faults/clear").status, 303);
    assert_int_equal(rule_count(), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(every_fault_stands_in_one_group),
        TEST(every_set_can_be_applied_and_switched_off),
        TEST(an_unknown_set_changes_nothing),
        TEST(a_full_table_takes_all_of_a_set_or_nothing),
        TEST(the_panel_tells_what_struck_and_when),
    };
#undef TEST
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
