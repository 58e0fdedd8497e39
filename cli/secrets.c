/* SPDX-License-Identifier: Apache-2.0 */
/* till secrets status | reseal: the master key that everything secret in the store is sealed under.
 */
#include <cli/admin.h>

#include <stdlib.h>

static bool status(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    return cli_read(cli, "", options, ADMIN_OPTION_COUNT, NULL, err) &&
           admin_say(cli, &place, "GET", TILL_STR("/admin/secrets"), NULL, err);
}

/* The daemon reads the file, so it is told where it lies from anywhere. */
static bool make_absolute(struct cli *cli, struct till_str path, struct till_str *ret_path,
                          struct till_error *err) {
    const char *text;
    if (!till_arena_cstr(cli->arena, path, &text, err))
        return false;
    char *found = realpath(text, NULL);
    if (!found)
        return TILL_FAIL_FIELD(err, FILE_FAILED, "--new-master-key-file",
                               "There is no such file: make one as till init does, for example "
                               "with openssl rand -hex 32.");
    bool copied = till_arena_copy(cli->arena, till_str_of(found), ret_path, err);
    free(found);
    return copied;
}

static bool reseal(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str path = TILL_STR_NONE;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--new-master-key-file", CLI_VALUE, true, &path,
         "64 hex digits in a file that only the daemon's user can read"},
    };
    if (!cli_read(cli, "--new-master-key-file FILE", options, ADMIN_OPTION_COUNT + 1, NULL, err) ||
        !make_absolute(cli, path, &path, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "new_master_key_file", path);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/secrets/reseal"), body, err);
}

bool verb_secrets(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"status", status, "under which master key the secrets are sealed"},
        {"reseal", reseal, "seal them all under a new master key while till runs"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
