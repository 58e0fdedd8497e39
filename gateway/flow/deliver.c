/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhooks: the same event id and the same bytes until the merchant says 2xx, for over 72 hours.
 * One delivery is claimed at a time and under a lease, and the store never gives out more than a
 * few of one endpoint, so that however slow it is, the other workers serve everybody else.
 */
#include <gateway/flow/flow.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <gateway/store/rotation.h>
#include <rt/failpoint.h>
#include <till/time.h>
#include <till/webhook.h>

enum { ANSWER_KEPT = 1024, DELIVERIES_A_ROUND = 32, HEADERS = 6 };
#define LEASE_SLACK_US (15 * TILL_US_PER_SECOND)
#define PAUSE_US (TILL_US_PER_SECOND / 4)
#define RETRY_AFTER_MAX_US (86400 * TILL_US_PER_SECOND)

/* The wait before each attempt (Standard Webhooks); 75 h 35 min in all before jitter. */
static const int64_t waits_s[] = {0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
enum { ATTEMPTS_MAX = sizeof waits_s / sizeof waits_s[0] };

/* ---- the message ---- */

/* Those of the list that are alive now. */
static bool read_secrets(struct till_str text, int64_t now_us,
                         struct till_secret secrets[SECRETS_ALIVE_MAX], size_t *ret_count,
                         struct till_error *err) {
    struct till_str secret;
    int64_t ends_us;
    size_t count = 0;
    for (; secret_next(&text, now_us, &secret, &ends_us); count++) {
        if (count == SECRETS_ALIVE_MAX)
            return TILL_FAIL(err, KEY_INVALID, "The endpoint has more than %d secrets.",
                             SECRETS_ALIVE_MAX);
        if (!till_webhook_secret_parse(secret, &secrets[count], err))
            return false;
    }
    if (count == 0)
        return TILL_FAIL(err, KEY_WEAK, "The endpoint has no secret; nothing is sent unsigned.");
    *ret_count = count;
    return true;
}

static bool sign(const struct delivery_row *row, int64_t now_s, struct till_arena *arena,
                 struct till_str *ret_signature, struct till_error *err) {
    struct till_secret secrets[SECRETS_ALIVE_MAX] = {{.len = 0}};
    size_t count = 0;
    bool is_signed = read_secrets(row->secrets, now_s * TILL_US_PER_SECOND, secrets, &count, err) &&
                     till_webhook_sign(arena, secrets, count, till_str_of(row->event_id), now_s,
                                       row->body, ret_signature, err);
    till_wipe(secrets, sizeof secrets);
    return is_signed;
}

/* One trace for all attempts of an event, a new span for each. */
static bool trace(struct gateway *gw, const struct delivery_row *row, struct till_arena *arena,
                  struct till_str *ret_traceparent, struct till_error *err) {
    uint8_t digest[TILL_SHA256_SIZE], span[8];
    char trace_hex[33], span_hex[17];
    till_sha256(till_str_of(row->event_id), digest);
    world_random(gw->world, span, sizeof span);
    till_hex_encode(digest, 16, trace_hex);
    till_hex_encode(span, sizeof span, span_hex);
    return till_arena_format(arena, ret_traceparent, err, "00-%s-%s-01", trace_hex, span_hex);
}

static bool write_headers(struct gateway *gw, const struct delivery_row *row,
                          struct till_arena *arena, struct till_pair headers[HEADERS],
                          struct till_error *err) {
    int64_t now_s = world_now_us(gw->world) / TILL_US_PER_SECOND;
    struct till_str timestamp, signature, traceparent;
    if (!till_arena_format(arena, &timestamp, err, "%lld", (long long)now_s) ||
        !sign(row, now_s, arena, &signature, err) || !trace(gw, row, arena, &traceparent, err))
        return false;
    headers[0] = (struct till_pair){TILL_STR("Content-Type"), TILL_STR("application/json")};
    headers[1] = (struct till_pair){TILL_STR("webhook-id"), till_str_of(row->event_id)};
    headers[2] = (struct till_pair){TILL_STR("webhook-timestamp"), timestamp};
    headers[3] = (struct till_pair){TILL_STR("webhook-signature"), signature};
    headers[4] = (struct till_pair){TILL_STR("traceparent"), traceparent};
    headers[5] = (struct till_pair){TILL_STR("User-Agent"), TILL_STR("till-webhook")};
    return true;
}

/* ---- one attempt ---- */

static void fail(struct world_answer *answer, const char *stage, const struct till_error *err) {
    *answer = (struct world_answer){.fate = TILL_FATE_UNSENT};
    snprintf(answer->stage, sizeof answer->stage, "%s", stage);
    snprintf(answer->reason, sizeof answer->reason, "%.150s", err->text);
}

/* The address is judged at every sending, whatever was true when it was saved (S-102). */
static void send(struct gateway *gw, const struct delivery_row *row, struct till_arena *arena,
                 struct world_answer *ret_answer) {
    struct till_pair headers[HEADERS];
    struct till_error err;
    if (!address_check_notify(gw, row->url, &err)) {
        fail(ret_answer, "policy", &err);
        return;
    }
    if (!write_headers(gw, row, arena, headers, &err)) {
        fail(ret_answer, "sign", &err);
        return;
    }
    struct world_request request = {.errand = WORLD_WEBHOOK,
                                    .method = TILL_STR("POST"),
                                    .url = row->url,
                                    .headers = headers,
                                    .header_count = HEADERS,
                                    .body = row->body,
                                    .timeout_us = gw->settings->webhook_timeout,
                                    .answer_max = ANSWER_KEPT,
                                    .keep_prefix = true,
                                    .crash_points = "W3 - W4 -"};
    world_exchange(gw->world, &request, arena, ret_answer);
    capture_write(gw->capture, &(struct capture_exchange){.direction = "webhook",
                                                          .method = request.method,
                                                          .url = row->url,
                                                          .request_body = row->body,
                                                          .answer_body = ret_answer->body,
                                                          .status = ret_answer->status,
                                                          .duration_us = ret_answer->duration_us});
}

/* ---- what follows from the answer ---- */

/* "120", or "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110); 0 when it is neither. */
static int64_t read_retry_after(struct till_str text, int64_t now_us) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned long long seconds = 0;
    char iso[32];
    int64_t at_us = 0;
    struct till_error err;
    if (till_str_to_u64(text, RETRY_AFTER_MAX_US / TILL_US_PER_SECOND, &seconds))
        return (int64_t)seconds * TILL_US_PER_SECOND;
    if (text.len != 29 || !till_str_ends_with(text, TILL_STR(" GMT")))
        return 0;
    for (size_t month = 0; month < 12; month++) {
        if (memcmp(text.ptr + 8, months + 3 * month, 3) != 0)
            continue;
        snprintf(iso, sizeof iso, "%.4s-%02zu-%.2sT%.8sZ", text.ptr + 12, month + 1, text.ptr + 5,
                 text.ptr + 17);
        if (till_time_parse(till_str_of(iso), &at_us, &err) && at_us > now_us)
            return at_us - now_us < RETRY_AFTER_MAX_US ? at_us - now_us : RETRY_AFTER_MAX_US;
    }
    return 0;
}

static bool asks_for_patience(int status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static int64_t next_attempt_us(struct gateway *gw, const struct delivery_row *row,
                               const struct world_answer *answer, int64_t now_us) {
    uint32_t word;
    int64_t wait_us = waits_s[row->attempts] * TILL_US_PER_SECOND;
    world_random(gw->world, &word, sizeof word);
    wait_us += wait_us / 5 * (int64_t)(word % 1024) / 1024;
    if (answer->fate == TILL_FATE_ANSWERED && asks_for_patience(answer->status)) {
        int64_t asked_us = read_retry_after(answer->retry_after, now_us);
        wait_us = asked_us > wait_us ? asked_us : wait_us;
    }
    return now_us + wait_us;
}

static enum delivery_result judge(const struct delivery_row *row,
                                  const struct world_answer *answer) {
    bool answered = answer->fate == TILL_FATE_ANSWERED;
    if (answered && answer->status >= 200 && answer->status <= 299)
        return DELIVERY_DONE;
    if (answered && answer->status == 410)
        return DELIVERY_DISABLE;
    return row->attempts >= ATTEMPTS_MAX ? DELIVERY_DEAD : DELIVERY_RETRY;
}

static struct till_str reason_of(const struct world_answer *answer, struct till_arena *arena) {
    struct till_str text = TILL_STR_NONE;
    struct till_error ignored;
    if (answer->fate == TILL_FATE_ANSWERED && answer->status >= 200 && answer->status <= 299)
        return TILL_STR_NONE;
    if (answer->fate == TILL_FATE_ANSWERED)
        return till_arena_format(arena, &text, &ignored, "answered %d", answer->status)
                   ? text
                   : TILL_STR_NONE;
    return till_arena_format(arena, &text, &ignored, "%s: %s", answer->stage, answer->reason)
               ? text
               : till_str_of(answer->stage);
}

static const char *const outcomes[] = {[DELIVERY_DONE] = "delivered",
                                       [DELIVERY_RETRY] = "failed",
                                       [DELIVERY_DEAD] = "dead",
                                       [DELIVERY_DISABLE] = "disabled"};

static void note(struct gateway *gw, const struct delivery_row *row,
                 const struct delivery_report *report) {
    metrics_add(gw->metrics, METRIC_WEBHOOKS, outcomes[report->result], NULL, 1);
    log_event(gw->log, report->result == DELIVERY_DONE ? LOG_INFO : LOG_WARN, "webhook",
              LOG_C("event", row->event_id), LOG_C("delivery", row->id), LOG_S("type", row->type),
              LOG_C("outcome", outcomes[report->result]), LOG_N("status", report->status),
              LOG_N("attempt", row->attempts), LOG_S("reason", report->reason),
              LOG_N("duration_us", report->duration_us));
}

/* Under an older lease somebody else is sending it by now: his report counts, ours is dropped. */
static bool report(struct gateway *gw, const struct delivery_row *row,
                   const struct world_answer *answer, struct till_arena *arena,
                   struct till_error *err) {
    int64_t now_us = world_now_us(gw->world);
    struct delivery_report report = {.delivery_id = till_str_of(row->id),
                                     .lease_epoch = row->lease_epoch,
                                     .result = judge(row, answer),
                                     .status = answer->status,
                                     .reason = reason_of(answer, arena),
                                     .answer = till_str_sub(answer->body, 0, ANSWER_KEPT),
                                     .duration_us = answer->duration_us,
                                     .now_us = now_us};
    if (report.result == DELIVERY_DONE)
        TILL_FP("W5");
    if (report.result == DELIVERY_RETRY)
        report.next_us = next_attempt_us(gw, row, answer, now_us);
    if (!store_report_delivery(gw->store, &report, err)) {
        if (err->code != TILL_E_STORE_STALE)
            return false;
        TILL_FP("W10");
        log_failure(gw->log, LOG_WARN, "webhook_lease_lost", err);
        return true;
    }
    note(gw, row, &report);
    return true;
}

/* ---- the round ---- */

static bool deliver_one(struct gateway *gw, bool *ret_found, struct till_error *err) {
    struct till_arena arena;
    struct delivery_row *rows = NULL;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT};
    size_t count = 0;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool good = store_claim_deliveries(gw->store, &arena, world_now_us(gw->world),
                                       gw->settings->webhook_timeout + LEASE_SLACK_US, 1,
                                       (int)gw->settings->webhook_per_endpoint, &rows, &count, err);
    if (good && count > 0) {
        send(gw, &rows[0], &arena, &answer);
        good = report(gw, &rows[0], &answer, &arena, err);
    }
    *ret_found = good && count > 0;
    till_arena_clean_up(&arena);
    return good;
}

void deliver_once(struct gateway *gw, int64_t *ret_next_us) {
    struct till_error err;
    bool found = true;
    for (int i = 0; i < DELIVERIES_A_ROUND && found; i++) {
        if (world_stopping(gw->world))
            break;
        if (!deliver_one(gw, &found, &err)) {
            log_failure(gw->log, LOG_ERROR, "delivery_failed", &err);
            *ret_next_us = world_now_us(gw->world) + TILL_US_PER_SECOND;
            return;
        }
    }
    /* What is due and not given out belongs to an endpoint that is busy: look again shortly. */
    int64_t now_us = world_now_us(gw->world), next_us = store_next_delivery_us(gw->store);
    *ret_next_us = found ? now_us : next_us > now_us ? next_us : now_us + PAUSE_US;
}
