/* SPDX-License-Identifier: MIT
 *
 * One connection to PostgreSQL on the loop: it connects, sets up the session, prepares the statements of its
 * lane, carries one batch at a time, and reconnects when it breaks. It knows nothing of queues: callbacks
 * tell its owner (the pool) when it can take a batch and when it cannot. Loop thread only.
 */
#ifndef DB_CONN_H
#define DB_CONN_H

#include <libpq-fe.h>
#include <uv.h>

#include "db/attempt.h"
#include "db/batch.h"
#include "db/endpoint.h"
#include "db/outage.h"
#include "db/primary.h"
#include "db/session.h"

enum conn_state {
    CONN_CLOSED,     /* before start, after stop */
    CONN_DOWN,       /* waits before the next attempt */
    CONN_RESOLVING,  /* a thread looks the server's addresses up */
    CONN_CONNECTING, /* a thread of attempt.h talks to the server */
    CONN_PREPARING,  /* the session's settings and the statements are on their way */
    CONN_IDLE,       /* ready for a batch */
    CONN_BUSY,       /* carries a batch */
    CONN_STATES,
};

struct conn;

struct conn_owner {
    /* Whether the connection may try to connect now; if not, it asks again soon. */
    bool (*may_connect)(const struct conn *conn);
    /* Whether another live connection of the owner has the same backend, which shows that a pooler in
     * transaction mode is in between. */
    bool (*has_backend)(struct conn *conn, int64_t pid, int64_t began_us);
    /* Such a pooler was found: none of the owner's connections may be used. */
    void (*on_refused)(struct conn *conn);
    /* The connection is up: it has become IDLE after PREPARING. */
    void (*on_up)(struct conn *conn);
    /* The connection was up, and broke. `retry`: queries that the owner must queue again, in this order. */
    void (*on_down)(struct conn *conn, struct query_list *retry);
    /* An attempt to connect failed. */
    void (*on_failed)(struct conn *conn);
    /* Whether results may still be handled in this turn of the loop: false once the turn's time for them is
     * used up. The socket stays readable, so they are handled in the next turn. */
    bool (*may_read)(struct conn *conn);
    /* Its batch has come back; queries to be sent again are in the batch's `retry` and `stuck`. */
    void (*on_batch_done)(struct conn *conn);
};

#define CONN_WHY_LEN 512

struct conn_options {
    const char *const
        *keywords; /* of PQconnectStartParams, NULL-terminated, living as long as the connection */
    const char *const *values;
    bool tells_position;           /* answers of writes carry the server's position after the commit */
    bool is_standby;               /* failed queries are not retried here: the caller tries another server */
    const char *schemas;           /* the session's search_path; NULL: svcd's own */
    struct outage *outage;         /* shared by all connections to the same server */
    struct primary *primary;       /* shared by all that must reach the primary; NULL: any server will do */
    unsigned connect_timeout_ms;   /* for all of a host's addresses together */
    unsigned statement_timeout_ms; /* set in the session; 0: none */
    unsigned lock_wait_ms;         /* how long a read may wait for a lock; 0: no limit */
    /* A server that is silent for longer while a batch is under way counts as dead; 0: never. Then reads are
     * sent again, and writes end with QUERY_LOST. */
    unsigned answer_timeout_ms;
    unsigned reconnect_min_ms;
    unsigned reconnect_max_ms;
    unsigned settings_n; /* version of the settings, which a connection keeps for life */
};

struct conn {
    const struct conn_options *options;
    const struct conn_owner *owner;
    void *data;      /* the owner's */
    enum lane lane;  /* the lane whose statements it carries */
    unsigned number; /* for the log */
    enum conn_state state;
    PGconn *pg;
    uv_poll_t *poll; /* freed in its close callback: each attempt to connect has its own socket */
    int poll_events;
    uv_timer_t timer;           /* DOWN: until the next attempt; while connecting: its timeout */
    struct lookup *lookup;      /* RESOLVING */
    struct attempt *attempt;    /* CONNECTING */
    struct endpoints endpoints; /* RESOLVING, CONNECTING: where it may connect */
    size_t endpoint;            /* the one being tried */
    char why[CONN_WHY_LEN];     /* the last error: the server's message, if it sent one */
    const char *advice;         /* what the operator should do, if no retry can help; NULL: one may */
    size_t setup_step;          /* PREPARING: the step whose result comes next */
    bool is_migrated;           /* the database has a schema svcd, of any version */
    bool is_barred;             /* the role may not use that schema */
    bool lacks_something;       /* a statement could not be prepared */
    bool *prepared;             /* see batch_send() */
    int64_t backend_pid, backend_began_us;
    uint32_t timeline;     /* where options->primary is set: the timeline on which the server takes writes */
    uint64_t heard_at_ns;  /* when the batch was sent, or the server last answered a part of it */
    unsigned settings_n;   /* options->settings_n when it began to connect */
    bool is_leaving;       /* reconnects as soon as its batch has come back */
    bool is_replaced;      /* we are closing it to reconnect: queued queries are kept */
    bool is_retired;       /* surplus: closes as soon as its batch has come back, for good */
    bool is_cancelling;    /* its backend is being cancelled: a new batch could be hit instead */
    struct query cancel;   /* the owner's: the query that cancels */
    struct query look;     /* the owner's: the query that asks what the backend does */
    uint64_t looked_at_ns; /* the owner's: sent_ns of the batch that was asked about */
    bool is_looking;       /* the owner's: `look` is under way */
    unsigned shared_n;     /* the owner's: queries in its batch, 0 if the batch is apart */
    struct batch batch;
};

/* Starts connecting at once. Returns 0 or a UV_E* code. */
int conn_start(struct conn *conn, uv_loop_t *loop);

/* Closes the connection for good. If it was up, on_down runs first. Its handles are closed by the loop
 * afterwards: `conn` must live until the loop has run empty. */
void conn_stop(struct conn *conn);
/* Frees its memory, after that. `conn` itself is the owner's. */
void conn_finish(struct conn *conn);

/* Closes the connection as if it had broken. It reconnects after reconnect_max_ms. */
void conn_drop(struct conn *conn);
/* Closes it and reconnects after reconnect_min_ms, perhaps to another server. */
void conn_replace(struct conn *conn);
/* The same as soon as its batch has come back. */
void conn_leave(struct conn *conn);
/* If it is DOWN: lets it try to connect now. */
void conn_wake(struct conn *conn);

/* Closes it as soon as its batch has come back, and keeps it closed until conn_return(). */
void conn_retire(struct conn *conn);
void conn_return(struct conn *conn);

/* Whether it can take a batch. */
bool conn_is_free(const struct conn *conn);

/* Sends conn->batch, which the owner has filled; only if it is free. If that fails, on_down is called. */
void conn_send(struct conn *conn);

/* Drops a connection whose server has been silent for longer than answer_timeout_ms. To be called regularly.
 */
void conn_check(struct conn *conn, uint64_t now_ns);

/* ---- for the files of a connection only ---- */

/* conn.c: its states, its socket and its end. */
void conn_move(struct conn *conn, enum conn_state to);
/* Frees what belongs to the present server (libpq's connection, the socket's poll). The state stays. */
void conn_drop_server(struct conn *conn);
/* The connection is broken, for the reason in conn->why and ->advice. _for: sets them from `why` first,
 * unless that is NULL. _after: keeps the server's last error, or else takes libpq's message. */
void conn_go_down(struct conn *conn);
void conn_go_down_for(struct conn *conn, const char *why);
void conn_go_down_after(struct conn *conn);
/* Watches the socket of conn->pg. 0 or a UV_E* code. */
int conn_watch_new_socket(struct conn *conn, int events);
/* Writes what libpq has buffered, now or when the socket becomes writable. */
void conn_flush(struct conn *conn);

/* conn_connect.c */
void conn_resolve(struct conn *conn);
/* This server is not the primary: tries the next endpoint. */
void conn_try_next(struct conn *conn);
void conn_on_connect_timeout(uv_timer_t *timer);

/* conn_setup.c */
void conn_begin_setup(struct conn *conn);
/* Takes over the result. */
void conn_setup_result(struct conn *conn, PGresult *result);

/* conn_words.c */
/* Makes one line of libpq's error text, without its source location, and finds the advice for it (NULL:
 * none). Returns whether the error is the server's, that is, has a SQLSTATE. */
bool conn_words(char why[static CONN_WHY_LEN], const char **advice, const char *text);
/* Sets conn->why and ->advice from libpq's error text. */
void conn_note(struct conn *conn, const char *text);
/* What to do about a statement's error that no retry can fix; NULL: a retry may. */
const char *conn_advice_for(const char *sqlstate);
bool conn_is_severity(const PGresult *result, const char *severity);

#endif
