/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier.h>

#include <gateway/api/cashier_page.h>
#include <gateway/api/embedded.h>
#include <rt/html.h>
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

static bool show(struct call *c, const struct payment_row *payment, struct till_error *err) {
    struct app_row app;
    watch_payment(c, payment);
    return store_app_get(c->gw->store, c->arena, till_str_of(payment->app_id), &app, err) &&
           cashier_page(c, payment, app.name, err);
}

static bool tell_state(struct call *c, const struct payment_row *payment, struct till_error *err) {
    watch_payment(c, payment);
    if (!cashier_state_text(c, payment, &c->response->body, err))
        return false;
    c->response->status = 200;
    c->response->content_type = TILL_STR("application/json");
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    return true;
}

/* Whatever comes of it is on the page that follows. */
static bool renew(struct call *c, const struct payment_row *payment, struct till_error *err) {
    struct till_str language = cashier_language_query(c), location;
    if (!renew_for_buyer(c, payment, err) ||
        !till_arena_format(c->arena, &location, err, "/checkout/%s%.*s", payment->token,
                           TILL_STR_ARG(language)))
        return false;
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
    if (!cashier_page_lost(c, &err))
        c->response->status = 500;
}
