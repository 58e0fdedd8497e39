/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded, and that a recording answers in the platform's place: signed anew, in order,
 * for other order numbers too, and for nothing that was not recorded. */
#include "play.h"

#define SUBJECT "\"subject\":\"咖啡 50% & more\""

#include <rt/world.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct play play;
static char path[] = "/tmp/till-record-XXXXXX";

static int open_path(void **state) {
    (void)state;
    strcpy(path + sizeof path - 7, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int close_path(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static void start(bool replays) {
    struct sandbox_options options = {.public_url = TILL_STR("http://127.0.0.1:8100")};
    if (replays)
        options.replay_path = till_str_of(path);
    else
        options.record_path = till_str_of(path);
    play_open(&play, &options);
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The whole file; freed by the caller. */
static char *read_file(void) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    assert_non_null(file);
    assert_non_null(text);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

/* The n-th line, parsed; released by the caller. */
static struct till_json *line(char *text, int n) {
    struct till_json *row;
    struct till_error err;
    for (; n > 0; n--)
        text = strchr(text, '\n') + 1;
    assert_true(till_json_parse((struct till_str){text, strcspn(text, "\n")}, &row, &err));
    return row;
}

static void check_text(const struct till_json *json, const char *name, const char *wanted) {
    struct till_str text = till_json_get_str(json, name);
    if (!till_str_is(text, wanted))
        fail_msg("%s is %.*s and not %s", name, TILL_STR_ARG(text), wanted);
}

static struct play_answer query(const char *number) {
    char biz[80];
    snprintf(biz, sizeof biz, "{\"out_trade_no\":\"%s\"}", number);
    return play_call(&play, "alipay.trade.query", biz, NULL);
}

static void is_status(const char *number, const char *status) {
    struct play_answer answer = query(number);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    if (!till_str_is(play_get(&answer, "trade_status"), status))
        fail_msg("%s is %.*s", number, TILL_STR_ARG(play_get(&answer, "trade_status")));
    assert_true(till_str_is(play_get(&answer, "out_trade_no"), number));
}

/* An order, a scan, a query, the payment with its news, a query, one call that is refused. */
static void record_a_day(void) {
    start(false);
    play_order(&play, "A1", "9.90");
    play_control(&play, "POST", "/control/trades/A1/scan", "{}");
    is_status("A1", "WAIT_BUYER_PAY");
    play_pay(&play, "A1");
    play_tick(&play);
    is_status("A1", "TRADE_SUCCESS");
    struct play_answer answer = play_call(&play, "alipay.trade.query", "{}", "version", "9", NULL);
    play_expect(&answer, "40002", "isv.invalid-parameter");
    play_close(&play);
}

static void every_exchange_is_one_line_for_its_owner_alone(void **state) {
    struct stat status;
    (void)state;
    record_a_day();
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    char *text = read_file();
    static const char *const kinds[] = {"recording",    "call", "call",
                                        "notification", "call", "call"};
    for (int i = 0; i < 6; i++) {
        TILL_JSON_SCOPED struct till_json *row = line(text, i);
        check_text(row, "kind", kinds[i]);
    }
    TILL_JSON_SCOPED struct till_json *order = line(text, 1), *news = line(text, 3);
    TILL_JSON_SCOPED struct till_json *refused = line(text, 5);
    check_text(order, "method", "alipay.trade.precreate");
    check_text(till_json_member(order, "business"), "total_amount", "9.90");
    check_text(till_json_member(order, "node"), "code", "10000");
    assert_true(
        play_contains(till_json_get_str(till_json_member(order, "answer"), "body"), "\"sign\":\""));
    check_text(news, "event", "paid");
    check_text(till_json_member(news, "answer"), "body", "success");
    assert_true(play_contains(till_json_get_str(till_json_member(news, "request"), "body"),
                              "trade_status=TRADE_SUCCESS"));
    bool is_refused = false;
    struct till_error err;
    assert_true(till_json_want_bool(refused, "refused", &is_refused, &err) && is_refused);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 6);
    assert_null(strstr(text, "PRIVATE KEY"));
    free(text);
}

static void a_recording_is_continued(void **state) {
    (void)state;
    record_a_day();
    record_a_day();
    char *text = read_file();
    TILL_JSON_SCOPED struct till_json *row = line(text, 6);
    check_text(row, "kind", "call");
    free(text);
}

static void a_recording_answers_in_its_order_signed_by_this_platform(void **state) {
    (void)state;
    record_a_day();
    start(true);
    struct play_answer answer =
        play_call(&play, "alipay.trade.precreate",
                  "{" SUBJECT ",\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\"}", NULL);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    is_status("A1", "WAIT_BUYER_PAY");
    is_status("A1", "TRADE_SUCCESS");
    is_status("A1", "TRADE_SUCCESS");
    const struct till_json *trades = play_control(&play, "GET", "/control/trades", NULL);
    assert_int_equal(play_number(trades, "count"), 0);
    play_close(&play);
}

static void an_order_with_another_number_is_recognised_by_the_rest(void **state) {
    (void)state;
    record_a_day();
    start(true);
    struct play_answer answer =
        play_call(&play, "alipay.trade.precreate",
                  "{\"out_trade_no\":\"NEW\",\"total_amount\":\"9.90\"," SUBJECT "}", NULL);
    play_expect(&answer, "10000", "");
    assert_true(till_str_is(play_get(&answer, "out_trade_no"), "NEW"));
    is_status("NEW", "WAIT_BUYER_PAY");
    is_status("NEW", "TRADE_SUCCESS");
    /* It is taken: a second one finds nothing. */
    answer = play_call(&play, "alipay.trade.precreate",
                       "{\"out_trade_no\":\"NEW2\",\"total_amount\":\"9.90\","
                       "" SUBJECT "}",
                       NULL);
    play_expect(&answer, "40004", "SANDBOX.NOT_RECORDED");
    play_close(&play);
}

static void what_was_not_recorded_is_told_and_checks_stay_strict(void **state) {
    struct till_form form;
    (void)state;
    record_a_day();
    start(true);
    struct play_answer answer =
        play_call(&play, "alipay.trade.precreate",
                  "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.91\"," SUBJECT "}", NULL);
    play_expect(&answer, "40004", "SANDBOX.NOT_RECORDED");
    assert_true(answer.verified);
    const struct till_json *one = play_control(&play, "GET", "/control/exchanges/1", NULL);
    assert_true(play_contains(till_json_get_str(one, "why"), "not in the recording"));
    play_form(&play, &form, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA1);
    answer = play_send(&play, &form, TILL_STR("POST"), TILL_STR_NONE,
                       "application/x-www-form-urlencoded", TILL_STR_NONE);
    play_expect(&answer, "40002", "isv.invalid-signature");
    play_close(&play);
}

#define HEAD "{\"kind\":\"recording\",\"version\":1}\n"

/* What a gateway saw of a real platform: the answer's text, no node. */
static void a_recording_from_elsewhere_needs_few_members(void **state) {
    (void)state;
    write_file(
        "{\"kind\":\"call\",\"method\":\"alipay.trade.query\",\"business\":"
        "{\"out_trade_no\":\"R1\"},\"answer\":{\"body\":\"{\\\"alipay_trade_query_response\\\":"
        "{\\\"code\\\":\\\"10000\\\",\\\"msg\\\":\\\"Success\\\",\\\"out_trade_no\\\":\\\"R1\\\","
        "\\\"trade_status\\\":\\\"TRADE_SUCCESS\\\",\\\"fund_bill_list\\\":[{\\\"amount\\\":"
        "\\\"1.00\\\"}]},\\\"sign\\\":\\\"x\\\"}\"}}\n"
        "\n"
        "{\"kind\":\"call\",\"method\":\"alipay.trade.refund\",\"answer\":{\"status\":502,"
        "\"content_type\":\"text/html\",\"body\":\"<h1>bad\"}}\n"
        "{\"kind\":\"call\",\"method\":\"alipay.trade.cancel\",\"answer\":{\"status\":0}}\n");
    start(true);
    is_status("R1", "TRADE_SUCCESS");
    struct play_answer answer = query("R1");
    assert_true(play_contains(answer.response.body, "\"fund_bill_list\":[{\"amount\":\"1.00\"}]"));
    answer = play_call(&play, "alipay.trade.refund", "{}", NULL);
    assert_int_equal(answer.response.status, 502);
    assert_true(till_str_is(answer.response.body, "<h1>bad"));
    answer = play_call(&play, "alipay.trade.cancel", "{}", NULL);
    assert_int_equal(answer.response.wire, HTTP_WIRE_CUT);
    play_close(&play);
}

static struct play_answer change_code(const char *code) {
    return play_call(&play, "alipay.system.oauth.token", NULL, "grant_type", "authorization_code",
                     "code", code, NULL);
}

static void a_token_without_a_code_is_replayed(void **state) {
    char body[80], code[80];
    (void)state;
    start(false);
    snprintf(body, sizeof body, "{\"app_id\":\"%.*s\"}", TILL_STR_ARG(play.app_id));
    const struct till_json *made =
        play_control(&play, "POST", "/control/buyers/auto/user-code", body);
    snprintf(code, sizeof code, "%.*s", TILL_STR_ARG(till_json_get_str(made, "auth_code")));
    assert_null(till_json_member(change_code(code).node, "code"));
    play_close(&play);
    start(true);
    struct play_answer answer = change_code(code);
    assert_true(till_str_is(answer.node_name, "alipay_system_oauth_token_response"));
    assert_true(answer.verified);
    assert_null(till_json_member(answer.node, "code"));
    assert_true(till_str_is(play_get(&answer, "user_id"), "2088722003899171"));
    play_close(&play);
}

static struct till_str location(const struct http_response *response) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, "Location"))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

static struct play_answer page_pay(void) {
    return play_call(&play, "alipay.trade.page.pay",
                     "{\"out_trade_no\":\"P1\",\"total_amount\":\"9.90\"," SUBJECT
                     ",\"product_code\":\"FAST_INSTANT_TRADE_PAY\"}",
                     NULL);
}

static void a_redirect_is_replayed_with_its_place(void **state) {
    char place[256];
    (void)state;
    start(false);
    struct play_answer answer = page_pay();
    snprintf(place, sizeof place, "%.*s", TILL_STR_ARG(location(&answer.response)));
    play_close(&play);
    assert_int_equal(strncmp(place, "/alipay/cashier/", 16), 0);
    start(true);
    answer = page_pay();
    assert_int_equal(answer.response.status, 302);
    assert_true(till_str_is(location(&answer.response), place));
    const struct till_json *one = play_control(&play, "GET", "/control/exchanges/1", NULL);
    check_text(one, "code", "10000");
    play_close(&play);
}

static void an_empty_answer_stays_empty(void **state) {
    (void)state;
    start(false);
    play_order(&play, "A1", "9.90");
    play_fault(&play, "query", "empty", 1, "");
    assert_int_equal(query("A1").response.body.len, 0);
    play_close(&play);
    start(true);
    struct play_answer answer = query("A1");
    assert_int_equal(answer.response.status, 200);
    assert_int_equal(answer.response.body.len, 0);
    play_close(&play);
}

static struct http_response query_v3(const char *number) {
    char body[80], list[160], text[512], header[1024];
    struct till_str sign;
    struct till_error err;
    snprintf(body, sizeof body, "{\"out_trade_no\":\"%s\"}", number);
    snprintf(list, sizeof list, "app_id=%.*s,nonce=1,timestamp=%lld", TILL_STR_ARG(play.app_id),
             (long long)(world_now_us(play.world) / 1000));
    snprintf(text, sizeof text, "%s\nPOST\n/v3/alipay/trade/query\n%s\n", list, body);
    assert_true(
        till_key_sign(&play.arena, play_app_key, TILL_RSA_SHA256, till_str_of(text), &sign, &err));
    snprintf(header, sizeof header, "authorization: ALIPAY-SHA256withRSA %s,sign=%.*s", list,
             TILL_STR_ARG(sign));
    const char *const headers[] = {header, NULL};
    return play_http(&play, "POST", "/v3/alipay/trade/query", "application/json", body, headers);
}

/* What v3 answers carries no code; rubbish among them is rubbish all the same. */
static void rubbish_of_v3_is_replayed_as_rubbish(void **state) {
    static const char *const faults[] = {"garbage", "http_after", "empty", "unknown_after"};
    static const int statuses[] = {200, 504, 200, 500};
    struct till_str bodies[4];
    struct till_error err;
    struct http_response answer;
    (void)state;
    start(false);
    play_order(&play, "A1", "9.90");
    play_control(&play, "POST", "/control/trades/A1/scan", "{}");
    struct till_arena kept;
    till_arena_init(&kept, 65536);
    for (size_t i = 0; i < 4; i++) {
        play_fault(&play, "query", faults[i], 1, "");
        answer = query_v3("A1");
        assert_int_equal(answer.status, statuses[i]);
        assert_true(till_arena_copy(&kept, answer.body, &bodies[i], &err));
    }
    assert_int_equal(query_v3("A1").status, 200);
    play_close(&play);
    start(true);
    for (size_t i = 0; i < 4; i++) {
        answer = query_v3("A1");
        assert_int_equal(answer.status, statuses[i]);
        assert_true(till_str_equal(answer.body, bodies[i]));
    }
    answer = query_v3("A1");
    assert_int_equal(answer.status, 200);
    assert_true(play_contains(answer.body, "\"trade_status\":\"WAIT_BUYER_PAY\""));
    play_close(&play);
    till_arena_clean_up(&kept);
}

static void a_bad_recording_stops_the_start_and_names_the_place(void **state) {
    static const struct {
        const char *text, *what;
    } rows[] = {
        {"", "holds no call"},
        {HEAD, "holds no call"},
        {HEAD "{\"kind\":\"call\"", "Line 2 of the recording: The JSON cannot be read"},
        {HEAD "\n{\"kind\":\"call\",}", "line 1, column 16"},
        {HEAD "{\"kind\":\"cell\"}", "Line 2 of the recording, /kind"},
        {"{\"kind\":\"recording\",\"version\":2}", "another version"},
        {"{\"kind\":\"call\",\"answer\":{}}", "/method"},
        {"{\"kind\":\"call\",\"method\":\"x\"}", "/answer"},
        {"{\"kind\":\"call\",\"method\":\"x\",\"answer\":{\"status\":\"200\"}}", "/status"},
        {"{\"kind\":\"call\",\"method\":\"x\",\"answer\":{\"body_base64\":\"?\"}}", "Line 1"},
        {"{\"kind\":\"call\",\"method\":\"x\",\"v3\":true,\"node\":{},\"answer\":{}}",
         "/node/code"},
        {"{\"kind\":\"call\",\"method\":\"x\",\"answer\":{\"status\":302,\"location\":\"/\\r\\nX: "
         "y\"},\"node\":{\"code\":\"10000\"}}",
         "/answer/location"},
        {"{\"kind\":\"call\",\"method\":\"x\",\"refused\":1,\"answer\":{}}", "/refused"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sandbox_options options = {.replay_path = till_str_of(path)};
        struct world *world = world_inline_open(1, PLAY_START_US);
        struct sandbox *sandbox;
        struct till_error err = {0};
        write_file(rows[i].text);
        assert_false(sandbox_open(&options, world, NULL, &sandbox, &err));
        if (!strstr(err.text, rows[i].what))
            fail_msg("%s: %s and not %s", rows[i].text, err.text, rows[i].what);
        world_inline_close(world);
    }
}

static void a_file_that_others_may_read_is_not_recorded_to(void **state) {
    struct sandbox_options options = {.record_path = till_str_of(path)};
    struct world *world = world_inline_open(1, PLAY_START_US);
    struct sandbox *sandbox;
    struct till_error err = {0};
    (void)state;
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(sandbox_open(&options, world, NULL, &sandbox, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
    options.record_path = TILL_STR("/");
    assert_false(sandbox_open(&options, world, NULL, &sandbox, &err));
    world_inline_close(world);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_path, close_path)
    const struct CMUnitTest tests[] = {
        TEST(every_exchange_is_one_line_for_its_owner_alone),
        TEST(a_recording_is_continued),
        TEST(a_recording_answers_in_its_order_signed_by_this_platform),
        TEST(an_order_with_another_number_is_recognised_by_the_rest),
        TEST(what_was_not_recorded_is_told_and_checks_stay_strict),
        TEST(a_recording_from_elsewhere_needs_few_members),
        TEST(a_token_without_a_code_is_replayed),
        TEST(a_redirect_is_replayed_with_its_place),
        TEST(an_empty_answer_stays_empty),
        TEST(rubbish_of_v3_is_replayed_as_rubbish),
        TEST(a_bad_recording_stops_the_start_and_names_the_place),
        TEST(a_file_that_others_may_read_is_not_recorded_to),
    };
#undef TEST
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
