/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/probe.h>

#include <curl/curl.h>
#include <stdio.h>

#define US_PER_SECOND INT64_C(1000000)

const char *probe_stage_name(enum probe_stage stage) {
    static const char *const names[] = {"dns", "tcp", "tls", "http", "done"};
    return names[stage];
}

static size_t drop(char *bytes, size_t size, size_t count, void *into) {
    (void)bytes, (void)into;
    return size * count;
}

/* The value of the header `name`, when this line is it and fits; else an empty text. */
static void value_of(struct till_str line, struct till_str name, char *ret_text, size_t size) {
    ret_text[0] = '\0';
    if (line.len <= name.len ||
        !till_str_equal_ignoring_case(till_str_sub(line, 0, name.len), name))
        return;
    struct till_str value = till_str_trim(till_str_sub(line, name.len, line.len));
    if (value.len < size)
        snprintf(ret_text, size, "%.*s", TILL_STR_ARG(value));
}

static size_t note_header(char *bytes, size_t size, size_t count, void *into) {
    struct probe *probe = into;
    struct till_str line = {bytes, size * count};
    char text[64];
    value_of(line, TILL_STR("date:"), text, sizeof text);
    time_t seconds = text[0] ? curl_getdate(text, NULL) : 0;
    if (seconds > 0)
        probe->server_clock_us = (int64_t)seconds * US_PER_SECOND;
    value_of(line, TILL_STR("till-instance:"), text, sizeof text);
    if (text[0])
        snprintf(probe->instance, sizeof probe->instance, "%s", text);
    return line.len;
}

static enum probe_stage stage_of(CURL *curl, CURLcode code, bool is_tls) {
    curl_off_t resolved = 0, connected = 0, encrypted = 0;
    long port = 0;
    curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
    curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &encrypted);
    curl_easy_getinfo(curl, CURLINFO_LOCAL_PORT, &port);
    if (code == CURLE_OK)
        return PROBE_DONE;
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_URL_MALFORMAT || resolved == 0)
        return PROBE_DNS;
    if (code == CURLE_COULDNT_CONNECT || (connected == 0 && port <= 0))
        return PROBE_TCP;
    if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
        code == CURLE_SSL_CACERT_BADFILE || (is_tls && encrypted == 0))
        return PROBE_TLS;
    return PROBE_HTTP;
}

static int64_t leaf_end(CURL *curl) {
    static const char name[] = "Expire date:";
    struct curl_certinfo *chain = NULL;
    curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain);
    if (!chain || chain->num_of_certs < 1)
        return 0;
    for (struct curl_slist *line = chain->certinfo[0]; line; line = line->next)
        if (strncmp(line->data, name, sizeof name - 1) == 0) {
            time_t seconds = curl_getdate(line->data + sizeof name - 1, NULL);
            return seconds > 0 ? (int64_t)seconds * US_PER_SECOND : 0;
        }
    return 0;
}

static void set_up(CURL *curl, const char *url, const char *ca_file, int64_t timeout_us,
                   struct probe *probe, char *detail) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_us / 1000));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, note_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, probe);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    if (ca_file && *ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
}

static void read_outcome(CURL *curl, CURLcode code, bool is_tls, const char *detail,
                         struct probe *probe) {
    long status = 0;
    char *address = NULL;
    probe->failed = stage_of(curl, code, is_tls);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
    probe->status = (int)status;
    probe->certificate_expires_us = leaf_end(curl);
    snprintf(probe->address, sizeof probe->address, "%s", address ? address : "");
    if (code == CURLE_OK)
        snprintf(probe->reason, sizeof probe->reason, "HTTP %ld.", status);
    else
        snprintf(probe->reason, sizeof probe->reason, "%s",
                 detail[0] ? detail : curl_easy_strerror(code));
}

static bool is_https(struct till_str url) {
    return till_str_equal_ignoring_case(till_str_sub(url, 0, 6), TILL_STR("https:"));
}

void probe_url(struct till_arena *arena, struct till_str url, struct till_str ca_file,
               int64_t timeout_us, struct probe *ret) {
    struct till_error err;
    const char *address, *anchors;
    char detail[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    *ret = (struct probe){.failed = PROBE_DNS};
    if (!curl || !till_arena_cstr(arena, url, &address, &err) ||
        !till_arena_cstr(arena, ca_file, &anchors, &err)) {
        snprintf(ret->reason, sizeof ret->reason, "The address cannot be used.");
    } else {
        set_up(curl, address, anchors, timeout_us, ret, detail);
        read_outcome(curl, curl_easy_perform(curl), is_https(url), detail, ret);
    }
    curl_easy_cleanup(curl);
}
