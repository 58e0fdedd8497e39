/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/config.h>

#include <stdatomic.h>
#include <stdlib.h>

#include <gateway/settings_check.h>

enum { TABLE_MEMORY = 64 * 1024, LOADING_MEMORY = 8 * 1024 * 1024 };

struct table {
    struct gateway_settings settings;
    struct till_arena texts;
    struct table *before; /* that it replaced */
};

struct config {
    struct config_options options;
    struct table *_Atomic newest;
    struct world_lock lock; /* of what follows, and of replacing */
    size_t tables;
    enum settings_origin *origins;
};

/* A file as it was read and judged; its texts are in the arena. */
struct reading {
    struct gateway_settings settings;
    enum settings_origin *origins;
};

static void table_free(struct table *table) {
    if (!table)
        return;
    till_arena_clean_up(&table->texts);
    free(table);
}

/* A copy of base with the rows of `next` that `takes` says. */
static bool table_make(const struct gateway_settings *base, const struct gateway_settings *next,
                       bool (*takes)(const struct setting *row), struct table **ret_table,
                       struct till_error *err) {
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    till_arena_init(&table->texts, TABLE_MEMORY);
    for (size_t i = 0; i < gateway_setting_count; i++) {
        const struct setting *row = &gateway_setting_rows[i];
        const struct gateway_settings *from = takes(row) ? next : base;
        if (!settings_copy(row, &table->texts, from, &table->settings, err)) {
            table_free(table);
            return false;
        }
    }
    *ret_table = table;
    return true;
}

static bool takes_all(const struct setting *row) {
    (void)row;
    return true;
}

static bool takes_live(const struct setting *row) {
    return row->live;
}

static bool read_settings(const struct config *config, struct till_arena *arena,
                          struct reading *ret_reading, struct till_error *err) {
    const struct config_options *options = &config->options;
    struct reading reading = {
        .origins = till_arena_array(arena, gateway_setting_count, sizeof *reading.origins)};
    if (!reading.origins)
        return till_arena_refused(arena, err);
    if (!settings_load_known(gateway_setting_rows, gateway_setting_count, arena, options->path,
                             options->overrides, options->override_count, &reading.settings,
                             reading.origins, err))
        return false;
    *ret_reading = reading;
    return true;
}

/* Of the rows that take effect. */
static void keep_origins(struct config *config, const struct reading *reading, bool at_start) {
    for (size_t i = 0; i < gateway_setting_count; i++)
        if (at_start || gateway_setting_rows[i].live)
            config->origins[i] = reading->origins[i];
}

bool config_open(const struct config_options *options, struct config **ret_config,
                 struct till_error *err) {
    struct config *config = calloc(1, sizeof *config);
    struct till_arena arena;
    struct reading reading;
    struct table *table = NULL;
    if (config)
        config->origins = calloc(gateway_setting_count, sizeof *config->origins);
    if (!config || !config->origins) {
        free(config);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    config->options = *options;
    till_arena_init(&arena, LOADING_MEMORY);
    bool good = read_settings(config, &arena, &reading, err) &&
                table_make(&reading.settings, &reading.settings, takes_all, &table, err);
    if (good)
        keep_origins(config, &reading, true);
    till_arena_clean_up(&arena);
    if (!good) {
        config_close(config);
        return false;
    }
    atomic_store(&config->newest, table);
    config->tables = 1;
    *ret_config = config;
    return true;
}

void config_close(struct config *config) {
    if (!config)
        return;
    for (struct table *table = atomic_load(&config->newest), *before; table; table = before) {
        before = table->before;
        table_free(table);
    }
    free(config->origins);
    free(config);
}

const struct gateway_settings *config_now(const struct config *config) {
    return &atomic_load(&config->newest)->settings;
}

struct till_str config_path(const struct config *config) {
    return config->options.path;
}

void config_origins(struct config *config, struct world *world, enum settings_origin *ret_origins) {
    world_acquire(world, &config->lock);
    memcpy(ret_origins, config->origins, gateway_setting_count * sizeof *ret_origins);
    world_release(world, &config->lock);
}

/* ---- replacing ---- */

static bool compare(const struct gateway_settings *now, const struct gateway_settings *next,
                    struct till_arena *arena, struct config_report *ret_report,
                    struct till_error *err) {
    struct config_report report = {
        .changes = till_arena_array(arena, gateway_setting_count, sizeof *report.changes)};
    if (!report.changes)
        return till_arena_refused(arena, err);
    for (size_t i = 0; i < gateway_setting_count; i++) {
        const struct setting *row = &gateway_setting_rows[i];
        if (settings_same(row, now, next))
            continue;
        struct config_change *change = &report.changes[report.count++];
        *change = (struct config_change){.row = row, .took_effect = row->live};
        if (!settings_show(row, now, arena, &change->from, err) ||
            !settings_show(row, next, arena, &change->to, err))
            return false;
        report.live += row->live;
    }
    *ret_report = report;
    return true;
}

/* Lock held. */
static bool replace(struct config *config, const struct gateway_settings *next,
                    struct till_error *err) {
    struct table *before = atomic_load(&config->newest), *table;
    if (config->tables == CONFIG_TABLES_MAX)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "file",
                               "The settings have changed %d times since the start; the next "
                               "change needs a restart.",
                               CONFIG_TABLES_MAX);
    if (!table_make(&before->settings, next, takes_live, &table, err))
        return false;
    if (config->options.apply &&
        !config->options.apply(config->options.self, &table->settings, err)) {
        table_free(table);
        return false;
    }
    table->before = before;
    atomic_store(&config->newest, table);
    config->tables++;
    return true;
}

/* Lock held. */
static bool look(struct config *config, struct till_arena *arena, struct reading *ret_reading,
                 struct config_report *ret_report, struct till_error *err) {
    if (!read_settings(config, arena, ret_reading, err))
        return false;
    const struct settings_checked checked = {.settings = &ret_reading->settings,
                                             .environment_key = config->options.environment_key,
                                             .arena = arena};
    return settings_check(&checked, err) &&
           compare(config_now(config), &ret_reading->settings, arena, ret_report, err);
}

bool config_compare(struct config *config, struct world *world, struct till_arena *arena,
                    struct config_report *ret_report, struct till_error *err) {
    struct reading reading;
    world_acquire(world, &config->lock);
    bool good = look(config, arena, &reading, ret_report, err);
    world_release(world, &config->lock);
    return good;
}

bool config_reload(struct config *config, struct world *world, struct till_arena *arena,
                   struct config_report *ret_report, struct till_error *err) {
    struct reading reading;
    struct config_report report;
    world_acquire(world, &config->lock);
    bool good = look(config, arena, &reading, &report, err) &&
                (report.live == 0 || replace(config, &reading.settings, err));
    if (good)
        keep_origins(config, &reading, false);
    world_release(world, &config->lock);
    if (good)
        *ret_report = report;
    return good;
}
