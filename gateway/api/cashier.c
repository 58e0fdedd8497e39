/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier.h>

#include <gateway/api/cashier_page.h>
#include <gateway/api/embedded.h>
#include <rt/html.h>
#include <till/time.h>

#define LEASE_US (15 * TILL_US_PER_SECOND)
#define ASK_SOON_US (2 * TILL_US_PER_SECOND)

static bool is_get(const struct call *c) {
    return till_str_is(c->request->method, "GET") || till_str_is(c->request->method, "HEAD");
}

static void asset(struct call *c, struct till_str name) {
    struct http_response *response = c->response;
    c->route = "assets";
    for (const struct embedded *file = embedded_files; file->name; file++) {
        if (!till_str_is(name, file->name))
            continue;
        response->status = 200;
        response->content_type = till_str_of(file->type);
        response->body = (struct till_str){(const char *)file->bytes, file->len};
        http_response_header(response, TILL_STR("Cache-Control"), TILL_STR("public, max-age=300"));
        return;
    }
    response->status = 404;
    response->content_type = TILL_STR("text/plain; charset=utf-8");
    response->body = TILL_STR("There is no such file.\n");
}

/* Somebody is looking: the platform is asked soon instead of at leisure. */
static void ask_soon(struct call *c, const struct payment_row *payment) {
    struct till_error err;
    if (cashier_is_final(payment) || !payment->action_kind.len)
        return;
    if (!store_ask_soon(c->gw->store, till_str_of(payment->id), c->now_us + ASK_SOON_US, &err))
        log_failure(c->gw->log, LOG_WARN, "ask_soon", &err);
}

static bool show(struct call *c, const struct payment_row *payment, struct till_error *err) {
    ask_soon(c, payment);
    return cashier_page(c, payment, err);
}

static bool tell_state(struct call *c, const struct payment_row *payment, struct till_error *err) {
    ask_soon(c, payment);
    if (!cashier_state_text(c, payment, &c->response->body, err))
        return false;
    c->response->status = 200;
    c->response->content_type = TILL_STR("application/json");
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    return true;
}

/* The identical order again; whatever comes of it is on the page that follows. */
static bool renew(struct call *c, const struct payment_row *payment, struct till_error *err) {
    struct payment_opened opened;
    struct till_verdict verdict;
    struct applied applied;
    struct till_str location;
    if (!till_arena_format(c->arena, &location, err, "/checkout/%s", payment->token) ||
        !store_resend_payment(c->gw->store, c->arena, till_str_of(payment->id), &c->claim,
                              c->now_us, LEASE_US, &opened, err))
        return false;
    if (opened.kind == OPENED_NEW || opened.kind == OPENED_RESUMED) {
        if (!ask_and_apply(c->gw, c->trace_id, TILL_CREATE, &opened.payment, &opened.attempt,
                           c->arena, &verdict, &applied, err))
            return false;
    }
    c->response->status = 303;
    http_response_header(c->response, TILL_STR("Location"), location);
    html_headers(c->request, c->response, TILL_STR_NONE);
    return true;
}

static bool checkout(struct call *c, struct till_str token, struct till_str rest,
                     struct till_error *err) {
    struct payment_row payment;
    c->route = "checkout";
    if (!store_payment_by_token(c->gw->store, c->arena, token, &payment, err))
        return false;
    memcpy(c->payment_id, payment.id, sizeof c->payment_id);
    if (is_get(c) && !rest.len)
        return show(c, &payment, err);
    if (is_get(c) && till_str_is(rest, "/state"))
        return tell_state(c, &payment, err);
    if (till_str_is(c->request->method, "POST") && till_str_is(rest, "/renew"))
        return renew(c, &payment, err);
    return TILL_FAIL(err, NOT_FOUND, NULL);
}

void cashier_handle(struct call *c) {
    static const struct till_str assets = TILL_STR_INIT("/assets/");
    static const struct till_str checkouts = TILL_STR_INIT("/checkout/");
    struct till_error err = {0};
    struct till_str path = c->request->path;
    if (till_str_starts_with(path, assets)) {
        asset(c, till_str_sub(path, assets.len, path.len));
        return;
    }
    path = till_str_sub(path, checkouts.len, path.len);
    size_t slash = till_str_find(path, '/');
    if (checkout(c, till_str_sub(path, 0, slash), till_str_sub(path, slash, path.len), &err))
        return;
    if (till_code_class(err.code) != TILL_CLASS_INPUT)
        log_failure(c->gw->log, LOG_WARN, "checkout_failed", &err);
    if (!cashier_page_lost(c, till_code_status(err.code), &err))
        c->response->status = 500;
}
