/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one file per verb, one row per verb in cli/main.c. A verb reads its options by
 * a table, does its work, and says the result once: as JSON with --json, else as lines for people.
 * Exit status: 0 done, 1 refused or failed, 2 the command line cannot be understood; `serve` has
 * its own.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include <till/arena.h>
#include <till/json.h>

#define CLI_VALUES_MAX 64

struct cli {
    const char *verb;
    const char *part; /* "add" in `till app add`; NULL: the verb has no parts */
    int count;        /* words after them */
    char **words;
    bool json;
    void (*more_help)(struct cli *cli); /* what --help adds to the table of options, or NULL */
    struct till_arena *arena;
};

enum cli_kind { CLI_VALUE, CLI_LIST, CLI_FLAG };

struct cli_values {
    struct till_str at[CLI_VALUES_MAX];
    size_t count;
};

struct cli_option {
    const char *name; /* "--dir"; "-c" is an alias that the table may name as its own row */
    enum cli_kind kind;
    bool required;
    void *value; /* struct till_str *, struct cli_values *, bool * */
    const char *meaning;
};

/* Words that are no options go to `rest` (NULL: none are allowed). `--help` prints the table and
 * exits. */
TILL_MUST_CHECK bool cli_read(struct cli *cli, const char *usage, const struct cli_option *options,
                              size_t count, struct cli_values *rest, struct till_error *err);
/* The result: JSON with --json; else "name  value" lines. Takes ownership of result. */
TILL_MUST_CHECK bool cli_say(struct cli *cli, struct till_json *result, struct till_error *err);
/* Text as it is, for people only. */
void cli_text(struct cli *cli, struct till_str text);
/* Other people's words on somebody's terminal: what would steer it, or look like a line of ours, is
 * written as \u001b; lines of a value are indented, those of PEM are not. JSON stays JSON. */
void cli_print_plain(FILE *out, struct till_str text);
/* "@path" is replaced by the file's content (at most 64 KiB), anything else stays. */
TILL_MUST_CHECK bool cli_value(struct cli *cli, struct till_str text, struct till_str *ret_value,
                               struct till_error *err);
/* Standard input, at most max bytes. */
TILL_MUST_CHECK bool cli_input(struct cli *cli, size_t max, struct till_str *ret_text,
                               struct till_error *err);
/* "127.0.0.1:8100" into address and port. */
TILL_MUST_CHECK bool cli_listen(struct till_str text, struct till_str *ret_address,
                                uint16_t *ret_port, struct till_error *err);
/* A whole number within min..max for the option `name`. */
TILL_MUST_CHECK bool cli_number(struct till_str text, const char *name, int64_t min, int64_t max,
                                int64_t *ret_number, struct till_error *err);

/* A verb: false with err for status 1 (2 for USAGE). */
typedef bool cli_verb(struct cli *cli, struct till_error *err);
/* Chooses `verb PART ...` from a table and runs it with the part taken off; `--help` in its place
 * lists the parts and exits. */
struct cli_part {
    const char *name;
    cli_verb *run;
    const char *meaning;
};
TILL_MUST_CHECK bool cli_part(struct cli *cli, const struct cli_part *parts, size_t count,
                              struct till_error *err);
/* An error as the whole command line says it: one line on standard error, a problem in JSON with
 * --json. The exit status. */
int cli_complain(const struct cli *cli, const struct till_error *err);

cli_verb verb_init, verb_app, verb_key, verb_account, verb_endpoint, verb_pay, verb_query,
    verb_refund, verb_close, verb_explain, verb_har, verb_doctor, verb_backup, verb_status,
    verb_shop, verb_sandbox, verb_bill, verb_secrets, verb_reconcile, verb_discrepancy,
    verb_attempt, verb_route, verb_config, verb_reload, verb_limits, verb_client;
/* Runs until a signal and has exit statuses of its own. */
int verb_serve(struct cli *cli);
/* 0 whole, 1 violated, 2 not read. */
int verb_audit(struct cli *cli);

#endif
