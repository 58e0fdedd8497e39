/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of the sandbox: a path, who answers it. A segment "*" matches anything but "/" and is
 * handed over decoded. Changing requests (not GET) from another origin are refused before they are
 * looked at, except on gateway.do, which has signatures. Console, control and wallet answer under
 * the sandbox's own names only, reading included: a foreign name may have been rebound to here.
 */
#ifndef SANDBOX_WEB_H
#define SANDBOX_WEB_H

#include <sandbox/platform.h>

struct web {
    struct sandbox *sandbox;
    struct http_request *request;
    struct http_response *response;
    struct till_arena *arena;
    struct till_str segments[2]; /* what "*" stood for */
    size_t segment_count;
    struct till_form form; /* of a posted form; empty otherwise */
    struct till_form query;
    struct till_json *json; /* of a posted document; NULL otherwise */
    int64_t now_us;         /* platform time */
    bool is_chinese;        /* what language pages speak */
};

struct web_route {
    const char *method;
    const char *path;
    void (*answer)(struct web *web);
};

void web_handle(struct sandbox *sandbox, struct http_request *request,
                struct http_response *response);

void web_text(struct web *web, int status, const char *text);
/* Takes the document. */
void web_json(struct web *web, int status, struct till_json *json);
/* {"code", "detail", "field"} with the error's status. */
void web_error(struct web *web, const struct till_error *err);
/* 303 after a form. */
void web_redirect(struct web *web, struct till_str place);
/* From the posted form, the document or the query. */
struct till_str web_value(const struct web *web, const char *name);
/* True, or the text "true", "1" or "on". */
bool web_flag(const struct web *web, const char *name);
/* The same as a number; `otherwise` when absent or no number. */
int64_t web_number(const struct web *web, const char *name, int64_t otherwise);

/* control_*.c */
extern const struct web_route control_routes[];
/* page_*.c */
extern const struct web_route page_routes[];

#endif
