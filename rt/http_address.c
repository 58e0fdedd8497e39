/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include <rt/http_peers.h>

static const unsigned char V4_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const struct http_address *address) {
    return memcmp(address->bytes, V4_PREFIX, sizeof V4_PREFIX) == 0;
}

static bool parse_bare(struct till_str text, struct http_address *ret_address) {
    char copy[HTTP_ADDRESS_TEXT];
    struct http_address address = {.known = true};
    if (text.len == 0 || text.len >= sizeof copy || till_str_find(text, '\0') < text.len)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memcpy(address.bytes, V4_PREFIX, sizeof V4_PREFIX);
    if (inet_pton(AF_INET, copy, address.bytes + 12) != 1 &&
        inet_pton(AF_INET6, copy, address.bytes) != 1)
        return false;
    *ret_address = address;
    return true;
}

static bool is_port(struct till_str text) {
    unsigned long long port;
    return till_str_to_u64(text, 65535, &port);
}

bool http_address_parse(struct till_str text, struct http_address *ret_address) {
    size_t colon = till_str_find(text, ':');
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t end = till_str_find(text, ']');
        struct till_str rest = till_str_sub(text, end + 1, text.len);
        bool fits =
            end < text.len &&
            (rest.len == 0 || (rest.ptr[0] == ':' && is_port(till_str_sub(rest, 1, rest.len))));
        return fits && parse_bare(till_str_sub(text, 1, end - 1), ret_address);
    }
    /* One colon only: an IPv4 address and a port. */
    struct till_str after = till_str_sub(text, colon + 1, text.len);
    if (colon < text.len && till_str_find(after, ':') == after.len)
        return is_port(after) && parse_bare(till_str_sub(text, 0, colon), ret_address);
    return parse_bare(text, ret_address);
}

void http_address_of(const struct sockaddr *addr, struct http_address *ret_address) {
    *ret_address = (struct http_address){.known = false};
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        memcpy(ret_address->bytes, V4_PREFIX, sizeof V4_PREFIX);
        memcpy(ret_address->bytes + 12, &in.sin_addr, 4);
        ret_address->known = true;
    } else if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, addr, sizeof in6);
        memcpy(ret_address->bytes, &in6.sin6_addr, 16);
        ret_address->known = true;
    }
}

void http_address_format(const struct http_address *address, char ret_text[HTTP_ADDRESS_TEXT]) {
    if (!address->known)
        snprintf(ret_text, HTTP_ADDRESS_TEXT, "unix");
    else if (is_v4(address))
        inet_ntop(AF_INET, address->bytes + 12, ret_text, HTTP_ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, address->bytes, ret_text, HTTP_ADDRESS_TEXT);
}

static bool parse_prefix(struct till_str text, struct http_prefixes *prefixes) {
    struct http_address address;
    unsigned long long bits = 128;
    if (till_str_is(text, "unix")) {
        prefixes->holds_unix = true;
        return true;
    }
    size_t slash = till_str_find(text, '/');
    if (prefixes->count >= HTTP_PREFIXES_MAX || !parse_bare(till_str_sub(text, 0, slash), &address))
        return false;
    /* An IPv4 address counts its own 32 bits; written as ::ffff:a.b.c.d it counts all 128, and
     * fewer than 96 of them would be far more than it looks like. */
    bool is_bare_v4 = till_str_find(text, ':') == text.len,
         is_mapped = is_v4(&address) && !is_bare_v4;
    unsigned shift = is_bare_v4 ? 96 : 0;
    if (slash < text.len) {
        if (!till_str_to_u64(till_str_sub(text, slash + 1, text.len), 128 - shift, &bits))
            return false;
        bits += shift;
    }
    if (is_mapped && bits < 96)
        return false;
    memcpy(prefixes->rows[prefixes->count].bytes, address.bytes, 16);
    prefixes->rows[prefixes->count++].bits = (unsigned)bits;
    return true;
}

bool http_prefixes_parse(struct till_str text, struct http_prefixes *ret_prefixes,
                         struct till_error *err) {
    struct http_prefixes prefixes = {.count = 0};
    size_t from = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != ',' && text.ptr[i] != ' ')
            continue;
        struct till_str word = till_str_trim(till_str_sub(text, from, i - from));
        from = i + 1;
        if (word.len > 0 && !parse_prefix(word, &prefixes))
            return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.trusted_proxies",
                                   "\"%.*s\" is not an address, a prefix or the word unix.",
                                   (int)(word.len > 64 ? 64 : word.len), word.ptr);
    }
    *ret_prefixes = prefixes;
    return true;
}

static bool shares_bits(const unsigned char *a, const unsigned char *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool http_prefixes_hold(const struct http_prefixes *prefixes, const struct http_address *address) {
    if (!address->known)
        return prefixes->holds_unix;
    for (size_t i = 0; i < prefixes->count; i++)
        if (shares_bits(prefixes->rows[i].bytes, address->bytes, prefixes->rows[i].bits))
            return true;
    return false;
}

/* The list's entries from the right, each vouched for by a trusted neighbour. False: stop here. */
static bool walk_list(const struct http_prefixes *trusted, struct till_str list,
                      struct http_address *client) {
    size_t end = list.len;
    for (;;) {
        size_t start = end;
        while (start > 0 && list.ptr[start - 1] != ',')
            start--;
        struct till_str entry = till_str_trim(till_str_sub(list, start, end - start));
        if (!http_address_parse(entry, client) || !http_prefixes_hold(trusted, client))
            return false;
        if (start == 0)
            return true;
        end = start - 1;
    }
}

struct http_address http_client_address(const struct http_prefixes *trusted,
                                        const struct http_address *peer,
                                        const struct till_pair *headers, size_t count) {
    struct http_address client = *peer;
    if (!http_prefixes_hold(trusted, peer))
        return client;
    for (size_t i = count; i-- > 0;) {
        if (till_str_equal_ignoring_case(headers[i].name, TILL_STR("X-Forwarded-For")) &&
            !walk_list(trusted, headers[i].value, &client))
            break;
    }
    return client;
}
