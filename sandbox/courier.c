/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does what is due: sends notifications, lets trades expire, lets the automatic buyer pay, keeps
 * the state file. Several couriers share the work, so that one hanging shop does not hold up the
 * others.
 */
#include <sandbox/exchange.h>
#include <sandbox/notice.h>
#include <sandbox/state.h>
#include <sandbox/stripe/buyer.h>
#include <sandbox/stripe/mail.h>

#include <stdio.h>

enum { LETTER_BYTES = 256 * 1024, REPLY_MAX = 4096, SEND_TIMEOUT_S = 10 };

/* After the first attempt (dossier 7.5). */
static const int64_t gaps_us[PLATFORM_NOTICE_ATTEMPTS - 1] = {
    4 * PLATFORM_MINUTE_US, 10 * PLATFORM_MINUTE_US, 10 * PLATFORM_MINUTE_US, PLATFORM_HOUR_US,
    2 * PLATFORM_HOUR_US,   6 * PLATFORM_HOUR_US,    15 * PLATFORM_HOUR_US};

static void send_body(struct sandbox *sandbox, const struct platform_notice *notice,
                      const struct notice_letter *letter, struct till_str body,
                      struct till_arena *arena, struct world_answer *ret_answer) {
    struct till_pair headers[] = {{TILL_STR("Content-Type"), letter->content_type},
                                  {TILL_STR("User-Agent"), TILL_STR("Mozilla/4.0")}};
    struct world_request request = {
        .errand = WORLD_LOCAL,
        .method = TILL_STR("POST"),
        .url = letter->url,
        .headers = headers,
        .header_count = 2,
        .body = body,
        .timeout_us = SEND_TIMEOUT_S * PLATFORM_SECOND_US,
        .answer_max = REPLY_MAX,
        .crash_points = NULL,
    };
    world_exchange(sandbox->world, &request, arena, ret_answer);
    exchange_record_notice(sandbox, notice, letter, body, ret_answer);
}

/* A later notification of the trade is out: those that waited for it may go. */
static void release_held(struct sandbox *sandbox, const struct platform_notice *sent,
                         int64_t now_us) {
    if (sandbox->held_count == 0)
        return;
    for (struct platform_notice *notice = sandbox->notices; notice; notice = notice->next) {
        if (notice == sent || notice->trade != sent->trade || !notice->held)
            continue;
        notice->held = false;
        sandbox->held_count--;
        notice->due_us = now_us + PLATFORM_SECOND_US;
        platform_due(sandbox, notice->due_us, DUE_NOTICE, notice);
    }
}

static void plan_next(struct sandbox *sandbox, struct platform_notice *notice, int64_t now_us) {
    int64_t gap_us = 0;
    if (notice->once)
        gap_us = 0;
    else if (notice->acknowledged && notice->repeats-- > 0)
        gap_us = PLATFORM_SECOND_US;
    else if (!notice->acknowledged && notice->attempts < PLATFORM_NOTICE_ATTEMPTS)
        gap_us = gaps_us[notice->attempts - 1];
    notice->over = gap_us == 0;
    notice->due_us = notice->over ? 0 : now_us + gap_us;
    if (!notice->over)
        platform_due(sandbox, notice->due_us, DUE_NOTICE, notice);
}

/* Locked. Success is 200 and exactly "success". */
static void file_reply(struct sandbox *sandbox, struct platform_notice *notice,
                       const struct world_answer *answer) {
    int64_t now_us = platform_now_us(sandbox);
    bool answered = answer->fate == TILL_FATE_ANSWERED;
    notice->in_flight = false;
    notice->attempts++;
    notice->last_status = answered ? answer->status : 0;
    snprintf(notice->last_reply, sizeof notice->last_reply, "%.*s",
             answered ? (int)till_str_cut_utf8(answer->body, 60).len : 60,
             answered ? answer->body.ptr : answer->reason);
    bool acknowledged = answered && answer->status == 200 && till_str_is(answer->body, "success");
    notice->acknowledged = notice->acknowledged || acknowledged;
    plan_next(sandbox, notice, now_us);
    if (notice->attempts == 1 && !notice->once)
        release_held(sandbox, notice, now_us);
    platform_changed(sandbox);
    log_event(sandbox->log, acknowledged ? LOG_INFO : LOG_WARN, "sandbox_notify",
              LOG_C("notify_id", notice->id), LOG_C("event", notice_event_name(notice->event)),
              LOG_S("out_trade_no", notice->trade->out_trade_no),
              LOG_N("attempt", notice->attempts), LOG_N("status", notice->last_status),
              LOG_B("acknowledged", acknowledged), LOG_C("stage", answer->stage),
              LOG_C("variant", notice->variant ? fault_row(notice->variant)->name : ""));
}

void courier_send(struct sandbox *sandbox, struct platform_notice *notice) {
    struct till_arena arena;
    struct notice_letter letter;
    struct till_error err;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT, .reason = "it could not be written"};
    till_arena_init(&arena, LETTER_BYTES);
    platform_lock(sandbox);
    struct platform_notice copy = *notice;
    int64_t now_us = platform_now_us(sandbox);
    platform_unlock(sandbox);
    if (notice_compose(sandbox, &copy, now_us, &arena, &letter, &err)) {
        if (letter.is_probe)
            send_body(sandbox, &copy, &letter, letter.probe_body, &arena, &answer);
        send_body(sandbox, &copy, &letter, letter.body, &arena, &answer);
    } else {
        log_failure(sandbox->log, LOG_ERROR, "sandbox_notify", &err);
    }
    platform_lock(sandbox);
    file_reply(sandbox, notice, &answer);
    platform_unlock(sandbox);
    till_arena_clean_up(&arena);
    platform_wake(sandbox);
}

/* Locked. True: the caller sends it. */
static bool claim(struct sandbox *sandbox, struct platform_notice *notice, int64_t at_us) {
    if (notice->over || notice->in_flight || notice->due_us != at_us)
        return false;
    notice->in_flight = true;
    sandbox->held_count -= notice->held;
    notice->held = false;
    return true;
}

/* Locked. The buyer whom the order is for, or the one who always pays. */
static void pay_by_itself(struct sandbox *sandbox, struct platform_trade *trade, int64_t now_us) {
    struct platform_buyer *buyer =
        trade_is_personal(trade) ? trade->buyer : platform_buyer_find(sandbox, TILL_STR("auto"));
    (void)trade_pay(sandbox, trade, buyer, now_us);
}

bool courier_work(struct sandbox *sandbox) {
    struct appointment due;
    struct platform_notice *notice = NULL;
    struct stripe_delivery *delivery = NULL;
    platform_lock(sandbox);
    int64_t now_us = platform_now_us(sandbox);
    bool taken = platform_due_take(sandbox, now_us, &due);
    if (taken && due.kind == DUE_NOTICE && claim(sandbox, due.object, due.at_us))
        notice = due.object;
    if (taken && due.kind == DUE_EXPIRY)
        trade_touch(sandbox, due.object, now_us);
    if (taken && due.kind == DUE_AUTO_PAY)
        pay_by_itself(sandbox, due.object, now_us);
    if (taken && due.kind == DUE_STRIPE_SESSION)
        stripe_session_due(sandbox, due.object, now_us);
    if (taken && due.kind == DUE_STRIPE_LATER)
        stripe_later_due(sandbox, due.object, due.at_us);
    if (taken && due.kind == DUE_STRIPE_DELIVERY &&
        stripe_mail_claim(sandbox, due.object, due.at_us))
        delivery = due.object;
    platform_unlock(sandbox);
    if (notice)
        courier_send(sandbox, notice);
    if (delivery)
        stripe_mail_send(sandbox, delivery);
    return taken || state_save_when_due(sandbox);
}

static int64_t rest_us(struct sandbox *sandbox) {
    platform_lock(sandbox);
    int64_t next_us = platform_due_next(sandbox), rest = 60 * PLATFORM_SECOND_US;
    int64_t now_us = platform_now_us(sandbox);
    if (next_us != INT64_MAX && next_us - now_us < rest)
        rest = next_us - now_us;
    if (sandbox->dirty && sandbox->options.state_path.len && rest > PLATFORM_SECOND_US / 4)
        rest = PLATFORM_SECOND_US / 4;
    platform_unlock(sandbox);
    return rest > 1000 ? rest : 1000;
}

void courier_run(void *arg) {
    struct courier_seat *seat = arg;
    struct sandbox *sandbox = seat->sandbox;
    while (!world_stopping(sandbox->world)) {
        if (courier_work(sandbox))
            continue;
        (void)world_park(sandbox->world, &sandbox->spots[seat->index],
                         world_monotonic_us(sandbox->world) + rest_us(sandbox));
    }
}
