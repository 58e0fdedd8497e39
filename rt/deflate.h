/* SPDX-License-Identifier: Apache-2.0 */
/* Packing for those who write archives: raw DEFLATE and the checksum that stands beside it; zlib
 * behind a wall. Results live in the arena; nothing waits. */
#ifndef RT_DEFLATE_H
#define RT_DEFLATE_H

#include <stdint.h>

#include <till/arena.h>

/* Raw DEFLATE (RFC 1951), as zip archives hold it. */
TILL_MUST_CHECK bool deflate_pack(struct till_arena *arena, struct till_str bytes,
                                  struct till_str *ret_packed, struct till_error *err);
/* CRC-32 as in zip and gzip. */
uint32_t deflate_checksum(struct till_str bytes);

#endif
