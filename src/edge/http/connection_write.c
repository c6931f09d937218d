/* SPDX-License-Identifier: MIT
 *
 * The way of bytes from the carrier to the socket. At the end of the turn server.c calls connection_flush()
 * for each connection on edge->dirty. It sends what the socket did not take the last time, then what the
 * carrier fills into edge->out, encrypted on https://; after that it polls the socket for what it waits for
 * next, and sets the timer.
 */
#include <errno.h>
#include <sys/socket.h>

#include "edge/http/connection.h"
#include "observe/log.h"

#define SPARE_MAX ((size_t)262144) /* bytes; a larger output buffer is freed and not lent on */

void connection_wants_write(struct http_connection *connection)
{
    if (connection->is_dirty || connection->state >= CONNECTION_LINGERING)
        return;
    connection->is_dirty = true;
    TAILQ_INSERT_TAIL(&connection->edge->dirty, connection, dirty_link);
}

void connection_has_read(struct http_connection *connection, size_t len)
{
    connection->taken_len += len;
    if (connection->state == CONNECTION_LEAVING)
        connection->moved_ns = uv_hrtime();
}

void connection_has_sent(struct http_connection *connection, size_t len)
{
    connection->body_len += len;
    if (connection->state == CONNECTION_LEAVING)
        connection->moved_ns = uv_hrtime();
}

/* While a connection is not read we cannot see what its peer does: afterwards its timeouts start again. */
static void note_slowed(struct http_connection *connection)
{
    bool was_slowed = connection->is_slowed;
    connection->is_slowed = pressure_slows(connection);
    if (!was_slowed || connection->is_slowed)
        return;
    connection->idle_since_ns = connection->read_ns = connection->moved_ns = uv_hrtime();
    connection->asked_ns = 0;
}

void connection_poll(struct http_connection *connection)
{
    bool is_blocked = connection->out.len > connection->out_sent;
    bool is_waiting = connection->is_shaking || connection->handshake;
    bool has_kept = connection_has_kept(connection);
    /* EPOLLRDHUP is of no use after the peer's end: it has been seen, and EPOLLHUP and EPOLLERR come anyway.
     * Nor while a handshake waits that we have answered: the peer may have sent the rest of it, a request and
     * its end, all of which is still unread, so its end does not mean that it has gone. Nor while TLS keeps
     * something, or a request is unread, for the same reason. */
    bool is_end_of_no_use = connection->has_peer_ended || connection->has_unread_end || has_kept ||
                            (is_waiting && connection->has_greeted);
    uint32_t events = is_end_of_no_use ? 0 : EPOLLRDHUP;
    if (is_blocked)
        events |= EPOLLOUT;
    note_slowed(connection);
    bool reads = !connection->is_paused && !connection->is_slowed && !is_waiting &&
                 !connection_is_held_back(connection) &&
                 (!is_blocked || !connection_is_over_budget(connection));
    connection_resume(connection, reads && has_kept);
    if (reads && !has_kept && !connection->has_read_all)
        events |= EPOLLIN;
    if (poller_want(&connection->edge->poller, &connection->watch, events))
        connection_end(connection, REASON_MEMORY, NULL); /* epoll only fails when it adds a socket */
}

/* Keeps what the socket did not take. */
static int keep(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    connection->out.len = connection->out_sent = 0;
    if (bytes_reserve(&connection->out, len))
        return UV_ENOMEM;
    bytes_put(&connection->out, bytes, len);
    connection_charge_out(connection);
    return 0;
}

/* TLS appends its output to `out`, which is mostly empty again after the flush: so one spare buffer is lent
 * from connection to connection. */
void connection_borrow_out(struct http_connection *connection)
{
    struct bytes *spare = &connection->edge->spare;
    if (connection->out.data || !spare->data)
        return;
    connection->out = *spare;
    *spare = (struct bytes){ 0 };
    connection_charge_out(connection);
}

static void give_back_out(struct http_connection *connection)
{
    struct bytes *spare = &connection->edge->spare;
    if (spare->data || connection->out.size > SPARE_MAX) {
        bytes_finish(&connection->out);
    } else {
        *spare = connection->out;
        spare->len = 0;
        connection->out = (struct bytes){ 0 };
    }
    connection->out_sent = 0;
    connection_charge_out(connection);
}

/* Returns how much the socket took, or a UV_E* code. */
static ssize_t send_some(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send(connection->watch.fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : uv_translate_sys_error(errno);
    if (sent > 0 && connection->over_since_ns)
        connection->over_since_ns = connection_is_over_budget(connection) ? uv_hrtime() : 0;
    return sent;
}

/* False: the socket takes no more, or is broken. If it takes bytes that it did not take before, the peer has
 * read something; of new bytes (is_new) that is not known, they may only lie in the kernel's buffer. */
static bool send_kept(struct http_connection *connection, bool is_new)
{
    struct bytes *out = &connection->out;
    if (out->len == connection->out_sent) {
        if (out->data)
            give_back_out(connection);
        return true;
    }
    ssize_t sent = send_some(connection, out->data + connection->out_sent, out->len - connection->out_sent);
    if (sent < 0) {
        connection->has_peer_closed = true;
        connection_end(connection, http_reason_of_error((int)sent), NULL);
        return false;
    }
    connection->out_sent += (size_t)sent;
    if (sent > 0 && !is_new)
        connection_has_read(connection, (size_t)sent);
    if (connection->out_sent < out->len)
        return false;
    give_back_out(connection);
    return true;
}

bool connection_send_encrypted(struct http_connection *connection, const uint8_t *plain, size_t len)
{
    bool is_new = connection->out.len == connection->out_sent;
    connection_borrow_out(connection);
    int rc = tls_is_open(connection->tls) ? tls_send(connection->tls, plain, len) : 0;
    connection_charge_out(connection);
    if (rc) {
        connection->has_peer_closed = true;
        connection_end(connection, REASON_MEMORY, NULL);
        return false;
    }
    return send_kept(connection, is_new) && len >= WRITE_ROOM;
}

bool connection_send_plain(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send_some(connection, bytes, len);
    if (sent < 0) {
        connection->has_peer_closed = true;
        connection_end(connection, http_reason_of_error((int)sent), NULL);
    } else if ((size_t)sent < len && keep(connection, bytes + sent, len - (size_t)sent)) {
        connection->has_peer_closed = true; /* bytes are lost, so nothing may be sent after them */
        connection_end(connection, REASON_MEMORY, NULL);
    }
    return sent == (ssize_t)len && len >= WRITE_ROOM;
}

/* True: all was sent, and there may be more to write. */
static bool send_filled(struct http_connection *connection)
{
    struct http_edge *edge = connection->edge;
    size_t len = connection->session ? connection->carrier->fill(connection, edge->out, WRITE_ROOM) : 0;
    if (connection->tls)
        return connection_send_encrypted(connection, edge->out, len);
    return len && connection_send_plain(connection, edge->out, len);
}

static void tell_end(const struct http_connection *connection)
{
    enum log_level level = http_reason_is_grave(connection->reason) ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    char peer[ADDRESS_TEXT_LEN] = "";
    if (!log_wants(level))
        return;
    if (connection->has_ip)
        ip_format(&connection->ip, peer);
    log_event(level, "connection closed", log_str("reason", http_reason_name(connection->reason)),
              log_str("because", http_reason_text(connection->reason)),
              log_str("detail", connection->reason_detail), log_str("peer", *peer ? peer : NULL));
}

void connection_shut(struct http_connection *connection)
{
    connection->awaits_end = false;
    connection->state_since_ns = uv_hrtime();
    shutdown(connection->watch.fd, SHUT_WR);
}

/* Everything is sent, as far as the socket took it. A peer that is leaving anyway is given a moment to close
 * first: then its kernel, not ours, keeps the connection in TIME_WAIT for a minute. */
static void linger(struct http_connection *connection)
{
    connection->edge->closed[connection->reason]++;
    tell_end(connection);
    if (connection->session)
        connection->carrier->close(connection);
    connection->session = NULL;
    bool has_said_all = connection->out.len == connection->out_sent;
    if (connection->has_peer_closed || connection->has_read_all || !has_said_all) {
        connection_close(connection);
        return;
    }
    connection_move(connection, CONNECTION_LINGERING);
    connection->awaits_end = connection->reason == REASON_PEER;
    if (!connection->awaits_end)
        connection_shut(connection);
    connection_poll(connection);
    connection_arm(connection);
}

void connection_flush(struct http_connection *connection)
{
    TAILQ_REMOVE(&connection->edge->dirty, connection, dirty_link);
    connection->is_dirty = false;
    if (connection->is_ending && connection->session && !connection->has_peer_closed)
        connection->carrier->say_end(connection);
    /* With TLS, `out` may have something new of this turn (mostly a session ticket): unless the socket was
     * full it is sent together with what the carrier fills. */
    bool is_free = connection->tls && !(connection->watch.wanted & EPOLLOUT);
    if (!connection->has_peer_closed && (is_free || send_kept(connection, false)) && send_filled(connection))
        connection_wants_write(connection);
    if (connection->is_ending && connection->tls && !connection->has_peer_closed) {
        tls_shut_down(connection->tls);
        connection_send_encrypted(connection, NULL, 0);
    }
    if (connection->is_ending) {
        if (connection->is_dirty) {
            TAILQ_REMOVE(&connection->edge->dirty, connection, dirty_link);
            connection->is_dirty = false;
        }
        linger(connection);
        return;
    }
    connection_poll(connection);
    connection_arm(connection);
}
