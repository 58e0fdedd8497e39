/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of a proxy's heads: a longer text never turns WHOLE into something else, nothing is read
 * beyond the head, and what is passed on is one clean head that a strict reader takes to be the
 * same request. */
#include <string.h>

#include <rt/tunnel_head.h>

#include "tests/fuzz/fuzz.h"

static size_t blank_line(const char *text, size_t len) {
    for (size_t i = 0; i + 4 <= len; i++)
        if (memcmp(text + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return 0;
}

static void check_written(const struct tunnel_head *head) {
    static char out[2 * TUNNEL_HEAD_MAX];
    size_t len = 0, hosts = 0;
    bool written = tunnel_head_write(head, out, sizeof out, &len);
    assert(written);
    assert(blank_line(out, len) == len); /* one head and no byte more */
    for (size_t i = 0; i < len; i++)
        assert((unsigned char)out[i] >= 0x20 || strchr("\r\n\t", out[i]));
    for (size_t i = 0; i + 7 <= len; i++)
        hosts += memcmp(out + i, "\nHost: ", 7) == 0;
    assert(hosts == 1);
    assert(memcmp(out, head->method.ptr, head->method.len) == 0 && out[head->method.len] == ' ' &&
           out[head->method.len + 1] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct till_str input = fuzz_input(bytes, size);
    struct tunnel_head head, again;
    const char *why = NULL;
    enum tunnel_reading reading = tunnel_head_read(input, &head, &why);
    if (reading == TUNNEL_BAD || reading == TUNNEL_LARGE)
        return assert(why && *why), 0;
    if (reading == TUNNEL_MORE)
        return assert(size < TUNNEL_HEAD_MAX), 0;
    assert(head.len <= size && head.len <= TUNNEL_HEAD_MAX && head.port > 0);
    assert(blank_line(input.ptr, size) == head.len);
    assert(head.host.len > 0 && head.host.len <= TUNNEL_HOST_MAX);
    assert(head.header_count <= TUNNEL_HEADERS_MAX);
    assert(tunnel_head_read(till_str_sub(input, 0, head.len), &again, &why) == TUNNEL_WHOLE);
    assert(again.len == head.len && till_str_equal(again.host, head.host));
    assert(tunnel_head_read(till_str_sub(input, 0, head.len - 1), &again, &why) != TUNNEL_WHOLE);
    if (!head.is_connect)
        check_written(&head);
    return 0;
}
