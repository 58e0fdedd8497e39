/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>

#include <till/money.h>

void cli_text(struct cli *cli, struct till_str text) {
    if (!cli->json)
        fwrite(text.ptr, 1, text.len, stdout);
}

static void print_value(struct cli *cli, const struct till_json *value) {
    struct till_error err;
    struct till_str text;
    if (till_json_is_string(value))
        text = till_json_str(value);
    else if (!till_json_write(cli->arena, value, TILL_JSON_COMPACT, &text, &err))
        text = till_str_of(err.text);
    cli_print_plain(stdout, text);
    putchar('\n');
}

/* Minor units are for programs: a person reads 9.90, or 100 where the currency has none. */
static bool is_sum(struct till_str name) {
    static const char *const names[] = {"amount", "received", "refund_held", "refunded"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (till_str_is(name, names[i]))
            return true;
    return false;
}

static bool print_sum(const struct till_json *object, struct till_str name) {
    struct till_money money = {0};
    char text[TILL_MONEY_TEXT], member[16];
    struct till_error err;
    if (!is_sum(name))
        return false;
    snprintf(member, sizeof member, "%.*s", TILL_STR_ARG(name));
    if (!till_json_get_int(object, member, &money.minor) ||
        !till_currency_read(till_json_get_str(object, "currency"), money.currency, &err) ||
        !till_money_format(money, text, &err))
        return false;
    printf("%s %s\n", text, money.currency);
    return true;
}

static void print_object(struct cli *cli, const struct till_json *object) {
    struct till_str name;
    const struct till_json *value;
    for (size_t i = 0; till_json_member_at(object, i, &name, &value); i++) {
        printf("%-20.*s ", TILL_STR_ARG(name));
        if (!print_sum(object, name))
            print_value(cli, value);
    }
}

/* A list comes as {"data":[...]}: for people its rows are what counts. */
static void print_lines(struct cli *cli, const struct till_json *result) {
    const struct till_json *data =
        till_json_is_object(result) ? till_json_member(result, "data") : NULL;
    if (till_json_is_array(data))
        result = data;
    if (!till_json_is_array(result)) {
        print_object(cli, result);
        return;
    }
    for (size_t i = 0; i < till_json_size(result); i++) {
        if (i)
            putchar('\n');
        print_object(cli, till_json_element(result, i));
    }
}

bool cli_say(struct cli *cli, struct till_json *result, struct till_error *err) {
    struct till_str text;
    bool said = true;
    if (cli->json) {
        said = till_json_write(cli->arena, result, TILL_JSON_COMPACT, &text, err);
        if (said) {
            cli_print_plain(stdout, text);
            putchar('\n');
        }
    } else {
        print_lines(cli, result);
    }
    till_json_release(result);
    return said;
}

static void print_problem(const struct cli *cli, const struct till_error *err) {
    struct till_json *problem = till_json_object();
    struct till_error second;
    struct till_str text;
    till_json_set_text(problem, "code", till_code_slug(err->code));
    till_json_set_text(problem, "detail", err->text);
    if (err->field[0])
        till_json_set_text(problem, "field", err->field);
    if (till_json_write(cli->arena, problem, TILL_JSON_COMPACT, &text, &second))
        fprintf(stderr, "%.*s\n", TILL_STR_ARG(text));
    till_json_release(problem);
}

int cli_complain(const struct cli *cli, const struct till_error *err) {
    if (cli->json)
        print_problem(cli, err);
    else {
        fprintf(stderr, "till %s: %s%s", cli->verb, err->field, err->field[0] ? ": " : "");
        cli_print_plain(stderr, till_str_of(err->text));
        fputc('\n', stderr);
    }
    return err->code == TILL_E_USAGE ? 2 : 1;
}
