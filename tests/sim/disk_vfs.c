/* SPDX-License-Identifier: Apache-2.0 */
/* The disk as SQLite's file layer, and what SQLite asks of the machine besides: time, chance and
 * sleep, all of them the simulation's. */
#include "disk.h"

#include <errno.h>

static struct disk_handle *own(sqlite3_file *base) {
    return (struct disk_handle *)(void *)base;
}

static struct disk *disk_of(sqlite3_vfs *vfs) {
    return vfs->pAppData;
}

/* ---- files ---- */

static int file_close(sqlite3_file *base) {
    struct disk_handle *handle = own(base);
    if (disk_is_dead(handle))
        return SQLITE_OK;
    (void)disk_unlock(base, SQLITE_LOCK_NONE);
    if (handle->deletes)
        handle->file->is_there = handle->file->is_safely_there = false;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int len, sqlite3_int64 offset) {
    const struct disk_handle *handle = own(base);
    const struct disk_file *file = handle->file;
    if (disk_is_dead(handle))
        return SQLITE_IOERR_READ;
    int64_t there = file->size - offset;
    if (there < 0)
        there = 0;
    if (there > len)
        there = len;
    if (there > 0)
        memcpy(out, file->now + offset, (size_t)there);
    if (there == len)
        return SQLITE_OK;
    memset((char *)out + there, 0, (size_t)(len - there));
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset) {
    const struct disk_handle *handle = own(base);
    struct disk *disk = handle->disk;
    if (disk_is_dead(handle))
        return SQLITE_IOERR_WRITE;
    if (disk_strikes(disk, SIM_DISK_FULL)) {
        disk->last_errno = ENOSPC;
        return SQLITE_FULL;
    }
    if (disk_strikes(disk, SIM_DISK_WRITE_FAILS)) {
        disk->last_errno = EIO;
        return SQLITE_IOERR_WRITE;
    }
    disk_write(handle->file, bytes, (size_t)len, offset);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    if (disk_is_dead(own(base)))
        return SQLITE_IOERR_TRUNCATE;
    disk_truncate(own(base)->file, size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
    struct disk_handle *handle = own(base);
    struct disk *disk = handle->disk;
    (void)flags;
    if (disk_is_dead(handle))
        return SQLITE_IOERR_FSYNC;
    disk_takes_time(disk);
    if (disk_strikes(disk, SIM_DISK_SYNC_FAILS)) {
        disk_sync_badly(disk, handle->file);
        disk->last_errno = EIO;
        return SQLITE_IOERR_FSYNC;
    }
    disk_sync(handle->file);
    if (handle->syncs_names)
        disk_sync_names(disk);
    handle->syncs_names = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size) {
    *ret_size = own(base)->file->size;
    return disk_is_dead(own(base)) ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg) {
    (void)base, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base) {
    (void)base;
    return DISK_SECTOR;
}

/* Nothing is promised: no atomic write, no order. */
static int characteristics(sqlite3_file *base) {
    (void)base;
    return 0;
}

static const sqlite3_io_methods FILE_METHODS = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = disk_shm_map,
    .xShmLock = disk_shm_lock,
    .xShmBarrier = disk_shm_barrier,
    .xShmUnmap = disk_shm_unmap,
};

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *ret_flags) {
    struct disk *disk = disk_of(vfs);
    struct disk_handle *handle = own(base);
    char temporary[DISK_NAME];
    *handle = (struct disk_handle){.disk = disk, .era = disk->era};
    if (!name) {
        snprintf(temporary, sizeof temporary, "temporary-%d", ++disk->temporary);
        name = temporary;
    }
    handle->file = disk_find(disk, name);
    if (!handle->file) {
        if (!(flags & SQLITE_OPEN_CREATE))
            return SQLITE_CANTOPEN;
        handle->file = disk_make(disk, name);
        handle->syncs_names =
            (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    }
    handle->deletes = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    base->pMethods = &FILE_METHODS;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int syncs_names) {
    struct disk *disk = disk_of(vfs);
    struct disk_file *file = disk_find(disk, name);
    if (!file)
        return SQLITE_IOERR_DELETE_NOENT;
    file->is_there = false;
    if (syncs_names)
        disk_sync_names(disk);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_is) {
    const struct disk_file *file = disk_find(disk_of(vfs), name);
    *ret_is = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int room, char *out) {
    (void)vfs;
    int len = snprintf(out, (size_t)room, "%s", name);
    return len < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int len, char *out) {
    struct disk *disk = disk_of(vfs);
    for (int i = 0; i < len; i++)
        out[i] = (char)(dice_roll(&disk->random) & 0xff);
    return len;
}

/* Inside of SQLite nobody may wait: it is told that the time has passed. */
static int vfs_sleep(sqlite3_vfs *vfs, int us) {
    sim_count(disk_of(vfs)->sim, "sqlite.slept");
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms) {
    static const int64_t UNIX_EPOCH_MS = INT64_C(210866760000000); /* from noon, -4713-11-24 */
    *ret_ms = UNIX_EPOCH_MS + sim_time_us(disk_of(vfs)->sim) / 1000;
    return SQLITE_OK;
}

static int vfs_time_float(sqlite3_vfs *vfs, double *ret_days) {
    sqlite3_int64 ms;
    (void)vfs_time(vfs, &ms);
    *ret_days = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *out) {
    (void)room, (void)out;
    return disk_of(vfs)->last_errno;
}

/* The default one, too: what opens a database without a word about where can reach no real file. */
void disk_vfs_open(struct disk *disk) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* as the store does, which comes too late */
    disk->vfs = (sqlite3_vfs){.iVersion = 2,
                              .szOsFile = (int)sizeof(struct disk_handle),
                              .mxPathname = DISK_NAME - 1,
                              .zName = SIM_VFS,
                              .pAppData = disk,
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_path,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time_float,
                              .xGetLastError = vfs_last_error,
                              .xCurrentTimeInt64 = vfs_time};
    int code = sqlite3_vfs_register(&disk->vfs, 1);
    assert(code == SQLITE_OK);
    (void)code;
    sqlite3_randomness(
        0,
        NULL); /* its own chance begins anew, with ours (the test control of that name does not) */
}

void disk_vfs_close(struct disk *disk) {
    sqlite3_vfs_unregister(&disk->vfs);
}
