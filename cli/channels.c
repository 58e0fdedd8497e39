/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/channels.h>

#include <till/channel.h>

static const char *finish(struct cli *cli, struct till_buf *buf) {
    struct till_str text;
    struct till_error err;
    const char *cstr;
    if (!till_buf_finish(buf, &text, &err) || !till_arena_cstr(cli->arena, text, &cstr, &err))
        return "see doc/API.md";
    return cstr;
}

const char *channels_text(struct cli *cli, const char *fallback) {
    const struct till_channel *channel;
    struct till_buf buf;
    till_buf_init(&buf, cli->arena);
    for (size_t i = 0; (channel = till_channel_at(i)); i++)
        till_buf_format(&buf, "%s%s", i ? " or " : "", channel->name);
    if (fallback)
        till_buf_format(&buf, " (%s)", fallback);
    return finish(cli, &buf);
}

const char *channels_products(struct cli *cli) {
    const struct till_channel *channel;
    struct till_buf buf;
    till_buf_init(&buf, cli->arena);
    for (size_t i = 0; (channel = till_channel_at(i)); i++) {
        till_buf_format(&buf, "%s%s", i ? "; " : "", channel->name);
        for (size_t at = 0; channel->products[at].name; at++)
            till_buf_format(&buf, "%s%s", at ? ", " : ": ", channel->products[at].name);
    }
    return finish(cli, &buf);
}

void channels_print_settings(struct cli *cli) {
    const struct till_channel *channel;
    (void)cli;
    for (size_t i = 0; (channel = till_channel_at(i)); i++) {
        printf("\nsettings of %s:\n", channel->name);
        for (const struct till_channel_setting *row = channel->settings; row->name; row++)
            printf("  %-22s %s%s\n", row->name, row->meaning, row->required ? " (required)" : "");
    }
}

static bool find(struct till_str name, const struct till_channel **ret_channel,
                 struct till_error *err) {
    *ret_channel = till_channel_find(name);
    return *ret_channel || TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "--channel",
                                           "This till has no such channel; till pay --help lists "
                                           "them.");
}

bool channels_product(struct till_str name, bool has_code, struct till_str *ret_product,
                      struct till_error *err) {
    const struct till_channel *channel;
    if (!find(name, &channel, err))
        return false;
    const struct till_product *product = channel->products;
    while (has_code && product->name && product->action)
        product++;
    if (!product->name)
        return TILL_FAIL_FIELD(err, USAGE, "--auth-code", "%s takes no payment codes.",
                               channel->name);
    *ret_product = till_str_of(product->name);
    return true;
}

bool channels_currency(struct till_str name, struct till_str *ret_currency,
                       struct till_error *err) {
    const struct till_channel *channel;
    if (!find(name, &channel, err))
        return false;
    if (channel->currencies[1])
        return TILL_FAIL_FIELD(err, USAGE, "--currency",
                               "%s takes several: say which, such as --currency %s.", channel->name,
                               channel->currencies[0]);
    *ret_currency = till_str_of(channel->currencies[0]);
    return true;
}
