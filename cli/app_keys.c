/* SPDX-License-Identifier: Apache-2.0 */
/* till app key, keys: what an app signs with. A file is looked at here already, so that a private
 * key given by mistake does not even reach the daemon. */
#include <cli/app_keys.h>

#include <cli/admin.h>
#include <rt/file.h>
#include <till/signing.h>

#define KEY_FILE_MAX (64u << 10)

bool cli_read_public_key(struct cli *cli, struct till_str path, struct till_str *ret_line,
                         struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    enum till_signing_algorithm algorithm;
    struct till_str pasted;
    bool good = file_read(cli->arena, path, KEY_FILE_MAX, &pasted, err) &&
                till_key_parse_public(pasted, &key, err) &&
                till_signing_key_check(key, &algorithm, err) &&
                till_key_export(cli->arena, key, TILL_KEY_SPKI_BASE64, ret_line, err);
    if (!good)
        memcpy(err->field, "--public-key", sizeof "--public-key");
    return good;
}

bool app_key(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, path = TILL_STR_NONE, line;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &app, "the app that shall sign with it"},
        {"--public-key", CLI_VALUE, false, &path,
         "the public half of its own pair, RSA of 2048 to 4096 bits or Ed25519; without it till "
         "makes a secret"},
    };
    if (!cli_read(cli, "--app ID [--public-key FILE]", options, ADMIN_OPTION_COUNT + 2, NULL,
                  err) ||
        (path.len && !cli_read_public_key(cli, path, &line, err)))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "app_id", app);
    if (path.len)
        till_json_set_str(body, "public_key", line);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/keys"), body, err);
}

bool app_rights(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str scopes = TILL_STR_NONE, target;
    struct cli_values ids = {0};
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--set", CLI_VALUE, true, &scopes,
         "all of its rights anew: \"merchant\" (orders and all that belongs to them) or single "
         "ones, and keys:read, keys:write, accounts:read, accounts:write, apps:read, apps:write"},
    };
    if (!cli_read(cli, "KEY --set \"merchant keys:write\"", options, ADMIN_OPTION_COUNT + 1, &ids,
                  err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one key.");
    if (!till_arena_format(cli->arena, &target, err, "/admin/keys/%.*s/rights",
                           TILL_STR_ARG(ids.at[0])))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "scopes", scopes);
    return admin_say(cli, &place, "POST", target, body, err);
}
