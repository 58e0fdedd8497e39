/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/settings_file.h>

#include <assert.h>
#include <cyaml/cyaml.h>
#include <stdio.h>

/*
 * The table's dotted names as a tree of libcyaml mappings. A group's data is an array of pointers,
 * one a field: to a string, or to a group's array. Everything optional: defaults are the table's
 * business.
 */
struct group {
    cyaml_schema_field_t *fields; /* ends with a NULL key */
    struct group **groups;        /* of the field; NULL: a leaf */
    size_t *rows;                 /* of the leaf */
    size_t count;
};

static bool has_prefix(const char *name, struct till_str prefix) {
    return strncmp(name, prefix.ptr, prefix.len) == 0 &&
           (prefix.len == 0 || name[prefix.len] == '.');
}

static bool has_key(const struct group *group, struct till_str key) {
    for (size_t i = 0; i < group->count; i++)
        if (till_str_is(key, group->fields[i].key))
            return true;
    return false;
}

static bool build(const struct settings_source *source, struct till_arena *arena,
                  struct till_str prefix, struct group **ret_group, struct till_error *err);

static bool add_field(const struct settings_source *source, struct till_arena *arena,
                      struct group *group, size_t row, size_t start, struct till_error *err) {
    const char *name = source->table[row].name;
    size_t len = strcspn(name + start, ".");
    struct till_str key = {name + start, len};
    if (has_key(group, key))
        return true;
    bool is_leaf = name[start + len] == 0;
    size_t at = group->count;
    cyaml_schema_field_t *field = &group->fields[at];
    if (!till_arena_cstr(arena, key, &field->key, err))
        return false;
    field->data_offset = (uint32_t)(at * sizeof(void *));
    if (is_leaf) {
        field->value = (cyaml_schema_value_t){
            CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char, 0, CYAML_UNLIMITED)};
        group->rows[at] = row;
    } else {
        if (!build(source, arena, (struct till_str){name, start + len}, &group->groups[at], err))
            return false;
        field->value = (cyaml_schema_value_t){
            .type = CYAML_MAPPING,
            .flags = (enum cyaml_flag)(CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL),
            .data_size = (uint32_t)(group->groups[at]->count * sizeof(void *)),
            .mapping = {.fields = group->groups[at]->fields}};
    }
    group->count++;
    return true;
}

static bool build(const struct settings_source *source, struct till_arena *arena,
                  struct till_str prefix, struct group **ret_group, struct till_error *err) {
    struct group *group = till_arena_alloc(arena, sizeof *group);
    size_t room = source->count + 1;
    if (!group || !(group->fields = till_arena_array(arena, room, sizeof *group->fields)) ||
        !(group->groups = till_arena_array(arena, room, sizeof *group->groups)) ||
        !(group->rows = till_arena_array(arena, room, sizeof *group->rows)))
        return till_arena_refused(arena, err);
    size_t start = prefix.len ? prefix.len + 1 : 0;
    for (size_t row = 0; row < source->count; row++)
        if (has_prefix(source->table[row].name, prefix) &&
            !add_field(source, arena, group, row, start, err))
            return false;
    *ret_group = group;
    return true;
}

/* libcyaml speaks in pieces. */
struct heard {
    char text[160];
    size_t len;
};

static void __attribute__((format(printf, 3, 0)))
listen(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    struct heard *heard = context;
    if (level < CYAML_LOG_ERROR || heard->len >= sizeof heard->text - 1)
        return;
    int len =
        vsnprintf(heard->text + heard->len, sizeof heard->text - heard->len, format, arguments);
    if (len > 0)
        heard->len += (size_t)len < sizeof heard->text - heard->len
                          ? (size_t)len
                          : sizeof heard->text - heard->len - 1;
    for (size_t i = 0; i < heard->len; i++)
        if (heard->text[i] == '\n')
            heard->text[i] = ' ';
}

static bool collect(const struct group *group, void *const *loaded, struct till_arena *arena,
                    struct till_str *texts, struct till_error *err) {
    for (size_t i = 0; i < group->count; i++) {
        if (!loaded[i])
            continue;
        bool ok = group->groups[i]
                      ? collect(group->groups[i], loaded[i], arena, texts, err)
                      : till_arena_copy(arena, till_str_of(loaded[i]), &texts[group->rows[i]], err);
        if (!ok)
            return false;
    }
    return true;
}

static void wipe(const struct group *group, void **loaded) {
    for (size_t i = 0; i < group->count; i++) {
        if (!loaded[i])
            continue;
        if (group->groups[i])
            wipe(group->groups[i], loaded[i]);
        else
            explicit_bzero(loaded[i], strlen(loaded[i]));
    }
}

bool settings_texts(const struct settings_source *source, struct till_arena *arena,
                    struct till_str *texts, struct till_error *err) {
    struct group *group = NULL;
    for (size_t i = 0; i < source->count; i++)
        texts[i] = TILL_STR_NONE;
    if (!build(source, arena, TILL_STR(""), &group, err))
        return false;
    struct heard heard = {.len = 0};
    const cyaml_config_t config = {
        .log_fn = listen, .log_ctx = &heard, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
    const cyaml_schema_value_t schema = {.type = CYAML_MAPPING,
                                         .flags = CYAML_FLAG_POINTER,
                                         .data_size = (uint32_t)(group->count * sizeof(void *)),
                                         .mapping = {.fields = group->fields}};
    cyaml_data_t *data = NULL;
    cyaml_err_t result = cyaml_load_data((const uint8_t *)source->bytes.ptr, source->bytes.len,
                                         &config, &schema, &data, NULL);
    if (result != CYAML_OK)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "file", "%.*s: %s: %s",
                               TILL_STR_ARG(source->name), cyaml_strerror(result), heard.text);
    if (!data) /* an empty file */
        return true;
    bool ok = collect(group, data, arena, texts, err);
    wipe(group, data);
    cyaml_free(&config, &schema, data, 0);
    return ok;
}
