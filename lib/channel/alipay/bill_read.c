/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of a bill, line by line. Lines are cut from the raw bytes: neither a line end nor a comma
 * can be the second byte of a GBK character. The charset is settled by the title, once: in GBK and
 * in UTF-8 it has other bytes. A cell never goes over a line.
 */
#include "lib/channel/alipay/bill.h"

#include <stdio.h>

#include "lib/channel/alipay/account.h"
#include "lib/channel/gbk.h"

enum { SCRATCH = 512 * 1024 };

enum section { AT_TITLE, AT_HEAD, AT_HEADER, AT_ROWS, AT_FOOT, AT_END };

struct reader {
    enum bill_file file;
    const struct bill_shape *shape;
    struct till_str account_no; /* "20880000000000000156" */
    struct till_str date;       /* "2026年11月22日" */
    bool is_gbk;
    enum section section;
    bool saw_account, saw_period, saw_in, saw_out, saw_sum;
    int64_t line_no; /* of the file, for people */
    struct bill_header header;
    struct till_bill_totals totals;
    const struct till_bill_sink *sink;
    struct till_arena scratch; /* of one line */
};

static bool starts_with(struct till_str text, const char *prefix) {
    return till_str_starts_with(text, till_str_of(prefix));
}

static bool decode(struct reader *r, struct till_str raw, struct till_str *ret,
                   struct till_error *err) {
    if (r->is_gbk)
        return gbk_to_utf8(&r->scratch, raw, ret, err);
    if (!till_str_is_utf8(raw))
        return TILL_FAIL(err, TEXT_INVALID, "It is not UTF-8, as the title is.");
    *ret = raw;
    return true;
}

/* The text between the first '[' and the first ']'. */
static struct till_str bracketed(struct till_str text) {
    struct till_str inner = till_str_sub(text, till_str_find(text, '[') + 1, text.len);
    size_t end = till_str_find(inner, ']');
    return end == inner.len ? TILL_STR_NONE : till_str_sub(inner, 0, end);
}

/* ---- lines with '#', by where they stand; `text` is without it ---- */

static bool take_title(struct reader *r, struct till_str raw, struct till_error *err) {
    struct till_str title, mark = TILL_STR("\xef\xbb\xbf");
    if (till_str_starts_with(raw, mark))
        raw = till_str_sub(raw, mark.len, raw.len);
    r->is_gbk = !till_str_is_utf8(raw);
    if (!decode(r, raw, &title, err))
        return false;
    title = till_str_trim(title);
    if (title.len == 0 || title.ptr[0] != '#' ||
        !till_str_is(till_str_sub(title, 1, title.len), r->shape->title))
        return TILL_FAIL(err, BILL_INVALID, "The file does not begin with #%s.", r->shape->title);
    r->section = AT_HEAD;
    return true;
}

static struct till_str without_dashes(struct till_str text) {
    while (text.len && text.ptr[0] == '-')
        text = till_str_sub(text, 1, text.len);
    while (text.len && text.ptr[text.len - 1] == '-')
        text.len--;
    return text;
}

static bool take_head(struct reader *r, struct till_str text, struct till_error *err) {
    if (starts_with(text, "账号：")) {
        r->saw_account = true;
        if (!till_str_equal(bracketed(text), r->account_no))
            return TILL_FAIL(err, BILL_INVALID, "The bill is of another account.");
    } else if (starts_with(text, "起始日期：")) {
        r->saw_period = true;
        if (!till_str_starts_with(bracketed(text), r->date))
            return TILL_FAIL(err, BILL_INVALID, "The bill is of another day.");
    } else if (starts_with(text, "-") &&
               till_str_ends_with(without_dashes(text), TILL_STR("列表"))) {
        if (!r->saw_account || !r->saw_period)
            return TILL_FAIL(err, BILL_INVALID,
                             "The head does not say whose bill of what day it "
                             "is.");
        r->section = AT_HEADER;
    }
    return true;
}

static bool take_end_of_rows(struct reader *r, struct till_str text, struct till_error *err) {
    if (!till_str_ends_with(without_dashes(text), TILL_STR("列表结束")))
        return TILL_FAIL(err, BILL_INVALID, "A line with # stands among the rows.");
    if (r->shape->is_summary && !r->saw_sum)
        return TILL_FAIL(err, BILL_INVALID, "The row of the sums is missing.");
    r->section = AT_FOOT;
    return true;
}

static bool take_foot(struct reader *r, struct till_str text, struct till_error *err) {
    bool is_in = starts_with(text, "交易合计：") || starts_with(text, "收入合计：");
    bool is_out = starts_with(text, "退款合计：") || starts_with(text, "支出合计：");
    if (!r->shape->is_summary && (is_in || is_out)) {
        r->saw_in = r->saw_in || is_in;
        r->saw_out = r->saw_out || is_out;
        return bill_foot_check(text, is_in ? &r->totals.in : &r->totals.out, err);
    }
    if (!starts_with(text, "导出时间："))
        return true;
    if (bracketed(text).len == 0)
        return TILL_FAIL(err, BILL_INVALID, "The last line is cut.");
    if (!r->shape->is_summary && (!r->saw_in || !r->saw_out))
        return TILL_FAIL(err, BILL_INVALID, "The totals are missing.");
    r->section = AT_END;
    return true;
}

static bool take_remark(struct reader *r, struct till_str text, struct till_error *err) {
    switch (r->section) {
    case AT_HEAD:
        return take_head(r, text, err);
    case AT_ROWS:
        return take_end_of_rows(r, text, err);
    case AT_FOOT:
        return take_foot(r, text, err);
    default:
        return TILL_FAIL(err, BILL_INVALID, "A line with # stands where none belongs.");
    }
}

/* ---- rows ---- */

static bool take_row(struct reader *r, struct till_str text, struct till_error *err) {
    struct till_bill_line line;
    if (r->saw_sum)
        return TILL_FAIL(err, BILL_INVALID, "A row stands behind the sums.");
    if (r->totals.lines == TILL_BILL_LINES_MAX)
        return TILL_FAIL(err, BILL_INVALID, "It has more than %d lines.", TILL_BILL_LINES_MAX);
    if (!bill_row_read(r->file, &r->header, text, &r->scratch, &line, err))
        return false;
    if (r->shape->is_summary && till_str_is(line.store_id, "合计")) {
        r->saw_sum = true;
        return r->shape->takes_any_column || bill_summary_check(&r->totals, &line, err);
    }
    if (!bill_totals_add(&r->totals, &line, err))
        return false;
    line.number = r->totals.lines;
    return r->sink->take(r->sink->self, &line, err);
}

static bool take_plain(struct reader *r, struct till_str text, struct till_error *err) {
    if (r->section == AT_ROWS)
        return take_row(r, text, err);
    if (r->section != AT_HEADER)
        return TILL_FAIL(err, BILL_INVALID, "A row stands outside of the list.");
    if (!bill_header_read(r->shape, text, &r->scratch, &r->header, err))
        return false;
    r->totals.unknown_columns = r->header.unknown;
    r->section = AT_ROWS;
    return true;
}

static bool take_decoded(struct reader *r, struct till_str raw, struct till_error *err) {
    struct till_str text;
    if (r->section == AT_TITLE)
        return take_title(r, raw, err);
    if (!decode(r, raw, &text, err))
        return false;
    if (till_str_trim(text).len == 0)
        return true;
    if (text.ptr[0] == '#')
        return take_remark(r, till_str_trim(till_str_sub(text, 1, text.len)), err);
    return take_plain(r, text, err);
}

/* Every refusal of the content says where it stands; the sink's own ones stay as they are. */
static bool take_line(struct reader *r, struct till_str raw, struct till_error *err) {
    r->line_no++;
    if (raw.len && raw.ptr[raw.len - 1] == '\r')
        raw.len--;
    bool good = take_decoded(r, raw, err);
    till_arena_clean_up(&r->scratch);
    if (good || (err->code != TILL_E_BILL_INVALID && err->code != TILL_E_TEXT_INVALID))
        return good;
    char why[sizeof err->text];
    (void)snprintf(why, sizeof why, "%s", err->text);
    return TILL_FAIL(err, BILL_INVALID, "Line %lld: %.200s", (long long)r->line_no, why);
}

/* ---- bytes into lines ---- */

struct cutter {
    char *bytes; /* of the line that is not complete yet */
    size_t len;
};

static bool keep(struct cutter *cutter, struct till_str part, struct reader *r,
                 struct till_error *err) {
    if (part.len > TILL_BILL_LINE_BYTES - cutter->len)
        return TILL_FAIL(err, BILL_INVALID, "Line %lld is longer than %zu bytes.",
                         (long long)r->line_no + 1, TILL_BILL_LINE_BYTES);
    if (part.len)
        memcpy(cutter->bytes + cutter->len, part.ptr, part.len);
    cutter->len += part.len;
    return true;
}

static bool take_bytes(struct cutter *cutter, struct till_str bytes, struct reader *r,
                       struct till_error *err) {
    while (bytes.len) {
        size_t end = till_str_find(bytes, '\n');
        if (!keep(cutter, till_str_sub(bytes, 0, end), r, err))
            return false;
        if (end == bytes.len)
            return true;
        struct till_str line = {cutter->bytes, cutter->len};
        cutter->len = 0;
        if (!take_line(r, line, err))
            return false;
        bytes = till_str_sub(bytes, end + 1, bytes.len);
    }
    return true;
}

static bool take_all(struct cutter *cutter, const struct till_bill_source *source, struct reader *r,
                     struct till_error *err) {
    struct till_str bytes;
    do {
        if (!source->next(source->self, &bytes, err) || !take_bytes(cutter, bytes, r, err))
            return false;
    } while (bytes.len);
    struct till_str last = {cutter->bytes, cutter->len};
    if (last.len && !take_line(r, last, err))
        return false;
    if (r->section != AT_END)
        return TILL_FAIL(err, BILL_INVALID,
                         "The file ends with line %lld, before its closing line: it is cut.",
                         (long long)r->line_no);
    return true;
}

/* "2026-11-22" as the head writes it. */
static struct till_str long_date(const char *date, char room[32]) {
    int len = snprintf(room, 32, "%.4s年%.2s月%.2s日", date, date + 5, date + 8);
    return (struct till_str){room, (size_t)len};
}

bool alipay_bill_read(const struct till_account *account, const struct till_bill_wish *wish,
                      enum till_bill_part part, const struct till_bill_source *source,
                      const struct till_bill_sink *sink, struct till_bill_totals *ret_totals,
                      struct till_error *err) {
    static const enum bill_file files[TILL_BILL_TYPES][TILL_BILL_PARTS] = {
        [TILL_BILL_TRADE] = {BILL_TRADE, BILL_TRADE_SUMMARY},
        [TILL_BILL_ACCOUNT] = {BILL_ACCOUNT, BILL_ACCOUNT_SUMMARY}};
    __attribute__((cleanup(till_arena_clean_up))) struct till_arena arena;
    char date[32];
    struct reader r = {.file = files[wish->type][part], .sink = sink};
    till_arena_init(&arena, 2 * TILL_BILL_LINE_BYTES);
    till_arena_init(&r.scratch, SCRATCH);
    struct cutter cutter = {.bytes = till_arena_alloc(&arena, TILL_BILL_LINE_BYTES)};
    if (!cutter.bytes)
        return till_arena_refuse(&arena, err);
    r.shape = bill_shape_of(r.file);
    r.date = long_date(wish->date, date);
    if (!till_arena_format(&arena, &r.account_no, err, "%.*s0156",
                           TILL_STR_ARG(alipay_of(account)->seller_id)) ||
        !take_all(&cutter, source, &r, err))
        return false;
    *ret_totals = r.totals;
    return true;
}
