/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a store with paid payments, through the store's own operations, so that figures can be
 * taken at 10^5 or 10^6 stored payments: orders with evidence, ledger, events, and a part of them
 * refunded; events numbered, trail sealed. The daemon must not run. Usage: seed STORE
 * MASTER-KEY-FILE APP-ID ACCOUNT-ID COUNT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gateway/store/store.h>
#include <rt/file.h>
#include <rt/world_real.h>
#include <till/time.h>

enum { THREADS = 128, REFUNDED_EACH = 10 /* one of so many payments, a third of it */ };

struct seeding {
    struct store *store;
    struct world *world;
    const char *app_id, *account_id;
    _Atomic int64_t next;
    int64_t count;
    _Atomic bool failed;
};

static bool open_one(struct seeding *s, struct till_arena *arena, int64_t i,
                     struct payment_opened *ret, struct till_error *err) {
    uint8_t random[20];
    char order[32], token[33], attempt[TILL_ID_SIZE], number[TILL_UPSTREAM_NO_SIZE];
    int64_t now_us = world_now_us(s->world);
    world_random(s->world, random, sizeof random);
    snprintf(order, sizeof order, "seed-%lld", (long long)i);
    struct payment_open in = {.now_us = now_us,
                              .lease_us = TILL_US_PER_SECOND,
                              .business =
                                  TILL_STR("{\"subject\":\"Coffee\",\"total_amount\":\"9.90\"}")};
    till_id_make("pay", now_us, random, in.payment.id);
    till_id_make("att", now_us, random, attempt);
    till_upstream_no_make(now_us, random, number);
    world_random(s->world, random, 16);
    till_hex_encode(random, 16, token);
    memcpy(in.payment.token, token, sizeof token);
    snprintf(in.payment.app_id, sizeof in.payment.app_id, "%s", s->app_id);
    snprintf(in.payment.account_id, sizeof in.payment.account_id, "%s", s->account_id);
    in.payment.out_trade_no = till_str_of(order);
    in.payment.channel = TILL_STR("alipay");
    in.payment.product = TILL_STR("precreate");
    in.payment.subject = TILL_STR("Coffee");
    in.payment.metadata = in.payment.extra = TILL_STR("{}");
    in.payment.amount = (struct till_money){990, "CNY"};
    in.payment.created_us = now_us;
    in.payment.expires_us = now_us + 3600 * TILL_US_PER_SECOND;
    in.attempt_id = till_str_of(attempt);
    in.upstream_no = till_str_of(number);
    till_sha256(in.payment.out_trade_no, in.fingerprint);
    return store_open_payment(s->store, arena, &in, ret, err);
}

static bool pay_one(struct seeding *s, struct till_arena *arena,
                    const struct payment_opened *opened, struct till_error *err) {
    struct applied applied;
    struct finding finding = {.attempt_id = till_str_of(opened->attempt.id),
                              .source = FOUND_BY_NOTIFY,
                              .event = TILL_EVENT_PAID,
                              .amount = {990, "CNY"},
                              .trade_no = opened->attempt.upstream_no,
                              .buyer = TILL_STR("tes***@example.com"),
                              .evidence = opened->attempt.upstream_no,
                              .evidence_kind = TILL_STR("notify"),
                              .now_us = world_now_us(s->world)};
    finding.paid_us = finding.now_us;
    return store_apply(s->store, arena, &finding, &applied, err);
}

static bool refund_one(struct seeding *s, struct till_arena *arena,
                       const struct payment_opened *opened, int64_t i, struct till_error *err) {
    uint8_t random[20];
    char id[TILL_ID_SIZE], number[TILL_UPSTREAM_NO_SIZE], order[32];
    int64_t now_us = world_now_us(s->world);
    struct refund_opened refund;
    struct refund_row row;
    bool changed;
    world_random(s->world, random, sizeof random);
    till_id_make("ref", now_us, random, id);
    till_upstream_no_make(now_us, random + 10, number);
    snprintf(order, sizeof order, "back-%lld", (long long)i);
    struct refund_open in = {.app_id = till_str_of(s->app_id),
                             .payment_id = till_str_of(opened->payment.id),
                             .out_refund_no = till_str_of(order),
                             .refund_id = till_str_of(id),
                             .refund_no = till_str_of(number),
                             .reason = TILL_STR("cold"),
                             .business = TILL_STR("{\"refund_amount\":\"3.30\"}"),
                             .amount = {330, "CNY"},
                             .now_us = now_us,
                             .lease_us = TILL_US_PER_SECOND};
    struct refund_finding finding = {.refund_id = in.refund_id,
                                     .event = TILL_EVENT_SUCCEEDED,
                                     .evidence = in.refund_no,
                                     .evidence_kind = TILL_STR("refund"),
                                     .now_us = now_us};
    return store_open_refund(s->store, arena, &in, &refund, err) &&
           store_apply_refund(s->store, arena, &finding, &row, &changed, err);
}

static void *seed(void *arg) {
    struct seeding *s = arg;
    struct till_error err;
    int64_t i;
    while (!atomic_load(&s->failed) && (i = atomic_fetch_add(&s->next, 1)) < s->count) {
        struct till_arena arena;
        struct payment_opened opened;
        till_arena_init(&arena, 1 << 20);
        if (!open_one(s, &arena, i, &opened, &err) || !pay_one(s, &arena, &opened, &err) ||
            (i % REFUNDED_EACH == 0 && !refund_one(s, &arena, &opened, i, &err))) {
            fprintf(stderr, "seed: %s\n", err.text);
            atomic_store(&s->failed, true);
        }
        till_arena_clean_up(&arena);
    }
    return NULL;
}

/* Otherwise the gateway would do it while it is being measured. */
static void number_and_seal(struct seeding *s) {
    struct till_error err;
    int numbered = 1, sealed = 1;
    while (!atomic_load(&s->failed) && numbered + sealed > 0)
        if (!store_sequence_events(s->store, world_now_us(s->world), &numbered, &err) ||
            !store_seal_trail(s->store, &sealed, &err)) {
            fprintf(stderr, "seed: %s\n", err.text);
            atomic_store(&s->failed, true);
        }
}

static bool read_key(const char *path, uint8_t ret_key[TILL_SEAL_KEY_SIZE],
                     struct till_error *err) {
    struct till_arena arena;
    struct till_str text, bytes;
    till_arena_init(&arena, 1 << 16);
    bool good = file_read(&arena, till_str_of(path), 4096, &text, err) &&
                till_hex_decode(&arena, till_str_trim(text), &bytes, err) &&
                bytes.len == TILL_SEAL_KEY_SIZE;
    if (good)
        memcpy(ret_key, bytes.ptr, TILL_SEAL_KEY_SIZE);
    till_arena_clean_up(&arena);
    return good;
}

int main(int argc, char **argv) {
    struct till_error err = {0};
    struct seeding s = {0};
    struct world_real_options world_options = {.upstream_threads = 1};
    struct store_options options = {.commit = STORE_COMMIT_THREAD,
                                    .retention_nonce_us = 600 * TILL_US_PER_SECOND};
    pthread_t threads[THREADS];
    if (argc != 6 || !read_key(argv[2], options.master_key, &err) ||
        !world_real_open(&world_options, &s.world, &err))
        return 1;
    options.path = till_str_of(argv[1]);
    if (!store_open(&options, s.world, NULL, NULL, &s.store, &err)) {
        fprintf(stderr, "seed: %s\n", err.text);
        return 1;
    }
    s.app_id = argv[3];
    s.account_id = argv[4];
    s.count = atoll(argv[5]);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, seed, &s) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    number_and_seal(&s);
    store_close(s.store);
    world_real_stop(s.world);
    world_real_join(s.world, TILL_US_PER_SECOND);
    world_real_close(s.world);
    return s.failed;
}
