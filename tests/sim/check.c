/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks after each commit and listens to each passage. The order within a look matters: rows first,
 * then what hangs on them, then the judgement of everything that the commit touched.
 */
#include "check_card.h"

#include <assert.h>
#include <inttypes.h>

/* Bounds that nothing in a run may reach (I28). */
#define ANSWER_MAX_US (120 * TILL_US_PER_SECOND)
enum { TASKS_MAX = 2000 };
#define SKEW_US (60 * TILL_US_PER_SECOND)

static void clear(struct check *check) {
    till_arena_clean_up(&check->arena);
    till_arena_init(&check->arena, (size_t)64 * 1024 * 1024);
}

/* ---- after a commit ---- */

/* One snapshot for all that follows. False: somebody recovers the log; the next step looks again.
 */
static bool begin(struct check *check, int64_t *ret_version) {
    sqlite3_stmt *stmt = check_query(check, "PRAGMA data_version");
    int code = sqlite3_step(stmt);
    bool is_busy = (code & 0xff) == SQLITE_BUSY;
    *ret_version = code == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_reset(stmt);
    if (is_busy || *ret_version == check->data_version)
        return false;
    stmt = check_query(check, "BEGIN");
    check_step(check, stmt);
    return true;
}

static void check_horizon(struct check *check) {
    int64_t horizon_s = check_number(check, "SELECT nonce_horizon_s FROM store_facts");
    if (horizon_s < check->horizon_s)
        sim_violation(check->sim, "I21",
                      "the horizon of nonces went back from %" PRId64 " to %" PRId64,
                      check->horizon_s, horizon_s);
    check->horizon_s = horizon_s;
}

static void read_everything(struct check *check) {
    check_rows(check);
    check_new_discrepancies(check);
    check_new_events(check);
    check_new_ledger(check);
    check_new_evidence(check);
    check_horizon(check);
    check_judge(check);
    if (check->look_at_all)
        check_tallies(check);
}

static bool is_there(struct check *check) {
    if (check->is_closed)
        return false;
    const struct store *store = check->scene->store;
    if (store == check->store)
        return store != NULL;
    /* Opened anew: whatever happened in between, nothing may be forgotten. */
    check_disconnect(check);
    check->after_power = check->store != NULL || check->after_power;
    check->store = store;
    return store != NULL;
}

void check_look(struct check *check) {
    int64_t version;
    if (!is_there(check))
        return;
    bool is_wanted = check->look_at_all || !check->db || watch_is_touched();
    if (!is_wanted || check->is_looking || !check_connect(check))
        return;
    if (check->look_at_all)
        check->data_version = -1;
    if (!begin(check, &version))
        return;
    check->is_looking = true;
    read_everything(check);
    if (check->after_power)
        check_kept(check);
    check_step(check, check_query(check, "COMMIT"));
    check->is_looking = false;
    check->data_version = version;
    check->look_at_all = check->after_power = false;
    watch_clear();
    clear(check);
    sim_count(check->sim, "check.looks");
}

/* ---- passages ---- */

static void note_open(struct check *check, const struct world_request *request) {
    /* Where a new request lies, the one that lay there is over: whoever worked on it was killed. */
    for (size_t i = 0; i < CHECK_OPEN_MAX; i++)
        if (check->open[i].request == request)
            check->open[i].request = NULL;
    struct open_call *call = &check->open[check->open_next++ % CHECK_OPEN_MAX];
    *call = (struct open_call){request, sim_time_us(check->sim)};
}

static void check_bounded(struct check *check, const struct sim_passage *passage) {
    for (size_t i = 0; i < CHECK_OPEN_MAX; i++) {
        struct open_call *call = &check->open[i];
        if (call->request != passage->request)
            continue;
        int64_t took_us = sim_time_us(check->sim) - call->since_us;
        if (took_us > ANSWER_MAX_US)
            sim_violation(check->sim, "I28", "an answer of the gateway took %" PRId64 " s",
                          took_us / TILL_US_PER_SECOND);
        call->request = NULL;
    }
    if (sim_process_tasks(passage->to) > TASKS_MAX)
        sim_violation(check->sim, "I28", "%s has %zu tasks", sim_process_name(passage->to),
                      sim_process_tasks(passage->to));
}

static void note_skew(struct check *check) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        struct sim_process *process = check->scene->gateway_process[i];
        int64_t skew_us = world_now_us(sim_process_world(process)) - sim_time_us(check->sim);
        if (skew_us > SKEW_US || skew_us < -SKEW_US)
            check->skewed_us = sim_time_us(check->sim);
    }
}

static void check_permitted(struct check *check, const struct sim_passage *passage) {
    static const struct till_str permitted[] = {TILL_STR_INIT("http://alipay.test/"),
                                                TILL_STR_INIT(SCENE_CARD_API "/"),
                                                TILL_STR_INIT("http://shop-")};
    for (size_t i = 0; i < sizeof permitted / sizeof *permitted; i++)
        if (till_str_starts_with(passage->request->url, permitted[i]))
            return;
    sim_violation(check->sim, "I27", "the gateway called %.*s",
                  TILL_STR_ARG(passage->request->url));
}

static void arrived(void *self, const struct sim_passage *passage) {
    struct check *check = self;
    check_look(check);
    if (check->is_closed)
        return;
    if (check_is_gateway(check, passage->to)) {
        note_open(check, passage->request);
        note_skew(check);
        check_card_event(check, passage);
    }
    if (check_is_card(passage->request->url))
        check_card_call(check, passage);
    else if (passage->to == check->scene->platform_process)
        check_platform_call(check, passage);
    if (check_is_gateway(check, passage->from)) {
        check_permitted(check, passage);
        check_words(check, passage->request->body,
                    passage->to == check->scene->platform_process ? CHECK_TO_PLATFORM
                                                                  : CHECK_TO_ANYBODY,
                    false, "a request of the gateway");
        check_mail(check, passage);
    }
    clear(check);
}

static void answered(void *self, const struct sim_passage *passage) {
    struct check *check = self;
    struct till_str path = check_path(passage->request->url);
    check_look(check);
    if (!check->is_closed && passage->response)
        check_card_said(check, passage);
    if (!check->db || !check_is_gateway(check, passage->to) || !passage->response)
        return;
    check_bounded(check, passage);
    if (till_str_starts_with(path, TILL_STR("/notify/")))
        check_notify_answer(check, passage);
    else if (till_str_starts_with(path, TILL_STR("/v1/")))
        check_api_answer(check, passage);
    else if (!till_str_starts_with(path, TILL_STR("/admin/")))
        check_words(check, passage->response->body, CHECK_TO_ANYBODY, false, "a page");
    clear(check);
}

static void ended(void *self, const struct sim_passage *passage) {
    struct check *check = self;
    if (check->is_closed)
        return;
    if (check_is_gateway(check, passage->from))
        check_permitted(check, passage);
    if (check_is_gateway(check, passage->to) && passage->answer)
        check_api_ended(check, passage);
}

static void stepped(void *self) {
    check_look(self);
}

/* ---- opening and closing ---- */

struct check *check_open(struct scene *scene, struct people *people) {
    static struct check only; /* there is one simulator in a program, and it goes on after us */
    struct check *check = &only;
    assert(!check->sim);
    *check = (struct check){.sim = NULL};
    check->sim = scene->sim;
    check->scene = scene;
    check->people = people;
    check->look_at_all = true;
    till_arena_init(&check->arena, (size_t)64 * 1024 * 1024);
    till_arena_init(&check->kept, (size_t)1024 * 1024);
    check_read_secrets(check);
    struct sim_observer observer = {check, arrived, answered, ended, stepped};
    sim_observe(scene->sim, &observer);
    check_look(check);
    return check;
}

void check_close(struct check *check) {
    if (!check)
        return;
    check->is_closed = true;
    check_disconnect(check);
    check_forget(check);
    till_arena_clean_up(&check->arena);
    till_arena_clean_up(&check->kept);
}

void check_after_power(struct check *check) {
    check_disconnect(check);
    check->after_power = true;
    check_look(check);
}
