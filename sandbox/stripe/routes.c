/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of /v1 and what each takes. */
#include <sandbox/stripe/resources.h>

#define PAGING                                                                                     \
    {"limit", STRIPE_INTEGER}, {"starting_after", STRIPE_TEXT}, {                                  \
        "ending_before", STRIPE_TEXT                                                               \
    }
#define CREATED                                                                                    \
    {"created", STRIPE_INTEGER}, {"created[gt]", STRIPE_INTEGER},                                  \
        {"created[gte]", STRIPE_INTEGER}, {"created[lt]", STRIPE_INTEGER}, {                       \
        "created[lte]", STRIPE_INTEGER                                                             \
    }

static const struct stripe_rule nothing[] = {{0}};
static const struct stripe_rule metadata_only[] = {{"metadata", STRIPE_METADATA}, {0}};
static const struct stripe_rule paging[] = {PAGING, {0}};
static const struct stripe_rule list_sessions[] = {
    PAGING,
    CREATED,
    {"payment_intent", STRIPE_TEXT},
    {"customer", STRIPE_TEXT},
    {"customer_details[email]", STRIPE_TEXT},
    {"status", STRIPE_CHOICE, .choices = "open complete expired"},
    {0}};
static const struct stripe_rule update_session[] = {
    {"metadata", STRIPE_METADATA}, {"collected_information", STRIPE_ABSENT}, {0}};
static const struct stripe_rule update_charge[] = {
    {"metadata", STRIPE_METADATA},        {"description", STRIPE_UNSET_TEXT},
    {"receipt_email", STRIPE_UNSET_TEXT}, {"customer", STRIPE_ABSENT},
    {"fraud_details", STRIPE_IGNORED},    {"shipping", STRIPE_IGNORED},
    {"transfer_group", STRIPE_IGNORED},   {0}};
static const struct stripe_rule list_charges[] = {PAGING,
                                                  CREATED,
                                                  {"payment_intent", STRIPE_TEXT},
                                                  {"customer", STRIPE_TEXT},
                                                  {"transfer_group", STRIPE_IGNORED},
                                                  {0}};
static const struct stripe_rule create_refund[] = {
    {"payment_intent", STRIPE_TEXT},
    {"charge", STRIPE_TEXT},
    {"amount", STRIPE_INTEGER},
    {"reason", STRIPE_CHOICE, .choices = "duplicate fraudulent requested_by_customer"},
    {"metadata", STRIPE_METADATA},
    {"instructions_email", STRIPE_IGNORED},
    {"refund_application_fee", STRIPE_IGNORED},
    {"reverse_transfer", STRIPE_IGNORED},
    {"currency", STRIPE_ABSENT},
    {"customer", STRIPE_ABSENT},
    {"origin", STRIPE_ABSENT},
    {0}};
static const struct stripe_rule list_refunds[] = {
    PAGING, CREATED, {"payment_intent", STRIPE_TEXT}, {"charge", STRIPE_TEXT}, {0}};
static const struct stripe_rule list_transactions[] = {PAGING,
                                                       CREATED,
                                                       {"currency", STRIPE_TEXT},
                                                       {"source", STRIPE_TEXT},
                                                       {"type", STRIPE_TEXT},
                                                       {"payout", STRIPE_ABSENT},
                                                       {0}};
static const struct stripe_rule list_events[] = {PAGING,
                                                 CREATED,
                                                 {"type", STRIPE_TEXT},
                                                 {"types[]", STRIPE_TEXT},
                                                 {"delivery_success", STRIPE_BOOLEAN},
                                                 {0}};
static const struct stripe_rule create_product[] = {{"name", STRIPE_TEXT, .is_required = true},
                                                    {"active", STRIPE_BOOLEAN},
                                                    {"description", STRIPE_TEXT},
                                                    {"metadata", STRIPE_METADATA},
                                                    {"images", STRIPE_IGNORED},
                                                    {"shippable", STRIPE_IGNORED},
                                                    {"statement_descriptor", STRIPE_IGNORED},
                                                    {"tax_code", STRIPE_IGNORED},
                                                    {"unit_label", STRIPE_IGNORED},
                                                    {"url", STRIPE_IGNORED},
                                                    {"default_price_data", STRIPE_ABSENT},
                                                    {"id", STRIPE_ABSENT},
                                                    {0}};
static const struct stripe_rule list_products[] = {
    PAGING, CREATED, {"active", STRIPE_BOOLEAN}, {"ids", STRIPE_ABSENT}, {"url", STRIPE_ABSENT},
    {0}};
static const struct stripe_rule create_price[] = {{"currency", STRIPE_TEXT, .is_required = true},
                                                  {"unit_amount", STRIPE_INTEGER},
                                                  {"unit_amount_decimal", STRIPE_INTEGER},
                                                  {"product", STRIPE_TEXT},
                                                  {"product_data[name]", STRIPE_TEXT},
                                                  {"product_data[metadata]", STRIPE_METADATA},
                                                  {"product_data", STRIPE_IGNORED},
                                                  {"nickname", STRIPE_TEXT},
                                                  {"metadata", STRIPE_METADATA},
                                                  {"active", STRIPE_IGNORED},
                                                  {"tax_behavior", STRIPE_IGNORED},
                                                  {"billing_scheme", STRIPE_ABSENT},
                                                  {"currency_options", STRIPE_ABSENT},
                                                  {"custom_unit_amount", STRIPE_ABSENT},
                                                  {"lookup_key", STRIPE_ABSENT},
                                                  {"recurring", STRIPE_ABSENT},
                                                  {"tiers", STRIPE_ABSENT},
                                                  {0}};
static const struct stripe_rule list_prices[] = {
    PAGING, CREATED, {"active", STRIPE_BOOLEAN}, {"product", STRIPE_TEXT}, {0}};

static const struct stripe_route routes[] = {
    {"POST", "/v1/checkout/sessions", stripe_create_session, stripe_create_session_rules},
    {"GET", "/v1/checkout/sessions", stripe_list_sessions, list_sessions},
    {"GET", "/v1/checkout/sessions/*", stripe_get_session, nothing},
    {"POST", "/v1/checkout/sessions/*", stripe_update_session, update_session},
    {"POST", "/v1/checkout/sessions/*/expire", stripe_expire_session_now, nothing},
    {"GET", "/v1/checkout/sessions/*/line_items", stripe_list_line_items, paging},
    {"GET", "/v1/charges", stripe_list_charges, list_charges},
    {"GET", "/v1/charges/*", stripe_get_charge, nothing},
    {"POST", "/v1/charges/*", stripe_update_charge, update_charge},
    {"POST", "/v1/refunds", stripe_create_refund, create_refund},
    {"GET", "/v1/refunds", stripe_list_refunds, list_refunds},
    {"GET", "/v1/refunds/*", stripe_get_refund, nothing},
    {"POST", "/v1/refunds/*", stripe_update_refund, metadata_only},
    {"POST", "/v1/refunds/*/cancel", stripe_cancel_refund, nothing},
    {"GET", "/v1/balance", stripe_get_balance, nothing},
    {"GET", "/v1/balance_transactions", stripe_list_transactions, list_transactions},
    {"GET", "/v1/balance_transactions/*", stripe_get_transaction, nothing},
    {"GET", "/v1/balance/history", stripe_list_transactions, list_transactions},
    {"GET", "/v1/balance/history/*", stripe_get_transaction, nothing},
    {"GET", "/v1/events", stripe_list_events, list_events},
    {"GET", "/v1/events/*", stripe_get_event, nothing},
    {"POST", "/v1/products", stripe_create_product, create_product},
    {"GET", "/v1/products", stripe_list_products, list_products},
    {"GET", "/v1/products/*", stripe_get_product, nothing},
    {"POST", "/v1/prices", stripe_create_price, create_price},
    {"GET", "/v1/prices", stripe_list_prices, list_prices},
    {"GET", "/v1/prices/*", stripe_get_price, nothing},
};

/* "//" is one slash to the platform (dossier 2). */
static struct till_str collapse(struct stripe_call *call) {
    struct till_buf buf;
    struct till_str path = call->request->path, text = path;
    struct till_error err;
    till_buf_init(&buf, call->arena);
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || i == 0 || path.ptr[i - 1] != '/')
            till_buf_char(&buf, path.ptr[i]);
    return till_buf_finish(&buf, &text, &err) ? text : path;
}

static bool match(struct stripe_call *call, struct till_str path, const char *pattern) {
    size_t at = 0, count = 0;
    struct till_error err;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at >= path.len || path.ptr[at++] != *pattern)
                return false;
            continue;
        }
        struct till_str rest = till_str_sub(path, at, path.len);
        struct till_str segment = till_str_sub(rest, 0, till_str_find(rest, '/'));
        if (segment.len == 0 ||
            !till_percent_decode(call->arena, segment, false, &call->segments[count++], &err))
            return false;
        at += segment.len;
    }
    return at == path.len;
}

const struct stripe_route *stripe_route_find(struct stripe_call *call, bool *ret_known_path) {
    struct till_str path = collapse(call);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!match(call, path, routes[i].path))
            continue;
        *ret_known_path = true;
        if (till_str_is(call->request->method, routes[i].method))
            return &routes[i];
    }
    return NULL;
}
