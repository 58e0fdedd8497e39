/* SPDX-License-Identifier: Apache-2.0 */
#include <shop/internal.h>

#include <stdlib.h>

#include <rt/failpoint.h>
#include <rt/html.h>
#include <till/encode.h>
#include <till/form.h>
#include <till/json.h>
#include <till/webhook.h>

#define BODY_MAX (64u << 10)
#define OPTIONS_MAX 16384

/* ---- shipping: the one thing that must
 * happen once --------------------------------------------- */

/* Under the lock. The paid line is durable before the coffee leaves, the shipped line before we say
 * so. */
static bool ship_locked(struct shop *shop, struct till_str order_id, struct till_error *err) {
    struct shop_order *order = journal_find(shop->journal, order_id);
    int64_t now_us = world_now_us(shop->world);
    if (!order)
        return TILL_FAIL(err, NOT_FOUND, "This shop has no such order.");
    if (!order->paid_us && !journal_paid(shop->journal, order, now_us, err))
        return false;
    TILL_FP("D1");
    if (order->shipped_us)
        return true;
    if (!journal_shipped(shop->journal, order, now_us, err))
        return false;
    log_event(shop->log, LOG_INFO, "shipped", LOG_C("order", order->id));
    return true;
}

bool ship_once(struct shop *shop, struct till_str order_id, struct till_error *err) {
    world_acquire(shop->world, &shop->lock);
    bool shipped = ship_locked(shop, order_id, err);
    world_release(shop->world, &shop->lock);
    return shipped;
}

/* After a crash between paid and shipped. */
static bool ship_left_over(struct shop *shop, struct till_error *err) {
    const struct shop_order *order;
    for (size_t i = 0; (order = journal_newest(shop->journal, i)); i++)
        if (order->paid_us && !order->shipped_us && !ship_once(shop, till_str_of(order->id), err))
            return false;
    return true;
}

/* A copy, so that pages need no lock while they are written. */
static bool look_up(struct shop *shop, struct till_str id, struct shop_order *ret_order) {
    world_acquire(shop->world, &shop->lock);
    const struct shop_order *order = journal_find(shop->journal, id);
    if (order)
        *ret_order = *order;
    world_release(shop->world, &shop->lock);
    return order != NULL;
}

/* ---- requests ---- */

static void say(struct http_response *response, int status, struct till_str text) {
    response->status = status;
    response->content_type = TILL_STR("text/plain; charset=utf-8");
    response->body = text;
}

static bool place_order(struct shop *shop, struct till_arena *arena, const struct coffee_way *way,
                        struct coffee_payment *ret, struct till_error *err) {
    uint8_t random[16];
    char id[SHOP_ORDER_ID_SIZE] = "coffee-";
    struct shop_order *order = NULL;
    world_random(shop->world, random, sizeof random);
    till_hex_encode(random, 8, id + strlen(id));
    world_acquire(shop->world, &shop->lock);
    bool ordered =
        journal_ordered(shop->journal, till_str_of(id), world_now_us(shop->world), &order, err);
    world_release(shop->world, &shop->lock);
    if (!ordered || !client_create(shop, arena, till_str_of(id), way, ret, err))
        return false;
    world_acquire(shop->world, &shop->lock);
    bool created = journal_created(shop->journal, order, ret->id, ret->cashier_url, err);
    world_release(shop->world, &shop->lock);
    return created;
}

/* The button that was pressed. */
static const struct coffee_way *way_of(const struct http_request *request) {
    struct till_form form;
    struct till_error ignored;
    bool is_read = till_form_parse(request->arena, request->body, &form, &ignored);
    return client_way(is_read ? till_form_get(&form, "product") : TILL_STR_NONE);
}

static void buy(struct shop *shop, struct http_request *request, struct http_response *response) {
    struct till_error err;
    struct coffee_payment payment;
    if (!place_order(shop, request->arena, way_of(request), &payment, &err)) {
        log_failure(shop->log, LOG_WARN, "order_failed", &err);
        page_sorry(shop, request, response, till_code_status(err.code), till_str_of(err.text));
        return;
    }
    response->status = 303;
    http_response_header(response, TILL_STR("Location"), payment.cashier_url);
    html_headers(request, response, shop->options.till_url);
}

/* The body says which order; only the signature says that it is true. */
static bool read_webhook(struct shop *shop, const struct http_request *request,
                         struct till_json **ret_event, struct till_error *err) {
    struct till_str id = TILL_STR_NONE, timestamp = TILL_STR_NONE, signature = TILL_STR_NONE;
    size_t count;
    http_header(request, "webhook-id", &id, &count);
    http_header(request, "webhook-timestamp", &timestamp, &count);
    http_header(request, "webhook-signature", &signature, &count);
    return till_webhook_verify(&shop->options.webhook_secret, id, timestamp, signature,
                               request->body, world_now_us(shop->world), err) &&
           till_json_parse(request->body, ret_event, err);
}

static bool take_event(struct shop *shop, const struct till_json *event, struct till_error *err) {
    const struct till_json *payment = till_json_member(event, "data");
    struct till_str type = till_json_get_str(event, "type");
    int64_t amount = 0;
    if (!till_str_is(type, "payment.succeeded") && !till_str_is(type, "payment.paid_late"))
        return true;
    till_json_get_int(payment, "amount", &amount);
    if (amount != COFFEE_FEN || !till_str_is(till_json_get_str(payment, "currency"), "CNY"))
        return TILL_FAIL(err, FIELD_INVALID, "This is not the price of our coffee.");
    return ship_once(shop, till_json_get_str(payment, "out_trade_no"), err);
}

static void webhook(struct shop *shop, struct http_request *request,
                    struct http_response *response) {
    struct till_error err;
    TILL_JSON_SCOPED struct till_json *event = NULL;
    if (read_webhook(shop, request, &event, &err) && take_event(shop, event, &err)) {
        say(response, 200, TILL_STR("ok\n"));
        return;
    }
    log_failure(shop->log, LOG_WARN, "webhook_refused", &err);
    say(response, till_code_status(err.code), TILL_STR("refused\n"));
}

/* The buyer came back. That proves nothing, so a waiting order is asked about. */
static void show_order(struct shop *shop, struct http_request *request,
                       struct http_response *response, struct till_str id) {
    struct shop_order order;
    struct till_error err;
    bool is_paid = false;
    if (!look_up(shop, id, &order)) {
        page_sorry(shop, request, response, 404, TILL_STR("There is no such order."));
        return;
    }
    if (!order.shipped_us && order.payment_id[0]) {
        if (client_is_paid(shop, request->arena, till_str_of(order.payment_id), &is_paid, &err) &&
            is_paid && !ship_once(shop, id, &err))
            log_failure(shop->log, LOG_WARN, "shipping_failed", &err);
        look_up(shop, id, &order);
    }
    page_order(shop, request, response, &order);
}

static bool is_get(const struct http_request *request) {
    return till_str_is(request->method, "GET") || till_str_is(request->method, "HEAD");
}

static void handle(void *self, struct http_request *request, struct http_response *response) {
    struct shop *shop = self;
    struct till_str path = request->path;
    bool get = is_get(request), post = till_str_is(request->method, "POST");
    if (get && till_str_is(path, "/"))
        page_home(shop, request, response);
    else if (get && till_str_is(path, "/health"))
        say(response, 200, TILL_STR("ok\n"));
    else if (get && till_str_is(path, "/shop.css"))
        page_style(response);
    else if (post && till_str_is(path, "/buy"))
        buy(shop, request, response);
    else if (post && till_str_is(path, "/webhook"))
        webhook(shop, request, response);
    else if (get && till_str_starts_with(path, TILL_STR("/orders/")))
        show_order(shop, request, response, till_str_sub(path, strlen("/orders/"), path.len));
    else
        page_sorry(shop, request, response, 404, TILL_STR("There is nothing here but coffee."));
}

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return BODY_MAX;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method;
    return till_str_is(path, "/webhook") ? HTTP_LANE_NOTIFY : HTTP_LANE_API;
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self, (void)arena;
    say(response, till_code_status(error->code), till_str_of(till_code_sentence(error->code)));
}

struct http_service shop_service(struct shop *shop) {
    return (struct http_service){shop, body_max, lane, handle, refuse};
}

/* ---- opening ---- */

static bool copy_options(struct shop *shop, const struct shop_options *options,
                         struct till_error *err) {
    struct till_arena *memory = &shop->memory;
    shop->options = *options;
    return till_arena_copy(memory, options->till_url, &shop->options.till_url, err) &&
           till_arena_copy(memory, options->public_url, &shop->options.public_url, err) &&
           till_arena_copy(memory, options->key_id, &shop->options.key_id, err);
}

bool shop_open(const struct shop_options *options, struct world *world, struct log *log,
               struct shop **ret_shop, struct till_error *err) {
    struct shop *shop = calloc(1, sizeof *shop);
    if (!shop)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    shop->world = world;
    shop->log = log;
    till_arena_init(&shop->memory, OPTIONS_MAX);
    if (!copy_options(shop, options, err) ||
        !journal_open(options->journal_path, &shop->journal, err) || !ship_left_over(shop, err)) {
        shop_close(shop);
        return false;
    }
    *ret_shop = shop;
    return true;
}

void shop_close(struct shop *shop) {
    if (!shop)
        return;
    journal_close(shop->journal);
    till_secret_wipe(&shop->options.secret);
    till_secret_wipe(&shop->options.webhook_secret);
    till_arena_clean_up(&shop->memory);
    free(shop);
}
