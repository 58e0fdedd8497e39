/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discrepancies in the store, a door beside store.h: what contradicts the books, one open row for
 * each cause (I39). A row is opened once, ends once, by evidence or by a person's word, and never
 * opens again: a cause that comes back makes a new row. Whatever happens to it is appended to its
 * history, which nothing can change. The types are rows of discrepancy.def.
 *
 * The rules of store.h hold: texts in the caller's arena, "now" from the caller, every function
 * waits, errors STORE_FAILED, NOT_FOUND and those named here.
 */
#ifndef GATEWAY_STORE_DISCREPANCIES_H
#define GATEWAY_STORE_DISCREPANCIES_H

#include <gateway/store/store.h>

enum discrepancy_type {
#define DISCREPANCY(id, name, look, same, meaning, advice) DISCREPANCY_##id,
#include <gateway/store/discrepancy.def>
#undef DISCREPANCY
    DISCREPANCY_TYPES
};
/* How a type is looked at again. */
enum discrepancy_look { DISCREPANCY_HAND, DISCREPANCY_LOOK, DISCREPANCY_ASK };
const char *discrepancy_type_name(enum discrepancy_type type);
/* "refund_at_console" for "bill_refund_unknown"; empty: none. */
const char *discrepancy_same_as(enum discrepancy_type type);
enum discrepancy_look discrepancy_look_of(enum discrepancy_type type);
const char *discrepancy_meaning(enum discrepancy_type type);
const char *discrepancy_advice(enum discrepancy_type type);
/* DISCREPANCY_TYPES: no such name. */
enum discrepancy_type discrepancy_type_read(struct till_str name);

struct discrepancy_full {
    struct discrepancy_row row;
    char attempt_id[TILL_ID_SIZE], bill_id[TILL_ID_SIZE]; /* or empty */
    int64_t line;                                         /* of the bill; 0: none */
    int64_t next_us, looks;      /* when it is looked at again, 0: never; how often it was */
    int64_t resolved_us;         /* 0: open */
    struct till_str resolved_by; /* "", "evidence", "hand" */
    struct till_str note;
};

enum discrepancy_wish { DISCREPANCY_ANY, DISCREPANCY_OPEN, DISCREPANCY_RESOLVED };
struct discrepancy_filter {
    struct till_str app_id, account_id, type, before_id; /* empty: any; from the newest */
    enum discrepancy_wish wish;
    int limit;
};
/* Newest first. NOT_FOUND: before_id is nobody's. */
TILL_MUST_CHECK bool store_discrepancy_find(struct store *store, struct till_arena *arena,
                                            const struct discrepancy_filter *filter,
                                            struct discrepancy_full **ret_rows, size_t *ret_count,
                                            struct till_error *err);
/* app_id empty: any; another app's is NOT_FOUND (I18). */
TILL_MUST_CHECK bool store_discrepancy_get(struct store *store, struct till_arena *arena,
                                           struct till_str app_id, struct till_str id,
                                           struct discrepancy_full *ret_row,
                                           struct till_error *err);
/* A person's word that it is settled. STATE_CONFLICT: it has ended already. */
TILL_MUST_CHECK bool store_discrepancy_resolve(struct store *store, struct till_str id,
                                               struct till_str note, int64_t now_us,
                                               struct till_error *err);

struct discrepancy_step {
    struct till_str what; /* "opened", "asked", "resolved" */
    struct till_str by;   /* "till", "evidence", "hand" */
    struct till_str note;
    int64_t at_us;
};
/* Oldest first, at most 100. */
TILL_MUST_CHECK bool store_discrepancy_history(struct store *store, struct till_arena *arena,
                                               struct till_str id,
                                               struct discrepancy_step **ret_steps,
                                               size_t *ret_count, struct till_error *err);

struct discrepancy_figures {
    int64_t open[DISCREPANCY_TYPES + 1]; /* the last: types that this build does not know */
    int64_t oldest_us;                   /* created; 0: none is open */
};
TILL_MUST_CHECK bool store_discrepancy_figures(struct store *store, struct discrepancy_figures *ret,
                                               struct till_error *err);

#endif
