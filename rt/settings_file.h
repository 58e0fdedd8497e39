/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From YAML text to one text a row. Two readings of the same bytes: settings_places looks at
 * libyaml's events (positions, unknown and repeated keys, second documents, anchors), then
 * settings_texts lets libcyaml load the shape that the table describes, every value as a string.
 * Texts live in the arena.
 */
#ifndef RT_SETTINGS_FILE_H
#define RT_SETTINGS_FILE_H

#include <rt/settings.h>

struct settings_place {
    size_t line, column; /* of the value, from 1; line 0: not in the file */
};

struct settings_source {
    const struct setting *table;
    size_t count;
    struct till_str name; /* of the file, for messages */
    struct till_str bytes;
};

/* places and texts have room for count; texts of absent rows become {NULL, 0}. */
TILL_MUST_CHECK bool settings_places(const struct settings_source *source,
                                     struct settings_place *places, struct till_error *err);
TILL_MUST_CHECK bool settings_texts(const struct settings_source *source, struct till_arena *arena,
                                    struct till_str *texts, struct till_error *err);

/* A parsed value, before it is put into the target. */
struct settings_value {
    struct till_str text;
    int64_t number;
    bool truth;
    struct rate rate;
};
/* A number as the file would have it, in the largest unit that divides it: "64KiB". */
TILL_MUST_CHECK bool settings_number_show(enum setting_kind kind, int64_t number,
                                          struct till_arena *arena, struct till_str *ret_text,
                                          struct till_error *err);
/* Sentences begin with the setting's name and never quote a secret. */
TILL_MUST_CHECK bool settings_value_read(const struct setting *row, struct till_str text,
                                         struct settings_value *ret_value, struct till_error *err);

#endif
