/* SPDX-License-Identifier: Apache-2.0 */
/* till reconcile: bills against the books now. till discrepancy: list, show, resolve, export. */
#include <cli/admin.h>

#include <stdio.h>

#include <till/encode.h>

enum { WAITS_MAX = 180 }; /* of at most 20 s each */

/* ---- till reconcile ---- */

static bool is_done(const struct till_json *report) {
    int64_t bills = 0, done = 0;
    return till_json_get_int(report, "bills", &bills) && till_json_get_int(report, "done", &done) &&
           bills == done;
}

/* The report again until every comparison has ended; each answer waits a while for that. */
static bool wait_for_end(struct cli *cli, const struct admin_place *place,
                         struct till_json **report, struct till_error *err) {
    struct till_str target;
    struct till_str from = till_json_get_str(*report, "from");
    struct till_str to = till_json_get_str(*report, "to");
    struct till_str account = till_json_get_str(*report, "account");
    if (!till_arena_format(cli->arena, &target, err,
                           "/admin/reconciliations?wait=true&from=%.*s&to=%.*s&account=%.*s",
                           TILL_STR_ARG(from), TILL_STR_ARG(to), TILL_STR_ARG(account)))
        return false;
    for (int i = 0; !is_done(*report); i++) {
        struct till_json *next = NULL;
        if (i == WAITS_MAX)
            return TILL_FAIL(err, OVERLOADED, "It goes on; look again with the same command.");
        if (!admin_call(cli, place, "GET", target, NULL, &next, err))
            return false;
        till_json_release(*report);
        *report = next;
    }
    return true;
}

bool verb_reconcile(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str account = TILL_STR_NONE, date = TILL_STR_NONE, from = TILL_STR_NONE,
                    to = TILL_STR_NONE;
    bool wait = false;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--account", CLI_VALUE, false, &account, "only this account's bills (all)"},
        {"--date", CLI_VALUE, false, &date, "the platform's day, as 2026-11-22 (yesterday)"},
        {"--from", CLI_VALUE, false, &from, "or a range of at most 31 days"},
        {"--to", CLI_VALUE, false, &to, "its last day"},
        {"--wait", CLI_FLAG, false, &wait, "until the comparison has ended"},
    };
    struct till_json *report = NULL;
    if (!cli_read(cli, "[--account ID] [--date DAY | --from DAY --to DAY] [--wait]", options,
                  ADMIN_OPTION_COUNT + 5, NULL, err))
        return false;
    struct till_json *body = till_json_object();
    const struct {
        const char *name;
        struct till_str value;
    } members[] = {{"account", account}, {"date", date}, {"from", from}, {"to", to}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].value.len)
            till_json_set_str(body, members[i].name, members[i].value);
    if (!admin_call(cli, &place, "POST", TILL_STR("/admin/reconcile"), body, &report, err))
        return false;
    if (!wait || wait_for_end(cli, &place, &report, err))
        return cli_say(cli, report, err);
    till_json_release(report);
    return false;
}

/* ---- till discrepancy ---- */

struct wanted {
    struct admin_place place;
    struct till_str app, account, type, state, limit, cursor, format;
};

static bool format_target(struct cli *cli, const struct wanted *wanted, struct till_str *ret,
                          struct till_error *err) {
    const struct {
        const char *name;
        struct till_str value;
    } members[] = {{"app_id", wanted->app},   {"account", wanted->account},
                   {"type", wanted->type},    {"state", wanted->state},
                   {"limit", wanted->limit},  {"cursor", wanted->cursor},
                   {"format", wanted->format}};
    struct till_buf buf;
    till_buf_init(&buf, cli->arena);
    till_buf_text(&buf, "/admin/discrepancies");
    char mark = '?';
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (members[i].value.len == 0)
            continue;
        till_buf_format(&buf, "%c%s=", mark, members[i].name);
        till_percent_encode(&buf, members[i].value, TILL_PERCENT_RFC3986);
        mark = '&';
    }
    return till_buf_finish(&buf, ret, err);
}

static bool discrepancy_list(struct cli *cli, struct till_error *err) {
    struct wanted wanted = {.limit = TILL_STR("20")};
    struct till_str target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(wanted.place),
        {"--app", CLI_VALUE, false, &wanted.app, "only this app's"},
        {"--account", CLI_VALUE, false, &wanted.account, "only this account's"},
        {"--type", CLI_VALUE, false, &wanted.type,
         "only of this type, such as bill_amount_differs"},
        {"--state", CLI_VALUE, false, &wanted.state, "open, resolved or any (open)"},
        {"--limit", CLI_VALUE, false, &wanted.limit, "how many, 1 to 100 (20)"},
        {"--cursor", CLI_VALUE, false, &wanted.cursor,
         "behind this one: next_cursor of the page before"},
    };
    return cli_read(cli, "[--app ID] [--account ID] [--type TYPE] [--state STATE]", options,
                    ADMIN_OPTION_COUNT + 6, NULL, err) &&
           format_target(cli, &wanted, &target, err) &&
           admin_say(cli, &wanted.place, "GET", target, NULL, err);
}

static bool read_id(struct cli *cli, const char *usage, const struct cli_option *options,
                    size_t count, const char *tail, struct till_str *ret_target,
                    struct till_error *err) {
    struct cli_values ids = {0};
    if (!cli_read(cli, usage, options, count, &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one discrepancy.");
    return till_arena_format(cli->arena, ret_target, err, "/admin/discrepancies/%.*s%s",
                             TILL_STR_ARG(ids.at[0]), tail);
}

static bool discrepancy_show(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str target;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    return read_id(cli, "ID", options, ADMIN_OPTION_COUNT, "", &target, err) &&
           admin_say(cli, &place, "GET", target, NULL, err);
}

static bool discrepancy_resolve(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str note = TILL_STR_NONE, target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--note", CLI_VALUE, true, &note, "why it is settled; kept for ever"},
    };
    if (!read_id(cli, "ID --note TEXT", options, ADMIN_OPTION_COUNT + 1, "/resolve", &target, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "note", note);
    return admin_say(cli, &place, "POST", target, body, err);
}

/* Page after page to standard output: however many there are, one page is in memory. */
static bool discrepancy_export(struct cli *cli, struct till_error *err) {
    struct wanted wanted = {.limit = TILL_STR("1000"), .format = TILL_STR("csv")};
    struct till_str target, page, cursor = TILL_STR_NONE;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(wanted.place),
        {"--app", CLI_VALUE, false, &wanted.app, "only this app's"},
        {"--account", CLI_VALUE, false, &wanted.account, "only this account's"},
        {"--type", CLI_VALUE, false, &wanted.type, "only of this type"},
        {"--state", CLI_VALUE, false, &wanted.state, "open, resolved or any (open)"},
    };
    if (!cli_read(cli, "[--account ID] [--state STATE] > discrepancies.csv", options,
                  ADMIN_OPTION_COUNT + 4, NULL, err))
        return false;
    do {
        struct till_arena arena, *outer = cli->arena;
        char kept[TILL_ID_SIZE];
        snprintf(kept, sizeof kept, "%.*s", TILL_STR_ARG(cursor));
        wanted.cursor = till_str_of(kept);
        till_arena_init(&arena, (size_t)16 * 1024 * 1024);
        cli->arena = &arena;
        bool good = format_target(cli, &wanted, &target, err) &&
                    admin_text(cli, &wanted.place, target, &page, &cursor, err);
        if (good)
            fwrite(page.ptr, 1, page.len, stdout);
        snprintf(kept, sizeof kept, "%.*s", good ? (int)cursor.len : 0, good ? cursor.ptr : "");
        till_arena_clean_up(&arena);
        cli->arena = outer;
        if (!good || !till_arena_copy(outer, till_str_of(kept), &cursor, err))
            return false;
    } while (cursor.len);
    return true;
}

bool verb_discrepancy(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"list", discrepancy_list, "what contradicts the books, newest first"},
        {"show", discrepancy_show, "one with its evidence, history and what to do"},
        {"resolve", discrepancy_resolve, "it is settled, by your word"},
        {"export", discrepancy_export, "all of them as CSV for a spreadsheet"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
