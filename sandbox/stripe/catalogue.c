/* SPDX-License-Identifier: Apache-2.0 */
/* Products and prices, as far as a payment needs them. */
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/resources.h>

#include <stdio.h>

/* NULL: refused. `name` is checked. */
static struct stripe_object *make_product(struct stripe_call *call, struct till_str name,
                                          const char *description, const char *metadata,
                                          bool is_active) {
    struct till_json *json = stripe_shape(call->sandbox, "product");
    till_json_set_bool(json, "active", is_active);
    till_json_set_str(json, "name", name);
    stripe_set_text(json, "description", stripe_param(call, description));
    till_json_set_int(json, "updated", call->now_us / PLATFORM_SECOND_US);
    if (!stripe_merge_metadata(call, metadata, json, "metadata")) {
        till_json_release(json);
        return NULL;
    }
    struct stripe_object *product =
        stripe_add(call->sandbox, call->account, STRIPE_PRODUCT, NULL, json);
    if (!product)
        (void)stripe_no_room(call);
    return product;
}

bool stripe_create_product(struct stripe_call *call) {
    const struct stripe_object *product =
        make_product(call, stripe_param(call, "name"), "description", "metadata",
                     !stripe_has(call, "active") || stripe_param_flag(call, "active"));
    return product && stripe_answer_object(call, product);
}

bool stripe_get_product(struct stripe_call *call) {
    const struct stripe_object *product = stripe_segment_object(call, STRIPE_PRODUCT, "id");
    return product && stripe_answer_object(call, product);
}

static bool is_as_active(const struct stripe_call *call, const struct till_json *json) {
    return !stripe_has(call, "active") ||
           stripe_param_flag(call, "active") == stripe_flag(json, "active");
}

bool stripe_list_products(struct stripe_call *call) {
    return stripe_answer_list(call, STRIPE_PRODUCT, NULL, is_as_active);
}

/* Of a parameter below `at`. */
static const char *below(struct stripe_call *call, const char *at, const char *name) {
    return at[0] ? stripe_path(call, "%s[%s]", at, name) : name;
}

/* The product that is named, or made for the price. NULL: refused. */
static struct stripe_object *obtain_product(struct stripe_call *call, const char *at) {
    const char *id = below(call, at, "product"), *made = below(call, at, "product_data");
    const char *name = stripe_path(call, "%s[name]", made);
    if (stripe_has(call, id))
        return stripe_param_object(call, STRIPE_PRODUCT, id);
    if (stripe_has(call, name))
        return make_product(call, stripe_param(call, name),
                            stripe_path(call, "%s[description]", made),
                            stripe_path(call, "%s[metadata]", made), false);
    (void)STRIPE_INVALID(call, "parameter_missing", name,
                         "You must specify either `product` or `product_data` when creating a "
                         "price.");
    return NULL;
}

static bool read_amount(struct stripe_call *call, const char *at, const char *currency,
                        int64_t *ret_amount) {
    const char *path = below(call, at, "unit_amount");
    const char *fault;
    if (!stripe_has(call, path))
        path = below(call, at, "unit_amount_decimal");
    *ret_amount = stripe_param_int(call, path, -1);
    if (!stripe_has(call, path))
        return STRIPE_INVALID(call, "parameter_missing", below(call, at, "unit_amount"),
                              "Missing required param: %s.", below(call, at, "unit_amount"));
    if (*ret_amount < 0)
        return STRIPE_INVALID(call, "parameter_invalid_integer", path,
                              "Invalid non-negative integer");
    if (*ret_amount > STRIPE_AMOUNT_MAX)
        return stripe_amount_check(call, *ret_amount, currency, path, "Amount");
    fault = stripe_amount_fault(*ret_amount, currency);
    return !fault || STRIPE_INVALID(call, NULL, path, "Amount in %s %s.", currency, fault);
}

struct till_json *stripe_price_make(struct stripe_call *call, const char *at) {
    char currency[4], decimal[24];
    int64_t amount;
    const char *path = below(call, at, "currency");
    if (!stripe_has(call, path)) {
        (void)STRIPE_INVALID(call, "parameter_missing", path, "Missing required param: %s.", path);
        return NULL;
    }
    if (!stripe_currency_read(call, stripe_param(call, path), path, currency) ||
        !read_amount(call, at, currency, &amount))
        return NULL;
    const struct stripe_object *product = obtain_product(call, at);
    if (!product)
        return NULL;
    struct till_json *json = stripe_shape(call->sandbox, "price");
    snprintf(decimal, sizeof decimal, "%lld", (long long)amount);
    till_json_set_bool(json, "active", at[0] == '\0');
    till_json_set_text(json, "currency", currency);
    till_json_set_text(json, "product", product->id);
    till_json_set_int(json, "unit_amount", amount);
    till_json_set_text(json, "unit_amount_decimal", decimal);
    stripe_set_text(json, "nickname", at[0] ? TILL_STR_NONE : stripe_param(call, "nickname"));
    if (at[0] == '\0' && !stripe_merge_metadata(call, "metadata", json, "metadata")) {
        till_json_release(json);
        return NULL;
    }
    struct stripe_object *price =
        stripe_add(call->sandbox, call->account, STRIPE_PRICE, NULL, json);
    if (price)
        stripe_set_about(price, till_str_of(product->id));
    else
        (void)stripe_no_room(call);
    return price ? stripe_read(price) : NULL;
}

bool stripe_create_price(struct stripe_call *call) {
    struct till_json *price = stripe_price_make(call, "");
    return price && stripe_answer_json(call, price);
}

bool stripe_get_price(struct stripe_call *call) {
    const struct stripe_object *price = stripe_segment_object(call, STRIPE_PRICE, "id");
    return price && stripe_answer_object(call, price);
}

bool stripe_list_prices(struct stripe_call *call) {
    struct till_str product = stripe_param(call, "product");
    return stripe_answer_list(call, STRIPE_PRICE, product.len ? product.ptr : NULL, is_as_active);
}
