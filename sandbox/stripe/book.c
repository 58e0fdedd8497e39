/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, objects, ids; see stripe.h. */
#include <sandbox/stripe/idempotency.h>
#include <sandbox/stripe/mail.h>
#include <sandbox/stripe/stripe.h>

#include "stripe_shapes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNTER_CHARACTERS = 6, TEXT_BYTES = 1024 * 1024, KEY_MIN = 16, KEY_MAX = 255 };

static const struct {
    const char *name, *prefix;
} kinds[STRIPE_KINDS] = {
    [STRIPE_SESSION] = {"checkout.session", "cs_test_a1"},
    [STRIPE_INTENT] = {"payment_intent", "pi_"},
    [STRIPE_CHARGE] = {"charge", "ch_"},
    [STRIPE_REFUND] = {"refund", "re_"},
    [STRIPE_TRANSACTION] = {"balance_transaction", "txn_"},
    [STRIPE_ENDPOINT] = {"webhook_endpoint", "we_"},
    [STRIPE_EVENT] = {"event", "evt_"},
    [STRIPE_CUSTOMER] = {"customer", "cus_"},
    [STRIPE_METHOD] = {"payment_method", "pm_"},
    [STRIPE_PRODUCT] = {"product", "prod_"},
    [STRIPE_PRICE] = {"price", "price_"},
};

const char *stripe_kind_name(enum stripe_kind kind) {
    return kinds[kind].name;
}

const char *stripe_kind_prefix(enum stripe_kind kind) {
    return kinds[kind].prefix;
}

bool stripe_book_open(struct sandbox *sandbox) {
    struct till_error err;
    sandbox->stripe = calloc(1, sizeof *sandbox->stripe);
    if (!sandbox->stripe)
        return false;
    sandbox->stripe->kept_end = &sandbox->stripe->kept_first;
    bool read = till_json_parse((struct till_str){stripe_shapes, sizeof stripe_shapes},
                                &sandbox->stripe->shapes, &err);
    assert(read || err.code == TILL_E_OUT_OF_MEMORY);
    return read;
}

static void free_objects(struct stripe_account *account) {
    for (int kind = 0; kind < STRIPE_KINDS; kind++)
        for (struct stripe_object *object = account->newest[kind], *older; object; object = older) {
            older = object->older;
            free(object->text);
            free(object->hidden);
            free(object);
        }
}

void stripe_book_close(struct sandbox *sandbox) {
    struct stripe_book *book = sandbox->stripe;
    if (!book)
        return;
    stripe_kept_free_all(book);
    for (struct stripe_account *account = book->accounts, *next; account; account = next) {
        next = account->next;
        free_objects(account);
        free(account);
    }
    stripe_mail_free(book->mail);
    till_json_release(book->shapes);
    free(book);
    sandbox->stripe = NULL;
}

bool stripe_key_is_ours(struct till_str key) {
    if (key.len < KEY_MIN || key.len > KEY_MAX ||
        (!till_str_starts_with(key, TILL_STR("sk_test_")) &&
         !till_str_starts_with(key, TILL_STR("rk_test_"))))
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && c != '_')
            return false;
    }
    return true;
}

/* Nothing of a text that is too short to hide something. */
void stripe_key_mask(struct till_str key, char *out) {
    static const char *const prefixes[] = {"sk_test_", "rk_test_", "sk_live_", "rk_live_",
                                           "pk_test_", "pk_live_", ""};
    size_t prefix = 0;
    while (!till_str_starts_with(key, till_str_of(prefixes[prefix])))
        prefix++;
    bool shows = key.len >= strlen(prefixes[prefix]) + 12 && till_str_is_printable_ascii(key);
    struct till_str tail = shows ? till_str_sub(key, key.len - 4, 4) : TILL_STR_NONE;
    snprintf(out, STRIPE_KEY_MASKED, "%s********************%.*s", prefixes[prefix],
             TILL_STR_ARG(tail));
}

static void digest_key(struct till_str key, char out[65]) {
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256(key, digest);
    till_hex_encode(digest, sizeof digest, out);
}

struct stripe_account *stripe_account_find(struct sandbox *sandbox, struct till_str key) {
    char digest[65];
    digest_key(key, digest);
    struct stripe_account *account = sandbox->stripe->accounts;
    while (account && strcmp(account->key_digest, digest) != 0)
        account = account->next;
    return account;
}

struct stripe_account *stripe_account_find_id(struct sandbox *sandbox, struct till_str id) {
    struct stripe_account *account = sandbox->stripe->accounts;
    while (account && !till_str_is(id, account->id))
        account = account->next;
    return account;
}

struct stripe_account *stripe_account_obtain(struct sandbox *sandbox, struct till_str key) {
    struct stripe_book *book = sandbox->stripe;
    struct stripe_account *account = stripe_account_find(sandbox, key);
    if (account || book->account_count >= STRIPE_ACCOUNTS_MAX)
        return account;
    account = calloc(1, sizeof *account);
    if (!account)
        return NULL;
    stripe_make_id(sandbox, "acct_1", 15, account->id);
    digest_key(key, account->key_digest);
    stripe_key_mask(key, account->key_masked);
    snprintf(account->api_version, sizeof account->api_version, "%s", STRIPE_DEFAULT_VERSION);
    account->created_us = platform_now_us(sandbox);
    account->next = book->accounts;
    book->accounts = account;
    book->account_count++;
    platform_changed(sandbox);
    return account;
}

/* The tail is the sandbox's counter: never twice, also with the same seed after a restart. */
void stripe_make_id(struct sandbox *sandbox, const char *prefix, size_t count, char *out) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t begin = strlen(prefix), end = begin + count;
    assert(count > COUNTER_CHARACTERS && end < STRIPE_ID);
    memcpy(out, prefix, begin);
    for (size_t i = begin; i < end - COUNTER_CHARACTERS; i++)
        out[i] = letters[platform_random(sandbox) % 62];
    uint64_t counter = ++sandbox->counter;
    for (size_t i = 0; i < COUNTER_CHARACTERS; i++, counter /= 62)
        out[end - 1 - i] = letters[counter % 62];
    out[end] = '\0';
}

struct till_json *stripe_shape(struct sandbox *sandbox, const char *name) {
    const struct till_json *shape = till_json_member(sandbox->stripe->shapes, name);
    assert(shape);
    return till_json_copy(shape);
}

static char *print(const struct till_json *json) {
    struct till_arena arena;
    struct till_str text;
    struct till_error err;
    char *copy = NULL;
    till_arena_init(&arena, TEXT_BYTES);
    if (till_json_write(&arena, json, TILL_JSON_COMPACT, &text, &err) &&
        (copy = malloc(text.len + 1))) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    till_arena_clean_up(&arena);
    return copy;
}

/* Takes the tree. */
static void replace(struct sandbox *sandbox, char **place, struct till_json *json) {
    char *text = print(json);
    till_json_release(json);
    if (!text) {
        sandbox->stripe->starved = true;
        return;
    }
    free(*place);
    *place = text;
    platform_changed(sandbox);
}

void stripe_put(struct sandbox *sandbox, struct stripe_object *object, struct till_json *json) {
    replace(sandbox, &object->text, json);
}

void stripe_put_hidden(struct sandbox *sandbox, struct stripe_object *object,
                       struct till_json *json) {
    replace(sandbox, &object->hidden, json);
}

void stripe_set_about(struct stripe_object *object, struct till_str id) {
    snprintf(object->about, sizeof object->about, "%.*s", TILL_STR_ARG(id));
}

static struct till_json *parse(const char *text) {
    struct till_json *json = NULL;
    struct till_error err;
    return text && till_json_parse(till_str_of(text), &json, &err) ? json : NULL;
}

struct till_json *stripe_read(const struct stripe_object *object) {
    return parse(object->text);
}

struct till_json *stripe_read_hidden(const struct stripe_object *object) {
    return object->hidden ? parse(object->hidden) : till_json_object();
}

void stripe_enter_object(struct sandbox *sandbox, struct stripe_object *object) {
    struct stripe_book *book = sandbox->stripe;
    struct stripe_object **newest = &object->account->newest[object->kind];
    struct stripe_object **bucket =
        &book->by_id[platform_bucket(till_str_of(object->id), TILL_STR_NONE)];
    object->older = *newest;
    if (*newest)
        (*newest)->newer = object;
    *newest = object;
    object->next_by_id = *bucket;
    *bucket = object;
    book->object_count++;
    platform_changed(sandbox);
}

static size_t id_length(enum stripe_kind kind) {
    switch (kind) {
    case STRIPE_SESSION:
        return 56;
    case STRIPE_CUSTOMER:
    case STRIPE_PRODUCT:
        return 14;
    default:
        return 24;
    }
}

struct stripe_object *stripe_add(struct sandbox *sandbox, struct stripe_account *account,
                                 enum stripe_kind kind, const char *id_prefix,
                                 struct till_json *json) {
    struct stripe_book *book = sandbox->stripe;
    struct stripe_object *object =
        book->object_count < STRIPE_OBJECTS_MAX ? calloc(1, sizeof *object) : NULL;
    if (!object) {
        book->starved = true;
        till_json_release(json);
        return NULL;
    }
    object->account = account;
    object->kind = kind;
    object->created_us = platform_now_us(sandbox);
    stripe_make_id(sandbox, id_prefix ? id_prefix : kinds[kind].prefix, id_length(kind),
                   object->id);
    till_json_set_text(json, "id", object->id);
    if (till_json_member(json, "created"))
        till_json_set_int(json, "created", object->created_us / PLATFORM_SECOND_US);
    stripe_put(sandbox, object, json);
    if (!object->text) {
        free(object);
        return NULL;
    }
    stripe_enter_object(sandbox, object);
    return object;
}

struct stripe_object *stripe_find_any(struct sandbox *sandbox, const struct stripe_account *account,
                                      struct till_str id) {
    struct stripe_object *object = sandbox->stripe->by_id[platform_bucket(id, TILL_STR_NONE)];
    while (object && (object->is_deleted || (account && object->account != account) ||
                      !till_str_is(id, object->id)))
        object = object->next_by_id;
    return object;
}

struct stripe_object *stripe_find(struct sandbox *sandbox, const struct stripe_account *account,
                                  enum stripe_kind kind, struct till_str id) {
    struct stripe_object *object = stripe_find_any(sandbox, account, id);
    return object && object->kind == kind ? object : NULL;
}

struct stripe_object *stripe_find_anywhere(struct sandbox *sandbox, enum stripe_kind kind,
                                           struct till_str id) {
    return stripe_find(sandbox, NULL, kind, id);
}

int64_t stripe_int(const struct till_json *json, const char *name) {
    int64_t value = 0;
    return till_json_get_int(json, name, &value) ? value : 0;
}

bool stripe_flag(const struct till_json *json, const char *name) {
    struct till_error err;
    bool value = false;
    return till_json_want_bool(json, name, &value, &err) && value;
}

void stripe_set_text(struct till_json *json, const char *name, struct till_str value) {
    if (value.len)
        till_json_set_str(json, name, value);
    else
        till_json_set_null(json, name);
}

struct till_json *stripe_copy_member(const struct till_json *json, const char *name) {
    const struct till_json *member = till_json_member(json, name);
    return member ? till_json_copy(member) : till_json_object();
}
