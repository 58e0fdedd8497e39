/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cashier's sentences in Chinese and English. A buyer knows the shop and his way to pay, not
 * the company behind it, so a sentence names the platform by a word in braces, and one table says
 * what that word is for each channel: a new channel is a row there.
 */
#ifndef GATEWAY_API_CASHIER_WORDS_H
#define GATEWAY_API_CASHIER_WORDS_H

#include <till/arena.h>

/*
 *   {choice}    the way to pay, among others: "Alipay", "card"
 *   {platform}  who takes the payment; {Platform} begins a sentence
 *   {place}     where the button leads: "Alipay", "the payment page"
 *   {page}      the page there: "Alipay's page"
 *   {deed}      what the buyer does there
 */
struct cashier_words {
    const char *english, *chinese;
};

/* The sentence for a payment of the channel (empty, or one that the table does not know: general
 * words); in the arena, or static. Empty when the arena is full, and then so is the page's. */
struct till_str cashier_say(struct till_arena *arena, struct cashier_words words,
                            struct till_str channel, bool is_chinese);

#endif
