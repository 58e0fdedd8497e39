/* SPDX-License-Identifier: Apache-2.0 */
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>

#include "mutate.h"

#define FROM_US (INT64_C(1795390027) * TILL_US_PER_SECOND)
#define YEAR_US (INT64_C(365) * 86400 * TILL_US_PER_SECOND)

struct till_json *modes_settings(struct modes *modes) {
    static const char *const kept[] = {"app_id", "seller_id", "gateway_url", "private_key"};
    struct till_json *all = fixture_settings(modes->f), *settings = till_json_object();
    for (size_t i = 0; i < 4; i++)
        till_json_set_str(settings, kept[i], till_json_get_str(all, kept[i]));
    till_json_release(all);
    return settings;
}

struct till_account *modes_load(struct modes *modes, struct till_json *settings) {
    struct till_account *account = NULL;
    if (!till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &modes->f->err)) {
        printf("Bail out! %s: %s\n", modes->f->err.field, modes->f->err.text);
        exit(2);
    }
    till_json_release(settings);
    return account;
}

static void certify(struct modes *modes, struct till_json *settings) {
    TILL_KEY_SCOPED struct till_key *app = NULL;
    struct till_str line = fixture_read_line(modes->f, "keys/node-fixture-app.pkcs1.b64");
    if (!till_key_parse_private(line, &app, &modes->f->err))
        abort();
    struct till_str app_cert = alipay_ca_leaf(&modes->ca, app, "2088-app", "\x10", false);
    struct till_str platform_cert =
        alipay_ca_leaf(&modes->ca, modes->f->platform_private, ALIPAY_CA_PLATFORM, "\x11", true);
    alipay_ca_sn(platform_cert, modes->platform_sn);
    till_json_set_str(settings, "app_cert", app_cert);
    till_json_set_str(settings, "platform_cert", platform_cert);
    till_json_set_str(settings, "root_cert", modes->ca.root_pem);
}

void modes_open(struct modes *modes) {
    void *state = NULL;
    *modes = (struct modes){.f = NULL};
    (void)fixture_begin(&state);
    modes->f = state;
    alipay_ca_open(&modes->ca, FROM_US - YEAR_US, FROM_US + YEAR_US);
    modes->accounts[MODE_KEY] = modes_load(modes, fixture_settings(modes->f));
    struct till_json *settings = modes_settings(modes);
    certify(modes, settings);
    modes->accounts[MODE_CERTIFICATE] = modes_load(modes, settings);
    settings = fixture_settings(modes->f);
    till_json_set_text(settings, "aes_key", MODES_AES_KEY);
    modes->accounts[MODE_AES] = modes_load(modes, settings);
}

void modes_close(struct modes *modes) {
    for (int mode = 0; mode < MODES; mode++)
        till_account_free(modes->accounts[mode]);
    alipay_ca_close(&modes->ca);
    void *state = modes->f;
    (void)fixture_end(&state);
}

struct till_str modes_encrypt(struct modes *modes, struct till_str plain) {
    TILL_SECRET_SCOPED struct till_secret key = {0};
    struct till_str text;
    if (!till_aes_key_parse(TILL_STR(MODES_AES_KEY), &key, &modes->f->err) ||
        !till_aes_encrypt(&modes->f->arena, &key, plain, &text, &modes->f->err))
        abort();
    return text;
}
