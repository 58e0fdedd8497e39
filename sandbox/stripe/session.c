/* SPDX-License-Identifier: Apache-2.0 */
/* Checkout sessions (dossier 13): what is ordered, until when, and what becomes of it. */
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

#include <stdio.h>

enum { EXPIRES_MIN_S = 30 * 60, EXPIRES_MAX_S = 24 * 3600, ITEMS_MAX = 100, QUANTITY_MAX = 999999 };

/* What the lines add up to. */
struct order {
    struct till_json *items; /* array of `item` */
    char currency[4];
    int64_t total;
};

static bool check_urls(struct stripe_call *call) {
    static const char *const names[] = {"success_url", "cancel_url"};
    for (size_t i = 0; i < 2; i++) {
        struct till_str url = stripe_param(call, names[i]);
        if (url.len && !till_str_starts_with(url, TILL_STR("http://")) &&
            !till_str_starts_with(url, TILL_STR("https://")))
            return STRIPE_INVALID(call, "url_invalid", names[i], "Not a valid URL");
    }
    return stripe_has(call, "success_url") ||
           STRIPE_INVALID(call, "parameter_missing", "success_url",
                          "Missing required param: success_url.");
}

static bool check_mode(struct stripe_call *call) {
    struct till_str mode = stripe_param(call, "mode"), ui = stripe_param(call, "ui_mode");
    if (mode.len == 0)
        return STRIPE_INVALID(call, "parameter_missing", "mode", "Missing required param: mode.");
    if (till_str_is(mode, "payment") &&
        (ui.len == 0 || till_str_starts_with(ui, TILL_STR("hosted"))))
        return true;
    (void)STRIPE_INVALID(call, NULL, ui.len ? "ui_mode" : "mode",
                         "This simulator plays mode=payment on the hosted page only.");
    return stripe_explain(call, "Subscriptions, setup and embedded pages are not simulated.");
}

/* 0: refused. */
static int64_t read_expiry(struct stripe_call *call) {
    int64_t now = call->now_us / PLATFORM_SECOND_US;
    int64_t at = stripe_param_int(call, "expires_at", now + EXPIRES_MAX_S);
    bool good = at - now >= EXPIRES_MIN_S && at - now <= EXPIRES_MAX_S;
    if (!good)
        (void)STRIPE_INVALID(call, NULL, "expires_at",
                             "The `expires_at` timestamp must be %s from Checkout Session "
                             "creation.",
                             at - now < EXPIRES_MIN_S ? "at least 30 minutes"
                                                      : "less than 24 hours");
    return good ? at : 0;
}

static bool methods_suit(struct stripe_call *call, const char *currency) {
    static const char alipay[] = "cny aud cad eur gbp hkd jpy nzd sgd usd myr";
    static const char wechat[] = "cny aud cad eur gbp hkd jpy sgd usd dkk nok sek chf";
    for (int i = 0; i < STRIPE_LIMIT_MAX; i++) {
        const char *path = stripe_path(call, "payment_method_types[%d]", i);
        struct till_str method = stripe_param(call, path);
        if (method.len == 0)
            return true;
        bool is_wechat = till_str_is(method, "wechat_pay");
        const char *list = is_wechat ? wechat : alipay;
        if (!till_str_is(method, "card") && !strstr(list, currency))
            return STRIPE_INVALID(call, NULL, "payment_method_types",
                                  "The currency provided (%s) is invalid for the payment method "
                                  "type `%.*s`.",
                                  currency, TILL_STR_ARG(method));
        if (is_wechat && !stripe_has(call, "payment_method_options[wechat_pay][client]"))
            return STRIPE_INVALID(call, "parameter_missing",
                                  "payment_method_options[wechat_pay][client]",
                                  "Missing required param: "
                                  "payment_method_options[wechat_pay][client].");
    }
    return true;
}

/* The line's own price: of the catalogue, or made for it. NULL: refused. */
static struct till_json *read_price(struct stripe_call *call, int line) {
    const char *at = stripe_path(call, "line_items[%d][price]", line);
    const char *data = stripe_path(call, "line_items[%d][price_data]", line);
    if (stripe_has(call, at)) {
        const struct stripe_object *price = stripe_param_object(call, STRIPE_PRICE, at);
        return price ? stripe_read(price) : NULL;
    }
    if (stripe_has_below(call, data))
        return stripe_price_make(call, data);
    (void)STRIPE_INVALID(call, "parameter_missing", at,
                         "You must specify either `price` or `price_data` in line_items[%d].",
                         line);
    return NULL;
}

static struct till_json *describe_item(struct stripe_call *call, const struct till_json *price,
                                       int64_t quantity) {
    struct till_json *item = stripe_shape(call->sandbox, "item");
    const struct stripe_object *product = stripe_find(call->sandbox, call->account, STRIPE_PRODUCT,
                                                      till_json_get_str(price, "product"));
    struct till_json *product_json = product ? stripe_read(product) : NULL;
    char id[STRIPE_ID];
    int64_t amount = stripe_int(price, "unit_amount") * quantity;
    stripe_make_id(call->sandbox, "li_", 24, id);
    till_json_set_text(item, "id", id);
    till_json_set_int(item, "amount_subtotal", amount);
    till_json_set_int(item, "amount_total", amount);
    till_json_set_copy(item, "currency", till_json_member(price, "currency"));
    stripe_set_text(item, "description", till_json_get_str(product_json, "name"));
    till_json_set_copy(item, "price", price);
    till_json_set_int(item, "quantity", quantity);
    till_json_release(product_json);
    return item;
}

static bool add_line(struct stripe_call *call, struct order *order, int line) {
    int64_t quantity =
        stripe_param_int(call, stripe_path(call, "line_items[%d][quantity]", line), 0);
    if (quantity < 1 || quantity > QUANTITY_MAX)
        return STRIPE_INVALID(call, quantity ? "parameter_invalid_integer" : "parameter_missing",
                              stripe_path(call, "line_items[%d][quantity]", line),
                              "Quantity is required. Add `quantity` to `line_items[%d]`, 1 to %d.",
                              line, QUANTITY_MAX);
    struct till_json *price = read_price(call, line);
    if (!price)
        return false;
    struct till_str currency = till_json_get_str(price, "currency");
    bool same = order->currency[0] == '\0' || till_str_is(currency, order->currency);
    if (same) {
        snprintf(order->currency, sizeof order->currency, "%.*s", TILL_STR_ARG(currency));
        order->total += stripe_int(price, "unit_amount") * quantity;
        till_json_append(order->items, describe_item(call, price, quantity));
    }
    till_json_release(price);
    return same || STRIPE_INVALID(call, NULL, "line_items",
                                  "All prices of a Checkout Session must have one currency.");
}

static bool read_lines(struct stripe_call *call, struct order *order) {
    for (int i = 0; i < ITEMS_MAX; i++) {
        if (!stripe_has_below(call, stripe_path(call, "line_items[%d]", i)))
            break;
        if (!add_line(call, order, i))
            return false;
    }
    if (till_json_size(order->items) == 0)
        return STRIPE_INVALID(call, "parameter_missing", "line_items",
                              "Missing required param: line_items.");
    return stripe_amount_check(call, order->total, order->currency, NULL,
                               "The Checkout Session's total amount due") &&
           methods_suit(call, order->currency);
}

/* What the intent will be made of when the buyer confirms. */
static bool describe_hidden(struct stripe_call *call, struct till_json *hidden,
                            struct till_json *items) {
    static const char *const names[] = {"capture_method",       "description",
                                        "receipt_email",        "setup_future_usage",
                                        "statement_descriptor", "statement_descriptor_suffix",
                                        "transfer_group"};
    struct till_json *intent = till_json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct till_str value =
            stripe_param(call, stripe_path(call, "payment_intent_data[%s]", names[i]));
        if (value.len)
            till_json_set_str(intent, names[i], value);
    }
    bool good = stripe_merge_metadata(call, "payment_intent_data[metadata]", intent, "metadata");
    till_json_set(hidden, "items", items);
    till_json_set(hidden, "intent", intent);
    return good;
}

static void set_methods(struct stripe_call *call, struct till_json *json, const char *currency) {
    struct till_json *types = stripe_param_list(call, "payment_method_types");
    struct till_json *options = till_json_object(), *wechat;
    struct till_str client = stripe_param(call, "payment_method_options[wechat_pay][client]");
    if (till_json_size(types) == 0) { /* what the account has switched on */
        till_json_append_str(types, TILL_STR("card"));
        if (strcmp(currency, "cny") == 0)
            till_json_append_str(types, TILL_STR("alipay"));
    }
    if (client.len) {
        wechat = till_json_object();
        stripe_set_text(wechat, "app_id",
                        stripe_param(call, "payment_method_options[wechat_pay][app_id]"));
        till_json_set_str(wechat, "client", client);
        till_json_set(options, "wechat_pay", wechat);
    }
    till_json_set(json, "payment_method_types", types);
    till_json_set(json, "payment_method_options", options);
}

static void set_texts(const struct stripe_call *call, struct till_json *json) {
    static const char *const names[] = {"success_url",
                                        "cancel_url",
                                        "client_reference_id",
                                        "customer",
                                        "customer_email",
                                        "locale",
                                        "submit_type",
                                        "customer_creation",
                                        "billing_address_collection",
                                        "payment_method_collection"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (stripe_has(call, names[i]))
            till_json_set_str(json, names[i], stripe_param(call, names[i]));
    if (stripe_has(call, "allow_promotion_codes"))
        till_json_set_bool(json, "allow_promotion_codes",
                           stripe_param_flag(call, "allow_promotion_codes"));
}

/* "hosted" until the train of 2026-03-25 gave it another name; whichever the caller said. */
static void set_ui_mode(const struct stripe_call *call, struct till_json *json) {
    static const struct till_str renamed = TILL_STR_INIT("2026-03-25");
    struct till_str date = till_str_sub(call->version, 0, renamed.len);
    till_json_set_text(json, "ui_mode",
                       till_str_compare(date, renamed) >= 0 ? "hosted_page" : "hosted");
}

/* The address of the page that the simulator itself shows. */
static void set_page(struct stripe_call *call, struct till_json *json, const char *id) {
    till_json_set_text(json, "url",
                       stripe_path(call, "%.*s/stripe/pay/%s",
                                   TILL_STR_ARG(call->sandbox->options.public_url), id));
}

static bool keep_session(struct stripe_call *call, struct order *order, int64_t expires_at) {
    struct till_json *json = stripe_shape(call->sandbox, "checkout.session");
    struct till_json *hidden = till_json_object();
    set_texts(call, json);
    set_ui_mode(call, json);
    set_methods(call, json, order->currency);
    till_json_set_text(json, "currency", order->currency);
    till_json_set_int(json, "amount_subtotal", order->total);
    till_json_set_int(json, "amount_total", order->total);
    till_json_set_int(json, "expires_at", expires_at);
    bool good = stripe_merge_metadata(call, "metadata", json, "metadata") &&
                describe_hidden(call, hidden, order->items);
    order->items = NULL;
    struct stripe_object *session =
        good ? stripe_add(call->sandbox, call->account, STRIPE_SESSION, NULL, json) : NULL;
    if (!session) {
        till_json_release(hidden);
        if (!good)
            till_json_release(json);
        return stripe_no_room(call);
    }
    json = stripe_read(session);
    set_page(call, json, session->id);
    stripe_put(call->sandbox, session, json);
    stripe_put_hidden(call->sandbox, session, hidden);
    platform_due(call->sandbox, expires_at * PLATFORM_SECOND_US, DUE_STRIPE_SESSION, session);
    return stripe_answer_object(call, session);
}

bool stripe_create_session(struct stripe_call *call) {
    struct order order = {.items = till_json_array()};
    int64_t expires_at = 0;
    bool good = check_mode(call) && check_urls(call) && read_lines(call, &order) &&
                (expires_at = read_expiry(call)) != 0;
    if (good && stripe_has(call, "customer"))
        good = stripe_param_object(call, STRIPE_CUSTOMER, "customer") != NULL;
    good = good && keep_session(call, &order, expires_at);
    till_json_release(order.items);
    return good;
}

/* A session whose time has come is expired also before anybody sees to it. */
static struct stripe_object *find_session(struct stripe_call *call) {
    struct stripe_object *session = stripe_segment_object(call, STRIPE_SESSION, "id");
    if (session)
        stripe_session_due(call->sandbox, session, call->now_us);
    return session;
}

bool stripe_get_session(struct stripe_call *call) {
    const struct stripe_object *session = find_session(call);
    return session && stripe_answer_object(call, session);
}

bool stripe_update_session(struct stripe_call *call) {
    struct stripe_object *session = find_session(call);
    struct till_json *json = session ? stripe_read(session) : NULL;
    if (!session)
        return false;
    if (!stripe_merge_metadata(call, "metadata", json, "metadata")) {
        till_json_release(json);
        return false;
    }
    stripe_put(call->sandbox, session, json);
    return stripe_answer_object(call, session);
}

bool stripe_expire_session_now(struct stripe_call *call) {
    struct stripe_object *session = find_session(call);
    struct till_error err;
    if (!session)
        return false;
    if (!stripe_expire_session(call->sandbox, session, &err))
        return STRIPE_INVALID(call, NULL, NULL, "%s", err.text);
    return stripe_answer_object(call, session);
}

static bool fits(const struct stripe_call *call, const struct till_json *json) {
    static const char *const names[] = {"status", "customer", "payment_intent"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (stripe_has(call, names[i]) &&
            !till_str_equal(stripe_param(call, names[i]), till_json_get_str(json, names[i])))
            return false;
    struct till_str email = till_json_get_str(till_json_member(json, "customer_details"), "email");
    return !stripe_has(call, "customer_details[email]") ||
           till_str_equal(stripe_param(call, "customer_details[email]"), email);
}

bool stripe_list_sessions(struct stripe_call *call) {
    struct till_str intent = stripe_param(call, "payment_intent");
    return stripe_answer_list(call, STRIPE_SESSION, intent.len ? intent.ptr : NULL, fits);
}

struct till_json *stripe_line_items(struct stripe_call *call, struct till_str session_id,
                                    size_t limit) {
    const struct stripe_object *session =
        stripe_find(call->sandbox, call->account, STRIPE_SESSION, session_id);
    struct till_json *hidden = session ? stripe_read_hidden(session) : NULL, *list = NULL;
    const struct till_json *items = till_json_member(hidden, "items");
    if (session) {
        struct till_json *data = till_json_array();
        for (size_t i = 0; i < till_json_size(items) && i < limit; i++)
            till_json_append(data, till_json_copy(till_json_element(items, i)));
        list = till_json_object();
        till_json_set_text(list, "object", "list");
        till_json_set(list, "data", data);
        till_json_set_bool(list, "has_more", till_json_size(items) > limit);
        till_json_set_text(list, "url",
                           stripe_path(call, "/v1/checkout/sessions/%s/line_items", session->id));
    }
    till_json_release(hidden);
    return list;
}

bool stripe_list_line_items(struct stripe_call *call) {
    struct stripe_object *session = find_session(call);
    int64_t limit = stripe_param_int(call, "limit", STRIPE_LIMIT_DEFAULT);
    if (!session)
        return false;
    if (limit < 1 || limit > STRIPE_LIMIT_MAX)
        return STRIPE_INVALID(call, "parameter_invalid_integer", "limit",
                              "This value must be between 1 and %d (inclusive).", STRIPE_LIMIT_MAX);
    return stripe_answer_json(call,
                              stripe_line_items(call, till_str_of(session->id), (size_t)limit));
}
