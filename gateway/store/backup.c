/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent copy while the daemon works: one read snapshot, copied whole, so that writers are
 * neither held up nor able to make the copy start again. The file is private, and whole and sound
 * or gone.
 */
#include "gateway/store/damage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool make_file(const char *path, struct till_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno == EEXIST)
        return TILL_FAIL(err, ALREADY_EXISTS, "The file exists; name a new one for the backup.");
    return TILL_FAIL(err, STORE_FAILED, "The backup's file cannot be made: %s.", strerror(errno));
}

static bool copy(struct db *from, struct db *to, struct till_error *err) {
    sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    if (!backup)
        return db_fail(to, sqlite3_extended_errcode(to->handle), err);
    int code = sqlite3_backup_step(backup, -1);
    int ended = sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE && ended == SQLITE_OK)
        return true;
    return db_fail(to, ended != SQLITE_OK ? ended : code, err);
}

/* A page that rotted is copied as it is: such a copy saves nobody, and the original is in need. */
static bool look_at_copy(struct store *store, struct db *to, struct till_error *err) {
    if (damage_look_at_pages(store, to, INT64_MAX, err))
        return true;
    log_failure(store->log, LOG_ERROR, "store_damaged", err);
    return false;
}

static bool write_copy(struct store *store, const char *path, struct till_error *err) {
    struct db_health health = {0}; /* a failing target says nothing of our own disk */
    struct db to = {.health = &health};
    READING(reading, store, err);
    if (!reading.db)
        return false;
    int code =
        sqlite3_open_v2(path, &to.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, store->vfs);
    bool done = code == SQLITE_OK ? copy(reading.db, &to, err) : db_fail(&to, code, err);
    done = done && look_at_copy(store, &to, err);
    db_close(&to);
    return done;
}

bool store_backup(struct store *store, struct till_str path, struct till_error *err) {
    char *target = strndup(path.len ? path.ptr : "", path.len);
    if (!target)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    bool done = make_file(target, err);
    if (done && !write_copy(store, target, err)) {
        unlink(target);
        done = false;
    }
    free(target);
    return done;
}
