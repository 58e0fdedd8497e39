/* SPDX-License-Identifier: Apache-2.0 */
/* A seller's day out of the trades, with fees: 0.6 % by default, given back with a refund. */
#include <sandbox/bill.h>

#include <stdlib.h>

void bill_desk_free(struct bill_desk *desk) {
    free(desk);
}

static int64_t fee_of(int64_t minor, int64_t ppm) {
    return (minor * ppm + 500000) / 1000000;
}

static bool is_within(const struct bill_move *move, int64_t from_us) {
    return move->at_us >= from_us && move->at_us < from_us + PLATFORM_DAY_US;
}

/* Where moves go: counted first, then kept. */
struct collector {
    struct bill *bill;
    const struct bill_desk *desk;
    int64_t from_us, ppm;
    size_t room;
    size_t within;
};

static void add_one(struct collector *c, const struct bill_move *move) {
    if (move->at_us > 0 && move->at_us < c->from_us && c->bill)
        c->bill->opening_minor += move->amount + move->fee;
    if (!is_within(move, c->from_us))
        return;
    c->within++;
    if (c->bill && c->bill->count < c->room)
        c->bill->moves[c->bill->count++] = *move;
}

static void add(struct collector *c, const struct bill_move *move) {
    struct bill_move altered = *move;
    int times = 1;
    bill_alter(c->desk, &altered, &times);
    for (int i = 0; i < times; i++)
        add_one(c, &altered);
}

/* The fee that comes back is a difference of roundings, so that all of it does in the end. */
static void add_refunds(struct collector *c, const struct platform_trade *trade) {
    int64_t before = 0;
    for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next) {
        int64_t after = before + refund->minor;
        int64_t fee = fee_of(after, c->ppm) - fee_of(before, c->ppm);
        add(c, &(struct bill_move){trade, refund, false, refund->at_us, -refund->minor, fee, NULL});
        if (refund->reversed)
            add(c, &(struct bill_move){trade, refund, true, refund->reverses_us, refund->minor,
                                       -fee, NULL});
        before = refund->reversed ? before : after;
    }
}

static void collect(struct collector *c, struct sandbox *sandbox,
                    const struct platform_seller *seller) {
    for (struct platform_trade *trade = sandbox->trades; trade; trade = trade->next) {
        if (trade->app->seller != seller || trade->paid_us == 0)
            continue;
        trade_touch(sandbox, trade, platform_now_us(sandbox));
        add(c, &(struct bill_move){trade, NULL, false, trade->paid_us, trade->total_minor,
                                   -fee_of(trade->total_minor, c->ppm), NULL});
        add_refunds(c, trade);
    }
}

/* By time, then payments before refunds, then by number: the same bill every time. */
static int compare(const void *left, const void *right) {
    const struct bill_move *a = left, *b = right;
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    if (!a->refund != !b->refund)
        return a->refund ? 1 : -1;
    return strcmp(a->trade->trade_no, b->trade->trade_no);
}

bool bill_collect(struct bill *bill, int64_t fee_ppm, struct till_error *err) {
    const struct bill_desk *desk = bill_desk_of(bill->sandbox);
    struct collector count = {.desk = desk, .from_us = bill->from_us, .ppm = fee_ppm};
    collect(&count, bill->sandbox, bill->seller);
    if (count.within > BILL_MOVES_MAX)
        return TILL_FAIL(err, TOO_MANY, "The day has more than %d movements.", BILL_MOVES_MAX);
    bill->moves = till_arena_array(bill->arena, count.within + 1, sizeof *bill->moves);
    if (!bill->moves)
        return till_arena_refuse(bill->arena, err);
    struct collector keep = {
        .bill = bill, .desk = desk, .from_us = bill->from_us, .ppm = fee_ppm, .room = count.within};
    collect(&keep, bill->sandbox, bill->seller);
    qsort(bill->moves, bill->count, sizeof *bill->moves, compare);
    return true;
}

bool bill_has_moves(struct sandbox *sandbox, const struct platform_seller *seller,
                    int64_t from_us) {
    struct collector count = {.desk = bill_desk_of(sandbox), .from_us = from_us};
    collect(&count, sandbox, seller);
    return count.within > 0;
}
