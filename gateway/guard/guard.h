/* SPDX-License-Identifier: Apache-2.0 */
/* Guards: who asks, is it new, is the address permitted; and the caches that make
 * the answers fast. */
#ifndef GATEWAY_GUARD_GUARD_H
#define GATEWAY_GUARD_GUARD_H

#include <gateway/gateway.h>

/* Authentication of a merchant's signed request: timestamp window, signature, then nonce (in that
 * order, R24). Fills app and claim. The same error body and timing class for an unknown key, a
 * missing and a wrong signature (S-002). */
TILL_MUST_CHECK bool auth_request(struct gateway *gw, const struct http_request *request,
                                  int64_t now_us, struct till_arena *arena, struct app_row *ret_app,
                                  struct till_str *ret_scopes, struct nonce_claim *ret_claim,
                                  struct till_error *err);

/* For requests whose effect carries no claim (reads above all): is this signature new? NONCE_USED,
 * OVERLOADED. */
TILL_MUST_CHECK bool auth_claim_is_new(struct gateway *gw, const struct nonce_claim *claim,
                                       int64_t now_us, struct till_error *err);

/* Loaded accounts by id and config_epoch; shared by threads, never freed while borrowed. */
struct account_cache;
TILL_MUST_CHECK bool account_cache_open(struct world *world, struct account_cache **ret,
                                        struct till_error *err);
void account_cache_close(struct account_cache *cache);
TILL_MUST_CHECK bool account_borrow(struct account_cache *cache, const struct account_row *row,
                                    const struct till_account **ret_account,
                                    struct till_error *err);
void account_return(struct account_cache *cache, const struct till_account *account);
/* Visits every account, one at a time in an arena of its own, so that neither their number nor
 * their size matters. Ends with the first visit that fails. */
typedef bool account_visit(struct gateway *gw, const struct account_row *row,
                           struct till_error *err);
TILL_MUST_CHECK bool account_each(struct gateway *gw, account_visit *visit, struct till_error *err);
/* One log line for each thing that is weak in the account or ends within a month. */
void account_warn(struct gateway *gw, const struct account_row *row,
                  const struct till_account *account);

/* In-memory filter for reads: refuses a nonce seen within the window; bounded: when full it refuses
 * (OVERLOADED), never forgets. */
struct nonce_filter;
TILL_MUST_CHECK bool nonce_filter_open(struct world *world, size_t nonces_max,
                                       struct nonce_filter **ret, struct till_error *err);
void nonce_filter_close(struct nonce_filter *filter);
TILL_MUST_CHECK bool nonce_filter_take(struct nonce_filter *filter, const struct nonce_claim *claim,
                                       int64_t now_s, struct till_error *err);

/* Merchant-supplied addresses: absolute http(s) on one of the app's hosts; notify and webhook
 * addresses also pass the outbound policy. URL_FORBIDDEN. */
TILL_MUST_CHECK bool address_check_return(const struct app_row *app, struct till_str url,
                                          struct till_error *err);
TILL_MUST_CHECK bool address_check_notify(struct gateway *gw, struct till_str url,
                                          struct till_error *err);

/* "shop.example 127.0.0.1:8090": what an app's hosts must look like. FIELD_INVALID. */
TILL_MUST_CHECK bool address_check_hosts(struct till_str hosts, struct till_error *err);

/* log.debug: whole exchanges, redacted (signatures, keys, tokens, buyer data), to the log, while
 * it is on. */
struct capture;
TILL_MUST_CHECK bool capture_open(struct log *log, bool is_on, struct capture **ret,
                                  struct till_error *err);
void capture_switch(struct capture *capture, bool is_on);
void capture_close(struct capture *capture);
struct capture_exchange {
    const char *direction; /* "upstream", "notify", "api", "webhook" */
    const char *trace_id;
    struct till_str method, url, request_body, answer_body;
    int status;
    int64_t duration_us;
};
void capture_write(struct capture *capture, const struct capture_exchange *exchange);

/* Security events: one counter and one log line, rate-limited. kind: "notify_forged",
 * "nonce_replay", "answer_forged", "probe", ... */
void security_event(struct gateway *gw, const char *kind, const char *trace_id,
                    struct till_str detail);

#endif
