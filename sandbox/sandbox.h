/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platforms' side of the wire: strict where they are strict, kinder in explaining. The core
 * owns no thread and no socket: requests come in through the service, notifications leave through
 * world_exchange, time is world time plus the sandbox's own virtual offset. cli/sandbox.c and the
 * simulator put it together. Waits: only while sending notifications (never under the lock).
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <rt/http.h>
#include <rt/log.h>
#include <rt/world.h>

struct sandbox;

/* A call's memory, for http_options: lists and archives of a thousand exchanges fit. */
#define SANDBOX_ARENA_MAX ((size_t)64 * 1024 * 1024)

struct sandbox_options {
    struct till_str public_url;  /* "http://127.0.0.1:8100": in QR codes and pages */
    struct till_str state_path;  /* apps, keys, trades; written atomically; empty: memory only */
    struct till_str record_path; /* every exchange is appended to it (record.h); empty: none */
    struct till_str replay_path; /* a recording that answers; empty: the platform itself does */
    uint64_t seed;               /* of fault decisions, numbers and test data */
    bool strict_charset;         /* charset must be in the query (dossier 1.4) */
    bool strict_encryption;      /* an app with an AES key must encrypt every call (dossier 10) */
    bool clear_refusals;    /* refusals of encrypted calls are answered in clear (dossier 2.4) */
    bool strict_refund_gap; /* refunds of one trade closer than 3 s are refused (dossier 5.5) */
    bool notify_on_created; /* WAIT_BUYER_PAY notifications (dossier 6.1) */
    bool notify_on_closed;
};

TILL_MUST_CHECK bool sandbox_open(const struct sandbox_options *options, struct world *world,
                                  struct log *log, struct sandbox **ret_sandbox,
                                  struct till_error *err);
void sandbox_close(struct sandbox *sandbox);
/* When the port is known only after listening. Once, before the first request. */
TILL_MUST_CHECK bool sandbox_set_public_url(struct sandbox *sandbox, struct till_str public_url,
                                            struct till_error *err);
/* The certificate that clients of the TLS listener trust (tls.h), for GET /control/ca. Before
 * the first request over TLS. */
TILL_MUST_CHECK bool sandbox_set_tls_authority(struct sandbox *sandbox, struct till_str pem,
                                               struct till_error *err);
/* Spawns the notification and expiry task. */
TILL_MUST_CHECK bool sandbox_start(struct sandbox *sandbox, struct till_error *err);
/* One bounded round of due work (notifications, expiries, auto-paying buyers); for simulator and
 * tests. */
void sandbox_tick(struct sandbox *sandbox, int64_t *ret_next_us);
/* All of it: /alipay/gateway.do, /alipay/qr/..., /wallet, /console, /control/..., /health. */
struct http_service sandbox_service(struct sandbox *sandbox);

/* Control API (JSON, also over HTTP under /control):
 *   POST /control/apps {name?, app_id?, seller_id?, public_key?, callback?, auto_pay_seconds?,
 * platform_private_key?} -> {app_id, seller_id, secret, platform_public_key} PUT
 * /control/apps/{app_id}/public-key {public_key} -> {platform_public_key} GET  /control/apps,
 * /control/trades, /control/trades/{out_trade_no}, /control/exchanges, /control/notifications POST
 * /control/trades/{out_trade_no}/scan|pay|decline|close|pay-twice {buyer?} POST /control/faults
 * {operation, fault, after?, count?, probability_ppm?, seed?, argument?}, GET, DELETE
 * /control/faults POST /control/clock {advance_seconds} ; GET /control/clock POST
 * /control/notify/{out_trade_no} {variant} -> sends a chosen notification again, forged, reordered
 * ... GET  /control/books -> what the platform holds: the oracle of the invariants
 */

#endif
