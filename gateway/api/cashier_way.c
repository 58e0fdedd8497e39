/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier_way.h>

#include <gateway/api/cashier_words.h>
#include <gateway/flow/unsent.h>
#include <rt/html.h>

/* "https://host:port" of an address that the channel has made. */
static struct till_str origin_of(struct till_str url) {
    size_t slashes = till_str_find(url, '/') + 2;
    struct till_str rest = till_str_sub(url, slashes, url.len);
    size_t end = till_str_find(rest, '/');
    size_t query = till_str_find(rest, '?');
    return till_str_sub(url, 0, slashes + (query < end ? query : end));
}

/* Its hosts with the same parent domain: "https://openapi.pay.example" gives
 * "https://" "*.pay.example". Empty where there is none: an address, a name of two labels, a port.
 */
static struct till_str parent_of(struct till_str origin) {
    struct till_str host = till_str_sub(origin, till_str_find(origin, '/') + 2, origin.len);
    size_t dot = till_str_find(host, '.');
    struct till_str parent = till_str_sub(host, dot + 1, host.len);
    bool is_name = till_str_find(host, ':') == host.len &&
                   till_str_find(parent, '.') < parent.len && host.ptr[host.len - 1] > '9';
    return is_name && till_str_starts_with(origin, TILL_STR("https://")) ? parent : TILL_STR_NONE;
}

/*
 * Exactly the platform's origin; and, where that has brothers, those: a platform answers the form
 * with a redirect to its page on another of its hosts, and browsers hold a redirect to the form's
 * policy.
 */
static bool targets_of(struct till_arena *arena, struct till_str url, struct till_str *ret_targets,
                       struct till_error *err) {
    struct till_str origin = origin_of(url), parent = parent_of(origin);
    if (parent.len == 0)
        return till_arena_copy(arena, origin, ret_targets, err);
    return till_arena_format(arena, ret_targets, err, "%.*s https://*.%.*s", TILL_STR_ARG(origin),
                             TILL_STR_ARG(parent));
}

static void add_form(struct till_buf *buf, const struct till_action *action,
                     struct till_str label) {
    html_format(buf, "<form id=\"go\" method=\"post\" accept-charset=\"utf-8\" action=\"%s\">",
                &action->url);
    for (size_t i = 0; i < action->fields.count; i++)
        html_format(buf, "<input type=\"hidden\" name=\"%s\" value=\"%s\">",
                    &action->fields.pairs[i].name, &action->fields.pairs[i].value);
    html_format(buf, "<button>%s</button></form>", &label);
}

bool cashier_add_way(struct till_buf *buf, const struct payment_row *payment, struct till_str label,
                     struct till_str *ret_targets, struct till_error *err) {
    const struct till_channel *channel = till_channel_find(payment->channel);
    struct till_action action = {.kind = payment->action_kind, .value = payment->action_value};
    *ret_targets = TILL_STR_NONE;
    if (!channel)
        return TILL_FAIL(err, CHANNEL_UNKNOWN, "The payment's channel is not in this build.");
    if (!channel->show(payment->product, buf->arena, &action, err))
        return false;
    if (action.url.len > 0) {
        add_form(buf, &action, label);
        return targets_of(buf->arena, action.url, ret_targets, err);
    }
    html_format(buf, "<a class=\"button\" id=\"go\" href=\"%s\">%s</a>", &action.value, &label);
    return true;
}

/* ---- what else works ---- */

static bool is_named_already(const struct account_row *rows, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (till_str_equal(rows[i].channel, rows[index].channel))
            return true;
    return false;
}

bool cashier_add_other_ways(struct call *c, struct till_buf *buf, const struct payment_row *payment,
                            bool is_chinese, struct till_error *err) {
    static const struct cashier_words choice = {"{choice}", "{choice}"};
    struct account_row *rows;
    size_t count;
    if (!unsent_ways(c->gw, payment, c->arena, &rows, &count, err))
        return false;
    if (count == 0)
        return true;
    till_buf_text(buf, is_chinese ? "<p class=\"advice\" id=\"works\">仍可使用："
                                  : "<p class=\"advice\" id=\"works\">Still works: ");
    for (size_t i = 0; i < count; i++) {
        struct till_str name = cashier_say(c->arena, choice, rows[i].channel, is_chinese);
        bool is_same = till_str_equal(rows[i].channel, payment->channel);
        if (is_named_already(rows, i))
            continue;
        html_format(buf, i ? ", %s" : "%s", &name);
        if (is_same)
            till_buf_text(buf,
                          is_chinese ? "（商家的其他账户）" : " by another account of the shop");
    }
    till_buf_text(buf, is_chinese ? "。请返回商家重新下单。</p>"
                                  : ". Go back to the shop and order there again.</p>");
    return true;
}
