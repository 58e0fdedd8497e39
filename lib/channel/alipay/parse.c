/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came back into a verdict, in three doors: a complete HTTP answer, a good signature over the
 * node's exact bytes by the platform's own key or certificate, an object in that span (in the
 * envelope, for an account with a content key). Each door that stays shut ends in UNKNOWN: silence,
 * garbage and forgery are answers, and none of them moves money.
 *
 * An error without a signature (an unknown app_id is answered so) stays UNKNOWN too, also for an
 * order being created: its code is shown, but whoever can write to the connection could have
 * written it. An unsigned success is a security event.
 */
#include "lib/channel/alipay/wire.h"

#include <stdio.h>

#include "lib/channel/alipay/envelope.h"
#include "lib/channel/alipay/reading.h"
#include "lib/channel/alipay/trust.h"

enum { ANSWER_MAX = 256 * 1024 };

/* The unsigned node's code, for people to see; nothing else of it is used. */
static void show_unsigned(const struct till_alipay_answer *answer, struct reading *reading) {
    struct till_error err;
    struct till_json *node = NULL;
    if (!till_json_parse(answer->node, &node, &err)) {
        verdict_say(reading->verdict, "The answer is not signed and its content is not JSON.");
        return;
    }
    reading->node = node;
    reading_name_peer(reading);
    reading->verdict->suspicious = till_str_is(till_json_get_str(node, "code"), "10000");
    till_json_release(node);
}

/* Door one: a whole answer with status 200, not a redirect or an error page. */
static bool is_complete(const struct till_incoming *incoming, struct till_verdict *verdict) {
    char text[64];
    if (incoming->fate == TILL_FATE_UNSENT) {
        verdict->outcome = TILL_UNSENT;
        verdict_say(verdict, "Nothing was sent.");
    } else if (incoming->fate == TILL_FATE_LOST) {
        verdict_say(verdict, "No complete answer came back.");
    } else if (incoming->status != 200) {
        (void)snprintf(text, sizeof text, "The answer has HTTP status %d.", incoming->status);
        verdict->retry_later = incoming->status == 429 || incoming->status == 503;
        verdict_say(verdict, text);
    } else if (incoming->body.len > ANSWER_MAX) {
        verdict_say(verdict, "The answer is larger than any of this platform.");
    } else {
        return true;
    }
    return false;
}

/* A certificate that the account does not know, or none where there must be one, or the reverse:
 * nothing is read, and of the first kind the name is told, so that somebody may fetch it. */
static bool find_signer(const struct till_account *account, const struct till_alipay_answer *answer,
                        struct reading *reading, const struct till_key **ret_key) {
    const struct alipay_account *a = alipay_of(account);
    struct till_error err;
    switch (trust_signer_of(a, answer->cert_sn, reading->ask->now_us, ret_key)) {
    case TRUST_KEY:
        return true;
    case TRUST_UNKNOWN:
        verdict_say(reading->verdict, "The answer is signed under another platform certificate.");
        if (!till_arena_copy(reading->arena, answer->cert_sn, &reading->verdict->certificate_wanted,
                             &err))
            verdict_say(reading->verdict, err.text);
        return false;
    default:
        verdict_say(reading->verdict,
                    alipay_has_certificates(a)
                        ? "The answer names no certificate and the account is in certificate mode."
                        : "The answer names a certificate and the account is in key mode; set "
                          "app_cert, platform_cert and root_cert.");
        return false;
    }
}

/* An error from before the platform knew the app carries no signature, whatever the mode. */
static bool is_unsigned(const struct till_alipay_answer *answer, struct reading *reading) {
    if (answer->sign.len > 0)
        return false;
    show_unsigned(answer, reading);
    return true;
}

/* Door two: the span under a good signature. */
static bool is_signed(const struct till_account *account, struct till_str body,
                      struct reading *reading, struct till_alipay_answer *ret_answer) {
    const struct till_key *key = NULL;
    struct till_str method;
    struct till_error err;
    if (!alipay_method(reading->ask, &method, &err) ||
        !till_alipay_answer_split(body, method, ret_answer, &err)) {
        verdict_say(reading->verdict, err.text);
        return false;
    }
    if (is_unsigned(ret_answer, reading) || !find_signer(account, ret_answer, reading, &key))
        return false;
    if (till_alipay_answer_verify(reading->arena, ret_answer, key, alipay_of(account)->algorithm,
                                  &err))
        return true;
    reading->verdict->suspicious = err.code == TILL_E_SIGNATURE_WRONG;
    verdict_say(reading->verdict, err.text);
    return false;
}

bool alipay_open(const struct till_account *account, const struct till_ask *ask,
                 const struct till_incoming *incoming, struct till_arena *arena,
                 struct till_verdict *verdict, struct till_json **ret_node) {
    struct reading reading = {.ask = ask, .arena = arena, .verdict = verdict};
    struct till_alipay_answer answer;
    struct till_error err;
    if (!is_complete(incoming, verdict) || !is_signed(account, incoming->body, &reading, &answer))
        return false;
    verdict->verified = true;
    if (envelope_open(alipay_of(account), answer.node, arena, ret_node, &err))
        return true;
    verdict_say(verdict, err.text);
    return false;
}

void alipay_parse(const struct till_account *account, const struct till_ask *ask,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_verdict *ret_verdict) {
    struct till_verdict verdict = {.outcome = TILL_UNKNOWN};
    TILL_JSON_SCOPED struct till_json *node = NULL;
    if (alipay_open(account, ask, incoming, arena, &verdict, &node)) {
        struct reading reading = {.ask = ask, .node = node, .arena = arena, .verdict = &verdict};
        reading_decide(&reading);
    }
    *ret_verdict = verdict;
}
