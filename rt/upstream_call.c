/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/http_framing.h>
#include <rt/upstream_call.h>

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { HEAD_MAX = 64 * 1024, BODY_FIRST = 4096, IDLE_AGE_S = 20, CONNECTION_AGE_S = 600 };

bool upstream_method_ok(struct till_str method) {
    for (size_t i = 0; i < method.len; i++)
        if (method.ptr[i] < 'A' || method.ptr[i] > 'Z')
            return false;
    return method.len > 0 && method.len <= 16;
}

bool upstream_header_ok(const struct till_pair *header) {
    /* Framing and routing are ours. */
    static const struct till_str OURS[] = {
        TILL_STR_INIT("Host"),       TILL_STR_INIT("Content-Length"),
        TILL_STR_INIT("Expect"),     TILL_STR_INIT("Transfer-Encoding"),
        TILL_STR_INIT("Connection"), TILL_STR_INIT("Proxy-Connection"),
        TILL_STR_INIT("Upgrade"),    TILL_STR_INIT("Accept-Encoding"),
    };
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        if (till_str_equal_ignoring_case(header->name, OURS[i]))
            return false;
    for (size_t i = 0; i < header->value.len; i++) {
        unsigned char c = (unsigned char)header->value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return http_is_token(header->name);
}

/* The address that the socket is really opened for is judged, whatever the name said before. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    struct upstream_call *call = arg;
    (void)purpose;
    if (!call->host_permitted &&
        !outbound_address_allowed(call->policy, &address->addr, call->scope)) {
        call->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Right before the request is written. The second time libcurl would repeat it on a new connection,
 * because a kept-alive one died without a byte of answer: never for a money call. */
static int before_request(void *arg, char *peer, char *self, int peer_port, int self_port) {
    struct upstream_call *call = arg;
    (void)peer, (void)self, (void)peer_port, (void)self_port;
    call->prereqs++;
    if (call->prereqs == 1)
        upstream_crash_hit(call, 0);
    return call->prereqs > 1 && call->request->once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static bool is_final_status(const char *line, size_t len) {
    const char *blank = memchr(line, ' ', len);
    return blank && (size_t)(line + len - blank) > 1 && blank[1] != '1';
}

static void note_header(struct till_str line, const char *name, char *out, size_t room) {
    struct till_str prefix = till_str_of(name);
    if (!till_str_equal_ignoring_case(till_str_sub(line, 0, prefix.len), prefix))
        return;
    struct till_str value = till_str_trim(till_str_sub(line, prefix.len, line.len));
    if (value.len >= room || !till_str_is_printable_ascii(value))
        return;
    memcpy(out, value.ptr, value.len);
    out[value.len] = 0;
}

/* One line a call. "HTTP/1.1 100 ..." heads come and go before the final one. */
static size_t take_header(char *bytes, size_t size, size_t count, void *arg) {
    struct upstream_call *call = arg;
    struct till_str line = {bytes, size * count};
    call->head_bytes += line.len;
    if (call->head_bytes > HEAD_MAX)
        return 0;
    if (till_str_starts_with(line, TILL_STR("HTTP/"))) {
        call->answer.status = is_final_status(bytes, line.len) ? 1 : 0;
        call->content_type[0] = call->retry_after[0] = 0;
    } else if (till_str_trim(line).len == 0) {
        call->head_done = call->answer.status != 0;
        if (call->head_done)
            upstream_crash_hit(call, 3);
    } else {
        note_header(line, "content-type:", call->content_type, sizeof call->content_type);
        note_header(line, "retry-after:", call->retry_after, sizeof call->retry_after);
    }
    return line.len;
}

static bool make_room(struct upstream_call *call, size_t len) {
    if (call->body_room - call->body_len >= len)
        return true;
    size_t room = call->body_room ? call->body_room : BODY_FIRST;
    while (room - call->body_len < len)
        room *= 2;
    char *bigger = realloc(call->body, room);
    if (!bigger) {
        call->out_of_memory = true;
        return false;
    }
    call->body = bigger;
    call->body_room = room;
    return true;
}

/* Decoded bytes are counted: a gzip bomb is cut here. */
static size_t take_body(char *bytes, size_t size, size_t count, void *arg) {
    struct upstream_call *call = arg;
    size_t len = size * count, left = call->request->answer_max - call->body_len;
    size_t kept = len < left ? len : left;
    if (!make_room(call, kept))
        return 0;
    if (kept > 0)
        memcpy(call->body + call->body_len, bytes, kept);
    call->body_len += kept;
    call->over = kept < len;
    /* A short count ends the transfer; with len 0 there is nothing to refuse. */
    return kept;
}

/* Stops at the first refusal; each macro use is one option. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(easy, option, value) != CURLE_OK)                                     \
            return false;                                                                          \
    } while (0)

/* What every call has in common, whatever it is for. */
static bool set_rules(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_MAXAGE_CONN, (long)IDLE_AGE_S);
#if LIBCURL_VERSION_NUM >= 0x075000
    SET(CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_AGE_S);
#endif
    SET(CURLOPT_ACCEPT_ENCODING, "gzip");
    SET(CURLOPT_USERAGENT, "till");
    return true;
}

static bool set_trust(struct upstream_call *call, CURL *easy) {
    if (!call->is_https)
        return true;
    if (call->ca_path)
        SET(CURLOPT_CAINFO, call->ca_path);
    /* Anchors from one file only: libcurl then reads them once a multi, not once a connection. */
    if (call->ca_path || curl_version_info(CURLVERSION_NOW)->cainfo)
        SET(CURLOPT_CAPATH, NULL);
    return true;
}

static bool set_callbacks(struct upstream_call *call, CURL *easy) {
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, call);
    SET(CURLOPT_PREREQFUNCTION, before_request);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_ERRORBUFFER, call->detail);
    SET(CURLOPT_PRIVATE, call);
    return true;
}

static bool set_request(struct upstream_call *call, CURL *easy) {
    const struct world_request *request = call->request;
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_HTTPHEADER, call->headers);
    if (call->addresses)
        SET(CURLOPT_RESOLVE, call->addresses);
    if (till_str_is(request->method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (till_str_is(request->method, "GET") && request->body.len == 0) {
        SET(CURLOPT_HTTPGET, 1L);
    } else {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_POSTFIELDS, request->body.len ? request->body.ptr : "");
        SET(CURLOPT_CUSTOMREQUEST, call->method);
    }
    return true;
}

static bool set_deadlines(const struct upstream_call *call, CURL *easy, int64_t now_us) {
    int64_t left_us = call->deadline_us - now_us;
    int64_t connect_us = call->connect_timeout_us < left_us ? call->connect_timeout_us : left_us;
    SET(CURLOPT_TIMEOUT_MS, (long)((left_us + 999) / 1000));
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)((connect_us + 999) / 1000));
    return true;
}

/* A connection from before the policy was replaced goes to where that one allowed: it is not used
 * any more. libcurl counts ages in whole seconds. */
static bool set_age(const struct upstream_call *call, CURL *easy, int64_t now_us) {
    int64_t age_s = (now_us - call->policy_us) / 1000000;
    if (call->policy_us == 0)
        return true;
    if (age_s < 2)
        SET(CURLOPT_FRESH_CONNECT, 1L);
    else
        SET(CURLOPT_MAXLIFETIME_CONN, (long)(age_s < 86400 ? age_s - 1 : 86400));
    return true;
}

bool upstream_call_set_up(struct upstream_call *call, CURL *easy, int64_t now_us) {
    return set_rules(easy) && set_trust(call, easy) && set_callbacks(call, easy) &&
           set_request(call, easy) && set_deadlines(call, easy, now_us) &&
           set_age(call, easy, now_us) && upstream_crash_set_up(call, easy);
}
