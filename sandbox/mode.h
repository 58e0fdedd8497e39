/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which mode an app speaks with the platform: keys or certificates, with or without content
 * encryption. What a call needs of it is taken once, under the lock, so that a switch or a new
 * platform key never falls into the middle of a call.
 */
#ifndef SANDBOX_MODE_H
#define SANDBOX_MODE_H

#include <sandbox/authority.h>
#include <sandbox/call.h>

/* Makes the key the platform's newest one for this app. Takes the key, also on failure. */
TILL_MUST_CHECK bool mode_add_signer(struct platform_app *app, struct till_key *key,
                                     struct till_error *err);
void mode_free_signers(struct platform_app *app);
/* Locked: the signer of this certificate, also a former one; NULL when there is none. */
const struct platform_signer *mode_find_signer(const struct platform_app *app, struct till_str sn);

/* Certificates in place of keys, or back. What was issued before stays. */
TILL_MUST_CHECK bool mode_use_certificates(struct sandbox *sandbox, struct platform_app *app,
                                           bool use, struct till_error *err);
/* The app's certificate for a key that is about to become its own. */
TILL_MUST_CHECK bool mode_certify(struct sandbox *sandbox, const struct platform_app *app,
                                  struct held_key *key, struct till_error *err);
/* A new platform key with a certificate; STATE_CONFLICT in key mode, TOO_MANY after
 * PLATFORM_SIGNERS_MAX. */
TILL_MUST_CHECK bool mode_rotate(struct sandbox *sandbox, struct platform_app *app,
                                 struct till_error *err);
/* Base64 of 16 bytes; empty: none. FIELD_INVALID. */
TILL_MUST_CHECK bool mode_set_aes_key(struct sandbox *sandbox, struct platform_app *app,
                                      struct till_str key, struct till_error *err);
TILL_MUST_CHECK bool mode_make_aes_key(struct sandbox *sandbox, struct platform_app *app,
                                       struct till_error *err);

/* Locked: what the call needs. */
void mode_take(struct call *call);

/* call_certificate.c: serial numbers as the request names them. False: refused. */
bool call_check_certificates(struct call *call, struct till_str app_sn, struct till_str root_sn);
/* call_cipher.c: opens the business fields in place where the request says that they are
 * encrypted. False: refused. */
bool call_open_cipher(struct call *call, struct till_str encryption, struct till_str *text);
/* Whether this answer leaves encrypted. */
bool call_hides_answer(const struct call *call);

/* state_mode.c: beside what the state file says of an app, and of the authority. */
TILL_MUST_CHECK bool state_mode_write(struct till_json *row, const struct platform_app *app,
                                      struct till_error *err);
TILL_MUST_CHECK bool state_mode_read(const struct sandbox *sandbox, struct platform_app *app,
                                     const struct till_json *row, struct till_error *err);
/* Without its key when that cannot be written: such a file is refused. */
struct till_json *state_authority_write(const struct authority *authority, struct till_error *err);
TILL_MUST_CHECK bool state_authority_read(struct sandbox *sandbox, const struct till_json *row,
                                          struct till_error *err);

#endif
