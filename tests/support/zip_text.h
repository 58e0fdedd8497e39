/* SPDX-License-Identifier: Apache-2.0 */
/* Archives for tests, written by hand so that they can lie: one call an entry, then the end. */
#ifndef TESTS_SUPPORT_ZIP_TEXT_H
#define TESTS_SUPPORT_ZIP_TEXT_H

#include <rt/deflate.h>

#include <assert.h>

struct zip_text {
    struct till_arena *arena;
    struct till_buf body, directory;
    unsigned entries;
};

/* What an entry may say of itself; {0} for the truth. */
struct zip_lie {
    uint32_t size, checksum_flip, attributes;
    unsigned flags, method, system;
    bool stored;
};

static inline void zip_number(struct till_buf *buf, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        till_buf_char(buf, (char)(value >> (8 * i) & 0xff));
}

static inline void zip_begin(struct zip_text *zip, struct till_arena *arena) {
    *zip = (struct zip_text){.arena = arena};
    till_buf_init(&zip->body, arena);
    till_buf_init(&zip->directory, arena);
}

static inline void zip_add(struct zip_text *zip, struct till_str name, struct till_str content,
                           struct zip_lie lie) {
    struct till_str packed = content;
    struct till_error err;
    bool good = lie.stored || deflate_pack(zip->arena, content, &packed, &err);
    assert(good);
    uint32_t checksum = deflate_checksum(content) ^ lie.checksum_flip;
    uint32_t size = lie.size ? lie.size : (uint32_t)content.len;
    unsigned method = lie.method ? lie.method : lie.stored ? 0 : 8;
    uint32_t at = (uint32_t)zip->body.len;
    for (int pass = 0; pass < 2; pass++) {
        struct till_buf *buf = pass ? &zip->directory : &zip->body;
        zip_number(buf, pass ? 0x02014b50 : 0x04034b50, 4);
        if (pass)
            zip_number(buf, lie.system << 8 | 20, 2);
        zip_number(buf, 20, 2);
        zip_number(buf, lie.flags, 2);
        zip_number(buf, method, 2);
        zip_number(buf, 0x5b765000, 4); /* time and date */
        zip_number(buf, checksum, 4);
        zip_number(buf, packed.len, 4);
        zip_number(buf, size, 4);
        zip_number(buf, name.len, 2);
        zip_number(buf, 0, 2);
        if (pass) {
            zip_number(buf, 0, 6); /* comment, disk, inner attributes */
            zip_number(buf, lie.attributes, 4);
            zip_number(buf, at, 4);
        }
        till_buf_add(buf, name);
    }
    till_buf_add(&zip->body, packed);
    zip->entries++;
}

static inline struct till_str zip_end(struct zip_text *zip) {
    struct till_str directory, whole;
    struct till_error err;
    size_t at = zip->body.len;
    bool good = till_buf_finish(&zip->directory, &directory, &err);
    assert(good);
    till_buf_add(&zip->body, directory);
    zip_number(&zip->body, 0x06054b50, 4);
    zip_number(&zip->body, 0, 4);
    zip_number(&zip->body, zip->entries, 2);
    zip_number(&zip->body, zip->entries, 2);
    zip_number(&zip->body, directory.len, 4);
    zip_number(&zip->body, at, 4);
    zip_number(&zip->body, 0, 2);
    good = till_buf_finish(&zip->body, &whole, &err);
    assert(good);
    return whole;
}

#endif
