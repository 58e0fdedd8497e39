/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's side of an app: made here with an id, a secret and a key pair of the platform's
 * own; its public key is pasted in any form. Making an app takes as long as making an RSA key (a
 * tenth of a second), outside of the lock.
 */
#ifndef SANDBOX_APP_H
#define SANDBOX_APP_H

#include <sandbox/platform.h>

/* Empty fields are made up. */
struct app_wish {
    struct till_str name, app_id, seller_id, callback, public_key;
    struct till_str platform_private_key; /* tests bring one; otherwise it is generated */
    int64_t auto_pay_s;                   /* -1: never */
    struct till_str aes_key;              /* base64 of 16 bytes */
    bool make_aes_key, certificate_mode;
};

/* ALREADY_EXISTS, FIELD_INVALID, KEY_INVALID, KEY_WEAK (the platform's key must differ from the
 * app's). In certificate mode the authority may have to be made, too: two more keys. */
TILL_MUST_CHECK bool app_make(struct sandbox *sandbox, const struct app_wish *wish,
                              struct platform_app **ret_app, struct till_error *err);
/* Replaces the app's public key; in certificate mode it gets a certificate. */
TILL_MUST_CHECK bool app_paste_key(struct sandbox *sandbox, struct platform_app *app,
                                   struct till_str public_key, struct till_error *err);
/* Callback and automatic payment. */
TILL_MUST_CHECK bool app_change(struct sandbox *sandbox, struct platform_app *app,
                                struct till_str callback, int64_t auto_pay_s,
                                struct till_error *err);
/* The platform's public key as one base64 line (bare) or PEM. */
TILL_MUST_CHECK bool app_platform_key(const struct platform_app *app, struct till_arena *arena,
                                      enum till_key_format format, struct till_str *ret_text,
                                      struct till_error *err);
/* Locked. */
struct platform_app *app_find(struct sandbox *sandbox, struct till_str id);
/* Locked: puts a finished app in its place (also when loading); false when there are too many. */
bool app_enter(struct sandbox *sandbox, struct platform_app *app);
/* Locked: NULL when there is none. Let go again under the lock. */
struct held_key *app_hold_key(struct platform_app *app);
void app_let_go(struct held_key *key);
void app_free(struct platform_app *app);
/* A key that nobody has configured: signs what must not verify. NULL when it cannot be made. */
const struct till_key *app_stranger(struct sandbox *sandbox);

#endif
