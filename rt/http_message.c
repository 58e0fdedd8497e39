/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include <rt/http.h>

bool http_header(const struct http_request *request, const char *name, struct till_str *ret_value,
                 size_t *ret_count) {
    size_t count = 0;
    struct till_str wanted = till_str_of(name);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!till_str_equal_ignoring_case(request->headers[i].name, wanted))
            continue;
        if (count++ == 0 && ret_value)
            *ret_value = request->headers[i].value;
    }
    if (ret_count)
        *ret_count = count;
    return count > 0;
}

void http_response_header(struct http_response *response, struct till_str name,
                          struct till_str value) {
    assert(response->header_count < HTTP_HEADERS_OUT_MAX);
    response->headers[response->header_count++] = (struct till_pair){name, value};
}

void http_options_default(struct http_options *options) {
    *options = (struct http_options){
        .address = TILL_STR("127.0.0.1"),
        .io_threads = 2,
        .workers_max = 512,
        .notify_workers_max = 64,
        .queue_max = 1024,
        .connections_max = 4096,
        .connections_per_address = 512,
        .header_timeout_us = INT64_C(10) * 1000000,
        .body_timeout_us = INT64_C(30) * 1000000,
        .answer_timeout_us = INT64_C(30) * 1000000,
        .idle_timeout_us = INT64_C(60) * 1000000,
        .head_max = (size_t)32 * 1024,
        .bodies_max = (size_t)64 * 1024 * 1024,
        .arena_max = (size_t)4 * 1024 * 1024,
    };
}
