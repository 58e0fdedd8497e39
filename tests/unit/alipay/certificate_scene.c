/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate_scene.h"

#include <stdio.h>
#include <stdlib.h>

struct till_json *scene_settings(struct scene *s) {
    struct till_json *all = fixture_settings(s->f), *json = till_json_object();
    static const char *const kept[] = {"app_id", "seller_id", "gateway_url", "private_key"};
    for (size_t i = 0; i < 4; i++)
        till_json_set_str(json, kept[i], till_json_get_str(all, kept[i]));
    till_json_release(all);
    till_json_set_str(json, "app_cert", s->app_cert);
    till_json_set_str(json, "platform_cert", s->platform_cert);
    till_json_set_str(json, "root_cert", s->ca.root_pem);
    return json;
}

struct till_account *scene_load(struct scene *s, struct till_json *settings) {
    struct till_account *account = NULL;
    if (!till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &s->f->err))
        fail_msg("%s: %s", s->f->err.field, s->f->err.text);
    till_json_release(settings);
    return account;
}

const struct till_key *scene_app_key(struct scene *s, struct till_key **slot) {
    assert_true(till_key_parse_private(fixture_read_line(s->f, "keys/node-fixture-app.pkcs8.b64"),
                                       slot, &s->f->err));
    return *slot;
}

int scene_begin(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    TILL_KEY_SCOPED struct till_key *mine = NULL;
    assert_non_null(s);
    (void)fixture_begin((void **)&s->f);
    alipay_ca_open(&s->ca, NOW_US - 30 * DAY_US, NOW_US + 365 * DAY_US);
    assert_true(till_key_generate_rsa(2048, &s->next, &s->f->err));
    s->app_cert = alipay_ca_leaf(&s->ca, scene_app_key(s, &mine), "2088-app", "\x10", false);
    s->platform_cert =
        alipay_ca_leaf(&s->ca, s->f->platform_private, ALIPAY_CA_PLATFORM, "\x11", true);
    s->next_cert = alipay_ca_leaf(&s->ca, s->next, ALIPAY_CA_PLATFORM, "\x12", false);
    alipay_ca_sn(s->app_cert, s->app_sn);
    alipay_ca_sn(s->platform_cert, s->platform_sn);
    alipay_ca_sn(s->next_cert, s->next_sn);
    s->account = scene_load(s, scene_settings(s));
    *state = s;
    return 0;
}

int scene_end(void **state) {
    struct scene *s = *state;
    till_account_free(s->account);
    till_key_free(s->next);
    alipay_ca_close(&s->ca);
    (void)fixture_end((void **)&s->f);
    free(s);
    return 0;
}

struct till_str answer_as(struct scene *s, const char *name, const char *node, const char *sn,
                          const struct till_key *key) {
    struct till_str sign, body;
    char member[80] = "";
    if (sn)
        (void)snprintf(member, sizeof member, "\"alipay_cert_sn\":\"%s\",", sn);
    assert_true(
        till_key_sign(&s->f->arena, key, TILL_RSA_SHA256, till_str_of(node), &sign, &s->f->err));
    assert_true(till_arena_format(&s->f->arena, &body, &s->f->err,
                                  "{\"%s\":%s,%s\"sign\":\"%.*s\"}", name, node, member,
                                  TILL_STR_ARG(sign)));
    return body;
}

struct till_verdict read_as(struct scene *s, const struct till_account *account,
                            struct till_str body) {
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_incoming incoming = {.fate = TILL_FATE_ANSWERED, .status = 200, .body = body};
    struct till_verdict verdict;
    till_answer(account, &ask, &incoming, &s->f->arena, &verdict);
    return verdict;
}
