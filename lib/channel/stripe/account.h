/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Stripe account is made of: read once from settings, immutable afterwards, shared by
 * threads. The texts live in the account's own arena.
 */
#ifndef LIB_CHANNEL_STRIPE_ACCOUNT_H
#define LIB_CHANNEL_STRIPE_ACCOUNT_H

#include <till/channel.h>
#include <till/crypto.h>

/* The shapes of requests and answers that this folder was written against (dossier 8). */
#define STRIPE_API_VERSION "2026-10-28.endive"

struct stripe_account {
    struct till_arena arena;
    struct till_secret secret_key;
    struct till_secret webhook_secret;
    struct till_secret webhook_secret_previous; /* empty: none is being rolled */
    struct till_str api_url;                    /* scheme and host, without a slash at its end */
    struct till_str api_version;
    struct till_str payment_methods; /* separated by commas; empty: as the dashboard says */
    bool is_restricted;              /* the key is one with chosen rights */
    bool is_clear;                   /* the API is spoken to without TLS (test mode only) */
};

extern const struct till_channel_setting stripe_settings[];

bool stripe_load(const struct till_json *settings, struct till_account *account,
                 struct till_error *err);
void stripe_unload(struct till_account *account);

/* "card" or "wechat_pay": the shape of a payment method's name, 1 to 40 bytes. */
bool stripe_is_method(struct till_str name);

static inline const struct stripe_account *stripe_of(const struct till_account *account) {
    return account->credentials;
}

/* The bytes of a secret as a string; for keys and headers only. */
static inline struct till_str stripe_secret_text(const struct till_secret *secret) {
    return (struct till_str){(const char *)secret->bytes, secret->len};
}

#endif
