/* SPDX-License-Identifier: Apache-2.0 */
/* See mode.h. Keys and certificates are made outside of the lock and put in their place under it.
 */
#include <sandbox/mode.h>

#include <stdio.h>
#include <stdlib.h>

bool mode_add_signer(struct platform_app *app, struct till_key *key, struct till_error *err) {
    struct platform_signer *signer = calloc(1, sizeof *signer);
    if (!signer) {
        till_key_free(key);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    signer->key = key;
    signer->older = app->signer;
    app->signer = signer;
    app->platform_key = key;
    return true;
}

static void free_signer(struct platform_signer *signer) {
    till_key_free(signer->key);
    certificate_clean_up(&signer->certificate);
    free(signer);
}

void mode_free_signers(struct platform_app *app) {
    for (struct platform_signer *signer = app->signer, *older; signer; signer = older) {
        older = signer->older;
        free_signer(signer);
    }
}

const struct platform_signer *mode_find_signer(const struct platform_app *app, struct till_str sn) {
    for (const struct platform_signer *signer = app->signer; signer; signer = signer->older)
        if (sn.len && till_str_is(sn, signer->certificate.sn))
            return signer;
    return NULL;
}

static bool issue(struct sandbox *sandbox, const struct platform_app *app, const char *organization,
                  const struct till_key *key, struct certificate *ret, struct till_error *err) {
    char name[64];
    const struct authority *authority = authority_obtain(sandbox, err);
    snprintf(name, sizeof name, "%.28s-%.32s", app->seller->id, app->id);
    struct till_certificate_name subject = {.common_name = till_str_of(name),
                                            .unit = TILL_STR("Alipay"),
                                            .organization = till_str_of(organization),
                                            .country = TILL_STR("CN")};
    return authority && certificate_issue(sandbox, authority, &subject, key, ret, err);
}

bool mode_certify(struct sandbox *sandbox, const struct platform_app *app, struct held_key *key,
                  struct till_error *err) {
    return issue(sandbox, app, "Sandbox merchant", key->key, &key->certificate, err);
}

static bool certify_platform(struct sandbox *sandbox, const struct platform_app *app,
                             const struct till_key *key, struct certificate *ret,
                             struct till_error *err) {
    return issue(sandbox, app, "Alipay sandbox", key, ret, err);
}

/* Locked: what is there already stays; what is surplus is freed. */
static void put(struct certificate *place, struct certificate *issued) {
    if (place->pem)
        certificate_clean_up(issued);
    else
        *place = *issued;
}

/* The certificates that the newest keys still lack. */
static bool complete(struct sandbox *sandbox, struct platform_app *app, struct till_error *err) {
    struct certificate platform = {0}, own = {0};
    platform_lock(sandbox);
    struct platform_signer *signer = app->signer;
    struct held_key *key = app_hold_key(app);
    platform_unlock(sandbox);
    bool good = certify_platform(sandbox, app, signer->key, &platform, err) &&
                (!key || issue(sandbox, app, "Sandbox merchant", key->key, &own, err));
    platform_lock(sandbox);
    if (good)
        put(&signer->certificate, &platform);
    if (good && key)
        put(&key->certificate, &own);
    app_let_go(key);
    platform_unlock(sandbox);
    if (!good)
        certificate_clean_up(&platform);
    return good;
}

bool mode_use_certificates(struct sandbox *sandbox, struct platform_app *app, bool use,
                           struct till_error *err) {
    if (use && !complete(sandbox, app, err))
        return false;
    platform_lock(sandbox);
    app->certificate_mode = use;
    platform_changed(sandbox);
    platform_unlock(sandbox);
    return true;
}

static size_t count_signers(const struct platform_app *app) {
    size_t count = 0;
    for (const struct platform_signer *signer = app->signer; signer; signer = signer->older)
        count++;
    return count;
}

/* Locked. */
static bool may_rotate(const struct platform_app *app, struct till_error *err) {
    if (!app->certificate_mode)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The app is in key mode; switch it to certificates first.");
    return count_signers(app) < PLATFORM_SIGNERS_MAX ||
           TILL_FAIL(err, TOO_MANY, "The platform had %d certificates for this app; make another.",
                     PLATFORM_SIGNERS_MAX);
}

bool mode_rotate(struct sandbox *sandbox, struct platform_app *app, struct till_error *err) {
    struct certificate certificate = {0};
    struct till_key *key = NULL;
    platform_lock(sandbox);
    bool may = may_rotate(app, err);
    platform_unlock(sandbox);
    if (!may || !till_key_generate_rsa(2048, &key, err))
        return false;
    if (!certify_platform(sandbox, app, key, &certificate, err)) {
        till_key_free(key);
        return false;
    }
    platform_lock(sandbox);
    bool added = mode_add_signer(app, key, err);
    if (added)
        app->signer->certificate = certificate;
    platform_changed(sandbox);
    platform_unlock(sandbox);
    if (!added)
        certificate_clean_up(&certificate);
    return added;
}

bool mode_set_aes_key(struct sandbox *sandbox, struct platform_app *app, struct till_str key,
                      struct till_error *err) {
    TILL_SECRET_SCOPED struct till_secret parsed = {0};
    struct till_str text = till_str_trim(key);
    if (text.len && !till_aes_key_parse(text, &parsed, err))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/aes_key",
                               "An AES key is the base64 of 16 bytes: 24 characters.");
    platform_lock(sandbox);
    snprintf(app->aes_key, sizeof app->aes_key, "%.*s", TILL_STR_ARG(text));
    platform_changed(sandbox);
    platform_unlock(sandbox);
    return true;
}

bool mode_make_aes_key(struct sandbox *sandbox, struct platform_app *app, struct till_error *err) {
    uint8_t bytes[TILL_AES_KEY_SIZE];
    struct till_arena scratch;
    struct till_str text;
    till_arena_init(&scratch, 4096);
    world_random(sandbox->world, bytes, sizeof bytes);
    bool made = till_base64_encode(&scratch, (struct till_str){(const char *)bytes, sizeof bytes},
                                   &text, err) &&
                mode_set_aes_key(sandbox, app, text, err);
    till_wipe(bytes, sizeof bytes);
    till_arena_clean_up(&scratch);
    return made;
}

void mode_take(struct call *call) {
    struct till_error err;
    call->signer = call->app->signer;
    call->certificate_mode = call->app->certificate_mode;
    call->has_aes_key = call->app->aes_key[0] &&
                        till_aes_key_parse(till_str_of(call->app->aes_key), &call->aes_key, &err);
}
