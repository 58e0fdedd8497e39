/* SPDX-License-Identifier: Apache-2.0 */
/* till shop: the demo merchant. */
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>

#include <cli/service.h>
#include <rt/file.h>
#include <shop/shop.h>
#include <till/encode.h>
#include <till/webhook.h>

#define SECRET_FILE_MAX 4096

struct shop_words {
    struct till_str listen, till_url, public_url, key_id, secret_file, webhook_secret_file, journal;
    bool takes_cards;
};

static bool read_secrets(struct cli *cli, const struct shop_words *words,
                         struct shop_options *options, struct till_error *err) {
    struct till_str text, bytes;
    if (!file_read_secret(cli->arena, words->secret_file, SECRET_FILE_MAX, "--secret-file", &text,
                          err) ||
        !till_hex_decode(cli->arena, till_str_trim(text), &bytes, err))
        return false;
    if (bytes.len < TILL_SECRET_MIN || bytes.len > TILL_SECRET_MAX)
        return TILL_FAIL_FIELD(err, KEY_WEAK, "--secret-file", "The key must have %d to %d bytes.",
                               TILL_SECRET_MIN, TILL_SECRET_MAX);
    memcpy(options->secret.bytes, bytes.ptr, bytes.len);
    options->secret.len = bytes.len;
    return file_read_secret(cli->arena, words->webhook_secret_file, SECRET_FILE_MAX,
                            "--webhook-secret-file", &text, err) &&
           till_webhook_secret_parse(till_str_trim(text), &options->webhook_secret, err);
}

static bool read_words(struct cli *cli, struct shop_words *words, struct till_error *err) {
    const struct cli_option options[] = {
        {"--listen", CLI_VALUE, true, &words->listen, "ADDRESS:PORT of the shop"},
        {"--public-url", CLI_VALUE, true, &words->public_url, "how browsers reach it"},
        {"--till", CLI_VALUE, true, &words->till_url, "address of the gateway"},
        {"--key-id", CLI_VALUE, true, &words->key_id, "the app's key at the gateway"},
        {"--secret-file", CLI_VALUE, true, &words->secret_file, "its secret in hex, mode 0600"},
        {"--webhook-secret-file", CLI_VALUE, true, &words->webhook_secret_file,
         "the app's webhook secret, mode 0600"},
        {"--journal", CLI_VALUE, true, &words->journal, "the shop's memory"},
        {"--cards", CLI_FLAG, false, &words->takes_cards,
         "offer payment by card, too: the app has an account of stripe"},
    };
    return cli_read(cli, "--listen A:P --public-url URL --till URL ...", options,
                    sizeof options / sizeof *options, NULL, err);
}

static bool open_shop(struct cli *cli, const struct shop_words *words, struct service *service,
                      struct shop **ret_shop, struct till_error *err) {
    struct shop_options options = {.till_url = words->till_url,
                                   .public_url = words->public_url,
                                   .key_id = words->key_id,
                                   .journal_path = words->journal,
                                   .takes_cards = words->takes_cards};
    bool opened = read_secrets(cli, words, &options, err) &&
                  shop_open(&options, service->world, service->log, ret_shop, err);
    till_secret_wipe(&options.secret);
    till_secret_wipe(&options.webhook_secret);
    return opened;
}

bool verb_shop(struct cli *cli, struct till_error *err) {
    struct shop_words words = {0};
    struct service service = {0};
    struct shop *shop = NULL;
    struct till_str address;
    uint16_t port;
    if (!read_words(cli, &words, err) || !cli_listen(words.listen, &address, &port, err) ||
        !service_open(&service, err))
        return false;
    bool done = open_shop(cli, &words, &service, &shop, err) &&
                service_run(&service, address, port, shop_service(shop), "The shop is open", err);
    service_stop(&service);
    shop_close(shop);
    service_close(&service);
    return done;
}
