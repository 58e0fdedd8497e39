/* SPDX-License-Identifier: Apache-2.0 */
/* till route: which account takes an order that names none, in order; and till account breaker. */
#include <cli/admin.h>

static bool set_number(struct till_str text, const char *option, const char *name,
                       struct till_json *body, struct till_error *err) {
    int64_t number;
    if (text.len == 0)
        return true;
    if (!cli_number(text, option, 0, INT64_MAX, &number, err))
        return false;
    till_json_set_int(body, name, number);
    return true;
}

static bool route_put(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, account = TILL_STR_NONE, channel = TILL_STR_NONE,
                    product = TILL_STR_NONE, currency = TILL_STR_NONE, position = TILL_STR_NONE,
                    from = TILL_STR_NONE, to = TILL_STR_NONE, target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "whose orders"},
        {"--position", CLI_VALUE, true, &position, "its place: the lowest that fits counts"},
        {"--account", CLI_VALUE, true, &account, "the account that takes them"},
        {"--channel", CLI_VALUE, false, &channel, "of this channel (the account's)"},
        {"--product", CLI_VALUE, false, &product, "only this product"},
        {"--currency", CLI_VALUE, false, &currency, "only this currency"},
        {"--from", CLI_VALUE, false, &from, "only from this amount on, in minor units"},
        {"--to", CLI_VALUE, false, &to, "only up to this amount"},
    };
    if (!cli_read(cli, "--app ID --position N --account ID", options, ADMIN_OPTION_COUNT + 8, NULL,
                  err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/routes?app_id=%.*s",
                           TILL_STR_ARG(app)))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "account", account);
    if (channel.len)
        till_json_set_str(body, "channel", channel);
    till_json_set_str(body, "product", product);
    till_json_set_str(body, "currency", currency);
    if (!set_number(position, "--position", "position", body, err) ||
        !set_number(from, "--from", "amount_min", body, err) ||
        !set_number(to, "--to", "amount_max", body, err)) {
        till_json_release(body);
        return false;
    }
    return admin_say(cli, &place, "POST", target, body, err);
}

static bool route_list(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "whose"},
    };
    return cli_read(cli, "--app ID", options, ADMIN_OPTION_COUNT + 1, NULL, err) &&
           till_arena_format(cli->arena, &target, err, "/admin/routes?app_id=%.*s",
                             TILL_STR_ARG(app)) &&
           admin_say(cli, &place, "GET", target, NULL, err);
}

static bool route_remove(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, position = TILL_STR_NONE, target;
    int64_t number;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "whose"},
        {"--position", CLI_VALUE, true, &position, "which"},
    };
    return cli_read(cli, "--app ID --position N", options, ADMIN_OPTION_COUNT + 2, NULL, err) &&
           cli_number(position, "--position", 0, INT64_MAX, &number, err) &&
           till_arena_format(cli->arena, &target, err, "/admin/routes/%.*s/remove?app_id=%.*s",
                             TILL_STR_ARG(position), TILL_STR_ARG(app)) &&
           admin_say(cli, &place, "POST", target, NULL, err);
}

bool verb_route(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"put", route_put, "make a rule, or replace the one at its position"},
        {"list", route_list, "an app's rules, in order"},
        {"remove", route_remove, "take a rule away"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}

bool account_breaker(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values words = {0};
    struct till_str target;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "ACCOUNT open|close|auto", options, ADMIN_OPTION_COUNT, &words, err))
        return false;
    if (words.count != 2)
        return TILL_FAIL(err, USAGE, "Name one account, and open, close or auto.");
    if (!till_arena_format(cli->arena, &target, err, "/admin/accounts/%.*s/breaker",
                           TILL_STR_ARG(words.at[0])))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "control", words.at[1]);
    return admin_say(cli, &place, "POST", target, body, err);
}
