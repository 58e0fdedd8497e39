/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: one row says everything about one (name, type, default, bounds, reload or restart,
 * meaning). The file is YAML (libcyaml for shape and position, scalars as strings); a message names
 * the setting and its place, never a secret value. Unknown and duplicate keys, wrong types, values
 * out of bounds and second documents are refused.
 */
#ifndef RT_SETTINGS_H
#define RT_SETTINGS_H

#include <stdint.h>

#include <rt/rate.h>
#include <till/arena.h>

enum setting_kind {
    SETTING_TEXT,     /* struct till_str */
    SETTING_SECRET,   /* struct till_str; never shown */
    SETTING_PATH,     /* struct till_str */
    SETTING_INT,      /* int64_t within min..max */
    SETTING_DURATION, /* int64_t microseconds from "500ms", "10s", "5m", "2h", "3d" */
    SETTING_SIZE,     /* int64_t bytes from "64KiB", "1MiB" */
    SETTING_BOOL,     /* bool from exactly true or false */
    SETTING_RATE      /* struct rate from "500/s", "30/m", "5/s burst 20", "off" */
};

struct setting {
    const char *name; /* "http.header_timeout": dots are nesting in the file */
    enum setting_kind kind;
    const char *fallback; /* default, in the file's notation */
    int64_t min, max;
    bool live;           /* takes effect on reload; otherwise at a restart */
    size_t offset;       /* of the field in the target struct */
    const char *meaning; /* one sentence for people */
};

/* Fill target (fields at the rows' offsets; texts in the arena) from defaults, then file (may be
 * empty: defaults only), then overrides ("name=value"). On failure target is untouched and
 * err.field names the setting. */
TILL_MUST_CHECK bool settings_load(const struct setting *table, size_t count,
                                   struct till_arena *arena, struct till_str file_path,
                                   const char *const *overrides, size_t override_count,
                                   void *target, struct till_error *err);
/* Where a value comes from; the later is stronger. */
enum settings_origin { SETTINGS_DEFAULT, SETTINGS_FILE, SETTINGS_OVERRIDE };
/* The same, and origins, one a row, when ret_origins is not NULL. */
TILL_MUST_CHECK bool settings_load_known(const struct setting *table, size_t count,
                                         struct till_arena *arena, struct till_str file_path,
                                         const char *const *overrides, size_t override_count,
                                         void *target, enum settings_origin *ret_origins,
                                         struct till_error *err);

/* settings_compare.c. Whether two targets hold the same value in that row. */
bool settings_same(const struct setting *row, const void *a, const void *b);
/* The row's value from one target into another; texts are copied into the arena. */
TILL_MUST_CHECK bool settings_copy(const struct setting *row, struct till_arena *arena,
                                   const void *from, void *to, struct till_error *err);
/* The value for people, in the file's notation; a secret is "(set)" or "". */
TILL_MUST_CHECK bool settings_show(const struct setting *row, const void *target,
                                   struct till_arena *arena, struct till_str *ret_text,
                                   struct till_error *err);

/* The table as commented YAML, with each default. */
TILL_MUST_CHECK bool settings_describe(const struct setting *table, size_t count,
                                       struct till_arena *arena, struct till_str *ret_text,
                                       struct till_error *err);

#endif
