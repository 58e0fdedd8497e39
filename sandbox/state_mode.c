/* SPDX-License-Identifier: Apache-2.0 */
/* The authority, certificates and AES keys in the state file; see state.h and mode.h. */
#include <sandbox/mode.h>

#include <stdio.h>
#include <stdlib.h>

static bool set_private(struct till_json *row, const char *name, const struct till_key *key,
                        struct till_error *err) {
    struct till_arena scratch;
    struct till_str text;
    till_arena_init(&scratch, (size_t)64 * 1024);
    bool good = till_key_export(&scratch, key, TILL_KEY_PKCS8_BASE64, &text, err);
    if (good)
        till_json_set_str(row, name, text);
    till_arena_clean_up(&scratch);
    return good;
}

/* Oldest first, so that reading them puts the newest on top. */
static bool write_signers(struct till_json *list, const struct platform_signer *signer,
                          struct till_error *err) {
    bool good = true;
    size_t count = 0;
    for (const struct platform_signer *s = signer; s; s = s->older)
        count++;
    for (; count > 0; count--) {
        const struct platform_signer *at = signer;
        for (size_t i = 1; i < count; i++)
            at = at->older;
        struct till_json *row = till_json_object();
        good = set_private(row, "key", at->key, err) && good;
        till_json_set_text(row, "certificate", at->certificate.pem ? at->certificate.pem : "");
        till_json_append(list, row);
    }
    return good;
}

bool state_mode_write(struct till_json *row, const struct platform_app *app,
                      struct till_error *err) {
    struct till_json *signers = till_json_array();
    bool good = write_signers(signers, app->signer, err);
    till_json_set(row, "signers", signers);
    till_json_set_bool(row, "certificate_mode", app->certificate_mode);
    if (app->app_key && app->app_key->certificate.pem)
        till_json_set_text(row, "app_certificate", app->app_key->certificate.pem);
    if (app->aes_key[0])
        till_json_set_text(row, "aes_key", app->aes_key);
    return good;
}

static bool read_signer(struct platform_app *app, const struct till_json *row,
                        struct till_error *err) {
    struct till_str pem = till_json_get_str(row, "certificate");
    struct till_key *key = NULL;
    return till_key_parse_private(till_json_get_str(row, "key"), &key, err) &&
           mode_add_signer(app, key, err) &&
           (pem.len == 0 || certificate_read(pem, &app->signer->certificate, err));
}

static bool read_signers(struct platform_app *app, const struct till_json *row,
                         struct till_error *err) {
    const struct till_json *signers = till_json_member(row, "signers");
    struct till_key *key = NULL;
    if (!signers) /* a file of an earlier version */
        return till_key_parse_private(till_json_get_str(row, "platform_key"), &key, err) &&
               mode_add_signer(app, key, err);
    for (size_t i = 0; i < till_json_size(signers); i++)
        if (!read_signer(app, till_json_element(signers, i), err))
            return false;
    return app->signer || TILL_FAIL(err, STORE_DAMAGED, "An app has no platform key.");
}

bool state_mode_read(const struct sandbox *sandbox, struct platform_app *app,
                     const struct till_json *row, struct till_error *err) {
    struct till_str own = till_json_get_str(row, "app_certificate");
    if (!read_signers(app, row, err) ||
        (own.len && app->app_key && !certificate_read(own, &app->app_key->certificate, err)) ||
        !till_json_want_bool(row, "certificate_mode", &app->certificate_mode, err))
        return false;
    snprintf(app->aes_key, sizeof app->aes_key, "%.*s",
             TILL_STR_ARG(till_json_get_str(row, "aes_key")));
    return !app->certificate_mode || (sandbox->authority && app->signer->certificate.pem) ||
           TILL_FAIL(err, STORE_DAMAGED, "An app in certificate mode has no certificate.");
}

struct till_json *state_authority_write(const struct authority *authority, struct till_error *err) {
    struct till_json *row = till_json_object();
    till_json_set_text(row, "kind", "authority");
    if (!set_private(row, "issuer_key", authority->issuer_key, err))
        till_json_set_text(row, "issuer_key", "");
    till_json_set_text(row, "issuer", authority->issuer_pem);
    till_json_set_text(row, "roots", authority->roots_pem);
    return row;
}

bool state_authority_read(struct sandbox *sandbox, const struct till_json *row,
                          struct till_error *err) {
    return authority_restore(sandbox, till_json_get_str(row, "issuer_key"),
                             till_json_get_str(row, "issuer"), till_json_get_str(row, "roots"),
                             err);
}
