/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens for secrets. The request is a form, the refusals are OAuth2's own; everything that a
 * client could guess at reads the same whether the client, its secret or its app is wrong (S-017).
 */
#include <gateway/flow/token.h>

#include <stdio.h>

#include <gateway/guard/bearer.h>
#include <gateway/guard/guard.h>
#include <gateway/guard/scopes.h>
#include <till/encode.h>
#include <till/time.h>

/* ---- what was asked ---- */

struct token_request {
    struct till_form form;
    struct client_credentials shown;
    struct client_row client;
    struct client_digest secret;
    int64_t lifetime_us; /* of the token; as the setting stood at the start */
    int64_t wait_us;     /* with TOO_MANY: when to come back */
};

static bool check_media_type(const struct http_request *request, struct till_error *err) {
    struct till_str type = TILL_STR_NONE;
    size_t count = 0;
    bool found = http_header(request, "Content-Type", &type, &count);
    struct till_str essence = till_str_trim(till_str_sub(type, 0, till_str_find(type, ';')));
    return (found && count == 1 &&
            till_str_equal_ignoring_case(essence, TILL_STR("application/x-www-form-urlencoded"))) ||
           TILL_FAIL(err, FIELD_INVALID,
                     "Send a form: Content-Type application/x-www-form-urlencoded.");
}

static bool read_form(struct call *c, struct till_form *ret_form, struct till_error *err) {
    if (c->request->query.len > 0) /* addresses end up in logs */
        return TILL_FAIL(err, FIELD_INVALID,
                         "Send everything in the body, nothing in the address.");
    return check_media_type(c->request, err) &&
           till_form_parse(c->arena, c->request->body, ret_form, err);
}

/* "Basic " and base64 of the urlencoded id, ':', the urlencoded secret (RFC 6749 section 2.3.1). */
static bool read_basic(struct call *c, struct till_str header, struct client_credentials *ret) {
    struct till_error ignored;
    struct till_str pair;
    size_t end = till_str_find(header, ' ');
    if (!till_str_equal_ignoring_case(till_str_sub(header, 0, end), TILL_STR("Basic")) ||
        !till_base64_decode(c->arena, till_str_trim(till_str_sub(header, end, header.len)), &pair,
                            &ignored))
        return false;
    size_t colon = till_str_find(pair, ':');
    ret->by_basic = true;
    return colon < pair.len &&
           till_percent_decode(c->arena, till_str_sub(pair, 0, colon), true, &ret->id, &ignored) &&
           till_percent_decode(c->arena, till_str_sub(pair, colon + 1, pair.len), true,
                               &ret->secret, &ignored);
}

/* Once: by the header or by the form. */
static bool read_credentials(struct call *c, const struct till_form *form,
                             struct client_credentials *ret, struct till_error *err) {
    struct till_str header, id = till_form_get(form, "client_id");
    struct client_credentials shown = {.id = id, .secret = till_form_get(form, "client_secret")};
    struct client_credentials basic = {.by_basic = false};
    size_t count = 0;
    *ret = shown;
    if (!http_header(c->request, "Authorization", &header, &count))
        return id.len > 0 || TILL_FAIL(err, CLIENT_INVALID, NULL);
    if (count > 1)
        return TILL_FAIL(err, HTTP_FRAMING, "The request has %zu Authorization headers; send one.",
                         count);
    if (shown.secret.len > 0)
        return TILL_FAIL(err, FIELD_INVALID,
                         "Prove the client once: by HTTP Basic or in the form, not by both.");
    if (!read_basic(c, header, &basic))
        return TILL_FAIL(err, CLIENT_INVALID, NULL);
    if (id.len > 0 && !till_str_equal(id, basic.id))
        return TILL_FAIL(err, FIELD_INVALID, "The form's client_id is not that of HTTP Basic.");
    *ret = basic;
    return true;
}

static bool read_request(struct call *c, struct token_request *r, struct till_error *err) {
    if (!read_form(c, &r->form, err) || !read_credentials(c, &r->form, &r->shown, err) ||
        !client_prove(c->gw, &r->shown, c->request->peer, c->now_us, c->arena, &r->client,
                      &r->secret, &r->wait_us, err))
        return false;
    memcpy(c->app.id, r->client.app_id, sizeof c->app.id); /* for the log line */
    return true;
}

/* ---- refusals ---- */

/* OAuth2's name of it; NULL: not the client's fault, so a problem. */
static const char *name_of(enum till_code code) {
    switch (code) {
    case TILL_E_CLIENT_INVALID:
    case TILL_E_GRANT_UNSUPPORTED:
    case TILL_E_GRANT_INVALID:
    case TILL_E_SCOPE_INVALID:
        return till_code_slug(code);
    case TILL_E_TOO_MANY:
        return "temporarily_unavailable";
    default:
        return till_code_class(code) == TILL_CLASS_INPUT || code == TILL_E_TOO_DEEP
                   ? "invalid_request"
                   : NULL;
    }
}

/* error_description knows neither quotes nor backslashes (section 5.2). */
static void set_description(struct till_json *json, const struct till_error *why) {
    char text[sizeof why->text];
    const char *said = why->text[0] ? why->text : till_code_sentence(why->code);
    size_t len = 0;
    for (; said[len] && len + 1 < sizeof text; len++) {
        bool fits = said[len] >= 0x20 && said[len] < 0x7f && said[len] != '"' && said[len] != '\\';
        text[len] = fits ? said[len] : '\'';
    }
    text[len] = '\0';
    till_json_set_text(json, "error_description", text);
}

static bool say_when(struct call *c, int64_t wait_us, struct till_error *err) {
    struct till_str seconds;
    int64_t wait_s = (wait_us + TILL_US_PER_SECOND - 1) / TILL_US_PER_SECOND;
    if (!till_arena_format(c->arena, &seconds, err, "%lld", (long long)(wait_s > 1 ? wait_s : 1)))
        return false;
    http_response_header(c->response, TILL_STR("Retry-After"), seconds);
    return true;
}

static bool refuse(struct call *c, const struct token_request *r, struct till_error *err) {
    const struct till_error why = *err;
    const char *name = name_of(why.code);
    if (!name)
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "error", name);
    set_description(json, &why);
    if (!reply_json(c, till_code_status(why.code), json, err))
        return false;
    snprintf(c->outcome, sizeof c->outcome, "%s", name);
    http_response_header(c->response, TILL_STR("Pragma"), TILL_STR("no-cache"));
    if (why.code == TILL_E_CLIENT_INVALID) {
        http_response_header(c->response, TILL_STR("WWW-Authenticate"),
                             TILL_STR("Basic realm=\"till\""));
        security_event(c->gw, "client_refused", c->trace_id, c->request->peer);
    }
    return why.code != TILL_E_TOO_MANY || say_when(c, r->wait_us, err);
}

/* ---- POST /oauth2/token ---- */

static bool check_grant(const struct till_form *form, struct till_error *err) {
    struct till_str grant = till_form_get(form, "grant_type");
    if (grant.len == 0)
        return TILL_FAIL(err, FIELD_MISSING, "grant_type is missing; it is client_credentials.");
    return till_str_is(grant, "client_credentials") || TILL_FAIL(err, GRANT_UNSUPPORTED, NULL);
}

static bool store_one(struct call *c, struct token_request *r, struct till_str scopes,
                      char ret_token[BEARER_TEXT_SIZE], struct till_error *err) {
    struct token_row row = {.created_us = c->now_us, .expires_us = c->now_us + r->lifetime_us};
    struct client_digest digest;
    int64_t free_us = 0;
    memcpy(row.client_id, r->client.id, sizeof row.client_id);
    snprintf(row.scopes, sizeof row.scopes, "%.*s", TILL_STR_ARG(scopes));
    bearer_make(c->gw->world, BEARER_TOKEN_PREFIX, ret_token, &digest);
    bool stored = store_token_add(c->gw->store, &row, &digest, &r->secret, &free_us, err);
    r->wait_us = free_us - c->now_us;
    return stored;
}

static bool make_token(struct call *c, struct token_request *r, struct till_error *err) {
    struct till_str scopes;
    char token[BEARER_TEXT_SIZE];
    if (!read_request(c, r, err) || !check_grant(&r->form, err) ||
        !scopes_choose(c->arena, till_form_get(&r->form, "scope"), r->client.scopes, &scopes,
                       err) ||
        !store_one(c, r, scopes, token, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "access_token", token);
    till_json_set_text(json, "token_type", "Bearer");
    till_json_set_int(json, "expires_in", r->lifetime_us / TILL_US_PER_SECOND);
    till_json_set_str(json, "scope", scopes);
    till_wipe(token, sizeof token);
    if (!reply_json(c, 200, json, err))
        return false;
    http_response_header(c->response, TILL_STR("Pragma"), TILL_STR("no-cache"));
    return true;
}

bool give_token(struct call *c, struct till_error *err) {
    struct token_request r = {.lifetime_us = c->gw->settings->oauth_token_lifetime};
    return make_token(c, &r, err) || refuse(c, &r, err);
}

/* ---- POST /oauth2/revoke ---- */

static bool revoke(struct call *c, struct token_request *r, struct till_error *err) {
    enum token_revoked what;
    if (!read_request(c, r, err))
        return false;
    struct till_str token = till_form_get(&r->form, "token");
    if (token.len == 0)
        return TILL_FAIL(err, FIELD_MISSING, "token is missing; send the token to be revoked.");
    struct client_digest digest = bearer_digest(token);
    if (!store_token_revoke(c->gw->store, till_str_of(r->client.id), &digest, &what, err))
        return false;
    if (what == TOKEN_OF_ANOTHER)
        return TILL_FAIL(err, GRANT_INVALID, NULL);
    return reply_json(c, 200, till_json_object(), err);
}

bool revoke_token(struct call *c, struct till_error *err) {
    struct token_request r = {.wait_us = 0};
    return revoke(c, &r, err) || refuse(c, &r, err);
}
