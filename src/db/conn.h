/* SPDX-License-Identifier: MIT
 *
 * One connection to PostgreSQL on the loop: connects, prepares every statement, carries one batch at a time,
 * and comes back by itself when it breaks. Knows nothing of queues; it tells its owner when it is ready and
 * when it is not.
 */
#ifndef DB_CONN_H
#define DB_CONN_H

#include <libpq-fe.h>
#include <uv.h>

#include "db/batch.h"

enum conn_state {
    CONN_CLOSED,     /* before start, after stop */
    CONN_DOWN,       /* waits before the next attempt */
    CONN_CONNECTING, /* libpq talks to the server */
    CONN_PREPARING,  /* statements are on their way */
    CONN_IDLE,       /* ready for a batch */
    CONN_BUSY,       /* carries one */
    CONN_STATES,
};

struct conn;

struct conn_owner {
    /* IDLE for the first time since it was not. */
    void (*on_up)(struct conn *conn);
    /* No longer usable; `retry` holds what should be sent again, in order. */
    void (*on_down)(struct conn *conn, struct query_list *retry);
    /* A batch has come back; `retry` as above. */
    void (*on_batch_done)(struct conn *conn, struct query_list *retry);
};

struct conn_options {
    const char *const
        *keywords; /* of PQconnectStartParams, NULL-terminated, living as long as the connection */
    const char *const *values;
    unsigned connect_timeout_ms;
    /* A server that gives no sign for longer is dead; 0: wait for ever. Reads count together, for one that is
     * given up is made again. Every write counts by itself: the server need not tell of one before all are
     * done, and what became of one that is given up nobody knows. */
    unsigned answer_timeout_ms;
    unsigned reconnect_min_ms;
    unsigned reconnect_max_ms;
};

struct conn {
    const struct conn_options *options;
    const struct conn_owner *owner;
    void *data;      /* the owner's */
    enum lane lane;  /* what it carries */
    unsigned number; /* for the log */
    enum conn_state state;
    PGconn *pg;
    uv_poll_t *poll; /* freed by its own close callback, for libpq may change sockets while it connects */
    int poll_events;
    uv_timer_t timer;     /* of the state: retry, connect timeout */
    unsigned failures;    /* since it was last up */
    unsigned unprepared;  /* results to come before the statements are prepared */
    uint64_t heard_at_ns; /* when the batch was sent, or the server last answered a part of it */
    struct batch batch;
};

/* Starts connecting at once. Returns 0 or a UV_E* code. */
int conn_start(struct conn *conn, uv_loop_t *loop);

/* Drops the connection without a farewell to the queries: on_down runs first if it was up. Handles are closed
 * by the loop afterwards; `conn` must live until the loop has run empty. */
void conn_stop(struct conn *conn);

/* Sends conn->batch, which the owner has filled; CONN_IDLE only. A failure shows as on_down. */
void conn_send(struct conn *conn);

/* Drops a connection that has heard nothing for longer than answer_timeout_ms allows. */
void conn_check(struct conn *conn, uint64_t now_ns);

#endif
