/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: one at the start, so that the log begins empty; then between batches, by the
 * committing connection: PASSIVE each 4 MiB of log, so that the log starts over and commits stay
 * short; beyond a bound (a reader holds it open) RESTART insists for a moment. A full disk here is
 * no failure: the log simply stays longer.
 */
#include "gateway/store/internal.h"

enum { PAGE = 4096, INSIST_MS = 50, PATIENCE_MS = 5000 };

static int note_frames(void *arg, sqlite3 *handle, const char *name, int frames) {
    struct store *store = arg;
    (void)handle, (void)name;
    if (frames < store->log_frames)
        store->checkpointed_frames = 0; /* it started over */
    store->log_frames = frames;
    return SQLITE_OK;
}

void checkpoint_watch(struct store *store) {
    sqlite3_wal_hook(store->writer.handle, note_frames, store);
}

static void note_failure(struct store *store, int code) {
    struct till_error error;
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
        return;
    db_fail(&store->writer, code, &error);
    log_failure(store->log, LOG_WARN, "store_checkpoint", &error);
}

void checkpoint_when_due(struct store *store) {
    int64_t bytes = (int64_t)store->log_frames * PAGE;
    int64_t fresh = bytes - (int64_t)store->checkpointed_frames * PAGE;
    if (fresh < STORE_WAL_CHECKPOINT_BYTES || atomic_load(&store->health.broken))
        return;
    sqlite3 *handle = store->writer.handle;
    bool insist = bytes >= STORE_WAL_RESTART_BYTES;
    if (insist)
        sqlite3_busy_timeout(handle, INSIST_MS);
    int mode = insist ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, mode, NULL, NULL);
    if (insist)
        sqlite3_busy_timeout(handle, PATIENCE_MS);
    store->checkpointed_frames = store->log_frames;
    note_failure(store, code == SQLITE_OK ? code : sqlite3_extended_errcode(handle));
}

/*
 * After a sync that failed, the system may believe pages written that the disk does not have: they
 * look whole until the power goes, and everything that was committed behind them in the log would
 * go with them. So what the log holds at the start is written into the database and synced anew,
 * and the log starts over.
 */
bool checkpoint_first(struct store *store, struct till_error *err) {
    int code = sqlite3_wal_checkpoint_v2(store->writer.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                         NULL, NULL);
    if (code == SQLITE_OK)
        return true;
    if ((code & 0xff) == SQLITE_BUSY)
        return TILL_FAIL(err, STORE_FAILED,
                         "Another program reads the database, so its log cannot start over; end "
                         "that program and start again.");
    return db_fail(&store->writer, sqlite3_extended_errcode(store->writer.handle), err);
}

void checkpoint_last(struct store *store) {
    if (atomic_load(&store->health.broken))
        return;
    int code = sqlite3_wal_checkpoint_v2(store->writer.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                         NULL, NULL);
    note_failure(store, code == SQLITE_OK ? code : sqlite3_extended_errcode(store->writer.handle));
}
