/* SPDX-License-Identifier: MIT
 *
 * Backpressure over all connections. What they buffer together, incomplete requests and unread answers, is
 * bounded by server.max_buffered_bytes; as it fills up, more is done about it. A connection that makes
 * progress, by reading its answers or sending its requests, is never closed for it. One that uses no more
 * than its share is always read, and none of its calls is refused.
 *
 *   CALM   below a half: nothing.
 *   TIGHT  from a half on. A connection that uses more than its share is not read while it can get below it
 *          without being read: its unary calls end by themselves, and its answers go when the peer reads
 *          them. While the peer does not read, its calls that are held back are not begun either. All others
 *          are read a little at a time.
 *   FULL   from three quarters on. Of the connections over their share that must be read to get on, because
 *          the rest of a request or a window update is to come, one at a time is read.
 *   OVER   from seven eighths on. That one is chosen among those that can hardly use more by being read. If
 *          there is none, all wait for calls that run, for peers that read and for the rest of requests; only
 *          if there is nothing to wait for, or in vain, is any other read. Nobody's share is more than a
 *          sixteenth of what is left up to a quarter above the limit, but for enough for a few calls: however
 *          many connections come, each finds something left. Who comes to twice an equal share within
 *          one read has its next calls refused with advice when to retry, health checks excepted, and so are
 *          its requests that would need more memory; likewise, once nothing is left, who comes to twice its
 *          share or is read though it is over that.
 *
 * From TIGHT on, a look once a second finds the connections over their share that have hardly read or sent
 * since the last one. Those that fail ten looks in a row are closed, the largest first, until the others use
 * less than a half. Answers of calls that have begun are kept whatever the total; at twice the limit the
 * largest connection is closed at once.
 *
 * Otherwise a connection's share is a half of the limit divided by the number of those that use any of it.
 */
#include <sys/ioctl.h>

#include "base/container_of.h"
#include "edge/http/connection.h"
#include "edge/http/exchange.h"

#define LOOK_NS     UINT64_C(1000000000)
#define STUCK_LOOKS 10
#define MOVED_MIN   ((size_t)512) /* bytes between two looks; less is no progress */
#define SHARE_MIN   ((size_t)16384)
#define READ_TIGHT  ((size_t)4096) /* bytes a read: well compressed headers of a few hundred calls */
#define READ_FULL   ((size_t)512)
#define READ_OVER   ((size_t)128)
#define LEFT_PART   16 /* of what is left when OVER, the part that one connection may use */

static size_t left(const struct http_edge *edge)
{
    size_t all = edge->limits.max_buffered_bytes / 4 * 5;
    return edge->buffered < all ? all - edge->buffered : 0;
}

static size_t equal_share(const struct http_edge *edge)
{
    return edge->limits.max_buffered_bytes / 2 / (edge->users_n ? edge->users_n : 1);
}

static size_t share(const struct http_edge *edge)
{
    size_t equal = equal_share(edge), own = equal < SHARE_MIN ? SHARE_MIN : equal;
    if (edge->pressure < PRESSURE_OVER)
        return own;
    size_t least = equal / 2 < SHARE_MIN ? equal / 2 : SHARE_MIN, most = left(edge) / LEFT_PART;
    return own < most ? own : most < least ? least : most;
}

static bool is_over_share(const struct http_connection *connection)
{
    return connection->buffered > share(connection->edge);
}

static enum pressure level_of(const struct http_edge *edge, size_t buffered)
{
    size_t max = edge->limits.max_buffered_bytes;
    return buffered >= max / 8 * 7   ? PRESSURE_OVER
           : buffered >= max / 4 * 3 ? PRESSURE_FULL
           : buffered >= max / 2     ? PRESSURE_TIGHT
                                     : PRESSURE_CALM;
}

/* With hysteresis: a level is left a sixteenth of the limit below where it begins, so that it does not come
 * and go with every call. */
static enum pressure level_after(const struct http_edge *edge, size_t buffered)
{
    return level_of(edge, buffered + edge->limits.max_buffered_bytes / 16);
}

static bool is_blocked(const struct http_connection *connection)
{
    return connection->out.len > connection->out_sent;
}

/* Whether it gets on without being read. */
static bool goes_on_by_itself(const struct http_connection *connection)
{
    return is_blocked(connection) || connection->calls_n > 0;
}

bool pressure_slows(const struct http_connection *connection)
{
    const struct http_edge *edge = connection->edge;
    if (edge->pressure == PRESSURE_CALM || edge->reader == connection)
        return false;
    return is_over_share(connection) && (edge->pressure >= PRESSURE_FULL || goes_on_by_itself(connection));
}

bool pressure_holds_back(const struct http_connection *connection)
{
    return connection->edge->pressure > PRESSURE_CALM && is_blocked(connection) && is_over_share(connection);
}

bool pressure_refuses(const struct http_connection *connection, size_t of_this)
{
    const struct http_edge *edge = connection->edge;
    size_t others = connection->buffered - of_this;
    if (edge->pressure < PRESSURE_OVER || others <= 2 * share(edge))
        return false;
    return left(edge) == 0 || (edge->reader != connection && others > 2 * equal_share(edge));
}

size_t pressure_read_len(const struct http_connection *connection)
{
    const struct http_edge *edge = connection->edge;
    if (edge->reader == connection)
        return READ_FULL;
    return edge->pressure == PRESSURE_OVER    ? READ_OVER
           : edge->pressure == PRESSURE_FULL  ? READ_FULL
           : edge->pressure == PRESSURE_TIGHT ? READ_TIGHT
                                              : READ_LEN;
}

bool pressure_is_hopeless(const struct http_edge *edge)
{
    return edge->buffered / 2 >= edge->limits.max_buffered_bytes;
}

/* ---- connections that make no progress ---- */

/* Whether a part of an answer waits for the peer to read it. */
static bool is_unread(const struct http_connection *connection)
{
    const struct exchange *exchange;
    if (is_blocked(connection))
        return true;
    LIST_FOREACH(exchange, &connection->exchanges, link)
    if (exchange->is_begun && exchange->body_taken < exchange->run->body.len)
        return true;
    return false;
}

/* Bytes that have come and that have not been handed on to the carrier. */
static size_t pending_len(const struct http_connection *connection)
{
    int len = 0;
    size_t kept = connection_has_kept(connection) ? tls_kept_len(connection->tls) : 0;
    return kept + (ioctl(connection->watch.fd, FIONREAD, &len) ? 0 : (size_t)len);
}

/* Whether it waits for us: for calls that run, or for what streams that it listens to may bring. */
static bool is_our_turn(const struct http_connection *connection)
{
    bool has_calls = connection->calls_n > 0 && !is_blocked(connection);
    bool only_listens = connection->exchanges_n > 0 && connection->exchanges_n == connection->busy_n;
    return has_calls || (only_listens && !is_unread(connection));
}

/* Counts the looks in a row at which the peer had not made the progress that only it can make. Returns
 * whether what it uses may become less without its being read: by its calls, by its peer, or because it is
 * closed for being stuck. */
static bool look_at(struct http_connection *connection)
{
    bool is_peers_turn = is_blocked(connection) || !connection->is_slowed;
    size_t moved = is_unread(connection) ? connection->taken_len : connection->body_len;
    bool is_ours = is_our_turn(connection), is_over = is_over_share(connection);
    bool has_failed = false;
    if (is_ours || !is_over || moved >= MOVED_MIN)
        connection->stuck_looks = 0;
    else if (is_peers_turn || pending_len(connection) < MOVED_MIN)
        has_failed = true;
    connection->stuck_looks += has_failed;
    connection->taken_len = connection->body_len = 0;
    return is_over && (has_failed || goes_on_by_itself(connection));
}

static void close_stuck(struct http_edge *edge)
{
    size_t left = edge->buffered;
    while (level_after(edge, left) > PRESSURE_CALM) {
        struct http_connection *connection, *worst = NULL;
        TAILQ_FOREACH (connection, &edge->connections, link)
            if (connection->stuck_looks >= STUCK_LOOKS && !connection->is_ending &&
                (!worst || connection->buffered > worst->buffered))
                worst = connection;
        if (!worst)
            return;
        left -= worst->buffered;
        if (is_unread(worst))
            connection_end(worst, REASON_UNREAD, NULL);
        else
            connection_end(worst, REASON_BUFFERS, "it does not send on what it began");
    }
}

/* ---- the connection that is read from FULL on ---- */

static bool needs_reading(const struct http_connection *connection)
{
    return !connection->is_ending && connection->buffered > 0 && !goes_on_by_itself(connection);
}

/* Whether it can hardly use more by being read: it may not begin another call, or has sent only a little. */
static bool is_harmless(const struct http_connection *connection, size_t pending)
{
    return connection->exchanges_n >= connection->streams_max || pending < MOVED_MIN;
}

/* The one that has not been read for longest; one that has sent something before one that has not. */
static struct http_connection *find_reader(const struct http_edge *edge, bool only_harmless)
{
    struct http_connection *connection, *next = NULL;
    bool has_next_sent = false;
    TAILQ_FOREACH (connection, &edge->connections, link) {
        if (!connection->is_slowed || !needs_reading(connection) || connection == edge->reader)
            continue;
        size_t pending = pending_len(connection);
        if (only_harmless && (pending == 0 || !is_harmless(connection, pending)))
            continue;
        bool has_sent = pending > 0;
        if (next && (has_sent == has_next_sent ? connection->read_ns >= next->read_ns : has_next_sent))
            continue;
        next = connection;
        has_next_sent = has_sent;
    }
    return next;
}

static void set_reader(struct http_edge *edge, struct http_connection *next)
{
    struct http_connection *last = edge->reader;
    edge->reader = next;
    if (last)
        connection_wants_write(last); /* has its polling brought up to date, as below */
    if (next)
        connection_wants_write(next);
}

/* At a look, has_relief: some may use less without being read. */
static void choose_reader(struct http_edge *edge, bool has_relief)
{
    edge->over_looks = edge->pressure == PRESSURE_OVER ? edge->over_looks + 1 : 0;
    edge->waits = edge->over_looks > 0 && edge->over_looks <= STUCK_LOOKS && has_relief;
    struct http_connection *next = find_reader(edge, edge->waits), *last = edge->reader;
    bool may_stay = last && (!edge->waits || is_harmless(last, pending_len(last)));
    edge->has_searched = !next;
    if (next || !may_stay)
        set_reader(edge, next);
}

/* Whether a connection over its share has calls that end by themselves. */
static bool has_calls_running(const struct http_edge *edge)
{
    const struct http_connection *connection;
    TAILQ_FOREACH (connection, &edge->connections, link)
        if (connection->calls_n > 0 && !is_blocked(connection) && is_over_share(connection))
            return true;
    return false;
}

/* At the end of a turn: another one, if the last one need not be read any more. When OVER a search in vain is
 * not repeated before the next look, since it asks the kernel about many sockets. */
static void replace_reader(struct http_edge *edge)
{
    if ((edge->reader && needs_reading(edge->reader)) ||
        (edge->pressure == PRESSURE_OVER && edge->has_searched) || has_calls_running(edge))
        return;
    struct http_connection *next = find_reader(edge, edge->waits);
    edge->has_searched = !next;
    if (next)
        set_reader(edge, next);
}

void pressure_closed(struct http_connection *connection)
{
    if (connection->edge->reader == connection)
        connection->edge->reader = NULL;
}

/* ---- levels of pressure ---- */

static void on_look(struct timer *timer)
{
    struct http_edge *edge = container_of(timer, struct http_edge, press);
    struct http_connection *connection;
    bool has_relief = false;
    TAILQ_FOREACH (connection, &edge->connections, link) {
        has_relief |= look_at(connection);
        if (connection->is_slowed && !pressure_slows(connection))
            connection_wants_write(connection); /* its share has grown; has its polling brought up to date */
    }
    close_stuck(edge);
    if (edge->pressure >= PRESSURE_FULL)
        choose_reader(edge, has_relief);
    timers_start(edge->timers, timer, uv_hrtime() + LOOK_NS, on_look);
}

void pressure_grown(struct http_edge *edge)
{
    enum pressure now = level_of(edge, edge->buffered);
    if (now <= edge->pressure)
        return;
    if (edge->pressure == PRESSURE_CALM) {
        struct http_connection *connection;
        TAILQ_FOREACH (connection, &edge->connections, link)
            connection->taken_len = connection->body_len = connection->stuck_looks = 0;
        timers_start(edge->timers, &edge->press, uv_hrtime() + LOOK_NS, on_look);
    }
    if (now == PRESSURE_OVER) { /* until the next look */
        edge->reader = NULL;    /* on_readable() stops polling it */
        edge->waits = true;
    }
    edge->pressure = now;
}

/* Connections that were not read are read again, if this level allows it. */
static void ease(struct http_edge *edge, enum pressure to)
{
    struct http_connection *connection;
    edge->pressure = to;
    edge->reader = to >= PRESSURE_FULL ? edge->reader : NULL;
    edge->has_searched = edge->waits = false;
    edge->over_looks = 0;
    if (to == PRESSURE_CALM)
        timers_stop(edge->timers, &edge->press);
    TAILQ_FOREACH (connection, &edge->connections, link)
        if (connection->is_slowed && !pressure_slows(connection))
            connection_wants_write(connection);
}

/* The connection that uses most; *kept: bytes of all that are not about to end. */
static struct http_connection *find_fattest(const struct http_edge *edge, size_t *kept)
{
    struct http_connection *connection, *fattest = NULL;
    *kept = 0;
    TAILQ_FOREACH (connection, &edge->connections, link) {
        if (connection->is_ending || connection->state >= CONNECTION_LINGERING)
            continue;
        *kept += connection->buffered;
        if (!fattest || connection->buffered > fattest->buffered)
            fattest = connection;
    }
    return fattest;
}

/* Ends the largest connections until the rest are below twice the limit. */
static void relieve(struct http_edge *edge)
{
    struct http_connection *fattest;
    size_t kept;
    while ((fattest = find_fattest(edge, &kept)) && kept / 2 >= edge->limits.max_buffered_bytes)
        connection_end(fattest, REASON_BUFFERS, NULL);
}

void pressure_end_turn(struct http_edge *edge)
{
    if (edge->pressure == PRESSURE_CALM)
        return;
    if (pressure_is_hopeless(edge))
        relieve(edge);
    enum pressure now = level_after(edge, edge->buffered);
    if (now < edge->pressure)
        ease(edge, now);
    if (edge->pressure >= PRESSURE_FULL)
        replace_reader(edge);
}

void pressure_stop(struct http_edge *edge)
{
    timers_stop(edge->timers, &edge->press);
}
