/* SPDX-License-Identifier: Apache-2.0 */
/* till pay, query, refund, close, status, backup: the operator's hands on orders. */
#include <cli/admin.h>

#include <stdio.h>
#include <string.h>

#include <cli/channels.h>
#include <cli/random.h>
#include <cli/say_payment.h>
#include <rt/qr.h>
#include <till/encode.h>
#include <till/money.h>

/* A number of our own when the operator gives none. */
static bool make_number(struct cli *cli, const char *prefix, struct till_str *number,
                        struct till_error *err) {
    uint8_t random[8];
    char hex[17];
    if (number->len)
        return true;
    if (!random_bytes(random, sizeof random, err))
        return false;
    till_hex_encode(random, sizeof random, hex);
    return till_arena_format(cli->arena, number, err, "%s%s", prefix, hex);
}

/* What the operator does with the order: scan, or open. */
static bool show_action(struct cli *cli, const struct till_json *payment, struct till_error *err) {
    const struct till_json *action = till_json_member(payment, "action");
    struct till_str kind = till_json_get_str(action, "kind"), lines;
    if (cli->json)
        return true;
    if (till_str_is(kind, "redirect")) {
        cli_text(cli, till_json_get_str(action, "value"));
        cli_text(cli, TILL_STR("\n"));
        return true;
    }
    if (!till_str_is(kind, "qr_code"))
        return true;
    if (!qr_terminal(cli->arena, till_json_get_str(action, "value"), &lines, err))
        return false;
    cli_text(cli, lines);
    return true;
}

bool say_payment(struct cli *cli, struct till_json *payment, struct till_error *err) {
    bool shown = show_action(cli, payment, err);
    return cli_say(cli, payment, err) && shown;
}

bool set_extra(struct cli *cli, struct till_str text, struct till_json *body,
               struct till_error *err) {
    struct till_json *extra = NULL;
    struct till_str value;
    if (text.len == 0)
        return true;
    if (!cli_value(cli, text, &value, err))
        return false;
    if (till_json_parse(value, &extra, err) && till_json_is_object(extra)) {
        till_json_set(body, "extra", extra);
        return true;
    }
    till_json_release(extra);
    return TILL_FAIL(err, USAGE,
                     "--extra is a JSON object, such as '{\"auth_code\":\"28...\"}', or @FILE.");
}

/* What `till pay` was told. */
struct wish {
    struct till_str app, amount, currency, subject, order, account, channel, product, auth_code,
        extra;
};

static bool order_of(struct cli *cli, const struct wish *wish, struct till_json **ret_body,
                     struct till_error *err) {
    struct till_money money;
    if (wish->auth_code.len && wish->extra.len)
        return TILL_FAIL(err, USAGE, "Give the payment code by --auth-code, or in --extra.");
    if (!till_money_parse(wish->amount, wish->currency, &money, err))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_str(body, "channel", wish->channel);
    till_json_set_str(body, "product", wish->product);
    till_json_set_int(body, "amount", money.minor);
    till_json_set_text(body, "currency", money.currency);
    till_json_set_str(body, "out_trade_no", wish->order);
    till_json_set_str(body, "subject", wish->subject);
    if (wish->account.len)
        till_json_set_str(body, "account", wish->account);
    if (wish->auth_code.len) {
        struct till_json *extra = till_json_object();
        till_json_set_str(extra, "auth_code", wish->auth_code);
        till_json_set(body, "extra", extra);
    }
    if (!set_extra(cli, wish->extra, body, err)) {
        till_json_release(body);
        return false;
    }
    *ret_body = body;
    return true;
}

/* What the channel answers by itself. */
static bool complete(struct wish *wish, struct till_error *err) {
    return (wish->product.len ||
            channels_product(wish->channel, wish->auth_code.len > 0, &wish->product, err)) &&
           (wish->currency.len || channels_currency(wish->channel, &wish->currency, err));
}

bool verb_pay(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct wish wish = {.subject = TILL_STR("Order"), .channel = TILL_STR("alipay")};
    struct till_str target;
    struct till_json *body, *answer = NULL;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, true, &wish.app, "the app that sells"},
        {"--amount", CLI_VALUE, true, &wish.amount, "decimal text, for example 9.90"},
        {"--currency", CLI_VALUE, false, &wish.currency,
         "such as EUR; the channel's where it takes one only"},
        {"--subject", CLI_VALUE, false, &wish.subject, "what is sold"},
        {"--order", CLI_VALUE, false, &wish.order, "out_trade_no (made up when absent)"},
        {"--channel", CLI_VALUE, false, &wish.channel, channels_text(cli, "alipay")},
        {"--product", CLI_VALUE, false, &wish.product, channels_products(cli)},
        {"--auth-code", CLI_VALUE, false, &wish.auth_code, "the buyer's payment code, scanned"},
        {"--extra", CLI_VALUE, false, &wish.extra, "the product's fields, a JSON object or @file"},
        {"--account", CLI_VALUE, false, &wish.account, "account id, when the app has several"},
    };
    if (!cli_read(cli, "--app ID --amount 9.90", options, ADMIN_OPTION_COUNT + 10, NULL, err) ||
        !make_number(cli, "cli-", &wish.order, err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/payments?app_id=%.*s",
                           TILL_STR_ARG(wish.app)))
        return false;
    return complete(&wish, err) && order_of(cli, &wish, &body, err) &&
           admin_call(cli, &place, "POST", target, body, &answer, err) &&
           say_payment(cli, answer, err);
}

/* A page of one, without the page. */
static bool say_only(struct cli *cli, const struct admin_place *place, struct till_str target,
                     struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *page = NULL;
    struct till_json *payment = till_json_object();
    if (!admin_call(cli, place, "GET", target, NULL, &page, err)) {
        till_json_release(payment);
        return false;
    }
    const struct till_json *found = till_json_element(till_json_member(page, "data"), 0);
    struct till_str name;
    const struct till_json *value;
    for (size_t i = 0; found && till_json_member_at(found, i, &name, &value); i++) {
        const char *text;
        if (till_arena_cstr(cli->arena, name, &text, err))
            till_json_set_copy(payment, text, value);
    }
    if (found)
        return cli_say(cli, payment, err);
    till_json_release(payment);
    return TILL_FAIL(err, NOT_FOUND, "This app has no such order.");
}

bool verb_query(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str app = TILL_STR_NONE, order = TILL_STR_NONE, target;
    struct cli_values ids = {0};
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--app", CLI_VALUE, false, &app, "with --order: the app"},
        {"--order", CLI_VALUE, false, &order, "its out_trade_no"},
    };
    if (!cli_read(cli, "PAYMENT | --app ID --order NO", options, ADMIN_OPTION_COUNT + 2, &ids, err))
        return false;
    if (ids.count == 1 && !order.len)
        return till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s",
                                 TILL_STR_ARG(ids.at[0])) &&
               admin_say(cli, &place, "GET", target, NULL, err);
    if (ids.count || !app.len || !order.len)
        return TILL_FAIL(err, USAGE, "Name a payment, or an app and its order.");
    return till_arena_format(cli->arena, &target, err,
                             "/admin/payments?app_id=%.*s&out_trade_no=%.*s", TILL_STR_ARG(app),
                             TILL_STR_ARG(order)) &&
           say_only(cli, &place, target, err);
}

/* An amount is read in the payment's own currency: "50" is 50 yen and 5000 cents. */
static bool read_amount(struct cli *cli, const struct admin_place *place,
                        struct till_str payment_id, struct till_str amount,
                        struct till_str currency, struct till_money *ret_money,
                        struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *payment = NULL;
    struct till_str target, own;
    if (!till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s",
                           TILL_STR_ARG(payment_id)) ||
        !admin_call(cli, place, "GET", target, NULL, &payment, err) ||
        !till_json_need_str(payment, "currency", &own, err))
        return false;
    if (currency.len && !till_str_equal(currency, own))
        return TILL_FAIL_FIELD(err, USAGE, "--currency", "The payment is in %.*s.",
                               TILL_STR_ARG(own));
    return till_money_parse(amount, own, ret_money, err);
}

bool verb_refund(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct till_str amount = TILL_STR_NONE, currency = TILL_STR_NONE, number = TILL_STR_NONE;
    struct till_str reason = TILL_STR_NONE, attempt = TILL_STR_NONE, target;
    struct cli_values ids = {0};
    struct till_money money;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--amount", CLI_VALUE, true, &amount, "decimal text, for example 3.00"},
        {"--currency", CLI_VALUE, false, &currency, "refuse a payment that is in another one"},
        {"--no", CLI_VALUE, false, &number,
         "out_refund_no; repeat it to repeat the same refund (made up when absent)"},
        {"--reason", CLI_VALUE, false, &reason, "for the buyer"},
        {"--attempt", CLI_VALUE, false, &attempt,
         "whose money goes back, where it came twice (that which settled the order)"},
    };
    if (!cli_read(cli, "PAYMENT --amount 3.00", options, ADMIN_OPTION_COUNT + 5, &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one payment.");
    if (!read_amount(cli, &place, ids.at[0], amount, currency, &money, err) ||
        !make_number(cli, "cli-refund-", &number, err) ||
        !till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s/refunds",
                           TILL_STR_ARG(ids.at[0])))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_int(body, "amount", money.minor);
    till_json_set_str(body, "out_refund_no", number);
    if (reason.len)
        till_json_set_str(body, "reason", reason);
    if (attempt.len)
        till_json_set_str(body, "attempt", attempt);
    return admin_say(cli, &place, "POST", target, body, err);
}

bool verb_close(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values ids = {0};
    struct till_str target;
    bool cancels = false;
    const struct cli_option options[] = {
        ADMIN_OPTIONS(place),
        {"--cancel", CLI_FLAG, false, &cancels,
         "cancel: ends an order that nobody has scanned, too; a buyer who is faster gets it back"},
    };
    if (!cli_read(cli, "PAYMENT", options, ADMIN_OPTION_COUNT + 1, &ids, err))
        return false;
    if (ids.count != 1)
        return TILL_FAIL(err, USAGE, "Name one payment.");
    return till_arena_format(cli->arena, &target, err, "/admin/payments/%.*s/%s",
                             TILL_STR_ARG(ids.at[0]), cancels ? "cancel" : "close") &&
           admin_say(cli, &place, "POST", target, NULL, err);
}

bool verb_status(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    return cli_read(cli, "", options, ADMIN_OPTION_COUNT, NULL, err) &&
           admin_say(cli, &place, "GET", TILL_STR("/admin/status"), NULL, err);
}

bool verb_backup(struct cli *cli, struct till_error *err) {
    struct admin_place place = {0};
    struct cli_values paths = {0};
    const struct cli_option options[] = {ADMIN_OPTIONS(place)};
    if (!cli_read(cli, "FILE", options, ADMIN_OPTION_COUNT, &paths, err))
        return false;
    if (paths.count != 1 || paths.at[0].ptr[0] != '/')
        return TILL_FAIL(err, USAGE,
                         "Name one new file with its whole path (the daemon writes it).");
    struct till_json *body = till_json_object();
    till_json_set_str(body, "path", paths.at[0]);
    return admin_say(cli, &place, "POST", TILL_STR("/admin/backup"), body, err);
}
