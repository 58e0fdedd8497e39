/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of connection and HTTP. The answer of a spoiled call was written as usual; this decides
 * what of it arrives. Waits (delay), never under the lock.
 */
#include <sandbox/call.h>

#include <stdlib.h>

enum { BIG_BYTES = 10 * 1024 * 1024, BOMB_BYTES = 4 * 1024 * 1024 };

static void cut(struct http_response *response, enum http_wire wire) {
    response->status = 200;
    response->content_type = TILL_STR("text/html;charset=utf-8");
    response->body = TILL_STR_NONE;
    response->close = true;
    response->wire = wire;
}

static void show_proxy_page(struct http_response *response, int64_t status) {
    response->status = status >= 400 && status < 600 ? (int)status : 502;
    response->content_type = TILL_STR("text/html");
    response->body = TILL_STR("<html><head><title>Error</title></head><body><center><h1>The "
                              "upstream server did not answer</h1></center></body></html>\n");
}

static void redirect(struct call *call, struct http_response *response) {
    struct till_str place = till_str_of(call->faults.argument[FAULT_REDIRECT]);
    response->status = 302;
    response->content_type = TILL_STR("text/html");
    response->body = TILL_STR("moved");
    place = place.len && till_str_is_printable_ascii(place) ? platform_keep(call->arena, place)
                                                            : TILL_STR("http://evil.example/");
    http_response_header(response, TILL_STR("Location"), place);
}

static void wait_ms(struct call *call, enum fault fault) {
    int64_t ms = fault_number(&call->faults, fault, 1000);
    world_sleep_us(call->sandbox->world, (ms < 600000 ? ms : 600000) * 1000);
}

/* True: this is all that happens. */
bool spoil_before(struct call *call, struct http_response *response) {
    const bool *on = call->faults.on;
    if (on[FAULT_DELAY])
        wait_ms(call, FAULT_DELAY);
    if (on[FAULT_DROP_BEFORE])
        cut(response, HTTP_WIRE_CUT);
    else if (on[FAULT_RESET_BEFORE])
        cut(response, HTTP_WIRE_RESET);
    else if (on[FAULT_HTTP_BEFORE])
        show_proxy_page(response, fault_number(&call->faults, FAULT_HTTP_BEFORE, 502));
    else if (on[FAULT_REDIRECT])
        redirect(call, response);
    else
        return false;
    return true;
}

/* Made once, kept until the sandbox closes: the same bytes serve every call. */
static struct till_str big_answer(struct sandbox *sandbox) {
    static const char head[] = "{\"alipay_trade_query_response\":{\"code\":\"10000\",\"msg\":\"";
    static const char tail[] = "\"}}";
    platform_lock(sandbox);
    if (!sandbox->big_answer && (sandbox->big_answer = malloc(BIG_BYTES))) {
        memset(sandbox->big_answer, 'A', BIG_BYTES);
        memcpy(sandbox->big_answer, head, sizeof head - 1);
        memcpy(sandbox->big_answer + BIG_BYTES - (sizeof tail - 1), tail, sizeof tail - 1);
    }
    struct till_str text = {sandbox->big_answer, sandbox->big_answer ? BIG_BYTES : 0};
    platform_unlock(sandbox);
    return text;
}

struct bits {
    unsigned char *bytes;
    size_t count; /* of bits */
};

/* DEFLATE packs from the lowest bit; Huffman codes go in from their highest. */
static void put_code(struct bits *bits, unsigned code, int length) {
    for (int i = length - 1; i >= 0; i--, bits->count++)
        bits->bytes[bits->count / 8] |= (unsigned char)(((code >> i) & 1u) << (bits->count % 8));
}

/* One block of fixed codes (RFC 1951 3.2.6): an 'A', then 258 times the same, again and again. */
static void fill_bomb(unsigned char *bytes, size_t size) {
    static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    memcpy(bytes, head, sizeof head);
    struct bits bits = {bytes + sizeof head, 0};
    put_code(&bits, 0, 1); /* not the last block */
    put_code(&bits, 1, 1); /* fixed codes: 01, lowest bit first */
    put_code(&bits, 0, 1);
    put_code(&bits, 0x30 + 'A', 8);
    while (bits.count + 64 < (size - sizeof head) * 8) {
        put_code(&bits, 0xc5, 8); /* length 258 */
        put_code(&bits, 0, 5);    /* distance 1 */
    }
}

static struct till_str bomb(struct sandbox *sandbox) {
    platform_lock(sandbox);
    if (!sandbox->bomb && (sandbox->bomb = calloc(1, BOMB_BYTES)))
        fill_bomb((unsigned char *)sandbox->bomb, BOMB_BYTES);
    struct till_str text = {sandbox->bomb, sandbox->bomb ? BOMB_BYTES : 0};
    platform_unlock(sandbox);
    return text;
}

static void spoil_body(struct call *call, struct http_response *response) {
    static const char noise[] = "\x8f\x03{\"alipay_trade_\xff\xfe\"::]]\x01\x7f";
    const bool *on = call->faults.on;
    if (on[FAULT_HTTP_AFTER])
        show_proxy_page(response, fault_number(&call->faults, FAULT_HTTP_AFTER, 504));
    if (on[FAULT_HTML])
        response->body = TILL_STR("<!DOCTYPE html><html><head><title>Notice</title></head><body>"
                                  "<h1>Maintenance</h1></body></html>");
    if (on[FAULT_EMPTY])
        response->body = TILL_STR_NONE;
    if (on[FAULT_GARBAGE])
        response->body = (struct till_str){noise, sizeof noise - 1};
    if (on[FAULT_BIG])
        response->body = big_answer(call->sandbox);
    if (!on[FAULT_GZIP_BOMB])
        return;
    response->body = bomb(call->sandbox);
    http_response_header(response, TILL_STR("Content-Encoding"), TILL_STR("gzip"));
}

void spoil_after(struct call *call, struct http_response *response) {
    const bool *on = call->faults.on;
    if (on[FAULT_DELAY_ANSWER])
        wait_ms(call, FAULT_DELAY_ANSWER);
    if (on[FAULT_DROP_AFTER]) {
        cut(response, HTTP_WIRE_CUT);
        return;
    }
    if (on[FAULT_RESET_AFTER]) {
        cut(response, HTTP_WIRE_RESET);
        return;
    }
    spoil_body(call, response);
    if (on[FAULT_HALF])
        response->wire = HTTP_WIRE_HALF;
    if (on[FAULT_DRIP]) {
        response->wire = HTTP_WIRE_DRIP;
        response->wire_pause_us = fault_number(&call->faults, FAULT_DRIP, 1000) * 1000;
    }
}
