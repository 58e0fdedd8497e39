/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to break a good life: rows rewritten beside the store, answers and requests that are lies.
 */
#include "check_break.h"

#include <stdio.h>
#include <stdlib.h>

#include <sandbox/trade.h>

/* ---- rows ---- */

static void one_sided_line(struct life *life) {
    life_sql(life,
             "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit,"
             " credit, what, created_us) SELECT 'txn_new', id, 'refunds', app_id, currency, 1,"
             " 0, 'refund', 1 FROM payments");
}

static void balanced_and_untrue(struct life *life) {
    life_sql(life,
             "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit,"
             " credit, what, created_us) SELECT 'txn_new', id, 'refunds', app_id, currency, 1,"
             " 0, 'refund', 1 FROM payments UNION ALL SELECT 'txn_new', id,"
             " 'channel_receivable', app_id, currency, 0, 1, 'refund', 1 FROM payments");
}

static void negative_amount(struct life *life) {
    life_sql(life, "UPDATE payments SET amount = -990, version = version + 1");
}

static void other_amount(struct life *life) {
    life_sql(life, "UPDATE payments SET amount = 991, version = version + 1");
}

static void paid_by_nobody(struct life *life) {
    life_order(life, "order-2");
    life_sql(life, "UPDATE attempts SET state = 4, received = amount, version = version + 1"
                   " WHERE state = 2");
}

static void from_paid_to_closed(struct life *life) {
    life_sql(life, "UPDATE payments SET state = 3, closed_us = 1, version = version + 1");
}

static void an_older_version(struct life *life) {
    life_sql(life, "UPDATE attempts SET version = 1");
}

static void a_row_is_gone(struct life *life) {
    life_sql(life, "DELETE FROM refunds");
    check_quiet(life->check);
}

static void failed_without_a_word(struct life *life) {
    life_order(life, "order-2");
    life_sql(life, "UPDATE payments SET state = 4, version = version + 1 WHERE state = 0");
}

static void an_event_too_many(struct life *life) {
    life_sql(life, "INSERT INTO events(id, app_id, payment_id, sequence, type, body, created_us)"
                   " SELECT 'evt_new', app_id, payment_id, 3, type, replace(body,"
                   " '\"sequence\":1', '\"sequence\":3'), 1 FROM events WHERE sequence = 1");
}

static void more_held_than_paid(struct life *life) {
    life_sql(life, "INSERT INTO refunds(id, payment_id, attempt_id, app_id, account_id,"
                   " out_refund_no, refund_no, reason, business, amount, currency, paid_amount,"
                   " state, version, created_us, updated_us) SELECT 'ref_new', payment_id,"
                   " attempt_id, app_id, account_id, 'refund-2', 'R2', '', '', 600, currency,"
                   " paid_amount, 1, 1, 1, 1 FROM refunds");
}

static void unknown_is_not_held(struct life *life) {
    life_sql(life, "UPDATE attempts SET refund_held = 0, refunded = 0, version = version + 1");
}

static void a_new_refund_number(struct life *life) {
    life_sql(life, "UPDATE refunds SET refund_no = 'NEW',"
                   " version = version + 1");
}

static void a_new_order_number(struct life *life) {
    life_sql(life, "UPDATE attempts SET upstream_no = 'NEW', version = version + 1");
}

static void a_number_twice(struct life *life) {
    life_sql(life,
             "ALTER TABLE attempts RENAME TO attempts_before; CREATE TABLE attempts AS SELECT *"
             " FROM attempts_before; INSERT INTO attempts SELECT * FROM attempts_before;"
             " UPDATE attempts SET pk = 99, id = 'att_new', state = 1, version = 1,"
             " received = 0, refund_held = 0, refunded = 0 WHERE rowid = 2");
    check_quiet(life->check);
}

static void acknowledged_and_gone(struct life *life) {
    life_sql(life, "DELETE FROM payments");
    check_after_power(life->check);
}

static void an_event_is_skipped(struct life *life) {
    life_sql(life, "DELETE FROM deliveries");
    check_quiet(life->check);
}

static void a_number_is_skipped(struct life *life) {
    life_sql(life, "UPDATE event_numbers SET number = number + 5");
    check_quiet(life->check);
}

static void closed_by_a_timer(struct life *life) {
    life_order(life, "order-2");
    life_sql(life, "UPDATE attempts SET state = 6, version = version + 1 WHERE state = 2");
}

static void the_horizon_goes_back(struct life *life) {
    life_sql(life, "UPDATE store_facts SET nonce_horizon_s = 9;"
                   " UPDATE payments SET updated_us = 1");
    life_sleep(life, 1);
    life_sql(life,
             "UPDATE store_facts SET nonce_horizon_s = 8; UPDATE payments SET updated_us = 2");
}

static void the_ledger_is_rewritten(struct life *life) {
    life_sql(life, "UPDATE ledger SET what = 'gift'");
    check_quiet(life->check);
}

static void paid_in_part(struct life *life) {
    life_order(life, "order-2");
    life_sql(life, "UPDATE attempts SET received = amount - 1, version = version + 1"
                   " WHERE state = 2");
}

static void two_open_discrepancies(struct life *life) {
    life_sql(life, "DROP INDEX discrepancies_open; INSERT INTO discrepancies(id, type, cause,"
                   " account_id, payment_id, attempt_id, detail, open, created_us) VALUES"
                   " ('dis_1', 'x', 'same', '', '', '', '{}', 1, 1),"
                   " ('dis_2', 'x', 'same', '', '', '', '{}', 1, 1)");
    check_quiet(life->check);
}

/* ---- the platform's side ---- */

/* Nobody listens, so the gateway never hears of it. */
static void deafen(struct life *life) {
    life->lie = "fail";
    life_serve(life, "http://pay.till.test/notify/", life->scene.gateway_process[0]);
}

static void paid_and_never_heard(struct life *life) {
    life_order(life, "order-2");
    deafen(life);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_kill_gateway(&life->scene, i);
    life_pay(life);
    check_quiet(life->check);
}

static void unknown_for_ever(struct life *life) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        sim_network_cut(life->sim, life->scene.gateway_process[i], life->scene.platform_process,
                        true);
    life_order(life, "order-2");
    life_sleep(life, 60);
    life_sql(life, "UPDATE attempts SET state = 3, version = version + 2 WHERE state IN (0, 1)");
    check_quiet(life->check);
}

/* The same way, another number, and nobody knows what became of the first. */
static void a_second_try_of_an_unknown(struct life *life) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        sim_network_cut(life->sim, life->scene.gateway_process[i], life->scene.platform_process,
                        true);
    life_order(life, "order-2");
    life_sql(life,
             "UPDATE attempts SET state = 3, version = version + 2 WHERE state IN (0, 1);"
             " INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount,"
             " currency, state, version, created_us, expires_us, number, channel, product,"
             " extra) SELECT 'att_new', payment_id, account_id, 'NEW', business, amount,"
             " currency, 1, 1, 1, expires_us, 2, channel, product, extra FROM attempts"
             " WHERE state = 3");
}

static void a_seal_is_rewritten(struct life *life) {
    life_sql(life, "UPDATE audit SET who = 'nobody'");
    check_quiet(life->check);
}

static void success_before_the_commit(struct life *life) {
    life_order(life, "order-2");
    life->lie = "success";
    life_serve(life, "http://pay.till.test/notify/", life->scene.gateway_process[0]);
    life_pay(life);
}

/* Through the hand of a process; what comes back does not matter. */
static void post(struct life *life, struct sim_process *from, const char *url, const char *name,
                 const char *value, const char *body) {
    struct till_pair header = {till_str_of(name), till_str_of(value)};
    struct world_request request = {.errand = WORLD_PLATFORM,
                                    .method = TILL_STR("POST"),
                                    .url = till_str_of(url),
                                    .headers = &header,
                                    .header_count = 1,
                                    .body = till_str_of(body),
                                    .timeout_us = 5 * TILL_US_PER_SECOND,
                                    .answer_max = 65536};
    struct world_answer answer;
    world_exchange(sim_process_world(from), &request, &life->arena, &answer);
}

static void a_forgery_is_believed(struct life *life) {
    char body[256];
    life->lie = "success";
    life_serve(life, "http://pay.till.test/notify/", life->scene.gateway_process[0]);
    snprintf(
        body, sizeof body,
        "out_trade_no=%s&trade_status=TRADE_SUCCESS&total_amount=9.90&sign_type=RSA2&sign=QUJD",
        life->upstream_no);
    post(life, life->scene.platform_process, "http://pay.till.test/notify/alipay/x", "Content-Type",
         "application/x-www-form-urlencoded", body);
}

static void said_twice_and_believed(struct life *life) {
    char target[128];
    life->lie = "success";
    life_serve(life, "http://pay.till.test/notify/", life->scene.gateway_process[0]);
    snprintf(target, sizeof target, "/control/notify/%s", life->upstream_no);
    till_json_release(
        scene_control(&life->scene, "POST", target, TILL_STR("{\"variant\":\"twice_named\"}")));
}

/* ---- what leaves the gateway ---- */

static void to_platform(struct life *life, const char *method, const char *biz) {
    char url[256], body[1024];
    struct till_buf buf;
    struct till_str escaped = TILL_STR_NONE;
    struct till_error err;
    till_buf_init(&buf, &life->arena);
    till_percent_encode(&buf, till_str_of(biz), TILL_PERCENT_FORM);
    if (!till_buf_finish(&buf, &escaped, &err))
        abort();
    snprintf(url, sizeof url, "http://alipay.test/alipay/gateway.do?app_id=%s&method=%s",
             life->scene.merchant[0].platform_app_id[0], method);
    snprintf(body, sizeof body, "biz_content=%.*s", TILL_STR_ARG(escaped));
    post(life, life->scene.gateway_process[0], url, "Content-Type",
         "application/x-www-form-urlencoded", body);
}

static void a_number_that_nobody_stored(struct life *life) {
    to_platform(life, "alipay.trade.precreate",
                "{\"out_trade_no\":\"NEVER\",\"total_amount\":\"9.90\"}");
}

static void a_refund_that_nobody_stored(struct life *life) {
    char biz[256];
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"%s\",\"out_request_no\":\"NEVER\",\"refund_amount\":\"1.00\"}",
             life->upstream_no);
    to_platform(life, "alipay.trade.refund", biz);
}

static void a_refund_of_another_sum(struct life *life) {
    char biz[256];
    TILL_JSON_SCOPED struct till_json *list =
        scene_control(&life->scene, "GET", "/control/trades", TILL_STR_NONE);
    const struct till_json *trade = till_json_element(till_json_member(list, "trades"), 0);
    const struct till_json *refund = till_json_element(till_json_member(trade, "refunds"), 0);
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"%s\",\"out_request_no\":\"%.*s\",\"refund_amount\":\"1.00\"}",
             life->upstream_no, TILL_STR_ARG(till_json_get_str(refund, "out_request_no")));
    to_platform(life, "alipay.trade.refund", biz);
}

static void another_address(struct life *life) {
    post(life, life->scene.gateway_process[0], "http://elsewhere.test/", "X-Nothing", "1", "");
}

static void a_webhook_of_no_event(struct life *life) {
    post(life, life->scene.gateway_process[0], "http://shop-0.test/webhook", "webhook-id",
         "evt_00000000000000000000000000000000", "{}");
}

static void a_secret_leaves(struct life *life) {
    char body[256];
    snprintf(body, sizeof body, "{\"x\":\"%.*s\"}",
             TILL_STR_ARG(life->scene.merchant[0].webhook_secret));
    post(life, life->scene.gateway_process[0], "http://shop-0.test/webhook", "X-Nothing", "1",
         body);
}

/* ---- what the gateway answers ---- */

static void lie_to(struct life *life, size_t merchant, const char *method, const char *lie) {
    life->lie = lie;
    life_serve(life, "http://pay.till.test/v1/", life->scene.gateway_process[0]);
    till_json_release(life_call(life, merchant, method, "/v1/payments", "{}"));
}

static void a_nonce_that_nobody_kept(struct life *life) {
    lie_to(life, 0, "POST", "{\"id\":\"pay_1\"}");
}

static void another_payment_of_the_order(struct life *life) {
    lie_to(life, 0, "GET", "{\"id\":\"pay_2\",\"out_trade_no\":\"order-1\"}");
}

static void a_stranger_reads(struct life *life) {
    char lie[128];
    snprintf(lie, sizeof lie, "{\"id\":\"%s\"}", life->payment_id);
    lie_to(life, 1, "GET", lie);
}

static void a_secret_is_answered(struct life *life) {
    char lie[256];
    snprintf(lie, sizeof lie, "{\"secret\":\"%.*s\"}",
             TILL_STR_ARG(life->scene.merchant[1].webhook_secret));
    lie_to(life, 0, "GET", lie);
}

static void told_what_never_was(struct life *life) {
    lie_to(life, 0, "GET", "{\"id\":\"pay_never\",\"state\":\"paid\"}");
    check_quiet(life->check);
}

static void an_answer_takes_minutes(struct life *life) {
    life->pause_s = 300;
    life->lie = "{}";
    life_serve(life, "http://pay.till.test/v1/", life->scene.gateway_process[0]);
    till_json_release(life_call(life, 0, "GET", "/v1/payments", "{}"));
    life_sleep(life, 400);
}

/* ---- books of others ---- */

static void shipped_twice(struct life *life) {
    static struct person_order order = {.shippings = 2};
    snprintf(order.out_trade_no, sizeof order.out_trade_no, "order-1");
    life->people.orders = &order;
    check_quiet(life->check);
}

static void other_news_than_ours(struct life *life) {
    static struct person_order order = {.shippings = 1, .shipped = true, .sequence = 1};
    snprintf(order.id, sizeof order.id, "%s", life->payment_id);
    snprintf(order.event, sizeof order.event, "payment.succeeded");
    life->people.orders = &order;
    check_quiet(life->check);
}

/* At the platform's console; its notification counts as told. */
static void refunded_and_not_booked(struct life *life) {
    struct sandbox *sandbox = life->scene.sandbox;
    struct platform_trade *trade = trade_find_any(
        sandbox, TILL_STR_NONE, till_str_of(life->upstream_no), sim_time_us(life->sim));
    if (!trade || !trade_refund(sandbox, trade, TILL_STR("CONSOLE"), TILL_STR("by hand"), 100,
                                sim_time_us(life->sim)))
        abort();
    sandbox->notices->acknowledged = sandbox->notices->over = true;
    check_quiet(life->check);
}

const struct breakage breakages[] = {
    {"one_sided_line", "I1", one_sided_line},
    {"balanced_and_untrue", "I1", balanced_and_untrue},
    {"negative_amount", "I2", negative_amount},
    {"other_amount", "I2", other_amount},
    {"paid_by_nobody", "I3", paid_by_nobody},
    {"paid_and_never_heard", "I4", paid_and_never_heard},
    {"from_paid_to_closed", "I5", from_paid_to_closed},
    {"an_older_version", "I5", an_older_version},
    {"a_row_is_gone", "I5", a_row_is_gone},
    {"failed_without_a_word", "I6", failed_without_a_word},
    {"an_event_too_many", "I6", an_event_too_many},
    {"more_held_than_paid", "I7", more_held_than_paid},
    {"unknown_is_not_held", "I7", unknown_is_not_held},
    {"a_new_refund_number", "I8", a_new_refund_number},
    {"a_refund_that_nobody_stored", "I8", a_refund_that_nobody_stored},
    {"a_new_order_number", "I9", a_new_order_number},
    {"a_number_that_nobody_stored", "I9", a_number_that_nobody_stored},
    {"a_second_try_of_an_unknown", "I9", a_second_try_of_an_unknown},
    {"unknown_for_ever", "I10", unknown_for_ever},
    {"another_payment_of_the_order", "I11", another_payment_of_the_order},
    {"a_number_twice", "I12", a_number_twice},
    {"acknowledged_and_gone", "I13", acknowledged_and_gone},
    {"told_what_never_was", "I13", told_what_never_was},
    {"success_before_the_commit", "I14", success_before_the_commit},
    {"a_webhook_of_no_event", "I15", a_webhook_of_no_event},
    {"shipped_twice", "I16", shipped_twice},
    {"other_news_than_ours", "I16", other_news_than_ours},
    {"an_event_is_skipped", "I17", an_event_is_skipped},
    {"a_number_is_skipped", "I17", a_number_is_skipped},
    {"a_stranger_reads", "I18", a_stranger_reads},
    {"closed_by_a_timer", "I19", closed_by_a_timer},
    {"refunded_and_not_booked", "I20", refunded_and_not_booked},
    {"the_horizon_goes_back", "I21", the_horizon_goes_back},
    {"a_secret_leaves", "I22", a_secret_leaves},
    {"a_secret_is_answered", "I22", a_secret_is_answered},
    {"a_forgery_is_believed", "I23", a_forgery_is_believed},
    {"a_nonce_that_nobody_kept", "I24", a_nonce_that_nobody_kept},
    {"the_ledger_is_rewritten", "I25", the_ledger_is_rewritten},
    {"a_seal_is_rewritten", "I25", a_seal_is_rewritten},
    {"another_address", "I27", another_address},
    {"an_answer_takes_minutes", "I28", an_answer_takes_minutes},
    {"said_twice_and_believed", "I35", said_twice_and_believed},
    {"a_refund_of_another_sum", "I36", a_refund_of_another_sum},
    {"paid_in_part", "I37", paid_in_part},
    {"two_open_discrepancies", "I39", two_open_discrepancies},
    {NULL, NULL, NULL},
};
