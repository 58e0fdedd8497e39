/* SPDX-License-Identifier: Apache-2.0 */
/*
 * till audit: books, states and trail recomputed from the file alone. Exit status: 0 all is as it
 * must be, 1 a rule is broken (the first is named), 2 the file or the command line cannot be read.
 */
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gateway/audit/audit.h>
#include <gateway/settings.h>
#include <till/encode.h>

enum { EXIT_WHOLE = 0, EXIT_VIOLATED = 1, EXIT_UNREAD = 2 };

struct words {
    struct till_str config, store, expect;
    bool all;
};

static bool read_words(struct cli *cli, struct words *words, struct till_error *err) {
    const struct cli_option options[] = {
        {"-c", CLI_VALUE, false, &words->config, "configuration file: its store is audited"},
        {"--config", CLI_VALUE, false, &words->config, "the same"},
        {"--store", CLI_VALUE, false, &words->store, "this store's file, say a backup, instead"},
        {"--all", CLI_FLAG, false, &words->all, "name up to 100 violations, not only the first"},
        {"--expect", CLI_VALUE, false, &words->expect,
         "a head that was kept elsewhere, NUMBER:HASH: it must be part of the chain"},
    };
    return cli_read(cli, "-c CONFIG | --store FILE [--all] [--expect NUMBER:HASH]", options,
                    sizeof options / sizeof *options, NULL, err);
}

static bool find_store(struct cli *cli, const struct words *words, struct till_str *ret_path,
                       struct till_error *err) {
    struct gateway_settings settings = {0};
    if (words->store.len) {
        *ret_path = words->store;
        return true;
    }
    if (!words->config.len)
        return TILL_FAIL(err, USAGE, "Say which store: -c CONFIG or --store FILE.");
    if (!settings_load(gateway_setting_rows, gateway_setting_count, cli->arena, words->config, NULL,
                       0, &settings, err))
        return false;
    *ret_path = settings.store_path;
    return true;
}

static bool read_expected(struct cli *cli, struct till_str text, struct audit_options *options,
                          struct till_error *err) {
    struct till_str bytes;
    size_t colon = till_str_find(text, ':');
    if (text.len == 0)
        return true;
    if (!cli_number(till_str_sub(text, 0, colon), "--expect", 1, INT64_MAX, &options->expect_number,
                    err))
        return false;
    if (!till_hex_decode(cli->arena, till_str_sub(text, colon + 1, text.len), &bytes, err) ||
        bytes.len != sizeof options->expect_hash)
        return TILL_FAIL_FIELD(err, USAGE, "--expect",
                               "A head is NUMBER:HASH, as an earlier audit printed it.");
    memcpy(options->expect_hash, bytes.ptr, bytes.len);
    return true;
}

static void describe_head(const struct audit_report *report, char ret_head[96]) {
    char hex[2 * TILL_SHA256_SIZE + 1];
    till_hex_encode(report->head_hash, sizeof report->head_hash, hex);
    snprintf(ret_head, 96, "%" PRId64 ":%s", report->head_number, hex);
}

static struct till_json *describe_violations(const struct audit_report *report) {
    struct till_json *list = till_json_array();
    for (int i = 0; i < report->count; i++) {
        struct till_json *one = till_json_object();
        till_json_set_text(one, "rule", report->violations[i].rule);
        till_json_set_text(one, "row", report->violations[i].row);
        till_json_set_text(one, "expected", report->violations[i].text);
        till_json_append(list, one);
    }
    return list;
}

/* A run that stopped at a violation has no head and no counts: what it has not read it cannot say.
 */
static struct till_json *describe(const struct audit_report *report) {
    struct till_json *result = till_json_object();
    char head[96];
    till_json_set_bool(result, "whole", report->count == 0);
    if (!report->stopped) {
        describe_head(report, head);
        till_json_set_text(result, "head", report->head_number ? head : NULL);
        till_json_set_int(result, "unsealed", report->unsealed);
        till_json_set_int(result, "payments", report->payments);
        till_json_set_int(result, "transactions", report->transactions);
        till_json_set_int(result, "ledger_lines", report->ledger_lines);
    }
    till_json_set_int(result, "rules", report->rules);
    till_json_set(result, "violations", describe_violations(report));
    till_json_set_bool(result, "more", report->stopped);
    return result;
}

static void print_for_people(const struct audit_report *report) {
    char head[96];
    describe_head(report, head);
    for (int i = 0; i < report->count; i++)
        printf("violation   %s\n  row       %s\n  expected  %s\n", report->violations[i].rule,
               report->violations[i].row, report->violations[i].text);
    if (report->stopped)
        puts("stopped here; --all names more");
    else
        printf("%s: %d rules, %" PRId64 " payments, %" PRId64 " transactions in %" PRId64
               " lines, %" PRId64 " rows not yet sealed\nhead %s\n",
               report->count ? "violated" : "whole", report->rules, report->payments,
               report->transactions, report->ledger_lines, report->unsealed,
               report->head_number ? head : "none");
}

static bool run(struct cli *cli, struct audit_report *report, struct till_error *err) {
    struct words words = {0};
    struct audit_options options = {0};
    if (!read_words(cli, &words, err) || !find_store(cli, &words, &options.path, err) ||
        !read_expected(cli, words.expect, &options, err))
        return false;
    options.limit = words.all ? AUDIT_VIOLATIONS_MAX : 1;
    if (!audit_run(&options, report, err))
        return false;
    if (cli->json)
        return cli_say(cli, describe(report), err);
    print_for_people(report);
    return true;
}

int verb_audit(struct cli *cli) {
    struct till_error err = {.code = TILL_OK};
    struct audit_report *report = calloc(1, sizeof *report);
    int status = EXIT_UNREAD;
    if (!report)
        return status;
    if (run(cli, report, &err))
        status = report->count ? EXIT_VIOLATED : EXIT_WHOLE;
    else
        (void)cli_complain(cli, &err);
    free(report);
    return status;
}
