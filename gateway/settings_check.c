/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/settings_check.h>

#include <gateway/master_key.h>
#include <rt/file.h>
#include <rt/http_peers.h>
#include <rt/world_real.h>

enum { PEM_MAX = 256 * 1024 };

static bool contains(struct till_str text, const char *part) {
    return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* ---- problems ---- */

bool settings_log_level(const struct gateway_settings *settings, enum log_level *ret_level,
                        struct till_error *err) {
    static const char *const NAMES[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (till_str_is(settings->log_level, NAMES[i])) {
            *ret_level = settings->log_debug ? LOG_DEBUG : (enum log_level)i;
            return true;
        }
    return TILL_FAIL_FIELD(err, SETTING_INVALID, "log.level",
                           "log.level is one of debug, info, warn, error.");
}

bool settings_check_public_url(const struct gateway_settings *settings, struct till_error *err) {
    struct till_str url = settings->public_url;
    bool has_scheme = till_str_starts_with(url, TILL_STR("https://")) ||
                      till_str_starts_with(url, TILL_STR("http://"));
    if (url.len == 0)
        return TILL_FAIL_FIELD(
            err, SETTING_INVALID, "public_url",
            "public_url is missing: platforms and buyers must know where to go.");
    if (!has_scheme || url.len < 10 || url.ptr[url.len - 1] == '/' ||
        till_str_find(url, '?') < url.len || till_str_find(url, '#') < url.len ||
        !till_str_is_printable_ascii(url) || till_str_find(url, ' ') < url.len)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "public_url",
                               "public_url is an http(s) address without a slash at its end, such "
                               "as https://pay.example.com.");
    return true;
}

static bool check_url(const struct settings_checked *checked, struct till_error *err) {
    return settings_check_public_url(checked->settings, err);
}

static bool check_level(const struct settings_checked *checked, struct till_error *err) {
    enum log_level ignored;
    return settings_log_level(checked->settings, &ignored, err);
}

/* Names the setting, where file_read speaks of the file only. */
static bool read_named(const struct settings_checked *checked, const char *setting,
                       struct till_str path, struct till_str *ret_bytes, struct till_error *err) {
    struct till_error inner;
    return file_read(checked->arena, path, PEM_MAX, ret_bytes, &inner) ||
           TILL_FAIL_FIELD(err, SETTING_INVALID, setting, "%s: %.200s", setting, inner.text);
}

static bool check_tls(const struct settings_checked *checked, struct till_error *err) {
    const struct gateway_settings *settings = checked->settings;
    struct till_str bytes;
    if ((settings->tls_certificate.len == 0) != (settings->tls_key.len == 0))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.tls_key",
                               "Name both http.tls_certificate and http.tls_key, or neither.");
    return settings->tls_key.len == 0 ||
           (read_named(checked, "http.tls_certificate", settings->tls_certificate, &bytes, err) &&
            file_read_secret(checked->arena, settings->tls_key, PEM_MAX, "http.tls_key", &bytes,
                             err));
}

static bool check_master_key(const struct settings_checked *checked, struct till_error *err) {
    static const char FIELD[] = "secrets.master_key_file";
    uint8_t key[TILL_SEAL_KEY_SIZE];
    bool good = master_key_find(checked->arena, checked->environment_key,
                                checked->settings->master_key_file, FIELD, key, err);
    till_wipe(key, sizeof key);
    return good;
}

static bool check_proxies(const struct settings_checked *checked, struct till_error *err) {
    struct http_prefixes prefixes;
    return http_prefixes_parse(checked->settings->trusted_proxies, &prefixes, err);
}

static bool check_permit(const struct settings_checked *checked, struct till_error *err) {
    struct outbound_policy *policy;
    if (!outbound_policy_parse(checked->settings->outbound_permit, &policy, err))
        return false;
    outbound_policy_free(policy);
    return true;
}

static bool check_anchors(const struct settings_checked *checked, struct till_error *err) {
    struct till_str path = checked->settings->outbound_ca_file, bytes;
    if (path.len == 0)
        return true;
    if (!read_named(checked, "outbound.ca_file", path, &bytes, err))
        return false;
    return contains(bytes, "-----BEGIN CERTIFICATE-----") ||
           TILL_FAIL_FIELD(err, SETTING_INVALID, "outbound.ca_file",
                           "outbound.ca_file holds no certificate in PEM.");
}

typedef bool check(const struct settings_checked *checked, struct till_error *err);
static check *const CHECKS[] = {check_level,   check_url,    check_tls,    check_master_key,
                                check_proxies, check_permit, check_anchors};
enum { CHECK_COUNT = sizeof CHECKS / sizeof CHECKS[0] };
_Static_assert((int)CHECK_COUNT <= SETTINGS_PROBLEMS_MAX, "room for one of each");

bool settings_check(const struct settings_checked *checked, struct till_error *err) {
    for (size_t i = 0; i < CHECK_COUNT; i++)
        if (!CHECKS[i](checked, err))
            return false;
    return true;
}

size_t settings_problems(const struct settings_checked *checked,
                         struct till_error ret_problems[SETTINGS_PROBLEMS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < CHECK_COUNT; i++)
        if (!CHECKS[i](checked, &ret_problems[count]))
            count++;
    return count;
}

/* ---- warnings ---- */

static bool is_local(struct till_str address) {
    return till_str_starts_with(address, TILL_STR("127.")) || till_str_is(address, "::1") ||
           till_str_is(address, "localhost");
}

static bool url_is_plain(const struct gateway_settings *s) {
    static const struct till_str SCHEME = TILL_STR_INIT("http://");
    struct till_str rest = till_str_sub(s->public_url, SCHEME.len, s->public_url.len);
    return till_str_starts_with(s->public_url, SCHEME) && !is_local(rest) &&
           !till_str_starts_with(rest, TILL_STR("localhost"));
}

static bool listens_plain(const struct gateway_settings *s) {
    return s->tls_key.len == 0 && s->trusted_proxies.len == 0 && !is_local(s->listen_address);
}

static bool metrics_are_open(const struct gateway_settings *s) {
    return !is_local(s->private_address);
}

static bool believes_everybody(const struct gateway_settings *s) {
    return contains(s->trusted_proxies, "/0");
}

static bool permits(const struct gateway_settings *s) {
    return s->outbound_permit.len > 0;
}

static bool captures(const struct gateway_settings *s) {
    return s->log_debug;
}

static bool asks_longer_than_it_waits(const struct gateway_settings *s) {
    return s->upstream_timeout > s->create_deadline;
}

static bool has_no_connect_deadline(const struct gateway_settings *s) {
    return s->upstream_connect_timeout >= s->upstream_timeout;
}

static bool sheds_out_of_order(const struct gateway_settings *s) {
    return s->shed_lists_at > s->shed_creates_at || s->shed_creates_at > s->shed_queries_at;
}

static bool forgets_on_reboot(const struct gateway_settings *s) {
    return till_str_starts_with(s->store_path, TILL_STR("/tmp/")) ||
           till_str_starts_with(s->store_path, TILL_STR("/dev/shm/"));
}

static const struct {
    bool (*applies)(const struct gateway_settings *settings);
    struct settings_warning warning;
} WARNINGS[] = {
    {url_is_plain,
     {"public_url", "http:// lets anybody on the way read and change what buyers and platforms "
                    "send; use https://."}},
    {listens_plain,
     {"http.listen", "The listener is open to the network in plain HTTP and no proxy is trusted: "
                     "set http.tls_certificate, or put a proxy in front and name it in "
                     "http.trusted_proxies."}},
    {metrics_are_open,
     {"private.listen", "Metrics and health are open to the network; they need no proof."}},
    {believes_everybody,
     {"http.trusted_proxies", "A prefix of /0 believes everybody's X-Forwarded-For: no limit by "
                              "address holds."}},
    {permits,
     {"outbound.permit", "Addresses that are not public may be called; a merchant who may name a "
                         "webhook address can reach them."}},
    {captures,
     {"log.debug", "Whole exchanges are written to the log (redacted); switch it off when done."}},
    {asks_longer_than_it_waits,
     {"upstream.timeout", "A call to a platform may last longer than payments.create_deadline: "
                          "the merchant hears \"pending\" first."}},
    {has_no_connect_deadline,
     {"upstream.connect_timeout", "It is not shorter than upstream.timeout, so it never ends "
                                  "anything."}},
    {sheds_out_of_order,
     {"shed.lists_at", "Under load lists go before creates, and creates before queries: let "
                       "lists_at, creates_at, queries_at grow in this order."}},
    {forgets_on_reboot,
     {"store.path", "This folder is emptied by a restart of the machine, and the books with it."}},
};
_Static_assert(sizeof WARNINGS / sizeof WARNINGS[0] <= SETTINGS_PROBLEMS_MAX, "room for all");

size_t settings_warnings(const struct gateway_settings *settings,
                         struct settings_warning ret_warnings[SETTINGS_PROBLEMS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < sizeof WARNINGS / sizeof WARNINGS[0]; i++)
        if (WARNINGS[i].applies(settings))
            ret_warnings[count++] = WARNINGS[i].warning;
    return count;
}
