/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange, as a letter: a copy of the request that travels to a process and is handled by a
 * fiber of it, and what came of it. Two ends hold it, the one who asks and the one who handles;
 * each may die by itself, the last one frees it. The handler's arena is the letter's.
 */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include "inside.h"

enum {
    NETWORK_ROUTES = 64,
    NETWORK_WEATHERS = 256,
    NETWORK_CUTS = 64,
    NETWORK_CONTENT_TYPE = 128,
    NETWORK_RETRY_AFTER = 64
};

/* What the weather does to this one. */
enum letter_fate {
    LETTER_GOOD,
    LETTER_REFUSED,
    LETTER_LOST_REQUEST,
    LETTER_LOST_ANSWER,
    LETTER_RESET_AFTER,
    LETTER_HALF_ANSWER,
    LETTER_GARBAGE,
    LETTER_BAD_GATEWAY, /* a proxy's page; whether the request got through is open */
    LETTER_FATES
};

/* How the asker sees it end. */
enum letter_end {
    LETTER_OPEN,
    LETTER_WHOLE,
    LETTER_CLOSED, /* without a byte */
    LETTER_RESET,  /* the same, by RST */
    LETTER_HALF    /* in the middle of the body */
};

struct letter {
    int holders;
    struct sim *sim;
    struct sim_process *from, *to;
    struct http_service service;
    struct till_arena arena;
    struct world_request request; /* copies */
    struct http_request http;
    struct http_response response;
    char peer[32];
    enum letter_fate fate;
    enum letter_end end;
    struct fiber *asker; /* NULL: gone, or never there */
    bool head_is_out;    /* of a dripping answer */
    size_t bytes_out;    /* of its body */
    int64_t back_us;     /* the answer's way */
};

struct route {
    char prefix[96];
    struct sim_process *process;
    struct http_service service;
};
struct weather_rule {
    struct sim_process *from, *to;
    struct sim_weather weather;
};
struct cut {
    struct sim_process *from, *to;
};

struct network {
    struct route routes[NETWORK_ROUTES];
    size_t route_count;
    struct weather_rule weathers[NETWORK_WEATHERS];
    size_t weather_count;
    struct cut cuts[NETWORK_CUTS];
    size_t cut_count;
};

/* ---- network.c ---- */
bool network_is_cut(const struct sim *sim, const struct sim_process *from,
                    const struct sim_process *to);
const struct sim_weather *network_weather(const struct sim *sim, const struct sim_process *from,
                                          const struct sim_process *to);
/* One way's time. */
int64_t network_way_us(struct sim *sim, const struct sim_weather *weather);
/* The route of a url to a process that is up; to one that is down when all are; NULL: none. */
const struct route *network_route(struct sim *sim, struct till_str url);

/* ---- letter.c ---- */
struct letter *letter_write(struct sim_process *from, const struct route *route,
                            const struct world_request *request);
/* A task of the addressee, which begins when the letter arrives. */
void letter_send(struct letter *letter, int64_t way_us);
void letter_release(struct letter *letter);
/* The asker learns how it ended, if it is still there and does not know. */
void letter_end(struct letter *letter, enum letter_end end);

/* ---- judge.c: what rt/upstream_judge.c would say ---- */
void judge_refused(struct world_answer *ret);
void judge_no_name(struct world_answer *ret);
void judge_no_connection(struct world_answer *ret);
void judge_stopped(bool sent, struct world_answer *ret);
/* At the deadline. */
void judge_late(const struct letter *letter, struct till_arena *arena, struct world_answer *ret);
/* After letter_end. */
void judge_letter(const struct letter *letter, const struct world_request *request,
                  struct till_arena *arena, struct world_answer *ret);

#endif
