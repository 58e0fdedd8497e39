/* SPDX-License-Identifier: Apache-2.0 */
/* A bill's content: staged in small commits, sealed by one. See bills.h. */
#include "gateway/store/operations.h"

#include <gateway/store/bills.h>
#include <rt/failpoint.h>

enum { REMAINS_AT_ONCE = 5000 };

/* ---- the stage ---- */

struct staging {
    const struct bill_row *row;
    const uint8_t *sha256;
    int64_t now_us, revision_pk;
    int removed;
    bool is_known;
};

/* Parts of a stage that nobody finished, as many as one commit may take. */
static bool sweep(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char *const SQL[] = {
        "DELETE FROM bill_lines WHERE (revision_pk, number) IN (SELECT l.revision_pk, l.number FROM"
        " bill_lines l JOIN bill_revisions r ON r.pk = l.revision_pk JOIN bills b ON b.pk = "
        "r.bill_pk"
        " WHERE b.id = ? AND r.sealed = 0 LIMIT ?)",
        "DELETE FROM bill_files WHERE rowid IN (SELECT f.rowid FROM bill_files f JOIN"
        " bill_revisions r ON r.pk = f.revision_pk JOIN bills b ON b.pk = r.bill_pk"
        " WHERE b.id = ? AND r.sealed = 0 LIMIT ?)"};
    struct staging *staging = arg;
    (void)store;
    staging->removed = 0;
    for (int i = 0; i < 2; i++) {
        int removed;
        QUERY_SCOPED struct query query = query_start(db, NULL, SQL[i], err);
        bind(&query, staging->row->id);
        bind(&query, REMAINS_AT_ONCE);
        if (!query_run(&query, &removed))
            return false;
        staging->removed += removed;
    }
    return true;
}

static bool find_known(struct db *db, struct staging *staging, struct till_error *err) {
    static const char SQL[] =
        "SELECT EXISTS (SELECT 1 FROM bill_revisions r JOIN bills b ON b.pk = r.bill_pk AND"
        " r.number = b.revision WHERE b.id = ? AND r.sealed = 1 AND r.sha256 = ?)";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, staging->row->id);
    bind_blob(&query, staging->sha256, TILL_SHA256_SIZE);
    if (!query_step(&query, &row))
        return false;
    staging->is_known = read_bool(&query);
    return true;
}

/* The same file again: the try ended well and brought nothing new. */
static bool end_well(struct db *db, const struct bill_row *row, int64_t now_us,
                     struct till_error *err) {
    static const char SQL[] = "UPDATE bills SET code = '', text = '', next_us = 0,"
                              " lease_until_us = 0, updated_us = ? WHERE id = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    bind(&query, row->id);
    return query_run(&query, NULL);
}

static bool open_stage(struct db *db, struct staging *staging, struct till_error *err) {
    static const char OLD[] = "DELETE FROM bill_revisions WHERE sealed = 0 AND bill_pk ="
                              " (SELECT pk FROM bills WHERE id = ?)";
    static const char NEW[] = "INSERT INTO bill_revisions(bill_pk, number, sealed, sha256,"
                              " created_us) SELECT pk, revision + 1, 0, ?1, ?2 FROM bills"
                              " WHERE id = ?3";
    QUERY_SCOPED struct query old = query_start(db, NULL, OLD, err);
    bind(&old, staging->row->id);
    if (!query_run(&old, NULL))
        return false;
    QUERY_SCOPED struct query new = query_start(db, NULL, NEW, err);
    bind_blob(&new, staging->sha256, TILL_SHA256_SIZE);
    bind(&new, staging->now_us);
    bind(&new, staging->row->id);
    if (!query_run(&new, NULL))
        return false;
    staging->revision_pk = sqlite3_last_insert_rowid(db->handle);
    return true;
}

static bool stage(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct staging *staging = arg;
    (void)store;
    if (!find_known(db, staging, err))
        return false;
    return staging->is_known ? end_well(db, staging->row, staging->now_us, err)
                             : open_stage(db, staging, err);
}

bool store_bill_stage(struct store *store, const struct bill_row *row,
                      const uint8_t sha256[TILL_SHA256_SIZE], int64_t now_us,
                      int64_t *ret_revision_pk, bool *ret_is_known, struct till_error *err) {
    struct staging staging = {.row = row, .sha256 = sha256, .now_us = now_us};
    do {
        if (!store_write(store, sweep, &staging, err))
            return false;
    } while (staging.removed > 0);
    if (!store_write(store, stage, &staging, err))
        return false;
    *ret_revision_pk = staging.revision_pk;
    *ret_is_known = staging.is_known;
    return true;
}

/* ---- its parts ---- */

struct part {
    int64_t revision_pk, number;
    const struct till_bill_line *lines;
    size_t count;
    struct till_str bytes;
};

static bool write_line(struct db *db, int64_t revision_pk, const struct till_bill_line *line,
                       struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO bill_lines(revision_pk, number, kind, business_type, trade_no, upstream_no,"
        " refund_no, flow_no, subject, store_id, counterparty, remark, amount, moved, discount,"
        " fee, balance, created_us, finished_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, revision_pk);
    bind(&query, line->number);
    bind(&query, line->kind);
    bind(&query, line->business_type);
    bind(&query, line->trade_no);
    bind(&query, line->upstream_no);
    bind(&query, line->refund_no);
    bind(&query, line->flow_no);
    bind(&query, line->subject);
    bind(&query, line->store_id);
    bind(&query, line->counterparty);
    bind(&query, line->remark);
    bind(&query, line->amount);
    bind(&query, line->received);
    bind(&query, line->discount);
    bind(&query, line->fee);
    bind(&query, line->balance);
    bind(&query, line->created_us);
    bind(&query, line->finished_us);
    return query_run(&query, NULL);
}

static bool write_lines(struct store *store, struct db *db, void *arg, struct till_error *err) {
    const struct part *part = arg;
    (void)store;
    for (size_t i = 0; i < part->count; i++)
        if (!write_line(db, part->revision_pk, &part->lines[i], err))
            return false;
    return true;
}

bool store_bill_stage_lines(struct store *store, int64_t revision_pk,
                            const struct till_bill_line *lines, size_t count,
                            struct till_error *err) {
    struct part part = {.revision_pk = revision_pk, .lines = lines, .count = count};
    if (!store_write(store, write_lines, &part, err))
        return false;
    TILL_FP("B3");
    return true;
}

static bool write_bytes(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "INSERT INTO bill_files(revision_pk, number, bytes) VALUES (?, ?, ?)";
    const struct part *part = arg;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, part->revision_pk);
    bind(&query, part->number);
    bind_blob(&query, part->bytes.ptr, part->bytes.len);
    return query_run(&query, NULL);
}

bool store_bill_stage_bytes(struct store *store, int64_t revision_pk, int64_t number,
                            struct till_str bytes, struct till_error *err) {
    struct part part = {.revision_pk = revision_pk, .number = number, .bytes = bytes};
    return store_write(store, write_bytes, &part, err);
}

/* ---- the seal ---- */

struct sealing {
    const struct bill_row *row;
    const struct till_bill_totals *totals;
    int64_t revision_pk, bytes, now_us;
};

static bool seal_revision(struct db *db, const struct sealing *s, int *ret_changed,
                          struct till_error *err) {
    static const char SQL[] =
        "UPDATE bill_revisions SET sealed = 1, bytes = ?, lines = ?, in_count = ?, in_amount = ?,"
        " out_count = ?, out_amount = ?, fees = ?, unknown_columns = ?, created_us = ?"
        " WHERE pk = ? AND sealed = 0";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->bytes);
    bind(&query, s->totals->lines);
    bind(&query, s->totals->in.count);
    bind(&query, s->totals->in.amount);
    bind(&query, s->totals->out.count);
    bind(&query, s->totals->out.amount);
    bind(&query, s->totals->fees);
    bind(&query, s->totals->unknown_columns);
    bind(&query, s->now_us);
    bind(&query, s->revision_pk);
    return query_run(&query, ret_changed);
}

static bool seal_bill(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "UPDATE bills SET state = 1, code = '', text = '', next_us = 0, lease_until_us = 0,"
        " updated_us = ?1, revision = (SELECT number FROM bill_revisions WHERE pk = ?2)"
        " WHERE id = ?3";
    const struct sealing *sealing = arg;
    int changed;
    (void)store;
    if (!seal_revision(db, sealing, &changed, err))
        return false;
    if (changed == 0)
        return TILL_FAIL(err, STORE_STALE, "Somebody else has taken this bill meanwhile.");
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, sealing->now_us);
    bind(&query, sealing->revision_pk);
    bind(&query, sealing->row->id);
    if (!query_run(&query, NULL))
        return false;
    TILL_FP("B5");
    return true;
}

bool store_bill_seal(struct store *store, const struct bill_row *row, int64_t revision_pk,
                     const struct till_bill_totals *totals, int64_t bytes, int64_t now_us,
                     struct till_error *err) {
    struct sealing sealing = {row, totals, revision_pk, bytes, now_us};
    return store_write(store, seal_bill, &sealing, err);
}

/* ---- reading and forgetting ---- */

static void read_line(struct query *query, struct till_bill_line *line) {
    line->number = read_int(query);
    line->kind = (enum till_bill_kind)read_int(query);
    line->business_type = read_str(query);
    line->trade_no = read_str(query);
    line->upstream_no = read_str(query);
    line->refund_no = read_str(query);
    line->flow_no = read_str(query);
    line->subject = read_str(query);
    line->store_id = read_str(query);
    line->counterparty = read_str(query);
    line->remark = read_str(query);
    line->amount = read_int(query);
    line->received = read_int(query);
    line->discount = read_int(query);
    line->fee = read_int(query);
    line->balance = read_int(query);
    line->created_us = read_int(query);
    line->finished_us = read_int(query);
}

bool store_bill_lines(struct store *store, struct till_arena *arena, int64_t revision_pk,
                      int64_t after_number, int limit, struct till_bill_line **ret_rows,
                      size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT number, kind, business_type, trade_no, upstream_no, refund_no, flow_no, subject,"
        " store_id, counterparty, remark, amount, moved, discount, fee, balance, created_us,"
        " finished_us FROM bill_lines WHERE revision_pk = ? AND number > ? ORDER BY number LIMIT ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct till_bill_line));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, revision_pk);
    bind(&query, after_number);
    bind(&query, limit);
    for (struct till_bill_line *line; (line = list_next(&list, &query));)
        read_line(&query, line);
    return list_end(&list, &query, ret_rows, ret_count);
}

struct forgetting {
    int64_t before_us;
    int removed;
};

static bool forget(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "DELETE FROM bill_files WHERE rowid IN (SELECT f.rowid FROM bill_files f JOIN"
        " bill_revisions r ON r.pk = f.revision_pk WHERE r.sealed = 1 AND r.created_us < ?"
        " ORDER BY f.rowid LIMIT ?)";
    enum { FILES_AT_ONCE = 16 };
    struct forgetting *forgetting = arg;
    commit_is_upkeep(store);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, forgetting->before_us);
    bind(&query, FILES_AT_ONCE);
    return query_run(&query, &forgetting->removed);
}

bool store_bill_purge(struct store *store, int64_t before_us, int *ret_removed,
                      struct till_error *err) {
    struct forgetting forgetting = {.before_us = before_us};
    if (!store_write(store, forget, &forgetting, err))
        return false;
    *ret_removed = forgetting.removed;
    return true;
}
