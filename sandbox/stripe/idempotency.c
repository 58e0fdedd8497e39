/* SPDX-License-Identifier: Apache-2.0 */
/* See idempotency.h. */
#include <sandbox/stripe/idempotency.h>

#include <stdio.h>
#include <stdlib.h>

static struct stripe_kept **bucket_of(struct stripe_book *book,
                                      const struct stripe_account *account, struct till_str key) {
    return &book->kept_by_key[platform_bucket(till_str_of(account->id), key)];
}

static void unlink_key(struct stripe_book *book, const struct stripe_kept *kept) {
    struct stripe_kept **place = bucket_of(book, kept->account, till_str_of(kept->key));
    while (*place != kept)
        place = &(*place)->next_by_key;
    *place = kept->next_by_key;
}

static void drop(struct stripe_book *book, struct stripe_kept **place) {
    struct stripe_kept *kept = *place;
    *place = kept->next;
    if (book->kept_end == &kept->next)
        book->kept_end = place;
    unlink_key(book, kept);
    free(kept->body);
    free(kept);
}

/* What still runs keeps its place, and those behind it wait. */
static void forget_old(struct sandbox *sandbox, int64_t now_us) {
    struct stripe_book *book = sandbox->stripe;
    while (book->kept_first && book->kept_first->status &&
           now_us - book->kept_first->at_us >= STRIPE_KEPT_US) {
        drop(book, &book->kept_first);
        platform_changed(sandbox);
    }
}

struct stripe_kept *stripe_kept_find(struct sandbox *sandbox, const struct stripe_account *account,
                                     struct till_str key, int64_t now_us) {
    forget_old(sandbox, now_us);
    struct stripe_kept *kept = *bucket_of(sandbox->stripe, account, key);
    while (kept && (kept->account != account || !till_str_is(key, kept->key)))
        kept = kept->next_by_key;
    return kept;
}

struct stripe_kept *stripe_kept_begin(struct sandbox *sandbox, struct stripe_account *account,
                                      struct till_str key, const char *fingerprint,
                                      const char *request_id, int64_t now_us) {
    struct stripe_book *book = sandbox->stripe;
    struct stripe_kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        return NULL;
    kept->account = account;
    kept->at_us = now_us;
    snprintf(kept->key, sizeof kept->key, "%.*s", TILL_STR_ARG(key));
    snprintf(kept->fingerprint, sizeof kept->fingerprint, "%s", fingerprint);
    snprintf(kept->request_id, sizeof kept->request_id, "%s", request_id);
    struct stripe_kept **bucket = bucket_of(book, account, key);
    kept->next_by_key = *bucket;
    *bucket = kept;
    *book->kept_end = kept;
    book->kept_end = &kept->next;
    return kept;
}

void stripe_kept_finish(struct sandbox *sandbox, struct stripe_kept *kept, int status,
                        struct till_str body) {
    kept->body = malloc(body.len + 1);
    if (!kept->body)
        return;
    memcpy(kept->body, body.ptr, body.len);
    kept->body[body.len] = '\0';
    kept->status = status;
    platform_changed(sandbox);
}

void stripe_kept_forget(struct sandbox *sandbox, struct stripe_kept *kept) {
    struct stripe_kept **place = &sandbox->stripe->kept_first;
    while (*place != kept)
        place = &(*place)->next;
    drop(sandbox->stripe, place);
}

void stripe_kept_free_all(struct stripe_book *book) {
    while (book->kept_first)
        drop(book, &book->kept_first);
}
