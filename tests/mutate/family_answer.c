/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of gateway.do in each mode, as the channel reads them under the question that was asked.
 */
#include "mutate.h"

#include <assert.h>

#include "modes.h"

#define OTHER_ORDER_NO "01JD8C3Q5T7V9X1Z3B5D7F9H1L"

static struct modes modes;
static struct {
    enum till_operation operation;
    enum mode mode;
    struct till_str node, digits;
    struct till_str readings[GOOD_MAX]; /* of each good node under this one's question */
} goods[GOOD_MAX];

static const struct {
    enum till_operation operation;
    const char *node;
} scenes[] = {
    {TILL_CREATE, "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" FIXTURE_ORDER_NO
                  "\",\"qr_code\":\"https://qr.example/bax01234\"}"},
    {TILL_QUERY, "{\"code\":\"10000\",\"msg\":\"Success\",\"buyer_logon_id\":\"a**@b.c\","
                 "\"out_trade_no\":\"" FIXTURE_ORDER_NO "\",\"send_pay_date\":\"2026-11-23 "
                 "07:27:08\",\"total_amount\":\"100.00\",\"trade_no\":\"2026112322001468\","
                 "\"trade_status\":\"TRADE_SUCCESS\"}"},
    {TILL_QUERY, "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" FIXTURE_ORDER_NO
                 "\",\"total_amount\":\"100.00\",\"trade_no\":\"2026112322001468\","
                 "\"trade_status\":\"WAIT_BUYER_PAY\"}"},
    {TILL_QUERY, "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" OTHER_ORDER_NO
                 "\",\"total_amount\":\"100.00\",\"trade_no\":\"2026112322001469\","
                 "\"trade_status\":\"TRADE_SUCCESS\"}"},
    {TILL_QUERY, "{\"code\":\"40004\",\"msg\":\"Business Failed\",\"sub_code\":\"ACQ.TRADE_NOT_"
                 "EXIST\",\"sub_msg\":\"\xe4\xba\xa4\xe6\x98\x93\xe4\xb8\x8d\xe5\xad\x98\xe5\x9c"
                 "\xa8\"}"},
    {TILL_REFUND,
     "{\"code\":\"10000\",\"msg\":\"Success\",\"fund_change\":\"Y\",\"out_trade_no\":"
     "\"" FIXTURE_ORDER_NO "\",\"refund_fee\":\"30.00\",\"trade_no\":\"2026112322001468"
     "\"}"},
    {TILL_REFUND_QUERY, "{\"code\":\"10000\",\"msg\":\"Success\",\"out_request_no\":\"R1\","
                        "\"out_trade_no\":\"" FIXTURE_ORDER_NO "\",\"refund_amount\":\"30.00\","
                        "\"refund_status\":\"REFUND_SUCCESS\",\"total_amount\":\"100.00\","
                        "\"trade_no\":\"2026112322001468\"}"},
    {TILL_CANCEL,
     "{\"code\":\"10000\",\"msg\":\"Success\",\"action\":\"close\",\"out_trade_no\":"
     "\"" FIXTURE_ORDER_NO "\",\"retry_flag\":\"N\",\"trade_no\":\"2026112322001468\"}"},
    {TILL_CLOSE, "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" FIXTURE_ORDER_NO
                 "\",\"trade_no\":\"2026112322001468\"}"},
};
#define SCENES (sizeof scenes / sizeof *scenes)
#define GOODS (SCENES * MODES)
_Static_assert(GOODS <= GOOD_MAX, "room for every scene in every mode");

/* Empty: not verified, so nothing was said. */
static struct till_str read_answer(struct till_arena *arena, size_t good, struct till_str body) {
    struct till_ask ask = fixture_ask(goods[good].operation);
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, body};
    struct till_verdict v;
    till_answer(modes.accounts[goods[good].mode], &ask, &incoming, arena, &v);
    if (!v.verified) {
        assert(v.outcome == TILL_UNKNOWN && v.amount.minor == 0 && v.trade == TILL_TRADE_UNSAID);
        return TILL_STR_NONE;
    }
    return text_format(arena, "%d %d %d %d %s %s %.*s %.*s %.*s %.*s %.*s %lld %lld %lld",
                       (int)v.outcome, (int)v.trade, v.suspicious, v.retry_later, v.peer_code,
                       v.peer_text, TILL_STR_ARG(v.action_kind), TILL_STR_ARG(v.action_value),
                       TILL_STR_ARG(v.trade_no), TILL_STR_ARG(v.upstream_no), TILL_STR_ARG(v.buyer),
                       (long long)v.amount.minor, (long long)v.refunded.minor,
                       (long long)v.paid_us);
}

static struct till_str without_escaped_slashes(struct till_arena *arena, struct till_str text) {
    char *room = till_arena_alloc(arena, text.len + 1);
    size_t len = 0;
    assert(room);
    for (size_t i = 0; i < text.len; i++) {
        bool escapes = text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] == '/';
        if (!escapes)
            room[len++] = text.ptr[i];
    }
    return (struct till_str){room, len};
}

/* {"..._response":node,"sign":...} of a mode; node as it is sent. */
static struct till_str envelope(size_t good, struct till_str node) {
    struct till_str sign = fixture_sign(modes.f, node);
    bool names = goods[good].mode == MODE_CERTIFICATE;
    return text_format(&modes.f->arena, "{\"%s\":%.*s,%s%s%s\"sign\":\"%.*s\"}",
                       fixture_nodes[goods[good].operation], TILL_STR_ARG(node),
                       names ? "\"alipay_cert_sn\":\"" : "", names ? modes.platform_sn : "",
                       names ? "\"," : "", TILL_STR_ARG(sign));
}

static void make_good(size_t at, enum mode mode, size_t scene) {
    struct till_str node = till_str_of(scenes[scene].node);
    if (mode == MODE_AES) {
        struct till_str cipher = modes_encrypt(&modes, node);
        node = text_format(&modes.f->arena, "\"%.*s\"", TILL_STR_ARG(cipher));
    }
    goods[at].mode = mode;
    goods[at].operation = scenes[scene].operation;
    goods[at].node = node;
    goods[at].digits = text_base64_digits(&modes.f->arena, fixture_sign(modes.f, node));
    family_answer.good[at] = envelope(at, node);
}

/* The answer of one order is never the answer of another. */
static void check_other_order(size_t good, size_t other, struct till_str reading) {
    bool is_other =
        text_contains(till_str_of(scenes[other % SCENES].node), TILL_STR(OTHER_ORDER_NO));
    if (is_other && reading.len > 0 && reading.ptr[0] != '0' + TILL_UNKNOWN)
        good_must_be_taken(&family_answer, good, false);
}

static void begin(void) {
    modes_open(&modes);
    for (size_t i = 0; i < GOODS; i++)
        make_good(i, (enum mode)(i / SCENES), i % SCENES);
    family_answer.good_count = GOODS;
    for (size_t i = 0; i < GOODS; i++) {
        for (size_t j = 0; j < GOODS; j++) {
            goods[i].readings[j] = read_answer(&modes.f->arena, i, envelope(i, goods[j].node));
            check_other_order(i, j, goods[i].readings[j]);
        }
        good_must_be_taken(&family_answer, i, goods[i].readings[i].len > 0);
    }
}

static void end(void) {
    modes_close(&modes);
}

static enum judgement judge(struct till_arena *arena, size_t good, struct till_str message) {
    struct till_str reading = read_answer(arena, good, message);
    struct till_str plain = without_escaped_slashes(arena, message);
    struct till_str digits = text_base64_digits(arena, plain);
    bool taken = reading.len > 0, says_good = false;
    for (size_t i = 0; i < GOODS; i++) {
        if (!text_contains(plain, goods[i].node) || !text_contains(digits, goods[i].digits))
            continue;
        says_good = true;
        if (taken && till_str_equal(reading, goods[good].readings[i]))
            return SAME_TAKEN;
    }
    if (taken)
        return OTHER_TAKEN;
    return says_good ? SAME_REFUSED : REFUSED;
}

struct family family_answer = {
    .name = "answer", .is_json = true, .begin = begin, .end = end, .judge = judge};
