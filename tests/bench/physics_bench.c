/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical limits of this machine, through our own functions: one RSA-2048 signature and one
 * verification, in processor time, as the median of several runs. Prints one JSON line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <till/key.h>

enum { RUNS = 9, SIGNATURES = 100, VERIFICATIONS = 1000 };

static int64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(int64_t values[RUNS]) {
    qsort(values, RUNS, sizeof *values, compare);
    return values[RUNS / 2];
}

static bool sign_once(const struct till_key *key, struct till_str message, struct till_arena *arena,
                      struct till_str *ret, struct till_error *err) {
    till_arena_clean_up(arena);
    till_arena_init(arena, 1 << 16);
    return till_key_sign(arena, key, TILL_RSA_SHA256, message, ret, err);
}

int main(void) {
    static const struct till_str message =
        TILL_STR_INIT("app_id=2021&method=alipay.trade.precreate");
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_arena arena;
    struct till_error err;
    struct till_str signature;
    int64_t signing[RUNS], verifying[RUNS];
    till_arena_init(&arena, 1 << 16);
    if (!till_key_generate_rsa(2048, &key, &err) ||
        !sign_once(key, message, &arena, &signature, &err))
        return 1;
    for (int run = 0; run < RUNS; run++) {
        int64_t start = cpu_ns();
        for (int i = 0; i < SIGNATURES; i++)
            if (!sign_once(key, message, &arena, &signature, &err))
                return 1;
        signing[run] = (cpu_ns() - start) / SIGNATURES;
        start = cpu_ns();
        for (int i = 0; i < VERIFICATIONS; i++)
            if (!till_key_verify(key, TILL_RSA_SHA256, message, signature, &err))
                return 1;
        verifying[run] = (cpu_ns() - start) / VERIFICATIONS;
    }
    printf("{\"bench\":\"physics\",\"rsa_sign_cpu_us\":%.1f,\"rsa_verify_cpu_us\":%.2f}\n",
           (double)median(signing) / 1000, (double)median(verifying) / 1000);
    till_arena_clean_up(&arena);
    return 0;
}
