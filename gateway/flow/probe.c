/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does an account work? One question about an order that nobody ever placed. A platform that
 * answers "does not exist" under a good signature has taken our app, our key and our clock, and we
 * have its key. Nothing is stored, nothing changes there. For `till doctor`.
 */
#include <gateway/flow/parts.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <till/encode.h>

enum { NUMBER_BYTES = 14 }; /* 28 hex digits: as long as a real order number, and never one */

/* The platform took our key, and said that there is no such order. */
static bool works(const struct till_channel *channel, const struct till_verdict *verdict) {
    const char *code = channel->nobodys_code;
    return (verdict->verified && verdict->trade == TILL_TRADE_ABSENT) ||
           (code && strcmp(verdict->peer_code, code) == 0);
}

static const char *meaning_of(const struct till_channel *channel,
                              const struct till_verdict *verdict) {
    if (works(channel, verdict))
        return "The platform takes this account's key, and its answers can be trusted.";
    if (verdict->outcome == TILL_UNSENT)
        return "Nothing could be sent.";
    if (verdict->suspicious)
        return "The answer is not signed with the configured platform key: copy the platform's "
               "public key of this very app from its console.";
    if (!verdict->verified)
        return "No answer came that can be trusted: the account's key, number or address belongs "
               "to something else, or the platform does not answer.";
    return "The platform refuses this account's questions; its code names the reason.";
}

/* Where its platform is asked: scheme and host. Known without asking; empty when the account does
 * not load. */
static struct till_str address_of(struct gateway *gw, const struct account_row *row,
                                  const struct attempt_row *nobodys, struct till_arena *arena) {
    const struct question question = {
        .operation = TILL_QUERY, .account_row = row, .attempt = nobodys};
    const struct till_account *account;
    struct till_outgoing outgoing = {0};
    struct till_ask ask;
    struct till_error ignored;
    if (!ask_fill(gw, &question, world_now_us(gw->world), arena, &ask, &ignored) ||
        !account_borrow(gw->accounts, row, &account, &ignored))
        return TILL_STR_NONE;
    bool built = till_request(account, &ask, arena, &outgoing, &ignored);
    account_return(gw->accounts, account);
    size_t host = till_str_find(outgoing.url, '/') + 2;
    struct till_str rest = till_str_sub(outgoing.url, host, outgoing.url.len);
    return built ? till_str_sub(outgoing.url, 0, host + till_str_find(rest, '/') + 1)
                 : TILL_STR_NONE;
}

static struct till_json *verdict_json(const struct account_row *row, struct till_str address,
                                      const struct till_verdict *verdict) {
    const struct till_channel *channel = till_channel_find(row->channel);
    const char *advice = channel->advise(till_str_of(verdict->peer_code), TILL_QUERY);
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", row->id);
    till_json_set_str(json, "address", address);
    till_json_set_bool(json, "works", works(channel, verdict));
    till_json_set_bool(json, "verified", verdict->verified);
    till_json_set_text(json, "code", verdict->peer_code);
    till_json_set_text(json, "text", verdict->peer_text);
    till_json_set_text(json, "meaning", meaning_of(channel, verdict));
    if (advice && !works(channel, verdict))
        till_json_set_text(json, "advice", advice);
    return json;
}

/* Under our kind of number and, for platforms that go by a handle of their own, as one. */
static struct attempt_row nobodys_attempt(struct gateway *gw, const struct account_row *row,
                                          char ret_number[2 * NUMBER_BYTES + 1]) {
    uint8_t random[NUMBER_BYTES];
    world_random(gw->world, random, sizeof random);
    till_hex_encode(random, sizeof random, ret_number);
    const struct till_channel *channel = till_channel_find(row->channel);
    return (struct attempt_row){.channel = row->channel,
                                .product = till_str_of(channel->products[0].name),
                                .upstream_no = till_str_of(ret_number),
                                .reference = till_str_of(ret_number),
                                .created_us = world_now_us(gw->world)};
}

void probe_ask(struct gateway *gw, const char *trace_id, const struct account_row *row,
               struct till_arena *arena, struct till_verdict *ret_verdict) {
    char number[2 * NUMBER_BYTES + 1];
    const struct attempt_row nobodys = nobodys_attempt(gw, row, number);
    channel_ask(gw, trace_id, row, TILL_QUERY, NULL, &nobodys, NULL, arena, ret_verdict);
}

bool probe_account(struct call *c, struct till_error *err) {
    struct account_row row;
    struct till_verdict verdict;
    char number[2 * NUMBER_BYTES + 1];
    if (!store_account_get(c->gw->store, c->arena, c->parameter, &row, err))
        return false;
    if (!till_channel_find(row.channel))
        return TILL_FAIL(err, CHANNEL_UNKNOWN, "This till has no such channel.");
    const struct attempt_row nobodys = nobodys_attempt(c->gw, &row, number);
    channel_ask(c->gw, c->trace_id, &row, TILL_QUERY, NULL, &nobodys, NULL, c->arena, &verdict);
    struct till_str address = address_of(c->gw, &row, &nobodys, c->arena);
    return reply_json(c, 200, verdict_json(&row, address, &verdict), err);
}
