/* SPDX-License-Identifier: Apache-2.0 */
/* See app.h. */
#include <sandbox/mode.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct platform_app *app_find(struct sandbox *sandbox, struct till_str id) {
    for (struct platform_app *app = sandbox->apps; app; app = app->next)
        if (till_str_is(id, app->id))
            return app;
    return NULL;
}

struct held_key *app_hold_key(struct platform_app *app) {
    if (app->app_key)
        app->app_key->holders++;
    return app->app_key;
}

void app_let_go(struct held_key *key) {
    if (!key || --key->holders > 0)
        return;
    till_key_free(key->key);
    certificate_clean_up(&key->certificate);
    free(key);
}

void app_free(struct platform_app *app) {
    if (!app)
        return;
    mode_free_signers(app);
    app_let_go(app->app_key);
    free(app);
}

static bool is_digits(struct till_str text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

static bool check_wish(const struct app_wish *wish, struct till_error *err) {
    if (wish->app_id.len && (wish->app_id.len > 32 || !is_digits(wish->app_id)))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/app_id", "An app id is 16 digits.");
    if (wish->seller_id.len && (wish->seller_id.len > 28 || !is_digits(wish->seller_id)))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/seller_id",
                               "A seller id is 2088 and 12 digits.");
    if (wish->name.len > 190 || !till_str_is_utf8(wish->name))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/name",
                               "A name has at most 190 bytes of UTF-8.");
    bool is_web = till_str_starts_with(wish->callback, TILL_STR("http://")) ||
                  till_str_starts_with(wish->callback, TILL_STR("https://"));
    if (wish->callback.len && (!is_web || wish->callback.len > 256))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/callback",
                               "A callback is an http or https address of at most 256 bytes.");
    TILL_SECRET_SCOPED struct till_secret secret = {0};
    if (wish->aes_key.len && !till_aes_key_parse(wish->aes_key, &secret, err))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/aes_key",
                               "An AES key is the base64 of 16 bytes: 24 characters.");
    if (wish->auto_pay_s < -1 || wish->auto_pay_s > 86400)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/auto_pay_seconds",
                               "The test buyer pays after 0 to 86400 seconds, or never (-1).");
    return true;
}

/* A public key, a certificate or a certificate request. */
static bool read_pasted(struct till_str pasted, struct till_key **ret_key, struct till_error *err) {
    struct till_error other;
    return till_key_parse_request(pasted, ret_key, &other) ||
           till_key_parse_public(pasted, ret_key, err);
}

/* The app's key, wrapped; refuses the platform's own half. */
static bool wrap_key(struct till_str pasted, const struct till_key *platform_key,
                     struct held_key **ret_key, struct till_error *err) {
    struct till_key *key = NULL;
    if (!read_pasted(pasted, &key, err))
        return false;
    if (till_key_same_pair(key, platform_key)) {
        till_key_free(key);
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/public_key",
                               "This is the platform's own public key; paste the app's.");
    }
    struct held_key *held = calloc(1, sizeof *held);
    if (!held) {
        till_key_free(key);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    *held = (struct held_key){.key = key, .holders = 1};
    *ret_key = held;
    return true;
}

static bool make_keys(const struct app_wish *wish, struct platform_app *app,
                      struct till_error *err) {
    struct till_key *key = NULL;
    bool made = wish->platform_private_key.len
                    ? till_key_parse_private(wish->platform_private_key, &key, err)
                    : till_key_generate_rsa(2048, &key, err);
    return made && mode_add_signer(app, key, err) &&
           (wish->public_key.len == 0 ||
            wrap_key(wish->public_key, app->platform_key, &app->app_key, err));
}

bool app_enter(struct sandbox *sandbox, struct platform_app *app) {
    if (sandbox->app_count >= PLATFORM_APPS_MAX)
        return false;
    app->next = sandbox->apps;
    sandbox->apps = app;
    sandbox->app_count++;
    platform_changed(sandbox);
    return true;
}

/* Locked: numbers and seller, then its place. */
static bool settle(struct sandbox *sandbox, const struct app_wish *wish, struct platform_app *app,
                   struct till_error *err) {
    char seller_id[PLATFORM_ID];
    if (wish->app_id.len)
        snprintf(app->id, sizeof app->id, "%.*s", TILL_STR_ARG(wish->app_id));
    else
        platform_make_app_id(sandbox, app->id);
    if (app_find(sandbox, till_str_of(app->id)))
        return TILL_FAIL_FIELD(err, ALREADY_EXISTS, "/app_id", "There is an app %s already.",
                               app->id);
    platform_make_seller_id(sandbox, seller_id);
    app->seller = platform_seller_obtain(sandbox, wish->seller_id.len ? wish->seller_id
                                                                      : till_str_of(seller_id));
    if (!app->seller)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!app_enter(sandbox, app))
        return TILL_FAIL(err, TOO_MANY, "There are %d apps already.", PLATFORM_APPS_MAX);
    return true;
}

static bool choose_modes(struct sandbox *sandbox, const struct app_wish *wish,
                         struct platform_app *app, struct till_error *err) {
    return (wish->aes_key.len == 0 || mode_set_aes_key(sandbox, app, wish->aes_key, err)) &&
           (!wish->make_aes_key || mode_make_aes_key(sandbox, app, err)) &&
           (!wish->certificate_mode || mode_use_certificates(sandbox, app, true, err));
}

bool app_make(struct sandbox *sandbox, const struct app_wish *wish, struct platform_app **ret_app,
              struct till_error *err) {
    if (!check_wish(wish, err))
        return false;
    struct platform_app *app = calloc(1, sizeof *app);
    if (!app)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    uint8_t secret[32];
    world_random(sandbox->world, secret, sizeof secret);
    till_hex_encode(secret, sizeof secret, app->secret);
    snprintf(app->name, sizeof app->name, "%.*s", TILL_STR_ARG(wish->name));
    snprintf(app->callback, sizeof app->callback, "%.*s", TILL_STR_ARG(wish->callback));
    app->auto_pay_s = wish->auto_pay_s;
    app->created_us = platform_now_us(sandbox);
    if (!make_keys(wish, app, err)) {
        app_free(app);
        return false;
    }
    platform_lock(sandbox);
    bool settled = settle(sandbox, wish, app, err);
    platform_unlock(sandbox);
    if (!settled) {
        app_free(app);
        return false;
    }
    if (!choose_modes(sandbox, wish, app, err))
        return false;
    log_event(sandbox->log, LOG_INFO, "sandbox_app_made", LOG_C("app_id", app->id));
    *ret_app = app;
    return true;
}

/* False: the app was switched to certificates meanwhile, or before. */
static bool replace_key(struct sandbox *sandbox, struct platform_app *app, struct held_key *key) {
    platform_lock(sandbox);
    bool fits = !app->certificate_mode || key->certificate.pem;
    struct held_key *old = fits ? app->app_key : NULL;
    if (fits)
        app->app_key = key;
    app_let_go(old);
    platform_changed(sandbox);
    platform_unlock(sandbox);
    return fits;
}

bool app_paste_key(struct sandbox *sandbox, struct platform_app *app, struct till_str public_key,
                   struct till_error *err) {
    struct held_key *key = NULL;
    if (!wrap_key(public_key, app->platform_key, &key, err))
        return false;
    if (replace_key(sandbox, app, key))
        return true;
    if (mode_certify(sandbox, app, key, err) && replace_key(sandbox, app, key))
        return true;
    app_let_go(key);
    return false;
}

bool app_change(struct sandbox *sandbox, struct platform_app *app, struct till_str callback,
                int64_t auto_pay_s, struct till_error *err) {
    const struct app_wish wish = {.callback = callback, .auto_pay_s = auto_pay_s};
    if (!check_wish(&wish, err))
        return false;
    platform_lock(sandbox);
    snprintf(app->callback, sizeof app->callback, "%.*s", TILL_STR_ARG(callback));
    app->auto_pay_s = auto_pay_s;
    platform_changed(sandbox);
    platform_unlock(sandbox);
    return true;
}

/* The private half is never exported through here. */
bool app_platform_key(const struct platform_app *app, struct till_arena *arena,
                      enum till_key_format format, struct till_str *ret_text,
                      struct till_error *err) {
    assert(format == TILL_KEY_SPKI_PEM || format == TILL_KEY_SPKI_BASE64);
    return till_key_export(arena, app->platform_key, format, ret_text, err);
}

const struct till_key *app_stranger(struct sandbox *sandbox) {
    platform_lock(sandbox);
    struct till_key *stranger = sandbox->stranger;
    platform_unlock(sandbox);
    struct till_error err;
    if (stranger || !till_key_generate_rsa(2048, &stranger, &err))
        return stranger;
    platform_lock(sandbox);
    struct till_key *surplus = sandbox->stranger ? stranger : NULL;
    if (!sandbox->stranger)
        sandbox->stranger = stranger;
    stranger = sandbox->stranger;
    platform_unlock(sandbox);
    till_key_free(surplus);
    return stranger;
}
