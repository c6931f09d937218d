/* SPDX-License-Identifier: MIT
 *
 * Start, drain and stop of our own HTTP edge, and the end of each turn of libuv's loop: streams whose message
 * was taken go on, then each connection that has something to write is flushed once. That is done twice a
 * turn: before libuv polls, for what timers have caused, and after it, for what peers and the database have
 * sent.
 */
#include "edge/http/server.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "edge/http/connection.h"
#include "edge/http/cors.h"
#include "edge/http/exchange.h"
#include "edge/http/h1.h"
#include "edge/http/h2.h"
#include "edge/http/h2_memory.h"
#include "edge/http/protocols.h"

#define LOOK_NS    UINT64_C(2000000000) /* between looks whether the TLS files have changed */
#define TRIM_NS    UINT64_C(2000000000) /* after which memory that HTTP/2 sessions have left is freed */
#define FLUSH_NS   UINT64_C(1000000)    /* of a turn, in which flushes are begun */
#define SILENT_NS  UINT64_C(20000000)   /* an extra connection may be silent before it gives way to another */
#define TALKING_NS UINT64_C(250000000)  /* any extra connection has before it gives way to another */

struct http_server {
    struct http_edge edge;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    struct timer look; /* whether the TLS files have changed */
    struct timer trim; /* runs while there is memory that HTTP/2 sessions have left */
    uv_idle_t more;    /* active while work is left for the next turn, so that libuv does not wait in poll */
};

static const struct http_carrier *const carriers[] = { &http_h2, &http_h1, NULL };

/* ---- the end of a turn ---- */

/* A stream that wants to go on once more is appended behind `last`, and has to wait for the next turn. */
static void go_on(struct http_edge *edge)
{
    struct exchange *exchange, *last = TAILQ_LAST(&edge->later, later_list);
    while (last && (exchange = TAILQ_FIRST(&edge->later))) {
        bool is_last = exchange == last;
        exchange_go_on(exchange);
        if (is_last)
            return;
    }
}

/* Connections for which no time is left come first in the next turn. */
static void flush(struct http_edge *edge, uint64_t until_ns)
{
    struct http_connection *connection, *last = TAILQ_LAST(&edge->dirty, dirty_list);
    while (last && (connection = TAILQ_FIRST(&edge->dirty))) {
        bool is_last = connection == last;
        connection_flush(connection);
        if (is_last || uv_hrtime() >= until_ns)
            return;
    }
}

static void on_idle(uv_idle_t *more)
{
    (void)more;
}

static void on_trim(struct timer *timer)
{
    (void)timer;
    h2_memory_trim(); /* end_turn() starts the timer again if there is more */
}

static void end_turn(struct http_server *server)
{
    struct http_edge *edge = &server->edge;
    go_on(edge);
    pressure_end_turn(edge);
    flush(edge, uv_hrtime() + FLUSH_NS);
    connections_free_gone(edge);
    bool has_more = !TAILQ_EMPTY(&edge->later) || !TAILQ_EMPTY(&edge->dirty) ||
                    !TAILQ_EMPTY(&edge->resuming) || connections_may_shake(edge);
    if (has_more && !uv_is_active((uv_handle_t *)&server->more))
        uv_idle_start(&server->more, on_idle);
    else if (!has_more && uv_is_active((uv_handle_t *)&server->more))
        uv_idle_stop(&server->more);
    if (h2_memory_is_ample() && !server->trim.is_running)
        timers_start(edge->timers, &server->trim, uv_hrtime() + TRIM_NS, on_trim);
}

static void on_before_poll(uv_prepare_t *handle)
{
    end_turn(handle->data);
}

static void on_after_poll(uv_check_t *handle)
{
    struct http_server *server = handle->data;
    connections_shake(&server->edge);
    connections_resume(&server->edge);
    end_turn(server);
}

/* ---- connections ---- */

void http_server_add_connection(struct http_server *server, int fd, const struct http_site *site)
{
    const struct ip *ip = peers_find(server->edge.peers, fd), none = { 0 };
    bool has_ip = ip && memcmp(ip, &none, sizeof none) != 0;
    unsigned max = server->edge.limits.connections_max;
    if (max > 0 && server->edge.connections_n >= max)
        connection_close(TAILQ_FIRST(&server->edge.connections));
    connection_create(&server->edge, fd, has_ip ? ip : NULL, site);
}

bool http_server_make_room(struct http_server *server)
{
    struct http_edge *edge = &server->edge;
    struct http_connection *connection, *silent = NULL, *oldest = NULL;
    uint64_t now_ns = uv_hrtime();
    unsigned left = edge->peers->extra_n;
    TAILQ_FOREACH_REVERSE(connection, &edge->connections, connection_list, link)
    {
        if (left == 0)
            break;
        if (!connection->is_extra)
            continue;
        left--;
        if (now_ns - connection->opened_ns >= SILENT_NS && connection_is_silent(connection))
            silent = connection;
        if (now_ns - connection->opened_ns >= TALKING_NS)
            oldest = connection;
    }
    connection = silent ?: oldest;
    if (connection)
        connection_give_way(connection);
    return connection;
}

void http_server_reconfigure(struct http_server *server, const struct http_limits *limits)
{
    server->edge.limits = *limits;
}

/* Whether the socket was accepted at this address. If it is the wildcard address the port decides. */
static bool is_at(int fd, const struct sockaddr *address)
{
    struct sockaddr_storage local = { 0 };
    socklen_t len = sizeof local;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    if (getsockname(fd, (struct sockaddr *)&local, &len) || local.ss_family != address->sa_family)
        return false;
    if (address->sa_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY))
        return ((struct sockaddr_in *)&local)->sin_port == v4->sin_port;
    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        return ((struct sockaddr_in6 *)&local)->sin6_port == v6->sin6_port;
    return memcmp(&local, address, address_len(address)) == 0;
}

void http_server_leave(struct http_server *server, const struct sockaddr *address)
{
    struct http_connection *connection;
    TAILQ_FOREACH (connection, &server->edge.connections, link)
        if (is_at(connection->watch.fd, address)) {
            connection->is_unwanted = true;
            connection_leave(connection, REASON_DRAIN);
        }
}

void http_server_drain(struct http_server *server)
{
    struct http_connection *connection;
    server->edge.is_draining = true;
    TAILQ_FOREACH (connection, &server->edge.connections, link)
        connection_leave(connection, REASON_DRAIN);
}

unsigned http_server_running(const struct http_server *server)
{
    return server->edge.exchanges_n;
}

bool http_server_is_over(const struct http_server *server)
{
    return server->edge.is_draining && server->edge.connections_n == 0;
}

void http_server_cancel(struct http_server *server)
{
    struct http_connection *connection;
    TAILQ_FOREACH (connection, &server->edge.connections, link)
        connection_end(connection, REASON_STOP, NULL);
    flush(&server->edge, UINT64_MAX);
}

const struct http_edge *http_server_edge(const struct http_server *server)
{
    return &server->edge;
}

/* ---- TLS ---- */

static void on_look(struct timer *timer)
{
    struct http_server *server = container_of(timer, struct http_server, look);
    tls_server_look(server->edge.tls, server->edge.loop);
    timers_start(server->edge.timers, timer, uv_hrtime() + LOOK_NS, on_look);
}

static int start_tls(struct http_server *server, struct tls_files *files)
{
    struct http_edge *edge = &server->edge;
    if (!edge->plain && !(edge->plain = malloc(READ_LEN))) {
        tls_files_destroy(files);
        return UV_ENOMEM;
    }
    int rc = tls_server_create(&edge->tls, files);
    if (!rc)
        timers_start(edge->timers, &server->look, uv_hrtime() + LOOK_NS, on_look);
    return rc;
}

int http_server_prepare_tls(struct http_server *server, struct tls_files *files)
{
    files->options.alpn = carriers[1] ? "\2h2\10http/1.1" : "\2h2"; /* the carriers of the table above */
    if (!server->edge.tls)
        return start_tls(server, files);
    tls_server_prepare(server->edge.tls, files);
    return 0;
}

void http_server_take_tls(struct http_server *server)
{
    tls_server_take(server->edge.tls);
}

/* ---- start and stop ---- */

static void start_turns(struct http_server *server)
{
    uv_loop_t *loop = server->edge.loop;
    uv_prepare_init(loop, &server->before_poll);
    uv_check_init(loop, &server->after_poll);
    uv_idle_init(loop, &server->more);
    server->before_poll.data = server->after_poll.data = server->more.data = server;
    uv_prepare_start(&server->before_poll, on_before_poll);
    uv_check_start(&server->after_poll, on_after_poll);
}

int http_server_create(struct http_server **out, uv_loop_t *loop, struct context *context,
                       const struct http_server_options *options)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server)
        return UV_ENOMEM; /* here and below: at start-up, so the process ends and nothing need be freed */
    struct http_edge *edge = &server->edge;
    *edge = (struct http_edge){ .loop = loop,
                                .timers = options->timers,
                                .context = context,
                                .peers = options->peers,
                                .limits = options->limits,
                                .protocols = http_protocols,
                                .codecs = http_codecs,
                                .carriers = carriers,
                                .cors = &http_cors,
                                .in = malloc(READ_LEN),
                                .out = malloc(WRITE_LEN) };
    TAILQ_INIT(&edge->connections);
    TAILQ_INIT(&edge->dirty);
    TAILQ_INIT(&edge->gone);
    TAILQ_INIT(&edge->shaking);
    TAILQ_INIT(&edge->resuming);
    TAILQ_INIT(&edge->later);
    TAILQ_INIT(&edge->touched);
    TAILQ_INIT(&edge->free);
    int rc = options->tls ? http_server_prepare_tls(server, options->tls) : 0;
    if (rc)
        return rc;
    if (!edge->in || !edge->out || method_table_init(&edge->methods) || h2_init())
        return UV_ENOMEM;
    rc = poller_init(&edge->poller, loop);
    if (rc)
        return rc;
    start_turns(server);
    *out = server;
    return 0;
}

void http_server_stop(struct http_server *server)
{
    struct http_connection *connection;
    http_server_cancel(server);
    while ((connection = TAILQ_FIRST(&server->edge.connections)))
        connection_close(connection);
    timers_stop(server->edge.timers, &server->look);
    timers_stop(server->edge.timers, &server->trim);
    poller_finish(&server->edge.poller);
    pressure_stop(&server->edge);
    uv_close((uv_handle_t *)&server->before_poll, NULL);
    uv_close((uv_handle_t *)&server->after_poll, NULL);
    uv_close((uv_handle_t *)&server->more, NULL);
}

void http_server_destroy(struct http_server *server)
{
    if (!server)
        return;
    struct http_edge *edge = &server->edge;
    connections_free_gone(edge);
    exchanges_free(edge);
    method_table_finish(&edge->methods);
    h2_finish();
    bytes_finish(&edge->spare);
    bytes_finish(&edge->inflated);
    bytes_finish(&edge->decoded);
    bytes_finish(&edge->encoded);
    tls_server_destroy(edge->tls);
    free(edge->plain);
    free(edge->in);
    free(edge->out);
    free(server);
}
