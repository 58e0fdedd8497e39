/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads at one store: exactly one wins each race, and they share their commits. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <rt/world_real.h>

enum { THREADS = 64 };

struct racer {
    struct fixture *f;
    pthread_barrier_t *barrier;
    void (*run)(struct racer *racer);
    struct payment_open open;
    struct finding finding;
    struct refund_open refund;
    struct till_arena arena;
    int result; /* of the run's own kind; -1: refused */
    enum till_code code;
};

static void *race(void *arg) {
    struct racer *racer = arg;
    till_arena_init(&racer->arena, 8 << 20);
    pthread_barrier_wait(racer->barrier);
    racer->run(racer);
    till_arena_clean_up(&racer->arena);
    return NULL;
}

static void run_all(struct racer *racers, int count) {
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, (unsigned)count), 0);
    for (int i = 0; i < count; i++) {
        racers[i].barrier = &barrier;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

static int count_results(const struct racer *racers, int count, int result) {
    int n = 0;
    for (int i = 0; i < count; i++)
        n += racers[i].result == result;
    return n;
}

static void open_one(struct racer *racer) {
    struct payment_opened opened;
    struct till_error err;
    bool done = store_open_payment(racer->f->store, &racer->arena, &racer->open, &opened, &err);
    racer->result = done ? (int)opened.kind : -1;
    racer->code = done ? TILL_OK : err.code;
}

static void apply_one(struct racer *racer) {
    struct applied applied;
    struct till_error err;
    bool done = store_apply(racer->f->store, &racer->arena, &racer->finding, &applied, &err);
    racer->result = done ? (int)applied.kind : -1;
}

static void refund_one(struct racer *racer) {
    struct refund_opened opened;
    struct till_error err;
    bool done = store_open_refund(racer->f->store, &racer->arena, &racer->refund, &opened, &err);
    racer->result = done ? (int)opened.kind : -1;
    racer->code = done ? TILL_OK : err.code;
}

static void I12_sixty_four_creates_of_one_order_are_one_order(void **state) {
    struct fixture *f = *state;
    static struct racer racers[THREADS];
    for (int i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.f = f, .run = open_one, .open = fixture_order(f, "A1", 990)};
    run_all(racers, THREADS);
    assert_int_equal(count_results(racers, THREADS, OPENED_NEW), 1);
    assert_int_equal(count_results(racers, THREADS, OPENED_BY_TWIN), THREADS - 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM attempts"), 1);
}

static void S_005_one_nonce_takes_effect_once_in_a_race(void **state) {
    struct fixture *f = *state;
    static struct racer racers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.f = f, .run = open_one, .open = fixture_order(f, "A1", 990)};
        racers[i].open.payment.out_trade_no = text(f, "A%d", i);
        racers[i].open.claim = (struct nonce_claim){
            .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n"), .timestamp_s = T0 / 1000000};
    }
    run_all(racers, THREADS);
    assert_int_equal(count_results(racers, THREADS, OPENED_NEW), 1);
    for (int i = 0; i < THREADS; i++)
        assert_true(racers[i].code == TILL_OK || racers[i].code == TILL_E_NONCE_USED);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), 1);
}

/* A clock that is ten days ahead: nonces are forgotten while one of them is being used. */
static void forget_all(struct racer *racer) {
    struct till_error err;
    racer->result = -1;
    for (int i = 0, removed = 0; i < 4; i++) {
        bool done = store_purge(racer->f->store, T0 + 10 * INT64_C(86400000000), &removed, &err);
        racer->code = done ? TILL_OK : err.code;
    }
}

static bool is_replay(enum till_code code) {
    return code == TILL_E_NONCE_USED || code == TILL_E_TIMESTAMP_OUTSIDE;
}

static void S_139_one_nonce_takes_effect_once_while_the_clock_jumps(void **state) {
    enum { CALLERS = 8, ROUNDS = 20 };
    struct fixture *f = *state;
    static struct racer racers[CALLERS + 1];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CALLERS; i++) {
            racers[i] = (struct racer){.f = f, .run = open_one, .open = fixture_order(f, "", 990)};
            racers[i].open.payment.out_trade_no = text(f, "A%d.%d", round, i);
            racers[i].open.claim = (struct nonce_claim){.key_id = TILL_STR("key_1"),
                                                        .nonce = text(f, "n%d", round),
                                                        .timestamp_s = T0 / 1000000 + round};
        }
        racers[CALLERS] = (struct racer){.f = f, .run = forget_all};
        run_all(racers, CALLERS + 1);
        assert_int_equal(racers[CALLERS].code, TILL_OK);
        assert_int_equal(count_results(racers, CALLERS, OPENED_NEW), 1);
        for (int i = 0; i < CALLERS; i++)
            assert_true(racers[i].code == TILL_OK || is_replay(racers[i].code));
        struct racer late = racers[0];
        till_arena_init(&late.arena, 1 << 20);
        late.open.payment.out_trade_no = text(f, "late%d", round);
        open_one(&late);
        till_arena_clean_up(&late.arena);
        assert_true(late.result == -1 && is_replay(late.code));
    }
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), ROUNDS);
}

static void S_043_the_same_notification_50_times_at_once_is_one_transition(void **state) {
    struct fixture *f = *state;
    static struct racer racers[50];
    struct payment_opened opened = fixture_place(f, "A1", 990);
    for (int i = 0; i < 50; i++)
        racers[i] = (struct racer){
            .f = f, .run = apply_one, .finding = fixture_finding(&opened, TILL_EVENT_PAID)};
    run_all(racers, 50);
    assert_int_equal(count_results(racers, 50, APPLIED), 1);
    assert_int_equal(count_results(racers, 50, APPLIED_NOTHING), 49);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 2);
}

static void S_094_two_refunds_of_60_on_100_are_one_refund(void **state) {
    struct fixture *f = *state;
    static struct racer racers[2];
    for (int round = 0; round < 20; round++) {
        struct payment_opened paid = fixture_paid(f, text(f, "P%d", round).ptr, 100);
        for (int i = 0; i < 2; i++) {
            struct till_str no = text(f, "R%d.%d", round, i);
            racers[i] = (struct racer){.f = f, .run = refund_one};
            racers[i].refund = fixture_refund(f, paid.payment.id, no.ptr, 60);
        }
        run_all(racers, 2);
        assert_int_equal(count_results(racers, 2, OPENED_NEW), 1);
        assert_int_equal(racers[0].code | racers[1].code, TILL_E_REFUND_EXCEEDS);
    }
    assert_int_equal(fixture_number(f, "SELECT SUM(refund_held) FROM attempts"), 20 * 60);
}

static int64_t commits_of(struct fixture *f) {
    return metrics_read(f->metrics, METRIC_STORE_COMMIT, NULL, NULL);
}

static void open_twenty(struct racer *racer) {
    racer->result = 0;
    for (int i = 0; i < 20; i++) {
        struct payment_open open = racer->open;
        struct payment_opened opened;
        struct till_error err;
        struct till_str no = {0}, attempt = {0}, upstream = {0};
        snprintf(open.payment.id, sizeof open.payment.id, "pay.%02d.%.40s", i,
                 racer->open.payment.id + 4);
        snprintf(open.payment.token, sizeof open.payment.token, "tok.%02d.%.40s", i,
                 racer->open.payment.id + 4);
        bool named = till_arena_format(&racer->arena, &no, &err, "%s", open.payment.id) &&
                     till_arena_format(&racer->arena, &attempt, &err, "att.%s", open.payment.id) &&
                     till_arena_format(&racer->arena, &upstream, &err, "UP.%s", open.payment.id);
        open.payment.out_trade_no = no;
        open.attempt_id = attempt;
        open.upstream_no = upstream;
        racer->result +=
            named && store_open_payment(racer->f->store, &racer->arena, &open, &opened, &err);
    }
}

static void many_writers_share_few_commits(void **state) {
    struct fixture *f = *state;
    static struct racer racers[THREADS];
    for (int i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.f = f, .run = open_twenty, .open = fixture_order(f, "A1", 990)};
    int64_t before = commits_of(f);
    run_all(racers, THREADS);
    int64_t commits = commits_of(f) - before;
    assert_int_equal(count_results(racers, THREADS, 20), THREADS);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), THREADS * 20);
    assert_true(commits * 4 < THREADS * 20);
    assert_true(metrics_read(f->metrics, METRIC_STORE_BATCH, "done", NULL) >= THREADS * 20);
}

static void one_refused_operation_does_not_touch_its_neighbours(void **state) {
    struct fixture *f = *state;
    static struct racer racers[THREADS];
    fixture_place(f, "TAKEN", 5);
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.f = f, .run = open_one, .open = fixture_order(f, "X", 990)};
        racers[i].open.payment.out_trade_no = i % 2 ? TILL_STR("TAKEN") : text(f, "A%d", i);
        racers[i].open.idempotency_key = text(f, "key-%d", i);
    }
    run_all(racers, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(racers[i].code, i % 2 ? TILL_E_ORDER_CONFLICT : TILL_OK);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), THREADS / 2 + 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM idempotency_keys"), THREADS / 2);
    assert_true(metrics_read(f->metrics, METRIC_STORE_BATCH, "refused", NULL) >= THREADS / 2);
}

static void read_often(struct racer *racer) {
    racer->result = 0;
    for (int i = 0; i < 50; i++) {
        struct payment_row row;
        struct key_row key;
        struct till_error err;
        racer->result += store_payment_by_order(racer->f->store, &racer->arena, TILL_STR("app_1"),
                                                TILL_STR("A1"), &row, &err) &&
                         store_key_get(racer->f->store, TILL_STR("key_1"), &key, &err);
    }
}

static void readers_and_writers_do_not_stop_each_other(void **state) {
    struct fixture *f = *state;
    static struct racer racers[THREADS];
    fixture_place(f, "A1", 990);
    for (int i = 0; i < THREADS; i++)
        racers[i] = (struct racer){
            .f = f, .run = i % 4 ? read_often : open_twenty, .open = fixture_order(f, "X", 990)};
    run_all(racers, THREADS);
    assert_int_equal(count_results(racers, THREADS, 50), THREADS * 3 / 4);
    assert_int_equal(count_results(racers, THREADS, 20), THREADS / 4);
}

static void claim_once(struct racer *racer) {
    struct due *rows;
    size_t count;
    struct till_error err;
    bool done = store_claim_due(racer->f->store, &racer->arena, T0 + LEASE_US, LEASE_US, 100, &rows,
                                &count, &err);
    racer->result = done ? (int)count : -1;
}

static void a_due_row_is_claimed_by_one(void **state) {
    struct fixture *f = *state;
    static struct racer racers[16];
    for (int i = 0; i < 10; i++)
        fixture_place(f, text(f, "A%d", i).ptr, 990);
    for (int i = 0; i < 16; i++)
        racers[i] = (struct racer){.f = f, .run = claim_once};
    run_all(racers, 16);
    int sum = 0;
    for (int i = 0; i < 16; i++)
        sum += racers[i].result;
    assert_int_equal(sum, 10);
    assert_int_equal(fixture_number(f, "SELECT MAX(crashes) FROM attempts"), 1);
}

static void a_backup_while_writing_is_consistent(void **state) {
    struct fixture *f = *state;
    static struct racer racers[9];
    struct till_error err;
    char copy[128];
    snprintf(copy, sizeof copy, "%s.copy", f->path);
    for (int i = 0; i < 8; i++)
        racers[i] = (struct racer){.f = f, .run = open_twenty, .open = fixture_order(f, "X", 990)};
    pthread_t threads[8];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 9), 0);
    for (int i = 0; i < 8; i++) {
        racers[i].barrier = &barrier;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    pthread_barrier_wait(&barrier);
    assert_done(store_backup(f->store, till_str_of(copy), &err));
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    assert_refused(store_backup(f->store, till_str_of(copy), &err), ALREADY_EXISTS);
    store_close(f->store);
    f->store = NULL;
    f->options.path = till_str_of(copy);
    fixture_open(f);
    struct payment_row *rows;
    size_t count;
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR("app_1"), TILL_STR(""), -1, 1000,
                                   &rows, &count, &err));
    assert_true(count <= 160);
    for (size_t i = 0; i < count; i++) { /* every payment of the copy has its attempt */
        struct attempt_row attempt;
        assert_done(store_attempt_get(f->store, &f->arena, till_str_of(rows[i].attempt_id),
                                      &attempt, &err));
    }
    struct app_row app;
    assert_done(store_app_get(f->store, &f->arena, TILL_STR("app_1"), &app, &err));
}

static void a_stopping_world_stops_no_write_and_no_read(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_row row;
    static struct racer racers[THREADS];
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    for (int i = 0; i < THREADS; i++)
        racers[i] = (struct racer){.f = f, .run = open_twenty, .open = fixture_order(f, "X", 990)};
    world_real_stop(f->world); /* what is under way still ends, whoever commits it */
    run_all(racers, THREADS);
    assert_int_equal(count_results(racers, THREADS, 20), THREADS);
    assert_done(store_payment_get(f->store, &f->arena, TILL_STR(""), till_str_of(opened.payment.id),
                                  &row, &err));
    assert_int_equal(row.state, TILL_PAYMENT_PAID);
    assert_true(world_real_join(f->world, 5000000)); /* the commit task has left */
    fixture_place(f, "A2", 990);
    fixture_reopen(f);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), THREADS * 20 + 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_threads, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(I12_sixty_four_creates_of_one_order_are_one_order),
        T(S_005_one_nonce_takes_effect_once_in_a_race),
        T(S_139_one_nonce_takes_effect_once_while_the_clock_jumps),
        T(S_043_the_same_notification_50_times_at_once_is_one_transition),
        T(S_094_two_refunds_of_60_on_100_are_one_refund),
        T(many_writers_share_few_commits),
        T(one_refused_operation_does_not_touch_its_neighbours),
        T(readers_and_writers_do_not_stop_each_other),
        T(a_due_row_is_claimed_by_one),
        T(a_stopping_world_stops_no_write_and_no_read),
        T(a_backup_while_writing_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
