/* SPDX-License-Identifier: Apache-2.0 */
/* /control: certificate mode, rotation, AES keys of an app. */
#include <sandbox/control.h>
#include <sandbox/mode.h>

void control_describe_modes(const struct sandbox *sandbox, const struct platform_app *app,
                            bool whole, struct till_json *json) {
    const struct held_key *key = app->app_key;
    till_json_set_bool(json, "certificate_mode", app->certificate_mode);
    till_json_set_bool(json, "has_aes_key", app->aes_key[0] != '\0');
    if (whole && app->aes_key[0])
        till_json_set_text(json, "aes_key", app->aes_key);
    if (!app->certificate_mode)
        return;
    if (key && key->certificate.pem)
        till_json_set_text(json, "app_cert_sn", key->certificate.sn);
    till_json_set_text(json, "platform_cert_sn", app->signer->certificate.sn);
    till_json_set_text(json, "root_cert_sn", sandbox->authority->root_sn);
    if (!whole)
        return;
    if (key && key->certificate.pem)
        till_json_set_text(json, "app_cert", key->certificate.pem);
    till_json_set_text(json, "platform_cert", app->signer->certificate.pem);
    till_json_set_text(json, "root_cert", sandbox->authority->roots_pem);
}

static void answer(struct web *web, const struct platform_app *app, bool good,
                   const struct till_error *err) {
    if (!good) {
        web_error(web, err);
        return;
    }
    struct till_json *json = till_json_object();
    platform_lock(web->sandbox);
    control_describe_app(web, app, true, json);
    platform_unlock(web->sandbox);
    web_json(web, 200, json);
}

void control_app_read(struct web *web) {
    struct platform_app *app = control_find_app(web);
    struct till_error err = {0};
    if (app)
        answer(web, app, true, &err);
}

void control_app_rotate(struct web *web) {
    struct platform_app *app = control_find_app(web);
    struct till_error err;
    if (app)
        answer(web, app, mode_rotate(web->sandbox, app, &err), &err);
}

void control_app_certificates(struct web *web) {
    struct platform_app *app = control_find_app(web);
    struct till_error err;
    bool use = web_flag(web, "certificate_mode");
    if (app)
        answer(web, app, mode_use_certificates(web->sandbox, app, use, &err), &err);
}

void control_app_aes(struct web *web) {
    struct platform_app *app = control_find_app(web);
    struct till_error err;
    if (!app)
        return;
    bool set = web_flag(web, "aes")
                   ? mode_make_aes_key(web->sandbox, app, &err)
                   : mode_set_aes_key(web->sandbox, app, web_value(web, "aes_key"), &err);
    answer(web, app, set, &err);
}
