/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens taken out of what leaves the sandbox: queries, forms, multipart fields, JSON. The rest
 * stays as it was sent, byte by byte, also in texts that are cut or broken. In a request "code" is
 * a token, too; in an answer it is the platform's verdict.
 */
#ifndef SANDBOX_EXCHANGE_CLEAN_H
#define SANDBOX_EXCHANGE_CLEAN_H

#include <sandbox/exchange.h>

/* Empty when there is no memory. */
struct till_str exchange_clean_url(struct till_arena *arena, struct till_str url);
struct till_str exchange_clean_body(struct till_arena *arena, const struct exchange_side *side,
                                    bool is_request);

#endif
