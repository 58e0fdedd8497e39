/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed request. All system parameters, sign included, travel in the query string and only
 * biz_content in the body: the gateway reads `charset` from the query alone and otherwise decodes
 * Chinese text as GBK (dossier 1.4). Parameters are never sent empty (2.1).
 */
#include "lib/channel/alipay/wire.h"

#include <till/time.h>

#include "lib/channel/address.h"
#include "lib/channel/alipay/envelope.h"

enum { ADDRESS_MAX = 256 };

static bool add(struct till_form *form, const char *name, struct till_str value,
                struct till_error *err) {
    return till_form_add(form, till_str_of(name), value, err);
}

/* Only a browser that was sent away comes back (1.2). */
static bool comes_back(const struct till_ask *ask) {
    const struct till_product *product = till_product_look(TILL_STR("alipay"), ask->product);
    return product && product->is_handed_over && strcmp(product->action, "redirect") == 0;
}

static bool add_addresses(struct till_form *form, const struct till_ask *ask,
                          struct till_error *err) {
    struct address address;
    if (ask->operation != TILL_CREATE)
        return true;
    if (ask->notify_url.len > 0 &&
        (!address_read(ask->notify_url, ADDRESS_MAX, "/notify_url", &address, err) ||
         !add(form, "notify_url", ask->notify_url, err)))
        return false;
    if (ask->return_url.len == 0 || !comes_back(ask))
        return true;
    return address_read(ask->return_url, ADDRESS_MAX, "/return_url", &address, err) &&
           add(form, "return_url", ask->return_url, err);
}

/* The names of our certificates and of the cipher, where the account has them (2.4, 2.5). */
static bool add_modes(struct till_form *form, const struct alipay_account *a, bool is_encrypted,
                      struct till_error *err) {
    if (alipay_has_certificates(a) &&
        (!add(form, "app_cert_sn", till_str_of(a->app_cert_sn), err) ||
         !add(form, "alipay_root_cert_sn", a->root_cert_sn, err)))
        return false;
    return !is_encrypted || add(form, "encrypt_type", TILL_STR("AES"), err);
}

static bool add_system(struct till_form *form, const struct alipay_account *a,
                       struct till_str method, struct till_str timestamp, struct till_error *err) {
    const struct till_pair pairs[] = {
        {TILL_STR("app_id"), a->app_id},        {TILL_STR("method"), method},
        {TILL_STR("format"), TILL_STR("JSON")}, {TILL_STR("charset"), TILL_STR("utf-8")},
        {TILL_STR("sign_type"), a->sign_type},  {TILL_STR("timestamp"), timestamp},
        {TILL_STR("version"), TILL_STR("1.0")},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (!till_form_add(form, pairs[i].name, pairs[i].value, err))
            return false;
    }
    return true;
}

/* Signs system parameters and biz_content together; the signature joins the query. */
static bool sign(struct till_arena *arena, const struct alipay_account *a,
                 const struct till_str business, struct till_form *query, struct till_str *ret_text,
                 struct till_error *err) {
    struct till_str signature;
    if (!add(query, "biz_content", business, err) ||
        !till_alipay_request_text(arena, query, false, ret_text, err) ||
        !till_key_sign(arena, a->private_key, a->algorithm, *ret_text, &signature, err))
        return false;
    query->count--; /* biz_content travels in the body */
    return add(query, "sign", signature, err);
}

static bool write_url(struct till_arena *arena, const struct alipay_account *a,
                      const struct till_form *query, struct till_str *ret_url,
                      struct till_error *err) {
    struct till_str encoded;
    return till_form_encode(arena, query, &encoded, err) &&
           till_arena_format(arena, ret_url, err, "%.*s?%.*s", TILL_STR_ARG(a->gateway_url),
                             TILL_STR_ARG(encoded));
}

static bool write_body(struct till_arena *arena, struct till_str business,
                       struct till_str *ret_body, struct till_error *err) {
    struct till_form body;
    return till_form_init(arena, &body, err) && add(&body, "biz_content", business, err) &&
           till_form_encode(arena, &body, ret_body, err);
}

/* All but the content, which is signed and returned as it travels. */
static bool sign_call(const struct alipay_account *a, const struct till_ask *ask,
                      struct till_str method, bool is_encrypted, struct till_arena *arena,
                      struct till_form *ret_query, struct till_str *ret_content,
                      struct till_str *ret_text, struct till_error *err) {
    char text[TILL_TIME_TEXT];
    struct till_str timestamp;
    if (ask->business.len == 0)
        return TILL_FAIL(err, BUG, "There are no composed bytes to send; compose comes first.");
    *ret_content = ask->business;
    return till_time_format_beijing(ask->now_us, text, err) &&
           till_arena_copy(arena, till_str_of(text), &timestamp, err) &&
           (!is_encrypted || envelope_close(a, ask->business, arena, ret_content, err)) &&
           till_form_init(arena, ret_query, err) &&
           add_system(ret_query, a, method, timestamp, err) && add_addresses(ret_query, ask, err) &&
           add_modes(ret_query, a, is_encrypted, err) &&
           sign(arena, a, *ret_content, ret_query, ret_text, err);
}

bool alipay_sign_request(const struct till_account *account, const struct till_ask *ask,
                         struct till_arena *arena, struct till_form *ret_query,
                         struct till_str *ret_content, struct till_str *ret_text,
                         struct till_error *err) {
    const struct alipay_account *a = alipay_of(account);
    struct till_str method;
    return alipay_method(ask, &method, err) && sign_call(a, ask, method, a->aes_key.len > 0, arena,
                                                         ret_query, ret_content, ret_text, err);
}

static bool write_call(const struct alipay_account *a, const struct till_form *query,
                       struct till_str content, struct till_arena *arena,
                       struct till_outgoing *outgoing, struct till_error *err) {
    outgoing->method = TILL_STR("POST");
    outgoing->content_type = TILL_STR("application/x-www-form-urlencoded;charset=utf-8");
    return write_url(arena, a, query, &outgoing->url, err) &&
           write_body(arena, content, &outgoing->body, err);
}

bool alipay_build(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err) {
    struct till_form query;
    struct till_str content;
    struct till_outgoing outgoing = {.method = TILL_STR_NONE};
    if (!alipay_sign_request(account, ask, arena, &query, &content, &outgoing.signed_text, err) ||
        !write_call(alipay_of(account), &query, content, arena, &outgoing, err))
        return false;
    *ret_outgoing = outgoing;
    return true;
}

bool alipay_build_clear(const struct till_account *account, struct till_str method,
                        struct till_str business, int64_t now_us, struct till_arena *arena,
                        struct till_outgoing *ret_outgoing, struct till_error *err) {
    const struct alipay_account *a = alipay_of(account);
    const struct till_ask ask = {.operation = TILL_QUERY, .business = business, .now_us = now_us};
    struct till_form query;
    struct till_str content;
    struct till_outgoing outgoing = {.method = TILL_STR_NONE};
    if (!sign_call(a, &ask, method, false, arena, &query, &content, &outgoing.signed_text, err) ||
        !write_call(a, &query, content, arena, &outgoing, err))
        return false;
    *ret_outgoing = outgoing;
    return true;
}
