/* SPDX-License-Identifier: Apache-2.0 */
/* The cashier's sentences name each channel in its buyers' words, and never leave a brace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gateway/api/cashier_phase.h>

static struct till_arena arena;

static int setup(void **state) {
    (void)state;
    till_arena_init(&arena, 1u << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    till_arena_clean_up(&arena);
    return 0;
}

static void check_said(const char *channel, struct cashier_words words, const char *english,
                       const char *chinese) {
    struct till_str name = till_str_of(channel);
    assert_true(till_str_is(cashier_say(&arena, words, name, false), english));
    assert_true(till_str_is(cashier_say(&arena, words, name, true), chinese));
}

static void a_sentence_names_the_platform_as_its_buyers_do(void **state) {
    static const struct cashier_words title = {"Pay on {page}", "前往{place}付款"},
                                      asked = {"{Platform} has not answered.",
                                               "{platform}尚未应答"},
                                      choice = {"{choice}", "{choice}"},
                                      button = {"Continue to {place}", "{deed}"};
    (void)state;
    check_said("alipay", title, "Pay on Alipay's page", "前往支付宝付款");
    check_said("alipay", asked, "Alipay has not answered.", "支付宝尚未应答");
    check_said("alipay", choice, "Alipay", "支付宝");
    check_said("alipay", button, "Continue to Alipay", "登录并确认付款");
    check_said("stripe", title, "Pay on a secure page", "前往支付页面付款");
    check_said("stripe", asked, "The payment service has not answered.", "支付平台尚未应答");
    check_said("stripe", choice, "card", "银行卡");
    check_said("stripe", button, "Continue to the payment page", "填写银行卡或选择其他方式付款");
}

static void a_channel_without_words_is_spoken_of_in_general_ones(void **state) {
    static const struct cashier_words sentence = {"We ask {platform}", "向{platform}确认"};
    (void)state;
    check_said("paypal", sentence, "We ask the payment service", "向支付平台确认");
    check_said("", sentence, "We ask the payment service", "向支付平台确认");
}

static void other_braces_and_plain_sentences_stay_as_they_are(void **state) {
    static const struct cashier_words odd = {"{nothing} {platform", "{}"}, plain = {"Paid", "已付"};
    (void)state;
    check_said("alipay", odd, "{nothing} {platform", "{}");
    check_said("alipay", plain, "Paid", "已付");
}

static void no_page_of_any_channel_shows_a_brace(void **state) {
    const char *channels[] = {"alipay", "stripe", "", "wechat"};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int at = 0; at < 4 * CASHIER_PHASES; at++) {
            const struct cashier_look *look = cashier_look_of((enum cashier_phase)(at / 4));
            struct till_str said = cashier_say(&arena, at & 1 ? look->title : look->advice,
                                               till_str_of(channels[i]), (at & 2) != 0);
            assert_true(said.len > 0 && till_str_find(said, '{') == said.len);
        }
}

static void only_alipay_s_orders_speak_of_alipay(void **state) {
    (void)state;
    for (int at = 0; at < 2 * CASHIER_PHASES; at++) {
        const struct cashier_look *look = cashier_look_of((enum cashier_phase)(at / 2));
        struct till_str said =
            cashier_say(&arena, at & 1 ? look->title : look->advice, TILL_STR("stripe"), false);
        const char *text;
        struct till_error err;
        assert_true(till_arena_cstr(&arena, said, &text, &err));
        assert_null(strstr(text, "Alipay"));
    }
}

static void a_full_arena_gives_nothing(void **state) {
    static const struct cashier_words words = {"Ask {platform}", "{platform}"};
    struct till_arena small;
    (void)state;
    till_arena_init(&small, 0);
    assert_int_equal(cashier_say(&small, words, TILL_STR("alipay"), false).len, 0);
    till_arena_clean_up(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_names_the_platform_as_its_buyers_do),
        cmocka_unit_test(a_channel_without_words_is_spoken_of_in_general_ones),
        cmocka_unit_test(other_braces_and_plain_sentences_stay_as_they_are),
        cmocka_unit_test(no_page_of_any_channel_shows_a_brace),
        cmocka_unit_test(only_alipay_s_orders_speak_of_alipay),
        cmocka_unit_test(a_full_arena_gives_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
