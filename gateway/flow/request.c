/* SPDX-License-Identifier: Apache-2.0 */
/* What flows read from a request beside their own fields. */
#include <gateway/flow/flow.h>

#include <string.h>

enum { KEY_MAX = 255, LIMIT_DEFAULT = 20, LIMIT_MAX = 100 };

bool call_read_body(struct call *c, struct till_json **ret_json, struct till_error *err) {
    struct till_json *json = NULL;
    if (!till_json_parse(c->request->body, &json, err))
        return false;
    if (!till_json_is_object(json)) {
        till_json_release(json);
        return TILL_FAIL(err, BODY_MALFORMED, "The body must be one JSON object.");
    }
    *ret_json = json;
    return true;
}

static bool is_named(struct till_str name, const char *known) {
    size_t len = strlen(known);
    if (known[len - 1] != '[')
        return till_str_is(name, known);
    return till_str_starts_with(name, till_str_of(known)) && name.ptr[name.len - 1] == ']';
}

/* What it takes, not what stood there: an address may hold anything. */
static bool refuse_name(struct call *c, const char *const *names, struct till_error *err) {
    struct till_buf buf;
    struct till_str text;
    till_buf_init(&buf, c->arena);
    for (size_t i = 0; names[i]; i++)
        till_buf_format(&buf, "%s%s%s", i ? ", " : "", names[i],
                        names[i][strlen(names[i]) - 1] == '[' ? "key]" : "");
    if (!till_buf_finish(&buf, &text, err))
        return false;
    return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, "/query",
                           "The address has a parameter that this call does not know; it takes "
                           "%.*s.",
                           TILL_STR_ARG(text));
}

bool call_read_query(struct call *c, const char *const *names, struct till_form *ret_form,
                     struct till_error *err) {
    struct till_form form;
    if (!till_form_parse(c->arena, c->request->query, &form, err))
        return false;
    for (size_t i = 0; i < form.count; i++) {
        bool known = c->is_admin && till_str_is(form.pairs[i].name, "app_id");
        for (size_t k = 0; names[k] && !known; k++)
            known = is_named(form.pairs[i].name, names[k]);
        if (!known)
            return refuse_name(c, names, err);
    }
    *ret_form = form;
    return true;
}

bool call_read_limit(const struct till_form *query, int *ret_limit, struct till_error *err) {
    unsigned long long limit = LIMIT_DEFAULT;
    struct till_str text = till_form_get(query, "limit");
    if (text.len > 0 && (!till_str_to_u64(text, LIMIT_MAX, &limit) || limit == 0))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/limit", "The limit is a number from 1 to %d.",
                               LIMIT_MAX);
    *ret_limit = (int)limit;
    return true;
}

void flow_id(struct world *world, const char *prefix, int64_t now_us, char ret_id[TILL_ID_SIZE]) {
    uint8_t random[10];
    world_random(world, random, sizeof random);
    till_id_make(prefix, now_us, random, ret_id);
}

/* The quoted form of RFC 8941: escapes are \" and \\ only; parameters behind it are ignored. */
static bool unquote(struct till_str text, struct till_buf *buf) {
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            return i + 1 == text.len || text.ptr[i + 1] == ';';
        if (c == '\\' && (++i >= text.len || (text.ptr[i] != '"' && text.ptr[i] != '\\')))
            return false;
        till_buf_char(buf, text.ptr[i]);
    }
    return false;
}

bool idempotency_key_read(const struct http_request *request, struct till_arena *arena,
                          struct till_str *ret_key, struct till_error *err) {
    struct till_str text, key;
    struct till_buf buf;
    size_t count = 0;
    if (!http_header(request, "Idempotency-Key", &text, &count)) {
        *ret_key = TILL_STR_NONE;
        return true;
    }
    text = key = till_str_trim(text);
    till_buf_init(&buf, arena);
    bool quoted = text.len > 0 && text.ptr[0] == '"';
    if (quoted && !unquote(text, &buf))
        return TILL_FAIL(err, IDEMPOTENCY_KEY_INVALID, NULL);
    if (quoted && !till_buf_finish(&buf, &key, err))
        return false;
    bool visible = till_str_is_printable_ascii(key) && till_str_find(key, ' ') == key.len;
    if (count != 1 || key.len < 1 || key.len > KEY_MAX || !visible)
        return TILL_FAIL(err, IDEMPOTENCY_KEY_INVALID, NULL);
    *ret_key = key;
    return true;
}
