/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <rt/http_server.h>

#define HEADER_TEXT_MAX ((size_t)16 * 1024)

static bool names(const struct http_response *response, struct till_str name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_equal_ignoring_case(response->headers[i].name, name))
            return true;
    return false;
}

/* MHD wants C strings; it refuses line ends in them itself. */
static bool add_header(struct MHD_Response *mhd, struct till_str name, struct till_str value) {
    bool has_nul = till_str_find(name, '\0') < name.len || till_str_find(value, '\0') < value.len;
    if (has_nul || name.len == 0 || name.len + value.len > HEADER_TEXT_MAX)
        return false;
    char *text = malloc(name.len + value.len + 2);
    if (!text)
        return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    if (value.len)
        memcpy(text + name.len + 1, value.ptr, value.len);
    text[name.len + 1 + value.len] = '\0';
    bool added = MHD_add_response_header(mhd, text, text + name.len + 1) == MHD_YES;
    free(text);
    return added;
}

bool http_answer_add_headers(struct http_server *server, struct MHD_Response *mhd,
                             const struct http_response *response) {
    static const struct till_pair DEFAULTS[] = {
        {TILL_STR_INIT("X-Content-Type-Options"), TILL_STR_INIT("nosniff")},
        {TILL_STR_INIT("Referrer-Policy"), TILL_STR_INIT("no-referrer")},
    };
    /* An empty value cannot be sent by MHD and says nothing: it is left out. */
    bool good = response->content_type.len == 0 ||
                add_header(mhd, TILL_STR("Content-Type"), response->content_type);
    for (size_t i = 0; i < response->header_count && good; i++)
        good = response->headers[i].value.len == 0 ||
               add_header(mhd, response->headers[i].name, response->headers[i].value);
    for (size_t i = 0; i < sizeof DEFAULTS / sizeof *DEFAULTS && good; i++)
        good = names(response, DEFAULTS[i].name) ||
               add_header(mhd, DEFAULTS[i].name, DEFAULTS[i].value);
    bool close = response->close || atomic_load(&server->draining);
    if (good && close && !names(response, TILL_STR("Connection")))
        good = add_header(mhd, TILL_STR("Connection"), TILL_STR("close"));
    return good;
}

struct MHD_Response *http_answer_build(struct http_server *server,
                                       const struct http_response *response, bool copy) {
    /* MHD does not write through the pointer of a persistent buffer. */
    struct MHD_Response *mhd =
        MHD_create_response_from_buffer(response->body.len, (void *)(uintptr_t)response->body.ptr,
                                        copy ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    if (mhd && !http_answer_add_headers(server, mhd, response)) {
        MHD_destroy_response(mhd);
        return NULL;
    }
    return mhd;
}

/* Plain words for a service that has none of its own. */
static void word(const struct till_error *error, struct http_response *response) {
    *response = (struct http_response){.status = till_code_status(error->code)};
    response->content_type = TILL_STR("text/plain; charset=utf-8");
    response->body = till_str_of(till_code_sentence(error->code));
}

void http_answer_error(struct http_server *server, const struct till_error *error,
                       struct till_arena *arena, struct http_response *ret_response) {
    struct http_response response = {.status = 0};
    if (server->service.refuse)
        server->service.refuse(server->service.self, error, arena, &response);
    if (response.status == 0)
        word(error, &response);
    bool is_busy = response.status == 503 || response.status == 429;
    if (is_busy && !names(&response, TILL_STR("Retry-After")))
        http_response_header(&response, TILL_STR("Retry-After"), TILL_STR("1"));
    *ret_response = response;
}

/* The service gave headers that cannot be sent: say so instead of sending half of them. */
static struct MHD_Response *build_bug(struct http_call *call) {
    struct till_error err;
    (void)TILL_FAIL(&err, BUG,
                    "An answer's header holds a byte that cannot be sent, or is too long.");
    log_failure(call->server->log, LOG_ERROR, "http_answer", &err);
    http_answer_error(call->server, &err, &call->arena, &call->response);
    call->response.header_count = 0;
    return http_answer_build(call->server, &call->response, false);
}

static void give_up(struct http_call *call) {
    if (call->response.wire == HTTP_WIRE_RESET)
        http_wire_reset(call->fd);
    call->is_answered = true;
}

enum MHD_Result http_answer_queue(struct http_call *call) {
    enum http_wire wire = call->response.wire;
    if (wire == HTTP_WIRE_CUT || wire == HTTP_WIRE_RESET) {
        give_up(call);
        return MHD_NO;
    }
    struct MHD_Response *mhd = http_wire_build(call);
    if (!mhd)
        mhd = http_answer_build(call->server, &call->response, false);
    if (!mhd)
        mhd = build_bug(call);
    call->is_answered = true;
    if (!mhd)
        return MHD_NO;
    http_reaper_arm(call->server->reaper, call->connection, HTTP_PHASE_ANSWER);
    enum MHD_Result queued = MHD_queue_response(call->mhd, (unsigned)call->response.status, mhd);
    MHD_destroy_response(mhd);
    return queued;
}
