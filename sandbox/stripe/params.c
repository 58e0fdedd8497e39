/* SPDX-License-Identifier: Apache-2.0 */
/* Forms with brackets into a flat list, and what may stand in it; see call.h. */
#include <sandbox/stripe/call.h>

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 1024, NAME_MAX = 256 };

/* "[...]" at the front of the rest. False: no segment. */
static bool take_segment(struct till_str *rest, struct till_str *ret_segment) {
    size_t end = till_str_find(*rest, ']');
    if (rest->len == 0 || rest->ptr[0] != '[' || end == rest->len)
        return false;
    *ret_segment = till_str_sub(*rest, 1, end - 1);
    *rest = till_str_sub(*rest, end + 1, rest->len);
    return true;
}

static bool is_index(struct till_str segment) {
    for (size_t i = 0; i < segment.len; i++)
        if (segment.ptr[i] < '0' || segment.ptr[i] > '9')
            return false;
    return segment.len <= 9;
}

/* The name's part up to here, as it was sent: prefixes of equal lists are equal. */
struct place {
    const struct stripe_params *params;
    struct till_str sent, path;
};

/* How many different indices the list at this place had before; the same index again gets its
 * number again, [] always a new one. */
static size_t number_index(const struct place *place, struct till_str segment) {
    size_t next = 0;
    for (size_t i = place->params->count; i > 0; i--) {
        const struct stripe_param *param = &place->params->items[i - 1];
        if (!till_str_starts_with(param->path, place->path) || param->path.len <= place->path.len ||
            param->path.ptr[place->path.len] != '[')
            continue;
        struct till_str rest = till_str_sub(param->path, place->path.len, param->path.len), index;
        unsigned long long number;
        if (!take_segment(&rest, &index) || !till_str_to_u64(index, 1000000, &number))
            continue;
        struct till_str sent = till_str_sub(param->name, place->sent.len, param->name.len), was;
        if (segment.len && till_str_starts_with(param->name, place->sent) &&
            take_segment(&sent, &was) && till_str_equal(was, segment))
            return (size_t)number;
        if (number + 1 > next)
            next = (size_t)number + 1;
    }
    return next;
}

/* A list of hashes that is sent with [] only: a member that was there already begins the next. */
static size_t number_unnamed(const struct place *place, struct till_str rest) {
    char path[PATH_BYTES];
    size_t next = number_index(place, TILL_STR_NONE);
    if (rest.len == 0 || next == 0)
        return next;
    int len = snprintf(path, sizeof path, "%.*s[%zu]%.*s", TILL_STR_ARG(place->path), next - 1,
                       TILL_STR_ARG(rest));
    for (size_t i = 0; i < place->params->count; i++)
        if (till_str_starts_with(place->params->items[i].path,
                                 (struct till_str){path, (size_t)len}))
            return next;
    return next - 1;
}

static bool place_param(struct stripe_call *call, struct stripe_param *param) {
    char path[PATH_BYTES], pattern[PATH_BYTES];
    struct till_str rest = param->name, segment;
    size_t head = till_str_find(rest, '[');
    int at = snprintf(path, sizeof path, "%.*s", (int)head, rest.ptr);
    int pattern_at = snprintf(pattern, sizeof pattern, "%.*s", (int)head, rest.ptr);
    rest = till_str_sub(rest, head, rest.len);
    while (rest.len) {
        struct place place = {&call->params,
                              till_str_sub(param->name, 0, param->name.len - rest.len),
                              {path, (size_t)at}};
        if (!take_segment(&rest, &segment))
            return STRIPE_INVALID(call, "parameter_unknown", param->name.ptr,
                                  "Invalid parameter name: %.*s", TILL_STR_ARG(param->name));
        bool counts = is_index(segment);
        size_t number = 0;
        if (counts)
            number = segment.len ? number_index(&place, segment) : number_unnamed(&place, rest);
        at += counts
                  ? snprintf(path + at, sizeof path - (size_t)at, "[%zu]", number)
                  : snprintf(path + at, sizeof path - (size_t)at, "[%.*s]", TILL_STR_ARG(segment));
        pattern_at += snprintf(pattern + pattern_at, sizeof pattern - (size_t)pattern_at, "[%.*s]",
                               counts ? 0 : (int)segment.len, segment.ptr);
    }
    param->path = platform_keep(call->arena, till_str_of(path));
    param->pattern = platform_keep(call->arena, till_str_of(pattern));
    return true;
}

static struct stripe_param *find(const struct stripe_call *call, struct till_str path) {
    for (size_t i = 0; i < call->params.count; i++)
        if (till_str_equal(call->params.items[i].path, path))
            return &call->params.items[i];
    return NULL;
}

static bool read_pair(struct stripe_call *call, struct till_str pair) {
    struct stripe_param param = {0};
    struct till_error err;
    size_t equals = till_str_find(pair, '=');
    if (!till_percent_decode(call->arena, till_str_sub(pair, 0, equals), true, &param.name, &err) ||
        !till_percent_decode(call->arena, till_str_sub(pair, equals + 1, pair.len), true,
                             &param.value, &err) ||
        !till_str_is_utf8(param.name) || !till_str_is_utf8(param.value))
        return STRIPE_INVALID(call, NULL, NULL,
                              "Invalid request: a parameter is not UTF-8 in percent encoding.");
    if (param.name.len == 0)
        return true;
    if (param.name.len > NAME_MAX)
        return STRIPE_INVALID(call, "parameter_unknown", NULL,
                              "Received unknown parameter: a name of %zu bytes", param.name.len);
    if (call->params.count == STRIPE_PARAMS_MAX)
        return STRIPE_INVALID(call, NULL, NULL, "Invalid request: more than %d parameters.",
                              STRIPE_PARAMS_MAX);
    param.name = platform_keep(call->arena, param.name); /* ends with NUL */
    if (!place_param(call, &param))
        return false;
    struct stripe_param *same = find(call, param.path);
    if (same)
        *same = param;
    else
        call->params.items[call->params.count++] = param;
    return true;
}

static bool read_pairs(struct stripe_call *call, struct till_str text) {
    while (text.len) {
        size_t end = till_str_find(text, '&');
        if (end > 0 && !read_pair(call, till_str_sub(text, 0, end)))
            return false;
        text = till_str_sub(text, end + 1, text.len);
    }
    return true;
}

bool stripe_params_read(struct stripe_call *call) {
    struct till_str body = call->request->body;
    call->params.items =
        till_arena_array(call->arena, STRIPE_PARAMS_MAX, sizeof *call->params.items);
    if (!call->params.items)
        return stripe_no_room(call);
    if (body.len && (body.ptr[0] == '{' || body.ptr[0] == '['))
        return STRIPE_INVALID(call, NULL, NULL,
                              "Invalid request: version 1 of the API takes "
                              "application/x-www-form-urlencoded, not JSON.");
    return read_pairs(call, call->request->query) && read_pairs(call, body);
}

struct till_str stripe_param(const struct stripe_call *call, const char *path) {
    const struct stripe_param *param = find(call, till_str_of(path));
    return param ? param->value : TILL_STR_NONE;
}

bool stripe_has(const struct stripe_call *call, const char *path) {
    return find(call, till_str_of(path)) != NULL;
}

/* At the path itself, or "[" follows it. */
static bool is_at(struct till_str path, struct till_str above) {
    return till_str_starts_with(path, above) &&
           (path.len == above.len || path.ptr[above.len] == '[');
}

bool stripe_has_below(const struct stripe_call *call, const char *path) {
    for (size_t i = 0; i < call->params.count; i++)
        if (is_at(call->params.items[i].path, till_str_of(path)))
            return true;
    return false;
}

static bool read_integer(struct till_str text, int64_t *ret_value) {
    bool is_negative = text.len > 1 && text.ptr[0] == '-';
    unsigned long long magnitude;
    if (!till_str_to_u64(till_str_sub(text, is_negative, text.len), INT64_MAX, &magnitude))
        return false;
    *ret_value = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

int64_t stripe_param_int(const struct stripe_call *call, const char *path, int64_t otherwise) {
    int64_t value;
    return read_integer(stripe_param(call, path), &value) ? value : otherwise;
}

bool stripe_param_flag(const struct stripe_call *call, const char *path) {
    return till_str_is(stripe_param(call, path), "true");
}

const char *stripe_path(struct stripe_call *call, const char *format, ...) {
    char text[PATH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct till_str kept = platform_keep(call->arena, till_str_of(text));
    return kept.ptr ? kept.ptr : "";
}

/* The last segment as it was sent: a name of metadata may look like an index. Ends with NUL. */
static struct till_str metadata_name(const struct stripe_call *call,
                                     const struct stripe_param *param) {
    struct till_str name = param->name;
    size_t begin = name.len;
    while (begin > 0 && name.ptr[begin - 1] != '[')
        begin--;
    return platform_keep(call->arena, till_str_sub(name, begin, name.len - begin - 1));
}

/* A name without a value goes. Takes `merged`. */
static struct till_json *drop_empty(struct till_json *merged) {
    struct till_json *kept = till_json_object();
    struct till_str name;
    const struct till_json *value;
    for (size_t i = 0; till_json_member_at(merged, i, &name, &value); i++)
        if (till_json_str(value).len)
            till_json_set_copy(kept, name.ptr, value);
    till_json_release(merged);
    return kept;
}

bool stripe_merge_metadata(struct stripe_call *call, const char *path, struct till_json *json,
                           const char *member) {
    struct till_json *merged =
        stripe_has(call, path) ? till_json_object() : stripe_copy_member(json, member);
    for (size_t i = 0; i < call->params.count; i++) {
        const struct stripe_param *param = &call->params.items[i];
        if (!is_at(param->path, till_str_of(path)) || param->path.len == strlen(path))
            continue;
        struct till_str name = metadata_name(call, param);
        if (name.len)
            till_json_set_str(merged, name.ptr, param->value);
    }
    merged = drop_empty(merged);
    size_t count = till_json_size(merged);
    till_json_set(json, member, merged);
    return count <= STRIPE_METADATA_MAX ||
           STRIPE_INVALID(call, NULL, "metadata", "You may only specify up to %d metadata keys.",
                          STRIPE_METADATA_MAX);
}

struct till_json *stripe_param_list(const struct stripe_call *call, const char *path) {
    struct till_json *list = till_json_array();
    for (size_t i = 0; i < call->params.count; i++) {
        const struct stripe_param *param = &call->params.items[i];
        if (is_at(param->path, till_str_of(path)) && param->path.len > strlen(path))
            till_json_append_str(list, param->value);
    }
    return list;
}

static int compare_params(const void *a, const void *b) {
    const struct stripe_param *const *left = a, *const *right = b;
    return till_str_compare((*left)->path, (*right)->path);
}

/* By path, so that the order on the wire does not matter. */
static void add_sorted(const struct stripe_call *call, struct till_buf *buf) {
    size_t count = call->params.count;
    const struct stripe_param **sorted = till_arena_array(call->arena, count, sizeof(void *));
    for (size_t i = 0; i < count && sorted; i++)
        sorted[i] = &call->params.items[i];
    if (sorted)
        qsort(sorted, count, sizeof *sorted, compare_params);
    for (size_t i = 0; i < count && sorted; i++)
        till_buf_format(buf, "%zu:%.*s=%zu:%.*s&", sorted[i]->path.len,
                        TILL_STR_ARG(sorted[i]->path), sorted[i]->value.len,
                        TILL_STR_ARG(sorted[i]->value));
}

void stripe_fingerprint(const struct stripe_call *call, char out[65]) {
    struct till_buf buf;
    struct till_str text = TILL_STR_NONE, on_behalf = TILL_STR_NONE;
    struct till_error err;
    uint8_t digest[TILL_SHA256_SIZE];
    size_t count;
    (void)http_header(call->request, "Stripe-Account", &on_behalf, &count);
    till_buf_init(&buf, call->arena);
    till_buf_format(&buf, "%.*s %.*s %.*s?", TILL_STR_ARG(call->request->method),
                    TILL_STR_ARG(call->request->path), TILL_STR_ARG(on_behalf));
    add_sorted(call, &buf);
    if (!till_buf_finish(&buf, &text, &err))
        text = call->request->body; /* no memory: the bytes themselves will do */
    till_sha256(text, digest);
    till_hex_encode(digest, sizeof digest, out);
}
