/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S-043 with real threads: one notification over fifty of them at once, over a store with its
 * commit thread. The order is made in the world of one thread, the storm comes in the real one.
 */
#include <pthread.h>

#include <rt/world_real.h>

#include "money_world.h"

enum { SENDERS = 50 };

struct storm {
    struct money *m;
    struct gateway gw;
    struct till_str body;
    pthread_barrier_t barrier;
};

struct sender {
    struct storm *storm;
    bool acknowledged;
};

static void *send_one(void *arg) {
    struct sender *sender = arg;
    struct storm *storm = sender->storm;
    struct till_arena arena;
    struct till_pair type = {TILL_STR("Content-Type"),
                             TILL_STR("application/x-www-form-urlencoded")};
    till_arena_init(&arena, (size_t)4 << 20);
    struct http_response response = {.status = 0};
    struct http_request request = {.method = TILL_STR("POST"),
                                   .headers = &type,
                                   .header_count = 1,
                                   .body = storm->body,
                                   .arena = &arena};
    struct call call = {.gw = &storm->gw,
                        .request = &request,
                        .response = &response,
                        .arena = &arena,
                        .now_us = world_now_us(storm->gw.world)};
    pthread_barrier_wait(&storm->barrier);
    take_notification(&call, TILL_STR("alipay"), till_str_of(storm->m->account.public_id));
    sender->acknowledged = till_str_is(response.body, "success");
    till_arena_clean_up(&arena);
    return NULL;
}

static void rain(struct storm *storm) {
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    pthread_barrier_init(&storm->barrier, NULL, SENDERS);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.storm = storm};
        assert_int_equal(pthread_create(&threads[i], NULL, send_one, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(senders[i].acknowledged);
    }
    pthread_barrier_destroy(&storm->barrier);
}

/* The store of m, served by threads for a while. */
static void storm_in_the_real_world(struct money *m, struct till_str body) {
    static struct storm storm;
    struct till_error err;
    struct world *world = NULL;
    struct world_real_options options = {.upstream_threads = 1, .connect_timeout_us = SECOND};
    struct store_options of_store = {.path = till_str_of(m->path),
                                     .commit = STORE_COMMIT_THREAD,
                                     .retention_nonce_us = 600 * SECOND};
    memcpy(of_store.master_key, m->master_key, sizeof of_store.master_key);
    storm = (struct storm){.m = m, .body = body};
    struct store *store = NULL;
    assert_true(world_real_open(&options, &world, &err));
    assert_true(store_open(&of_store, world, NULL, m->metrics, &store, &err));
    assert_true(gateway_open(&storm.gw, world, store, NULL, m->metrics, &m->settings, NULL, &err));
    rain(&storm);
    gateway_close(&storm.gw);
    store_close(store);
    world_real_stop(world);
    assert_true(world_real_join(world, 10 * SECOND));
    world_real_close(world);
}

static void s_043_fifty_at_once_are_one_payment(void **state) {
    (void)state;
    static struct money m;
    money_open(&m, 71);
    struct payment_row payment = money_create(&m, 10000);
    struct platform_trade *trade = money_trade(&m, &payment);
    platform_alipay_pay(&m.platform, trade);
    struct till_str body = platform_alipay_notify(&m.platform, &m.arena, trade, NULL);
    money_suspend(&m);
    storm_in_the_real_world(&m, body);
    money_resume(&m);
    assert_int_equal(money_payment(&m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(money_events(&m, &payment, ""), 1);
    assert_int_equal(money_ledger_lines(&m, &payment), 2);
    assert_int_equal(money_metric(&m, "till_notify_total{channel=\"alipay\",outcome=\"applied\"}"),
                     1);
    assert_int_equal(money_metric(&m, "till_notify_total{channel=\"alipay\",outcome=\"noop\"}"),
                     SENDERS - 1);
    money_check_books(&m);
    money_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_043_fifty_at_once_are_one_payment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
