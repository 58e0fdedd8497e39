/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload under a program that is tested: calls of the system fail on order. The order
 * stands in a file that the test maps too, so that faults begin and end while the program runs, and
 * the test reads how often each kind was met and how often it struck. One slot a kind, in the order
 * of shim.def; tests/crash/shim.py holds the other end.
 *
 *   struck:  armed, and the call is number `at` since arming or one of the `count` - 1 that follow
 *            it `every` calls apart (count -1: for ever), and `path` is empty or ends the name of
 *            the file that is meant.
 *   effect:  sleeps delay_us, then fails with `error`; with error 0 it goes on. `shorten` takes
 *            fewer bytes instead.
 *
 * Uses no memory of its own. Not for sanitized programs, which bring their own allocator.
 */
#undef _FILE_OFFSET_BITS /* both names of a function are its own here: pwrite and pwrite64 */
#undef _FORTIFY_SOURCE   /* and none of them is an inline one around itself */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OPEN __attribute__((visibility("default")))
#define PATH_SIZE 64

struct slot {
    _Atomic int64_t armed;
    int64_t at, count, every, error, delay_us;
    _Atomic int64_t calls, struck;
    char path[PATH_SIZE];
};
_Static_assert(sizeof(struct slot) == 128, "shim.py knows the layout");

enum kind {
#define SHIM(name) KIND_##name,
#include "shim.def"
#undef SHIM
    KINDS
};

static struct slot nothing[KINDS];
static struct slot *slots = nothing;

__attribute__((constructor)) static void map_orders(void) {
    const char *path = getenv("TILL_SHIM");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof nothing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        slots = map;
}

/* ---- when ---- */

static bool is_meant(const struct slot *slot, int fd) {
    char link[40], name[512];
    if (!slot->path[0])
        return true;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, name, sizeof name);
    size_t end = strnlen(slot->path, sizeof slot->path);
    return len > 0 && (size_t)len >= end && memcmp(name + len - end, slot->path, end) == 0;
}

/* Counts the call; is it one that suffers? */
static bool strikes(enum kind kind, int fd) {
    struct slot *slot = &slots[kind];
    if (!atomic_load(&slot->armed) || !is_meant(slot, fd))
        return false;
    int64_t since = atomic_fetch_add(&slot->calls, 1) + 1 - slot->at;
    int64_t every = slot->every > 0 ? slot->every : 1;
    if (since < 0 || since % every != 0 || (slot->count >= 0 && since / every >= slot->count))
        return false;
    atomic_fetch_add(&slot->struck, 1);
    return true;
}

/* True: the call fails with errno set. */
static bool fails(enum kind kind, int fd) {
    if (!strikes(kind, fd))
        return false;
    const struct slot *slot = &slots[kind];
    struct timespec pause = {.tv_sec = (time_t)(slot->delay_us / 1000000),
                             .tv_nsec = (long)(slot->delay_us % 1000000) * 1000};
    if (slot->delay_us > 0)
        nanosleep(&pause, NULL);
    if (slot->error)
        errno = (int)slot->error;
    return slot->error != 0;
}

/* What never waits is never interrupted, and a socket that does less than it is told is at its end
 * for now: who waits for edges relies on it. So these two are for files, and for whoever blocks. */
static bool moves_bytes(int fd) {
    struct stat status;
    bool known = fstat(fd, &status) == 0, waits = (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
    bool is_stream = known && (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode));
    return known && (S_ISREG(status.st_mode) || (waits && is_stream));
}

/* `error` 1: one byte; otherwise half of them. */
static size_t shortened(int fd, size_t len) {
    if (len < 2 || !atomic_load(&slots[KIND_shorten].armed) || !moves_bytes(fd) ||
        !strikes(KIND_shorten, fd))
        return len;
    return slots[KIND_shorten].error == 1 ? 1 : len / 2;
}

/* A call may sleep only where nothing is ready; so is its interruption. */
static bool interrupted(int fd) {
    return atomic_load(&slots[KIND_interrupt].armed) && (fd < 0 || moves_bytes(fd)) &&
           fails(KIND_interrupt, fd);
}

/* The function that ours stands before. A pointer to data is no pointer to code in ISO C: copied.
 */
static void find_next(const char *name, void *ret_function) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(ret_function, &found, sizeof found);
}

#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (!real)                                                                                     \
    find_next(#name, &real)

/* ---- memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

OPEN void *malloc(size_t size) {
    return fails(KIND_malloc, -1) ? NULL : __libc_malloc(size);
}

OPEN void *calloc(size_t count, size_t size) {
    return fails(KIND_malloc, -1) ? NULL : __libc_calloc(count, size);
}

OPEN void *realloc(void *old, size_t size) {
    return fails(KIND_malloc, -1) ? NULL : __libc_realloc(old, size);
}

OPEN int posix_memalign(void **ret, size_t alignment, size_t size) {
    void *memory = fails(KIND_malloc, -1) ? NULL : __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *ret = memory;
    return 0;
}

OPEN void *aligned_alloc(size_t alignment, size_t size) {
    return fails(KIND_malloc, -1) ? NULL : __libc_memalign(alignment, size);
}

/* ---- descriptors, threads, randomness, names ---- */

OPEN int accept4(int fd, __SOCKADDR_ARG address, socklen_t *len, int flags) {
    REAL(accept4);
    return fails(KIND_accept, fd) ? -1 : real(fd, address, len, flags);
}

OPEN int accept(int fd, __SOCKADDR_ARG address, socklen_t *len) {
    REAL(accept);
    return fails(KIND_accept, fd) ? -1 : real(fd, address, len);
}

OPEN int socket(int domain, int type, int protocol) {
    REAL(socket);
    return fails(KIND_socket, -1) ? -1 : real(domain, type, protocol);
}

OPEN int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                        void *arg) {
    REAL(pthread_create);
    return fails(KIND_thread, -1) ? EAGAIN : real(ret, attributes, run, arg);
}

OPEN ssize_t getrandom(void *bytes, size_t len, unsigned flags) {
    REAL(getrandom);
    return fails(KIND_entropy, -1) ? -1 : real(bytes, len, flags);
}

OPEN int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **ret) {
    REAL(getaddrinfo);
    return fails(KIND_names, -1) ? EAI_AGAIN : real(host, service, hints, ret);
}

/* ---- the disk ---- */

OPEN int fsync(int fd) {
    REAL(fsync);
    return fails(KIND_sync, fd) ? -1 : real(fd);
}

OPEN int fdatasync(int fd) {
    REAL(fdatasync);
    return fails(KIND_sync, fd) ? -1 : real(fd);
}

OPEN int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    return size > 0 && fails(KIND_space, fd) ? -1 : real(fd, size);
}

OPEN int ftruncate64(int fd, off_t size) {
    REAL(ftruncate64);
    return size > 0 && fails(KIND_space, fd) ? -1 : real(fd, size);
}

OPEN int fallocate(int fd, int mode, off_t from, off_t len) {
    REAL(fallocate);
    return fails(KIND_space, fd) ? -1 : real(fd, mode, from, len);
}

OPEN int posix_fallocate(int fd, off_t from, off_t len) {
    REAL(posix_fallocate);
    return fails(KIND_space, fd) ? errno : real(fd, from, len);
}

/* ---- bytes ---- */

OPEN ssize_t write(int fd, const void *bytes, size_t len) {
    REAL(write);
    return fails(KIND_space, fd) || interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len));
}

OPEN ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    REAL(pwrite);
    return fails(KIND_space, fd) || interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len), at);
}

OPEN ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) {
    REAL(pwrite64);
    return fails(KIND_space, fd) || interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len), at);
}

OPEN ssize_t read(int fd, void *bytes, size_t len) {
    REAL(read);
    return interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len));
}

OPEN ssize_t pread(int fd, void *bytes, size_t len, off_t at) {
    REAL(pread);
    return interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len), at);
}

OPEN ssize_t pread64(int fd, void *bytes, size_t len, off_t at) {
    REAL(pread64);
    return interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len), at);
}

OPEN ssize_t send(int fd, const void *bytes, size_t len, int flags) {
    REAL(send);
    return interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len), flags);
}

OPEN ssize_t recv(int fd, void *bytes, size_t len, int flags) {
    REAL(recv);
    return interrupted(fd) ? -1 : real(fd, bytes, shortened(fd, len), flags);
}

/* Pieces are sent one by one: the first alone is short enough. */
OPEN ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(sendmsg);
    struct msghdr first = *message;
    if (interrupted(fd))
        return -1;
    if (first.msg_iovlen > 1 && first.msg_iov[0].iov_len > 0 && strikes(KIND_shorten, fd))
        first.msg_iovlen = 1;
    return real(fd, &first, flags);
}

OPEN int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    REAL(poll);
    return interrupted(-1) ? -1 : real(fds, count, timeout_ms);
}

OPEN int epoll_wait(int fd, struct epoll_event *events, int room, int timeout_ms) {
    REAL(epoll_wait);
    return interrupted(-1) ? -1 : real(fd, events, room, timeout_ms);
}
