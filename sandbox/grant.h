/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a buyer allows an app (dossier 5.11): a code that the app's server changes once into an
 * access token, and a refresh token that makes a new pair. The last GRANTS_MAX are remembered, in
 * memory only: after a restart everybody asks again. All functions are called under the lock.
 */
#ifndef SANDBOX_GRANT_H
#define SANDBOX_GRANT_H

#include <sandbox/platform.h>

#define GRANTS_MAX 512
#define GRANT_CODE_LIFE_US PLATFORM_DAY_US
#define GRANT_ACCESS_S INT64_C(1296000)  /* 15 days */
#define GRANT_REFRESH_S INT64_C(2592000) /* 30 days */

struct grant {
    const struct platform_app *app; /* NULL: an empty place */
    struct platform_buyer *buyer;
    char code[33];
    bool is_code_used;
    char access[41], refresh[41]; /* empty until the code was used */
    int64_t made_us, tokens_us;
};

/* A new code; NULL when memory is out. */
struct grant *grant_make(struct sandbox *sandbox, const struct platform_app *app,
                         struct platform_buyer *buyer, int64_t now_us);
/* By its unused code; NULL: unknown, used, too old or another app's. */
struct grant *grant_by_code(struct sandbox *sandbox, const struct platform_app *app,
                            struct till_str code, int64_t now_us);
struct grant *grant_by_refresh(struct sandbox *sandbox, const struct platform_app *app,
                               struct till_str refresh, int64_t now_us);
/* A token of any age. */
struct grant *grant_by_access(struct sandbox *sandbox, const struct platform_app *app,
                              struct till_str access);
/* New tokens; the code and the former tokens are worth nothing from now on. */
void grant_renew(struct sandbox *sandbox, struct grant *grant, int64_t now_us);
bool grant_is_over(const struct grant *grant, int64_t now_us);

#endif
