/* SPDX-License-Identifier: Apache-2.0 */
/* Crash points within an exchange, in builds with failpoints only. */
#include <rt/upstream_call.h>

#ifdef TILL_FAILPOINTS

#include <rt/failpoint.h>

void upstream_crash_hit(const struct upstream_call *call, int point) {
    const char *rest = call->request->crash_points;
    for (int i = 0; rest && i < point; i++) {
        rest = strchr(rest, ' ');
        rest = rest ? rest + 1 : NULL;
    }
    if (!rest || *rest == '-' || *rest == 0)
        return;
    char name[8] = {0};
    size_t len = strcspn(rest, " ");
    if (len >= sizeof name)
        return;
    memcpy(name, rest, len);
    failpoint_hit(name);
}

/* The body in two pieces; the second is asked for when the first was written. */
static size_t give_body(char *bytes, size_t size, size_t count, void *arg) {
    struct upstream_call *call = arg;
    struct till_str body = call->request->body;
    size_t room = size * count, half = (body.len + 1) / 2;
    size_t end = call->body_sent < half ? half : body.len;
    size_t len = end - call->body_sent < room ? end - call->body_sent : room;
    if (call->body_sent == half)
        upstream_crash_hit(call, 1);
    memcpy(bytes, body.ptr + call->body_sent, len);
    call->body_sent += len;
    return len;
}

/* A query may be repeated by libcurl: from the beginning. */
static int seek_body(void *arg, curl_off_t offset, int origin) {
    struct upstream_call *call = arg;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > call->request->body.len)
        return CURL_SEEKFUNC_FAIL;
    call->body_sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Bytes that were really written are shown here after the fact. */
static int watch(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg) {
    struct upstream_call *call = arg;
    (void)easy, (void)bytes;
    bool has_body = call->request->body.len > 0;
    if (type == CURLINFO_DATA_OUT) {
        call->wire_sent += len;
        if (call->wire_sent == call->request->body.len)
            upstream_crash_hit(call, 2);
    } else if (type == CURLINFO_HEADER_OUT && !has_body) {
        upstream_crash_hit(call, 2);
    }
    return 0;
}

bool upstream_crash_set_up(struct upstream_call *call, CURL *easy) {
    if (!call->request->crash_points)
        return true;
    bool ok = curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, watch) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_DEBUGDATA, call) == CURLE_OK;
    if (!ok || call->request->body.len == 0)
        return ok;
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKDATA, call) == CURLE_OK;
}

#endif
