/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated disk: files of sectors, each as the running system sees it (`now`) and as the
 * platter has it (`safe`). A sync copies what changed from one to the other; a power loss decides
 * for each changed sector. One directory; its names are safe once it was synced, as POSIX has it.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <sqlite3.h>

#include "inside.h"

enum {
    DISK_SECTOR = 512,
    DISK_NAME = 64,
    DISK_FILES = 64,
    DISK_SHM_LOCKS = 8,
    DISK_SHM_REGIONS = 64
};

struct disk_handle;

struct disk_file {
    char name[DISK_NAME];
    bool is_there, is_safely_there; /* its name in the directory */
    unsigned char *now, *safe;
    size_t room; /* of both, whole sectors */
    int64_t size, safe_size;
    unsigned char *changed; /* a byte each sector */
    uint32_t *changes;      /* which ones, in order of their first change */
    size_t change_count, change_room;
    /* locks of the database file */
    struct disk_handle *reserved, *exclusive;
    int shared;
    /* shared memory of the write-ahead log: a part of the database's file here */
    void *shm[DISK_SHM_REGIONS];
    int shm_users;
    int shm_shared[DISK_SHM_LOCKS];
    struct disk_handle *shm_exclusive[DISK_SHM_LOCKS];
};

/* SQLite's file object. */
struct disk_handle {
    sqlite3_file base; /* first */
    struct disk *disk;
    struct disk_file *file;
    uint64_t era; /* of the disk, when it was opened; another one: the handle is dead */
    int lock;
    bool syncs_names; /* a new log or journal: its first sync makes the names safe */
    bool deletes;
    bool has_shm;
    unsigned shm_mine; /* locks held shared, bit by bit */
};

struct disk_trouble {
    int after, count; /* count -1: until healed */
};

struct disk {
    struct sim *sim;
    sqlite3_vfs vfs;
    uint64_t era;
    uint64_t random;
    struct disk_file *files[DISK_FILES];
    size_t file_count;
    struct disk_trouble troubles[SIM_DISK_FAULTS];
    int temporary; /* names of files without one */
    int last_errno;
    int64_t latency_us;
};

/* ---- disk.c ---- */
struct disk_file *disk_find(struct disk *disk, const char *name);
struct disk_file *disk_make(struct disk *disk, const char *name);
void disk_write(struct disk_file *file, const void *bytes, size_t len, int64_t offset);
void disk_truncate(struct disk_file *file, int64_t size);
/* All changed sectors and the size. */
void disk_sync(struct disk_file *file);
void disk_sync_names(struct disk *disk);
/* Is it time for that trouble? Counts the call. */
bool disk_strikes(struct disk *disk, enum sim_disk_fault fault);
/* A sync is being waited for. */
void disk_takes_time(struct disk *disk);
/* A failed sync: the system believes the sectors written, the platter has some of them. */
void disk_sync_badly(struct disk *disk, struct disk_file *file);

/* ---- disk_lock.c ---- */
int disk_lock(sqlite3_file *base, int level);
int disk_unlock(sqlite3_file *base, int level);
int disk_check_reserved(sqlite3_file *base, int *ret_reserved);
int disk_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret_memory);
int disk_shm_lock(sqlite3_file *base, int offset, int count, int flags);
void disk_shm_barrier(sqlite3_file *base);
int disk_shm_unmap(sqlite3_file *base, int deletes);
void disk_forget_locks(struct disk_file *file);

/* ---- disk_vfs.c ---- */
void disk_vfs_open(struct disk *disk);
void disk_vfs_close(struct disk *disk);

static inline bool disk_is_dead(const struct disk_handle *handle) {
    return handle->era != handle->disk->era;
}

#endif
