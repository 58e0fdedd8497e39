/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first answer to a key (dossier 5), and who asked: account, key, and a digest of method, path
 * and parameters. Made before the call is executed, so that the same key meanwhile gets 409; kept
 * for 24 hours of the platform's clock. All functions want the lock.
 */
#ifndef SANDBOX_STRIPE_IDEMPOTENCY_H
#define SANDBOX_STRIPE_IDEMPOTENCY_H

#include <sandbox/stripe/stripe.h>

enum { STRIPE_KEY_MAX = 255 };
#define STRIPE_KEPT_US PLATFORM_DAY_US

struct stripe_kept {
    struct stripe_account *account;
    char key[STRIPE_KEY_MAX + 1];
    char fingerprint[65];
    char request_id[32];
    int64_t at_us;
    int status; /* 0: still running */
    char *body;
    struct stripe_kept *next;        /* younger */
    struct stripe_kept *next_by_key; /* in its bucket */
};

/* Forgets what is older than a day first. NULL: new. */
struct stripe_kept *stripe_kept_find(struct sandbox *sandbox, const struct stripe_account *account,
                                     struct till_str key, int64_t now_us);
/* In flight from here on; NULL without memory. */
struct stripe_kept *stripe_kept_begin(struct sandbox *sandbox, struct stripe_account *account,
                                      struct till_str key, const char *fingerprint,
                                      const char *request_id, int64_t now_us);
/* The answer is there. Without memory the key stays in use. */
void stripe_kept_finish(struct sandbox *sandbox, struct stripe_kept *kept, int status,
                        struct till_str body);
/* It was no execution after all: the key is as good as new. */
void stripe_kept_forget(struct sandbox *sandbox, struct stripe_kept *kept);
void stripe_kept_free_all(struct stripe_book *book);

#endif
