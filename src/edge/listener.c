/* SPDX-License-Identifier: MIT
 *
 * Connections of the gRPC core close unnoticed (peers.h), so their count may be too high. It is checked by a
 * sweep only when a limit seems reached, and at most every PEERS_SWEEP_EVERY_MS; meanwhile new connections
 * wait in the kernel's backlog.
 */
#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <unistd.h>

#include "edge/bound.h"
#include "observe/log.h"

#define ACCEPT_MAX 64 /* connections a turn, so that a flood of them does not starve calls */
#define EXTRA_MS   10 /* after which it is tried again whether an extra connection gives way */

struct port {
    struct listener *listener;
    uv_poll_t poll;
    struct bound bound;
    struct address address; /* as the configuration has it */
    /* Between listener_prepare() and listener_take(): it is in the new list, was opened for it, its index. */
    bool is_kept, is_new;
    size_t number;
    LIST_ENTRY(port) link;
};

struct listener {
    struct listener_options options;
    uv_loop_t *loop;
    LIST_HEAD(port_list, port) ports;
    int reserve_fd; /* given up to accept and close a connection when descriptors have run out */
    uv_timer_t resume;
    bool is_held;  /* see listener_options.holds_handed */
    bool has_told; /* has logged that connections wait or are refused; until they do not any more */
};

static void on_connection(uv_poll_t *poll, int status, int events);

/* ---- caps ---- */

static bool address_is_full(const struct port *port, const struct ip *ip, uint64_t now_ms)
{
    const struct listener_options *options = &port->listener->options;
    bool is_proxy = port->address.scheme != SCHEME_GRPC && options->proxies &&
                    network_list_contains(options->proxies, ip);
    return !is_proxy && peers_address_is_full(options->peers, ip, now_ms);
}

static bool takes_extra(const struct port *port)
{
    return port->listener->options.makes_room && port->address.scheme != SCHEME_GRPC;
}

static bool has_extra_place(const struct port *port)
{
    const struct listener_options *options = &port->listener->options;
    return takes_extra(port) &&
           (options->peers->extra_n < PEERS_EXTRA_MAX || options->makes_room(options->data));
}

static void tell_limit(struct listener *listener, const char *why)
{
    if (!listener->has_told)
        log_warn(why, log_int("connections", listener->options.peers->n));
    listener->has_told = true;
}

/* ---- pausing ---- */

static void on_resume(uv_timer_t *resume)
{
    struct listener *listener = resume->data;
    struct port *port;
    LIST_FOREACH(port, &listener->ports, link)
    if (!listener->is_held || !port->address.fd)
        uv_poll_start(&port->poll, UV_READABLE, on_connection);
}

void listener_go(struct listener *listener)
{
    bool was_held = listener->is_held;
    listener->is_held = false;
    if (was_held && !uv_is_closing((uv_handle_t *)&listener->resume))
        on_resume(&listener->resume);
}

/* Meanwhile new connections wait in the kernel's backlog. */
static void pause_accepting(struct port *port, const char *why, unsigned ms)
{
    uv_poll_stop(&port->poll);
    tell_limit(port->listener, why);
    uv_timer_start(&port->listener->resume, on_resume, ms, 0);
}

/* ---- accepting ---- */

/* Without a free descriptor a connection cannot even be accepted to be closed, and the listening socket stays
 * readable: so a reserve is given up for a moment. */
static void refuse_one(struct port *port)
{
    struct listener *listener = port->listener;
    close(listener->reserve_fd);
    int fd = accept4(port->bound.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pause_accepting(
        port, "out of file descriptors, connections are refused: raise the limit of open files (LimitNOFILE)",
        PEERS_SWEEP_EVERY_MS);
}

static void take(struct port *port, int fd, const struct sockaddr *address, uint64_t now_ms)
{
    struct listener *listener = port->listener;
    struct ip ip = { 0 }; /* peers on a unix socket have none */
    bool has_ip = ip_from_sockaddr(&ip, address) == 0;
    if ((has_ip && address_is_full(port, &ip, now_ms)) ||
        peers_add(listener->options.peers, fd, &ip, port->address.scheme == SCHEME_GRPC)) {
        close(fd);
        return;
    }
    if (peers_is_extra(listener->options.peers, fd))
        tell_limit(listener, "connection limit reached, new ones are answered health only");
    listener->options.on_accepted(listener->options.data, fd, port->address.scheme);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct port *port = poll->data;
    struct listener *listener = port->listener;
    uint64_t now_ms = uv_now(poll->loop);
    (void)events;
    if (status < 0)
        return;
    for (unsigned n = 0; n < ACCEPT_MAX; n++) {
        bool is_full = !peers_have_room(listener->options.peers, now_ms);
        if (is_full && takes_extra(port) && n > 0)
            return; /* whether another one waits is known next turn: none gives way for nothing */
        if (is_full && !has_extra_place(port)) {
            pause_accepting(port, "connection limit reached, new ones wait",
                            takes_extra(port) ? EXTRA_MS : PEERS_SWEEP_EVERY_MS);
            return;
        }
        struct sockaddr_storage address = { 0 };
        socklen_t len = sizeof address;
        int fd = accept4(port->bound.fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            take(port, fd, (struct sockaddr *)&address, now_ms);
        else if (errno == EMFILE || errno == ENFILE) {
            refuse_one(port);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            listener->has_told = listener->has_told && is_full;
            return;
        } /* other errors (ECONNABORTED, EINTR, of the network) concern only this one connection */
    }
}

/* ---- start and stop ---- */

static void on_port_closed(uv_handle_t *handle)
{
    struct port *port = handle->data;
    bound_close(&port->bound);
    free(port);
}

static void close_port(struct port *port)
{
    LIST_REMOVE(port, link);
    bound_remove_file(&port->bound);
    uv_close((uv_handle_t *)&port->poll, on_port_closed);
}

static int start_port(struct port *port, const struct address *address)
{
    int rc = bound_open(&port->bound, address, port->listener->options.reuse_port);
    if (!rc && (rc = uv_poll_init(port->listener->loop, &port->poll, port->bound.fd)))
        bound_close(&port->bound);
    return rc;
}

static void tell_port(const char *message, const struct port *port)
{
    char text[ADDRESS_TEXT_LEN];
    address_format((const struct sockaddr *)&port->bound.at, text);
    log_info(message, log_str("address", text), log_str("scheme", scheme_name(port->address.scheme)),
             log_str("socket", port->address.fd ? "handed over" : NULL));
}

/* In a reload an address may be in use by svcd itself: 127.0.0.1:80 while it listens on 0.0.0.0:80. */
static void tell_failure(const struct listener *listener, const struct address *address, int rc)
{
    char text[ADDRESS_TEXT_LEN], own[ADDRESS_TEXT_LEN];
    const char *taken_by = NULL;
    const struct port *port;
    address_format((const struct sockaddr *)&address->socket, text);
    LIST_FOREACH(port, &listener->ports, link)
    if (rc == UV_EADDRINUSE && address_overlaps(&port->address, address)) {
        address_format((const struct sockaddr *)&port->address.socket, own);
        taken_by = own;
    }
    log_error("cannot listen", log_str("address", text), log_error_code(rc),
              log_str("svcd_listens_on", taken_by),
              log_str("do", taken_by ? "restart svcd, which cannot listen on both meanwhile" : NULL));
}

static int add_port(struct listener *listener, const struct address *address, struct port **added)
{
    struct port *port = calloc(1, sizeof *port);
    if (!port)
        return UV_ENOMEM;
    port->listener = listener;
    port->address = *address;
    port->poll.data = port;
    int rc = start_port(port, address);
    if (rc) {
        tell_failure(listener, address, rc);
        free(port);
        return rc;
    }
    LIST_INSERT_HEAD(&listener->ports, port, link);
    if ((!listener->is_held || !address->fd) &&
        (rc = uv_poll_start(&port->poll, UV_READABLE, on_connection))) {
        tell_failure(listener, address, rc);
        close_port(port);
        return rc;
    }
    *added = port;
    return 0;
}

/* Raises the soft limit on descriptors, often 1024, to the hard limit and returns it. UINT_MAX: no limit. */
static unsigned raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return UINT_MAX;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur < UINT_MAX ? (unsigned)limit.rlim_cur : UINT_MAX;
}

/* Sets the limits of `peers`. Each connection takes a descriptor, also an extra one; descriptors_kept are for
 * others. */
static void keep_descriptors(struct listener *listener, unsigned limit)
{
    struct listener_options *options = &listener->options;
    unsigned kept = options->descriptors_kept + (options->makes_room ? PEERS_EXTRA_MAX : 0);
    unsigned most = limit > kept ? limit - kept : 1;
    options->peers->max = options->max_connections;
    options->peers->max_per_address = options->max_connections_per_address;
    if (!options->descriptors_kept || options->max_connections <= most)
        return;
    log_warn("the limit of open files leaves fewer connections than server.max_connections; raise it "
             "(LimitNOFILE, ulimit -n)",
             log_int("limit", limit), log_int("max_connections", options->max_connections),
             log_int("connections", most));
    options->peers->max = most;
}

int listener_start(struct listener **out, uv_loop_t *loop, const struct listener_options *options)
{
    unsigned limit = raise_descriptor_limit();
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return UV_ENOMEM;
    listener->options = *options;
    keep_descriptors(listener, limit);
    listener->is_held = options->holds_handed;
    listener->loop = loop;
    listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uv_timer_init(loop, &listener->resume);
    listener->resume.data = listener;
    *out = listener;
    int rc = listener_prepare(listener, options->listen);
    if (!rc)
        listener_take(listener, options->listen);
    return rc; /* at start-up: on failure the process ends */
}

/* ---- other addresses ---- */

/* The port that was opened for this address. Of several with port 0, the one of the same scheme. */
static struct port *find_port(struct listener *listener, const struct address *address)
{
    struct port *port, *found = NULL;
    const struct sockaddr *wanted = (const struct sockaddr *)&address->socket;
    LIST_FOREACH(port, &listener->ports, link)
    if (!port->is_kept && port->address.socket.ss_family == wanted->sa_family &&
        memcmp(&port->address.socket, wanted, address_len(wanted)) == 0 &&
        (!found || port->address.scheme == address->scheme))
        found = port;
    return found;
}

static int prepare_port(struct listener *listener, const struct address *address, size_t number)
{
    struct port *port = find_port(listener, address);
    bool is_new = !port;
    int rc = is_new ? add_port(listener, address, &port) : 0;
    if (rc)
        return rc;
    port->is_kept = true;
    port->is_new = is_new;
    port->number = number;
    return 0;
}

int listener_prepare(struct listener *listener, const struct address_list *listen)
{
    int rc = 0;
    for (size_t i = 0; i < listen->n && !rc; i++)
        rc = prepare_port(listener, &listen->items[i], i);
    if (rc)
        listener_forgo(listener);
    return rc;
}

void listener_forgo(struct listener *listener)
{
    struct port *port, *next;
    for (port = LIST_FIRST(&listener->ports); port; port = next) {
        next = LIST_NEXT(port, link);
        if (port->is_new)
            close_port(port);
        else
            port->is_kept = false;
    }
}

/* An address whose scheme alone has changed keeps its socket. */
static void take_port(struct listener *listener, size_t number, const struct address *address)
{
    struct port *port;
    LIST_FOREACH(port, &listener->ports, link)
    if (port->is_kept && port->number == number) {
        bool is_told = !port->is_new && port->address.scheme == address->scheme;
        port->is_new = false;
        port->address.scheme = address->scheme;
        bound_await_words(&port->bound, address->scheme == SCHEME_GRPC);
        if (!is_told)
            tell_port(listener->options.told_as ?: "listening", port);
        return;
    }
}

void listener_take(struct listener *listener, const struct address_list *listen)
{
    struct port *port, *next;
    for (size_t i = 0; i < listen->n; i++)
        take_port(listener, i, &listen->items[i]);
    for (port = LIST_FIRST(&listener->ports); port; port = next) {
        next = LIST_NEXT(port, link);
        bool is_kept = port->is_kept;
        port->is_kept = false;
        if (is_kept)
            continue;
        tell_port("listening no more", port);
        if (listener->options.on_removed)
            listener->options.on_removed(listener->options.data, (struct sockaddr *)&port->bound.at);
        close_port(port);
    }
}

void listener_reconfigure(struct listener *listener, unsigned max_connections,
                          unsigned max_connections_per_address, const struct network_list *proxies)
{
    listener->options.max_connections = max_connections;
    listener->options.max_connections_per_address = max_connections_per_address;
    listener->options.proxies = proxies;
    keep_descriptors(listener, raise_descriptor_limit());
}

/* ---- stop ---- */

void listener_stop(struct listener *listener)
{
    struct port *port;
    while ((port = LIST_FIRST(&listener->ports)))
        close_port(port);
    uv_close((uv_handle_t *)&listener->resume, NULL);
}

void listener_destroy(struct listener *listener)
{
    if (!listener)
        return;
    close(listener->reserve_fd);
    free(listener);
}
