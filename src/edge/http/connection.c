/* SPDX-License-Identifier: MIT
 *
 * One timer a connection: it is set to the earliest thing that may be due, and what is due is looked at when
 * it fires, so that a call moves no timer.
 */
#include "edge/http/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/state.h"
#include "edge/http/proxy.h"
#include "observe/log.h"

#define MS UINT64_C(1000000)

#define OPENING_MS     10000 /* to say what it wants */
#define LINGER_MS      1000
#define LINGER_BYTES   262144
#define LIFE_SIGN_MS   20000 /* after the peer was asked for one */
#define OVER_BUDGET_MS 10000 /* without reading anything */
#define SOFT_BYTES     ((size_t)2097152)
#define HANDSHAKES_MAX 4 /* a turn: each may take a millisecond */

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

static void on_timer(struct timer *timer);
static void on_event(uv_poll_t *poll, int status, int events);

static void move(struct http_connection *connection, enum connection_state to)
{
    connection->state = state_move(&states, connection->state, to);
    connection->state_since_ns = uv_hrtime();
}

/* ---- budget ---- */

static size_t soft_limit(const struct http_connection *connection)
{
    return SOFT_BYTES + 4 * connection->edge->limits.max_message_bytes;
}

bool connection_is_over_budget(const struct http_connection *connection)
{
    return connection->buffered > soft_limit(connection);
}

void connection_charge(struct http_connection *connection, ssize_t bytes)
{
    struct http_edge *edge = connection->edge;
    connection->buffered += (size_t)bytes;
    edge->buffered += (size_t)bytes;
    if (bytes > 0 && connection_is_over_budget(connection) && !connection->over_since_ns) {
        connection->over_since_ns = uv_hrtime();
        connection_wants_write(connection); /* whence its timer is set */
    }
    if (edge->buffered > edge->limits.max_buffered_bytes)
        edge->is_over_budget = true; /* server.c looks for the one that holds most */
}

static void charge_out(struct http_connection *connection)
{
    connection_charge(connection, (ssize_t)connection->out.size - (ssize_t)connection->out_charged);
    connection->out_charged = connection->out.size;
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a connection that does nothing more would have to be looked at. */
static uint64_t next_due(const struct http_connection *connection)
{
    const struct http_limits *limits = &connection->edge->limits;
    uint64_t at = UINT64_MAX;
    if (connection->state == CONNECTION_LINGERING)
        return connection->state_since_ns + LINGER_MS * MS;
    if (connection->is_ending) /* at the end of this turn */
        return at;
    if (connection->state == CONNECTION_OPENING)
        return connection->opened_ns + OPENING_MS * MS;
    if (connection->over_since_ns)
        at = earlier(at, connection->over_since_ns + OVER_BUDGET_MS * MS);
    if (limits->keepalive_ms && connection->carrier->ping)
        at = earlier(at, connection->asked_ns ? connection->asked_ns + LIFE_SIGN_MS * MS
                                              : connection->read_ns + limits->keepalive_ms * MS);
    if (connection->state == CONNECTION_LEAVING)
        return at;
    if (limits->idle_timeout_ms && !connection->busy_n)
        at = earlier(at, connection->idle_since_ns + limits->idle_timeout_ms * MS);
    else if (limits->idle_timeout_ms)
        at = earlier(at, uv_hrtime() + limits->idle_timeout_ms * MS);
    return earlier(at, connection->age_at_ns);
}

static void arm(struct http_connection *connection)
{
    bool ends_this_turn = connection->is_ending && connection->state < CONNECTION_LINGERING;
    uint64_t at = ends_this_turn ? UINT64_MAX : next_due(connection);
    struct timers *timers = connection->edge->timers;
    if (at == UINT64_MAX)
        timers_stop(timers, &connection->timer);
    else if (!connection->timer.is_running || at < connection->timer.at_ns)
        timers_start(timers, &connection->timer, at, on_timer);
}

static void on_due(struct http_connection *connection, uint64_t now_ns)
{
    const struct http_limits *limits = &connection->edge->limits;
    if (connection->over_since_ns && now_ns >= connection->over_since_ns + OVER_BUDGET_MS * MS) {
        if (connection_is_over_budget(connection))
            connection_end(connection, REASON_UNREAD, NULL);
        connection->over_since_ns = 0;
    }
    if (connection->asked_ns && now_ns >= connection->asked_ns + LIFE_SIGN_MS * MS)
        connection_end(connection, REASON_SILENT, NULL);
    if (!connection->asked_ns && limits->keepalive_ms && connection->carrier->ping &&
        now_ns >= connection->read_ns + limits->keepalive_ms * MS) {
        connection->asked_ns = now_ns;
        connection->carrier->ping(connection);
    }
    if (connection->state != CONNECTION_SERVING)
        return;
    if (now_ns >= connection->age_at_ns) {
        connection_leave(connection, REASON_AGE);
        connection->carrier->end_streams(connection, false);
    } else if (limits->idle_timeout_ms && !connection->busy_n &&
               now_ns >= connection->idle_since_ns + limits->idle_timeout_ms * MS) {
        connection_leave(connection, REASON_IDLE);
        connection->carrier->end_streams(connection, true);
    }
}

static void on_timer(struct timer *timer)
{
    struct http_connection *connection = container_of(timer, struct http_connection, timer);
    uint64_t now_ns = uv_hrtime();
    if (connection->state == CONNECTION_LINGERING) {
        if (now_ns >= next_due(connection)) {
            connection_close(connection);
            return;
        }
    } else if (connection->state == CONNECTION_OPENING) {
        if (now_ns >= next_due(connection))
            connection_end(connection, REASON_OPENING, NULL);
    } else {
        on_due(connection, now_ns);
    }
    arm(connection);
}

void connection_busy(struct http_connection *connection)
{
    connection->busy_n++;
}

void connection_idle(struct http_connection *connection)
{
    if (--connection->busy_n == 0)
        connection->idle_since_ns = uv_hrtime();
}

/* ---- its end ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    struct http_connection *connection = handle->data;
    free(connection);
}

/* Exchanges are told, the socket is closed, and nobody finds it any more. */
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
    bytes_finish(&connection->proxy);
    TAILQ_REMOVE(&edge->connections, connection, link);
    edge->connections_n--;
    bytes_finish(&connection->out);
    charge_out(connection);
    move(connection, CONNECTION_CLOSED);
    peers_remove(edge->peers, connection->fd);
    uv_poll_stop(&connection->poll);
    close(connection->fd);
    uv_close((uv_handle_t *)&connection->poll, on_poll_closed);
}

static void tell_end(const struct http_connection *connection)
{
    char peer[ADDRESS_TEXT_LEN] = "";
    if (connection->has_ip)
        ip_format(&connection->ip, peer);
    enum log_level level = http_reason_is_grave(connection->reason) ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    log_event(level, "connection closed", log_str("reason", http_reason_name(connection->reason)),
              log_str("because", http_reason_text(connection->reason)),
              log_str("detail", connection->reason_detail), log_str("peer", *peer ? peer : NULL));
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
    if (connection->state == CONNECTION_OPENING) {
        connection_end(connection, reason, NULL);
        return;
    }
    if (connection->state != CONNECTION_SERVING || connection->is_ending)
        return;
    connection->reason = reason;
    move(connection, CONNECTION_LEAVING);
    connection->carrier->leave(connection);
    arm(connection);
}

/* ---- writing ---- */

void connection_wants_write(struct http_connection *connection)
{
    if (connection->is_dirty || connection->state >= CONNECTION_LINGERING)
        return;
    connection->is_dirty = true;
    TAILQ_INSERT_TAIL(&connection->edge->dirty, connection, dirty_link);
}

static void poll_for(struct http_connection *connection)
{
    bool is_blocked = connection->out.len > connection->out_sent;
    int events = UV_DISCONNECT;
    if (is_blocked)
        events |= UV_WRITABLE;
    if (!connection->is_paused && (!is_blocked || !connection_is_over_budget(connection)))
        events |= UV_READABLE;
    if (events != connection->polled && !uv_poll_start(&connection->poll, events, on_event))
        connection->polled = events;
}

/* Keeps what the socket did not take. */
static int keep(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    connection->out.len = connection->out_sent = 0;
    if (bytes_reserve(&connection->out, len))
        return UV_ENOMEM;
    bytes_put(&connection->out, bytes, len);
    charge_out(connection);
    return 0;
}

/* Returns how much the socket took, or a UV_E* code. */
static ssize_t send_some(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send(connection->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : uv_translate_sys_error(errno);
    if (sent > 0 && connection->over_since_ns)
        connection->over_since_ns = connection_is_over_budget(connection) ? uv_hrtime() : 0;
    return sent;
}

/* False: the socket takes no more, or is broken. */
static bool send_kept(struct http_connection *connection)
{
    struct bytes *out = &connection->out;
    if (out->len == connection->out_sent)
        return true;
    ssize_t sent = send_some(connection, out->data + connection->out_sent, out->len - connection->out_sent);
    if (sent < 0) {
        connection->has_peer_closed = true;
        connection_end(connection, REASON_SOCKET, NULL);
        return false;
    }
    connection->out_sent += (size_t)sent;
    if (connection->out_sent < out->len)
        return false;
    bytes_finish(out);
    charge_out(connection);
    connection->out_sent = 0;
    return true;
}

/* Through TLS: it appends to what is kept, which is then sent. */
static bool send_encrypted(struct http_connection *connection, const uint8_t *plain, size_t len)
{
    int rc = tls_is_open(connection->tls) ? tls_send(connection->tls, plain, len) : 0;
    charge_out(connection);
    if (rc) {
        connection->has_peer_closed = true;
        connection_end(connection, REASON_MEMORY, NULL);
        return false;
    }
    return send_kept(connection) && len >= WRITE_ROOM;
}

static bool send_plain(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send_some(connection, bytes, len);
    if (sent < 0) {
        connection->has_peer_closed = true;
        connection_end(connection, REASON_SOCKET, NULL);
    } else if ((size_t)sent < len && keep(connection, bytes + sent, len - (size_t)sent)) {
        connection->has_peer_closed = true; /* what is lost cannot be sent after it */
        connection_end(connection, REASON_MEMORY, NULL);
    }
    return sent == (ssize_t)len && len >= WRITE_ROOM;
}

/* True: there may be more to write. */
static bool send_filled(struct http_connection *connection)
{
    struct http_edge *edge = connection->edge;
    size_t len = connection->session ? connection->carrier->fill(connection, edge->out, WRITE_ROOM) : 0;
    if (connection->tls)
        return send_encrypted(connection, edge->out, len);
    return len && send_plain(connection, edge->out, len);
}

/* All has been said, as far as the socket took it. */
static void linger(struct http_connection *connection)
{
    connection->edge->closed[connection->reason]++;
    tell_end(connection);
    if (connection->session)
        connection->carrier->close(connection);
    connection->session = NULL;
    bool has_said_all = connection->out.len == connection->out_sent;
    if (connection->has_peer_closed || !has_said_all) {
        connection_close(connection);
        return;
    }
    move(connection, CONNECTION_LINGERING);
    shutdown(connection->fd, SHUT_WR);
    poll_for(connection);
    arm(connection);
}

void connection_flush(struct http_connection *connection)
{
    TAILQ_REMOVE(&connection->edge->dirty, connection, dirty_link);
    connection->is_dirty = false;
    if (connection->is_ending && connection->session && !connection->has_peer_closed)
        connection->carrier->say_end(connection);
    if (!connection->has_peer_closed && send_kept(connection) && send_filled(connection))
        connection_wants_write(connection);
    if (connection->is_ending && connection->tls && !connection->has_peer_closed) {
        tls_shut_down(connection->tls);
        send_encrypted(connection, NULL, 0);
    }
    if (connection->is_ending) {
        if (connection->is_dirty) {
            TAILQ_REMOVE(&connection->edge->dirty, connection, dirty_link);
            connection->is_dirty = false;
        }
        linger(connection);
        return;
    }
    poll_for(connection);
    arm(connection);
}

/* ---- reading ---- */

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

/* Somebody who came to the wrong port is told so in words that its program may show. */
static void help(struct http_connection *connection)
{
    static const uint8_t tls_alert[] = { 21, 3, 1, 0, 2, 2, 70 }; /* fatal, protocol_version */
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"
        "content-type: text/plain\r\n\r\nThis port speaks HTTP/1.1, and HTTP/2 with prior knowledge.\n";
    bool is_tls = connection->opening[0] == 22;
    if (is_tls)
        send_plain(connection, tls_alert, sizeof tls_alert);
    else if (connection->tls)
        send_encrypted(connection, (const uint8_t *)text, sizeof text - 1);
    else
        send_plain(connection, (const uint8_t *)text, sizeof text - 1);
    connection_end(connection, REASON_WRONG_PROTOCOL, is_tls ? "TLS on a port without it" : NULL);
}

/* Whoever speaks plainly on a port with TLS. */
static void help_to_tls(struct http_connection *connection)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"
                               "content-type: text/plain\r\n\r\nThis port speaks TLS: use https://.\n";
    tls_destroy(connection->tls);
    connection->tls = NULL;
    send_plain(connection, (const uint8_t *)text, sizeof text - 1);
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
    move(connection, CONNECTION_SERVING);
    if (connection->edge->is_draining)
        connection_leave(connection, REASON_DRAIN);
    if (connection->opening_len)
        carrier->on_bytes(connection, connection->opening, connection->opening_len);
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
}

static void on_hung_up(struct http_connection *connection, enum http_reason reason)
{
    connection->has_peer_closed = true;
    if (connection->state == CONNECTION_LINGERING)
        connection_close(connection);
    else
        connection_end(connection, reason, NULL);
}

/* ---- what may lie between the socket and the carrier ---- */

static bool on_plain(void *data, uint8_t *plain, size_t len)
{
    struct http_connection *connection = data;
    on_bytes(connection, plain, len);
    return !connection->is_ending;
}

/* The carrier that TLS has agreed on need not be recognised. */
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

static void on_encrypted(struct http_connection *connection, const uint8_t *bytes, size_t len)
{
    struct http_edge *edge = connection->edge;
    if (!tls_is_open(connection->tls)) {
        edge->handshakes_n++;
        if (connection->is_first && (bytes[0] >= ' ' && bytes[0] < 0x7f)) {
            help_to_tls(connection);
            return;
        }
    }
    connection->is_first = false;
    enum tls_rc rc =
        tls_receive(connection->tls, bytes, len, edge->plain, READ_LEN, on_first_plain, connection);
    charge_out(connection);
    if (rc == TLS_FAILED)
        connection_end(connection, REASON_TLS, tls_failure(connection->tls));
    else if (rc == TLS_CLOSED)
        connection_end(connection, REASON_PEER, NULL);
    connection_wants_write(connection); /* a handshake's part */
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
    if (has_ip)
        connection->ip = ip;
    bytes_finish(head);
    size_t of_this = (size_t)parsed - had;
    if (len > of_this)
        on_socket_bytes(connection, bytes + of_this, len - of_this);
}

static void on_readable(struct http_connection *connection)
{
    bool is_handshake = connection->tls && !tls_is_open(connection->tls);
    if (is_handshake && connection->edge->handshakes_n >= HANDSHAKES_MAX)
        return; /* it stays readable, and has its turn in the next one */
    ssize_t len = recv(connection->fd, connection->edge->in, READ_LEN, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        on_hung_up(connection, len == 0 ? REASON_PEER : REASON_SOCKET);
        return;
    }
    if (connection->state == CONNECTION_LINGERING) {
        connection->lingered += (size_t)len;
        if (connection->lingered > LINGER_BYTES)
            connection_close(connection);
        return;
    }
    connection->read_ns = uv_hrtime();
    connection->asked_ns = 0;
    if (connection->is_ending)
        return;
    if (connection->awaits_proxy)
        on_proxy_bytes(connection, connection->edge->in, (size_t)len);
    else
        on_socket_bytes(connection, connection->edge->in, (size_t)len);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct http_connection *connection = poll->data;
    if (status < 0) {
        on_hung_up(connection, REASON_SOCKET);
        return;
    }
    if (events & UV_WRITABLE)
        connection_wants_write(connection);
    if (events & UV_READABLE)
        on_readable(connection);
    else if (events & UV_DISCONNECT)
        on_hung_up(connection, REASON_PEER);
}

/* ---- its beginning ---- */

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
    if (!connection || (site->has_tls && !tls) || uv_poll_init(edge->loop, &connection->poll, fd)) {
        tls_destroy(tls);
        free(connection);
        peers_remove(edge->peers, fd);
        close(fd);
        return;
    }
    uint64_t now_ns = uv_hrtime();
    connection->edge = edge;
    connection->fd = fd;
    connection->site = site;
    connection->has_ip = ip;
    if (ip)
        connection->ip = *ip;
    connection->tls = tls;
    connection->is_first = true;
    connection->awaits_proxy = ip && network_list_contains(edge->limits.proxy_protocol_from, ip);
    connection->poll.data = connection;
    connection->opened_ns = connection->idle_since_ns = connection->read_ns = now_ns;
    connection->age_at_ns = age_at(edge, now_ns);
    TAILQ_INSERT_TAIL(&edge->connections, connection, link);
    edge->connections_n++;
    poll_for(connection);
    arm(connection);
}
