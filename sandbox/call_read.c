/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query and body into one form (dossier 1.3): urlencoded, multipart text fields or nothing; the
 * same name in both places is tolerated when the values are equal. Which charset the values are in
 * decides 1.4: without one in the query, the platform falls back to GBK when it is told to be
 * strict.
 */
#include <sandbox/call.h>

static bool refuse_form(struct call *call, struct till_str why) {
    answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
    call->why = why;
    return false;
}

/* "a=x&b" as a name would be signed like two parameters and read like none of them. */
static bool is_name(struct till_str name) {
    return till_str_find(name, '=') == name.len && till_str_find(name, '&') == name.len;
}

static bool merge(struct call *call, const struct till_form *more) {
    struct till_error err;
    for (size_t i = 0; i < more->count; i++) {
        const struct till_pair *pair = &more->pairs[i];
        if (!is_name(pair->name))
            return refuse_form(call, TILL_STR("A parameter's name holds '=' or '&': it was "
                                              "encoded once too often."));
        const struct till_pair *there = NULL;
        for (size_t j = 0; j < call->form.count && !there; j++)
            if (till_str_equal(call->form.pairs[j].name, pair->name))
                there = &call->form.pairs[j];
        if (there && till_str_equal(there->value, pair->value))
            continue;
        if (there)
            return refuse_form(call,
                               TILL_STR("A parameter stands in the query and in the body with "
                                        "two different values."));
        if (!till_form_add(&call->form, pair->name, pair->value, &err))
            return refuse_form(call, platform_keep(call->arena, till_str_of(err.text)));
    }
    return true;
}

static bool read_query(struct call *call) {
    struct till_error err;
    struct till_form query = {0};
    if (!till_form_parse(call->arena, call->request->query, &query, &err))
        return refuse_form(call, platform_keep(call->arena, till_str_of(err.text)));
    call->charset_in_query = till_form_find(&query, "charset") != NULL;
    return merge(call, &query);
}

static bool read_body(struct call *call) {
    struct till_error err;
    struct till_form body = {0};
    struct till_str type = TILL_STR_NONE;
    size_t count = 0;
    if (call->request->body.len == 0)
        return true;
    if (!http_header(call->request, "Content-Type", &type, &count))
        type = TILL_STR_NONE;
    if (till_str_starts_with(type, TILL_STR("multipart/form-data"))) {
        if (!till_form_init(call->arena, &body, &err) ||
            !call_multipart(call->arena, type, call->request->body, &body, &err))
            return refuse_form(call, platform_keep(call->arena, till_str_of(err.text)));
        return merge(call, &body);
    }
    if (!till_form_parse(call->arena, call->request->body, &body, &err))
        return refuse_form(call, platform_keep(call->arena, till_str_of(err.text)));
    return merge(call, &body);
}

bool call_read(struct call *call) {
    struct till_error err;
    if (!till_form_init(call->arena, &call->form, &err))
        return refuse_form(call, TILL_STR("The request is too large."));
    if (!read_query(call) || !read_body(call))
        return false;
    call->charset = till_form_get(&call->form, "charset");
    call->is_gbk = call->charset.len == 0 ||
                   till_str_equal_ignoring_case(call->charset, TILL_STR("gbk")) ||
                   till_str_equal_ignoring_case(call->charset, TILL_STR("gb2312"));
    return true;
}

void call_clean_up(struct call *call) {
    till_json_release(call->biz);
    call->biz = NULL;
    for (size_t i = 0; i < call->answer.count; i++)
        till_json_release(call->answer.fields[i].tree);
    call->answer.count = 0;
    platform_lock(call->sandbox);
    app_let_go(call->key);
    platform_unlock(call->sandbox);
    call->key = NULL;
    till_secret_wipe(&call->aes_key);
}
