/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAuth2 clients of apps and the tokens they hold (ADR 031). Of secrets and tokens only SHA-256 is
 * stored: both are 256 random bits, so nothing slower is needed, and a stolen file opens nothing.
 * Errors and memory as in store.h. What is disabled, revoked or has ended is dead here at once and
 * within TOKEN_BELIEVED_US in every other process over the same store.
 */
#ifndef GATEWAY_STORE_CLIENTS_H
#define GATEWAY_STORE_CLIENTS_H

#include <gateway/store/store.h>

enum {
    CLIENTS_PER_APP_MAX = 64,
    CLIENT_SCOPES_SIZE = 512,     /* of the list as text, with its NUL */
    TOKENS_PER_CLIENT_MAX = 1000, /* alive at once */
    TOKENS_CACHED = 256,          /* in this process */
    TOKEN_BELIEVED_US = 1000000,  /* monotonic: how long a cached one is not looked up again */
    CLIENT_SECRETS_ALIVE_MAX = 2  /* the newest, and during a rotation the one before */
};

struct client_row {
    char id[TILL_ID_SIZE]; /* "cli_..." */
    char app_id[TILL_ID_SIZE];
    struct till_str name;
    struct till_str scopes; /* blank-separated, at least one */
    bool enabled, app_enabled;
    bool revoked;        /* for good: no secret, no token */
    enum till_mode mode; /* the app's */
    bool has_secret, has_older;
    int64_t older_ends_us; /* 0: no end */
    int64_t created_us;
};

/* SHA-256 of a secret or a token. */
struct client_digest {
    uint8_t bytes[TILL_SHA256_SIZE];
};

/* NOT_FOUND: no such app. STATE_CONFLICT: CLIENTS_PER_APP_MAX. FIELD_INVALID: scopes too long. */
TILL_MUST_CHECK bool store_client_add(struct store *store, const struct client_row *row,
                                      const struct client_digest *secret, struct till_error *err);
/* app_id empty: of all apps. In the order of their making. */
TILL_MUST_CHECK bool store_client_list(struct store *store, struct till_arena *arena,
                                       struct till_str app_id, struct client_row **ret_rows,
                                       size_t *ret_count, struct till_error *err);
/* NOT_FOUND; STATE_CONFLICT: a revoked one stays so. */
TILL_MUST_CHECK bool store_client_enable(struct store *store, struct till_str id, bool enabled,
                                         struct till_error *err);
/* A second secret beside the one there is. STATE_CONFLICT: two are alive, or revoked. */
TILL_MUST_CHECK bool store_client_secret_add(struct store *store, struct till_str id,
                                             const struct client_digest *secret, int64_t now_us,
                                             struct till_error *err);
/* The older one ends then, and with it the tokens it was shown for; one that ends earlier stays as
 * it is, and now_us or before takes it away. *ret_ending: 1 when it still lives. */
TILL_MUST_CHECK bool store_client_secret_end(struct store *store, struct till_str id,
                                             int64_t ends_us, int64_t now_us, int *ret_ending,
                                             struct till_error *err);
/* Disabled for good: its secrets and tokens are deleted. */
TILL_MUST_CHECK bool store_client_revoke(struct store *store, struct till_str id,
                                         struct till_error *err);

/* What a client must prove, read fresh each time: asking for a token is rare. */
struct client_proof {
    struct client_row row;
    struct client_digest secrets[CLIENT_SECRETS_ALIVE_MAX];
    size_t secret_count; /* alive at now_us; 0: nothing opens (S-017) */
};
TILL_MUST_CHECK bool store_client_proof(struct store *store, struct till_arena *arena,
                                        struct till_str id, int64_t now_us,
                                        struct client_proof *ret, struct till_error *err);

struct token_row {
    char client_id[TILL_ID_SIZE];
    char app_id[TILL_ID_SIZE];
    char scopes[CLIENT_SCOPES_SIZE];
    int64_t created_us, expires_us;
};
/* row: client_id, scopes, times. secret: which one it was given for. TOO_MANY when
 * TOKENS_PER_CLIENT_MAX live; *ret_free_us is then when the next one expires. */
TILL_MUST_CHECK bool store_token_add(struct store *store, const struct token_row *row,
                                     const struct client_digest *token,
                                     const struct client_digest *secret, int64_t *ret_free_us,
                                     struct till_error *err);
/* NOT_FOUND: unknown, revoked, or its client, app or secret is no longer good. Expiry is the
 * caller's question. From a cache of TOKENS_CACHED. */
TILL_MUST_CHECK bool store_token_get(struct store *store, const struct client_digest *token,
                                     int64_t now_us, struct token_row *ret_row,
                                     struct till_error *err);
enum token_revoked { TOKEN_UNKNOWN, TOKEN_REVOKED, TOKEN_OF_ANOTHER };
/* One token of this client. */
TILL_MUST_CHECK bool store_token_revoke(struct store *store, struct till_str client_id,
                                        const struct client_digest *token,
                                        enum token_revoked *ret_what, struct till_error *err);
/* Expired tokens and older secrets that have ended are deleted by store_purge. */

#endif
