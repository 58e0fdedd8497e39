/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing real may be asked: who does ends the program. The linker leads our objects' calls here
 * (--wrap); libraries that keep time for themselves (none that we link is asked to) are not meant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>

#include <pthread.h>

static _Noreturn void refuse(const char *what) {
    fprintf(stderr,
            "sim: %s was called; in here there is neither real time nor real chance, and no "
            "other thread\n",
            what);
    abort();
}

#define WALL(type, name, ...)                                                                      \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

WALL(int, clock_gettime, clockid_t clock, struct timespec *now) {
    (void)clock, (void)now;
    refuse("clock_gettime");
}

WALL(int, gettimeofday, struct timeval *now, void *zone) {
    (void)now, (void)zone;
    refuse("gettimeofday");
}

WALL(time_t, time, time_t *now) {
    (void)now;
    refuse("time");
}

WALL(ssize_t, getrandom, void *bytes, size_t len, unsigned flags) {
    (void)bytes, (void)len, (void)flags;
    refuse("getrandom");
}

/* Nobody has set anything. */
WALL(char *, getenv, const char *name) {
    (void)name;
    return NULL;
}

WALL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *arg) {
    (void)thread, (void)attributes, (void)run, (void)arg;
    refuse("pthread_create");
}
