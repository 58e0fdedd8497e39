/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit. commit_batch is the whole of it and knows no thread; around it are a queue and one
 * task that takes whatever has gathered while the last batch was being written. Where no task runs
 * (inline mode, or the world is stopping) callers commit themselves, one at a time.
 */
#include "gateway/store/internal.h"

#include <assert.h>

#include <sys/stat.h>

#include <rt/failpoint.h>

/* BEGIN, COMMIT and the like, prepared once. `sql` is a literal. */
static bool control(struct db *db, const char *sql, struct till_error *err) {
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    return query_run(&query, NULL);
}

static bool roll_back(struct store *store) {
    struct till_error ignored;
    return sqlite3_get_autocommit(store->writer.handle) ||
           control(&store->writer, "ROLLBACK", &ignored);
}

static void end_all(struct op *const *ops, size_t count, const struct till_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->done)
            *ops[i]->err = *error;
        ops[i]->done = false;
    }
}

/* The file at our path must be the one we hold (RELIABILITY 4). */
static bool is_same_file(struct store *store, struct till_error *err) {
    if (store->lock_fd < 0)
        return true;
    struct stat now;
    if (stat(store->path, &now) == 0 && now.st_ino == store->inode && now.st_dev == store->device)
        return true;
    atomic_store(&store->health.broken, true);
    return TILL_FAIL(err, STORE_FAILED, "The database file was replaced while till had it open.");
}

static bool begin(struct store *store, struct till_error *err) {
    if (atomic_load(&store->health.broken))
        return TILL_FAIL(err, STORE_FAILED, "The disk failed; till takes no writes and restarts.");
    return is_same_file(store, err) && control(&store->writer, "BEGIN IMMEDIATE", err);
}

/* One op between savepoints. False: the transaction itself is gone. */
static bool run_one(struct store *store, struct op *op, bool alone) {
    struct db *db = &store->writer;
    struct till_error ignored;
    store->is_upkeep = false;
    op->done = alone || control(db, "SAVEPOINT one_op", op->err);
    if (op->done)
        op->done = op->run(store, db, op->arg, op->err);
    if (sqlite3_get_autocommit(db->handle))
        return false;
    if (alone)
        return true;
    if (!op->done && !control(db, "ROLLBACK TO one_op", &ignored))
        return false;
    return control(db, "RELEASE one_op", &ignored);
}

/* A commit that failed for want of room left nothing behind; after any other disk error nobody
 * knows. */
static void fail_commit(struct store *store, struct op *const *ops, size_t count,
                        struct till_error *error) {
    store->is_upkeep = false;
    if (atomic_load(&store->health.broken))
        TILL_FAIL(error, STORE_UNKNOWN, NULL);
    end_all(ops, count, error);
    if (!roll_back(store))
        atomic_store(&store->health.broken, true);
}

static void run_batch(struct store *store, struct op *const *ops, size_t count) {
    struct till_error error;
    store->has_news = false;
    for (size_t i = 0; i < count; i++)
        ops[i]->done = true; /* so that end_all tells each one why */
    store->is_upkeep = false;
    if (!begin(store, &error)) {
        end_all(ops, count, &error);
        return;
    }
    bool any = false, is_upkeep = true;
    for (size_t i = 0; i < count; i++) {
        if (!run_one(store, ops[i], count == 1)) {
            TILL_FAIL(&error, STORE_FAILED, "The disk is full or failed; nothing changed.");
            fail_commit(store, ops, count, &error);
            return;
        }
        any = any || ops[i]->done;
        is_upkeep = is_upkeep && (!ops[i]->done || store->is_upkeep);
    }
    if (!any) {
        if (!roll_back(store))
            atomic_store(&store->health.broken, true);
        return;
    }
    store->is_upkeep = is_upkeep;
    if (!control(&store->writer, "COMMIT", &error))
        fail_commit(store, ops, count, &error);
    else if (store->has_news)
        TILL_FP("N10"); /* durable, and nobody has been told yet */
}

static void count_batch(struct store *store, struct op *const *ops, size_t count, int64_t took_us) {
    int64_t done = 0;
    for (size_t i = 0; i < count; i++)
        done += ops[i]->done;
    metrics_add(store->metrics, METRIC_STORE_BATCH, "done", NULL, done);
    metrics_add(store->metrics, METRIC_STORE_BATCH, "refused", NULL, (int64_t)count - done);
    metrics_observe_us(store->metrics, METRIC_STORE_COMMIT, NULL, NULL, took_us);
    if (took_us > atomic_load(&store->longest_commit_us)) {
        atomic_store(&store->longest_commit_us, took_us);
        metrics_set_us(store->metrics, METRIC_STORE_STALL, NULL, NULL, took_us);
    }
}

void commit_batch(struct store *store, struct op *const *ops, size_t count) {
    int64_t start_us = world_monotonic_us(store->world);
    run_batch(store, ops, count);
    atomic_fetch_add(&store->commits, 1);
    if (!store->is_upkeep)
        atomic_fetch_add(&store->changes, 1);
    checkpoint_when_due(store);
    count_batch(store, ops, count, world_monotonic_us(store->world) - start_us);
}

int64_t store_commits(const struct store *store) {
    return atomic_load(&store->commits);
}

int64_t store_changes(const struct store *store) {
    return atomic_load(&store->changes);
}

/* ---- the task ---- */

static size_t take(struct store *store, struct op *ret_ops[STORE_BATCH_MAX], bool *ret_closing) {
    size_t count = 0;
    world_acquire(store->world, &store->queue_lock);
    while (store->queue_head && count < STORE_BATCH_MAX) {
        ret_ops[count++] = store->queue_head;
        store->queue_head = store->queue_head->next;
    }
    if (!store->queue_head)
        store->queue_tail = &store->queue_head;
    store->queue_len -= count;
    /* From here on callers commit themselves. */
    if (count == 0 && (store->closing || world_stopping(store->world)))
        store->task_runs = false;
    *ret_closing = !store->task_runs;
    world_release(store->world, &store->queue_lock);
    return count;
}

static void run_task(void *arg) {
    struct store *store = arg;
    struct op *ops[STORE_BATCH_MAX];
    for (bool closing = false; !closing;) {
        size_t count = take(store, ops, &closing);
        if (count == 0 && !closing)
            world_park(store->world, &store->task_spot, INT64_MAX);
        if (count == 0)
            continue;
        world_acquire(store->world, &store->commit_lock);
        commit_batch(store, ops, count);
        world_release(store->world, &store->commit_lock);
        /* The wake is the last touch: the op lives on its caller's stack, which is
         * gone after it. */
        for (size_t i = 0; i < count; i++)
            world_wake(store->world, &ops[i]->spot);
    }
    world_wake(store->world, &store->task_end_spot); /* the last touch: the store may go now */
}

bool commit_start(struct store *store, struct till_error *err) {
    store->queue_tail = &store->queue_head;
    if (store->commit == STORE_COMMIT_INLINE)
        return true;
    store->task_runs = store->task_started = true;
    if (world_spawn(store->world, "commit", run_task, store, err))
        return true;
    store->task_runs = store->task_started = false;
    return false;
}

void commit_stop(struct store *store) {
    world_acquire(store->world, &store->queue_lock);
    store->closing = true;
    world_release(store->world, &store->queue_lock);
    if (!store->task_started)
        return;
    world_wake(store->world, &store->task_spot);
    while (!world_park(store->world, &store->task_end_spot, INT64_MAX))
        ; /* a stopping world cuts waits short; the task is on its way all the same */
}

enum queued { QUEUED, QUEUE_FULL, QUEUE_NONE };

static enum queued enqueue(struct store *store, struct op *op) {
    enum queued queued = QUEUED;
    world_acquire(store->world, &store->queue_lock);
    if (!store->task_runs) {
        queued = QUEUE_NONE;
    } else if (store->queue_len >= STORE_QUEUE_MAX) {
        queued = QUEUE_FULL;
    } else {
        *store->queue_tail = op;
        store->queue_tail = &op->next;
        store->queue_len++;
    }
    world_release(store->world, &store->queue_lock);
    return queued;
}

static void commit_alone(struct store *store, struct op *op) {
    world_acquire(store->world, &store->commit_lock);
    commit_batch(store, &op, 1);
    world_release(store->world, &store->commit_lock);
}

bool store_write(struct store *store,
                 bool (*run)(struct store *, struct db *, void *, struct till_error *), void *arg,
                 struct till_error *err) {
    struct op op = {.run = run, .arg = arg, .err = err};
    switch (enqueue(store, &op)) {
    case QUEUE_FULL:
        return TILL_FAIL(err, OVERLOADED, "Too many writes are waiting; repeat shortly.");
    case QUEUE_NONE:
        commit_alone(store, &op);
        break;
    case QUEUED:
        world_wake(store->world, &store->task_spot);
        while (!world_park(store->world, &op.spot, INT64_MAX))
            ; /* only the wake ends it, also while stopping: the op is on our stack */
        break;
    }
    return op.done;
}
