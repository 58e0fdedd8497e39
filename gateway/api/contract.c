/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of the public listener, as doc/openapi.yaml says it, and the page that the build
 * makes of it. Bytes of the binary: nothing here waits or can fail.
 */
#include <gateway/api/embedded.h>
#include <gateway/api/routes.h>

/* The page needs its style and nothing else. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "  \
    "frame-ancestors 'none'"

static bool show(struct call *c, const char *name, struct till_error *err) {
    const struct embedded *file = embedded_contract;
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    if (!file->name)
        return TILL_FAIL(err, NOT_FOUND, NULL);
    c->response->status = 200;
    c->response->content_type = till_str_of(file->type);
    c->response->body = (struct till_str){(const char *)file->bytes, file->len};
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("public, max-age=300"));
    return true;
}

bool contract_yaml(struct call *c, struct till_error *err) {
    return show(c, "openapi.yaml", err);
}

bool contract_json(struct call *c, struct till_error *err) {
    return show(c, "openapi.json", err);
}

bool contract_page(struct call *c, struct till_error *err) {
    if (!show(c, "docs.html", err))
        return false;
    http_response_header(c->response, TILL_STR("Content-Security-Policy"), TILL_STR(PAGE_POLICY));
    return true;
}
