/* SPDX-License-Identifier: Apache-2.0 */
/* Law: where our reading of an address says yes, libcurl reads the same scheme, host and port. */
#include <curl/curl.h>
#include <stdlib.h>

#include <rt/outbound.h>

#include "tests/fuzz/fuzz.h"

static void compare(CURLU *parts, CURLUPart part, struct till_str ours) {
    char *theirs = NULL;
    CURLUcode code = curl_url_get(parts, part, &theirs, CURLU_DEFAULT_PORT);
    assert(code == CURLUE_OK);
    assert(till_str_equal_ignoring_case(ours, till_str_of(theirs)));
    curl_free(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct outbound_url url;
    struct till_str host, port;
    const char *text;
    struct outbound_policy *policy = NULL;
    if (outbound_policy_parse(fuzz_input(bytes, size), &policy, &err))
        outbound_policy_free(policy);
    if (!outbound_url_parse(fuzz_input(bytes, size), &url, &err))
        return 0;
    bool good = till_arena_cstr(&arena, fuzz_input(bytes, size), &text, &err) &&
                till_arena_format(&arena, &port, &err, "%u", url.port) &&
                till_arena_format(&arena, &host, &err, url.family == AF_INET6 ? "[%.*s]" : "%.*s",
                                  TILL_STR_ARG(url.host));
    assert(good);
    CURLU *parts = curl_url();
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, text, CURLU_PATH_AS_IS);
    assert(code == CURLUE_OK);
    compare(parts, CURLUPART_SCHEME, till_str_of(url.is_https ? "https" : "http"));
    if (url.family != AF_INET6) /* it normalises those */
        compare(parts, CURLUPART_HOST, host);
    compare(parts, CURLUPART_PORT, port);
    char *user = NULL;
    assert(curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_NO_USER);
    curl_url_cleanup(parts);
    return 0;
}
