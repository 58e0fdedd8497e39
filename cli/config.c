/* SPDX-License-Identifier: Apache-2.0 */
/* till config: check a file without a daemon, compare it with the running one, show what is in
 * force. till reload: let the file take effect. A secret is never shown, only whether it is set. */
#include <cli/admin.h>

#include <stdio.h>
#include <stdlib.h>

#include <gateway/settings_check.h>

/* ---- check ---- */

static void say_one(struct cli *cli, struct till_json *list, const char *kind, const char *setting,
                    const char *text) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "setting", setting);
    till_json_set_text(json, "text", text);
    till_json_append(list, json);
    if (!cli->json)
        printf("%s: %s: %s\n", kind, setting, text);
}

static bool say_verdict(struct cli *cli, struct till_str path, struct till_json *problems,
                        struct till_json *warnings, struct till_error *err) {
    size_t count = till_json_size(problems);
    struct till_json *json = till_json_object();
    till_json_set_bool(json, "good", count == 0);
    till_json_set(json, "problems", problems);
    till_json_set(json, "warnings", warnings);
    if (!cli->json && count == 0)
        printf("%.*s is good.\n", TILL_STR_ARG(path));
    bool said = !cli->json || cli_say(cli, json, err);
    if (!cli->json)
        till_json_release(json);
    return said && (count == 0 || TILL_FAIL(err, SETTING_INVALID,
                                            "A start or a reload would "
                                            "refuse this file."));
}

/* What the table refuses ends the reading at once, with its place; what only the whole can tell is
 * told completely. */
static bool check(struct cli *cli, struct till_str path, const char *const *overrides,
                  size_t override_count, struct till_error *err) {
    struct gateway_settings settings = {.listen_port = 0};
    struct till_error problems[SETTINGS_PROBLEMS_MAX];
    struct settings_warning warnings[SETTINGS_PROBLEMS_MAX];
    size_t problem_count = 1, warning_count = 0;
    struct till_json *problem_list = till_json_array(), *warning_list = till_json_array();
    if (settings_load(gateway_setting_rows, gateway_setting_count, cli->arena, path, overrides,
                      override_count, &settings, &problems[0])) {
        const struct settings_checked checked = {&settings, getenv("TILL_MASTER_KEY"), cli->arena};
        problem_count = settings_problems(&checked, problems);
        warning_count = settings_warnings(&settings, warnings);
    }
    for (size_t i = 0; i < problem_count; i++)
        say_one(cli, problem_list, "wrong", problems[i].field, problems[i].text);
    for (size_t i = 0; i < warning_count; i++)
        say_one(cli, warning_list, "weak", warnings[i].setting, warnings[i].text);
    return say_verdict(cli, path, problem_list, warning_list, err);
}

static bool take_file(struct till_str option, const struct cli_values *rest,
                      struct till_str *ret_path, struct till_error *err) {
    if (rest->count + (option.len > 0) > 1)
        return TILL_FAIL(err, USAGE, "Name one file.");
    *ret_path = rest->count ? rest->at[0] : option;
    return true;
}

static bool config_check(struct cli *cli, struct till_error *err) {
    struct till_str path = TILL_STR_NONE;
    struct cli_values sets = {.count = 0}, rest = {.count = 0};
    const char *overrides[CLI_VALUES_MAX];
    const struct cli_option options[] = {
        {"-c", CLI_VALUE, false, &path, "configuration file"},
        {"--config", CLI_VALUE, false, &path, "the same"},
        {"--set", CLI_LIST, false, &sets, "name=value, stronger than the file, as with till serve"},
    };
    if (!cli_read(cli, "FILE [--set name=value]", options, sizeof options / sizeof options[0],
                  &rest, err) ||
        !take_file(path, &rest, &path, err))
        return false;
    if (!path.len)
        return TILL_FAIL(err, USAGE, "Say which file: till config check FILE.");
    for (size_t i = 0; i < sets.count; i++)
        if (!till_arena_cstr(cli->arena, sets.at[i], &overrides[i], err))
            return false;
    return check(cli, path, overrides, sets.count, err);
}

/* ---- changes ---- */

static void print_change(const struct till_json *change) {
    struct till_str name = till_json_get_str(change, "name");
    struct till_str from = till_json_get_str(change, "from");
    struct till_str to = till_json_get_str(change, "to");
    printf("%-30.*s \"%.*s\" -> \"%.*s\"  (%.*s)\n", TILL_STR_ARG(name), TILL_STR_ARG(from),
           TILL_STR_ARG(to), TILL_STR_ARG(till_json_get_str(change, "takes_effect")));
}

/* Takes ownership. */
static bool say_changes(struct cli *cli, struct till_json *answer, const char *verdict,
                        struct till_error *err) {
    if (cli->json)
        return cli_say(cli, answer, err);
    const struct till_json *changes = till_json_member(answer, "changes");
    size_t count = till_json_size(changes);
    bool needs_restart = false;
    for (size_t i = 0; i < count; i++) {
        const struct till_json *change = till_json_element(changes, i);
        print_change(change);
        needs_restart =
            needs_restart || till_str_is(till_json_get_str(change, "takes_effect"), "restart");
    }
    printf("%s%s\n", count ? verdict : "Nothing differs.",
           needs_restart ? " What says \"restart\" waits for one." : "");
    till_json_release(answer);
    return true;
}

/* The file beside the defaults, by the table alone. */
static bool compare_defaults(struct cli *cli, struct till_str path, struct till_error *err) {
    struct gateway_settings file = {.listen_port = 0}, defaults = {.listen_port = 0};
    if (!settings_load(gateway_setting_rows, gateway_setting_count, cli->arena, path, NULL, 0,
                       &file, err) ||
        !settings_load(gateway_setting_rows, gateway_setting_count, cli->arena, TILL_STR_NONE, NULL,
                       0, &defaults, err))
        return false;
    struct till_json *changes = till_json_array();
    for (size_t i = 0; i < gateway_setting_count; i++) {
        const struct setting *row = &gateway_setting_rows[i];
        struct till_str from, to;
        if (settings_same(row, &defaults, &file))
            continue;
        if (!settings_show(row, &defaults, cli->arena, &from, err) ||
            !settings_show(row, &file, cli->arena, &to, err)) {
            till_json_release(changes);
            return false;
        }
        struct till_json *change = till_json_object();
        till_json_set_text(change, "name", row->name);
        till_json_set_str(change, "from", from);
        till_json_set_str(change, "to", to);
        till_json_set_text(change, "takes_effect", row->live ? "reload" : "restart");
        till_json_append(changes, change);
    }
    struct till_json *answer = till_json_object();
    till_json_set_str(answer, "file", path);
    till_json_set(answer, "changes", changes);
    if (cli->json)
        return cli_say(cli, answer, err);
    return say_changes(cli, answer, "Default on the left, file on the right.", err);
}

static bool config_diff(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    bool defaults = false;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--defaults", CLI_FLAG, false, &defaults, "the file against the defaults, no daemon"},
    };
    struct cli_values rest = {.count = 0};
    struct till_json *answer;
    if (!cli_read(cli, "[FILE] [--defaults]", options, ADMIN_OPTION_COUNT + 1, &rest, err) ||
        !take_file(place.config, &rest, &place.config, err))
        return false;
    if (defaults && !place.config.len)
        return TILL_FAIL(err, USAGE, "Say which file: till config diff FILE --defaults.");
    if (defaults)
        return compare_defaults(cli, place.config, err);
    return admin_call(cli, &place, "GET", TILL_STR("/admin/config/changes"), NULL, &answer, err) &&
           say_changes(cli, answer, "The daemon on the left, its file on the right.", err);
}

/* ---- show, reload ---- */

static bool config_show(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    struct till_json *answer;
    if (!cli_read(cli, "-c CONFIG", options, ADMIN_OPTION_COUNT, NULL, err) ||
        !admin_call(cli, &place, "GET", TILL_STR("/admin/config"), NULL, &answer, err))
        return false;
    if (cli->json)
        return cli_say(cli, answer, err);
    const struct till_json *rows = till_json_member(answer, "data");
    for (size_t i = 0; i < till_json_size(rows); i++) {
        const struct till_json *row = till_json_element(rows, i);
        struct till_str name = till_json_get_str(row, "name");
        struct till_str value = till_json_get_str(row, "value");
        struct till_str origin = till_json_get_str(row, "origin");
        printf("%-30.*s \"%.*s\"  (%.*s, %.*s)\n", TILL_STR_ARG(name), TILL_STR_ARG(value),
               TILL_STR_ARG(origin), TILL_STR_ARG(till_json_get_str(row, "takes_effect")));
    }
    till_json_release(answer);
    return true;
}

bool verb_config(struct cli *cli, struct till_error *err) {
    static const struct cli_part PARTS[] = {
        {"check", config_check,
         "would a start or a reload take this file? all problems, and what "
         "is weak"},
        {"diff", config_diff, "what a reload would change, or what differs from the defaults"},
        {"show", config_show, "what is in force in the daemon, and where it comes from"},
    };
    return cli_part(cli, PARTS, sizeof PARTS / sizeof PARTS[0], err);
}

bool verb_reload(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    struct till_json *answer;
    if (!cli_read(cli, "-c CONFIG", options, ADMIN_OPTION_COUNT, NULL, err) ||
        !admin_call(cli, &place, "POST", TILL_STR("/admin/config/reload"), till_json_object(),
                    &answer, err))
        return false;
    return say_changes(cli, answer, "Reloaded.", err);
}
