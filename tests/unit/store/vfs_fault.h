/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails on request: a VFS over the default one. After `after` more calls of a kind,
 * calls of that kind fail once or for as long as the fault is armed. Counts calls, so that a test
 * can fail each one in turn.
 */
#ifndef TESTS_UNIT_STORE_VFS_FAULT_H
#define TESTS_UNIT_STORE_VFS_FAULT_H

#include <stdbool.h>

/* The _DB ones count calls on the database file only: what a checkpoint does. */
enum vfs_call { VFS_WRITE, VFS_SYNC, VFS_TRUNCATE, VFS_WRITE_DB, VFS_SYNC_DB, VFS_CALLS };

#define VFS_FAULT_NAME "fault"

/* Registers it; again is nothing. */
void vfs_fault_register(void);
/* The call after `after` others of this kind answers with the SQLite code; `lasting`: all later
 * ones too. SQLITE_FULL leaves half of a write behind, as a full disk does. */
void vfs_fault_arm(enum vfs_call call, int after, int code, bool lasting);
void vfs_fault_disarm(void);
int vfs_fault_calls(enum vfs_call call); /* since the last arm or disarm */
bool vfs_fault_struck(void);             /* has it failed a call since it was armed? */

#endif
