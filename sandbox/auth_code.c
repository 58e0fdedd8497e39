/* SPDX-License-Identifier: Apache-2.0 */
/* See auth_code.h. */
#include <sandbox/auth_code.h>

#include <stdlib.h>

struct auth_codes {
    struct auth_code ring[AUTH_CODES_MAX];
    uint64_t made;
};

static bool is_old(const struct auth_code *code, int64_t life_us, int64_t now_us) {
    return now_us - code->made_us >= life_us;
}

struct auth_code *auth_code_make(struct sandbox *sandbox, struct platform_buyer *buyer,
                                 bool asks_password, int64_t now_us) {
    if (!sandbox->auth_codes)
        sandbox->auth_codes = calloc(1, sizeof *sandbox->auth_codes);
    struct auth_codes *codes = sandbox->auth_codes;
    if (!codes)
        return NULL;
    struct auth_code *code = &codes->ring[codes->made++ % AUTH_CODES_MAX];
    *code = (struct auth_code){
        .text = "28", .buyer = buyer, .made_us = now_us, .asks_password = asks_password};
    platform_digits(sandbox, code->text + 2, 16);
    return code;
}

struct auth_code *auth_code_show(struct sandbox *sandbox, struct platform_buyer *buyer,
                                 int64_t now_us) {
    struct auth_codes *codes = sandbox->auth_codes;
    struct auth_code *newest = NULL;
    for (size_t i = 0; codes && i < AUTH_CODES_MAX; i++) {
        struct auth_code *code = &codes->ring[i];
        if (code->buyer == buyer && (!newest || code->made_us >= newest->made_us))
            newest = code;
    }
    if (newest && !newest->trade && !newest->asks_password &&
        !is_old(newest, AUTH_CODE_SHOWN_US, now_us))
        return newest;
    return auth_code_make(sandbox, buyer, false, now_us);
}

struct auth_code *auth_code_find(struct sandbox *sandbox, struct till_str text, int64_t now_us) {
    struct auth_codes *codes = sandbox->auth_codes;
    for (size_t i = 0; codes && i < AUTH_CODES_MAX; i++) {
        struct auth_code *code = &codes->ring[i];
        if (code->buyer && till_str_is(text, code->text))
            return is_old(code, AUTH_CODE_LIFE_US, now_us) ? NULL : code;
    }
    return NULL;
}
