/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rt/log_file.h>
#include <till/time.h>

#define DAY_US (INT64_C(86400) * TILL_US_PER_SECOND)
#define STAMP_MAX TILL_TIME_TEXT

/* "20261122T100000.000000Z": sorts like time, and has no byte that a shell or file system minds. */
static bool make_stamp(int64_t us, char ret_stamp[STAMP_MAX]) {
    char text[TILL_TIME_TEXT];
    struct till_error err;
    if (!till_time_format(us, text, &err))
        return false;
    size_t len = 0;
    for (const char *c = text; *c; c++)
        if (*c != '-' && *c != ':')
            ret_stamp[len++] = *c;
    ret_stamp[len] = '\0';
    return true;
}

static bool is_stamp(const char *text) {
    static const char SHAPE[] = "ddddddddTdddddd.ddddddZ";
    for (size_t i = 0; i < sizeof SHAPE; i++) {
        bool fits = SHAPE[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == SHAPE[i];
        if (!fits)
            return false;
    }
    return true;
}

/* Remove this log's rotated files that are older than keep_days. Failing to is no
 * reason to stop. */
static void purge(const struct log_file *file, int64_t now_us) {
    char folder[LOG_PATH_MAX], cutoff[STAMP_MAX];
    const char *slash = strrchr(file->path, '/');
    const char *base = slash ? slash + 1 : file->path;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file->path) + 1 : 1,
             slash ? file->path : ".");
    if (!make_stamp(now_us - file->keep_days * DAY_US, cutoff))
        return;
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    size_t base_len = strlen(base);
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *name = entry->d_name;
        bool ours = strncmp(name, base, base_len) == 0 && name[base_len] == '.' &&
                    is_stamp(name + base_len + 1);
        if (ours && strcmp(name + base_len + 1, cutoff) < 0)
            unlinkat(dirfd(dir), name, 0);
    }
    closedir(dir);
}

/* Opens the path for appending. The descriptor in use is replaced only by a good one. */
static bool open_path(struct log_file *file, int64_t now_us) {
    struct stat status;
    int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return false;
    bool known = fstat(fd, &status) == 0;
    if (file->fd >= 0)
        close(file->fd);
    file->fd = fd;
    file->torn = false;
    file->bytes = known ? (int64_t)status.st_size : 0;
    file->day = now_us / DAY_US;
    if (known && status.st_size > 0)
        file->day = (int64_t)status.st_mtime / 86400;
    return true;
}

bool log_file_open(struct log_file *file, struct till_str path, int64_t rotate_bytes, int keep_days,
                   int64_t now_us, struct till_error *err) {
    *file = (struct log_file){.fd = -1, .rotate_bytes = rotate_bytes, .keep_days = keep_days};
    if (till_str_is(path, "-")) {
        file->fd = STDERR_FILENO;
        file->is_stderr = true;
        return true;
    }
    if (path.len == 0 || path.len + STAMP_MAX + 2 > sizeof file->path ||
        till_str_find(path, '\0') < path.len)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "log.path",
                               "The path of the log is empty or too long; name a file or \"-\".");
    snprintf(file->path, sizeof file->path, "%.*s", TILL_STR_ARG(path));
    if (!open_path(file, now_us))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "log.path",
                               "The log cannot be opened (errno %d); check folder and rights.",
                               errno);
    purge(file, now_us);
    return true;
}

/* Moves the file aside. What goes wrong leaves the log where it was: full is better than lost. */
static void rotate(struct log_file *file, int64_t now_us) {
    char target[LOG_PATH_MAX + STAMP_MAX + 1], stamp[STAMP_MAX];
    for (int64_t at = now_us;; at++) {
        if (!make_stamp(at, stamp))
            return;
        snprintf(target, sizeof target, "%s.%s", file->path, stamp);
        if (link(file->path, target) == 0)
            break;
        if (errno != EEXIST)
            return;
    }
    unlink(file->path);
    if (open_path(file, now_us))
        file->day = now_us / DAY_US;
    purge(file, now_us);
}

bool log_file_write(struct log_file *file, const char *line, size_t len, int64_t now_us) {
    bool is_old = file->bytes > 0 && file->day != now_us / DAY_US;
    bool is_full = file->bytes > 0 && file->rotate_bytes > 0 &&
                   file->bytes + (int64_t)len > file->rotate_bytes;
    if (!file->is_stderr && (is_old || is_full))
        rotate(file, now_us);
    if (file->torn && write(file->fd, "\n", 1) == 1)
        file->torn = false;
    ssize_t done;
    do {
        done = write(file->fd, line, len);
    } while (done < 0 && errno == EINTR);
    if (done > 0) {
        file->bytes += done;
        file->day = now_us / DAY_US;
        file->torn = (size_t)done < len;
    }
    return done == (ssize_t)len;
}

void log_file_reopen(struct log_file *file, int64_t now_us) {
    if (!file->is_stderr)
        (void)open_path(file, now_us);
}

void log_file_close(struct log_file *file) {
    if (!file->is_stderr && file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
