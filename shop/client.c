/* SPDX-License-Identifier: Apache-2.0 */
#include <shop/internal.h>

#include <till/encode.h>
#include <till/json.h>
#include <till/signing.h>

#define TIMEOUT_US (20 * INT64_C(1000000))
#define ANSWER_MAX (64u << 10)

/* "http://127.0.0.1:8080" -> "127.0.0.1:8080": what the Host header will say. */
static struct till_str host_of(struct till_str url) {
    for (size_t i = 0; i + 3 <= url.len; i++)
        if (memcmp(url.ptr + i, "://", 3) == 0)
            return till_str_sub(url, i + 3, url.len);
    return url;
}

static bool sign(struct shop *shop, struct till_arena *arena, struct till_str method,
                 struct till_str target, struct till_str body, struct till_str *ret_header,
                 struct till_error *err) {
    uint8_t random[16];
    char nonce[33];
    world_random(shop->world, random, sizeof random);
    till_hex_encode(random, sizeof random, nonce);
    struct till_signed_request request = {
        .method = method,
        .host = host_of(shop->options.till_url),
        .target = target,
        .timestamp_s = world_now_us(shop->world) / 1000000,
        .nonce = till_str_of(nonce),
        .body = body,
    };
    return till_signing_authorize(arena, &request, shop->options.key_id, &shop->options.secret,
                                  ret_header, err);
}

/* A signed call. Every 2xx gives its JSON, anything else an error in till's own words. */
static bool call_till(struct shop *shop, struct till_arena *arena, struct till_str method,
                      struct till_str target, struct till_str body, struct till_json **ret_answer,
                      struct till_error *err) {
    struct till_pair headers[2] = {{TILL_STR("Content-Type"), TILL_STR("application/json")},
                                   {TILL_STR("Authorization"), TILL_STR_NONE}};
    struct world_request request = {.errand = WORLD_LOCAL,
                                    .method = method,
                                    .body = body,
                                    .headers = headers,
                                    .header_count = 2,
                                    .timeout_us = TIMEOUT_US,
                                    .answer_max = ANSWER_MAX};
    struct world_answer answer = {0};
    if (!sign(shop, arena, method, target, body, &headers[1].value, err) ||
        !till_arena_format(arena, &request.url, err, "%.*s%.*s",
                           TILL_STR_ARG(shop->options.till_url), TILL_STR_ARG(target)))
        return false;
    world_exchange(shop->world, &request, arena, &answer);
    if (answer.fate != TILL_FATE_ANSWERED)
        return TILL_FAIL(err, UPSTREAM_UNKNOWN, "till did not answer: %s", answer.reason);
    TILL_JSON_SCOPED struct till_json *json = NULL;
    if (!till_json_parse(answer.body, &json, err))
        return false;
    if (answer.status < 200 || answer.status > 299)
        return TILL_FAIL(err, CHANNEL_DECLINED, "till answered %d: %.*s", answer.status,
                         TILL_STR_ARG(till_json_get_str(json, "detail")));
    *ret_answer = json;
    json = NULL;
    return true;
}

const struct coffee_way *client_way(struct till_str product) {
    static const struct coffee_way ways[] = {
        {"alipay", "precreate"}, {"alipay", "page"}, {"stripe", "checkout"}};
    for (size_t i = 1; i < sizeof ways / sizeof *ways; i++)
        if (till_str_is(product, ways[i].product))
            return &ways[i];
    return ways;
}

static bool order_text(struct shop *shop, struct till_arena *arena, struct till_str order_id,
                       const struct coffee_way *way, struct till_str *ret_body,
                       struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *order = till_json_object();
    struct till_str url;
    if (!till_arena_format(arena, &url, err, "%.*s/orders/%.*s",
                           TILL_STR_ARG(shop->options.public_url), TILL_STR_ARG(order_id)))
        return false;
    till_json_set_text(order, "channel", way->channel);
    till_json_set_text(order, "product", way->product);
    till_json_set_int(order, "amount", COFFEE_FEN);
    till_json_set_text(order, "currency", "CNY");
    till_json_set_str(order, "out_trade_no", order_id);
    till_json_set_text(order, "subject", "Coffee / 咖啡");
    till_json_set_str(order, "return_url", url);
    if (!till_arena_format(arena, &url, err, "%.*s/webhook",
                           TILL_STR_ARG(shop->options.public_url)))
        return false;
    till_json_set_str(order, "notify_url", url);
    return till_json_write(arena, order, TILL_JSON_COMPACT, ret_body, err);
}

bool client_create(struct shop *shop, struct till_arena *arena, struct till_str order_id,
                   const struct coffee_way *way, struct coffee_payment *ret,
                   struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *answer = NULL;
    struct coffee_payment payment;
    struct till_str body;
    if (!order_text(shop, arena, order_id, way, &body, err) ||
        !call_till(shop, arena, TILL_STR("POST"), TILL_STR("/v1/payments"), body, &answer, err) ||
        !till_json_need_str(answer, "id", &payment.id, err) ||
        !till_json_need_str(answer, "cashier_url", &payment.cashier_url, err) ||
        !till_arena_copy(arena, payment.id, &payment.id, err) ||
        !till_arena_copy(arena, payment.cashier_url, &payment.cashier_url, err))
        return false;
    *ret = payment;
    return true;
}

bool client_is_paid(struct shop *shop, struct till_arena *arena, struct till_str payment_id,
                    bool *ret_paid, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *answer = NULL;
    struct till_str target;
    if (!till_arena_format(arena, &target, err, "/v1/payments/%.*s", TILL_STR_ARG(payment_id)) ||
        !call_till(shop, arena, TILL_STR("GET"), target, TILL_STR_NONE, &answer, err))
        return false;
    *ret_paid = till_str_is(till_json_get_str(answer, "state"), "paid");
    return true;
}
