/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to break a good life by card: each begins with an order at the card platform, paid there
 * or not. */
#include "check_break.h"

#include <stdio.h>
#include <stdlib.h>

#include <sandbox/stripe/stripe.h>

static void order_by_card(struct life *life) {
    TILL_JSON_SCOPED struct till_json *json =
        life_call(life, 0, "POST", "/v1/payments",
                  "{\"channel\":\"stripe\",\"product\":\"checkout\",\"currency\":\"JPY\","
                  "\"subject\":\"Coffee\",\"out_trade_no\":\"card-1\",\"amount\":1200}");
    struct till_str number = json ? till_json_get_str(json, "upstream_no") : TILL_STR_NONE;
    if (number.len == 0)
        abort();
    snprintf(life->payment_id, sizeof life->payment_id, "%.*s",
             TILL_STR_ARG(till_json_get_str(json, "id")));
    snprintf(life->upstream_no, sizeof life->upstream_no, "%.*s", TILL_STR_ARG(number));
}

static void at_the_platform(struct life *life, const char *action) {
    char target[128];
    snprintf(target, sizeof target, "/control/stripe/sessions/%s/%s", life->upstream_no, action);
    TILL_JSON_SCOPED struct till_json *done =
        scene_control(&life->scene, "POST", target, TILL_STR("{}"));
    if (!done)
        abort();
}

/* Both instances are gone, and what the platform sends finds nobody. */
static void deafen(struct life *life) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_kill_gateway(&life->scene, i);
}

/* From a gateway's process, as if the gateway had sent it. */
static void send(struct life *life, const char *key, const char *path, const char *form) {
    struct till_pair headers[] = {
        {TILL_STR("Authorization"), till_str_of(key)},
        {TILL_STR("Content-Type"), TILL_STR("application/x-www-form-urlencoded")}};
    char url[120];
    struct world_answer answer;
    snprintf(url, sizeof url, "%s%s", SCENE_CARD_API, path);
    struct world_request request = {.errand = WORLD_LOCAL,
                                    .method = TILL_STR("POST"),
                                    .url = till_str_of(url),
                                    .headers = headers,
                                    .header_count = 2,
                                    .body = till_str_of(form),
                                    .timeout_us = TILL_US_PER_SECOND,
                                    .answer_max = 1 << 16};
    world_exchange(sim_process_world(life->scene.gateway_process[0]), &request, &life->arena,
                   &answer);
}

static const char *key_of(const struct life *life, char out[80]) {
    snprintf(out, 80, "Bearer %s", life->scene.merchant[0].card.key);
    return out;
}

/* ---- what leaves ---- */

static void a_session_that_nobody_stored(struct life *life) {
    char key[80];
    send(life, key_of(life, key), "/v1/checkout/sessions", "metadata[till_no]=NEVER");
}

static void a_session_with_other_words(struct life *life) {
    char key[80], form[200];
    order_by_card(life);
    snprintf(form, sizeof form, "metadata[till_no]=%s", life->upstream_no);
    send(life, key_of(life, key), "/v1/checkout/sessions", form);
}

static void a_strangers_key(struct life *life) {
    send(life, "Bearer sk_test_51SomebodyElse000", "/v1/checkout/sessions", "mode=payment");
}

static void a_card_refund_that_nobody_stored(struct life *life) {
    char key[80], form[200];
    order_by_card(life);
    at_the_platform(life, "pay");
    life_sleep(life, 5);
    snprintf(form, sizeof form, "metadata[till_no]=%s&metadata[till_refund_no]=NEVER&amount=1",
             life->upstream_no);
    send(life, key_of(life, key), "/v1/refunds", form);
}

/* ---- what was said ---- */

static void an_unsigned_event_is_acknowledged(struct life *life) {
    struct world_answer answer;
    struct world_request request = {.errand = WORLD_LOCAL,
                                    .method = TILL_STR("POST"),
                                    .url = TILL_STR("http://pay.till.test/notify/stripe/x"),
                                    .body = TILL_STR("{\"object\":\"event\"}"),
                                    .timeout_us = TILL_US_PER_SECOND,
                                    .answer_max = 1 << 16};
    life->lie = "{}";
    life_serve(life, "http://pay.till.test/notify/", life->scene.gateway_process[0]);
    world_exchange(sim_process_world(life->scene.platform_process), &request, &life->arena,
                   &answer);
}

/* The platform's event, acknowledged by somebody who books nothing. */
static void an_event_is_acknowledged_and_lost(struct life *life) {
    order_by_card(life);
    life->lie = "{}";
    deafen(life);
    sim_process_start(life->scene.gateway_process[0]);
    life_serve(life, "http://pay.till.test/notify/", life->scene.gateway_process[0]);
    at_the_platform(life, "pay");
    life_sleep(life, 5);
}

static void never_said_and_believed(struct life *life) {
    order_by_card(life);
    life_sql(life, "INSERT INTO evidence(subject_id, kind, digest, bytes, created_us) SELECT id,"
                   " 'query', x'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',"
                   " x'7b7d', 1 FROM attempts ORDER BY pk DESC LIMIT 1");
}

/* ---- the books ---- */

static void paid_by_card_and_never_heard(struct life *life) {
    order_by_card(life);
    deafen(life);
    at_the_platform(life, "pay");
    check_quiet(life->check);
}

/* The platform's book gets a second session of the number, not over the wire. */
static void two_sessions_of_an_order(struct life *life) {
    order_by_card(life);
    struct sandbox *sandbox = life->scene.sandbox;
    struct stripe_account *account =
        stripe_account_find(sandbox, till_str_of(life->scene.merchant[0].card.key));
    struct till_json *copy = account ? stripe_read(account->newest[STRIPE_SESSION]) : NULL;
    if (!copy || !stripe_add(sandbox, account, STRIPE_SESSION, NULL, copy))
        abort();
    check_quiet(life->check);
}

const struct breakage card_breakages[] = {
    {"paid_by_card_and_never_heard", "I4", paid_by_card_and_never_heard},
    {"a_card_refund_that_nobody_stored", "I8", a_card_refund_that_nobody_stored},
    {"a_session_that_nobody_stored", "I9", a_session_that_nobody_stored},
    {"a_session_with_other_words", "I9", a_session_with_other_words},
    {"two_sessions_of_an_order", "I9", two_sessions_of_an_order},
    {"an_event_is_acknowledged_and_lost", "I14", an_event_is_acknowledged_and_lost},
    {"a_strangers_key", "I18", a_strangers_key},
    {"an_unsigned_event_is_acknowledged", "I23", an_unsigned_event_is_acknowledged},
    {"never_said_and_believed", "I23", never_said_and_believed},
    {NULL, NULL, NULL},
};
