/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a session: the buyer pays, or later, or the bank says no; or its time is over. */
#include <sandbox/stripe/pay.h>

#include <stdio.h>

static bool is_open(const struct till_json *json) {
    return till_str_is(till_json_get_str(json, "status"), "open");
}

static bool refuse_closed(const struct till_json *json, struct till_error *err) {
    return TILL_FAIL(err, STATE_CONFLICT, "This Checkout Session is not open any more: it is %.*s.",
                     TILL_STR_ARG(till_json_get_str(json, "status")));
}

static bool offers(const struct till_json *json, const char *type) {
    const struct till_json *types = till_json_member(json, "payment_method_types");
    for (size_t i = 0; i < till_json_size(types); i++)
        if (till_str_is(till_json_str(till_json_element(types, i)), type))
            return true;
    return false;
}

static const struct stripe_instrument *choose(const struct till_json *json, struct till_str method,
                                              struct till_error *err) {
    const struct stripe_instrument *instrument = stripe_instrument_find(method);
    if (!instrument)
        (void)TILL_FAIL(err, FIELD_INVALID,
                        "%.*s is no test card, no test token and no method; try pm_card_visa.",
                        TILL_STR_ARG(till_str_cut_utf8(method, 60)));
    else if (!offers(json, instrument->type)) {
        (void)TILL_FAIL(err, FIELD_INVALID, "This Checkout Session does not offer %s.",
                        instrument->type);
        return NULL;
    }
    return instrument;
}

/* The intent is made when the buyer confirms first (since 2022-08-01). */
static struct stripe_object *obtain_intent(struct sandbox *sandbox, struct stripe_object *session,
                                           struct till_json *json) {
    struct stripe_object *intent = stripe_find(sandbox, session->account, STRIPE_INTENT,
                                               till_json_get_str(json, "payment_intent"));
    if (intent)
        return intent;
    struct till_json *hidden = stripe_read_hidden(session);
    struct till_json *made = stripe_shape(sandbox, "payment_intent");
    const struct till_json *wanted = till_json_member(hidden, "intent"), *value;
    struct till_str name;
    for (size_t i = 0; till_json_member_at(wanted, i, &name, &value); i++)
        till_json_set_copy(made, name.ptr, value);
    till_json_set_copy(made, "amount", till_json_member(json, "amount_total"));
    till_json_set_copy(made, "currency", till_json_member(json, "currency"));
    till_json_set_copy(made, "customer", till_json_member(json, "customer"));
    till_json_set_copy(made, "payment_method_types",
                       till_json_member(json, "payment_method_types"));
    till_json_set_copy(made, "payment_method_options",
                       till_json_member(json, "payment_method_options"));
    till_json_release(hidden);
    intent = stripe_add(sandbox, session->account, STRIPE_INTENT, NULL, made);
    if (!intent)
        return NULL;
    stripe_intent_set_secret(sandbox, intent);
    stripe_set_about(intent, till_str_of(session->id));
    stripe_set_about(session, till_str_of(intent->id));
    till_json_set_text(json, "payment_intent", intent->id);
    return intent;
}

static void set_customer(struct till_json *json) {
    struct till_json *details = till_json_object(), *address = till_json_object();
    static const char *const empty[] = {"city", "line1", "line2", "postal_code", "state"};
    struct till_str email = till_json_get_str(json, "customer_email");
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        till_json_set_null(address, empty[i]);
    till_json_set_text(address, "country", "HK");
    till_json_set(details, "address", address);
    till_json_set_str(details, "email", email.len ? email : TILL_STR("buyer@example.com"));
    till_json_set_null(details, "business_name");
    till_json_set_null(details, "individual_name");
    till_json_set_text(details, "name", "Test Buyer");
    till_json_set_null(details, "phone");
    till_json_set_text(details, "tax_exempt", "none");
    till_json_set(details, "tax_ids", till_json_array());
    till_json_set(json, "customer_details", details);
}

/* Takes the tree. */
static void complete(struct sandbox *sandbox, struct stripe_object *session, struct till_json *json,
                     enum stripe_end end) {
    bool is_paid = end == STRIPE_END_PAID;
    till_json_set_text(json, "status", "complete");
    till_json_set_text(json, "payment_status", is_paid ? "paid" : "unpaid");
    till_json_set_null(json, "url");
    set_customer(json);
    stripe_put(sandbox, session, json);
    (void)stripe_emit(sandbox, session, "checkout.session.completed", NULL);
}

static bool decline(const struct stripe_instrument *instrument, struct till_error *err) {
    const char *code = instrument->decline_code ? instrument->decline_code : instrument->code;
    (void)TILL_FAIL(err, CHANNEL_DECLINED, "%s", instrument->message);
    snprintf(err->peer, sizeof err->peer, "%s", code);
    return false;
}

/* Takes the tree. */
static bool confirm(struct sandbox *sandbox, struct stripe_object *session, struct till_json *json,
                    const struct stripe_instrument *instrument, bool later,
                    struct till_error *err) {
    bool is_new = !till_json_is_string(till_json_member(json, "payment_intent"));
    struct stripe_object *intent = obtain_intent(sandbox, session, json);
    struct stripe_object *method = stripe_method_make(sandbox, session->account, instrument);
    if (!intent || !method) {
        till_json_release(json);
        return TILL_FAIL(err, TOO_MANY, "The simulator has no room for more objects.");
    }
    if (is_new)
        (void)stripe_emit(sandbox, intent, "payment_intent.created", NULL);
    enum stripe_end end = stripe_charge_intent(sandbox, intent, method, later);
    if (end == STRIPE_END_DECLINED) {
        stripe_put(sandbox, session, json);
        return decline(instrument, err);
    }
    complete(sandbox, session, json, end);
    return true;
}

static bool pay(struct sandbox *sandbox, struct stripe_object *session, struct till_str method,
                bool later, struct till_error *err) {
    stripe_session_due(sandbox, session, platform_now_us(sandbox));
    struct till_json *json = stripe_read(session);
    if (!is_open(json)) {
        (void)refuse_closed(json, err);
        till_json_release(json);
        return false;
    }
    const struct stripe_instrument *instrument = choose(json, method, err);
    if (!instrument) {
        till_json_release(json);
        return false;
    }
    return confirm(sandbox, session, json, instrument, later, err);
}

bool stripe_pay_session(struct sandbox *sandbox, struct stripe_object *session,
                        struct till_str method, struct till_error *err) {
    return pay(sandbox, session, method, false, err);
}

bool stripe_pay_session_later(struct sandbox *sandbox, struct stripe_object *session,
                              struct till_str method, struct till_error *err) {
    return pay(sandbox, session, method, true, err);
}

bool stripe_settle_session(struct sandbox *sandbox, struct stripe_object *session, bool has_come,
                           struct till_error *err) {
    struct till_json *json = stripe_read(session);
    struct stripe_object *intent = stripe_find(sandbox, session->account, STRIPE_INTENT,
                                               till_json_get_str(json, "payment_intent"));
    struct till_json *intent_json = intent ? stripe_read(intent) : NULL;
    bool is_under_way = till_str_is(till_json_get_str(intent_json, "status"), "processing");
    till_json_release(intent_json);
    if (!is_under_way) {
        till_json_release(json);
        return TILL_FAIL(err, STATE_CONFLICT, "No payment of this Checkout Session is under way.");
    }
    stripe_settle_intent(sandbox, intent, has_come);
    if (has_come)
        till_json_set_text(json, "payment_status", "paid");
    stripe_put(sandbox, session, json);
    (void)stripe_emit(sandbox, session,
                      has_come ? "checkout.session.async_payment_succeeded"
                               : "checkout.session.async_payment_failed",
                      NULL);
    return true;
}

bool stripe_expire_session(struct sandbox *sandbox, struct stripe_object *session,
                           struct till_error *err) {
    struct till_json *json = stripe_read(session);
    if (!is_open(json)) {
        (void)TILL_FAIL(err, STATE_CONFLICT,
                        "Only Checkout Sessions with a status in [\"open\"] can be expired. This "
                        "Checkout Session has a status of `%.*s`.",
                        TILL_STR_ARG(till_json_get_str(json, "status")));
        till_json_release(json);
        return false;
    }
    till_json_set_text(json, "status", "expired");
    till_json_set_null(json, "url");
    struct stripe_object *intent = stripe_find(sandbox, session->account, STRIPE_INTENT,
                                               till_json_get_str(json, "payment_intent"));
    stripe_put(sandbox, session, json);
    if (intent)
        stripe_void_intent(sandbox, intent, "expired");
    (void)stripe_emit(sandbox, session, "checkout.session.expired", NULL);
    return true;
}

void stripe_session_due(struct sandbox *sandbox, struct stripe_object *session, int64_t now_us) {
    struct till_json *json = stripe_read(session);
    struct till_error err;
    bool is_over = is_open(json) && now_us >= stripe_int(json, "expires_at") * PLATFORM_SECOND_US;
    till_json_release(json);
    if (!is_over)
        return;
    const struct stripe_cause *cause = sandbox->stripe->cause;
    sandbox->stripe->cause = NULL; /* the clock's doing, whoever looked */
    if (!stripe_expire_session(sandbox, session, &err))
        log_failure(sandbox->log, LOG_ERROR, "sandbox_stripe_expiry", &err);
    sandbox->stripe->cause = cause;
}
