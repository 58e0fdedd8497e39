/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request from end to end: who asks, which route, is the key of an earlier request, are the
 * parameters good; then the endpoint, in one stretch under the lock; then the answer, which a key
 * keeps.
 */
#include <sandbox/stripe/call.h>
#include <sandbox/stripe/exchange.h>
#include <sandbox/stripe/idempotency.h>
#include <sandbox/stripe/spoil.h>

#include <stdio.h>

enum { BODY_BYTES = 4 * 1024 * 1024 };

bool stripe_is_ours(struct till_str path) {
    return till_str_starts_with(path, TILL_STR("/v1/")) || till_str_is(path, "/v1");
}

static struct till_str header(const struct stripe_call *call, const char *name) {
    struct till_str value = TILL_STR_NONE;
    size_t count = 0;
    return http_header(call->request, name, &value, &count) ? value : TILL_STR_NONE;
}

static bool is_post(const struct stripe_call *call) {
    return till_str_is(call->request->method, "POST");
}

/* Of "Bearer KEY", or of Basic with the key as the user's name and no password. */
static struct till_str read_key(struct stripe_call *call) {
    struct till_str text = till_str_trim(header(call, "Authorization")), plain;
    struct till_error err;
    size_t end = till_str_find(text, ' ');
    struct till_str scheme = till_str_sub(text, 0, end);
    struct till_str rest = till_str_trim(till_str_sub(text, end, text.len));
    if (till_str_equal_ignoring_case(scheme, TILL_STR("Bearer")))
        return rest;
    if (!till_str_equal_ignoring_case(scheme, TILL_STR("Basic")) ||
        !till_base64_decode(call->arena, rest, &plain, &err))
        return TILL_STR_NONE;
    return till_str_sub(plain, 0, till_str_find(plain, ':'));
}

static bool refuse_key(struct stripe_call *call, struct till_str key) {
    char masked[STRIPE_KEY_MASKED];
    stripe_key_mask(key, masked);
    if (till_str_starts_with(key, TILL_STR("pk_")))
        return stripe_refuse(call, 403, "invalid_request_error", "secret_key_required", NULL,
                             "This API call cannot be made with a publishable API key. Please use "
                             "a secret API key. You can find a list of your API keys at "
                             "https://dashboard.stripe.com/account/apikeys.");
    (void)stripe_refuse(call, 401, "invalid_request_error", NULL, NULL,
                        "Invalid API Key provided: %s", masked);
    if (till_str_starts_with(key, TILL_STR("sk_live_")) ||
        till_str_starts_with(key, TILL_STR("rk_live_")))
        return stripe_explain(call, "The simulator takes test keys only: no live key should ever "
                                    "be given to anybody but the platform.");
    return stripe_explain(call, "Any key opens an account of its own here: sk_test_ or rk_test_, "
                                "then 8 to 247 letters, digits and underscores.");
}

static bool authenticate(struct stripe_call *call) {
    struct till_str key = read_key(call);
    if (key.len == 0)
        return stripe_refuse(
            call, 401, "invalid_request_error", NULL, NULL,
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
            "https://stripe.com/docs/api#authentication for details, or we can help at "
            "https://support.stripe.com/.");
    if (!stripe_key_is_ours(key))
        return refuse_key(call, key);
    call->account = stripe_account_obtain(call->sandbox, key);
    return call->account || stripe_no_room(call);
}

/* YYYY-MM-DD, and a train's name behind a point since 2024-09-30. */
static bool is_version(struct till_str text) {
    static const char pattern[] = "0000-00-00";
    if (text.len < sizeof pattern - 1 || text.len >= STRIPE_VERSION)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i], wanted = i < sizeof pattern - 1 ? pattern[i] : 'a';
        bool is_digit = c >= '0' && c <= '9';
        bool fits = wanted == '0' ? is_digit : c == wanted;
        if (i == sizeof pattern - 1)
            fits = c == '.' || c == ';';
        else if (wanted == 'a')
            fits = (c >= 'a' && c <= 'z') || is_digit || c == '_' || c == '=' || c == ';';
        if (!fits)
            return false;
    }
    return true;
}

static bool choose_version(struct stripe_call *call) {
    struct till_str text = header(call, "Stripe-Version");
    if (text.len && !is_version(text))
        return STRIPE_INVALID(call, NULL, NULL, "Invalid Stripe API version: %.*s",
                              TILL_STR_ARG(till_str_cut_utf8(text, 60)));
    if (text.len)
        snprintf(call->account->api_version, sizeof call->account->api_version, "%.*s",
                 TILL_STR_ARG(text));
    call->version = platform_keep(call->arena, till_str_of(call->account->api_version));
    return true;
}

static bool choose_route(struct stripe_call *call) {
    bool known = false;
    call->route = stripe_route_find(call, &known);
    if (call->route)
        return true;
    (void)stripe_refuse(call, 404, "invalid_request_error", NULL, NULL,
                        "Unrecognized request URL (%.*s: %.*s). Please see "
                        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
                        TILL_STR_ARG(call->request->method),
                        TILL_STR_ARG(till_str_cut_utf8(call->request->path, 200)));
    return stripe_explain(call, known ? "The path is known, the method is another one."
                                      : "Neither the platform nor the simulator may know this "
                                        "path; doc/SANDBOX.md lists what is played.");
}

static bool read_idempotency_key(struct stripe_call *call) {
    struct till_str key = header(call, "Idempotency-Key");
    if (!is_post(call))
        return true;
    call->idempotency_key = key;
    return key.len <= STRIPE_KEY_MAX ||
           STRIPE_INVALID(call, NULL, NULL, "Idempotency keys can be at most %d characters long.",
                          STRIPE_KEY_MAX);
}

/* True: it is new. Otherwise the answer is there. */
static bool judge_kept(struct stripe_call *call, const char *fingerprint) {
    const struct stripe_kept *kept =
        stripe_kept_find(call->sandbox, call->account, call->idempotency_key, call->now_us);
    if (!kept)
        return true;
    if (strcmp(kept->fingerprint, fingerprint) != 0) {
        (void)stripe_refuse(call, 400, "idempotency_error", NULL, NULL,
                            "Keys for idempotent requests can only be used with the same "
                            "parameters they were first used with. Try using a key other than "
                            "'%.*s' if you meant to execute a different request.",
                            TILL_STR_ARG(call->idempotency_key));
        return stripe_explain(call, "Another method, path or parameter under a key of the last 24 "
                                    "hours; the first request with it is on this page, too.");
    }
    if (kept->status == 0)
        return stripe_refuse(call, 409, "idempotency_error", "idempotency_key_in_use", NULL,
                             "There is currently another in-progress request using this "
                             "Idempotent Key (that probably means you submitted twice, and the "
                             "other request is still going through): %.*s. Please try again "
                             "later.",
                             TILL_STR_ARG(call->idempotency_key));
    call->status = kept->status;
    call->body = platform_keep(call->arena, till_str_of(kept->body));
    call->original_request = platform_keep(call->arena, till_str_of(kept->request_id));
    return false;
}

static void print_answer(struct stripe_call *call) {
    struct till_error err;
    if (call->body.len)
        return;
    if (!till_json_write(call->arena, call->answer, TILL_JSON_INDENT, &call->body, &err)) {
        call->status = 500;
        call->body = TILL_STR("{\"error\": {\"message\": \"The answer cannot be written.\", "
                              "\"type\": \"api_error\"}}");
    }
}

/* The endpoint itself. What it cannot keep makes it fail as the platform would. */
static void run(struct stripe_call *call) {
    struct stripe_cause cause = {till_str_of(call->request_id), call->idempotency_key};
    call->sandbox->stripe->starved = false;
    call->sandbox->stripe->cause = &cause;
    bool done = !stripe_spoil_run(call) && call->route->run(call);
    call->sandbox->stripe->cause = NULL;
    if (call->sandbox->stripe->starved && call->status < 400) {
        call->status = 0;
        done = stripe_no_room(call);
    }
    if (done)
        call->status = 200;
    stripe_spoil_done(call);
    print_answer(call);
}

/* Everything before the endpoint, locked. From here on the key is in use. False: the answer is
 * there. */
static bool prepare(struct stripe_call *call) {
    char fingerprint[65];
    if (!authenticate(call) || !choose_version(call) || !choose_route(call) ||
        !read_idempotency_key(call) || stripe_spoil_refuse(call) || !stripe_params_read(call))
        return false;
    stripe_fingerprint(call, fingerprint);
    if (call->idempotency_key.len && !judge_kept(call, fingerprint))
        return false;
    if (!stripe_params_check(call))
        return false;
    if (call->idempotency_key.len)
        call->kept = stripe_kept_begin(call->sandbox, call->account, call->idempotency_key,
                                       fingerprint, call->request_id, call->now_us);
    return call->idempotency_key.len == 0 || call->kept || stripe_no_room(call);
}

/* Locked. */
static void execute(struct stripe_call *call) {
    call->now_us = platform_now_us(call->sandbox);
    run(call);
    if (call->kept)
        stripe_kept_finish(call->sandbox, call->kept, call->status, call->body);
}

static void write_headers(struct stripe_call *call) {
    struct http_response *response = call->response;
    struct till_str request_id = platform_keep(call->arena, till_str_of(call->request_id));
    http_response_header(response, TILL_STR("Request-Id"), request_id);
    if (call->version.len)
        http_response_header(response, TILL_STR("Stripe-Version"), call->version);
    if (header(call, "Stripe-Account").len)
        http_response_header(response, TILL_STR("Stripe-Account"), header(call, "Stripe-Account"));
    if (call->idempotency_key.len && call->account) {
        http_response_header(response, TILL_STR("Idempotency-Key"), call->idempotency_key);
        http_response_header(response, TILL_STR("Original-Request"),
                             call->original_request.len ? call->original_request : request_id);
    }
    if (call->original_request.len)
        http_response_header(response, TILL_STR("Idempotent-Replayed"), TILL_STR("true"));
}

static void begin(struct stripe_call *call) {
    platform_lock(call->sandbox);
    call->now_us = platform_now_us(call->sandbox);
    stripe_make_id(call->sandbox, "req_", 14, call->request_id);
    stripe_spoil_decide(call);
    platform_unlock(call->sandbox);
}

static void serve(struct stripe_call *call) {
    struct sandbox *sandbox = call->sandbox;
    platform_lock(sandbox);
    bool is_ready = prepare(call);
    platform_unlock(sandbox);
    if (is_ready) {
        stripe_spoil_slow(call); /* its key is in use meanwhile */
        platform_lock(sandbox);
        execute(call);
        platform_unlock(sandbox);
        platform_wake(sandbox);
    }
    print_answer(call);
    stripe_spoil_answer(call);
    call->response->status = call->status;
    call->response->content_type = TILL_STR("application/json");
    call->response->body = call->body;
    write_headers(call);
    stripe_spoil_after(call);
}

void stripe_serve(struct sandbox *sandbox, struct http_request *request,
                  struct http_response *response) {
    struct stripe_call call = {
        .sandbox = sandbox, .request = request, .response = response, .arena = request->arena};
    int64_t began_us = world_monotonic_us(sandbox->world);
    begin(&call);
    if (!stripe_spoil_before(&call))
        serve(&call);
    stripe_exchange_record(&call, world_monotonic_us(sandbox->world) - began_us);
    till_json_release(call.answer);
}
