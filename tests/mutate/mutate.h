/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a good signed message, changes one thing, and asks the reader what it makes of it. A family
 * is a reader with its good messages. The law: what a reader takes says what was signed.
 *
 * When two messages say the same is decided here, without the product's parsers. Both carry the
 * same signature bytes, however spelled in base64, and
 *
 * - notifications and return pages: the sets of their decoded (name, value) pairs are equal, but
 * for the signature, pairs with an empty value, and what the rule does not sign;
 * - requests: the texts "name=value&..." of those sets are equal, in the order of names. (Where a
 *   value ends is not signed, and the platform cannot know; what it does is read alike.)
 * - answers: both hold the same node, byte for byte ("\/" is "/": the platform signs one and sends
 *   the other).
 * - events of Stripe: the bodies are equal byte by byte, and the header has their time and a
 *   signature made for them.
 *
 * A mutation that says the same as some good message of its family is not a mutation and is counted
 * apart, taken or refused. Whatever is taken must also read like that good message.
 *
 * Message number i of a family depends on the seed, the family and i alone, so one line replays it.
 */
#ifndef TESTS_MUTATE_MUTATE_H
#define TESTS_MUTATE_MUTATE_H

#include <till/till.h>

struct dice {
    uint64_t state;
};
uint64_t dice_throw(struct dice *dice);
size_t dice_below(struct dice *dice, size_t bound); /* 0 when bound is 0 */

struct pairs_rule;

enum judgement {
    REFUSED,      /* says something else, and is not taken */
    SAME_TAKEN,   /* says what was signed */
    SAME_REFUSED, /* says what was signed in a way that we do not take */
    OTHER_TAKEN,  /* never */
    JUDGEMENTS
};

enum { GOOD_MAX = 48, PAIRS_MAX = 128 };

struct family {
    const char *name;
    bool is_json;
    bool has_query; /* a form in two places, '\n' between the query and the body */
    /* Its own ways to change a message; NULL: those of forms or JSON. */
    const char *(*mutate)(struct dice *dice, const struct family *family, size_t good,
                          struct till_arena *arena, struct till_str *ret_message);
    void (*begin)(void);
    void (*end)(void);
    /* `good` is the message that was changed. */
    enum judgement (*judge)(struct till_arena *arena, size_t good, struct till_str message);
    /* set by begin */
    struct till_str good[GOOD_MAX];
    size_t good_count;
    struct till_str content[GOOD_MAX]; /* of forms: pairs_content */
    struct till_str reading[GOOD_MAX]; /* what the reader made of it, as text */
};
/* Judges a form by what the reader made of it: `reading` is empty when it was refused. */
enum judgement judge_form(struct till_arena *arena, const struct family *family,
                          struct till_str message, struct till_str reading,
                          const struct pairs_rule *rule);
/* Ends the program: the good message itself must be taken. */
void good_must_be_taken(const struct family *family, size_t good, bool taken);
extern struct family family_request, family_answer, family_notify, family_return, family_stripe;

/* Mutates good message number `good`. The kind's name; *ret_message lives in the arena. */
const char *mutate_form(struct dice *dice, const struct family *family, size_t good,
                        struct till_arena *arena, struct till_str *ret_message);
const char *mutate_json(struct dice *dice, const struct family *family, size_t good,
                        struct till_arena *arena, struct till_str *ret_message);
/* Byte-wise kinds, for both. */
#define MUTATE_RAW_KINDS 6
const char *mutate_raw(struct dice *dice, size_t kind, struct till_arena *arena,
                       struct till_str *message);
/* Ways to spoil or to respell a signature in base64. */
#define MUTATE_SIGN_KINDS 6
const char *mutate_sign(struct dice *dice, size_t kind, struct till_arena *arena,
                        struct till_str *sign);

/* pairs.c: the test's own reading of a form. */
struct pairs {
    struct till_pair list[PAIRS_MAX];
    size_t count;
    size_t query_count; /* of a form in two places */
};
/* False: not a form. */
bool pairs_read(struct till_arena *arena, struct till_str text, struct pairs *ret_pairs);
/* Style 0 is the platform's own (Java); others respell the same bytes. */
#define PAIRS_STYLES 5
struct till_str pairs_write(struct till_arena *arena, const struct pairs *pairs, bool has_query,
                            size_t style);
/* What the form says: the set of its pairs, sorted, but for those in `without`, and then the
 * signature. With `only`, nothing but those names. */
struct pairs_rule {
    const char *const *without, *const *only; /* NULL-terminated; only: may be NULL */
    bool ends_are_open; /* as the platform signs: where a value ends is not told */
};
struct till_str pairs_content(struct till_arena *arena, const struct pairs *pairs,
                              const struct pairs_rule *rule);

/* support */
struct till_str text_format(struct till_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct till_str text_of_bytes(struct till_arena *arena, const void *bytes, size_t len);
static inline struct till_str text_between(struct till_str text, size_t from, size_t to) {
    return till_str_sub(text, from, to > from ? to - from : 0);
}
bool text_contains(struct till_str text, struct till_str part);
/* The digits of base64 in the usual alphabet; everything else is left out, and so is the last
 * digit, part of which counts for nothing. */
struct till_str text_base64_digits(struct till_arena *arena, struct till_str text);

#endif
