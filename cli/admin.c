/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/admin.h>

#include <string.h>

#include <gateway/settings.h>
#include <rt/local.h>

static bool find_socket(struct cli *cli, const struct admin_place *place,
                        struct till_str *ret_socket, struct till_error *err) {
    struct gateway_settings settings = {0};
    if (place->socket.len) {
        *ret_socket = place->socket;
        return true;
    }
    if (!place->config.len)
        return TILL_FAIL(err, USAGE, "Say which daemon: -c CONFIG or --socket PATH.");
    if (!settings_load(gateway_setting_rows, gateway_setting_count, cli->arena, place->config, NULL,
                       0, &settings, err))
        return false;
    *ret_socket = settings.admin_socket;
    return true;
}

/* The daemon's code by its public name. A program of another version may know more of them. */
static enum till_code code_of(struct till_str slug) {
    for (int code = TILL_OK + 1; code < TILL_CODE_COUNT; code++)
        if (till_str_is(slug, till_code_slug((enum till_code)code)))
            return (enum till_code)code;
    return TILL_E_FIELD_INVALID;
}

/* A problem document (RFC 9457) into our error: code, the field it names, its sentence. */
static bool refuse(struct till_str body, int status, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *problem = NULL;
    struct till_error second;
    if (!till_json_parse(body, &problem, &second))
        return TILL_FAIL(err, UPSTREAM_UNKNOWN, "The daemon answered %d without a reason.", status);
    struct till_str detail = till_json_get_str(problem, "detail");
    struct till_str pointer =
        till_json_get_str(till_json_element(till_json_member(problem, "errors"), 0), "pointer");
    char field[sizeof err->field];
    size_t len = pointer.len < sizeof field ? pointer.len : sizeof field - 1;
    if (len)
        memcpy(field, pointer.ptr, len);
    field[len] = '\0';
    (void)TILL_FAIL_FIELD(err, FIELD_INVALID, field, "%.*s", TILL_STR_ARG(detail));
    err->code = code_of(till_json_get_str(problem, "code"));
    return false;
}

bool admin_call(struct cli *cli, const struct admin_place *place, const char *method,
                struct till_str target, struct till_json *body, struct till_json **ret_answer,
                struct till_error *err) {
    struct till_str socket, text = TILL_STR_NONE;
    struct local_answer answer;
    bool written = !body || till_json_write(cli->arena, body, TILL_JSON_COMPACT, &text, err);
    till_json_release(body);
    if (!written || !find_socket(cli, place, &socket, err) ||
        !local_exchange(cli->arena, socket, till_str_of(method), target, text, &answer, err))
        return false;
    if (answer.status < 200 || answer.status > 299)
        return refuse(answer.body, answer.status, err);
    return till_json_parse(answer.body, ret_answer, err);
}

bool admin_text(struct cli *cli, const struct admin_place *place, struct till_str target,
                struct till_str *ret_text, struct till_str *ret_cursor, struct till_error *err) {
    struct till_str socket;
    struct local_answer answer;
    if (!find_socket(cli, place, &socket, err) ||
        !local_exchange(cli->arena, socket, TILL_STR("GET"), target, TILL_STR_NONE, &answer, err))
        return false;
    if (answer.status < 200 || answer.status > 299)
        return refuse(answer.body, answer.status, err);
    *ret_text = answer.body;
    *ret_cursor = answer.next_cursor;
    return true;
}

bool admin_say(struct cli *cli, const struct admin_place *place, const char *method,
               struct till_str target, struct till_json *body, struct till_error *err) {
    struct till_json *answer = NULL;
    return admin_call(cli, place, method, target, body, &answer, err) && cli_say(cli, answer, err);
}

bool admin_list(struct cli *cli, const char *path, bool need_app, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, need_app, &app, need_app ? "whose" : "only this app's"},
    };
    return cli_read(cli, need_app ? "--app ID" : "[--app ID]", options, ADMIN_OPTION_COUNT + 1,
                    NULL, err) &&
           till_arena_format(cli->arena, &target, err, app.len ? "%s?app_id=%.*s" : "%s", path,
                             TILL_STR_ARG(app)) &&
           admin_say(cli, &place, "GET", target, NULL, err);
}

bool admin_switch(struct cli *cli, const char *folder, const char *what, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values ids = {0};
    struct till_str target;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "ID", options, ADMIN_OPTION_COUNT, &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one id.");
    return till_arena_format(cli->arena, &target, err, "%s/%.*s/%s", folder,
                             TILL_STR_ARG(ids.at[0]), what) &&
           admin_say(cli, &place, "POST", target, NULL, err);
}
