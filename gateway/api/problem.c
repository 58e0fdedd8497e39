/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/problem.h>

#include <stdio.h>

#include <till/json.h>

bool problem_is_retryable(enum till_code code) {
    int status = till_code_status(code);
    switch (till_code_class(code)) {
    case TILL_CLASS_LIMIT:
        return status == 429 || status == 503;
    case TILL_CLASS_UNSENT:
    case TILL_CLASS_UNKNOWN:
        return true;
    case TILL_CLASS_STORE:
    case TILL_CLASS_BUG:
        return status == 503;
    default:
        return false;
    }
}

static const char *retry_after(enum till_code code) {
    switch (till_code_class(code)) {
    case TILL_CLASS_UNKNOWN:
        return "5";
    case TILL_CLASS_UNSENT:
        return "2";
    default:
        return "1";
    }
}

/* What knows better has said it already. */
static bool says_when(const struct http_response *response) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, "Retry-After"))
            return true;
    return false;
}

/* "/amount" becomes the fragment "#/amount"; a name without a slash gets one. */
static void add_field(struct till_json *json, const struct till_error *error) {
    char pointer[sizeof error->field + 2];
    snprintf(pointer, sizeof pointer, "%s%s", error->field[0] == '/' ? "#" : "#/", error->field);
    struct till_json *errors = till_json_array(), *entry = till_json_object();
    till_json_set_text(entry, "pointer", pointer);
    till_json_set_text(entry, "code", till_code_slug(error->code));
    till_json_set_text(entry, "detail", error->text);
    till_json_append(errors, entry);
    till_json_set(json, "errors", errors);
}

static struct till_json *describe(const struct problem *problem) {
    const struct till_error *error = problem->error;
    const char *slug = till_code_slug(error->code), *title = till_code_sentence(error->code);
    struct till_json *works = NULL;
    struct till_error ignored;
    char type[96];
    snprintf(type, sizeof type, "/problems/%s", slug);
    struct till_json *json = till_json_object();
    till_json_set_text(json, "type", type);
    till_json_set_text(json, "title", title);
    till_json_set_int(json, "status", till_code_status(error->code));
    till_json_set_text(json, "detail", error->text[0] ? error->text : title);
    till_json_set_text(json, "code", slug);
    if (error->peer[0])
        till_json_set_text(json, "channel_code", error->peer);
    if (error->field[0])
        add_field(json, error);
    till_json_set_bool(json, "retryable", problem_is_retryable(error->code));
    if (problem->works.len > 0 && till_json_parse(problem->works, &works, &ignored))
        till_json_set(json, "works", works);
    if (problem->payment_id && problem->payment_id[0])
        till_json_set_text(json, "payment_id", problem->payment_id);
    if (problem->request_id && problem->request_id[0])
        till_json_set_text(json, "request_id", problem->request_id);
    return json;
}

/* For want of memory: a document that needs none. */
#define NO_MEMORY                                                                                  \
    "{\"type\":\"/problems/out_of_memory\",\"title\":\"No memory was left; repeat the same "       \
    "request.\",\"status\":503,\"detail\":\"No memory was left; repeat the same request.\","       \
    "\"code\":\"out_of_memory\",\"retryable\":true}"

void problem_write(const struct problem *problem, struct till_arena *arena,
                   struct http_response *response) {
    enum till_code code = problem->error->code;
    struct till_json *json TILL_JSON_SCOPED = describe(problem);
    struct till_error ignored;
    response->content_type = TILL_STR("application/problem+json");
    if (!till_json_write(arena, json, TILL_JSON_COMPACT, &response->body, &ignored)) {
        code = TILL_E_OUT_OF_MEMORY;
        response->body = TILL_STR(NO_MEMORY);
    }
    response->status = till_code_status(code);
    http_response_header(response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    if (problem_is_retryable(code) && !says_when(response))
        http_response_header(response, TILL_STR("Retry-After"), till_str_of(retry_after(code)));
}
