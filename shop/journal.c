/* SPDX-License-Identifier: Apache-2.0 */
#include <shop/journal.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rt/file.h>
#include <till/json.h>

#define JOURNAL_BYTES_MAX (16u << 20)
#define LINE_MAX_BYTES 1024

struct journal {
    int fd;
    struct shop_order *orders;
    size_t count;
};

struct shop_order *journal_find(struct journal *journal, struct till_str id) {
    for (size_t i = journal->count; i-- > 0;)
        if (till_str_is(id, journal->orders[i].id))
            return &journal->orders[i];
    return NULL;
}

const struct shop_order *journal_newest(struct journal *journal, size_t index) {
    return index < journal->count ? &journal->orders[journal->count - 1 - index] : NULL;
}

static void keep(char *room, size_t size, struct till_str text) {
    size_t len = text.len < size ? text.len : size - 1;
    if (len)
        memcpy(room, text.ptr, len);
    room[len] = '\0';
}

static struct shop_order *take_order(struct journal *journal, struct till_str id) {
    struct shop_order *order = journal_find(journal, id);
    if (order || journal->count == SHOP_ORDERS_MAX || id.len >= SHOP_ORDER_ID_SIZE)
        return order;
    order = &journal->orders[journal->count++];
    *order = (struct shop_order){0};
    keep(order->id, sizeof order->id, id);
    return order;
}

/* What a line says, into memory. */
static void learn(struct journal *journal, const struct till_json *line) {
    struct till_str what = till_json_get_str(line, "what");
    struct shop_order *order = take_order(journal, till_json_get_str(line, "order"));
    int64_t at_us = 0;
    till_json_get_int(line, "at", &at_us);
    if (!order)
        return;
    if (till_str_is(what, "ordered"))
        order->ordered_us = at_us;
    if (till_str_is(what, "created")) {
        keep(order->payment_id, sizeof order->payment_id, till_json_get_str(line, "payment"));
        keep(order->cashier_url, sizeof order->cashier_url, till_json_get_str(line, "cashier"));
    }
    if (till_str_is(what, "paid"))
        order->paid_us = at_us;
    if (till_str_is(what, "shipped")) {
        order->shipped_us = at_us;
        order->shipments++;
    }
}

/* Learns every whole line; *ret_good is the length of the part that is whole. */
static bool read_lines(struct journal *journal, struct till_str bytes, size_t *ret_good,
                       struct till_error *err) {
    size_t from = 0;
    while (from < bytes.len) {
        struct till_str rest = till_str_sub(bytes, from, bytes.len);
        struct till_str line = till_str_sub(rest, 0, till_str_find(rest, '\n'));
        TILL_JSON_SCOPED struct till_json *json = NULL;
        if (line.len == rest.len)
            break; /* no line end: torn by a crash */
        if (!till_json_parse(line, &json, err))
            return TILL_FAIL(err, STORE_DAMAGED,
                             "The shop's journal is damaged at byte %zu; restore it from a copy.",
                             from);
        learn(journal, json);
        from += line.len + 1;
    }
    *ret_good = from;
    return true;
}

static bool load(struct journal *journal, struct till_str path, struct till_error *err) {
    struct till_arena arena;
    struct till_str bytes = TILL_STR_NONE;
    size_t good = 0;
    till_arena_init(&arena, JOURNAL_BYTES_MAX + 4096);
    bool loaded = file_read(&arena, path, JOURNAL_BYTES_MAX, &bytes, err) &&
                  read_lines(journal, bytes, &good, err);
    till_arena_clean_up(&arena);
    if (loaded && good < bytes.len && ftruncate(journal->fd, (off_t)good))
        return TILL_FAIL(err, STORE_FAILED, "The shop's journal cannot be repaired: errno %d.",
                         errno);
    return loaded;
}

bool journal_open(struct till_str path, struct journal **ret_journal, struct till_error *err) {
    struct journal *journal = calloc(1, sizeof *journal);
    char name[4096];
    if (!journal || !(journal->orders = calloc(SHOP_ORDERS_MAX, sizeof *journal->orders))) {
        free(journal);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    keep(name, sizeof name, path);
    journal->fd = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal->fd < 0) {
        bool failed =
            TILL_FAIL(err, STORE_FAILED, "The shop's journal cannot be opened: errno %d.", errno);
        journal_close(journal);
        return failed;
    }
    if (!load(journal, path, err)) {
        journal_close(journal);
        return false;
    }
    *ret_journal = journal;
    return true;
}

void journal_close(struct journal *journal) {
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    free(journal->orders);
    free(journal);
}

/* One write and one fsync: the line is there as a whole or, after a crash, cut off at load. */
static bool append(struct journal *journal, struct till_json *line, struct till_error *err) {
    struct till_arena arena;
    struct till_str text;
    till_arena_init(&arena, (size_t)8 * LINE_MAX_BYTES);
    bool written = till_json_write(&arena, line, TILL_JSON_COMPACT, &text, err);
    if (written) {
        char bytes[LINE_MAX_BYTES + 1];
        size_t len = text.len < LINE_MAX_BYTES ? text.len : 0;
        memcpy(bytes, text.ptr, len);
        bytes[len++] = '\n';
        written =
            len > 1 && write(journal->fd, bytes, len) == (ssize_t)len && fsync(journal->fd) == 0;
        if (!written)
            TILL_FAIL(err, STORE_FAILED, "The shop's journal cannot be written: errno %d.", errno);
    }
    if (written)
        learn(journal, line);
    till_arena_clean_up(&arena);
    till_json_release(line);
    return written;
}

static struct till_json *line_of(const char *what, struct till_str id, int64_t at_us) {
    struct till_json *line = till_json_object();
    till_json_set_text(line, "what", what);
    till_json_set_str(line, "order", id);
    till_json_set_int(line, "at", at_us);
    return line;
}

bool journal_ordered(struct journal *journal, struct till_str id, int64_t now_us,
                     struct shop_order **ret_order, struct till_error *err) {
    if (journal->count == SHOP_ORDERS_MAX)
        return TILL_FAIL(err, OVERLOADED, "The demo shop has sold its last coffee.");
    if (!append(journal, line_of("ordered", id, now_us), err))
        return false;
    *ret_order = journal_find(journal, id);
    return true;
}

bool journal_created(struct journal *journal, struct shop_order *order, struct till_str payment_id,
                     struct till_str cashier_url, struct till_error *err) {
    struct till_json *line = line_of("created", till_str_of(order->id), 0);
    till_json_set_str(line, "payment", payment_id);
    till_json_set_str(line, "cashier", cashier_url);
    return append(journal, line, err);
}

bool journal_paid(struct journal *journal, struct shop_order *order, int64_t now_us,
                  struct till_error *err) {
    return append(journal, line_of("paid", till_str_of(order->id), now_us), err);
}

bool journal_shipped(struct journal *journal, struct shop_order *order, int64_t now_us,
                     struct till_error *err) {
    return append(journal, line_of("shipped", till_str_of(order->id), now_us), err);
}
