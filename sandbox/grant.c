/* SPDX-License-Identifier: Apache-2.0 */
/* See grant.h. */
#include <sandbox/grant.h>

#include <stdio.h>
#include <stdlib.h>

struct grants {
    struct grant ring[GRANTS_MAX];
    uint64_t made;
};

/* Hexadecimal, with something in front; not a secret that guards anything but test money. */
static void make_text(struct sandbox *sandbox, const char *prefix, char *out, size_t room) {
    size_t len = strlen(prefix);
    memcpy(out, prefix, len);
    while (len + 1 < room) {
        int written = snprintf(out + len, room - len, "%016llx",
                               (unsigned long long)platform_random(sandbox));
        len += (size_t)written < room - len ? (size_t)written : room - len - 1;
    }
    out[room - 1] = 0;
}

struct grant *grant_make(struct sandbox *sandbox, const struct platform_app *app,
                         struct platform_buyer *buyer, int64_t now_us) {
    if (!sandbox->grants)
        sandbox->grants = calloc(1, sizeof *sandbox->grants);
    struct grants *grants = sandbox->grants;
    if (!grants)
        return NULL;
    struct grant *grant = &grants->ring[grants->made++ % GRANTS_MAX];
    *grant = (struct grant){.app = app, .buyer = buyer, .made_us = now_us};
    make_text(sandbox, "", grant->code, sizeof grant->code);
    return grant;
}

enum wanted { BY_CODE, BY_ACCESS, BY_REFRESH };

static struct grant *find(struct sandbox *sandbox, const struct platform_app *app,
                          struct till_str text, enum wanted wanted) {
    struct grants *grants = sandbox->grants;
    for (size_t i = 0; grants && text.len && i < GRANTS_MAX; i++) {
        struct grant *grant = &grants->ring[i];
        const char *own = wanted == BY_CODE     ? grant->code
                          : wanted == BY_ACCESS ? grant->access
                                                : grant->refresh;
        if (grant->app == app && till_str_is(text, own))
            return grant;
    }
    return NULL;
}

struct grant *grant_by_code(struct sandbox *sandbox, const struct platform_app *app,
                            struct till_str code, int64_t now_us) {
    struct grant *grant = find(sandbox, app, code, BY_CODE);
    bool is_good = grant && !grant->is_code_used && now_us - grant->made_us < GRANT_CODE_LIFE_US;
    return is_good ? grant : NULL;
}

struct grant *grant_by_refresh(struct sandbox *sandbox, const struct platform_app *app,
                               struct till_str refresh, int64_t now_us) {
    struct grant *grant = find(sandbox, app, refresh, BY_REFRESH);
    bool is_good = grant && now_us - grant->tokens_us < GRANT_REFRESH_S * PLATFORM_SECOND_US;
    return is_good ? grant : NULL;
}

struct grant *grant_by_access(struct sandbox *sandbox, const struct platform_app *app,
                              struct till_str access) {
    return find(sandbox, app, access, BY_ACCESS);
}

void grant_renew(struct sandbox *sandbox, struct grant *grant, int64_t now_us) {
    grant->is_code_used = true;
    grant->tokens_us = now_us;
    make_text(sandbox, "authbseB", grant->access, sizeof grant->access);
    make_text(sandbox, "authbseB", grant->refresh, sizeof grant->refresh);
}

bool grant_is_over(const struct grant *grant, int64_t now_us) {
    return now_us - grant->tokens_us >= GRANT_ACCESS_S * PLATFORM_SECOND_US;
}
