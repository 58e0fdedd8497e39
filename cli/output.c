/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>

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
    printf("%.*s\n", TILL_STR_ARG(text));
}

static void print_object(struct cli *cli, const struct till_json *object) {
    struct till_str name;
    const struct till_json *value;
    for (size_t i = 0; till_json_member_at(object, i, &name, &value); i++) {
        printf("%-20.*s ", TILL_STR_ARG(name));
        print_value(cli, value);
    }
}

static void print_lines(struct cli *cli, const struct till_json *result) {
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
        if (said)
            printf("%.*s\n", TILL_STR_ARG(text));
    } else {
        print_lines(cli, result);
    }
    till_json_release(result);
    return said;
}
