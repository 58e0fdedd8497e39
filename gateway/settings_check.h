/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the table of settings cannot say about one value: names from a list, values that need each
 * other, files that must be there and private. The same judgement at the start, at a reload and for
 * `till config check`. Reads files; changes nothing; a message never shows a secret.
 */
#ifndef GATEWAY_SETTINGS_CHECK_H
#define GATEWAY_SETTINGS_CHECK_H

#include <gateway/settings.h>
#include <rt/log.h>

#define SETTINGS_PROBLEMS_MAX 16

struct settings_checked {
    const struct gateway_settings *settings;
    const char *environment_key; /* TILL_MASTER_KEY, stronger than its file; or NULL */
    struct till_arena *arena;
};

/* The first problem. SETTING_INVALID, naming the setting. */
TILL_MUST_CHECK bool settings_check(const struct settings_checked *checked, struct till_error *err);
/* All of them, at most SETTINGS_PROBLEMS_MAX; how many. */
size_t settings_problems(const struct settings_checked *checked,
                         struct till_error ret_problems[SETTINGS_PROBLEMS_MAX]);

/* What is allowed and not wise. */
struct settings_warning {
    const char *setting, *text;
};
/* At most SETTINGS_PROBLEMS_MAX; how many. */
size_t settings_warnings(const struct gateway_settings *settings,
                         struct settings_warning ret_warnings[SETTINGS_PROBLEMS_MAX]);

TILL_MUST_CHECK bool settings_check_public_url(const struct gateway_settings *settings,
                                               struct till_error *err);
/* log.level; log.debug makes it LOG_DEBUG. */
TILL_MUST_CHECK bool settings_log_level(const struct gateway_settings *settings,
                                        enum log_level *ret_level, struct till_error *err);

#endif
