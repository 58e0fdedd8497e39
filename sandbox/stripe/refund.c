/* SPDX-License-Identifier: Apache-2.0 */
/* Refunds (dossier 14): of a charge, in parts, and back again when the bank returns one. */
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

/* What is left to refund; or why nothing is. */
static bool judge(const struct till_json *charge, int64_t *amount, struct till_error *err) {
    char wanted[STRIPE_AMOUNT_TEXT], text[STRIPE_AMOUNT_TEXT];
    const char *currency = till_json_get_str(charge, "currency").ptr;
    /* what a capture released counts as refunded */
    int64_t left = stripe_int(charge, "amount") - stripe_int(charge, "amount_refunded");
    const char *id = till_json_get_str(charge, "id").ptr;
    if (!till_str_is(till_json_get_str(charge, "status"), "succeeded") ||
        !stripe_flag(charge, "captured"))
        return TILL_FAIL(err, STATE_CONFLICT,
                         "This charge (%s) was not captured or did not succeed; nothing can be "
                         "refunded.",
                         id);
    if (stripe_flag(charge, "disputed"))
        return TILL_FAIL(err, STATE_CONFLICT,
                         "Charge %s has been charged back; cannot issue a refund.", id);
    if (left <= 0)
        return TILL_FAIL(err, STATE_CONFLICT, "Charge %s has already been refunded.", id);
    if (*amount == 0)
        *amount = left;
    stripe_amount_text(*amount, currency, wanted);
    stripe_amount_text(left, currency, text);
    if (*amount > left)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "amount",
                               "Refund amount (%s) is greater than unrefunded amount on charge "
                               "(%s)",
                               wanted, text);
    const char *fault = stripe_amount_fault(*amount, currency);
    return !fault ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "amount", "Amount in %s %s.", currency, fault);
}

static struct till_json *describe_destination(const struct till_json *charge) {
    struct till_json *destination = till_json_object(), *of_type = till_json_object();
    struct till_str type =
        till_json_get_str(till_json_member(charge, "payment_method_details"), "type");
    if (till_str_is(type, "card")) {
        till_json_set_text(of_type, "reference_status", "pending");
        till_json_set_text(of_type, "reference_type", "acquirer_reference_number");
        till_json_set_text(of_type, "type", "refund");
    }
    till_json_set_str(destination, "type", type);
    till_json_set(destination, type.ptr, of_type);
    return destination;
}

static struct till_json *describe_refund(struct sandbox *sandbox, const struct till_json *charge,
                                         int64_t amount, const struct till_json *metadata,
                                         struct till_str reason) {
    struct till_json *json = stripe_shape(sandbox, "refund");
    till_json_set_int(json, "amount", amount);
    till_json_set_copy(json, "charge", till_json_member(charge, "id"));
    till_json_set_copy(json, "currency", till_json_member(charge, "currency"));
    till_json_set_copy(json, "payment_intent", till_json_member(charge, "payment_intent"));
    till_json_set_copy(json, "payment_method", till_json_member(charge, "payment_method"));
    till_json_set(json, "destination_details", describe_destination(charge));
    stripe_set_text(json, "reason", reason);
    if (metadata)
        till_json_set_copy(json, "metadata", metadata);
    return json;
}

/* Negative amount: money comes back. Takes no tree; tells what was before. */
static struct till_json *move(struct sandbox *sandbox, struct stripe_object *charge,
                              int64_t amount) {
    struct till_json *json = stripe_read(charge), *previous = till_json_object();
    int64_t refunded = stripe_int(json, "amount_refunded");
    till_json_set_int(previous, "amount_refunded", refunded);
    bool was_whole = stripe_flag(json, "refunded");
    bool is_whole = refunded + amount == stripe_int(json, "amount");
    if (was_whole != is_whole)
        till_json_set_bool(previous, "refunded", was_whole);
    till_json_set_int(json, "amount_refunded", refunded + amount);
    till_json_set_bool(json, "refunded", is_whole);
    stripe_put(sandbox, charge, json);
    return previous;
}

static bool keep_refund(struct sandbox *sandbox, struct stripe_object *charge,
                        struct till_json *json, struct stripe_object **ret_refund,
                        struct till_error *err) {
    bool is_card = till_str_starts_with(till_str_of(charge->id), TILL_STR("ch_"));
    int64_t amount = stripe_int(json, "amount");
    struct stripe_object *refund =
        stripe_add(sandbox, charge->account, STRIPE_REFUND, is_card ? "re_" : "pyr_", json);
    if (!refund)
        return TILL_FAIL(err, TOO_MANY, "The simulator has no room for more objects.");
    stripe_set_about(refund, till_str_of(charge->about));
    json = stripe_read(refund);
    const struct stripe_object *transaction = stripe_book_transaction(
        sandbox, refund, json, -amount, is_card ? "refund" : "payment_refund", "refund");
    if (transaction)
        till_json_set_text(json, "balance_transaction", transaction->id);
    stripe_put(sandbox, refund, json);
    struct till_json *previous = move(sandbox, charge, amount);
    (void)stripe_emit(sandbox, charge, "charge.refunded", previous);
    (void)stripe_emit(sandbox, refund, "refund.created", NULL);
    till_json_release(previous);
    *ret_refund = refund;
    return true;
}

bool stripe_refund_charge(struct sandbox *sandbox, struct stripe_object *charge, int64_t amount,
                          const struct till_json *metadata, struct till_str reason,
                          struct stripe_object **ret_refund, struct till_error *err) {
    struct till_json *charge_json = stripe_read(charge);
    bool good = judge(charge_json, &amount, err) &&
                keep_refund(sandbox, charge,
                            describe_refund(sandbox, charge_json, amount, metadata, reason),
                            ret_refund, err);
    till_json_release(charge_json);
    return good;
}

bool stripe_fail_refund(struct sandbox *sandbox, struct stripe_object *refund,
                        const char *failure_reason, struct till_error *err) {
    struct till_json *json = stripe_read(refund);
    struct stripe_object *charge =
        stripe_find(sandbox, refund->account, STRIPE_CHARGE, till_json_get_str(json, "charge"));
    struct till_str status = till_json_get_str(json, "status");
    if (!charge || (!till_str_is(status, "succeeded") && !till_str_is(status, "pending"))) {
        (void)TILL_FAIL(err, STATE_CONFLICT, "Refund %s is %.*s already.", refund->id,
                        TILL_STR_ARG(status));
        till_json_release(json);
        return false;
    }
    int64_t amount = stripe_int(json, "amount");
    struct till_json *previous = till_json_object();
    till_json_set_str(previous, "status", status);
    till_json_set_text(json, "status", "failed");
    till_json_set_text(json, "failure_reason", failure_reason);
    const struct stripe_object *transaction =
        stripe_book_transaction(sandbox, refund, json, amount, "refund_failure", "refund_failure");
    if (transaction)
        till_json_set_text(json, "failure_balance_transaction", transaction->id);
    stripe_put(sandbox, refund, json);
    till_json_release(move(sandbox, charge, -amount));
    (void)stripe_emit(sandbox, refund, "refund.failed", previous);
    (void)stripe_emit(sandbox, refund, "refund.updated", previous);
    (void)stripe_emit(sandbox, refund, "charge.refund.updated", previous);
    till_json_release(previous);
    return true;
}

/* By payment_intent or charge. NULL: refused. */
static struct stripe_object *find_charge(struct stripe_call *call) {
    if (stripe_has(call, "charge"))
        return stripe_param_object(call, STRIPE_CHARGE, "charge");
    if (!stripe_has(call, "payment_intent")) {
        (void)STRIPE_INVALID(call, "parameter_missing", NULL,
                             "One of the following params should be provided for this request: "
                             "payment_intent or charge.");
        return NULL;
    }
    const struct stripe_object *intent = stripe_param_object(call, STRIPE_INTENT, "payment_intent");
    struct stripe_object *charge = intent ? stripe_latest_charge(call->sandbox, intent) : NULL;
    if (intent && !charge)
        (void)STRIPE_INVALID(call, NULL, "payment_intent",
                             "This PaymentIntent (%s) does not have a successful charge to "
                             "refund.",
                             intent->id);
    return charge;
}

static bool refuse(struct stripe_call *call, const struct till_error *err,
                   const struct stripe_object *charge) {
    struct till_json *json = stripe_read(charge);
    bool is_whole = stripe_flag(json, "refunded"), is_disputed = stripe_flag(json, "disputed");
    till_json_release(json);
    if (err->code == TILL_E_TOO_MANY)
        return stripe_no_room(call);
    if (err->code == TILL_E_FIELD_INVALID)
        return STRIPE_INVALID(call, NULL, "amount", "%s", err->text);
    return STRIPE_INVALID(call,
                          is_disputed ? "charge_disputed"
                          : is_whole  ? "charge_already_refunded"
                                      : NULL,
                          NULL, "%s", err->text);
}

bool stripe_create_refund(struct stripe_call *call) {
    struct stripe_object *charge = find_charge(call), *refund = NULL;
    struct till_error err;
    if (!charge)
        return false;
    int64_t amount = stripe_param_int(call, "amount", 0);
    if (stripe_has(call, "amount") && amount < 1)
        return STRIPE_INVALID(call, "parameter_invalid_integer", "amount",
                              "Invalid positive integer");
    struct till_json *metadata = till_json_object();
    bool good = stripe_merge_metadata(call, "metadata", metadata, "metadata");
    if (good &&
        !stripe_refund_charge(call->sandbox, charge, amount, till_json_member(metadata, "metadata"),
                              stripe_param(call, "reason"), &refund, &err))
        good = refuse(call, &err, charge);
    till_json_release(metadata);
    return good && refund && stripe_answer_object(call, refund);
}

bool stripe_get_refund(struct stripe_call *call) {
    const struct stripe_object *refund = stripe_segment_object(call, STRIPE_REFUND, "id");
    return refund && stripe_answer_object(call, refund);
}

bool stripe_update_refund(struct stripe_call *call) {
    struct stripe_object *refund = stripe_segment_object(call, STRIPE_REFUND, "id");
    struct till_json *json = refund ? stripe_read(refund) : NULL;
    struct till_json *previous = refund ? till_json_object() : NULL;
    if (!refund)
        return false;
    till_json_set_copy(previous, "metadata", till_json_member(json, "metadata"));
    bool good = stripe_merge_metadata(call, "metadata", json, "metadata");
    if (good) {
        stripe_put(call->sandbox, refund, json);
        (void)stripe_emit(call->sandbox, refund, "refund.updated", previous);
        (void)stripe_emit(call->sandbox, refund, "charge.refund.updated", previous);
    } else {
        till_json_release(json);
    }
    till_json_release(previous);
    return good && stripe_answer_object(call, refund);
}

bool stripe_cancel_refund(struct stripe_call *call) {
    const struct stripe_object *refund = stripe_segment_object(call, STRIPE_REFUND, "id");
    return refund && STRIPE_INVALID(call, NULL, NULL,
                                    "You can only cancel a refund with the status "
                                    "`requires_action`.");
}

static bool fits(const struct stripe_call *call, const struct till_json *json) {
    return !stripe_has(call, "charge") ||
           till_str_equal(stripe_param(call, "charge"), till_json_get_str(json, "charge"));
}

bool stripe_list_refunds(struct stripe_call *call) {
    const struct stripe_object *intent = stripe_param_object(call, STRIPE_INTENT, "payment_intent");
    const struct stripe_object *charge = stripe_param_object(call, STRIPE_CHARGE, "charge");
    if ((stripe_has(call, "payment_intent") && !intent) || (stripe_has(call, "charge") && !charge))
        return false;
    return stripe_answer_list(call, STRIPE_REFUND, intent ? intent->id : NULL, fits);
}
