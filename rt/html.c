/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/html.h>

#include <inttypes.h>
#include <stdarg.h>

#include <till/form.h>

static const char *entity(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Length of the valid UTF-8 sequence at the start of s; 0 when there is none. */
static size_t sequence(struct till_str s) {
    unsigned char first = (unsigned char)s.ptr[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    return len && len <= s.len && till_str_is_utf8((struct till_str){s.ptr, len}) ? len : 0;
}

static bool is_control(char c) {
    unsigned char byte = (unsigned char)c;
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
}

void html_text(struct till_buf *buf, struct till_str text) {
    while (text.len) {
        size_t len = sequence(text);
        const char *escaped = entity(text.ptr[0]);
        if (escaped)
            till_buf_text(buf, escaped);
        else if (!len || is_control(text.ptr[0]))
            till_buf_text(buf, "\xef\xbf\xbd");
        else
            till_buf_add(buf, (struct till_str){text.ptr, len});
        text = till_str_sub(text, len ? len : 1, text.len);
    }
}

void html_format(struct till_buf *buf, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    while (*format) {
        size_t plain = strcspn(format, "%");
        till_buf_add(buf, (struct till_str){format, plain});
        format += plain;
        if (!*format)
            break;
        if (format[1] == 's')
            html_text(buf, *va_arg(arguments, const struct till_str *));
        else if (format[1] == 'd')
            till_buf_format(buf, "%" PRId64, va_arg(arguments, int64_t));
        else
            till_buf_char(buf, format[1]);
        format += format[1] ? 2 : 1;
    }
    va_end(arguments);
}

void html_headers(struct http_request *request, struct http_response *response,
                  struct till_str form_targets) {
    struct till_error err;
    struct till_str policy;
    if (!till_arena_format(request->arena, &policy, &err,
                           "default-src 'none'; script-src 'self'; style-src 'self'; "
                           "img-src 'self' data:; connect-src 'self'; font-src 'self'; "
                           "form-action 'self'%s%.*s; base-uri 'none'; frame-ancestors 'none'",
                           form_targets.len ? " " : "", TILL_STR_ARG(form_targets)))
        policy = TILL_STR("default-src 'none'; style-src 'self'; form-action 'self'");
    http_response_header(response, TILL_STR("Content-Security-Policy"), policy);
    http_response_header(response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
}

const char *html_language(const struct http_request *request) {
    struct till_form query;
    struct till_error err;
    struct till_str wanted = TILL_STR_NONE;
    size_t count;
    if (request->query.len && till_form_parse(request->arena, request->query, &query, &err))
        wanted = till_form_get(&query, "lang");
    if (!wanted.len && !http_header(request, "Accept-Language", &wanted, &count))
        return "en";
    return till_str_equal_ignoring_case(till_str_sub(wanted, 0, 2), TILL_STR("zh")) ? "zh" : "en";
}
