/* SPDX-License-Identifier: MIT
 *
 * One connection to PostgreSQL on the loop: connects, prepares the statements of its lane, carries one batch
 * at a time, and comes back by itself when it breaks. Knows nothing of queues; it tells its owner when it is
 * ready and when it is not.
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
    /* It has connected and prepared its statements: from now on it is CONN_IDLE or CONN_BUSY, until on_down.
     */
    void (*on_up)(struct conn *conn);
    /* The connection broke; `retry` holds the queries that the owner should queue again, in order. */
    void (*on_down)(struct conn *conn, struct query_list *retry);
    /* A batch has come back; `retry` as above. */
    void (*on_batch_done)(struct conn *conn, struct query_list *retry);
};

struct conn_options {
    const char *const
        *keywords; /* of PQconnectStartParams, NULL-terminated, living as long as the connection */
    const char *const *values;
    const char *const *read_values; /* of connections of the read lane; NULL: the same */
    unsigned connect_timeout_ms;
    /* A connection whose batch is out is given up when the server has said nothing for so long; 0: never. A
     * batch of n writes has n times as long: the server may send nothing before the last is done, and a write
     * that is given up leaves its caller not knowing whether it happened. A batch of reads has the time once,
     * however many there are, since a read that is given up is simply sent again. */
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
    unsigned prepared;    /* statements, plain and merged, while CONN_PREPARING */
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
