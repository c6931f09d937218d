/* SPDX-License-Identifier: MIT
 *
 * The pool: queries wait in the queue of their statement's lane and are sent, many in one batch, on whichever
 * of the lane's connections is free. Queries submitted during one turn of the loop are sent at its end, so
 * that reads of the same statement can be merged. While a connection carries a batch, the next one gathers:
 * batches grow with the load, and an idle pool adds no delay.
 *
 * A stuck query does not hold up others. On a shared connection a statement waits for a lock only a few
 * milliseconds, and one that is slow while others wait for the connection is cancelled. Either is then run
 * again apart (queue.h), where it may take its time, on at most half of the lane's connections. Other queries
 * of its statement go apart, too, until one of them, tried with a short lock_timeout, has been quick. Queries
 * whose callers have all gone are cancelled as well. Cancelling is pg_cancel_backend() over a connection of
 * its own (LANE_CONTROL); until that has answered, the cancelled connection gets no other batch.
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
    unsigned connections[LANES]; /* 0: the pool does not have this lane */
    unsigned queue_max;          /* queries that may wait in one lane; more are refused */
};

struct pool_lane {
    struct conn *conns;            /* room for POOL_CONNECTIONS_MAX and a spare; NULL: the lane has none */
    unsigned conns_n;              /* that were started */
    unsigned wanted;               /* how many are to serve; those beyond serve at most during a renewal */
    unsigned up;                   /* of the started: IDLE or BUSY */
    unsigned apart_busy;           /* of the started: carry a batch apart */
    unsigned shared_n;             /* queries under way on all others */
    uint64_t usual_ns;             /* what batches took lately, more than most of them; not those apart */
    bool is_probing;               /* a probe (queue.h) is under way */
    uint64_t probe_after_ns;       /* uv_hrtime(): no probe before this, */
    uint64_t probe_again_after_ns; /* and none of a query that was tried already before this */
    struct queue queue;
    /* Since the start; see pool_tell_metrics. */
    struct histogram batch_sizes; /* queries sent together */
    uint64_t refused_n;           /* queries: the queue was full */
    uint64_t lost_n;              /* connections: were up, went down */
};

struct pool {
    struct pool_options options;
    struct outage own_outage; /* used if the options name none */
    struct pool_lane lanes[LANES];
    uint64_t results_ns;   /* a turn begins to handle no more results after this time; tests change it */
    uint64_t turn_ends_ns; /* when that is in this turn, uv_hrtime(); 0: no result was handled in it yet */
    unsigned batches_sent; /* since the start; a change tells the caller that answers will come soon */
    bool available;        /* as on_available was last told */
    bool stopping;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t check;
    uv_timer_t watch;                                 /* runs while queries wait or are under way */
    void (*on_available)(void *data, bool available); /* pool_is_available() has changed. May be NULL. */
    void *data;
    /* Called before waiting queries are sent, and may submit more. May be NULL. */
    void (*before_send)(void *data);
    void *before_send_data;
};

/* Starts connecting; the database may be away. `options` is copied, but the strings it points to must outlive
 * the pool. Set on_available and data before. Returns 0 or a UV_E* code (UV_EINVAL: more than
 * POOL_CONNECTIONS_MAX). */
int pool_start(struct pool *pool, uv_loop_t *loop, const struct pool_options *options);

/* Changes the number of connections, and of queries that may wait. It neither adds nor removes a lane, and
 * shrinking one ends no query. Returns 0, or UV_ENOMEM: some lane has fewer connections than asked for. */
int pool_reconfigure(struct pool *pool, const unsigned connections[LANES], unsigned queue_max);

/* Changes parameters and timeouts, copied as by pool_start(). If the session's settings change, or the login
 * (has_other_login), all connections are replaced, one by one: an old one closes once its batch has come back
 * and a new one is up in its place. If no new one can be made, the old ones stay. */
void pool_renew(struct pool *pool, const struct conn_options *options, bool has_other_login);

/* Ends every query with QUERY_LOST and closes everything. The loop must run until its handles are closed,
 * then pool_finish. */
void pool_stop(struct pool *pool);
void pool_finish(struct pool *pool);

/* Another server has become the primary (primary.h): closes connections to the former one, and connects to
 * the new one at once. */
void pool_follow_primary(struct pool *pool);

/* True while every lane has a usable connection; the control lane, and lanes left out, do not count. */
bool pool_is_available(const struct pool *pool);

/* The server answers, but the database was never migrated, or svcd lacks the rights to use it. */
bool pool_is_unready(const struct pool *pool);

/* For backpressure: how many more queries keep the lane's connections busy; beyond that they only wait
 * longer. May be negative. Queries apart do not count. INT_MAX: the lane has no such limit, or has no
 * connection and refuses every query. */
int pool_room(const struct pool *pool, enum lane lane);

/* Queues a query whose caller's members are set. Returns 0: on_done will be called, once, on a later turn.
 * UV_ENOTCONN: the database is away; UV_ENOBUFS: the queue is full; then on_done is not called. */
int pool_submit(struct pool *pool, struct query *query);

/* Withdraws a query. True: it had not been sent, and on_done will not be called. False: on_done will be
 * called, but the query is not sent again; once all queries of its batch are withdrawn, the batch is
 * cancelled. */
bool pool_withdraw(struct pool *pool, struct query *query);

/* ---- for the files of the pool only ---- */

/* pool.c: starts one more connection in the lane. NULL: out of memory. */
struct conn *pool_add_conn(struct pool *pool, enum lane number, uv_loop_t *loop);

/* pool_renew.c: takes the next step in replacing or retiring connections, if there is one. beside_leaving:
 * even while a connection is still leaving, because its statement may be stuck. */
void pool_renew_next(struct pool *pool, bool beside_leaving);
/* Sets from the options how long queries apart may wait. */
void pool_limit_waiting(struct pool *pool, enum lane number);

/* pool_send.c: sends waiting queries on free connections. */
void pool_send_all(struct pool *pool);
/* A probe has come back: decides when the next may go. */
void pool_probed(struct pool_lane *lane, const struct batch *batch, uint64_t now_ns);

/* pool_watch.c: whether slow or unwanted batches of this lane are cancelled. */
bool pool_watches(enum lane lane);
void pool_on_watch(uv_timer_t *watch);
/* How long the connection's batch has been under way; 0: it carries none. */
uint64_t pool_ran_ns(const struct conn *conn, uint64_t now_ns);
/* How long a batch of the lane may run while others wait for its connection. */
uint64_t pool_patience_ns(const struct pool_lane *lane, enum lane number);
/* Has the server cancel the connection's batch; even_committing: also while it commits. */
void pool_cancel(struct pool *pool, struct conn *conn, bool even_committing);

/* pool_look.c: asks the server, if that is due, what the batch of a busy connection does, and may cancel it.
 */
void pool_look(struct pool *pool, struct conn *conn, uint64_t now_ns);
/* A batch has come back: learns how long they take. */
void pool_learn_usual(struct pool_lane *lane, const struct batch *batch, uint64_t now_ns);
/* Whether any queries of the lane wait or run apart. */
bool pool_has_any_apart(const struct pool_lane *lane);

#endif
