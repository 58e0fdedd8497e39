/* SPDX-License-Identifier: Apache-2.0 */
/* See tape.h. */
#include <rt/tape.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct tape {
    pthread_mutex_t mutex;
    int fd;
    int64_t size, bytes_max;
    bool full;
};

static bool fail(struct till_error *err, const char *what, const char *path) {
    return TILL_FAIL(err, FILE_FAILED, "Cannot %s \"%s\": %s.", what, path, strerrordesc_np(errno));
}

static bool look(int fd, const char *path, int64_t *ret_size, struct till_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail(err, "look at", path);
    if (!S_ISREG(st.st_mode))
        return TILL_FAIL(err, FILE_FAILED, "\"%s\" is not a plain file; name another one.", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return TILL_FAIL(err, FILE_FAILED,
                         "Group or others may use \"%s\" (mode %04o); run chmod 600 on it.", path,
                         (unsigned)(st.st_mode & 07777));
    *ret_size = st.st_size;
    return true;
}

bool tape_open(struct till_str path, int64_t bytes_max, struct tape **ret_tape,
               struct till_error *err) {
    char name[PATH_MAX];
    if (path.len == 0 || path.len >= sizeof name || memchr(path.ptr, 0, path.len))
        return TILL_FAIL(err, FILE_FAILED, "Give a path of 1 to %d bytes without NUL.",
                         PATH_MAX - 1);
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    struct tape *tape = calloc(1, sizeof *tape);
    if (!tape)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    pthread_mutex_init(&tape->mutex, NULL);
    tape->bytes_max = bytes_max;
    tape->fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (tape->fd < 0 ? fail(err, "open", name) : look(tape->fd, name, &tape->size, err)) {
        *ret_tape = tape;
        return true;
    }
    tape_close(tape);
    return false;
}

void tape_close(struct tape *tape) {
    if (!tape)
        return;
    if (tape->fd >= 0)
        close(tape->fd);
    pthread_mutex_destroy(&tape->mutex);
    free(tape);
}

int64_t tape_size(struct tape *tape) {
    pthread_mutex_lock(&tape->mutex);
    int64_t size = tape->size;
    pthread_mutex_unlock(&tape->mutex);
    return size;
}

/* Locked. A line that went out in part is taken back. */
static bool append(struct tape *tape, struct till_str line, struct till_error *err) {
    struct iovec parts[] = {{(void *)(uintptr_t)line.ptr, line.len}, {(char[]){'\n'}, 1}};
    int64_t len = (int64_t)line.len + 1;
    if (tape->full || len > tape->bytes_max - tape->size) {
        tape->full = true;
        return TILL_FAIL(err, BODY_TOO_LARGE, "The file has reached its limit of %lld bytes.",
                         (long long)tape->bytes_max);
    }
    ssize_t written = writev(tape->fd, parts, 2);
    if (written == (ssize_t)len) {
        tape->size += len;
        return true;
    }
    int reason = written < 0 ? errno : ENOSPC;
    if (written > 0 && ftruncate(tape->fd, tape->size) != 0)
        tape->full = true; /* what stands behind it could not be told from the rest */
    return TILL_FAIL(err, FILE_FAILED, "The line cannot be written: %s.", strerrordesc_np(reason));
}

bool tape_add(struct tape *tape, struct till_str line, struct till_error *err) {
    pthread_mutex_lock(&tape->mutex);
    bool added = append(tape, line, err);
    pthread_mutex_unlock(&tape->mutex);
    return added;
}
