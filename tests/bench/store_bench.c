/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an order costs in the store: CPU of open + accepted + paid (three durable commits' worth of
 * work, shared with whoever else writes), alone and with 64 at once, at 10^4 and 10^5 stored
 * payments. Prints a JSON line a case.  store_bench [rows...]
 */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gateway/store/store.h>
#include <rt/world_real.h>

#define LEASE_US INT64_C(30000000)
enum { WORKERS = 64, WARM_UP = 200 };

static struct store *store;
static struct world *world;
static struct metrics *metrics;
static _Atomic int64_t left;

static void must(bool done, const struct till_error *err) {
    if (done)
        return;
    fprintf(stderr, "store_bench: %s (%s)\n", err->text, err->where);
    exit(1);
}

static void make_order(struct till_arena *arena, struct payment_open *open) {
    struct till_error err;
    uint8_t random[40];
    char no[TILL_UPSTREAM_NO_SIZE], attempt_id[TILL_ID_SIZE];
    int64_t now_us = world_now_us(world);
    world_random(world, random, sizeof random);
    *open = (struct payment_open){
        .payment = {.app_id = "app_1",
                    .account_id = "acc_1",
                    .mode = TILL_TEST,
                    .channel = TILL_STR("alipay"),
                    .product = TILL_STR("precreate"),
                    .subject = TILL_STR("One coffee"),
                    .notify_url = TILL_STR("https://shop.example/hook"),
                    .metadata = TILL_STR("{\"table\":\"7\"}"),
                    .extra = TILL_STR("{}"),
                    .amount = {990, "CNY"},
                    .created_us = now_us,
                    .expires_us = now_us + INT64_C(900000000)},
        .now_us = now_us,
        .lease_us = LEASE_US,
    };
    till_id_make("pay", now_us, random, open->payment.id);
    till_id_make("tok", 0, random + 10, open->payment.token);
    till_id_make("att", now_us, random + 20, attempt_id);
    till_upstream_no_make(now_us, random + 30, no);
    struct till_str nonce = {0};
    must(
        till_arena_format(arena, &open->attempt_id, &err, "%s", attempt_id) &&
            till_arena_format(arena, &open->upstream_no, &err, "%s", no) &&
            till_arena_format(arena, &open->payment.out_trade_no, &err, "M%s", attempt_id + 20) &&
            till_arena_format(arena, &nonce, &err, "n%s", attempt_id + 20) &&
            till_arena_format(arena, &open->business, &err,
                              "{\"out_trade_no\":\"%s\",\"total_amount\":\"9.90\",\"subject\":\"One"
                              " coffee\",\"passback_params\":\"%s\"}",
                              no, attempt_id),
        &err);
    open->claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = nonce, .timestamp_s = now_us / 1000000};
    till_sha256(open->business, open->fingerprint);
}

static void run_order(struct till_arena *arena) {
    struct till_error err;
    struct payment_open open;
    struct payment_opened opened;
    struct applied applied;
    make_order(arena, &open);
    must(store_open_payment(store, arena, &open, &opened, &err), &err);
    struct finding finding = {.attempt_id = open.attempt_id,
                              .source = FOUND_BY_CREATE,
                              .event = TILL_EVENT_ACCEPTED,
                              .action_kind = TILL_STR("qr_code"),
                              .action_value = TILL_STR("https://qr.alipay.com/bax0123456789"),
                              .next_ask_us = open.now_us + LEASE_US,
                              .now_us = open.now_us + 1,
                              .evidence = open.business,
                              .evidence_kind = TILL_STR("create")};
    must(store_apply(store, arena, &finding, &applied, &err), &err);
    finding.source = FOUND_BY_NOTIFY;
    finding.event = TILL_EVENT_PAID;
    finding.amount = opened.payment.amount;
    finding.next_ask_us = 0;
    finding.evidence_kind = TILL_STR("notify");
    must(store_apply(store, arena, &finding, &applied, &err), &err);
    assert(applied.kind == APPLIED && applied.payment.state == TILL_PAYMENT_PAID);
}

static void *work(void *arg) {
    struct till_arena arena;
    (void)arg;
    till_arena_init(&arena, 1 << 20);
    while (atomic_fetch_sub(&left, 1) > 0) {
        run_order(&arena);
        till_arena_clean_up(&arena);
    }
    return NULL;
}

static void run(int workers, int64_t orders) {
    pthread_t threads[WORKERS];
    atomic_store(&left, orders);
    for (int i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            exit(1);
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
}

static int64_t cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000) +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static int64_t commits(void) {
    return metrics_read(metrics, METRIC_STORE_COMMIT, NULL, NULL);
}

static void measure(int64_t rows, int workers, int64_t orders) {
    struct store_figures figures;
    struct till_error err;
    run(workers, WARM_UP);
    int64_t cpu = cpu_us(), wall = world_monotonic_us(world), before = commits();
    run(workers, orders);
    cpu = cpu_us() - cpu;
    wall = world_monotonic_us(world) - wall;
    must(store_figures(store, &figures, &err), &err);
    printf("{\"bench\":\"store\",\"rows\":%" PRId64 ",\"workers\":%d,\"orders\":%" PRId64
           ",\"cpu_us_per_order\":%" PRId64 ",\"orders_per_second\":%" PRId64
           ",\"commits_per_100_orders\":%" PRId64 ",\"longest_commit_us\":%" PRId64
           ",\"ledger_imbalance\":%" PRId64 "}\n",
           rows, workers, orders, cpu / orders, orders * 1000000 / (wall ? wall : 1),
           (commits() - before) * 100 / orders, figures.longest_commit_us,
           figures.ledger_imbalance);
    fflush(stdout);
}

static void stock(void) {
    struct till_error err;
    struct app_row app = {.id = "app_1", .name = TILL_STR("Bench"), .enabled = true};
    struct account_row account = {.id = "acc_1",
                                  .public_id = "pub_1",
                                  .app_id = "app_1",
                                  .channel = TILL_STR("alipay"),
                                  .enabled = true,
                                  .settings = TILL_STR("{}")};
    app.webhook_secret = TILL_STR("whsec_bench");
    must(store_app_add(store, &app, &err) && store_account_add(store, &account, &err), &err);
}

static void print_open_time(const struct store_options *options) {
    struct till_error err;
    store_close(store);
    int64_t start_us = world_monotonic_us(world);
    must(store_open(options, world, NULL, metrics, &store, &err), &err);
    printf("{\"bench\":\"store_open\",\"open_us\":%" PRId64 "}\n",
           world_monotonic_us(world) - start_us);
}

static void remove_files(const char *path) {
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", ".lock"};
    char name[512];
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        snprintf(name, sizeof name, "%s%s", path, SUFFIXES[i]);
        unlink(name);
    }
}

int main(int argc, char **argv) {
    char dir[] = "/tmp/till-store-bench-XXXXXX", path[128];
    struct till_error err;
    struct world_real_options options = {.upstream_threads = 1, .connect_timeout_us = 1000000};
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/till.db", dir);
    must(world_real_open(&options, &world, &err) && metrics_open(&metrics, &err), &err);
    struct store_options store_options = {.path = till_str_of(path),
                                          .commit = STORE_COMMIT_THREAD,
                                          .retention_nonce_us = INT64_C(900000000)};
    must(store_open(&store_options, world, NULL, metrics, &store, &err), &err);
    stock();
    const char *const usual[] = {"", "10000", "100000"};
    int count = argc > 1 ? argc : 3;
    int64_t stored = 0;
    for (int i = 1; i < count; i++) {
        int64_t rows = strtoll(argc > 1 ? argv[i] : usual[i], NULL, 10);
        run(WORKERS, rows > stored ? rows - stored : 0);
        measure(rows, 1, 2000);
        measure(rows, WORKERS, 5000);
        stored = rows + 7000 + 2 * WARM_UP;
    }
    print_open_time(&store_options);
    store_close(store);
    world_real_stop(world);
    bool joined = world_real_join(world, 5000000);
    world_real_close(world);
    metrics_close(metrics);
    remove_files(path);
    rmdir(dir);
    return joined ? 0 : 1;
}
