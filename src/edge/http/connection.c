/* SPDX-License-Identifier: MIT
 *
 * A connection's states, its memory budget, its beginning and its end. Its other parts are connection_read.c,
 * connection_write.c, connection_time.c (timeouts) and connection_handshake.c (TLS on threads).
 */
#include "edge/http/connection.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/state.h"

#define MS             UINT64_C(1000000)
#define SOFT_BYTES     ((size_t)2097152) /* of a connection's budget, besides what its limits need */
#define EXCHANGE_BYTES ((size_t)4096)    /* about what an exchange takes */
#define HELD_MAX       64   /* calls of a connection that are held back; at so many it is not read */
#define HELD_MANY      2048 /* of all connections; at so many each that has one is not read */

static const struct state_machine states = {
    .of = "connection",
    .names = { "OPENING", "SERVING", "LEAVING", "LINGERING", "CLOSED" },
    .next = { [CONNECTION_OPENING] =
                  TO(CONNECTION_SERVING) | TO(CONNECTION_LINGERING) | TO(CONNECTION_CLOSED),
              [CONNECTION_SERVING] =
                  TO(CONNECTION_LEAVING) | TO(CONNECTION_LINGERING) | TO(CONNECTION_CLOSED),
              [CONNECTION_LEAVING] = TO(CONNECTION_LINGERING) | TO(CONNECTION_CLOSED),
              [CONNECTION_LINGERING] = TO(CONNECTION_CLOSED) },
};

void connection_move(struct http_connection *connection, enum connection_state to)
{
    if (to >= CONNECTION_LINGERING) {
        connection_unshake(connection);
        connection_resume(connection, false);
    }
    connection->state = state_move(&states, connection->state, to);
    connection->state_since_ns = uv_hrtime();
}

/* ---- budget ---- */

bool connection_is_over_budget(const struct http_connection *connection)
{
    return connection->buffered > connection->soft_limit;
}

bool connection_may_begin(const struct http_connection *connection)
{
    return !connection->is_ending && !connection_is_over_budget(connection) &&
           !pressure_is_hopeless(connection->edge);
}

bool connection_is_held_back(const struct http_connection *connection)
{
    return connection->held_n >= HELD_MAX ||
           (connection->held_n > 0 && connection->edge->held_n >= HELD_MANY);
}

void connection_charge(struct http_connection *connection, ssize_t bytes)
{
    struct http_edge *edge = connection->edge;
    if (connection->buffered == 0)
        edge->users_n++;
    connection->buffered += (size_t)bytes;
    edge->buffered += (size_t)bytes;
    if (connection->buffered == 0)
        edge->users_n--;
    if (bytes <= 0)
        return;
    if (connection_is_over_budget(connection) && !connection->over_since_ns) {
        connection->over_since_ns = uv_hrtime();
        connection_wants_write(connection); /* the flush sets its timer */
    }
    if (edge->buffered >= edge->limits.max_buffered_bytes / 2) /* spares most calls the look */
        pressure_grown(edge);
}

void connection_charge_out(struct http_connection *connection)
{
    connection_charge(connection, (ssize_t)connection->out.size - (ssize_t)connection->out_charged);
    connection->out_charged = connection->out.size;
}

/* ---- the end of a connection ---- */

/* Lets go of the exchanges and closes the socket; the memory is freed at the end of the turn. */
void connection_close(struct http_connection *connection)
{
    struct http_edge *edge = connection->edge;
    if (connection->session)
        connection->carrier->close(connection);
    connection->session = NULL;
    if (connection->is_dirty)
        TAILQ_REMOVE(&edge->dirty, connection, dirty_link);
    connection->is_dirty = false;
    timers_stop(edge->timers, &connection->timer);
    tls_destroy(connection->tls);
    connection->tls = NULL;
    connection_forget_lent(connection);
    bytes_finish(&connection->proxy);
    TAILQ_REMOVE(&edge->connections, connection, link);
    edge->connections_n--;
    bytes_finish(&connection->out);
    connection_charge_out(connection);
    connection_move(connection, CONNECTION_CLOSED);
    pressure_closed(connection);
    peers_remove(edge->peers, connection->watch.fd);
    poller_forget(&connection->watch);
    close(connection->watch.fd);
    TAILQ_INSERT_TAIL(&edge->gone, connection, link);
}

void connections_free_gone(struct http_edge *edge)
{
    struct http_connection *connection;
    while ((connection = TAILQ_FIRST(&edge->gone))) {
        TAILQ_REMOVE(&edge->gone, connection, link);
        free(connection);
    }
}

void connection_end(struct http_connection *connection, enum http_reason reason, const char *detail)
{
    if (connection->state >= CONNECTION_LINGERING || connection->is_ending)
        return;
    if (connection->state != CONNECTION_LEAVING || http_reason_is_grave(reason)) {
        connection->reason = reason;
        connection->reason_detail = detail;
    }
    connection->is_ending = true;
    connection_wants_write(connection);
}

void connection_leave(struct http_connection *connection, enum http_reason reason)
{
    if (connection->state != CONNECTION_SERVING || connection->is_ending)
        return;
    connection->reason = reason;
    connection_move(connection, CONNECTION_LEAVING);
    connection->carrier->leave(connection);
    connection_arm(connection);
}

void connection_give_way(struct http_connection *connection)
{
    if (connection->state < CONNECTION_LINGERING) {
        connection_end(connection, REASON_FULL, NULL);
        connection_flush(connection);
    }
    if (connection->state != CONNECTION_CLOSED)
        connection_close(connection);
}

/* ---- on a server that is full ---- */

bool connection_is_ordinary(struct http_connection *connection)
{
    if (connection->is_extra)
        connection->is_extra = !peers_settle(connection->edge->peers, connection->watch.fd, uv_hrtime() / MS);
    return !connection->is_extra;
}

bool connection_is_silent(const struct http_connection *connection)
{
    int unread = 0;
    return connection->read_ns == connection->opened_ns &&
           (ioctl(connection->watch.fd, FIONREAD, &unread) || unread == 0);
}

/* ---- the beginning of a connection ---- */

static uint64_t age_at(const struct http_edge *edge, uint64_t now_ns)
{
    uint64_t age_ms = edge->limits.max_connection_age_ms;
    if (!age_ms)
        return UINT64_MAX;
    uint64_t jitter_ms = age_ms / 5 ? (uint64_t)random() % (age_ms / 5) : 0;
    return now_ns + (age_ms - age_ms / 10 + jitter_ms) * MS;
}

void connection_create(struct http_edge *edge, int fd, const struct ip *ip, const struct http_site *site)
{
    struct http_connection *connection = calloc(1, sizeof *connection);
    struct tls *tls = connection && site->has_tls ? tls_create(edge->tls, &connection->out) : NULL;
    if (!connection || (site->has_tls && !tls)) {
        tls_destroy(tls);
        free(connection);
        peers_remove(edge->peers, fd);
        close(fd);
        return;
    }
    uint64_t now_ns = uv_hrtime();
    connection->watch = (struct watch){ .fd = fd, .on_event = connection_on_event, .goes_first = true };
    connection->edge = edge;
    connection->site = site;
    connection->has_ip = ip;
    if (ip)
        connection->ip = *ip;
    connection->tls = tls;
    connection->message_max = edge->limits.max_message_bytes;
    connection->streams_max = edge->limits.max_concurrent_streams;
    connection->soft_limit =
        SOFT_BYTES + 4 * connection->message_max + connection->streams_max * EXCHANGE_BYTES;
    connection->is_extra = peers_is_extra(edge->peers, fd);
    connection->is_first = true;
    connection->awaits_proxy = ip && network_list_contains(edge->limits.proxy_protocol_from, ip);
    connection->opened_ns = connection->idle_since_ns = connection->read_ns = now_ns;
    connection->age_at_ns = age_at(edge, now_ns);
    TAILQ_INSERT_TAIL(&edge->connections, connection, link);
    edge->connections_n++;
    connection_wants_write(connection);               /* the flush begins to poll it and sets its timer */
    connection_on_event(&connection->watch, EPOLLIN); /* most peers have sent something by now */
}
