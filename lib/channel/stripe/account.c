/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings into an account. What would open a path later is refused here, naming the setting and
 * never its value: no webhook secret (anybody could sign with an empty one), a key of the other
 * mode, a publishable key, an API in clear text for live money.
 */
#include "lib/channel/stripe/account.h"

#include <stdlib.h>

#include <till/stripe.h>

#include "lib/channel/address.h"
#include "lib/channel/common.h"

enum { ACCOUNT_ARENA = 4096, API_URL_MAX = 256, VERSION_MAX = 64, KEY_MIN = 24, METHODS_MAX = 512 };

const struct till_channel_setting stripe_settings[] = {
    {"secret_key", true, true,
     "The secret key of the dashboard (sk_...), or better a restricted one (rk_...) that may write "
     "Checkout Sessions and refunds and read payments."},
    {"webhook_secret", true, true,
     "Signing secret of the webhook endpoint that leads here (whsec_...), from the dashboard."},
    {"webhook_secret_previous", false, true,
     "The secret before, while it is being rolled: what is on its way is signed with both."},
    {"api_url", false, false, "Address of the API; by default https://api.stripe.com."},
    {"api_version", false, false,
     "Version that requests name, by default the one till was written against: " STRIPE_API_VERSION
     "."},
    {"payment_methods", false, false,
     "Ways to pay on the page, separated by commas (card,alipay,wechat_pay); by default as the "
     "dashboard says."},
    {NULL, false, false, NULL},
};

static const char *const setting_names[] = {
    "secret_key", "webhook_secret", "webhook_secret_previous",
    "api_url",    "api_version",    "payment_methods",
    NULL};

/* sk_live_..., rk_test_...; the mode that the key says is the account's own. */
static bool check_key(struct till_str key, enum till_mode mode, struct till_error *err) {
    const struct till_str word = mode == TILL_LIVE ? TILL_STR("live_") : TILL_STR("test_");
    if (key.len == 0)
        return TILL_FAIL_FIELD(err, KEY_WEAK, "/secret_key",
                               "Set the secret key of the dashboard (sk_... or rk_...).");
    if (till_str_starts_with(key, TILL_STR("pk_")))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/secret_key",
                               "This is a publishable key, which everybody may see; set the secret "
                               "one (sk_... or rk_...).");
    if (!till_str_starts_with(key, TILL_STR("sk_")) && !till_str_starts_with(key, TILL_STR("rk_")))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/secret_key",
                               "A secret key begins with sk_ or rk_.");
    if (!till_str_starts_with(till_str_sub(key, 3, key.len), word))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/secret_key",
                               "The account's mode is %s, so its key begins with sk_%.*s or "
                               "rk_%.*s.",
                               mode == TILL_LIVE ? "live" : "test", TILL_STR_ARG(word),
                               TILL_STR_ARG(word));
    if (!till_str_is_printable_ascii(key) || till_str_find(key, ' ') < key.len)
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/secret_key",
                               "The key has a blank or a sign that no key has; copy it anew.");
    if (key.len < KEY_MIN || key.len > TILL_SECRET_MAX)
        return TILL_FAIL_FIELD(err, KEY_WEAK, "/secret_key",
                               "The key has %d to %d characters; copy the whole of it.", KEY_MIN,
                               TILL_SECRET_MAX);
    return true;
}

static bool read_key(struct stripe_account *a, enum till_mode mode,
                     const struct till_json *settings, struct till_error *err) {
    struct till_str key = TILL_STR_NONE;
    if (!till_json_want_str(settings, "secret_key", &key, err) || !check_key(key, mode, err))
        return false;
    memcpy(a->secret_key.bytes, key.ptr, key.len);
    a->secret_key.len = key.len;
    a->is_restricted = key.ptr[0] == 'r';
    return true;
}

static bool read_secret(const struct till_json *settings, const char *name, const char *field,
                        struct till_secret *secret, struct till_error *err) {
    struct till_str text = TILL_STR_NONE;
    struct till_error why;
    if (!till_json_want_str(settings, name, &text, err))
        return false;
    if (till_stripe_secret_parse(text, secret, &why))
        return true;
    if (why.code == TILL_E_KEY_WEAK)
        return TILL_FAIL_FIELD(err, KEY_WEAK, field, "%s", why.text);
    return TILL_FAIL_FIELD(err, KEY_INVALID, field, "%s", why.text);
}

static bool read_secrets(struct stripe_account *a, const struct till_json *settings,
                         struct till_error *err) {
    struct till_str previous = TILL_STR_NONE;
    if (!read_secret(settings, "webhook_secret", "/webhook_secret", &a->webhook_secret, err))
        return false;
    if (!till_json_want_str(settings, "webhook_secret_previous", &previous, err))
        return false;
    if (previous.len == 0)
        return true; /* none is being rolled */
    if (!read_secret(settings, "webhook_secret_previous", "/webhook_secret_previous",
                     &a->webhook_secret_previous, err))
        return false;
    if (till_str_equal(stripe_secret_text(&a->webhook_secret),
                       stripe_secret_text(&a->webhook_secret_previous)))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/webhook_secret_previous",
                               "It is the present one; set the secret before it, or leave it out.");
    return true;
}

static bool read_api(struct stripe_account *a, enum till_mode mode,
                     const struct till_json *settings, struct till_error *err) {
    struct address address;
    a->api_url = TILL_STR("https://api.stripe.com");
    a->api_version = TILL_STR(STRIPE_API_VERSION);
    if (!common_setting(&a->arena, settings, "api_url", API_URL_MAX, &a->api_url, err) ||
        !common_setting(&a->arena, settings, "api_version", VERSION_MAX, &a->api_version, err) ||
        !address_read(a->api_url, API_URL_MAX, "/api_url", &address, err))
        return false;
    size_t scheme = address.is_https ? strlen("https://") : strlen("http://");
    struct till_str host = till_str_sub(a->api_url, scheme, a->api_url.len);
    if (address.has_query || till_str_find(host, '/') < host.len)
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, "/api_url",
                               "Give scheme and host only; the path /v1/... is added here.");
    if (mode == TILL_LIVE && !address.is_https)
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, "/api_url",
                               "A live account needs https: TLS is all that proves whose answers "
                               "these are.");
    a->is_clear = !address.is_https;
    return true;
}

bool stripe_is_method(struct till_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return name.len > 0 && name.len <= 40;
}

static bool read_methods(struct stripe_account *a, const struct till_json *settings,
                         struct till_error *err) {
    if (!common_setting(&a->arena, settings, "payment_methods", METHODS_MAX, &a->payment_methods,
                        err))
        return false;
    for (struct till_str rest = a->payment_methods; rest.len;) {
        size_t end = till_str_find(rest, ',');
        if (!stripe_is_method(till_str_sub(rest, 0, end)) || end + 1 == rest.len)
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/payment_methods",
                                   "Name the ways to pay in small letters, separated by commas: "
                                   "card,alipay.");
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    return true;
}

bool stripe_load(const struct till_json *settings, struct till_account *account,
                 struct till_error *err) {
    if (!till_json_is_object(settings))
        return TILL_FAIL(err, SETTING_INVALID, "The account's settings are not one JSON object.");
    struct stripe_account *a = calloc(1, sizeof *a);
    if (!a)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    till_arena_init(&a->arena, ACCOUNT_ARENA);
    account->credentials = a;
    if (till_json_only(settings, setting_names, err) && read_key(a, account->mode, settings, err) &&
        read_secrets(a, settings, err) && read_api(a, account->mode, settings, err) &&
        read_methods(a, settings, err))
        return true;
    stripe_unload(account);
    return false;
}

void stripe_unload(struct till_account *account) {
    struct stripe_account *a = account->credentials;
    if (!a)
        return;
    till_secret_wipe(&a->secret_key);
    till_secret_wipe(&a->webhook_secret);
    till_secret_wipe(&a->webhook_secret_previous);
    till_arena_clean_up(&a->arena);
    free(a);
    account->credentials = NULL;
}
