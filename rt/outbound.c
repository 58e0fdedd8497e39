/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/outbound.h>

#include <arpa/inet.h>
#include <stdlib.h>

struct exception {
    struct till_str host; /* a name: judged by its spelling; empty: a range of addresses */
    int family;
    unsigned char address[16];
    unsigned bits;
    uint16_t port;
};

struct outbound_policy {
    struct exception *exceptions;
    size_t count;
    char *text;                     /* what the names point into */
    struct outbound_policy *before; /* that it replaced: calls may still be under it */
};

enum { EXCEPTIONS_MAX = 256 };

static bool is_separator(char c) {
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct till_str take_entry(struct till_str *rest) {
    size_t start = 0;
    while (start < rest->len && is_separator(rest->ptr[start]))
        start++;
    size_t end = start;
    while (end < rest->len && !is_separator(rest->ptr[end]))
        end++;
    struct till_str entry = till_str_sub(*rest, start, end - start);
    *rest = till_str_sub(*rest, end, rest->len);
    return entry;
}

static bool fail_entry(struct till_error *err, struct till_str entry) {
    return TILL_FAIL_FIELD(err, SETTING_INVALID, "outbound.permit",
                           "outbound.permit: \"%.*s\" is not host:port or address/prefix:port "
                           "(an IPv6 address in brackets).",
                           (int)(entry.len < 80 ? entry.len : 80), entry.ptr);
}

static bool read_prefix(struct till_str text, struct exception *exception) {
    unsigned long long bits = 0;
    if (exception->family == AF_UNSPEC || !till_str_to_u64(text, exception->bits, &bits))
        return false;
    exception->bits = (unsigned)bits;
    return true;
}

/* The host is read by the parser of URLs, so an exception is spelled as strictly as what it
 * excepts. */
static bool read_entry(struct till_str entry, struct exception *ret_exception,
                       struct till_error *err) {
    char url[512];
    size_t colon = entry.len;
    while (colon > 0 && entry.ptr[colon - 1] != ':')
        colon--;
    size_t slash = till_str_find(entry, '/');
    struct till_str host = till_str_sub(entry, 0, slash < colon ? slash : colon - (colon > 0));
    struct till_str port = till_str_sub(entry, colon, entry.len);
    struct outbound_url parsed;
    unsigned long long number = 0;
    if (colon == 0 || host.len + port.len + 9 > sizeof url ||
        !till_str_to_u64(port, 65535, &number))
        return fail_entry(err, entry);
    memcpy(url, "http://", 7);
    memcpy(url + 7, host.ptr, host.len);
    url[7 + host.len] = ':';
    memcpy(url + 8 + host.len, port.ptr, port.len);
    if (!outbound_url_parse((struct till_str){url, host.len + port.len + 8}, &parsed, err) ||
        (parsed.family != AF_INET6 && parsed.host.len != host.len))
        return fail_entry(err, entry);
    struct exception exception = {.family = parsed.family, .port = parsed.port};
    memcpy(exception.address, parsed.address, sizeof exception.address);
    exception.bits = parsed.family == AF_INET ? 32 : 128;
    if (parsed.family == AF_UNSPEC)
        exception.host = host;
    if (slash < colon &&
        !read_prefix(till_str_sub(entry, slash + 1, colon - slash - 2), &exception))
        return fail_entry(err, entry);
    *ret_exception = exception;
    return true;
}

static bool read_entries(struct outbound_policy *policy, struct till_str rest,
                         struct till_error *err) {
    for (struct till_str entry = take_entry(&rest); entry.len > 0; entry = take_entry(&rest)) {
        if (policy->count == EXCEPTIONS_MAX)
            return TILL_FAIL_FIELD(err, SETTING_INVALID, "outbound.permit",
                                   "outbound.permit has more than %d entries.", EXCEPTIONS_MAX);
        if (!read_entry(entry, &policy->exceptions[policy->count], err))
            return false;
        policy->count++;
    }
    return true;
}

/* Replaced policies stay until the end; they need not keep room that they never used. */
static void shrink(struct outbound_policy *policy) {
    size_t room = policy->count ? policy->count : 1;
    struct exception *smaller = realloc(policy->exceptions, room * sizeof *smaller);
    if (smaller)
        policy->exceptions = smaller;
}

bool outbound_policy_parse(struct till_str permit, struct outbound_policy **ret_policy,
                           struct till_error *err) {
    struct outbound_policy *policy = calloc(1, sizeof *policy);
    if (policy) {
        policy->text = malloc(permit.len + 1);
        policy->exceptions = calloc(EXCEPTIONS_MAX, sizeof *policy->exceptions);
    }
    if (!policy || !policy->text || !policy->exceptions) {
        outbound_policy_free(policy);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    if (permit.len > 0)
        memcpy(policy->text, permit.ptr, permit.len);
    if (!read_entries(policy, (struct till_str){policy->text, permit.len}, err)) {
        outbound_policy_free(policy);
        return false;
    }
    if (policy->count < EXCEPTIONS_MAX)
        shrink(policy);
    *ret_policy = policy;
    return true;
}

void outbound_policy_free(struct outbound_policy *policy) {
    while (policy) {
        struct outbound_policy *before = policy->before;
        free(policy->exceptions);
        free(policy->text);
        free(policy);
        policy = before;
    }
}

void outbound_policy_replaces(struct outbound_policy *policy, struct outbound_policy *before) {
    policy->before = before;
}

size_t outbound_policy_exceptions(const struct outbound_policy *policy) {
    return policy ? policy->count : 0;
}

bool outbound_host_permitted(const struct outbound_policy *policy, struct till_str host,
                             uint16_t port) {
    for (size_t i = 0; policy && i < policy->count; i++) {
        const struct exception *exception = &policy->exceptions[i];
        if (exception->host.len > 0 && exception->port == port &&
            till_str_equal_ignoring_case(exception->host, host))
            return true;
    }
    return false;
}

static bool within(const struct exception *exception, const unsigned char *address) {
    for (unsigned bit = 0; bit < exception->bits; bit++) {
        unsigned mask = 0x80u >> bit % 8;
        if ((exception->address[bit / 8] & mask) != (address[bit / 8] & mask))
            return false;
    }
    return true;
}

static bool address_permitted(const struct outbound_policy *policy, int family,
                              const unsigned char *address, uint16_t port) {
    for (size_t i = 0; policy && i < policy->count; i++) {
        const struct exception *exception = &policy->exceptions[i];
        if (exception->host.len == 0 && exception->family == family && exception->port == port &&
            within(exception, address))
            return true;
    }
    return false;
}

bool outbound_address_allowed(const struct outbound_policy *policy, const struct sockaddr *address,
                              enum outbound_scope scope) {
    unsigned char bytes[16] = {0};
    uint16_t port = 0;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        memcpy(bytes, &v4.sin_addr, 4);
        port = ntohs(v4.sin_port);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(bytes, &v6.sin6_addr, 16);
        port = ntohs(v6.sin6_port);
    } else {
        return false;
    }
    return outbound_address_is_public(address->sa_family, bytes) ||
           (scope == OUTBOUND_OR_LOOPBACK &&
            outbound_address_is_loopback(address->sa_family, bytes)) ||
           address_permitted(policy, address->sa_family, bytes, port);
}
