/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/bearer.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <gateway/guard/scopes.h>
#include <gateway/guard/throttle.h>
#include <till/crypto.h>

enum { SHOWN_MAX = 256, CLOCK_SLACK_US = 60000000 };

void bearer_make(struct world *world, const char *prefix, char ret_text[BEARER_TEXT_SIZE],
                 struct client_digest *ret_digest) {
    uint8_t random[BEARER_RANDOM];
    char hex[2 * BEARER_RANDOM + 1];
    world_random(world, random, sizeof random);
    till_hex_encode(random, sizeof random, hex);
    snprintf(ret_text, BEARER_TEXT_SIZE, "%s%s", prefix, hex);
    *ret_digest = bearer_digest(till_str_of(ret_text));
    till_wipe(random, sizeof random);
    till_wipe(hex, sizeof hex);
}

struct client_digest bearer_digest(struct till_str text) {
    struct client_digest digest = {{0}};
    till_sha256(text, digest.bytes);
    return digest;
}

/* "Bearer" in any case, then what follows. */
static bool read_scheme(struct till_str header, struct till_str *ret_rest) {
    size_t end = till_str_find(header, ' ');
    *ret_rest = till_str_trim(till_str_sub(header, end, header.len));
    return till_str_equal_ignoring_case(till_str_sub(header, 0, end), TILL_STR("Bearer"));
}

bool bearer_shown(const struct http_request *request) {
    struct till_str header, rest;
    size_t count = 0;
    return http_header(request, "Authorization", &header, &count) && read_scheme(header, &rest);
}

static bool refuse(struct till_error *err) {
    return TILL_FAIL(err, TOKEN_INVALID, NULL);
}

/* A clock that was set back would let tokens live longer: one that is not made yet is refused. */
static bool is_in_time(const struct token_row *token, int64_t now_us) {
    return now_us < token->expires_us && now_us >= token->created_us - CLOCK_SLACK_US;
}

static bool find_token(struct gateway *gw, struct till_str text, int64_t now_us,
                       struct token_row *ret_row, struct till_error *err) {
    struct client_digest digest = bearer_digest(text);
    if (!till_str_starts_with(text, TILL_STR(BEARER_TOKEN_PREFIX)) || text.len > SHOWN_MAX)
        return refuse(err);
    if (!store_token_get(gw->store, &digest, now_us, ret_row, err))
        return err->code == TILL_E_NOT_FOUND ? refuse(err) : false;
    return is_in_time(ret_row, now_us) || refuse(err);
}

static bool check_scope(const struct token_row *token, const char *scope, struct till_error *err) {
    if (!scope)
        return TILL_FAIL(err, SCOPE_MISSING, "No token opens this; sign the request.");
    return scopes_have(till_str_of(token->scopes), till_str_of(scope)) ||
           TILL_FAIL(err, SCOPE_MISSING,
                     "The token lacks the scope %s; ask for a token that has it.", scope);
}

bool bearer_admit(struct gateway *gw, const struct http_request *request, const char *scope,
                  int64_t now_us, struct till_arena *arena, struct app_row *ret_app,
                  struct till_str *ret_scopes, struct nonce_claim *ret_claim,
                  struct till_error *err) {
    struct till_str header = TILL_STR_NONE, text, client_id, scopes;
    struct token_row token;
    struct app_row app;
    size_t count = 0;
    if (http_header(request, "Authorization", &header, &count) && count > 1)
        return TILL_FAIL(err, HTTP_FRAMING, "The request has %zu Authorization headers; send one.",
                         count);
    if (!read_scheme(header, &text))
        return refuse(err);
    if (!find_token(gw, text, now_us, &token, err))
        return false;
    if (!store_app_get(gw->store, arena, till_str_of(token.app_id), &app, err))
        return err->code == TILL_E_NOT_FOUND ? refuse(err) : false;
    if (!app.enabled)
        return refuse(err);
    if (!check_scope(&token, scope, err) ||
        !till_arena_copy(arena, till_str_of(token.client_id), &client_id, err) ||
        !till_arena_copy(arena, till_str_of(token.scopes), &scopes, err))
        return false;
    *ret_app = app;
    *ret_scopes = scopes;
    *ret_claim = (struct nonce_claim){.key_id = client_id};
    return true;
}

/* ---- clients ---- */

/* The sums that a failure belongs to. */
struct sums {
    struct throttle_key pair, client, address;
};

static struct sums sums_of(const struct gateway *gw, struct till_str id, struct till_str peer) {
    const struct throttle *throttle = gw->throttle;
    return (struct sums){.pair = throttle_key(throttle, "pair", id, peer),
                         .client = throttle_key(throttle, "client", id, TILL_STR_NONE),
                         .address = throttle_key(throttle, "address", peer, TILL_STR_NONE)};
}

/* Many may have been judged at one moment: how long this one waits, each sum says as it counts it.
 */
static int64_t count_failure(struct gateway *gw, const struct sums *sums) {
    const struct gateway_settings *settings = gw->settings;
    int64_t waits_us[] = {
        throttle_count(gw->throttle, &sums->pair, settings->oauth_failures_max),
        throttle_count(gw->throttle, &sums->client, settings->oauth_failures_per_client),
        throttle_count(gw->throttle, &sums->address, settings->oauth_failures_per_address)};
    int64_t longest_us = 0;
    for (size_t i = 0; i < sizeof waits_us / sizeof waits_us[0]; i++)
        longest_us = waits_us[i] > longest_us ? waits_us[i] : longest_us;
    return longest_us;
}

static bool too_many(int64_t wait_us, int64_t *ret_wait_us, struct till_error *err) {
    *ret_wait_us = wait_us;
    return TILL_FAIL(err, TOO_MANY,
                     "Too many wrong secrets; repeat after the time in Retry-After.");
}

/* Compares with as many digests as a client may have, whether it has them, or is there at all. */
static bool secret_fits(const struct client_proof *proof, const struct client_digest *shown,
                        size_t *ret_which) {
    static const struct client_digest nobody = {{0}};
    struct till_str wanted = {(const char *)shown->bytes, sizeof shown->bytes};
    bool fits = false;
    for (size_t i = 0; i < CLIENT_SECRETS_ALIVE_MAX; i++) {
        bool there = i < proof->secret_count;
        const struct client_digest *held = there ? &proof->secrets[i] : &nobody;
        struct till_str bytes = {(const char *)held->bytes, sizeof held->bytes};
        if (till_equal_constant_time(bytes, wanted) && there) {
            *ret_which = i;
            fits = true;
        }
    }
    return fits;
}

/* What is blank, or is no secret of ours, never fits, whatever a row holds (S-017). */
static bool judge(const struct client_credentials *shown, const struct client_proof *proof,
                  size_t *ret_which) {
    struct client_digest digest = bearer_digest(shown->secret);
    bool fits = secret_fits(proof, &digest, ret_which);
    bool whole = shown->secret.len == sizeof BEARER_SECRET_PREFIX - 1 + BEARER_HEX &&
                 till_str_starts_with(shown->secret, TILL_STR(BEARER_SECRET_PREFIX));
    return fits && whole && proof->row.enabled && proof->row.app_enabled && !proof->row.revoked;
}

bool client_prove(struct gateway *gw, const struct client_credentials *shown, struct till_str peer,
                  int64_t now_us, struct till_arena *arena, struct client_row *ret_client,
                  struct client_digest *ret_secret, int64_t *ret_wait_us, struct till_error *err) {
    struct client_proof proof = {.secret_count = 0};
    struct sums sums = sums_of(gw, shown->id, peer);
    size_t which = 0;
    int64_t wait_us = throttle_wait_us(gw->throttle, &sums.pair, gw->settings->oauth_failures_max);
    if (wait_us > 0) /* not even looked at */
        return too_many(wait_us, ret_wait_us, err);
    if (!store_client_proof(gw->store, arena, shown->id, now_us, &proof, err) &&
        err->code != TILL_E_NOT_FOUND)
        return false;
    if (judge(shown, &proof, &which)) {
        *ret_client = proof.row;
        *ret_secret = proof.secrets[which];
        return true;
    }
    wait_us = count_failure(gw, &sums);
    return wait_us > 0 ? too_many(wait_us, ret_wait_us, err) : TILL_FAIL(err, CLIENT_INVALID, NULL);
}
