/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where, what the weather is, and the asker's half of an exchange. */
#include "network.h"

static const int64_t CONNECT_TIMEOUT_US = 5000000;
static const struct sim_weather FAIR = {.latency_us = 2000};

void network_open(struct sim *sim) {
    sim->network = calloc(1, sizeof *sim->network);
    assert(sim->network);
}

void network_close(struct sim *sim) {
    free(sim->network);
}

void sim_serve(struct sim *sim, const char *url_prefix, struct sim_process *process,
               struct http_service service) {
    struct network *network = sim->network;
    struct route *route = NULL;
    for (size_t i = 0; i < network->route_count; i++)
        if (network->routes[i].process == process &&
            strcmp(network->routes[i].prefix, url_prefix) == 0)
            route = &network->routes[i];
    if (!route) {
        assert(network->route_count < NETWORK_ROUTES);
        route = &network->routes[network->route_count++];
    }
    assert(strlen(url_prefix) < sizeof route->prefix);
    *route = (struct route){.process = process, .service = service};
    memcpy(route->prefix, url_prefix, strlen(url_prefix));
}

void sim_network_weather(struct sim *sim, struct sim_process *from, struct sim_process *to,
                         const struct sim_weather *weather) {
    struct network *network = sim->network;
    size_t at = network->weather_count;
    for (size_t i = 0; i < network->weather_count; i++)
        if (network->weathers[i].from == from && network->weathers[i].to == to)
            at = i;
    /* The last one set holds: an older rule for the same two moves to the end. */
    if (at < network->weather_count) {
        for (; at + 1 < network->weather_count; at++)
            network->weathers[at] = network->weathers[at + 1];
        network->weather_count--;
    }
    assert(network->weather_count < NETWORK_WEATHERS);
    network->weathers[network->weather_count++] = (struct weather_rule){from, to, *weather};
}

void sim_network_cut(struct sim *sim, struct sim_process *from, struct sim_process *to, bool cut) {
    struct network *network = sim->network;
    size_t kept = 0;
    for (size_t i = 0; i < network->cut_count; i++)
        if (network->cuts[i].from != from || network->cuts[i].to != to)
            network->cuts[kept++] = network->cuts[i];
    network->cut_count = kept;
    if (!cut)
        return;
    assert(network->cut_count < NETWORK_CUTS);
    network->cuts[network->cut_count++] = (struct cut){from, to};
    sim_count(sim, "fault.net.cut");
}

void sim_network_heal(struct sim *sim) {
    sim->network->cut_count = sim->network->weather_count = 0;
}

static bool fits(const struct sim_process *wanted, const struct sim_process *process) {
    return !wanted || wanted == process;
}

bool network_is_cut(const struct sim *sim, const struct sim_process *from,
                    const struct sim_process *to) {
    const struct network *network = sim->network;
    for (size_t i = 0; i < network->cut_count; i++)
        if (fits(network->cuts[i].from, from) && fits(network->cuts[i].to, to))
            return true;
    return false;
}

const struct sim_weather *network_weather(const struct sim *sim, const struct sim_process *from,
                                          const struct sim_process *to) {
    const struct network *network = sim->network;
    for (size_t i = network->weather_count; i > 0; i--)
        if (fits(network->weathers[i - 1].from, from) && fits(network->weathers[i - 1].to, to))
            return &network->weathers[i - 1].weather;
    return &FAIR;
}

int64_t network_way_us(struct sim *sim, const struct sim_weather *weather) {
    bool slow = sim_chance(sim, SIM_NETWORK, weather->slow);
    if (slow)
        sim_count(sim, "fault.net.slow");
    return 1 + sim_below(sim, SIM_NETWORK, slow ? weather->slow_us : weather->latency_us);
}

static bool accepts(const struct sim_process *process) {
    return process->up && !process->quiesced;
}

/* Several may be as good: one that is up is drawn. */
const struct route *network_route(struct sim *sim, struct till_str url) {
    const struct network *network = sim->network;
    const struct route *best = NULL, *up[NETWORK_ROUTES];
    size_t best_len = 0, count = 0;
    for (size_t i = 0; i < network->route_count; i++) {
        const struct route *route = &network->routes[i];
        struct till_str prefix = till_str_of(route->prefix);
        if (prefix.len < best_len || !till_str_starts_with(url, prefix))
            continue;
        if (prefix.len > best_len)
            count = 0;
        best = route;
        best_len = prefix.len;
        if (accepts(route->process))
            up[count++] = route;
    }
    return count ? up[sim_below(sim, SIM_NETWORK, (int64_t)count)] : best;
}

/* ---- an exchange ---- */

static enum letter_fate draw_fate(struct sim *sim, const struct sim_weather *weather) {
    static const char *const NAMES[LETTER_FATES] = {
        [LETTER_REFUSED] = "fault.net.refused",
        [LETTER_LOST_REQUEST] = "fault.net.lost_request",
        [LETTER_LOST_ANSWER] = "fault.net.lost_answer",
        [LETTER_RESET_AFTER] = "fault.net.reset_after",
        [LETTER_HALF_ANSWER] = "fault.net.half_answer",
        [LETTER_GARBAGE] = "fault.net.garbage",
        [LETTER_BAD_GATEWAY] = "fault.net.bad_gateway",
    };
    const int64_t chances[LETTER_FATES] = {
        [LETTER_REFUSED] = weather->refused,         [LETTER_LOST_REQUEST] = weather->lost_request,
        [LETTER_LOST_ANSWER] = weather->lost_answer, [LETTER_RESET_AFTER] = weather->reset_after,
        [LETTER_HALF_ANSWER] = weather->half_answer, [LETTER_GARBAGE] = weather->garbage,
        [LETTER_BAD_GATEWAY] = weather->bad_gateway,
    };
    int64_t roll = sim_below(sim, SIM_NETWORK, 1000000);
    for (int i = LETTER_GOOD + 1; i < LETTER_FATES; i++) {
        if (roll < chances[i]) {
            sim_count(sim, NAMES[i]);
            return (enum letter_fate)i;
        }
        roll -= chances[i];
    }
    return LETTER_GOOD;
}

/* Until the letter ends, the deadline, or this process stops. */
static void await(struct letter *letter, int64_t deadline_us) {
    struct sim_process *from = letter->from;
    struct fiber *fiber = letter->sim->running;
    letter->asker = fiber;
    fiber->asks = letter;
    while (letter->end == LETTER_OPEN && letter->sim->time_us < deadline_us && !from->stopping)
        (void)schedule_wait(from, deadline_us);
    letter->asker = NULL;
    fiber->asks = NULL;
}

static void send_twice(struct sim_process *from, const struct route *route,
                       const struct world_request *request, const struct sim_weather *weather) {
    if (request->once || !sim_chance(from->sim, SIM_NETWORK, weather->twice))
        return;
    sim_count(from->sim, "fault.net.twice");
    struct letter *again = letter_write(from, route, request);
    letter_send(again, network_way_us(from->sim, weather));
    letter_release(again);
}

static void converse(struct sim_process *from, const struct route *route,
                     const struct world_request *request, enum letter_fate fate,
                     const struct sim_weather *weather, int64_t deadline_us,
                     struct till_arena *arena, struct world_answer *ret_answer) {
    struct sim *sim = from->sim;
    struct letter *letter = letter_write(from, route, request);
    letter->fate = fate;
    letter->back_us = network_way_us(sim, weather);
    bool swallowed = fate == LETTER_LOST_REQUEST ||
                     (fate == LETTER_BAD_GATEWAY && sim_chance(sim, SIM_NETWORK, 500000));
    if (!swallowed)
        letter_send(letter, network_way_us(sim, weather));
    else if (fate == LETTER_BAD_GATEWAY)
        letter_end(letter, LETTER_WHOLE);
    send_twice(from, route, request, weather);
    await(letter, deadline_us);
    if (letter->end != LETTER_OPEN)
        judge_letter(letter, request, arena, ret_answer);
    else if (from->stopping)
        judge_stopped(true, ret_answer);
    else
        judge_late(letter, arena, ret_answer);
    letter_release(letter);
}

/* A wait before anything was sent. */
static bool pause(struct sim_process *from, int64_t until_us) {
    while (from->sim->time_us < until_us && !from->stopping)
        (void)schedule_wait(from, until_us);
    return !from->stopping;
}

static void happen(struct sim_process *from, const struct route *route,
                   const struct world_request *request, struct till_arena *arena,
                   struct world_answer *ret_answer) {
    struct sim *sim = from->sim;
    int64_t deadline_us = sim->time_us + request->timeout_us;
    int64_t connected_us = sim->time_us + CONNECT_TIMEOUT_US;
    if (!route) {
        judge_no_name(ret_answer);
        return;
    }
    const struct sim_weather *weather = network_weather(sim, from, route->process);
    enum letter_fate fate = draw_fate(sim, weather);
    if (from->stopping) {
        judge_stopped(false, ret_answer);
    } else if (network_is_cut(sim, from, route->process)) {
        if (pause(from, connected_us < deadline_us ? connected_us : deadline_us))
            judge_no_connection(ret_answer);
        else
            judge_stopped(false, ret_answer);
    } else if (fate == LETTER_REFUSED || !accepts(route->process)) {
        (void)pause(from, sim->time_us + network_way_us(sim, weather));
        judge_refused(ret_answer);
    } else {
        converse(from, route, request, fate, weather, deadline_us, arena, ret_answer);
    }
}

static unsigned digest_of(struct till_str text) {
    uint64_t hash = text.len;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    return (unsigned)dice_mix(hash);
}

void network_exchange(struct sim_process *from, const struct world_request *request,
                      struct till_arena *arena, struct world_answer *ret_answer) {
    struct sim *sim = from->sim;
    int64_t start_us = sim->time_us;
    const struct route *route = network_route(sim, request->url);
    struct sim_process *to = route ? route->process : NULL;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT};
    happen(from, route, request, arena, &answer);
    answer.duration_us = sim->time_us - start_us;
    *ret_answer = answer;
    sim_count(sim, "exchange");
    sim_trace(sim, "%s > %s %.*s %.*s %08x: %s %d %08x %s", from->name, to ? to->name : "-",
              TILL_STR_ARG(request->method), TILL_STR_ARG(request->url), digest_of(request->body),
              answer.stage, answer.status, digest_of(answer.body), answer.reason);
    struct sim_passage passage = {from, to, request, NULL, ret_answer};
    for (size_t i = 0; i < sim->observer_count; i++)
        if (sim->observers[i].ended)
            sim->observers[i].ended(sim->observers[i].self, &passage);
}

void network_break(struct fiber *fiber) {
    if (fiber->handles)
        letter_end(fiber->handles, LETTER_RESET);
}

void network_forget(struct fiber *fiber) {
    network_break(fiber);
    if (fiber->handles)
        letter_release(fiber->handles);
    if (fiber->asks) {
        fiber->asks->asker = NULL;
        letter_release(fiber->asks);
    }
    fiber->handles = fiber->asks = NULL;
}
