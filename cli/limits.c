/* SPDX-License-Identifier: Apache-2.0 */
/* till limits: what the limits are, how far they are used. till app limits: one app's own. */
#include <cli/limits.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cli/admin.h>

/* ---- till limits ---- */

static int64_t number(const struct till_json *object, const char *name) {
    int64_t value = 0;
    (void)till_json_get_int(object, name, &value);
    return value;
}

static void print_route(const struct till_json *route) {
    printf("%-20.*s %-14.*s %-14.*s %10" PRId64 " %8" PRId64 " %8" PRId64 " %7" PRId64 " %7" PRId64
           "\n",
           TILL_STR_ARG(till_json_get_str(route, "route")),
           TILL_STR_ARG(till_json_get_str(route, "instance")),
           TILL_STR_ARG(till_json_get_str(route, "app")), number(route, "allowed"),
           number(route, "limited_by_instance"), number(route, "limited_by_app"),
           number(route, "peak_in_a_second"), number(route, "p99_of_busy_seconds"));
}

static void print_overrides(struct cli *cli, const struct till_json *list) {
    struct till_str text;
    struct till_error ignored;
    for (size_t i = 0; i < till_json_size(list); i++) {
        const struct till_json *row = till_json_element(list, i);
        if (till_json_write(cli->arena, till_json_member(row, "limits"), TILL_JSON_COMPACT, &text,
                            &ignored))
            printf("%s%.*s %.*s\n", i ? "" : "\nLimits of their own:\n",
                   TILL_STR_ARG(till_json_get_str(row, "app_id")), TILL_STR_ARG(text));
    }
}

static void print_limits(struct cli *cli, const struct till_json *answer) {
    const struct till_json *routes = till_json_member(answer, "routes");
    const struct till_json *shedding = till_json_member(answer, "shedding");
    const struct till_json *away = till_json_member(shedding, "sent_away");
    printf("%-20s %-14s %-14s %10s %8s %8s %7s %7s\n", "call", "all apps", "each app", "allowed",
           "limited", "by app", "peak/s", "p99/s");
    for (size_t i = 0; i < till_json_size(routes); i++)
        print_route(till_json_element(routes, i));
    print_overrides(cli, till_json_member(answer, "overrides"));
    printf("\nOverload: level %" PRId64 "; sent away since the start: lists %" PRId64
           ", creates %" PRId64 ", queries %" PRId64 "\n",
           number(shedding, "level"), number(away, "lists"), number(away, "creates"),
           number(away, "queries"));
}

static bool show(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_json *answer = NULL;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "-c CONFIG", options, ADMIN_OPTION_COUNT, NULL, err) ||
        !admin_call(cli, &place, "GET", TILL_STR("/admin/limits"), NULL, &answer, err))
        return false;
    if (cli->json)
        return cli_say(cli, answer, err);
    print_limits(cli, answer);
    till_json_release(answer);
    return true;
}

/* ---- till limits suggest ---- */

static void print_suggestion(const struct till_json *row) {
    struct till_str now = till_json_get_str(row, "now");
    struct till_str suggested = till_json_get_str(row, "suggested");
    printf("%-20.*s now %-12.*s suggested %-12.*s (%.*s)\n    %.*s\n",
           TILL_STR_ARG(till_json_get_str(row, "call")), TILL_STR_ARG(now),
           TILL_STR_ARG(suggested.len ? suggested : TILL_STR("-")),
           TILL_STR_ARG(till_json_get_str(row, "from")),
           TILL_STR_ARG(till_json_get_str(row, "because")));
}

static bool suggest(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str days = TILL_STR("7"), target;
    struct till_json *answer = NULL;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--days", CLI_VALUE, false, &days, "how many days of stored orders are read, 1 to 90 (7)"},
    };
    if (!cli_read(cli, "suggest [--days N]", options, ADMIN_OPTION_COUNT + 1, NULL, err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/limits/suggest?days=%.*s",
                           TILL_STR_ARG(days)) ||
        !admin_call(cli, &place, "GET", target, NULL, &answer, err))
        return false;
    if (cli->json)
        return cli_say(cli, answer, err);
    const struct till_json *list = till_json_member(answer, "data");
    for (size_t i = 0; i < till_json_size(list); i++)
        print_suggestion(till_json_element(list, i));
    till_json_release(answer);
    return true;
}

bool verb_limits(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"show", show, "the limits, how far they are used, who is sent away"},
        {"suggest", suggest, "what they should be, from stored orders and calls since the start"}};
    if (cli->count == 0 || (cli->words[0][0] == '-' && strcmp(cli->words[0], "--help") != 0))
        return show(cli, err);
    return cli_part(cli, parts, sizeof parts / sizeof parts[0], err);
}

/* ---- till app limits ---- */

static bool add_limit(struct till_json *body, struct till_str word, struct till_error *err) {
    char name[64];
    size_t equals = till_str_find(word, '=');
    if (equals == word.len || equals == 0 || equals >= sizeof name)
        return TILL_FAIL(err, USAGE,
                         "Write a limit as CALL=RATE: payments.create=200/s, lists=default.");
    memcpy(name, word.ptr, equals);
    name[equals] = '\0';
    till_json_set_str(body, name, till_str_sub(word, equals + 1, word.len));
    return true;
}

bool app_limits(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values words = {0};
    struct till_str target;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "APP CALL=RATE ...   (200/s, 30/m, \"5/s burst 20\", off, default)", options,
                  ADMIN_OPTION_COUNT, &words, err))
        return false;
    if (words.count < 2)
        return TILL_FAIL(err, USAGE,
                         "Name the app and at least one limit: till app limits app_... "
                         "payments.create=200/s.");
    struct till_json *body = till_json_object();
    for (size_t i = 1; i < words.count; i++)
        if (!add_limit(body, words.at[i], err)) {
            till_json_release(body);
            return false;
        }
    if (till_arena_format(cli->arena, &target, err, "/admin/apps/%.*s/limits",
                          TILL_STR_ARG(words.at[0])))
        return admin_say(cli, &place, "POST", target, body, err);
    till_json_release(body);
    return false;
}
