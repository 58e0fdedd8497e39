/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: who is no trusted proxy speaks for himself only; what a client writes in front of the
 * proxies' words changes nothing. Input: trusted prefixes, the peer, then a header each line. */
#include <string.h>

#include <rt/http_peers.h>

#include "tests/fuzz/fuzz.h"

enum { HEADERS = 8 };

static bool is_same(struct http_address a, struct http_address b) {
    return a.known == b.known && (!a.known || memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0);
}

static void check_text(const struct http_address *address) {
    char text[HTTP_ADDRESS_TEXT];
    struct http_address back;
    http_address_format(address, text);
    bool good = !address->known || http_address_parse(till_str_of(text), &back);
    assert(good && (!address->known || is_same(*address, back)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct till_error err;
    struct till_str rest = fuzz_input(bytes, size);
    struct http_prefixes trusted;
    struct http_address peer = {.known = false}; /* of the Unix socket, when it is no address */
    struct till_pair headers[HEADERS + 1] = {
        {TILL_STR("x-forwarded-for"), TILL_STR("198.51.100.66, 198.51.100.77")}};
    size_t count = 0;
    if (!http_prefixes_parse(fuzz_line(&rest), &trusted, &err))
        return assert(err.code == TILL_E_SETTING_INVALID), 0;
    (void)http_address_parse(fuzz_line(&rest), &peer);
    while (rest.len > 0 && count < HEADERS)
        headers[++count] = (struct till_pair){TILL_STR("X-Forwarded-For"), fuzz_line(&rest)};
    struct http_address client = http_client_address(&trusted, &peer, headers + 1, count);
    check_text(&client);
    if (!http_prefixes_hold(&trusted, &peer))
        assert(is_same(client, peer));
    if (!http_prefixes_hold(&trusted, &client))
        assert(is_same(client, http_client_address(&trusted, &peer, headers, count + 1)));
    return 0;
}
