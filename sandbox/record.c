/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a recording; see record.h. */
#include <sandbox/record.h>

#include <rt/tape.h>

enum { LINE_BYTES = 4 * 1024 * 1024, BODY_MAX = 512 * 1024 };

bool record_open(struct sandbox *sandbox, struct till_error *err) {
    static const char head[] = "{\"kind\":\"recording\",\"version\":1}";
    if (sandbox->options.record_path.len == 0)
        return true;
    return tape_open(sandbox->options.record_path, RECORD_BYTES_MAX, &sandbox->tape, err) &&
           (tape_size(sandbox->tape) > 0 || tape_add(sandbox->tape, till_str_of(head), err));
}

void record_close(struct sandbox *sandbox) {
    tape_close(sandbox->tape);
}

/* Text as it is, bytes as base64 under "NAME_base64", and only so much of it. */
static void set_bytes(struct till_arena *arena, struct till_json *row, const char *name,
                      struct till_str bytes) {
    struct till_str text, member;
    struct till_error err;
    if (bytes.len > BODY_MAX) {
        till_json_set_int(row, "bytes_left_out", (int64_t)bytes.len);
        return;
    }
    if (till_str_is_utf8(bytes)) {
        till_json_set_str(row, name, bytes);
        return;
    }
    if (till_arena_format(arena, &member, &err, "%s_base64", name) &&
        till_base64_encode(arena, bytes, &text, &err))
        till_json_set_str(row, member.ptr, text);
}

static struct till_json *side_of(struct till_arena *arena, struct till_str type,
                                 struct till_str body) {
    struct till_json *side = till_json_object();
    set_bytes(arena, side, "content_type", type);
    set_bytes(arena, side, "body", body);
    return side;
}

/* Takes the row. */
static void write_line(struct sandbox *sandbox, struct till_arena *arena, struct till_json *row) {
    struct till_str line;
    struct till_error err;
    bool written = till_json_write(arena, row, TILL_JSON_COMPACT, &line, &err) &&
                   tape_add(sandbox->tape, line, &err);
    till_json_release(row);
    platform_lock(sandbox);
    bool tell = !written && !sandbox->record_failed;
    sandbox->record_failed = !written;
    platform_unlock(sandbox);
    if (tell)
        log_failure(sandbox->log, LOG_ERROR, "sandbox_record", &err);
}

static struct till_json *row_of(const char *kind, int64_t at_us, int64_t took_us) {
    struct till_json *row = till_json_object();
    till_json_set_text(row, "kind", kind);
    till_json_set_time(row, "at", at_us);
    till_json_set_int(row, "took_us", took_us);
    return row;
}

static struct till_json *request_of(struct till_arena *arena, const struct http_request *request) {
    struct till_str type = TILL_STR_NONE;
    size_t count;
    (void)http_header(request, "Content-Type", &type, &count);
    struct till_json *side = side_of(arena, type, request->body);
    set_bytes(arena, side, "method", request->method);
    set_bytes(arena, side, "target", request->target);
    return side;
}

/* The answer as it was meant, whichever front wrote it. */
static struct till_json *node_of(const struct call *call) {
    struct till_json *node = till_json_object();
    till_json_set_text(node, "code", call->answer.code);
    till_json_set_text(node, "msg", call->answer.msg);
    if (call->answer.sub_code.len)
        till_json_set_str(node, "sub_code", call->answer.sub_code);
    if (call->answer.sub_msg.len && till_str_is_utf8(call->answer.sub_msg))
        till_json_set_str(node, "sub_msg", call->answer.sub_msg);
    answer_put_fields(call, node);
    return node;
}

static void set_location(struct till_arena *arena, struct till_json *answer,
                         const struct http_response *response) {
    if (response->status < 300 || response->status > 399)
        return;
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, "Location"))
            set_bytes(arena, answer, "location", response->headers[i].value);
}

void record_call(const struct call *call, const struct http_response *response, int64_t took_us) {
    struct till_arena arena;
    bool is_cut = response->wire == HTTP_WIRE_CUT || response->wire == HTTP_WIRE_RESET;
    if (!call->sandbox->tape)
        return;
    till_arena_init(&arena, LINE_BYTES);
    struct till_json *row = row_of("call", call->now_us, took_us);
    struct till_json *answer = side_of(&arena, response->content_type, response->body);
    set_bytes(&arena, row, "method", till_form_get(&call->form, "method"));
    set_bytes(&arena, row, "app_id", till_form_get(&call->form, "app_id"));
    if (call->biz)
        till_json_set_copy(row, "business", call->biz);
    if (call->answer.code)
        till_json_set(row, "node", node_of(call));
    till_json_set_int(answer, "status", is_cut ? 0 : response->status);
    set_location(&arena, answer, response);
    till_json_set_bool(row, "refused", call->refused);
    till_json_set_bool(row, "v3", call->v3 != NULL);
    till_json_set(row, "request", request_of(&arena, call->request));
    till_json_set(row, "answer", answer);
    write_line(call->sandbox, &arena, row);
    till_arena_clean_up(&arena);
}

void record_notice(struct sandbox *sandbox, const struct platform_notice *notice,
                   const struct notice_letter *letter, struct till_str body,
                   const struct world_answer *answer) {
    struct till_arena arena;
    bool answered = answer->fate == TILL_FATE_ANSWERED;
    if (!sandbox->tape)
        return;
    till_arena_init(&arena, LINE_BYTES);
    struct till_json *row = row_of("notification", platform_now_us(sandbox), answer->duration_us);
    struct till_json *reply = side_of(&arena, answered ? answer->content_type : TILL_STR_NONE,
                                      answered ? answer->body : TILL_STR_NONE);
    struct till_json *request = side_of(&arena, letter->content_type, body);
    till_json_set_text(row, "event", notice_event_name(notice->event));
    till_json_set_text(row, "app_id", notice->trade->app->id);
    set_bytes(&arena, row, "out_trade_no", notice->trade->out_trade_no);
    set_bytes(&arena, request, "url", letter->url);
    till_json_set_int(reply, "status", answered ? answer->status : 0);
    till_json_set(row, "request", request);
    till_json_set(row, "answer", reply);
    write_line(sandbox, &arena, row);
    till_arena_clean_up(&arena);
}
