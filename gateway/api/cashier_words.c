/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier_words.h>

enum part { CHOICE, PLATFORM, PLATFORM_FIRST, PLACE, PAGE, DEED, PARTS };

static const char *const names[PARTS] = {
    [CHOICE] = "{choice}", [PLATFORM] = "{platform}", [PLATFORM_FIRST] = "{Platform}",
    [PLACE] = "{place}",   [PAGE] = "{page}",         [DEED] = "{deed}"};

/* The last row is everybody else's. */
static const struct row {
    const char *channel;
    struct cashier_words parts[PARTS];
} rows[] = {{"alipay",
             {[CHOICE] = {"Alipay", "支付宝"},
              [PLATFORM] = {"Alipay", "支付宝"},
              [PLATFORM_FIRST] = {"Alipay", "支付宝"},
              [PLACE] = {"Alipay", "支付宝"},
              [PAGE] = {"Alipay's page", "支付宝页面"},
              [DEED] = {"Log in and confirm there", "登录并确认付款"}}},
            {"stripe",
             {[CHOICE] = {"card", "银行卡"},
              [PLATFORM] = {"the payment service", "支付平台"},
              [PLATFORM_FIRST] = {"The payment service", "支付平台"},
              [PLACE] = {"the payment page", "支付页面"},
              [PAGE] = {"a secure page", "支付页面"},
              [DEED] = {"Enter your card there, or choose another way to pay",
                        "填写银行卡或选择其他方式付款"}}},
            {NULL,
             {[CHOICE] = {"another way", "其他方式"},
              [PLATFORM] = {"the payment service", "支付平台"},
              [PLATFORM_FIRST] = {"The payment service", "支付平台"},
              [PLACE] = {"the payment page", "支付页面"},
              [PAGE] = {"a secure page", "支付页面"},
              [DEED] = {"Confirm there", "确认付款"}}}};

static const struct row *row_of(struct till_str channel) {
    const struct row *row = rows;
    while (row->channel && !till_str_is(channel, row->channel))
        row++;
    return row;
}

static const char *pick(struct cashier_words words, bool is_chinese) {
    return is_chinese ? words.chinese : words.english;
}

/* The part that the text begins with; PARTS when it is none. */
static enum part part_at(struct till_str text) {
    enum part part = CHOICE;
    while (part < PARTS && !till_str_starts_with(text, till_str_of(names[part])))
        part++;
    return part;
}

struct till_str cashier_say(struct till_arena *arena, struct cashier_words words,
                            struct till_str channel, bool is_chinese) {
    const struct row *row = row_of(channel);
    struct till_str text = till_str_of(pick(words, is_chinese)), said;
    struct till_error err;
    struct till_buf buf;
    if (till_str_find(text, '{') == text.len)
        return text;
    till_buf_init(&buf, arena);
    for (size_t at; text.len; text = till_str_sub(text, at, text.len)) {
        enum part part = part_at(text);
        at = part < PARTS ? strlen(names[part]) : 1;
        till_buf_add(&buf, part < PARTS ? till_str_of(pick(row->parts[part], is_chinese))
                                        : till_str_sub(text, 0, 1));
    }
    return till_buf_finish(&buf, &said, &err) ? said : TILL_STR_NONE;
}
