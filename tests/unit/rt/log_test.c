/* SPDX-License-Identifier: Apache-2.0 */
/* One escaped line an event, rotation, and what happens when the disk does not play along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rt/log.h>

#define DAY_US (INT64_C(86400) * 1000000)
#define START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */
#define TEXT_MAX 300000

static char folder[32], path[64];
static int64_t now_us;
static char text[TEXT_MAX];

static int64_t test_clock(void *clock) {
    return *(int64_t *)clock;
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/till-log-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/till.log", folder);
    now_us = START_US;
    return 0;
}

/* Removes the folder's files; returns how many there were. */
static int sweep(void) {
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            count += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
    closedir(dir);
    return count;
}

static int tear_down(void **state) {
    (void)state;
    sweep();
    return rmdir(folder);
}

static struct log *open_log(enum log_level level, int64_t rotate_bytes) {
    struct log_options options = {.path = till_str_of(path),
                                  .level = level,
                                  .rotate_bytes = rotate_bytes,
                                  .keep_days = 7,
                                  .now_us = test_clock,
                                  .clock = &now_us};
    struct log *log;
    struct till_error err;
    if (!log_open(&options, &log, &err))
        fail_msg("%s", err.text);
    return log;
}

static const char *read_file(const char *name) {
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_null(memchr(text, '\0', len));
    text[len] = '\0';
    return text;
}

static int count_lines(const char *from) {
    int count = 0;
    for (; (from = strchr(from, '\n')); from++)
        count++;
    return count;
}

static void an_event_is_one_line_of_json(void **state) {
    (void)state;
    struct log *log = open_log(LOG_INFO, 0);
    now_us += 123456;
    log_event(log, LOG_INFO, "flow", LOG_C("route", "create"), LOG_N("status", -201),
              LOG_B("final", true), LOG_B("late", false), LOG_S("empty", TILL_STR_NONE));
    log_close(log);
    assert_string_equal(
        read_file(path),
        "{\"time\":\"2026-01-01T00:00:00.123456Z\",\"level\":\"info\",\"event\":\"flow\","
        "\"route\":\"create\",\"status\":-201,\"final\":true,\"late\":false,\"empty\":\"\"}\n");
}

static void s_132_a_value_cannot_end_the_line(void **state) {
    (void)state;
    struct log *log = open_log(LOG_INFO, 0);
    log_event(log, LOG_WARN, "e\nvent", LOG_C("out_trade_no", "x\r\n2026-01-01 INFO paid"),
              LOG_C("quote", "\",\"level\":\"error\\"), LOG_C("na\"me", "v"),
              LOG_S("nul", TILL_STR("a\0b\x1b[31m\x7f")),
              LOG_C("separators", "a\xe2\x80\xa8"
                                  "b\xe2\x80\xa9"
                                  "c"));
    log_close(log);
    assert_string_equal(
        strstr(read_file(path), "\"level\""),
        "\"level\":\"warn\",\"event\":\"e\\u000avent\",\"out_trade_no\":\"x\\u000d\\u000a2026-01-"
        "01 INFO paid\","
        "\"quote\":\"\\\",\\\"level\\\":\\\"error\\\\\",\"na\\\"me\":\"v\","
        "\"nul\":\"a\\u0000b\\u001b[31m\\u007f\",\"separators\":\"a\\u2028b\\u2029c\"}\n");
}

static void bytes_that_are_not_utf8_are_replaced(void **state) {
    (void)state;
    struct log *log = open_log(LOG_INFO, 0);
    log_event(log, LOG_INFO, "e",
              LOG_C("v", "\xe4\xb8\xad|\xff|\xc0\xaf|\xed\xa0\x80|\xf0\x9f\x8d\xb5|\xe4\xb8"));
    log_close(log);
    assert_non_null(strstr(
        read_file(path),
        "\"v\":\"\xe4\xb8\xad|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xf0\x9f\x8d\xb5|\xef\xbf\xbd\xef\xbf\xbd\"}\n"));
}

static void every_byte_in_a_value_gives_a_parsable_line(void **state) {
    (void)state;
    struct log *log = open_log(LOG_INFO, 0);
    char pair[2];
    for (int c = 0; c < 256; c++) {
        pair[0] = (char)c;
        pair[1] = 'x';
        log_event(log, LOG_INFO, "byte", LOG_S("v", ((struct till_str){pair, 2})));
    }
    log_close(log);
    const char *line = read_file(path);
    assert_int_equal(count_lines(line), 256);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        for (const char *at = line; at < end; at++)
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
        assert_true(till_str_is_utf8((struct till_str){line, (size_t)(end - line)}));
        assert_non_null(strstr(line, "x\"}\n"));
    }
}

static void a_huge_value_is_cut_and_says_so(void **state) {
    (void)state;
    static char huge[200000];
    memset(huge, 'h', sizeof huge);
    struct log *log = open_log(LOG_INFO, 0);
    log_event(log, LOG_INFO, "e", LOG_S("v", ((struct till_str){huge, sizeof huge})),
              LOG_N("n", 1));
    log_close(log);
    const char *line = read_file(path);
    assert_true(strlen(line) < 66000);
    assert_non_null(strstr(line, "hhh...(cut)\",\"n\":1}\n"));
}

static void levels_below_are_not_written(void **state) {
    (void)state;
    struct log *log = open_log(LOG_WARN, 0);
    log_event(log, LOG_INFO, "quiet", LOG_N("n", 1));
    log_event(log, LOG_WARN, "loud", LOG_N("n", 1));
    assert_false(log_enabled(log, LOG_INFO));
    assert_true(log_enabled(log, LOG_ERROR));
    assert_false(log_enabled(NULL, LOG_ERROR));
    log_event(NULL, LOG_ERROR, "swallowed", LOG_N("n", 1));
    log_close(log);
    log_close(NULL);
    assert_int_equal(count_lines(read_file(path)), 1);
}

static void an_error_brings_its_code_place_and_sentence(void **state) {
    (void)state;
    struct till_error err;
    struct log *log = open_log(LOG_INFO, 0);
    (void)TILL_FAIL_FIELD(&err, FIELD_MISSING, "/amount", "Give the amount.");
    log_failure(log, LOG_ERROR, "flow", &err);
    log_close(log);
    const char *line = read_file(path);
    assert_non_null(strstr(line, "\"code\":\"field_missing\",\"class\":"));
    assert_non_null(strstr(line, "\"field\":\"/amount\""));
    assert_non_null(strstr(line, "\"text\":\"Give the amount.\"}"));
    assert_non_null(strstr(line, "log_test.c:"));
}

static void a_full_file_is_moved_aside_and_no_line_is_lost(void **state) {
    (void)state;
    struct log *log = open_log(LOG_INFO, 2000);
    for (int i = 0; i < 100; i++) /* the clock stands still: names must differ all the same */
        log_event(log, LOG_INFO, "e", LOG_N("number", i));
    log_close(log);
    bool seen[100] = {false};
    int files = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[400];
        struct stat status;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        assert_int_equal(stat(name, &status), 0);
        assert_true(status.st_size <= 2000);
        files++;
        for (const char *at = read_file(name); (at = strstr(at, "\"number\":")); at++)
            seen[strtol(at + 9, NULL, 10)] = true;
    }
    closedir(dir);
    assert_true(files >= 4);
    for (int i = 0; i < 100; i++)
        assert_true(seen[i]);
}

static void a_day_has_its_own_file_and_old_ones_go(void **state) {
    (void)state;
    struct log *log = open_log(LOG_INFO, 0);
    char strange[96];
    snprintf(strange, sizeof strange, "%s.20200101T000000.000000Z.gz", path);
    fclose(fopen(strange, "w")); /* not ours: stays */
    for (int day = 0; day < 20; day++) {
        for (int i = 0; i < 3; i++) {
            log_event(log, LOG_INFO, "e", LOG_N("day", day));
            now_us += 1000000;
        }
        now_us += DAY_US - 3000000;
    }
    log_close(log);
    assert_int_equal(access(strange, F_OK), 0);
    assert_int_equal(count_lines(read_file(path)), 3);
    /* till.log, the stranger, and the days that were moved aside within the last seven */
    assert_int_equal(sweep(), 1 + 1 + 8);
}

static void a_restart_removes_what_is_too_old(void **state) {
    (void)state;
    char old[96], young[96];
    snprintf(old, sizeof old, "%s.20251201T000000.000000Z", path);
    snprintf(young, sizeof young, "%s.20251230T000000.000000Z", path);
    fclose(fopen(old, "w"));
    fclose(fopen(young, "w"));
    log_close(open_log(LOG_INFO, 0));
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(young, F_OK), 0);
}

static void after_a_rename_by_others_it_writes_to_the_path_again(void **state) {
    (void)state;
    char moved[96];
    snprintf(moved, sizeof moved, "%s.1", path);
    struct log *log = open_log(LOG_INFO, 0);
    log_event(log, LOG_INFO, "before", LOG_N("n", 1));
    assert_int_equal(rename(path, moved), 0);
    log_event(log, LOG_INFO, "still_before", LOG_N("n", 2));
    log_reopen(log);
    log_event(log, LOG_INFO, "after", LOG_N("n", 3));
    log_close(log);
    log_reopen(NULL);
    assert_int_equal(count_lines(read_file(moved)), 2);
    assert_non_null(strstr(read_file(path), "\"after\""));
    assert_int_equal(count_lines(text), 1);
}

static void a_log_that_cannot_be_opened_is_an_error(void **state) {
    (void)state;
    static const char *const BAD[] = {"", "/no/such/folder/till.log", "/"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct log_options options = {.path = till_str_of(BAD[i]), .keep_days = 7};
        struct log *log = NULL;
        struct till_error err;
        assert_false(log_open(&options, &log, &err));
        assert_int_equal(err.code, TILL_E_SETTING_INVALID);
        assert_string_equal(err.field, "log.path");
        assert_null(log);
    }
}

static void what_cannot_be_written_is_counted_and_the_next_line_is_whole(void **state) {
    (void)state;
    struct rlimit before, tight;
    struct log *log = open_log(LOG_INFO, 0);
    log_event(log, LOG_INFO, "first", LOG_N("n", 1));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    tight = before;
    tight.rlim_cur = (rlim_t)status.st_size + 10; /* the disk takes ten bytes more */
    setrlimit(RLIMIT_FSIZE, &tight);
    log_event(log, LOG_INFO, "second", LOG_N("n", 2));
    log_event(log, LOG_INFO, "third", LOG_N("n", 3));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(log_lost(log), 2);
    log_event(log, LOG_INFO, "fourth", LOG_N("n", 4));
    assert_int_equal(log_lost(log), 2);
    assert_int_equal(log_lost(NULL), 0);
    log_close(log);
    const char *fourth =
        strstr(read_file(path), "{\"time\":\"2026-01-01T00:00:00.000000Z\","
                                "\"level\":\"info\",\"event\":\"fourth\",\"n\":4}\n");
    assert_non_null(fourth);
    assert_int_equal(fourth[-1], '\n');
}

struct writer {
    struct log *log;
    int number;
};

static void *write_lines(void *arg) {
    struct writer *writer = arg;
    for (int i = 0; i < 500; i++)
        log_event(writer->log, LOG_INFO, "e", LOG_N("writer", writer->number), LOG_N("i", i));
    return NULL;
}

static void lines_of_many_threads_stay_whole(void **state) {
    (void)state;
    struct writer writers[4];
    pthread_t threads[4];
    struct log *log = open_log(LOG_INFO, 0);
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){log, i};
        pthread_create(&threads[i], NULL, write_lines, &writers[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(log_lost(log), 0);
    log_close(log);
    const char *line = read_file(path);
    assert_int_equal(count_lines(line), 2000);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        assert_int_equal(strncmp(line, "{\"time\":\"2026-01-01T00:00:00.000000Z\"", 37), 0);
        assert_int_equal(end[-1], '}');
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_one_line_of_json),
        TEST(s_132_a_value_cannot_end_the_line),
        TEST(bytes_that_are_not_utf8_are_replaced),
        TEST(every_byte_in_a_value_gives_a_parsable_line),
        TEST(a_huge_value_is_cut_and_says_so),
        TEST(levels_below_are_not_written),
        TEST(an_error_brings_its_code_place_and_sentence),
        TEST(a_full_file_is_moved_aside_and_no_line_is_lost),
        TEST(a_day_has_its_own_file_and_old_ones_go),
        TEST(a_restart_removes_what_is_too_old),
        TEST(after_a_rename_by_others_it_writes_to_the_path_again),
        TEST(a_log_that_cannot_be_opened_is_an_error),
        TEST(what_cannot_be_written_is_counted_and_the_next_line_is_whole),
        TEST(lines_of_many_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
