/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate [--count N] [--seed S] [--family NAME] [--at I]
 *
 * N messages shared among the families (default 20000), or message I of one family alone, which is
 * shown. TAP: a line a family, counts by kind as comments. The status is not 0 when anything that
 * was not signed was taken.
 */
#include "mutate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct family *const families[] = {&family_request, &family_answer, &family_notify,
                                          &family_return, &family_stripe};
enum { FAMILIES = 5, KINDS_MAX = 64, SHOWN_MAX = 5 };

struct wish {
    uint64_t count, seed, at;
    const char *family;
    bool is_one;
};

struct tally {
    const char *kind[KINDS_MAX];
    uint64_t of[KINDS_MAX][JUDGEMENTS];
    uint64_t all[JUDGEMENTS];
    size_t kinds;
};

void good_must_be_taken(const struct family *family, size_t good, bool taken) {
    if (taken)
        return;
    printf("Bail out! the good message %zu of %s is not taken\n", good, family->name);
    exit(2);
}

static void count(struct tally *tally, const char *kind, enum judgement judgement) {
    size_t at = 0;
    while (at < tally->kinds && strcmp(tally->kind[at], kind) != 0)
        at++;
    if (at == KINDS_MAX)
        abort();
    if (at == tally->kinds)
        tally->kind[tally->kinds++] = kind;
    tally->of[at][judgement]++;
    tally->all[judgement]++;
}

/* Message number i: by seed, family and i alone. */
static enum judgement run_one(const struct family *family, const struct wish *wish, uint64_t i,
                              const char **ret_kind, bool shown) {
    static const char *const words[] = {"refused", "taken; it says what was signed",
                                        "refused, though it says what was signed",
                                        "TAKEN AS SOMETHING ELSE"};
    struct dice dice = {wish->seed * UINT64_C(0x2545f4914f6cdd1d) ^ (i << 8) ^
                        (uint64_t)(unsigned char)family->name[0]};
    __attribute__((cleanup(till_arena_clean_up))) struct till_arena arena;
    struct till_str message;
    till_arena_init(&arena, 16 << 20);
    size_t good = dice_below(&dice, family->good_count);
    *ret_kind = family->mutate    ? family->mutate(&dice, family, good, &arena, &message)
                : family->is_json ? mutate_json(&dice, family, good, &arena, &message)
                                  : mutate_form(&dice, family, good, &arena, &message);
    enum judgement judgement = family->judge(&arena, good, message);
    if (shown)
        printf("# %s of good message %zu, %s:\n# was %.*s\n# now %.*s\n", *ret_kind, good,
               words[judgement], TILL_STR_ARG(family->good[good]), TILL_STR_ARG(message));
    return judgement;
}

static void show_tally(const struct tally *tally) {
    printf("# %-40s %10s %10s %12s\n", "kind", "refused", "same,taken", "same,refused");
    for (size_t i = 0; i < tally->kinds; i++)
        printf("# %-40s %10" PRIu64 " %10" PRIu64 " %12" PRIu64 "\n", tally->kind[i],
               tally->of[i][REFUSED], tally->of[i][SAME_TAKEN], tally->of[i][SAME_REFUSED]);
}

/* Forged messages that were taken. */
static uint64_t run_family(struct family *family, const struct wish *wish, uint64_t messages) {
    struct tally tally = {.kinds = 0};
    const char *kind;
    family->begin();
    for (uint64_t i = wish->is_one ? wish->at : 0; messages > 0; i++, messages--) {
        enum judgement judgement = run_one(family, wish, i, &kind, wish->is_one);
        count(&tally, kind, judgement);
        if (judgement == OTHER_TAKEN && tally.all[OTHER_TAKEN] <= SHOWN_MAX)
            printf("# %s was taken: replay with mutate --seed %" PRIu64 " --family %s --at %" PRIu64
                   "\n",
                   kind, wish->seed, family->name, i);
    }
    family->end();
    if (!wish->is_one)
        show_tally(&tally);
    /* A run that refused nothing or took nothing did not reach the reader. */
    bool reached = wish->is_one || (tally.all[REFUSED] > 0 && tally.all[SAME_TAKEN] > 0);
    return tally.all[OTHER_TAKEN] + !reached;
}

static bool read_wish(int count, char **words, struct wish *wish) {
    for (int i = 1; i < count; i += 2) {
        if (i + 1 >= count)
            return false;
        uint64_t number = strtoull(words[i + 1], NULL, 10);
        if (strcmp(words[i], "--count") == 0)
            wish->count = number;
        else if (strcmp(words[i], "--seed") == 0)
            wish->seed = number;
        else if (strcmp(words[i], "--family") == 0)
            wish->family = words[i + 1];
        else if (strcmp(words[i], "--at") == 0)
            *wish = (struct wish){wish->count, wish->seed, number, wish->family, true};
        else
            return false;
    }
    return !wish->is_one || wish->family;
}

static double seconds_since(const struct timespec *begin) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

int main(int argc, char **argv) {
    struct wish wish = {.count = 20000, .seed = 1};
    struct timespec begin;
    uint64_t bad = 0, done = 0;
    int number = 0;
    if (!read_wish(argc, argv, &wish)) {
        fprintf(stderr,
                "mutate [--count N] [--seed S] [--family NAME] [--at I]; --at needs --family\n");
        return 2;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    printf("1..%d\n", wish.family ? 1 : FAMILIES);
    for (size_t i = 0; i < FAMILIES; i++) {
        if (wish.family && strcmp(wish.family, families[i]->name) != 0)
            continue;
        uint64_t share = wish.is_one ? 1 : wish.family ? wish.count : wish.count / FAMILIES;
        uint64_t taken = run_family(families[i], &wish, share);
        printf("%s %d - %s: of %" PRIu64
               " mutated messages none is taken for what was not signed\n",
               taken ? "not ok" : "ok", ++number, families[i]->name, share);
        bad += taken;
        done += share;
    }
    printf("# %" PRIu64 " messages, seed %" PRIu64 ", %.0f a second\n", done, wish.seed,
           (double)done / seconds_since(&begin));
    return bad || number == 0 ? 1 : 0;
}
