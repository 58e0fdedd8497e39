/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that are replaced while others read them: all or nothing, live rows only, old tables
 * stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <gateway/config.h>
#include <gateway/settings_check.h>
#include <rt/file.h>

#include "world_inline.h"

#define SECOND INT64_C(1000000)
#define KEY "0123456789abcdeffedcba98765432100011223344556677889900aabbccddee"

struct fixture {
    char folder[32], path[64];
    struct world *world;
    struct till_arena arena;
    struct config *config;
    struct config_report report;
    struct till_error err;
    const char *overrides[2];
    size_t override_count;
    int applied;
    bool refuses;
};

static void write_text(struct fixture *f, const char *text) {
    assert_true(file_write(till_str_of(f->path), till_str_of(text), 0600, false, &f->err));
}

static bool apply(void *self, const struct gateway_settings *next, struct till_error *err) {
    struct fixture *f = self;
    assert_non_null(next);
    if (f->refuses)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.workers_max", "Not here.");
    f->applied++;
    return true;
}

static void open_with(struct fixture *f, const char *text) {
    write_text(f, text);
    const struct config_options options = {.path = till_str_of(f->path),
                                           .overrides = f->overrides,
                                           .override_count = f->override_count,
                                           .environment_key = KEY,
                                           .apply = apply,
                                           .self = f};
    assert_true(config_open(&options, &f->config, &f->err));
}

static bool reload(struct fixture *f, const char *text) {
    write_text(f, text);
    return config_reload(f->config, f->world, &f->arena, &f->report, &f->err);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/till-config-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/till.yaml", f->folder);
    f->world = world_inline_open(1, 1767225600 * SECOND);
    till_arena_init(&f->arena, (size_t)64 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    config_close(f->config);
    world_inline_close(f->world);
    till_arena_clean_up(&f->arena);
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

#define URL "public_url: https://pay.example.com\n"

static void a_live_setting_takes_effect_and_the_old_table_stays(void **state) {
    struct fixture *f = *state;
    open_with(f, URL "webhook:\n  timeout: 7s\n");
    const struct gateway_settings *before = config_now(f->config);
    assert_true(reload(f, URL "webhook:\n  timeout: 9s\noutbound:\n  permit: 10.0.0.1:80\n"));
    assert_int_equal(config_now(f->config)->webhook_timeout, 9 * SECOND);
    assert_true(till_str_is(config_now(f->config)->outbound_permit, "10.0.0.1:80"));
    assert_int_equal(before->webhook_timeout, 7 * SECOND);
    assert_true(till_str_is(before->public_url, "https://pay.example.com"));
    assert_int_equal(f->report.count, 2);
    assert_int_equal(f->report.live, 2);
    assert_string_equal(f->report.changes[0].row->name, "outbound.permit");
    assert_true(till_str_is(f->report.changes[1].from, "7s"));
    assert_true(till_str_is(f->report.changes[1].to, "9s"));
    assert_int_equal(f->applied, 1);
}

static void an_unchanged_file_replaces_nothing(void **state) {
    struct fixture *f = *state;
    open_with(f, URL);
    const struct gateway_settings *before = config_now(f->config);
    assert_true(reload(f, URL "\n# a remark\n"));
    assert_int_equal(f->report.count, 0);
    assert_ptr_equal(config_now(f->config), before);
    assert_int_equal(f->applied, 0);
}

static void a_restart_setting_keeps_its_running_value_and_is_named_each_time(void **state) {
    struct fixture *f = *state;
    open_with(f, URL);
    for (int i = 0; i < 2; i++) {
        assert_true(reload(f, URL "http:\n  port: 9999\n  idle_timeout: 30s\n"));
        assert_int_equal(f->report.live, i == 0);
        assert_int_equal(f->report.count, i == 0 ? 2 : 1);
        assert_string_equal(f->report.changes[0].row->name, "http.port");
        assert_false(f->report.changes[0].took_effect);
        assert_int_equal(config_now(f->config)->listen_port, 8080);
        assert_int_equal(config_now(f->config)->http_idle_timeout, 30 * SECOND);
    }
}

static void one_wrong_setting_keeps_everything_as_it_was(void **state) {
    static const struct {
        const char *addition, *field;
    } BAD[] = {
        {"webhook:\n  timeout: 1s\nlog:\n  level: loud\n", "log.level"},
        {"webhook:\n  timeout: 1s\n  per_endpoint: 65\n", "webhook.per_endpoint"},
        {"webhook:\n  timeout: 1s\nno_such: 1\n", "no_such"},
        {"webhook:\n  timeout: 1s\nhttp:\n  tls_key: /nowhere\n", "http.tls_key"},
        {"webhook:\n  timeout: 1s\nhttp:\n  trusted_proxies: nobody\n", "http.trusted_proxies"},
        {"webhook:\n  timeout: 1s\noutbound:\n  permit: everywhere\n", "outbound.permit"},
        {"webhook:\n  timeout: 1s\noutbound:\n  ca_file: /nowhere\n", "outbound.ca_file"}};
    struct fixture *f = *state;
    open_with(f, URL);
    const struct gateway_settings *before = config_now(f->config);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, URL "%s", BAD[i].addition);
        assert_false(reload(f, text));
        assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
        assert_string_equal(f->err.field, BAD[i].field);
        assert_ptr_equal(config_now(f->config), before);
    }
    assert_false(reload(f, "webhook:\n  timeout: 1s\n"));
    assert_string_equal(f->err.field, "public_url");
    f->refuses = true;
    assert_false(reload(f, URL "webhook:\n  timeout: 1s\n"));
    assert_string_equal(f->err.field, "http.workers_max");
    assert_ptr_equal(config_now(f->config), before);
    f->refuses = false;
    assert_true(reload(f, URL "webhook:\n  timeout: 1s\n"));
    assert_int_equal(config_now(f->config)->webhook_timeout, SECOND);
}

static void the_command_line_stays_in_force(void **state) {
    struct fixture *f = *state;
    enum settings_origin origins[256];
    assert_true(gateway_setting_count <= 256);
    f->overrides[0] = "webhook.timeout=4s";
    f->override_count = 1;
    open_with(f, URL "webhook:\n  timeout: 7s\n");
    assert_int_equal(config_now(f->config)->webhook_timeout, 4 * SECOND);
    assert_true(reload(f, URL "webhook:\n  timeout: 9s\n  per_endpoint: 9\n  workers: 3\n"));
    assert_int_equal(config_now(f->config)->webhook_timeout, 4 * SECOND);
    assert_int_equal(config_now(f->config)->webhook_per_endpoint, 9);
    config_origins(f->config, f->world, origins);
    for (size_t i = 0; i < gateway_setting_count; i++) {
        const char *name = gateway_setting_rows[i].name;
        if (strcmp(name, "webhook.timeout") == 0)
            assert_int_equal(origins[i], SETTINGS_OVERRIDE);
        if (strcmp(name, "webhook.per_endpoint") == 0)
            assert_int_equal(origins[i], SETTINGS_FILE);
        if (strcmp(name, "webhook.workers") == 0) /* runs with what it started with */
            assert_int_equal(origins[i], SETTINGS_DEFAULT);
    }
}

static void a_comparison_changes_nothing(void **state) {
    struct fixture *f = *state;
    open_with(f, URL);
    const struct gateway_settings *before = config_now(f->config);
    write_text(f, URL "webhook:\n  timeout: 1s\n");
    assert_true(config_compare(f->config, f->world, &f->arena, &f->report, &f->err));
    assert_int_equal(f->report.count, 1);
    assert_ptr_equal(config_now(f->config), before);
    assert_int_equal(f->applied, 0);
}

static void replaced_tables_are_bounded(void **state) {
    struct fixture *f = *state;
    open_with(f, URL);
    char text[128];
    for (int i = 1; i < CONFIG_TABLES_MAX; i++) {
        snprintf(text, sizeof text, URL "webhook:\n  timeout: %dms\n", 100 + i);
        till_arena_clean_up(&f->arena);
        assert_true(reload(f, text));
    }
    const struct gateway_settings *before = config_now(f->config);
    assert_false(reload(f, URL));
    assert_non_null(strstr(f->err.text, "restart"));
    assert_ptr_equal(config_now(f->config), before);
    assert_true(reload(f, text));
}

static void what_is_shown_reads_back_as_the_same(void **state) {
    struct fixture *f = *state;
    struct gateway_settings defaults, again;
    assert_true(settings_load(gateway_setting_rows, gateway_setting_count, &f->arena, TILL_STR_NONE,
                              NULL, 0, &defaults, &f->err));
    for (size_t i = 0; i < gateway_setting_count; i++) {
        const struct setting *row = &gateway_setting_rows[i];
        struct till_str shown, text;
        assert_true(settings_show(row, &defaults, &f->arena, &shown, &f->err));
        assert_true(till_arena_format(&f->arena, &text, &f->err, "%s=%.*s", row->name,
                                      TILL_STR_ARG(shown)));
        const char *overrides[] = {text.ptr};
        assert_true(settings_load(gateway_setting_rows, gateway_setting_count, &f->arena,
                                  TILL_STR_NONE, overrides, 1, &again, &f->err));
        if (!settings_same(row, &defaults, &again))
            fail_msg("%s is shown as %s", row->name, text.ptr);
    }
}

static void a_secret_is_shown_as_set_or_not(void **state) {
    struct fixture *f = *state;
    static const struct setting ROW = {.name = "secret", .kind = SETTING_SECRET, .fallback = ""};
    struct till_str value = TILL_STR("canary"), other = TILL_STR("canarx"), copy, shown;
    assert_true(settings_show(&ROW, &value, &f->arena, &shown, &f->err));
    assert_true(till_str_is(shown, "(set)"));
    assert_false(settings_same(&ROW, &value, &other));
    assert_true(settings_copy(&ROW, &f->arena, &value, &copy, &f->err));
    assert_true(settings_same(&ROW, &value, &copy));
    assert_ptr_not_equal(copy.ptr, value.ptr);
    value = TILL_STR_NONE;
    assert_true(settings_show(&ROW, &value, &f->arena, &shown, &f->err));
    assert_true(till_str_is(shown, ""));
}

static bool warns(const struct gateway_settings *settings, const char *name) {
    struct settings_warning warnings[SETTINGS_PROBLEMS_MAX];
    size_t count = settings_warnings(settings, warnings);
    for (size_t i = 0; i < count; i++)
        if (strcmp(warnings[i].setting, name) == 0)
            return true;
    return false;
}

static void weak_choices_are_told_and_good_ones_are_not(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *set, *name;
    } WEAK[] = {{"public_url=http://pay.example.com", "public_url"},
                {"http.listen=0.0.0.0", "http.listen"},
                {"private.listen=0.0.0.0", "private.listen"},
                {"http.trusted_proxies=0.0.0.0/0", "http.trusted_proxies"},
                {"outbound.permit=127.0.0.1:1", "outbound.permit"},
                {"log.debug=true", "log.debug"},
                {"upstream.timeout=30s", "upstream.timeout"},
                {"upstream.connect_timeout=10s", "upstream.connect_timeout"},
                {"shed.lists_at=60", "shed.lists_at"},
                {"store.path=/tmp/till.db", "store.path"}};
    struct gateway_settings good, weak;
    const char *overrides[2] = {"public_url=https://pay.example.com"};
    struct settings_warning warnings[SETTINGS_PROBLEMS_MAX];
    assert_true(settings_load(gateway_setting_rows, gateway_setting_count, &f->arena, TILL_STR_NONE,
                              overrides, 1, &good, &f->err));
    assert_int_equal(settings_warnings(&good, warnings), 0);
    for (size_t i = 0; i < sizeof WEAK / sizeof WEAK[0]; i++) {
        overrides[1] = WEAK[i].set;
        assert_true(settings_load(gateway_setting_rows, gateway_setting_count, &f->arena,
                                  TILL_STR_NONE, overrides, 2, &weak, &f->err));
        assert_true(warns(&weak, WEAK[i].name));
        assert_false(warns(&good, WEAK[i].name));
    }
    overrides[1] = "http.listen=0.0.0.0";
    assert_true(settings_load(gateway_setting_rows, gateway_setting_count, &f->arena, TILL_STR_NONE,
                              overrides, 2, &weak, &f->err));
    weak.trusted_proxies = TILL_STR("10.0.0.1");
    assert_false(warns(&weak, "http.listen"));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_live_setting_takes_effect_and_the_old_table_stays),
        SENTENCE(an_unchanged_file_replaces_nothing),
        SENTENCE(a_restart_setting_keeps_its_running_value_and_is_named_each_time),
        SENTENCE(one_wrong_setting_keeps_everything_as_it_was),
        SENTENCE(the_command_line_stays_in_force),
        SENTENCE(a_comparison_changes_nothing),
        SENTENCE(replaced_tables_are_bounded),
        SENTENCE(what_is_shown_reads_back_as_the_same),
        SENTENCE(a_secret_is_shown_as_set_or_not),
        SENTENCE(weak_choices_are_told_and_good_ones_are_not),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
