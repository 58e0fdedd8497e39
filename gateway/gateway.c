/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <gateway/gateway.h>

#include <gateway/flow/bill.h>
#include <gateway/flow/flow.h>
#include <gateway/flow/reconcile.h>
#include <gateway/guard/breakers.h>
#include <gateway/guard/guard.h>
#include <gateway/guard/limits.h>
#include <gateway/guard/signers.h>
#include <gateway/guard/throttle.h>
#include <gateway/settings_check.h>
#include <rt/failpoint.h>
#include <till/encode.h>

enum {
    NONCES_MAX = 1 << 19, /* reads remembered within the window; the table grows to 24 MiB */
    ROUND_PAUSE_US = 1000,
    ROUND_SLOWEST_US = 5000000,
    ROUND_BELIEVED_US = 60000000
};

/* An enabled account whose keys cannot be used would refuse its own notifications: do not start
 * (S-072). The message names account and setting, never a value. */
static bool check_account(struct gateway *gw, const struct account_row *row,
                          struct till_error *err) {
    const struct till_account *account;
    struct till_error inner;
    if (!row->enabled)
        return true;
    if (!account_borrow(gw->accounts, row, &account, &inner))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, inner.field,
                               "The enabled account %s does not load: %.120s Correct its settings "
                               "or disable it.",
                               row->id, inner.text);
    account_warn(gw, row, account);
    account_return(gw->accounts, account);
    return true;
}

static void name_instance(struct gateway *gateway) {
    uint8_t random[sizeof gateway->instance / 2];
    world_random(gateway->world, random, sizeof random);
    till_hex_encode(random, sizeof random, gateway->instance);
}

bool gateway_open(struct gateway *gateway, struct world *world, struct store *store,
                  struct log *log, struct metrics *metrics, const struct gateway_settings *settings,
                  const struct outbound_policy *policy, struct till_error *err) {
    *gateway = (struct gateway){.world = world,
                                .store = store,
                                .log = log,
                                .metrics = metrics,
                                .settings = settings,
                                .policy = policy,
                                .opened_us = world_now_us(world)};
    name_instance(gateway);
    if (settings_check_public_url(settings, err) &&
        account_cache_open(world, &gateway->accounts, err) &&
        breakers_open(world, &gateway->breakers, err) &&
        nonce_filter_open(world, NONCES_MAX, &gateway->nonces, err) &&
        signer_cache_open(world, &gateway->signers, err) &&
        throttle_open(world, &gateway->throttle, err) &&
        capture_open(log, settings->log_debug, &gateway->capture, err) &&
        limits_open(world, &gateway->limits, err) && account_each(gateway, check_account, err))
        return true;
    gateway_close(gateway);
    return false;
}

void gateway_adopt(struct gateway *gateway, const struct gateway_settings *settings,
                   const struct outbound_policy *policy) {
    atomic_store(&gateway->policy, policy);
    atomic_store(&gateway->settings, settings);
    capture_switch(gateway->capture, settings->log_debug);
}

void gateway_close(struct gateway *gateway) {
    account_cache_close(gateway->accounts);
    breakers_close(gateway->breakers);
    nonce_filter_close(gateway->nonces);
    signer_cache_close(gateway->signers);
    limits_close(gateway->limits);
    throttle_close(gateway->throttle);
    capture_close(gateway->capture);
    gateway->accounts = NULL;
    gateway->breakers = NULL;
    gateway->nonces = NULL;
    gateway->signers = NULL;
    gateway->limits = NULL;
    gateway->throttle = NULL;
    gateway->capture = NULL;
}

/* ---- the background: rounds until the world stops ---- */

/* Until woken or until next_us of the wall clock; bounded, since the wall clock may jump. */
static void wait_for_work(struct gateway *gw, struct world_spot *spot, int64_t next_us) {
    int64_t now_us = world_now_us(gw->world);
    int64_t pause_us = next_us <= now_us ? 0 : next_us - now_us;
    if (pause_us < ROUND_PAUSE_US)
        pause_us = ROUND_PAUSE_US;
    if (pause_us > ROUND_SLOWEST_US)
        pause_us = ROUND_SLOWEST_US;
    world_park(gw->world, spot, world_monotonic_us(gw->world) + pause_us);
}

/* When the next work of a kind is due, by the wall clock; known without a look at the database
 * until a commit changes it (store/moment.h). */
typedef int64_t due_fn(struct store *store);

/* When a round began, and what it said when it ended. */
struct round {
    int64_t began_us, next_us;
};

static struct round round_begin(struct gateway *gw) {
    return (struct round){.began_us = world_monotonic_us(gw->world), .next_us = INT64_MAX};
}

/* Nothing is due: a round would find nothing. The first of a crew believes that for a minute. */
static bool round_still_holds(struct gateway *gw, const struct round *round, due_fn *due_us,
                              bool first) {
    int64_t now_us = world_now_us(gw->world), monotonic_us = world_monotonic_us(gw->world);
    return now_us < round->next_us && due_us(gw->store) > now_us &&
           (!first || monotonic_us - round->began_us < ROUND_BELIEVED_US) &&
           !atomic_load(&gw->any_suspected) && !world_stopping(gw->world);
}

static void wait_for_round(struct gateway *gw, struct world_spot *spot, const struct round *round,
                           due_fn *due_us, bool first) {
    do
        wait_for_work(gw, spot, round->next_us);
    while (round_still_holds(gw, round, due_us, first));
}

/* The first one waits where everybody wakes the crew. It passes the wake on when something is due:
 * most news brings no work, and a crew that wakes for nothing costs more than the news itself. */
static void wait_in_crew(struct gateway_worker *worker, struct gateway_worker *crew, int64_t size,
                         struct world_spot *common, const struct round *round, due_fn *due_us) {
    struct gateway *gw = worker->gw;
    bool first = worker == crew;
    wait_for_round(gw, first ? common : &worker->spot, round, due_us, first);
    if (!first || due_us(gw->store) > world_now_us(gw->world))
        return;
    for (int64_t i = 1; i < size; i++)
        world_wake(gw->world, &crew[i].spot);
}

static void sweep(void *arg) {
    struct gateway_worker *worker = arg;
    struct gateway *gw = worker->gw;
    while (!world_stopping(gw->world)) {
        struct round round = round_begin(gw);
        sweep_once(gw, &round.next_us);
        TILL_FP("S3");
        wait_in_crew(worker, gw->sweepers, GATEWAY_SWEEPERS, &gw->sweep_spot, &round,
                     store_next_due_us);
    }
    atomic_fetch_sub(&gw->tasks, 1); /* the last touch */
}

static void housekeep(void *arg) {
    struct gateway *gw = arg;
    while (!world_stopping(gw->world)) {
        int64_t next_us = INT64_MAX;
        housekeep_once(gw, &next_us);
        wait_for_work(gw, &gw->housekeep_spot, next_us);
    }
    atomic_fetch_sub(&gw->tasks, 1); /* the last touch */
}

static void bills(void *arg) {
    struct gateway *gw = arg;
    while (!world_stopping(gw->world)) {
        struct round round = round_begin(gw);
        bills_once(gw, &round.next_us);
        wait_for_round(gw, &gw->bills_spot, &round, store_bill_next_us, true);
    }
    atomic_fetch_sub(&gw->tasks, 1); /* the last touch */
}

static void reconcile(void *arg) {
    struct gateway *gw = arg;
    while (!world_stopping(gw->world)) {
        struct round round = round_begin(gw);
        reconcile_once(gw, &round.next_us);
        wait_for_round(gw, &gw->reconcile_spot, &round, store_reconcile_next_us, true);
    }
    atomic_fetch_sub(&gw->tasks, 1); /* the last touch */
}

static void deliver(void *arg) {
    struct gateway_worker *worker = arg;
    struct gateway *gw = worker->gw;
    while (!world_stopping(gw->world)) {
        struct round round = round_begin(gw);
        deliver_once(gw, &round.next_us);
        wait_in_crew(worker, gw->deliverers, gw->settings->webhook_workers, &gw->deliver_spot,
                     &round, store_next_delivery_us);
    }
    atomic_fetch_sub(&gw->tasks, 1); /* the last touch */
}

static bool start_task(struct gateway *gw, const char *name, void (*run)(void *), void *arg,
                       struct till_error *err) {
    atomic_fetch_add(&gw->tasks, 1);
    if (world_spawn(gw->world, name, run, arg, err))
        return true;
    atomic_fetch_sub(&gw->tasks, 1);
    return false;
}

static bool start_crew(struct gateway *gw, const char *name, void (*run)(void *),
                       struct gateway_worker *crew, int64_t size, struct till_error *err) {
    for (int64_t i = 0; i < size; i++) {
        crew[i].gw = gw;
        if (!start_task(gw, name, run, &crew[i], err))
            return false;
    }
    return true;
}

bool gateway_start(struct gateway *gateway, struct till_error *err) {
    int64_t deliverers = gateway->settings->webhook_workers;
    assert(deliverers >= 1 && deliverers <= GATEWAY_DELIVERERS_MAX);
    return start_crew(gateway, "deliver", deliver, gateway->deliverers, deliverers, err) &&
           start_crew(gateway, "sweep", sweep, gateway->sweepers, GATEWAY_SWEEPERS, err) &&
           start_task(gateway, "housekeep", housekeep, gateway, err) &&
           start_task(gateway, "bills", bills, gateway, err) &&
           start_task(gateway, "reconcile", reconcile, gateway, err);
}

bool gateway_wait(struct gateway *gateway, int64_t timeout_us) {
    int64_t until_us = world_monotonic_us(gateway->world) + timeout_us;
    while (atomic_load(&gateway->tasks) > 0 && world_monotonic_us(gateway->world) < until_us)
        world_sleep_us(gateway->world, ROUND_PAUSE_US);
    return atomic_load(&gateway->tasks) == 0;
}
