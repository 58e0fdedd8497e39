/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

static const int64_t LATENCY_US = 1500;

struct disk_file *disk_find(struct disk *disk, const char *name) {
    for (size_t i = 0; i < disk->file_count; i++)
        if (disk->files[i]->is_there && strcmp(disk->files[i]->name, name) == 0)
            return disk->files[i];
    return NULL;
}

/* A file whose name is gone for good gives its place away; who has it open goes on with it. */
static void forget_nameless(struct disk *disk) {
    size_t kept = 0;
    for (size_t i = 0; i < disk->file_count; i++)
        if (disk->files[i]->is_there || disk->files[i]->is_safely_there)
            disk->files[kept++] = disk->files[i];
    disk->file_count = kept;
}

struct disk_file *disk_make(struct disk *disk, const char *name) {
    forget_nameless(disk);
    assert(disk->file_count < DISK_FILES && strlen(name) < DISK_NAME);
    struct disk_file *file = calloc(1, sizeof *file);
    assert(file);
    memcpy(file->name, name, strlen(name));
    file->is_there = true;
    disk->files[disk->file_count++] = file;
    return file;
}

static void free_file(struct disk_file *file) {
    for (size_t i = 0; i < DISK_SHM_REGIONS; i++)
        free(file->shm[i]);
    free(file->now);
    free(file->safe);
    free(file->changed);
    free(file->changes);
    free(file);
}

static void grow(struct disk_file *file, int64_t size) {
    size_t room = file->room ? file->room : (size_t)64 * DISK_SECTOR;
    if ((size_t)size <= file->room)
        return;
    while (room < (size_t)size)
        room *= 2;
    file->now = realloc(file->now, room);
    file->safe = realloc(file->safe, room);
    file->changed = realloc(file->changed, room / DISK_SECTOR);
    assert(file->now && file->safe && file->changed);
    memset(file->now + file->room, 0, room - file->room);
    memset(file->safe + file->room, 0, room - file->room);
    memset(file->changed + file->room / DISK_SECTOR, 0, (room - file->room) / DISK_SECTOR);
    file->room = room;
}

static void note_change(struct disk_file *file, uint32_t sector) {
    if (file->changed[sector])
        return;
    file->changed[sector] = 1;
    if (file->change_count == file->change_room) {
        file->change_room = file->change_room ? 2 * file->change_room : 64;
        file->changes = realloc(file->changes, file->change_room * sizeof *file->changes);
        assert(file->changes);
    }
    file->changes[file->change_count++] = sector;
}

void disk_write(struct disk_file *file, const void *bytes, size_t len, int64_t offset) {
    if (len == 0)
        return;
    int64_t end = offset + (int64_t)len;
    grow(file, end);
    memcpy(file->now + offset, bytes, len);
    for (int64_t sector = offset / DISK_SECTOR; sector <= (end - 1) / DISK_SECTOR; sector++)
        note_change(file, (uint32_t)sector);
    if (end > file->size)
        file->size = end;
}

void disk_truncate(struct disk_file *file, int64_t size) {
    if (size >= file->size)
        return;
    memset(file->now + size, 0, (size_t)(file->size - size));
    for (int64_t sector = size / DISK_SECTOR; sector * DISK_SECTOR < file->size; sector++)
        note_change(file, (uint32_t)sector);
    file->size = size;
}

static void keep_sector(struct disk_file *file, uint32_t sector) {
    size_t at = (size_t)sector * DISK_SECTOR;
    memcpy(file->safe + at, file->now + at, DISK_SECTOR);
}

static void forget_changes(struct disk_file *file) {
    for (size_t i = 0; i < file->change_count; i++)
        file->changed[file->changes[i]] = 0;
    file->change_count = 0;
}

void disk_sync(struct disk_file *file) {
    for (size_t i = 0; i < file->change_count; i++)
        keep_sector(file, file->changes[i]);
    forget_changes(file);
    file->safe_size = file->size;
}

void disk_sync_names(struct disk *disk) {
    for (size_t i = 0; i < disk->file_count; i++)
        disk->files[i]->is_safely_there = disk->files[i]->is_there;
}

/* ---- trouble ---- */

bool disk_strikes(struct disk *disk, enum sim_disk_fault fault) {
    static const char *const NAMES[SIM_DISK_FAULTS] = {
        [SIM_DISK_FULL] = "fault.disk.full",
        [SIM_DISK_SYNC_FAILS] = "fault.disk.sync_fails",
        [SIM_DISK_WRITE_FAILS] = "fault.disk.write_fails",
    };
    struct disk_trouble *trouble = &disk->troubles[fault];
    if (trouble->count == 0)
        return false;
    if (trouble->after > 0) {
        trouble->after--;
        return false;
    }
    if (trouble->count > 0)
        trouble->count--;
    sim_count(disk->sim, NAMES[fault]);
    return true;
}

void sim_disk_fault(struct sim *sim, enum sim_disk_fault fault, int after, int count) {
    sim_trace(sim, "disk fault %d after %d for %d", (int)fault, after, count);
    sim->disk->troubles[fault] = (struct disk_trouble){after, count};
}

void sim_disk_heal(struct sim *sim) {
    memset(sim->disk->troubles, 0, sizeof sim->disk->troubles);
    sim->disk->latency_us = LATENCY_US;
}

void sim_disk_latency(struct sim *sim, int64_t us) {
    sim->disk->latency_us = us;
    sim_count(sim, "fault.disk.latency");
}

void disk_takes_time(struct disk *disk) {
    disk->sim->owed_us += 1 + sim_below(disk->sim, SIM_DISK, disk->latency_us);
}

/* Half of an old sector and half of a new one, cut anywhere. */
static void tear_sector(struct sim *sim, struct disk_file *file, uint32_t sector) {
    size_t at = (size_t)sector * DISK_SECTOR;
    size_t cut = (size_t)sim_below(sim, SIM_DISK, DISK_SECTOR);
    if (sim_chance(sim, SIM_DISK, 500000))
        memcpy(file->safe + at, file->now + at, cut);
    else
        memcpy(file->safe + at + cut, file->now + at + cut, DISK_SECTOR - cut);
}

/* One kind of luck for the whole file, or each sector's own. */
static void lose(struct sim *sim, struct disk_file *file) {
    static const char *const NAMES[] = {"fault.power.all_kept", "fault.power.all_lost",
                                        "fault.power.mixed"};
    int64_t luck = sim_below(sim, SIM_DISK, 4);
    if (file->change_count == 0 && file->size == file->safe_size)
        return;
    sim_count(sim, NAMES[luck < 2 ? luck : 2]);
    for (size_t i = 0; i < file->change_count; i++) {
        int64_t own = luck < 2 ? luck : sim_below(sim, SIM_DISK, 3);
        if (own == 0)
            keep_sector(file, file->changes[i]);
        else if (own == 2)
            tear_sector(sim, file, file->changes[i]);
    }
    if (luck == 0 || (luck >= 2 && sim_chance(sim, SIM_DISK, 500000)))
        file->safe_size = file->size;
}

void disk_sync_badly(struct disk *disk, struct disk_file *file) {
    lose(disk->sim, file);
    forget_changes(file);
}

static void settle_on_platter(struct disk_file *file) {
    if (file->room > 0) {
        memcpy(file->now, file->safe, file->room);
        memset(file->now + file->safe_size, 0, file->room - (size_t)file->safe_size);
        memcpy(file->safe, file->now, file->room);
    }
    forget_changes(file);
    file->size = file->safe_size;
}

/* Nobody holds a file open any more. */
static void begin_era(struct disk *disk) {
    disk->era++;
    for (size_t i = 0; i < disk->file_count; i++)
        disk_forget_locks(disk->files[i]);
    forget_nameless(disk);
}

void sim_disk_power_loss(struct sim *sim) {
    struct disk *disk = sim->disk;
    for (size_t i = 0; i < disk->file_count; i++) {
        struct disk_file *file = disk->files[i];
        bool was_there = file->is_there;
        if (file->is_there != file->is_safely_there && sim_chance(sim, SIM_DISK, 500000))
            file->is_there = file->is_safely_there;
        file->is_safely_there = file->is_there;
        if (was_there != file->is_there)
            sim_count(sim, "fault.power.name");
        lose(sim, file);
        settle_on_platter(file);
        sim_trace(sim, "power loss: %s %s, %lld bytes", file->name,
                  file->is_there ? "is there" : "is gone", (long long)file->size);
    }
    begin_era(disk);
    sim_count(sim, "fault.power.loss");
}

void sim_disk_restart(struct sim *sim) {
    begin_era(sim->disk);
}

bool sim_disk_rot(struct sim *sim, const char *path, int64_t offset, int bit) {
    struct disk_file *file = disk_find(sim->disk, path);
    if (!file || offset < 0 || offset >= file->size)
        return false;
    file->now[offset] ^= (unsigned char)(1 << (bit & 7));
    file->safe[offset] ^= (unsigned char)(1 << (bit & 7));
    sim_count(sim, "fault.disk.rot");
    return true;
}

bool sim_disk_digest(struct sim *sim, const char *path, uint8_t ret_digest[32]) {
    const struct disk_file *file = disk_find(sim->disk, path);
    if (!file)
        return false;
    till_sha256((struct till_str){(const char *)file->now, (size_t)file->size}, ret_digest);
    return true;
}

/* ---- life ---- */

void disk_open(struct sim *sim) {
    struct disk *disk = calloc(1, sizeof *disk);
    assert(disk);
    disk->sim = sim;
    disk->era = 1;
    disk->latency_us = LATENCY_US;
    disk->random = dice_mix(sim->options.seed + 77);
    sim->disk = disk;
    disk_vfs_open(disk);
}

void disk_close(struct sim *sim) {
    disk_vfs_close(sim->disk);
    for (size_t i = 0; i < sim->disk->file_count; i++)
        free_file(sim->disk->files[i]);
    free(sim->disk);
}
