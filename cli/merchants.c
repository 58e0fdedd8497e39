/* SPDX-License-Identifier: Apache-2.0 */
/* till app, account, endpoint: who may order, at which platform account, and who is told. */
#include <cli/admin.h>
#include <cli/app_keys.h>
#include <cli/channels.h>
#include <cli/limits.h>
#include <cli/rotate.h>

#include <string.h>

/* ---- till app add | list | key | keys | enable | disable | revoke; rotate.c has the rest ---- */

static bool app_add(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str name = TILL_STR_NONE, mode = TILL_STR("test"), hosts = TILL_STR_NONE;
    struct till_str late = TILL_STR("keep"), duplicate = TILL_STR("keep");
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--name", CLI_VALUE, true, &name, "what people call it"},
        {"--mode", CLI_VALUE, false, &mode, "test or live (test)"},
        {"--hosts", CLI_VALUE, false, &hosts,
         "blank-separated hosts that return addresses may point to"},
        {"--late-policy", CLI_VALUE, false, &late,
         "money that comes after the end: keep or refund (keep)"},
        {"--duplicate-policy", CLI_VALUE, false, &duplicate,
         "money that comes twice for one order: keep or refund (keep)"},
    };
    if (!cli_read(cli, "--name NAME", options, ADMIN_OPTION_COUNT + 5, NULL, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "name", name);
    till_json_set_str(body, "mode", mode);
    till_json_set_str(body, "hosts", hosts);
    till_json_set_str(body, "late_policy", late);
    till_json_set_str(body, "duplicate_policy", duplicate);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/apps"), body, err);
}

static bool app_list(struct cli *cli, struct till_error *err) {
    return admin_list(cli, "/admin/apps", false, err);
}

static bool app_keys(struct cli *cli, struct till_error *err) {
    return admin_list(cli, "/admin/keys", true, err);
}

static bool app_enable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/apps", "enable", err);
}

static bool app_disable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/apps", "disable", err);
}

static bool app_revoke(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/keys", "disable", err);
}

bool verb_app(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"add", app_add, "add an app; shows its webhook secret once"},
        {"list", app_list, "all apps"},
        {"key", app_key, "a key for it to sign with: its own public one, or a secret shown once"},
        {"keys", app_keys, "the keys: algorithm, fingerprint, end; no secrets"},
        {"enable", app_enable, "let an app order again"},
        {"disable", app_disable, "let an app order no more; its notifications are still taken"},
        {"limits", app_limits, "give an app rate limits of its own"},
        {"rotate", app_rotate, "a new key, as above, and an end for the old one"},
        {"rotate-webhook", app_rotate_webhook, "the same for the webhook secret"},
        {"rights", app_rights, "what a key may do, administration of its own app included"},
        {"end", app_end_key, "give a key an end; another one must outlive it"},
        {"revoke", app_revoke, "end a key at once"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}

/* ---- till account add | list | enable | disable | update ---- */

/* "name=value" words into a JSON object; "@file" values are read. */
static bool read_settings(struct cli *cli, const struct cli_values *words,
                          struct till_json **ret_settings, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *settings = till_json_object();
    for (size_t i = 0; i < words->count; i++) {
        struct till_str word = words->at[i], value;
        char name[64];
        size_t equals = till_str_find(word, '=');
        if (equals == word.len || equals == 0 || equals >= sizeof name)
            return TILL_FAIL(err, USAGE, "--set takes name=value or name=@file.");
        memcpy(name, word.ptr, equals);
        name[equals] = '\0';
        if (!cli_value(cli, till_str_sub(word, equals + 1, word.len), &value, err))
            return false;
        /* The line break at a file's end is the editor's. */
        till_json_set_str(settings, name, till_str_trim(value));
    }
    *ret_settings = settings;
    settings = NULL;
    return true;
}

static bool account_add(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, channel = TILL_STR_NONE, name = TILL_STR("main");
    struct cli_values words = {0};
    struct till_json *settings = NULL;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "the app whose money it takes"},
        {"--channel", CLI_VALUE, true, &channel, channels_text(cli, NULL)},
        {"--name", CLI_VALUE, false, &name, "what people call it (main)"},
        {"--set", CLI_LIST, false, &words, "name=value or name=@file of the channel's settings"},
    };
    cli->more_help = channels_print_settings;
    if (!cli_read(cli, "--app ID --channel C --set name=value ...", options, ADMIN_OPTION_COUNT + 4,
                  NULL, err) ||
        !read_settings(cli, &words, &settings, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "app_id", app);
    till_json_set_str(body, "channel", channel);
    till_json_set_str(body, "name", name);
    till_json_set(body, "settings", settings);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/accounts"), body, err);
}

static bool account_update(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str id = TILL_STR_NONE, target;
    struct cli_values words = {0};
    struct till_json *settings = NULL;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--id", CLI_VALUE, true, &id, "the account"},
        {"--set", CLI_LIST, false, &words, "all of its settings anew: name=value or name=@file"},
    };
    cli->more_help = channels_print_settings;
    if (!cli_read(cli, "--id ID --set name=value ...", options, ADMIN_OPTION_COUNT + 2, NULL,
                  err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/accounts/%.*s/settings",
                           TILL_STR_ARG(id)) ||
        !read_settings(cli, &words, &settings, err))
        return false;
    return admin_say(cli, &place, "POST", target, settings, err);
}

static bool account_list(struct cli *cli, struct till_error *err) {
    return admin_list(cli, "/admin/accounts", false, err);
}

static bool account_enable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/accounts", "enable", err);
}

static bool account_disable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/accounts", "disable", err);
}

bool verb_account(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"add", account_add, "add an account at a platform"},
        {"list", account_list, "all accounts, without secrets"},
        {"update", account_update, "replace an account's settings"},
        {"enable", account_enable, "take new orders over it again"},
        {"disable", account_disable, "take no new orders over it; notifications are still taken"},
        {"breaker", account_breaker, "make no calls to it, make all, or let the failures decide"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}

/* ---- till endpoint add | list | enable | disable ---- */

static bool endpoint_add(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, url = TILL_STR_NONE;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "whose events"},
        {"--url", CLI_VALUE, true, &url, "where they go"},
    };
    struct till_str target;
    if (!cli_read(cli, "--app ID --url URL", options, ADMIN_OPTION_COUNT + 2, NULL, err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/endpoints?app_id=%.*s",
                           TILL_STR_ARG(app)))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "url", url);
    return admin_say(cli, &place, "POST", target, body, err);
}

static bool endpoint_list(struct cli *cli, struct till_error *err) {
    return admin_list(cli, "/admin/endpoints", true, err);
}

static bool endpoint_enable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/endpoints", "enable", err);
}

static bool endpoint_disable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/endpoints", "disable", err);
}

bool verb_endpoint(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"add", endpoint_add, "add an address that events go to; shows its secret once"},
        {"list", endpoint_list, "all endpoints, without secrets"},
        {"rotate", endpoint_rotate, "make a new secret and give the old one an end"},
        {"enable", endpoint_enable, "deliver again"},
        {"disable", endpoint_disable, "deliver no more"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
