/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive into sealed lines. It is read twice: once for nothing but its sums, so that a file
 * that is not whole never touches the store, and once into the stage. Both files must be there, and
 * the summary must count what the lines count. No hash comes with a bill; the archive's checksums,
 * sizes and the file's own totals are what it is judged by, and its SHA-256 is kept.
 */
#include <gateway/flow/bill.h>

#include <rt/unzip.h>

enum {
    ENTRIES_MAX = 8,
    RATIO_MAX = 200,
    BATCH_LINES = 200,
    BATCH_BYTES = 512 * 1024,
    CHUNK_BYTES = 256 * 1024
};

struct import {
    struct gateway *gw;
    const struct till_account *account;
    struct till_bill_wish wish;
    struct unzip *unzip;
    size_t entries[TILL_BILL_PARTS];
    struct till_bill_totals totals[TILL_BILL_PARTS];
    int64_t revision_pk;
    /* a batch of lines on its way into the stage */
    struct till_arena arena;
    struct till_bill_line *lines;
    size_t count;
};

static bool find_parts(struct import *in, struct till_error *err) {
    bool seen[TILL_BILL_PARTS] = {false};
    enum till_bill_part part;
    for (size_t i = 0; i < unzip_count(in->unzip); i++) {
        if (!in->account->channel->bills->part(in->account, &in->wish, unzip_name(in->unzip, i),
                                               &part, err))
            return false;
        if (seen[part])
            return TILL_FAIL(err, BILL_INVALID, "The archive holds the same file twice.");
        seen[part] = true;
        in->entries[part] = i;
    }
    if (!seen[TILL_BILL_DETAIL] || !seen[TILL_BILL_SUMMARY])
        return TILL_FAIL(err, BILL_INVALID, "The archive does not hold both lines and summary.");
    return true;
}

static bool read_part(struct import *in, enum till_bill_part part,
                      bool (*take)(void *, const struct till_bill_line *, struct till_error *),
                      struct till_error *err) {
    struct till_bill_source source = {unzip_next, in->unzip};
    struct till_bill_sink sink = {take, in};
    return unzip_begin(in->unzip, in->entries[part], err) &&
           in->account->channel->bills->read(in->account, &in->wish, part, &source, &sink,
                                             &in->totals[part], err);
}

static bool look(void *self, const struct till_bill_line *line, struct till_error *err) {
    (void)self;
    (void)line;
    (void)err;
    return true;
}

static bool check(struct import *in, struct till_error *err) {
    const struct till_bill_totals *detail = &in->totals[TILL_BILL_DETAIL];
    const struct till_bill_totals *summary = &in->totals[TILL_BILL_SUMMARY];
    if (!find_parts(in, err) || !read_part(in, TILL_BILL_DETAIL, look, err) ||
        !read_part(in, TILL_BILL_SUMMARY, look, err))
        return false;
    if (in->wish.type == TILL_BILL_TRADE &&
        (summary->in.count != detail->in.count || summary->out.count != detail->out.count))
        return TILL_FAIL(err, BILL_INVALID,
                         "The summary counts %lld payments and %lld refunds where there are %lld "
                         "and %lld.",
                         (long long)summary->in.count, (long long)summary->out.count,
                         (long long)detail->in.count, (long long)detail->out.count);
    return true;
}

/* ---- the stage ---- */

static bool flush(struct import *in, struct till_error *err) {
    if (in->count == 0)
        return true;
    bool done = store_bill_stage_lines(in->gw->store, in->revision_pk, in->lines, in->count, err);
    till_arena_clean_up(&in->arena);
    in->lines = NULL;
    in->count = 0;
    return done;
}

static bool keep_texts(struct import *in, struct till_bill_line *line, struct till_error *err) {
    struct till_str *const texts[] = {&line->business_type, &line->trade_no,     &line->upstream_no,
                                      &line->refund_no,     &line->flow_no,      &line->subject,
                                      &line->store_id,      &line->counterparty, &line->remark};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i]->len && !till_arena_copy(&in->arena, *texts[i], texts[i], err))
            return false;
    return true;
}

static bool stage_line(void *self, const struct till_bill_line *line, struct till_error *err) {
    struct import *in = self;
    if ((in->count == BATCH_LINES || in->arena.used > BATCH_BYTES) && !flush(in, err))
        return false;
    if (!in->lines && !(in->lines = till_arena_array(&in->arena, BATCH_LINES, sizeof *in->lines)))
        return till_arena_refuse(&in->arena, err);
    in->lines[in->count] = *line;
    return keep_texts(in, &in->lines[in->count++], err);
}

static bool stage_bytes(struct import *in, struct till_str archive, struct till_error *err) {
    for (int64_t number = 1; archive.len; number++) {
        struct till_str chunk = till_str_sub(archive, 0, CHUNK_BYTES);
        if (!store_bill_stage_bytes(in->gw->store, in->revision_pk, number, chunk, err))
            return false;
        archive = till_str_sub(archive, chunk.len, archive.len);
    }
    return true;
}

static bool stage(struct import *in, const struct bill_row *row, struct till_str archive,
                  bool *ret_is_new, struct till_error *err) {
    struct store *store = in->gw->store;
    uint8_t sha256[TILL_SHA256_SIZE];
    bool is_known;
    till_sha256(archive, sha256);
    if (!store_bill_stage(store, row, sha256, world_now_us(in->gw->world), &in->revision_pk,
                          &is_known, err))
        return false;
    *ret_is_new = !is_known;
    return is_known || (stage_bytes(in, archive, err) &&
                        read_part(in, TILL_BILL_DETAIL, stage_line, err) && flush(in, err) &&
                        store_bill_seal(store, row, in->revision_pk, &in->totals[TILL_BILL_DETAIL],
                                        (int64_t)archive.len, world_now_us(in->gw->world), err));
}

bool bill_import(struct gateway *gw, const struct till_account *account, const struct bill_row *row,
                 struct till_str archive, bool *ret_is_new, struct till_error *err) {
    const struct gateway_settings *settings = gw->settings;
    const struct unzip_limits limits = {.archive_max = settings->bills_download_max,
                                        .entries_max = ENTRIES_MAX,
                                        .entry_max = settings->bills_unpacked_max,
                                        .total_max = 2 * settings->bills_unpacked_max,
                                        .ratio_max = RATIO_MAX};
    struct import in = {.gw = gw, .account = account, .wish = {.type = row->type}};
    memcpy(in.wish.date, row->date, sizeof in.wish.date);
    till_arena_init(&in.arena, (size_t)4 * 1024 * 1024);
    if (!unzip_open(archive, &limits, &in.unzip, err))
        return false;
    bool done = check(&in, err) && stage(&in, row, archive, ret_is_new, err);
    till_arena_clean_up(&in.arena);
    unzip_close(in.unzip);
    return done;
}
