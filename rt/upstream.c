/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/upstream.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rt/file.h>
#include <rt/futex.h>
#include <rt/upstream_loop.h>
#include <rt/upstream_names.h>

enum { THREADS_MAX = 16, CA_FILE_MAX = 4 * 1024 * 1024 };
static const int64_t CONNECT_TIMEOUT_US = INT64_C(5000000);
static const int64_t TIMEOUT_MAX_US = 3600 * 1000000LL;

struct upstream {
    struct upstream_options options;
    const struct outbound_policy *_Atomic policy;
    _Atomic int64_t connect_timeout_us, policy_us;
    struct upstream_names *names;
    struct upstream_loop *loops[THREADS_MAX];
    size_t loop_count;
    atomic_uint turn;
    int ca_fd; /* system's and added trust anchors in one file without a name; -1: libcurl's own */
    char ca_path[32];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void init_curl(void) {
    curl_ready = curl_global_init(CURL_GLOBAL_ALL);
}

/* -------- trust anchors */

static bool write_anchors(int fd, struct till_str bytes) {
    for (size_t done = 0; done < bytes.len;) {
        ssize_t n = write(fd, bytes.ptr + done, bytes.len - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return write(fd, "\n", 1) == 1;
}

static bool is_pem(struct till_str bytes) {
    return memmem(bytes.ptr, bytes.len, "-----BEGIN CERTIFICATE-----", 27) ||
           memmem(bytes.ptr, bytes.len, "-----BEGIN TRUSTED CERTIFICATE-----", 35);
}

static bool join_anchors(struct upstream *upstream, struct till_arena *arena,
                         struct till_error *err) {
    struct till_str added, own = TILL_STR_NONE;
    struct till_error inner;
    const char *system_file = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (!file_read(arena, upstream->options.ca_file, CA_FILE_MAX, &added, &inner))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "outbound.ca_file", "outbound.ca_file: %s",
                               inner.text);
    if (!is_pem(added))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "outbound.ca_file",
                               "outbound.ca_file holds no PEM certificate.");
    /* A machine without the system's file has no anchors to join. */
    if (system_file && !file_read(arena, till_str_of(system_file), CA_FILE_MAX, &own, &inner))
        own = TILL_STR_NONE;
    upstream->ca_fd = memfd_create("trust", MFD_CLOEXEC);
    if (upstream->ca_fd < 0 || !write_anchors(upstream->ca_fd, own) ||
        !write_anchors(upstream->ca_fd, added))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    snprintf(upstream->ca_path, sizeof upstream->ca_path, "/proc/self/fd/%d", upstream->ca_fd);
    return true;
}

static bool load_anchors(struct upstream *upstream, struct till_error *err) {
    upstream->ca_fd = -1;
    if (upstream->options.ca_file.len == 0)
        return true;
    struct till_arena arena;
    till_arena_init(&arena, 3 * (size_t)CA_FILE_MAX);
    bool ok = join_anchors(upstream, &arena, err);
    till_arena_clean_up(&arena);
    return ok;
}

/* -------- preparing a call */

static bool fail(struct upstream_call *call, const char *stage, const char *reason) {
    upstream_call_refuse(call, stage, reason);
    return false;
}

static bool append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_header(struct upstream_call *call, struct till_arena *arena,
                       const struct till_pair *header) {
    struct till_error err;
    struct till_str line;
    if (!upstream_header_ok(header))
        return fail(call, "policy", "A header of the request is not allowed or malformed.");
    /* libcurl reads "Name:" as "leave it out" and "Name;" as an empty value. */
    if (!till_arena_format(arena, &line, &err, header->value.len > 0 ? "%.*s: %.*s" : "%.*s;%.*s",
                           TILL_STR_ARG(header->name), (int)header->value.len,
                           header->value.len ? header->value.ptr : "") ||
        !append(&call->headers, line.ptr))
        return fail(call, "connect", "The request needs more memory than one call may use.");
    return true;
}

static bool has_header(const struct world_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++)
        if (till_str_equal_ignoring_case(request->headers[i].name, till_str_of(name)))
            return true;
    return false;
}

static bool add_headers(struct upstream_call *call, struct till_arena *arena) {
    const struct world_request *request = call->request;
    for (size_t i = 0; i < request->header_count; i++)
        if (!add_header(call, arena, &request->headers[i]))
            return false;
    /* Left out: waiting for "100 Continue", and a content type nobody chose. */
    if (!append(&call->headers, "Expect:") ||
        (!has_header(request, "Content-Type") && !append(&call->headers, "Content-Type:")))
        return fail(call, "connect", "No memory was left.");
    return true;
}

static bool read_request(struct upstream_call *call, struct till_arena *arena,
                         struct outbound_url *ret_url) {
    struct till_error err;
    if (!outbound_url_parse(call->request->url, ret_url, &err) ||
        !outbound_url_judge(call->policy, ret_url, call->scope, &err))
        return fail(call, "policy", err.text);
    if (!upstream_method_ok(call->request->method))
        return fail(call, "policy", "The method of the request is malformed.");
    call->is_https = ret_url->is_https;
    call->host_permitted = outbound_host_permitted(call->policy, ret_url->host, ret_url->port);
    if (!till_arena_cstr(arena, call->request->url, &call->url, &err) ||
        !till_arena_cstr(arena, call->request->method, &call->method, &err))
        return fail(call, "connect", "The request needs more memory than one call may use.");
    return add_headers(call, arena);
}

/* -------- names */

static bool address_fits(const struct upstream_call *call, const struct world_real_address *address,
                         uint16_t port) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct sockaddr *judged = (const struct sockaddr *)&v4;
    memcpy(&v4.sin_addr, address->bytes, 4);
    memcpy(&v6.sin6_addr, address->bytes, 16);
    if (address->family == AF_INET6)
        judged = (const struct sockaddr *)&v6;
    return call->host_permitted || outbound_address_allowed(call->policy, judged, call->scope);
}

/* "+host:port:1.2.3.4,[2001:...]" for CURLOPT_RESOLVE, with the allowed addresses only. */
static bool pin_addresses(struct upstream_call *call, const char *host, uint16_t port,
                          const struct world_real_address *addresses, size_t count) {
    char text[UPSTREAM_HOST_MAX + 16 + UPSTREAM_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3)];
    size_t len = (size_t)snprintf(text, sizeof text, "+%s:%u:", host, port), pinned = 0;
    for (size_t i = 0; i < count; i++) {
        char one[INET6_ADDRSTRLEN];
        if (!address_fits(call, &addresses[i], port) ||
            !inet_ntop(addresses[i].family, addresses[i].bytes, one, sizeof one))
            continue;
        bool brackets = addresses[i].family == AF_INET6;
        len += (size_t)snprintf(text + len, sizeof text - len, brackets ? "%s[%s]" : "%s%s",
                                pinned ? "," : "", one);
        pinned++;
    }
    if (pinned == 0)
        return fail(call, "policy",
                    "The host's address is not a public one; outbound.permit does not list it.");
    return append(&call->addresses, text) || fail(call, "connect", "No memory was left.");
}

static bool find_addresses(struct upstream *upstream, struct upstream_call *call,
                           const struct outbound_url *url) {
    static const char *const REASONS[] = {
        [NAMES_ABSENT] = "The host name has no address.",
        [NAMES_LATE] = "The name server did not answer in time.",
        [NAMES_BUSY] = "Too many host names are being looked up.",
        [NAMES_STOPPED] = "This instance is stopping.",
    };
    char host[UPSTREAM_HOST_MAX];
    struct world_real_address addresses[UPSTREAM_ADDRESSES_MAX];
    size_t count = 0;
    if (url->family != AF_UNSPEC)
        return true;
    memcpy(host, url->host.ptr, url->host.len); /* at most 253: the parser's limit */
    host[url->host.len] = 0;
    enum upstream_names_lane lane =
        call->request->errand == WORLD_WEBHOOK ? NAMES_OF_MERCHANTS : NAMES_OF_PLATFORMS;
    enum upstream_names_result result =
        upstream_names_find(upstream->names, lane, host, call->deadline_us, addresses, &count);
    if (result != NAMES_FOUND)
        return fail(call, "dns", REASONS[result]);
    return pin_addresses(call, host, url->port, addresses, count);
}

/* -------- the exchange */

static void move(struct upstream *upstream, struct upstream_call *call) {
    unsigned turn = atomic_fetch_add(&upstream->turn, 1);
    if (!upstream_loop_submit(upstream->loops[turn % upstream->loop_count], call)) {
        upstream_call_refuse(call, "connect", "This instance is stopping.");
        return;
    }
    while (atomic_load(&call->done) == 0)
        futex_wait(&call->done, 0, INT64_MAX);
}

static void keep_texts(struct upstream_call *call, struct till_arena *arena) {
    struct world_answer *answer = &call->answer;
    struct till_error err;
    if (answer->fate != TILL_FATE_ANSWERED)
        return;
    if (till_arena_copy(arena, (struct till_str){call->body, call->body_len}, &answer->body,
                        &err) &&
        till_arena_copy(arena, till_str_of(call->content_type), &answer->content_type, &err) &&
        till_arena_copy(arena, till_str_of(call->retry_after), &answer->retry_after, &err))
        return;
    /* An answer that cannot be kept is no answer. */
    *answer = (struct world_answer){.fate = TILL_FATE_LOST};
    snprintf(answer->stage, sizeof answer->stage, "read");
    snprintf(answer->reason, sizeof answer->reason,
             "The answer needs more memory than one call may use.");
}

void upstream_exchange(struct upstream *upstream, const struct world_request *request,
                       struct till_arena *arena, struct world_answer *ret_answer) {
    int64_t start_us = futex_now_us();
    int64_t timeout_us =
        request->timeout_us < TIMEOUT_MAX_US ? request->timeout_us : TIMEOUT_MAX_US;
    struct outbound_url url;
    struct upstream_call call = {
        .request = request,
        .policy = atomic_load(&upstream->policy),
        .scope = request->errand == WORLD_LOCAL ? OUTBOUND_OR_LOOPBACK : OUTBOUND_PUBLIC,
        .deadline_us = start_us + timeout_us,
        .policy_us = atomic_load(&upstream->policy_us),
        .connect_timeout_us = atomic_load(&upstream->connect_timeout_us),
        .ca_path = upstream->ca_fd >= 0 ? upstream->ca_path : NULL,
    };
    if (read_request(&call, arena, &url) && find_addresses(upstream, &call, &url))
        move(upstream, &call);
    keep_texts(&call, arena);
    call.answer.duration_us = futex_now_us() - start_us;
    curl_slist_free_all(call.headers);
    curl_slist_free_all(call.addresses);
    free(call.body);
    *ret_answer = call.answer;
}

static bool open_loops(struct upstream *upstream, struct till_error *err) {
    int wanted = upstream->options.threads;
    wanted = wanted < 1 ? 1 : wanted > THREADS_MAX ? THREADS_MAX : wanted;
    for (; upstream->loop_count < (size_t)wanted; upstream->loop_count++)
        if (!upstream_loop_open(&upstream->loops[upstream->loop_count], err))
            return false;
    return true;
}

void upstream_adjust(struct upstream *upstream, const struct outbound_policy *policy,
                     int64_t connect_timeout_us) {
    const struct outbound_policy *before = atomic_exchange(&upstream->policy, policy);
    if (before && before != policy) /* by those who take the new one; the old one's calls go on */
        atomic_store(&upstream->policy_us, futex_now_us());
    atomic_store(&upstream->connect_timeout_us,
                 connect_timeout_us > 0 ? connect_timeout_us : CONNECT_TIMEOUT_US);
}

bool upstream_open(const struct upstream_options *options, struct upstream **ret_upstream,
                   struct till_error *err) {
    pthread_once(&curl_once, init_curl);
    struct upstream *upstream = curl_ready == CURLE_OK ? calloc(1, sizeof *upstream) : NULL;
    if (!upstream)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    upstream->options = *options;
    upstream_adjust(upstream, options->policy, options->connect_timeout_us);
    struct upstream_names_options names = {
        .resolve = options->resolve,
        .resolver = options->resolver,
        .live_us = options->names_live_us,
    };
    if (!load_anchors(upstream, err) || !upstream_names_open(&names, &upstream->names, err) ||
        !open_loops(upstream, err)) {
        upstream_close(upstream);
        return false;
    }
    *ret_upstream = upstream;
    return true;
}

void upstream_stop(struct upstream *upstream) {
    upstream_names_stop(upstream->names);
    for (size_t i = 0; i < upstream->loop_count; i++)
        upstream_loop_stop(upstream->loops[i]);
}

void upstream_close(struct upstream *upstream) {
    if (!upstream)
        return;
    for (size_t i = 0; i < upstream->loop_count; i++)
        upstream_loop_close(upstream->loops[i]);
    upstream_names_close(upstream->names);
    if (upstream->ca_fd >= 0)
        close(upstream->ca_fd);
    free(upstream);
}
