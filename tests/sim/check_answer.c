/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway answers. To the platform: success only for what is durable (I14), never for a
 * forgery (I23). To merchants: a signed request counts once (I24), a key has one answer (I11), and
 * nobody reads what is another's (I18) or a secret (I22).
 */
#include "check_card.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- notifications ---- */

void check_account_of_address(struct check *check, struct till_str path, char *ret_id,
                              size_t size) {
    struct till_str last = path;
    for (size_t at; (at = till_str_find(last, '/')) < last.len;)
        last = till_str_sub(last, at + 1, last.len);
    sqlite3_stmt *stmt = check_query(check, "SELECT id FROM accounts WHERE public_id = ?1");
    sqlite3_bind_text(stmt, 1, last.ptr, (int)last.len, SQLITE_STATIC);
    ret_id[0] = '\0';
    if (check_step(check, stmt))
        seen_text(stmt, 0, ret_id, size);
    sqlite3_reset(stmt);
}

static bool is_held(struct check *check, const struct seen_attempt *attempt) {
    return attempt && fact_find(check, "held", till_str_of(attempt->id));
}

/* Is what this notification says a durable fact with us, or a durable contradiction? */
bool check_is_known(struct check *check, const struct seen_attempt *attempt,
                    const struct proof *proof) {
    if (is_held(check, attempt))
        return true;
    switch (proof->says) {
    case SAYS_PAID:
        return attempt->received > 0 &&
               (proof->refund_minor <= 0 || attempt->held >= proof->refund_minor);
    case SAYS_CLOSED:
        return attempt->state == ATTEMPT_CLOSED || attempt->state == ATTEMPT_DECLINED ||
               attempt->state == ATTEMPT_PAID;
    case SAYS_REFUNDED:
        return attempt->received > 0 && attempt->held >= proof->refund_minor;
    case SAYS_WAITING:
        return true;
    case SAYS_NOTHING:
        break;
    }
    return false;
}

static void check_success(struct check *check, const char *account_id, const struct proof *proof) {
    const struct seen_attempt *attempt = seen_attempt_numbered(check, till_str_of(proof->order_no));
    if (proof->is_doubtful)
        sim_violation(check->sim, "I35", "a notification that says a thing twice was believed");
    if (!proof->is_signed)
        sim_violation(check->sim, "I23", "a forged notification about %s was answered with success",
                      proof->order_no);
    if (!attempt)
        sim_violation(check->sim, "I14",
                      "success was answered to a notification about %s, which was never issued",
                      proof->order_no);
    if (strcmp(attempt->account_id, account_id) != 0 && !is_held(check, attempt) &&
        !fact_find(check, "held", TILL_STR_NONE))
        sim_violation(check->sim, "I18", "a notification at %s about %s of %s was believed",
                      account_id, proof->order_no, attempt->account_id);
    if (strcmp(attempt->account_id, account_id) == 0 && !check_is_known(check, attempt, proof))
        sim_violation(check->sim, "I14",
                      "success was answered to a notification about %s (%s, received %" PRId64
                      ") before what it says was durable",
                      proof->order_no, seen_state_name(SEEN_ATTEMPT, attempt->state),
                      attempt->received);
    struct fact *fact = fact_obtain(check, "success", till_str_of(proof->order_no));
    fact->number = fact->number || proof->says == SAYS_PAID;
}

void check_notify_answer(struct check *check, const struct sim_passage *passage) {
    char account_id[TILL_ID_SIZE];
    struct proof proof;
    bool is_success =
        passage->response->status == 200 && till_str_is(passage->response->body, "success");
    check_words(check, passage->response->body, CHECK_TO_PLATFORM, false,
                "an answer to the platform");
    if (till_str_starts_with(check_path(passage->request->url), TILL_STR("/notify/stripe/"))) {
        check_card_notify_answer(check, passage);
        return;
    }
    if (!is_success)
        return;
    check_account_of_address(check, check_path(passage->request->url), account_id,
                             sizeof account_id);
    proof_of_notify(check, check_platform_app(check, account_id), passage->request->body, &proof);
    check_success(check, account_id, &proof);
}

/* ---- merchants ---- */

/* "TILL-HMAC-SHA256 key=K,timestamp=T,nonce=N,signature=S" */
static struct till_str part_of(struct till_str header, const char *name) {
    char mark[32];
    int len = snprintf(mark, sizeof mark, "%s=", name);
    const char *found = header.len ? memmem(header.ptr, header.len, mark, (size_t)len) : NULL;
    if (!found)
        return TILL_STR_NONE;
    struct till_str rest =
        till_str_sub(header, (size_t)(found - header.ptr) + (size_t)len, header.len);
    return till_str_sub(rest, 0, till_str_find(rest, ','));
}

static int merchant_of_key(const struct check *check, struct till_str key_id) {
    for (size_t i = 0; i < check->scene->merchant_count; i++)
        if (till_str_is(key_id, check->scene->merchant[i].key_id))
            return (int)i;
    return -1;
}

static bool is_good(const struct http_response *response) {
    return response->status >= 200 && response->status < 300;
}

/* A nonce that moved something is durable with it, and moves nothing again. An instance whose clock
 * is ahead may have forgotten it by now; then the horizon has moved over its time. */
static void check_nonce(struct check *check, struct till_str key_id, struct till_str nonce,
                        struct till_str timestamp) {
    unsigned long long timestamp_s = 0;
    struct fact *fact = fact_obtain(check, "nonce", nonce);
    if (fact->times++ > 0)
        sim_violation(check->sim, "I24", "the signed request %.*s took effect twice",
                      TILL_STR_ARG(nonce));
    sqlite3_stmt *stmt =
        check_query(check, "SELECT 1 FROM nonces WHERE key_id = ?1 AND nonce = ?2"
                           " UNION SELECT 1 FROM store_facts WHERE nonce_horizon_s >= ?3");
    sqlite3_bind_text(stmt, 1, key_id.ptr, (int)key_id.len, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, nonce.ptr, (int)nonce.len, SQLITE_STATIC);
    bool is_readable = till_str_to_u64(timestamp, INT64_MAX, &timestamp_s);
    sqlite3_bind_int64(stmt, 3, is_readable ? (int64_t)timestamp_s : INT64_MAX);
    bool is_durable = check_step(check, stmt);
    sqlite3_reset(stmt);
    if (!is_durable)
        sim_violation(check->sim, "I24",
                      "the request %.*s took effect and its nonce is not durable",
                      TILL_STR_ARG(nonce));
}

/* One key, one order; one order number, one payment. */
static void check_one_answer(struct check *check, const char *kind, int merchant,
                             struct till_str key, struct till_str id) {
    char name[400];
    int len = snprintf(name, sizeof name, "%d/%.*s", merchant, TILL_STR_ARG(key));
    if (key.len == 0 || id.len == 0 || len < 0 || (size_t)len >= sizeof name)
        return;
    struct fact *fact = fact_obtain(check, kind, till_str_of(name));
    if (fact->times++ > 0 && !till_str_is(id, fact->text))
        sim_violation(check->sim, "I11", "%s %.*s was answered with %s, and now with %.*s", kind,
                      TILL_STR_ARG(key), fact->text, TILL_STR_ARG(id));
    snprintf(fact->text, sizeof fact->text, "%.*s", TILL_STR_ARG(id));
}

static void check_identity(struct check *check, const struct sim_passage *passage, int merchant,
                           const struct till_json *json) {
    struct till_str id = till_json_get_str(json, "id");
    struct till_str order = till_json_get_str(json, "out_trade_no");
    struct till_str refund = till_json_get_str(json, "out_refund_no");
    /* Keys are kept for a day of the gateway's clock; when that was wrong, nobody knows. */
    if (check->skewed_us == 0)
        check_one_answer(check, "key", merchant, check_header(passage->request, "Idempotency-Key"),
                         id);
    check_one_answer(check, "order number", merchant, order, order.len ? id : TILL_STR_NONE);
    check_one_answer(check, "refund number", merchant, refund, refund.len ? id : TILL_STR_NONE);
}

void check_api_answer(struct check *check, const struct sim_passage *passage) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    struct till_str path = check_path(passage->request->url);
    struct till_str header = check_header(passage->request, "Authorization");
    struct till_str key_id = part_of(header, "key"), nonce = part_of(header, "nonce");
    int merchant = merchant_of_key(check, key_id);
    bool is_post = till_str_is(passage->request->method, "POST");
    bool shows_secret = is_post && till_str_is(path, "/v1/webhook-endpoints");
    check_words(check, passage->response->body, merchant, shows_secret, "an answer");
    if (!is_good(passage->response) || merchant < 0)
        return;
    /* What only repeats an answer may be repeated: reads, a close of what is closed. */
    bool has_effect = is_post && (till_str_is(path, "/v1/payments") ||
                                  till_str_ends_with(path, TILL_STR("/refunds")));
    if (has_effect)
        check_nonce(check, key_id, nonce, part_of(header, "timestamp"));
    if (till_json_parse(passage->response->body, &json, &err))
        check_identity(check, passage, merchant, json);
}

void check_api_ended(struct check *check, const struct sim_passage *passage) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    struct till_str header = check_header(passage->request, "Authorization");
    int merchant = merchant_of_key(check, part_of(header, "key"));
    const struct world_answer *answer = passage->answer;
    bool is_told = answer->fate == TILL_FATE_ANSWERED && answer->status >= 200 &&
                   answer->status < 300 && merchant >= 0;
    if (is_told && till_json_parse(answer->body, &json, &err))
        check_acknowledged(check, json, merchant);
}

/* ---- words ---- */

static void add_secret(struct check *check, struct till_str text) {
    struct till_error ignored;
    size_t room = sizeof check->secrets / sizeof *check->secrets;
    if (text.len >= 16 && check->secret_count < room &&
        till_arena_copy(&check->kept, text, &check->secrets[check->secret_count], &ignored))
        check->secret_count++;
}

void check_read_secrets(struct check *check) {
    const struct scene *scene = check->scene;
    struct till_str text;
    struct till_error ignored;
    char hex[2 * TILL_SECRET_MAX + 1];
    for (size_t i = 0; i < scene->merchant_count; i++) {
        const struct till_secret *secret = &scene->merchant[i].secret;
        struct till_str bytes = {(const char *)secret->bytes, secret->len};
        add_secret(check, scene->merchant[i].webhook_secret);
        add_secret(check, till_str_of(scene->merchant[i].card.key));
        add_secret(check, till_str_of(scene->merchant[i].card.webhook_secret));
        add_secret(check, bytes);
        if (till_base64_encode(&check->kept, bytes, &text, &ignored))
            add_secret(check, text);
        till_hex_encode(secret->bytes, secret->len, hex);
        add_secret(check, till_str_of(hex));
    }
    till_hex_encode(scene->master_key, sizeof scene->master_key, hex);
    add_secret(check, till_str_of(hex));
    add_secret(check, TILL_STR("-----BEGIN PRIVATE KEY"));
    add_secret(check, TILL_STR("-----BEGIN RSA PRIVATE KEY"));
    check->person_from = check->secret_count;
    for (size_t i = 0; i < PLATFORM_BUYERS; i++)
        add_secret(check, till_str_of(scene->sandbox->buyers[i].user_id));
}

static bool is_id_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The app that an id of ours belongs to; empty: it is none that was seen. */
static const char *owner_of(struct check *check, struct till_str id) {
    const struct seen_payment *payment = seen_payment_of(check, id);
    const struct seen_attempt *attempt = seen_attempt_of(check, id);
    const struct seen_refund *refund = seen_refund_of(check, id);
    const struct fact *event = fact_find(check, "event", id);
    attempt = refund ? refund->attempt : attempt;
    payment = attempt ? attempt->payment : payment;
    payment = event && event->row ? event->row : payment;
    if (payment)
        return payment->app_id;
    for (size_t i = 0; i < check->scene->merchant_count; i++) {
        const struct scene_merchant *merchant = &check->scene->merchant[i];
        if (till_str_is(id, merchant->app_id))
            return merchant->app_id;
        for (size_t j = 0; j < merchant->account_count; j++)
            if (till_str_is(id, merchant->account_id[j]))
                return merchant->app_id;
        if (merchant->card.account_id[0] && till_str_is(id, merchant->card.account_id))
            return merchant->app_id;
    }
    return "";
}

static void check_id(struct check *check, struct till_str id, int merchant, const char *where) {
    const char *owner = owner_of(check, id);
    if (owner[0] && check_merchant_of_app(check, owner) != merchant)
        sim_violation(check->sim, "I18", "%s to %s names %.*s of %s", where,
                      check->scene->merchant[merchant].app_id, TILL_STR_ARG(id), owner);
}

/* Ids are three letters, an underscore and 32 hex digits. */
static void check_ids(struct check *check, struct till_str text, int merchant, const char *where) {
    for (size_t i = 3; i + 33 <= text.len; i++) {
        size_t digits = 0;
        while (text.ptr[i] == '_' && digits < 32 && is_id_char(text.ptr[i + 1 + digits]))
            digits++;
        if (digits < 32)
            continue;
        check_id(check, till_str_sub(text, i - 3, 36), merchant, where);
        i += 32;
    }
}

void check_words(struct check *check, struct till_str text, int merchant, bool shows_secret,
                 const char *where) {
    /* Only the platform may be told who pays: it told us. */
    size_t count = merchant == CHECK_TO_PLATFORM ? check->person_from : check->secret_count;
    for (size_t i = 0; i < count && !shows_secret; i++) {
        struct till_str secret = check->secrets[i];
        if (text.len && memmem(text.ptr, text.len, secret.ptr, secret.len))
            sim_violation(check->sim, "I22", "%s shows secret or person %zu of the scene", where,
                          i);
    }
    if (merchant >= 0)
        check_ids(check, text, merchant, where);
}
