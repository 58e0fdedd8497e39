/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants are worth what they find. One small good life passes; the same life, broken in one
 * way, ends with exactly the invariant that was broken. Each life is a process of its own, because
 * a violation ends the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <till/till.h>

#include "check_break.h"

#include "scene.h"

enum { OUTPUT_MAX = 64 * 1024 };

/* ---- the good life ---- */

static void must(bool good, const char *what) {
    if (good)
        return;
    printf("broken test: %s\n", what);
    exit(3);
}

static void format(char *out, size_t size, const char *pattern, const char *value) {
    int len = snprintf(out, size, "%s%s", pattern, value);
    must(len > 0 && (size_t)len < size, "a text is too long");
}

struct till_json *life_call(struct life *life, size_t merchant, const char *method,
                            const char *target, const char *body) {
    struct scene_call wish = {
        .method = method, .target = till_str_of(target), .body = till_str_of(body)};
    struct world_answer answer;
    struct till_json *json = NULL;
    struct till_error err;
    scene_call(&life->scene, merchant, &wish, &life->arena, &answer);
    if (answer.fate != TILL_FATE_ANSWERED || !till_json_parse(answer.body, &json, &err))
        return NULL;
    return json;
}

void life_order(struct life *life, const char *number) {
    char body[256];
    snprintf(body, sizeof body,
             "{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
             "\"subject\":\"Coffee\",\"out_trade_no\":\"%s\",\"amount\":990}",
             number);
    TILL_JSON_SCOPED struct till_json *json = life_call(life, 0, "POST", "/v1/payments", body);
    snprintf(life->payment_id, sizeof life->payment_id, "%.*s",
             TILL_STR_ARG(till_json_get_str(json, "id")));
    snprintf(life->upstream_no, sizeof life->upstream_no, "%.*s",
             TILL_STR_ARG(till_json_get_str(json, "upstream_no")));
}

void life_pay(struct life *life) {
    char target[128];
    snprintf(target, sizeof target, "/control/trades/%s/pay", life->upstream_no);
    TILL_JSON_SCOPED struct till_json *paid =
        scene_control(&life->scene, "POST", target, TILL_STR_NONE);
    must(paid != NULL, "the buyer cannot pay");
}

void life_sleep(struct life *life, int64_t seconds) {
    world_sleep_us(sim_process_world(sim_current(life->scene.sim)), seconds * TILL_US_PER_SECOND);
}

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return 256 * 1024;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return HTTP_LANE_API;
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self, (void)error, (void)arena;
    response->status = 400;
}

static void answer(void *self, struct http_request *request, struct http_response *response) {
    struct life *life = self;
    (void)request;
    if (life->pause_s > 0)
        life_sleep(life, life->pause_s);
    response->status = 200;
    response->content_type = TILL_STR("application/json");
    response->body = till_str_of(life->lie);
}

/* Whatever is asked there is answered with the lie, and nothing happens. */
void life_serve(struct life *life, const char *prefix, struct sim_process *process) {
    sim_serve(
        life->scene.sim, prefix, process,
        (struct http_service){
            .self = life, .body_max = body_max, .lane = lane, .handle = answer, .refuse = refuse});
}

static void run_sql(sqlite3 *db, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK)
        return;
    printf("broken test: %s\n", message);
    exit(3);
}

enum { TRIGGERS_MAX = 64 };

/* The rules that the database keeps by itself step aside; their texts stay. */
static size_t drop_triggers(sqlite3 *db, char *ret_texts[TRIGGERS_MAX]) {
    char **cells = NULL, line[256];
    int rows = 0, columns = 0;
    must(sqlite3_get_table(db, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'", &cells,
                           &rows, &columns, NULL) == SQLITE_OK &&
             rows <= TRIGGERS_MAX,
         "the triggers cannot be read");
    for (int i = 1; i <= rows; i++) {
        snprintf(line, sizeof line, "DROP TRIGGER %s", cells[2 * i]);
        run_sql(db, line);
        ret_texts[i - 1] = strdup(cells[2 * i + 1]);
    }
    sqlite3_free_table(cells);
    return (size_t)rows;
}

void life_sql(struct life *life, const char *sql) {
    sqlite3 *db = NULL;
    char *triggers[TRIGGERS_MAX];
    (void)life;
    must(sqlite3_open_v2(SCENE_DATABASE, &db, SQLITE_OPEN_READWRITE, SIM_VFS) == SQLITE_OK,
         "the database does not open");
    run_sql(db, "PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0; BEGIN IMMEDIATE");
    size_t count = drop_triggers(db, triggers);
    run_sql(db, sql);
    for (size_t i = 0; i < count; i++) {
        run_sql(db, triggers[i]);
        free(triggers[i]);
    }
    run_sql(db, "COMMIT");
    check_watch_forget();
    sqlite3_close(db);
}

static void open_life(struct life *life, struct sim *sim) {
    struct scene_options options = {
        .merchants = 2, .accounts = 1, .cards = 1, .commit = STORE_COMMIT_THREAD};
    till_arena_init(&life->arena, (size_t)64 << 20);
    check_watch();
    scene_open(&life->scene, sim, &options);
    for (size_t i = 0; i < 2; i++) {
        char prefix[32], digit[2] = {(char)('0' + i), '\0'};
        format(prefix, sizeof prefix, "http://shop-", digit);
        strcat(prefix, ".test/");
        life_serve(life, prefix, life->scene.merchant[i].process);
    }
    life->lie = "{}";
    life->people.scene = &life->scene;
    life->check = check_open(&life->scene, &life->people);
}

static void live(void *arg) {
    struct life *life = arg;
    open_life(life, life->sim);
    life_order(life, "order-1");
    life_pay(life);
    life_sleep(life, 5);
    char target[128];
    snprintf(target, sizeof target, "/v1/payments/%s/refunds", life->payment_id);
    TILL_JSON_SCOPED struct till_json *refund =
        life_call(life, 0, "POST", target, "{\"out_refund_no\":\"refund-1\",\"amount\":490}");
    must(refund != NULL, "there is no refund");
    life_sleep(life, 5);
    if (life->breakage) {
        life->breakage(life);
        life_sleep(life, 5);
    }
    scene_settle(&life->scene, 4 * 3600 * TILL_US_PER_SECOND);
    check_quiet(life->check);
    check_summary(life->check);
    check_close(life->check);
    scene_close(&life->scene);
    till_arena_clean_up(&life->arena);
}

/* ---- one life, one process ---- */

static void play(void (*breakage)(struct life *)) {
    struct sim_options options = {
        .seed = 11, .start_us = INT64_C(1795399200000000), .replay = "check_test"};
    static struct life life;
    life.sim = sim_open(&options);
    life.breakage = breakage;
    sim_run(life.sim, live, &life);
    fflush(stdout);
    _exit(0);
}

/* What it printed, and how it ended. */
static int run_life(void (*breakage)(struct life *), char output[OUTPUT_MAX]) {
    int ends[2], status = 0;
    size_t len = 0;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        play(breakage);
    }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], output + len, OUTPUT_MAX - 1 - len)) > 0;)
        len += (size_t)got;
    output[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void a_good_life_breaks_nothing(void **state) {
    static char output[OUTPUT_MAX];
    (void)state;
    int status = run_life(NULL, output);
    if (status != 0)
        print_message("# %s\n", output);
    assert_int_equal(status, 0);
    assert_null(strstr(output, "violation"));
}

/* How many were not named rightly. */
static size_t break_all(const struct breakage *rows) {
    static char output[OUTPUT_MAX];
    char wanted[32];
    size_t wrong = 0;
    for (const struct breakage *row = rows; row->name; row++) {
        int status = run_life(row->act, output);
        snprintf(wanted, sizeof wanted, "violation of %s:", row->invariant);
        bool is_found = status == 1 && strstr(output, wanted);
        if (!is_found)
            print_message("# %s: wanted %s, status %d: %.300s\n", row->name, row->invariant, status,
                          strstr(output, "violation") ? strstr(output, "violation") : output);
        wrong += !is_found;
    }
    return wrong;
}

static void each_broken_life_is_named_by_its_invariant(void **state) {
    (void)state;
    assert_int_equal(break_all(breakages), 0);
}

static void each_broken_life_by_card_is_named_by_its_invariant(void **state) {
    (void)state;
    assert_int_equal(break_all(card_breakages), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_life_breaks_nothing),
        cmocka_unit_test(each_broken_life_is_named_by_its_invariant),
        cmocka_unit_test(each_broken_life_by_card_is_named_by_its_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
