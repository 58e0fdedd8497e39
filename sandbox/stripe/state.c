/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the state file (sandbox/state.h): accounts, objects, kept answers. */
#include <sandbox/state.h>
#include <sandbox/stripe/buyer.h>
#include <sandbox/stripe/idempotency.h>
#include <sandbox/stripe/mail.h>

#include <stdio.h>
#include <stdlib.h>

typedef void row_writer(void *page, struct till_json *row);

static struct till_json *account_row(const struct stripe_account *account) {
    struct till_json *row = state_row("stripe_account");
    till_json_set_text(row, "id", account->id);
    till_json_set_text(row, "key_digest", account->key_digest);
    till_json_set_text(row, "key_masked", account->key_masked);
    till_json_set_text(row, "api_version", account->api_version);
    till_json_set_int(row, "created_us", account->created_us);
    return row;
}

static struct till_json *object_row(const struct stripe_object *object) {
    struct till_json *row = state_row("stripe_object");
    till_json_set_text(row, "account", object->account->id);
    till_json_set_text(row, "type", stripe_kind_name(object->kind));
    till_json_set_text(row, "id", object->id);
    till_json_set_text(row, "about", object->about);
    till_json_set_int(row, "created_us", object->created_us);
    till_json_set_bool(row, "is_deleted", object->is_deleted);
    till_json_set_text(row, "text", object->text);
    till_json_set_text(row, "hidden", object->hidden ? object->hidden : "");
    return row;
}

/* Oldest first, so that loading puts everything back in its order. */
static void write_objects(const struct stripe_account *account, row_writer *write, void *page) {
    for (int kind = 0; kind < STRIPE_KINDS; kind++) {
        const struct stripe_object *object = account->newest[kind];
        while (object && object->older)
            object = object->older;
        for (; object; object = object->newer)
            write(page, object_row(object));
    }
}

/* What runs now will have an answer in the next file. */
static void write_kept(const struct stripe_kept *kept, row_writer *write, void *page) {
    if (kept->status == 0)
        return;
    struct till_json *row = state_row("stripe_kept");
    till_json_set_text(row, "account", kept->account->id);
    till_json_set_text(row, "key", kept->key);
    till_json_set_text(row, "fingerprint", kept->fingerprint);
    till_json_set_text(row, "request_id", kept->request_id);
    till_json_set_int(row, "at_us", kept->at_us);
    till_json_set_int(row, "status", kept->status);
    till_json_set_text(row, "body", kept->body);
    write(page, row);
}

void stripe_state_write(const struct sandbox *sandbox, row_writer *write, void *page) {
    const struct stripe_account *account = sandbox->stripe->accounts;
    for (; account; account = account->next) {
        write(page, account_row(account));
        write_objects(account, write, page);
    }
    for (const struct stripe_kept *kept = sandbox->stripe->kept_first; kept; kept = kept->next)
        write_kept(kept, write, page);
    stripe_mail_write(sandbox, write, page);
}

static bool damaged(struct till_error *err, const char *what) {
    return TILL_FAIL(err, STORE_DAMAGED, "The sandbox's state has a wrong %s.", what);
}

static void copy(char *to, size_t room, const struct till_json *row, const char *name) {
    snprintf(to, room, "%.*s", TILL_STR_ARG(till_json_get_str(row, name)));
}

bool stripe_state_read_account(struct sandbox *sandbox, const struct till_json *row,
                               struct till_error *err) {
    struct stripe_account *account = calloc(1, sizeof *account);
    if (!account)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    copy(account->id, sizeof account->id, row, "id");
    copy(account->key_digest, sizeof account->key_digest, row, "key_digest");
    copy(account->key_masked, sizeof account->key_masked, row, "key_masked");
    copy(account->api_version, sizeof account->api_version, row, "api_version");
    account->created_us = stripe_int(row, "created_us");
    account->next = sandbox->stripe->accounts;
    sandbox->stripe->accounts = account;
    sandbox->stripe->account_count++;
    return account->id[0] || damaged(err, "Stripe account");
}

/* STRIPE_KINDS: none. */
static enum stripe_kind find_kind(struct till_str name) {
    int kind = 0;
    while (kind < STRIPE_KINDS && !till_str_is(name, stripe_kind_name((enum stripe_kind)kind)))
        kind++;
    return (enum stripe_kind)kind;
}

static char *duplicate(struct till_str text) {
    char *copy = malloc(text.len + 1);
    if (copy) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

/* What waits for its time. */
static void resume(struct sandbox *sandbox, struct stripe_object *object) {
    struct till_json *json = object->kind == STRIPE_SESSION ? stripe_read(object) : NULL;
    if (till_str_is(till_json_get_str(json, "status"), "open"))
        platform_due(sandbox, stripe_int(json, "expires_at") * PLATFORM_SECOND_US,
                     DUE_STRIPE_SESSION, object);
    till_json_release(json);
    stripe_later_resume(sandbox, object);
}

bool stripe_state_read_object(struct sandbox *sandbox, const struct till_json *row,
                              struct till_error *err) {
    struct stripe_account *account =
        stripe_account_find_id(sandbox, till_json_get_str(row, "account"));
    enum stripe_kind kind = find_kind(till_json_get_str(row, "type"));
    struct till_str text = till_json_get_str(row, "text"),
                    hidden = till_json_get_str(row, "hidden");
    if (!account || kind == STRIPE_KINDS || text.len == 0)
        return damaged(err, "Stripe object");
    struct stripe_object *object = calloc(1, sizeof *object);
    if (!object)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    object->account = account;
    object->kind = kind;
    copy(object->id, sizeof object->id, row, "id");
    copy(object->about, sizeof object->about, row, "about");
    object->created_us = stripe_int(row, "created_us");
    object->is_deleted = stripe_flag(row, "is_deleted");
    object->text = duplicate(text);
    object->hidden = hidden.len ? duplicate(hidden) : NULL;
    stripe_enter_object(sandbox, object);
    if (!object->text || (hidden.len && !object->hidden))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    resume(sandbox, object);
    return true;
}

bool stripe_state_read_kept(struct sandbox *sandbox, const struct till_json *row,
                            struct till_error *err) {
    char fingerprint[65], request_id[32];
    struct stripe_account *account =
        stripe_account_find_id(sandbox, till_json_get_str(row, "account"));
    struct till_str key = till_json_get_str(row, "key");
    int64_t status = stripe_int(row, "status");
    if (!account || key.len == 0 || key.len > STRIPE_KEY_MAX || status < 200 || status > 599)
        return damaged(err, "Stripe idempotency key");
    copy(fingerprint, sizeof fingerprint, row, "fingerprint");
    copy(request_id, sizeof request_id, row, "request_id");
    struct stripe_kept *kept =
        stripe_kept_begin(sandbox, account, key, fingerprint, request_id, stripe_int(row, "at_us"));
    if (!kept)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    stripe_kept_finish(sandbox, kept, (int)status, till_json_get_str(row, "body"));
    return kept->body || TILL_FAIL(err, OUT_OF_MEMORY, NULL);
}
