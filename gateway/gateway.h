/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway as one value: what the daemon (cli/serve.c), the flow tests and the simulator put
 * together. It owns no thread: requests come in through gateway_handle, background work runs as
 * tasks that the world spawns. Several gateways can live in one process, over one store or several.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <gateway/settings.h>
#include <gateway/store/store.h>
#include <rt/http.h>

struct account_cache; /* guard/accounts.h */
struct breakers;      /* guard/breakers.h */
struct nonce_filter;  /* guard/nonces.h */
struct signer_cache;  /* guard/signers.h: merchants' public keys, parsed */
struct throttle;      /* guard/throttle.h */
struct capture;       /* guard/capture.h: log.debug exchange capture, redacted */
struct limits;        /* guard/limits.h */
struct outbound_policy;
struct config; /* config.h */

enum { GATEWAY_REFUSED_SLOTS = 64 };
enum { GATEWAY_DELIVERERS_MAX = 16, GATEWAY_SWEEPERS = 4, GATEWAY_ASKED_SLOTS = 256 };

/* One delivery or sweep task and the place where it waits. The first waits at deliver_spot
 * (sweep_spot) and wakes the others. */
struct gateway_worker {
    struct gateway *gw;
    struct world_spot spot;
};

/* What few lines of the log may say in a second (guard/limits.h). */
struct limit_lines {
    _Atomic int64_t second, said, left_out;
};

/* How the wall clock went beside the monotonic one; under the lock. */
struct clock_watch {
    struct world_lock lock;
    int64_t wall_us, monotonic_us;              /* as last looked at; monotonic 0: never */
    int64_t believed_us, believed_monotonic_us; /* a wall time that ends are judged by, and when */
    int64_t doubted_us;                         /* monotonic, since when wall runs ahead; 0 */
    int64_t set_back_us;                        /* steps back that the store has not heard of */
};

struct gateway {
    struct world *world;
    struct store *store;
    struct log *log;                                 /* may be NULL */
    struct metrics *metrics;                         /* may be NULL */
    const struct gateway_settings *_Atomic settings; /* replaced by gateway_adopt; read at use */
    const struct outbound_policy *_Atomic policy;    /* NULL: public addresses only */
    struct account_cache *accounts;
    struct breakers *breakers;
    struct nonce_filter *nonces;
    struct signer_cache *signers;
    struct throttle *throttle; /* of wrong client secrets */
    struct capture *capture;
    struct config *config; /* where the settings come from; NULL: they do not change */
    struct limits *limits;
    struct limit_lines shed_lines, limit_lines; /* guard/shed.c, api/limiting.c */
    _Atomic int shed_level;                     /* guard/shed.c */
    struct world_spot deliver_spot, sweep_spot; /* woken when there is new work */
    struct world_spot housekeep_spot, bills_spot, reconcile_spot;
    struct gateway_worker deliverers[GATEWAY_DELIVERERS_MAX];
    struct gateway_worker sweepers[GATEWAY_SWEEPERS]; /* one hanging platform delays no other's */
    _Atomic int tasks;                                /* of the background, running */
    int64_t opened_us;                                /* wall clock */
    char instance[17];                                /* of this opening, random: /health says it */
    _Atomic bool draining;
    _Atomic int64_t asked_us[GATEWAY_ASKED_SLOTS];   /* flow/return.c: last question on behalf of a
                                                        page, by payment */
    _Atomic int64_t renewed_us[GATEWAY_ASKED_SLOTS]; /* flow/watch.c: last "new code" pressed on a
                                                        page, by payment */
    /* flow/certificate.c, by account: last download, last suspicion, and what waits for a look */
    _Atomic int64_t certificate_us[GATEWAY_ASKED_SLOTS], suspected_us[GATEWAY_ASKED_SLOTS];
    char suspects[GATEWAY_ASKED_SLOTS][TILL_ID_SIZE]; /* account ids, under the lock; or empty */
    struct world_lock suspects_lock;
    size_t suspects_from; /* where the next look begins, under the lock */
    _Atomic bool any_suspected, looking;
    _Atomic uint64_t refused[GATEWAY_REFUSED_SLOTS]; /* guard/rights.c: last minute and hash */
    uint64_t lost_lines, untold_lines;               /* flow/housekeep.c */
    struct clock_watch clock;                        /* flow/clock.c */
    int64_t purged_us, told_number;                  /* flow/housekeep.c */
    struct store_figures figures;                    /* flow/housekeep.c, as they were then: */
    int64_t figures_us, figures_changes, followed_commits;
    int64_t keys_told_us;       /* flow/keys.c */
    bool reseal_failed;         /* flow/keys.c */
    int64_t reconcile_shown_us; /* flow/reconcile.c */
    int64_t refund_told_us;     /* monotonic: the log told of an old refund; housekeeping alone */
    int64_t bills_scanned_us, bills_epoch, bills_wanted_us;          /* flow/bills.c */
    _Atomic int64_t security_second, security_lines, security_muted; /* guard/security.c */
};

/* Fills gateway; store, world, log, metrics, settings, policy are borrowed and must outlive it. */
TILL_MUST_CHECK bool gateway_open(struct gateway *gateway, struct world *world, struct store *store,
                                  struct log *log, struct metrics *metrics,
                                  const struct gateway_settings *settings,
                                  const struct outbound_policy *policy, struct till_error *err);
/* Other settings and policy from now on, borrowed until gateway_close: who has read the old ones
 * may still use them. Fields that are not live must be as they were. Any thread, one at a time. */
void gateway_adopt(struct gateway *gateway, const struct gateway_settings *settings,
                   const struct outbound_policy *policy);
/* config_reload with its one line in the log: what changed and what needs a restart, or which
 * setting was wrong and why. */
struct config_report; /* config.h */
TILL_MUST_CHECK bool gateway_reload(struct gateway *gateway, struct till_arena *arena,
                                    struct config_report *ret_report, struct till_error *err);
void gateway_close(struct gateway *gateway);
/* Spawns the sweep, delivery, sequencer and housekeeping tasks. */
TILL_MUST_CHECK bool gateway_start(struct gateway *gateway, struct till_error *err);
/* After the world was stopped and before gateway_close: true when no task of the background runs
 * any more; otherwise nothing that they use may be freed. */
TILL_MUST_CHECK bool gateway_wait(struct gateway *gateway, int64_t timeout_us);

/* The three listeners' services; each may wait. */
struct http_service gateway_public_service(
    struct gateway *gateway); /* /v1, /notify, /return, cashier, /ping, /health, /ready */
struct http_service
gateway_private_service(struct gateway *gateway);                   /* /metrics, /health, /ready */
struct http_service gateway_admin_service(struct gateway *gateway); /* Unix socket: /admin/... */

#endif
