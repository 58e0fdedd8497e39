/* SPDX-License-Identifier: Apache-2.0 */
/* See stripe_play.h. */
#include "stripe_play.h"

const char *stripe_play_text(struct play *play, const char *format, ...) {
    char text[4096];
    struct till_str copy;
    struct till_error err;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(till_arena_copy(&play->arena, till_str_of(text), &copy, &err));
    return copy.ptr;
}

struct stripe_play_answer stripe_play(struct play *play, const char *target, const char *form,
                                      const char *key, const char *more) {
    const char *headers[] = {
        stripe_play_text(play, "Authorization: Bearer %s", key ? key : STRIPE_PLAY_KEY), more,
        NULL};
    struct stripe_play_answer answer = {
        .response = play_http(play, form ? "POST" : "GET", target,
                              form ? "application/x-www-form-urlencoded" : NULL, form, headers)};
    answer.status = answer.response.status;
    answer.json = play_json(answer.response.body);
    return answer;
}

const char *stripe_play_get(struct play *play, const struct stripe_play_answer *answer,
                            const char *path) {
    const struct till_json *at = answer->json;
    int64_t number;
    for (struct till_str rest = till_str_of(path); rest.len && at;) {
        size_t end = till_str_find(rest, '.');
        const char *name = stripe_play_text(play, "%.*s", (int)end, rest.ptr);
        unsigned long long index;
        at = till_json_is_array(at) && till_str_to_u64(till_str_of(name), 1000, &index)
                 ? till_json_element(at, (size_t)index)
                 : till_json_member(at, name);
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    if (!at)
        return "";
    if (till_json_is_null(at))
        return "null";
    struct till_json *box = till_json_object();
    till_json_set_copy(box, "x", at);
    const char *text = till_json_is_array(at) || till_json_is_object(at) ? "..." : "";
    struct till_error err;
    bool is_true = false;
    if (till_json_is_string(at))
        text = stripe_play_text(play, "%.*s", TILL_STR_ARG(till_json_str(at)));
    else if (till_json_get_int(box, "x", &number))
        text = stripe_play_text(play, "%lld", (long long)number);
    else if (till_json_is_bool(at) && till_json_want_bool(box, "x", &is_true, &err))
        text = is_true ? "true" : "false";
    till_json_release(box);
    return text;
}

void stripe_play_has(struct play *play, const struct stripe_play_answer *answer, const char *path,
                     const char *wanted) {
    const char *found = stripe_play_get(play, answer, path);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s is %s, not %s, in %.*s", path, found, wanted,
                 TILL_STR_ARG(answer->response.body));
}

void stripe_play_refused(struct play *play, const struct stripe_play_answer *answer, int status,
                         const char *code, const char *param) {
    if (answer->status != status)
        fail_msg("%d, not %d: %.*s", answer->status, status, TILL_STR_ARG(answer->response.body));
    stripe_play_has(play, answer, "error.code", code);
    stripe_play_has(play, answer, "error.param", param);
    assert_true(stripe_play_get(play, answer, "error.message")[0] != '\0');
}

struct till_str stripe_play_header(const struct stripe_play_answer *answer, const char *name) {
    for (size_t i = 0; i < answer->response.header_count; i++)
        if (till_str_is(answer->response.headers[i].name, name))
            return answer->response.headers[i].value;
    return TILL_STR_NONE;
}

const char *stripe_play_session(struct play *play, const char *form) {
    struct stripe_play_answer answer = stripe_play(play, "/v1/checkout/sessions", form, NULL, NULL);
    stripe_play_has(play, &answer, "object", "checkout.session");
    return stripe_play_get(play, &answer, "id");
}

struct stripe_play_answer stripe_play_pay(struct play *play, const char *session,
                                          const char *method) {
    return stripe_play(play, stripe_play_text(play, "/v1/payment_pages/%s/confirm", session),
                       stripe_play_text(play, "payment_method=%s", method), NULL, NULL);
}

const char *stripe_play_events(struct play *play) {
    struct stripe_play_answer answer = stripe_play(play, "/v1/events?limit=100", NULL, NULL, NULL);
    const char *text = "";
    for (size_t i = 0; i < till_json_size(till_json_member(answer.json, "data")); i++) {
        const char *type =
            stripe_play_get(play, &answer, stripe_play_text(play, "data.%zu.type", i));
        text = stripe_play_text(play, "%s%s%s", type, text[0] ? " " : "", text);
    }
    return text;
}
