/* SPDX-License-Identifier: Apache-2.0 */
/* What flows read from a request beside their own fields. */
#include <gateway/flow/flow.h>

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 255, LIMIT_DEFAULT = 20, LIMIT_MAX = 100, ID_HEX = 32 };

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

bool call_want_text(const struct till_json *body, const char *name, struct till_str *value,
                    struct till_error *err) {
    char field[64];
    if (!till_json_want_str(body, name, value, err))
        return false;
    if (!till_json_is_string(till_json_member(body, name)) || value->len > 0)
        return true;
    snprintf(field, sizeof field, "/%s", name);
    return TILL_FAIL_FIELD(err, FIELD_INVALID, field,
                           "An empty text says nothing; leave the member out.");
}

static bool refuse_parameter(const char *name, const char *words, struct till_error *err) {
    char field[64];
    snprintf(field, sizeof field, "/%s", name);
    return TILL_FAIL_FIELD(err, FIELD_INVALID, field, "%s", words);
}

/* A wish without a value would be granted as another wish: ?out_trade_no= as the list of all. */
static bool check_values(const struct till_form *form, const char *const *names,
                         struct till_error *err) {
    for (size_t i = 0; names[i]; i++) {
        const struct till_pair *pair = till_form_find(form, names[i]);
        if (pair && pair->value.len == 0 && strcmp(names[i], "cursor") != 0)
            return refuse_parameter(names[i], "The parameter has no value; leave it out.", err);
    }
    return true;
}

bool call_read_id(const struct till_form *query, const char *name, const char *prefix,
                  struct till_str *ret_id, struct till_error *err) {
    struct till_str id = till_form_get(query, name);
    size_t len = strlen(prefix);
    bool good = id.len == 0 || (id.len == len + 1 + ID_HEX && id.ptr[len] == '_' &&
                                till_str_starts_with(id, till_str_of(prefix)));
    for (size_t i = len + 1; good && i < id.len; i++)
        good = (id.ptr[i] >= '0' && id.ptr[i] <= '9') || (id.ptr[i] >= 'a' && id.ptr[i] <= 'f');
    if (!good)
        return refuse_parameter(name, "This is no id of what is listed here; copy it whole.", err);
    *ret_id = id;
    return true;
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
    if (!c->is_admin && !check_values(&form, names, err))
        return false;
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
