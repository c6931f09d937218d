/* SPDX-License-Identifier: MIT
 *
 * A batch is what one connection sends up to a Sync of libpq's pipeline: executions of statements in order,
 * each for one query or, merged, for many. batch.c sends them, batch_results.c gives each query its part of
 * the results. Neither knows the socket or the state of the connection.
 */
#ifndef DB_BATCH_H
#define DB_BATCH_H

#include <libpq-fe.h>

#include "db/queue.h"

struct execution {
    const struct statement *statement;
    struct query_list queries;
    unsigned n;
    bool merged;
    unsigned rows_max;     /* the LIMIT of a merged execution of an SQL_MANY statement */
    struct result *result; /* in a transaction: kept until the commit */
};

/* What a command in the pipeline does: set lock_timeout, ask for the server's position, prepare, execute. */
struct step {
    enum { STEP_PATIENCE, STEP_STATE, STEP_PREPARE, STEP_EXECUTE } what;
    unsigned execution;
};

/* Values of patience_ms, beside milliseconds. */
#define PATIENCE_OF_LANE   (-1) /* the lock_timeout that the connection has anyway */
#define PATIENCE_UNLIMITED 0

struct batch {
    struct queue *queue;
    struct execution executions[BATCH_MAX];
    size_t n;
    struct step steps[2 * BATCH_MAX + 2];
    size_t steps_n;
    size_t current;   /* the step whose result comes next */
    bool transaction; /* writes: no query is answered before the commit */
    bool apart;       /* carries queries of one statement that run apart (queue.h) */
    bool is_probe;    /* carries one such query on a shared connection, to see whether it is still stuck */
    int patience_ms;  /* lock_timeout of its statements, or PATIENCE_... */
    uint64_t sent_ns; /* uv_hrtime() */
    uint64_t look_ns; /* run time after which the server is asked next what it does (pool_look.c) */
    bool cancelled;   /* pg_cancel_backend was called for it */
    bool was_false_alarm;      /* a query that was cancelled as slow before was quick now */
    bool aborted;              /* an execution failed, so the server skipped the later ones */
    bool has_culprit;          /* the failed execution is the cause: the others need not be retried alone */
    bool uncertain;            /* it is unknown whether it was committed */
    bool wants_new_conn;       /* out: the connection must be replaced */
    uint32_t after;            /* the lowest timeline in the queries' `after`; 0: none has one */
    struct server_state state; /* the server's position when the batch began */
    bool tells_position; /* writes: asks for the server's position after the commit, for their answers */
    bool is_committed; /* the server has confirmed the commit, and the answer about its position is to come */
    struct position position;
    bool is_elsewhere_too;   /* a standby: failed queries are not retried here but elsewhere */
    uint64_t limit_ns;       /* the server's statement_timeout; 0: none */
    struct query_list retry; /* out: to be sent again */
    struct query_list stuck; /* out: found stuck, to be sent again apart */
};

void batch_init(struct batch *batch, struct queue *queue, bool transaction);

/* Adds a query, and takes it out of its queue; merges it into an execution of the same statement where that
 * is possible. False: the batch is full, and nothing has changed. */
bool batch_add(struct batch *batch, struct query *query);

/* Gives the whole batch and its Sync to libpq; the connection flushes it. `prepared` tells which statements
 * the connection has prepared, two entries by statement's number (plain, merged); batch_result() updates it.
 * Returns 0, or UV_ENOMEM or UV_EIO: then the connection is unusable, and the batch keeps its queries. */
int batch_send(struct batch *batch, PGconn *pg, const bool *prepared);

/* Puts a statement's preparation into the pipeline. 0 or UV_EIO. */
int batch_prepare(PGconn *pg, const struct statement *statement, bool merged);

/* Takes over the current step's result. Outside a transaction it answers the step's queries at once. Returns
 * false if the result says that the server is closing the connection. */
bool batch_result(struct batch *batch, PGresult *pg_result, bool *prepared);

/* The current step has no more results. */
void batch_next(struct batch *batch);

/* Whether all results of a transaction have come, so that the server is committing it now. */
bool batch_is_committing(const struct batch *batch);

/* The number of its queries. */
unsigned batch_size(const struct batch *batch);

/* Whether the callers of all its queries have withdrawn them. */
bool batch_is_unwanted(const struct batch *batch);

/* Whether other queries may wait for the one that runs now: it has several, and is not apart. */
bool batch_has_company(const struct batch *batch);

/* Whether its query was found to hold others up, or shared an execution with one that did. */
bool batch_is_suspect(const struct batch *batch);

/* The server has answered a Sync. False: another one is to come. True: all queries are answered, except for
 * those in `retry` and `stuck`. */
bool batch_synced(struct batch *batch);

/* The connection broke: queries without an answer end with QUERY_LOST, except for reads that were sent for
 * the first time, which go to `retry`. */
void batch_lost(struct batch *batch);

/* For batch*.c only: the index in `prepared` of an execution's statement. */
size_t batch_place_of(const struct execution *execution);

#endif
