/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives from strangers, unpacked in memory and handed out by chunks; libzip behind a wall.
 * Nothing is ever written to a disk, so a name cannot lead anywhere; it is refused all the same
 * when it tries. Before the first byte is unpacked the whole directory is judged: the number of
 * entries, names (path, drive, control bytes, twice the same), kinds (no folder, link, encryption
 * or unknown method), declared sizes and ratios. While unpacking, real sizes are counted against
 * the declared ones and checksums are verified: the last chunk comes only when they are right.
 *
 * The archive's bytes are borrowed and must outlive it. One thread at a time. Nothing waits.
 */
#ifndef RT_UNZIP_H
#define RT_UNZIP_H

#include <stdint.h>

#include <till/arena.h>

struct unzip;

struct unzip_limits {
    int64_t archive_max; /* bytes of the archive */
    int64_t entries_max;
    int64_t entry_max; /* bytes of one entry, unpacked */
    int64_t total_max; /* of all of them */
    int64_t ratio_max; /* unpacked / packed, for entries above 64 KiB */
};

/* ARCHIVE_INVALID says what is wrong with it. */
TILL_MUST_CHECK bool unzip_open(struct till_str archive, const struct unzip_limits *limits,
                                struct unzip **ret_unzip, struct till_error *err);
void unzip_close(struct unzip *unzip); /* accepts NULL */
size_t unzip_count(const struct unzip *unzip);
/* Raw bytes, in whatever charset the packer had; valid until the close. */
struct till_str unzip_name(const struct unzip *unzip, size_t index);
int64_t unzip_size(const struct unzip *unzip, size_t index);
/* Begins to unpack an entry, also again; ends the one before. */
TILL_MUST_CHECK bool unzip_begin(struct unzip *unzip, size_t index, struct till_error *err);
/* The next chunk, valid until the next call; empty at the end, which is reached only when size and
 * checksum are right. The form of a till_bill_source: self is the struct unzip. */
TILL_MUST_CHECK bool unzip_next(void *self, struct till_str *ret_bytes, struct till_error *err);

#endif
