/* SPDX-License-Identifier: Apache-2.0 */
/* Facts by name, rows by key, and who is who on the stage. Memory that runs out ends the program.
 */
#include "check_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t hash(uint64_t from, struct till_str text) {
    for (size_t i = 0; i < text.len; i++)
        from = (from ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    return from;
}

static struct fact **bucket_of(struct check *check, const char *kind, struct till_str key) {
    uint64_t at = hash(hash(UINT64_C(0xcbf29ce484222325), till_str_of(kind)), key);
    return &check->facts[(at ^ at >> 29) % CHECK_BUCKETS];
}

static bool is_named(const struct fact *fact, const char *kind, struct till_str key) {
    size_t len = strlen(kind);
    return strncmp(fact->key, kind, len) == 0 && fact->key[len] == '/' &&
           till_str_is(key, fact->key + len + 1);
}

struct fact *fact_find(struct check *check, const char *kind, struct till_str key) {
    for (struct fact *fact = *bucket_of(check, kind, key); fact; fact = fact->next)
        if (is_named(fact, kind, key))
            return fact;
    return NULL;
}

struct fact *fact_obtain(struct check *check, const char *kind, struct till_str key) {
    struct fact *fact = fact_find(check, kind, key), **bucket = bucket_of(check, kind, key);
    if (fact)
        return fact;
    size_t room = strlen(kind) + key.len + 2;
    fact = calloc(1, sizeof *fact);
    char *text = fact ? malloc(room) : NULL;
    assert(text);
    snprintf(text, room, "%s/%.*s", kind, TILL_STR_ARG(key));
    fact->key = text;
    fact->next = *bucket;
    *bucket = fact;
    return fact;
}

void *seen_at(const struct seen_list *list, int64_t pk) {
    return pk >= 0 && (uint64_t)pk < list->room ? list->rows[pk] : NULL;
}

void seen_put(struct check *check, struct seen_list *list, int64_t pk, void *row) {
    (void)check;
    assert(pk >= 0 && pk < 100000000);
    if ((size_t)pk >= list->room) {
        size_t room = ((size_t)pk + 64) * 2;
        void **rows = realloc(list->rows, room * sizeof *rows);
        assert(rows);
        memset(rows + list->room, 0, (room - list->room) * sizeof *rows);
        list->rows = rows;
        list->room = room;
    }
    list->rows[pk] = row;
}

static void free_list(struct seen_list *list) {
    for (size_t i = 0; i < list->room; i++)
        free(list->rows[i]);
    free(list->rows);
}

void check_forget(struct check *check) {
    for (size_t i = 0; i < CHECK_BUCKETS; i++)
        for (struct fact *fact = check->facts[i], *next; fact; fact = next) {
            next = fact->next;
            free(fact->key);
            free(fact);
        }
    free_list(&check->payments);
    free_list(&check->attempts);
    free_list(&check->refunds);
}

static void *row_named(struct check *check, const char *kind, struct till_str id) {
    struct fact *fact = fact_find(check, kind, id);
    return fact ? fact->row : NULL;
}

struct seen_payment *seen_payment_of(struct check *check, struct till_str id) {
    return row_named(check, "payment", id);
}

struct seen_attempt *seen_attempt_of(struct check *check, struct till_str id) {
    return row_named(check, "attempt", id);
}

struct seen_attempt *seen_attempt_numbered(struct check *check, struct till_str upstream_no) {
    return row_named(check, "number", upstream_no);
}

struct seen_refund *seen_refund_of(struct check *check, struct till_str id) {
    return row_named(check, "refund", id);
}

void seen_touch(struct check *check, struct seen_payment *payment) {
    if (payment->is_dirty)
        return;
    payment->is_dirty = true;
    payment->next_dirty = check->dirty;
    check->dirty = payment;
}

/* ---- who is who ---- */

int check_merchant_of_app(const struct check *check, const char *app_id) {
    for (size_t i = 0; i < check->scene->merchant_count; i++)
        if (strcmp(check->scene->merchant[i].app_id, app_id) == 0)
            return (int)i;
    return -1;
}

static const char *platform_app_id(const struct check *check, const char *account_id) {
    for (size_t i = 0; i < check->scene->merchant_count; i++) {
        const struct scene_merchant *merchant = &check->scene->merchant[i];
        for (size_t j = 0; j < merchant->account_count; j++)
            if (strcmp(merchant->account_id[j], account_id) == 0)
                return merchant->platform_app_id[j];
    }
    return NULL;
}

struct platform_app *check_platform_app(const struct check *check, const char *account_id) {
    const char *id = platform_app_id(check, account_id);
    struct platform_app *app = id ? check->scene->sandbox->apps : NULL;
    while (app && strcmp(app->id, id) != 0)
        app = app->next;
    return app;
}

const struct platform_trade *check_trade(const struct check *check,
                                         const struct seen_attempt *attempt) {
    const struct platform_app *app = check_platform_app(check, attempt->account_id);
    const struct platform_trade *trade = app ? check->scene->sandbox->trades : NULL;
    while (trade && (strcmp(trade->app->seller->id, app->seller->id) != 0 ||
                     !till_str_is(trade->out_trade_no, attempt->upstream_no)))
        trade = trade->next;
    return trade;
}

bool check_was_lied_about(const struct check *check, const struct platform_trade *trade) {
    for (const struct platform_notice *notice = check->scene->sandbox->notices; notice;
         notice = notice->next)
        if (notice->trade == trade && notice->variant >= FAULT_NOTIFY_AMOUNT)
            return true;
    return false;
}
