/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/cli.h>

#include <stdio.h>
#include <string.h>

#include <till/till.h>

#define ARENA_MAX (64u << 20)

static const struct verb {
    const char *name;
    cli_verb *run;
    int (*serve)(struct cli *cli);
    const char *meaning;
} verbs[] = {
#include <cli/verbs.def>
};

static void print_help(void) {
    printf("till %s: a payment gateway\n\nusage: till VERB [options]   (till VERB --help tells "
           "more)\n\n",
           TILL_VERSION);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        printf("  %-10s %s\n", verbs[i].name, verbs[i].meaning);
}

/* Removes --json wherever it stands. */
static void take_json_flag(struct cli *cli) {
    int kept = 0;
    for (int i = 0; i < cli->count; i++) {
        if (strcmp(cli->words[i], "--json") == 0)
            cli->json = true;
        else
            cli->words[kept++] = cli->words[i];
    }
    cli->count = kept;
}

static int run(const struct verb *verb, struct cli *cli) {
    struct till_error err = {0};
    if (verb->serve)
        return verb->serve(cli);
    return verb->run(cli, &err) ? 0 : cli_complain(cli, &err);
}

static const struct verb *find(const char *name) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

static int refuse(const struct cli *cli) {
    struct till_error err;
    (void)TILL_FAIL(&err, USAGE, "There is no such verb; till --help lists them.");
    return cli_complain(cli, &err);
}

int main(int argc, char **argv) {
    struct till_arena arena;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("till %s\n", TILL_VERSION);
        return 0;
    }
    till_arena_init(&arena, ARENA_MAX);
    struct cli cli = {.verb = argv[1], .count = argc - 2, .words = argv + 2, .arena = &arena};
    take_json_flag(&cli);
    const struct verb *verb = find(argv[1]);
    int status = verb ? run(verb, &cli) : refuse(&cli);
    till_arena_clean_up(&arena);
    return status;
}
