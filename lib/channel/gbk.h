/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GBK to UTF-8 and back, without locale or files (iconv loads modules at run time, so it has no
 * place in a pure library). Chinese platforms still send GBK when they missed the charset of a
 * request; what we keep is UTF-8. One table made by tools/gbk-table.py; results live in the arena.
 */
#ifndef LIB_CHANNEL_GBK_H
#define LIB_CHANNEL_GBK_H

#include <till/arena.h>

/* TEXT_INVALID for bytes that are not GBK. ASCII stays as it is. */
TILL_MUST_CHECK bool gbk_to_utf8(struct till_arena *arena, struct till_str gbk,
                                 struct till_str *ret_utf8, struct till_error *err);
/* TEXT_INVALID for bytes that are not UTF-8 and characters that GBK does not have. Slow (a search
 * through the table for each character): for explaining, not for a money path. */
TILL_MUST_CHECK bool gbk_from_utf8(struct till_arena *arena, struct till_str utf8,
                                   struct till_str *ret_gbk, struct till_error *err);

#endif
