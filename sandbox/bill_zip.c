/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive: entry names in GBK without the flag that would say UTF-8, texts in GBK, deflated.
 * Written by hand, because half of the faults are archives that no packer makes.
 */
#include <sandbox/bill.h>

#include <lib/channel/gbk.h>
#include <rt/deflate.h>

struct archive {
    const struct bill *bill;
    struct till_buf body, directory;
    unsigned entries;
};

struct entry {
    struct till_str name, packed;
    uint32_t checksum, size;
};

static void number(struct till_buf *buf, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        till_buf_char(buf, (char)(value >> (8 * i) & 0xff));
}

/* What local header and directory have in common. */
static void add_common(struct till_buf *buf, const struct entry *entry) {
    number(buf, 20, 2); /* version needed */
    number(buf, 0, 2);  /* flags: names are not called UTF-8 */
    number(buf, 8, 2);  /* deflate */
    number(buf, 0x5b765000, 4);
    number(buf, entry->checksum, 4);
    number(buf, entry->packed.len, 4);
    number(buf, entry->size, 4);
    number(buf, entry->name.len, 2);
    number(buf, 0, 2);
}

static void add_entry(struct archive *archive, const struct entry *entry) {
    size_t at = archive->body.len;
    number(&archive->body, 0x04034b50, 4);
    add_common(&archive->body, entry);
    till_buf_add(&archive->body, entry->name);
    till_buf_add(&archive->body, entry->packed);
    number(&archive->directory, 0x02014b50, 4);
    number(&archive->directory, 20, 2);
    add_common(&archive->directory, entry);
    number(&archive->directory, 0, 4); /* comment, disk */
    number(&archive->directory, 0, 6); /* attributes, inner and outer */
    number(&archive->directory, at, 4);
    till_buf_add(&archive->directory, entry->name);
    archive->entries++;
}

static bool finish(struct archive *archive, struct till_str *ret, struct till_error *err) {
    struct till_str directory;
    size_t at = archive->body.len;
    if (!till_buf_finish(&archive->directory, &directory, err))
        return false;
    till_buf_add(&archive->body, directory);
    number(&archive->body, 0x06054b50, 4);
    number(&archive->body, 0, 4);
    number(&archive->body, archive->entries, 2);
    number(&archive->body, archive->entries, 2);
    number(&archive->body, directory.len, 4);
    number(&archive->body, at, 4);
    number(&archive->body, 0, 2);
    return till_buf_finish(&archive->body, ret, err);
}

/* ---- charset ---- */

static struct till_str next_character(struct till_str *rest) {
    size_t len = 1;
    while (len < rest->len && ((unsigned char)rest->ptr[len] & 0xc0) == 0x80)
        len++;
    struct till_str character = till_str_sub(*rest, 0, len);
    *rest = till_str_sub(*rest, len, rest->len);
    return character;
}

/* A character that GBK does not have becomes a question mark. */
static bool encode_lossy(struct till_arena *arena, struct till_str text, struct till_str *ret,
                         struct till_error *err) {
    struct till_buf buf;
    struct till_str one;
    struct till_error ignored;
    till_buf_init(&buf, arena);
    while (text.len) {
        struct till_str character = next_character(&text);
        if (gbk_from_utf8(arena, character, &one, &ignored))
            till_buf_add(&buf, one);
        else
            till_buf_char(&buf, '?');
    }
    return till_buf_finish(&buf, ret, err);
}

static bool encode(const struct bill *bill, struct till_str text, struct till_str *ret,
                   struct till_error *err) {
    if (bill->on[FAULT_BILL_UTF8]) {
        *ret = text;
        return true;
    }
    return gbk_from_utf8(bill->arena, text, ret, err) || encode_lossy(bill->arena, text, ret, err);
}

/* ---- files ---- */

struct till_str bill_file_stem(const struct bill *bill) {
    struct till_str stem = TILL_STR_NONE;
    struct till_error err;
    if (!till_arena_format(bill->arena, &stem, &err, "%s0156_%.4s%.2s%.2s", bill->seller->id,
                           bill->date, bill->date + 5, bill->date + 8))
        return TILL_STR_NONE;
    return stem;
}

/* In the middle of the line that the middle of the text lies in, whole characters only. */
static struct till_str cut(struct till_str text) {
    size_t at = text.len / 2;
    while (at > 1 && (text.ptr[at - 1] == '\n' || ((unsigned char)text.ptr[at] & 0xc0) == 0x80))
        at--;
    return till_str_sub(text, 0, at);
}

static bool add_file(struct archive *archive, const char *tail, struct till_str text,
                     struct till_error *err) {
    const struct bill *bill = archive->bill;
    struct till_str stem = bill_file_stem(bill), name, bytes;
    struct entry entry;
    if (!till_arena_format(bill->arena, &name, err, "%.*s_%s.csv", TILL_STR_ARG(stem), tail) ||
        !gbk_from_utf8(bill->arena, name, &entry.name, err) || !encode(bill, text, &bytes, err) ||
        !deflate_pack(bill->arena, bytes, &entry.packed, err))
        return false;
    entry.checksum = deflate_checksum(bytes) ^ bill->on[FAULT_BILL_DAMAGED];
    entry.size = (uint32_t)bytes.len;
    add_entry(archive, &entry);
    return true;
}

static bool add_stranger(struct archive *archive, struct till_error *err) {
    struct till_str line = TILL_STR("* * * * * root true\n");
    struct entry entry = {.name = TILL_STR("../../../../etc/cron.d/x"),
                          .checksum = deflate_checksum(line),
                          .size = (uint32_t)line.len};
    if (!deflate_pack(archive->bill->arena, line, &entry.packed, err))
        return false;
    add_entry(archive, &entry);
    return true;
}

/* Forty kibibytes that call themselves four gibibytes. */
static bool add_bomb(struct archive *archive, struct till_error *err) {
    enum { BOMB = 40 * 1024 };
    struct till_str stem = bill_file_stem(archive->bill), name;
    struct entry entry = {.size = UINT32_MAX - 1};
    char *bytes = till_arena_alloc(archive->bill->arena, BOMB);
    if (!bytes)
        return till_arena_refuse(archive->bill->arena, err);
    entry.packed = (struct till_str){bytes, BOMB};
    if (!till_arena_format(archive->bill->arena, &name, err, "%.*s_业务明细.csv",
                           TILL_STR_ARG(stem)) ||
        !gbk_from_utf8(archive->bill->arena, name, &entry.name, err))
        return false;
    add_entry(archive, &entry);
    return true;
}

static bool add_files(struct archive *archive, struct till_error *err) {
    const struct bill *bill = archive->bill;
    bool is_trade = bill->type == TILL_BILL_TRADE;
    struct till_str detail = TILL_STR_NONE, summary = TILL_STR_NONE;
    if (!(is_trade ? bill_trade_text : bill_account_text)(bill, &detail, err) ||
        !(is_trade ? bill_trade_summary_text : bill_account_summary_text)(bill, &summary, err))
        return false;
    if (bill->on[FAULT_BILL_CUT])
        detail = cut(detail);
    return add_file(archive, is_trade ? "业务明细" : "账务明细", detail, err) &&
           add_file(archive, is_trade ? "业务明细(汇总)" : "账务明细(汇总)", summary, err);
}

bool bill_pack(const struct bill *bill, struct till_str *ret_archive, struct till_error *err) {
    struct archive archive = {.bill = bill};
    till_buf_init(&archive.body, bill->arena);
    till_buf_init(&archive.directory, bill->arena);
    bool added = bill->on[FAULT_BILL_BOMB] ? add_bomb(&archive, err) : add_files(&archive, err);
    if (added && bill->on[FAULT_BILL_TRAVERSAL])
        added = add_stranger(&archive, err);
    return added && finish(&archive, ret_archive, err);
}
