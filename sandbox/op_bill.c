/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.data.dataservice.bill.downloadurl.query, and the address that it gives (dossier 5.10). Its
 * codes carry no prefix. Errors in the platform's order: arguments, type, day.
 */
#include <sandbox/bill.h>
#include <sandbox/control.h>
#include <sandbox/page.h>

#include <stdio.h>
#include <stdlib.h>

#include <till/time.h>

static void refuse(struct call *call, const char *code, const char *words) {
    answer_refuse(call, "40004", code, words);
}

/* Locked. */
struct bill_desk *bill_desk_of(struct sandbox *sandbox) {
    if (!sandbox->bills && (sandbox->bills = calloc(1, sizeof *sandbox->bills)))
        sandbox->bills->fee_ppm = BILL_FEE_PPM;
    return sandbox->bills;
}

/* ---- the question ---- */

static bool read_type(struct till_str text, enum till_bill_type *ret_type) {
    *ret_type = till_str_is(text, "signcustomer") ? TILL_BILL_ACCOUNT : TILL_BILL_TRADE;
    return till_str_is(text, "trade") || till_str_is(text, "signcustomer");
}

/* NULL: the bill is there. Locked. */
static const char *judge_day(struct call *call, int64_t from_us, const char **ret_words) {
    *ret_words = "账单不存在";
    if (call->now_us < from_us + PLATFORM_DAY_US + BILL_READY_US) {
        call->why = TILL_STR("A day's bill is served from 09:00 of the next morning, Beijing time; "
                             "turn the clock forward.");
        return "BILL_NOT_EXIST";
    }
    if (from_us + PLATFORM_DAY_US <= call->app->created_us) {
        *ret_words = "账单日期早于注册日期";
        return "BILL_DATE_BEFORE_REGISTRATION";
    }
    if (bill_has_moves(call->sandbox, call->app->seller, from_us))
        return NULL;
    *ret_words = "无账单数据";
    return "NO_BILL_DATA";
}

/* The oldest one makes room. Locked. */
static struct bill_ticket *give_ticket(struct sandbox *sandbox, int64_t now_us) {
    struct bill_desk *desk = bill_desk_of(sandbox);
    if (!desk)
        return NULL;
    struct bill_ticket *ticket = &desk->tickets[desk->given++ % BILL_TICKETS];
    *ticket = (struct bill_ticket){.expires_us = now_us + BILL_LIFE_US};
    uint8_t random[16];
    world_random(sandbox->world, random, sizeof random);
    till_hex_encode(random, sizeof random, ticket->id);
    return ticket;
}

static bool format_url(struct sandbox *sandbox, struct till_arena *arena,
                       const struct bill_ticket *ticket, struct till_str *ret_url,
                       struct till_error *err) {
    return till_arena_format(
        arena, ret_url, err,
        "%.*s/downloadBillFile.resource?bizType=%s&userId=%s0156&fileType=csv.zip"
        "&bizDates=%.4s%.2s%.2s&downloadFileName=%s0156_%.4s%.2s%.2s.csv.zip&fileId=%%2F%s",
        TILL_STR_ARG(sandbox->options.public_url),
        ticket->type == TILL_BILL_TRADE ? "trade" : "signcustomer", ticket->seller->id,
        ticket->date, ticket->date + 5, ticket->date + 8, ticket->seller->id, ticket->date,
        ticket->date + 5, ticket->date + 8, ticket->id);
}

static void answer_url(struct call *call, enum till_bill_type type, struct till_str date) {
    struct bill_ticket *ticket = give_ticket(call->sandbox, call->now_us);
    struct till_str url;
    struct till_error err;
    if (!ticket) {
        refuse(call, "UNKNOWN_ERROR", "未知错误");
        return;
    }
    ticket->seller = call->app->seller;
    ticket->type = type;
    memcpy(ticket->date, date.ptr, TILL_BILL_DATE - 1);
    memcpy(ticket->on, call->faults.on, sizeof ticket->on);
    if (!format_url(call->sandbox, call->arena, ticket, &url, &err)) {
        refuse(call, "UNKNOWN_ERROR", "未知错误");
        return;
    }
    if (call->faults.on[FAULT_BILL_OTHER_HOST])
        url = TILL_STR("http://bills.example/downloadBillFile.resource");
    answer_success(call);
    answer_text(call, "bill_download_url", url);
    answer_text(call, "bill_file_code", TILL_STR("EXIST"));
}

void call_bill(struct call *call) {
    struct till_str type_text, date;
    enum till_bill_type type;
    const char *words = "入参不合法";
    int64_t from_us;
    struct till_error err;
    if (!biz_text(call, "bill_type", 32, true, &type_text) ||
        !biz_text(call, "bill_date", 10, true, &date)) {
        refuse(call, "INVAILID_ARGUMENTS", words);
        return;
    }
    if (!till_bill_day_start(date, &from_us, &err)) {
        call->why = TILL_STR("bill_date is a day as 2026-11-22; months are not served here.");
        refuse(call, "INVAILID_ARGUMENTS", words);
    } else if (!read_type(type_text, &type)) {
        refuse(call, "TYPE_NOT_SUPPORTED", "账单类型不支持");
    } else {
        const char *code = judge_day(call, from_us, &words);
        if (code)
            refuse(call, code, words);
        else
            answer_url(call, type, date);
    }
}

/* ---- the download ---- */

static const struct bill_ticket *find_ticket(struct sandbox *sandbox, struct till_str file_id) {
    struct bill_desk *desk = bill_desk_of(sandbox);
    struct till_str id = till_str_sub(file_id, file_id.len && file_id.ptr[0] == '/', file_id.len);
    for (size_t i = 0; desk && i < BILL_TICKETS; i++)
        if (desk->tickets[i].seller && till_str_is(id, desk->tickets[i].id))
            return &desk->tickets[i];
    return NULL;
}

/* Collects under the lock, writes and packs without it: trades' texts are fixed at their birth. */
static bool open_bill(struct web *web, struct bill *bill, bool *ret_found, struct till_error *err) {
    struct sandbox *sandbox = web->sandbox;
    bool good = true;
    platform_lock(sandbox);
    const struct bill_ticket *ticket = find_ticket(sandbox, web_value(web, "fileId"));
    *ret_found = ticket && web->now_us < ticket->expires_us && !ticket->on[FAULT_BILL_EXPIRED];
    if (*ret_found) {
        *bill = (struct bill){.sandbox = sandbox,
                              .arena = web->arena,
                              .seller = ticket->seller,
                              .type = ticket->type};
        memcpy(bill->date, ticket->date, sizeof bill->date);
        memcpy(bill->on, ticket->on, sizeof bill->on);
        good = till_bill_day_start(till_str_of(bill->date), &bill->from_us, err) &&
               bill_collect(bill, bill_desk_of(sandbox)->fee_ppm, err);
    }
    platform_unlock(sandbox);
    return good;
}

void bill_download(struct web *web) {
    struct bill bill = {0};
    struct till_str archive, disposition, stem;
    struct till_error err;
    bool found;
    if (!open_bill(web, &bill, &found, &err)) {
        web_error(web, &err);
        return;
    }
    if (!found) {
        web_text(web, 404, "The address is unknown, or older than 30 seconds.\n");
        return;
    }
    stem = bill_file_stem(&bill);
    if (!bill_pack(&bill, &archive, &err) ||
        !till_arena_format(web->arena, &disposition, &err, "attachment; filename=\"%.*s.csv.zip\"",
                           TILL_STR_ARG(stem))) {
        web_error(web, &err);
        return;
    }
    web->response->status = 200;
    web->response->content_type = TILL_STR("application/zip");
    web->response->body = archive;
    http_response_header(web->response, TILL_STR("Content-Disposition"), disposition);
}

/* ---- control ---- */

void control_bills(struct web *web) {
    int64_t ppm = web_number(web, "fee_ppm", -1);
    struct till_error err;
    if (ppm < 0 || ppm > 100000) {
        (void)TILL_FAIL_FIELD(&err, FIELD_INVALID, "/fee_ppm",
                              "A fee is 0 to 100000 millionths of the amount.");
        web_error(web, &err);
        return;
    }
    platform_lock(web->sandbox);
    struct bill_desk *desk = bill_desk_of(web->sandbox);
    if (desk)
        desk->fee_ppm = ppm;
    platform_unlock(web->sandbox);
    struct till_json *json = till_json_object();
    till_json_set_int(json, "fee_ppm", ppm);
    web_json(web, 200, json);
}

/* A person's way to a bill: a ticket as the call gives it, and straight there. */
void page_bill(struct web *web) {
    enum till_bill_type type;
    int64_t from_us;
    struct till_str url, date = web_value(web, "date");
    struct till_error err;
    if (!till_bill_day_start(date, &from_us, &err)) {
        web_error(web, &err);
        return;
    }
    (void)read_type(web_value(web, "type"), &type);
    platform_lock(web->sandbox);
    const struct platform_app *app = app_find(web->sandbox, web->segments[0]);
    struct bill_ticket *ticket = app ? give_ticket(web->sandbox, web->now_us) : NULL;
    bool made = false;
    if (ticket) {
        ticket->seller = app->seller;
        ticket->type = type;
        memcpy(ticket->date, date.ptr, TILL_BILL_DATE - 1);
        made = format_url(web->sandbox, web->arena, ticket, &url, &err);
    }
    platform_unlock(web->sandbox);
    if (made)
        web_redirect(web, till_str_sub(url, web->sandbox->options.public_url.len, url.len));
    else
        web_text(web, 404, "There is no such app.\n");
}
