/* SPDX-License-Identifier: Apache-2.0 */
/* Chance, the trace, its hash, and what happens when something must never be. */
#include "inside.h"

#include <stdarg.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

uint64_t dice_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* splitmix64: one word of state, every seed is good. */
uint64_t dice_roll(uint64_t *state) {
    return dice_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t sim_random(struct sim *sim, enum sim_dice dice) {
    return dice_roll(&sim->dice[dice].state);
}

int64_t sim_below(struct sim *sim, enum sim_dice dice, int64_t below) {
    if (below <= 1)
        return 0;
    return (int64_t)(sim_random(sim, dice) % (uint64_t)below);
}

bool sim_chance(struct sim *sim, enum sim_dice dice, int64_t ppm) {
    return ppm > 0 && sim_below(sim, dice, 1000000) < ppm;
}

/* ---- the trace ---- */

/* FNV-1a, 64 bit. */
static void hash_bytes(struct sim *sim, const char *bytes, size_t len) {
    uint64_t hash = sim->hash;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    sim->hash = hash;
}

void sim_trace(struct sim *sim, const char *format, ...) {
    char line[LINE_MAX_BYTES];
    int head = snprintf(line, sizeof line, "%lld %s ", (long long)sim->time_us,
                        sim->running ? sim->running->process->name : "-");
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, arguments);
    va_end(arguments);
    size_t len = (size_t)head + (size_t)(more > 0 ? more : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line[len++] = '\n';
    hash_bytes(sim, line, len);
    sim->lines++;
    if (sim->options.print_trace)
        fwrite(line, 1, len, stdout);
}

void sim_hash(const struct sim *sim, char ret_text[17]) {
    snprintf(ret_text, 17, "%016llx",
             (unsigned long long)dice_mix(sim->hash ^ dice_mix(sim->steps)));
}

void sim_violation(struct sim *sim, const char *invariant, const char *format, ...) {
    va_list arguments;
    fflush(stdout);
    printf("violation of %s: ", invariant);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" (after %lld.%06lld s)", (long long)(sim->time_us / 1000000),
           (long long)(sim->time_us % 1000000));
    printf("\nreplay: %s\n", sim->options.replay ? sim->options.replay : "(no command line)");
    fflush(stdout);
    _exit(1);
}

/* ---- counting ---- */

static uint64_t hash_of(const char *name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* Its place in the table, or the free one where it belongs. */
static size_t place_of(const struct sim *sim, const char *name) {
    size_t at = hash_of(name) % SIM_COUNTERS;
    for (size_t tries = 0; tries < SIM_COUNTERS; tries++, at = (at + 1) % SIM_COUNTERS)
        if (!sim->counters[at].name || strcmp(sim->counters[at].name, name) == 0)
            return at;
    abort(); /* more names than the table holds */
}

void sim_count(struct sim *sim, const char *name) {
    struct counter *counter = &sim->counters[place_of(sim, name)];
    counter->name = name;
    counter->value++;
}

int64_t sim_counted(const struct sim *sim, const char *name) {
    return sim->counters[place_of(sim, name)].value;
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct counter *)a)->name, ((const struct counter *)b)->name);
}

void sim_print_counts(const struct sim *sim) {
    struct counter sorted[SIM_COUNTERS];
    size_t count = 0;
    for (size_t i = 0; i < SIM_COUNTERS; i++)
        if (sim->counters[i].name)
            sorted[count++] = sim->counters[i];
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++)
        printf("count %s %lld\n", sorted[i].name, (long long)sorted[i].value);
}
