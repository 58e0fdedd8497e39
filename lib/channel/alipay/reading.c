/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/channel/alipay/reading.h"

#include <assert.h>

#include <till/alipay.h>
#include <till/time.h>

#include "lib/channel/address.h"
#include "lib/channel/channels.h"
#include "lib/channel/common.h"

enum { ACTION_MAX = 1024, TRADE_NO_MAX = 64 };

void verdict_say(struct till_verdict *verdict, const char *text) {
    common_put(verdict->peer_text, sizeof verdict->peer_text, till_str_of(text));
}

static struct till_str text_of(const struct reading *r, const char *name) {
    return till_json_get_str(r->node, name);
}

void reading_name_peer(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    struct till_str code = text_of(r, "sub_code"), text = text_of(r, "sub_msg");
    common_put(v->peer_code, sizeof v->peer_code, code.len ? code : text_of(r, "code"));
    common_put(v->peer_text, sizeof v->peer_text, text.len ? text : text_of(r, "msg"));
}

static void doubt(const struct reading *r, const char *text) {
    r->verdict->outcome = TILL_UNKNOWN;
    verdict_say(r->verdict, text);
}

/* Signed, but not about what we asked: a security event (security case I3). */
static void contradict(const struct reading *r, const char *text) {
    r->verdict->suspicious = true;
    doubt(r, text);
}

static void settle(const struct reading *r, enum till_outcome outcome, enum till_trade trade) {
    r->verdict->outcome = outcome;
    r->verdict->trade = trade;
}

/* A decimal member in yuan; minor 0 when it is absent or unreadable. */
static struct till_money money_of(const struct reading *r, const char *name) {
    struct till_money money = {0};
    struct till_error err;
    if (!till_money_parse(text_of(r, name), TILL_STR("CNY"), &money, &err))
        money.minor = 0;
    return money;
}

static int64_t time_of(const struct reading *r, const char *name) {
    int64_t us = 0;
    struct till_error err;
    return till_time_parse_beijing(text_of(r, name), &us, &err) ? us : 0;
}

/* The texts that outlive the node. False when the arena is full. */
static bool keep(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    struct till_str buyer = text_of(r, "buyer_logon_id");
    struct till_error err;
    if (buyer.len == 0)
        buyer = text_of(r, "buyer_user_id");
    if (buyer.len == 0)
        buyer = text_of(r, "buyer_open_id");
    return till_arena_copy(r->arena, text_of(r, "trade_no"), &v->trade_no, &err) &&
           till_arena_copy(r->arena, text_of(r, "out_trade_no"), &v->upstream_no, &err) &&
           till_arena_copy(r->arena, buyer, &v->buyer, &err);
}

/* A success that does not name the order is some other order's success. */
static bool names_order(const struct reading *r) {
    return r->verdict->upstream_no.len > 0;
}

/* total_amount, where it is said, is the order's; the currency is never another one. */
static bool has_right_amount(const struct reading *r) {
    struct till_str currency = text_of(r, "trans_currency");
    struct till_money amount = money_of(r, "total_amount");
    r->verdict->amount = amount;
    if (currency.len && !till_str_is(currency, "CNY"))
        return false;
    return text_of(r, "total_amount").len == 0 || r->ask->amount.minor == 0 ||
           amount.minor == r->ask->amount.minor;
}

/* The question was built from this product, so it exists. */
static const struct till_product *product_of(const struct reading *r) {
    const struct till_product *product = NULL;
    struct till_error err;
    bool is_known = till_product_find(&alipay_channel, r->ask->product, &product, &err);
    assert(is_known);
    return product;
}

/* The member that carries a code has the action's name; what a phone takes is the trade's number
 * (5.9). Empty: it is not there, or not what it must be. */
static struct till_str action_of(const struct reading *r, const struct till_product *product) {
    bool is_bridge = strcmp(product->action, "bridge") == 0;
    struct till_str value = text_of(r, is_bridge ? "trade_no" : product->action);
    struct address address;
    struct till_error ignored;
    bool good = is_bridge ? value.len <= TRADE_NO_MAX && till_str_is_printable_ascii(value)
                          : address_read(value, ACTION_MAX, product->action, &address, &ignored);
    return good ? value : TILL_STR_NONE;
}

static void read_action(const struct reading *r, const struct till_product *product) {
    struct till_verdict *v = r->verdict;
    struct till_error err;
    struct till_str value = action_of(r, product);
    if (!names_order(r) || value.len == 0) {
        doubt(r, "The answer accepts the order without its number or its code.");
        return;
    }
    if (!till_arena_copy(r->arena, value, &v->action_value, &err)) {
        doubt(r, err.text);
        return;
    }
    v->action_kind = till_str_of(product->action);
    settle(r, TILL_PENDING, TILL_TRADE_UNSAID);
}

/* The buyer was charged at once (5.3): his money is believed with number, trade and amount only. */
static void read_charge(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    v->paid_us = time_of(r, "gmt_payment");
    if (!names_order(r) || v->trade_no.len == 0)
        doubt(r, "The answer says paid without the numbers of order and trade.");
    else if (v->amount.minor == 0)
        doubt(r, "The answer says paid and no amount.");
    else
        settle(r, TILL_PAID, TILL_TRADE_PAID);
}

static void read_create(const struct reading *r) {
    const struct till_product *product = product_of(r);
    if (product->action)
        read_action(r, product);
    else
        read_charge(r);
}

/* The platform's word for the trade; false when it is none that we know. */
static bool read_status(const struct reading *r) {
    static const struct {
        const char *status;
        enum till_outcome outcome;
        enum till_trade trade;
    } statuses[] = {
        {"WAIT_BUYER_PAY", TILL_PENDING, TILL_TRADE_WAITING},
        {"TRADE_SUCCESS", TILL_PAID, TILL_TRADE_PAID},
        {"TRADE_FINISHED", TILL_PAID, TILL_TRADE_FINISHED},
        {"TRADE_CLOSED", TILL_CLOSED, TILL_TRADE_CLOSED},
    };
    struct till_str status = text_of(r, "trade_status");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (till_str_is(status, statuses[i].status)) {
            settle(r, statuses[i].outcome, statuses[i].trade);
            return true;
        }
    }
    return false;
}

static void read_query(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    v->paid_us = time_of(r, "send_pay_date");
    if (!names_order(r)) {
        doubt(r, "The answer does not name the order.");
    } else if (!read_status(r)) {
        doubt(r, "The answer does not say a status that is known.");
    } else if (v->outcome == TILL_PAID && v->amount.minor == 0) {
        doubt(r, "The answer says paid and no amount.");
    } else if (v->trade == TILL_TRADE_CLOSED && text_of(r, "send_pay_date").len) {
        v->trade = TILL_TRADE_REFUNDED; /* TRADE_CLOSED has two meanings (dossier 6) */
        v->refunded = v->amount;
    }
}

static void read_close(const struct reading *r) {
    if (names_order(r))
        settle(r, TILL_CLOSED, TILL_TRADE_CLOSED);
    else
        doubt(r, "The answer does not name the order.");
}

static void read_cancel(const struct reading *r) {
    struct till_str action = text_of(r, "action");
    if (!names_order(r)) {
        doubt(r, "The answer does not name the order.");
    } else if (!till_str_is(text_of(r, "retry_flag"), "N")) {
        r->verdict->retry_later = true;
        doubt(r, "The platform asks to cancel again.");
    } else if (till_str_is(action, "close")) {
        settle(r, TILL_CLOSED, TILL_TRADE_CLOSED);
    } else if (till_str_is(action, "refund")) {
        settle(r, TILL_CLOSED, TILL_TRADE_REFUNDED); /* money came and went */
    } else if (action.len == 0 && r->verdict->trade_no.len == 0) {
        settle(r, TILL_CLOSED, TILL_TRADE_ABSENT); /* nothing existed (5.7) */
    } else {
        doubt(r, "The answer does not say what the cancellation did.");
    }
}

/* `refund_fee` is cumulative over the trade, so it can only bound this refund (5.5). */
static void read_refund(const struct reading *r) {
    struct till_verdict *v = r->verdict;
    int64_t total = r->ask->amount.minor, wanted = r->ask->refund_amount.minor;
    v->refunded = money_of(r, "refund_fee");
    v->paid_us = time_of(r, "gmt_refund_pay");
    if (!names_order(r))
        doubt(r, "The answer does not name the order.");
    else if (!till_str_is(text_of(r, "fund_change"), "Y"))
        doubt(r, "The answer does not say that money moved; ask for the refund.");
    else if (v->refunded.minor < wanted || (total > 0 && v->refunded.minor > total))
        contradict(r, "The refunded sum does not fit this refund.");
    else
        settle(r, TILL_PAID, v->refunded.minor == total ? TILL_TRADE_REFUNDED : TILL_TRADE_PAID);
}

/* Success of the call is not success of the refund; without a status there was none (5.6). Who asks
 * without an amount wants to know it. */
static void read_refund_query(const struct reading *r) {
    struct till_str status = text_of(r, "refund_status"), number = text_of(r, "out_request_no");
    int64_t minor = money_of(r, "refund_amount").minor, wanted = r->ask->refund_amount.minor;
    r->verdict->paid_us = time_of(r, "gmt_refund_pay");
    if (number.len && !till_str_equal(number, r->ask->refund_no))
        contradict(r, "The answer is about another refund.");
    else if (status.len == 0)
        settle(r, TILL_PENDING, TILL_TRADE_ABSENT);
    else if (!till_str_is(status, "REFUND_SUCCESS") || number.len == 0 || !names_order(r))
        doubt(r, "The answer does not say a state of this refund that is known.");
    else if (wanted != 0 ? minor != wanted : minor <= 0 || minor > r->ask->amount.minor)
        contradict(r, "The refund has another amount than ours.");
    else
        settle(r, TILL_PAID, TILL_TRADE_UNSAID);
    if (r->verdict->outcome == TILL_PAID)
        r->verdict->refund = money_of(r, "refund_amount");
}

/* Only where the product hands nothing to the buyer may an order wait without an action. */
static bool may_wait(const struct reading *r) {
    return r->ask->operation != TILL_CREATE || !product_of(r)->action;
}

/* A code other than success, by table; what the table does not know is open, save that Alipay's
 * business refusals of an order being created are final (dossier 8.1, last sentence). */
static void read_refusal(const struct reading *r, struct till_str code) {
    enum till_operation operation = r->ask->operation;
    const struct till_alipay_code *meaning =
        till_alipay_code_find(text_of(r, "sub_code"), operation);
    struct till_verdict *v = r->verdict;
    if (!meaning && !till_str_is(code, "40004"))
        meaning = till_alipay_code_find(code, operation);
    if (meaning) {
        settle(r, meaning->outcome, meaning->trade);
        v->retry_later = meaning->retry_later;
        v->is_down = meaning->is_down;
    } else if (operation == TILL_CREATE && till_str_is(code, "40004") &&
               till_str_starts_with(text_of(r, "sub_code"), TILL_STR("ACQ."))) {
        settle(r, TILL_DECLINED, TILL_TRADE_UNSAID);
    }
    if (v->outcome == TILL_PENDING && !may_wait(r))
        v->outcome = TILL_UNKNOWN;
    if (till_str_is(text_of(r, "retry_flag"), "Y"))
        v->retry_later = true;
}

void reading_decide(const struct reading *r) {
    static void (*const readers[TILL_OPERATIONS])(const struct reading *) = {
        [TILL_CREATE] = read_create, [TILL_QUERY] = read_query,
        [TILL_CLOSE] = read_close,   [TILL_CANCEL] = read_cancel,
        [TILL_REFUND] = read_refund, [TILL_REFUND_QUERY] = read_refund_query,
    };
    struct till_str code = text_of(r, "code");
    reading_name_peer(r);
    if (!keep(r)) {
        doubt(r, "The answer needs more memory than one call may use.");
        return;
    }
    if (names_order(r) && !till_str_equal(r->verdict->upstream_no, r->ask->upstream_no))
        contradict(r, "The answer is about another order.");
    else if (!has_right_amount(r))
        contradict(r, "The amount or currency is not the order's.");
    else if (till_str_is(code, "10000"))
        readers[r->ask->operation](r);
    else
        read_refusal(r, code);
}
