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

#define METHODS "card alipay wechat_pay"
#define PAYMENT_METHOD                                                                             \
    {"payment_method", STRIPE_TEXT},                                                               \
        {"payment_method_data[type]", STRIPE_CHOICE, .choices = METHODS},                          \
        {"payment_method_data[card][token]", STRIPE_TEXT},                                         \
        {"payment_method_data", STRIPE_IGNORED}, {"payment_method_options", STRIPE_IGNORED},       \
        {"mandate_data", STRIPE_IGNORED}, {"shipping", STRIPE_IGNORED},                            \
        {"receipt_email", STRIPE_UNSET_TEXT},                                                      \
        {"setup_future_usage", STRIPE_CHOICE, .choices = "off_session on_session"},                \
        {"error_on_requires_action", STRIPE_ABSENT},                                               \
        {"payment_method_types[]", STRIPE_CHOICE, .choices = METHODS}, {                           \
        "capture_method", STRIPE_CHOICE, .choices = "automatic automatic_async manual"             \
    }
#define INTENT                                                                                     \
    {"metadata", STRIPE_METADATA}, {"description", STRIPE_UNSET_TEXT}, {"customer", STRIPE_TEXT},  \
        {"statement_descriptor", STRIPE_UNSET_TEXT, .max = 22},                                    \
        {"statement_descriptor_suffix", STRIPE_UNSET_TEXT, .max = 22},                             \
        {"transfer_group", STRIPE_UNSET_TEXT}, {"application_fee_amount", STRIPE_ABSENT},          \
        {"on_behalf_of", STRIPE_ABSENT}, {                                                         \
        "transfer_data", STRIPE_ABSENT                                                             \
    }
#define CONFIRM                                                                                    \
    {"return_url", STRIPE_TEXT}, {"off_session", STRIPE_IGNORED}, {                                \
        "use_stripe_sdk", STRIPE_IGNORED                                                           \
    }

static const struct stripe_rule create_intent[] = {
    {"amount", STRIPE_INTEGER, .is_required = true},
    {"currency", STRIPE_TEXT, .is_required = true},
    {"confirm", STRIPE_BOOLEAN},
    {"confirmation_method", STRIPE_CHOICE, .choices = "automatic manual"},
    {"automatic_payment_methods[enabled]", STRIPE_BOOLEAN},
    {"automatic_payment_methods[allow_redirects]", STRIPE_CHOICE, .choices = "always never"},
    PAYMENT_METHOD,
    INTENT,
    CONFIRM,
    {0}};
static const struct stripe_rule update_intent[] = {
    {"amount", STRIPE_INTEGER}, {"currency", STRIPE_TEXT}, PAYMENT_METHOD, INTENT, {0}};
static const struct stripe_rule confirm_intent[] = {PAYMENT_METHOD, CONFIRM, {0}};
static const struct stripe_rule capture_intent[] = {{"amount_to_capture", STRIPE_INTEGER},
                                                    {"final_capture", STRIPE_IGNORED},
                                                    {"metadata", STRIPE_IGNORED},
                                                    {"statement_descriptor", STRIPE_IGNORED},
                                                    {"statement_descriptor_suffix", STRIPE_IGNORED},
                                                    {0}};
static const struct stripe_rule cancel_intent[] = {
    {"cancellation_reason", STRIPE_CHOICE,
     .choices = "duplicate fraudulent requested_by_customer abandoned"},
    {0}};
static const struct stripe_rule list_intents[] = {PAGING, CREATED, {"customer", STRIPE_TEXT}, {0}};
static const struct stripe_rule get_intent[] = {{"client_secret", STRIPE_IGNORED}, {0}};
static const struct stripe_rule create_endpoint[] = {
    {"url", STRIPE_TEXT, .is_required = true},
    {"enabled_events[]", STRIPE_TEXT},
    {"enabled_events", STRIPE_ABSENT, .is_required = true},
    {"api_version", STRIPE_TEXT, .max = STRIPE_VERSION - 1},
    {"description", STRIPE_UNSET_TEXT},
    {"metadata", STRIPE_METADATA},
    {"connect", STRIPE_IGNORED},
    {0}};
static const struct stripe_rule update_endpoint[] = {{"url", STRIPE_TEXT},
                                                     {"enabled_events[]", STRIPE_TEXT},
                                                     {"description", STRIPE_UNSET_TEXT},
                                                     {"disabled", STRIPE_BOOLEAN},
                                                     {"metadata", STRIPE_METADATA},
                                                     {0}};
static const struct stripe_rule customer[] = {{"name", STRIPE_UNSET_TEXT},
                                              {"email", STRIPE_UNSET_TEXT, .max = 512},
                                              {"phone", STRIPE_UNSET_TEXT},
                                              {"description", STRIPE_UNSET_TEXT},
                                              {"metadata", STRIPE_METADATA},
                                              {"address", STRIPE_IGNORED},
                                              {"shipping", STRIPE_IGNORED},
                                              {"preferred_locales", STRIPE_IGNORED},
                                              {"balance", STRIPE_ABSENT},
                                              {"invoice_settings", STRIPE_ABSENT},
                                              {"payment_method", STRIPE_ABSENT},
                                              {"source", STRIPE_ABSENT},
                                              {"tax", STRIPE_ABSENT},
                                              {0}};
static const struct stripe_rule list_customers[] = {PAGING, CREATED, {"email", STRIPE_TEXT}, {0}};
static const struct stripe_rule create_method[] = {
    {"type", STRIPE_CHOICE, .choices = METHODS, .is_required = true},
    {"card[token]", STRIPE_TEXT},
    {"card[number]", STRIPE_TEXT},
    {"card", STRIPE_IGNORED},
    {"alipay", STRIPE_IGNORED},
    {"wechat_pay", STRIPE_IGNORED},
    {"billing_details", STRIPE_IGNORED},
    {"allow_redisplay", STRIPE_IGNORED},
    {"metadata", STRIPE_METADATA},
    {0}};
static const struct stripe_rule attach_method[] = {{"customer", STRIPE_TEXT, .is_required = true},
                                                   {0}};
static const struct stripe_rule list_methods[] = {
    PAGING, {"customer", STRIPE_TEXT}, {"type", STRIPE_TEXT}, {0}};
static const struct stripe_rule confirm_page[] = {
    {"payment_method", STRIPE_TEXT, .is_required = true}, {"expected_amount", STRIPE_INTEGER}, {0}};

static const struct stripe_route routes[] = {
    {"POST", "/v1/checkout/sessions", stripe_create_session, stripe_create_session_rules},
    {"GET", "/v1/checkout/sessions", stripe_list_sessions, list_sessions},
    {"GET", "/v1/checkout/sessions/*", stripe_get_session, nothing},
    {"POST", "/v1/checkout/sessions/*", stripe_update_session, update_session},
    {"POST", "/v1/checkout/sessions/*/expire", stripe_expire_session_now, nothing},
    {"GET", "/v1/checkout/sessions/*/line_items", stripe_list_line_items, paging},
    {"POST", "/v1/payment_intents", stripe_create_intent, create_intent},
    {"GET", "/v1/payment_intents", stripe_list_intents, list_intents},
    {"GET", "/v1/payment_intents/*", stripe_get_intent, get_intent},
    {"POST", "/v1/payment_intents/*", stripe_update_intent, update_intent},
    {"POST", "/v1/payment_intents/*/confirm", stripe_confirm_intent, confirm_intent},
    {"POST", "/v1/payment_intents/*/capture", stripe_capture_intent, capture_intent},
    {"POST", "/v1/payment_intents/*/cancel", stripe_cancel_intent, cancel_intent},
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
    {"POST", "/v1/webhook_endpoints", stripe_create_endpoint, create_endpoint},
    {"GET", "/v1/webhook_endpoints", stripe_list_endpoints, paging},
    {"GET", "/v1/webhook_endpoints/*", stripe_get_endpoint, nothing},
    {"POST", "/v1/webhook_endpoints/*", stripe_update_endpoint, update_endpoint},
    {"DELETE", "/v1/webhook_endpoints/*", stripe_delete_endpoint, nothing},
    {"POST", "/v1/customers", stripe_create_customer, customer},
    {"GET", "/v1/customers", stripe_list_customers, list_customers},
    {"GET", "/v1/customers/*", stripe_get_customer, nothing},
    {"POST", "/v1/customers/*", stripe_update_customer, customer},
    {"DELETE", "/v1/customers/*", stripe_delete_customer, nothing},
    {"POST", "/v1/payment_methods", stripe_create_method, create_method},
    {"GET", "/v1/payment_methods", stripe_list_methods, list_methods},
    {"GET", "/v1/payment_methods/*", stripe_get_method, nothing},
    {"POST", "/v1/payment_methods/*/attach", stripe_attach_method, attach_method},
    {"POST", "/v1/payment_methods/*/detach", stripe_detach_method, nothing},
    {"GET", "/v1/account", stripe_get_account, nothing},
    {"GET", "/v1/accounts/*", stripe_get_account, nothing},
    {"GET", "/v1/payment_pages/*", stripe_get_payment_page, nothing},
    {"POST", "/v1/payment_pages/*/confirm", stripe_confirm_payment_page, confirm_page},
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
