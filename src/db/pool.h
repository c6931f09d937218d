/* SPDX-License-Identifier: MIT
 *
 * The pool: queries wait in the queue of their statement's lane and leave, many at a time, on whichever of
 * the lane's connections is free. What is submitted during one turn of the loop is sent at its end, so
 * waiting reads find each other. While a connection carries a batch the next one gathers: batches grow with
 * the load, and an idle pool adds no delay.
 *
 * What is stuck delays only those who need what it waits for. A statement that shares its connection waits
 * for a lock a few milliseconds only; one that is slow while others wait for its connection is ended. Either
 * is run again apart from the others (see queue.h), where it may take its time, on half of the lane's
 * connections at most; and so are all of its kind, until one of them, tried with little patience, has been
 * quick. What nobody waits for any more is ended, too: by pg_cancel_backend over a connection
 * of the pool's own (LANE_CONTROL), during which the connection concerned carries nothing else.
 *
 * Loop thread only.
 */
#ifndef DB_POOL_H
#define DB_POOL_H

#include "db/conn.h"
#include "db/queue.h"
#include "observe/histogram.h"

#define POOL_CONNECTIONS_MAX 64 /* of one lane */

struct pool_options {
    struct conn_options conn;
    unsigned connections[LANES]; /* 0: the pool does without this lane */
    unsigned queue_max;          /* queries waiting in one lane; more are refused */
};

struct pool_lane {
    struct conn *conns;      /* room for POOL_CONNECTIONS_MAX and a spare one, if there is any */
    unsigned conns_n;        /* that were started: */
    unsigned wanted;         /* of them in use; the others are retired, or help until these are renewed */
    unsigned up;             /* of them IDLE or BUSY */
    unsigned apart_busy;     /* of them with a batch of those apart */
    unsigned shared_n;       /* queries under way on the others */
    bool is_probing;         /* one of those apart is tried on one of the others */
    uint64_t probe_after_ns; /* not before, nor before this those that were tried already */
    uint64_t probe_again_after_ns;
    struct queue queue;
    /* Since the start; see pool_tell_metrics. */
    struct histogram batch_sizes; /* queries sent together */
    uint64_t refused_n;           /* queries: the queue was full */
    uint64_t lost_n;              /* connections: were up, went down */
};

struct pool {
    struct pool_options options;
    struct outage own_outage; /* where the options name none */
    struct pool_lane lanes[LANES];
    uint64_t results_ns;   /* that a turn handles results, begun within; a test's own */
    uint64_t turn_ends_ns; /* so that it does until then; 0: none has been handled in it */
    unsigned batches_sent; /* so far: whoever sees it change knows that an answer is near */
    bool available;        /* as on_available was last told */
    bool stopping;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t check;
    uv_timer_t watch; /* while anything is under way */
    void (*on_available)(void *data,
                         bool available); /* may be NULL; every lane has a connection, or one has none */
    void *data;
    /* Before what waits is sent: more may be submitted now. May be NULL. */
    void (*before_send)(void *data);
    void *before_send_data;
};

/* Starts connecting; the database may be away. `options` is copied, the strings it points to must outlive the
 * pool. Set on_available and data before. Returns 0 or a UV_E* code (UV_EINVAL: more than
 * POOL_CONNECTIONS_MAX). */
int pool_start(struct pool *pool, uv_loop_t *loop, const struct pool_options *options);

/* Other numbers of connections and of queries that may wait. A lane is neither added nor left out; one that
 * shrinks ends no query. UV_ENOMEM: it has fewer connections than asked for. */
int pool_reconfigure(struct pool *pool, const unsigned connections[LANES], unsigned queue_max);

/* Other parameters and time-outs, which are copied as by pool_start. Those that bind the server, and with
 * `has_other_login` the parameters, need new connections: they are made one by one, and each one that there
 * is goes once its batch has, and a new one is there in its place. While none can be made the old ones stay.
 */
void pool_renew(struct pool *pool, const struct conn_options *options, bool has_other_login);

/* Ends every query with QUERY_LOST and closes everything. The loop must run until its handles are closed,
 * then pool_finish. */
void pool_stop(struct pool *pool);
void pool_finish(struct pool *pool);

/* The primary has moved, see primary.h: leaves what was it before, and connects to what it is now at once. */
void pool_follow_primary(struct pool *pool);

/* True while every lane that carries calls has a usable connection, if it has any. */
bool pool_is_available(const struct pool *pool);

/* The server answers, but the database was never migrated, or lets svcd do nothing. */
bool pool_is_unready(const struct pool *pool);

/* How many more queries a lane takes that will not wait for long: what shares its connections is bounded to
 * what keeps them busy. Who is stuck and runs apart does not count. A lane without a connection takes all,
 * and refuses them at once. */
int pool_room(const struct pool *pool, enum lane lane);

/* Queues a query whose first members are set. Returns 0: on_done will be called, once, on a later turn.
 * UV_ENOTCONN: the database is away; UV_ENOBUFS: the queue is full; then on_done is not called. */
int pool_submit(struct pool *pool, struct query *query);

/* Takes back a query that has not been sent: true, and on_done will not be called. False: it will, but the
 * query is not sent again whatever becomes of it, and once nobody waits for what its connection does the
 * server is asked to end it. */
bool pool_withdraw(struct pool *pool, struct query *query);

/* ---- for the files of the pool only ---- */

/* pool.c: one more of the lane, behind those that there are. NULL: out of memory. */
struct conn *pool_add_conn(struct pool *pool, enum lane number, uv_loop_t *loop);

/* pool_renew.c: the next step to the connections wanted, if there is one; now and then also beside what is
 * leaving, whose statement may be stuck. Takes from the options how long what is apart may wait. */
void pool_renew_next(struct pool *pool, bool beside_leaving);
void pool_limit_waiting(struct pool *pool, enum lane number);

/* pool_send.c: gives what waits to connections that are free. */
void pool_send_all(struct pool *pool);
/* One of those apart was tried, and has come back. */
void pool_probed(struct pool_lane *lane, const struct batch *batch, uint64_t now_ns);

/* pool_watch.c: whether statements of this lane are looked after, which runs while anything is under way. */
bool pool_watches(enum lane lane);
void pool_on_watch(uv_timer_t *watch);
/* Asks the server to end what is under way. */
void pool_cancel(struct pool *pool, struct conn *conn, bool even_committing);

#endif
