/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/settings.h>

#include <rt/file.h>
#include <rt/settings_file.h>

enum { FILE_MAX = 1024 * 1024 };

struct loading {
    const struct setting *table;
    size_t count;
    struct till_arena *arena;
    struct settings_place *places;
    struct till_str *texts;
    struct settings_value *values;
    enum settings_origin *origins; /* or NULL */
};

static void note_origin(const struct loading *loading, size_t row, enum settings_origin origin) {
    if (loading->origins)
        loading->origins[row] = origin;
}

static bool read_defaults(struct loading *loading, struct till_error *err) {
    for (size_t i = 0; i < loading->count; i++) {
        const struct setting *row = &loading->table[i];
        struct till_str fallback = till_str_of(row->fallback ? row->fallback : "");
        note_origin(loading, i, SETTINGS_DEFAULT);
        if (!settings_value_read(row, fallback, &loading->values[i], err))
            return false;
    }
    return true;
}

/* The value's own sentence, with the place in front. */
static bool place_error(const struct loading *loading, size_t row, struct till_str name,
                        struct till_error *err) {
    struct till_error inner = *err;
    size_t cut = name.len > 60 ? name.len - 60 : 0;
    return TILL_FAIL_FIELD(err, SETTING_INVALID, loading->table[row].name,
                           "%.*s, line %zu, column %zu: %s", (int)(name.len - cut), name.ptr + cut,
                           loading->places[row].line, loading->places[row].column, inner.text);
}

static bool has_values(const struct loading *loading) {
    for (size_t i = 0; i < loading->count; i++)
        if (loading->places[i].line != 0)
            return true;
    return false;
}

static bool read_config(struct loading *loading, struct till_str path, struct till_error *err) {
    struct settings_source source = {
        .table = loading->table, .count = loading->count, .name = path};
    struct till_error inner;
    if (path.len == 0)
        return true;
    if (!file_read(loading->arena, path, FILE_MAX, &source.bytes, &inner))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "file", "%s", inner.text);
    if (!settings_places(&source, loading->places, err))
        return false;
    /* An empty document is no mapping to libcyaml, and nothing to load. */
    if (has_values(loading) && !settings_texts(&source, loading->arena, loading->texts, err))
        return false;
    for (size_t i = 0; i < loading->count; i++) {
        if (loading->places[i].line == 0)
            continue;
        if (!settings_value_read(&loading->table[i], loading->texts[i], &loading->values[i], err))
            return place_error(loading, i, path, err);
        note_origin(loading, i, SETTINGS_FILE);
    }
    return true;
}

static bool read_override(struct loading *loading, const char *override, struct till_error *err) {
    struct till_str text = till_str_of(override);
    size_t equals = till_str_find(text, '=');
    struct till_str name = till_str_sub(text, 0, equals);
    if (equals == text.len)
        return TILL_FAIL(err, SETTING_INVALID, "Write a setting as name=value.");
    for (size_t i = 0; i < loading->count; i++) {
        if (!till_str_is(name, loading->table[i].name))
            continue;
        struct till_str value;
        note_origin(loading, i, SETTINGS_OVERRIDE);
        return till_arena_copy(loading->arena, till_str_sub(text, equals + 1, text.len), &value,
                               err) &&
               settings_value_read(&loading->table[i], value, &loading->values[i], err);
    }
    return TILL_FAIL(err, SETTING_INVALID, "%.*s is not a setting.",
                     (int)(name.len < 80 ? name.len : 80), name.ptr);
}

static void put(const struct loading *loading, void *target) {
    for (size_t i = 0; i < loading->count; i++) {
        const struct setting *row = &loading->table[i];
        const struct settings_value *value = &loading->values[i];
        char *field = (char *)target + row->offset;
        switch (row->kind) {
        case SETTING_TEXT:
        case SETTING_SECRET:
        case SETTING_PATH:
            memcpy(field, &value->text, sizeof value->text);
            break;
        case SETTING_INT:
        case SETTING_DURATION:
        case SETTING_SIZE:
            memcpy(field, &value->number, sizeof value->number);
            break;
        case SETTING_BOOL:
            memcpy(field, &value->truth, sizeof value->truth);
            break;
        case SETTING_RATE:
            memcpy(field, &value->rate, sizeof value->rate);
            break;
        }
    }
}

bool settings_load(const struct setting *table, size_t count, struct till_arena *arena,
                   struct till_str file_path, const char *const *overrides, size_t override_count,
                   void *target, struct till_error *err) {
    return settings_load_known(table, count, arena, file_path, overrides, override_count, target,
                               NULL, err);
}

bool settings_load_known(const struct setting *table, size_t count, struct till_arena *arena,
                         struct till_str file_path, const char *const *overrides,
                         size_t override_count, void *target, enum settings_origin *ret_origins,
                         struct till_error *err) {
    struct loading loading = {
        .table = table, .count = count, .arena = arena, .origins = ret_origins};
    loading.places = till_arena_array(arena, count, sizeof *loading.places);
    loading.texts = till_arena_array(arena, count, sizeof *loading.texts);
    loading.values = till_arena_array(arena, count, sizeof *loading.values);
    if (!loading.places || !loading.texts || !loading.values)
        return till_arena_refused(arena, err);
    if (!read_defaults(&loading, err) || !read_config(&loading, file_path, err))
        return false;
    for (size_t i = 0; i < override_count; i++)
        if (!read_override(&loading, overrides[i], err))
            return false;
    put(&loading, target);
    return true;
}

/* -------- describing */

static void indent(struct till_buf *buf, size_t depth) {
    for (size_t i = 0; i < depth; i++)
        till_buf_text(buf, "  ");
}

/* Opens the groups of name that the row before it did not stand in; returns the depth
 * of the row. */
static size_t open_groups(struct till_buf *buf, const char *name, const char *before) {
    size_t depth = 0;
    bool shared = true;
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
        const char *start = dot;
        size_t len = (size_t)(dot - name) + 1;
        while (start > name && start[-1] != '.')
            start--;
        shared = shared && strncmp(name, before, len) == 0;
        if (!shared) {
            if (depth == 0)
                till_buf_char(buf, '\n');
            indent(buf, depth);
            till_buf_add(buf, (struct till_str){start, (size_t)(dot - start)});
            till_buf_text(buf, ":\n");
        }
        depth++;
    }
    return depth;
}

/* In the largest unit that leaves a whole number, as the file would have it. */
static void describe_bound(struct till_buf *buf, enum setting_kind kind, int64_t value) {
    static const struct {
        enum setting_kind kind;
        int64_t size;
        const char *name;
    } units[] = {
        {SETTING_DURATION, INT64_C(86400000000), "d"}, {SETTING_DURATION, INT64_C(3600000000), "h"},
        {SETTING_DURATION, INT64_C(60000000), "m"},    {SETTING_DURATION, INT64_C(1000000), "s"},
        {SETTING_DURATION, INT64_C(1000), "ms"},       {SETTING_SIZE, INT64_C(1) << 20, "MiB"},
        {SETTING_SIZE, INT64_C(1) << 10, "KiB"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].kind == kind && value && value % units[i].size == 0) {
            till_buf_format(buf, "%lld%s", (long long)(value / units[i].size), units[i].name);
            return;
        }
    till_buf_format(buf, "%lld", (long long)value);
}

static void describe_bounds(struct till_buf *buf, const struct setting *row) {
    if (row->kind != SETTING_INT && row->kind != SETTING_DURATION && row->kind != SETTING_SIZE)
        return;
    describe_bound(buf, row->kind, row->min);
    till_buf_text(buf, " to ");
    describe_bound(buf, row->kind, row->max);
    till_buf_text(buf, "; ");
}

static void describe_row(struct till_buf *buf, const struct setting *row, size_t depth) {
    const char *dot = strrchr(row->name, '.');
    bool quoted =
        row->kind == SETTING_TEXT || row->kind == SETTING_SECRET || row->kind == SETTING_PATH;
    indent(buf, depth);
    till_buf_format(buf, "# %s (", row->meaning);
    describe_bounds(buf, row);
    till_buf_format(buf, "%s)\n", row->live ? "reload" : "restart");
    indent(buf, depth);
    till_buf_format(buf, "%s: ", dot ? dot + 1 : row->name);
    if (quoted)
        till_buf_char(buf, '"');
    for (const char *c = row->fallback ? row->fallback : ""; *c; c++) {
        if (quoted && (*c == '"' || *c == '\\'))
            till_buf_char(buf, '\\');
        till_buf_char(buf, *c);
    }
    till_buf_text(buf, quoted ? "\"\n" : "\n");
}

bool settings_describe(const struct setting *table, size_t count, struct till_arena *arena,
                       struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < count; i++) {
        size_t depth = open_groups(&buf, table[i].name, i > 0 ? table[i - 1].name : "");
        describe_row(&buf, &table[i], depth);
    }
    return till_buf_finish(&buf, ret_text, err);
}
