/* SPDX-License-Identifier: MIT
 *
 * What all connections keep together, requests that are not done and answers that are not read, and what is
 * done when it comes near to server.max_buffered_bytes. Nobody who reads and sends on is closed for it.
 *
 *   CALM
 *   TIGHT  from a half on. Who holds more than its share is not read while it need not be: its calls end by
 *          themselves, and its socket takes more once the peer reads; until then what it asked for and was
 *          held back is not begun. Others are read a little at a time.
 *   FULL   from three quarters on. Of those that have to be read on, for only that brings the rest of a
 *          request or room for an answer, one is read at a time.
 *   OVER   all of it. Calls are refused with pushback, but for health, and so are requests of which more
 *          would have to be kept; nobody is read who has asked for anything.
 *
 * From TIGHT on it is looked once a second who takes next to nothing of what waits for it, or sends next to
 * nothing of what it began. Of those that hold more than their share and do so for ten seconds (when OVER,
 * five) the worst are closed, until the others keep less than a half. What calls that were begun answer is
 * kept whatever the total is; at twice the limit whoever holds most is closed, at once.
 *
 * A share is what falls to each connection of the half.
 */
#include <sys/ioctl.h>

#include "base/container_of.h"
#include "edge/http/connection.h"
#include "edge/http/exchange.h"

#define LOOK_NS     UINT64_C(1000000000)
#define STUCK_LOOKS 10
#define STUCK_SOON  5             /* when OVER */
#define MOVED_MIN   ((size_t)512) /* bytes between two looks; who takes or sends less stands still */
#define SHARE_MIN   ((size_t)16384)
#define READ_TIGHT  ((size_t)4096) /* bytes: the heads of a few hundred calls */
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

/* A little below each level, lest it come and go with every call. */
static enum pressure level_after(const struct http_edge *edge, size_t buffered)
{
    return level_of(edge, buffered + edge->limits.max_buffered_bytes / 16);
}

static bool is_blocked(const struct http_connection *connection)
{
    return connection->out.len > connection->out_sent;
}

/* What it waits for comes without its being read. */
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

/* ---- who stands still ---- */

/* Some of an answer waits for the peer to take it. */
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

/* What it has sent and was not read. */
static size_t pending_len(const struct http_connection *connection)
{
    int len = 0;
    return ioctl(connection->watch.fd, FIONREAD, &len) ? 0 : (size_t)len;
}

/* Counts in how many looks in a row the peer did too little of what only it can do. */
static void look_at(struct http_connection *connection)
{
    bool is_read = is_blocked(connection) || !connection->is_slowed; /* or should be, by it */
    size_t moved = is_unread(connection) ? connection->taken_len : connection->body_len;
    bool has_calls = connection->calls_n > 0 && !is_blocked(connection);
    if (has_calls || connection->buffered <= share(connection->edge) || moved >= MOVED_MIN)
        connection->stuck_looks = 0;
    else if (is_read || pending_len(connection) < MOVED_MIN)
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

/* ---- who is read while FULL ---- */

static bool needs_reading(const struct http_connection *connection)
{
    return !connection->is_ending && connection->buffered > 0 && !goes_on_by_itself(connection);
}

/* The one that was not read for longest. */
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
        connection_wants_write(edge->reader); /* to be polled anew, as the next one */
    edge->reader = next;
    connection_wants_write(next);
}

void pressure_closed(struct http_connection *connection)
{
    if (connection->edge->reader == connection)
        connection->edge->reader = NULL;
}

/* ---- its levels ---- */

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

/* Whoever was not read may be now. */
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

/* The one that holds most; *kept: bytes of all that are not about to end. */
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

/* Whoever hold most go. */
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
