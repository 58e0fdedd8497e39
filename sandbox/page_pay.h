/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the phone's pages and the cashier's pages share: how an order stands, in the payer's words,
 * and the pieces of a form that pays it. Opening a code's address is scanning it; opening the
 * cashier is not, there the payer logs in first.
 */
#ifndef SANDBOX_PAGE_PAY_H
#define SANDBOX_PAGE_PAY_H

#include <sandbox/page.h>
#include <sandbox/trade.h>

#define PAY_PASSWORD "111111" /* of every test buyer */

enum pay_screen {
    PAY_OPEN,
    PAY_PAID,
    PAY_REFUNDED,
    PAY_CLOSED,
    PAY_EXPIRED,
    PAY_UNKNOWN,
    PAY_SCREENS
};

/* How an order stands, decided under the lock; texts in the request's arena. */
struct pay_view {
    enum pay_screen screen;
    struct platform_trade *trade; /* what is fixed at its birth */
    bool is_waiting;              /* the trade exists: somebody logged in or scanned */
    int64_t refunded_minor, paid_us, deadline_us;
    struct till_str buyer; /* masked; empty before anybody logged in */
    struct till_str return_url, quit_url;
};

struct pay_words {
    const char *kind, *mark, *english, *chinese, *more, *more_chinese;
};

/* Locked. A code of NULL is an unknown one. */
enum pay_screen pay_screen_of(const struct platform_code *code, int64_t now_us);
void pay_look(struct web *web, const struct platform_code *code, struct pay_view *ret_view);
/* Locked. The order is paid as the posted form says: `buyer`, `password`, `action` pay or
 * pay-twice. What to say afterwards: "" or "?said=...". */
const char *pay_act(struct web *web, struct platform_trade *trade, struct platform_buyer *buyer);

const struct pay_words *pay_words_of(enum pay_screen screen);
/* What happened just before, from ?said=. */
void pay_add_saying(struct page *page);
void pay_add_facts(struct page *page, const struct pay_view *view);
/* Takes the lock. Everybody, or the one buyer whom the order is for; the trade may be NULL. */
void pay_add_buyers(struct page *page, const struct platform_trade *trade);
void pay_add_password(struct page *page, const char *english, const char *chinese);
const char *pay_screen_name(enum pay_screen screen); /* "open", "paid" */

#endif
