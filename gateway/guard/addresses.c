/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that merchants supply. A return address must be absolute http(s) on one of the app's
 * hosts; a notify or webhook address must pass the outgoing policy (and passes it again at every
 * connect). One parser for all of them: the one that the client itself goes by.
 */
#include <gateway/guard/guard.h>

#include <stdio.h>

#include <rt/outbound.h>

enum { ADDRESS_MAX = 1024, HOST_ENTRY_MAX = 280 };

static bool name_field(struct till_error *err, const char *field) {
    snprintf(err->field, sizeof err->field, "%s", field);
    return false;
}

/* "shop.example" stands for the default ports of http and https, "shop.example:8443" for itself. */
static bool entry_read(struct till_str entry, struct outbound_url *ret, bool *ret_names_port,
                       char room[HOST_ENTRY_MAX], struct till_error *err) {
    if (entry.len == 0 || entry.len > HOST_ENTRY_MAX - 16)
        return TILL_FAIL(err, FIELD_INVALID, "A host is empty or too long.");
    for (size_t i = 0; i < entry.len; i++)
        if (strchr("/?#@", entry.ptr[i]))
            return TILL_FAIL(err, FIELD_INVALID, "A host is a name with an optional port.");
    int len = snprintf(room, HOST_ENTRY_MAX, "http://%.*s", TILL_STR_ARG(entry));
    struct till_str url = {room, (size_t)len};
    size_t bracket = till_str_find(entry, ']');
    size_t from = bracket < entry.len ? bracket : 0;
    *ret_names_port = till_str_find(till_str_sub(entry, from, entry.len), ':') < entry.len - from;
    return outbound_url_parse(url, ret, err);
}

static bool entry_fits(struct till_str entry, const struct outbound_url *url) {
    char room[HOST_ENTRY_MAX];
    struct outbound_url wanted;
    struct till_error ignored;
    bool names_port;
    if (!entry_read(entry, &wanted, &names_port, room, &ignored) ||
        !till_str_equal_ignoring_case(wanted.host, url->host))
        return false;
    return names_port ? wanted.port == url->port : url->port == (url->is_https ? 443 : 80);
}

/* The next blank-separated word; empty at the end. */
static struct till_str next_word(struct till_str *rest) {
    *rest = till_str_trim(*rest);
    struct till_str word = till_str_sub(*rest, 0, till_str_find(*rest, ' '));
    *rest = till_str_sub(*rest, word.len, rest->len);
    return word;
}

static bool read_url(struct till_str text, const char *field, struct outbound_url *ret,
                     struct till_error *err) {
    if (text.len > ADDRESS_MAX)
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, field,
                               "The address is longer than %d bytes; use a shorter one.",
                               ADDRESS_MAX);
    return outbound_url_parse(text, ret, err) || name_field(err, field);
}

bool address_check_return(const struct app_row *app, struct till_str url, struct till_error *err) {
    struct outbound_url parsed;
    if (!read_url(url, "/return_url", &parsed, err))
        return false;
    struct till_str rest = app->hosts;
    for (struct till_str word = next_word(&rest); word.len > 0; word = next_word(&rest))
        if (entry_fits(word, &parsed))
            return true;
    return TILL_FAIL_FIELD(err, URL_FORBIDDEN, "/return_url",
                           "The return_url is not on one of the app's hosts; register its host "
                           "with the app first.");
}

bool address_check_notify(struct gateway *gw, struct till_str url, struct till_error *err) {
    struct outbound_url parsed;
    if (!read_url(url, "/notify_url", &parsed, err))
        return false;
    return outbound_url_check(gw->policy, url, err) || name_field(err, "/notify_url");
}

bool address_check_hosts(struct till_str hosts, struct till_error *err) {
    char room[HOST_ENTRY_MAX];
    struct outbound_url parsed;
    struct till_error inner;
    bool names_port;
    struct till_str rest = hosts;
    for (struct till_str word = next_word(&rest); word.len > 0; word = next_word(&rest))
        if (!entry_read(word, &parsed, &names_port, room, &inner))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/hosts",
                                   "The hosts are names or addresses with an optional port, "
                                   "separated by blanks, such as \"shop.example 127.0.0.1:8090\".");
    return true;
}
