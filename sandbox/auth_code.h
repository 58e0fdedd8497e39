/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codes that a buyer's phone shows at a till (dossier 5.3): 18 digits that begin with 28, a new
 * one every minute, good for two. The last AUTH_CODES_MAX are remembered, in memory only: after a
 * restart an old code is one that nobody knows. All functions are called under the lock.
 */
#ifndef SANDBOX_AUTH_CODE_H
#define SANDBOX_AUTH_CODE_H

#include <sandbox/platform.h>

#define AUTH_CODES_MAX 256
#define AUTH_CODE_SHOWN_US PLATFORM_MINUTE_US
#define AUTH_CODE_LIFE_US (2 * PLATFORM_MINUTE_US)

struct auth_code {
    char text[20];
    struct platform_buyer *buyer;
    int64_t made_us;
    bool asks_password;           /* whatever the amount */
    struct platform_trade *trade; /* what it was used for; NULL: unused */
};

/* A new one; NULL when memory is out. */
struct auth_code *auth_code_make(struct sandbox *sandbox, struct platform_buyer *buyer,
                                 bool asks_password, int64_t now_us);
/* The one on the buyer's screen: the newest while it is unused and not older than a minute,
 * otherwise a new one. */
struct auth_code *auth_code_show(struct sandbox *sandbox, struct platform_buyer *buyer,
                                 int64_t now_us);
/* NULL: never made, forgotten or too old. A used one is found. */
struct auth_code *auth_code_find(struct sandbox *sandbox, struct till_str text, int64_t now_us);

#endif
