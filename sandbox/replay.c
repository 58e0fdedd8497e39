/* SPDX-License-Identifier: Apache-2.0 */
/* Answering from a recording; see record.h. Under the lock. */
#include <sandbox/replay.h>

/* The recorded number of an order that was asked about before. */
static struct till_str *find_order(struct replay *replay, struct till_str now) {
    for (size_t i = 0; i < replay->order_count; i++)
        if (till_str_equal(replay->orders[i].now, now))
            return &replay->orders[i].then;
    return NULL;
}

static bool is_taken(const struct replay *replay, struct till_str then) {
    for (size_t i = 0; i < replay->order_count; i++)
        if (till_str_equal(replay->orders[i].then, then))
            return true;
    return false;
}

static void bind(struct replay *replay, struct till_str now, struct till_str then) {
    struct till_str copy = platform_keep(&replay->arena, now);
    if (copy.len && replay->order_count < RECORD_ORDERS_MAX)
        replay->orders[replay->order_count++] = (struct replay_order){copy, then};
}

static bool fits(const struct replay_call *recorded, struct till_str method,
                 struct till_str business) {
    return till_str_equal(recorded->method, method) && till_str_equal(recorded->business, business);
}

/* The first unused one of this order, else its last one. */
static struct replay_call *find_call(struct replay *replay, struct till_str method,
                                     struct till_str business, struct till_str order) {
    struct replay_call *last = NULL;
    for (size_t i = 0; i < replay->count; i++) {
        struct replay_call *recorded = &replay->calls[i];
        if (!till_str_equal(recorded->order, order) || !fits(recorded, method, business))
            continue;
        last = recorded;
        if (!recorded->used)
            break;
    }
    return last;
}

/* An order that nobody asks about under its recorded number, and that began with this call. */
static struct replay_call *adopt(struct replay *replay, struct till_str method,
                                 struct till_str business, struct till_str order) {
    for (size_t i = 0; i < replay->count && order.len; i++) {
        struct replay_call *recorded = &replay->calls[i];
        if (recorded->used || recorded->order.len == 0 || !fits(recorded, method, business) ||
            is_taken(replay, recorded->order))
            continue;
        bind(replay, order, recorded->order);
        return recorded;
    }
    return NULL;
}

static struct replay_call *look_up(struct replay *replay, const struct call *call,
                                   struct till_str *ret_order) {
    struct till_str method = till_str_of(call->method->name), business;
    struct till_error err;
    if (!replay_key(call->arena, call->biz, &business, ret_order, &err))
        return NULL;
    struct till_str *then = find_order(replay, *ret_order);
    struct replay_call *found = find_call(replay, method, business, then ? *then : *ret_order);
    if (found && !then && ret_order->len)
        bind(replay, *ret_order, found->order);
    return found || then ? found : adopt(replay, method, business, *ret_order);
}

/* Texts live as long as the recording, which is until the sandbox closes. */
static void put_field(struct call *call, struct till_str name, const struct till_json *value,
                      struct till_str order) {
    struct till_str kept = platform_keep(call->arena, name);
    if (kept.len == 0)
        return;
    if (till_str_is(name, "out_trade_no") && order.len)
        answer_text(call, kept.ptr, order);
    else if (till_json_is_string(value))
        answer_text(call, kept.ptr, till_json_str(value));
    else
        answer_tree(call, kept.ptr, till_json_copy(value));
}

static void put_node(struct call *call, const struct till_json *node, struct till_str order) {
    const struct till_json *value;
    struct till_str name;
    call->answer.code = platform_keep(call->arena, till_json_get_str(node, "code")).ptr;
    struct till_str msg = platform_keep(call->arena, till_json_get_str(node, "msg"));
    call->answer.msg = msg.len ? msg.ptr : "";
    call->answer.sub_code = till_json_get_str(node, "sub_code");
    call->answer.sub_msg = till_json_get_str(node, "sub_msg");
    for (size_t i = 0; till_json_member_at(node, i, &name, &value); i++)
        if (!till_str_is(name, "code") && !till_str_is(name, "msg") &&
            !till_str_is(name, "sub_code") && !till_str_is(name, "sub_msg"))
            put_field(call, name, value, order);
}

void replay_execute(struct call *call) {
    struct replay *replay = call->sandbox->replay;
    struct till_str order = TILL_STR_NONE;
    struct replay_call *recorded = look_up(replay, call, &order);
    if (!recorded) {
        call->why = TILL_STR("This call is not in the recording: no recorded call has this method "
                             "and business content.");
        answer_refuse(call, "40004", "SANDBOX.NOT_RECORDED",
                      "This call is not in the recording that the sandbox replays");
        return;
    }
    recorded->used = true;
    if (recorded->node)
        put_node(call, recorded->node, order);
    else
        answer_refuse(call, "20000", "isp.unknow-error", "系统繁忙");
    call->raw = recorded->node && recorded->location.len == 0 ? NULL : recorded;
}

bool replay_write_raw(const struct call *call, struct http_response *response) {
    const struct replay_call *raw = call->raw;
    if (!raw)
        return false;
    response->status = raw->status ? raw->status : 200;
    response->content_type = raw->content_type.len ? raw->content_type : TILL_STR("text/html");
    response->body = raw->body;
    if (raw->location.len) {
        http_response_header(response, TILL_STR("Location"), raw->location);
        http_response_header(response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    }
    if (raw->status == 0) {
        response->wire = HTTP_WIRE_CUT;
        response->close = true;
    }
    return true;
}
