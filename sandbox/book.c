/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has how much. The buyers' first balances are all the money there is; a payment and a refund
 * only move it, and platform_books_read says whether that is still so.
 */
#include <sandbox/platform.h>

#include <stdio.h>
#include <stdlib.h>

void platform_buyers_init(struct sandbox *sandbox) {
    static const struct platform_buyer firsts[PLATFORM_BUYERS] = {
        {.name = "tester",
         .user_id = "2088722003899169",
         .login = "tester@sandbox.com",
         .logon_id = "tes***@sandbox.com",
         .endowment_minor = INT64_C(100000000000)},
        {.name = "poor",
         .user_id = "2088722003899170",
         .login = "poor@sandbox.com",
         .logon_id = "poo***@sandbox.com",
         .endowment_minor = 50},
        {.name = "auto",
         .user_id = "2088722003899171",
         .login = "auto@sandbox.com",
         .logon_id = "aut***@sandbox.com",
         .endowment_minor = INT64_C(100000000000)},
    };
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        sandbox->buyers[i] = firsts[i];
        sandbox->buyers[i].balance_minor = firsts[i].endowment_minor;
    }
    sandbox->password_limit_minor = PLATFORM_PASSWORD_LIMIT;
}

struct platform_buyer *platform_buyer_find(struct sandbox *sandbox, struct till_str name) {
    for (size_t i = 0; i < PLATFORM_BUYERS; i++)
        if (till_str_is(name, sandbox->buyers[i].name))
            return &sandbox->buyers[i];
    return NULL;
}

struct platform_seller *platform_seller_obtain(struct sandbox *sandbox, struct till_str id) {
    for (struct platform_seller *seller = sandbox->sellers; seller; seller = seller->next)
        if (till_str_is(id, seller->id))
            return seller;
    struct platform_seller *seller = calloc(1, sizeof *seller);
    if (!seller)
        return NULL;
    snprintf(seller->id, sizeof seller->id, "%.*s", TILL_STR_ARG(id));
    seller->next = sandbox->sellers;
    sandbox->sellers = seller;
    return seller;
}

/* What stands in a trade's rows is what it says in sum. */
static bool rows_agree(const struct platform_trade *trade) {
    int64_t minor = 0;
    for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next)
        minor += refund->reversed ? 0 : refund->minor;
    return minor == trade->refunded_minor;
}

void platform_books_read(struct sandbox *sandbox, struct platform_books *ret_books) {
    struct platform_books books = {0};
    bool rows_good = true;
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        books.endowment_minor += sandbox->buyers[i].endowment_minor;
        books.buyers_minor += sandbox->buyers[i].balance_minor;
    }
    for (const struct platform_seller *seller = sandbox->sellers; seller; seller = seller->next)
        books.sellers_minor += seller->balance_minor;
    for (const struct platform_trade *trade = sandbox->trades; trade; trade = trade->next) {
        books.trades++;
        books.trades_paid += trade->paid_us > 0;
        books.paid_minor += trade->paid_us > 0 ? trade->total_minor : 0;
        books.refunded_minor += trade->refunded_minor;
        rows_good = rows_good && rows_agree(trade);
        for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next)
            books.refunds++;
    }
    books.conserved = rows_good &&
                      books.buyers_minor + books.sellers_minor == books.endowment_minor &&
                      books.sellers_minor == books.paid_minor - books.refunded_minor;
    *ret_books = books;
}
