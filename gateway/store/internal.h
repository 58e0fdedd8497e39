/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store share: the store itself, how an operation is committed, how a reader
 * is borrowed. An operation is a function that runs inside a transaction of the committing
 * connection; it must not wait, and what it points to belongs to the caller, who waits for it.
 */
#ifndef GATEWAY_STORE_INTERNAL_H
#define GATEWAY_STORE_INTERNAL_H

#include <gateway/store/changes.h>
#include <gateway/store/clients.h>
#include <gateway/store/db.h>
#include <gateway/store/store.h>

enum {
    STORE_READERS_MAX = 8,
    STORE_BATCH_MAX = 256,
    STORE_QUEUE_MAX = 16384,
    STORE_KEYS_CACHED = 256,
    STORE_ROWS_KEPT = 256,
    STORE_CURRENCIES = 64
};
#define STORE_WAL_CHECKPOINT_BYTES (INT64_C(4) << 20)
#define STORE_WAL_RESTART_BYTES (INT64_C(64) << 20)
#define STORE_NONCES_MAX INT64_C(5000000)

/* One caller's change, on its stack while it waits. */
struct op {
    bool (*run)(struct store *store, struct db *db, void *arg, struct till_error *err);
    void *arg;
    struct till_error *err;
    bool done; /* the result, valid after the wake */
    struct world_spot spot;
    struct op *next;
};

struct reader {
    struct db db;
    struct reader *next;
};
struct reader_wait {
    struct world_spot spot;
    struct reader *reader;
    struct reader_wait *next;
};

struct cached_key {
    struct key_row row;
    int64_t epoch; /* 0: empty */
};

struct cached_token {
    struct client_digest token;
    struct token_row row;
    int64_t epoch, revoked; /* as they stood before it was read; epoch 0: empty */
    int64_t read_us;        /* monotonic */
};

/* What kept.c keeps: an app or an account, by what it was asked for. */
enum kept_kind { KEPT_APP, KEPT_ACCOUNT, KEPT_ACCOUNT_BY_PUBLIC_ID, KEPT_ACCOUNT_OF_CHANNEL };
union kept_any {
    struct app_row app;
    struct account_row account;
};
struct kept_row {
    int64_t epoch; /* 0: empty */
    enum kept_kind kind;
    char key[TILL_ID_SIZE];
    union kept_any row;
    struct till_arena arena; /* of the row's texts */
};

/* moment.h */
enum moment { MOMENT_SWEEP, MOMENT_DELIVERY, MOMENT_BILL, MOMENT_RECONCILE, MOMENT_KEY, MOMENTS };
struct known_moment {
    bool is_known;
    int64_t changes, us; /* as it was after so many changes */
};

/* Sums over the ledger up to a line; the ledger is append-only, so they never go wrong. */
struct ledger_sums {
    int64_t pk;
    size_t count;
    struct {
        char currency[4];
        int64_t balance;
    } of[STORE_CURRENCIES];
};

struct store {
    struct world *world;
    struct log *log;
    struct metrics *metrics;
    enum store_commit commit;
    char *path;
    char *vfs;                              /* NULL: the default */
    struct seal_keys *_Atomic seal_keys;    /* seal.c */
    uint8_t master_key[TILL_SEAL_KEY_SIZE]; /* as configured: the new or the old one of a change */
    _Atomic bool reseal_left;               /* reseal.c: parts are left */
    _Atomic bool reseal_begins;
    int64_t retention_nonce_us;
    int64_t nonces_max;

    int lock_fd;            /* -1: none (a VFS of its own) */
    uint64_t device, inode; /* of the file at the path when it was opened */
    struct db_health health;

    struct world_lock commit_lock; /* of writer and what follows */
    struct db writer;
    int log_frames, checkpointed_frames;
    bool has_news;  /* a notification's finding is in the batch */
    bool is_upkeep; /* said by an operation of itself; after a batch: of all that it did */
    _Atomic int64_t longest_commit_us;
    _Atomic int64_t commits, changes;
    _Atomic int64_t nonces; /* stored ones, and some that were refused */

    struct world_lock queue_lock; /* of what follows */
    struct op *queue_head, **queue_tail;
    size_t queue_len;
    bool task_runs; /* otherwise the caller commits */
    bool task_started, closing;
    struct world_spot task_spot, task_end_spot;

    struct world_lock reader_lock; /* of what follows */
    struct reader *readers_free;
    struct reader_wait *reader_waits, **reader_waits_tail;
    int readers_open;

    struct world_lock cache_lock; /* of what follows */
    struct cached_key keys[STORE_KEYS_CACHED];
    struct cached_token tokens[TOKENS_CACHED];
    struct kept_row kept[STORE_ROWS_KEPT];
    struct ledger_sums sums;
    struct known_moment moments[MOMENTS];

    _Atomic int64_t tokens_revoked; /* by this process: what was cached before is read again */
    _Atomic int64_t epoch;          /* as last read */
    _Atomic int64_t epoch_read_us;  /* monotonic; 0: read it now */
    _Atomic int64_t horizon_s;
    int64_t
        seen_us; /* the wall clock when this store was last looked after, as found at the start */
    char lane_turn[256];  /* where the last claim of deliveries stopped; commit_lock */
    _Atomic int per_lane; /* the last claim's */
};

/* ---- connections ---- */
TILL_MUST_CHECK bool connection_open_writer(struct store *store, struct till_error *err);
TILL_MUST_CHECK bool connection_open_reader(struct store *store, struct db *ret_db,
                                            struct till_error *err);
/* Between batches, by the committing connection (ENGINEERING-NOTES 4). */
/* Before the first write. */
TILL_MUST_CHECK bool checkpoint_first(struct store *store, struct till_error *err);
void checkpoint_when_due(struct store *store);
void checkpoint_watch(struct store *store);
/* Everything into the database file, the log emptied. */
void checkpoint_last(struct store *store);

/* ---- writing ---- */
/* All ops in one transaction, a savepoint each; knows no thread. Sets done (and err) of each. */
void commit_batch(struct store *store, struct op *const *ops, size_t count);
/* Runs one op, alone or with others; true after the commit. */
TILL_MUST_CHECK bool store_write(struct store *store,
                                 bool (*run)(struct store *, struct db *, void *,
                                             struct till_error *),
                                 void *arg, struct till_error *err);
/* Within an op: it numbers, seals or forgets, and moves nothing that anybody waits for or counts.
 */
static inline void commit_is_upkeep(struct store *store) {
    store->is_upkeep = true;
}
TILL_MUST_CHECK bool commit_start(struct store *store, struct till_error *err);
void commit_stop(struct store *store);

/* ---- reading ---- */
/* A connection to read from; give it back with read_end. NULL: err is filled. */
struct db *read_begin(struct store *store, struct till_error *err);
void read_end(struct store *store, struct db *db);
void readers_close(struct store *store);
struct reading {
    struct store *store;
    struct db *db;
};
static inline void reading_end(struct reading *reading) {
    if (reading->db)
        read_end(reading->store, reading->db);
}
#define READING(name, store_, err)                                                                 \
    __attribute__((cleanup(reading_end))) struct reading name = {(store_),                         \
                                                                 read_begin((store_), (err))}

/* A literal that selects one truth and takes nothing: "SELECT EXISTS (...)". */
TILL_MUST_CHECK bool read_truth(struct store *store, const char *sql, bool *ret_truth,
                                struct till_error *err);

/* ---- small common things ---- */
void new_id(struct store *store, const char *prefix, int64_t now_us, char ret_id[TILL_ID_SIZE]);
void copy_id(char out[TILL_ID_SIZE], struct till_str id);
TILL_MUST_CHECK bool seal(struct store *store, struct till_arena *arena, const char *table,
                          const char *id, struct till_str plain, struct till_str *ret_sealed,
                          struct till_error *err);
TILL_MUST_CHECK bool open_seal(struct store *store, struct till_arena *arena, const char *table,
                               const char *id, struct till_str sealed, struct till_str *ret_plain,
                               struct till_error *err);
/* Within an op: the epoch moves in the same commit. */
TILL_MUST_CHECK bool config_changed(struct db *db, int64_t *ret_epoch, struct till_error *err);
/* After the commit: caches look again at once. */
void config_forget(struct store *store);
/* Runs sql with (enabled, id), notes it and moves the epoch; NOT_FOUND. noun: "app", "key". */
TILL_MUST_CHECK bool config_switch(struct store *store, const char *sql, const char *noun,
                                   struct till_str id, bool enabled, struct till_error *err);

#endif
