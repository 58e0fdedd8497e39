/* SPDX-License-Identifier: Apache-2.0 */
/* A merchant's account at the other platform: its keys, and the webhook endpoint that its dashboard
 * has for it. */
#include "stage.h"

#include <stdio.h>

/* What the gateway knows to read, and one kind of news that is none. */
#define CARD_EVENTS                                                                                \
    "checkout.session.completed,checkout.session.expired,"                                         \
    "checkout.session.async_payment_succeeded,checkout.session.async_payment_failed,"              \
    "payment_intent.succeeded,payment_intent.canceled,payment_intent.created,charge.refunded,"     \
    "refund.created,refund.updated,refund.failed"

static void make_keys(struct scene_merchant *merchant, size_t index) {
    struct scene_card *card = &merchant->card;
    snprintf(card->key, sizeof card->key, "sk_test_51SceneOfMerchant%zu0000", index);
    snprintf(card->webhook_secret, sizeof card->webhook_secret,
             "whsec_scene0secret0of0merchant0%zu0000", index);
}

static void make_account(struct scene *scene, struct scene_merchant *merchant,
                         struct till_str *ret_notify_url) {
    struct scene_card *card = &merchant->card;
    struct till_json *json TILL_JSON_SCOPED = stage_admin(
        scene, "POST", "/admin/accounts",
        stage_format(scene,
                     "{\"app_id\":\"%s\",\"channel\":\"stripe\",\"name\":\"cards\",\"settings\":{"
                     "\"secret_key\":\"%s\",\"webhook_secret\":\"%s\",\"api_url\":\"%s\"}}",
                     merchant->app_id, card->key, card->webhook_secret, SCENE_CARD_API));
    stage_copy_text(card->account_id, sizeof card->account_id, json, "id");
    *ret_notify_url =
        stage_format(scene, "%.*s", TILL_STR_ARG(till_json_get_str(json, "notify_url")));
}

void stage_make_card_account(struct scene *scene, size_t index) {
    struct scene_merchant *merchant = &scene->merchant[index];
    struct till_str notify_url;
    make_keys(merchant, index);
    make_account(scene, merchant, &notify_url);
    struct till_json *json TILL_JSON_SCOPED = scene_control(
        scene, "POST", "/control/stripe/endpoints",
        stage_format(scene,
                     "{\"key\":\"%s\",\"secret\":\"%s\",\"url\":\"%.*s\","
                     "\"enabled_events\":\"" CARD_EVENTS "\"}",
                     merchant->card.key, merchant->card.webhook_secret, TILL_STR_ARG(notify_url)));
    if (!json)
        sim_violation(scene->sim, "SCENE", "the platform makes no webhook endpoint");
}
