/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/upstream_call.h>

#include <stdio.h>

/* What people read. The stage comes from the notes, the sentence from here; detail is libcurl's
 * own. */
static const struct {
    CURLcode code;
    const char *sentence;
} SENTENCES[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "The host name has no address."},
    {CURLE_COULDNT_CONNECT, "Nobody accepts connections at the address."},
    {CURLE_PEER_FAILED_VERIFICATION,
     "The certificate is not trusted, expired, or not for this host."},
    {CURLE_SSL_CONNECT_ERROR, "The TLS handshake failed."},
    {CURLE_SSL_CACERT_BADFILE, "The trust anchors cannot be read; check outbound.ca_file."},
    {CURLE_GOT_NOTHING, "The connection was closed before an answer."},
    {CURLE_RECV_ERROR, "The connection broke before the answer was complete."},
    {CURLE_SEND_ERROR, "The connection broke while the request was written."},
    {CURLE_PARTIAL_FILE, "The answer ended too early."},
    {CURLE_BAD_CONTENT_ENCODING, "The answer's compression is damaged."},
    {CURLE_ABORTED_BY_CALLBACK,
     "A kept-alive connection was closed without an answer; the request was not repeated."},
    {CURLE_UNSUPPORTED_PROTOCOL, "The answer is not HTTP."},
    {CURLE_WEIRD_SERVER_REPLY, "The answer is not HTTP."},
    {CURLE_OUT_OF_MEMORY, "No memory was left."},
};

static const char *sentence_of(CURLcode code) {
    for (size_t i = 0; i < sizeof SENTENCES / sizeof SENTENCES[0]; i++)
        if (SENTENCES[i].code == code)
            return SENTENCES[i].sentence;
    return "The exchange failed.";
}

static const char *stage_of(const struct upstream_call *call, CURLcode code) {
    long port = 0;
    if (call->prereqs == 0) {
        if (call->address_refused)
            return "policy";
        if (code == CURLE_COULDNT_RESOLVE_HOST)
            return "dns";
        /* Known once a connection stands, also when the handshake on it fails. */
        curl_easy_getinfo(call->easy, CURLINFO_LOCAL_PORT, &port);
        return port > 0 && call->is_https ? "tls" : "connect";
    }
    if (call->head_bytes > 0)
        return "read";
    /* The first, whole request got no answer; the repetition was refused before its first byte. */
    if (call->prereqs > 1 && call->request->once)
        return "wait";
    curl_off_t sent = 0;
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return (size_t)sent < call->request->body.len ? "write" : "wait";
}

static const char *late_sentence(const char *stage) {
    if (strcmp(stage, "connect") == 0)
        return "No connection was made in time.";
    if (strcmp(stage, "tls") == 0)
        return "The TLS handshake was not finished in time.";
    if (strcmp(stage, "read") == 0)
        return "The answer was not complete at the deadline.";
    if (strcmp(stage, "write") == 0)
        return "The request was not wholly taken before the deadline.";
    return "No answer came before the deadline.";
}

static void set_reason(struct world_answer *answer, const char *sentence, const char *detail) {
    snprintf(answer->reason, sizeof answer->reason, detail[0] ? "%s (%s)" : "%s%s", sentence,
             detail);
    /* Parts of an answer may be quoted in the detail. */
    for (char *c = answer->reason; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static void end(struct upstream_call *call, enum till_fate fate, const char *stage,
                const char *sentence, const char *detail) {
    call->answer.fate = fate;
    snprintf(call->answer.stage, sizeof call->answer.stage, "%s", stage);
    set_reason(&call->answer, sentence, detail);
}

void upstream_call_refuse(struct upstream_call *call, const char *stage, const char *reason) {
    end(call, TILL_FATE_UNSENT, stage, reason, "");
}

/* A merchant's endpoint has said everything with its head: the rest of its body may be endless, or
 * missing. */
static bool is_answered(const struct upstream_call *call, CURLcode code) {
    if (!call->head_done || call->out_of_memory)
        return false;
    if (call->request->keep_prefix)
        return true;
    return code == CURLE_OK && !call->over;
}

static void explain(struct upstream_call *call, CURLcode code, enum till_fate fate) {
    const char *stage = stage_of(call, code);
    if (call->stopped)
        end(call, fate, stage, "This instance is stopping.", "");
    else if (call->address_refused && call->prereqs == 0)
        end(call, fate, stage,
            "The host's address is not a public one; outbound.permit does not list it.", "");
    else if (call->out_of_memory)
        end(call, fate, stage, "No memory was left for the answer.", "");
    else if (call->over)
        end(call, fate, stage, "The answer was larger than its limit.", "");
    else if (code == CURLE_WRITE_ERROR)
        end(call, fate, stage, "The answer's head was larger than its limit.", "");
    else if (code == CURLE_OK)
        end(call, fate, stage, "The answer ended within its head.", "");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        end(call, fate, stage, late_sentence(stage), "");
    else
        end(call, fate, stage, sentence_of(code), call->detail);
}

void upstream_call_judge(struct upstream_call *call, CURLcode code) {
    long status = 0;
    call->answer.status = 0;
    if (is_answered(call, code)) {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        call->answer.status = (int)status;
        end(call, TILL_FATE_ANSWERED, "done", "", "");
        return;
    }
    /* Only the pre-request callback proves that nothing was written
     * (ENGINEERING-NOTES section 2). */
    bool unsent = code != CURLE_OK && call->prereqs == 0;
    explain(call, code, unsent ? TILL_FATE_UNSENT : TILL_FATE_LOST);
}
