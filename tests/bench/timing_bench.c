/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S-014: does the time of a refusal tell how much of a signature was right? A million wrong HMAC
 * signatures (an argument says how many) that share 0, 8, 16 or 31 leading bytes with the right
 * one, in a shuffled order, then Welch's t of each class against the first. Prints each t and ends
 * with 1 when one reaches 4.5. No test asserts it: a busy machine is no proof of anything.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <till/encode.h>
#include <till/signing.h>

enum { CLASSES = 4, HEX = 64, WARM_UP = 2000 };
static const int shared[CLASSES] = {0, 8, 16, 31};

struct tally {
    double count, mean, squares; /* Welford's */
};

static void add(struct tally *tally, double value) {
    double from_mean = value - tally->mean;
    tally->count++;
    tally->mean += from_mean / tally->count;
    tally->squares += from_mean * (value - tally->mean);
}

static double variance_of_mean(const struct tally *tally) {
    return tally->squares / (tally->count - 1) / tally->count;
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static const struct till_secret secret = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};

/* One refusal, in nanoseconds; negative: the signature was taken. */
static double time_refusal(const struct till_signed_request *request, const char *signature) {
    struct till_arena arena;
    struct till_error err;
    till_arena_init(&arena, 8192);
    double from = now_ns();
    bool taken =
        till_signing_verify(&arena, request, (struct till_str){signature, HEX}, &secret, &err);
    double took = now_ns() - from;
    till_arena_clean_up(&arena);
    return taken ? -1 : took;
}

static bool read_right_signature(const struct till_signed_request *request, char ret_hex[HEX]) {
    struct till_arena arena;
    struct till_error err;
    struct till_str header;
    struct till_authorization got;
    till_arena_init(&arena, 8192);
    bool good =
        till_signing_authorize(&arena, request, TILL_STR("key_1"), &secret, &header, &err) &&
        till_signing_parse(header, &got, &err);
    if (good)
        memcpy(ret_hex, got.signature.ptr, HEX);
    till_arena_clean_up(&arena);
    return good;
}

/* Wrong from the byte behind the shared ones on. */
static void spoil(const char right[HEX], int bytes, char ret_wrong[HEX]) {
    memcpy(ret_wrong, right, HEX);
    for (int i = 2 * bytes; i < HEX; i++)
        ret_wrong[i] = right[i] == '0' ? 'f' : '0';
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 1000000;
    const struct till_signed_request request = {.method = TILL_STR("POST"),
                                                .host = TILL_STR("pay.example"),
                                                .target = TILL_STR("/v1/payments"),
                                                .timestamp_s = 1795341600,
                                                .nonce = TILL_STR("n-0123456789_ABC"),
                                                .body = TILL_STR("{\"amount\":990}")};
    char right[HEX], wrong[CLASSES][HEX];
    struct tally tallies[CLASSES] = {{0, 0, 0}};
    uint64_t state = 88172645463325252u;
    bool leaks = false;
    if (!read_right_signature(&request, right))
        return 2;
    for (int i = 0; i < CLASSES; i++)
        spoil(right, shared[i], wrong[i]);
    for (long i = 0; i < count + WARM_UP; i++) {
        size_t class = next_random(&state) % CLASSES;
        double took = time_refusal(&request, wrong[class]);
        if (took < 0)
            return 2;
        if (i >= WARM_UP && took < 50000) /* not: another process had the core */
            add(&tallies[class], took);
    }
    printf("shared bytes 0: mean %.1f ns of %.0f refusals\n", tallies[0].mean, tallies[0].count);
    for (int i = 1; i < CLASSES; i++) {
        double t = (tallies[i].mean - tallies[0].mean) /
                   sqrt(variance_of_mean(&tallies[i]) + variance_of_mean(&tallies[0]));
        leaks = leaks || fabs(t) >= 4.5;
        printf("shared bytes %d: mean %.1f ns of %.0f refusals, t = %.2f\n", shared[i],
               tallies[i].mean, tallies[i].count, t);
    }
    printf("S-014: %s\n",
           leaks ? "a t of 4.5 or more: look again on a quiet machine" : "no t reaches 4.5");
    return leaks;
}
