/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold secrets or must not be half written. */
#ifndef RT_FILE_H
#define RT_FILE_H

#include <till/arena.h>

/* Whole file, at most max bytes. */
TILL_MUST_CHECK bool file_read(struct till_arena *arena, struct till_str path, size_t max,
                               struct till_str *ret_bytes, struct till_error *err);
/* The same, and refuses a file that group or others may read or write (S-131), naming `setting` and
 * not the value. */
TILL_MUST_CHECK bool file_read_secret(struct till_arena *arena, struct till_str path, size_t max,
                                      const char *setting, struct till_str *ret_bytes,
                                      struct till_error *err);
/* Atomically: temporary file, fsync, rename, fsync of the directory. mode e.g. 0600. With
 * `exclusive` an existing file is an error. */
TILL_MUST_CHECK bool file_write(struct till_str path, struct till_str bytes, unsigned mode,
                                bool exclusive, struct till_error *err);
TILL_MUST_CHECK bool file_make_directory(struct till_str path, unsigned mode,
                                         struct till_error *err);
bool file_exists(struct till_str path);

#endif
