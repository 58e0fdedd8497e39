/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/rotation.h"

#include <inttypes.h>
#include <stdio.h>

#include <gateway/store/acting.h>
#include <gateway/store/operations.h>
#include <gateway/store/trail.h>
#include <rt/failpoint.h>
#include <till/time.h>

enum { SECRETS_MEMORY = 64 * 1024 };
#define SECOND_MAX 253402300799ull

static const struct {
    const char *table, *noun, *read, *write;
} owners[] = {
    [OWNER_APP] = {"apps", "app", "SELECT sealed_webhook_secret FROM apps WHERE id = ?",
                   "UPDATE apps SET sealed_webhook_secret = ? WHERE id = ?"},
    [OWNER_ENDPOINT] = {"endpoints", "endpoint",
                        "SELECT sealed_secrets FROM endpoints WHERE id = ?",
                        "UPDATE endpoints SET sealed_secrets = ? WHERE id = ?"},
};

/* ---- the list ---- */

/* One word; without a readable second behind '@' it has no end. */
static void read_word(struct till_str word, struct till_str *ret_secret, int64_t *ret_ends_us) {
    unsigned long long second = 0;
    size_t at = till_str_find(word, '@');
    *ret_secret = till_str_sub(word, 0, at);
    *ret_ends_us = 0;
    if (at < word.len && till_str_to_u64(till_str_sub(word, at + 1, word.len), SECOND_MAX, &second))
        *ret_ends_us = (int64_t)second * TILL_US_PER_SECOND;
}

bool secret_next(struct till_str *rest, int64_t now_us, struct till_str *ret_secret,
                 int64_t *ret_ends_us) {
    for (*rest = till_str_trim(*rest); rest->len > 0; *rest = till_str_trim(*rest)) {
        size_t len = till_str_find(*rest, ' ');
        read_word(till_str_sub(*rest, 0, len), ret_secret, ret_ends_us);
        *rest = till_str_sub(*rest, len, rest->len);
        if (*ret_ends_us == 0 || *ret_ends_us > now_us)
            return true;
    }
    return false;
}

static void write_word(struct till_buf *buf, struct till_str secret, int64_t ends_us) {
    till_buf_text(buf, buf->len ? " " : "");
    till_buf_add(buf, secret);
    if (ends_us)
        till_buf_format(buf, "@%" PRId64, (ends_us + TILL_US_PER_SECOND - 1) / TILL_US_PER_SECOND);
}

/* ---- changing it ---- */

struct secrets_change {
    enum secret_owner owner;
    struct till_str id;
    struct till_str added; /* empty: ends_us is set instead */
    int64_t ends_us, now_us;
    const struct store_actor *by;
    int ending;
    struct till_arena arena;
};

static bool with_new(struct secrets_change *c, struct till_str list, struct till_buf *buf,
                     struct till_error *err) {
    struct till_str secret;
    int64_t ends_us;
    int alive = 1;
    write_word(buf, c->added, 0);
    for (; secret_next(&list, c->now_us, &secret, &ends_us); alive++)
        write_word(buf, secret, ends_us);
    return alive <= SECRETS_ALIVE_MAX ||
           TILL_FAIL(err, STATE_CONFLICT,
                     "%d webhook secrets are alive already; end the older ones first.",
                     SECRETS_ALIVE_MAX);
}

static void with_ends(struct secrets_change *c, struct till_str list, struct till_buf *buf) {
    struct till_str secret;
    int64_t ends_us;
    for (bool first = true; secret_next(&list, c->now_us, &secret, &ends_us); first = false) {
        if (!first && (ends_us == 0 || ends_us > c->ends_us))
            ends_us = c->ends_us;
        if (!first && ends_us <= c->now_us)
            continue;
        c->ending += !first;
        write_word(buf, secret, first ? 0 : ends_us);
    }
}

static bool read_list(struct store *store, struct db *db, struct secrets_change *c, const char *id,
                      struct till_str *ret_list, struct till_error *err) {
    bool found;
    QUERY_SCOPED struct query query = query_start(db, &c->arena, owners[c->owner].read, err);
    bind(&query, id);
    if (!query_step(&query, &found))
        return false;
    if (!found)
        return TILL_FAIL(err, NOT_FOUND, "There is no such %s.", owners[c->owner].noun);
    struct till_str sealed = read_str(&query);
    return query_read_all(&query) &&
           open_seal(store, &c->arena, owners[c->owner].table, id, sealed, ret_list, err);
}

static bool note(struct store *store, struct db *db, const struct secrets_change *c,
                 struct till_str sealed, struct till_error *err) {
    struct till_json *body = till_json_object();
    char what[32];
    snprintf(what, sizeof what, "%s.%s", owners[c->owner].noun,
             c->added.len ? "secret_added" : "secrets_end");
    if (!c->added.len)
        till_json_set_time(body, "ends_at", c->ends_us);
    trail_set_digest(body, "sealed_secrets", sealed);
    return act_note(store, db, c->by, what, c->id, body, err);
}

static bool change(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct secrets_change *c = arg;
    struct till_str list, sealed;
    struct till_buf buf;
    const char *id;
    int64_t epoch;
    c->ending = 0;
    till_buf_init(&buf, &c->arena);
    if (!till_arena_cstr(&c->arena, c->id, &id, err) || !read_list(store, db, c, id, &list, err) ||
        (c->added.len && !with_new(c, list, &buf, err)))
        return false;
    if (!c->added.len)
        with_ends(c, list, &buf);
    if (!till_buf_finish(&buf, &list, err) ||
        !seal(store, &c->arena, owners[c->owner].table, id, list, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, owners[c->owner].write, err);
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, id);
    return query_run(&query, NULL) && note(store, db, c, sealed, err) &&
           config_changed(db, &epoch, err);
}

static bool run_change(struct store *store, struct secrets_change *c, struct till_error *err) {
    till_arena_init(&c->arena, SECRETS_MEMORY);
    bool done = store_write(store, change, c, err);
    till_arena_clean_up(&c->arena);
    config_forget(store);
    return done;
}

bool store_secret_add(struct store *store, enum secret_owner owner, struct till_str id,
                      struct till_str secret, int64_t now_us, struct till_error *err) {
    return store_secret_add_by(store, owner, id, secret, now_us, NULL, err);
}

bool store_secret_add_by(struct store *store, enum secret_owner owner, struct till_str id,
                         struct till_str secret, int64_t now_us, const struct store_actor *by,
                         struct till_error *err) {
    struct secrets_change c = {
        .owner = owner, .id = id, .added = secret, .now_us = now_us, .by = by};
    if (!run_change(store, &c, err))
        return false;
    TILL_FP("K1");
    return true;
}

bool store_secrets_end(struct store *store, enum secret_owner owner, struct till_str id,
                       int64_t ends_us, int64_t now_us, int *ret_ending, struct till_error *err) {
    return store_secrets_end_by(store, owner, id, ends_us, now_us, ret_ending, NULL, err);
}

bool store_secrets_end_by(struct store *store, enum secret_owner owner, struct till_str id,
                          int64_t ends_us, int64_t now_us, int *ret_ending,
                          const struct store_actor *by, struct till_error *err) {
    struct secrets_change c = {
        .owner = owner, .id = id, .ends_us = ends_us, .now_us = now_us, .by = by};
    if (!run_change(store, &c, err))
        return false;
    TILL_FP("K2");
    *ret_ending = c.ending;
    return true;
}
