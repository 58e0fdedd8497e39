/* SPDX-License-Identifier: Apache-2.0 */
#include "attempt_scene.h"

#include <stdio.h>

void scene_open(struct scene *scene, const char *late_policy, const char *duplicate_policy) {
    struct money *m = &scene->money;
    money_open_policies(m, 22, late_policy, duplicate_policy);
    platform_alipay_open(&scene->second, m->world, SECOND_GATEWAY, "2021000118600002");
    scene->other = money_add_account(m, &scene->second);
}

void scene_close(struct scene *scene) {
    assert_int_equal(scene->second.refused, 0);
    platform_alipay_close(&scene->second);
    money_close(&scene->money);
}

void scene_rule(struct scene *scene, int position, const char *account_id) {
    struct till_error err;
    struct route_row row = {.app_id = till_str_of(scene->money.app.id),
                            .channel = TILL_STR("alipay"),
                            .account_id = till_str_of(account_id),
                            .position = position,
                            .amount_max = INT64_MAX};
    assert_true(store_route_put(scene->money.store, &row, &err));
}

/* An order at the first account that names no account. */
struct payment_row scene_order(struct scene *scene, const char *no) {
    scene_rule(scene, 1, scene->money.account.id);
    assert_int_equal(money_try_create(&scene->money, no, 10000, "").status, 201);
    return money_by_order(&scene->money, no);
}

struct money_answer scene_try_way(struct scene *scene, const struct payment_row *payment,
                                  const char *body) {
    return money_request(&scene->money, create_attempt, payment->id, body);
}

/* The same order at the other account, too. */
struct attempt_row scene_add_way(struct scene *scene, const struct payment_row *payment) {
    char body[128];
    snprintf(body, sizeof body, "{\"account\":\"%s\"}", scene->other.id);
    assert_int_equal(scene_try_way(scene, payment, body).status, 201);
    struct payment_row now = money_payment(&scene->money, payment->id);
    assert_string_equal(now.account_id, scene->other.id);
    return money_attempt(&scene->money, &now);
}

struct attempt_row scene_attempt(struct scene *scene, const struct payment_row *payment,
                                 size_t index, size_t expected_count) {
    struct till_error err;
    struct attempt_row *rows = NULL;
    size_t count = 0;
    assert_true(store_attempt_list(scene->money.store, &scene->money.arena,
                                   till_str_of(payment->id), &rows, &count, &err));
    assert_int_equal(count, expected_count);
    return rows[index];
}

struct platform_trade *scene_trade(struct scene *scene, const struct attempt_row *attempt) {
    bool is_second = strcmp(attempt->account_id, scene->other.id) == 0;
    struct platform_trade *trade = platform_alipay_find(
        is_second ? &scene->second : &scene->money.platform, attempt->upstream_no);
    assert_non_null(trade);
    return trade;
}

/* The buyer pays this attempt, and the platform tells it. */
void scene_pay(struct scene *scene, const struct attempt_row *attempt) {
    struct money *m = &scene->money;
    bool is_second = strcmp(attempt->account_id, scene->other.id) == 0;
    struct platform_alipay *platform = is_second ? &scene->second : &m->platform;
    struct platform_trade *trade = scene_trade(scene, attempt);
    if (trade->status != PLATFORM_PAID)
        assert_true(platform_alipay_pay(platform, trade));
    struct till_str body = platform_alipay_notify(platform, &m->arena, trade, NULL);
    struct till_str answer = money_notify_at(
        m, is_second ? scene->other.public_id : m->account.public_id, NULL, body, NULL);
    assert_true(till_str_is(answer, "success"));
}

int64_t scene_held(const struct scene *scene) {
    int64_t sum = 0;
    for (size_t i = 0; i < scene->money.platform.trade_count; i++)
        sum += platform_alipay_held(scene->money.platform.trades[i]);
    for (size_t i = 0; i < scene->second.trade_count; i++)
        sum += platform_alipay_held(scene->second.trades[i]);
    return sum;
}
