/* SPDX-License-Identifier: Apache-2.0 */
#include <microhttpd.h>

#include <rt/http_framing.h>
#include <rt/http_target.h>

static bool is_clean(struct till_str value) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool check_lines(const struct http_head *head, struct till_error *err) {
    if (head->header_count > HTTP_HEADERS_MAX)
        return TILL_FAIL(err, HTTP_FRAMING, "The request has more than 100 header lines.");
    if (!http_is_token(head->method))
        return TILL_FAIL(err, HTTP_FRAMING, "The request's method is not a token.");
    for (size_t i = 0; i < head->header_count; i++) {
        if (!http_is_token(head->headers[i].name))
            return TILL_FAIL(err, HTTP_FRAMING, "A header's name is not a token.");
        if (!is_clean(head->headers[i].value))
            return TILL_FAIL(err, HTTP_FRAMING, "A header's value holds a control byte.");
    }
    return true;
}

/* The single header of that name. False: there is more than one. */
static bool find_single(const struct http_head *head, struct till_str name,
                        const struct till_pair **ret_pair) {
    *ret_pair = NULL;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!till_str_equal_ignoring_case(head->headers[i].name, name))
            continue;
        if (*ret_pair)
            return false;
        *ret_pair = &head->headers[i];
    }
    return true;
}

static bool read_length(struct till_str text, uint64_t *ret_length) {
    uint64_t length = 0;
    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_length = length;
    return true;
}

static bool check_host(const struct till_pair *host, bool is_old, struct till_error *err) {
    if (!host)
        return is_old || TILL_FAIL(err, HTTP_FRAMING, "The request has no Host.");
    for (size_t i = 0; i < host->value.len; i++) {
        if (strchr(" \t,/?#@\\", host->value.ptr[i]))
            return TILL_FAIL(err, HTTP_FRAMING,
                             "The Host is not one host name with an optional port.");
    }
    return true;
}

bool http_head_check(struct http_head *head, struct till_str version, struct till_error *err) {
    const struct till_pair *length, *coding, *host;
    bool is_old = till_str_is(version, "HTTP/1.0");
    if (!is_old && !till_str_is(version, "HTTP/1.1"))
        return TILL_FAIL(err, HTTP_FRAMING, "The request is neither HTTP/1.1 nor HTTP/1.0.");
    if (!check_lines(head, err))
        return false;
    if (!find_single(head, TILL_STR("Content-Length"), &length) ||
        !find_single(head, TILL_STR("Transfer-Encoding"), &coding) ||
        !find_single(head, TILL_STR("Host"), &host))
        return TILL_FAIL(err, HTTP_FRAMING,
                         "Content-Length, Transfer-Encoding or Host is there more than once.");
    if (length && coding)
        return TILL_FAIL(err, HTTP_FRAMING,
                         "Content-Length and Transfer-Encoding exclude each other.");
    if (coding && (is_old || !till_str_equal_ignoring_case(coding->value, TILL_STR("chunked"))))
        return TILL_FAIL(err, HTTP_FRAMING,
                         "The only Transfer-Encoding here is chunked, in HTTP/1.1.");
    if (length && !read_length(length->value, &head->content_length))
        return TILL_FAIL(err, HTTP_FRAMING, "Content-Length is not a number of bytes.");
    head->is_chunked = coding != NULL;
    head->has_length = length != NULL;
    return check_host(host, is_old, err);
}

/* MHD's header lines, in the order of the wire. */
struct lines {
    struct till_pair *pairs;
    size_t count;
};

static enum MHD_Result collect(void *arg, enum MHD_ValueKind kind, const char *name,
                               size_t name_len, const char *value, size_t value_len) {
    struct lines *lines = arg;
    (void)kind;
    if (lines->count > HTTP_HEADERS_MAX)
        return MHD_NO;
    lines->pairs[lines->count++] =
        (struct till_pair){{name, name_len}, {value ? value : "", value_len}};
    return MHD_YES;
}

static bool is_blank(const char *from, const char *to) {
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    return from == to;
}

/*
 *   method\0target\0version\0\0name\0 value\0\0name\0value\0\0\0\0
 *                              ^ each name 2 bytes behind the value before it     ^ the end, 4
 * behind
 */
static bool walk(const struct lines *lines, const char *method, const char *version,
                 size_t target_len, size_t head_len) {
    const char *at = method + strlen(method) + 1 + target_len + 1;
    if (version != at)
        return false;
    at += strlen(version);
    for (size_t i = 0; i < lines->count; i++) {
        const struct till_pair *line = &lines->pairs[i];
        const char *name_end = line->name.ptr + line->name.len;
        if (line->name.ptr != at + 2 || line->value.ptr < name_end + 1 ||
            (size_t)(line->value.ptr - method) > head_len ||
            !is_blank(name_end + 1, line->value.ptr))
            return false;
        at = line->value.ptr + line->value.len;
    }
    return at + 4 == method + head_len;
}

/* The lines again, pointing into the copy. */
static bool copy_head(const struct lines *lines, const char *method, size_t head_len,
                      struct till_arena *arena, struct http_head *head, struct till_error *err) {
    struct till_str copy;
    if (!till_arena_copy(arena, (struct till_str){method, head_len}, &copy, err))
        return false;
    head->method = (struct till_str){copy.ptr, strlen(method)};
    head->headers = lines->pairs;
    head->header_count = lines->count;
    for (size_t i = 0; i < lines->count; i++) {
        struct till_pair *line = &lines->pairs[i];
        line->name.ptr = copy.ptr + (line->name.ptr - method);
        line->value.ptr = copy.ptr + (line->value.ptr - method);
    }
    return true;
}

/* MHD leaves the blanks behind a value. Those of Transfer-Encoding stay: "chunked " is not chunked
 * to MHD, so it must not be to us. */
static void trim_values(struct http_head *head) {
    for (size_t i = 0; i < head->header_count; i++) {
        struct till_str *value = &head->headers[i].value;
        if (till_str_equal_ignoring_case(head->headers[i].name, TILL_STR("Transfer-Encoding")))
            continue;
        while (value->len > 0 &&
               (value->ptr[value->len - 1] == ' ' || value->ptr[value->len - 1] == '\t'))
            value->len--;
    }
}

bool http_head_read(struct MHD_Connection *mhd, const char *method, const char *version,
                    struct till_str target, size_t head_max, struct till_arena *arena,
                    struct http_head *ret_head, struct till_error *err) {
    struct http_head head = {.target = target};
    struct lines lines = {.count = 0};
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!size || size->header_size > head_max)
        return TILL_FAIL(err, HEADERS_TOO_LARGE, NULL);
    lines.pairs = till_arena_array(arena, HTTP_HEADERS_MAX + 1, sizeof *lines.pairs);
    if (!lines.pairs)
        return till_arena_refused(arena, err);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, collect, &lines);
    if (lines.count > HTTP_HEADERS_MAX)
        return TILL_FAIL(err, HTTP_FRAMING, "The request has more than 100 header lines.");
    if (!walk(&lines, method, version, target.len, size->header_size))
        return TILL_FAIL(err, HTTP_FRAMING,
                         "A line of the head is folded, holds a NUL, or does not end with CRLF.");
    if (!copy_head(&lines, method, size->header_size, arena, &head, err))
        return false;
    trim_values(&head);
    if (!http_head_check(&head, till_str_of(version), err) ||
        !http_target_split(head.target, &head.path, &head.query, err))
        return false;
    *ret_head = head;
    return true;
}
