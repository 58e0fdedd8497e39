/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where does the bill lie, and its bytes. The address comes from a signed answer and leads all the
 * same only to a host of bills, over the outbound policy, without redirects, with a deadline and a
 * cap. The bytes themselves are not signed by anybody: what they say is a question, never money.
 */
#include <gateway/flow/bill.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <rt/failpoint.h>

enum { ANSWER_MAX = 256 * 1024 };

static void say(struct bill_fetched *ret, enum bill_state state, const char *code,
                const char *text) {
    ret->state = state;
    snprintf(ret->code, sizeof ret->code, "%s", code);
    snprintf(ret->text, sizeof ret->text, "%s", text);
}

static void exchange(struct gateway *gw, const struct till_outgoing *outgoing, int64_t timeout_us,
                     size_t answer_max, const char *crash_points, struct till_arena *arena,
                     struct world_answer *ret) {
    struct till_pair content_type = {TILL_STR("Content-Type"), outgoing->content_type};
    struct world_request request = {.errand = WORLD_PLATFORM,
                                    .method = outgoing->method,
                                    .url = outgoing->url,
                                    .headers = &content_type,
                                    .header_count = outgoing->content_type.len > 0 ? 1 : 0,
                                    .body = outgoing->body,
                                    .timeout_us = timeout_us,
                                    .answer_max = answer_max,
                                    .crash_points = crash_points};
    world_exchange(gw->world, &request, arena, ret);
}

/* ---- the question ---- */

static void ask(struct gateway *gw, const struct till_account *account, const struct bill_row *row,
                struct till_arena *arena, struct till_bill_place *ret) {
    const struct till_bills *bills = account->channel->bills;
    struct till_bill_wish wish = {.type = row->type, .now_us = world_now_us(gw->world)};
    struct till_outgoing outgoing;
    struct world_answer answer;
    struct till_error err;
    memcpy(wish.date, row->date, sizeof wish.date);
    *ret = (struct till_bill_place){.answer = TILL_BILL_UNSAID};
    if (!bills->build(account, &wish, arena, &outgoing, &err)) {
        snprintf(ret->peer_text, sizeof ret->peer_text, "%s", err.text);
        return;
    }
    exchange(gw, &outgoing, gw->settings->upstream_timeout, ANSWER_MAX, NULL, arena, &answer);
    struct till_incoming incoming = {answer.fate, answer.status, answer.body};
    bills->parse(account, &wish, &incoming, arena, ret);
    if (answer.fate != TILL_FATE_ANSWERED)
        snprintf(ret->peer_text, sizeof ret->peer_text, "%s", answer.reason);
    capture_write(gw->capture, &(struct capture_exchange){.direction = "upstream",
                                                          .method = outgoing.method,
                                                          .url = outgoing.url,
                                                          .request_body = outgoing.body,
                                                          .answer_body = answer.body,
                                                          .status = answer.status,
                                                          .duration_us = answer.duration_us});
    if (ret->suspicious)
        security_event(gw, "answer_forged", NULL, till_str_of(row->id));
}

/* The host of an http(s) address, without its port. */
static struct till_str host_of(struct till_str url) {
    struct till_str rest = till_str_sub(url, till_str_find(url, ':') + 3, url.len);
    rest = till_str_sub(rest, 0, till_str_find(rest, '/'));
    rest = till_str_sub(rest, 0, till_str_find(rest, '?'));
    if (rest.len && rest.ptr[0] == '[')
        return till_str_sub(rest, 0, till_str_find(rest, ']') + 1);
    return till_str_sub(rest, 0, till_str_find(rest, ':'));
}

/* ---- the file ---- */

static void download(struct gateway *gw, struct till_str url, struct till_arena *arena,
                     struct bill_fetched *ret) {
    struct till_outgoing outgoing = {.method = TILL_STR("GET"), .url = url};
    struct world_answer answer;
    char text[64];
    exchange(gw, &outgoing, gw->settings->bills_timeout, (size_t)gw->settings->bills_download_max,
             "- - B1 -", arena, &answer);
    if (answer.fate != TILL_FATE_ANSWERED) {
        say(ret, BILL_FAILED, answer.stage, answer.reason);
    } else if (answer.status != 200 || answer.body.len == 0) {
        snprintf(text, sizeof text, "The download has HTTP status %d and %zu bytes.", answer.status,
                 answer.body.len);
        say(ret, BILL_FAILED, "download", text);
    } else {
        TILL_FP("B2");
        ret->archive = answer.body;
    }
}

void bill_fetch(struct gateway *gw, const struct till_account *account, const struct bill_row *row,
                struct till_arena *arena, struct bill_fetched *ret) {
    struct till_bill_place place;
    struct till_error err;
    *ret = (struct bill_fetched){.state = BILL_WANTED};
    ask(gw, account, row, arena, &place);
    say(ret, BILL_FAILED, place.peer_code, place.peer_text);
    if (place.answer == TILL_BILL_NOT_YET)
        ret->state = BILL_WANTED;
    if (place.answer == TILL_BILL_EMPTY)
        ret->state = BILL_ABSENT;
    ret->is_final = place.answer == TILL_BILL_EMPTY || place.answer == TILL_BILL_REFUSED;
    if (place.answer != TILL_BILL_READY)
        return;
    if (!account->channel->bills->host(account, host_of(place.url), &err))
        say(ret, BILL_FAILED, till_code_slug(err.code), err.text);
    else
        download(gw, place.url, arena, ret);
}
