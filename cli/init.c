/* SPDX-License-Identifier: Apache-2.0 */
/* till init: a folder with a configuration, a master key and room for the store. */
#include <cli/cli.h>

#include <cli/random.h>
#include <rt/file.h>
#include <till/crypto.h>
#include <till/encode.h>

struct init_words {
    struct till_str directory, public_url, port, private_port;
    struct cli_values permits;
};

static bool write_master_key(struct cli *cli, struct till_str path, struct till_error *err) {
    uint8_t key[TILL_SEAL_KEY_SIZE];
    char hex[2 * TILL_SEAL_KEY_SIZE + 2];
    (void)cli;
    if (!random_bytes(key, sizeof key, err))
        return false;
    till_hex_encode(key, sizeof key, hex);
    hex[sizeof hex - 2] = '\n';
    bool written =
        file_write(path, (struct till_str){hex, 2 * TILL_SEAL_KEY_SIZE + 1}, 0600, true, err);
    till_wipe(key, sizeof key);
    till_wipe(hex, sizeof hex);
    return written;
}

static bool join_permits(struct cli *cli, const struct cli_values *permits,
                         struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, cli->arena);
    for (size_t i = 0; i < permits->count; i++) {
        till_buf_text(&buf, i ? " " : "");
        till_buf_add(&buf, permits->at[i]);
    }
    return till_buf_finish(&buf, ret_text, err);
}

static bool config_text(struct cli *cli, const struct init_words *words, struct till_str *ret_text,
                        struct till_error *err) {
    struct till_str permits, d = words->directory;
    struct till_buf buf;
    if (!join_permits(cli, &words->permits, &permits, err))
        return false;
    till_buf_init(&buf, cli->arena);
    till_buf_text(&buf, "# Settings of this till; `till serve --help` names the rest with their "
                        "defaults.\n# How buyers, platforms and merchants reach it:\n");
    till_buf_format(&buf, "public_url: \"%.*s\"\n", TILL_STR_ARG(words->public_url));
    till_buf_format(&buf, "http:\n  port: %.*s\n", TILL_STR_ARG(words->port));
    till_buf_format(&buf,
                    "# Metrics and health, for machines of your own:\nprivate:\n  port: %.*s\n",
                    TILL_STR_ARG(words->private_port));
    till_buf_format(&buf,
                    "# Local administration; only this user can open it:\nadmin:\n  socket: "
                    "\"%.*s/admin.sock\"\n",
                    TILL_STR_ARG(d));
    till_buf_format(&buf, "store:\n  path: \"%.*s/till.db\"\n", TILL_STR_ARG(d));
    till_buf_format(
        &buf,
        "# Without this file the stored secrets cannot be read. Keep a copy elsewhere.\n"
        "secrets:\n  master_key_file: \"%.*s/master.key\"\n",
        TILL_STR_ARG(d));
    till_buf_format(&buf, "log:\n  path: \"%.*s/till.log\"\n", TILL_STR_ARG(d));
    if (permits.len)
        till_buf_format(
            &buf,
            "# Addresses that are not public and may be called all the same. Empty in production.\n"
            "outbound:\n  permit: \"%.*s\"\n",
            TILL_STR_ARG(permits));
    return till_buf_finish(&buf, ret_text, err);
}

static bool read_words(struct cli *cli, struct init_words *words, struct till_error *err) {
    int64_t number;
    const struct cli_option options[] = {
        {"--dir", CLI_VALUE, true, &words->directory, "folder to make"},
        {"--public-url", CLI_VALUE, false, &words->public_url,
         "address under which the world reaches this till (http://127.0.0.1:8080)"},
        {"--port", CLI_VALUE, false, &words->port, "public port (8080)"},
        {"--private-port", CLI_VALUE, false, &words->private_port, "metrics port (9090)"},
        {"--permit", CLI_LIST, false, &words->permits,
         "HOST:PORT that may be called though it is not public"},
    };
    return cli_read(cli, "--dir DIR [--public-url URL]", options, sizeof options / sizeof *options,
                    NULL, err) &&
           cli_number(words->port, "--port", 1, 65535, &number, err) &&
           cli_number(words->private_port, "--private-port", 1, 65535, &number, err);
}

static bool has_unsafe_byte(struct till_str text) {
    return till_str_find(text, '"') < text.len || till_str_find(text, '\n') < text.len ||
           till_str_find(text, '\\') < text.len;
}

bool verb_init(struct cli *cli, struct till_error *err) {
    struct init_words words = {.public_url = TILL_STR("http://127.0.0.1:8080"),
                               .port = TILL_STR("8080"),
                               .private_port = TILL_STR("9090")};
    struct till_str key_path, config_path, text;
    if (!read_words(cli, &words, err))
        return false;
    if (has_unsafe_byte(words.directory) || has_unsafe_byte(words.public_url))
        return TILL_FAIL(err, USAGE, "Paths and addresses may not hold quotes or line ends.");
    if (!till_arena_format(cli->arena, &key_path, err, "%.*s/master.key",
                           TILL_STR_ARG(words.directory)) ||
        !till_arena_format(cli->arena, &config_path, err, "%.*s/till.yaml",
                           TILL_STR_ARG(words.directory)) ||
        !config_text(cli, &words, &text, err) || !file_make_directory(words.directory, 0700, err) ||
        !write_master_key(cli, key_path, err) || !file_write(config_path, text, 0600, true, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "config", config_path);
    till_json_set_str(json, "master_key_file", key_path);
    till_json_set_text(json, "next",
                       "till serve -c CONFIG, then till app add -c CONFIG --name ...");
    return cli_say(cli, json, err);
}
