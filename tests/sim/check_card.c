/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between the gateway and the card platform. Its answers are not signed, so what was
 * believed must be what the platform said, byte for byte, to that account's key; its events are,
 * and the signature is computed here once more. What leaves names an order or refund that is
 * durable, under its one idempotency key, over the very sum (I8, I9, I36), by the account's own key
 * (I18).
 */
#include "check_card.h"

#include <inttypes.h>
#include <stdio.h>

enum { TOLERANCE_S = 300, DIGEST_HEX = 2 * TILL_SHA256_SIZE };

bool check_is_card(struct till_str url) {
    return till_str_starts_with(url, TILL_STR(SCENE_CARD_API "/"));
}

const struct scene_merchant *check_card_merchant(const struct check *check,
                                                 const char *account_id) {
    for (size_t i = 0; i < check->scene->merchant_count; i++) {
        const struct scene_merchant *merchant = &check->scene->merchant[i];
        if (merchant->card.account_id[0] && strcmp(merchant->card.account_id, account_id) == 0)
            return merchant;
    }
    return NULL;
}

/* ---- what the platform said ---- */

/* One fact for each account and each text. */
static void name_bytes(const char *account_id, struct till_str bytes,
                       char out[TILL_ID_SIZE + DIGEST_HEX + 2]) {
    uint8_t digest[TILL_SHA256_SIZE];
    char hex[DIGEST_HEX + 1];
    till_sha256(bytes, digest);
    till_hex_encode(digest, sizeof digest, hex);
    snprintf(out, TILL_ID_SIZE + DIGEST_HEX + 2, "%s/%s", account_id, hex);
}

static const struct scene_merchant *caller_of(const struct check *check,
                                              const struct world_request *request) {
    static const struct till_str scheme = TILL_STR_INIT("Bearer ");
    struct till_str header = check_header(request, "Authorization");
    if (!till_str_starts_with(header, scheme))
        return NULL;
    struct till_str key = till_str_sub(header, scheme.len, header.len);
    for (size_t i = 0; i < check->scene->merchant_count; i++) {
        const struct scene_merchant *merchant = &check->scene->merchant[i];
        if (merchant->card.account_id[0] && till_str_is(key, merchant->card.key))
            return merchant;
    }
    return NULL;
}

/* ---- events ---- */

/* "t=1,v1=a,v1=b": the first t; whether a v1 is the one wanted. */
static bool has_part(struct till_str header, const char *name, struct till_str wanted,
                     struct till_str *ret_first) {
    size_t len = strlen(name);
    *ret_first = TILL_STR_NONE;
    while (header.len > 0) {
        size_t end = till_str_find(header, ',');
        struct till_str part = till_str_sub(header, 0, end);
        header = till_str_sub(header, end + 1, header.len);
        if (part.len <= len || part.ptr[len] != '=' || memcmp(part.ptr, name, len) != 0)
            continue;
        struct till_str value = till_str_sub(part, len + 1, part.len);
        if (ret_first->len == 0)
            *ret_first = value;
        if (till_str_equal(value, wanted))
            return true;
    }
    return false;
}

static bool is_in_time(const struct check *check, struct till_str timestamp) {
    unsigned long long at_s = 0;
    int64_t now_s = sim_time_us(check->sim) / TILL_US_PER_SECOND;
    if (!till_str_to_u64(timestamp, INT64_MAX / 2, &at_s))
        return false;
    int64_t off_s = now_s - (int64_t)at_s;
    /* Who is in time by a wrong clock is nobody's business here; a request takes its while. */
    return check->skewed_us != 0 || (off_s <= TOLERANCE_S + 60 && off_s >= -TOLERANCE_S - 60);
}

static bool is_signed(struct check *check, const struct scene_merchant *merchant,
                      const struct world_request *request) {
    struct till_str header = check_header(request, "Stripe-Signature"), timestamp, text, ignored;
    uint8_t mac[TILL_SHA256_SIZE];
    char hex[DIGEST_HEX + 1];
    struct till_error err;
    (void)has_part(header, "t", TILL_STR_NONE, &timestamp);
    bool good = timestamp.len > 0 &&
                till_arena_format(&check->arena, &text, &err, "%.*s.%.*s", TILL_STR_ARG(timestamp),
                                  TILL_STR_ARG(request->body)) &&
                till_hmac_sha256(till_str_of(merchant->card.webhook_secret), text, mac, &err);
    if (!good)
        return false;
    till_hex_encode(mac, sizeof mac, hex);
    return is_in_time(check, timestamp) && has_part(header, "v1", till_str_of(hex), &ignored);
}

/* Noted as it comes: what is believed later must have come so. */
void check_card_event(struct check *check, const struct sim_passage *passage) {
    char account_id[TILL_ID_SIZE], name[TILL_ID_SIZE + DIGEST_HEX + 2];
    check_account_of_address(check, check_path(passage->request->url), account_id,
                             sizeof account_id);
    const struct scene_merchant *merchant = check_card_merchant(check, account_id);
    if (!merchant || !is_signed(check, merchant, passage->request))
        return;
    name_bytes(account_id, passage->request->body, name);
    fact_obtain(check, "card event", till_str_of(name))->times++;
}

bool check_card_is_true(struct check *check, const char *account_id, struct till_str bytes,
                        bool is_event) {
    char name[TILL_ID_SIZE + DIGEST_HEX + 2];
    name_bytes(account_id, bytes, name);
    return fact_find(check, is_event ? "card event" : "card said", till_str_of(name)) != NULL;
}

/* A refund that did not last makes sums that were told before it untrue. */
static bool has_lost_refund(const struct seen_attempt *attempt) {
    for (const struct seen_refund *refund = attempt->refunds; refund; refund = refund->next)
        if (refund->state == REFUND_FAILED || refund->state == REFUND_REVERSED)
            return true;
    return false;
}

/* That a refund of ours came back. */
static bool is_failure_known(struct check *check, const struct seen_attempt *attempt,
                             const struct proof *proof) {
    const struct fact *fact = fact_find(check, "refund_no", till_str_of(proof->refund_no));
    const struct seen_refund *refund = fact ? fact->row : NULL;
    return !refund || refund->state == REFUND_FAILED || refund->state == REFUND_REVERSED ||
           fact_find(check, "held", till_str_of(attempt->id));
}

void check_card_notify_answer(struct check *check, const struct sim_passage *passage) {
    char account_id[TILL_ID_SIZE];
    struct card_words words;
    if (passage->response->status < 200 || passage->response->status > 299)
        return;
    check_account_of_address(check, check_path(passage->request->url), account_id,
                             sizeof account_id);
    if (!check_card_is_true(check, account_id, passage->request->body, true))
        sim_violation(check->sim, "I23", "an event that is not signed was acknowledged");
    check_card_read(passage->request->body, NULL, &words);
    const struct seen_attempt *attempt =
        seen_attempt_numbered(check, till_str_of(words.proof.order_no));
    if (!attempt || strcmp(attempt->account_id, account_id) != 0)
        return; /* other systems use the same account */
    bool is_stale = words.proof.refund_minor > 0 && has_lost_refund(attempt);
    bool is_known = words.has_failed ? is_failure_known(check, attempt, &words.proof)
                                     : words.proof.says == SAYS_NOTHING ||
                                           check_is_known(check, attempt, &words.proof);
    if (!is_stale && !is_known)
        sim_violation(check->sim, "I14",
                      "%s of %s (%s, received %" PRId64 ", held %" PRId64 ", told %" PRId64
                      ") was acknowledged before what it says was durable",
                      words.type, words.proof.order_no,
                      seen_state_name(SEEN_ATTEMPT, attempt->state), attempt->received,
                      attempt->held, words.proof.refund_minor);
    struct fact *fact = fact_obtain(check, "success", till_str_of(words.proof.order_no));
    fact->number = fact->number || words.proof.says == SAYS_PAID;
}

/* ---- what leaves ---- */

static struct till_str parameter(struct check *check, const struct world_request *request,
                                 const char *name) {
    struct till_form form;
    struct till_error ignored;
    bool parsed = till_form_parse(&check->arena, request->body, &form, &ignored);
    return parsed ? till_form_get(&form, name) : TILL_STR_NONE;
}

/* ---- what the platform answers ---- */

/* A creation that is refused for what it is: the platform has taken no order under this number, and
 * takes none from these bytes any more (ADR 039). A limit or a key says nothing of the kind. */
static void note_refusal(struct check *check, const struct sim_passage *passage) {
    static const int refusals[] = {400, 402, 404};
    bool is_refused = false;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        is_refused = is_refused || passage->response->status == refusals[i];
    if (!is_refused || !till_str_is(passage->request->method, "POST") ||
        !till_str_is(check_path(passage->request->url), "/v1/checkout/sessions"))
        return;
    struct till_str number = parameter(check, passage->request, "metadata[till_no]");
    struct seen_attempt *attempt = seen_attempt_numbered(check, number);
    if (attempt)
        attempt->proven_closed = true;
}

void check_card_said(struct check *check, const struct sim_passage *passage) {
    char name[TILL_ID_SIZE + DIGEST_HEX + 2];
    const struct scene_merchant *merchant = caller_of(check, passage->request);
    if (!merchant || !check_is_card(passage->request->url))
        return;
    name_bytes(merchant->card.account_id, passage->response->body, name);
    fact_obtain(check, "card said", till_str_of(name))->times++;
    note_refusal(check, passage);
}

static void check_key(struct check *check, const char *rule, const struct world_request *request,
                      const char *number) {
    char wanted[SEEN_NUMBER + 8];
    struct till_str key = check_header(request, "Idempotency-Key");
    snprintf(wanted, sizeof wanted, "till-%s", number);
    if (!till_str_is(key, wanted))
        sim_violation(check->sim, rule, "%s was sent under the idempotency key %.*s", number,
                      TILL_STR_ARG(key));
}

/* Smallest units of the platform; of the currencies here they are ours. */
static bool is_sum(struct till_str units, int64_t minor) {
    unsigned long long number = 0;
    return till_str_to_u64(units, INT64_MAX, &number) && (int64_t)number == minor;
}

static void check_begins(struct check *check, const struct seen_attempt *attempt,
                         const struct world_request *request) {
    struct till_str units = parameter(check, request, "line_items[0][price_data][unit_amount]");
    struct till_str currency = parameter(check, request, "line_items[0][price_data][currency]");
    struct till_str text;
    struct till_error ignored;
    uint8_t digest[TILL_SHA256_SIZE];
    bool written =
        till_arena_format(&check->arena, &text, &ignored, "POST %.*s\n%.*s",
                          TILL_STR_ARG(check_path(request->url)), TILL_STR_ARG(request->body));
    till_sha256(written ? text : TILL_STR_NONE, digest);
    if (memcmp(digest, attempt->business, sizeof digest) != 0)
        sim_violation(check->sim, "I9", "%s was sent with other content than was stored before",
                      attempt->upstream_no);
    if (!is_sum(units, attempt->amount) ||
        !till_str_equal_ignoring_case(currency, till_str_of(attempt->payment->currency)))
        sim_violation(check->sim, "I36",
                      "%s asks the buyer for %.*s %.*s instead of %" PRId64 " %s",
                      attempt->upstream_no, TILL_STR_ARG(units), TILL_STR_ARG(currency),
                      attempt->amount, attempt->payment->currency);
    check_same_words(check, "I9", "begun", till_str_of(attempt->upstream_no), request->body);
    check_key(check, "I9", request, attempt->upstream_no);
}

static void check_refunds(struct check *check, const struct seen_attempt *attempt,
                          const struct world_request *request) {
    struct till_str number = parameter(check, request, "metadata[till_refund_no]");
    struct till_str units = parameter(check, request, "amount");
    const struct fact *fact = fact_find(check, "refund_no", number);
    const struct seen_refund *refund = fact ? fact->row : NULL;
    if (!refund || refund->attempt != attempt)
        sim_violation(check->sim, "I8",
                      "the refund number %.*s of %s was sent and no such refund is durable",
                      TILL_STR_ARG(number), attempt->upstream_no);
    if (!is_sum(units, refund->amount))
        sim_violation(check->sim, "I36", "%s asks for %.*s instead of %" PRId64, refund->id,
                      TILL_STR_ARG(units), refund->amount);
    check_same_words(check, "I8", "refunded", number, request->body);
    check_key(check, "I8", request, refund->refund_no);
}

void check_card_call(struct check *check, const struct sim_passage *passage) {
    const struct world_request *request = passage->request;
    struct till_str path = check_path(request->url);
    bool begins = till_str_is(path, "/v1/checkout/sessions");
    bool refunds = till_str_is(path, "/v1/refunds");
    const struct scene_merchant *merchant = caller_of(check, request);
    if (!merchant)
        sim_violation(check->sim, "I18", "%.*s was called with nobody's key", TILL_STR_ARG(path));
    if (!till_str_is(request->method, "POST") || (!begins && !refunds))
        return;
    struct till_str number = parameter(check, request, "metadata[till_no]");
    const struct seen_attempt *attempt = seen_attempt_numbered(check, number);
    if (!attempt)
        sim_violation(check->sim, "I9",
                      "%.*s for the number %.*s was sent; no such attempt is durable",
                      TILL_STR_ARG(path), TILL_STR_ARG(number));
    if (check_card_merchant(check, attempt->account_id) != merchant)
        sim_violation(check->sim, "I18", "%s of account %s was sent with another merchant's key",
                      attempt->upstream_no, attempt->account_id);
    if (begins)
        check_begins(check, attempt, request);
    else
        check_refunds(check, attempt, request);
}
