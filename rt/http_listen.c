/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rt/http_server.h>

#define BACKLOG 1024
/* Files, databases, upstream pools and whatever else a program opens beside its connections. */
#define SPARE_DESCRIPTORS 100

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* A connection is one descriptor. A call upstream is one, and two for the moment in which both
 * families of addresses are tried: a quarter of them at once. */
bool http_check_limit(const struct http_options *options, struct till_error *err) {
    struct rlimit limit;
    rlim_t calls = (rlim_t)options->workers_max + (rlim_t)options->notify_workers_max;
    rlim_t need = (rlim_t)options->connections_max + calls + calls / 4 + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
        return true;
    if (limit.rlim_max < need)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.connections_max",
                               "The limit of open files is %llu and %llu are needed; raise it "
                               "(LimitNOFILE, ulimit -n) or lower connections_max and workers_max.",
                               (unsigned long long)limit.rlim_max, (unsigned long long)need);
    /* Other listeners of this program need some too: take twice the need where it is allowed. */
    limit.rlim_cur = limit.rlim_max / 2 < need ? limit.rlim_max : 2 * need;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.connections_max",
                           "The limit of open files cannot be raised to %llu; see ulimit -n.",
                           (unsigned long long)need);
}

static bool fail_listen(int fd, const char *what, struct till_error *err) {
    int reason = errno;
    if (fd >= 0)
        close(fd);
    char text[96];
    return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.listen",
                           "Cannot %s (%s); choose another address or port.", what,
                           strerror_r(reason, text, sizeof text));
}

static bool read_address(const struct http_options *options, union address *ret_address,
                         socklen_t *ret_len, struct till_error *err) {
    char text[HTTP_ADDRESS_TEXT];
    union address address = {.any.sa_family = AF_INET};
    if (options->address.len >= sizeof text)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.listen",
                               "The address to listen at is too long.");
    snprintf(text, sizeof text, "%.*s", TILL_STR_ARG(options->address));
    if (inet_pton(AF_INET, text, &address.in.sin_addr) == 1) {
        address.in.sin_port = htons(options->port);
        *ret_len = sizeof address.in;
    } else if (inet_pton(AF_INET6, text, &address.in6.sin6_addr) == 1) {
        address.in6.sin6_family = AF_INET6;
        address.in6.sin6_port = htons(options->port);
        *ret_len = sizeof address.in6;
    } else {
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.listen",
                               "The address to listen at is not an IP address or unix:/path.");
    }
    *ret_address = address;
    return true;
}

static bool listen_tcp(struct http_server *server, struct till_error *err) {
    union address address;
    socklen_t len;
    int on = 1, off = 0;
    if (!read_address(&server->options, &address, &len, err))
        return false;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_listen(fd, "open a socket", err);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.any.sa_family == AF_INET6) /* "::" means both worlds */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &address.any, len) != 0 || listen(fd, BACKLOG) != 0) {
        char what[HTTP_ADDRESS_TEXT + 32];
        int reason = errno;
        snprintf(what, sizeof what, "listen at %.*s, port %u",
                 TILL_STR_ARG(server->options.address), (unsigned)server->options.port);
        errno = reason;
        return fail_listen(fd, what, err);
    }
    len = sizeof address;
    if (getsockname(fd, &address.any, &len) != 0)
        return fail_listen(fd, "read back the port", err);
    server->port =
        ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
    server->listen_fd = fd;
    return true;
}

/* A socket that nobody answers at is left over from a crash and may go; anything else may not. */
static bool clear_path(const union address *address, struct till_error *err) {
    struct stat status;
    if (lstat(address->un.sun_path, &status) != 0)
        return true;
    if (!S_ISSOCK(status.st_mode))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.listen",
                               "At the path of the Unix socket is something else; move it away.");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_listen(fd, "open a socket", err);
    bool dead = connect(fd, &address->any, sizeof address->un) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!dead)
        return TILL_FAIL_FIELD(err, ALREADY_EXISTS, "http.listen",
                               "Another process answers at the Unix socket; stop it first.");
    if (unlink(address->un.sun_path) != 0 && errno != ENOENT)
        return fail_listen(-1, "remove the stale Unix socket", err);
    return true;
}

static bool listen_unix(struct http_server *server, struct till_str path, struct till_error *err) {
    union address address = {.un.sun_family = AF_UNIX};
    struct stat status;
    if (path.len == 0 || path.len >= sizeof address.un.sun_path ||
        till_str_find(path, '\0') < path.len)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.listen",
                               "The path of the Unix socket is empty or above 107 bytes.");
    memcpy(address.un.sun_path, path.ptr, path.len);
    if (!clear_path(&address, err))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_listen(fd, "open a socket", err);
    /* The file takes its mode from the socket: there is no moment in which others could connect. */
    if (fchmod(fd, 0600) != 0 || bind(fd, &address.any, sizeof address.un) != 0)
        return fail_listen(fd, "bind the Unix socket", err);
    if (chmod(address.un.sun_path, 0600) != 0 || lstat(address.un.sun_path, &status) != 0 ||
        listen(fd, BACKLOG) != 0) {
        unlink(address.un.sun_path);
        return fail_listen(fd, "listen at the Unix socket", err);
    }
    memcpy(server->unix_path, address.un.sun_path, path.len + 1);
    server->unix_device = status.st_dev;
    server->unix_inode = status.st_ino;
    server->listen_fd = fd;
    return true;
}

bool http_listen(struct http_server *server, struct till_error *err) {
    struct till_str address = server->options.address;
    struct till_str prefix = TILL_STR("unix:");
    if (till_str_starts_with(address, prefix))
        return listen_unix(server, till_str_sub(address, prefix.len, address.len), err);
    return listen_tcp(server, err);
}

void http_unlisten(struct http_server *server) {
    struct stat status;
    if (server->listen_fd < 0)
        return;
    /* Only our own file: a successor may have taken the path. */
    if (server->unix_path[0] && lstat(server->unix_path, &status) == 0 &&
        status.st_dev == server->unix_device && status.st_ino == server->unix_inode)
        unlink(server->unix_path);
    close(server->listen_fd);
    server->listen_fd = -1;
}
