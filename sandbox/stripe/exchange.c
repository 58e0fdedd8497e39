/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange.h. */
#include <sandbox/exchange_make.h>
#include <sandbox/stripe/exchange.h>

/* The merchant's number, from what was asked or from what was answered. */
static struct till_str order_of(const struct stripe_call *call) {
    struct till_str order = stripe_param(call, "client_reference_id");
    if (order.len == 0)
        order = till_json_get_str(call->answer, "client_reference_id");
    if (order.len == 0)
        order = stripe_param(call, "metadata[till_no]");
    if (order.len == 0)
        order = till_json_get_str(till_json_member(call->answer, "metadata"), "till_no");
    return order;
}

/* "POST /v1/checkout/sessions/{id}/expire" groups better than with its id; a path that is not
 * known stands as it is. */
static struct till_str name_of(struct stripe_call *call) {
    struct till_str path = call->route ? till_str_of(call->route->path) : call->request->path;
    return till_str_of(
        stripe_path(call, "%.*s %.*s", TILL_STR_ARG(call->request->method), TILL_STR_ARG(path)));
}

void stripe_exchange_record(struct stripe_call *call, int64_t took_us) {
    struct till_str business = TILL_STR_NONE;
    struct till_buf buf;
    struct till_error err;
    till_buf_init(&buf, call->arena);
    for (size_t i = 0; i < call->params.count; i++)
        till_buf_format(&buf, "%.*s = %.*s\n", TILL_STR_ARG(call->params.items[i].path),
                        TILL_STR_ARG(call->params.items[i].value));
    if (!till_buf_finish(&buf, &business, &err))
        business = TILL_STR_NONE;
    exchange_record_told(
        call->sandbox, &(struct exchange_told){
                           .request = call->request,
                           .response = call->response,
                           .at_us = call->now_us,
                           .took_us = took_us,
                           .app_id = call->account ? till_str_of(call->account->id) : TILL_STR_NONE,
                           .method = name_of(call),
                           .order = order_of(call),
                           .code = till_str_of(stripe_path(call, "%d", call->status)),
                           .sub_code = call->code,
                           .sub_msg = call->message,
                           .why = call->why,
                           .business = business,
                           .faults = &call->faults,
                           .refused = call->status == 401 || call->status == 403,
                       });
}
