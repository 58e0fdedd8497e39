/* SPDX-License-Identifier: Apache-2.0 */
/* till key make | show | convert | check: key files as the platforms' consoles want them. */
#include <cli/cli.h>

#include <rt/file.h>
#include <till/crypto.h>
#include <till/key.h>

#define KEY_FILE_MAX (64u << 10)

static bool read_key(struct cli *cli, struct till_str path, struct till_key **ret_key,
                     struct till_error *err) {
    struct till_str pasted;
    struct till_error second;
    if (!file_read(cli->arena, path, KEY_FILE_MAX, &pasted, err))
        return false;
    return till_key_parse_private(pasted, ret_key, err) ||
           till_key_parse_public(pasted, ret_key, &second);
}

static struct till_json *describe(const struct till_key *key) {
    char fingerprint[TILL_KEY_FINGERPRINT_SIZE];
    struct till_json *json = till_json_object();
    till_key_fingerprint(key, fingerprint);
    till_json_set_text(json, "kind", till_key_is_private(key) ? "private" : "public");
    till_json_set_int(json, "bits", till_key_bits(key));
    till_json_set_text(json, "fingerprint", fingerprint);
    return json;
}

static bool write_export(struct cli *cli, const struct till_key *key, enum till_key_format format,
                         struct till_str path, unsigned mode, struct till_error *err) {
    struct till_str text;
    return till_key_export(cli->arena, key, format, &text, err) &&
           file_write(path, text, mode, true, err);
}

static bool generate(struct till_str type, int bits, struct till_key **ret_key,
                     struct till_error *err) {
    if (till_str_is(type, "rsa"))
        return till_key_generate_rsa(bits, ret_key, err);
    return till_str_is(type, "ed25519")
               ? till_key_generate_ed25519(ret_key, err)
               : TILL_FAIL_FIELD(err, USAGE, "--type", "Choose rsa or ed25519.");
}

/* One directory, both halves, private one first and 0600; existing files are never replaced. */
static bool make(struct cli *cli, struct till_error *err) {
    struct till_str directory = TILL_STR_NONE, name = TILL_STR("app"), bits_text = TILL_STR("2048");
    struct till_str type = TILL_STR("rsa"), private_path, public_path, line;
    int64_t bits;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    const struct cli_option options[] = {
        {"--out", CLI_VALUE, true, &directory, "directory for the two files"},
        {"--name", CLI_VALUE, false, &name, "NAME_private_key.pem, NAME_public_key.pem (app)"},
        {"--bits", CLI_VALUE, false, &bits_text, "RSA bits, 2048 to 4096 (2048)"},
        {"--type", CLI_VALUE, false, &type, "rsa or ed25519 (rsa)"},
    };
    if (!cli_read(cli, "--out DIR", options, 4, NULL, err) ||
        !cli_number(bits_text, "--bits", 2048, 4096, &bits, err) ||
        !till_arena_format(cli->arena, &private_path, err, "%.*s/%.*s_private_key.pem",
                           TILL_STR_ARG(directory), TILL_STR_ARG(name)) ||
        !till_arena_format(cli->arena, &public_path, err, "%.*s/%.*s_public_key.pem",
                           TILL_STR_ARG(directory), TILL_STR_ARG(name)) ||
        !file_make_directory(directory, 0700, err) || !generate(type, (int)bits, &key, err) ||
        !write_export(cli, key, TILL_KEY_PKCS8_PEM, private_path, 0600, err) ||
        !write_export(cli, key, TILL_KEY_SPKI_PEM, public_path, 0644, err) ||
        !till_key_export(cli->arena, key, TILL_KEY_SPKI_BASE64, &line, err))
        return false;
    struct till_json *json = describe(key);
    till_json_set_str(json, "private_key_file", private_path);
    till_json_set_str(json, "public_key_file", public_path);
    till_json_set_str(json, "public_key", line);
    return cli_say(cli, json, err);
}

static bool show(struct cli *cli, struct till_error *err) {
    struct cli_values files = {0};
    struct till_str line;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    if (!cli_read(cli, "FILE", NULL, 0, &files, err))
        return false;
    if (files.count != 1)
        return TILL_FAIL(err, USAGE, "Name one key file: till key show FILE.");
    if (!read_key(cli, files.at[0], &key, err) ||
        !till_key_export(cli->arena, key, TILL_KEY_SPKI_BASE64, &line, err))
        return false;
    struct till_json *json = describe(key);
    till_json_set_str(json, "public_key", line);
    return cli_say(cli, json, err);
}

static const struct {
    const char *name;
    enum till_key_format format;
    bool is_private;
} formats[] = {
    {"pkcs8-pem", TILL_KEY_PKCS8_PEM, true},  {"pkcs8-line", TILL_KEY_PKCS8_BASE64, true},
    {"pkcs1-pem", TILL_KEY_PKCS1_PEM, true},  {"pkcs1-line", TILL_KEY_PKCS1_BASE64, true},
    {"public-pem", TILL_KEY_SPKI_PEM, false}, {"public-line", TILL_KEY_SPKI_BASE64, false},
};

static bool convert(struct cli *cli, struct till_error *err) {
    struct till_str from = TILL_STR_NONE, to = TILL_STR_NONE, format = TILL_STR_NONE;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    const struct cli_option options[] = {
        {"--in", CLI_VALUE, true, &from, "key file in any form"},
        {"--out", CLI_VALUE, true, &to, "file to write; must not exist"},
        {"--format", CLI_VALUE, true, &format,
         "pkcs8-pem, pkcs8-line, pkcs1-pem, pkcs1-line, public-pem, public-line"},
    };
    if (!cli_read(cli, "--in FILE --out FILE --format F", options, 3, NULL, err) ||
        !read_key(cli, from, &key, err))
        return false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!till_str_is(format, formats[i].name))
            continue;
        if (!write_export(cli, key, formats[i].format, to, formats[i].is_private ? 0600 : 0644,
                          err))
            return false;
        struct till_json *json = describe(key);
        till_json_set_str(json, "file", to);
        return cli_say(cli, json, err);
    }
    return TILL_FAIL(err, USAGE, "There is no format '%.*s'; see till key convert --help.",
                     TILL_STR_ARG(format));
}

/* Do the halves belong together? And is the platform's key really the platform's? */
static bool check(struct cli *cli, struct till_error *err) {
    struct till_str private_path = TILL_STR_NONE, public_path = TILL_STR_NONE;
    struct till_str platform_path = TILL_STR_NONE;
    TILL_KEY_SCOPED struct till_key *private_key = NULL;
    TILL_KEY_SCOPED struct till_key *public_key = NULL;
    TILL_KEY_SCOPED struct till_key *platform_key = NULL;
    const struct cli_option options[] = {
        {"--private", CLI_VALUE, true, &private_path, "your private key"},
        {"--public", CLI_VALUE, false, &public_path, "your public key: must be the other half"},
        {"--platform", CLI_VALUE, false, &platform_path,
         "the platform's public key: must not be yours"},
    };
    if (!cli_read(cli, "--private FILE [--public FILE] [--platform FILE]", options, 3, NULL, err) ||
        !read_key(cli, private_path, &private_key, err) ||
        (public_path.len && !read_key(cli, public_path, &public_key, err)) ||
        (platform_path.len && !read_key(cli, platform_path, &platform_key, err)))
        return false;
    if (!till_key_is_private(private_key))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "--private", "This is a public key.");
    if (public_key && !till_key_same_pair(private_key, public_key))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "--public",
                               "This is not the other half of the private key.");
    if (platform_key && till_key_same_pair(private_key, platform_key))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "--platform",
                               "This is your own public key; paste the platform's.");
    struct till_json *json = describe(private_key);
    till_json_set_text(json, "verdict", "the keys fit");
    return cli_say(cli, json, err);
}

bool verb_key(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"make", make, "make a new pair in two files, RSA or Ed25519"},
        {"show", show, "what kind of key a file holds, its fingerprint, its public half"},
        {"convert", convert, "write a key in another form"},
        {"check", check, "do the halves fit, and is the platform's key the platform's?"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
