/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came back into a verdict, in three doors: a complete HTTP answer, one JSON object with the
 * status that belongs to it, an object of the kind that was asked for and about what we asked.
 * Nothing is signed: that the answer came through TLS from the API's own host is the proof of its
 * origin (ADR 040), and the echo of our number, amount and mode that of its meaning.
 */
#include "lib/channel/stripe/wire.h"

#include <stdio.h>

#include "lib/channel/common.h"
#include "lib/channel/stripe/reading.h"

enum { ANSWER_MAX = 256 * 1024 };

/* Door one. A redirect or another success than 200 is none of this API's. */
static bool is_complete(const struct till_incoming *incoming, const struct reading *r) {
    char text[64];
    if (incoming->fate == TILL_FATE_UNSENT) {
        stripe_doubt(r, "Nothing was sent.");
        r->verdict->outcome = TILL_UNSENT;
    } else if (incoming->fate == TILL_FATE_LOST) {
        stripe_doubt(r, "No complete answer came back.");
    } else if (incoming->status != 200 && (incoming->status < 400 || incoming->status > 599)) {
        (void)snprintf(text, sizeof text, "The answer has HTTP status %d.", incoming->status);
        stripe_doubt(r, text);
    } else if (incoming->body.len > ANSWER_MAX) {
        stripe_doubt(r, "The answer is larger than any of this platform.");
    } else {
        return true;
    }
    return false;
}

/* The name under which codes.def has the error: its code where the content decides, the status
 * where that alone does. */
static struct till_str name_of(const struct reading *r, int status, struct till_str type,
                               struct till_str code, char room[16]) {
    bool by_content = status == 400 || status == 402 || status == 404;
    if (!by_content) {
        (void)snprintf(room, 16, "http_%d", status);
        return till_str_of(room);
    }
    if (till_str_is(type, "idempotency_error"))
        return type;
    return till_stripe_code_find(code, r->ask->operation) ? code : type;
}

/* "Invalid API Key provided: sk_test_****" and the like are told in our own words. */
static struct till_str words_of(int status, const struct till_json *error) {
    return status == 401 ? TILL_STR("The platform does not know the account's secret key.")
                         : till_json_get_str(error, "message");
}

static void read_error(const struct reading *r, int status, const struct till_json *error) {
    struct till_verdict *v = r->verdict;
    char room[16];
    struct till_str type = till_json_get_str(error, "type");
    struct till_str code = till_json_get_str(error, "code");
    struct till_str name = name_of(r, status, type, code, room);
    const struct till_stripe_code *meaning = till_stripe_code_find(name, r->ask->operation);
    common_put(v->peer_code, sizeof v->peer_code, code.len ? code : name);
    common_put(v->peer_text, sizeof v->peer_text, words_of(status, error));
    v->verified = true;
    if (!meaning)
        return;
    stripe_settle(r, meaning->outcome, meaning->trade);
    v->retry_later = meaning->retry_later;
    v->is_down = v->is_down || meaning->is_down;
    v->suspicious = meaning->suspicious;
}

/* Door two. An error without an error in it is somebody's on the way: it decides nothing, but that
 * the platform is down is believed, since it only makes us wait. */
static void read_body(const struct reading *r, const struct till_incoming *incoming) {
    TILL_JSON_SCOPED struct till_json *node = NULL;
    struct reading whole = *r;
    struct till_error err;
    r->verdict->is_down = incoming->status >= 500;
    r->verdict->retry_later = incoming->status == 429;
    if (!till_json_parse(incoming->body, &node, &err)) {
        stripe_doubt(r,
                     incoming->status == 200 ? err.text : "The error is none of the platform's.");
        return;
    }
    const struct till_json *error = till_json_member(node, "error");
    whole.node = node;
    if (incoming->status == 200)
        stripe_decide(&whole);
    else if (till_json_is_string(till_json_member(error, "type")))
        read_error(r, incoming->status, error);
    else
        stripe_doubt(r, "The error is none of the platform's.");
}

void stripe_parse(const struct till_account *account, const struct till_ask *ask,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_verdict *ret_verdict) {
    struct till_verdict verdict = {.outcome = TILL_UNKNOWN};
    const struct reading reading = {
        .account = account, .ask = ask, .arena = arena, .verdict = &verdict};
    if (is_complete(incoming, &reading))
        read_body(&reading, incoming);
    *ret_verdict = verdict;
}
