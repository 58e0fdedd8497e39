/* SPDX-License-Identifier: Apache-2.0 */
/* The factory, and what an Alipay account refuses to be made of. */
#include "fixture.h"

#include "lib/channel/address.h"

static void a_channel_is_found_by_its_name_and_no_other(void **state) {
    (void)state;
    assert_ptr_equal(till_channel_find(TILL_STR("alipay")), till_channel_at(0));
    assert_string_equal(till_channel_at(0)->name, "alipay");
    assert_null(till_channel_find(TILL_STR("Alipay")));
    assert_null(till_channel_find(TILL_STR("alipay2")));
    assert_null(till_channel_find(TILL_STR_NONE));
    assert_ptr_equal(till_channel_find(TILL_STR("stripe")), till_channel_at(1));
    assert_null(till_channel_at(2));
}

static void every_channel_fills_the_whole_contract(void **state) {
    (void)state;
    for (size_t i = 0; till_channel_at(i); i++) {
        const struct till_channel *channel = till_channel_at(i);
        assert_true(channel->load && channel->unload && channel->compose && channel->build);
        assert_true(channel->parse && channel->notified && channel->returned);
        assert_true(channel->acknowledge && channel->settings && channel->currencies[0]);
        for (const struct till_product *p = channel->products; p->name; p++) {
            assert_true(p->method && p->expires_min_us > 0);
            assert_true(p->expires_min_us <= p->expires_default_us);
            assert_true(p->expires_default_us <= p->expires_max_us);
        }
    }
}

static void a_product_is_found_by_its_name_and_no_other(void **state) {
    struct fixture *f = fixture_of(state);
    const struct till_product *product = NULL;
    const struct till_channel *channel = till_channel_at(0);
    assert_true(till_product_find(channel, TILL_STR("precreate"), &product, &f->err));
    assert_string_equal(product->method, "alipay.trade.precreate");
    assert_false(till_product_find(channel, TILL_STR("barter"), &product, &f->err));
    assert_int_equal(f->err.code, TILL_E_CHANNEL_UNKNOWN);
    assert_string_equal(f->err.field, "/product");
}

static void operations_and_outcomes_have_names(void **state) {
    (void)state;
    for (int i = 0; i < TILL_OPERATIONS; i++)
        assert_non_null(till_operation_name((enum till_operation)i));
    for (int i = 0; i <= TILL_UNKNOWN; i++)
        assert_non_null(till_outcome_name((enum till_outcome)i));
    assert_null(till_operation_name(TILL_OPERATIONS));
    assert_null(till_outcome_name((enum till_outcome)(TILL_UNKNOWN + 1)));
}

static bool loads(struct fixture *f, enum till_mode mode, struct till_json *settings) {
    struct till_account *account = NULL;
    bool is_loaded = till_account_load(TILL_STR("alipay"), mode, settings, &account, &f->err);
    till_json_release(settings);
    till_account_free(account);
    return is_loaded;
}

static void an_account_of_an_unknown_channel_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_account *account = NULL;
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(f);
    assert_false(till_account_load(TILL_STR("barter"), TILL_TEST, settings, &account, &f->err));
    assert_int_equal(f->err.code, TILL_E_CHANNEL_UNKNOWN);
    assert_null(account);
    till_account_free(NULL);
}

static void settings_that_are_no_object_are_refused(void **state) {
    struct fixture *f = fixture_of(state);
    assert_false(loads(f, TILL_TEST, till_json_array()));
    assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
    assert_false(loads(f, TILL_TEST, NULL));
}

struct refusal {
    const char *name;
    const char *value; /* NULL: the setting is taken away by an empty text */
    enum till_code code;
};

static void each_bad_setting_is_refused_by_its_name(void **state) {
    static const struct refusal rows[] = {
        {"app_id", "", TILL_E_FIELD_MISSING},
        {"app_id", "20210000000000a1", TILL_E_FIELD_INVALID},
        {"app_id", "202100000000000120210000000000012021", TILL_E_FIELD_INVALID},
        {"app_id", "2021 00", TILL_E_FIELD_INVALID},
        {"seller_id", "", TILL_E_FIELD_MISSING},
        {"seller_id", "208800000000001", TILL_E_FIELD_INVALID},
        {"seller_id", "1088000000000001", TILL_E_FIELD_INVALID},
        {"seller_id", "208800000000000x", TILL_E_FIELD_INVALID},
        {"sign_type", "MD5", TILL_E_FIELD_INVALID},
        {"sign_type", "rsa2", TILL_E_FIELD_INVALID},
        {"gateway_url", "ftp://x.example/", TILL_E_URL_FORBIDDEN},
        {"gateway_url", "gateway.do", TILL_E_URL_FORBIDDEN},
        {"gateway_url", "https://user@x.example/", TILL_E_URL_FORBIDDEN},
        {"gateway_url", "https://x.example/?a=1", TILL_E_URL_FORBIDDEN},
        {"gateway_url", "https://x.example/#a", TILL_E_URL_FORBIDDEN},
        {"app_id", "/021000000000001", TILL_E_FIELD_INVALID},
        {"store_id", "caf\xc3\xa9", TILL_E_FIELD_INVALID},
        {"store_id", "123456789012345678901234567890123", TILL_E_FIELD_INVALID},
        {"product_code", "A B", TILL_E_FIELD_INVALID},
        {"sys_service_provider_id", "2088 1", TILL_E_FIELD_INVALID},
        {"private_key", "", TILL_E_KEY_WEAK},
        {"private_key", "MIIB", TILL_E_KEY_INVALID},
        {"platform_public_key", "", TILL_E_KEY_WEAK},
        {"platform_public_key", "nonsense", TILL_E_KEY_INVALID},
        {"colour", "red", TILL_E_FIELD_UNKNOWN},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_json *settings = fixture_settings(f);
        till_json_set_text(settings, rows[i].name, rows[i].value);
        if (loads(f, TILL_TEST, settings))
            fail_msg("%s = '%s' was taken", rows[i].name, rows[i].value);
        if (f->err.code != rows[i].code)
            fail_msg("%s = '%s': code %s", rows[i].name, rows[i].value,
                     till_code_slug(f->err.code));
        assert_string_equal(f->err.field + 1, rows[i].name);
        if (rows[i].value[0])
            assert_null(strstr(f->err.text, rows[i].value)); /* never the value */
    }
}

static void a_setting_of_another_type_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    for (const struct till_channel_setting *row = till_channel_at(0)->settings; row->name; row++) {
        struct till_json *settings = fixture_settings(f);
        till_json_set_int(settings, row->name, 2021);
        assert_false(loads(f, TILL_TEST, settings));
        assert_int_equal(f->err.code, TILL_E_FIELD_INVALID);
        assert_string_equal(f->err.field + 1, row->name);
    }
}

static void each_required_setting_is_needed(void **state) {
    struct fixture *f = fixture_of(state);
    const struct till_channel_setting *row = till_channel_at(0)->settings;
    for (; row->name; row++) {
        struct till_json *settings = fixture_settings(f);
        bool is_needed = row->required ||
                         /* without the certificates that would take its place */
                         strcmp(row->name, "platform_public_key") == 0;
        till_json_set_null(settings, row->name);
        assert_int_equal(loads(f, TILL_TEST, settings), !is_needed);
    }
}

static void the_apps_own_public_key_in_the_platforms_place_is_refused_in_words(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_json *settings = fixture_settings(f);
    till_json_set_str(settings, "platform_public_key",
                      fixture_read(f, "keys/node-fixture-app.pem"));
    assert_false(loads(f, TILL_TEST, settings));
    assert_int_equal(f->err.code, TILL_E_KEY_INVALID);
    assert_string_equal(f->err.field, "/platform_public_key");
    assert_non_null(strstr(f->err.text, "Alipay public key"));
}

static void short_keys_are_refused_for_rsa2_and_named(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_json *settings = fixture_settings(f);
    till_json_set_str(settings, "private_key", fixture_read(f, "keys/chloerei-test.pkcs8.pem"));
    assert_false(loads(f, TILL_TEST, settings));
    assert_int_equal(f->err.code, TILL_E_KEY_WEAK);
    assert_string_equal(f->err.field, "/private_key");
    settings = fixture_settings(f);
    till_json_set_str(settings, "platform_public_key",
                      fixture_read(f, "keys/openapi-rsa1-global.pem"));
    assert_false(loads(f, TILL_TEST, settings));
    assert_int_equal(f->err.code, TILL_E_KEY_WEAK);
    assert_string_equal(f->err.field, "/platform_public_key");
}

static void a_private_key_does_not_pass_for_a_public_one(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_json *settings = fixture_settings(f);
    till_json_set_str(settings, "platform_public_key",
                      fixture_read(f, "keys/yansongda-sandbox-app.pkcs1.b64"));
    assert_false(loads(f, TILL_TEST, settings));
    assert_string_equal(f->err.field, "/platform_public_key");
}

static void live_money_needs_https_and_has_a_default_address(void **state) {
    struct fixture *f = fixture_of(state);
    assert_false(loads(f, TILL_LIVE, fixture_settings(f))); /* http on loopback */
    assert_int_equal(f->err.code, TILL_E_URL_FORBIDDEN);
    for (int mode = TILL_TEST; mode <= TILL_LIVE; mode++) {
        struct till_json *settings = fixture_settings(f);
        struct till_account *account = NULL;
        struct till_ask ask = fixture_ask(TILL_QUERY);
        struct till_outgoing outgoing;
        till_json_set_null(settings, "gateway_url");
        assert_true(till_account_load(TILL_STR("alipay"), (enum till_mode)mode, settings, &account,
                                      &f->err));
        assert_true(till_request(account, &ask, &f->arena, &outgoing, &f->err));
        assert_true(till_str_starts_with(
            outgoing.url, mode == TILL_LIVE
                              ? TILL_STR("https://openapi.alipay.com/gateway.do?")
                              : TILL_STR("https://openapi-sandbox.dl.alipaydev.com/gateway.do?")));
        till_account_free(account);
        till_json_release(settings);
    }
}

static void addresses_are_read_strictly(void **state) {
    static const char *const good[] = {"http://a", "https://a.example:443/x?y=z",
                                       "http://[::1]:8080/", "http://AZ.az09/x",
                                       "https://a_b-c.example?x"};
    static const char *const bad[] = {"",
                                      "a.example",
                                      "//evil.example/x",
                                      "javascript:alert(1)",
                                      "HTTP://a.example",
                                      "http://",
                                      "http:///x",
                                      "http://a b/",
                                      "http://a.example:0/",
                                      "http://a.example:65536/",
                                      "http://a.example:123456/",
                                      "http://a.example:/",
                                      "http://a.example:8x/",
                                      "http://user:pass@a.example/",
                                      "http://a.example\\@b/",
                                      "http://[::1/",
                                      "http://[]/",
                                      "http://[::1]x/",
                                      "http://a.example/\n",
                                      "http://a.example/\xe4\xb8\xad",
                                      "http://a.example/#f",
                                      "http://a.example/\x7f",
                                      "http://a~b/",
                                      "http://a@b/",
                                      "http://[::1",
                                      "http://[",
                                      "http://a!/"};
    struct fixture *f = fixture_of(state);
    struct address address;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(address_read(till_str_of(good[i]), 64, "/x", &address, &f->err));
    assert_true(address.is_https && address.has_query);
    assert_true(till_str_is(address.host, "a_b-c.example"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (address_read(till_str_of(bad[i]), 64, "/x", &address, &f->err))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(f->err.code, TILL_E_URL_FORBIDDEN);
        assert_string_equal(f->err.field, "/x");
    }
    assert_false(address_read(TILL_STR("https://a.example/"), 10, "/x", &address, &f->err));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_channel_is_found_by_its_name_and_no_other),
        SENTENCE(every_channel_fills_the_whole_contract),
        SENTENCE(a_product_is_found_by_its_name_and_no_other),
        SENTENCE(operations_and_outcomes_have_names),
        SENTENCE(an_account_of_an_unknown_channel_is_refused),
        SENTENCE(settings_that_are_no_object_are_refused),
        SENTENCE(each_bad_setting_is_refused_by_its_name),
        SENTENCE(a_setting_of_another_type_is_refused),
        SENTENCE(each_required_setting_is_needed),
        SENTENCE(the_apps_own_public_key_in_the_platforms_place_is_refused_in_words),
        SENTENCE(short_keys_are_refused_for_rsa2_and_named),
        SENTENCE(a_private_key_does_not_pass_for_a_public_one),
        SENTENCE(live_money_needs_https_and_has_a_default_address),
        SENTENCE(addresses_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
