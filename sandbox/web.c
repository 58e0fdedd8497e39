/* SPDX-License-Identifier: Apache-2.0 */
/* Routing, origins, small answers; see web.h. */
#include <sandbox/call.h>
#include <sandbox/stripe/pages.h>
#include <sandbox/tls.h>
#include <sandbox/v3.h>
#include <sandbox/web.h>

#include <rt/html.h>

#include <stdio.h>

/* "/console/apps/" + anything. */
static bool match(struct web *web, struct till_str path, const char *pattern) {
    struct till_error err;
    web->segment_count = 0;
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at >= path.len || path.ptr[at++] != *pattern)
                return false;
            continue;
        }
        struct till_str rest = till_str_sub(path, at, path.len);
        struct till_str segment = till_str_sub(rest, 0, till_str_find(rest, '/'));
        if (segment.len == 0 || web->segment_count == 2 ||
            !till_percent_decode(web->arena, segment, false, &web->segments[web->segment_count++],
                                 &err))
            return false;
        at += segment.len;
    }
    return at == path.len;
}

static struct till_str header(const struct web *web, const char *name) {
    struct till_str value = TILL_STR_NONE;
    size_t count = 0;
    return http_header(web->request, name, &value, &count) && count == 1 ? value : TILL_STR_NONE;
}

/* Behind "http://" or "https://". */
static struct till_str authority(struct till_str url) {
    for (size_t i = 0; i + 3 <= url.len; i++)
        if (memcmp(url.ptr + i, "://", 3) == 0) {
            struct till_str rest = till_str_sub(url, i + 3, url.len);
            return till_str_sub(rest, 0, till_str_find(rest, '/'));
        }
    return TILL_STR_NONE;
}

static bool is_address(struct till_str host) {
    if (host.len && host.ptr[0] == '[')
        return true;
    for (size_t i = 0; i < host.len; i++)
        if ((host.ptr[i] < '0' || host.ptr[i] > '9') && host.ptr[i] != '.' && host.ptr[i] != ':')
            return false;
    return host.len > 0;
}

/* A name that somebody else's DNS leads here must not open the console (rebinding). The platform's
 * own names are led here by whoever set up proxy or hosts file. */
static bool host_is_ours(const struct web *web, struct till_str host) {
    struct till_str name = till_str_sub(host, 0, till_str_find(host, ':'));
    return is_address(host) || till_str_is(name, "localhost") || tls_is_platform_host(name) ||
           till_str_equal(host, authority(web->sandbox->options.public_url));
}

/* A browser says where a request comes from; other programs say nothing. */
static bool origin_is_ours(const struct web *web) {
    struct till_str site = header(web, "Sec-Fetch-Site"), origin = header(web, "Origin");
    if (site.len && !till_str_is(site, "same-origin") && !till_str_is(site, "none"))
        return false;
    return origin.len == 0 || till_str_equal(authority(origin), header(web, "Host"));
}

/* What the platform shows to everybody, under whatever name, and what these pages are made of. */
static bool is_for_everybody(struct till_str path) {
    static const char *const places[] = {
        "/alipay/",        "/oauth2/",    "/downloadBillFile.resource",
        "/sandbox.css",    "/sandbox.js", "/stripe/pay/",
        "/stripe/intents/"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (till_str_starts_with(path, till_str_of(places[i])))
            return true;
    return false;
}

/* Reading is enough for a rebound name: the console tells keys, codes and tokens. */
static bool may_enter(const struct web *web, bool is_change) {
    if (!is_change && is_for_everybody(web->request->path))
        return true;
    return host_is_ours(web, header(web, "Host")) && (!is_change || origin_is_ours(web));
}

static bool read_input(struct web *web, struct till_error *err) {
    struct till_str type = header(web, "Content-Type");
    if (!till_form_parse(web->arena, web->request->query, &web->query, err))
        return false;
    if (web->request->body.len == 0)
        return true;
    bool is_document = web->request->body.ptr[0] == '{'; /* curl -d calls everything a form */
    if (!is_document && till_str_starts_with(type, TILL_STR("application/x-www-form-urlencoded")))
        return till_form_parse(web->arena, web->request->body, &web->form, err);
    return till_json_parse(web->request->body, &web->json, err);
}

struct till_str web_value(const struct web *web, const char *name) {
    if (till_form_find(&web->form, name))
        return till_str_trim(till_form_get(&web->form, name));
    if (web->json)
        return till_json_get_str(web->json, name);
    return till_form_get(&web->query, name);
}

bool web_flag(const struct web *web, const char *name) {
    struct till_str text = web_value(web, name);
    struct till_error err;
    bool flag = false;
    if (web->json && till_json_want_bool(web->json, name, &flag, &err) && flag)
        return true;
    return till_str_is(text, "true") || till_str_is(text, "1") || till_str_is(text, "on");
}

int64_t web_number(const struct web *web, const char *name, int64_t otherwise) {
    int64_t value;
    if (web->json && till_json_get_int(web->json, name, &value))
        return value;
    struct till_str text = web_value(web, name);
    bool is_negative = text.len > 1 && text.ptr[0] == '-';
    unsigned long long magnitude;
    if (!till_str_to_u64(till_str_sub(text, is_negative, text.len), INT64_MAX, &magnitude))
        return otherwise;
    return is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
}

void web_text(struct web *web, int status, const char *text) {
    web->response->status = status;
    web->response->content_type = TILL_STR("text/plain; charset=utf-8");
    web->response->body = till_str_of(text);
}

void web_json(struct web *web, int status, struct till_json *json) {
    struct till_error err;
    web->response->status = status;
    web->response->content_type = TILL_STR("application/json");
    if (!till_json_write(web->arena, json, TILL_JSON_INDENT, &web->response->body, &err))
        web_text(web, 500, "The answer is too large.");
    till_json_release(json);
}

void web_error(struct web *web, const struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "code", till_code_slug(err->code));
    till_json_set_text(json, "detail", err->text);
    if (err->field[0])
        till_json_set_text(json, "field", err->field);
    web_json(web, till_code_status(err->code), json);
}

void web_redirect(struct web *web, struct till_str place) {
    web_text(web, 303, "");
    http_response_header(web->response, TILL_STR("Location"), place);
}

/* NULL: none. *ret_known: another method would do. */
static const struct web_route *find(struct web *web, const struct web_route *routes,
                                    bool *ret_known) {
    struct till_str method = web->request->method;
    bool is_head = till_str_is(method, "HEAD");
    for (; routes->path; routes++) {
        if (!match(web, web->request->path, routes->path))
            continue;
        *ret_known = true;
        if (till_str_is(method, routes->method) || (is_head && strcmp(routes->method, "GET") == 0))
            return routes;
    }
    return NULL;
}

static void answer(struct web *web) {
    struct till_error err;
    bool known = false;
    const struct web_route *route = find(web, control_routes, &known);
    if (!route)
        route = find(web, page_routes, &known);
    if (!route)
        route = find(web, stripe_web_routes, &known);
    bool is_change = route && strcmp(route->method, "GET") != 0;
    if (!route)
        web_text(web, known ? 405 : 404, known ? "Not with this method.\n" : "Nothing is here.\n");
    else if (!may_enter(web, is_change))
        web_text(web, 403,
                 "This request comes from another site, or under a name that is not the sandbox's "
                 "(an IP address, localhost, and the host of its public URL are).\n");
    else if (!read_input(web, &err))
        web_error(web, &err);
    else {
        web->is_chinese = strcmp(html_language(web->request), "zh") == 0;
        route->answer(web);
    }
}

static void answer_health(struct web *web) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "status", "ok");
    web_json(web, 200, json);
}

static bool is_gateway(struct till_str path) {
    return till_str_is(path, "/alipay/gateway.do") || till_str_is(path, "/gateway.do");
}

static bool is_below_gateway(struct till_str path) {
    return till_str_starts_with(path, TILL_STR("/alipay/gateway.do/")) ||
           till_str_starts_with(path, TILL_STR("/gateway.do/"));
}

void web_handle(struct sandbox *sandbox, struct http_request *request,
                struct http_response *response) {
    struct web web = {.sandbox = sandbox,
                      .request = request,
                      .response = response,
                      .arena = request->arena,
                      .now_us = platform_now_us(sandbox)};
    bool is_call = till_str_is(request->method, "POST") || till_str_is(request->method, "GET");
    if (till_str_is(request->path, "/health"))
        answer_health(&web);
    else if (till_str_is(request->path, "/ping"))
        web_text(&web, 200, "{\"message\":\"pong\"}");
    else if (is_gateway(request->path) && is_call)
        gateway_do(sandbox, request, response);
    else if (is_below_gateway(request->path))
        response->status = 200, response->content_type = TILL_STR("text/html;charset=GBK");
    else if (stripe_is_ours(request->path))
        stripe_serve(sandbox, request, response);
    else if (v3_is_ours(request->path))
        v3_serve(sandbox, request, response);
    else
        answer(&web);
    till_json_release(web.json);
}
