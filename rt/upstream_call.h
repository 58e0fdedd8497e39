/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange on its way through libcurl. It lives on the stack of the thread that waits for it;
 * between upstream_loop_submit and `done` it belongs to one upstream thread. What happened is
 * written down by callbacks, and only these notes decide the fate (upstream_call_judge):
 *
 *   prereqs     how often the request was about to be written (after connect and TLS)
 *   head_done   the blank line after a final head was seen
 *   over        the cap was reached
 */
#ifndef RT_UPSTREAM_CALL_H
#define RT_UPSTREAM_CALL_H

#include <curl/curl.h>

#include <rt/outbound.h>
#include <rt/upstream.h>

struct upstream_multi;

struct upstream_call {
    const struct world_request *request;
    const struct outbound_policy *policy;
    enum outbound_scope scope;
    bool host_permitted, is_https;
    const char *url, *method;
    const char *ca_path; /* NULL: libcurl's own */
    struct curl_slist *headers, *addresses;
    int64_t deadline_us, connect_timeout_us;
    int64_t policy_us; /* since when its policy replaces another one, monotonic; 0: none */

    int prereqs;
    bool address_refused, head_done, over, out_of_memory, stopped;
    size_t head_bytes;
    size_t body_sent, wire_sent; /* builds with failpoints only */
    char content_type[128], retry_after[64];
    char *body; /* malloc */
    size_t body_len, body_room;
    char detail[CURL_ERROR_SIZE];

    /* texts empty until the waiting thread copies them into its arena */
    struct world_answer answer;
    CURL *easy;
    struct upstream_multi *multi;
    struct upstream_call *next, **link;
    _Atomic uint32_t done;
};

/* Sets the handle up. False: libcurl refused something (the call ends UNSENT). */
bool upstream_call_set_up(struct upstream_call *call, CURL *easy, int64_t now_us);
/* Fills call->answer from the notes. */
void upstream_call_judge(struct upstream_call *call, CURLcode code);
/* Ends it before libcurl saw it. */
void upstream_call_refuse(struct upstream_call *call, const char *stage, const char *reason);

/* Name, value and method as they may go on the wire. */
bool upstream_header_ok(const struct till_pair *header);
bool upstream_method_ok(struct till_str method);

#ifdef TILL_FAILPOINTS
bool upstream_crash_set_up(struct upstream_call *call, CURL *easy);
/* 0 connected, 1 partly sent, 2 sent, 3 answer partly read */
void upstream_crash_hit(const struct upstream_call *call, int point);
#else
static inline bool upstream_crash_set_up(struct upstream_call *call, CURL *easy) {
    (void)call;
    (void)easy;
    return true;
}
static inline void upstream_crash_hit(const struct upstream_call *call, int point) {
    (void)call;
    (void)point;
}
#endif

#endif
