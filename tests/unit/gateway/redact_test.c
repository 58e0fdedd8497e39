/* SPDX-License-Identifier: Apache-2.0 */
/* What must never be written down, by name and by look, in every packing; and what must stay
 * readable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <gateway/guard/redact.h>
#include <till/channel.h>

static struct till_arena arena;

static const char *redacted(const char *text) {
    struct till_str clean;
    struct till_error err;
    const char *result = NULL;
    assert_true(redact_text(&arena, till_str_of(text), &clean, &err));
    assert_true(till_arena_cstr(&arena, clean, &result, &err));
    return result;
}

static void hides(const char *text, const char *canary) {
    assert_non_null(strstr(text, canary));
    const char *clean = redacted(text);
    if (strstr(clean, canary))
        print_message("# %s\n", clean);
    assert_null(strstr(clean, canary));
    assert_non_null(strstr(clean, "redacted"));
}

static void keeps(const char *text) {
    assert_string_equal(redacted(text), text);
}

static void private_names_hide_their_values(void **state) {
    (void)state;
    hides("{\"secret\":\"CANARY\"}", "CANARY");
    hides("{\"a\":{\"app_private_key\" : \"CANARY\"},\"b\":1}", "CANARY");
    hides("{\"buyer_logon_id\":\"CANARY\",\"code\":\"10000\"}", "CANARY");
    hides("{\"token\":{\"deep\":[\"CANARY\"]},\"b\":1}", "CANARY");
    hides("{\"sign\":\"CANARY\"}", "CANARY");
    hides("{\"phone\":13800138000123}", "13800138000123");
    hides("app_id=2021&sign=CANARY&version=1.0", "CANARY");
    hides("app_id=2021&buyer%5Fid=x&buyer_id=CANARY", "CANARY");
    hides("https://gw.example/gateway.do?method=a&sign=CANARY", "CANARY");
    hides("{\"body\":\"{\\\"password\\\":\\\"CANARY\\\"}\"}", "CANARY");
    hides("biz_content=%7B%22auth_code%22%3A%22CANARY%22%7D&method=pay", "CANARY");
    hides("{\"url\":\"https://x.example/?token=CANARY\"}", "CANARY");
}

static void every_secret_setting_of_every_channel_is_hidden(void **state) {
    (void)state;
    char text[256];
    int secrets = 0;
    hides("{\"settings\":{\"aes_key\":\"CANARYtspm2wnXLb1ThQA==\"}}", "CANARY");
    hides("app_id=2021&aes_key=CANARYtspm2wnXLb1ThQA%3D%3D", "CANARY");
    const struct till_channel *channel;
    for (size_t i = 0; (channel = till_channel_at(i)); i++)
        for (const struct till_channel_setting *row = channel->settings; row->name; row++) {
            if (!row->secret)
                continue;
            assert_true(snprintf(text, sizeof text, "{\"%s\":\"CANARY\"}", row->name) > 0);
            hides(text, "CANARY");
            secrets++;
        }
    assert_true(secrets >= 2);
}

static void private_looks_hide_themselves(void **state) {
    (void)state;
    hides("note whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw end", "MfKQ9r8GKYqr");
    hides("key rk_live_51H8xTillRestricted0001 end", "51H8xTill");
    hides("key sk_test_51H8xTillSecret0001 end", "51H8xTill");
    hides("-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\nafter", "CANARY");
    hides("-----BEGIN PRIVATE KEY-----\nCANARY and no end", "CANARY");
    hides("call me: 13800138000 now", "13800138000");
    hides("card 4111111111111111.", "4111111111111111");
    hides("from ada.lovelace@example.com", "ada.lovelace");
    hides("Bearer abc.def-CANARY", "CANARY");
    hides("TILL-HMAC-SHA256 key=k,timestamp=1,nonce=n,signature=CANARY", "CANARY");
    hides("TILL-RSA-SHA256 key=k,timestamp=1,nonce=n,signature=CANARY+/==", "CANARY");
    hides("TILL-ED25519 key=k,timestamp=1,nonce=n,signature=CANARY+/==", "CANARY");
    hides("key 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
          "445566778899aabb");
    hides("{\"subject\":\"mail ada@example.com\"}", "ada@example.com");
    hides("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCANARYaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaa"
          "aaaaaaaaaaaaaa",
          "CANARY");
}

/* Who puts a secret where a name belongs does not find it in the log. */
static void names_are_looked_at_too(void **state) {
    (void)state;
    hides("{\"till_secret_CANARY\": 1}", "CANARY");
    hides("{\"a\":{\"sk_live_CANARY\" : {\"b\":2}}}", "CANARY");
    hides("a=b&till_token_CANARY=x", "CANARY");
    hides("/v1/payments?whsec_CANARY=1", "CANARY");
    hides("{\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\":1}", "66778899");
    keeps("{\"a\" : 1, \"b\":[{\"c\":\"d\"}]}");
    keeps("a=b&c&d=&=e");
}

static const char *pointed(const char *text) {
    struct till_str clean;
    struct till_error err;
    const char *result = NULL;
    assert_true(redact_pointer(&arena, till_str_of(text), &clean, &err));
    assert_true(till_arena_cstr(&arena, clean, &result, &err));
    return result;
}

static void a_pointer_shows_names_of_ours_and_no_longer_ones(void **state) {
    (void)state;
    static const char *const OURS[] = {"",
                                       "/amount",
                                       "/extra/qr_code_timeout_express",
                                       "/metadata",
                                       "limits.instance.payments_create",
                                       "/a/b//c"};
    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        assert_string_equal(pointed(OURS[i]), OURS[i]);
    assert_string_equal(pointed("/extra/30ac2cc1b2508be8adeafa7b0ec76d17ddc2feaa"),
                        "/extra/[redacted]");
    assert_string_equal(pointed("/sk_live_51Cut"), "/[redacted]");
    hides("{\"pointer\":\"#/30ac2cc1b2508be8adeafa7b0ec76d17ddc2feaa\"}", "30ac2cc1b2508be8");
    keeps("{\"pointer\":\"#/extra/quit_url\"}");
}

static void what_explains_an_exchange_stays(void **state) {
    (void)state;
    keeps(
        "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"01KDVXQ000000000000000000A\"}");
    keeps("{\"trade_no\":\"2026010122001400001234567890\",\"total_amount\":\"9.90\"}");
    keeps("method=alipay.trade.query&timestamp=2026-01-01+00%3A00%3A00&version=1.0");
    keeps("{\"id\":\"pay_018f00000000700080000000000000ab\"}");
    keeps("plain words, 12345678901 and 20260101");
    keeps("");
    keeps("{\"a\":\"b");
    keeps("[1,2,{\"x\":null}]");
}

static void nesting_ends_somewhere(void **state) {
    (void)state;
    char text[512] = "CANARYx";
    for (int i = 0; i < 8; i++) {
        char next[512];
        int len = snprintf(next, sizeof next, "a=%.400s", text);
        assert_true(len > 0);
        memcpy(text, next, sizeof text);
    }
    const char *clean = redacted(text);
    assert_non_null(clean);
}

static int open_arena(void **state) {
    (void)state;
    till_arena_init(&arena, 1 << 20);
    return 0;
}

static int close_arena(void **state) {
    (void)state;
    till_arena_clean_up(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_names_hide_their_values),
        cmocka_unit_test(every_secret_setting_of_every_channel_is_hidden),
        cmocka_unit_test(private_looks_hide_themselves),
        cmocka_unit_test(names_are_looked_at_too),
        cmocka_unit_test(a_pointer_shows_names_of_ours_and_no_longer_ones),
        cmocka_unit_test(what_explains_an_exchange_stays),
        cmocka_unit_test(nesting_ends_somewhere),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
