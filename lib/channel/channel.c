/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The factory and the one entry. A new channel adds one line to `channels`; nothing else here, and
 * nothing outside of its own folder, knows its name.
 */
#include <till/channel.h>

#include <assert.h>
#include <stdlib.h>

#include "lib/channel/channels.h"

static const struct till_channel *const channels[] = {
    &alipay_channel,
    &stripe_channel,
};

enum { CHANNELS = sizeof channels / sizeof channels[0] };

const struct till_channel *till_channel_at(size_t index) {
    return index < CHANNELS ? channels[index] : NULL;
}

bool till_channel_takes(const struct till_channel *channel, const char *currency) {
    for (size_t i = 0; channel->currencies[i]; i++)
        if (strcmp(channel->currencies[i], currency) == 0)
            return true;
    return false;
}

const struct till_channel *till_channel_find(struct till_str name) {
    for (size_t i = 0; i < CHANNELS; i++) {
        if (till_str_is(name, channels[i]->name))
            return channels[i];
    }
    return NULL;
}

bool till_product_find(const struct till_channel *channel, struct till_str name,
                       const struct till_product **ret_product, struct till_error *err) {
    for (const struct till_product *product = channel->products; product->name; product++) {
        if (till_str_is(name, product->name)) {
            *ret_product = product;
            return true;
        }
    }
    return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/product", "The channel %s has no such product.",
                           channel->name);
}

const struct till_product *till_product_look(struct till_str channel, struct till_str name) {
    const struct till_channel *found = till_channel_find(channel);
    const struct till_product *product = NULL;
    struct till_error ignored;
    return found && till_product_find(found, name, &product, &ignored) ? product : NULL;
}

bool till_account_load(struct till_str channel, enum till_mode mode,
                       const struct till_json *settings, struct till_account **ret_account,
                       struct till_error *err) {
    const struct till_channel *found = till_channel_find(channel);
    if (!found)
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/channel", NULL);
    struct till_account *account = calloc(1, sizeof *account);
    if (!account)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    account->channel = found;
    account->mode = mode;
    if (!found->load(settings, account, err)) {
        free(account);
        return false;
    }
    *ret_account = account;
    return true;
}

void till_account_free(struct till_account *account) {
    if (!account)
        return;
    account->channel->unload(account);
    free(account);
}

static bool compose(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_ask *ret_composed,
                    struct till_error *err) {
    assert((unsigned)ask->operation < TILL_OPERATIONS);
    *ret_composed = *ask;
    return ask->business.len > 0 ||
           account->channel->compose(account, ask, arena, &ret_composed->business, err);
}

bool till_request(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err) {
    struct till_ask composed;
    return compose(account, ask, arena, &composed, err) &&
           account->channel->build(account, &composed, arena, ret_outgoing, err);
}

bool till_hand_over(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_action *ret_action,
                    struct till_error *err) {
    const struct till_product *product;
    struct till_ask composed;
    if (ask->operation != TILL_CREATE ||
        !till_product_find(account->channel, ask->product, &product, err))
        return TILL_FAIL(err, BUG, "Only the creation of an order is handed over.");
    if (!product->is_handed_over)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/product",
                               "The order of this product is sent by the merchant's server.");
    return compose(account, ask, arena, &composed, err) &&
           account->channel->hand_over(account, &composed, arena, ret_action, err);
}

void till_answer(const struct till_account *account, const struct till_ask *ask,
                 const struct till_incoming *incoming, struct till_arena *arena,
                 struct till_verdict *ret_verdict) {
    assert((unsigned)ask->operation < TILL_OPERATIONS);
    account->channel->parse(account, ask, incoming, arena, ret_verdict);
}

const char *till_operation_name(enum till_operation operation) {
    static const char *const names[TILL_OPERATIONS] = {
        [TILL_CREATE] = "create", [TILL_QUERY] = "query",   [TILL_CLOSE] = "close",
        [TILL_CANCEL] = "cancel", [TILL_REFUND] = "refund", [TILL_REFUND_QUERY] = "refund_query"};
    return (unsigned)operation < TILL_OPERATIONS ? names[operation] : NULL;
}

const char *till_outcome_name(enum till_outcome outcome) {
    static const char *const names[] = {
        [TILL_PAID] = "paid",         [TILL_PENDING] = "pending", [TILL_CLOSED] = "closed",
        [TILL_DECLINED] = "declined", [TILL_UNSENT] = "unsent",   [TILL_UNKNOWN] = "unknown"};
    return (unsigned)outcome < sizeof names / sizeof names[0] ? names[outcome] : NULL;
}
