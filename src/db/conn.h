/* SPDX-License-Identifier: MIT
 *
 * One connection to PostgreSQL on the loop: connects, sets the session up, prepares what it can, carries one
 * batch at a time, and comes back by itself when it breaks. Knows nothing of queues; it tells its owner when
 * it is ready and when it is not.
 */
#ifndef DB_CONN_H
#define DB_CONN_H

#include <libpq-fe.h>
#include <uv.h>

#include "db/batch.h"
#include "db/endpoint.h"
#include "db/outage.h"
#include "db/primary.h"
#include "db/session.h"

enum conn_state {
    CONN_CLOSED,     /* before start, after stop */
    CONN_DOWN,       /* waits before the next attempt */
    CONN_RESOLVING,  /* a thread looks the server's addresses up */
    CONN_CONNECTING, /* libpq talks to the server */
    CONN_PREPARING,  /* the session's settings and the statements are on their way */
    CONN_IDLE,       /* ready for a batch */
    CONN_BUSY,       /* carries one */
    CONN_STATES,
};

struct conn;

struct conn_owner {
    /* Whether it is its turn; if not, it asks again soon. */
    bool (*may_connect)(const struct conn *conn);
    /* Whether another of its live connections has the same backend: then a pooler shares it out by
     * transaction. */
    bool (*has_backend)(struct conn *conn, int64_t pid, int64_t began_us);
    /* It has, and will not be used; nor may the others be. */
    void (*on_refused)(struct conn *conn);
    /* IDLE for the first time since it was not. */
    void (*on_up)(struct conn *conn);
    /* The connection broke; `retry` holds the queries that the owner should queue again, in order. */
    void (*on_down)(struct conn *conn, struct query_list *retry);
    /* An attempt to connect failed. */
    void (*on_failed)(struct conn *conn);
    /* Whether results may be handled in this turn: false once it has done much. They are there in the next
     * one. */
    bool (*may_read)(struct conn *conn);
    /* A batch has come back; what is to be sent again is in its `retry` and `stuck`. */
    void (*on_batch_done)(struct conn *conn);
};

#define CONN_WHY_LEN 512

struct conn_options {
    const char *const
        *keywords; /* of PQconnectStartParams, NULL-terminated, living as long as the connection */
    const char *const *values;
    bool tells_position;           /* answers of writes say how far the server was afterwards */
    bool is_standby;               /* what fails here is tried elsewhere, by whoever submitted it */
    const char *schemas;           /* where names are looked for; NULL: where svcd's are */
    struct outage *outage;         /* shared with all that go to the same server */
    struct primary *primary;       /* shared with all that go to one of several servers; NULL: there is one */
    unsigned connect_timeout_ms;   /* for all of a host's addresses together */
    unsigned statement_timeout_ms; /* the server's; 0: none */
    unsigned lock_wait_ms;         /* that a read waits for a lock at most; 0: no limit */
    /* A server that gives no sign for longer is dead; 0: wait for ever. What became of a write that is given
     * up nobody knows; a read is made again. */
    unsigned answer_timeout_ms;
    unsigned reconnect_min_ms;
    unsigned reconnect_max_ms;
    unsigned settings_n; /* counts up when what a connection is told as it is made has changed */
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
    uv_timer_t timer; /* of the state: retry, connect timeout */
    struct lookup *lookup;
    struct endpoints endpoints; /* RESOLVING, CONNECTING: where it may connect */
    size_t endpoint;            /* the one being tried */
    char why[CONN_WHY_LEN];     /* what went wrong last, in the server's words if it had any */
    const char *advice;         /* what would help, if no retry does */
    size_t setup_step;          /* PREPARING: whose result comes next */
    bool is_migrated;           /* the database has a schema of some svcd */
    bool is_barred;             /* and the role may not use it */
    bool lacks_something;       /* a statement could not be prepared */
    bool *prepared;             /* by statement's number: plain, merged */
    int64_t backend_pid, backend_began_us;
    uint32_t timeline;    /* where options->primary is set: that the server takes writes on */
    uint64_t heard_at_ns; /* when the batch was sent, or the server last answered a part of it */
    unsigned settings_n;  /* of the options, when the attempt began */
    bool is_leaving;      /* goes when its batch has, and comes again */
    bool is_replaced;     /* it went down by itself, to come again at once */
    bool is_retired;      /* more than are wanted: goes when its batch has, and does not come back */
    bool is_cancelling;   /* the owner has asked the server to end the batch: no other may start meanwhile */
    struct query cancel;  /* the owner's, for that */
    unsigned shared_n;    /* the owner's: queries under way that share the connection */
    struct batch batch;
};

/* Starts connecting at once. Returns 0 or a UV_E* code. */
int conn_start(struct conn *conn, uv_loop_t *loop);

/* Drops the connection without a farewell to the queries: on_down runs first if it was up. Handles are closed
 * by the loop afterwards; `conn` must live until the loop has run empty. */
void conn_stop(struct conn *conn);
/* Afterwards. */
void conn_finish(struct conn *conn);

/* Drops the connection like one that broke; it comes back by itself. */
void conn_drop(struct conn *conn);
/* Leaves the server that it is connected or connecting to, and looks for another at once. */
void conn_replace(struct conn *conn);
/* The same once its batch has come back. */
void conn_leave(struct conn *conn);
/* Tries now, if it waits. */
void conn_wake(struct conn *conn);

/* There are too many: it goes, when its batch has; or, after all, there are not. */
void conn_retire(struct conn *conn);
void conn_return(struct conn *conn);

/* May be given a batch. */
bool conn_is_free(const struct conn *conn);

/* Sends conn->batch, which the owner has filled; only if it is free. A failure shows as on_down. */
void conn_send(struct conn *conn);

/* Drops a connection that has heard nothing for longer than answer_timeout_ms allows. */
void conn_check(struct conn *conn, uint64_t now_ns);

/* ---- for the files of a connection only ---- */

/* conn.c: its states, its socket and its end. */
void conn_move(struct conn *conn, enum conn_state to);
/* Leaves everything of the server behind, but no state. */
void conn_drop_server(struct conn *conn);
/* The connection is broken: conn->why and ->advice say it; or `why` does, if it is not NULL; or the server's
 * farewell, if there was one, else what libpq made of its silence. */
void conn_go_down(struct conn *conn);
void conn_go_down_for(struct conn *conn, const char *why);
void conn_go_down_after(struct conn *conn);
/* libpq may close one socket and open another between two calls. 0 or a UV_E* code. */
int conn_watch_new_socket(struct conn *conn, int events);
/* Sends what libpq holds, now or when the socket takes it. */
void conn_flush(struct conn *conn);

/* conn_connect.c */
void conn_resolve(struct conn *conn);
/* The server is not the one that is wanted: on to the next. */
void conn_try_next(struct conn *conn);
void conn_connect_poll(struct conn *conn);
void conn_on_connect_timeout(uv_timer_t *timer);

/* conn_setup.c */
void conn_begin_setup(struct conn *conn);
/* Takes the result. */
void conn_setup_result(struct conn *conn, PGresult *result);

/* conn_words.c */
/* What libpq has to say, without the source's location and with nothing at its end, and the advice for it, or
 * NULL. Whether the server said so, with a SQLSTATE. */
bool conn_words(char why[static CONN_WHY_LEN], const char **advice, const char *text);
/* Remembers both. */
void conn_note(struct conn *conn, const char *text);
/* NULL: retrying may mend it. */
const char *conn_advice_for(const char *sqlstate);
bool conn_is_severity(const PGresult *result, const char *severity);

#endif
