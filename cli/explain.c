/* SPDX-License-Identifier: Apache-2.0 */
/* till explain: paste a request, answer, notification or webhook; get the text that is signed and
 * the usual cause. */
#include <cli/cli.h>

#include <stdio.h>
#include <time.h>

#include <rt/file.h>
#include <till/stripe.h>
#include <till/time.h>

#define PASTED_MAX (1u << 20)
#define KEY_FILE_MAX (64u << 10)

static bool read_public(struct cli *cli, struct till_str path, struct till_key **ret_key,
                        struct till_error *err) {
    struct till_str pasted;
    return file_read(cli->arena, path, KEY_FILE_MAX, &pasted, err) &&
           till_key_parse_public(pasted, ret_key, err);
}

/* What the message hides, when the content key is given. That it does not open is worth saying and
 * no reason to say less. */
static void tell_content(struct cli *cli, struct till_str pasted, const struct till_secret *aes_key,
                         struct till_json *json) {
    struct till_str content;
    struct till_error err;
    if (aes_key->len == 0)
        return;
    if (till_explain_alipay_content(cli->arena, pasted, aes_key, &content, &err))
        till_json_set_str(json, "content", till_str_is_utf8(content) ? content : TILL_STR("(GBK)"));
    else
        till_json_set_text(json, "content_trouble", err.text);
}

static bool read_aes_key(struct cli *cli, struct till_str value, struct till_secret *ret_key,
                         struct till_error *err) {
    struct till_str text;
    return value.len == 0 ||
           (cli_value(cli, value, &text, err) && till_aes_key_parse(text, ret_key, err));
}

static const char *kind_name(enum till_explained_kind kind) {
    static const char *const names[] = {"request", "answer", "notification"};
    return names[kind];
}

/* A canonical string may be GBK: bytes that are no UTF-8 are shown as \xNN, so that a terminal and
 * JSON can hold it. Offsets count the real bytes. */
static struct till_str shown(struct cli *cli, struct till_str text) {
    struct till_buf buf;
    struct till_str escaped;
    struct till_error err;
    if (till_str_is_utf8(text))
        return text;
    till_buf_init(&buf, cli->arena);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x80)
            till_buf_char(&buf, text.ptr[i]);
        else
            till_buf_format(&buf, "\\x%02x", (unsigned)(unsigned char)text.ptr[i]);
    return till_buf_finish(&buf, &escaped, &err) ? escaped : TILL_STR("(too long to show)");
}

static struct till_json *tell(struct cli *cli, const struct till_explanation *found) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "kind", kind_name(found->kind));
    till_json_set_bool(json, "verified", found->verified);
    till_json_set_str(json, "verdict", found->verdict);
    if (found->cause.len)
        till_json_set_str(json, "cause", found->cause);
    if (found->advice.len)
        till_json_set_str(json, "advice", found->advice);
    till_json_set_str(json, "canonical", shown(cli, found->canonical));
    if (found->compared.len) {
        till_json_set_str(json, "compared", shown(cli, found->compared));
        till_json_set_int(json, "first_difference", (int64_t)found->first_difference);
    }
    return json;
}

static bool say(struct cli *cli, const struct till_explanation *found, struct till_json *told,
                struct till_error *err) {
    if (!cli_say(cli, told, err))
        return false;
    if (found->verified)
        return true;
    return TILL_FAIL(err, SIGNATURE_WRONG, "%.*s", TILL_STR_ARG(found->verdict));
}

/* A webhook of Stripe's: its header and the endpoint's secret; standard input is the raw body. */
static bool explain_webhook(struct cli *cli, struct till_str header, struct till_str secret,
                            struct till_error *err) {
    struct till_explanation found = {0};
    struct till_str body;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (secret.len == 0)
        return TILL_FAIL(err, USAGE, "Give the endpoint's secret with --webhook-secret @FILE.");
    return cli_value(cli, header, &header, err) && cli_value(cli, secret, &secret, err) &&
           cli_input(cli, PASTED_MAX, &body, err) &&
           till_stripe_webhook_explain(cli->arena, header, body, till_str_trim(secret),
                                       now.tv_sec * TILL_US_PER_SECOND, &found, err) &&
           say(cli, &found, tell(cli, &found), err);
}

struct wish {
    struct till_str key_path, app_key_path, expected, aes_value, signature, webhook_secret;
};

static bool explain_alipay(struct cli *cli, const struct wish *wish, struct till_error *err) {
    struct till_str pasted, expected = wish->expected;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    TILL_KEY_SCOPED struct till_key *app_key = NULL;
    TILL_SECRET_SCOPED struct till_secret aes_key = {.len = 0};
    struct till_explanation found = {0};
    if (wish->key_path.len == 0)
        return TILL_FAIL(err, USAGE,
                         "Give the signer's public key with --key FILE, or --stripe-signature.");
    if (!read_public(cli, wish->key_path, &key, err) ||
        (wish->app_key_path.len && !read_public(cli, wish->app_key_path, &app_key, err)) ||
        !read_aes_key(cli, wish->aes_value, &aes_key, err) ||
        !cli_value(cli, expected, &expected, err) || !cli_input(cli, PASTED_MAX, &pasted, err) ||
        !till_explain_alipay(cli->arena, pasted, expected, key, app_key, &found, err))
        return false;
    struct till_json *told = tell(cli, &found);
    tell_content(cli, pasted, &aes_key, told);
    return say(cli, &found, told, err);
}

bool verb_explain(struct cli *cli, struct till_error *err) {
    struct wish wish = {TILL_STR_NONE};
    const struct cli_option options[] = {
        {"--key", CLI_VALUE, false, &wish.key_path,
         "the signer's public key (the platform's for answers and notifications)"},
        {"--app-key", CLI_VALUE, false, &wish.app_key_path,
         "your own public key, to see whether it was pasted in the other's place"},
        {"--expected", CLI_VALUE, false, &wish.expected,
         "the other side's canonical string (@FILE reads one)"},
        {"--aes-key", CLI_VALUE, false, &wish.aes_value,
         "the content key, to see what an encrypted message says (@FILE reads one)"},
        {"--stripe-signature", CLI_VALUE, false, &wish.signature,
         "the header of a Stripe webhook, whose raw body is pasted; needs no --key"},
        {"--webhook-secret", CLI_VALUE, false, &wish.webhook_secret,
         "the endpoint's secret, whsec_... (@FILE reads one)"},
    };
    if (!cli_read(cli,
                  "--key FILE [--app-key FILE] [--expected TEXT] < pasted, or "
                  "--stripe-signature HEADER --webhook-secret @FILE < body",
                  options, sizeof options / sizeof options[0], NULL, err))
        return false;
    if (wish.signature.len)
        return explain_webhook(cli, wish.signature, wish.webhook_secret, err);
    return explain_alipay(cli, &wish, err);
}
