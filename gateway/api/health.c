/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alive, ready, measured. /health looks at the process only, so that a slow disk never gets it
 * restarted; /ready asks the store and says no while the instance drains.
 */
#include <gateway/api/limiting.h>
#include <gateway/api/routes.h>

static bool say(struct call *c, int status, struct till_str body) {
    c->response->status = status;
    c->response->content_type = TILL_STR("application/json");
    c->response->body = body;
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    return true;
}

bool ping(struct call *c, struct till_error *err) {
    (void)err;
    return say(c, 200, TILL_STR("{\"message\":\"pong\"}"));
}

/* Which till this is, so that `till doctor` knows whether an address leads here. */
bool health(struct call *c, struct till_error *err) {
    (void)err;
    http_response_header(c->response, TILL_STR("Till-Instance"), till_str_of(c->gw->instance));
    return say(c, 200, TILL_STR("{\"status\":\"ok\"}"));
}

bool ready(struct call *c, struct till_error *err) {
    if (atomic_load(&c->gw->draining))
        return TILL_FAIL(err, DRAINING, NULL);
    if (store_is_broken(c->gw->store))
        return TILL_FAIL(err, STORE_FAILED, "The store takes no writes; this instance restarts.");
    return store_check(c->gw->store, err) && say(c, 200, TILL_STR("{\"status\":\"ready\"}"));
}

bool metrics_page(struct call *c, struct till_error *err) {
    struct till_str text;
    limiting_measure(c->gw);
    if (!metrics_write(c->gw->metrics, c->arena, &text, err))
        return false;
    c->response->status = 200;
    c->response->content_type = TILL_STR("text/plain; version=0.0.4; charset=utf-8");
    c->response->body = text;
    return true;
}
