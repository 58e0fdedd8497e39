/* SPDX-License-Identifier: Apache-2.0 */
/* The content of messages under the account's AES key (dossier 2.4, 3.2); without one, as it is. */
#ifndef LIB_CHANNEL_ALIPAY_ENVELOPE_H
#define LIB_CHANNEL_ALIPAY_ENVELOPE_H

#include "lib/channel/alipay/account.h"

/* biz_content as it travels. The stored business bytes stay clear and identical; so do these, since
 * equal texts encrypt equally. */
TILL_MUST_CHECK bool envelope_close(const struct alipay_account *a, struct till_str business,
                                    struct till_arena *arena, struct till_str *ret_content,
                                    struct till_error *err);
/* The object of a node whose signature was good. An encrypted account takes a clear node only for
 * a refusal, a plain one no encrypted node: BODY_MALFORMED; CIPHER_WRONG. Release *ret_node. */
TILL_MUST_CHECK bool envelope_open(const struct alipay_account *a, struct till_str node,
                                   struct till_arena *arena, struct till_json **ret_node,
                                   struct till_error *err);

#endif
