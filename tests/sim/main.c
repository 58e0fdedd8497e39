/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim --seed N [--scenario NAME] [--size N] [--trace] [--steps]
 *
 * Plays one scenario under one seed. Prints what happened how often, the virtual time that passed,
 * and a hash over the whole run; the same words give the same hash. A violation prints one line
 * that plays it again, and the exit status is 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

/* 2026-11-23 10:00 in Beijing. */
static const int64_t START_US = INT64_C(1795399200000000);

struct wish {
    uint64_t seed;
    bool has_seed, trace, steps, help;
    const char *scenario;
    int64_t size;
};

static void print_help(void) {
    const struct scenario *scenario;
    printf("Usage: sim --seed N [--scenario NAME] [--size N] [--trace] [--steps]\n"
           "Plays a scenario in virtual time; the same words give the same hash.\n\n"
           "  --seed N         what chance there is comes from it; needed\n"
           "  --scenario NAME  one of those below; the first one when it is left out\n"
           "  --size N         hours or rounds, as the scenario counts\n"
           "  --trace          every line of the trace, not only its hash\n"
           "  --steps          and who was picked to run, step by step\n\nScenarios:\n");
    for (size_t i = 0; (scenario = scenario_at(i)); i++)
        printf("  %-16s %s\n", scenario->name, scenario->sentence);
}

static int complain(const char *what, const char *word) {
    fprintf(stderr, "sim: %s%s; sim --help tells what there is.\n", what, word);
    return 2;
}

static bool read_number(const char *text, uint64_t max, uint64_t *ret) {
    unsigned long long value = 0;
    if (!till_str_to_u64(till_str_of(text), max, &value))
        return false;
    *ret = value;
    return true;
}

/* 0, or the exit status. */
static int read_words(int count, char **words, struct wish *ret) {
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        uint64_t number = 0;
        if (strcmp(word, "--help") == 0) {
            ret->help = true;
            continue;
        }
        if (strcmp(word, "--trace") == 0 || strcmp(word, "--steps") == 0) {
            ret->trace = true;
            ret->steps = ret->steps || strcmp(word, "--steps") == 0;
            continue;
        }
        bool is_number = strcmp(word, "--seed") == 0 || strcmp(word, "--size") == 0;
        if (!is_number && strcmp(word, "--scenario") != 0)
            return complain("there is no word ", word);
        if (!value)
            return complain("a value is missing after ", word);
        if (is_number && !read_number(value, INT64_MAX, &number))
            return complain("not a number: ", value);
        if (strcmp(word, "--seed") == 0) {
            ret->seed = number;
            ret->has_seed = true;
        } else if (strcmp(word, "--size") == 0) {
            ret->size = (int64_t)number;
        } else {
            ret->scenario = value;
        }
        i++;
    }
    return ret->help || ret->has_seed ? 0 : complain("say a seed: ", "--seed N");
}

static void print_result(struct sim *sim) {
    char hash[17];
    printf("virtual_s %" PRId64 "\n", (sim_time_us(sim) - START_US) / 1000000);
    printf("steps %" PRIu64 "\n", sim_steps(sim));
    sim_print_counts(sim);
    sim_hash(sim, hash);
    printf("hash %s\n", hash);
    fflush(stdout);
}

static void play(const struct wish *wish, const struct scenario *scenario) {
    char replay[256];
    int len = snprintf(replay, sizeof replay, "sim --seed %" PRIu64 " --scenario %s", wish->seed,
                       scenario->name);
    if (wish->size > 0)
        snprintf(replay + len, sizeof replay - (size_t)len, " --size %" PRId64, wish->size);
    struct sim_options options = {.seed = wish->seed,
                                  .start_us = START_US,
                                  .print_trace = wish->trace,
                                  .print_steps = wish->steps,
                                  .replay = replay};
    struct sim *sim = sim_open(&options);
    struct stage stage = {.sim = sim, .size = wish->size};
    sim_run(sim, scenario->direct, &stage);
    print_result(sim);
    sim_close(sim);
}

int main(int count, char **words) {
    struct wish wish = {.scenario = NULL};
    int status = read_words(count, words, &wish);
    if (status != 0)
        return status;
    if (wish.help) {
        print_help();
        return 0;
    }
    const struct scenario *scenario = wish.scenario ? scenario_find(wish.scenario) : scenario_at(0);
    if (!scenario)
        return complain("there is no scenario ", wish.scenario);
    play(&wish, scenario);
    return 0;
}
