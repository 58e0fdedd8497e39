/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of the database file, and the shared memory of its write-ahead log with locks that are
 * counted; both as the system's own file layer of SQLite has them between processes. */
#include "disk.h"

static struct disk_handle *own(sqlite3_file *base) {
    return (struct disk_handle *)(void *)base;
}

static int take_exclusive(struct disk_handle *handle) {
    struct disk_file *file = handle->file;
    if (file->shared > 1 || (file->exclusive && file->exclusive != handle))
        return SQLITE_BUSY;
    file->exclusive = handle;
    return SQLITE_OK;
}

static int take_reserved(struct disk_handle *handle) {
    struct disk_file *file = handle->file;
    if (file->reserved && file->reserved != handle)
        return SQLITE_BUSY;
    file->reserved = handle;
    return SQLITE_OK;
}

int disk_lock(sqlite3_file *base, int level) {
    struct disk_handle *handle = own(base);
    struct disk_file *file = handle->file;
    int code = SQLITE_OK;
    if (disk_is_dead(handle))
        return SQLITE_IOERR_LOCK;
    if (level <= handle->lock)
        return SQLITE_OK;
    if (handle->lock == SQLITE_LOCK_NONE) {
        if (file->exclusive)
            return SQLITE_BUSY;
        file->shared++;
        handle->lock = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED)
        code = take_reserved(handle);
    if (code == SQLITE_OK && level == SQLITE_LOCK_EXCLUSIVE)
        code = take_exclusive(handle);
    if (code == SQLITE_OK)
        handle->lock = level;
    return code;
}

int disk_unlock(sqlite3_file *base, int level) {
    struct disk_handle *handle = own(base);
    struct disk_file *file = handle->file;
    if (disk_is_dead(handle) || level >= handle->lock)
        return SQLITE_OK;
    if (file->exclusive == handle)
        file->exclusive = NULL;
    if (file->reserved == handle)
        file->reserved = NULL;
    if (level == SQLITE_LOCK_NONE)
        file->shared--;
    handle->lock = level;
    return SQLITE_OK;
}

int disk_check_reserved(sqlite3_file *base, int *ret_reserved) {
    const struct disk_handle *handle = own(base);
    *ret_reserved = handle->file->reserved != NULL || handle->file->exclusive != NULL;
    return SQLITE_OK;
}

/* ---- shared memory ---- */

int disk_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret_memory) {
    struct disk_handle *handle = own(base);
    struct disk_file *file = handle->file;
    *ret_memory = NULL;
    if (disk_is_dead(handle))
        return SQLITE_IOERR_SHMMAP;
    if (region >= DISK_SHM_REGIONS)
        return SQLITE_IOERR_SHMSIZE;
    if (!handle->has_shm) {
        handle->has_shm = true;
        file->shm_users++;
    }
    if (!file->shm[region] && extend) {
        file->shm[region] = calloc(1, (size_t)size);
        assert(file->shm[region]);
    }
    *ret_memory = file->shm[region];
    return SQLITE_OK;
}

static int shm_release(struct disk_handle *handle, int offset, int count) {
    struct disk_file *file = handle->file;
    for (int i = offset; i < offset + count; i++) {
        if (file->shm_exclusive[i] == handle)
            file->shm_exclusive[i] = NULL;
        if (handle->shm_mine & 1u << i)
            file->shm_shared[i]--;
        handle->shm_mine &= ~(1u << i);
    }
    return SQLITE_OK;
}

static int shm_take_shared(struct disk_handle *handle, int offset) {
    struct disk_file *file = handle->file;
    if (handle->shm_mine & 1u << offset)
        return SQLITE_OK;
    if (file->shm_exclusive[offset])
        return SQLITE_BUSY;
    file->shm_shared[offset]++;
    handle->shm_mine |= 1u << offset;
    return SQLITE_OK;
}

static int shm_take_exclusive(struct disk_handle *handle, int offset, int count) {
    struct disk_file *file = handle->file;
    for (int i = offset; i < offset + count; i++) {
        int others = file->shm_shared[i] - (int)(handle->shm_mine >> i & 1u);
        if (others > 0 || (file->shm_exclusive[i] && file->shm_exclusive[i] != handle))
            return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + count; i++)
        file->shm_exclusive[i] = handle;
    return SQLITE_OK;
}

int disk_shm_lock(sqlite3_file *base, int offset, int count, int flags) {
    struct disk_handle *handle = own(base);
    if (disk_is_dead(handle))
        return flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : SQLITE_IOERR_SHMLOCK;
    if (flags & SQLITE_SHM_UNLOCK)
        return shm_release(handle, offset, count);
    return flags & SQLITE_SHM_SHARED ? shm_take_shared(handle, offset)
                                     : shm_take_exclusive(handle, offset, count);
}

void disk_shm_barrier(sqlite3_file *base) {
    (void)base; /* one thread */
}

static void drop_shm(struct disk_file *file) {
    for (size_t i = 0; i < DISK_SHM_REGIONS; i++) {
        free(file->shm[i]);
        file->shm[i] = NULL;
    }
}

int disk_shm_unmap(sqlite3_file *base, int deletes) {
    struct disk_handle *handle = own(base);
    if (disk_is_dead(handle) || !handle->has_shm)
        return SQLITE_OK;
    (void)shm_release(handle, 0, DISK_SHM_LOCKS);
    handle->has_shm = false;
    handle->file->shm_users--;
    if (deletes && handle->file->shm_users == 0)
        drop_shm(handle->file);
    return SQLITE_OK;
}

/* The regions are forgotten, not freed: a connection of somebody who died may still point there. */
void disk_forget_locks(struct disk_file *file) {
    file->reserved = file->exclusive = NULL;
    file->shared = file->shm_users = 0;
    memset(file->shm, 0, sizeof file->shm);
    memset(file->shm_shared, 0, sizeof file->shm_shared);
    memset(file->shm_exclusive, 0, sizeof file->shm_exclusive);
}
