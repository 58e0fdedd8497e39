/* SPDX-License-Identifier: Apache-2.0 */
/* till bill: fetch one now, list them, show one with its lines. */
#include <cli/admin.h>

static bool bill_fetch_now(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str account = TILL_STR_NONE, date = TILL_STR_NONE, type = TILL_STR("trade");
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--account", CLI_VALUE, true, &account, "the account whose bill it is"},
        {"--date", CLI_VALUE, true, &date, "the platform's day, as 2026-11-22"},
        {"--type", CLI_VALUE, false, &type, "trade or account (trade)"},
    };
    if (!cli_read(cli, "--account ID --date DAY [--type trade|account]", options,
                  ADMIN_OPTION_COUNT + 3, NULL, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "account", account);
    till_json_set_str(body, "date", date);
    till_json_set_str(body, "type", type);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/bills/fetch"), body, err);
}

static bool bill_list_all(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, cursor = TILL_STR_NONE, limit = TILL_STR("20"), target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, false, &app, "only this app's"},
        {"--limit", CLI_VALUE, false, &limit, "how many, 1 to 100 (20)"},
        {"--cursor", CLI_VALUE, false, &cursor, "behind this one: next_cursor of the page before"},
    };
    return cli_read(cli, "[--app ID] [--limit N]", options, ADMIN_OPTION_COUNT + 3, NULL, err) &&
           till_arena_format(cli->arena, &target, err,
                             app.len ? "/admin/bills?limit=%.*s&cursor=%.*s&app_id=%.*s"
                                     : "/admin/bills?limit=%.*s&cursor=%.*s%.*s",
                             TILL_STR_ARG(limit), TILL_STR_ARG(cursor), TILL_STR_ARG(app)) &&
           admin_say(cli, &place, "GET", target, NULL, err);
}

static bool bill_show(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values ids = {0};
    struct till_str cursor = TILL_STR_NONE, limit = TILL_STR("20"), target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--limit", CLI_VALUE, false, &limit, "how many lines, 1 to 100 (20)"},
        {"--cursor", CLI_VALUE, false, &cursor, "behind this line"},
    };
    if (!cli_read(cli, "ID", options, ADMIN_OPTION_COUNT + 2, &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one bill.");
    return till_arena_format(cli->arena, &target, err, "/admin/bills/%.*s?limit=%.*s&cursor=%.*s",
                             TILL_STR_ARG(ids.at[0]), TILL_STR_ARG(limit), TILL_STR_ARG(cursor)) &&
           admin_say(cli, &place, "GET", target, NULL, err);
}

bool verb_bill(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"fetch", bill_fetch_now, "fetch one bill now, or find out why there is none"},
        {"list", bill_list_all, "bills, newest day first"},
        {"show", bill_show, "one bill with its lines"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
