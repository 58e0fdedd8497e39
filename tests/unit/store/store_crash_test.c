/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Killed at each crash point of the store, then killed again while it recovers, then opened in
 * peace: nothing that was acknowledged is lost, nothing is half done. Runs itself as worker
 * ("work", "rest") and judge ("judge"). Needs a build with -Dfailpoints=true; without it there is
 * only the day without a crash.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <world_inline.h>

/* ---- the worker: plain code, exit codes; what is acknowledged goes to a file ---- */

static struct fixture *work_in(const char *dir, uint64_t seed) {
    struct fixture *f = calloc(1, sizeof *f);
    struct till_error err;
    till_arena_init(&f->arena, 64 << 20);
    snprintf(f->dir, sizeof f->dir, "%s", dir);
    snprintf(f->path, sizeof f->path, "%s/till.db", dir);
    f->world = world_inline_open(seed, T0);
    f->options = (struct store_options){.path = till_str_of(f->path),
                                        .commit = STORE_COMMIT_INLINE,
                                        .retention_nonce_us = INT64_C(900000000)};
    memset(f->options.master_key, 7, sizeof f->options.master_key);
    f->orders = (int)seed * 1000;
    if (!store_open(&f->options, f->world, NULL, NULL, &f->store, &err)) {
        fprintf(stderr, "worker: %s\n", err.text);
        exit(3);
    }
    return f;
}

static int end_work(struct fixture *f) {
    store_close(f->store);
    world_inline_close(f->world);
    till_arena_clean_up(&f->arena);
    free(f);
    return 0;
}

static void acknowledge(struct fixture *f, const char *what, const char *id) {
    char path[128], line[128];
    snprintf(path, sizeof path, "%s/told", f->dir);
    int len = snprintf(line, sizeof line, "%s %s\n", what, id);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        exit(4);
    close(fd);
}

static void must(bool done, const struct till_error *err) {
    if (done)
        return;
    fprintf(stderr, "worker: %s (%s)\n", err->text, err->where);
    exit(5);
}

static void stock_once(struct fixture *f) {
    struct till_error err;
    struct app_row app;
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR("whsec_x"),
                                    .enabled = true};
    if (store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err))
        return;
    fixture_stock(f);
    must(store_endpoint_add(f->store, &endpoint, NULL, &err), &err);
}

static struct payment_opened pay(struct fixture *f, const char *no) {
    struct payment_open open = fixture_order(f, no, 990);
    struct payment_opened opened;
    struct applied applied;
    struct till_error err;
    open.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = text(f, "nonce-%s", no), .timestamp_s = T0 / 1000000};
    open.idempotency_key = text(f, "key-%s", no);
    must(store_open_payment(f->store, &f->arena, &open, &opened, &err), &err);
    acknowledge(f, "opened", opened.payment.id);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    must(store_apply(f->store, &f->arena, &accepted, &applied, &err), &err);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.evidence = text(f, "evidence of %s", no);
    paid.evidence_kind = TILL_STR("notify");
    must(store_apply(f->store, &f->arena, &paid, &applied, &err), &err);
    acknowledge(f, "paid", opened.payment.id);
    return opened;
}

static void deliver(struct fixture *f, enum delivery_result result) {
    struct till_error err;
    struct delivery_row *rows;
    size_t count;
    must(store_claim_deliveries(f->store, &f->arena, T0 + 5000000, LEASE_US, 1, 4, &rows, &count,
                                &err),
         &err);
    if (count == 0)
        return;
    struct delivery_report report = {.delivery_id = till_str_of(rows[0].id),
                                     .lease_epoch = rows[0].lease_epoch,
                                     .result = result,
                                     .next_us = T0 + 9000000,
                                     .now_us = T0 + 5000001};
    must(store_report_delivery(f->store, &report, &err), &err);
    if (result == DELIVERY_DONE)
        acknowledge(f, "delivered", rows[0].id);
}

static int work(const char *dir, uint64_t seed) {
    struct fixture *f = work_in(dir, seed);
    struct till_error err;
    struct refund_opened refund;
    struct refund_row row;
    struct payment_opened closing;
    bool changed;
    stock_once(f);
    struct payment_opened first = pay(f, text(f, "A%d", (int)seed).ptr);
    pay(f, text(f, "B%d", (int)seed).ptr);
    pay(f, text(f, "C%d", (int)seed).ptr);
    struct refund_open in = fixture_refund(f, first.payment.id, text(f, "R%d", (int)seed).ptr, 400);
    must(store_open_refund(f->store, &f->arena, &in, &refund, &err), &err);
    acknowledge(f, "reserved", refund.refund.id);
    struct refund_finding done = {
        .refund_id = in.refund_id, .event = TILL_EVENT_SUCCEEDED, .now_us = T0};
    must(store_apply_refund(f->store, &f->arena, &done, &row, &changed, &err), &err);
    acknowledge(f, "refunded", refund.refund.id);
    struct payment_opened open = fixture_place(f, text(f, "D%d", (int)seed).ptr, 5);
    struct finding lost = fixture_finding(&open, TILL_EVENT_LOST);
    lost.source = FOUND_BY_CREATE;
    fixture_apply(f, &lost);
    must(store_begin_close(f->store, &f->arena, till_str_of(open.payment.id), NULL, T0, LEASE_US,
                           &closing, &err),
         &err);
    acknowledge(f, "closing", open.payment.id);
    deliver(f, DELIVERY_DONE);
    deliver(f, DELIVERY_RETRY);
    deliver(f, DELIVERY_DEAD);
    return end_work(f);
}

/* Opens and closes: what a restart does by itself. */
static int rest(const char *dir, uint64_t seed) {
    return end_work(work_in(dir, seed));
}

/* ---- the judge ---- */

/* What each acknowledgement promised; the id follows. */
static const struct {
    const char *told, *holds;
} PROMISES[] = {
    {"opened", "payments p JOIN attempts a ON a.payment_id = p.id WHERE p.id = "},
    {"paid", "payments WHERE state = 1 AND id = "},
    {"reserved", "refunds WHERE id = "},
    {"refunded", "refunds WHERE state = 4 AND id = "},
    {"closing", "payments WHERE state = 2 AND id = "},
    {"delivered", "deliveries WHERE state = 1 AND id = "},
};

static void check_promise(struct fixture *f, const char *told, const char *id) {
    size_t i = 0;
    while (i < sizeof PROMISES / sizeof *PROMISES && strcmp(told, PROMISES[i].told) != 0)
        i++;
    assert_true(i < sizeof PROMISES / sizeof *PROMISES);
    struct till_str sql = text(f, "SELECT COUNT(*) FROM %s'%s'", PROMISES[i].holds, id);
    if (fixture_number(f, sql.ptr) != 1)
        fail_msg("%s %s was acknowledged and is lost", told, id);
}

static int check_promises(struct fixture *f) {
    char path[128], told[32], id[64];
    int count = 0;
    snprintf(path, sizeof path, "%s/told", f->dir);
    FILE *file = fopen(path, "r");
    while (file && fscanf(file, "%31s %63s", told, id) == 2) {
        check_promise(f, told, id);
        count++;
    }
    if (file)
        fclose(file);
    return count;
}

/* What must be equal, however far it came. */
static const char *const LAWS[] = {
    "SELECT COUNT(*) FROM payments p WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE id = "
    "p.attempt_id)",
    "SELECT COUNT(*) FROM payments p WHERE (state = 1) <> (SELECT COUNT(*) FROM events WHERE"
    " payment_id = p.id AND type = 'payment.succeeded')",
    "SELECT COUNT(*) FROM payments p WHERE (state = 1) * 2 <> (SELECT COUNT(*) FROM ledger WHERE"
    " payment_id = p.id AND what = 'payment')",
    "SELECT COUNT(*) FROM payments p WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM evidence WHERE"
    " subject_id = p.attempt_id)",
    "SELECT COUNT(*) FROM events e WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE event_pk = "
    "e.pk)",
    "SELECT COUNT(*) FROM attempts a WHERE refund_held <> (SELECT COALESCE(SUM(amount), 0) FROM"
    " refunds WHERE attempt_id = a.id AND state NOT IN (5, 6))",
    "SELECT COUNT(*) FROM attempts a WHERE refunded <> (SELECT COALESCE(SUM(amount), 0) FROM "
    "refunds"
    " WHERE attempt_id = a.id AND state = 4)",
    "SELECT COUNT(*) FROM refunds r WHERE (state = 4) * 2 <> (SELECT COUNT(*) FROM ledger WHERE"
    " payment_id = r.payment_id AND what = 'refund')",
    "SELECT COALESCE(SUM(debit) - SUM(credit), 0) FROM ledger",
    "SELECT COUNT(*) FROM payments p WHERE out_trade_no NOT LIKE 'D%' AND (NOT EXISTS (SELECT 1 "
    "FROM"
    " nonces WHERE nonce = 'nonce-' || p.out_trade_no) OR NOT EXISTS (SELECT 1 FROM"
    " idempotency_keys WHERE key = 'key-' || p.out_trade_no AND payment_id = p.id))",
    "SELECT (SELECT COUNT(*) FROM nonces) - (SELECT COUNT(*) FROM payments WHERE out_trade_no NOT "
    "LIKE 'D%')",
    "SELECT COUNT(*) FROM attempts WHERE state IN (0, 1, 2, 3, 5) AND next_ask_us = 0",
    "SELECT COUNT(*) FROM pragma_foreign_key_check",
    "SELECT integrity_check <> 'ok' FROM pragma_integrity_check",
};

static void judge(struct fixture *f) {
    for (size_t i = 0; i < sizeof LAWS / sizeof *LAWS; i++)
        if (fixture_number(f, LAWS[i]) != 0)
            fail_msg("broken law: %s", LAWS[i]);
}

/* ---- the matrix ---- */

/* The exit status of this program run as a worker. */
static int run_worker(const char *what, const char *dir, int seed, const char *point) {
    char script[32] = "", number[16];
    snprintf(number, sizeof number, "%d", seed);
    if (point) {
        const char *hit = strchr(point, '@');
        snprintf(script, sizeof script, "%.*s=kill%s", (int)strcspn(point, "@"), point,
                 hit ? hit : "");
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("TILL_FAILPOINTS", script, 1);
        execl("/proc/self/exe", "worker", what, dir, number, (char *)NULL);
        _exit(9);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void remove_directory(struct fixture *f) {
    static const char *const NAMES[] = {"till.db", "till.db-wal", "till.db-shm", "till.db.lock",
                                        "told"};
    char path[128];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, NAMES[i]);
        unlink(path);
    }
    rmdir(f->dir);
}

static struct fixture open_place(void) {
    struct fixture f = {.dir = "/tmp/till-crash-XXXXXX"};
    till_arena_init(&f.arena, 1 << 20);
    assert_non_null(mkdtemp(f.dir));
    snprintf(f.path, sizeof f.path, "%s/till.db", f.dir);
    return f;
}

/* Work to the end, from whatever there is: all laws hold, all promises are kept. */
static void live_on(struct fixture *f, int seed) {
    assert_int_equal(run_worker("work", f->dir, seed, NULL), 0);
    judge(f);
    assert_true(check_promises(f) >= 10);
    till_arena_clean_up(&f->arena);
    remove_directory(f);
}

#ifdef TILL_FAILPOINTS
static const char *const POINTS[] = {
    "M1", "M2@1", "M2@30", "M3",  "M4", "S1", "S2", "S7", "C3", "C4", "C5", "N4", "N5", "N6",
    "N7", "N8",   "N9",    "N10", "F1", "F2", "X1", "X2", "W1", "W2", "W6", "W7", "W8", "W9"};

static void kill_at(const char *point) {
    struct fixture f = open_place();
    print_message("# killed at %s, in %s\n", point, f.dir);
    int status = run_worker("work", f.dir, 1, point);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("%s was never reached (status %d)", point, status);
    /* Again, while it recovers: log recovered, then at its end. */
    status = run_worker("rest", f.dir, 2, "S2");
    assert_true(WIFSIGNALED(status));
    status = run_worker("rest", f.dir, 3, "S7");
    assert_true(WIFSIGNALED(status));
    assert_int_equal(run_worker("rest", f.dir, 4, NULL), 0);
    judge(&f);
    check_promises(&f);
    live_on(&f, 5);
}

static void nothing_acknowledged_is_lost_and_nothing_is_half_done(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof POINTS / sizeof *POINTS; i++)
        kill_at(POINTS[i]);
}
#endif

static void a_day_without_a_crash_keeps_all_laws_and_promises(void **state) {
    (void)state;
    struct fixture f = open_place();
    assert_int_equal(run_worker("work", f.dir, 1, NULL), 0);
    live_on(&f, 2);
}

/* The judge is worth something: it sees what it should. */
static void the_judge_sees_a_half_done_order(void **state) {
    struct fixture *f = *state;
    fixture_place(f, "D1", 990);
    judge(f);
    assert_int_equal(fixture_rot(f, "UPDATE payments SET state = 1, paid_us = 1"), 1);
    int broken = 0;
    for (size_t i = 0; i < sizeof LAWS / sizeof *LAWS; i++)
        broken += fixture_number(f, LAWS[i]) != 0;
    assert_int_equal(broken, 3); /* no event, no ledger, no evidence */
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "work") == 0)
        return work(argv[2], strtoull(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "rest") == 0)
        return rest(argv[2], strtoull(argv[3], NULL, 10));
    const struct CMUnitTest tests[] = {
#ifdef TILL_FAILPOINTS
        cmocka_unit_test(nothing_acknowledged_is_lost_and_nothing_is_half_done),
#endif
        cmocka_unit_test(a_day_without_a_crash_keeps_all_laws_and_promises),
        cmocka_unit_test_setup_teardown(the_judge_sees_a_half_done_order, fixture_inline,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
