/* SPDX-License-Identifier: Apache-2.0 */
/* See card.h. */
#include <sandbox/stripe/card.h>

enum { NUMBER_MIN = 12, NUMBER_MAX = 19 };

static const struct stripe_card cards[] = {
    {"4242424242424242", "", "", ""},
    {"5555555555554444", "", "", ""},
    {"4000000000000002", "generic_decline", "Your card was declined.", "您的卡被拒绝。"},
    {"4000000000009995", "insufficient_funds", "Your card has insufficient funds.",
     "卡内余额不足。"},
    {"4000000000009987", "lost_card", "Your card was declined.", "您的卡被拒绝。"},
    {"4000000000009979", "stolen_card", "Your card was declined.", "您的卡被拒绝。"},
    {"4100000000000019", "fraudulent", "Your card was declined.", "您的卡被拒绝。"},
    {"4000000000000069", "expired_card", "Your card has expired.", "您的卡已过期。"},
    {"4000000000000127", "incorrect_cvc", "Your card's security code is incorrect.",
     "安全码不正确。"},
    {"4000000000000119", "processing_error",
     "An error occurred while processing your card. Try again in a little bit.",
     "处理时出错，请稍后再试。"},
    {NULL, STRIPE_CARD_WRONG, "Your card number is incorrect.", "卡号不正确。"},
    {NULL, STRIPE_CARD_REAL,
     "Your card was declined. Only test cards are taken here; never type a card of your own.",
     "您的卡被拒绝。此处仅接受测试卡，请勿输入真实卡号。"},
};

enum { CARDS = sizeof cards / sizeof *cards };

const struct stripe_card *stripe_card_at(size_t index) {
    return index < CARDS ? &cards[index] : NULL;
}

const struct stripe_card *stripe_card_of_code(struct till_str code) {
    for (size_t i = 0; i < CARDS; i++)
        if (cards[i].code[0] && till_str_is(code, cards[i].code))
            return &cards[i];
    return NULL;
}

/* The check digit of ISO/IEC 7812. */
static bool adds_up(const char *digits, size_t count) {
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = digits[count - 1 - i] - '0';
        if (i % 2 == 1)
            digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
        sum += digit;
    }
    return sum % 10 == 0;
}

const struct stripe_card *stripe_card_read(struct till_str typed) {
    char digits[NUMBER_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < typed.len; i++) {
        char c = typed.ptr[i];
        if (c == ' ' || c == '-')
            continue;
        if (c < '0' || c > '9' || count == NUMBER_MAX)
            return stripe_card_of_code(TILL_STR(STRIPE_CARD_WRONG));
        digits[count++] = c;
    }
    struct till_str number = {digits, count};
    for (size_t i = 0; i < CARDS; i++)
        if (cards[i].number && till_str_is(number, cards[i].number))
            return &cards[i];
    bool is_card = count >= NUMBER_MIN && adds_up(digits, count);
    return stripe_card_of_code(is_card ? TILL_STR(STRIPE_CARD_REAL) : TILL_STR(STRIPE_CARD_WRONG));
}
