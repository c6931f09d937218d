/* SPDX-License-Identifier: MIT
 *
 * One connection to PostgreSQL on the loop: it connects, sets up the session, prepares the statements of its
 * lane, carries one batch at a time, and reconnects when it breaks. It knows nothing of queues: it tells its
 * owner when it is ready and when it is not.
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
    /* Whether it may try to connect now; if not, it asks again soon. */
    bool (*may_connect)(const struct conn *conn);
    /* Whether another live connection of the owner has the same backend, which shows that a pooler in
     * transaction mode is in between. */
    bool (*has_backend)(struct conn *conn, int64_t pid, int64_t began_us);
    /* Such a pooler was found: neither this connection nor the others may be used. */
    void (*on_refused)(struct conn *conn);
    /* It has become IDLE after it was down. */
    void (*on_up)(struct conn *conn);
    /* It was up, and broke. `retry`: queries to be queued again by the owner, in order. */
    void (*on_down)(struct conn *conn, struct query_list *retry);
    /* An attempt to connect failed. */
    void (*on_failed)(struct conn *conn);
    /* Whether results may be handled in this turn of the loop: false when its time for them is used up. They
     * are offered again in the next turn. */
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
    bool is_standby;               /* what fails is not retried here: the caller tries another server */
    const char *schemas;           /* the session's search_path; NULL: svcd's own */
    struct outage *outage;         /* shared with all that go to the same server */
    struct primary *primary;       /* shared with all that go to one of several servers; NULL: there is one */
    unsigned connect_timeout_ms;   /* for all of a host's addresses together */
    unsigned statement_timeout_ms; /* the server's; 0: none */
    unsigned lock_wait_ms;         /* that a read waits for a lock at most; 0: no limit */
    /* A server that is silent for longer while a batch is out is taken for dead; 0: never. Then reads are
     * sent again, and whether writes were done is unknown. */
    unsigned answer_timeout_ms;
    unsigned reconnect_min_ms;
    unsigned reconnect_max_ms;
    unsigned settings_n; /* version of the settings that a connection gets only when it is made */
};

struct conn {
    const struct conn_options *options;
    const struct conn_owner *owner;
    void *data;      /* the owner's */
    enum lane lane;  /* what it carries */
    unsigned number; /* for the log */
    enum conn_state state;
    PGconn *pg;
    uv_poll_t *poll; /* freed in its close callback: libpq may change sockets while it connects */
    int poll_events;
    uv_timer_t timer; /* DOWN: until the next attempt; while connecting: its timeout */
    struct lookup *lookup;
    struct endpoints endpoints; /* RESOLVING, CONNECTING: where it may connect */
    size_t endpoint;            /* the one being tried */
    char why[CONN_WHY_LEN];     /* what went wrong last, in the server's words if it had any */
    const char *advice;         /* what would help, if no retry does; NULL: a retry may */
    size_t setup_step;          /* PREPARING: the step whose result comes next */
    bool is_migrated;           /* the database has a schema svcd, of whatever version */
    bool is_barred;             /* but the role may not use that schema */
    bool lacks_something;       /* a statement could not be prepared */
    bool *prepared;             /* see batch_send() */
    int64_t backend_pid, backend_began_us;
    uint32_t timeline;    /* where options->primary is set: the timeline on which the server takes writes */
    uint64_t heard_at_ns; /* when the batch was sent, or the server last answered a part of it */
    unsigned settings_n;  /* options->settings_n when the attempt to connect began */
    bool is_leaving;      /* reconnects as soon as its batch has come back */
    bool is_replaced;     /* it is being closed by us, to reconnect at once */
    bool is_retired;      /* surplus: closes as soon as its batch has come back, for good */
    bool is_cancelling;   /* its backend is being cancelled: a new batch could be hit, and must wait */
    struct query cancel;  /* the owner's, for that */
    unsigned shared_n;    /* the owner's: queries out on it that do not go apart */
    struct batch batch;
};

/* Starts connecting at once. Returns 0 or a UV_E* code. */
int conn_start(struct conn *conn, uv_loop_t *loop);

/* Closes the connection for good. If it was up, on_down runs first. Its handles are closed by the loop
 * afterwards: `conn` must live until the loop has run empty. */
void conn_stop(struct conn *conn);
/* Frees what it holds, after that. */
void conn_finish(struct conn *conn);

/* Treats the connection as broken. It reconnects by itself. */
void conn_drop(struct conn *conn);
/* Closes it and reconnects at once, perhaps to another server. */
void conn_replace(struct conn *conn);
/* The same as soon as its batch has come back. */
void conn_leave(struct conn *conn);
/* Lets it try to connect now instead of waiting for its next attempt. */
void conn_wake(struct conn *conn);

/* Closes it as soon as its batch has come back, and keeps it closed until conn_return(). */
void conn_retire(struct conn *conn);
void conn_return(struct conn *conn);

/* Whether it can take a batch. */
bool conn_is_free(const struct conn *conn);

/* Sends conn->batch, which the owner has filled; only if it is free. A failure is told by on_down. */
void conn_send(struct conn *conn);

/* Drops a connection that has heard nothing for longer than answer_timeout_ms allows. */
void conn_check(struct conn *conn, uint64_t now_ns);

/* ---- for the files of a connection only ---- */

/* conn.c: its states, its socket and its end. */
void conn_move(struct conn *conn, enum conn_state to);
/* Frees what belongs to the present server (libpq's connection, the socket's poll). The state stays. */
void conn_drop_server(struct conn *conn);
/* The connection is broken, for the reason in conn->why and ->advice; _for: for `why`, unless it is NULL;
 * _after: for the server's last error, or else for what libpq says. */
void conn_go_down(struct conn *conn);
void conn_go_down_for(struct conn *conn, const char *why);
void conn_go_down_after(struct conn *conn);
/* libpq may close one socket and open another between two calls. 0 or a UV_E* code. */
int conn_watch_new_socket(struct conn *conn, int events);
/* Sends what libpq holds, now or when the socket takes it. */
void conn_flush(struct conn *conn);

/* conn_connect.c */
void conn_resolve(struct conn *conn);
/* This server is not the primary: tries the next endpoint. */
void conn_try_next(struct conn *conn);
void conn_connect_poll(struct conn *conn);
void conn_on_connect_timeout(uv_timer_t *timer);

/* conn_setup.c */
void conn_begin_setup(struct conn *conn);
/* Takes the result. */
void conn_setup_result(struct conn *conn, PGresult *result);

/* conn_words.c */
/* Makes one line of libpq's error text, without its source location, and finds the advice for it (NULL:
 * none). Returns whether the error is the server's, that is, has a SQLSTATE. */
bool conn_words(char why[static CONN_WHY_LEN], const char **advice, const char *text);
/* Sets conn->why and ->advice so. */
void conn_note(struct conn *conn, const char *text);
/* What to do about an error that no retry can mend; NULL: a retry may. */
const char *conn_advice_for(const char *sqlstate);
bool conn_is_severity(const PGresult *result, const char *severity);

#endif
