/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rt/file.h>

#define FILE_MAX (64u << 10)

static void print_table(const struct cli *cli, const char *usage, const struct cli_option *options,
                        size_t count) {
    printf("usage: till %s%s%s %s\n\n", cli->verb, cli->part ? " " : "", cli->part ? cli->part : "",
           usage);
    for (size_t i = 0; i < count; i++)
        printf("  %-22s %s%s%s\n", options[i].name, options[i].meaning,
               options[i].kind == CLI_LIST ? " (repeatable)" : "",
               options[i].required ? " (required)" : "");
    printf("  %-22s %s\n", "--json", "answer as JSON");
}

static const struct cli_option *find(const struct cli_option *options, size_t count,
                                     struct till_str name) {
    for (size_t i = 0; i < count; i++)
        if (till_str_is(name, options[i].name))
            return &options[i];
    return NULL;
}

static bool add(struct cli_values *values, struct till_str text, struct till_error *err) {
    if (values->count == CLI_VALUES_MAX)
        return TILL_FAIL(err, USAGE, "At most %d values are taken.", CLI_VALUES_MAX);
    values->at[values->count++] = text;
    return true;
}

/* One option; *index moves over its value when that is a word of its own. */
static bool take(struct cli *cli, int *index, const struct cli_option *options, size_t count,
                 struct till_error *err) {
    struct till_str word = till_str_of(cli->words[*index]);
    struct till_str name = till_str_sub(word, 0, till_str_find(word, '='));
    bool has_value = name.len < word.len;
    struct till_str value = till_str_sub(word, name.len + 1, word.len);
    const struct cli_option *option = find(options, count, name);
    if (!option)
        return TILL_FAIL(err, USAGE, "There is no option %.*s; till %s --help lists them.",
                         TILL_STR_ARG(name), cli->verb);
    if (option->kind == CLI_FLAG) {
        if (has_value)
            return TILL_FAIL(err, USAGE, "%s takes no value.", option->name);
        *(bool *)option->value = true;
        return true;
    }
    if (!has_value && *index + 1 >= cli->count)
        return TILL_FAIL(err, USAGE, "%s needs a value.", option->name);
    if (!has_value)
        value = till_str_of(cli->words[++*index]);
    if (option->kind == CLI_LIST)
        return add(option->value, value, err);
    *(struct till_str *)option->value = value;
    return true;
}

static bool check_required(const struct cli *cli, const struct cli_option *options, size_t count,
                           struct till_error *err) {
    for (size_t i = 0; i < count; i++) {
        const struct till_str *value = options[i].value;
        if (options[i].required && options[i].kind == CLI_VALUE && !value->len)
            return TILL_FAIL(err, USAGE, "%s is missing; till %s --help tells more.",
                             options[i].name, cli->verb);
    }
    return true;
}

bool cli_read(struct cli *cli, const char *usage, const struct cli_option *options, size_t count,
              struct cli_values *rest, struct till_error *err) {
    for (int i = 0; i < cli->count; i++) {
        const char *word = cli->words[i];
        if (strcmp(word, "--help") == 0) {
            print_table(cli, usage, options, count);
            if (cli->more_help)
                cli->more_help(cli);
            exit(0);
        }
        bool is_option = word[0] == '-' && word[1];
        if (is_option ? !take(cli, &i, options, count, err)
            : rest    ? !add(rest, till_str_of(word), err)
                      : !TILL_FAIL(err, USAGE, "'%s' is one word too many.", word))
            return false;
    }
    return check_required(cli, options, count, err);
}

static void print_parts(const struct cli *cli, const struct cli_part *parts, size_t count) {
    printf("usage: till %s PART [options]   (till %s PART --help tells more)\n\n", cli->verb,
           cli->verb);
    for (size_t i = 0; i < count; i++)
        printf("  %-15s %s\n", parts[i].name, parts[i].meaning);
}

bool cli_part(struct cli *cli, const struct cli_part *parts, size_t count, struct till_error *err) {
    struct till_buf names;
    struct till_str text;
    if (cli->count && strcmp(cli->words[0], "--help") == 0) {
        print_parts(cli, parts, count);
        exit(0);
    }
    for (size_t i = 0; cli->count && i < count; i++) {
        if (strcmp(cli->words[0], parts[i].name) != 0)
            continue;
        cli->part = parts[i].name;
        cli->words++;
        cli->count--;
        return parts[i].run(cli, err);
    }
    till_buf_init(&names, cli->arena);
    for (size_t i = 0; i < count; i++)
        till_buf_format(&names, "%s%s", i ? " | " : "", parts[i].name);
    if (!till_buf_finish(&names, &text, err))
        return false;
    return TILL_FAIL(err, USAGE, "Say what to do: till %s %.*s.", cli->verb, TILL_STR_ARG(text));
}

bool cli_value(struct cli *cli, struct till_str text, struct till_str *ret_value,
               struct till_error *err) {
    if (!text.len || text.ptr[0] != '@') {
        *ret_value = text;
        return true;
    }
    return file_read(cli->arena, till_str_sub(text, 1, text.len), FILE_MAX, ret_value, err);
}

bool cli_input(struct cli *cli, size_t max, struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    char chunk[4096];
    size_t len;
    till_buf_init(&buf, cli->arena);
    while ((len = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        till_buf_add(&buf, (struct till_str){chunk, len});
        if (buf.len > max)
            return TILL_FAIL(err, BODY_TOO_LARGE, "At most %zu bytes are read.", max);
    }
    return till_buf_finish(&buf, ret_text, err);
}

bool cli_number(struct till_str text, const char *name, int64_t min, int64_t max,
                int64_t *ret_number, struct till_error *err) {
    unsigned long long number;
    if (!till_str_to_u64(text, (unsigned long long)max, &number) || (int64_t)number < min)
        return TILL_FAIL(err, USAGE, "%s takes a whole number from %" PRId64 " to %" PRId64 ".",
                         name, min, max);
    *ret_number = (int64_t)number;
    return true;
}

bool cli_listen(struct till_str text, struct till_str *ret_address, uint16_t *ret_port,
                struct till_error *err) {
    int64_t port = 0;
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return TILL_FAIL(err, USAGE,
                         "Give the address as ADDRESS:PORT, for example 127.0.0.1:8080.");
    if (!cli_number(till_str_sub(text, colon, text.len), "the port", 0, 65535, &port, err))
        return false;
    *ret_address = till_str_sub(text, 0, colon - 1);
    *ret_port = (uint16_t)port;
    return true;
}
