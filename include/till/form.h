/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name/value pairs: urlencoded bodies and queries, and the canonical strings built from them.
 * One parse of the raw bytes decides everything: duplicates are refused, counts are limited.
 */
#ifndef TILL_FORM_H
#define TILL_FORM_H

#include <till/arena.h>

#define TILL_FORM_PAIRS_MAX 256

struct till_pair {
    struct till_str name;
    struct till_str value;
};

struct till_form {
    struct till_pair *pairs;
    size_t count;
    size_t room;
};

/*
 * application/x-www-form-urlencoded text into pairs, percent-decoded ('+' is a space), in wire
 * order. Refuses a name that occurs twice, more than TILL_FORM_PAIRS_MAX pairs, bad escapes, NUL.
 * Bytes are not required to be UTF-8 (GBK notifications); the caller decides by charset.
 */
TILL_MUST_CHECK bool till_form_parse(struct till_arena *arena, struct till_str body,
                                     struct till_form *ret_form, struct till_error *err);
/* Empty form with room in the arena. */
TILL_MUST_CHECK bool till_form_init(struct till_arena *arena, struct till_form *form,
                                    struct till_error *err);
/* Refuses a second pair of the same name and a full form. Value may be empty. */
TILL_MUST_CHECK bool till_form_add(struct till_form *form, struct till_str name,
                                   struct till_str value, struct till_error *err);
/* NULL when there is none. */
const struct till_pair *till_form_find(const struct till_form *form, const char *name);
/* The value, or the empty string. */
struct till_str till_form_get(const struct till_form *form, const char *name);
/* By name in byte order. */
void till_form_sort(struct till_form *form);
/* "k=v&k=v" of the sorted pairs, raw values; leaves out names in the NULL-terminated list `without`
 * and, with drop_empty, pairs with an empty value (Alipay dossier 2.1, 7.3). Does not change form.
 */
TILL_MUST_CHECK bool till_form_canonical(struct till_arena *arena, const struct till_form *form,
                                         const char *const *without, bool drop_empty,
                                         struct till_str *ret_text, struct till_error *err);
/* urlencoded in the order of the pairs, Java URLEncoder style. */
TILL_MUST_CHECK bool till_form_encode(struct till_arena *arena, const struct till_form *form,
                                      struct till_str *ret_body, struct till_error *err);

#endif
