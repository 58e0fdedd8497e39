/* SPDX-License-Identifier: Apache-2.0 */
#include "stripe_shop.h"

#include <stdlib.h>
#include <unistd.h>

#include <sandbox/stripe/signature.h>

static struct till_str keep(struct shop *shop, struct till_str text) {
    struct till_str copy = TILL_STR_NONE;
    struct till_error err;
    assert_true(till_arena_copy(&shop->play.arena, text, &copy, &err));
    return copy;
}

static void receive(void *self, const struct world_request *request, struct till_arena *arena,
                    struct world_answer *ret_answer) {
    struct shop *shop = self;
    struct till_error err;
    (void)arena;
    assert_true(shop->letter_count < SHOP_LETTERS);
    struct shop_letter *letter = &shop->letters[shop->letter_count++];
    *letter = (struct shop_letter){.body = keep(shop, request->body)};
    for (size_t i = 0; i < request->header_count; i++) {
        if (till_str_is(request->headers[i].name, "Stripe-Signature"))
            letter->signature = keep(shop, request->headers[i].value);
        if (till_str_is(request->headers[i].name, "Content-Type"))
            letter->content_type = keep(shop, request->headers[i].value);
    }
    assert_true(till_json_parse(letter->body, &letter->event, &err));
    ret_answer->status = shop->reply_status;
}

void shop_open(struct shop *shop, const char *events, const struct sandbox_options *options) {
    char body[300];
    *shop = (struct shop){.reply_status = 200};
    play_open(&shop->play, options);
    world_inline_route(shop->play.world, "http://stripe-shop/", receive, shop);
    snprintf(body, sizeof body,
             "{\"key\":\"" SHOP_KEY "\",\"url\":\"http://stripe-shop/hook\","
             "\"enabled_events\":\"%s\"}",
             events);
    const struct till_json *endpoint =
        play_control(&shop->play, "POST", "/control/stripe/endpoints", body);
    snprintf(shop->endpoint, sizeof shop->endpoint, "%.*s",
             TILL_STR_ARG(till_json_get_str(endpoint, "id")));
    snprintf(shop->secret, sizeof shop->secret, "%.*s",
             TILL_STR_ARG(till_json_get_str(endpoint, "secret")));
}

void shop_close(struct shop *shop) {
    for (size_t i = 0; i < shop->letter_count; i++)
        till_json_release(shop->letters[i].event);
    play_close(&shop->play);
}

struct http_response shop_call(struct shop *shop, const char *method, const char *target,
                               const char *form, const char *const *headers) {
    const char *all[8] = {"Authorization: Bearer " SHOP_KEY};
    size_t count = 1;
    for (; headers && *headers && count < 7; headers++)
        all[count++] = *headers;
    return play_http(&shop->play, method, target, form ? "application/x-www-form-urlencoded" : NULL,
                     form, all);
}

const char *shop_order(struct shop *shop, const char *number) {
    char form[600];
    struct till_json *json;
    struct till_error err;
    snprintf(form, sizeof form,
             "mode=payment&client_reference_id=%s&metadata[till_no]=%s"
             "&payment_intent_data[metadata][till_no]=%s&line_items[0][quantity]=1"
             "&line_items[0][price_data][currency]=usd"
             "&line_items[0][price_data][unit_amount]=1234"
             "&line_items[0][price_data][product_data][name]=Tea%%20%%3Cgreen%%3E"
             "&payment_method_types[0]=card&payment_method_types[1]=alipay"
             "&success_url=http%%3A%%2F%%2Fmerchant%%2Fok%%3Fs%%3D%%7BCHECKOUT_SESSION_ID%%7D"
             "&cancel_url=http%%3A%%2F%%2Fmerchant%%2Fback",
             number, number, number);
    struct http_response response = shop_call(shop, "POST", "/v1/checkout/sessions", form, NULL);
    if (response.status != 200)
        fail_msg("%d %.*s", response.status, TILL_STR_ARG(response.body));
    assert_true(till_json_parse(response.body, &json, &err));
    struct till_str id = keep(shop, till_json_get_str(json, "id"));
    till_json_release(json);
    play_tick(&shop->play);
    return id.ptr;
}

const struct till_json *shop_act(struct shop *shop, const char *number, const char *action,
                                 const char *body) {
    char target[200];
    snprintf(target, sizeof target, "/control/stripe/sessions/%s/%s", number, action);
    const struct till_json *json = play_control(&shop->play, "POST", target, body);
    play_tick(&shop->play);
    return json;
}

static bool is_of(const struct shop_letter *letter, const char *type) {
    return till_str_is(till_json_get_str(letter->event, "type"), type);
}

const struct shop_letter *shop_letter_of(const struct shop *shop, const char *type, size_t from) {
    for (size_t i = from; i < shop->letter_count; i++)
        if (is_of(&shop->letters[i], type))
            return &shop->letters[i];
    fail_msg("no letter %s behind %zu of %zu", type, from, shop->letter_count);
    return NULL;
}

size_t shop_count(const struct shop *shop, const char *type) {
    size_t count = 0;
    for (size_t i = 0; i < shop->letter_count; i++)
        count += is_of(&shop->letters[i], type);
    return count;
}

const struct till_json *shop_object(const struct shop_letter *letter) {
    return till_json_member(till_json_member(letter->event, "data"), "object");
}

bool shop_verifies(struct shop *shop, const struct shop_letter *letter, const char *secret) {
    char hex[STRIPE_V1_TEXT], part[STRIPE_V1_TEXT + 8];
    unsigned long long t_s;
    struct till_error err;
    struct till_str time =
        till_str_sub(letter->signature, 2, till_str_find(letter->signature, ',') - 2);
    if (!till_str_starts_with(letter->signature, TILL_STR("t=")) ||
        !till_str_to_u64(time, INT64_MAX, &t_s))
        return false;
    assert_true(
        stripe_v1(&shop->play.arena, till_str_of(secret), (int64_t)t_s, letter->body, hex, &err));
    snprintf(part, sizeof part, ",v1=%s", hex);
    return play_contains(letter->signature, part);
}

int64_t shop_int(const struct till_json *json, const char *name) {
    int64_t value = INT64_MIN;
    if (!till_json_get_int(json, name, &value))
        fail_msg("no number %s", name);
    return value;
}

struct till_str shop_header(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_equal_ignoring_case(response->headers[i].name, till_str_of(name)))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

void shop_path(char out[SHOP_PATH]) {
    snprintf(out, SHOP_PATH, "/tmp/stripe-state-XXXXXX");
    int file = mkstemp(out);
    assert_true(file >= 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(remove(out), 0);
}
