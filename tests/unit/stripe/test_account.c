/* SPDX-License-Identifier: Apache-2.0 */
/* Settings into an account, what is refused there, and what people are told of one. */
#include "fixture.h"

#include <string.h>

static bool load(struct fixture *f, enum till_mode mode, const struct till_json *settings) {
    struct till_account *account = NULL;
    bool is_loaded = till_account_load(TILL_STR("stripe"), mode, settings, &account, &f->err);
    assert_int_equal(account != NULL, is_loaded);
    till_account_free(account);
    return is_loaded;
}

struct change {
    enum till_mode mode;
    const char *name, *value; /* NULL: null */
    enum till_code code;      /* TILL_OK: it loads */
};

static void judge(struct fixture *f, const struct change *change) {
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(change->mode);
    char field[64] = "/";
    till_json_set_text(settings, change->name, change->value);
    bool is_loaded = load(f, change->mode, settings);
    if (is_loaded != (change->code == TILL_OK))
        fail_msg("%s = %s: %s", change->name, change->value, is_loaded ? "loads" : f->err.text);
    if (is_loaded)
        return;
    strncat(field, change->name, sizeof field - 2);
    assert_int_equal(f->err.code, change->code);
    assert_string_equal(f->err.field, field);
    if (change->value && strlen(change->value) > 8)
        assert_null(strstr(f->err.text, change->value)); /* never the value */
}

#define TEN "aaaaaaaaaa"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG_KEY "sk_test_" LONG

static void a_key_is_of_the_account_s_mode_and_secret(void **state) {
    static const struct change changes[] = {
        {TILL_TEST, "secret_key", "rk_test_51SZx0001AbCdEfGh", TILL_OK},
        {TILL_LIVE, "secret_key", "sk_live_51SZx0001AbCdEfGh", TILL_OK},
        {TILL_TEST, "secret_key", NULL, TILL_E_KEY_WEAK},
        {TILL_TEST, "secret_key", "", TILL_E_KEY_WEAK},
        {TILL_TEST, "secret_key", "sk_test_1", TILL_E_KEY_WEAK},
        {TILL_TEST, "secret_key", LONG_KEY, TILL_E_KEY_WEAK},
        {TILL_TEST, "secret_key", "pk_test_51SZx0001AbCdEfGh", TILL_E_KEY_INVALID},
        {TILL_TEST, "secret_key", "sk_live_51SZx0001AbCdEfGh", TILL_E_KEY_INVALID},
        {TILL_LIVE, "secret_key", "sk_test_51SZx0001AbCdEfGh", TILL_E_KEY_INVALID},
        {TILL_TEST, "secret_key", "whsec_51SZx0001AbCdEfGhIj", TILL_E_KEY_INVALID},
        {TILL_TEST, "secret_key", "sk_test_51SZx0001 bCdEfGh", TILL_E_KEY_INVALID},
        {TILL_TEST, "secret_key", "sk_test_51SZx0001\nbCdEfGh", TILL_E_KEY_INVALID},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        judge(fixture_of(state), &changes[i]);
}

static void s_072_without_a_webhook_secret_there_is_no_account(void **state) {
    static const struct change changes[] = {
        {TILL_TEST, "webhook_secret", NULL, TILL_E_KEY_WEAK},
        {TILL_TEST, "webhook_secret", "", TILL_E_KEY_WEAK},
        {TILL_LIVE, "webhook_secret", "", TILL_E_KEY_WEAK},
        {TILL_TEST, "webhook_secret", "whsec_", TILL_E_KEY_WEAK},
        {TILL_TEST, "webhook_secret", "whsec_0123456789abcdef012345678", TILL_E_KEY_WEAK},
        {TILL_TEST, "webhook_secret", "whsec_0123456789abcdef0123456789", TILL_OK},
        {TILL_TEST, "webhook_secret", "0123456789abcdef0123456789abcdef", TILL_E_KEY_INVALID},
        {TILL_TEST, "webhook_secret", SECRET "\n", TILL_E_KEY_INVALID},
        {TILL_TEST, "webhook_secret", SECRET " ", TILL_E_KEY_INVALID},
        {TILL_TEST, "webhook_secret", "whsec_" LONG, TILL_E_KEY_WEAK},
        {TILL_TEST, "webhook_secret_previous", "", TILL_OK},
        {TILL_TEST, "webhook_secret_previous", NULL, TILL_OK},
        {TILL_TEST, "webhook_secret_previous", "secret", TILL_E_KEY_INVALID},
        {TILL_TEST, "webhook_secret_previous", SECRET, TILL_E_KEY_INVALID},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        judge(fixture_of(state), &changes[i]);
}

static void other_settings_are_of_their_shape(void **state) {
    static const struct change changes[] = {
        {TILL_LIVE, "api_url", "https://api.example", TILL_OK},
        {TILL_TEST, "api_url", "http://127.0.0.1:1", TILL_OK},
        {TILL_LIVE, "api_url", "http://127.0.0.1:1", TILL_E_URL_FORBIDDEN},
        {TILL_TEST, "api_url", "ftp://127.0.0.1", TILL_E_URL_FORBIDDEN},
        {TILL_TEST, "api_url", "https://api.example/", TILL_E_URL_FORBIDDEN},
        {TILL_TEST, "api_url", "https://api.example/v1", TILL_E_URL_FORBIDDEN},
        {TILL_TEST, "api_url", "https://api.example?a=1", TILL_E_URL_FORBIDDEN},
        {TILL_TEST, "api_url", "https://api example", TILL_E_FIELD_INVALID},
        {TILL_TEST, "api_url", "https://api.\xc3\xa4", TILL_E_FIELD_INVALID},
        {TILL_TEST, "api_version", "2025-01-01.acacia", TILL_OK},
        {TILL_TEST, "api_version", "2025-01-01 acacia", TILL_E_FIELD_INVALID},
        {TILL_TEST, "api_version",
         "2025-01-01.acacia-acacia-acacia-acacia-acacia-acacia-acacia-acaci", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", "card,alipay,wechat_pay", TILL_OK},
        {TILL_TEST, "payment_methods", "p24", TILL_OK},
        {TILL_TEST, "payment_methods", "", TILL_OK},
        {TILL_TEST, "payment_methods", "card,", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", ",card", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", "Card", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", "card;alipay", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", "ca-rd", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", "ca~rd", TILL_E_FIELD_INVALID},
        {TILL_TEST, "payment_methods", "a23456789a123456789a123456789a123456789ab",
         TILL_E_FIELD_INVALID},
        {TILL_TEST, "account_id", "acct_1", TILL_E_FIELD_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        judge(fixture_of(state), &changes[i]);
}

static void a_setting_of_another_type_is_refused(void **state) {
    static const char *const names[] = {"secret_key", "webhook_secret", "webhook_secret_previous",
                                        "api_url",    "api_version",    "payment_methods"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        TILL_JSON_SCOPED struct till_json *settings = fixture_settings(TILL_TEST);
        till_json_set_int(settings, names[i], 7);
        assert_false(load(f, TILL_TEST, settings));
        assert_int_equal(f->err.code, TILL_E_FIELD_INVALID);
    }
    TILL_JSON_SCOPED struct till_json *list = till_json_array();
    assert_false(load(f, TILL_TEST, list));
    assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
}

static void by_default_it_is_the_real_one(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_outgoing out;
    assert_true(till_request(f->live, &ask, &f->arena, &out, &f->err));
    assert_true(
        till_str_starts_with(out.url, TILL_STR("https://api.stripe.com/v1/checkout/sessions/")));
}

static void its_settings_are_told_to_people(void **state) {
    static const struct {
        const char *name;
        bool required, secret;
    } wanted[] = {{"secret_key", true, true},
                  {"webhook_secret", true, true},
                  {"webhook_secret_previous", false, true},
                  {"api_url", false, false},
                  {"api_version", false, false},
                  {"payment_methods", false, false}};
    const struct till_channel_setting *rows = fixture_of(state)->account->channel->settings;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_string_equal(rows[i].name, wanted[i].name);
        assert_int_equal(rows[i].required, wanted[i].required);
        assert_int_equal(rows[i].secret, wanted[i].secret);
        assert_true(strlen(rows[i].meaning) > 20);
    }
    assert_null(rows[6].name);
}

static struct till_str described(struct fixture *f, const struct till_account *account) {
    TILL_JSON_SCOPED struct till_json *told = till_json_object();
    struct till_str text;
    assert_true(account->channel->describe(account, NOW_US, &f->arena, told, &f->err));
    assert_true(till_json_write(&f->arena, told, TILL_JSON_COMPACT, &text, &f->err));
    return text;
}

static void what_is_weak_is_said_and_no_secret(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str weak = described(f, f->account), strong = described(f, f->live);
    assert_non_null(strstr(weak.ptr, "webhook_secret_previous still counts"));
    assert_non_null(strstr(weak.ptr, "api_url is http"));
    assert_non_null(strstr(weak.ptr, "\"key\":\"full\""));
    assert_non_null(strstr(strong.ptr, "\"key\":\"restricted\""));
    assert_non_null(strstr(strong.ptr, "\"warnings\":[]"));
    assert_null(strstr(weak.ptr, SECRET));
    assert_null(strstr(weak.ptr, OLD_SECRET));
    assert_null(strstr(weak.ptr, KEY));
}

static void nothing_loaded_is_nothing_to_unload(void **state) {
    struct till_account empty = {.channel = fixture_of(state)->account->channel};
    empty.channel->unload(&empty);
    assert_null(empty.credentials);
}

static void it_is_found_by_its_name_and_has_no_bills(void **state) {
    const struct till_channel *channel = till_channel_find(TILL_STR("stripe"));
    const struct till_product *product =
        till_product_look(TILL_STR("stripe"), TILL_STR("checkout"));
    assert_ptr_equal(channel, fixture_of(state)->account->channel);
    assert_null(channel->bills);
    assert_null(channel->certificate_name);
    assert_string_equal(product->action, "redirect");
    assert_false(product->is_handed_over);
    assert_int_equal(product->recovery, TILL_RECOVER_REPEAT_KEYED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_key_is_of_the_account_s_mode_and_secret),
        SENTENCE(s_072_without_a_webhook_secret_there_is_no_account),
        SENTENCE(other_settings_are_of_their_shape),
        SENTENCE(a_setting_of_another_type_is_refused),
        SENTENCE(by_default_it_is_the_real_one),
        SENTENCE(its_settings_are_told_to_people),
        SENTENCE(what_is_weak_is_said_and_no_secret),
        SENTENCE(nothing_loaded_is_nothing_to_unload),
        SENTENCE(it_is_found_by_its_name_and_has_no_bills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
