/* SPDX-License-Identifier: MIT
 *
 * Backpressure over all connections. What they buffer together, incomplete requests and unread answers, is
 * bounded by server.max_buffered_bytes; as it fills up, more is done about it. A connection that makes
 * progress, by reading its answers or sending its requests, is never closed for it.
 *
 *   CALM   below a half: nothing.
 *   TIGHT  from a half on. A connection that uses more than its share is not read while it can get below it
 *          without being read: its unary calls end by themselves, and its answers go when the peer reads
 *          them. While the peer does not read, its calls that are held back are not begun either. All others
 *          are read a little at a time.
 *   FULL   from three quarters on. Of the connections over their share that must be read to get on, because
 *          the rest of a request or a window update is to come, one at a time is read.
 *   OVER   the limit is reached. Calls are refused with advice when to retry, health checks excepted, and so
 *          are requests that would need more memory; a connection that uses any is not read.
 *
 * From TIGHT on, a look once a second finds the connections over their share that have hardly read or sent
 * since the last one. Those that fail ten looks in a row (five when OVER) are closed, the largest first,
 * until the others use less than a half. Answers of calls that have begun are kept whatever the total; at
 * twice the limit the largest connection is closed at once.
 *
 * A connection's share is a half of the limit divided by the number of connections.
 */
#include <sys/ioctl.h>

#include "base/container_of.h"
#include "edge/http/connection.h"
#include "edge/http/exchange.h"

#define LOOK_NS     UINT64_C(1000000000)
#define STUCK_LOOKS 10
#define STUCK_SOON  5             /* instead of STUCK_LOOKS, when OVER */
#define MOVED_MIN   ((size_t)512) /* bytes between two looks; less is no progress */
#define SHARE_MIN   ((size_t)16384)
#define READ_TIGHT  ((size_t)4096) /* bytes a read: well compressed headers of a few hundred calls */
#define READ_FULL   ((size_t)512)

static size_t share(const struct http_edge *edge)
{
    size_t equal = edge->limits.max_buffered_bytes / 2 / (edge->connections_n ? edge->connections_n : 1);
    return equal < SHARE_MIN ? SHARE_MIN : equal;
}

static enum pressure level_of(const struct http_edge *edge, size_t buffered)
{
    size_t max = edge->limits.max_buffered_bytes;
    return buffered >= max           ? PRESSURE_OVER
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
    if (edge->pressure == PRESSURE_OVER && connection->buffered > 0)
        return true;
    return connection->buffered > share(edge) &&
           (edge->pressure == PRESSURE_FULL || goes_on_by_itself(connection));
}

bool pressure_holds_back(const struct http_connection *connection)
{
    const struct http_edge *edge = connection->edge;
    return edge->pressure > PRESSURE_CALM && is_blocked(connection) && connection->buffered > share(edge);
}

size_t pressure_read_len(const struct http_edge *edge)
{
    return edge->pressure >= PRESSURE_FULL    ? READ_FULL
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
    if (exchange->is_begun && exchange->body_taken < exchange->body.len)
        return true;
    return false;
}

/* Bytes that have come and that we have not read. */
static size_t pending_len(const struct http_connection *connection)
{
    int len = 0;
    return ioctl(connection->watch.fd, FIONREAD, &len) ? 0 : (size_t)len;
}

/* Counts the looks in a row at which the peer had not made the progress that only it can make. */
static void look_at(struct http_connection *connection)
{
    bool is_peers_turn = is_blocked(connection) || !connection->is_slowed;
    size_t moved = is_unread(connection) ? connection->taken_len : connection->body_len;
    bool has_calls = connection->calls_n > 0 && !is_blocked(connection);
    if (has_calls || connection->buffered <= share(connection->edge) || moved >= MOVED_MIN)
        connection->stuck_looks = 0;
    else if (is_peers_turn || pending_len(connection) < MOVED_MIN)
        connection->stuck_looks++;
    connection->taken_len = connection->body_len = 0;
}

static void close_stuck(struct http_edge *edge)
{
    size_t left = edge->buffered;
    unsigned looks = edge->pressure == PRESSURE_OVER ? STUCK_SOON : STUCK_LOOKS;
    while (level_after(edge, left) > PRESSURE_CALM) {
        struct http_connection *connection, *worst = NULL;
        TAILQ_FOREACH (connection, &edge->connections, link)
            if (connection->stuck_looks >= looks && !connection->is_ending &&
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

/* ---- the connection that is read while FULL ---- */

static bool needs_reading(const struct http_connection *connection)
{
    return !connection->is_ending && connection->buffered > 0 && !goes_on_by_itself(connection);
}

/* The one that has not been read for longest. */
static void choose_reader(struct http_edge *edge)
{
    struct http_connection *connection, *next = NULL;
    TAILQ_FOREACH (connection, &edge->connections, link)
        if (connection->is_slowed && needs_reading(connection) && connection != edge->reader &&
            (!next || connection->read_ns < next->read_ns))
            next = connection;
    if (!next)
        return;
    if (edge->reader)
        connection_wants_write(edge->reader); /* has its polling brought up to date, as below */
    edge->reader = next;
    connection_wants_write(next);
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
    TAILQ_FOREACH (connection, &edge->connections, link)
        look_at(connection);
    close_stuck(edge);
    if (edge->pressure >= PRESSURE_FULL)
        choose_reader(edge);
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
    edge->pressure = now;
}

/* Connections that were not read are read again, if this level allows it. */
static void ease(struct http_edge *edge, enum pressure to)
{
    struct http_connection *connection;
    edge->pressure = to;
    edge->reader = to >= PRESSURE_FULL ? edge->reader : NULL;
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
    if (edge->pressure >= PRESSURE_FULL && (!edge->reader || !needs_reading(edge->reader)))
        choose_reader(edge);
}

void pressure_stop(struct http_edge *edge)
{
    timers_stop(edge->timers, &edge->press);
}
