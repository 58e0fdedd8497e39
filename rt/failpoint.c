/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/failpoint.h>

#include <stdlib.h> /* also keeps the shipped build's file from being empty */

#ifdef TILL_FAILPOINTS

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum action { NOTHING, KILL, ABORT, DELAY, WAIT };

struct point {
    const char *name;
    enum action action;
    unsigned long at;    /* acts on this hit; 0: on each */
    unsigned long delay; /* milliseconds */
    unsigned long hits;
};

static struct point points[] = {
#define FAILPOINT(id, where) {.name = #id},
#include <rt/failpoint.def>
#undef FAILPOINT
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct point *find(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        if (strlen(points[i].name) == len && memcmp(points[i].name, name, len) == 0)
            return &points[i];
    return NULL;
}

/* A script with a mistake proves nothing: stop at once. */
static _Noreturn void refuse(const char *script) {
    fprintf(stderr, "TILL_FAILPOINTS: cannot use \"%s\"\n", script);
    abort();
}

/* "kill@3", "delay:500", "wait", "abort" */
static void arm(struct point *point, const char *text, const char *script) {
    static const struct {
        const char *word;
        enum action action;
    } WORDS[] = {{"kill", KILL}, {"abort", ABORT}, {"delay:", DELAY}, {"wait", WAIT}};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        size_t len = strlen(WORDS[i].word);
        if (strncmp(text, WORDS[i].word, len) != 0)
            continue;
        char *end = (char *)text + len;
        point->action = WORDS[i].action;
        if (point->action == DELAY)
            point->delay = strtoul(text + len, &end, 10);
        if (*end == '@')
            point->at = strtoul(end + 1, &end, 10);
        else if (point->action == KILL || point->action == ABORT)
            point->at = 1;
        if (*end != 0)
            refuse(script);
        return;
    }
    refuse(script);
}

static void read_script(void) {
    const char *script = getenv("TILL_FAILPOINTS");
    char *copy = strdup(script ? script : "");
    if (!copy)
        abort();
    char *rest = copy;
    for (char *part; (part = strsep(&rest, ";"));) {
        if (*part == 0)
            continue;
        char *equals = strchr(part, '=');
        struct point *point = equals ? find(part, (size_t)(equals - part)) : NULL;
        if (!point)
            refuse(part);
        arm(point, equals + 1, part);
    }
    free(copy);
}

/* One line a point, written before anything happens, so that a killed run still proves
 * it was here. */
static void note(const char *name) {
    const char *path = getenv("TILL_FAILPOINT_LOG");
    if (!path)
        return;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    char line[32];
    int len = snprintf(line, sizeof line, "%s\n", name);
    if (write(fd, line, (size_t)len) != len)
        abort();
    close(fd);
}

static void pause_ms(unsigned long ms) {
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static void act(enum action action, unsigned long delay) {
    const char *go = getenv("TILL_FAILPOINT_GO");
    switch (action) {
    case KILL:
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    case ABORT:
        abort();
    case DELAY:
        pause_ms(delay);
        break;
    case WAIT:
        while (go && access(go, F_OK) != 0)
            pause_ms(10);
        break;
    case NOTHING:
        break;
    }
}

void failpoint_hit(const char *name) {
    pthread_once(&once, read_script);
    struct point *point = find(name, strlen(name));
    if (!point) {
        fprintf(stderr, "the crash point \"%s\" is not in rt/failpoint.def\n", name);
        abort();
    }
    pthread_mutex_lock(&mutex);
    unsigned long hit = ++point->hits;
    enum action action = point->at == 0 || point->at == hit ? point->action : NOTHING;
    if (hit == 1)
        note(name);
    pthread_mutex_unlock(&mutex);
    act(action, point->delay);
}

#endif
