/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration over the Unix socket: who may open the socket is the administrator, so nothing on
 * the network can create the first secret. The same flows as the merchants' API, for the app that
 * ?app_id= names (or, for reads, for all).
 */
#include <gateway/api/routes.h>
#include <gateway/flow/bill.h>

static const struct route ADMIN[] = {
    {"POST", "/admin/apps", "admin.apps.add", NEED_ADMIN, true, admin_add_app},
    {"GET", "/admin/apps", "admin.apps.list", NEED_ADMIN, false, admin_list_apps},
    {"POST", "/admin/apps/{id}/enable", "admin.apps.enable", NEED_ADMIN, true, admin_enable_app},
    {"POST", "/admin/apps/{id}/disable", "admin.apps.disable", NEED_ADMIN, true, admin_disable_app},
    {"POST", "/admin/keys", "admin.keys.add", NEED_ADMIN, true, admin_add_key},
    {"GET", "/admin/keys", "admin.keys.list", NEED_ADMIN_APP, false, admin_list_keys},
    {"POST", "/admin/keys/{id}/enable", "admin.keys.enable", NEED_ADMIN, true, admin_enable_key},
    {"POST", "/admin/keys/{id}/disable", "admin.keys.disable", NEED_ADMIN, true, admin_disable_key},
    {"POST", "/admin/accounts", "admin.accounts.add", NEED_ADMIN, true, admin_add_account},
    {"GET", "/admin/accounts", "admin.accounts.list", NEED_ADMIN, false, admin_list_accounts},
    {"POST", "/admin/accounts/{id}/enable", "admin.accounts.enable", NEED_ADMIN, true,
     admin_enable_account},
    {"POST", "/admin/accounts/{id}/disable", "admin.accounts.disable", NEED_ADMIN, true,
     admin_disable_account},
    {"POST", "/admin/accounts/{id}/probe", "admin.accounts.probe", NEED_ADMIN, true, probe_account},
    {"POST", "/admin/accounts/{id}/settings", "admin.accounts.settings", NEED_ADMIN, true,
     admin_update_account},
    {"POST", "/admin/endpoints", "admin.endpoints.add", NEED_ADMIN_APP, true, create_endpoint},
    {"GET", "/admin/endpoints", "admin.endpoints.list", NEED_ADMIN_APP, false, list_endpoints},
    {"POST", "/admin/endpoints/{id}/enable", "admin.endpoints.enable", NEED_ADMIN, true,
     admin_enable_endpoint},
    {"POST", "/admin/endpoints/{id}/disable", "admin.endpoints.disable", NEED_ADMIN, true,
     admin_disable_endpoint},
    {"POST", "/admin/payments", "admin.payments.create", NEED_ADMIN_APP, true, create_payment},
    {"GET", "/admin/payments", "admin.payments.list", NEED_ADMIN, false, list_payments},
    {"GET", "/admin/payments/{id}", "admin.payments.get", NEED_ADMIN, false, get_payment},
    {"POST", "/admin/payments/{id}/close", "admin.payments.close", NEED_ADMIN, true, close_payment},
    {"POST", "/admin/payments/{id}/cancel", "admin.payments.cancel", NEED_ADMIN, true,
     cancel_payment},
    {"POST", "/admin/payments/{id}/renew", "admin.payments.renew", NEED_ADMIN, true, renew_payment},
    {"POST", "/admin/payments/{id}/refunds", "admin.refunds.create", NEED_ADMIN, true,
     create_refund},
    {"GET", "/admin/refunds/{id}", "admin.refunds.get", NEED_ADMIN, false, get_refund},
    {"GET", "/admin/events", "admin.events.list", NEED_ADMIN_APP, false, list_events},
    {"POST", "/admin/events/{id}/redeliver", "admin.events.redeliver", NEED_ADMIN, true,
     redeliver_event},
    {"GET", "/admin/deliveries", "admin.deliveries.list", NEED_ADMIN_APP, false, list_deliveries},
    {"GET", "/admin/discrepancies", "admin.discrepancies.list", NEED_ADMIN, false,
     list_discrepancies},
    {"POST", "/admin/bills/fetch", "admin.bills.fetch", NEED_ADMIN, true, fetch_bill},
    {"GET", "/admin/bills", "admin.bills.list", NEED_ADMIN, false, list_bills},
    {"GET", "/admin/bills/{id}", "admin.bills.get", NEED_ADMIN, false, get_bill},
    {"GET", "/admin/status", "admin.status", NEED_ADMIN, false, admin_status},
    {"POST", "/admin/backup", "admin.backup", NEED_ADMIN, true, admin_backup},
    {"GET", "/ping", "ping", NEED_NOTHING, false, ping},
    {"GET", "/health", "health", NEED_NOTHING, false, health},
    {"GET", "/ready", "ready", NEED_NOTHING, false, ready},
};

const struct route_table routes_admin = {ADMIN, sizeof ADMIN / sizeof ADMIN[0]};
