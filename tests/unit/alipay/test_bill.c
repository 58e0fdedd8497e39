/* SPDX-License-Identifier: Apache-2.0 */
/* Bills: whole or not at all, by names of columns, exact; and where they lie. */
#include "fixture.h"

#include "bill_text.h"
#include <stdio.h>

#include "lib/channel/gbk.h"

#include <till/bill.h>

static struct till_bill_wish wish_of(enum till_bill_type type) {
    return (struct till_bill_wish){
        .type = type, .date = "2026-11-22", .now_us = INT64_C(1795400000000000)};
}

/* ---- reading ---- */

struct pulled {
    struct till_str rest;
    size_t chunk;
};

static bool pull(void *self, struct till_str *ret_bytes, struct till_error *err) {
    struct pulled *pulled = self;
    (void)err;
    *ret_bytes = till_str_sub(pulled->rest, 0, pulled->chunk);
    pulled->rest = till_str_sub(pulled->rest, ret_bytes->len, pulled->rest.len);
    return true;
}

struct taken {
    struct till_bill_line lines[8]; /* texts are gone; numbers stay */
    char first[8][64];              /* trade_no/refund_no */
    size_t count, refuse_at;
};

static bool take(void *self, const struct till_bill_line *line, struct till_error *err) {
    struct taken *taken = self;
    if (taken->refuse_at && (size_t)line->number == taken->refuse_at)
        return TILL_FAIL(err, STORE_FAILED, NULL);
    if (taken->count < 8) {
        taken->lines[taken->count] = *line;
        snprintf(taken->first[taken->count], 64, "%.*s/%.*s/%.*s", TILL_STR_ARG(line->upstream_no),
                 TILL_STR_ARG(line->refund_no), TILL_STR_ARG(line->subject));
    }
    taken->count++;
    return true;
}

static struct taken taken;
static struct till_bill_totals totals;

static bool read_part(struct fixture *f, enum till_bill_type type, enum till_bill_part part,
                      struct till_str text, size_t chunk) {
    struct pulled pulled = {text, chunk};
    struct till_bill_wish wish = wish_of(type);
    struct till_bill_source source = {pull, &pulled};
    struct till_bill_sink sink = {take, &taken};
    size_t refuse_at = taken.refuse_at;
    taken = (struct taken){.refuse_at = refuse_at};
    totals = (struct till_bill_totals){.lines = -1};
    return f->account->channel->bills->read(f->account, &wish, part, &source, &sink, &totals,
                                            &f->err);
}

static bool read_trade(struct fixture *f, struct till_str text) {
    return read_part(f, TILL_BILL_TRADE, TILL_BILL_DETAIL, text, 1000);
}

/* The text with the first `from` replaced; `from` must be there. */
static struct till_str changed(struct fixture *f, const char *text, const char *from,
                               const char *to) {
    struct till_str ret;
    const char *at = strstr(text, from);
    assert_non_null(at);
    assert_true(till_arena_format(&f->arena, &ret, &f->err, "%.*s%s%s", (int)(at - text), text, to,
                                  at + strlen(from)));
    return ret;
}

static void refused(struct fixture *f, bool was_read, const char *words) {
    assert_false(was_read);
    assert_int_equal(f->err.code, TILL_E_BILL_INVALID);
    if (!strstr(f->err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, words);
    assert_int_equal(totals.lines, -1);
}

static void a_trade_bill_reads_line_by_line(void **state) {
    struct fixture *f = fixture_of(state);
    assert_true(read_trade(f, TILL_STR(BILL_TRADE_TEXT)));
    assert_int_equal(taken.count, 2);
    const struct till_bill_line *paid = &taken.lines[0], *back = &taken.lines[1];
    assert_int_equal(paid->kind, TILL_BILL_PAYMENT);
    assert_int_equal(paid->number, 1);
    assert_int_equal(paid->amount, 9900);
    assert_int_equal(paid->received, 9900);
    assert_int_equal(paid->discount, 100);
    assert_int_equal(paid->fee, -59);
    assert_string_equal(taken.first[0], "ORDER1//拿铁咖啡");
    assert_int_equal(paid->finished_us, INT64_C(1795316123000000)); /* 10:55:23 in Beijing */
    assert_int_equal(paid->created_us, INT64_C(1795316116000000));
    assert_int_equal(back->kind, TILL_BILL_REFUND);
    assert_int_equal(back->amount, -900);
    assert_int_equal(back->fee, 5);
    assert_string_equal(taken.first[1], "ORDER1/R1/拿铁咖啡");
    assert_int_equal(totals.lines, 2);
    assert_int_equal(totals.in.count, 1);
    assert_int_equal(totals.in.amount, 9900);
    assert_int_equal(totals.out.amount, -900);
    assert_int_equal(totals.out.discount, -10);
    assert_int_equal(totals.fees, -54);
    assert_int_equal(totals.unknown_columns, 0);
}

static void gbk_and_utf8_read_the_same_in_chunks_of_any_size(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str gbk, marked;
    assert_true(gbk_from_utf8(&f->arena, TILL_STR(BILL_TRADE_TEXT), &gbk, &f->err));
    marked = changed(f, BILL_TRADE_TEXT, "#", "\xef\xbb\xbf#");
    for (size_t chunk = 1; chunk < 70; chunk++) {
        assert_true(read_part(f, TILL_BILL_TRADE, TILL_BILL_DETAIL, gbk, chunk));
        assert_string_equal(taken.first[1], "ORDER1/R1/拿铁咖啡");
        assert_true(read_part(f, TILL_BILL_TRADE, TILL_BILL_DETAIL, marked, chunk));
        assert_int_equal(totals.fees, -54);
    }
}

static void the_other_files_read_too(void **state) {
    struct fixture *f = fixture_of(state);
    assert_true(
        read_part(f, TILL_BILL_TRADE, TILL_BILL_SUMMARY, TILL_STR(BILL_TRADE_SUMMARY_TEXT), 999));
    assert_int_equal(totals.in.count, 1);
    assert_int_equal(totals.out.count, 1);
    assert_int_equal(totals.lines, 1);
    assert_true(
        read_part(f, TILL_BILL_ACCOUNT, TILL_BILL_DETAIL, TILL_STR(BILL_ACCOUNT_TEXT), 999));
    assert_int_equal(taken.lines[0].kind, TILL_BILL_INCOME);
    assert_int_equal(taken.lines[0].balance, 9900);
    assert_int_equal(taken.lines[1].kind, TILL_BILL_EXPENSE);
    assert_int_equal(taken.lines[1].amount, -59);
    assert_int_equal(totals.unknown_columns, 0);
    assert_true(read_part(f, TILL_BILL_ACCOUNT, TILL_BILL_SUMMARY,
                          TILL_STR(BILL_ACCOUNT_SUMMARY_TEXT), 999));
    assert_int_equal(totals.lines, 1);
}

static void columns_are_found_by_name(void **state) {
    struct fixture *f = fixture_of(state);
    /* Two added ones, one of them in front, in the header and in each row. */
    const char *text = BILL_HEAD(
        "业务明细") "#--业务明细列表--\r\n新,支付宝交易号,商户订单号,业务类型,完成时间,"
                    "服务费（元）,退款批次号/请求号,商家实收（元）,订单金额（元）,更新\r\n"
                    "x,T1\t,O1\t,交易\t,2026-11-22 "
                    "10:00:00,-0.01,\t,2.00,3.00,\"a,\"\"b\"\"\"\t\r\n"
                    "#--业务明细列表结束--\r\n#交易合计：1笔，商家实收共2.00元\r\n"
                    "#退款合计：0笔，商家实收退款共0.00元\r\n#导出时间：[x]";
    assert_true(read_trade(f, till_str_of(text)));
    assert_int_equal(taken.lines[0].amount, 300);
    assert_int_equal(taken.lines[0].received, 200);
    assert_int_equal(taken.lines[0].fee, -1);
    assert_int_equal(totals.unknown_columns, 2);
    refused(f, read_trade(f, changed(f, text, "订单金额（元）,", "订单金额,")),
            "no column 订单金额（元）");
    refused(f, read_trade(f, changed(f, text, "更新", "业务类型")), "stands twice");
    refused(f, read_trade(f, changed(f, text, "\"\"\"\t", "\"\"")), "does not end");
    refused(f, read_trade(f, changed(f, text, "\"\"\"\t", "\"\"\"z")), "behind a quoted cell");
    refused(f, read_trade(f, changed(f, text, "x,T1", "x,y,T1")), "more cells");
    refused(f, read_trade(f, changed(f, text, "更新\r\n", "更新,\"\r\n")), "does not end");
}

static void a_file_that_is_cut_anywhere_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str whole = TILL_STR(BILL_TRADE_TEXT);
    size_t least = whole.len - 2; /* the last line end may be missing */
    for (size_t len = 0; len < least; len++) {
        totals.lines = -1;
        bool was_read = read_trade(f, till_str_sub(whole, 0, len));
        if (was_read)
            fail_msg("the first %zu bytes passed for a bill", len);
        assert_int_equal(f->err.code, TILL_E_BILL_INVALID);
    }
    assert_true(read_trade(f, till_str_sub(whole, 0, least)));
}

static void a_file_without_one_of_its_lines_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    static const char *const texts[] = {BILL_TRADE_TEXT, BILL_TRADE_SUMMARY_TEXT,
                                        BILL_ACCOUNT_TEXT};
    static const enum till_bill_type of[] = {TILL_BILL_TRADE, TILL_BILL_TRADE, TILL_BILL_ACCOUNT};
    for (int i = 0; i < 3; i++) {
        struct till_str whole = till_str_of(texts[i]), without;
        enum till_bill_part part = i == 1 ? TILL_BILL_SUMMARY : TILL_BILL_DETAIL;
        for (size_t from = 0, end; from < whole.len; from = end) {
            end = from + till_str_find(till_str_sub(whole, from, whole.len), '\n') + 1;
            assert_true(till_arena_format(&f->arena, &without, &f->err, "%.*s%s", (int)from,
                                          texts[i], texts[i] + end));
            bool was_read = read_part(f, of[i], part, without, 4096);
            if (was_read)
                fail_msg("file %d passed without its line at byte %zu", i, from);
            assert_int_equal(f->err.code, TILL_E_BILL_INVALID);
        }
    }
}

static void what_contradicts_itself_is_refused_with_its_line(void **state) {
    static const struct {
        const char *from, *to, *words;
    } rows[] = {
        {"#交易合计：1笔", "#交易合计：2笔", "counts 2 where there are 1"},
        {"实收共99.00", "实收共98.00", "not the sum"},
        {"优惠共1.00", "优惠共1.01", "not the sum"},
        {"#退款合计：1笔", "#退款合计：x笔", "cannot be read"},
        {"退款共-9.00", "退款共-9.0.0", "not the sum"},
        {",99.00,99.00", ",99.00,99.001", "商家实收（元） cannot be read"},
        {",99.00,99.00", ",-99.00,99.00", "negative amount"},
        {",-9.00,-9.00", ",9.00,-9.00", "positive amount"},
        {",R1\t,", ",\t,", "no request number"},
        {"2026-11-22 10:55:23", "2026-11-22 25:55:23", "完成时间 cannot be read"},
        {"2026-11-22 10:55:23", "", "the time is empty"},
        {"2026112222001458860515315453\t", "\t", "trade number"},
        {"00010156]", "00020156]", "another account"},
        {"[2026年11月22日", "[2026年11月21日", "another day"},
        {"#账号：", "#户号：", "whose bill"},
        {"#支付宝业务明细查询", "#支付宝业务汇总查询", "does not begin with"},
        {"#支付宝业务明细查询", "支付宝业务明细查询", "does not begin with"},
        {"#起始日期", "x\r\n#起始日期", "outside of the list"},
        {"拿铁咖啡", "拿铁\xff咖啡", "not UTF-8"},
        {"2026112222001458860515315453", "#2026112222001458860515315453",
         "# stands among the rows"},
        {"[2026年11月23日 05:46:49]", "[2026年11月23日 05:46:49", "last line is cut"},
        {"05:46:49]\r\n", "05:46:49]\r\nx\r\n", "outside of the list"},
        {"05:46:49]\r\n", "05:46:49]\r\n#x\r\n", "none belongs"},
        {"支付宝交易号,", "#x\r\n支付宝交易号,", "none belongs"},
        {"99.00,99.00", "92233720368547758.07,92233720368547758.07", "not the sum"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refused(f, read_trade(f, changed(f, BILL_TRADE_TEXT, rows[i].from, rows[i].to)),
                rows[i].words);
        assert_true(till_str_starts_with(till_str_of(f->err.text), TILL_STR("Line ")));
    }
}

static void sums_beyond_int64_are_refused(void **state) {
    struct fixture *f = fixture_of(state);
    static const char *const big = ",90000000000000000.00,90000000000000000.00,";
    struct till_str one = changed(f, BILL_TRADE_TEXT, ",99.00,99.00,", big), two;
    assert_true(till_arena_format(&f->arena, &two, &f->err, "%.*s", TILL_STR_ARG(one)));
    two = changed(f, two.ptr, ",-9.00,-9.00,", big);
    two = changed(f, two.ptr, "退款\t", "交易\t");
    refused(f, read_trade(f, two), "out of range");
}

static void a_summary_that_does_not_add_up_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    const char *text = BILL_TRADE_SUMMARY_TEXT;
    const enum till_bill_type trade = TILL_BILL_TRADE;
    const enum till_bill_part part = TILL_BILL_SUMMARY;
    refused(f, read_part(f, trade, part, changed(f, text, "S1\t,店\t,1,1", "S1\t,店\t,2,1"), 999),
            "not the sum");
    refused(f, read_part(f, trade, part, changed(f, text, "S1\t,店\t,1,1", "S1\t,店\t,x,1"), 999),
            "总笔数 cannot be read");
    refused(f,
            read_part(f, trade, part,
                      changed(f, text, "89.46\r\n#", "89.46\r\nS2\t,,0,0,0,0,0,0,0,0,0,0\r\n#"),
                      999),
            "behind the sums");
    refused(f, read_part(f, trade, part, changed(f, text, "合计\t", "总计\t"), 999),
            "row of the sums is missing");
}

static void other_business_is_taken_and_counted_nowhere(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str text = changed(f, BILL_TRADE_TEXT, "退款\t", "分账\t");
    text = changed(f, text.ptr, "#退款合计：1笔，商家实收退款共-9.00元，商家优惠退款共-0.10元",
                   "#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元");
    assert_true(read_trade(f, text));
    assert_int_equal(taken.lines[1].kind, TILL_BILL_OTHER);
    assert_int_equal(totals.lines, 2);
    assert_int_equal(totals.out.count, 0);
}

static void limits_hold(void **state) {
    struct fixture *f = fixture_of(state);
    char *row = till_arena_alloc(&f->arena, 70000);
    assert_non_null(row);
    memset(row, 'x', TILL_BILL_LINE_BYTES + 1);
    refused(f, read_trade(f, changed(f, BILL_TRADE_TEXT, "拿铁咖啡", row)),
            "longer than 32768 bytes");
    memset(row, ',', TILL_BILL_COLUMNS_MAX);
    row[TILL_BILL_COLUMNS_MAX] = '\0';
    refused(f, read_trade(f, changed(f, BILL_TRADE_TEXT, "支付宝交易号,", row)),
            "more than 64 columns");
}

static void a_sink_that_refuses_ends_the_reading_with_its_own_error(void **state) {
    struct fixture *f = fixture_of(state);
    taken.refuse_at = 2;
    assert_false(read_trade(f, TILL_STR(BILL_TRADE_TEXT)));
    taken.refuse_at = 0;
    assert_int_equal(f->err.code, TILL_E_STORE_FAILED);
    assert_int_equal(taken.count, 1);
}

/* ---- names and hosts ---- */

static bool part_of(struct fixture *f, enum till_bill_type type, const char *name,
                    enum till_bill_part *ret) {
    struct till_bill_wish wish = wish_of(type);
    return f->account->channel->bills->part(f->account, &wish, till_str_of(name), ret, &f->err);
}

static void files_are_known_by_their_whole_names(void **state) {
    struct fixture *f = fixture_of(state);
    enum till_bill_part part;
    struct till_str gbk;
    assert_true(part_of(f, TILL_BILL_TRADE, "20880000000000010156_20261122_业务明细.csv", &part));
    assert_int_equal(part, TILL_BILL_DETAIL);
    assert_true(
        part_of(f, TILL_BILL_ACCOUNT, "20880000000000010156_20261122_账务明细(汇总)_1.csv", &part));
    assert_int_equal(part, TILL_BILL_SUMMARY);
    assert_true(gbk_from_utf8(
        &f->arena, TILL_STR("20880000000000010156_20261122_业务明细(汇总).csv"), &gbk, &f->err));
    assert_true(part_of(f, TILL_BILL_TRADE, gbk.ptr, &part));
    assert_int_equal(part, TILL_BILL_SUMMARY);
    static const char *const foreign[] = {
        "20880000000000020156_20261122_业务明细.csv", "20880000000000010156_20261121_业务明细.csv",
        "20880000000000010156_20261122_账务明细.csv", "20880000000000010156_20261122_业务明细.txt",
        "20880000000000010156_20261122_.csv",         "../../../../etc/cron.d/x",
        "20880000000000010156_20261122_\x80.csv",     ""};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_false(part_of(f, TILL_BILL_TRADE, foreign[i], &part));
        assert_int_equal(f->err.code, TILL_E_BILL_INVALID);
    }
}

static void only_hosts_of_bills_are_let_through(void **state) {
    struct fixture *f = fixture_of(state);
    const struct till_bills *bills = f->account->channel->bills;
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(f);
    struct till_account *account = NULL;
    assert_true(bills->host(f->account, TILL_STR("DWbillcenter.alipay.com"), &f->err));
    assert_false(bills->host(f->account, TILL_STR("127.0.0.1"), &f->err));
    assert_int_equal(f->err.code, TILL_E_URL_FORBIDDEN);
    assert_false(bills->host(f->account, TILL_STR(""), &f->err));
    assert_false(bills->wanted(f->account, TILL_BILL_TRADE));
    till_json_set_text(settings, "bill_hosts", "bills.example,127.0.0.1,");
    till_json_set_text(settings, "bills", "account");
    assert_true(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err));
    assert_true(bills->host(account, TILL_STR("127.0.0.1"), &f->err));
    assert_false(bills->host(account, TILL_STR("alipay.com"), &f->err));
    assert_true(bills->wanted(account, TILL_BILL_ACCOUNT));
    assert_false(bills->wanted(account, TILL_BILL_TRADE));
    till_account_free(account);
    till_json_set_text(settings, "bills", "trade,monthly");
    assert_false(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err));
    assert_string_equal(f->err.field, "/bills");
}

/* ---- where it lies ---- */

static struct till_bill_place place_of(struct fixture *f, const char *node) {
    struct till_bill_wish wish = wish_of(TILL_BILL_TRADE);
    struct till_bill_place place;
    struct till_incoming incoming = {
        TILL_FATE_ANSWERED, 200,
        fixture_answer(f, "alipay_data_dataservice_bill_downloadurl_query_response", node)};
    f->account->channel->bills->parse(f->account, &wish, &incoming, &f->arena, &place);
    return place;
}

static void the_question_is_signed_like_every_other(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_bill_wish wish = wish_of(TILL_BILL_ACCOUNT);
    struct till_outgoing outgoing;
    assert_true(
        f->account->channel->bills->build(f->account, &wish, &f->arena, &outgoing, &f->err));
    assert_non_null(
        strstr(outgoing.signed_text.ptr, "method=alipay.data.dataservice.bill.downloadurl.query&"));
    assert_non_null(
        strstr(outgoing.signed_text.ptr,
               "biz_content={\"bill_type\":\"signcustomer\",\"bill_date\":\"2026-11-22\"}&"));
    assert_non_null(strstr(outgoing.url.ptr, "&sign="));
}

static void the_answer_tells_whether_there_is_one(void **state) {
    struct fixture *f = fixture_of(state);
    static const struct {
        const char *code;
        enum till_bill_answer answer;
    } rows[] = {
        {"BILL_NOT_EXIST", TILL_BILL_NOT_YET},     {"isp.bill_not_exist", TILL_BILL_NOT_YET},
        {"NO_BILL_DATA", TILL_BILL_EMPTY},         {"INVAILID_ARGUMENTS", TILL_BILL_REFUSED},
        {"TYPE_NOT_SUPPORTED", TILL_BILL_REFUSED}, {"SYSTEM_RATE_LIMIT", TILL_BILL_UNSAID},
        {"UNKNOWN_ERROR", TILL_BILL_UNSAID}};
    struct till_str node;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(till_arena_format(&f->arena, &node, &f->err,
                                      "{\"code\":\"40004\",\"msg\":\"Business "
                                      "Failed\",\"sub_code\":\"%s\",\"sub_msg\":\"x\"}",
                                      rows[i].code));
        struct till_bill_place place = place_of(f, node.ptr);
        assert_int_equal(place.answer, rows[i].answer);
        assert_string_equal(place.peer_code, rows[i].code);
        assert_true(place.verified);
    }
    struct till_bill_place place =
        place_of(f, "{\"code\":\"10000\",\"msg\":\"Success\",\"bill_download_url\":\"http:\\/\\/"
                    "dwbillcenter.alipay.com\\/x?y=1\"}");
    assert_int_equal(place.answer, TILL_BILL_READY);
    assert_true(till_str_is(place.url, "http://dwbillcenter.alipay.com/x?y=1"));
    place = place_of(
        f, "{\"code\":\"10000\",\"msg\":\"Success\",\"bill_download_url\":\"file:///etc/passwd\"}");
    assert_int_equal(place.answer, TILL_BILL_UNSAID);
    assert_int_equal(place.url.len, 0);
}

static void an_unsigned_answer_says_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_bill_wish wish = wish_of(TILL_BILL_TRADE);
    struct till_bill_place place;
    struct till_incoming incoming = {
        TILL_FATE_ANSWERED, 200,
        TILL_STR("{\"alipay_data_dataservice_bill_downloadurl_query_response\":{\"code\":\"10000\","
                 "\"bill_download_url\":"
                 "\"http://dwbillcenter.alipay.com/x\"}}")};
    f->account->channel->bills->parse(f->account, &wish, &incoming, &f->arena, &place);
    assert_int_equal(place.answer, TILL_BILL_UNSAID);
    assert_true(place.suspicious && !place.verified && place.url.len == 0);
    incoming.fate = TILL_FATE_LOST;
    f->account->channel->bills->parse(f->account, &wish, &incoming, &f->arena, &place);
    assert_true(place.answer == TILL_BILL_UNSAID && !place.suspicious);
}

static void days_are_those_of_beijing(void **state) {
    struct fixture *f = fixture_of(state);
    char date[TILL_BILL_DATE];
    int64_t us;
    assert_true(till_bill_day_start(TILL_STR("2026-11-22"), &us, &f->err));
    assert_int_equal(us, INT64_C(1795276800000000));
    assert_true(till_bill_day(us, 0, date, &f->err));
    assert_string_equal(date, "2026-11-22");
    assert_true(till_bill_day(us - 1, 0, date, &f->err));
    assert_string_equal(date, "2026-11-21");
    assert_true(till_bill_day(us, -22, date, &f->err));
    assert_string_equal(date, "2026-10-31");
    assert_false(till_bill_day(-us, 0, date, &f->err));
    assert_false(till_bill_day_start(TILL_STR("2026-11-31"), &us, &f->err));
    assert_false(till_bill_day_start(TILL_STR("2026-11"), &us, &f->err));
    assert_string_equal(f->err.field, "/date");
    assert_string_equal(till_bill_kind_name(TILL_BILL_EXPENSE), "expense");
    assert_null(till_bill_kind_name(TILL_BILL_KINDS));
    assert_null(till_bill_type_name(TILL_BILL_TYPES));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_trade_bill_reads_line_by_line),
        SENTENCE(gbk_and_utf8_read_the_same_in_chunks_of_any_size),
        SENTENCE(the_other_files_read_too),
        SENTENCE(columns_are_found_by_name),
        SENTENCE(a_file_that_is_cut_anywhere_is_refused),
        SENTENCE(a_file_without_one_of_its_lines_is_refused),
        SENTENCE(what_contradicts_itself_is_refused_with_its_line),
        SENTENCE(sums_beyond_int64_are_refused),
        SENTENCE(a_summary_that_does_not_add_up_is_refused),
        SENTENCE(other_business_is_taken_and_counted_nowhere),
        SENTENCE(limits_hold),
        SENTENCE(a_sink_that_refuses_ends_the_reading_with_its_own_error),
        SENTENCE(files_are_known_by_their_whole_names),
        SENTENCE(only_hosts_of_bills_are_let_through),
        SENTENCE(the_question_is_signed_like_every_other),
        SENTENCE(the_answer_tells_whether_there_is_one),
        SENTENCE(an_unsigned_answer_says_nothing),
        SENTENCE(days_are_those_of_beijing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
