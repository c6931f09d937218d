/* SPDX-License-Identifier: MIT
 *
 * A connection's timeouts, all by one timer: it is set to the earliest that may be due, and when it fires
 * what is really due is checked. So the timer need not be moved at each call.
 */
#include "base/container_of.h"
#include "edge/http/connection.h"
#include "edge/http/exchange.h"

#define MS UINT64_C(1000000)

#define OPENING_MS   10000 /* for TLS and the first bytes of a protocol */
#define EXTRA_MS     5000  /* an extra connection (edge/peers.h) without a request is closed */
#define LINGER_MS    1000  /* that input is discarded, after our end */
#define LAST_MS      50    /* for a peer that has said that it leaves to close first */
#define LIFE_SIGN_MS 20000 /* for an answer to a keepalive ping */
#define UNREAD_MS    10000 /* without progress by the peer, when it is over its budget or LEAVING */

static void on_timer(struct timer *timer);

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a connection that is LEAVING has been held up for too long: all that came whole is answered, and the
 * peer neither reads nor sends the rest of a request, which has a timeout of its own. */
static uint64_t stuck_at(const struct http_connection *connection)
{
    uint64_t moved_ns = connection->state_since_ns;
    if (connection->moved_ns > moved_ns)
        moved_ns = connection->moved_ns;
    return connection->busy_n ? UINT64_MAX : moved_ns + UNREAD_MS * MS;
}

/* Why a connection that is LEAVING has not come to its end by stuck_at(). */
static enum http_reason stuck_for(const struct http_connection *connection)
{
    const struct exchange *exchange;
    bool has_answers = connection->out.len > connection->out_sent;
    LIST_FOREACH(exchange, &connection->exchanges, link)
    has_answers |= exchange->state == EXCHANGE_ANSWERING || exchange->state == EXCHANGE_ANSWERED;
    return has_answers ? REASON_UNREAD : REASON_UNFINISHED;
}

/* When something will be due if nothing more happens on the connection; UINT64_MAX: nothing. */
static uint64_t next_due(const struct http_connection *connection)
{
    const struct http_limits *limits = &connection->edge->limits;
    uint64_t at = UINT64_MAX;
    if (connection->state == CONNECTION_LINGERING)
        return connection->state_since_ns + (connection->awaits_end ? LAST_MS : LINGER_MS) * MS;
    if (connection->is_ending) /* at the end of this turn */
        return at;
    if (connection->state == CONNECTION_OPENING)
        return connection->opened_ns + (connection->is_extra ? EXTRA_MS : OPENING_MS) * MS;
    if (connection->over_since_ns)
        at = earlier(at, connection->over_since_ns + UNREAD_MS * MS);
    if (connection->is_slowed) /* it is not read, so we cannot see what the peer does */
        return connection->state == CONNECTION_LEAVING ? at : earlier(at, connection->age_at_ns);
    if (limits->keepalive_ms && connection->carrier->ping)
        at = earlier(at, connection->asked_ns ? connection->asked_ns + LIFE_SIGN_MS * MS
                                              : connection->read_ns + limits->keepalive_ms * MS);
    if (connection->state == CONNECTION_LEAVING)
        return earlier(at, stuck_at(connection));
    if (limits->idle_timeout_ms && !connection->busy_n)
        at = earlier(at, connection->idle_since_ns + limits->idle_timeout_ms * MS);
    else if (limits->idle_timeout_ms)
        at = earlier(at, uv_hrtime() + limits->idle_timeout_ms * MS);
    if (connection->is_extra && !connection->busy_n)
        at = earlier(at, connection->idle_since_ns + EXTRA_MS * MS);
    return earlier(at, connection->age_at_ns);
}

void connection_arm(struct http_connection *connection)
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
    if (connection->over_since_ns && now_ns >= connection->over_since_ns + UNREAD_MS * MS) {
        if (connection_is_over_budget(connection))
            connection_end(connection, REASON_UNREAD, NULL);
        connection->over_since_ns = 0;
    }
    bool is_heard = !connection->is_slowed;
    if (is_heard && connection->asked_ns && now_ns >= connection->asked_ns + LIFE_SIGN_MS * MS)
        connection_end(connection, REASON_SILENT, NULL);
    if (is_heard && !connection->asked_ns && limits->keepalive_ms && connection->carrier->ping &&
        now_ns >= connection->read_ns + limits->keepalive_ms * MS) {
        connection->asked_ns = now_ns;
        connection->carrier->ping(connection);
    }
    if (is_heard && connection->state == CONNECTION_LEAVING && now_ns >= stuck_at(connection))
        connection_end(connection, stuck_for(connection), http_reason_text(connection->reason));
    if (connection->state != CONNECTION_SERVING)
        return;
    if (now_ns >= connection->age_at_ns) {
        connection_leave(connection, REASON_AGE);
        connection->carrier->end_streams(connection, false);
    } else if (is_heard && limits->idle_timeout_ms && !connection->busy_n &&
               now_ns >= connection->idle_since_ns + limits->idle_timeout_ms * MS) {
        connection_leave(connection, REASON_IDLE);
        connection->carrier->end_streams(connection, true);
    } else if (is_heard && connection->is_extra && !connection->busy_n &&
               now_ns >= connection->idle_since_ns + EXTRA_MS * MS && !connection_is_ordinary(connection)) {
        connection_leave(connection, REASON_FULL);
    }
}

static void on_timer(struct timer *timer)
{
    struct http_connection *connection = container_of(timer, struct http_connection, timer);
    uint64_t now_ns = uv_hrtime();
    if (connection->state == CONNECTION_LINGERING) {
        bool is_due = now_ns >= next_due(connection);
        if (is_due && !connection->awaits_end) {
            connection_close(connection);
            return;
        }
        if (is_due)
            connection_shut(connection);
    } else if (connection->state == CONNECTION_OPENING) {
        bool is_extra = connection->is_extra;
        if (now_ns >= next_due(connection) && (!is_extra || !connection_is_ordinary(connection)))
            connection_end(connection, is_extra ? REASON_FULL : REASON_OPENING, NULL);
    } else {
        on_due(connection, now_ns);
    }
    connection_arm(connection);
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
