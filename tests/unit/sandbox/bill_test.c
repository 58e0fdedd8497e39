/* SPDX-License-Identifier: Apache-2.0 */
/* Bills from the question to the last line: what the sandbox serves is read by libtill as the
 * gateway reads it. */
#include "play.h"

#include <rt/unzip.h>
#include <till/bill.h>

static struct play play;
static struct till_account *account;

#define BASE "http://127.0.0.1:8100"
#define METHOD "alipay.data.dataservice.bill.downloadurl.query"

static void load_account(void) {
    TILL_JSON_SCOPED struct till_json *settings = till_json_object();
    struct till_str private_key, platform_key;
    struct till_error err;
    assert_true(
        till_key_export(&play.arena, play_app_key, TILL_KEY_PKCS8_BASE64, &private_key, &err));
    assert_true(
        till_key_export(&play.arena, play.platform_key, TILL_KEY_SPKI_BASE64, &platform_key, &err));
    till_json_set_str(settings, "app_id", play.app_id);
    till_json_set_str(settings, "seller_id", play.seller_id);
    till_json_set_str(settings, "private_key", private_key);
    till_json_set_str(settings, "platform_public_key", platform_key);
    if (!till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &err))
        fail_msg("%s %s", err.field, err.text);
}

/* Three payments, a refund, and one more that fails later; the clock stands at the next morning. */
static int open_play(void **state) {
    (void)state;
    const struct sandbox_options options = {.public_url = TILL_STR(BASE), .seed = 7};
    play_open(&play, &options);
    load_account();
    static const char *const amounts[] = {"9.90", "100.00", "0.01"};
    static const char *const numbers[] = {"BILL1", "BILL2", "BILL3"};
    for (int i = 0; i < 3; i++) {
        play_order(&play, numbers[i], amounts[i]);
        play_pay(&play, numbers[i]);
    }
    play_call(&play, "alipay.trade.refund",
              "{\"out_trade_no\":\"BILL2\",\"refund_amount\":\"30.00\",\"out_request_no\":\"R1\"}",
              NULL);
    play_fault(&play, "refund", "refund_fails_later", 1, "60");
    play_call(&play, "alipay.trade.refund",
              "{\"out_trade_no\":\"BILL1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R2\"}",
              NULL);
    play_advance(&play, INT64_C(24) * 3600);
    return 0;
}

static int close_play(void **state) {
    (void)state;
    till_account_free(account);
    play_close(&play);
    return 0;
}

static struct till_str url_of(const char *type) {
    char biz[96];
    snprintf(biz, sizeof biz, "{\"bill_type\":\"%s\",\"bill_date\":\"2026-11-23\"}", type);
    struct play_answer answer = play_call(&play, METHOD, biz, NULL);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    struct till_str url = play_get(&answer, "bill_download_url");
    assert_true(till_str_starts_with(url, TILL_STR(BASE "/downloadBillFile.resource?")));
    return till_str_sub(url, strlen(BASE), url.len);
}

static struct http_response download(const char *type) {
    struct till_str url = url_of(type);
    const char *target;
    struct till_error err;
    assert_true(till_arena_cstr(&play.arena, url, &target, &err));
    return play_http(&play, "GET", target, NULL, NULL, NULL);
}

/* ---- reading as the gateway does ---- */

static const char *day = "2026-11-23"; /* whose bill is read */
static struct till_bill_line lines[16];
static size_t line_count;
static struct till_bill_totals totals[TILL_BILL_PARTS];

static bool take(void *self, const struct till_bill_line *line, struct till_error *err) {
    (void)err;
    if (*(enum till_bill_part *)self == TILL_BILL_DETAIL && line_count < 16)
        lines[line_count++] = *line;
    return true;
}

static bool read_archive(enum till_bill_type type, struct till_str archive,
                         struct till_error *err) {
    static const struct unzip_limits limits = {1 << 20, 8, 1 << 20, 2 << 20, 200};
    struct till_bill_wish wish = {.type = type};
    struct unzip *unzip = NULL;
    enum till_bill_part part = TILL_BILL_DETAIL;
    struct till_bill_source source = {unzip_next, NULL};
    struct till_bill_sink sink = {take, &part};
    const struct till_bills *bills = account->channel->bills;
    line_count = 0;
    memcpy(wish.date, day, TILL_BILL_DATE);
    if (!unzip_open(archive, &limits, &unzip, err))
        return false;
    source.self = unzip;
    bool good = unzip_count(unzip) == 2;
    for (size_t i = 0; good && i < unzip_count(unzip); i++)
        good = bills->part(account, &wish, unzip_name(unzip, i), &part, err) &&
               unzip_begin(unzip, i, err) &&
               bills->read(account, &wish, part, &source, &sink, &totals[part], err);
    unzip_close(unzip);
    return good;
}

static void reads(enum till_bill_type type, const char *name) {
    struct http_response response = download(name);
    struct till_error err = {.code = TILL_OK};
    assert_int_equal(response.status, 200);
    if (!read_archive(type, response.body, &err))
        fail_msg("%s", err.text);
}

static void the_trading_bill_is_the_day_to_the_fen(void **state) {
    (void)state;
    reads(TILL_BILL_TRADE, "trade");
    assert_int_equal(line_count, 6); /* 3 payments, 2 refunds, and one that came back */
    assert_int_equal(totals[0].in.count, 3);
    assert_int_equal(totals[0].in.amount, 990 + 10000 + 1);
    assert_int_equal(totals[0].out.count, 2);
    assert_int_equal(totals[0].out.amount, -3000 - 100);
    assert_int_equal(totals[1].in.count, 3);
    assert_int_equal(totals[1].out.count, 2);
    int others = 0, fees = 0;
    for (size_t i = 0; i < line_count; i++) {
        others += lines[i].kind == TILL_BILL_OTHER;
        fees += (int)lines[i].fee;
    }
    assert_int_equal(others, 1);
    assert_int_equal(fees,
                     -6 - 60 - 0 + 18); /* 0.6 %; the fee of a refund comes back, and goes again */
}

/* R2 failed later; what goes again under its number is the next day's business. */
static void a_refund_that_goes_again_leaves_the_earlier_bill_alone(void **state) {
    (void)state;
    struct play_answer answer = play_call(
        &play, "alipay.trade.refund",
        "{\"out_trade_no\":\"BILL1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R2\"}", NULL);
    play_expect(&answer, "10000", "");
    reads(TILL_BILL_TRADE, "trade");
    assert_int_equal(line_count, 6);
    assert_int_equal(totals[0].out.amount, -3000 - 100);
}

static struct till_str text_of(const char *type) {
    static const struct unzip_limits limits = {1 << 20, 8, 1 << 20, 2 << 20, 200};
    struct http_response response = download(type);
    struct unzip *unzip = NULL;
    struct till_error err;
    static char text[65536];
    struct till_str bytes;
    size_t len = 0;
    assert_true(unzip_open(response.body, &limits, &unzip, &err) && unzip_begin(unzip, 0, &err));
    while (unzip_next(unzip, &bytes, &err) && bytes.len) {
        assert_true(len + bytes.len < sizeof text);
        memcpy(text + len, bytes.ptr, bytes.len);
        len += bytes.len;
    }
    unzip_close(unzip);
    return (struct till_str){text, len};
}

/* Dossier 5.10: 41 and 40 of them around the list's name, 41 and 36 at its end. */
static void the_lines_of_dashes_are_the_platforms(void **state) {
    static const struct {
        const char *type, *list;
    } lists[] = {{"trade", "\xd2\xb5\xce\xf1\xc3\xf7\xcf\xb8\xc1\xd0\xb1\xed"},
                 {"signcustomer", "\xd5\xcb\xce\xf1\xc3\xf7\xcf\xb8\xc1\xd0\xb1\xed"}};
    char dashes[42], line[160];
    (void)state;
    memset(dashes, '-', 41);
    dashes[41] = 0;
    for (size_t i = 0; i < 2; i++) {
        struct till_str text = text_of(lists[i].type);
        snprintf(line, sizeof line, "\r\n#%s%s%.40s\r\n", dashes, lists[i].list, dashes);
        assert_true(play_contains(text, line));
        snprintf(line, sizeof line, "\r\n#%s%s\xbd\xe1\xca\xf8%.36s\r\n", dashes, lists[i].list,
                 dashes);
        assert_true(play_contains(text, line));
    }
}

static void the_ledger_runs_from_balance_to_balance(void **state) {
    (void)state;
    reads(TILL_BILL_ACCOUNT, "signcustomer");
    int64_t balance = 0;
    for (size_t i = 0; i < line_count; i++) {
        balance += lines[i].amount;
        assert_int_equal(lines[i].balance, balance);
    }
    assert_int_equal(balance, 990 + 10000 + 1 - 3000 - 6 - 60 + 18);
    (void)play_control(&play, "PUT", "/control/bills", "{\"fee_ppm\":0}");
    reads(TILL_BILL_ACCOUNT, "signcustomer");
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    struct till_str seller = play.seller_id;
    const char *id;
    struct till_error err;
    assert_true(till_arena_cstr(&play.arena, seller, &id, &err));
    assert_int_equal(lines[line_count - 1].balance,
                     play_number(till_json_member(books, "sellers"), id));
}

static void the_platform_s_own_errors(void **state) {
    (void)state;
    static const struct {
        const char *biz, *code;
    } rows[] = {
        {"{\"bill_type\":\"trade\",\"bill_date\":\"2026-11-24\"}", "BILL_NOT_EXIST"},
        {"{\"bill_type\":\"trade\",\"bill_date\":\"2026-11-22\"}", "BILL_DATE_BEFORE_REGISTRATION"},
        {"{\"bill_type\":\"trade\",\"bill_date\":\"2026-13-22\"}", "INVAILID_ARGUMENTS"},
        {"{\"bill_type\":\"trade\"}", "INVAILID_ARGUMENTS"},
        {"{\"bill_type\":\"zft_acc\",\"bill_date\":\"2026-11-23\"}", "TYPE_NOT_SUPPORTED"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct play_answer answer = play_call(&play, METHOD, rows[i].biz, NULL);
        play_expect(&answer, "40004", rows[i].code);
        assert_true(answer.verified);
    }
    play_advance(&play, INT64_C(24) * 3600);
    struct play_answer answer = play_call(&play, METHOD, rows[0].biz, NULL);
    play_expect(&answer, "40004", "NO_BILL_DATA");
}

static void a_bill_appears_at_nine_and_its_address_lives_thirty_seconds(void **state) {
    (void)state;
    play_order(&play, "LATE", "5.00");
    play_pay(&play, "LATE"); /* on the 24th, at 10:00 */
    const char *biz = "{\"bill_type\":\"trade\",\"bill_date\":\"2026-11-24\"}";
    play_advance(&play, INT64_C(22) * 3600 + 3500); /* 08:58:20 */
    struct play_answer answer = play_call(&play, METHOD, biz, NULL);
    play_expect(&answer, "40004", "BILL_NOT_EXIST");
    play_advance(&play, 120);
    answer = play_call(&play, METHOD, biz, NULL);
    play_expect(&answer, "10000", "");
    struct till_str url = play_get(&answer, "bill_download_url");
    const char *target;
    struct till_error err;
    assert_true(
        till_arena_cstr(&play.arena, till_str_sub(url, strlen(BASE), url.len), &target, &err));
    assert_int_equal(play_http(&play, "GET", target, NULL, NULL, NULL).status, 200);
    assert_int_equal(play_http(&play, "GET", target, NULL, NULL, NULL).status,
                     200); /* as often as one likes */
    play_advance(&play, 31);
    assert_int_equal(play_http(&play, "GET", target, NULL, NULL, NULL).status, 404);
    assert_int_equal(
        play_http(&play, "GET", "/downloadBillFile.resource?fileId=%2Fx", NULL, NULL, NULL).status,
        404);
}

static void every_fault_of_a_file_is_refused_or_read_as_it_should_be(void **state) {
    (void)state;
    static const struct {
        const char *fault, *words; /* NULL: reads */
    } rows[] = {{"bill_cut", "cells where the header has 25"},
                {"bill_sums", "not the sum"},
                {"bill_damaged", "damaged"},
                {"bill_traversal", "plain file name"},
                {"bill_bomb", "more than"},
                {"bill_other_account", "another account"},
                {"bill_new_column", NULL},
                {"bill_reordered", NULL},
                {"bill_utf8", NULL},
                {"bill_amount", NULL},
                {"bill_missing_line", NULL},
                {"bill_foreign_line", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_error err = {.code = TILL_OK};
        play_fault(&play, "bill", rows[i].fault, 1, NULL);
        struct http_response response = download("trade");
        bool was_read = read_archive(TILL_BILL_TRADE, response.body, &err);
        if (was_read != !rows[i].words)
            fail_msg("%s: %s", rows[i].fault, was_read ? "was read" : err.text);
        if (rows[i].words && !strstr(err.text, rows[i].words))
            fail_msg("%s: \"%s\"", rows[i].fault, err.text);
        if (strcmp(rows[i].fault, "bill_amount") == 0)
            assert_int_equal(totals[0].in.amount, 10991 + 1);
        if (strcmp(rows[i].fault, "bill_new_column") == 0)
            assert_int_equal(totals[0].unknown_columns, 1);
        if (strcmp(rows[i].fault, "bill_missing_line") == 0)
            assert_int_equal(line_count, 5);
        if (strcmp(rows[i].fault, "bill_foreign_line") == 0)
            assert_int_equal(totals[0].in.count, 4);
    }
    reads(TILL_BILL_TRADE, "trade");
    play_fault(&play, "bill", "bill_expired", 1, NULL);
    assert_int_equal(download("trade").status, 404);
    play_fault(&play, "bill", "bill_other_host", 1, NULL);
    struct play_answer answer =
        play_call(&play, METHOD, "{\"bill_type\":\"trade\",\"bill_date\":\"2026-11-23\"}", NULL);
    assert_true(play_contains(play_get(&answer, "bill_download_url"), "bills.example"));
}

static void texts_that_would_break_a_table_do_not(void **state) {
    (void)state;
    struct play_answer answer = play_call(&play, "alipay.trade.precreate",
                                          "{\"out_trade_no\":\"ODD\",\"total_amount\":\"7.00\","
                                          "\"subject\":\"\\\"a\\\", b\\n☕\\ud83d\\ude00\"}",
                                          NULL);
    play_expect(&answer, "10000", "");
    play_pay(&play, "ODD");
    play_advance(&play, INT64_C(24) * 3600);
    char biz[] = "{\"bill_type\":\"trade\",\"bill_date\":\"2026-11-24\"}";
    answer = play_call(&play, METHOD, biz, NULL);
    struct till_str url = play_get(&answer, "bill_download_url");
    const char *target;
    struct till_error err = {.code = TILL_OK};
    assert_true(
        till_arena_cstr(&play.arena, till_str_sub(url, strlen(BASE), url.len), &target, &err));
    struct http_response response = play_http(&play, "GET", target, NULL, NULL, NULL);
    assert_false(read_archive(TILL_BILL_TRADE, response.body, &err)); /* another day's bill */
    assert_non_null(strstr(err.text, "of this day"));
    day = "2026-11-24";
    bool was_read = read_archive(TILL_BILL_TRADE, response.body, &err);
    day = "2026-11-23";
    if (!was_read)
        fail_msg("%s", err.text);
    assert_int_equal(line_count, 1);
    assert_int_equal(lines[0].amount, 700);
}

static void a_person_finds_it_in_the_console(void **state) {
    (void)state;
    char target[128];
    snprintf(target, sizeof target, "/console/apps/%.*s/bill?type=trade&date=2026-11-23",
             TILL_STR_ARG(play.app_id));
    assert_int_equal(play_http(&play, "GET", target, NULL, NULL, NULL).status, 303);
    assert_int_equal(play_http(&play, "GET", "/console/apps/none/bill?type=trade&date=2026-11-23",
                               NULL, NULL, NULL)
                         .status,
                     404);
    assert_int_equal(
        play_http(&play, "GET", "/console/apps/none/bill?type=trade&date=x", NULL, NULL, NULL)
            .status,
        400);
    (void)play_control(&play, "GET", "/control/books", NULL);
    struct http_response refused =
        play_http(&play, "PUT", "/control/bills", "application/json", "{\"fee_ppm\":-2}", NULL);
    assert_int_equal(refused.status, 400);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(the_trading_bill_is_the_day_to_the_fen),
        SENTENCE(a_refund_that_goes_again_leaves_the_earlier_bill_alone),
        SENTENCE(the_lines_of_dashes_are_the_platforms),
        SENTENCE(the_ledger_runs_from_balance_to_balance),
        SENTENCE(the_platform_s_own_errors),
        SENTENCE(a_bill_appears_at_nine_and_its_address_lives_thirty_seconds),
        SENTENCE(every_fault_of_a_file_is_refused_or_read_as_it_should_be),
        SENTENCE(texts_that_would_break_a_table_do_not),
        SENTENCE(a_person_finds_it_in_the_console),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
