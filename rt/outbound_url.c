/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/outbound.h>

#include <arpa/inet.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_byte(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* Blanks, control bytes and bytes above ASCII are where parsers disagree; so is the backslash. */
static bool check_bytes(struct till_str url, struct till_error *err) {
    if (url.len == 0 || url.len > 2048)
        return TILL_FAIL(err, URL_FORBIDDEN, "Give an address of 1 to 2048 bytes.");
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= 0x20 || url.ptr[i] >= 0x7f || url.ptr[i] == '\\')
            return TILL_FAIL(err, URL_FORBIDDEN,
                             "The address has a blank, backslash, control or non-ASCII byte at "
                             "position %zu; percent-encode it.",
                             i + 1);
    return true;
}

static bool take_scheme(struct till_str *rest, bool *ret_is_https, struct till_error *err) {
    struct till_str http = TILL_STR("http://"), https = TILL_STR("https://");
    if (till_str_equal_ignoring_case(till_str_sub(*rest, 0, https.len), https)) {
        *ret_is_https = true;
        *rest = till_str_sub(*rest, https.len, rest->len);
        return true;
    }
    if (till_str_equal_ignoring_case(till_str_sub(*rest, 0, http.len), http)) {
        *ret_is_https = false;
        *rest = till_str_sub(*rest, http.len, rest->len);
        return true;
    }
    return TILL_FAIL(err, URL_FORBIDDEN, "The address must begin with https:// or http://.");
}

static struct till_str authority_of(struct till_str rest) {
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    return till_str_sub(rest, 0, end);
}

static bool take_port(struct till_str text, struct outbound_url *url, struct till_error *err) {
    if (text.len == 0) {
        url->port = url->is_https ? 443 : 80;
        return true;
    }
    unsigned long long port = 0;
    if (text.ptr[0] != ':' || !till_str_to_u64(till_str_sub(text, 1, text.len), 65535, &port) ||
        port == 0)
        return TILL_FAIL(err, URL_FORBIDDEN, "The port must be a number from 1 to 65535.");
    url->port = (uint16_t)port;
    return true;
}

static bool to_address(int family, struct till_str text, unsigned char out[16]) {
    char buffer[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof buffer)
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = 0;
    return inet_pton(family, buffer, out) == 1;
}

static bool check_labels(struct till_str host, struct till_error *err) {
    size_t label = 0;
    for (size_t i = 0; i <= host.len; i++) {
        if (i < host.len && host.ptr[i] != '.') {
            if (!is_name_byte(host.ptr[i]))
                return TILL_FAIL(err, URL_FORBIDDEN,
                                 "A host name has letters, digits, hyphens and dots only (write "
                                 "international names as xn--...).");
            continue;
        }
        if (i == label || i - label > 63)
            return TILL_FAIL(err, URL_FORBIDDEN, "A host name's parts have 1 to 63 characters.");
        label = i + 1;
    }
    return true;
}

/* "127.1", "0x7f.1", "2130706433", "0177.0.0.1": whatever ends in a number is
 * an address somewhere. */
static bool ends_in_number(struct till_str host) {
    size_t start = host.len;
    while (start > 0 && host.ptr[start - 1] != '.')
        start--;
    struct till_str last = till_str_sub(host, start, host.len);
    if (last.len >= 2 && last.ptr[0] == '0' && (last.ptr[1] == 'x' || last.ptr[1] == 'X'))
        return true;
    for (size_t i = 0; i < last.len; i++)
        if (!is_digit(last.ptr[i]))
            return false;
    return true;
}

static bool read_host(struct outbound_url *url, struct till_error *err) {
    if (url->host.len == 0 || url->host.len > 253)
        return TILL_FAIL(err, URL_FORBIDDEN, "The address names no host, or too long a one.");
    if (!check_labels(url->host, err))
        return false;
    url->family = AF_UNSPEC;
    if (!ends_in_number(url->host))
        return true;
    /* inet_pton takes four plain decimal parts and nothing else. */
    if (!to_address(AF_INET, url->host, url->address))
        return TILL_FAIL(err, URL_FORBIDDEN,
                         "Write an IPv4 address as four decimal numbers without leading zeros.");
    url->family = AF_INET;
    return true;
}

static bool read_bracketed(struct till_str authority, struct outbound_url *url,
                           struct till_error *err) {
    size_t close = till_str_find(authority, ']');
    url->host = till_str_sub(authority, 1, close == authority.len ? 0 : close - 1);
    if (close == authority.len || !to_address(AF_INET6, url->host, url->address))
        return TILL_FAIL(err, URL_FORBIDDEN, "The part in brackets is not an IPv6 address.");
    url->family = AF_INET6;
    return take_port(till_str_sub(authority, close + 1, authority.len), url, err);
}

bool outbound_url_parse(struct till_str text, struct outbound_url *ret_url,
                        struct till_error *err) {
    struct outbound_url url = {.family = AF_UNSPEC};
    struct till_str rest = text;
    if (!check_bytes(text, err) || !take_scheme(&rest, &url.is_https, err))
        return false;
    struct till_str authority = authority_of(rest);
    if (till_str_find(authority, '@') != authority.len)
        return TILL_FAIL(err, URL_FORBIDDEN, "Remove the user name or password from the address.");
    if (authority.len > 0 && authority.ptr[0] == '[') {
        if (!read_bracketed(authority, &url, err))
            return false;
    } else {
        size_t colon = till_str_find(authority, ':');
        url.host = till_str_sub(authority, 0, colon);
        if (!read_host(&url, err) ||
            !take_port(till_str_sub(authority, colon, authority.len), &url, err))
            return false;
    }
    *ret_url = url;
    return true;
}

/* Names that mean this machine or this network wherever they are looked up. */
static bool is_local_name(struct till_str host) {
    static const struct till_str ENDS[] = {
        TILL_STR_INIT(".localhost"), TILL_STR_INIT(".local"),     TILL_STR_INIT(".localdomain"),
        TILL_STR_INIT(".internal"),  TILL_STR_INIT(".home.arpa"), TILL_STR_INIT(".lan"),
    };
    if (till_str_find(host, '.') == host.len)
        return true;
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        if (host.len <= ENDS[i].len)
            continue;
        struct till_str end = till_str_sub(host, host.len - ENDS[i].len, ENDS[i].len);
        if (till_str_equal_ignoring_case(end, ENDS[i]))
            return true;
    }
    return false;
}

static bool is_loopback_name(struct till_str host) {
    return till_str_equal_ignoring_case(host, TILL_STR("localhost"));
}

static bool judge_address(const struct outbound_policy *policy, const struct outbound_url *url,
                          enum outbound_scope scope) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(url->port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(url->port)};
    memcpy(&v6.sin6_addr, url->address, 16);
    memcpy(&v4.sin_addr, url->address, 4);
    return outbound_address_allowed(policy,
                                    url->family == AF_INET ? (const struct sockaddr *)&v4
                                                           : (const struct sockaddr *)&v6,
                                    scope);
}

bool outbound_url_judge(const struct outbound_policy *policy, const struct outbound_url *url,
                        enum outbound_scope scope, struct till_error *err) {
    if (outbound_host_permitted(policy, url->host, url->port))
        return true;
    if (url->family != AF_UNSPEC) {
        if (judge_address(policy, url, scope))
            return true;
        return TILL_FAIL(err, URL_FORBIDDEN,
                         "The address is not a public one; use a public host, or list it in "
                         "outbound.permit.");
    }
    if (!is_local_name(url->host) || (scope == OUTBOUND_OR_LOOPBACK && is_loopback_name(url->host)))
        return true;
    return TILL_FAIL(err, URL_FORBIDDEN,
                     "The host name is a local one; use a public host, or list it in "
                     "outbound.permit.");
}

bool outbound_url_check(const struct outbound_policy *policy, struct till_str url,
                        struct till_error *err) {
    struct outbound_url parsed;
    return outbound_url_parse(url, &parsed, err) &&
           outbound_url_judge(policy, &parsed, OUTBOUND_PUBLIC, err);
}
