/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does an account work? One question about an order that nobody ever placed. A platform that
 * answers "does not exist" under a good signature has taken our app, our key and our clock, and we
 * have its key. Nothing is stored, nothing changes there. For `till doctor`.
 */
#include <gateway/flow/parts.h>

#include <stdio.h>

#include <till/encode.h>

enum { NUMBER_BYTES = 14 }; /* 28 hex digits: as long as a real order number, and never one */

static const char *meaning_of(const struct till_verdict *verdict) {
    if (verdict->outcome == TILL_UNSENT)
        return "Nothing could be sent.";
    if (verdict->suspicious)
        return "The answer is not signed with the configured platform key: copy the platform's "
               "public key of this very app from its console.";
    if (!verdict->verified)
        return "No signed answer came: app_id, environment or gateway_url belong to something "
               "else, or the platform does not answer.";
    return verdict->trade == TILL_TRADE_ABSENT
               ? "The platform takes this account's signature, and its answers verify."
               : "The platform refuses this account's questions; its code names the reason.";
}

static struct till_json *verdict_json(const struct account_row *row,
                                      const struct till_verdict *verdict) {
    const struct till_channel *channel = till_channel_find(row->channel);
    const char *advice =
        channel ? channel->advise(till_str_of(verdict->peer_code), TILL_QUERY) : NULL;
    struct till_json *json = till_json_object();
    bool works = verdict->verified && verdict->trade == TILL_TRADE_ABSENT;
    till_json_set_text(json, "id", row->id);
    till_json_set_bool(json, "works", works);
    till_json_set_bool(json, "verified", verdict->verified);
    till_json_set_text(json, "code", verdict->peer_code);
    till_json_set_text(json, "text", verdict->peer_text);
    till_json_set_text(json, "meaning", meaning_of(verdict));
    if (advice && !works)
        till_json_set_text(json, "advice", advice);
    return json;
}

void probe_ask(struct gateway *gw, const char *trace_id, const struct account_row *row,
               struct till_arena *arena, struct till_verdict *ret_verdict) {
    uint8_t random[NUMBER_BYTES];
    char number[2 * NUMBER_BYTES + 1];
    world_random(gw->world, random, sizeof random);
    till_hex_encode(random, sizeof random, number);
    const struct till_channel *channel = till_channel_find(row->channel);
    const struct attempt_row nobodys = {.channel = row->channel,
                                        .product = till_str_of(channel->products[0].name),
                                        .upstream_no = till_str_of(number),
                                        .created_us = world_now_us(gw->world)};
    channel_ask(gw, trace_id, row, TILL_QUERY, NULL, &nobodys, NULL, arena, ret_verdict);
}

bool probe_account(struct call *c, struct till_error *err) {
    struct account_row row;
    struct till_verdict verdict;
    if (!store_account_get(c->gw->store, c->arena, c->parameter, &row, err))
        return false;
    if (!till_channel_find(row.channel))
        return TILL_FAIL(err, CHANNEL_UNKNOWN, "This till has no such channel.");
    probe_ask(c->gw, c->trace_id, &row, c->arena, &verdict);
    return reply_json(c, 200, verdict_json(&row, &verdict), err);
}
