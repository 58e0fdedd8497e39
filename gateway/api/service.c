/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to its flow: find the route, prove who asks, run, answer.
 */
#include <assert.h>

#include <gateway/api/call.h>
#include <gateway/api/cashier.h>
#include <gateway/api/challenge.h>
#include <gateway/api/limiting.h>
#include <gateway/api/problem.h>
#include <gateway/api/routes.h>
#include <gateway/flow/bill.h>
#include <gateway/flow/reconcile.h>
#include <gateway/flow/token.h>
#include <gateway/guard/bearer.h>
#include <gateway/guard/guard.h>
#include <gateway/guard/rights.h>
#include <gateway/store/acts.h>
#include <rt/failpoint.h>
#include <till/time.h>

static bool cashier(struct call *c, struct till_error *err) {
    (void)err;
    cashier_handle(c);
    return true;
}

static bool notify(struct call *c, struct till_error *err) {
    (void)err;
    take_notification(c, c->parameter, c->second_parameter);
    return true;
}

static bool come_back(struct call *c, struct till_error *err) {
    (void)err;
    take_return(c, c->parameter, c->second_parameter);
    return true;
}

static const struct route PUBLIC[] = {
    {"POST", "/v1/payments", "payments.create", NEED_APP_WITH_EFFECT, true, create_payment,
     .scope = "payments:write", .rank = RANK_CREATE},
    {"GET", "/v1/payments", "payments.list", NEED_APP, false, list_payments,
     .scope = "payments:read", .rank = RANK_LIST},
    {"GET", "/v1/payments/{id}", "payments.get", NEED_APP, false, get_payment,
     .scope = "payments:read", .rank = RANK_QUERY},
    {"POST", "/v1/payments/{id}/close", "payments.close", NEED_APP_WITH_EFFECT, true, close_payment,
     .scope = "payments:write", .rank = RANK_CREATE},
    {"POST", "/v1/payments/{id}/cancel", "payments.cancel", NEED_APP_WITH_EFFECT, true,
     cancel_payment, .scope = "payments:write", .rank = RANK_CREATE},
    {"POST", "/v1/payments/{id}/renew", "payments.renew", NEED_APP_WITH_EFFECT, true, renew_payment,
     .scope = "payments:write", .rank = RANK_CREATE},
    {"POST", "/v1/payments/{id}/attempts", "attempts.create", NEED_APP_WITH_EFFECT, true,
     create_attempt, .scope = "payments:write", .rank = RANK_CREATE},
    {"POST", "/v1/payments/{id}/attempts/{attempt}/keep", "duplicates.keep", NEED_APP_WITH_EFFECT,
     true, keep_duplicate, .scope = "payments:write", .rank = RANK_CREATE},
    {"POST", "/v1/payments/{id}/refunds", "refunds.create", NEED_APP_WITH_EFFECT, true,
     create_refund, .scope = "refunds:write", .rank = RANK_CREATE},
    {"GET", "/v1/refunds", "refunds.list", NEED_APP, false, list_refunds, .scope = "refunds:read",
     .rank = RANK_LIST},
    {"GET", "/v1/refunds/{id}", "refunds.get", NEED_APP, false, get_refund, .scope = "refunds:read",
     .rank = RANK_QUERY},
    {"GET", "/v1/events", "events.list", NEED_APP, false, list_events, .scope = "events:read",
     .rank = RANK_LIST},
    {"POST", "/v1/events/{id}/redeliver", "events.redeliver", NEED_APP_WITH_EFFECT, true,
     redeliver_event, .scope = "webhooks:write", .rank = RANK_CREATE},
    {"GET", "/v1/deliveries", "deliveries.list", NEED_APP, false, list_deliveries,
     .scope = "events:read", .rank = RANK_LIST},
    {"POST", "/v1/webhook-endpoints", "endpoints.create", NEED_APP_WITH_EFFECT, true,
     create_endpoint, .scope = "webhooks:write", .rank = RANK_CREATE},
    {"GET", "/v1/webhook-endpoints", "endpoints.list", NEED_APP, false, list_endpoints,
     .scope = "webhooks:read", .rank = RANK_LIST},
    {"GET", "/v1/discrepancies", "discrepancies.list", NEED_APP, false, list_discrepancies,
     .scope = "discrepancies:read", .rank = RANK_LIST},
    {"GET", "/v1/discrepancies/{id}", "discrepancies.get", NEED_APP, false, get_discrepancy,
     .scope = "discrepancies:read", .rank = RANK_QUERY},
    {"GET", "/v1/bills", "bills.list", NEED_APP, false, list_bills, .scope = "bills:read",
     .rank = RANK_LIST},
    {"GET", "/v1/bills/{id}", "bills.get", NEED_APP, false, get_bill, .scope = "bills:read",
     .rank = RANK_QUERY},
    {"GET", "/v1/keys", "keys.list", NEED_APP, false, list_own_keys, .scope = "keys:read",
     .rank = RANK_LIST},
    {"POST", "/v1/keys", "keys.add", NEED_APP_WITH_EFFECT, true, add_own_key, .scope = "keys:write",
     .rank = RANK_CREATE, .signed_only = true},
    {"POST", "/v1/keys/{id}/end", "keys.end", NEED_APP_WITH_EFFECT, true, end_own_key,
     .scope = "keys:write", .rank = RANK_CREATE},
    {"GET", "/v1/accounts", "accounts.list", NEED_APP, false, admin_list_accounts,
     .scope = "accounts:read", .rank = RANK_LIST},
    {"POST", "/v1/accounts", "accounts.add", NEED_APP_WITH_EFFECT, true, add_own_account,
     .scope = "accounts:write", .rank = RANK_CREATE},
    {"POST", "/v1/accounts/{id}/enable", "accounts.enable", NEED_APP_WITH_EFFECT, true,
     enable_own_account, .scope = "accounts:write", .rank = RANK_CREATE},
    {"POST", "/v1/accounts/{id}/disable", "accounts.disable", NEED_APP_WITH_EFFECT, true,
     disable_own_account, .scope = "accounts:write", .rank = RANK_CREATE},
    {"GET", "/v1/app", "app.get", NEED_APP, false, get_own_app, .scope = "apps:read",
     .rank = RANK_QUERY},
    {"POST", "/v1/app/secrets", "app.secrets.add", NEED_APP_WITH_EFFECT, true, add_own_secret,
     .scope = "apps:write", .rank = RANK_CREATE},
    {"POST", "/v1/app/secrets/end", "app.secrets.end", NEED_APP_WITH_EFFECT, true, end_own_secrets,
     .scope = "apps:write", .rank = RANK_CREATE},
    {"POST", "/oauth2/token", "oauth.token", NEED_NOTHING, false, give_token, .rank = RANK_QUERY},
    {"POST", "/oauth2/revoke", "oauth.revoke", NEED_NOTHING, false, revoke_token,
     .rank = RANK_QUERY},
    {"POST", "/notify/{channel}/{account}", "notify", NEED_NOTHING, false, notify,
     .rank = RANK_NOTIFY},
    {"GET", "/return/{channel}/{account}", "return", NEED_NOTHING, false, come_back,
     .rank = RANK_QUERY},
    {"POST", "/return/{channel}/{account}", "return", NEED_NOTHING, false, come_back,
     .rank = RANK_QUERY},
    {"GET", "/checkout/{token}", "cashier", NEED_NOTHING, false, cashier, .rank = RANK_QUERY},
    {"GET", "/checkout/{token}/state", "cashier", NEED_NOTHING, false, cashier, .rank = RANK_QUERY},
    {"POST", "/checkout/{token}/renew", "cashier", NEED_NOTHING, false, cashier,
     .rank = RANK_QUERY},
    {"GET", "/checkout/{rest}", "cashier", NEED_NOTHING, false, cashier, .rank = RANK_QUERY},
    {"POST", "/checkout/{rest}", "cashier", NEED_NOTHING, false, cashier, .rank = RANK_QUERY},
    {"GET", "/assets/{rest}", "assets", NEED_NOTHING, false, cashier, .rank = RANK_QUERY},
    {"GET", "/openapi.yaml", "contract", NEED_NOTHING, false, contract_yaml},
    {"GET", "/openapi.json", "contract", NEED_NOTHING, false, contract_json},
    {"GET", "/docs", "contract", NEED_NOTHING, false, contract_page},
    {"GET", "/ping", "ping", NEED_NOTHING, false, ping},
    {"GET", "/health", "health", NEED_NOTHING, false, health},
    {"GET", "/ready", "ready", NEED_NOTHING, false, ready},
};

static const struct route PRIVATE[] = {
    {"GET", "/metrics", "metrics", NEED_NOTHING, false, metrics_page},
    {"GET", "/ping", "ping", NEED_NOTHING, false, ping},
    {"GET", "/health", "health", NEED_NOTHING, false, health},
    {"GET", "/ready", "ready", NEED_NOTHING, false, ready},
};

static_assert(sizeof PUBLIC / sizeof PUBLIC[0] <= LIMIT_ROUTES_MAX,
              "each route needs a place among the limits");
const struct route_table routes_public = {PUBLIC, sizeof PUBLIC / sizeof PUBLIC[0]};
const struct route_table routes_private = {PRIVATE, sizeof PRIVATE / sizeof PRIVATE[0]};

/* A body must call itself JSON, or nothing. */
static bool check_media_type(const struct http_request *request, struct till_error *err) {
    struct till_str type;
    size_t count = 0;
    if (!http_header(request, "Content-Type", &type, &count))
        return true;
    struct till_str essence = till_str_trim(till_str_sub(type, 0, till_str_find(type, ';')));
    if (count == 1 && till_str_equal_ignoring_case(essence, TILL_STR("application/json")))
        return true;
    return TILL_FAIL(err, MEDIA_TYPE, NULL);
}

/* He is who he says, and may not: that is worth a row of the trail (ADR 032). */
static bool refuse_right(struct call *c, const struct route *route, struct till_error *err) {
    const struct store_actor by = {.app_id = till_str_of(c->app.id), .claim = &c->claim};
    security_event(c->gw, "right_refused", c->trace_id, c->request->peer);
    if (rights_may_note(c->gw, c->claim.key_id, route->scope) &&
        !store_note_refusal(c->gw->store, route->scope, route->name, &by, err))
        return false;
    return TILL_FAIL(err, FORBIDDEN,
                     "This key may not do it: it lacks the right %s, which the operator of this "
                     "till can grant (till app rights).",
                     route->scope);
}

/* A token proves who asks and no more: there is no nonce, so a repeat is kept from a second effect
 * by the order's own numbers (ADR 031). */
static bool admit_token(struct call *c, const struct route *route, struct till_error *err) {
    if (!bearer_admit(c->gw, c->request, route->scope, c->now_us, c->arena, &c->app, &c->scopes,
                      &c->claim, err)) {
        if (err->code == TILL_E_TOKEN_INVALID)
            security_event(c->gw, "token_refused", c->trace_id, c->request->peer);
        return false;
    }
    if (c->limited && !limiting_app(c, err))
        return false;
    return !route->signed_only ||
           TILL_FAIL(err, FORBIDDEN,
                     "Sign this request with one of the app's keys: a token, "
                     "whatever its scopes, does not open it.");
}

static bool admit_signed(struct call *c, const struct route *route, bool with_effect,
                         struct till_error *err) {
    if (!auth_request(c->gw, c->request, c->now_us, c->arena, &c->app, &c->scopes, &c->claim,
                      err)) {
        if (till_code_class(err->code) == TILL_CLASS_AUTH)
            security_event(c->gw, "request_refused", c->trace_id, c->request->peer);
        return false;
    }
    if (route->scope && !rights_allow(c->scopes, route->scope))
        return refuse_right(c, route, err);
    if (c->limited && !limiting_app(c, err))
        return false;
    if (with_effect)
        TILL_FP("C2");
    return with_effect || auth_claim_is_new(c->gw, &c->claim, c->now_us, err);
}

static bool admit_app(struct call *c, const struct route *route, bool with_effect,
                      struct till_error *err) {
    return bearer_shown(c->request) ? admit_token(c, route, err)
                                    : admit_signed(c, route, with_effect, err);
}

/* ?app_id= says for which app the administrator acts. */
static bool admit_admin(struct call *c, bool for_app, struct till_error *err) {
    struct till_form query;
    c->is_admin = true;
    c->claim.key_id = TILL_STR("admin"); /* nothing signed, so no nonce: a person, for the trail */
    if (!till_form_parse(c->arena, c->request->query, &query, err))
        return false;
    struct till_str app_id = till_form_get(&query, "app_id");
    if (for_app && app_id.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/app_id",
                               "Name the app: add ?app_id=... to the address.");
    return app_id.len == 0 || store_app_get(c->gw->store, c->arena, app_id, &c->app, err);
}

/* Beside orders, which have theirs by content: the key stands for this very call. */
static bool take_key(struct call *c, const struct route *route, struct till_error *err) {
    struct till_str text;
    if (route->handle == create_payment)
        return true;
    if (!idempotency_key_read(c->request, c->arena, &c->claim.effect_key, err))
        return false;
    if (c->claim.effect_key.len == 0)
        return true;
    c->claim.effect_app_id = till_str_of(c->app.id);
    c->claim.effect_us = c->now_us;
    if (!till_arena_format(c->arena, &text, err, "%.*s\n%.*s\n%.*s",
                           TILL_STR_ARG(c->request->method), TILL_STR_ARG(c->request->path),
                           TILL_STR_ARG(c->request->body)))
        return false;
    till_sha256(text, c->claim.effect_digest);
    return true;
}

static bool admit(struct call *c, const struct route *route, struct till_error *err) {
    if (!limiting_in_time(c, route->rank, err) ||
        (c->limited && !c->request->is_admitted && !limiting_instance(c, err)))
        return false;
    if (route->takes_json && !check_media_type(c->request, err))
        return false;
    switch (route->need) {
    case NEED_APP:
        return admit_app(c, route, false, err);
    case NEED_APP_WITH_EFFECT:
        return admit_app(c, route, true, err) && take_key(c, route, err);
    case NEED_ADMIN:
        return admit_admin(c, false, err);
    case NEED_ADMIN_APP:
        return admit_admin(c, true, err);
    case NEED_NOTHING:
        break;
    }
    return true;
}

static void serve(struct gateway *gw, const struct route_table *table, struct http_request *request,
                  struct http_response *response) {
    struct call c;
    struct route_match match;
    struct limited limited;
    struct till_error err = {.code = TILL_OK};
    struct till_str allow;
    call_begin(&c, gw, request, response);
    bool found =
        route_find(table->rows, table->count, request->method, request->path, &match, &err);
    if (found) {
        c.route = match.route->name;
        c.parameter = match.parameters[0];
        c.second_parameter = match.parameters[1];
        c.limited = limiting_of(table, match.route, &limited) ? &limited : NULL;
    }
    bool good = found && admit(&c, match.route, &err) && match.route->handle(&c, &err);
    if (!good)
        limiting_settle(&c, &err);
    if (!good && found)
        challenge_add(&c, match.route, &err);
    if (!found && match.allow[0] &&
        till_arena_copy(c.arena, till_str_of(match.allow), &allow, &(struct till_error){0}))
        http_response_header(response, TILL_STR("Allow"), allow);
    bool quiet = found && (match.route->handle == ping || match.route->handle == health ||
                           match.route->handle == ready || match.route->handle == metrics_page);
    call_end(&c, good ? NULL : &err, quiet || c.is_turned_away);
}

static void serve_public(void *self, struct http_request *request, struct http_response *response) {
    serve(self, &routes_public, request, response);
}

static void serve_private(void *self, struct http_request *request,
                          struct http_response *response) {
    serve(self, &routes_private, request, response);
}

static void serve_admin(void *self, struct http_request *request, struct http_response *response) {
    serve(self, &routes_admin, request, response);
}

static bool is_notify(struct till_str path) {
    return till_str_starts_with(path, TILL_STR("/notify/"));
}

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    const struct gateway *gw = self;
    (void)method;
    return (size_t)(is_notify(path) ? gw->settings->notify_body_max : gw->settings->api_body_max);
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    if (is_notify(path))
        return HTTP_LANE_NOTIFY;
    return till_str_is(path, "/ping") || till_str_is(path, "/health") ? HTTP_LANE_INLINE
                                                                      : HTTP_LANE_API;
}

/* What the server must answer by itself is worded like everything else. */
static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self;
    problem_write(&(struct problem){.error = error}, arena, response);
}

static struct http_service service(struct gateway *gateway,
                                   void (*handle)(void *, struct http_request *,
                                                  struct http_response *)) {
    return (struct http_service){
        .self = gateway, .body_max = body_max, .lane = lane, .handle = handle, .refuse = refuse};
}

struct http_service gateway_public_service(struct gateway *gateway) {
    struct http_service public = service(gateway, serve_public);
    public.admit = limiting_admit;
    return public;
}

struct http_service gateway_private_service(struct gateway *gateway) {
    return service(gateway, serve_private);
}

struct http_service gateway_admin_service(struct gateway *gateway) {
    return service(gateway, serve_admin);
}
