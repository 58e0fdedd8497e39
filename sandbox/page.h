/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for people: rendered here, working without JavaScript, Chinese or English, one style sheet,
 * a Content-Security-Policy without inline anything. What did not come from our source goes
 * through page_text, which escapes it.
 */
#ifndef SANDBOX_PAGE_H
#define SANDBOX_PAGE_H

#include <sandbox/web.h>

struct page {
    struct web *web;
    struct till_buf buf;
    struct till_str form_targets; /* origins that a form may lead to besides ours */
};

enum page_section {
    PAGE_APPS,
    PAGE_TRADES,
    PAGE_EXCHANGES,
    PAGE_FAULTS,
    PAGE_CLOCK,
    PAGE_WALLET,
    PAGE_STRIPE
};

/* The console's frame. */
void page_open(struct page *page, struct web *web, enum page_section section, const char *english,
               const char *chinese);
/* The phone's frame; the kind is a class of the screen: "", "done", "stop". The head is markup of
 * our own for the document's head. */
void page_open_phone(struct page *page, struct web *web, const char *kind, const char *head);
/* Up to and with <body>. */
void page_open_document(struct page *page, struct web *web, struct till_str title,
                        const char *body_class, const char *head);
void page_close(struct page *page, int status);
void page_markup(struct page *page, const char *markup);
void page_words(struct page *page, const char *english, const char *chinese);
void page_text(struct page *page, struct till_str text);
void page_number(struct page *page, int64_t number);
/* "¥9.90". */
void page_money(struct page *page, int64_t minor);
void page_time(struct page *page, int64_t us);
/* <dt>words</dt><dd>text</dd> */
void page_fact(struct page *page, const char *english, const char *chinese, struct till_str text);
/* <td>text</td> */
void page_cell(struct page *page, struct till_str text);
void page_tag(struct page *page, const char *kind, struct till_str text);
void page_heads(struct page *page, const char *const (*words)[2], size_t count);
/* <a href="path + tail">text</a>; the tail and text are escaped, the language is kept. */
void page_link(struct page *page, const char *path, struct till_str tail, struct till_str text);
/* <form method="post" action="path + tail">, language kept. */
void page_form(struct page *page, const char *path, struct till_str tail);
void page_button(struct page *page, const char *name, const char *value, const char *kind,
                 const char *english, const char *chinese);
/* A page with one sentence. */
void page_message(struct web *web, int status, enum page_section section, struct till_str text);
/* A file of our own, static bytes. */
void page_asset(struct web *web, struct till_str content_type, struct till_str bytes);
/* "https://shop.example:8443" of an address, for form_targets; empty: no web address. */
struct till_str page_origin(struct till_str url);
/* 303 to path + tail with the language kept. */
void page_go(struct web *web, const char *path, struct till_str tail);

void page_console(struct web *web);
void page_app_make(struct web *web);
void page_app(struct web *web);
void page_app_key(struct web *web);
void page_app_settings(struct web *web);
/* page_mode.c */
void page_app_certificates(struct web *web);
void page_app_encryption(struct web *web);
void page_app_file(struct web *web);
void page_trades(struct web *web);
void page_trade(struct web *web);
void page_trade_act(struct web *web);
void page_exchanges(struct web *web);
void page_exchange(struct web *web);
void page_faults(struct web *web);
void page_fault_add(struct web *web);
void page_fault_preset(struct web *web);
void page_fault_clear(struct web *web);
void page_clock(struct web *web);
void page_clock_advance(struct web *web);
void page_wallet(struct web *web);
void page_code(struct web *web);
void page_code_act(struct web *web);
void page_grant(struct web *web);
void page_grant_act(struct web *web);
void page_auth_code(struct web *web);
void page_app_pay(struct web *web);
void page_app_pay_act(struct web *web);
void page_cashier(struct web *web);
void page_cashier_act(struct web *web);
void page_cashier_state(struct web *web);
void page_cashier_script(struct web *web);

/* The app of the path; NULL after a page that says so. */
struct platform_app *page_find_app(struct web *web);
/* Locked: certificates and encryption of an app. */
void page_add_modes(struct page *page, const struct platform_app *app);
/* Locked: rows of the newest trades, or of calls and notifications, of one app (and order) or, with
 * empty texts, of all. */
void page_trade_table(struct page *page, struct till_str app_id, int most);
void page_exchange_table(struct page *page, struct till_str app_id, struct till_str order,
                         int most);
/* Locked: notifications, of one trade or (NULL) of all. */
void page_notice_table(struct page *page, const struct platform_trade *trade, int most);

/* op_bill.c */
void page_bill(struct web *web);

#endif
