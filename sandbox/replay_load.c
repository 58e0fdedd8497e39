/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a recording; see record.h. */
#include <sandbox/replay.h>
#include <sandbox/v3.h>

#include <rt/file.h>

#include <inttypes.h>
#include <stdlib.h>

#define MEMORY_BYTES ((size_t)512 * 1024 * 1024)

/* Others each time it is played: the order's number, its end, what merely comes back. */
static bool is_of_the_day(struct till_str name) {
    return till_str_is(name, "out_trade_no") || till_str_is(name, "time_expire") ||
           till_str_is(name, "passback_params");
}

static struct till_json *without_order(const struct till_json *business) {
    struct till_json *rest = till_json_object();
    const struct till_json *value;
    struct till_str name;
    for (size_t i = 0; till_json_member_at(business, i, &name, &value); i++) {
        char text[128];
        if (is_of_the_day(name) || name.len >= sizeof text)
            continue;
        memcpy(text, name.ptr, name.len);
        text[name.len] = '\0';
        till_json_set_copy(rest, text, value);
    }
    return rest;
}

bool replay_key(struct till_arena *arena, const struct till_json *business,
                struct till_str *ret_text, struct till_str *ret_order, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *rest =
        business ? without_order(business) : till_json_object();
    *ret_order = business ? till_json_get_str(business, "out_trade_no") : TILL_STR_NONE;
    return till_json_write(arena, rest, TILL_JSON_SORTED, ret_text, err);
}

static bool read_bytes(struct till_arena *arena, const struct till_json *side, const char *name,
                       const char *packed_name, struct till_str *ret, struct till_error *err) {
    struct till_str packed = till_json_get_str(side, packed_name);
    if (packed.len)
        return till_base64_decode(arena, packed, ret, err);
    return till_arena_copy(arena, till_json_get_str(side, name), ret, err);
}

/* The bytes that went out as an answer in the platform's layout, without its signature. */
static bool parse_node(const struct replay_call *call, struct till_json **ret_node) {
    struct till_alipay_answer answer;
    struct till_error ignored;
    if (call->status != 200 ||
        !till_alipay_answer_split(call->body, call->method, &answer, &ignored) ||
        !till_json_parse(answer.node, ret_node, &ignored))
        return false;
    if (till_json_is_object(*ret_node))
        return true;
    till_json_release(*ret_node);
    *ret_node = NULL;
    return false;
}

/* Answers of v3 have no code: status and layout tell whether these bytes are what was meant. */
static bool fits_v3(const struct replay_call *call, const struct till_json *node) {
    TILL_JSON_SCOPED struct till_json *body = NULL;
    struct till_arena scratch;
    struct till_str cipher;
    struct till_error ignored;
    if (call->status != v3_status(till_json_get_str(node, "code")) || call->body.len == 0)
        return false;
    if (till_json_parse(call->body, &body, &ignored))
        return till_json_is_object(body);
    till_arena_init(&scratch, (size_t)1 << 20);
    bool is_cipher = till_base64_decode(&scratch, call->body, &cipher, &ignored);
    till_arena_clean_up(&scratch);
    return is_cipher;
}

/* Encrypted, in another charset, or a redirect. */
static bool fits_form(const struct replay_call *call) {
    struct till_alipay_answer answer;
    struct till_error ignored;
    if (call->status >= 300 && call->status <= 399)
        return call->body.len == 0 && call->location.len > 0;
    return call->status == 200 &&
           till_alipay_answer_split(call->body, call->method, &answer, &ignored);
}

/* The node as it was meant; where bytes are that another one cannot have sent, those. An answer
 * without a member "body" is its node: the body was too long for the recording, or never told. */
static bool read_node(struct replay_call *call, const struct till_json *row,
                      struct till_error *err) {
    const struct till_json *node = till_json_member(row, "node");
    const struct till_json *side = till_json_member(row, "answer");
    bool told = till_json_member(side, "body") || till_json_member(side, "body_base64");
    struct till_arena scratch;
    struct till_str text;
    bool v3 = false;
    if (!till_json_want_bool(row, "v3", &v3, err))
        return false;
    if (call->status == 0 || (!v3 && parse_node(call, &call->node)) || !node)
        return true;
    if (told && !(v3 ? fits_v3(call, node) : fits_form(call)))
        return true;
    till_arena_init(&scratch, (size_t)4 << 20);
    bool good = till_json_write(&scratch, node, TILL_JSON_COMPACT, &text, err) &&
                till_json_parse(text, &call->node, err);
    till_arena_clean_up(&scratch);
    return good;
}

static bool check_node(const struct replay_call *call, struct till_error *err) {
    const struct call_method *method = call_method_find(call->method);
    if (!till_str_is_printable_ascii(call->location))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/answer/location", "This is no address.");
    if (!call->node)
        return true;
    if (till_json_get_str(call->node, "code").len == 0) {
        if (!method || !method->is_bare)
            return TILL_FAIL_FIELD(err, FIELD_MISSING, "/node/code", "The answer has no code.");
        till_json_set_text(call->node, "code", "10000"); /* what success of these leaves out */
        till_json_set_text(call->node, "msg", "Success");
    }
    if (till_json_size(call->node) > ANSWER_FIELDS_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/node", "The answer has more than %d fields.",
                               ANSWER_FIELDS_MAX);
    return true;
}

static bool read_call(struct replay *replay, const struct till_json *row, struct till_error *err) {
    struct till_arena *arena = &replay->arena;
    struct replay_call *call = &replay->calls[replay->count];
    const struct till_json *answer = till_json_member(row, "answer");
    struct till_str method, order;
    int64_t status = 200;
    if (!till_json_need_str(row, "method", &method, err))
        return false;
    if (!till_json_is_object(answer))
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/answer", "A call has no answer.");
    if (!till_json_want_int(answer, "status", &status, err))
        return false;
    call->status = status >= 100 && status <= 599 ? (int)status : 0;
    if (!till_arena_copy(arena, method, &call->method, err) ||
        !replay_key(arena, till_json_member(row, "business"), &call->business, &order, err) ||
        !till_arena_copy(arena, order, &call->order, err) ||
        !read_bytes(arena, answer, "content_type", "content_type_base64", &call->content_type,
                    err) ||
        !read_bytes(arena, answer, "body", "body_base64", &call->body, err) ||
        !read_bytes(arena, answer, "location", "location_base64", &call->location, err) ||
        !read_node(call, row, err) || !check_node(call, err)) {
        till_json_release(call->node);
        return false;
    }
    replay->count++;
    return true;
}

static bool read_row(struct replay *replay, const struct till_json *row, struct till_error *err) {
    struct till_str kind = till_json_get_str(row, "kind");
    int64_t version = 0;
    bool refused = false;
    if (till_str_is(kind, "recording"))
        return (till_json_get_int(row, "version", &version) && version == 1) ||
               TILL_FAIL_FIELD(err, FIELD_INVALID, "/version",
                               "This is a recording of another version than 1.");
    if (till_str_is(kind, "notification"))
        return true;
    if (!till_str_is(kind, "call"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/kind",
                               "kind is recording, call or notification.");
    /* What the checks refused is refused again, for a reason of today. */
    if (!till_json_want_bool(row, "refused", &refused, err))
        return false;
    if (refused)
        return true;
    if (replay->count == RECORD_CALLS_MAX)
        return TILL_FAIL(err, TOO_MANY, "A recording has at most %d calls.", RECORD_CALLS_MAX);
    return read_call(replay, row, err);
}

static bool read_line(struct replay *replay, struct till_str line, int64_t number,
                      struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *row = NULL;
    struct till_error inner = {0};
    if (till_json_parse(line, &row, &inner) && read_row(replay, row, &inner))
        return true;
    return TILL_FAIL_FIELD(err, FIELD_INVALID, inner.field,
                           "Line %" PRId64 " of the recording%s%s: %s", number,
                           inner.field[0] ? ", " : "", inner.field, inner.text);
}

static bool read_lines(struct replay *replay, struct till_str text, struct till_error *err) {
    for (int64_t number = 1; text.len; number++) {
        size_t end = till_str_find(text, '\n');
        struct till_str line = till_str_sub(text, 0, end);
        if (till_str_trim(line).len && !read_line(replay, line, number, err))
            return false;
        text = till_str_sub(text, end + 1, text.len);
    }
    return replay->count > 0 ||
           TILL_FAIL(err, FIELD_INVALID, "The recording holds no call that can be answered.");
}

bool replay_open(struct sandbox *sandbox, struct till_error *err) {
    struct till_arena scratch;
    struct till_str text;
    if (sandbox->options.replay_path.len == 0)
        return true;
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    sandbox->replay = replay;
    till_arena_init(&replay->arena, MEMORY_BYTES);
    till_arena_init(&scratch, (size_t)RECORD_BYTES_MAX + 4096);
    replay->calls = calloc(RECORD_CALLS_MAX, sizeof *replay->calls);
    replay->orders = calloc(RECORD_ORDERS_MAX, sizeof *replay->orders);
    bool good = (replay->calls && replay->orders) || TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    good =
        good &&
        file_read(&scratch, sandbox->options.replay_path, (size_t)RECORD_BYTES_MAX, &text, err) &&
        read_lines(replay, text, err);
    till_arena_clean_up(&scratch);
    return good;
}

void replay_close(struct sandbox *sandbox) {
    struct replay *replay = sandbox->replay;
    if (!replay)
        return;
    for (size_t i = 0; i < replay->count; i++)
        till_json_release(replay->calls[i].node);
    free(replay->calls);
    free(replay->orders);
    till_arena_clean_up(&replay->arena);
    free(replay);
}
