/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to the running daemon through its Unix socket: the CLI never opens the store itself. */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include <cli/cli.h>

/* Where the daemon is: rows for every verb that talks to it. */
struct admin_place {
    struct till_str config; /* -c, --config */
    struct till_str socket; /* --socket */
};
#define ADMIN_OPTIONS(place)                                                                       \
    {"-c", CLI_VALUE, false, &(place).config, "configuration file of the daemon"},                 \
        {"--config", CLI_VALUE, false, &(place).config, "the same"}, {                             \
        "--socket", CLI_VALUE, false, &(place).socket,                                             \
            "its admin socket, instead of a configuration"                                         \
    }
#define ADMIN_OPTION_COUNT 3

/* body may be NULL (released here otherwise). A 2xx gives its JSON (to be released), a problem its
 * own words as err. */
TILL_MUST_CHECK bool admin_call(struct cli *cli, const struct admin_place *place,
                                const char *method, struct till_str target, struct till_json *body,
                                struct till_json **ret_answer, struct till_error *err);
/* The same for an answer that is text, page by page: *ret_cursor is the next page's, empty at the
 * end. */
TILL_MUST_CHECK bool admin_text(struct cli *cli, const struct admin_place *place,
                                struct till_str target, struct till_str *ret_text,
                                struct till_str *ret_cursor, struct till_error *err);
/* The same, and the answer is the verb's result. */
TILL_MUST_CHECK bool admin_say(struct cli *cli, const struct admin_place *place, const char *method,
                               struct till_str target, struct till_json *body,
                               struct till_error *err);
/* The whole of a verb's part: a list, of one app or, where that is possible, of all. */
TILL_MUST_CHECK bool admin_list(struct cli *cli, const char *path, bool need_app,
                                struct till_error *err);
/* The same: POST {folder}/{id}/{what} for the id on the command line. */
TILL_MUST_CHECK bool admin_switch(struct cli *cli, const char *folder, const char *what,
                                  struct till_error *err);

/* route.c: till account breaker */
cli_verb account_breaker;

#endif
