/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks. One Authorization header, the Host as it was sent, the raw target, the raw body; the
 * algorithm comes from the key record. The order is timestamp, signature, nonce. Whatever is wrong
 * with key or signature, the answer reads the same and the same work was done (S-002).
 */
#include <gateway/guard/guard.h>

#include <gateway/guard/signers.h>
#include <till/signing.h>
#include <till/time.h>

/* Stands in for a key that does not exist, so that an unknown key costs what a wrong signature
 * costs. It can never match: its result is thrown away. */
static void spend_on_secret(const struct till_signed_request *signed_request,
                            struct till_arena *arena) {
    static const struct till_secret dummy = {.bytes = "a key that nobody holds, 32 bytes",
                                             .len = 33};
    struct till_error ignored;
    struct till_str zeros =
        TILL_STR("0000000000000000000000000000000000000000000000000000000000000000");
    if (till_signing_verify(arena, signed_request, zeros, &dummy, &ignored))
        return;
}

/* The work follows what the request claims, the verdict follows our record. */
static void spend_the_same(struct gateway *gw, enum till_signing_algorithm claimed,
                           const struct till_signed_request *signed_request,
                           struct till_arena *arena) {
    if (claimed == TILL_SIGNING_HMAC_SHA256)
        spend_on_secret(signed_request, arena);
    else
        signer_spend(gw->signers, claimed, signed_request, arena);
}

static bool refuse(struct till_error *err) {
    return TILL_FAIL(err, SIGNATURE_WRONG, NULL);
}

/* The parts of the request that are signed. An absent Host signs as empty: it will not verify. */
static bool read_request(const struct http_request *request, struct till_signed_request *ret,
                         struct till_str *ret_header, struct till_error *err) {
    size_t count = 0;
    struct till_str header = TILL_STR_NONE, host = TILL_STR_NONE;
    bool found = http_header(request, "Authorization", &header, &count);
    if (found && count > 1)
        return TILL_FAIL(err, HTTP_FRAMING, "The request has %zu Authorization headers; send one.",
                         count);
    count = 0;
    if (http_header(request, "Host", &host, &count) && count > 1)
        return TILL_FAIL(err, HTTP_FRAMING, "The request has %zu Host headers; send one.", count);
    *ret = (struct till_signed_request){
        .method = request->method, .host = host, .target = request->target, .body = request->body};
    *ret_header = found ? header : TILL_STR_NONE;
    return true;
}

/* The window is the first question: it needs no key. */
static bool check_time(struct gateway *gw, int64_t timestamp_s, int64_t now_us,
                       struct till_error *err) {
    int64_t window_s = gw->settings->auth_window / TILL_US_PER_SECOND;
    int64_t now_s = now_us / TILL_US_PER_SECOND;
    if (timestamp_s < now_s - window_s || timestamp_s > now_s + window_s)
        return TILL_FAIL(err, TIMESTAMP_OUTSIDE,
                         "The timestamp is more than %lld s away from this till's clock; correct "
                         "the clock and sign anew.",
                         (long long)window_s);
    if (timestamp_s <= store_nonce_horizon(gw->store))
        return TILL_FAIL(err, TIMESTAMP_OUTSIDE,
                         "The timestamp is older than what this till still remembers; sign anew.");
    return true;
}

/* The end counts at once, by this instance's own clock; the store follows (store_keys_switch_off).
 */
static bool is_alive(const struct key_row *key, int64_t now_us) {
    return key->enabled && key->app_enabled && (key->ends_us == 0 || now_us < key->ends_us);
}

/* What went wrong here says nothing about the key: a merchant who is told otherwise gives up. */
static bool is_ours(const struct till_error *error) {
    return till_code_class(error->code) == TILL_CLASS_STORE || error->code == TILL_E_OUT_OF_MEMORY;
}

static bool pass_on(const struct till_error *inner, struct till_error *err) {
    *err = *inner;
    return false;
}

/* Under the record's algorithm and no other (S-010). A record that may not sign at all costs what a
 * wrong signature costs. */
static bool check_signature(struct gateway *gw, const struct till_authorization *authorization,
                            const struct till_signed_request *signed_request,
                            const struct key_row *key, struct till_arena *arena,
                            struct till_error *err) {
    bool good = false;
    if (authorization->claimed != key->algorithm)
        (void)TILL_FAIL(err, KEY_INVALID, NULL);
    else if (key->algorithm == TILL_SIGNING_HMAC_SHA256)
        good =
            key->secret.len >= TILL_SECRET_MIN &&
            till_signing_verify(arena, signed_request, authorization->signature, &key->secret, err);
    else
        good =
            signer_verify(gw->signers, key, signed_request, authorization->signature, arena, err);
    if (!good && (err->code == TILL_E_KEY_WEAK || err->code == TILL_E_KEY_INVALID))
        spend_the_same(gw, authorization->claimed, signed_request, arena);
    return good;
}

static bool verify(struct gateway *gw, const struct till_authorization *authorization,
                   const struct till_signed_request *signed_request, int64_t now_us,
                   struct till_arena *arena, struct key_row *ret_key, struct till_error *err) {
    struct till_error inner = {.code = TILL_OK};
    struct key_row key = {0};
    if (!store_key_get(gw->store, authorization->key_id, &key, &inner)) {
        spend_the_same(gw, authorization->claimed, signed_request, arena);
        return is_ours(&inner) ? pass_on(&inner, err) : refuse(err);
    }
    bool good = check_signature(gw, authorization, signed_request, &key, arena, &inner) &&
                is_alive(&key, now_us);
    till_secret_wipe(&key.secret);
    if (!good)
        return inner.code == TILL_E_OUT_OF_MEMORY ? pass_on(&inner, err) : refuse(err);
    *ret_key = key;
    return true;
}

static bool load_app(struct gateway *gw, const struct key_row *key, struct till_arena *arena,
                     struct app_row *ret_app, struct till_error *err) {
    struct app_row app;
    if (!store_app_get(gw->store, arena, till_str_of(key->app_id), &app, err))
        return err->code == TILL_E_NOT_FOUND ? refuse(err) : false;
    if (!app.enabled || app.mode != key->mode)
        return refuse(err);
    *ret_app = app;
    return true;
}

bool auth_request(struct gateway *gw, const struct http_request *request, int64_t now_us,
                  struct till_arena *arena, struct app_row *ret_app, struct till_str *ret_scopes,
                  struct nonce_claim *ret_claim, struct till_error *err) {
    struct till_signed_request signed_request;
    struct till_authorization authorization;
    struct till_str header;
    struct till_error inner;
    struct key_row key;
    if (!read_request(request, &signed_request, &header, err))
        return false;
    if (!till_signing_parse(header, &authorization, &inner)) {
        spend_on_secret(&signed_request, arena);
        return TILL_FAIL(err, SIGNATURE_MISSING, NULL);
    }
    signed_request.timestamp_s = authorization.timestamp_s;
    signed_request.nonce = authorization.nonce;
    if (!check_time(gw, authorization.timestamp_s, now_us, err) ||
        !verify(gw, &authorization, &signed_request, now_us, arena, &key, err) ||
        !till_arena_copy(arena, till_str_of(key.scopes), ret_scopes, err) ||
        !load_app(gw, &key, arena, ret_app, err))
        return false;
    *ret_claim = (struct nonce_claim){.key_id = authorization.key_id,
                                      .nonce = authorization.nonce,
                                      .timestamp_s = authorization.timestamp_s};
    return true;
}

bool auth_claim_is_new(struct gateway *gw, const struct nonce_claim *claim, int64_t now_us,
                       struct till_error *err) {
    return nonce_filter_take(gw->nonces, claim, now_us / TILL_US_PER_SECOND, err) &&
           store_nonce_check(gw->store, claim, err);
}
