/* SPDX-License-Identifier: Apache-2.0 */
/* till attempt: another way to pay an order; what was tried; money that came twice is kept. */
#include <cli/admin.h>
#include <cli/say_payment.h>

static bool attempt_add(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values ids = {0};
    struct till_str account = TILL_STR_NONE, product = TILL_STR_NONE, channel = TILL_STR_NONE,
                    extra = TILL_STR_NONE, target;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--account", CLI_VALUE, false, &account,
         "over this account (needed where the app has several)"},
        {"--product", CLI_VALUE, false, &product, "by this product (the order's own)"},
        {"--channel", CLI_VALUE, false, &channel, "at this channel (the order's own)"},
        {"--extra", CLI_VALUE, false, &extra,
         "the product's fields, a JSON object or @file (the order's own)"},
    };
    struct till_json *answer = NULL;
    if (!cli_read(cli, "PAYMENT [--account ID] [--product NAME]", options, ADMIN_OPTION_COUNT + 4,
                  &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one payment.");
    struct till_json *body = till_json_object();
    const struct {
        const char *name;
        struct till_str value;
    } members[] = {{"account", account}, {"product", product}, {"channel", channel}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].value.len)
            till_json_set_str(body, members[i].name, members[i].value);
    if (!set_extra(cli, extra, body, err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s/attempts",
                           TILL_STR_ARG(ids.at[0]))) {
        till_json_release(body);
        return false;
    }
    return admin_call(cli, &place, "POST", target, body, &answer, err) &&
           say_payment(cli, answer, err);
}

static bool attempt_list(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values ids = {0};
    struct till_str target;
    TILL_JSON_SCOPED struct till_json *payment = NULL;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "PAYMENT", options, ADMIN_OPTION_COUNT, &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one payment.");
    if (!till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s",
                           TILL_STR_ARG(ids.at[0])) ||
        !admin_call(cli, &place, "GET", target, NULL, &payment, err))
        return false;
    /* The currency is the payment's, and a person reads no sum without it. */
    const struct till_json *attempts = till_json_member(payment, "attempts");
    struct till_json *list = till_json_object(), *data = till_json_array();
    for (size_t i = 0; i < till_json_size(attempts); i++) {
        struct till_json *one = till_json_copy(till_json_element(attempts, i));
        till_json_set_str(one, "currency", till_json_get_str(payment, "currency"));
        till_json_append(data, one);
    }
    till_json_set(list, "data", data);
    return cli_say(cli, list, err);
}

static bool attempt_keep(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values ids = {0};
    struct till_str target;
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "PAYMENT ATTEMPT", options, ADMIN_OPTION_COUNT, &ids, err))
        return false;
    if (ids.count != 2)
        return TILL_FAIL(err, USAGE, "Name one payment and one of its attempts.");
    return till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s/attempts/%.*s/keep",
                             TILL_STR_ARG(ids.at[0]), TILL_STR_ARG(ids.at[1])) &&
           admin_say(cli, &place, "POST", target, NULL, err);
}

bool verb_attempt(struct cli *cli, struct till_error *err) {
    static const struct cli_part parts[] = {
        {"add", attempt_add, "another way to pay an open order: account, product, payment code"},
        {"list", attempt_list, "what was tried for an order, with its money"},
        {"keep", attempt_keep, "money that came twice is kept, instead of refunded"}};
    return cli_part(cli, parts, sizeof parts / sizeof *parts, err);
}
