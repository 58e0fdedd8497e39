/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/deflate.h>

#define ZLIB_CONST /* zlib does not write to what it packs, and says so only then */
#include <zlib.h>

enum { RAW = -15, MEMORY = 8 };

bool deflate_pack(struct till_arena *arena, struct till_str bytes, struct till_str *ret_packed,
                  struct till_error *err) {
    z_stream stream = {.next_in = (const Bytef *)bytes.ptr, .avail_in = (uInt)bytes.len};
    if (bytes.len > UINT32_MAX / 2 || deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, RAW,
                                                   MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    size_t room = deflateBound(&stream, (uLong)bytes.len);
    char *packed = till_arena_alloc(arena, room);
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)room;
    bool done = packed && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    size_t len = room - stream.avail_out;
    deflateEnd(&stream);
    if (!done)
        return till_arena_refuse(arena, err);
    *ret_packed = (struct till_str){packed, len};
    return true;
}

uint32_t deflate_checksum(struct till_str bytes) {
    return (uint32_t)crc32_z(0, (const Bytef *)bytes.ptr, bytes.len);
}
