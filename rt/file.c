/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
}
#define SCOPED_FD __attribute__((cleanup(close_fd))) int

/* The NUL exists only here, at the edge to the system. */
static bool edge_path(struct till_str path, char out[PATH_MAX], struct till_error *err) {
    if (path.len == 0 || path.len >= PATH_MAX || memchr(path.ptr, 0, path.len))
        return TILL_FAIL(err, FILE_FAILED, "Give a path of 1 to %d bytes without NUL.",
                         PATH_MAX - 1);
    memcpy(out, path.ptr, path.len);
    out[path.len] = 0;
    return true;
}

static bool fail_errno(struct till_error *err, const char *what, const char *path) {
    int number = errno;
    if (number == ENOENT)
        return TILL_FAIL(err, NOT_FOUND, "There is no file \"%s\".", path);
    if (number == EEXIST)
        return TILL_FAIL(err, ALREADY_EXISTS, "\"%s\" exists already.", path);
    return TILL_FAIL(err, FILE_FAILED, "Cannot %s \"%s\": %s.", what, path,
                     strerrordesc_np(number));
}

static bool read_all(int fd, char *bytes, size_t room, size_t *ret_len, struct till_error *err,
                     const char *path) {
    size_t len = 0;
    while (len < room) {
        ssize_t n = read(fd, bytes + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, "read", path);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return true;
}

enum { UNSIZED_MAX = 64 * 1024 };

static bool read_open(struct till_arena *arena, int fd, const char *path, size_t max,
                      struct till_str *ret_bytes, struct till_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_errno(err, "read", path);
    if (S_ISDIR(st.st_mode))
        return TILL_FAIL(err, FILE_FAILED, "\"%s\" is a directory; name a file.", path);
    if (st.st_size > 0 && (uintmax_t)st.st_size > max)
        return TILL_FAIL(err, FILE_FAILED, "\"%s\" is larger than %zu bytes.", path, max);
    /* The size is a hint (pipes, /proc): one byte beyond the limit tells "too
     * large" for certain. */
    size_t room = max < UNSIZED_MAX ? max + 1 : UNSIZED_MAX;
    if (S_ISREG(st.st_mode) && st.st_size > 0)
        room = (size_t)st.st_size + 1;
    char *bytes = till_arena_alloc(arena, room);
    if (!bytes)
        return till_arena_refused(arena, err);
    size_t len = 0;
    if (!read_all(fd, bytes, room, &len, err, path))
        return false;
    if (len > max || len == room)
        return TILL_FAIL(err, FILE_FAILED, "\"%s\" is larger than %zu bytes, or grows.", path, max);
    *ret_bytes = (struct till_str){bytes, len};
    return true;
}

bool file_read(struct till_arena *arena, struct till_str path, size_t max,
               struct till_str *ret_bytes, struct till_error *err) {
    char name[PATH_MAX];
    if (!edge_path(path, name, err))
        return false;
    SCOPED_FD fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail_errno(err, "open", name);
    return read_open(arena, fd, name, max, ret_bytes, err);
}

bool file_read_secret(struct till_arena *arena, struct till_str path, size_t max,
                      const char *setting, struct till_str *ret_bytes, struct till_error *err) {
    char name[PATH_MAX];
    if (!edge_path(path, name, err))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, setting, "%s: name the file that holds it.",
                               setting);
    /* A pipe without a writer must not hold a start: opened at once, and refused below. */
    SCOPED_FD fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, setting, "%s: cannot open \"%s\": %s.",
                               setting, name, strerrordesc_np(errno));
    /* Looked at through the open descriptor: no other file can take its place in between. */
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, setting, "%s: \"%s\" is not a plain file.",
                               setting, name);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return TILL_FAIL_FIELD(
            err, SETTING_INVALID, setting,
            "%s: group or others may use \"%s\" (mode %04o); run chmod 600 on it.", setting, name,
            (unsigned)(st.st_mode & 07777));
    struct till_error inner;
    if (!read_open(arena, fd, name, max, ret_bytes, &inner))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, setting, "%s: %s", setting, inner.text);
    return true;
}

static bool write_all(int fd, struct till_str bytes) {
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = write(fd, bytes.ptr + done, bytes.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* The new name is durable only when its directory is. */
static bool sync_directory(const char *path, struct till_error *err) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (slash && len == 0)
        len = 1;
    memcpy(directory, slash ? path : ".", slash ? len : 1);
    directory[slash ? len : 1] = 0;
    SCOPED_FD fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return fail_errno(err, "make durable", directory);
    return true;
}

static bool fill(const char *temporary, struct till_str bytes, unsigned mode,
                 struct till_error *err) {
    SCOPED_FD fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(err, "create", temporary);
    if (!write_all(fd, bytes) || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0)
        return fail_errno(err, "write", temporary);
    return true;
}

bool file_write(struct till_str path, struct till_str bytes, unsigned mode, bool exclusive,
                struct till_error *err) {
    static atomic_uint serial;
    char name[PATH_MAX], temporary[PATH_MAX];
    if (!edge_path(path, name, err))
        return false;
    int len = snprintf(temporary, sizeof temporary, "%s.%ld.%u.tmp", name, (long)getpid(),
                       atomic_fetch_add(&serial, 1));
    if (len < 0 || (size_t)len >= sizeof temporary)
        return TILL_FAIL(err, FILE_FAILED, "The path \"%s\" is too long.", name);
    if (!fill(temporary, bytes, mode, err)) {
        unlink(temporary);
        return false;
    }
    /* link refuses an existing name, rename replaces it; both in one step. */
    bool named = (exclusive ? link(temporary, name) : rename(temporary, name)) == 0;
    if (!named)
        fail_errno(err, "name", name);
    if (!named || exclusive)
        unlink(temporary);
    return named && sync_directory(name, err);
}

bool file_make_directory(struct till_str path, unsigned mode, struct till_error *err) {
    char name[PATH_MAX];
    if (!edge_path(path, name, err))
        return false;
    for (char *slash = strchr(name + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(name, (mode_t)mode) != 0 && errno != EEXIST)
            return fail_errno(err, "make the directory", name);
        *slash = '/';
    }
    if (mkdir(name, (mode_t)mode) == 0 || errno == EEXIST) {
        struct stat st;
        if (stat(name, &st) == 0 && S_ISDIR(st.st_mode))
            return true;
        return TILL_FAIL(err, FILE_FAILED, "\"%s\" exists and is not a directory.", name);
    }
    return fail_errno(err, "make the directory", name);
}

bool file_exists(struct till_str path) {
    char name[PATH_MAX];
    struct till_error err;
    return edge_path(path, name, &err) && access(name, F_OK) == 0;
}
