/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a bill lies: alipay.data.dataservice.bill.downloadurl.query (dossier 5.10), built, signed
 * and verified as every other call. Its codes carry no prefix, and "does not exist" has two
 * meanings: not yet, and nothing happened on that day.
 */
#include "lib/channel/alipay/bill.h"

#include <stdio.h>

#include <till/time.h>

#include "lib/channel/address.h"
#include "lib/channel/alipay/reading.h"
#include "lib/channel/alipay/wire.h"
#include "lib/channel/gbk.h"

enum { URL_MAX = 2048, NAME_MAX_BYTES = 256 };
#define READY_US (INT64_C(10) * 3600 * TILL_US_PER_SECOND)

static const char *const types[TILL_BILL_TYPES] = {
    [TILL_BILL_TRADE] = "trade", [TILL_BILL_ACCOUNT] = "signcustomer"};

/* A question of its own beside the operations; it moves nothing, so it is sent as a query is. */
static bool ask_of(const struct till_bill_wish *wish, struct till_arena *arena,
                   struct till_ask *ret_ask, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *business = till_json_object();
    struct till_ask ask = {.operation = TILL_QUERY,
                           .method = TILL_STR("alipay.data.dataservice.bill.downloadurl.query"),
                           .now_us = wish->now_us};
    till_json_set_text(business, "bill_type", types[wish->type]);
    till_json_set_text(business, "bill_date", wish->date);
    if (!till_json_write(arena, business, TILL_JSON_COMPACT, &ask.business, err))
        return false;
    *ret_ask = ask;
    return true;
}

static bool build(const struct till_account *account, const struct till_bill_wish *wish,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err) {
    struct till_ask ask;
    return ask_of(wish, arena, &ask, err) && alipay_build(account, &ask, arena, ret_outgoing, err);
}

static enum till_bill_answer meaning_of(struct till_str code) {
    static const struct {
        const char *code;
        enum till_bill_answer answer;
    } meanings[] = {
        {"BILL_NOT_EXIST", TILL_BILL_NOT_YET},
        {"isp.bill_not_exist", TILL_BILL_NOT_YET},
        {"NO_BILL_DATA", TILL_BILL_EMPTY},
        {"BILL_DATE_BEFORE_REGISTRATION", TILL_BILL_REFUSED},
        {"INVAILID_ARGUMENTS", TILL_BILL_REFUSED}, /* so spelt by the platform */
        {"TYPE_NOT_SUPPORTED", TILL_BILL_REFUSED},
        {"isv.insufficient-isv-permissions", TILL_BILL_REFUSED},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (till_str_is(code, meanings[i].code))
            return meanings[i].answer;
    return TILL_BILL_UNSAID;
}

/* An address that a GET can go to, or nothing. */
static enum till_bill_answer read_url(const struct till_json *node, struct till_arena *arena,
                                      struct till_bill_place *place) {
    struct address address;
    struct till_error err;
    struct till_str url = till_json_get_str(node, "bill_download_url");
    if (address_read(url, URL_MAX, "/bill_download_url", &address, &err) &&
        till_arena_copy(arena, url, &place->url, &err))
        return TILL_BILL_READY;
    (void)snprintf(place->peer_text, sizeof place->peer_text,
                   "The answer holds no address of the bill that can be used.");
    return TILL_BILL_UNSAID;
}

static void parse(const struct till_account *account, const struct till_bill_wish *wish,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_bill_place *ret_place) {
    struct till_verdict verdict = {.outcome = TILL_UNKNOWN};
    struct till_bill_place place = {.answer = TILL_BILL_UNSAID};
    TILL_JSON_SCOPED struct till_json *node = NULL;
    struct till_ask ask;
    struct till_error err;
    if (ask_of(wish, arena, &ask, &err) &&
        alipay_open(account, &ask, incoming, arena, &verdict, &node)) {
        struct reading reading = {.ask = &ask, .node = node, .arena = arena, .verdict = &verdict};
        reading_name_peer(&reading);
        place.answer = till_str_is(till_json_get_str(node, "code"), "10000")
                           ? TILL_BILL_READY
                           : meaning_of(till_str_of(verdict.peer_code));
    }
    place.verified = verdict.verified;
    place.suspicious = verdict.suspicious;
    memcpy(place.peer_code, verdict.peer_code, sizeof place.peer_code);
    memcpy(place.peer_text, verdict.peer_text, sizeof place.peer_text);
    if (place.answer == TILL_BILL_READY)
        place.answer = read_url(node, arena, &place);
    *ret_place = place;
}

/* The platform's file host, and what the account's settings add. */
static bool is_host(const struct till_account *account, struct till_str host,
                    struct till_error *err) {
    struct till_str rest = alipay_of(account)->bill_hosts;
    if (till_str_equal_ignoring_case(host, TILL_STR("dwbillcenter.alipay.com")))
        return true;
    while (rest.len) {
        size_t end = till_str_find(rest, ',');
        if (host.len && till_str_equal_ignoring_case(host, till_str_sub(rest, 0, end)))
            return true;
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    return TILL_FAIL(err, URL_FORBIDDEN,
                     "The bill's address leads to %.*s, which is not a host of bills; if it is "
                     "right, add it to the account's bill_hosts.",
                     (int)(host.len < 100 ? host.len : 100), host.len ? host.ptr : "");
}

/* "20880000000000000156_20261122_" in front, then the file's own name; the console adds "_1". */
static bool part_of(const struct till_account *account, const struct till_bill_wish *wish,
                    struct till_str name, enum till_bill_part *ret_part, struct till_error *err) {
    static const char *const names[TILL_BILL_TYPES][TILL_BILL_PARTS] = {
        [TILL_BILL_TRADE] = {"业务明细", "业务明细(汇总)"},
        [TILL_BILL_ACCOUNT] = {"账务明细", "账务明细(汇总)"}};
    __attribute__((cleanup(till_arena_clean_up))) struct till_arena arena;
    struct till_str text = name, front;
    struct till_error ignored;
    till_arena_init(&arena, 4096);
    if (!till_arena_format(&arena, &front, err, "%.*s0156_%.4s%.2s%.2s_",
                           TILL_STR_ARG(alipay_of(account)->seller_id), wish->date, wish->date + 5,
                           wish->date + 8))
        return false;
    bool good = name.len <= NAME_MAX_BYTES &&
                (till_str_is_utf8(name) || gbk_to_utf8(&arena, name, &text, &ignored)) &&
                till_str_starts_with(text, front) && till_str_ends_with(text, TILL_STR(".csv"));
    struct till_str body = till_str_sub(text, front.len, text.len);
    body.len -= good ? 4 : 0;
    if (good && till_str_ends_with(body, TILL_STR("_1")))
        body.len -= 2;
    for (int part = 0; good && part < TILL_BILL_PARTS; part++) {
        if (!till_str_is(body, names[wish->type][part]))
            continue;
        *ret_part = (enum till_bill_part)part;
        return true;
    }
    return TILL_FAIL(err, BILL_INVALID,
                     "The archive holds a file that is not of this account's bill of this day.");
}

static bool is_wanted(const struct till_account *account, enum till_bill_type type) {
    return alipay_of(account)->wants_bill[type];
}

const struct till_bills alipay_bills = {.build = build,
                                        .parse = parse,
                                        .host = is_host,
                                        .part = part_of,
                                        .read = alipay_bill_read,
                                        .wanted = is_wanted,
                                        .currency = "CNY",
                                        .ready_us = READY_US};
