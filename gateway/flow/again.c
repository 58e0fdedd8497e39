/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/again.h>

#include <gateway/guard/guard.h>
#include <gateway/store/effects.h>
#include <gateway/store/rotation.h>

static bool digest_text(struct till_arena *arena, struct till_str secret, struct till_str *ret,
                        struct till_error *err) {
    uint8_t digest[TILL_SHA256_SIZE];
    char hex[2 * TILL_SHA256_SIZE + 1] = "";
    if (secret.len > 0) {
        till_sha256(secret, digest);
        till_hex_encode(digest, sizeof digest, hex);
    }
    return till_arena_copy(arena, till_str_of(hex), ret, err);
}

bool again_makes(struct call *c, struct till_str id, struct till_str secret_or_none,
                 struct till_error *err) {
    struct till_str digest;
    if (c->claim.effect_key.len == 0)
        return true;
    return digest_text(c->arena, secret_or_none, &digest, err) &&
           till_arena_format(c->arena, &c->claim.effect_makes, err, "%.*s %.*s", TILL_STR_ARG(id),
                             TILL_STR_ARG(digest));
}

/* A repeat shows what its first answer showed, so it is a request of its own like any other. */
static bool use_up(struct call *c, struct till_error *err) {
    return c->claim.nonce.len == 0 || auth_claim_is_new(c->gw, &c->claim, c->now_us, err);
}

bool again_made(struct call *c, struct till_str *ret_id, struct till_error *err) {
    const struct till_error why = *err;
    struct till_str made;
    if (c->claim.effect_key.len == 0 || till_code_class(why.code) != TILL_CLASS_CONFLICT)
        return false;
    if (!store_effect_made(c->gw->store, c->arena, &c->claim, &made, err)) {
        if (err->code == TILL_E_NOT_FOUND)
            *err = why;
        return false;
    }
    if (!use_up(c, err))
        return false;
    c->claim.effect_makes = made;
    *ret_id = till_str_sub(made, 0, till_str_find(made, ' '));
    http_response_header(c->response, TILL_STR("Idempotent-Replayed"), TILL_STR("true"));
    return true;
}

bool again_secret(struct call *c, struct till_str secrets, struct till_str *ret_secret,
                  struct till_error *err) {
    struct till_str made = c->claim.effect_makes, digest, secret;
    struct till_str wanted = till_str_sub(made, till_str_find(made, ' ') + 1, made.len);
    int64_t ends_us;
    while (secret_next(&secrets, c->now_us, &secret, &ends_us)) {
        if (!digest_text(c->arena, secret, &digest, err))
            return false;
        if (till_str_equal(digest, wanted)) {
            *ret_secret = secret;
            return true;
        }
    }
    return TILL_FAIL(err, STATE_CONFLICT,
                     "The secret that this call made has been changed since; add a new one.");
}
