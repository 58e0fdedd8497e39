/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who stands on the simulator's stage: one store, two instances of the gateway over it, the
 * platform (the sandbox's own core), and a process for each merchant's server. Addresses:
 *
 *   http://pay.till.test/...      either instance's public service (merchants, platform, buyers)
 *   http://a.till.test/, http://b.till.test/     one of them
 *   http://alipay.test/...        the platform
 *   http://stripe.test/...        its other half, for accounts that take cards (Stripe's API)
 *   http://admin.till.test/...    either instance's administration (scene_admin)
 *   http://shop-N.test/...        merchant N's server; its endpoint is http://shop-N.test/webhook
 *
 * The store has a world of its own, the store's process: a gateway that is killed while it waits
 * for a commit leaves a commit that may happen. Killing the store's process is the power going.
 */
#ifndef TESTS_SIM_SCENE_H
#define TESTS_SIM_SCENE_H

#include <gateway/gateway.h>
#include <sandbox/sandbox.h>

#include "engine.h"

enum { SCENE_GATEWAYS = 2, SCENE_MERCHANTS_MAX = 4, SCENE_ACCOUNTS_MAX = 3 };
#define SCENE_DATABASE "till.db"
#define SCENE_CARD_API "http://stripe.test"

/* An account at the platform of cards, its key there, and what its events are signed with. */
struct scene_card {
    char account_id[TILL_ID_SIZE]; /* empty: the merchant has none */
    char key[48], webhook_secret[48];
};

struct scene_merchant {
    struct sim_process *process; /* its server */
    char app_id[TILL_ID_SIZE], key_id[TILL_ID_SIZE];
    struct till_secret secret;
    struct till_str webhook_secret; /* "whsec_..." of its endpoint */
    char late_policy[8];            /* "keep" or "refund" */
    char account_id[SCENE_ACCOUNTS_MAX][TILL_ID_SIZE];
    char platform_app_id[SCENE_ACCOUNTS_MAX][48]; /* at the platform */
    size_t account_count;
    struct scene_card card;
};

struct scene_options {
    size_t merchants;         /* 1 .. SCENE_MERCHANTS_MAX */
    size_t accounts;          /* of each merchant */
    enum store_commit commit; /* THREAD: the commit task runs as a fiber of the store's process */
    unsigned refunds_late;    /* bit N: merchant N's late_policy is "refund", else "keep" */
    unsigned cards;           /* bit N: merchant N has an account for cards, too */
    bool bills;               /* accounts fetch the platform's bills every morning */
};

struct scene {
    struct sim *sim;
    struct sim_process *disk; /* the store's */
    struct sim_process *gateway_process[SCENE_GATEWAYS], *platform_process;
    struct store *store; /* NULL while the power is off */
    /* Each life of an instance has memory of its own: NULL while it is down. */
    struct gateway *gateway[SCENE_GATEWAYS];
    struct metrics *metrics[SCENE_GATEWAYS];
    struct gateway_settings settings;
    struct sandbox *sandbox;
    struct scene_merchant merchant[SCENE_MERCHANTS_MAX];
    size_t merchant_count;
    struct till_arena arena; /* lives as long as the scene */
    struct scene_options options;
    uint8_t master_key[TILL_SEAL_KEY_SIZE];
};

/* From the director. Everything is up, provisioned through the gateway's own administration
 * service, and nothing has happened yet. Anything that goes wrong here ends the program. */
void scene_open(struct scene *scene, struct sim *sim, const struct scene_options *options);
void scene_close(struct scene *scene);

/* One instance dies and comes back, over the same store. */
void scene_kill_gateway(struct scene *scene, size_t which);
void scene_start_gateway(struct scene *scene, size_t which);
/* SIGTERM: drained, then down. */
void scene_stop_gateway(struct scene *scene, size_t which);
/* Store and both instances die, what was not synced is at the disk's mercy. */
void scene_power_loss(struct scene *scene);
/* Recovery: store opened (which must work), both instances started. */
void scene_power_on(struct scene *scene);
/* The store says that its disk is broken: then production ends the process; so does the scene
 * (power loss without the loss), and starts anew when the disk is whole. True when it did. */
bool scene_mind_the_disk(struct scene *scene);

/* A signed request of a merchant's server to the gateway, from a task of its process; nonce NULL:
 * a new one. The answer as it came, or did not. Body texts live in the arena. */
struct scene_call {
    const char *method;
    struct till_str target;      /* "/v1/payments" */
    struct till_str body;        /* JSON, or empty */
    const char *idempotency_key; /* or NULL */
    const char *nonce;
    int64_t timeout_us; /* 0: 20 s */
};
void scene_call(struct scene *scene, size_t merchant, const struct scene_call *call,
                struct till_arena *arena, struct world_answer *ret_answer);
/* The operator's hand: the administration service of whichever instance is up; body or empty. */
void scene_admin(struct scene *scene, const char *method, const char *target, struct till_str body,
                 struct till_arena *arena, struct world_answer *ret_answer);
/* The platform's control interface, at once and without a network (it is the buyer's or the
 * tester's hand). The caller releases the JSON; NULL when refused. */
struct till_json *scene_control(struct scene *scene, const char *method, const char *target,
                                struct till_str body);

/* Everything healed and up, clocks right; then time runs until nothing is due on any side or the
 * limit has passed. True when it became quiet. */
bool scene_settle(struct scene *scene, int64_t limit_us);

#endif
