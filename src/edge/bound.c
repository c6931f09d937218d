/* SPDX-License-Identifier: MIT */
#include "edge/bound.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG       4096 /* the kernel caps it at net.core.somaxconn */
#define LOCK_TRIES    10   /* each a pause: another daemon keeps the lock for less than a millisecond */
#define LOCK_PAUSE_NS 10000000

static const char *path_of(const struct sockaddr *address)
{
    return ((const struct sockaddr_un *)address)->sun_path;
}

/* Removes the socket file of a daemon that has died, which bind() would fail on. A file that somebody listens
 * on stays, and bind() fails rightly. connect() is refused by any file, so what is no socket has to be found
 * out before: it is somebody's, and the path a mistake. The socket does not block, because connect() would
 * wait for one that listens but whose backlog is full. */
static int remove_stale(const struct sockaddr *address)
{
    struct stat stat_of;
    if (stat(path_of(address), &stat_of) == 0 && !S_ISSOCK(stat_of.st_mode))
        return -ENOTSOCK;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, address, address_len(address)) && errno == ECONNREFUSED)
        unlink(path_of(address));
    close(fd);
    return 0;
}

/* Locks the folder of the path: a file looks stale until its daemon has called listen(), and of two that
 * start at once neither may remove the other's. *fd is to be closed; a folder that cannot be opened is not
 * locked, and bind() tells what is wrong with it. 0 or -EBUSY. */
static int lock_folder(int *fd, const char *path)
{
    char folder[sizeof((struct sockaddr_un){ 0 }.sun_path) + 1];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = *fd < 0 ? 0 : -1;
    for (int tries = 0; rc && tries < LOCK_TRIES; tries++)
        if ((rc = flock(*fd, LOCK_EX | LOCK_NB)))
            nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NS }, NULL);
    return rc ? -EBUSY : 0;
}

/* Nobody can connect before listen(), so the mode is right from the first connection on. */
static int bind_unix(struct bound *bound, const struct sockaddr *address)
{
    const char *path = path_of(address);
    struct stat stat_of;
    int rc = remove_stale(address);
    if (rc)
        return rc;
    if (bind(bound->fd, address, address_len(address)) || chmod(path, 0660) || stat(path, &stat_of) ||
        listen(bound->fd, BACKLOG))
        return -errno;
    bound->inode = stat_of.st_ino;
    return 0;
}

static int open_unix(struct bound *bound, const struct sockaddr *address)
{
    int lock, rc = lock_folder(&lock, path_of(address));
    if (!rc)
        rc = bind_unix(bound, address);
    if (lock >= 0)
        close(lock);
    return rc;
}

/* Accepted sockets inherit these options, which saves two system calls a connection. */
static void set_inherited(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int open_inet(struct bound *bound, const struct sockaddr *address, bool reuse_port)
{
    int on = 1;
    /* So that a restart need not wait for old connections in TIME_WAIT. A second daemon on the port still
     * gets an error. */
    setsockopt(bound->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port)
        setsockopt(bound->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        setsockopt(bound->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    set_inherited(bound->fd);
    return bind(bound->fd, address, address_len(address)) || listen(bound->fd, BACKLOG) ? -errno : 0;
}

static int open_own(struct bound *bound, const struct sockaddr *address, bool reuse_port)
{
    bound->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bound->fd < 0)
        return -errno;
    int rc =
        address->sa_family == AF_UNIX ? open_unix(bound, address) : open_inet(bound, address, reuse_port);
    if (rc)
        close(bound->fd);
    return rc;
}

/* We use a duplicate: the descriptor that was handed over stays open when the listener is closed, and with it
 * the connections in its backlog. */
static int open_handed(struct bound *bound, int handed_fd)
{
    fcntl(handed_fd, F_SETFD, FD_CLOEXEC);
    bound->fd = fcntl(handed_fd, F_DUPFD_CLOEXEC, 0);
    if (bound->fd < 0)
        return -errno;
    int flags = fcntl(bound->fd, F_GETFL);
    if (flags < 0 || fcntl(bound->fd, F_SETFL, flags | O_NONBLOCK)) {
        int rc = -errno;
        close(bound->fd);
        return rc;
    }
    set_inherited(bound->fd);
    return 0;
}

int bound_open(struct bound *bound, const struct address *address, bool reuse_port)
{
    *bound = (struct bound){ .fd = -1 };
    int rc = address->fd ? open_handed(bound, address->fd)
                         : open_own(bound, (const struct sockaddr *)&address->socket, reuse_port);
    socklen_t len = sizeof bound->at;
    if (!rc)
        getsockname(bound->fd, (struct sockaddr *)&bound->at, &len);
    return rc;
}

void bound_await_words(const struct bound *bound, bool is_awaited)
{
    int seconds = is_awaited;
    if (bound->at.ss_family != AF_UNIX)
        setsockopt(bound->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

void bound_remove_file(const struct bound *bound)
{
    struct stat stat_of;
    if (bound->inode && stat(path_of((const struct sockaddr *)&bound->at), &stat_of) == 0 &&
        stat_of.st_ino == bound->inode)
        unlink(path_of((const struct sockaddr *)&bound->at));
}

void bound_close(struct bound *bound)
{
    close(bound->fd);
    bound->fd = -1;
}
