/* SPDX-License-Identifier: Apache-2.0 */
/*
 * till app rotate, rotate-webhook, end; till endpoint rotate; till client secret: a new secret
 * first, and when it is in our hands the old one is given its end. Whatever dies between the two,
 * the old one goes on.
 */
#include <cli/rotate.h>

#include <stdio.h>

#include <cli/admin.h>
#include <cli/app_keys.h>
#include <rt/settings_file.h>
#include <till/time.h>

#define OVERLAP_USUAL TILL_STR("7d")
#define OVERLAP_OPTION(text)                                                                       \
    {                                                                                              \
        "--overlap", CLI_VALUE, false, &(text),                                                    \
            "how long the old one still works: 0s to 90d (7d); 0s ends it at once"                 \
    }

static bool read_overlap(struct till_str text, const char *option, int64_t *ret_seconds,
                         struct till_error *err) {
    const struct setting row = {.name = option,
                                .kind = SETTING_DURATION,
                                .min = 0,
                                .max = INT64_C(90) * 86400 * TILL_US_PER_SECOND};
    struct settings_value value;
    if (!settings_value_read(&row, text, &value, err))
        return false;
    *ret_seconds = value.number / TILL_US_PER_SECOND;
    return true;
}

/* What is made, and whose end follows. */
struct rotation {
    struct admin_place place;
    struct till_str make_target, end_target;
    struct till_json *make_body; /* or NULL */
    int64_t overlap_s;
};

static bool end_old(struct cli *cli, const struct rotation *r, struct till_json *answer,
                    struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *ended = NULL;
    struct till_json *body = till_json_object();
    till_json_set_int(body, "in_seconds", r->overlap_s);
    if (!admin_call(cli, &r->place, "POST", r->end_target, body, &ended, err))
        return false;
    till_json_set_copy(answer, "old_ends_at", till_json_member(ended, "ends_at"));
    return true;
}

/* The new secret is said in every case: it exists, and nobody else knows it. */
static bool rotate(struct cli *cli, const struct rotation *r, struct till_error *err) {
    struct till_json *answer = NULL;
    struct till_error why;
    if (!admin_call(cli, &r->place, "POST", r->make_target, r->make_body, &answer, err))
        return false;
    bool ended = end_old(cli, r, answer, &why);
    if (!ended)
        till_json_set_null(answer, "old_ends_at");
    if (!cli_say(cli, answer, err) || ended)
        return ended;
    *err = why;
    snprintf(err->text, sizeof err->text,
             "The new secret works and the old one has no end yet. %.120s", why.text);
    return false;
}

/* ---- till app rotate ---- */

static bool is_candidate(const struct till_json *key) {
    bool enabled = false;
    struct till_error ignored;
    return till_json_want_bool(key, "enabled", &enabled, &ignored) && enabled &&
           !till_json_member(key, "ends_at");
}

/* The only key without an end; several must be told apart by a person. */
static bool find_old_key(struct cli *cli, const struct admin_place *place, struct till_str app,
                         struct till_str *ret_id, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *answer = NULL;
    struct till_str target, id = TILL_STR_NONE;
    size_t count = 0;
    if (!till_arena_format(cli->arena, &target, err, "/admin/keys?app_id=%.*s",
                           TILL_STR_ARG(app)) ||
        !admin_call(cli, place, "GET", target, NULL, &answer, err))
        return false;
    const struct till_json *keys = till_json_member(answer, "data");
    for (size_t i = 0; i < till_json_size(keys); i++)
        if (is_candidate(till_json_element(keys, i))) {
            id = till_json_get_str(till_json_element(keys, i), "id");
            count++;
        }
    if (count == 0)
        return TILL_FAIL(err, NOT_FOUND,
                         "The app has no key that could end; make one: till app "
                         "key.");
    if (count > 1)
        return TILL_FAIL(err, USAGE, "The app has %zu keys: name the one that ends with --key.",
                         count);
    return till_arena_copy(cli->arena, id, ret_id, err);
}

bool app_rotate(struct cli *cli, struct till_error *err) {
    struct rotation r = {.make_target = TILL_STR("/admin/keys")};
    struct till_str app = TILL_STR_NONE, key = TILL_STR_NONE, overlap = OVERLAP_USUAL;
    struct till_str path = TILL_STR_NONE, line = TILL_STR_NONE;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(r.place),
        {"--app", CLI_VALUE, true, &app, "whose key"},
        {"--key", CLI_VALUE, false, &key, "the old key, when the app has several"},
        {"--public-key", CLI_VALUE, false, &path, "the app's own new public key"},
        OVERLAP_OPTION(overlap),
    };
    if (!cli_read(cli, "--app ID [--key ID] [--public-key FILE] [--overlap 7d]", options,
                  ADMIN_OPTION_COUNT + 4, NULL, err) ||
        (path.len && !cli_read_public_key(cli, path, &line, err)) ||
        !read_overlap(overlap, "--overlap", &r.overlap_s, err) ||
        (!key.len && !find_old_key(cli, &r.place, app, &key, err)) ||
        !till_arena_format(cli->arena, &r.end_target, err, "/admin/keys/%.*s/end",
                           TILL_STR_ARG(key)))
        return false;
    r.make_body = till_json_object();
    till_json_set_str(r.make_body, "app_id", app);
    if (path.len)
        till_json_set_str(r.make_body, "public_key", line);
    return rotate(cli, &r, err);
}

bool app_end_key(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str in = OVERLAP_USUAL, target;
    struct cli_values ids = {0};
    int64_t seconds;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--in", CLI_VALUE, false, &in, "how long it still works: 0s to 90d (7d)"},
    };
    if (!cli_read(cli, "KEY [--in 7d]", options, ADMIN_OPTION_COUNT + 1, &ids, err) ||
        !read_overlap(in, "--in", &seconds, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one key.");
    if (!till_arena_format(cli->arena, &target, err, "/admin/keys/%.*s/end",
                           TILL_STR_ARG(ids.at[0])))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_int(body, "in_seconds", seconds);
    return admin_say(cli, &place, "POST", target, body, err);
}

/* ---- secrets of webhooks and clients ---- */

static bool rotate_secret(struct cli *cli, const char *folder, struct till_error *err) {
    struct rotation r = {.make_body = NULL};
    struct till_str overlap = OVERLAP_USUAL;
    struct cli_values ids = {0};
    const struct cli_option options[] = {ADMIN_OPTIONS(r.place), OVERLAP_OPTION(overlap)};
    if (!cli_read(cli, "ID [--overlap 7d]", options, ADMIN_OPTION_COUNT + 1, &ids, err) ||
        !read_overlap(overlap, "--overlap", &r.overlap_s, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one id.");
    return till_arena_format(cli->arena, &r.make_target, err, "%s/%.*s/secrets", folder,
                             TILL_STR_ARG(ids.at[0])) &&
           till_arena_format(cli->arena, &r.end_target, err, "%.*s/end",
                             TILL_STR_ARG(r.make_target)) &&
           rotate(cli, &r, err);
}

bool app_rotate_webhook(struct cli *cli, struct till_error *err) {
    return rotate_secret(cli, "/admin/apps", err);
}

bool endpoint_rotate(struct cli *cli, struct till_error *err) {
    return rotate_secret(cli, "/admin/endpoints", err);
}

bool client_rotate(struct cli *cli, struct till_error *err) {
    return rotate_secret(cli, "/admin/clients", err);
}
