/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an exchange ended, in the words of the real client (rt/upstream_judge.c): UNSENT only when
 * nothing can have left, ANSWERED only with a whole answer, everything else LOST.
 */
#include "network.h"

static void end(struct world_answer *answer, enum till_fate fate, const char *stage,
                const char *reason) {
    *answer = (struct world_answer){.fate = fate};
    snprintf(answer->stage, sizeof answer->stage, "%s", stage);
    snprintf(answer->reason, sizeof answer->reason, "%s", reason);
}

void judge_refused(struct world_answer *ret) {
    end(ret, TILL_FATE_UNSENT, "connect", "Nobody accepts connections at the address.");
}

void judge_no_name(struct world_answer *ret) {
    end(ret, TILL_FATE_UNSENT, "dns", "The host name has no address.");
}

void judge_no_connection(struct world_answer *ret) {
    end(ret, TILL_FATE_UNSENT, "connect", "No connection was made in time.");
}

void judge_stopped(bool sent, struct world_answer *ret) {
    end(ret, sent ? TILL_FATE_LOST : TILL_FATE_UNSENT, sent ? "wait" : "connect",
        "This instance is stopping.");
}

static struct till_str header_of(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_equal_ignoring_case(response->headers[i].name, till_str_of(name)))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

/* The head and that part of the body. */
static void take(const struct letter *letter, struct till_str body, struct till_arena *arena,
                 struct world_answer *ret) {
    struct till_error err;
    const struct http_response *response = &letter->response;
    end(ret, TILL_FATE_ANSWERED, "done", "");
    ret->status = response->status;
    if (till_arena_copy(arena, body, &ret->body, &err) &&
        till_arena_copy(arena, till_str_sub(response->content_type, 0, NETWORK_CONTENT_TYPE - 1),
                        &ret->content_type, &err) &&
        till_arena_copy(
            arena, till_str_sub(header_of(response, "Retry-After"), 0, NETWORK_RETRY_AFTER - 1),
            &ret->retry_after, &err))
        return;
    end(ret, TILL_FATE_LOST, "read", "No memory was left for the answer.");
}

static void take_prefix(const struct letter *letter, struct till_str body, size_t max,
                        struct till_arena *arena, struct world_answer *ret) {
    take(letter, till_str_sub(body, 0, max), arena, ret);
}

void judge_late(const struct letter *letter, struct till_arena *arena, struct world_answer *ret) {
    const struct world_request *request = &letter->request;
    if (!letter->head_is_out) {
        end(ret, TILL_FATE_LOST, "wait", "No answer came before the deadline.");
        return;
    }
    if (!request->keep_prefix) {
        end(ret, TILL_FATE_LOST, "read", "The answer was not complete at the deadline.");
        return;
    }
    size_t came = letter->bytes_out < request->answer_max ? letter->bytes_out : request->answer_max;
    take_prefix(letter, letter->response.body, came, arena, ret);
}

/* What stands between the two answers in the server's place. A webhook's status is its whole
 * answer: of it garbage leaves what the server said, or nobody could promise a delivery. */
static void answer_of_others(const struct letter *letter, const struct world_request *request,
                             struct world_answer *ret) {
    enum letter_fate fate = letter->fate;
    int status = request->keep_prefix ? letter->response.status : 200;
    end(ret, TILL_FATE_ANSWERED, "done", "");
    ret->status = fate == LETTER_GARBAGE ? status : 502;
    ret->content_type = TILL_STR("text/html");
    ret->body = fate == LETTER_GARBAGE ? TILL_STR("\x01\x02 not what was asked for {")
                                       : TILL_STR("<html><body>502 Bad Gateway</body></html>");
}

static void judge_half(const struct letter *letter, const struct world_request *request,
                       struct till_arena *arena, struct world_answer *ret) {
    struct till_str half = till_str_sub(letter->response.body, 0, letter->response.body.len / 2);
    if (request->keep_prefix)
        take_prefix(letter, half, request->answer_max, arena, ret);
    else
        end(ret, TILL_FATE_LOST, "read", "The connection broke before the answer was complete.");
}

void judge_letter(const struct letter *letter, const struct world_request *request,
                  struct till_arena *arena, struct world_answer *ret) {
    struct till_str body = letter->response.body;
    switch (letter->end) {
    case LETTER_CLOSED:
        end(ret, TILL_FATE_LOST, "wait", "The connection was closed before an answer.");
        return;
    case LETTER_RESET:
        end(ret, TILL_FATE_LOST, "wait", "The connection broke before the answer was complete.");
        return;
    case LETTER_HALF:
        judge_half(letter, request, arena, ret);
        return;
    case LETTER_OPEN:
    case LETTER_WHOLE:
        break;
    }
    if (letter->fate == LETTER_GARBAGE || letter->fate == LETTER_BAD_GATEWAY)
        answer_of_others(letter, request, ret);
    else if (body.len <= request->answer_max)
        take(letter, body, arena, ret);
    else if (request->keep_prefix)
        take_prefix(letter, body, request->answer_max, arena, ret);
    else
        end(ret, TILL_FATE_LOST, "read", "The answer was larger than its limit.");
}
