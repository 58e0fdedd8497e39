/* SPDX-License-Identifier: Apache-2.0 */
/* till client add | list | enable | disable | secret | revoke: who may fetch tokens (OAuth2). */
#include <cli/admin.h>
#include <cli/rotate.h>

static bool add(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, name = TILL_STR("main"), scopes = TILL_STR_NONE;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "the app that it acts for"},
        {"--scopes", CLI_VALUE, true, &scopes,
         "what it may do, blank-separated, such as \"payments:write payments:read\""},
        {"--name", CLI_VALUE, false, &name, "what people call it (main)"},
    };
    if (!cli_read(cli, "--app ID --scopes \"S ...\"", options, ADMIN_OPTION_COUNT + 3, NULL, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "app_id", app);
    till_json_set_str(body, "name", name);
    till_json_set_str(body, "scopes", scopes);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/clients"), body, err);
}

static bool list(struct cli *cli, struct till_error *err) {
    return admin_list(cli, "/admin/clients", false, err);
}

static bool enable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/clients", "enable", err);
}

static bool disable(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/clients", "disable", err);
}

static bool revoke(struct cli *cli, struct till_error *err) {
    return admin_switch(cli, "/admin/clients", "revoke", err);
}

bool verb_client(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"add", add, "add a client of an app; shows its secret once"},
        {"list", list, "all clients, without secrets"},
        {"secret", client_rotate,
         "make a new secret and give the old one, with its tokens, an end; shows the secret once"},
        {"enable", enable, "let it in again"},
        {"disable", disable, "no token is given, and none that it holds opens anything"},
        {"revoke", revoke, "the same for good: its secrets and tokens are deleted"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
