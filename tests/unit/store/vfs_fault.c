/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs_fault.h"

#include <string.h>

#include <sqlite3.h>

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    bool is_db;
};

static struct {
    int calls[VFS_CALLS], after[VFS_CALLS], code[VFS_CALLS];
    bool lasting[VFS_CALLS], struck;
} faults;

static sqlite3_vfs vfs;
static sqlite3_io_methods methods;

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct fault_file *)file)->real;
}

/* The code to fail with, or SQLITE_OK. */
static int strike(enum vfs_call call) {
    int n = faults.calls[call]++;
    if (faults.code[call] == SQLITE_OK || n < faults.after[call] ||
        (n > faults.after[call] && !faults.lasting[call]))
        return SQLITE_OK;
    faults.struck = true;
    return faults.code[call];
}

static int strike_also(sqlite3_file *file, enum vfs_call call, enum vfs_call of_db) {
    int code = strike(call);
    return code == SQLITE_OK && ((struct fault_file *)file)->is_db ? strike(of_db) : code;
}

static int close_file(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}
static int read_file(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at) {
    return real_of(file)->pMethods->xRead(real_of(file), bytes, len, at);
}
static int write_file(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
    int code = strike_also(file, VFS_WRITE, VFS_WRITE_DB);
    if (code == SQLITE_FULL)
        real_of(file)->pMethods->xWrite(real_of(file), bytes, len / 2, at);
    return code ? code : real_of(file)->pMethods->xWrite(real_of(file), bytes, len, at);
}
static int truncate_file(sqlite3_file *file, sqlite3_int64 size) {
    int code = strike(VFS_TRUNCATE);
    return code ? code : real_of(file)->pMethods->xTruncate(real_of(file), size);
}
static int sync_file(sqlite3_file *file, int flags) {
    int code = strike_also(file, VFS_SYNC, VFS_SYNC_DB);
    return code ? code : real_of(file)->pMethods->xSync(real_of(file), flags);
}
static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
static int lock_file(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}
static int unlock_file(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
static int check_lock(sqlite3_file *file, int *held) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}
static int control(sqlite3_file *file, int op, void *arg) {
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}
static int sector(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}
static int characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory) {
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}
static int shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}
static void shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}
static int shm_unmap(sqlite3_file *file, int remove) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static int open_file(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *ret) {
    sqlite3_vfs *real = self->pAppData;
    struct fault_file *fault = (struct fault_file *)file;
    fault->real = (sqlite3_file *)(fault + 1);
    fault->is_db = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    memset(fault->real, 0, (size_t)real->szOsFile);
    int code = real->xOpen(real, name, fault->real, flags, ret);
    file->pMethods = fault->real->pMethods ? &methods : NULL;
    return code;
}

void vfs_fault_register(void) {
    if (vfs.zName)
        return;
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    vfs = *real;
    vfs.pNext = NULL;
    vfs.zName = VFS_FAULT_NAME;
    vfs.pAppData = real;
    vfs.szOsFile = (int)sizeof(struct fault_file) + real->szOsFile;
    vfs.xOpen = open_file;
    methods = (sqlite3_io_methods){
        2,         close_file,  read_file,  write_file, truncate_file, sync_file,       file_size,
        lock_file, unlock_file, check_lock, control,    sector,        characteristics, shm_map,
        shm_lock,  shm_barrier, shm_unmap,  NULL,       NULL};
    sqlite3_vfs_register(&vfs, 0);
}

void vfs_fault_disarm(void) {
    memset(&faults, 0, sizeof faults);
}

void vfs_fault_arm(enum vfs_call call, int after, int code, bool lasting) {
    vfs_fault_disarm();
    faults.after[call] = after;
    faults.code[call] = code;
    faults.lasting[call] = lasting;
}

int vfs_fault_calls(enum vfs_call call) {
    return faults.calls[call];
}

bool vfs_fault_struck(void) {
    return faults.struck;
}
