/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/address.h"

static bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_address_char(char c) {
    return is_host_char(c) || c == ':';
}

/* The name, or the bracketed IPv6 text, at the front of an authority; 0 when there is none. */
static size_t host_length(struct till_str authority) {
    size_t len = 0;
    if (authority.len && authority.ptr[0] == '[') {
        for (len = 1; len < authority.len && is_address_char(authority.ptr[len]);)
            len++;
        return len > 1 && len < authority.len && authority.ptr[len] == ']' ? len + 1 : 0;
    }
    while (len < authority.len && is_host_char(authority.ptr[len]))
        len++;
    return len;
}

static bool is_port(struct till_str port) {
    unsigned long long value;
    return till_str_to_u64(port, 65535, &value) && value > 0;
}

static size_t authority_length(struct till_str rest) {
    size_t len = 0;
    while (len < rest.len && !memchr("/?", rest.ptr[len], 2))
        len++;
    return len;
}

static bool read_parts(struct till_str url, struct address *ret) {
    bool is_https = till_str_starts_with(url, TILL_STR("https://"));
    if (!is_https && !till_str_starts_with(url, TILL_STR("http://")))
        return false;
    struct till_str rest = till_str_sub(url, is_https ? 8 : 7, url.len);
    struct till_str authority = till_str_sub(rest, 0, authority_length(rest));
    size_t host = host_length(authority);
    struct till_str port = till_str_sub(authority, host, authority.len);
    if (host == 0 ||
        (port.len && (port.ptr[0] != ':' || !is_port(till_str_sub(port, 1, port.len)))))
        return false;
    *ret = (struct address){.is_https = is_https,
                            .has_query = till_str_find(rest, '?') < rest.len,
                            .host = till_str_sub(authority, 0, host)};
    return true;
}

bool address_read(struct till_str url, size_t max, const char *field, struct address *ret_address,
                  struct till_error *err) {
    if (url.len > max)
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, field,
                               "The address is longer than %zu bytes; shorten it.", max);
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] <= 0x20 || url.ptr[i] >= 0x7f || memchr("#\"<>\\^`{|}", url.ptr[i], 10))
            return TILL_FAIL_FIELD(err, URL_FORBIDDEN, field,
                                   "Byte %zu of the address must be percent-encoded or left out.",
                                   i);
    }
    if (!read_parts(url, ret_address))
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, field,
                               "Give an absolute http(s) address without user name or password.");
    return true;
}
