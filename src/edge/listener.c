/* SPDX-License-Identifier: MIT
 *
 * The core owns a connection once it has it and tells nobody when it closes it. So connections are counted by
 * what the kernel says: each is remembered by its descriptor and socket inode, and when a cap seems to be
 * reached the table is swept for descriptors that are closed or another socket by now. Below the caps nothing
 * is swept, above them at most every SWEEP_EVERY_MS.
 */
#include "edge/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "observe/log.h"

#define BACKLOG        4096 /* the kernel caps it at net.core.somaxconn */
#define SWEEP_EVERY_MS 100
#define ACCEPT_MAX     64 /* a turn, so that a flood of connections does not starve calls */

struct peer {
    ino_t inode; /* of the socket; 0: none */
    struct ip ip;
};

struct listener {
    struct acceptor *acceptor;
    uv_poll_t poll;
    int fd;
};

struct acceptor {
    struct wire *wire;
    struct acceptor_options options;
    struct listener listeners[ADDRESS_LIST_MAX];
    size_t listeners_n;
    struct peer *peers; /* by descriptor */
    size_t peers_n;
    unsigned connections; /* at most: some may have closed since the last sweep */
    uint64_t swept_ms;
    int reserve_fd; /* given up to accept and close a connection when descriptors have run out */
    uv_timer_t resume;
    bool has_told; /* that new ones wait, or are refused; until nobody does */
};

static void on_connection(uv_poll_t *poll, int status, int events);

/* ---- counting ---- */

static bool is_open(int fd, const struct peer *peer)
{
    struct stat stat;
    return peer->inode && fstat(fd, &stat) == 0 && stat.st_ino == peer->inode;
}

static void sweep(struct acceptor *acceptor, uint64_t now_ms)
{
    if (acceptor->swept_ms && now_ms - acceptor->swept_ms < SWEEP_EVERY_MS)
        return;
    acceptor->swept_ms = now_ms;
    for (size_t fd = 0; fd < acceptor->peers_n; fd++) {
        struct peer *peer = &acceptor->peers[fd];
        if (peer->inode && !is_open((int)fd, peer)) {
            peer->inode = 0;
            acceptor->connections--;
        }
    }
}

static unsigned connections_from(const struct acceptor *acceptor, const struct ip *ip)
{
    unsigned n = 0;
    for (size_t fd = 0; fd < acceptor->peers_n; fd++)
        n += acceptor->peers[fd].inode && memcmp(&acceptor->peers[fd].ip, ip, sizeof *ip) == 0;
    return n;
}

static bool address_is_full(struct acceptor *acceptor, const struct ip *ip, uint64_t now_ms)
{
    unsigned max = acceptor->options.max_connections_per_address;
    if (max == 0 || connections_from(acceptor, ip) < max)
        return false;
    sweep(acceptor, now_ms);
    return connections_from(acceptor, ip) >= max;
}

static int remember(struct acceptor *acceptor, int fd, const struct ip *ip)
{
    struct stat stat;
    if (fstat(fd, &stat))
        return UV_EBADF;
    if ((size_t)fd >= acceptor->peers_n) {
        size_t n = ((size_t)fd + 1) * 2;
        struct peer *peers = realloc(acceptor->peers, n * sizeof *peers);
        if (!peers)
            return UV_ENOMEM;
        memset(peers + acceptor->peers_n, 0, (n - acceptor->peers_n) * sizeof *peers);
        acceptor->peers = peers;
        acceptor->peers_n = n;
    }
    acceptor->connections += acceptor->peers[fd].inode == 0; /* else its last one has closed unnoticed */
    acceptor->peers[fd] = (struct peer){ .inode = stat.st_ino, .ip = *ip };
    return 0;
}

const struct ip *acceptor_peer(const struct acceptor *acceptor, int fd)
{
    if (!acceptor || fd < 0 || (size_t)fd >= acceptor->peers_n || !acceptor->peers[fd].inode)
        return NULL;
    return &acceptor->peers[fd].ip;
}

/* ---- pausing ---- */

static void on_resume(uv_timer_t *resume)
{
    struct acceptor *acceptor = resume->data;
    for (size_t i = 0; i < acceptor->listeners_n; i++)
        uv_poll_start(&acceptor->listeners[i].poll, UV_READABLE, on_connection);
}

/* New peers wait in the kernel's backlog meanwhile. */
static void pause_accepting(struct acceptor *acceptor, const char *why)
{
    for (size_t i = 0; i < acceptor->listeners_n; i++)
        uv_poll_stop(&acceptor->listeners[i].poll);
    if (!acceptor->has_told)
        log_warn(why, log_int("connections", acceptor->connections));
    acceptor->has_told = true;
    uv_timer_start(&acceptor->resume, on_resume, SWEEP_EVERY_MS, 0);
}

static bool is_full(struct acceptor *acceptor, uint64_t now_ms)
{
    if (acceptor->connections >= acceptor->options.max_connections)
        sweep(acceptor, now_ms);
    return acceptor->connections >= acceptor->options.max_connections;
}

/* ---- accepting ---- */

/* Without a descriptor the peer cannot even be refused, and the listener stays readable: spend the reserve on
 * it. */
static void refuse_one(struct acceptor *acceptor, int listener_fd)
{
    close(acceptor->reserve_fd);
    int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    acceptor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pause_accepting(
        acceptor,
        "out of file descriptors, connections are refused: raise the limit of open files (LimitNOFILE)");
}

static void take(struct acceptor *acceptor, int fd, const struct sockaddr *address, uint64_t now_ms)
{
    struct ip ip = { 0 };
    int on = 1;
    ip_from_sockaddr(&ip, address);
    if (address_is_full(acceptor, &ip, now_ms) || remember(acceptor, fd, &ip)) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    wire_add_connection(acceptor->wire, fd);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;
    struct acceptor *acceptor = listener->acceptor;
    uint64_t now_ms = uv_now(poll->loop);
    (void)events;
    if (status < 0)
        return;
    for (unsigned n = 0; n < ACCEPT_MAX; n++) {
        if (is_full(acceptor, now_ms)) {
            pause_accepting(acceptor, "connection limit reached, new ones wait");
            return;
        }
        struct sockaddr_storage address = { 0 };
        socklen_t len = sizeof address;
        int fd = accept4(listener->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            take(acceptor, fd, (struct sockaddr *)&address, now_ms);
        else if (errno == EMFILE || errno == ENFILE) {
            refuse_one(acceptor, listener->fd);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            acceptor->has_told = false;
            return;
        } /* others (ECONNABORTED, EINTR, a network error) are the one peer's */
    }
}

/* ---- start and stop ---- */

static int open_listener(int *out, const struct sockaddr_storage *address)
{
    socklen_t len = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int on = 1, fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* A restart must not wait for old connections to time out; a second daemon on the port is an error all
     * the same. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, len) || listen(fd, BACKLOG)) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    *out = fd;
    return 0;
}

static int add_listener(struct acceptor *acceptor, uv_loop_t *loop, const struct sockaddr_storage *address)
{
    struct listener *listener = &acceptor->listeners[acceptor->listeners_n];
    char text[ADDRESS_TEXT_LEN];
    int rc = open_listener(&listener->fd, address);
    if (!rc && (rc = uv_poll_init(loop, &listener->poll, listener->fd)))
        close(listener->fd);
    if (rc) {
        address_format((const struct sockaddr *)address, text);
        log_error("cannot listen", log_str("address", text), log_error_code(rc));
        return rc;
    }
    listener->acceptor = acceptor;
    listener->poll.data = listener;
    acceptor->listeners_n++;
    uv_poll_start(&listener->poll, UV_READABLE, on_connection);
    struct sockaddr_storage bound = { 0 };
    socklen_t len = sizeof bound;
    getsockname(listener->fd, (struct sockaddr *)&bound, &len);
    address_format((struct sockaddr *)&bound, text);
    log_info("listening", log_str("address", text));
    return 0;
}

/* Connections are descriptors: what the system allows is what we take, and more than the configured cap is no
 * use. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int acceptor_start(struct acceptor **out, uv_loop_t *loop, struct wire *wire,
                   const struct acceptor_options *options)
{
    raise_descriptor_limit();
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);
    if (!acceptor)
        return UV_ENOMEM;
    acceptor->wire = wire;
    acceptor->options = *options;
    acceptor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uv_timer_init(loop, &acceptor->resume);
    acceptor->resume.data = acceptor;
    for (size_t i = 0; i < options->listen->n; i++) {
        int rc = add_listener(acceptor, loop, &options->listen->items[i]);
        if (rc)
            return rc; /* at start-up, with nothing to lose: the process ends */
    }
    *out = acceptor;
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    close(listener->fd);
}

void acceptor_stop(struct acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->listeners_n; i++)
        uv_close((uv_handle_t *)&acceptor->listeners[i].poll, on_listener_closed);
    uv_close((uv_handle_t *)&acceptor->resume, NULL);
}

void acceptor_destroy(struct acceptor *acceptor)
{
    if (!acceptor)
        return;
    close(acceptor->reserve_fd);
    free(acceptor->peers);
    free(acceptor);
}
