/* SPDX-License-Identifier: Apache-2.0 */
/* One app with two accounts at two platforms, for orders that have several attempts. */
#ifndef TESTS_FLOW_ATTEMPT_SCENE_H
#define TESTS_FLOW_ATTEMPT_SCENE_H

#include "money_world.h"

#define SECOND_GATEWAY "http://second.test/gateway.do"

struct scene {
    struct money money;
    struct platform_alipay second;
    struct account_row other;
};

void scene_open(struct scene *scene, const char *late_policy, const char *duplicate_policy);
void scene_close(struct scene *scene);

/* A rule of the route table that fits every order. */
void scene_rule(struct scene *scene, int position, const char *account_id);
/* An order at the first account that names no account. */
struct payment_row scene_order(struct scene *scene, const char *no);
struct money_answer scene_try_way(struct scene *scene, const struct payment_row *payment,
                                  const char *body);
/* The same order at the other account, too. */
struct attempt_row scene_add_way(struct scene *scene, const struct payment_row *payment);
/* The attempt of that index, of so many. */
struct attempt_row scene_attempt(struct scene *scene, const struct payment_row *payment,
                                 size_t index, size_t expected_count);
struct platform_trade *scene_trade(struct scene *scene, const struct attempt_row *attempt);
/* The buyer pays this attempt, and the platform tells it. */
void scene_pay(struct scene *scene, const struct attempt_row *attempt);
/* What both platforms hold for the merchant. */
int64_t scene_held(const struct scene *scene);

#endif
