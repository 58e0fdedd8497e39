/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson's reader does not look whether the buffer of its token could grow: without memory it
 * would lose bytes of a text, or run over its end. So while we read, the first allocation that
 * fails is lent the reserve, every later one fails, and the text ends there: the reader sees an
 * unfinished JSON, which is refused as want of memory. The text comes byte by byte, so nothing is
 * read on.
 */
#include <stdatomic.h>

#include "lib/base/json_node.h"

struct reading {
    struct till_str rest;
    void *reserve;
    size_t reserve_size;
    bool short_of_memory;
};

static _Thread_local struct reading *current;

/* Whose turn it was before ours: malloc and free, or what the program around us gave jansson. */
static _Atomic(json_malloc_t) below_malloc;
static _Atomic(json_free_t) below_free;

static void *lend(size_t size) {
    if (current && current->short_of_memory)
        return NULL;
    void *memory = atomic_load(&below_malloc)(size);
    if (memory || !current)
        return memory;
    current->short_of_memory = true;
    return size <= current->reserve_size ? current->reserve : NULL;
}

static void take_back(void *memory) {
    if (!current || memory != current->reserve)
        atomic_load (&below_free)(memory);
}

/* At each reading: the program may have given jansson other functions meanwhile. */
static void stand_between(void) {
    json_malloc_t its_malloc;
    json_free_t its_free;
    json_get_alloc_funcs(&its_malloc, &its_free);
    if (its_malloc == lend || its_free == take_back)
        return;
    atomic_store(&below_malloc, its_malloc);
    atomic_store(&below_free, its_free);
    json_set_alloc_funcs(lend, take_back);
}

static size_t next_byte(void *buffer, size_t size, void *data) {
    struct reading *reading = data;
    if (reading->short_of_memory || !reading->rest.len || !size)
        return 0;
    memcpy(buffer, reading->rest.ptr++, 1);
    reading->rest.len--;
    return 1;
}

json_t *json_read(struct till_str text, json_error_t *ret_why, bool *ret_short_of_memory) {
    stand_between();
    /* The buffer of a token doubles, and starts with 16 bytes. */
    struct reading reading = {.rest = text, .reserve_size = 2 * text.len + 64};
    reading.reserve = lend(reading.reserve_size);
    *ret_short_of_memory = !reading.reserve;
    if (!reading.reserve)
        return NULL;
    current = &reading;
    json_t *node = json_load_callback(next_byte, &reading, JSON_REJECT_DUPLICATES, ret_why);
    if (node && reading.short_of_memory) {
        json_decref(node);
        node = NULL;
    }
    current = NULL;
    *ret_short_of_memory = reading.short_of_memory;
    take_back(reading.reserve);
    return node;
}
