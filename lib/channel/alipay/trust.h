/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose signature counts. In key mode: the one platform key. In certificate mode: the key of the
 * platform certificate, and for a while after a rotation that of the one before; answers say which
 * by its serial name, notifications do not.
 */
#ifndef LIB_CHANNEL_ALIPAY_TRUST_H
#define LIB_CHANNEL_ALIPAY_TRUST_H

#include "lib/channel/alipay/account.h"

/* The keys and certificates of the settings. Each mistake names its setting. */
TILL_MUST_CHECK bool trust_load(struct alipay_account *a, const struct till_json *settings,
                                struct till_error *err);
/* A key of the account's kind and length: KEY_WEAK naming the field. */
TILL_MUST_CHECK bool trust_check_strength(const struct alipay_account *a,
                                          const struct till_key *key, const char *field,
                                          struct till_error *err);
void trust_unload(struct alipay_account *a);
/* For people: the certificates with serials and times, and what is weak. */
TILL_MUST_CHECK bool alipay_describe(const struct till_account *account, int64_t now_us,
                                     struct till_arena *arena, struct till_json *into,
                                     struct till_error *err);

/* Who may have signed an answer that names this certificate (empty: none). TRUST_UNKNOWN only in
 * certificate mode, for a name that could be one. */
enum trust_signer { TRUST_KEY, TRUST_UNKNOWN, TRUST_WRONG_MODE };
enum trust_signer trust_signer_of(const struct alipay_account *a, struct till_str cert_sn,
                                  int64_t now_us, const struct till_key **ret_key);
/* The keys a notification may be signed with: the first `count` of the two. */
size_t trust_keys(const struct alipay_account *a, int64_t now_us,
                  const struct till_key *ret_keys[2]);

#endif
