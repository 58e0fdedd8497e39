/* SPDX-License-Identifier: Apache-2.0 */
/* See tunnel_head.h. */
#include <rt/tunnel_head.h>

#include <rt/http_framing.h>

#include <stdio.h>

enum { METHOD_MAX = 16, HTTP_PORT = 80 };

/* A head in the making: why it is bad, once it is. */
struct reading {
    struct tunnel_head head;
    const char *why;
};

static bool fail(struct reading *reading, const char *why) {
    reading->why = why;
    return false;
}

/* The next line without its CRLF; false when it has no end or bytes that no line may hold. */
static bool take_line(struct reading *reading, struct till_str *rest, struct till_str *ret_line) {
    size_t end = till_str_find(*rest, '\r');
    if (end + 1 >= rest->len || rest->ptr[end + 1] != '\n')
        return fail(reading, "A line of the head does not end in CRLF.");
    struct till_str line = till_str_sub(*rest, 0, end);
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return fail(reading, "The head holds a control byte.");
    }
    *rest = till_str_sub(*rest, end + 2, rest->len);
    *ret_line = line;
    return true;
}

static bool is_host(struct till_str host) {
    bool is_v6 = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    struct till_str inner = is_v6 ? till_str_sub(host, 1, host.len - 2) : host;
    if (inner.len == 0 || host.len > TUNNEL_HOST_MAX)
        return false;
    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alphanumeric && c != '.' && (is_v6 ? c != ':' : c != '-'))
            return false;
    }
    return true;
}

/* "host:port"; the port may be missing when there is one that is meant then. */
static bool read_authority(struct reading *reading, struct till_str text, uint16_t otherwise) {
    struct tunnel_head *head = &reading->head;
    bool is_v6 = text.len > 0 && text.ptr[0] == '[';
    size_t host_len = is_v6 ? till_str_find(text, ']') + 1 : till_str_find(text, ':');
    unsigned long long port = otherwise;
    head->host = till_str_sub(text, 0, host_len);
    struct till_str rest = till_str_sub(text, host_len, text.len);
    if (!is_host(head->host))
        return fail(reading, "The address does not name a host.");
    bool has_port = rest.len > 1 && rest.ptr[0] == ':';
    if (has_port ? !till_str_to_u64(till_str_sub(rest, 1, rest.len), UINT16_MAX, &port)
                 : rest.len > 0)
        return fail(reading, "The port is not a number from 1 to 65535.");
    if (port == 0)
        return fail(reading, "The address must name a port.");
    head->port = (uint16_t)port;
    return true;
}

static bool read_absolute(struct reading *reading, struct till_str address) {
    static const char scheme[] = "http://";
    size_t len = sizeof scheme - 1;
    if (!till_str_equal_ignoring_case(till_str_sub(address, 0, len), TILL_STR("http://")))
        return fail(reading, "Send CONNECT, or an absolute http:// address.");
    struct till_str rest = till_str_sub(address, len, address.len);
    size_t slash = till_str_find(rest, '/'), mark = till_str_find(rest, '?');
    size_t end = slash < mark ? slash : mark;
    struct till_str target = till_str_sub(rest, end, rest.len);
    if (till_str_find(target, '#') < target.len)
        return fail(reading, "An address with a fragment belongs to no request.");
    reading->head.target = target;
    return read_authority(reading, till_str_sub(rest, 0, end), HTTP_PORT);
}

static bool read_request_line(struct reading *reading, struct till_str line) {
    struct tunnel_head *head = &reading->head;
    size_t first = till_str_find(line, ' ');
    struct till_str rest = till_str_sub(line, first + 1, line.len);
    size_t second = till_str_find(rest, ' ');
    struct till_str target = till_str_sub(rest, 0, second);
    struct till_str version = till_str_sub(rest, second + 1, rest.len);
    head->method = till_str_sub(line, 0, first);
    head->is_connect = till_str_is(head->method, "CONNECT");
    if (head->method.len > METHOD_MAX || !http_is_token(head->method))
        return fail(reading, "The request does not begin with a method.");
    if (!till_str_is(version, "HTTP/1.1") && !till_str_is(version, "HTTP/1.0"))
        return fail(reading, "The version must be HTTP/1.1 or HTTP/1.0.");
    if (!till_str_is_printable_ascii(target))
        return fail(reading, "The address holds bytes that are not printable ASCII.");
    return head->is_connect ? read_authority(reading, target, 0) : read_absolute(reading, target);
}

static bool is_header(const struct till_pair *header, const char *name) {
    return till_str_equal_ignoring_case(header->name, till_str_of(name));
}

/* Lengths belong to what follows the head: exactly one way to tell them. */
static bool check_headers(struct reading *reading) {
    struct tunnel_head *head = &reading->head;
    int hosts = 0, lengths = 0, codings = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        hosts += is_header(&head->headers[i], "Host");
        lengths += is_header(&head->headers[i], "Content-Length");
        codings += is_header(&head->headers[i], "Transfer-Encoding");
    }
    if (hosts > 1)
        return fail(reading, "There is more than one Host.");
    if (lengths + codings > 1)
        return fail(reading, "The length of the body is told twice.");
    if (head->is_connect && lengths + codings > 0)
        return fail(reading, "CONNECT has no body.");
    return true;
}

static bool read_header(struct reading *reading, struct till_str line) {
    struct tunnel_head *head = &reading->head;
    size_t colon = till_str_find(line, ':');
    struct till_pair header = {till_str_sub(line, 0, colon),
                               till_str_trim(till_str_sub(line, colon + 1, line.len))};
    if (colon == line.len || !http_is_token(header.name))
        return fail(reading, "A header is not \"Name: value\".");
    if (head->header_count == TUNNEL_HEADERS_MAX)
        return fail(reading, "There are too many headers.");
    head->headers[head->header_count++] = header;
    return true;
}

static bool read_lines(struct reading *reading, struct till_str bytes) {
    struct till_str line;
    if (!take_line(reading, &bytes, &line) || !read_request_line(reading, line))
        return false;
    while (take_line(reading, &bytes, &line)) {
        if (line.len == 0)
            return check_headers(reading);
        if (!read_header(reading, line))
            return false;
    }
    return false;
}

/* The length up to and with the blank line; 0 while there is none. */
static size_t head_length(struct till_str bytes) {
    for (size_t i = 0; i + 4 <= bytes.len; i++)
        if (memcmp(bytes.ptr + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return 0;
}

/* Not whole, and it never will be: TLS, another protocol, LF alone. */
static const char *hopeless(struct till_str bytes) {
    if (bytes.len && (bytes.ptr[0] < 'A' || bytes.ptr[0] > 'Z'))
        return "This is a proxy: it speaks plain HTTP and takes CONNECT.";
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] == '\n' && (i == 0 || bytes.ptr[i - 1] != '\r'))
            return "A line of the head does not end in CRLF.";
    return NULL;
}

enum tunnel_reading tunnel_head_read(struct till_str bytes, struct tunnel_head *ret_head,
                                     const char **ret_why) {
    struct reading reading = {0};
    size_t len = head_length(till_str_sub(bytes, 0, TUNNEL_HEAD_MAX));
    const char *why = hopeless(till_str_sub(bytes, 0, len ? len : bytes.len));
    if (why) {
        *ret_why = why;
        return TUNNEL_BAD;
    }
    if (len == 0) {
        *ret_why = "The head is too large.";
        return bytes.len >= TUNNEL_HEAD_MAX ? TUNNEL_LARGE : TUNNEL_MORE;
    }
    reading.head.len = len;
    if (!read_lines(&reading, till_str_sub(bytes, 0, len))) {
        *ret_why = reading.why;
        return TUNNEL_BAD;
    }
    *ret_head = reading.head;
    return TUNNEL_WHOLE;
}

/* For the proxy, or replaced by us. */
static bool is_left_out(const struct till_pair *header) {
    static const char *const names[] = {"Host",
                                        "Connection",
                                        "Proxy-Connection",
                                        "Keep-Alive",
                                        "Proxy-Authorization",
                                        "Proxy-Authenticate",
                                        "Upgrade",
                                        "TE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_header(header, names[i]))
            return true;
    return false;
}

static bool add(char *out, size_t room, size_t *len, struct till_str text) {
    if (text.len > room - *len)
        return false;
    if (text.len)
        memcpy(out + *len, text.ptr, text.len);
    *len += text.len;
    return true;
}

static bool add_line(const struct tunnel_head *head, char *out, size_t room, size_t *len) {
    char port[8] = "";
    bool bare = head->target.len == 0 || head->target.ptr[0] != '/';
    if (head->port != HTTP_PORT)
        snprintf(port, sizeof port, ":%u", (unsigned)head->port);
    return add(out, room, len, head->method) && add(out, room, len, TILL_STR(" ")) &&
           add(out, room, len, bare ? TILL_STR("/") : TILL_STR_NONE) &&
           add(out, room, len, head->target) &&
           add(out, room, len, TILL_STR(" HTTP/1.1\r\nHost: ")) &&
           add(out, room, len, head->host) && add(out, room, len, till_str_of(port)) &&
           add(out, room, len, TILL_STR("\r\nConnection: close\r\n"));
}

bool tunnel_head_write(const struct tunnel_head *head, char *out, size_t room, size_t *ret_len) {
    size_t len = 0;
    if (!add_line(head, out, room, &len))
        return false;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct till_pair *header = &head->headers[i];
        if (!is_left_out(header) &&
            (!add(out, room, &len, header->name) || !add(out, room, &len, TILL_STR(": ")) ||
             !add(out, room, &len, header->value) || !add(out, room, &len, TILL_STR("\r\n"))))
            return false;
    }
    if (!add(out, room, &len, TILL_STR("\r\n")))
        return false;
    *ret_len = len;
    return true;
}
