/* SPDX-License-Identifier: Apache-2.0 */
/* The three listeners' tables of routes, and the handlers that are no flows. */
#ifndef GATEWAY_API_ROUTES_H
#define GATEWAY_API_ROUTES_H

#include <gateway/api/router.h>

struct route_table {
    const struct route *rows;
    size_t count;
};
extern const struct route_table routes_public;  /* service.c */
extern const struct route_table routes_private; /* service.c */
extern const struct route_table routes_admin;   /* admin.c */

/* health.c */
bool ping(struct call *c, struct till_error *err);
bool health(struct call *c, struct till_error *err);
bool ready(struct call *c, struct till_error *err);
bool metrics_page(struct call *c, struct till_error *err);

/* contract.c */
bool contract_yaml(struct call *c, struct till_error *err);
bool contract_json(struct call *c, struct till_error *err);
bool contract_page(struct call *c, struct till_error *err);

/* admin_merchants.c: apps, endpoints */
bool admin_add_app(struct call *c, struct till_error *err);
bool admin_list_apps(struct call *c, struct till_error *err);
bool admin_enable_app(struct call *c, struct till_error *err);
bool admin_disable_app(struct call *c, struct till_error *err);
bool admin_enable_endpoint(struct call *c, struct till_error *err);
bool admin_disable_endpoint(struct call *c, struct till_error *err);

/* admin_keys.c */
bool admin_add_key(struct call *c, struct till_error *err);
bool admin_list_keys(struct call *c, struct till_error *err);
bool admin_enable_key(struct call *c, struct till_error *err);
bool admin_disable_key(struct call *c, struct till_error *err);
bool admin_set_rights(struct call *c, struct till_error *err);

/* admin_accounts.c */
bool admin_add_account(struct call *c, struct till_error *err);
bool admin_list_accounts(struct call *c, struct till_error *err);
bool admin_enable_account(struct call *c, struct till_error *err);
bool admin_disable_account(struct call *c, struct till_error *err);
bool admin_update_account(struct call *c, struct till_error *err);

/* admin_routes.c */
struct breaker_view;
bool admin_put_route(struct call *c, struct till_error *err);
bool admin_list_routes(struct call *c, struct till_error *err);
bool admin_remove_route(struct call *c, struct till_error *err);
bool admin_hold_breaker(struct call *c, struct till_error *err);
/* One breaker as it is shown; released by the caller. */
struct till_json *breaker_json(const struct breaker_view *view);
/* How many are open and half open, and the calls under way, as members. */
void set_breakers(struct call *c, struct till_json *json);

/* admin_clients.c: OAuth2 clients */
bool admin_add_client(struct call *c, struct till_error *err);
bool admin_list_clients(struct call *c, struct till_error *err);
bool admin_enable_client(struct call *c, struct till_error *err);
bool admin_disable_client(struct call *c, struct till_error *err);
bool admin_revoke_client(struct call *c, struct till_error *err);
bool admin_add_client_secret(struct call *c, struct till_error *err);
bool admin_end_client_secret(struct call *c, struct till_error *err);

/* admin_rotation.c */
bool admin_end_key(struct call *c, struct till_error *err);
bool admin_add_app_secret(struct call *c, struct till_error *err);
bool admin_end_app_secrets(struct call *c, struct till_error *err);
bool admin_add_endpoint_secret(struct call *c, struct till_error *err);
bool admin_end_endpoint_secrets(struct call *c, struct till_error *err);
bool admin_secrets(struct call *c, struct till_error *err);
bool admin_reseal(struct call *c, struct till_error *err);

/* admin_config.c */
bool admin_config(struct call *c, struct till_error *err);
bool admin_config_changes(struct call *c, struct till_error *err);
bool admin_config_reload(struct call *c, struct till_error *err);
/* admin_limits.c */
bool admin_limits(struct call *c, struct till_error *err);
bool admin_limit_app(struct call *c, struct till_error *err);
bool admin_suggest_limits(struct call *c, struct till_error *err); /* limit_suggest.c */

/* admin_status.c */
bool admin_status(struct call *c, struct till_error *err);
bool admin_backup(struct call *c, struct till_error *err);

/* own.c: what an app may change about itself, with the right to it */
bool list_own_keys(struct call *c, struct till_error *err);
bool add_own_key(struct call *c, struct till_error *err);
bool end_own_key(struct call *c, struct till_error *err);
bool add_own_account(struct call *c, struct till_error *err);
bool enable_own_account(struct call *c, struct till_error *err);
bool disable_own_account(struct call *c, struct till_error *err);
bool get_own_app(struct call *c, struct till_error *err);
bool add_own_secret(struct call *c, struct till_error *err);
bool end_own_secrets(struct call *c, struct till_error *err);

#endif
