/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <rt/file.h>
#include <rt/settings.h>

struct config {
    struct till_str url, secret;
    int64_t port, timeout_us, body_max;
    bool strict;
    int64_t deep;
    struct rate rate;
};

static const struct setting TABLE[] = {
    {"public_url", SETTING_TEXT, "http://127.0.0.1", 1, 100, false, offsetof(struct config, url),
     "Where clients reach this till."},
    {"http.port", SETTING_INT, "8080", 1, 65535, false, offsetof(struct config, port),
     "Port of the public listener."},
    {"http.header_timeout", SETTING_DURATION, "10s", 1000, 60000000, true,
     offsetof(struct config, timeout_us), "Time for a complete head."},
    {"http.limits.body", SETTING_SIZE, "64KiB", 1, 1048576, true, offsetof(struct config, body_max),
     "Largest body."},
    {"http.limits.strict", SETTING_BOOL, "true", 0, 0, true, offsetof(struct config, strict),
     "Refuse what is ambiguous."},
    {"http.limits.rate", SETTING_RATE, "500/s", 0, 0, true, offsetof(struct config, rate),
     "How many."},
    {"admin.secret", SETTING_SECRET, "", 8, 64, false, offsetof(struct config, secret),
     "Opens the \"admin\" door."},
    {"admin.offset", SETTING_INT, "0", -5, 5, false, offsetof(struct config, deep), "An offset."},
};
enum { ROWS = sizeof TABLE / sizeof TABLE[0] };

struct fixture {
    struct till_arena arena;
    struct config config;
    struct till_error err;
    char path[64];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    till_arena_init(&f->arena, 1 << 20);
    memset(&f->config, 0x5a, sizeof f->config);
    snprintf(f->path, sizeof f->path, "/tmp/till-settings-%d.yaml", (int)getpid());
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    unlink(f->path);
    till_arena_clean_up(&f->arena);
    free(f);
    return 0;
}

static bool load(struct fixture *f, const char *yaml, const char *override) {
    struct till_error err;
    assert_true(file_write(till_str_of(f->path), till_str_of(yaml), 0600, false, &err));
    return settings_load(TABLE, ROWS, &f->arena, till_str_of(f->path), &override, override != NULL,
                         &f->config, &f->err);
}

static void refused(struct fixture *f, const char *yaml, const char *field, const char *part) {
    struct config before;
    memset(&before, 0x5a, sizeof before);
    if (load(f, yaml, NULL))
        fail_msg("accepted: %s", yaml);
    assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
    if (!strstr(f->err.text, part))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, part);
    assert_string_equal(f->err.field, field);
    assert_memory_equal(&f->config, &before, sizeof before);
}

static void defaults_hold_without_a_file_and_with_an_empty_one(void **state) {
    struct fixture *f = *state;
    assert_true(settings_load(TABLE, ROWS, &f->arena, TILL_STR_NONE, NULL, 0, &f->config, &f->err));
    assert_int_equal(f->config.port, 8080);
    assert_int_equal(f->config.timeout_us, 10000000);
    assert_int_equal(f->config.body_max, 65536);
    assert_true(f->config.strict);
    assert_int_equal(f->config.secret.len, 0);
    assert_true(load(f, "", NULL));
    assert_true(load(f, "# nothing\n---\n", NULL));
    assert_true(load(f, "http:\n", NULL));
    assert_int_equal(f->config.port, 8080);
}

static void values_of_the_file_win_over_defaults_and_overrides_over_both(void **state) {
    struct fixture *f = *state;
    const char *yaml = "public_url: https://pay.example\n"
                       "http:\n  port: 9000\n  header_timeout: 500ms\n"
                       "  limits:\n    body: 1MiB\n    strict: false\n"
                       "admin: {secret: 'a long enough one', offset: -5}\n";
    assert_true(load(f, yaml, "http.port=9001"));
    assert_true(till_str_is(f->config.url, "https://pay.example"));
    assert_int_equal(f->config.port, 9001);
    assert_int_equal(f->config.timeout_us, 500000);
    assert_int_equal(f->config.body_max, 1048576);
    assert_false(f->config.strict);
    assert_true(till_str_is(f->config.secret, "a long enough one"));
    assert_int_equal(f->config.deep, -5);
}

static void units_of_time_and_size_are_read_exactly(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *text;
        int64_t us;
    } GOOD[] = {{"http.header_timeout=1ms", 1000},
                {"http.header_timeout=60s", 60000000},
                {"http.header_timeout=1m", 60000000}};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        assert_true(load(f, "", GOOD[i].text));
        assert_int_equal(f->config.timeout_us, GOOD[i].us);
    }
    static const char *const BAD[] = {"http.header_timeout=10",
                                      "http.header_timeout=1.5s",
                                      "http.header_timeout= 1s",
                                      "http.header_timeout=1 s",
                                      "http.header_timeout=s",
                                      "http.header_timeout=2h",
                                      "http.header_timeout=010s",
                                      "http.limits.body=64KB",
                                      "http.limits.body=64kib",
                                      "http.limits.body=2MiB",
                                      "http.port=0",
                                      "http.port=65536",
                                      "http.port=0x50",
                                      "http.port=+80",
                                      "http.port=1e3",
                                      "http.port=99999999999999999999",
                                      "http.limits.strict=yes",
                                      "http.limits.strict=True",
                                      "http.limits.strict=fasle",
                                      "http.nothing=1",
                                      "http.port",
                                      "admin.offset=-6",
                                      "admin.offset=--1",
                                      "admin.secret=short",
                                      "http.header_timeout=99999999999999999d"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        if (load(f, "", BAD[i]))
            fail_msg("accepted: %s", BAD[i]);
        assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
    }
}

static void rates_are_read_and_wrong_ones_say_what_one_looks_like(void **state) {
    struct fixture *f = *state;
    refused(f, "http:\n  limits:\n    rate: 500\n", "http.limits.rate", "such as 500/s");
    refused(f, "http:\n  limits:\n    rate: 0/s\n", "http.limits.rate", "such as 500/s");
    assert_true(load(f, "", NULL));
    assert_int_equal(f->config.rate.count, 500);
    assert_int_equal(f->config.rate.period_us, 1000000);
    assert_true(load(f, "http:\n  limits:\n    rate: 30/m burst 5\n", NULL));
    assert_int_equal(f->config.rate.count, 30);
    assert_int_equal(f->config.rate.period_us, 60000000);
    assert_int_equal(f->config.rate.burst, 5);
    assert_true(load(f, "http:\n  limits:\n    rate: off\n", NULL));
    assert_true(rate_is_off(&f->config.rate));
}

static void a_mistake_is_named_with_its_line_and_column(void **state) {
    struct fixture *f = *state;
    refused(f, "http:\n  port: 80\n  prot: 1\n", "http.prot",
            "line 3, column 3: http.prot is not a setting");
    refused(f, "http:\n  port: 010\n", "http.port",
            "line 2, column 9: http.port must be a whole number");
    refused(f, "http:\n  port: 70000\n", "http.port", "must be from 1 to 65535");
    refused(f, "http:\n  limits:\n    body: 5MiB\n", "http.limits.body", "from 1B to 1MiB");
    refused(f, "http:\n  port: 1\nhttp:\n  port: 2\n", "http",
            "line 4, column 3: http stands there");
    refused(f, "http:\n  port: 1\n  port: 2\n", "http.port", "line 3, column 9: http.port stands");
    refused(f, "http: 5\n", "http", "is a group");
    refused(f, "http:\n  port: {a: 1}\n", "http.port", "takes one value");
    refused(f, "http:\n  port: [1]\n", "http.port", "no setting takes a list");
    refused(f, "- a\n", "file", "line 1");
    refused(f, "just words\n", "file", "name: value");
    refused(f, "http.port: 1\n", "http.port", "is not a setting");
    refused(f, "{a: 1\n", "a", "is not a setting");
    refused(f, "http: {port: 1\n", "file", "line 2");
    refused(f, "http:\n  port: 1\n---\nhttp:\n  port: 2\n", "file", "second document");
    refused(f, "public_url: &a x\nadmin:\n  secret: *a\n", "file", "anchors");
    refused(f, "http:\n  limits:\n    strict: fasle\n", "http.limits.strict", "true or false");
    refused(f, "public_url: \"\xff\"\n", "file", "line 1");
}

static void s_133_a_secret_is_never_quoted(void **state) {
    struct fixture *f = *state;
    refused(f, "admin:\n  secret: cnr7\n", "admin.secret", "must have 8 to 64 bytes");
    assert_null(strstr(f->err.text, "cnr7"));
    refused(f, "admin:\n  secret: [canary]\n", "admin.secret", "list");
    assert_null(strstr(f->err.text, "canary"));
}

static void a_missing_file_is_named(void **state) {
    struct fixture *f = *state;
    assert_false(settings_load(TABLE, ROWS, &f->arena, TILL_STR("/nowhere/till.yaml"), NULL, 0,
                               &f->config, &f->err));
    assert_int_equal(f->err.code, TILL_E_SETTING_INVALID);
    assert_non_null(strstr(f->err.text, "/nowhere/till.yaml"));
}

static void the_description_is_a_file_that_loads_to_the_defaults(void **state) {
    struct fixture *f = *state;
    struct till_str text;
    assert_true(settings_describe(TABLE, ROWS, &f->arena, &text, &f->err));
    struct config defaults;
    memset(&defaults, 0, sizeof defaults);
    assert_true(settings_load(TABLE, ROWS, &f->arena, TILL_STR_NONE, NULL, 0, &defaults, &f->err));
    assert_true(load(f, text.ptr, NULL));
    assert_int_equal(f->config.port, defaults.port);
    assert_int_equal(f->config.body_max, defaults.body_max);
    assert_int_equal(f->config.secret.len, 0);
    assert_true(till_str_equal(f->config.url, defaults.url));
    assert_non_null(strstr(text.ptr,
                           "# Time for a complete head. (1ms to 1m; reload)\n  header_timeout: "
                           "10s\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(defaults_hold_without_a_file_and_with_an_empty_one),
        T(values_of_the_file_win_over_defaults_and_overrides_over_both),
        T(units_of_time_and_size_are_read_exactly),
        T(rates_are_read_and_wrong_ones_say_what_one_looks_like),
        T(a_mistake_is_named_with_its_line_and_column),
        T(s_133_a_secret_is_never_quoted),
        T(a_missing_file_is_named),
        T(the_description_is_a_file_that_loads_to_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
