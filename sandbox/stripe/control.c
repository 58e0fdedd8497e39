/* SPDX-License-Identifier: Apache-2.0 */
/* /control/stripe: accounts, sessions and what people do to them, the books. */
#include <sandbox/stripe/card.h>
#include <sandbox/stripe/pages.h>

enum { LIST_MAX = 500, SECONDS_MAX = 90 * 86400 };

/* Accounts in their order, in each the newest object first. */
static struct stripe_object *first_from(struct stripe_account *account, enum stripe_kind kind) {
    while (account && !account->newest[kind])
        account = account->next;
    return account ? account->newest[kind] : NULL;
}

struct stripe_object *stripe_first(struct sandbox *sandbox, enum stripe_kind kind) {
    return first_from(sandbox->stripe->accounts, kind);
}

struct stripe_object *stripe_next(const struct stripe_object *object) {
    return object->older ? object->older : first_from(object->account->next, object->kind);
}

void stripe_control_accounts(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    platform_lock(web->sandbox);
    const struct stripe_account *account = web->sandbox->stripe->accounts;
    for (; account; account = account->next) {
        struct till_json *row = till_json_object();
        till_json_set_text(row, "id", account->id);
        till_json_set_text(row, "key", account->key_masked);
        till_json_set_text(row, "api_version", account->api_version);
        till_json_append(list, row);
    }
    platform_unlock(web->sandbox);
    till_json_set(json, "accounts", list);
    web_json(web, 200, json);
}

void stripe_control_sessions(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    int left = LIST_MAX;
    platform_lock(web->sandbox);
    struct stripe_object *session = stripe_first(web->sandbox, STRIPE_SESSION);
    for (; session && left-- > 0; session = stripe_next(session)) {
        struct till_json *row = stripe_read(session);
        till_json_set_text(row, "account", session->account->id);
        till_json_append(list, row);
    }
    platform_unlock(web->sandbox);
    till_json_set(json, "sessions", list);
    web_json(web, 200, json);
}

/* The session as a GET answers it, with its charge and refunds. */
static struct till_json *describe(struct sandbox *sandbox, const struct stripe_object *session) {
    struct till_json *json = till_json_object(), *refunds = till_json_array();
    const struct stripe_object *charge = stripe_charge_of(sandbox, session);
    till_json_set(json, "session", stripe_read(session));
    if (charge)
        till_json_set(json, "charge", stripe_read(charge));
    const struct stripe_object *refund = session->account->newest[STRIPE_REFUND];
    for (; refund && charge; refund = refund->older)
        if (strcmp(refund->about, charge->about) == 0)
            till_json_append(refunds, stripe_read(refund));
    till_json_set(json, "refunds", refunds);
    return json;
}

/* By its own id, or by the merchant's client_reference_id, the newest. Locked. */
static struct stripe_object *find(struct web *web) {
    struct till_str name = platform_keep(web->arena, web->segments[0]); /* with a NUL behind it */
    struct stripe_object *session = stripe_find_anywhere(web->sandbox, STRIPE_SESSION, name);
    if (session)
        return session;
    session = stripe_first(web->sandbox, STRIPE_SESSION);
    for (; session; session = stripe_next(session)) {
        if (!strstr(session->text, name.ptr)) /* most: there are many, and each would be read */
            continue;
        TILL_JSON_SCOPED struct till_json *json = stripe_read(session);
        if (till_str_equal(till_json_get_str(json, "client_reference_id"), name))
            return session;
    }
    return NULL;
}

void stripe_control_session(struct web *web) {
    platform_lock(web->sandbox);
    struct stripe_object *session = find(web);
    struct till_json *json = session ? describe(web->sandbox, session) : NULL;
    platform_unlock(web->sandbox);
    if (json)
        web_json(web, 200, json);
    else
        web_text(web, 404, "There is no such session.\n");
}

/* A method by name or token, or the digits of a test card. */
static bool read_method(struct web *web, struct till_str *ret_method, struct till_error *err) {
    struct till_str method = web_value(web, "method"), number = web_value(web, "card");
    if (number.len) {
        const struct stripe_card *card = stripe_card_read(number);
        *ret_method = till_str_of(card->number ? card->number : "");
        return card->number || TILL_FAIL_FIELD(err, FIELD_INVALID, "/card", "%s", card->english);
    }
    *ret_method = method.len ? method : TILL_STR("card");
    return true;
}

static bool decline(struct web *web, struct stripe_object *session, struct till_error *err) {
    struct till_str code = web_value(web, "code");
    const struct stripe_card *card =
        stripe_card_of_code(code.len ? code : TILL_STR("generic_decline"));
    if (!card || !card->number)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/code",
                               "Name a decline code of a test card, such as insufficient_funds.");
    return stripe_pay_session(web->sandbox, session, till_str_of(card->number), err) ||
           err->code == TILL_E_CHANNEL_DECLINED;
}

/* "succeeds" unless told otherwise. */
static bool read_outcome(struct web *web, bool *ret_comes, struct till_error *err) {
    struct till_str outcome = web_value(web, "outcome");
    *ret_comes = !till_str_is(outcome, "fails");
    return outcome.len == 0 || !*ret_comes || till_str_is(outcome, "succeeds") ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/outcome", "outcome is succeeds or fails.");
}

static bool read_seconds(struct web *web, const char *name, int64_t otherwise, int64_t *ret_seconds,
                         struct till_error *err) {
    *ret_seconds = web_number(web, name, otherwise);
    return (*ret_seconds >= 0 && *ret_seconds <= SECONDS_MAX) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/seconds", "Seconds are 0 to %d.", SECONDS_MAX);
}

static bool pay_later(struct web *web, struct stripe_object *session, struct till_error *err) {
    struct till_str method;
    int64_t seconds;
    bool comes;
    return read_method(web, &method, err) && read_outcome(web, &comes, err) &&
           read_seconds(web, "seconds", STRIPE_LATER_S, &seconds, err) &&
           stripe_buyer_pays_later(web->sandbox, session, method, seconds, comes, err);
}

static bool refund(struct web *web, struct stripe_object *session, struct till_error *err) {
    struct stripe_object *made = NULL;
    int64_t seconds, amount = web_number(web, "amount", 0);
    if (amount < 0)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/amount",
                               "Give the platform's smallest units, or nothing for all of it.");
    if (!read_seconds(web, "fails_in_seconds", 0, &seconds, err) ||
        !stripe_dashboard_refund(web->sandbox, session, amount, &made, err))
        return false;
    if (seconds > 0)
        stripe_refund_fails_later(web->sandbox, made, seconds);
    return true;
}

bool stripe_act_session(struct web *web, struct stripe_object *session, struct till_str action,
                        struct till_error *err) {
    struct till_str method;
    bool comes;
    if (till_str_is(action, "pay"))
        return read_method(web, &method, err) &&
               stripe_buyer_pays(web->sandbox, session, method, err);
    if (till_str_is(action, "decline"))
        return decline(web, session, err);
    if (till_str_is(action, "pay-later"))
        return pay_later(web, session, err);
    if (till_str_is(action, "settle"))
        return read_outcome(web, &comes, err) &&
               stripe_settle_session(web->sandbox, session, comes, err);
    if (till_str_is(action, "expire"))
        return stripe_expire_session(web->sandbox, session, err);
    if (till_str_is(action, "refund"))
        return refund(web, session, err);
    return TILL_FAIL_FIELD(err, FIELD_INVALID, "/action",
                           "Actions are pay, decline, pay-later, settle, expire and refund.");
}

void stripe_control_session_act(struct web *web) {
    struct till_json *json = NULL;
    struct till_error err;
    bool acted = false;
    platform_lock(web->sandbox);
    struct stripe_object *session = find(web);
    if (session)
        acted = stripe_act_session(web, session, web->segments[1], &err);
    if (acted)
        json = describe(web->sandbox, session);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (!session)
        web_text(web, 404, "There is no such session.\n");
    else if (!acted)
        web_error(web, &err);
    else
        web_json(web, 200, json);
}

/* Of one currency. */
struct sums {
    char currency[4];
    int64_t received, refunded, moved, fees;
};

enum { CURRENCIES_MAX = 200 };

struct books {
    struct sums sums[CURRENCIES_MAX];
    size_t count;
};

static struct sums *sums_of(struct books *books, const struct till_json *json) {
    struct till_str currency = till_json_get_str(json, "currency");
    for (size_t i = 0; i < books->count; i++)
        if (till_str_is(currency, books->sums[i].currency))
            return &books->sums[i];
    if (books->count == CURRENCIES_MAX || currency.len != 3)
        return &books->sums[0];
    struct sums *sums = &books->sums[books->count++];
    memcpy(sums->currency, currency.ptr, 3);
    return sums;
}

static void add_charge(struct books *books, const struct till_json *json) {
    struct sums *sums = sums_of(books, json);
    if (stripe_flag(json, "paid"))
        sums->received += stripe_int(json, "amount_captured");
    sums->refunded += stripe_int(json, "amount_refunded");
}

static void add_transaction(struct books *books, const struct till_json *json) {
    struct sums *sums = sums_of(books, json);
    sums->moved += stripe_int(json, "amount");
    sums->fees += stripe_int(json, "fee");
}

static int64_t add_all(struct sandbox *sandbox, enum stripe_kind kind, struct books *books,
                       void (*add)(struct books *books, const struct till_json *json)) {
    int64_t count = 0;
    struct stripe_object *object = stripe_first(sandbox, kind);
    for (; object; object = stripe_next(object), count++) {
        TILL_JSON_SCOPED struct till_json *json = add ? stripe_read(object) : NULL;
        if (json)
            add(books, json);
    }
    return count;
}

/* What charges say must be what balance transactions moved, currency by currency. */
static void describe_sums(const struct books *books, struct till_json *json) {
    struct till_json *list = till_json_array();
    bool conserved = true;
    for (size_t i = 0; i < books->count; i++) {
        const struct sums *sums = &books->sums[i];
        struct till_json *row = till_json_object();
        till_json_set_text(row, "currency", sums->currency);
        till_json_set_int(row, "received", sums->received);
        till_json_set_int(row, "refunded", sums->refunded);
        till_json_set_int(row, "balance", sums->moved);
        till_json_set_int(row, "fees", sums->fees);
        till_json_append(list, row);
        conserved = conserved && sums->moved == sums->received - sums->refunded;
    }
    till_json_set(json, "currencies", list);
    till_json_set_bool(json, "conserved", conserved);
}

void stripe_control_books(struct web *web) {
    struct books *books = till_arena_alloc(web->arena, sizeof *books);
    struct till_json *json = till_json_object();
    struct sandbox *sandbox = web->sandbox;
    if (!books) {
        web_text(web, 500, "There is no memory for this.\n");
        till_json_release(json);
        return;
    }
    *books = (struct books){.count = 0};
    platform_lock(sandbox);
    till_json_set_int(json, "accounts", (int64_t)sandbox->stripe->account_count);
    till_json_set_int(json, "sessions", add_all(sandbox, STRIPE_SESSION, books, NULL));
    till_json_set_int(json, "charges", add_all(sandbox, STRIPE_CHARGE, books, add_charge));
    till_json_set_int(json, "refunds", add_all(sandbox, STRIPE_REFUND, books, NULL));
    (void)add_all(sandbox, STRIPE_TRANSACTION, books, add_transaction);
    till_json_set_int(json, "events", add_all(sandbox, STRIPE_EVENT, books, NULL));
    platform_unlock(sandbox);
    describe_sums(books, json);
    web_json(web, 200, json);
}
