/* SPDX-License-Identifier: MIT
 *
 * The way of bytes from the socket to the carrier. The poller calls connection_on_event() when the socket is
 * readable; on_readable() calls recv() once and hands on what came, or, before more is read, the next piece
 * of what TLS has kept of an earlier turn:
 *
 *   on_readable ─▶ on_proxy_bytes     a header of the PROXY protocol, if the peer is a proxy
 *               ─▶ on_socket_bytes
 *                    ─▶ on_encrypted  on https://: tls_receive(); a waiting handshake goes on in a later turn
 *                    ─▶ on_bytes
 *                         ─▶ on_opening            the first bytes, by which a carrier is recognised
 *                         ─▶ carrier->on_bytes     h1.c or h2.c
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/container_of.h"
#include "edge/http/connection.h"
#include "edge/http/proxy.h"
#include "edge/http/text.h"
#include "edge/tls_alert.h"

#define MS            UINT64_C(1000000)
#define LINGER_BYTES  262144            /* discarded after our end; a peer that sends more is cut off */
#define HANDSHAKES_NS UINT64_C(1000000) /* of a turn, in which TLS handshakes are begun */
#define RESUME_NS     UINT64_C(1000000) /* of a turn, in which connections go on with what TLS has kept */

static const struct http_carrier *recognise(const struct http_connection *connection, bool *perhaps)
{
    const struct http_carrier *const *carrier = connection->edge->carriers;
    for (; *carrier; carrier++) {
        enum recognised is = (*carrier)->recognise(connection->opening, connection->opening_len);
        if (is == IS)
            return *carrier;
        *perhaps |= is == IS_PERHAPS;
    }
    return NULL;
}

/* The peer speaks another protocol: it is told what is spoken here, by an alert of TLS or an answer of
 * HTTP/1.1, which its program may show. */
static void help(struct http_connection *connection)
{
    static const uint8_t tls_alert[] = TLS_ALERT_BYTES;
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n" HTTP_BARE_FIELDS
        "content-type: text/plain\r\n\r\nThis port speaks HTTP/1.1, and HTTP/2 with prior knowledge.\n";
    bool is_tls = connection->opening[0] == TLS_HANDSHAKE;
    if (is_tls)
        connection_send_plain(connection, tls_alert, sizeof tls_alert);
    else if (connection->tls)
        connection_send_encrypted(connection, (const uint8_t *)text, sizeof text - 1);
    else
        connection_send_plain(connection, (const uint8_t *)text, sizeof text - 1);
    connection_end(connection, REASON_WRONG_PROTOCOL, is_tls ? TLS_NOT_SPOKEN : NULL);
}

/* The peer speaks without TLS on a port with TLS. */
static void help_to_tls(struct http_connection *connection)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n" HTTP_BARE_FIELDS
                               "content-type: text/plain\r\n\r\nThis port speaks TLS: use https://.\n";
    tls_destroy(connection->tls);
    connection->tls = NULL;
    connection_send_plain(connection, (const uint8_t *)text, sizeof text - 1);
    connection_end(connection, REASON_WRONG_PROTOCOL, "no TLS on a port with it");
}

static void on_bytes(struct http_connection *connection, uint8_t *bytes, size_t len);

static void open_carrier(struct http_connection *connection, const struct http_carrier *carrier)
{
    connection->carrier = carrier;
    if (carrier->open(connection)) {
        connection_end(connection, REASON_MEMORY, NULL);
        return;
    }
    connection_move(connection, CONNECTION_SERVING);
    if (connection->opening_len)
        carrier->on_bytes(connection, connection->opening, connection->opening_len);
    connection_arm(connection); /* age and idleness may be due before its opening would have been */
}

static void on_opening(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    size_t room = OPENING_BYTES - connection->opening_len, n = len < room ? len : room;
    bool perhaps = false;
    memcpy(connection->opening + connection->opening_len, bytes, n);
    connection->opening_len += n;
    const struct http_carrier *carrier = recognise(connection, &perhaps);
    if (carrier) {
        open_carrier(connection, carrier);
        if (len > n)
            on_bytes(connection, bytes + n, len - n);
    } else if (!perhaps) {
        help(connection);
    }
}

static void on_bytes(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    if (connection->is_ending)
        return;
    if (connection->state == CONNECTION_OPENING)
        on_opening(connection, bytes, len);
    else
        connection->carrier->on_bytes(connection, bytes, len);
    if (connection->edge->is_draining ||
        connection->is_unwanted) /* only now: the requests that it opened with are still answered */
        connection_leave(connection, REASON_DRAIN);
}

static void on_hung_up(struct http_connection *connection, enum http_reason reason)
{
    connection->has_peer_closed = true;
    if (connection->state == CONNECTION_LINGERING)
        connection_close(connection);
    else
        connection_end(connection, reason, NULL);
}

static void on_ended(struct http_connection *connection)
{
    bool is_served = connection->state == CONNECTION_SERVING || connection->state == CONNECTION_LEAVING;
    if (!is_served || connection->is_ending || !connection->carrier->on_ended ||
        !connection->carrier->on_ended(connection)) {
        on_hung_up(connection, REASON_PEER);
        return;
    }
    connection->has_peer_ended = true;
    connection_wants_write(connection); /* the flush polls it for other events */
}

/* ---- what may lie between the socket and the carrier ---- */

/* The most bytes to hand on to its carrier in this turn. */
static size_t turn_len(const struct http_connection *connection)
{
    size_t most = pressure_read_len(connection);
    return connection->edge->held_n > 0 && most > READ_HELD ? READ_HELD : most;
}

/* Backpressure applies to plain text, too: a record of 16 KB may begin hundreds of calls. */
static bool on_plain(void *data, uint8_t *plain, size_t len)
{
    struct http_connection *connection = data;
    on_bytes(connection, plain, len);
    return !connection->is_ending && turn_len(connection) >= READ_LEN;
}

/* A carrier that was agreed on by ALPN need not be recognised by its first bytes. */
static void open_agreed(struct http_connection *connection)
{
    const char *name;
    size_t len;
    tls_alpn(connection->tls, &name, &len);
    const struct http_carrier *const *carrier = connection->edge->carriers;
    for (; len && *carrier; carrier++)
        if (strlen((*carrier)->alpn) == len && memcmp((*carrier)->alpn, name, len) == 0) {
            open_carrier(connection, *carrier);
            return;
        }
}

static bool on_first_plain(void *data, uint8_t *plain, size_t len)
{
    struct http_connection *connection = data;
    if (connection->state == CONNECTION_OPENING && connection->opening_len == 0)
        open_agreed(connection);
    return on_plain(data, plain, len);
}

void connection_decipher(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    /* Later TLS hardly ever answers by itself, and a borrowed buffer would count as used while calls begin.
     */
    if (!tls_is_open(connection->tls))
        connection_borrow_out(connection);
    size_t had = connection->out.len;
    enum tls_rc rc = tls_receive(connection->tls, bytes, len, connection->edge->plain, turn_len(connection),
                                 on_first_plain, connection);
    connection->has_greeted |= connection->out.len > had;
    connection_charge_out(connection);
    if (rc == TLS_FAILED)
        connection_end(connection, REASON_TLS, tls_failure(connection->tls));
    else if (rc == TLS_CLOSED)
        on_ended(connection);
    connection_wants_write(connection); /* the handshake may have something to send, TLS may keep something */
}

static void on_encrypted(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    struct http_edge *edge = connection->edge;
    bool is_handshake = !tls_is_open(connection->tls);
    uint64_t begun_ns = is_handshake ? uv_hrtime() : 0;
    if (is_handshake && connection->is_first && (bytes[0] >= ' ' && bytes[0] < 0x7f)) {
        help_to_tls(connection);
        return;
    }
    connection->is_first = false;
    if (is_handshake && tls_is_slow(connection->tls)) {
        connection_lend(connection, bytes, len);
        return;
    }
    connection_decipher(connection, bytes, len);
    if (is_handshake)
        edge->handshakes_ns += uv_hrtime() - begun_ns;
}

static void on_socket_bytes(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    if (connection->tls)
        on_encrypted(connection, bytes, len);
    else
        on_bytes(connection, bytes, len);
}

static void on_proxy_bytes(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    struct bytes *head = &connection->proxy;
    bool has_ip;
    struct ip ip;
    size_t had = head->len, n = PROXY_LEN_MAX - had < len ? PROXY_LEN_MAX - had : len;
    if (bytes_reserve(head, n)) {
        connection_end(connection, REASON_MEMORY, NULL);
        return;
    }
    bytes_put(head, bytes, n);
    int parsed = proxy_parse(head->data, head->len, &ip, &has_ip);
    if (parsed == 0 && head->len < PROXY_LEN_MAX)
        return;
    if (parsed <= 0) {
        connection_end(connection, REASON_PROXY, NULL);
        return;
    }
    connection->awaits_proxy = false;
    bytes_finish(head);
    if (has_ip && !peers_come_from(connection->edge->peers, connection->watch.fd, &ip, uv_hrtime() / MS)) {
        connection_end(connection, REASON_ADDRESS_FULL, NULL);
        return;
    }
    if (has_ip)
        connection->ip = ip;
    size_t of_this = (size_t)parsed - had;
    if (len > of_this)
        on_socket_bytes(connection, bytes + of_this, len - of_this);
}

/* Bytes have come from it, now or earlier. */
static void note_read(struct http_connection *connection)
{
    connection->read_ns = uv_hrtime();
    if (connection->asked_ns) {
        connection->asked_ns = 0;
        connection_arm(connection); /* it has given its sign of life: the keepalive timer starts again */
    }
}

/* is_end: the peer has shut down its sending side, so a read of less than `room` bytes has got the rest. */
static void on_readable(struct http_connection *connection, bool is_end)
{
    if (connection_is_held_back(connection) || pressure_slows(connection)) {
        connection_wants_write(connection); /* the flush stops polling it for reading */
        return;
    }
    if (connection_has_kept(connection)) {
        note_read(connection);
        connection_decipher(connection, NULL, 0);
        return;
    }
    size_t room = turn_len(connection);
    ssize_t len = recv(connection->watch.fd, connection->edge->in, room, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len < 0) {
        on_hung_up(connection, http_reason_of_error(uv_translate_sys_error(errno)));
        return;
    }
    if (len == 0) {
        connection->has_read_all = true;
        on_ended(connection);
        return;
    }
    if (connection->state == CONNECTION_LINGERING) {
        connection->lingered += (size_t)len;
        if (connection->lingered > LINGER_BYTES || (is_end && (size_t)len < room))
            connection_close(connection);
        return;
    }
    note_read(connection);
    if (connection->is_ending)
        return;
    if (connection->awaits_proxy)
        on_proxy_bytes(connection, connection->edge->in, (size_t)len);
    else
        on_socket_bytes(connection, connection->edge->in, (size_t)len);
    if (connection->is_ending && is_end && (size_t)len < room)
        connection->has_read_all = true; /* no unread bytes are left: it can be closed without lingering */
}

/* Whether a handshake has to wait for a later turn. Handshakes wait in a queue, so that they do not take all
 * of a turn. One that we have answered already goes to its front: if it timed out in the queue, the work done
 * for it would be lost. A waiting connection is not polled, so it does not wake the loop each turn. */
static bool shakes_later(struct http_connection *connection)
{
    struct http_edge *edge = connection->edge;
    if (connection->handshake)
        return true;
    if (!connection->tls || tls_is_open(connection->tls) || connection->state >= CONNECTION_LINGERING ||
        (edge->handshakes_ns < HANDSHAKES_NS && edge->handshakes_away_n < HANDSHAKES_AWAY_MAX &&
         TAILQ_EMPTY(&edge->shaking)))
        return false;
    if (!connection->is_shaking && connection->has_greeted)
        TAILQ_INSERT_HEAD(&edge->shaking, connection, shaking_link);
    else if (!connection->is_shaking)
        TAILQ_INSERT_TAIL(&edge->shaking, connection, shaking_link);
    connection->is_shaking = true;
    connection_poll(connection);
    return true;
}

void connection_unshake(struct http_connection *connection)
{
    if (connection->is_shaking)
        TAILQ_REMOVE(&connection->edge->shaking, connection, shaking_link);
    connection->is_shaking = false;
}

bool connections_may_shake(const struct http_edge *edge)
{
    return edge->handshakes_away_n < HANDSHAKES_AWAY_MAX && !TAILQ_EMPTY(&edge->shaking);
}

void connections_shake(struct http_edge *edge)
{
    edge->handshakes_ns = 0;
    while (edge->handshakes_ns < HANDSHAKES_NS && connections_may_shake(edge)) {
        struct http_connection *connection = TAILQ_FIRST(&edge->shaking);
        connection_unshake(connection);
        on_readable(connection, false);
        connection_wants_write(connection); /* the flush polls it again */
    }
}

/* ---- what TLS has kept ---- */

bool connection_has_kept(const struct http_connection *connection)
{
    return connection->tls && connection->state < CONNECTION_LINGERING && !connection->is_ending &&
           tls_kept_len(connection->tls) > 0;
}

void connection_resume(struct http_connection *connection, bool resumes)
{
    struct http_edge *edge = connection->edge;
    if (resumes && !connection->is_resuming)
        TAILQ_INSERT_TAIL(&edge->resuming, connection, resuming_link);
    else if (!resumes && connection->is_resuming)
        TAILQ_REMOVE(&edge->resuming, connection, resuming_link);
    connection->is_resuming = resumes;
}

void connections_resume(struct http_edge *edge)
{
    struct http_connection *connection, *last = TAILQ_LAST(&edge->resuming, resuming_list);
    uint64_t until_ns = uv_hrtime() + RESUME_NS;
    while (last && (connection = TAILQ_FIRST(&edge->resuming))) {
        bool is_last = connection == last;
        connection_resume(connection, false);
        on_readable(connection, false);
        connection_wants_write(connection); /* the flush polls it again, or has it go on in the next turn */
        if (is_last || uv_hrtime() >= until_ns)
            return;
    }
}

/* Whether the end that the peer has announced lies behind bytes that are not read for now. Where a peer may
 * half-close, they may be the rest of a request that it waits for. */
static bool is_end_unread(const struct http_connection *connection)
{
    int unread = 0;
    return connection->carrier && connection->carrier->on_ended && connection->state < CONNECTION_LINGERING &&
           !ioctl(connection->watch.fd, FIONREAD, &unread) && unread > 0;
}

void connection_on_event(struct watch *watch, uint32_t events)
{
    struct http_connection *connection = container_of(watch, struct http_connection, watch);
    if (events & EPOLLERR) {
        int error = 0;
        getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
        on_hung_up(connection, http_reason_of_error(uv_translate_sys_error(error)));
        return;
    }
    if (events & EPOLLOUT)
        connection_wants_write(connection);
    if (events & EPOLLIN && shakes_later(connection))
        return;
    if (events & EPOLLIN) {
        on_readable(connection, events & EPOLLRDHUP);
    } else if (events & EPOLLRDHUP && is_end_unread(connection)) {
        connection->has_unread_end = true;
        connection_wants_write(connection); /* the flush stops polling it for its end */
    } else if (events & EPOLLRDHUP) {
        on_ended(connection);
    } else if (events & EPOLLHUP) {
        on_hung_up(connection, REASON_PEER);
    }
}
