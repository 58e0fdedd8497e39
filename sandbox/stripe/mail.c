/* SPDX-License-Identifier: Apache-2.0 */
/* When events leave and how they fared; see mail.h. What they say is letter.c. */
#include <sandbox/exchange_make.h>
#include <sandbox/state.h>
#include <sandbox/stripe/endpoint.h>
#include <sandbox/stripe/mail.h>

#include <stdio.h>
#include <stdlib.h>

enum { LETTER_BYTES = 2 * 1024 * 1024, REPLY_MAX = 4096, SEND_TIMEOUT_S = 10, REPLY_SHOWN = 60 };

/* After the first attempt. */
static const int64_t offsets_us[STRIPE_ATTEMPTS] = {0,
                                                    PLATFORM_MINUTE_US,
                                                    5 * PLATFORM_MINUTE_US,
                                                    30 * PLATFORM_MINUTE_US,
                                                    2 * PLATFORM_HOUR_US,
                                                    5 * PLATFORM_HOUR_US,
                                                    10 * PLATFORM_HOUR_US,
                                                    22 * PLATFORM_HOUR_US,
                                                    34 * PLATFORM_HOUR_US,
                                                    46 * PLATFORM_HOUR_US,
                                                    58 * PLATFORM_HOUR_US,
                                                    70 * PLATFORM_HOUR_US};

int64_t stripe_mail_next_us(int64_t first_us, int attempts, int64_t now_us) {
    if (attempts >= STRIPE_ATTEMPTS)
        return 0;
    int64_t due_us = first_us + offsets_us[attempts];
    return due_us > now_us ? due_us : now_us;
}

static struct stripe_mail *mail_of(struct sandbox *sandbox) {
    if (!sandbox->stripe->mail)
        sandbox->stripe->mail = calloc(1, sizeof *sandbox->stripe->mail);
    return sandbox->stripe->mail;
}

/* NULL without memory or room. */
static struct stripe_delivery *make(struct sandbox *sandbox, struct stripe_object *event,
                                    struct stripe_object *endpoint) {
    struct stripe_mail *mail = mail_of(sandbox);
    bool has_room = mail && mail->count < STRIPE_DELIVERIES_MAX;
    struct stripe_delivery *delivery = has_room ? calloc(1, sizeof *delivery) : NULL;
    if (!delivery) {
        sandbox->stripe->starved = true;
        return NULL;
    }
    delivery->event = event;
    delivery->endpoint = endpoint;
    delivery->next = mail->deliveries;
    mail->deliveries = delivery;
    mail->count++;
    return delivery;
}

static void schedule(struct sandbox *sandbox, struct stripe_delivery *delivery) {
    platform_due(sandbox, delivery->due_us, DUE_STRIPE_DELIVERY, delivery);
    platform_changed(sandbox);
}

static void set_variant(struct stripe_delivery *delivery, enum fault variant,
                        struct till_str argument) {
    delivery->variant = variant;
    argument = till_str_cut_utf8(argument, sizeof delivery->argument - 1);
    snprintf(delivery->argument, sizeof delivery->argument, "%.*s", TILL_STR_ARG(argument));
}

/* When it leaves; what it says is the first variant that struck. */
static void apply(struct sandbox *sandbox, struct stripe_delivery *delivery,
                  const struct fault_set *faults) {
    if (faults->on[FAULT_EVENT_DELAY])
        delivery->due_us += fault_number(faults, FAULT_EVENT_DELAY, 60) * PLATFORM_SECOND_US;
    if (faults->on[FAULT_EVENT_DUPLICATE])
        delivery->repeats = fault_number(faults, FAULT_EVENT_DUPLICATE, 1);
    if (faults->on[FAULT_EVENT_REORDER]) {
        delivery->held = true;
        sandbox->stripe->mail->held_count++;
        delivery->due_us += PLATFORM_HOUR_US; /* when nothing follows */
    }
    delivery->over = faults->on[FAULT_EVENT_NEVER];
    for (int i = FAULT_EVENT_WRONG_SECRET; i <= FAULT_EVENT_UNKNOWN_TYPE && !delivery->variant; i++)
        if (faults->on[i])
            set_variant(delivery, (enum fault)i, till_str_of(faults->argument[i]));
}

static void plan_one(struct sandbox *sandbox, struct stripe_object *event,
                     struct stripe_object *endpoint) {
    struct fault_set faults;
    struct stripe_delivery *delivery = make(sandbox, event, endpoint);
    if (!delivery)
        return;
    delivery->due_us = platform_now_us(sandbox);
    fault_decide(sandbox, "event", FAULT_EVENT, &faults);
    apply(sandbox, delivery, &faults);
    delivery->first_us = delivery->due_us;
    if (!delivery->over)
        schedule(sandbox, delivery);
}

static void set_pending(struct sandbox *sandbox, struct stripe_object *event, int64_t pending) {
    struct till_json *json = stripe_read(event);
    if (!json)
        return;
    till_json_set_int(json, "pending_webhooks", pending);
    stripe_put(sandbox, event, json);
}

/* The type of an event, copied: the tree goes. */
static void type_of(const struct stripe_object *event, char out[64]) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(event);
    snprintf(out, 64, "%.*s", TILL_STR_ARG(till_json_get_str(json, "type")));
}

void stripe_mail_plan(struct sandbox *sandbox, struct stripe_object *event) {
    char type[64];
    int64_t pending = 0;
    type_of(event, type);
    struct stripe_object *endpoint = event->account->newest[STRIPE_ENDPOINT];
    for (; endpoint; endpoint = endpoint->older) {
        if (!stripe_endpoint_wants(endpoint, till_str_of(type)))
            continue;
        plan_one(sandbox, event, endpoint);
        pending++;
    }
    if (pending)
        set_pending(sandbox, event, pending);
}

size_t stripe_mail_again(struct sandbox *sandbox, struct stripe_object *event,
                         struct till_str endpoint_id, enum fault variant,
                         struct till_str argument) {
    char type[64];
    size_t count = 0;
    type_of(event, type);
    struct stripe_object *endpoint = event->account->newest[STRIPE_ENDPOINT];
    for (; endpoint; endpoint = endpoint->older) {
        if ((endpoint_id.len && !till_str_is(endpoint_id, endpoint->id)) ||
            !stripe_endpoint_wants(endpoint, till_str_of(type)))
            continue;
        struct stripe_delivery *delivery = make(sandbox, event, endpoint);
        if (!delivery)
            break;
        set_variant(delivery, variant, argument);
        delivery->once = true;
        delivery->first_us = delivery->due_us = platform_now_us(sandbox);
        schedule(sandbox, delivery);
        count++;
    }
    return count;
}

bool stripe_mail_variant(struct till_arena *arena, struct till_str name, enum fault *ret_variant,
                         struct till_error *err) {
    struct till_str full = name;
    *ret_variant = FAULT_NONE;
    if (name.len == 0)
        return true;
    if (!till_str_starts_with(name, TILL_STR("event_")) &&
        !till_arena_format(arena, &full, err, "event_%.*s", TILL_STR_ARG(name)))
        return false;
    *ret_variant = fault_find(full);
    bool is_content =
        *ret_variant >= FAULT_EVENT_WRONG_SECRET && *ret_variant <= FAULT_EVENT_UNKNOWN_TYPE;
    return is_content ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/variant",
                           "Name a content fault of side event (GET /control/faults), or none.");
}

static void end(struct sandbox *sandbox, struct stripe_delivery *delivery, const char *reason) {
    delivery->over = true;
    delivery->due_us = 0;
    snprintf(delivery->last_reply, sizeof delivery->last_reply, "%s", reason);
    platform_changed(sandbox);
}

bool stripe_mail_claim(struct sandbox *sandbox, struct stripe_delivery *delivery, int64_t at_us) {
    char type[64];
    if (delivery->over || delivery->in_flight || delivery->due_us != at_us)
        return false;
    type_of(delivery->event, type);
    if (!stripe_endpoint_wants(delivery->endpoint, till_str_of(type))) {
        end(sandbox, delivery, "the endpoint is disabled or gone");
        return false;
    }
    delivery->in_flight = true;
    sandbox->stripe->mail->held_count -= delivery->held;
    delivery->held = false;
    return true;
}

/* A later delivery to the endpoint is out: those that waited for it may go. */
static void release_held(struct sandbox *sandbox, const struct stripe_delivery *sent,
                         int64_t now_us) {
    struct stripe_mail *mail = sandbox->stripe->mail;
    if (mail->held_count == 0)
        return;
    for (struct stripe_delivery *delivery = mail->deliveries; delivery; delivery = delivery->next) {
        if (delivery == sent || delivery->endpoint != sent->endpoint || !delivery->held)
            continue;
        delivery->held = false;
        mail->held_count--;
        delivery->first_us = delivery->due_us = now_us + PLATFORM_SECOND_US;
        schedule(sandbox, delivery);
    }
}

static void plan_next(struct sandbox *sandbox, struct stripe_delivery *delivery, int64_t now_us) {
    int64_t next_us = 0;
    if (!delivery->once && delivery->acknowledged && delivery->repeats-- > 0)
        next_us = now_us + PLATFORM_SECOND_US;
    else if (!delivery->once && !delivery->acknowledged)
        next_us = stripe_mail_next_us(delivery->first_us, delivery->attempts, now_us);
    delivery->over = next_us == 0;
    delivery->due_us = next_us;
    if (!delivery->over)
        schedule(sandbox, delivery);
}

/* One endpoint less that waits for the event. What was sent by hand counts for nothing. */
static void count_success(struct sandbox *sandbox, const struct stripe_delivery *delivery) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(delivery->event);
    int64_t pending = json ? stripe_int(json, "pending_webhooks") : 0;
    if (pending > 0 && !delivery->once)
        set_pending(sandbox, delivery->event, pending - 1);
}

static bool is_success(const struct world_answer *answer) {
    return answer->fate == TILL_FATE_ANSWERED && answer->status >= 200 && answer->status < 300;
}

static void note_reply(struct stripe_delivery *delivery, const struct world_answer *answer) {
    bool answered = answer->fate == TILL_FATE_ANSWERED;
    struct till_str said = answered ? till_str_cut_utf8(answer->body, REPLY_SHOWN)
                                    : till_str_cut_utf8(till_str_of(answer->reason), REPLY_SHOWN);
    delivery->last_status = answered ? answer->status : 0;
    snprintf(delivery->last_reply, sizeof delivery->last_reply, "%.*s", TILL_STR_ARG(said));
}

/* Locked. */
static void file_reply(struct sandbox *sandbox, struct stripe_delivery *delivery,
                       const struct world_answer *answer) {
    int64_t now_us = platform_now_us(sandbox);
    bool good = is_success(answer);
    delivery->in_flight = false;
    delivery->attempts++;
    delivery->last_us = now_us;
    note_reply(delivery, answer);
    if (good && !delivery->acknowledged)
        count_success(sandbox, delivery);
    delivery->acknowledged = delivery->acknowledged || good;
    plan_next(sandbox, delivery, now_us);
    if (delivery->attempts == 1 && !delivery->once)
        release_held(sandbox, delivery, now_us);
    platform_changed(sandbox);
    log_event(sandbox->log, good ? LOG_INFO : LOG_WARN, "sandbox_event",
              LOG_C("event_id", delivery->event->id), LOG_C("endpoint", delivery->endpoint->id),
              LOG_N("attempt", delivery->attempts), LOG_N("status", delivery->last_status),
              LOG_B("acknowledged", good), LOG_C("stage", answer->stage),
              LOG_C("variant", delivery->variant ? fault_row(delivery->variant)->name : ""));
}

static void post(struct sandbox *sandbox, const struct stripe_letter *letter,
                 struct till_arena *arena, struct world_answer *ret_answer) {
    struct world_request request = {
        .errand = WORLD_LOCAL,
        .method = TILL_STR("POST"),
        .url = letter->url,
        .headers = letter->headers,
        .header_count = letter->header_count,
        .body = letter->body,
        .timeout_us = SEND_TIMEOUT_S * PLATFORM_SECOND_US,
        .answer_max = REPLY_MAX,
        .keep_prefix = true,
    };
    world_exchange(sandbox->world, &request, arena, ret_answer);
}

/* Whether what was signed is what was sent, by a secret of the endpoint, under the right name. */
static bool is_signed_well(enum fault variant) {
    return variant != FAULT_EVENT_WRONG_SECRET && variant != FAULT_EVENT_UNSIGNED &&
           variant != FAULT_EVENT_ONLY_V0 && variant != FAULT_EVENT_UPPER_CASE &&
           variant != FAULT_EVENT_CHANGED;
}

/* Not under the lock; what it reads of the delivery is a copy. */
static void record(struct sandbox *sandbox, const struct stripe_delivery *delivery,
                   const struct stripe_letter *letter, const struct world_answer *answer) {
    exchange_record_sent(sandbox, &(struct exchange_sent){
                                      .at_us = platform_now_us(sandbox),
                                      .app_id = till_str_of(delivery->event->account->id),
                                      .method = letter->type,
                                      .order = letter->order,
                                      .notify_id = till_str_of(delivery->event->id),
                                      .url = letter->url,
                                      .attempt = delivery->attempts + 1,
                                      .headers = letter->headers,
                                      .header_count = letter->header_count,
                                      .type = TILL_STR("application/json; charset=utf-8"),
                                      .body = letter->body,
                                      .signed_text = letter->signed_text,
                                      .is_signed_well = is_signed_well(delivery->variant),
                                      .variant = delivery->variant,
                                      .answer = answer,
                                      .acknowledged = is_success(answer),
                                  });
}

void stripe_mail_send(struct sandbox *sandbox, struct stripe_delivery *delivery) {
    struct till_arena arena;
    struct stripe_letter letter;
    struct till_error err;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT, .reason = "it could not be written"};
    till_arena_init(&arena, LETTER_BYTES);
    platform_lock(sandbox);
    bool composed = stripe_letter_compose(sandbox, delivery, &arena, &letter, &err);
    struct stripe_delivery copy = *delivery;
    platform_unlock(sandbox);
    if (composed) {
        post(sandbox, &letter, &arena, &answer);
        record(sandbox, &copy, &letter, &answer);
    } else {
        log_failure(sandbox->log, LOG_ERROR, "sandbox_event", &err);
    }
    platform_lock(sandbox);
    file_reply(sandbox, delivery, &answer);
    platform_unlock(sandbox);
    till_arena_clean_up(&arena);
    platform_wake(sandbox);
}

void stripe_mail_free(struct stripe_mail *mail) {
    if (!mail)
        return;
    for (struct stripe_delivery *delivery = mail->deliveries, *next; delivery; delivery = next) {
        next = delivery->next;
        free(delivery);
    }
    free(mail);
}

static struct till_json *row_of(const struct stripe_delivery *delivery) {
    struct till_json *row = state_row("stripe_delivery");
    till_json_set_text(row, "event", delivery->event->id);
    till_json_set_text(row, "endpoint", delivery->endpoint->id);
    till_json_set_text(row, "variant", delivery->variant ? fault_row(delivery->variant)->name : "");
    till_json_set_text(row, "argument", delivery->argument);
    till_json_set_int(row, "first_us", delivery->first_us);
    till_json_set_int(row, "due_us", delivery->due_us);
    till_json_set_int(row, "attempts", delivery->attempts);
    till_json_set_int(row, "repeats", delivery->repeats);
    till_json_set_bool(row, "acknowledged", delivery->acknowledged);
    till_json_set_bool(row, "once", delivery->once);
    return row;
}

void stripe_mail_write(const struct sandbox *sandbox,
                       void (*write)(void *page, struct till_json *row), void *page) {
    const struct stripe_mail *mail = sandbox->stripe->mail;
    const struct stripe_delivery *delivery = mail ? mail->deliveries : NULL;
    for (; delivery; delivery = delivery->next)
        if (!delivery->over)
            write(page, row_of(delivery));
}

bool stripe_mail_read(struct sandbox *sandbox, const struct till_json *row,
                      struct till_error *err) {
    struct stripe_object *event =
        stripe_find_anywhere(sandbox, STRIPE_EVENT, till_json_get_str(row, "event"));
    struct stripe_object *endpoint =
        stripe_find_anywhere(sandbox, STRIPE_ENDPOINT, till_json_get_str(row, "endpoint"));
    if (!endpoint && event)
        return true; /* deleted meanwhile: nobody waits for it */
    struct stripe_delivery *delivery = event ? make(sandbox, event, endpoint) : NULL;
    if (!delivery)
        return TILL_FAIL(err, STORE_DAMAGED, "The sandbox's state has a wrong delivery.");
    set_variant(delivery, fault_find(till_json_get_str(row, "variant")),
                till_json_get_str(row, "argument"));
    delivery->first_us = stripe_int(row, "first_us");
    delivery->due_us = stripe_int(row, "due_us");
    delivery->attempts = (int)stripe_int(row, "attempts");
    delivery->repeats = stripe_int(row, "repeats");
    delivery->acknowledged = stripe_flag(row, "acknowledged");
    delivery->once = stripe_flag(row, "once");
    schedule(sandbox, delivery);
    return true;
}
