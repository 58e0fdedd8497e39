/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of lines that only grows, for its owner alone (mode 0600), up to a limit. Thread-safe;
 * every line is written whole with one call, so that a crash costs the last line at most. Writing
 * waits for the file system and for nothing else.
 */
#ifndef RT_TAPE_H
#define RT_TAPE_H

#include <stdint.h>

#include <till/error.h>
#include <till/str.h>

struct tape;

/* Made when it is not there; what is there stays. Refuses what is no plain file, what others may
 * read or write, and a path that cannot be opened (FILE_FAILED). */
TILL_MUST_CHECK bool tape_open(struct till_str path, int64_t bytes_max, struct tape **ret_tape,
                               struct till_error *err);
void tape_close(struct tape *tape); /* accepts NULL */
int64_t tape_size(struct tape *tape);
/* The text may not hold a line end. BODY_TOO_LARGE when the file would grow above its limit:
 * nothing is written then, nor later. FILE_FAILED when the file system refuses. */
TILL_MUST_CHECK bool tape_add(struct tape *tape, struct till_str line, struct till_error *err);

#endif
