/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, time and lock of the sandbox; see sandbox.h and platform.h. */
#include <sandbox/app.h>
#include <sandbox/authority.h>
#include <sandbox/bill.h>
#include <sandbox/exchange.h>
#include <sandbox/notice.h>
#include <sandbox/record.h>
#include <sandbox/state.h>
#include <sandbox/stripe/stripe.h>
#include <sandbox/web.h>

#include <stdlib.h>

enum { OPTION_BYTES = 64 * 1024, TICK_WORK = 1000, BODY_MAX = 256 * 1024 };

int64_t platform_now_us(struct sandbox *sandbox) {
    return world_now_us(sandbox->world) + sandbox->offset_us;
}

void platform_lock(struct sandbox *sandbox) {
    world_acquire(sandbox->world, &sandbox->lock);
}

void platform_unlock(struct sandbox *sandbox) {
    world_release(sandbox->world, &sandbox->lock);
}

void platform_changed(struct sandbox *sandbox) {
    sandbox->dirty = true;
}

void platform_wake(struct sandbox *sandbox) {
    if (!sandbox->started)
        return;
    for (size_t i = 0; i < PLATFORM_COURIERS; i++)
        world_wake(sandbox->world, &sandbox->spots[i]);
}

static bool copy_options(struct sandbox *sandbox, const struct sandbox_options *options,
                         struct till_error *err) {
    sandbox->options = *options;
    till_arena_init(&sandbox->arena, OPTION_BYTES);
    return till_arena_copy(&sandbox->arena, options->public_url, &sandbox->options.public_url,
                           err) &&
           till_arena_copy(&sandbox->arena, options->state_path, &sandbox->options.state_path,
                           err) &&
           till_arena_copy(&sandbox->arena, options->record_path, &sandbox->options.record_path,
                           err) &&
           till_arena_copy(&sandbox->arena, options->replay_path, &sandbox->options.replay_path,
                           err);
}

static void seed(struct sandbox *sandbox, uint64_t seed) {
    sandbox->random = seed;
    if (seed == 0)
        world_random(sandbox->world, &sandbox->random, sizeof sandbox->random);
}

bool sandbox_open(const struct sandbox_options *options, struct world *world, struct log *log,
                  struct sandbox **ret_sandbox, struct till_error *err) {
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    sandbox->world = world;
    sandbox->log = log;
    seed(sandbox, options->seed);
    platform_buyers_init(sandbox);
    if (!stripe_book_open(sandbox)) {
        sandbox_close(sandbox);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    if (!copy_options(sandbox, options, err) || !state_load(sandbox, err) ||
        !replay_open(sandbox, err) || !record_open(sandbox, err)) {
        sandbox_close(sandbox);
        return false;
    }
    *ret_sandbox = sandbox;
    return true;
}

bool sandbox_set_public_url(struct sandbox *sandbox, struct till_str public_url,
                            struct till_error *err) {
    platform_lock(sandbox);
    bool set = till_arena_copy(&sandbox->arena, public_url, &sandbox->options.public_url, err);
    platform_unlock(sandbox);
    return set;
}

bool sandbox_set_tls_authority(struct sandbox *sandbox, struct till_str pem,
                               struct till_error *err) {
    platform_lock(sandbox);
    bool set = till_arena_copy(&sandbox->arena, pem, &sandbox->tls_pem, err);
    platform_unlock(sandbox);
    return set;
}

static void free_trades(struct sandbox *sandbox) {
    for (struct platform_trade *trade = sandbox->trades, *next; trade; trade = next) {
        next = trade->next;
        till_arena_clean_up(&trade->arena);
        free(trade);
    }
    for (struct platform_notice *notice = sandbox->notices, *next; notice; notice = next) {
        next = notice->next;
        free(notice);
    }
}

static void free_parties(struct sandbox *sandbox) {
    for (struct platform_app *app = sandbox->apps, *next; app; app = next) {
        next = app->next;
        app_free(app);
    }
    for (struct platform_seller *seller = sandbox->sellers, *next; seller; seller = next) {
        next = seller->next;
        free(seller);
    }
}

void sandbox_close(struct sandbox *sandbox) {
    struct till_error err;
    if (!sandbox)
        return;
    if (sandbox->dirty && !state_save(sandbox, &err))
        log_failure(sandbox->log, LOG_ERROR, "sandbox_state", &err);
    free_trades(sandbox);
    free_parties(sandbox);
    exchange_free_all(sandbox);
    record_close(sandbox);
    replay_close(sandbox);
    till_key_free(sandbox->stranger);
    authority_free(sandbox->authority);
    bill_desk_free(sandbox->bills);
    stripe_book_close(sandbox);
    free(sandbox->dues);
    free(sandbox->rules);
    free(sandbox->big_answer);
    free(sandbox->bomb);
    free(sandbox->auth_codes);
    free(sandbox->grants);
    till_arena_clean_up(&sandbox->arena);
    free(sandbox);
}

bool sandbox_start(struct sandbox *sandbox, struct till_error *err) {
    sandbox->started = true;
    for (size_t i = 0; i < PLATFORM_COURIERS; i++) {
        sandbox->seats[i] = (struct courier_seat){sandbox, i};
        if (!world_spawn(sandbox->world, "sandbox-courier", courier_run, &sandbox->seats[i], err))
            return false;
    }
    return true;
}

void sandbox_tick(struct sandbox *sandbox, int64_t *ret_next_us) {
    for (int i = 0; i < TICK_WORK && courier_work(sandbox); i++)
        continue;
    platform_lock(sandbox);
    int64_t next_us = platform_due_next(sandbox);
    *ret_next_us = next_us == INT64_MAX ? INT64_MAX : next_us - sandbox->offset_us;
    platform_unlock(sandbox);
}

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return BODY_MAX;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method;
    return till_str_is(path, "/health") || till_str_is(path, "/ping") ? HTTP_LANE_INLINE
                                                                      : HTTP_LANE_API;
}

static void handle(void *self, struct http_request *request, struct http_response *response) {
    web_handle(self, request, response);
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self;
    response->status = till_code_status(error->code);
    response->content_type = TILL_STR("text/plain; charset=utf-8");
    response->body = platform_keep(arena, till_str_of(error->text));
}

struct http_service sandbox_service(struct sandbox *sandbox) {
    return (struct http_service){
        .self = sandbox, .body_max = body_max, .lane = lane, .handle = handle, .refuse = refuse};
}
