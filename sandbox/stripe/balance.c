/* SPDX-License-Identifier: Apache-2.0 */
/* What moved on the account's balance (dossier 15). */
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

enum { FEE_PER_MILLE = 29, FEE_FIXED = 30, AVAILABLE_AFTER_DAYS = 2 };

/* 2.9 % rounded half up, and 30; nothing of what leaves. */
static int64_t fee_of(int64_t amount, const char *category) {
    bool is_charged = amount > 0 && strcmp(category, "charge") == 0;
    return is_charged ? (amount * FEE_PER_MILLE + 500) / 1000 + FEE_FIXED : 0;
}

static struct till_json *describe_fee(int64_t fee, struct till_str currency) {
    struct till_json *list = till_json_array(), *row;
    if (fee == 0)
        return list;
    row = till_json_object();
    till_json_set_int(row, "amount", fee);
    till_json_set_null(row, "application");
    till_json_set_str(row, "currency", currency);
    till_json_set_text(row, "description", "Stripe processing fees");
    till_json_set_text(row, "type", "stripe_fee");
    till_json_append(list, row);
    return list;
}

struct stripe_object *stripe_book_transaction(struct sandbox *sandbox,
                                              const struct stripe_object *source,
                                              const struct till_json *source_json, int64_t amount,
                                              const char *type, const char *category) {
    struct till_json *json = stripe_shape(sandbox, "balance_transaction");
    struct till_str currency = till_json_get_str(source_json, "currency");
    int64_t fee = fee_of(amount, category);
    int64_t available_us = platform_now_us(sandbox) + AVAILABLE_AFTER_DAYS * PLATFORM_DAY_US;
    till_json_set_int(json, "amount", amount);
    till_json_set_int(json, "fee", fee);
    till_json_set_int(json, "net", amount - fee);
    till_json_set_int(json, "available_on", available_us / PLATFORM_SECOND_US);
    till_json_set_str(json, "currency", currency);
    till_json_set(json, "fee_details", describe_fee(fee, currency));
    if (till_json_member(source_json, "description"))
        till_json_set_copy(json, "description", till_json_member(source_json, "description"));
    till_json_set_text(json, "reporting_category", category);
    till_json_set_text(json, "source", source->id);
    till_json_set_text(json, "type", type);
    struct stripe_object *transaction =
        stripe_add(sandbox, source->account, STRIPE_TRANSACTION, NULL, json);
    if (transaction)
        stripe_set_about(transaction, till_str_of(source->id));
    return transaction;
}

bool stripe_get_transaction(struct stripe_call *call) {
    const struct stripe_object *transaction = stripe_segment_object(call, STRIPE_TRANSACTION, "id");
    return transaction && stripe_answer_object(call, transaction);
}

static bool fits(const struct stripe_call *call, const struct till_json *json) {
    return (!stripe_has(call, "type") ||
            till_str_equal(stripe_param(call, "type"), till_json_get_str(json, "type"))) &&
           (!stripe_has(call, "currency") ||
            till_str_equal_ignoring_case(stripe_param(call, "currency"),
                                         till_json_get_str(json, "currency")));
}

bool stripe_list_transactions(struct stripe_call *call) {
    struct till_str source = stripe_param(call, "source");
    return stripe_answer_list(call, STRIPE_TRANSACTION, source.len ? source.ptr : NULL, fits);
}

/* One sum a currency: {"amount": 1, "currency": "usd", "source_types": {"card": 1}} */
static void add_to(struct till_json *sums, struct till_str currency, int64_t amount) {
    struct till_json *sum = stripe_copy_member(sums, currency.ptr);
    till_json_set_int(sum, "amount", stripe_int(sum, "amount") + amount);
    till_json_set_str(sum, "currency", currency);
    till_json_set(sums, currency.ptr, sum);
}

static struct till_json *list_sums(struct till_json *sums) {
    struct till_json *list = till_json_array();
    struct till_str name;
    const struct till_json *value;
    for (size_t i = 0; till_json_member_at(sums, i, &name, &value); i++) {
        struct till_json *sum = till_json_copy(value), *types = till_json_object();
        till_json_set_int(types, "card", stripe_int(value, "amount"));
        till_json_set(sum, "source_types", types);
        till_json_append(list, sum);
    }
    till_json_release(sums);
    return list;
}

bool stripe_get_balance(struct stripe_call *call) {
    struct till_json *available = till_json_object(), *pending = till_json_object();
    const struct stripe_object *at = call->account->newest[STRIPE_TRANSACTION];
    for (; at; at = at->older) {
        struct till_json *json = stripe_read(at);
        bool is_there = stripe_int(json, "available_on") <= call->now_us / PLATFORM_SECOND_US;
        add_to(is_there ? available : pending, till_json_get_str(json, "currency"),
               stripe_int(json, "net"));
        till_json_release(json);
    }
    struct till_json *balance = till_json_object();
    till_json_set_text(balance, "object", "balance");
    till_json_set(balance, "available", list_sums(available));
    till_json_set_bool(balance, "livemode", false);
    till_json_set(balance, "pending", list_sums(pending));
    return stripe_answer_json(call, balance);
}
